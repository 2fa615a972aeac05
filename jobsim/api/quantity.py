"""Resource quantities, exactly: integers of nano-units.

A quantity is a decimal number with a suffix: decimal SI (``n u m k M G T P E``), binary SI (``Ki`` ...
``Ei``) or an exponent (``1e3``).  Nothing finer than a nano exists, what is finer is rounded away
from zero; amounts are capped at 2^63 - 1 units, so no text can make a number of unbounded size.

Source: apimachinery pkg/api/resource quantity.go, suffix.go.
Differs: upstream caps only binary amounts at parse time and decimal ones when they are read.
"""

from __future__ import annotations

import re
from functools import lru_cache

from jobsim.api._struct import Quantity

NANO = 10**9
MILLI = 10**6
MAX = 2**63 - 1
_MAX_NANO = MAX * NANO

#: Beyond this many digits of exponent the cap or the smallest amount is certain.
_EXPONENT_CERTAIN = 64

#: Texts of at most this many characters are read once: a fleet has few different amounts.
_SHORT = 32
_REMEMBERED = 4096

_SHAPE = re.compile(r"([+-]?)([0-9]*+)(?:\.([0-9]*+))?([eEinumkKMGTP]*+[-+]?[0-9]*+)", re.ASCII)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL_SUFFIX = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_EXPONENT = re.compile(r"[eE]([+-]?[0-9]+)", re.ASCII)


class QuantityError(ValueError):
    """A text is no quantity; the message is the API server's."""


BAD_FORMAT = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
BAD_SUFFIX = "unable to parse quantity's suffix"


def parse(quantity: Quantity) -> int:
    """Return a quantity in nano-units.

    Parameters
    ----------
    quantity : str, int or float
        As written in a manifest (a number is read as its JSON text).

    Raises
    ------
    QuantityError
        With the API server's words.

    Examples
    --------
    >>> parse("500m"), parse("1Ki") // NANO, parse(".5n"), parse("9Ei") == MAX * NANO
    (500000000, 1024, 1, True)
    """
    if type(quantity) is int and -MAX <= quantity <= MAX:
        return quantity * NANO
    if type(quantity) is str and len(quantity) <= _SHORT:
        return _parse_short(quantity)
    return _parse(quantity)


def _parse(quantity: Quantity) -> int:
    sign, digits, fraction, suffix = _split(quantity)
    magnitude = int(digits + fraction)
    if not magnitude:
        return 0
    if suffix in _BINARY:
        exponent, factor = -len(fraction), 1 << _BINARY[suffix]
    else:
        exponent, factor = _exponent(suffix) - len(fraction), 1
    return sign * min(_scaled(magnitude * factor, exponent + 9), _MAX_NANO)


_parse_short = lru_cache(maxsize=_REMEMBERED)(_parse)


def value(quantity: Quantity) -> int:
    """Return a quantity in whole units, rounded away from zero.

    Examples
    --------
    >>> value("1500m"), value("-1500m"), value("2Gi")
    (2, -2, 2147483648)
    """
    return _away(parse(quantity), NANO)


def milli(quantity: Quantity) -> int:
    """Return a quantity in thousandths, rounded away from zero, capped at 2^63 - 1.

    Examples
    --------
    >>> milli("0.1"), milli("100u")
    (100, 1)
    """
    return max(-MAX, min(_away(parse(quantity), MILLI), MAX))


def canonical(quantity: Quantity) -> str:
    """Return a quantity as the API server stores it: no fraction, the largest suffix that fits.

    A text of at most 18 digits that could not get shorter keeps its spelling (``1E3``, ``+5``); a
    decimal amount of 10^21 or more loses its tens, both as upstream.

    Examples
    --------
    >>> [canonical(q) for q in ("1024Mi", ".5", "0.5Ki", "1500", "1e4", "100000000", "9Ei")]
    ['1Gi', '500m', '512', '1500', '10e3', '100M', '9223372036854775807']
    """
    text = str(quantity) if type(quantity) is int else quantity
    if type(text) is str and len(text) <= _SHORT:
        return _canonical_short(text)
    return _canonical(quantity)


def _canonical(quantity: Quantity) -> str:
    sign, digits, fraction, suffix = _split(quantity)
    magnitude = int(digits + fraction)
    if not magnitude:
        return "0"
    if suffix in _BINARY:
        if _binary_kept(digits, fraction, suffix):
            return _text(quantity)
        nano = parse(quantity)
        if abs(nano) >= 1024 * NANO and nano % NANO == 0:
            return _binary(nano // NANO)
        return _decimal(nano, -9, exponent_form=False)
    exponent = _exponent(suffix) - len(fraction)
    if _decimal_kept(digits, fraction, exponent) or abs(exponent) > _EXPONENT_CERTAIN:
        return _text(quantity)
    if exponent < -9:
        magnitude, exponent = _scaled(magnitude, exponent + 9), -9
    return _decimal(sign * magnitude, exponent, exponent_form=suffix not in _DECIMAL)


_canonical_short = lru_cache(maxsize=_REMEMBERED)(_canonical)


def format_milli(thousandths: int) -> str:
    """Return thousandths as canonical text.

    Examples
    --------
    >>> format_milli(1500), format_milli(2000)
    ('1500m', '2')
    """
    return canonical(f"{thousandths}m")


def format_like(nano: int, like: Quantity) -> str:
    """Return an amount as canonical text, binary if another one is.

    Examples
    --------
    >>> format_like(3 * 2**30 * NANO, "1Mi"), format_like(250 * MILLI, "1")
    ('3Gi', '250m')
    """
    if nano % NANO == 0 and str(like).endswith("i"):
        return _binary(nano // NANO)
    return format_milli(-(-nano // MILLI))


def _text(quantity: Quantity) -> str:
    """Return the text of a quantity as JSON has it."""
    if isinstance(quantity, bool):
        raise QuantityError(BAD_FORMAT)
    if isinstance(quantity, float):
        text = repr(quantity)
        if "e+" in text and abs(quantity) < 1e21:
            return str(int(quantity))
        return text.replace("e-0", "e-")
    return str(quantity)


def _split(quantity: Quantity) -> tuple[int, str, str, str]:
    """Return sign, digits before and after the point, and the suffix."""
    match = _SHAPE.fullmatch(_text(quantity))
    if match is None or not match.group():
        raise QuantityError(BAD_FORMAT)
    sign, digits, fraction, suffix = match.groups()
    if suffix not in _BINARY and suffix not in _DECIMAL and _EXPONENT.fullmatch(suffix) is None:
        raise QuantityError(BAD_SUFFIX)
    # Leading zeros say nothing; Python refuses to read more than 4300 digits, far above the cap.
    digits, fraction = digits.lstrip("0"), fraction or ""
    if len(digits) + len(fraction) > 1000:
        digits, fraction = _shortened(digits, fraction)
    return (-1 if sign == "-" else 1), digits or "0", fraction, suffix


def _decimal_kept(digits: str, fraction: str, exponent: int) -> bool:
    """Tell whether upstream keeps the spelling of a decimal amount (it looks canonical)."""
    text = digits + fraction
    fast = len(text) <= 18 and exponent >= -9
    return fast and exponent % 3 == 0 and text[0] != "0" and not text.endswith("000")


def _binary_kept(digits: str, fraction: str, suffix: str) -> bool:
    """Tell whether upstream keeps the spelling of a binary amount."""
    fast = not fraction and 14 - len(digits) - _BINARY[suffix] * 3 // 10 >= 0
    return fast and int(digits) % 8 != 0


def _shortened(digits: str, fraction: str) -> tuple[str, str]:
    """Cut a number of more digits than matter, keeping its size class and that it was not exact."""
    if len(digits) > 500:
        return "9" * 500, ""
    tail = "1" if fraction[100:].strip("0") else ""
    return digits, fraction[:100] + tail


def _exponent(suffix: str) -> int:
    """Return the power of ten that a decimal suffix or exponent stands for, bounded."""
    if suffix in _DECIMAL:
        return _DECIMAL[suffix]
    digits = suffix[1:].lstrip("+-").lstrip("0")
    size = int(digits or "0") if len(digits) < 6 else 10**5
    return -size if suffix[1] == "-" else size


def _scaled(magnitude: int, exponent: int) -> int:
    """Return ``magnitude * 10^exponent``, rounded up; at most a bit above the cap."""
    if exponent > _EXPONENT_CERTAIN:
        return _MAX_NANO
    if exponent >= 0:
        return magnitude * int(10**exponent)
    if -exponent > 2000:
        return 1
    return -(-magnitude // int(10**-exponent))


def _away(amount: int, unit: int) -> int:
    """Divide, rounding away from zero."""
    return -(-amount // unit) if amount >= 0 else amount // unit


def _binary(units: int) -> str:
    power = 0
    while units % 1024 == 0 and power < 6:
        units //= 1024
        power += 1
    return f"{units}{('', *_BINARY)[power]}"


def _decimal(mantissa: int, exponent: int, *, exponent_form: bool) -> str:
    """Print with all tens in the exponent, which is kept a multiple of three."""
    while mantissa % 10 == 0:
        mantissa //= 10
        exponent += 1
    while exponent % 3:
        mantissa *= 10
        exponent -= 1
    if exponent_form:
        return f"{mantissa}e{exponent}" if exponent else str(mantissa)
    return f"{mantissa}{_DECIMAL_SUFFIX.get(exponent, '')}"
