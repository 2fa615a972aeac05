"""The network with what stands on it: racks of machines in their blocks, a ring through a job's ranks.

Each square is a machine, each column a rack, each strip a block.  Colours are JobSets (of a single one, its
Jobs), numbers are ranks' machines in order, the line is the ring that the ranks of a JobSet form.  Below each
rack stands how often rings leave it: what its up-links carry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.patches import Patch, Rectangle

from jobsim.hardware.topology import Machine, Topology
from jobsim.hardware.topology.labels import from_labels
from jobsim.hardware.topology.placement import crossings
from jobsim.report.style import FAINT, INK, Picture, plain, style
from jobsim.results.lives import PodLife
from jobsim.results.recorder import JobSetRecord, Recorder

#: Okabe and Ito's colours, neighbours of different lightness.
COLOURS = ("#56B4E9", "#E69F00", "#009E73", "#F0E442", "#CC79A7", "#0072B2", "#D55E00")
EMPTY = "#E8E8E8"
#: More racks than these are not drawn, beginning with those that nothing stands on.
RACKS_MAX = 160
#: Racks side by side.
_ACROSS = 32
_ACROSS_MIN = 8
#: Machines of a rack that are drawn; beyond, one square is several machines.
_TALL = 32
_NUMBERS_MAX = 256
_WIDTH = 10.0
#: Inches above the machines, for words.
_HEAD = 0.62


class Placed(NamedTuple):
    """A JobSet's machines in rank order, and the Job of each."""

    name: str
    hosts: tuple[int, ...]
    jobs: tuple[str, ...]


class Cell(NamedTuple):
    """Where a rack is drawn: its column and strip."""

    rack: int
    x: float
    y: float


def placement(recorder: Recorder, path: Path | str | None = None) -> Picture | None:
    """Draw where the JobSets of a run stand on its network; None when there is no choice of racks.

    Parameters
    ----------
    recorder : Recorder
        Pods stand where the last one of each rank was bound.
    path : path, optional
        Also write it there (.png, .svg or .pdf).
    """
    topology = from_labels(recorder.nodes, lambda _: Machine()) if recorder.nodes else None
    if topology is None or len(topology.levels[0].names) < 2:
        return None
    placed = _placed(recorder, topology)
    if not placed:
        return None
    with style():
        picture = _draw(topology, placed)
    if path is not None:
        picture.save(path)
    return picture


def _placed(recorder: Recorder, topology: Topology) -> list[Placed]:
    """Return the JobSets that had pods on machines."""
    latest: dict[str, dict[tuple[str, int, int], PodLife]] = {}
    for life in recorder.pods:
        if life.node in topology.number_of:
            ranks = latest.setdefault(f"{life.namespace}/{life.jobset}", {})
            key = (life.rjob, life.job_index, life.index)
            if key not in ranks or ranks[key].created <= life.created:
                ranks[key] = life
    found = []
    for record in recorder.jobsets.values():
        ranks = latest.pop(record.gang.key, {})
        if ranks:
            found.append(_in_order(record, ranks, topology))
    return found


def _in_order(
    record: JobSetRecord, ranks: Mapping[tuple[str, int, int], PodLife], topology: Topology
) -> Placed:
    place = {rjob.name: i for i, rjob in enumerate(record.jobset.spec.replicated_jobs)}
    ordered = sorted(ranks.items(), key=lambda item: (place.get(item[0][0], len(place)), *item[0]))
    jobs: dict[int, str] = {}
    for _, life in ordered:
        jobs.setdefault(topology.number_of[life.node], life.job)
    return Placed(record.gang.name, tuple(jobs), tuple(jobs.values()))


# -- drawing -----------------------------------------------------------------------------------


def _draw(topology: Topology, placed: Sequence[Placed]) -> Picture:
    racks = topology.levels[0]
    leaving = np.sum([crossings(racks, np.array(each.hosts)) for each in placed], axis=0)
    shown, left_out = _shown(topology, placed)
    cells, height, rows = _cells(topology, shown)
    across = max(cell.x for cell in cells) + 1
    tall = min(14.0, _HEAD + height * _WIDTH * 0.94 / max(across, _ACROSS_MIN))
    picture = Picture(_WIDTH, tall)
    axes = picture.add_axes((0.02, 0.0, 0.96, 1 - _HEAD / tall))
    centres = _machines(axes, topology, placed, cells, rows)
    for cell in cells:
        times = int(leaving[cell.rack])
        text = f"{racks.names[cell.rack]}\n{times}×" if across <= 16 else f"{times}×"
        if times or across <= 16:
            axes.text(cell.x + 0.4, cell.y - 0.08, text, ha="center", va="top", size=6.5, color=INK)
    _blocks(axes, topology, cells)
    _rings(axes, placed, centres)
    axes.set_xlim(-0.3, max(across, _ACROSS_MIN) + 0.1)
    axes.set_ylim(0, height)
    axes.set_xticks([])
    axes.set_yticks([])
    plain(axes, keep=())
    note = f"; {left_out} racks without any left out" if left_out else ""
    picture.text(0.02, 1 - 0.2 / tall, _title(topology, placed), size=10, weight="bold", va="center")
    order = ", numbered in rank order" if len(placed) == 1 else ""
    under = f"machines by rack{order}; how often rings leave each rack{note}"
    picture.text(0.02, 1 - 0.4 / tall, under, size=8, color=FAINT, va="center")
    return picture


def _title(topology: Topology, placed: Sequence[Placed]) -> str:
    racks = topology.levels[0]
    parts = []
    for each in placed[:3]:
        hosts = np.array(each.hosts)
        touched = len(set(racks.of_host[hosts].tolist()))
        times = int(crossings(racks, hosts).sum())
        many = f"{len(hosts)} machine{'' if len(hosts) == 1 else 's'}"
        parts.append(f"{each.name}: {many} in {touched} of {len(racks.names)} racks, ring leaves {times}×")
    return "; ".join(parts) + (f"; {len(placed) - 3} more" if len(placed) > 3 else "")


def _shown(topology: Topology, placed: Sequence[Placed]) -> tuple[list[int], int]:
    """Return the racks that are drawn, in order, and how many are not."""
    racks = topology.levels[0]
    if len(racks.names) <= RACKS_MAX:
        return list(range(len(racks.names))), 0
    touched = sorted({int(racks.of_host[host]) for each in placed for host in each.hosts})
    return touched[:RACKS_MAX], len(racks.names) - min(len(touched), RACKS_MAX)


def _cells(topology: Topology, shown: Sequence[int]) -> tuple[list[Cell], float, int]:
    """Return where racks are drawn, strip by strip; the height of all; machines in a column."""
    racks = topology.levels[0]
    sizes = np.bincount(racks.of_host, minlength=len(racks.names))
    rows = min(_TALL, int(max(sizes[list(shown)])))
    _, first = np.unique(racks.of_host, return_index=True)
    outer = topology.levels[1].of_host if len(topology.levels) > 1 else np.zeros_like(racks.of_host)
    tall = 0.25 * rows + 0.7
    strips: list[list[int]] = []
    block = None
    for rack in sorted(shown, key=lambda rack: (int(outer[first[rack]]), rack)):
        if outer[first[rack]] != block or len(strips[-1]) >= _ACROSS:
            strips.append([])
        block = outer[first[rack]]
        strips[-1].append(rack)
    height = tall * len(strips)
    cells = [
        Cell(rack, float(i), height - tall * (n + 1) + 0.5)
        for n, strip in enumerate(strips)
        for i, rack in enumerate(strip)
    ]
    return cells, height, rows


def _machines(
    axes: Axes, topology: Topology, placed: Sequence[Placed], cells: Sequence[Cell], rows: int
) -> dict[int, tuple[float, float]]:
    """Draw the machines; return the centre of each."""
    colours, names = _colours(placed)
    numbers = {host: i for each in placed for i, host in enumerate(each.hosts)} if len(placed) == 1 else {}
    centres: dict[int, tuple[float, float]] = {}
    boxes, faces = [], []
    racks = topology.levels[0]
    order = np.argsort(racks.of_host, kind="stable")
    starts = np.searchsorted(racks.of_host[order], np.arange(len(racks.names) + 1))
    for cell in cells:
        hosts = order[starts[cell.rack] : starts[cell.rack + 1]].tolist()
        folded = -(-len(hosts) // rows)
        for i, host in enumerate(hosts):
            x, y = cell.x, cell.y + 0.25 * (rows - 1 - i // folded)
            width = 0.8 / folded
            boxes.append(Rectangle((x + width * (i % folded), y), width * 0.94, 0.22))
            faces.append(colours.get(host, EMPTY))
            centres[host] = (x + width * (i % folded + 0.47), y + 0.11)
            if host in numbers and len(numbers) <= _NUMBERS_MAX and folded == 1:
                axes.text(x + 0.03, y + 0.11, str(numbers[host]), size=5.5, va="center", color=INK)
    axes.add_collection(PatchCollection(boxes, facecolors=faces, edgecolors="white", linewidths=0.3))
    handles = [Patch(color=colour, label=name) for name, colour in list(names.items())[: len(COLOURS)]]
    if len(names) > len(COLOURS):
        handles.append(Patch(color="white", label="... (colours repeat)"))
    if len(names) > 1:
        axes.legend(
            handles=handles, loc="lower right", bbox_to_anchor=(1, 1), ncols=4, frameon=False, fontsize=7
        )
    return centres


def _blocks(axes: Axes, topology: Topology, cells: Sequence[Cell]) -> None:
    """Write the block of each strip beside it, where there are several."""
    if len(topology.levels) < 2 or len(topology.levels[1].names) < 2:
        return
    block = topology.levels[1]
    for cell in cells:
        if not cell.x:
            host = int(np.argmax(topology.levels[0].of_host == cell.rack))
            name = block.names[int(block.of_host[host])]
            axes.text(-0.1, cell.y, name, rotation=90, ha="right", va="bottom", size=6.5, color=FAINT)


def _colours(placed: Sequence[Placed]) -> tuple[dict[int, str], dict[str, str]]:
    """Return the colour of each machine, and what the colours mean."""
    names: dict[str, str] = {}
    colours: dict[int, str] = {}
    for each in placed:
        for host, job in zip(each.hosts, each.jobs, strict=True):
            word = job if len(placed) == 1 else each.name
            colours[host] = names.setdefault(word, COLOURS[len(names) % len(COLOURS)])
    return colours, names


def _rings(axes: Axes, placed: Sequence[Placed], centres: Mapping[int, tuple[float, float]]) -> None:
    """Draw the ring of each JobSet, where its machines are to be seen and not too many."""
    for each in placed:
        points = [centres[host] for host in each.hosts if host in centres]
        if len(points) != len(each.hosts) or not 2 <= len(points) <= _NUMBERS_MAX:
            continue
        edges = [(points[i], points[(i + 1) % len(points)]) for i in range(len(points))]
        axes.add_collection(LineCollection(edges, colors=INK, linewidths=0.5, alpha=0.45, zorder=3))
