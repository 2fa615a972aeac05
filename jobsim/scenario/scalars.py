"""Scalars as kubectl reads them: go-yaml's YAML 1.1 rules, then the way through JSON.

kubectl turns YAML into JSON before it looks at it, so ``y`` is true, ``0644`` is 420, ``1e3`` is
1000, a date stays text and a map key that is a number becomes text.  Source: go-yaml v2
``resolve.go`` and sigs.k8s.io/yaml ``yaml.go`` (convertToJSONableObject); checked against kubectl.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
import struct
from collections.abc import Mapping
from decimal import Decimal

Scalar = None | bool | int | float | str

_TAG = "tag:yaml.org,2002:"
_WORDS: Mapping[str, Scalar] = {
    word: value
    for value, words in (
        (True, "y Y yes Yes YES true True TRUE on On ON"),
        (False, "n N no No NO false False FALSE off Off OFF"),
        (None, "~ null Null NULL"),
        (math.nan, ".nan .NaN .NAN"),
        (math.inf, ".inf .Inf .INF +.inf +.Inf +.INF"),
        (-math.inf, "-.inf -.Inf -.INF"),
    )
    for word in words.split()
} | {"": None}
_NUMERIC = frozenset("+-0123456789.")
_INT = re.compile(r"[+-]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|[1-9][0-9]*|0)")
_FLOAT = re.compile(r"[+-]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][+-]?[0-9]+)?")
_TIMESTAMP = re.compile(r"\d{4}-\d\d?-\d\d?($|[Tt ]\d)")
_BETWEEN_DIGITS = re.compile("(?<=[0-9])_(?=[0-9])")
_BASES = {"0x": 16, "0b": 2, "0o": 8}
_KINDS = {bool: "bool", int: "int", float: "float", str: "str"}
_MAX_INT64 = 2**63


class ScalarError(ValueError):
    """A scalar that go-yaml refuses; the text is go-yaml's."""


def resolve(tag: str | None, text: str) -> Scalar:
    """Return the value of a scalar; ``whole`` then makes of it what JSON makes of it.

    Parameters
    ----------
    tag : str or None
        None for a plain scalar without a tag; a tag otherwise (``"!"`` counts as a string).
    text : str
        The scalar as the parser gives it, without quotes.

    Raises
    ------
    ScalarError
        When an explicit tag does not fit the text.

    Examples
    --------
    >>> [resolve(None, text) for text in ("y", "0644", "1e3", "12:30:45")]
    [True, 420, 1000.0, '12:30:45']
    """
    if tag is None:
        return _plain(text)
    short = tag.removeprefix(_TAG) if tag.startswith(_TAG) else tag
    if short == "binary":
        try:
            return base64.b64decode(text, validate=True).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            raise ScalarError("yaml: !!binary value contains invalid base64 data") from None
    if short == "timestamp" and not _TIMESTAMP.match(text):
        raise ScalarError(f"yaml: cannot decode !!str `{text}` as a !!timestamp")
    if short not in ("bool", "int", "float", "null"):
        return text
    value = _plain(text)
    kind = "null" if value is None else _KINDS[type(value)]
    if kind == short:
        return value
    if kind == "int" and short == "float":
        return float(value or 0)
    raise ScalarError(f"yaml: cannot decode !!{kind} `{text}` as a !!{short}")


def _plain(text: str) -> Scalar:
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMERIC:
        return text
    digits = _BETWEEN_DIGITS.sub("", text) if text[0] == "." else text.replace("_", "")
    if _INT.fullmatch(digits):
        number = _int(digits)
        if number is not None:
            return number
    if _FLOAT.fullmatch(digits) and not math.isinf(value := float(digits)):
        return value
    return text


def _int(digits: str) -> int | None:
    """Return an integer of Go's base-0 syntax; one beyond 64 bits is no integer in Go either."""
    sign, body = (-1, digits[1:]) if digits[0] == "-" else (1, digits.removeprefix("+"))
    if len(body) > 66:
        return None
    base = _BASES.get(body[:2].lower(), 8 if len(body) > 1 and body[0] == "0" else 10)
    number = sign * int(body[2:] if body[:2].lower() in _BASES else body, base)
    return number if -_MAX_INT64 <= number < 2 * _MAX_INT64 else None


def whole(number: float) -> int | float:
    """Return a number as it is read back from its JSON text: 1000.0 is 1000, 2^63 is a float."""
    if isinstance(number, int):
        return number if -_MAX_INT64 <= number < _MAX_INT64 else float(number)
    if number.is_integer() and abs(number) < _MAX_INT64:
        return int(Decimal(repr(number)))
    return number


def key_text(value: Scalar) -> str | None:
    """Return a map key as JSON text key, or None where kubectl refuses it (null)."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return None if value is None else _short_float(value)


def _short_float(value: float) -> str:
    """Return Go's ``FormatFloat(value, 'g', -1, 32)``, with YAML's words for what is not finite."""
    if math.isnan(value):
        return ".nan"
    try:
        packed = struct.pack("f", value)
    except OverflowError:
        packed = struct.pack("f", math.copysign(math.inf, value))
    short = struct.unpack("f", packed)[0]
    if math.isinf(short):
        return ".inf" if short > 0 else "-.inf"
    shortest = (f"{short:.{digits}e}" for digits in range(9))
    text = next(text for text in shortest if struct.pack("f", float(text)) == packed)
    mantissa, _, exponent = text.partition("e")
    if -4 <= int(exponent) < 6:
        return f"{Decimal(text):f}"
    return f"{mantissa}e{int(exponent):+03d}"


def go_syntax(value: object) -> str:
    """Return a value as Go's ``%#v`` prints decoded YAML, for error texts."""
    if value is None:
        return "interface {}(nil)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        pairs = (f"{go_syntax(k)}:{go_syntax(v)}" for k, v in sorted(value.items()))
        return f"map[interface {{}}]interface {{}}{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[]interface {{}}{{{', '.join(go_syntax(v) for v in value)}}}"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)
