"""A time axis that gives its room to the times when something happens.

A restart takes seconds, what lies between two takes hours.  Where a few long quiet times (no pod changes
its phase) fill most of a run, each is drawn shortened to the same small width, with a mark and its length;
all other time keeps one common scale.  Otherwise the axis is an ordinary one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import pairwise

from jobsim.units import DAY, HOUR, MINUTE, SECOND

#: At most as many quiet times are shortened,
_GAPS_MAX = 9
#: and only if what is left is less than this share of the whole;
_BUSY_SHARE_MAX = 0.2
#: they go on being shortened, longest first, while the next is more than this share of all that is left.
_NEXT_SHARE = 0.6
#: Width of a shortened time, as a share of the width of all busy time.
_GAP_WIDTH = 0.13
#: A quiet time keeps this share of the busy time at both of its ends, so that bars have a visible end.
_MARGIN = 0.025

#: Round steps of a time axis.
_STEPS = (
    *(n * 10**e for e in range(9) for n in (1, 2, 5)),
    *(n * SECOND for n in (1, 2, 5, 10, 15, 30)),
    *(n * MINUTE for n in (1, 2, 5, 10, 15, 30)),
    *(n * HOUR for n in (1, 2, 3, 6, 12)),
    *(n * DAY for n in (1, 2, 5, 10, 20, 50, 100)),
)


class TimeScale:
    """A map from time to a position on the axis.

    Parameters
    ----------
    changes : iterable of int
        Times at which something is to be seen, ns.
    start, end : int
        What the axis shows, ns.
    fold : bool
        Whether long quiet times may be shortened.
    """

    def __init__(self, changes: Iterable[int], start: int, end: int, *, fold: bool = True) -> None:
        self.start, self.end = start, end
        span = end - start
        busy = sorted({start, end, *(time for time in changes if start < time < end)})
        quiet = _longest(list(pairwise(busy)), span) if fold else []
        left = span - sum(b - a for a, b in quiet)
        margin = int(_MARGIN * left) + 1
        #: The shortened times: (from, to).
        self.gaps = [(a + margin, b - margin) for a, b in quiet if b - a > 4 * margin]
        kept = span - sum(b - a for a, b in self.gaps)
        self._width = int(_GAP_WIDTH * kept) + 1
        self._points: list[tuple[int, int]] = [(start, 0)]
        for a, b in self.gaps:
            since, at = self._points[-1]
            self._points += [(a, at + a - since), (b, at + a - since + self._width)]
        self._times = [time for time, _ in self._points]
        self.length = self(end)

    def __call__(self, time: int) -> float:
        """Return the position of a time: 0 at the start of the axis, ns where nothing is shortened."""
        i = max(bisect_right(self._times, time) - 1, 0)
        since, at = self._points[i]
        for a, b in self.gaps[i // 2 : i // 2 + 1]:
            if a <= time < b:
                return at + (time - a) / (b - a) * self._width
        return float(at + time - since)

    def ticks(self, count: int) -> list[int]:
        """Return about ``count`` round times outside of the shortened ones; the same step everywhere."""
        kept = self.end - self.start - sum(b - a for a, b in self.gaps)
        step = next((s for s in _STEPS if s * count >= kept), _STEPS[-1])
        edges = [self.start, *(time for gap in self.gaps for time in gap), self.end]
        found = []
        for since, until in zip(edges[::2], edges[1::2], strict=True):
            first = -(-since // step) * step
            inside = list(range(first, until + 1, step))
            # A busy time shorter than a step gets one tick all the same, at a finer round time.
            finer = step
            while not inside and finer > 1:
                finer = max((s for s in _STEPS if s < finer), default=1)
                inside = list(range(-(-since // finer) * finer, until + 1, finer))[:1]
            found += inside
        return found


def _longest(stretches: list[tuple[int, int]], span: int) -> list[tuple[int, int]]:
    """Return the quiet times to shorten, in order: as many as are long against all that is left."""
    ranked = sorted(stretches, key=lambda ab: ab[0] - ab[1])
    left = span
    for count, (a, b) in enumerate(ranked[:_GAPS_MAX], start=1):
        left -= b - a
        following = ranked[count][1] - ranked[count][0] if count < len(ranked) else 0
        if left < _BUSY_SHARE_MAX * span and following <= _NEXT_SHARE * left:
            return sorted(ranked[:count]) if left else []
    return []


def tick_label(time: int, unit: int) -> str:
    """Return a time for an axis whose unit is ``unit`` ns; ``0.5``, ``12``."""
    return f"{round(time / unit, 6):g}"


def clock_label(time: int) -> str:
    """Return a time for an axis with shortened parts: ``45s``, ``10:05``, ``2:30:00``, ``3d 04:00``.

    Examples
    --------
    >>> clock_label(45 * SECOND), clock_label(605 * SECOND), clock_label(9000 * SECOND)
    ('45s', '10:05', '2:30:00')
    """
    seconds, rest = divmod(time, SECOND)
    fraction = f"{rest / SECOND:.3f}".rstrip("0").rstrip(".")[1:] if rest else ""
    if seconds < 60:
        return f"{seconds}{fraction}s"
    if time < HOUR:
        return f"{seconds // 60}:{seconds % 60:02d}{fraction}"
    if time < DAY:
        return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{fraction}"
    return f"{time // DAY}d {seconds // 3600 % 24:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{fraction}"


def length_label(ns: int) -> str:
    """Return a length of time in two units at most: ``9m50s``, ``1h22m``, ``12d3h``.

    Examples
    --------
    >>> length_label(590 * SECOND), length_label(4930 * SECOND), length_label(1500 * 10**6)
    ('9m50s', '1h22m', '1.5s')
    """
    for (big, name), (small, part) in (((DAY, "d"), (HOUR, "h")), ((HOUR, "h"), (MINUTE, "m"))):
        if ns >= big:
            rest = ns % big // small
            return f"{ns // big}{name}" + (f"{rest}{part}" if rest else "")
    if ns >= MINUTE:
        rest = ns % MINUTE // SECOND
        return f"{ns // MINUTE}m" + (f"{rest}s" if rest else "")
    return f"{ns / SECOND:.3g}s"
