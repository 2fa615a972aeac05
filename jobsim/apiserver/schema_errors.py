"""Answers of the API server about documents and objects, in its words.

Source: apimachinery pkg/api/errors NewInvalid, util/errors Aggregate; Go encoding/json.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from jobsim.api.field import FieldError
from jobsim.api.gofmt import quote
from jobsim.api.kinds import KINDS
from jobsim.errors import ApiError

Path = tuple[str | int, ...]

_STEP = re.compile(r"\[([^\]]*)\]|([^.\[]+)")


def child(path: str, name: str) -> str:
    """Return the path of a field; the root's path is empty."""
    return f"{path}.{name}" if path else name


def parse_path(text: str) -> Path:
    """Return the steps of a printed path (``<nil>``: the object as a whole).

    A key of a map that has dots comes in pieces; who looks for a line finds the map's.

    Examples
    --------
    >>> parse_path("spec.containers[0].resources.limits[cpu]")
    ('spec', 'containers', 0, 'resources', 'limits', 'cpu')
    """
    if text == "<nil>":
        return ()
    steps = [bracketed or name for bracketed, name in _STEP.findall(text)]
    return tuple(int(step) if step.isdecimal() and len(step) < 9 else step for step in steps)


# --- values in messages ------------------------------------------------------------------------


def go_json(value: Any, *, sort: bool = True) -> str:
    """Return a value as Go's ``json.Marshal`` prints it: compact, ``<>&`` escaped, map keys sorted.

    Parameters
    ----------
    value : plain JSON data
    sort : bool
        False for a struct's data, whose keys are in Go's order already.
    """
    text = json.dumps(_go_numbers(value), ensure_ascii=False, separators=(",", ":"), sort_keys=sort)
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def _go_numbers(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _go_numbers(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_go_numbers(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return int(value)
    return value


def invalid_data(path: str, data: Any, detail: str, *, sort: bool = True) -> FieldError:
    """Return the error of a list or an object (plain data) that is not allowed, shown as Go's JSON."""
    shown = go_json(data, sort=sort)
    return FieldError(path=path, kind="Invalid value", detail=detail, value=shown, composite=True)


def number_text(value: float) -> str:
    """Return a number as Go writes it to JSON.

    Examples
    --------
    >>> number_text(1e20), number_text(1.5), number_text(2.0), number_text(1e21), number_text(1e-7)
    ('100000000000000000000', '1.5', '2', '1e+21', '1e-7')
    >>> number_text(2**63 - 1), number_text(2**63)
    ('9223372036854775807', '9223372036854776000')
    """
    if isinstance(value, int):
        # Beyond int64 Go keeps a float.  Python refuses to print more than 4300 digits.
        value = value if -(2**63) <= value < 2**63 else float(value) if value.bit_length() < 1000 else 1e300
    if isinstance(value, int):
        return str(value)
    if value.is_integer() and abs(value) < 1e21:
        return f"{Decimal(repr(value)):f}".removesuffix(".0")
    text = repr(value)
    mantissa, e, exponent = text.partition("e")
    if not e:
        return text
    if -6 <= int(exponent) < 0:
        digits = len(mantissa.replace(".", "").lstrip("-")) - 1 - int(exponent)
        return f"{value:.{digits}f}"
    return f"{mantissa.removesuffix('.0')}e{exponent[0]}{exponent[1:].lstrip('0')}"


# --- answers -----------------------------------------------------------------------------------


def group_kind(kind: str) -> str:
    """Return ``Job.batch`` for Job: the kind with its group."""
    info = KINDS.get(kind)
    return f"{kind}.{info.group}" if info and info.group else kind


def aggregate(texts: Iterable[str]) -> str:
    """Return several texts as one, as Go's aggregate error prints them: in brackets, repeats once."""
    unique = list(dict.fromkeys(texts))
    return unique[0] if len(unique) == 1 else f"[{', '.join(unique)}]"


def invalid_object(kind: str, name: str, errors: Sequence[FieldError], *, prefix: str = "") -> ApiError:
    """Return the 422 answer for an object with field errors (at least one).

    ``prefix`` is what a webhook's denial puts in front.
    """
    texts = [error.text for error in errors]
    message = f"{prefix}{group_kind(kind)} {quote(name)} is invalid: {aggregate(texts)}"
    return InvalidError(message, errors)


class InvalidError(ApiError):
    """A 422 answer that still has its field errors."""

    def __init__(self, message: str, errors: Sequence[FieldError]) -> None:
        super().__init__("Invalid", message, causes=[error.text for error in errors])
        self.fields = tuple(errors)


class DocumentError(ApiError):
    """A 400 answer about a document that does not decode; ``found`` has (path, text) of each complaint."""

    def __init__(
        self, message: str, found: Sequence[tuple[Path, str]], *, reason: str = "BadRequest"
    ) -> None:
        super().__init__(reason, message, causes=[text for _, text in found], code=400)
        self.found = tuple(found)


def problems(err: ApiError) -> list[tuple[Path, str]]:
    """Return the single complaints of an answer, each with the path it is about.

    Callers that know the lines of a file show them; an answer about the whole has the empty path.
    """
    if isinstance(err, InvalidError):
        return [(parse_path(error.path), error.text) for error in err.fields]
    if isinstance(err, DocumentError):
        return list(err.found)
    return [((), err.message)]


class ClientError(ApiError):
    """What kubectl itself refuses, before it sends anything."""

    def __init__(self, message: str) -> None:
        super().__init__("BadRequest", message)


def cannot_handle(kind: str, group_version: str, problem: str) -> str:
    """Return the words in front of a decoding error."""
    version = group_version.rpartition("/")[2]
    return f'{kind} in version "{version}" cannot be handled as a {kind}: {problem}'


def denied(webhook: str) -> str:
    """Return the words in front of a webhook's refusal."""
    return f'admission webhook "{webhook}" denied the request: '
