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

from jobsim.api._struct import replace
from jobsim.hardware.failures.plans import SLOWING
from jobsim.scenario.check import shown
from jobsim.scenario.model import FailureTrace, TraceRow
from jobsim.units import DAY, parse_duration

EFFECTS = ("pod-fails", "crash", "lose", "drain", *SLOWING)
COLUMNS = ("time", "entity", "effect", "until")
_MORE = ("cause", "factor")
DAYS_MAX = 1_000_000


#: Of one file so many mistakes are told.
SHOWN_MAX = 20


class TraceError(Exception):
    """Things in a trace are wrong; each ``FILE:LINE: what (what is allowed)``.

    Parameters
    ----------
    texts : sequence of str
        All of them, in the order of the file.
    """

    def __init__(self, *texts: str) -> None:
        more = len(texts) - SHOWN_MAX
        self.texts = texts[:SHOWN_MAX] + ((f"and {more} more like these",) if more > 0 else ())
        super().__init__("\n".join(self.texts))


def read_trace(path: Path, spec: FailureTrace) -> tuple[TraceRow, ...]:
    """Return the rows of a file in order of time.

    Raises
    ------
    TraceError
        When it cannot be read, or rows are wrong or out of order.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        raise TraceError(f"{spec.trace} cannot be read: {err}") from None
    wrong: list[tuple[int, str]] = []
    rows = _json(text, spec, wrong) if path.suffix == ".json" else _csv(text, spec, wrong)
    last = 0
    for row in rows:
        if row.at < last:
            found = f"{spec.trace}:{row.line}: comes before the row above (rows in order of time)"
            wrong.append((row.line, found))
        if row.until is not None and row.until < row.at:
            found = f"{spec.trace}:{row.line}: until is before time (a later time, or nothing)"
            wrong.append((row.line, found))
        last = max(last, row.at)
    if wrong:
        raise TraceError(*[found for _, found in sorted(wrong, key=lambda finding: finding[0])])
    return tuple(rows)


def _csv(text: str, spec: FailureTrace, wrong: list[tuple[int, str]]) -> list[TraceRow]:
    """Return the good rows of our own form; what is wrong goes, with its line, to ``wrong``."""
    reader = csv.reader(io.StringIO(text))
    rows = []
    try:
        head = [cell.strip() for cell in next(reader, [])]
        allowed = f"a head line with {', '.join(COLUMNS)} and if wanted {', '.join(_MORE)}"
        if (
            set(head) - {*COLUMNS, *_MORE}
            or not {"time", "entity"} <= set(head)
            or len(set(head)) < len(head)
        ):
            there = shown(",".join(head)) if any(head) else "nothing"
            raise TraceError(f"{spec.trace}:1: {there} is no head line ({allowed})")
        for cells in reader:
            line = reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(head):
                found = f"{spec.trace}:{line}: has {len(cells)} cells ({len(head)}, as the head line)"
                wrong.append((line, found))
                continue
            named = dict(zip(head, (c.strip() for c in cells), strict=True))
            row, found_here = _row(named, line, spec)
            if row is not None:
                rows.append(row)
            wrong += [(line, f"{spec.trace}:{line}: {found}") for found in found_here]
    except csv.Error as err:
        wrong.append((reader.line_num, f"{spec.trace}:{reader.line_num}: is no CSV: {err}"))
    return rows


def _row(cells: Mapping[str, str], line: int, spec: FailureTrace) -> tuple[TraceRow | None, list[str]]:
    """Return a row, or what is wrong with it."""
    wrong: list[str] = []

    def parsed(column: str, parse: Callable[[str], Any], default: Any, allowed: str) -> Any:
        text = cells.get(column, "")
        if not text:
            return default
        try:
            return parse(text)
        except (ValueError, OverflowError):
            wrong.append(f"{column}: {shown(text)} is wrong ({allowed})")
            return default

    duration = "a duration such as 90s or 2d, or a number of seconds"
    at = parsed("time", _time, 0, duration)
    effect = parsed("effect", _effect, spec.effect, f"one of {', '.join(EFFECTS)}")
    until = parsed("until", _time, None, duration)
    allowed = "a speed that is left, above 0 and below 1"
    factor = parsed("factor", _factor, spec.factor, allowed)
    if not cells["time"] or not cells["entity"]:
        wrong.append("time or entity is missing (every row has both)")
    if not wrong and effect in SLOWING and factor >= 1:
        wrong.append(f"factor is missing (effect {effect} has one: {allowed})")
    if wrong:
        return None, wrong
    row = TraceRow(
        at=at,
        entity=cells["entity"],
        effect=effect,
        until=until,
        factor=factor if effect in SLOWING else 1.0,
        cause=cells.get("cause", ""),
        line=line,
    )
    return row, []


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


def _json(text: str, spec: FailureTrace, wrong: list[tuple[int, str]]) -> list[TraceRow]:
    """Return the good faults of an InfiniteHBD trace; a start without an end lasts for ever."""
    try:
        events = json.loads(text)
    except RecursionError:
        raise TraceError(f"{spec.trace} is nested too deeply (a list of events)") from None
    except ValueError as err:
        raise TraceError(f"{spec.trace} is no JSON: {err}") from None
    if not isinstance(events, list):
        raise TraceError(f"{spec.trace} holds no list (a list of events, as in the InfiniteHBD trace)")
    numbers: dict[str, int] = {}
    begun: dict[tuple[str, str], list[int]] = {}
    rows: list[TraceRow] = []
    for number, event in enumerate(events, 1):
        try:
            node, time, kind, cause = _event(event)
        except ValueError as err:
            wrong.append((number, f"{spec.trace}: event {number}: {err}"))
            continue
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
            rows[i] = replace(rows[i], until=max(time, rows[i].at))
        else:
            found = "ends a fault that has not begun (a start before)"
            wrong.append((number, f"{spec.trace}: event {number}: {found}"))
    return rows


def _event(event: Any) -> tuple[str, int, str, str]:
    """Return node, time, kind and cause of an event.

    Raises
    ------
    ValueError
        Saying what is wrong, and what is allowed.
    """
    keys = "node_id, event_time, event_type and fault_type.Class"
    if not isinstance(event, dict):
        raise ValueError(f"{shown(event)} is no map (a map with {keys})")
    missing = [key for key in ("node_id", "event_time", "event_type", "fault_type") if key not in event]
    fault = event.get("fault_type")
    if missing or not isinstance(fault, dict) or "Class" not in fault:
        raise ValueError(f"{', '.join(missing) or 'fault_type.Class'} is missing ({keys})")
    kind, days = event["event_type"], event["event_time"]
    if kind not in ("fault_start", "fault_end"):
        raise ValueError(f"event_type: {shown(kind)} is wrong (fault_start or fault_end)")
    number = isinstance(days, int | float) and not isinstance(days, bool)
    if not number or not 0 <= days <= DAYS_MAX:
        raise ValueError(f"event_time: {shown(days)} is wrong (days, from 0 to {DAYS_MAX:,})")
    return str(event["node_id"]), round(days * DAY), kind, str(fault["Class"])


def unknown_entities(rows: Sequence[TraceRow], names: Callable[[str], bool], count: int) -> list[str]:
    """Return what is wrong with rows that name nothing of the fleet, each name once; with LINE: before."""
    first: dict[str, int] = {}
    for row in rows:
        if isinstance(row.entity, str) and not names(row.entity):
            first.setdefault(row.entity, row.line)
    found = [f"{line}: no node, rack or block {shown(name)}" for name, line in first.items()]
    most = max((row.entity for row in rows if isinstance(row.entity, int)), default=-1) + 1
    return [f" {most} nodes fail in it, the fleet has {count}"] if most > count else found
