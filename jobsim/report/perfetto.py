"""A run as Chrome trace JSON, which Perfetto and chrome://tracing open.

One process per rack (or node, or Job where pods never got a node), one thread per slot of a pod, one slice
per phase; one process per JobSet with its ledger as slices, restarts with their parts below, conditions as
instants; counters of pods by phase.  Times are microseconds; the same run gives the same bytes.

Source: the Trace Event Format (phases X, i, C, M).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from jobsim.api import codec
from jobsim.report.figures_spans import WORST_FIRST, Slot, natural, slots, totals
from jobsim.results.log import Log, Row
from jobsim.results.recorder import JobSetRecord, Recorder, replay
from jobsim.results.restarts import Restart

#: Chrome's reserved colour names by phase (``cname``).
_COLOURS = {
    "pending": "grey",
    "starting": "thread_state_iowait",
    "running": "thread_state_runnable",
    "ready": "thread_state_running",
    "terminating": "bad",
    "failed": "terrible",
    "succeeded": "good",
}
_MICROSECOND = 1_000

TraceEvent = dict[str, Any]


def trace(source: Recorder | Log | Iterable[Row], *, ended_at: int | None = None) -> bytes:
    """Return a run as Chrome trace JSON.

    Parameters
    ----------
    source : Recorder, Log or iterable of rows
    ended_at : int, optional
        Virtual time when the run stopped, ns; default: the last row's.
    """
    if not isinstance(source, Recorder):
        source = replay(source.rows() if isinstance(source, Log) else source)
    end = source.time if ended_at is None else ended_at
    found = slots(source.pods, source.nodes, end)
    events: list[TraceEvent] = []
    for number, record in enumerate(source.jobsets.values(), start=1):
        events += _jobset(record, number, end)
    events += _pods(found, first=len(source.jobsets) + 1)
    events += _counters(found)
    return codec.encode({"displayTimeUnit": "ms", "traceEvents": events}) + b"\n"


def write_trace(source: Recorder | Log | Iterable[Row], path: Path, *, ended_at: int | None = None) -> None:
    """Write a run as Chrome trace JSON."""
    path.write_bytes(trace(source, ended_at=ended_at))


def _us(ns: int) -> float | int:
    """Return microseconds: whole ones as int."""
    whole, rest = divmod(ns, _MICROSECOND)
    return ns / _MICROSECOND if rest else whole


def _name(pid: int, text: str, order: int, tid: int | None = None) -> Iterator[TraceEvent]:
    """Name a process or thread and give it its place."""
    what = "process" if tid is None else "thread"
    where = {"pid": pid} if tid is None else {"pid": pid, "tid": tid}
    yield {"ph": "M", "name": f"{what}_name", **where, "args": {"name": text}}
    yield {"ph": "M", "name": f"{what}_sort_index", **where, "args": {"sort_index": order}}


def _slice(pid: int, tid: int, name: str, start: int, end: int, **more: Any) -> TraceEvent:
    return {
        "ph": "X",
        "name": name,
        "pid": pid,
        "tid": tid,
        "ts": _us(start),
        "dur": _us(end - start),
        **more,
    }


def _jobset(record: JobSetRecord, pid: int, end: int) -> Iterator[TraceEvent]:
    """Yield a JobSet's accounts, restarts and conditions."""
    yield from _name(pid, f"JobSet {record.gang.key}", pid)
    for tid, name in enumerate(("time goes to", "restarts", "conditions"), start=1):
        yield from _name(pid, name, tid, tid)
    accounts = record.ledger
    over = end if accounts.ended < 0 else accounts.ended
    record.settle(end)
    stretches = accounts.stretches
    for i, (since, account) in enumerate(stretches):
        until = stretches[i + 1][0] if i + 1 < len(stretches) else over
        yield _slice(pid, 1, account, since, until)
    for restart in record.clock.records:
        yield from _restart(restart, pid, end)
    for time, type_, status in record.transitions:
        yield {"ph": "i", "s": "p", "name": f"{type_}={status}", "pid": pid, "tid": 3, "ts": _us(time)}


def _restart(restart: Restart, pid: int, end: int) -> Iterator[TraceEvent]:
    """Yield a restart and, nested in it, its parts."""
    boundaries = restart.boundaries(end)
    names = {"jobset": f"restart {restart.number}", "in-place": f"restart in place {restart.number}"}
    name = names.get(restart.kind, restart.kind)
    told = {"outcome": restart.outcome, "job": restart.job, "pod": restart.pod, "reason": restart.reason}
    args = {key: value for key, value in told.items() if value}
    yield _slice(pid, 2, name, boundaries[0], boundaries[-1], args=args)
    for i, (part, spent) in enumerate(restart.parts(end).items()):
        if spent:
            yield _slice(pid, 2, part, boundaries[i], boundaries[i + 1])


def _pods(found: list[Slot], first: int) -> Iterator[TraceEvent]:
    """Yield the phases of all pods: a process per rack, a thread per slot."""
    places: dict[str, list[Slot]] = {}
    for slot in found:
        places.setdefault(f"rack {slot.rack}" if slot.rack else f"Job {slot.job}", []).append(slot)
    for pid, place in enumerate(sorted(places, key=natural), start=first):
        yield from _name(pid, place, pid)
        for tid, slot in enumerate(places[place], start=1):
            yield from _name(pid, f"{slot.job}-{slot.place}", tid, tid)
            for span in slot.spans:
                yield _slice(pid, tid, span.phase, span.start, span.end, cname=_COLOURS[span.phase])


def _counters(found: list[Slot]) -> Iterator[TraceEvent]:
    """Yield the number of pods in each phase, whenever it changes."""
    times, counts = totals(slot.spans for slot in found)
    for i, time in enumerate(times):
        now = {phase: counts[phase][i] for phase in reversed(WORST_FIRST)}
        yield {"ph": "C", "name": "pods", "pid": 0, "tid": 0, "ts": _us(time), "args": now}
