"""Time: int nanoseconds inside, seconds and RFC 3339 text only at the edges.

``EPOCH`` is the instant that virtual time 0 shows as in API objects.  Calendar arithmetic is done
here on integers (the proleptic Gregorian calendar in days, after Howard Hinnant's
``days_from_civil``), so no module needs a clock or a time zone.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

NANOSECOND = 1
MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_UNITS = {
    "ns": NANOSECOND,
    "us": MICROSECOND,
    "µs": MICROSECOND,
    "μs": MICROSECOND,
    "ms": MILLISECOND,
    "s": SECOND,
    "m": MINUTE,
    "h": HOUR,
    "d": DAY,
}
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h|d)")
_RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


def seconds(value: float) -> int:
    """Return a number of seconds as int nanoseconds, rounded to the nearest.

    Examples
    --------
    >>> seconds(1.5)
    1500000000
    """
    if isinstance(value, int):
        return value * SECOND
    return round(Decimal(repr(value)) * SECOND)


def to_seconds(ns: int) -> float:
    """Return nanoseconds as float seconds, for files, tables and pictures."""
    return ns / SECOND


def floor_second(ns: int) -> int:
    """Return the whole second at or before, as API timestamps are stored."""
    return ns - ns % SECOND


def parse_duration(text: str | float) -> int:
    """Return a Go duration (plus ``d``) or a number of seconds as nanoseconds.

    Raises
    ------
    ValueError
        When the text is no duration, is negative, or is not finite.

    Examples
    --------
    >>> parse_duration("1h30m") == 90 * MINUTE
    True
    """
    if isinstance(text, bool):
        raise ValueError(f"{text!r} is no duration")
    if isinstance(text, int | float):
        try:
            ns = int(Decimal(repr(text)) * SECOND)
        except (InvalidOperation, OverflowError, ValueError) as err:
            raise ValueError(f"{text!r} is no duration") from err
        if ns < 0:
            raise ValueError(f"{text!r} is negative")
        return ns
    if text == "0":
        return 0
    pos, total = 0, Decimal(0)
    while pos < len(text):
        match = _PART.match(text, pos)
        if match is None:
            raise ValueError(f"{text!r} is no duration")
        total += Decimal(match.group(1)) * _UNITS[match.group(2)]
        pos = match.end()
    if pos == 0:
        raise ValueError(f"{text!r} is no duration")
    return int(total)


def format_duration(ns: int) -> str:
    """Return kubectl's short age text (``5m10s``, ``3h``, ``2d4h``).

    Source: apimachinery pkg/util/duration HumanDuration.
    """
    secs = ns // SECOND
    mins, hours, days = secs // 60, secs // 3600, secs // 86400
    if secs < 120:
        return f"{secs}s"
    if mins < 10:
        return f"{mins}m{secs % 60}s" if secs % 60 else f"{mins}m"
    if mins < 180:
        return f"{mins}m"
    if hours < 8:
        return f"{hours}h{mins % 60}m" if mins % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    if hours < 192:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    if days < 730:
        return f"{days}d"
    return f"{days // 365}y{days % 365}d" if days < 2920 and days % 365 else f"{days // 365}y"


def short_duration(ns: int) -> str:
    """Return a duration in three digits and a unit; from two minutes on as kubectl's ages.

    Examples
    --------
    >>> [short_duration(ns) for ns in (0, 1_500_000, 1_020_000_000, 45_600_000_000, 630_000_000_000)]
    ['0s', '1.5ms', '1.02s', '45.6s', '10m']
    """
    if ns >= 120 * SECOND:
        return format_duration(ns)
    for unit, name in ((SECOND, "s"), (MILLISECOND, "ms"), (MICROSECOND, "us")):
        if ns >= unit:
            decimals = 2 if ns < 10 * unit else 1 if ns < 100 * unit else 0
            number = f"{ns / unit:.{decimals}f}"
            return f"{number.rstrip('0').rstrip('.') if decimals else number}{name}"
    return f"{ns}ns" if ns else "0s"


def _days_from_civil(year: int, month: int, day: int) -> int:
    year -= month <= 2
    era = year // 400
    yoe = year - era * 400
    doy = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + yoe * 365 + yoe // 4 - yoe // 100 + doy - 719468


def _civil_from_days(days: int) -> tuple[int, int, int]:
    days += 719468
    era = days // 146097
    doe = days - era * 146097
    yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    month = mp + (3 if mp < 10 else -9)
    return yoe + era * 400 + (month <= 2), month, doy - (153 * mp + 2) // 5 + 1


#: Unix nanoseconds of virtual time 0: 2026-01-05T00:00:00Z, a Monday.
EPOCH = _days_from_civil(2026, 1, 5) * DAY


def rfc3339(ns: int) -> str:
    """Return virtual time as RFC 3339 text, with a fraction only when there is one.

    Examples
    --------
    >>> rfc3339(0)
    '2026-01-05T00:00:00Z'
    """
    days, rest = divmod(ns + EPOCH, DAY)
    year, month, day = _civil_from_days(days)
    secs, frac = divmod(rest, SECOND)
    tail = f".{frac:09d}".rstrip("0") if frac else ""
    return f"{year:04d}-{month:02d}-{day:02d}T{secs // 3600:02d}:{secs // 60 % 60:02d}:{secs % 60:02d}{tail}Z"


def parse_rfc3339(text: str) -> int:
    """Return RFC 3339 text as virtual time.

    Raises
    ------
    ValueError
        When the text is no such time.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no RFC 3339 time")
    year, month, day, hour, minute, sec = (int(match.group(i)) for i in range(1, 7))
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour <= 23 and minute <= 59 and sec <= 60):
        raise ValueError(f"{text!r} is no RFC 3339 time")
    ns = _days_from_civil(year, month, day) * DAY + (hour * 3600 + minute * 60 + sec) * SECOND
    if match.group(7):
        ns += int(Decimal(match.group(7)) * SECOND)
    zone = match.group(8)
    if zone not in "Zz":
        offset = int(zone[1:3]) * HOUR + int(zone[4:6]) * MINUTE
        ns += -offset if zone[0] == "+" else offset
    return ns - EPOCH
