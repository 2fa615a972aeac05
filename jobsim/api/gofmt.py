"""What Go's standard library does to text and numbers, where the API shows it.

Kubernetes' controllers are Go programs: labels are parsed by ``strconv.Atoi``, counters are int32,
error texts are quoted by ``%q`` and event notes pass through ``fmt`` as format strings.
Source: Go strconv, fmt (``doPrintf`` without operands).
"""

from __future__ import annotations

import re

_INT64_MAX = 2**63 - 1
_ATOI = re.compile(r"[+-]?[0-9]+", re.ASCII)
_ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}
#: Flags, argument index, width and precision of a verb.  Without operands only stars and bad
#: indexes leave a trace, which ``sprintf`` adds.
_INDEX = r"(\[[^\]]*\]|\[)?"
_NUMBER = r"(\*|[0-9]*)"
_VERB = re.compile(rf"%[#0+\- ]*{_INDEX}{_NUMBER}(?:\.{_INDEX}{_NUMBER})?{_INDEX}(.?)", re.DOTALL)


def atoi(text: str) -> int | None:
    """Return the integer that a text denotes (``strconv.Atoi``), or None.

    Examples
    --------
    >>> atoi("+07"), atoi("1_0"), atoi("")
    (7, None, None)
    """
    if len(text) < 19 and text.isdigit() and text.isascii():
        return int(text)  # Nearly every label.
    # The length is tested first, so a text of a million digits costs nothing.
    if len(text) > 20 + text.count("0") or _ATOI.fullmatch(text) is None:
        return None
    sign = -1 if text[0] == "-" else 1
    digits = text.lstrip("+-").lstrip("0")
    if len(digits) > 19:
        return None
    value = sign * int(digits or "0")
    return value if -_INT64_MAX - 1 <= value <= _INT64_MAX else None


def atoi_error(text: str) -> str:
    """Return the text of the error that ``strconv.Atoi`` gives for what ``atoi`` refuses."""
    reason = "value out of range" if _ATOI.fullmatch(text) else "invalid syntax"
    return f"strconv.Atoi: parsing {quote(text)}: {reason}"


def int32(value: int) -> int:
    """Return a number cut to 32 bits, as Go's conversion and arithmetic do.

    Examples
    --------
    >>> int32(2**31)
    -2147483648
    """
    return (value + 0x80000000 & 0xFFFFFFFF) - 0x80000000


def quote(text: str) -> str:
    """Return a text in double quotes with Go's escapes (``%q``).

    Examples
    --------
    >>> print(quote('a"b'))
    "a\\"b"
    """
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    # Of a million characters few differ.
    return '"' + text.translate({ord(char): _escape(char) for char in sorted(set(text))}) + '"'


def _escape(char: str) -> str:
    """Return a character as it stands inside a quoted Go string."""
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    if 0xD800 <= code <= 0xDFFF:
        return "\ufffd"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def sprintf(text: str) -> str:
    """Return what ``fmt.Sprintf`` makes of a text when there are no operands.

    Examples
    --------
    >>> sprintf("disk 100% full")
    'disk 100%!f(MISSING)ull'
    """
    if "%" not in text:
        return text
    return _VERB.sub(_missing, text)


def _missing(match: re.Match[str]) -> str:
    """Return Go's complaint about one verb that has no operand."""
    index, width, precision_index, precision, late_index, verb = match.groups()
    stars = ("%!(BADWIDTH)" if width == "*" else "") + ("%!(BADPREC)" if precision == "*" else "")
    if not verb:
        return stars + "%!(NOVERB)"
    if verb == "%":
        return stars + "%"
    if index or precision_index or late_index:
        return f"{stars}%!{verb}(BADINDEX)"
    return f"{stars}%!{verb}(MISSING)"
