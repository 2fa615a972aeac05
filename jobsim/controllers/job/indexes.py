"""Sets of completion indexes as ordered intervals, and their text in a Job's status.

Rules of the file: intervals are disjoint, ascending and not adjacent, so equal sets are equal
values and the text is canonical (K-JOB-42).  Cost grows with the number of intervals, not of
indexes: a Job of 100,000 indexes that all succeeded is one interval.

Source: kubernetes pkg/controller/job/indexed_job_utils.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

#: First and last index, both inclusive.
Interval = tuple[int, int]
Intervals = tuple[Interval, ...]

_NUMBER = re.compile(r"[+-]?[0-9]+", re.ASCII)


def parse(text: str, completions: int) -> Intervals:
    """Return the indexes of a status text that are below ``completions``.

    Parts that are no numbers are passed over.

    Examples
    --------
    >>> parse("1,3-5,7", 5)
    ((1, 1), (3, 4))
    """
    found: list[Interval] = []
    for part in text.split(",") if text else ():
        limits = part.split("-")
        if not all(_NUMBER.fullmatch(word) for word in limits[:2]):
            continue
        first = int(limits[0])
        if first >= completions:
            break
        last = min(int(limits[1]), completions - 1) if len(limits) > 1 else first
        if found and found[-1][1] == first - 1:
            found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return tuple(found)


def as_text(intervals: Intervals) -> str:
    """Return the status text: runs of two by a comma, longer ones by a dash.

    Examples
    --------
    >>> as_text(((1, 1), (3, 5), (7, 8)))
    '1,3-5,7,8'
    """
    parts = []
    for first, last in intervals:
        if first == last:
            parts.append(str(first))
        else:
            parts.append(f"{first}{',' if last == first + 1 else '-'}{last}")
    return ",".join(parts)


def of(indexes: Iterable[int]) -> Intervals:
    """Return the set of some indexes, in any order, repeated or not."""
    ordered = sorted(set(indexes))
    if ordered and ordered[-1] - ordered[0] == len(ordered) - 1:
        return ((ordered[0], ordered[-1]),)
    return _join([(i, i) for i in ordered])


def union(a: Intervals, b: Intervals) -> Intervals:
    """Return the indexes that are in one of two sets."""
    if not a or not b:
        return a or b
    return _join(sorted((*a, *b)))


def total(intervals: Intervals) -> int:
    """Return how many indexes a set has."""
    return sum(last - first + 1 for first, last in intervals)


def contains(intervals: Intervals, index: int) -> bool:
    """Tell whether an index is in a set."""
    low, high = 0, len(intervals)
    while low < high:
        mid = (low + high) // 2
        if intervals[mid][1] >= index:
            high = mid
        else:
            low = mid + 1
    return low < len(intervals) and intervals[low][0] <= index


def overlap(a: Intervals, b: Intervals) -> int:
    """Return how many indexes two sets have in common."""
    common = i = j = 0
    while i < len(a) and j < len(b):
        common += max(0, min(a[i][1], b[j][1]) - max(a[i][0], b[j][0]) + 1)
        if a[i][1] < b[j][1]:
            i += 1
        else:
            j += 1
    return common


def first_free(taken: Intervals, count: int, completions: int) -> list[int]:
    """Return the ``count`` smallest indexes below ``completions`` that are not taken (K-JOB-40)."""
    found: list[int] = []
    candidate = 0
    for first, last in (*taken, (completions, completions)):
        stop = min(first, completions, candidate + count - len(found))
        found.extend(range(candidate, stop))
        if len(found) >= count:
            break
        candidate = max(candidate, last + 1)
    return found


def _join(ordered: list[Interval]) -> Intervals:
    """Return intervals ordered by their first index with those that touch or overlap made one."""
    joined: list[Interval] = []
    for first, last in ordered:
        if joined and first <= joined[-1][1] + 1:
            if last > joined[-1][1]:
                joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return tuple(joined)
