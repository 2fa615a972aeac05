"""How all pictures look: colours, type, time axes, and files with the same bytes every time.

Colours are those of Okabe and Ito (2008), which people with any of the common colour vision deficiencies
tell apart; light and dark alternate between neighbours so that a grey print works too.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from jobsim.report.figures_time import TimeScale, clock_label, length_label, tick_label
from jobsim.units import DAY, HOUR, MINUTE, SECOND

#: matplotlib backends that cannot open a window.
_WINDOWLESS = ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template")
#: Phases of pods, in the order of a life.
PHASE_COLOURS = {
    "pending": "#DADADA",
    "starting": "#56B4E9",
    "running": "#0072B2",
    "ready": "#009E73",
    "terminating": "#E69F00",
    "failed": "#D55E00",
    "succeeded": "#CC79A7",
}
#: What a JobSet is at: its conditions, and what is so without one.
STATE_COLOURS = {
    "Suspended": "#BBBBBB",
    "Starting": "#A6D8F3",
    "Restarting": "#F5C97A",
    "Running": "#8FD3BF",
    "Completed": "#E3B6D0",
    "Failed": "#EBA27F",
}
INK = "#222222"
FAINT = "#8A8A8A"
_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.6,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "svg.hashsalt": "jobsim",
    "svg.fonttype": "none",
}
_UNITS = (("d", DAY), ("h", HOUR), ("min", MINUTE), ("s", SECOND))


def style() -> Any:
    """Return the context in which every picture is drawn and written."""
    return rc_context(_STYLE)


class Picture(Figure):
    """A figure that shows itself in a notebook and is written with the same bytes every time."""

    def __init__(self, width: float, height: float) -> None:
        super().__init__(figsize=(width, height), dpi=150, facecolor="white")
        FigureCanvasAgg(self)

    def save(self, path: Path | str) -> None:
        """Write the picture as the file's ending says (.png, .svg, .pdf)."""
        path = Path(path)
        kind = path.suffix.lstrip(".").lower()
        if kind == "png":
            path.write_bytes(self.png())
            return
        undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None, "Producer": None, "Creator": None}}
        with style():
            self.savefig(path, metadata=undated.get(kind))

    def png(self) -> bytes:
        """Return the picture as PNG bytes, without date or software in them."""
        buffer = io.BytesIO()
        with style():
            self.savefig(buffer, format="png", metadata={"Software": None})
        return buffer.getvalue()

    def _repr_png_(self) -> bytes:
        return self.png()

    def show(self, warn: bool = True) -> None:
        """Show the picture in a notebook, or in a window where there is a display.

        Without either nothing is shown; a warning says so, as matplotlib's own does.
        """
        from importlib import import_module

        try:
            shell = import_module("IPython").get_ipython()
        except ImportError:
            shell = None
        if shell is not None:
            display = import_module("IPython.display")
            display.display(display.Image(self.png()))
        elif matplotlib.get_backend().lower() in _WINDOWLESS:
            if warn:
                warnings.warn("no display: use .save('timeline.png')", stacklevel=2)
        else:
            pyplot = import_module("matplotlib.pyplot")
            pyplot.figure(figsize=self.get_size_inches()).figimage(pyplot.imread(io.BytesIO(self.png())))
            pyplot.show()


def time_unit(span_ns: int) -> tuple[str, int]:
    """Return the unit (its name, ns) in which a span reads best."""
    for name, ns in _UNITS:
        if span_ns >= 3 * ns:
            return name, ns
    return _UNITS[-1]


def time_axis(axes: Axes, scale: TimeScale, *, ticks: int = 12) -> None:
    """Label an x axis: plain numbers of one unit, or clock times where quiet times are shortened."""
    axes.set_xlim(0, scale.length)
    times = scale.ticks(ticks)
    axes.set_xticks([scale(time) for time in times])
    if scale.gaps:
        axes.set_xticklabels([clock_label(time) for time in times], size=7)
        axes.set_xlabel("time since the start (quiet times shortened)")
    else:
        name, unit = time_unit(scale.end - scale.start)
        axes.set_xticklabels([tick_label(time, unit) for time in times])
        axes.set_xlabel(f"time since the start [{name}]")


def mark_gaps(panels: Sequence[Axes], scale: TimeScale) -> None:
    """Draw a break where the axis shortens a quiet time, with its length."""
    for a, b in scale.gaps:
        middle, half = (scale(a) + scale(b - 1)) / 2, scale.length / 260
        for panel in panels:
            panel.axvspan(middle - half, middle + half, color="white", linewidth=0, zorder=3)
            for side in (middle - half, middle + half):
                panel.axvline(side, color=FAINT, linewidth=0.6, zorder=4)
        panels[-1].annotate(
            length_label(b - a),
            (middle, 0),
            (0, -5),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            va="top",
            size=7,
            color=FAINT,
            style="italic",
        )


def plain(axes: Axes, *, keep: Sequence[str] = ("bottom",)) -> None:
    """Take away the frame but for some sides."""
    for side, spine in axes.spines.items():
        spine.set_visible(side in keep)
