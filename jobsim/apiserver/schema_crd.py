"""What a CRD's structural schema does with a custom resource: nulls, defaults, checks, rules.

Go walks maps in random order; here fields come sorted by name, which is one of its orders.  On an
update, complaints about values that did not change are dropped (ratcheting).

Source: apiextensions-apiserver schema/defaulting, schema/listtype, schema/cel; kube-openapi
pkg/validation/validate.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jobsim.api.field import (
    FieldError,
    duplicate,
    invalid,
    invalid_omitted,
    not_supported,
    required,
    too_long,
    too_many,
    type_invalid,
)
from jobsim.apiserver.schema_errors import child, go_json
from jobsim.apiserver.schema_go import time_problem
from jobsim.apiserver.schema_types import INT_BITS, CelError, Field, Rule, Type

ABSENT: Any = object()
_NUMBER = r"(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
QUANTITY_PATTERN = rf"^{_NUMBER}(([KMGTPE]i)|[numkMGTPE]|([eE]{_NUMBER}))?$"
_QUANTITY = re.compile(QUANTITY_PATTERN.removesuffix("$"), re.ASCII)
_SCHEMA_TYPES: Mapping[str, str] = {
    "struct": "object",
    "map": "object",
    "list": "array",
    "string": "string",
    "bytes": "string",
    "time": "string",
    "bool": "boolean",
    "int": "integer",
    "quantity": "integer,string",
    "int-or-string": "integer,string",
}
#: Floats below it are taken as integers (go-openapi swag IsFloat64AJSONInteger).
_WHOLE_MAX = 2**53
#: Errors after which no rule is evaluated.
_BLOCKING = frozenset(
    {
        "FieldValueNotSupported",
        "FieldValueRequired",
        "FieldValueTooLong",
        "FieldValueTooMany",
        "FieldValueTypeInvalid",
    }
)
_UNCHECKED = (
    "some validation rules were not checked because the object was invalid; correct the existing errors "
    "to complete validation"
)


# --- nulls and defaults ------------------------------------------------------------------------


def without_nulls(value: Any, type_: Type | None) -> Any:
    """Return a value without null fields, except where a default will replace them."""
    if isinstance(value, Mapping) and type_ is not None:
        fields = type_.crd_fields
        return {
            key: without_nulls(item, type_.item if type_.kind == "map" else _type_of(fields.get(key)))
            for key, item in value.items()
            if item is not None or (key in fields and fields[key].default is not None)
        }
    if isinstance(value, list) and type_ is not None and type_.kind == "list":
        return [without_nulls(item, type_.item) for item in value]
    return value


def _type_of(field: Field | None) -> Type | None:
    return field.type if field is not None else None


def defaulted(value: Any, type_: Type) -> Any:
    """Return a value with the schema's defaults filled in."""
    if isinstance(value, Mapping):
        if type_.kind == "map":
            assert type_.item is not None
            return {key: defaulted(item, type_.item) for key, item in value.items()}
        out = dict(value)
        for name, field in type_.crd_fields.items():
            if field.default is not None and out.get(name) is None:
                out[name] = field.default
        return {
            key: defaulted(item, type_.crd_fields[key].type) if key in type_.crd_fields else item
            for key, item in out.items()
        }
    if isinstance(value, list) and type_.kind == "list" and type_.item is not None:
        return [defaulted(item, type_.item) for item in value]
    return value


# --- checks ------------------------------------------------------------------------------------


def check(value: Mapping[str, Any], type_: Type, old: Any = ABSENT) -> list[FieldError]:
    """Return what the schema, its list maps and its rules complain about (metadata is not looked at).

    Parameters
    ----------
    value : mapping
        The whole resource, defaulted.
    type_ : Type
    old : mapping, optional
        The resource that an update replaces.
    """
    errors: list[FieldError] = []
    _value(value, type_, "", errors, old)
    unique: list[FieldError] = []
    _list_maps(value, type_, "", unique)
    if old is not ABSENT and unique:
        before: list[FieldError] = []
        _list_maps(old, type_, "", before)
        unique = [] if before else unique
    return errors + unique


def check_rules(
    value: Mapping[str, Any], type_: Type, earlier: list[FieldError], old: Any = ABSENT
) -> list[FieldError]:
    """Return what the CEL rules complain about, or that earlier errors kept them from being evaluated."""
    if any(error.reason in _BLOCKING for error in earlier):
        return [invalid("<nil>", None, _UNCHECKED)]
    errors: list[FieldError] = []
    _rules(value, type_, "", errors, old)
    return errors


def _value(
    value: Any, type_: Type, path: str, errors: list[FieldError], old: Any, field: Field | None = None
) -> None:
    # The texts differ where Python finds 1 and True equal.
    if old is not ABSENT and old == value and repr(old) == repr(value):
        return
    _check_type(value, type_, path, errors)
    if field is not None and field.spec:
        _check_spec(value, field.spec, path, errors)
    if isinstance(value, Mapping):
        if type_.kind == "struct":
            _check_struct(value, type_, path, errors, old)
        elif type_.kind == "map":
            assert type_.item is not None
            for key in sorted(value):
                _value(value[key], type_.item, child(path, key), errors, _old_item(old, key))
    elif isinstance(value, list) and type_.kind == "list":
        assert type_.item is not None
        for i, item in enumerate(value):
            _value(item, type_.item, f"{path}[{i}]", errors, _old_element(old, item, field))


def _check_struct(
    value: Mapping[str, Any], type_: Type, path: str, errors: list[FieldError], old: Any
) -> None:
    for key in sorted(value):
        field = type_.crd_fields.get(key)
        if field is not None and (path or key != "metadata"):
            _value(value[key], field.type, child(path, key), errors, _old_item(old, key), field)
    for name in sorted(type_.crd_fields):
        if type_.crd_fields[name].required and name not in value:
            errors.append(required(child(path, name)))


def _old_item(old: Any, key: str) -> Any:
    return old.get(key, ABSENT) if isinstance(old, Mapping) else ABSENT


def _old_element(old: Any, item: Any, field: Field | None) -> Any:
    """Return the old item of a list map that has the same keys as a new one."""
    if not isinstance(old, list) or field is None or not field.keys or not isinstance(item, Mapping):
        return ABSENT
    wanted = [item.get(key) for key in field.keys]
    for other in old:
        if isinstance(other, Mapping) and [other.get(key) for key in field.keys] == wanted:
            return other
    return ABSENT


def _check_type(value: Any, type_: Type, path: str, errors: list[FieldError]) -> None:
    wanted = _SCHEMA_TYPES.get(type_.kind)
    if wanted is None:
        return
    found, number_format = _schema_info(value)
    whole = isinstance(value, float) and value.is_integer() and abs(value) < _WHOLE_MAX
    fits = found in wanted.split(",") or (whole and "integer" in wanted)
    format_ = type_.go if type_.kind == "int" and type_.go != "int" else ""
    if not fits and format_ and found not in ("string", "array", "null"):
        text = f'{path} in body must be of type {format_}: "{number_format}"'
        errors.append(type_invalid(path, number_format, text))
    elif not fits:
        errors.append(type_invalid(path, found, f'{path} in body must be of type {wanted}: "{found}"'))
        if "," in wanted:
            _check_any_of(value, type_, path, errors)
    if isinstance(value, int | float) and not isinstance(value, bool) and type_.kind == "int":
        _check_range(value, type_, path, errors)
    if isinstance(value, str):
        _check_text(value, type_, path, errors)


def _check_any_of(value: Any, type_: Type, path: str, errors: list[FieldError]) -> None:
    """Add what is said about a value that is neither a number nor a text: the first of both is told."""
    found, _ = _schema_info(value)
    errors.append(invalid("<nil>", "", f'"{path}" must validate at least one schema (anyOf)'))
    errors.append(type_invalid(path, found, f'{path} in body must be of type integer: "{found}"'))
    if found == "number":
        _check_range(value, type_, path, errors)


def _schema_info(value: Any) -> tuple[str, str]:
    """Return the schema's word for a value, and the format of a number."""
    if value is None:
        return "null", ""
    if isinstance(value, bool):
        return "boolean", ""
    if isinstance(value, int):
        return ("integer", "int64") if -(2**63) <= value < 2**63 else ("number", "float64")
    if isinstance(value, float):
        return "number", "float64"
    if isinstance(value, str):
        return "string", ""
    return ("object", "") if isinstance(value, Mapping) else ("array", "")


def _check_range(value: float, type_: Type, path: str, errors: list[FieldError]) -> None:
    bound = 1 << (INT_BITS.get(type_.go, 64) - 1)
    if (isinstance(value, int) or value.is_integer()) and -bound <= value < bound:
        return
    plain = type_.kind != "int" or type_.go == "int"
    how = "(default format)" if plain else f"with format {type_.go}"
    text = f"Checked value must be of type integer {how} in {path}"
    errors.append(invalid("<nil>", "", text))


def _check_text(value: str, type_: Type, path: str, errors: list[FieldError]) -> None:
    if type_.kind == "quantity" and _QUANTITY.fullmatch(value) is None:
        text = f"{path} in body should match '{QUANTITY_PATTERN}'"
        errors.append(invalid(path, value, text))
    elif type_.kind == "time" and time_problem(value):
        text = f'{path} in body must be of type date-time: "{value}"'
        errors.append(type_invalid(path, value, text))


def _check_spec(value: Any, spec: Mapping[str, Any], path: str, errors: list[FieldError]) -> None:
    if "minimum" in spec and isinstance(value, int | float) and value < spec["minimum"]:
        text = f"{path} in body should be greater than or equal to {spec['minimum']}"
        errors.append(invalid(path, value, text))
    if "maxItems" in spec and isinstance(value, list) and len(value) > spec["maxItems"]:
        errors.append(too_many(path, len(value), spec["maxItems"]))
    if "enum" in spec and value not in spec["enum"]:
        errors.append(not_supported(path, value, spec["enum"]))
    if "maxLength" in spec and isinstance(value, str) and len(value) > spec["maxLength"]:
        errors.append(too_long(path, spec["maxLength"]))
    if "pattern" in spec and isinstance(value, str) and not _matches(spec["pattern"], value):
        errors.append(invalid(path, value, f"{path} in body should match '{spec['pattern']}'"))


def _matches(pattern: str, value: str) -> bool:
    """Tell whether a text is what an anchored pattern says; Go's ``$`` is the very end."""
    return re.fullmatch(pattern.removeprefix("^").removesuffix("$"), value) is not None


# --- list maps ---------------------------------------------------------------------------------


def _list_maps(
    value: Any, type_: Type, path: str, errors: list[FieldError], field: Field | None = None
) -> None:
    if isinstance(value, Mapping):
        for key in sorted(value):
            sub = type_.crd_fields.get(key)
            if type_.kind == "map" and type_.item is not None:
                _list_maps(value[key], type_.item, f"{path}[{key}]", errors)
            elif sub is not None:
                _list_maps(value[key], sub.type, child(path, key), errors, sub)
    elif isinstance(value, list) and type_.kind == "list" and type_.item is not None:
        if field is not None and field.keys:
            if not _map_keys_unique(value, field.keys, path, errors):
                return
        elif field is not None and field.unique:
            _unique(value, value, path, errors)
        for i, item in enumerate(value):
            _list_maps(item, type_.item, f"{path}[{i}]", errors)


def _map_keys_unique(value: list[Any], keys: tuple[str, ...], path: str, errors: list[FieldError]) -> bool:
    for i, item in enumerate(value):
        if item is not None and not isinstance(item, Mapping):
            errors.append(invalid(f"{path}[{i}]", item, "must be an object for an array of list-type map"))
            return False
    _unique([{k: item[k] for k in keys if item and k in item} for item in value], value, path, errors)
    return True


def _unique(keys: list[Any], _value: list[Any], path: str, errors: list[FieldError]) -> None:
    """Complain once about each key that occurs again, at its second place."""
    seen: dict[str, int] = {}
    for i, key in enumerate(keys):
        text = go_json(key)
        seen[text] = seen.get(text, 0) + 1
        if seen[text] == 2:
            errors.append(duplicate(f"{path}[{i}]", key))


# --- rules -------------------------------------------------------------------------------------


def _rules(
    value: Any, type_: Type, path: str, errors: list[FieldError], old: Any, field: Field | None = None
) -> None:
    if value is None:
        return
    if field is not None and "value" in field.rules:
        _evaluate(field.rules["value"], value, old, type_, path, errors)
    if isinstance(value, Mapping):
        for key in sorted(value):
            sub = type_.crd_fields.get(key)
            if sub is not None:
                _rules(value[key], sub.type, child(path, key), errors, _old_item(old, key), sub)
    elif isinstance(value, list) and type_.kind == "list" and type_.item is not None:
        for i, item in enumerate(value):
            before = _old_element(old, item, field)
            if field is not None and "item" in field.rules:
                _evaluate(field.rules["item"], item, before, type_.item, f"{path}[{i}]", errors)
            _rules(item, type_.item, f"{path}[{i}]", errors, before)


def _evaluate(rule: Rule, value: Any, old: Any, type_: Type, path: str, errors: list[FieldError]) -> None:
    if rule.transition and old is ABSENT:
        return
    try:
        message = rule.check(value, old)
    except CelError as err:
        errors.append(invalid(path, _SCHEMA_TYPES[type_.kind], str(err)))
        return
    if message is not None and (old is ABSENT or old != value):
        errors.append(invalid_omitted(path, message))
