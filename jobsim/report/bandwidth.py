"""Bus bandwidth against message size: the model's curves with the measured points."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from jobsim.errors import InputError
from jobsim.hardware.calibrate import Calibration, Row
from jobsim.hardware.catalogue import Fabric, fabrics
from jobsim.hardware.collectives_formulas import bus_factor
from jobsim.hardware.collectives_sweep import collective_times
from jobsim.report.style import FAINT, Picture, plain, style

#: A scale keeps its colour in all panels of one picture, in the order of sizes.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#222222", "#8A8A8A")
_COLUMNS = 3
_PANEL = (3.3, 2.5)
_SAMPLES = 200
#: A data set of fewer sizes is no curve.
_SIZES_MIN = 3
_TICKS_MAX = 5
_POINT: Any = {"linestyle": "", "marker": "o", "markersize": 3.2}


def bandwidth_picture(
    found: Calibration, path: Path | str | None = None, *, known: Mapping[str, Fabric] | None = None
) -> Picture:
    """Draw each data set's bus bandwidth against the size of its messages, a curve and its points per scale.

    Parameters
    ----------
    found : Calibration
        Comparisons with measurements; those with other simulators have no bandwidth, and data sets
        of one or two sizes no curve: they are left out.
    path : path, optional
        Also write it there (.png, .svg or .pdf); the same measurements give the same bytes.
    known : mapping of str to Fabric, optional
        Fabrics by name, where some are users' own.

    Raises
    ------
    InputError
        When there is no measurement to draw.
    """
    panels: dict[str, list[Row]] = {}
    for row in found.rows:
        if row.nbytes:
            panels.setdefault(row.dataset, []).append(row)
    panels = {name: rows for name, rows in panels.items() if len({row.nbytes for row in rows}) >= _SIZES_MIN}
    if not panels:
        raise InputError(f"no measurements to draw (rows of bus bandwidths at {_SIZES_MIN} sizes or more)")
    columns = min(_COLUMNS, len(panels))
    lines = math.ceil(len(panels) / columns)
    with style():
        picture = Picture(_PANEL[0] * columns, _PANEL[1] * lines + 0.4)
        grid = picture.subplots(lines, columns, squeeze=False)
        for axes, (title, rows) in zip(grid.flat, panels.items(), strict=False):
            _panel(axes, title, rows, fabrics() if known is None else known)
        for axes in grid.flat[len(panels) :]:
            axes.set_visible(False)
        for axes in grid[:, 0]:
            axes.set_ylabel("bus bandwidth [GB/s]")
        picture.legend(handles=_keys(), loc="lower center", ncols=2, frameon=False)
        picture.tight_layout(rect=(0, 0.35 / picture.get_figheight(), 1, 1))
    if path is not None:
        picture.save(path)
    return picture


def _panel(axes: Axes, title: str, rows: Sequence[Row], known: Mapping[str, Fabric]) -> None:
    """Draw one data set."""
    scales: dict[tuple[int, int, str], list[Row]] = {}
    for row in rows:
        scales.setdefault((row.domains, row.ranks, row.fabric), []).append(row)
    op = title.rpartition(" ")[2]
    low, high = min(row.nbytes for row in rows), max(row.nbytes for row in rows)
    sizes = np.geomspace(low / 1.5, high * 1.5, _SAMPLES)
    for colour, ((domains, ranks, name), points) in zip(
        cycle(_COLOURS), sorted(scales.items()), strict=False
    ):
        fabric = known[name]
        who = (domains, ranks) if fabric.kind == "switched" else (domains * ranks,)
        seconds = collective_times(op, sizes, fabric=fabric, ranks=who)
        curve = bus_factor(op, domains * ranks) * sizes / seconds / 1e9
        axes.plot(sizes, curve, color=colour, linewidth=1.2)
        xs, ys = ([getattr(point, key) for point in points] for key in ("nbytes", "measured"))
        axes.plot(
            xs, ys, linestyle="", marker="o", markersize=3.2, color=colour, label=f"{domains} × {ranks}"
        )
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(_ticks(low, high)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _: size_label(size)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(bottom=0)
    names = ", ".join(dict.fromkeys(row.fabric for row in rows))
    axes.set_title(f"{title} ({names})", fontsize=8.5, loc="left")
    axes.legend(fontsize=6.5, frameon=False, handletextpad=0.2, loc="upper left")
    axes.grid(axis="y", color=FAINT, linewidth=0.3, alpha=0.5)
    plain(axes, keep=("bottom", "left"))


def _ticks(low: float, high: float) -> list[float]:
    """Return a few powers of two between two sizes, evenly apart."""
    first, last = math.ceil(math.log2(low)), math.floor(math.log2(high))
    step = max(1, math.ceil((last - first) / (_TICKS_MAX - 1)))
    return [2.0**n for n in range(first, last + 1, step)]


def _keys() -> list[Line2D]:
    point = Line2D([], [], **_POINT, color=FAINT, label="measured (domains × ranks)")
    return [point, Line2D([], [], color=FAINT, linewidth=1.2, label="modelled")]


def size_label(nbytes: float) -> str:
    """Return a size for an axis.

    Examples
    --------
    >>> [size_label(2**n) for n in (10, 16, 24, 33)]
    ['1 KiB', '64 KiB', '16 MiB', '8 GiB']
    """
    for unit, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if nbytes >= unit:
            return f"{nbytes / unit:g} {name}"
    return f"{nbytes:g} B"
