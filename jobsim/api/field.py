"""Field errors: what is wrong with one field of an object, in the API server's words.

Source: apimachinery pkg/util/validation/field/errors.go 0.36.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from jobsim.api import codec
from jobsim.api._struct import Json, Struct
from jobsim.api.gofmt import quote

Scalar = bool | int | float | str | None
#: What may be shown as a bad value; a struct or a list is shown as JSON.
BadValue = Scalar | Struct | Sequence[Struct] | Json


_REASONS = {
    "Required value": "FieldValueRequired",
    "Duplicate value": "FieldValueDuplicate",
    "Invalid value": "FieldValueInvalid",
    "Unsupported value": "FieldValueNotSupported",
    "Not found": "FieldValueNotFound",
    "Forbidden": "FieldValueForbidden",
    "Too long": "FieldValueTooLong",
    "Too many": "FieldValueTooMany",
    "Internal error": "InternalError",
}


class FieldError(Struct):
    """One error: where, of which kind, the bad value (if its kind shows one), why.

    Parameters
    ----------
    path : str
        ``<nil>`` for an error of the whole object.
    kind : str
        The start of its text: ``Invalid value``, ``Required value``, ``Forbidden``, ...
    detail : str
    value : str or None
        The bad value as printed; None: not printed.
    composite : bool
        Whether the value is a list or an object (long, and of no fixed form).
    """

    path: str
    kind: str
    detail: str = ""
    value: str | None = None
    composite: bool = False
    mismatch: bool = False

    @property
    def body(self) -> str:
        """The text without the path."""
        return self.text[len(self.path) + 2 :]

    @property
    def reason(self) -> str:
        """The machine-readable kind (metav1.CauseType)."""
        return "FieldValueTypeInvalid" if self.mismatch else _REASONS[self.kind]

    @property
    def text(self) -> str:
        """The whole text."""
        return self._text(self.value)

    @property
    def short_text(self) -> str:
        """The text with a list or an object as bad value cut to ``…``."""
        return self._text("…" if self.composite else self.value)

    def _text(self, value: str | None) -> str:
        head = f"{self.path}: {self.kind}"
        if value is not None:
            head += f": {value}"
        return f"{head}: {self.detail}" if self.detail else head


def invalid(path: str, value: BadValue, detail: str) -> FieldError:
    """Return the error of a value that is not allowed."""
    composite = not isinstance(value, Scalar)
    return FieldError(
        path=path, kind="Invalid value", detail=detail, value=_shown(value), composite=composite
    )


def invalid_omitted(path: str, detail: str) -> FieldError:
    """Return the error of a value that is not allowed and not shown."""
    return FieldError(path=path, kind="Invalid value", detail=detail)


def type_invalid(path: str, value: BadValue, detail: str) -> FieldError:
    """Return the error of a value of another type than the field's."""
    return FieldError(path=path, kind="Invalid value", detail=detail, value=_shown(value), mismatch=True)


def not_found(path: str, value: BadValue) -> FieldError:
    """Return the error of a name that is not among those it refers to."""
    return FieldError(path=path, kind="Not found", value=_shown(value))


def too_many(path: str, count: int, limit: int) -> FieldError:
    """Return the error of a list of more items than its limit."""
    detail = f"must have at most {limit} item{'' if limit == 1 else 's'}"
    return FieldError(path=path, kind="Too many", detail=detail, value=str(count))


def required(path: str, detail: str = "") -> FieldError:
    """Return the error of a field that must be set."""
    return FieldError(path=path, kind="Required value", detail=detail)


def forbidden(path: str, detail: str) -> FieldError:
    """Return the error of a change or field that is not permitted."""
    return FieldError(path=path, kind="Forbidden", detail=detail)


def duplicate(path: str, value: BadValue) -> FieldError:
    """Return the error of a value that is there twice."""
    composite = not isinstance(value, Scalar)
    return FieldError(path=path, kind="Duplicate value", value=_shown(value), composite=composite)


def not_supported(path: str, value: BadValue, allowed: Sequence[str]) -> FieldError:
    """Return the error of a value outside a closed set (named in the order given)."""
    words = ", ".join(quote(word) for word in allowed)
    detail = f"supported values: {words}" if allowed else ""
    return FieldError(path=path, kind="Unsupported value", detail=detail, value=_shown(value))


def too_long(path: str, limit: int) -> FieldError:
    """Return the error of a text of more bytes than its limit (the text itself is not shown)."""
    detail = f"may not be more than {limit} byte{'' if limit == 1 else 's'}"
    return FieldError(path=path, kind="Too long", detail=detail)


def internal(detail: str, path: str = "<nil>") -> FieldError:
    """Return an error that is not about one field."""
    return FieldError(path=path, kind="Internal error", detail=detail)


def _shown(value: BadValue) -> str:
    """Return a bad value as the API server prints it."""
    if isinstance(value, str):
        return quote(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    try:
        return codec.encode(value).decode()
    except UnicodeEncodeError:  # A lone surrogate, which no request brings in.
        return json.dumps(codec.to_data(value), separators=(",", ":"))
