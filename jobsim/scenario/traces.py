"""Traces of faults: files of rows that are replayed as they are.

Two forms.  Our own CSV has a head line and the columns ``time, entity, effect, until`` (and, if wanted,
``cause`` and ``factor``): times are durations or seconds, an entity is a node, rack or block, an empty
effect means what the Scenario says, an empty ``until`` means for ever.  The other is the public InfiniteHBD
trace (JSON): pairs of ``fault_start`` and ``fault_end`` of nodes, times in days; its nodes stand for those
of the fleet in the order in which they first fail.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jobsim.hardware.failures.plans import SLOWING
from jobsim.scenario.model import FailureTrace, TraceRow
from jobsim.units import DAY, parse_duration

EFFECTS = ("pod-fails", "crash", "lose", "drain", *SLOWING)
COLUMNS = ("time", "entity", "effect", "until")
_MORE = ("cause", "factor")


class TraceError(Exception):
    """Something in a trace is wrong: ``FILE:LINE: what (what is allowed)``."""


def read_trace(path: Path, spec: FailureTrace) -> tuple[TraceRow, ...]:
    """Return the rows of a file in order of time.

    Raises
    ------
    TraceError
        When it cannot be read, or a row is wrong or out of order.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        raise TraceError(f"{spec.trace} cannot be read: {err}") from None
    rows = _json(text, spec) if path.suffix == ".json" else _csv(text, spec)
    last = 0
    for row in rows:
        if row.at < last:
            raise TraceError(f"{spec.trace}:{row.line}: comes before the row above (rows in order of time)")
        if row.until is not None and row.until < row.at:
            raise TraceError(f"{spec.trace}:{row.line}: until is before time (a later time, or nothing)")
        last = row.at
    return tuple(rows)


def _csv(text: str, spec: FailureTrace) -> list[TraceRow]:
    reader = csv.reader(io.StringIO(text))
    head = [cell.strip() for cell in next(reader, [])]
    allowed = f"a head line with {', '.join(COLUMNS)} and if wanted {', '.join(_MORE)}"
    if set(head) - {*COLUMNS, *_MORE} or not {"time", "entity"} <= set(head) or len(set(head)) < len(head):
        raise TraceError(f"{spec.trace}:1: {','.join(head) or 'nothing'} is no head line ({allowed})")
    rows = []
    for cells in reader:
        line = reader.line_num
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(head):
            raise TraceError(f"{spec.trace}:{line}: has {len(cells)} cells ({len(head)}, as the head line)")
        rows.append(_row(dict(zip(head, (c.strip() for c in cells), strict=True)), line, spec))
    return rows


def _row(cells: Mapping[str, str], line: int, spec: FailureTrace) -> TraceRow:
    def parsed(column: str, parse: Callable[[str], Any], default: Any, allowed: str) -> Any:
        text = cells.get(column, "")
        if not text:
            return default
        try:
            return parse(text)
        except (ValueError, OverflowError):
            raise TraceError(f'{spec.trace}:{line}: {column}: "{text}" is wrong ({allowed})') from None

    duration = "a duration such as 90s or 2d, or a number of seconds"
    effect = parsed("effect", _effect, spec.effect, f"one of {', '.join(EFFECTS)}")
    factor = parsed("factor", _factor, spec.factor, "a speed that is left, above 0 and below 1")
    if not cells["time"] or not cells["entity"]:
        raise TraceError(f"{spec.trace}:{line}: time or entity is missing (every row has both)")
    if effect in SLOWING and factor >= 1:
        raise TraceError(f"{spec.trace}:{line}: factor is missing (effect {effect} has one)")
    return TraceRow(
        at=parsed("time", _time, 0, duration),
        entity=cells["entity"],
        effect=effect,
        until=parsed("until", _time, None, duration),
        factor=factor if effect in SLOWING else 1.0,
        cause=cells.get("cause", ""),
        line=line,
    )


def _time(text: str) -> int:
    try:
        return parse_duration(float(text))
    except ValueError:
        return parse_duration(text)


def _effect(text: str) -> str:
    if text not in EFFECTS:
        raise ValueError(text)
    return text


def _factor(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1:
        raise ValueError(text)
    return value


def _json(text: str, spec: FailureTrace) -> list[TraceRow]:
    """Return the faults of an InfiniteHBD trace; a start without an end lasts for ever."""
    try:
        events = json.loads(text)
    except ValueError as err:
        raise TraceError(f"{spec.trace} is no JSON: {err}") from None
    if not isinstance(events, list):
        raise TraceError(f"{spec.trace} holds no list (a list of events, as in the InfiniteHBD trace)")
    numbers: dict[str, int] = {}
    begun: dict[tuple[str, str], list[int]] = {}
    rows: list[TraceRow] = []
    for number, event in enumerate(events, 1):
        node, time, kind, cause = _event(event, number, spec)
        key = (node, cause)
        if kind == "fault_start":
            entity = numbers.setdefault(node, len(numbers))
            begun.setdefault(key, []).append(len(rows))
            rows.append(
                TraceRow(
                    at=time, entity=entity, effect=spec.effect, factor=spec.factor, cause=cause, line=number
                )
            )
        elif begun.get(key):
            i = begun[key].pop(0)
            row = rows[i]
            rows[i] = TraceRow(**{**_fields(row), "until": max(time, row.at)})
        else:
            raise TraceError(
                f"{spec.trace}: event {number}: ends a fault that has not begun (a start before)"
            )
    return rows


def _fields(row: TraceRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__struct_fields__}


def _event(event: Any, number: int, spec: FailureTrace) -> tuple[str, int, str, str]:
    try:
        kind, days = event["event_type"], float(event["event_time"])
        cause = str(event["fault_type"]["Class"])
        node = str(event["node_id"])
    except (KeyError, TypeError, ValueError) as err:
        text = "node_id, event_time, event_type and fault_type.Class"
        raise TraceError(f"{spec.trace}: event {number}: {err!r} ({text})") from None
    if kind not in ("fault_start", "fault_end") or not days >= 0:
        raise TraceError(f"{spec.trace}: event {number}: {kind} at {days} (fault_start or fault_end, days)")
    return node, round(days * DAY), kind, cause


def unknown_entity(rows: Sequence[TraceRow], names: Callable[[str], bool], count: int) -> str:
    """Return what is wrong with the first row that names nothing of the fleet, or nothing."""
    for row in rows:
        if isinstance(row.entity, str) and not names(row.entity):
            return f'{row.line}: no node, rack or block "{row.entity}"'
    most = max((row.entity for row in rows if isinstance(row.entity, int)), default=-1) + 1
    return f" {most} nodes fail in it, the fleet has {count}" if most > count else ""
