"""From lives of pods to coloured spans: what each row of a timeline shows when.

A *slot* is the place of a pod in its Job: the pods that fill it one after the other share a row.  A *row*
is a slot, or many of them at once, and then shows the pod that is furthest behind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from jobsim.results.lives import PodLife

RACK = "topology.jobsim/rack"
BLOCK = "topology.jobsim/block"

#: The phase that a row of many pods shows is the first of these that one of them is in.
WORST_FIRST = ("failed", "terminating", "pending", "starting", "running", "ready", "succeeded")

_DIGITS = re.compile(r"(\d+)")


class Span(NamedTuple):
    """A phase for a time, ns."""

    start: int
    end: int
    phase: str


class Slot(NamedTuple):
    """A place in a Job and what happened there."""

    job: str
    place: int
    rack: str
    block: str
    spans: list[Span]


class TimelineRow(NamedTuple):
    """One line of a timeline."""

    label: str
    group: str
    spans: list[Span]


def natural(text: str) -> tuple[tuple[int, int | str], ...]:
    """Return a sort key that puts ``r2`` before ``r10``."""
    return tuple((0, int(part)) if part.isdecimal() else (1, part) for part in _DIGITS.split(text) if part)


def life_spans(life: PodLife, end: int) -> list[Span]:
    """Return the phases of one pod from creation until it is gone (or ``end``)."""
    steps = [(life.created, "pending"), (life.bound, "starting"), (life.running, "running")]
    steps.append((life.ready, "ready"))
    stopped = life.terminating >= 0 and (life.finished < 0 or life.terminating <= life.finished)
    if stopped:
        steps.append((life.terminating, "terminating"))
    elif life.finished >= 0:
        steps.append((life.finished, life.outcome.lower()))
    for i, time in enumerate(life.held or ()):
        # Held back by a barrier it is as far as one whose containers start; then it runs again.
        if time >= life.running >= 0 and (life.finished < 0 or time < life.finished):
            steps.append((time, "ready" if i % 2 else "starting"))
    seen = sorted((time, order, phase) for order, (time, phase) in enumerate(steps) if time >= 0)
    last = end if life.gone < 0 else life.gone
    times = [time for time, _, _ in seen[1:]] + [last]
    spans = (Span(time, until, phase) for (time, _, phase), until in zip(seen, times, strict=True))
    return [span for span in spans if span.end > span.start]


def slots(lives: Iterable[PodLife], nodes: Mapping[str, Mapping[str, str]], end: int) -> list[Slot]:
    """Return all slots of a run, by Job and index in natural order.

    A pod without completion index takes the first slot of its Job whose pod is over.
    """
    filled: dict[tuple[str, str, int], list[PodLife]] = {}
    unindexed: dict[tuple[str, str], int] = {}
    for life in lives:
        index = life.index
        if index < 0:
            index = _free_slot(life, filled, unindexed)
        filled.setdefault((life.namespace, life.job or life.name, index), []).append(life)
    found = []
    for (_, job, index), inside in filled.items():
        labels = nodes.get(next((life.node for life in reversed(inside) if life.node), ""), {})
        found.append(Slot(job, index, labels.get(RACK, ""), labels.get(BLOCK, ""), _joined(inside, end)))
    return sorted(found, key=lambda slot: (natural(slot.job), slot.place))


def _free_slot(
    life: PodLife, filled: dict[tuple[str, str, int], list[PodLife]], unindexed: dict[tuple[str, str], int]
) -> int:
    job = (life.namespace, life.job or life.name)
    count = unindexed.get(job, 0)
    for index in range(count):
        last = filled[(*job, index)][-1]
        over = [time for time in (last.finished, last.gone, last.terminating) if time >= 0]
        if over and min(over) <= life.created:
            return index
    unindexed[job] = count + 1
    return count


def _joined(lives: Sequence[PodLife], end: int) -> list[Span]:
    """Return the spans of pods that follow each other; the next one's creation ends a pod's picture."""
    spans: list[Span] = []
    for life, following in zip(lives, [*lives[1:], None], strict=True):
        until = end if following is None else following.created
        spans += [Span(s.start, min(s.end, until), s.phase) for s in life_spans(life, end) if s.start < until]
    return spans


def worst(many: Iterable[Sequence[Span]]) -> list[Span]:
    """Return the spans of the pod that is furthest behind at each time."""
    changes: list[tuple[int, int, int]] = []
    for spans in many:
        for span in spans:
            phase = WORST_FIRST.index(span.phase)
            changes.append((span.start, 1, phase))
            changes.append((span.end, -1, phase))
    changes.sort()
    counts = [0] * len(WORST_FIRST)
    found: list[Span] = []
    shown, since, i = -1, 0, 0
    while i < len(changes):
        now = changes[i][0]
        while i < len(changes) and changes[i][0] == now:
            counts[changes[i][2]] += changes[i][1]
            i += 1
        phase = next((p for p, count in enumerate(counts) if count), -1)
        if phase != shown:
            if shown >= 0:
                found.append(Span(since, now, WORST_FIRST[shown]))
            shown, since = phase, now
    return found


def totals(many: Iterable[Sequence[Span]]) -> tuple[list[int], dict[str, list[int]]]:
    """Return the times at which counts change, and the number of pods in each phase from then on."""
    changes: dict[int, dict[str, int]] = {}
    for spans in many:
        for span in spans:
            for time, sign in ((span.start, 1), (span.end, -1)):
                at = changes.setdefault(time, {})
                at[span.phase] = at.get(span.phase, 0) + sign
    times = sorted(changes)
    counts: dict[str, list[int]] = {phase: [] for phase in WORST_FIRST}
    now = dict.fromkeys(WORST_FIRST, 0)
    for time in times:
        for phase, change in changes[time].items():
            now[phase] += change
        for phase, column in counts.items():
            column.append(now[phase])
    return times, counts


def rows(found: Sequence[Slot], *, most: int) -> tuple[str, list[TimelineRow]]:
    """Return what the rows are and the rows: pods, else Jobs, else racks, else blocks; at most about
    ``most``.

    Pods and Jobs are grouped by rack where there are racks (a Job by the rack that all its pods are in).
    """
    jobs: dict[str, list[Slot]] = {}
    for slot in found:
        jobs.setdefault(slot.job, []).append(slot)
    if len(found) <= most:
        racked = any(slot.rack for slot in found)
        lines = [
            TimelineRow(f"{s.job}-{s.place}", s.rack or ("unplaced" if racked else s.job), s.spans)
            for s in found
        ]
        return "pods", _grouped(lines)
    if len(jobs) <= most:
        lines = []
        for job, inside in jobs.items():
            racks = {slot.rack for slot in inside}
            rack = racks.pop() if len(racks) == 1 else ""
            lines.append(TimelineRow(job, rack, worst(slot.spans for slot in inside)))
        return "Jobs", _grouped(lines)
    racks_of: dict[tuple[str, str], list[Slot]] = {}
    for slot in found:
        racks_of.setdefault((slot.block, slot.rack), []).append(slot)
    if len(racks_of) <= 1:
        return "Jobs", [TimelineRow(job, "", worst(s.spans for s in inside)) for job, inside in jobs.items()]
    if len(racks_of) <= 4 * most or len({block for block, _ in racks_of}) <= 1:
        lines = [
            TimelineRow(rack or "(nowhere)", block, worst(s.spans for s in inside))
            for (block, rack), inside in racks_of.items()
        ]
        return "racks", _grouped(lines)
    blocks: dict[str, list[Slot]] = {}
    for slot in found:
        blocks.setdefault(slot.block, []).append(slot)
    lines = [TimelineRow(b or "(nowhere)", "", worst(s.spans for s in ss)) for b, ss in blocks.items()]
    return "blocks", _grouped(lines)


def _grouped(lines: list[TimelineRow]) -> list[TimelineRow]:
    return sorted(lines, key=lambda line: (natural(line.group), natural(line.label)))
