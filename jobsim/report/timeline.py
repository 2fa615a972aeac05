"""The timeline of a run: who was in which phase when, what the JobSets were at, where the restarts are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from jobsim.report.figures_marks import mark_blows, mark_restarts
from jobsim.report.figures_spans import WORST_FIRST, Slot, TimelineRow, rows, slots, totals
from jobsim.report.figures_time import TimeScale
from jobsim.report.style import (
    FAINT,
    INK,
    PHASE_COLOURS,
    STATE_COLOURS,
    Picture,
    mark_gaps,
    plain,
    style,
    time_axis,
)
from jobsim.results.lives import PodLife
from jobsim.results.log import Log, Row
from jobsim.results.recorder import JobSetRecord, Recorder, replay

#: Beyond this many pods a row is a Job, beyond this many Jobs a rack.
ROWS_MAX = 64
_STRIPS_MAX = 8
_WIDTH = 10.0
_STACKED = ("ready", "running", "starting", "pending", "terminating", "failed", "succeeded")


def timeline(
    source: Recorder | Log | Iterable[Row],
    path: Path | str | None = None,
    *,
    start_ns: int | None = None,
    end_ns: int | None = None,
    title: str | None = None,
    rows_max: int = ROWS_MAX,
    fold: bool = True,
) -> Picture:
    """Draw a run as a timeline.

    Rows are pods (beyond ``rows_max`` Jobs, then racks, then blocks), grouped by rack where there are racks;
    colours are phases, a row of many pods shows the one that is furthest behind and a panel below counts all.
    Strips on top say what each JobSet is at and when failures hit it, vertical lines where the loss of a pod
    led to a restart, with the cause where it is known.

    Parameters
    ----------
    source : Recorder, Log or iterable of rows
    path : path, optional
        Also write it there (.png, .svg or .pdf); the same run gives the same bytes.
    start_ns, end_ns : int, optional
        Only this part of the run.
    title : str, optional
        Default: the JobSets and how many pods and restarts they had.
    rows_max : int
        Most rows that are drawn one by one.
    fold : bool
        Shorten long times in which nothing changes, where they fill most of the run.

    Returns
    -------
    Picture
        A matplotlib Figure; shows itself in notebooks.
    """
    recorder = _recorder(source)
    lives = list(recorder.pods)
    over = _end_of_interest(recorder, lives)
    start, end = start_ns or 0, over if end_ns is None else end_ns
    with style():
        found = slots(lives, recorder.nodes, max(end, start + 1))
        scale = _scale(recorder, found, start, max(end, start + 1), fold)
        picture = _draw(recorder, found, scale, title, rows_max)
    if path is not None:
        picture.save(path)
    return picture


def _recorder(source: Recorder | Log | Iterable[Row]) -> Recorder:
    if isinstance(source, Recorder):
        return source
    return replay(source.rows() if isinstance(source, Log) else source)


def _end_of_interest(recorder: Recorder, lives: Sequence[PodLife]) -> int:
    """Return a time shortly after the last change of a pod or JobSet."""
    last = max((record.gang.finished for record in recorder.jobsets.values()), default=0)
    for life in lives:
        last = max(last, life.gone, life.finished, life.ready, life.running, life.created)
        if life.gone < 0 and life.finished < 0:
            return recorder.time
    return max(min(last + last // 50, recorder.time), last)


def _scale(recorder: Recorder, found: Sequence[Slot], start: int, end: int, fold: bool) -> TimeScale:
    changes = {time for slot in found for span in slot.spans for time in (span.start, span.end)}
    for record in recorder.jobsets.values():
        changes |= {record.gang.created, *(time for time, _, _ in record.transitions)}
    return TimeScale(changes, start, end, fold=fold)


def _draw(
    recorder: Recorder, found: Sequence[Slot], scale: TimeScale, title: str | None, rows_max: int
) -> Picture:
    what, lines = rows(found, most=rows_max)
    jobsets = list(recorder.jobsets.values())
    strips = jobsets[:_STRIPS_MAX]
    heights = _heights(what, len(lines), len(strips))
    total = sum(heights) + 1.4
    picture = Picture(_WIDTH, total)
    grid = picture.add_gridspec(len(heights), 1, height_ratios=heights, hspace=0.05, left=0.13, right=0.9)
    grid.update(top=1 - 0.62 / total, bottom=0.78 / total, hspace=0.16 / (sum(heights) / len(heights)))
    panels = [picture.add_subplot(grid[i]) for i in range(len(heights))]
    _draw_strips(panels[0], strips, scale)
    _draw_rows(panels[1], lines, what, scale)
    if what != "pods":
        _draw_totals(panels[2], found, scale)
    mark_gaps(panels, scale)
    mark_restarts(panels, jobsets, recorder.blows, scale)
    marks = mark_blows(panels[0], strips, recorder.blows, scale)
    for panel in panels:
        time_axis(panel, scale)
    for panel in panels[:-1]:
        panel.set_xlabel("")
        panel.tick_params(bottom=False, labelbottom=False)
    _legend(picture, found, marks, total)
    picture.text(0.13, 1 - 0.16 / total, title or _title(recorder, found), size=11, weight="bold", va="top")
    return picture


def _heights(what: str, count: int, strips: int) -> list[float]:
    """Return the heights of the panels, inches."""
    each = 0.34 if count <= 8 else 0.2 if count <= 20 else 0.125 if count <= 64 else 0.04
    heights = [0.24 * max(strips, 1), min(max(each * count, 0.9), 9.0)]
    return heights if what == "pods" else [*heights, 1.2]


def _title(recorder: Recorder, found: Sequence[Slot]) -> str:
    records = list(recorder.jobsets.values())
    restarts = sum(record.jobset.status.restarts for record in records)
    in_place = sum(r.kind == "in-place" for record in records for r in record.clock.records)
    names = sorted({record.gang.name for record in records})
    who = names[0] if len(names) == 1 else f"{len(records)} JobSets"
    racks = {slot.rack for slot in found} - {""}
    where = f" in {_many(len(racks), 'rack')}" if len(racks) > 1 else ""
    told = f"{who}: {_many(len(found), 'pod')}{where}, {_many(restarts, 'restart')}"
    return f"{told}, {in_place:,} in place" if in_place else told


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


# -- panels ------------------------------------------------------------------------------------


def _boxes(axes: Axes, boxes: Sequence[tuple[float, float, float, float]], colour: str) -> None:
    """Draw boxes (from, to, bottom, top) of one colour."""
    if boxes:
        corners = [((a, low), (b, low), (b, high), (a, high)) for a, b, low, high in boxes]
        axes.add_collection(PolyCollection(corners, facecolors=colour, linewidths=0))


def _draw_rows(axes: Axes, lines: Sequence[TimelineRow], what: str, scale: TimeScale) -> None:
    gap = 0.08 if len(lines) <= 64 else 0.0
    # A phase of an instant (a pod seen Failed and removed at once) keeps a line's width.
    narrowest = scale.length / 900
    by_phase: dict[str, list[tuple[float, float, float, float]]] = {phase: [] for phase in PHASE_COLOURS}
    for y, line in enumerate(lines):
        for span in line.spans:
            if span.end >= scale.start and span.start <= scale.end:
                since = scale(max(span.start, scale.start))
                until = min(max(scale(span.end), since + narrowest), scale.length)
                by_phase[span.phase].append((since, until, y + gap, y + 1 - gap))
    for phase in reversed(WORST_FIRST):
        _boxes(axes, by_phase[phase], PHASE_COLOURS[phase])
    axes.set_ylim(max(len(lines), 1), 0)
    plain(axes)
    _label_rows(axes, lines, what)


def _label_rows(axes: Axes, lines: Sequence[TimelineRow], what: str) -> None:
    """Name each row on the left if there is room, each group on the right."""
    axes.tick_params(left=False, length=2)
    every = 1 if len(lines) <= 64 else -(-len(lines) // 40)
    axes.set_yticks([y + 0.5 for y in range(0, len(lines), every)])
    size = 8 if len(lines) <= 20 else 6.5
    names = _short([line.label for line in lines])[::every]
    axes.set_yticklabels(names, size=size)
    if what != "pods":
        axes.set_ylabel(f"{what}: the pod furthest behind")
    groups = [line.group for line in lines]
    if len(set(groups)) < 2 or (what == "pods" and len(set(groups)) == len(groups)):
        return
    first = 0
    for y in range(1, len(lines) + 1):
        if y == len(lines) or groups[y] != groups[first]:
            if y < len(lines):
                axes.axhline(y, color="white", linewidth=2.5)
                axes.axhline(y, color=FAINT, linewidth=0.5)
            middle = (first + y) / 2
            axes.annotate(
                groups[first],
                (1.0, middle),
                (5, 0),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                va="center",
                size=size,
                color=INK,
            )
            first = y


def _short(labels: Sequence[str]) -> list[str]:
    """Return labels without the words that all of them begin with."""
    if len(labels) < 2:
        return list(labels)
    parts = [label.split("-") for label in labels]
    shared = 0
    while all(len(p) > shared + 1 and p[shared] == parts[0][shared] for p in parts):
        shared += 1
    while shared and parts[0][shared].isdecimal():
        shared -= 1
    return ["-".join(p[shared:]) for p in parts]


def _draw_totals(axes: Axes, found: Sequence[Slot], scale: TimeScale) -> None:
    """Stack the numbers of pods in each phase."""
    times, counts = totals(slot.spans for slot in found)
    edges = [scale(time) for time in [*times, scale.end]]
    axes.stackplot(
        edges,
        [[*counts[phase], counts[phase][-1] if times else 0] for phase in _STACKED],
        colors=[PHASE_COLOURS[phase] for phase in _STACKED],
        step="post",
        linewidth=0,
    )
    axes.set_ylim(0, max(len(found), 1))
    axes.set_ylabel("pods")
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.tick_params(length=2)
    plain(axes, keep=("bottom", "left"))


def _draw_strips(axes: Axes, records: Sequence[JobSetRecord], scale: TimeScale) -> None:
    """Say what each JobSet is at; a word where it fits."""
    for y, record in enumerate(records):
        for begin, over, state in _states(record, scale.end):
            since, until = scale(max(begin, scale.start)), scale(min(over, scale.end))
            if until <= since:
                continue
            _boxes(axes, [(since, until, y + 0.08, y + 0.92)], STATE_COLOURS[state])
            middle, width = _widest_part(since, until, scale)
            if width / scale.length > 0.0085 * len(state):
                axes.text(middle, y + 0.5, state, ha="center", va="center", size=7)
    axes.set_ylim(max(len(records), 1), 0)
    axes.set_yticks([y + 0.5 for y in range(len(records))])
    axes.set_yticklabels([record.gang.name for record in records], weight="bold")
    axes.tick_params(left=False)
    plain(axes, keep=())


def _widest_part(since: float, until: float, scale: TimeScale) -> tuple[float, float]:
    """Return middle and width of the widest part of a stretch between the marks of shortened times."""
    marks = [(scale(a) + scale(b - 1)) / 2 for a, b in scale.gaps]
    edges = [since, *(mark for mark in marks if since < mark < until), until]
    width, start = max((b - a, a) for a, b in pairwise(edges))
    return start + width / 2, width


def _states(record: JobSetRecord, end: int) -> list[tuple[int, int, str]]:
    """Return what a JobSet was at over time: (from, to, state)."""
    over = {"Completed", "Failed"}
    names = {"RestartingJobSet": "Restarting", "StartupPolicyInProgress": "Starting"}
    stepped = next((t for t, account in record.ledger.stretches if account in ("useful", "checkpoint")), end)
    changes = [(record.gang.created, "", ""), *record.transitions]
    if stepped < end:
        changes = sorted([*changes, (stepped, "", "")], key=lambda change: change[0])
    true: dict[str, None] = {}
    found: list[tuple[int, int, str]] = []
    for i, (time, type_, status) in enumerate(changes):
        if status == "True":
            true[type_] = None
        else:
            true.pop(type_, None)
        until = changes[i + 1][0] if i + 1 < len(changes) else end
        last = [t for t in ("Completed", "Failed", "Suspended", *names) if t in true]
        state = names.get(last[0], last[0]) if last else ("Starting" if time < stepped else "Running")
        if until > time and (state in over or until > time):
            if found and found[-1][2] == state:
                found[-1] = (found[-1][0], until, state)
            else:
                found.append((time, until, state))
    return found


def _legend(picture: Picture, found: Sequence[Slot], marks: Sequence[Artist], total: float) -> None:
    """Explain the colours and marks that occur."""
    seen = {span.phase for slot in found for span in slot.spans}
    shown = [phase for phase in PHASE_COLOURS if phase in seen]
    patches: list[Artist] = [Patch(facecolor=PHASE_COLOURS[phase], label=phase) for phase in shown]
    handles = [*patches, *marks]
    picture.legend(
        handles=handles,
        loc="lower center",
        bbox_to_anchor=(0.5, 0.08 / total),
        ncols=max(len(PHASE_COLOURS), len(handles)),
        frameon=False,
        handlelength=1.2,
        handleheight=1.0,
        columnspacing=1.6,
    )
