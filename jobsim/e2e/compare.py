"""Two truths in the form in which they are compared: without times, and without what is unstable.

Source: the recordings' README: ``t`` and the timeline are information; a path under ``unstable`` is
never compared; the number of FailedCreate, FailedScheduling and of a JobSet's JobCreationFailed
depends on retries, so on real time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

#: Events that are compared as there or not there.
COUNTED_BY_RETRIES = ("FailedCreate", "FailedScheduling", "JobCreationFailed")
_INFORMATION = ("timeline", "duration")

Row = dict[str, Any]


def comparable(truth: Mapping[str, Any], unstable: Iterable[str]) -> dict[str, Any]:
    """Return a truth in the form that is compared.

    Parameters
    ----------
    truth : mapping
    unstable : iterable of str
        Paths that differed between two runs of the real thing.
    """
    paths = [path.split("/") for path in unstable]
    told = {key: _timeless(value) for key, value in truth.items() if key not in _INFORMATION}
    told["jobs"] = {job["job"]: job for job in told.get("jobs") or ()}
    for jobset in (told.get("jobsets") or {}).values():
        # The controller walks a Go map, so the order is random.
        jobset["replicatedJobsStatus"] = sorted(
            jobset.get("replicatedJobsStatus") or (), key=lambda status: status["name"]
        )
    told["results"] = [
        {key: row.get(key) for key in ("code", "message")} for row in told.get("results") or ()
    ]
    told["events"] = _events(told.get("events") or {}, [path[1:] for path in paths if path[0] == "events"])
    for path in paths:
        _drop(told, path)
    told["events"] = {kind: names for kind, names in told.get("events", {}).items() if names}
    return told


def _timeless(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _timeless(v) for key, v in value.items() if key != "t"}
    if isinstance(value, list | tuple):
        return [_timeless(v) for v in value]
    return value


def _drop(value: Any, path: list[str]) -> None:
    """Take what a path leads to out of a truth; a path that leads nowhere does nothing."""
    for key in path[:-1]:
        value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, dict):
        value.pop(path[-1], None)


# -- events ----------------------------------------------------------------------------------------


def _events(events: Mapping[str, list[Row]], unstable: list[list[str]]) -> dict[str, Any]:
    """Return events by kind and name; what depends on retries apart from the rest."""
    told: dict[str, Any] = {}
    for about, rows in events.items():
        kind, _, name = about.partition("/")
        paths = [path[2:] for path in unstable if path[:2] == [kind, name]]
        left_out = {path[0] for path in paths if len(path) == 1}
        uncounted = {path[0] for path in paths if path[1:] == ["count"]}
        kept = [row for row in rows if row["reason"] not in left_out]
        fixed = [row for row in kept if row["reason"] not in COUNTED_BY_RETRIES]
        if ["order"] in paths:
            fixed.sort(key=_words)
        in_order = _neighbours(fixed) if kind == "JobSet" else _sorted_neighbours(_added_up(fixed))
        told.setdefault(kind, {})[name] = {
            "rows": [_uncounted(row) if row["reason"] in uncounted else row for row in in_order],
            "there": sorted({row["reason"] for row in kept if row["reason"] in COUNTED_BY_RETRIES}),
        }
    return {
        kind: {name: found for name, found in names.items() if found["rows"] or found["there"]}
        for kind, names in told.items()
    }


def _uncounted(row: Row) -> Row:
    return {key: value for key, value in row.items() if key != "count"}


def _words(row: Row) -> tuple[str, str, str]:
    return row["type"], row["reason"], row["note"]


def _summed(rows: Iterable[Row]) -> Row:
    first, *others = rows
    return {**first, "count": first["count"] + sum(row["count"] for row in others)}


def _neighbours(rows: list[Row]) -> list[Row]:
    """Return events with equal neighbours added up: a series."""
    return [_summed(same) for _, same in groupby(rows, key=_words)]


def _added_up(rows: list[Row]) -> list[Row]:
    """Return events with those of the same words added up at the first of them."""
    found: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        found.setdefault(_words(row), []).append(row)
    return [_summed(same) for same in found.values()]


def _sorted_neighbours(rows: list[Row]) -> list[Row]:
    """Return events with neighbours of one reason sorted by text: pods are created in parallel."""
    return [
        row
        for _, same in groupby(rows, key=lambda row: row["reason"])
        for row in sorted(same, key=lambda row: row["note"])
    ]
