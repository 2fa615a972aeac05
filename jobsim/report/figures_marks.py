"""Marks on a timeline: when failures hit which JobSet, where restarts began and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from jobsim.report.figures_time import TimeScale
from jobsim.report.style import INK
from jobsim.results.recorder import Blow, JobSetRecord

#: What restarts are called in a picture.
_RESTARTS = {"jobset": "restart {}", "job": "Job restart", "in-place": "in place {}"}
#: A cause that says nothing.
_SCRIPTED = ("", "scripted")
#: Room for a label, as shares of the picture's width: of any, and of each letter.
_LEAST, _LETTER = 0.09, 0.0075
_RED, _AMBER = "#C1272D", "#B8860B"
#: Where on a strip triangles are: above its word.
_HIGH = 0.06


class _Mark(NamedTuple):
    """How a blow is drawn."""

    label: str
    edge: str
    face: str


_FAILURE = _Mark("failure", "white", _RED)
_FAULT = _Mark("fault, not noticed yet", _RED, "white")
_SLOW = _Mark("slow part", "white", _AMBER)


def _mark(blow: Blow) -> _Mark:
    if blow.slow:
        return _SLOW
    return _FAULT if blow.kind == "fault" else _FAILURE


def mark_blows(
    axes: Axes, records: Sequence[JobSetRecord], blows: Sequence[Blow], scale: TimeScale
) -> list[Artist]:
    """Draw a triangle on a JobSet's strip where a failure hit it; return what explains the triangles."""
    rows = {f"{record.gang.namespace}/{record.gang.name}": y for y, record in enumerate(records)}
    size = 26.0 if len(blows) <= 60 else 10.0
    handles: list[Artist] = []
    for mark in (_SLOW, _FAULT, _FAILURE):
        found = sorted(
            {
                (scale(blow.time), rows[name])
                for blow in blows
                for name in blow.jobsets
                if _mark(blow) == mark and name in rows and scale.start <= blow.time <= scale.end
            }
        )
        if found:
            axes.scatter(
                [x for x, _ in found],
                [y + _HIGH for _, y in found],
                s=size,
                marker="v",
                color=mark.face,
                edgecolors=mark.edge,
                linewidths=0.6,
                zorder=5,
                clip_on=False,
            )
            kept = Line2D([], [], linestyle="", marker="v", color=mark.face, label=mark.label)
            kept.set_markeredgecolor(mark.edge if mark is _FAULT else mark.face)
            handles.append(kept)
    return handles[::-1]


def mark_restarts(
    axes: Sequence[Axes], records: Sequence[JobSetRecord], blows: Sequence[Blow], scale: TimeScale
) -> None:
    """Draw a line where each restart began; label as many as can be read, and parts that got slow."""
    restarts = sorted(
        (scale(restart.begin), _told(_RESTARTS[restart.kind].format(restart.number), restart.cause))
        for record in records
        for restart in record.clock.records
        if restart.kind in _RESTARTS and scale.start <= restart.begin <= scale.end
    )
    crowded = len(restarts) > 60
    for time, _ in restarts:
        for panel in axes[1:]:
            panel.axvline(time, color=INK, linewidth=0.3 if crowded else 0.8, linestyle=(0, (4, 2)))
    slow = {
        (scale(blow.time), _told("slow", blow.cause))
        for blow in blows
        if blow.slow and scale.start <= blow.time <= scale.end
    }
    lines = {time for time, _ in restarts}
    free_from = -scale.length
    for time, label in sorted({*restarts, *slow}):
        half = max(_LEAST, _LETTER * max(map(len, label.split("\n")))) * scale.length / 2
        if time - half < free_from:
            continue
        axes[0].annotate(
            label,
            (time, 1.0),
            (0, 5),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            size=7,
        )
        if time in lines:
            axes[0].axvline(time, color=INK, linewidth=0.8, linestyle=(0, (4, 2)))
        free_from = time + half


def _told(what: str, cause: str) -> str:
    return what if cause in _SCRIPTED else f"{cause}\n{what}"
