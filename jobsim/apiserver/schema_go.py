"""Decode JSON as Go does: its complaints about types, and what it writes back.

``decode`` returns the value as ``json.Marshal`` of the decoded Go struct would print it: unknown
fields gone, quantities canonical, fields without omitempty filled with their zero.  A type mismatch
is remembered and decoding goes on (the first one counts, as in Go); a type that decodes by code of its
own (Quantity, Time) stops at once.

Source: Go encoding/json decode.go, sigs.k8s.io/json; apimachinery pkg/api/resource, meta/v1 time.go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from jobsim.api import quantity
from jobsim.api.gofmt import quote
from jobsim.apiserver.schema_errors import Path, number_text
from jobsim.apiserver.schema_types import INT_BITS, Field, Type
from jobsim.units import parse_rfc3339


class GoError(ValueError):
    """A JSON value does not decode; the message is Go's, ``path`` is where (Go leaves list positions out)."""

    path: Path = ()


def decode(value: Any, type_: Type, *, ordered: bool = True) -> Any:
    """Return a JSON value as Go would print it after decoding it into a type.

    Parameters
    ----------
    value : plain JSON data
    type_ : Type
    ordered : bool
        Whether keys are met as the document has them; otherwise sorted, as when the document was
        written by Go (what webhooks are sent).

    Raises
    ------
    GoError
        With Go's message.
    """
    decoder = _Decoder(ordered=ordered)
    try:
        decoded = decoder.value(value, type_)
    except GoError as err:
        err.path = tuple(decoder.path)
        raise
    if decoder.saved is not None:
        raise decoder.saved
    return decoded


def what(value: Any) -> str:
    """Return Go's word for a kind of JSON value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "object" if isinstance(value, Mapping) else "array"


class _Decoder:
    def __init__(self, *, ordered: bool) -> None:
        self.ordered = ordered
        self.saved: GoError | None = None
        self.path: list[str | int] = []
        self._struct = ""
        self._by_kind: Mapping[str, Callable[[Any, Type], Any]] = {
            "struct": self._object,
            "list": self._array,
            "map": self._map,
            "string": self._string,
            "bool": self._bool,
            "int": self._int,
            "any": lambda value, _type: value,
            "bytes": self._string,
            "quantity": self._quantity,
            "int-or-string": self._int_or_string,
            "time": self._time,
        }

    def value(self, value: Any, type_: Type) -> Any:
        """Return a value decoded; null is the type's zero."""
        if value is None:
            return zero(type_)
        return self._by_kind[type_.kind](value, type_)

    def _mismatch(self, value: Any, type_: Type, found: str = "") -> Any:
        if self.saved is None:
            fields = ".".join(step for step in self.path if isinstance(step, str))
            place = f"Go struct field {self._struct}.{fields}" if self._struct else "Go value"
            self.saved = GoError(
                f"json: cannot unmarshal {found or what(value)} into {place} of type {type_.go}"
            )
            self.saved.path = tuple(self.path)
        return zero(type_)

    def _object(self, value: Any, type_: Type) -> Any:
        if not isinstance(value, Mapping):
            return self._mismatch(value, type_)
        given: dict[str, Any] = {}
        outer, self._struct = self._struct, type_.go.rpartition(".")[2]
        for key in value if self.ordered else sorted(value):
            field = type_.fields.get(key)
            if field is None:
                continue
            item = value[key]
            if item is None:
                continue
            self.path.append(key)
            given[key] = self.value(item, field.type)
            self.path.pop()
        self._struct = outer
        return marshalled(given, type_)

    def _array(self, value: Any, type_: Type) -> Any:
        if not isinstance(value, list | tuple):
            return self._mismatch(value, type_)
        assert type_.item is not None
        items = []
        for i, item in enumerate(value):
            self.path.append(i)
            items.append(self.value(item, type_.item))
            self.path.pop()
        return items

    def _map(self, value: Any, type_: Type) -> Any:
        if not isinstance(value, Mapping):
            return self._mismatch(value, type_)
        assert type_.item is not None
        keys = value if self.ordered else sorted(value)
        return {key: self.value(value[key], type_.item) for key in keys}

    def _string(self, value: Any, type_: Type) -> Any:
        return value if isinstance(value, str) else self._mismatch(value, type_)

    def _bool(self, value: Any, type_: Type) -> Any:
        return value if isinstance(value, bool) else self._mismatch(value, type_)

    def _int(self, value: Any, type_: Type) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return self._mismatch(value, type_)
        text = number_text(value)
        number = int(text) if text.lstrip("-").isdigit() else None
        bound = 1 << (INT_BITS.get(type_.go, 32) - 1)
        if number is None or not -bound <= number < bound:
            return self._mismatch(value, type_, f"number {text}")
        return number

    def _quantity(self, value: Any, _type: Type) -> Any:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise GoError(quantity.BAD_FORMAT)
        try:
            return quantity.canonical(value)
        except quantity.QuantityError as err:
            raise GoError(str(err)) from None

    def _int_or_string(self, value: Any, type_: Type) -> Any:
        if isinstance(value, str):
            return value
        text = number_text(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""
        if not text:
            raise GoError(f"json: cannot unmarshal {what(value)} into Go value of type int32")
        if not text.lstrip("-").isdigit() or not -(2**31) <= int(text) < 2**31:
            raise GoError(f"json: cannot unmarshal number {text} into Go value of type int32")
        return int(text)

    def _time(self, value: Any, _type: Type) -> Any:
        if not isinstance(value, str):
            raise GoError(f"json: cannot unmarshal {what(value)} into Go value of type string")
        problem = time_problem(value)
        if problem:
            raise GoError(problem)
        return value


def zero(type_: Type) -> Any:
    """Return the zero of a type as Go prints it."""
    if type_.kind == "struct":
        return marshalled({}, type_)
    zeros: Mapping[str, Any] = {"string": "", "bool": False, "int": 0, "quantity": "0", "int-or-string": 0}
    return zeros.get(type_.kind)


def marshalled(given: Mapping[str, Any], type_: Type) -> dict[str, Any]:
    """Return a struct as Go prints it, from the fields that were given (decoded)."""
    out: dict[str, Any] = {}
    for name, field in type_.fields.items():
        value = given[name] if name in given else (None if field.pointer else zero(field.type))
        if not _omitted(value, field, given):
            out[name] = value
    return out


def _omitted(value: Any, field: Field, given: Mapping[str, Any]) -> bool:
    """Tell whether Go leaves a field out."""
    if field.pointer or field.type.kind in ("time", "any"):
        return value is None and (field.omitempty or field.omitzero)
    if field.omitzero and field.name not in given:
        return True
    if not field.omitempty or field.type.kind in ("struct", "quantity", "int-or-string"):
        return False
    return not value


# --- time --------------------------------------------------------------------------------------

_LAYOUT = "2006-01-02T15:04:05Z07:00"
_STEPS = (
    (r"\d{4}", "2006"),
    ("-", "-"),
    (r"\d\d", "01"),
    ("-", "-"),
    (r"\d\d", "02"),
    ("T", "T"),
    (r"\d{1,2}", "15"),
    (":", ":"),
    (r"\d\d", "04"),
    (":", ":"),
    (r"\d\d(?:\.\d+)?", "05"),
    (r"Z|[+-]\d\d:\d\d", "Z07:00"),
)


def time_problem(text: str) -> str:
    """Return Go's complaint about a text that should be an RFC 3339 time, or nothing."""
    pos = 0
    for pattern, word in _STEPS:
        match = re.compile(pattern, re.ASCII).match(text, pos)
        if match is None:
            rest = quote(text[pos:])
            return f"parsing time {quote(text)} as {quote(_LAYOUT)}: cannot parse {rest} as {quote(word)}"
        pos = match.end()
    if pos < len(text):
        return f"parsing time {quote(text)}: extra text: {quote(text[pos:])}"
    try:
        parse_rfc3339(text)
    except ValueError:
        return f"parsing time {quote(text)}: day out of range"
    return ""
