"""How all pictures look: colours, type, time axes, and files with the same bytes every time.

Colours are those of Okabe and Ito (2008), which people with any of the common colour vision deficiencies
tell apart; light and dark alternate between neighbours so that a grey print works too.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator

from jobsim.units import DAY, HOUR, MINUTE, SECOND

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
_STEPS = {
    "d": (0.5, 1, 2, 5, 10, 20, 50, 100, 200),
    "h": (0.25, 0.5, 1, 2, 3, 4, 6, 12),
    "min": (0.25, 0.5, 1, 2, 5, 10, 15, 20, 30),
    "s": (1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 20, 30),
}


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
        """Show the picture in a notebook.

        Raises
        ------
        RuntimeError
            Outside a notebook: ``save`` it instead.
        """
        from importlib import import_module

        try:
            shell = import_module("IPython").get_ipython()
        except ImportError:
            shell = None
        if shell is None:
            raise RuntimeError("no notebook to show the picture in: use .save('timeline.png')")
        display = import_module("IPython.display")
        display.display(display.Image(self.png()))


def time_unit(span_ns: int) -> tuple[str, int]:
    """Return the unit (its name, ns) in which a span reads best."""
    for name, ns in _UNITS:
        if span_ns >= 3 * ns:
            return name, ns
    return _UNITS[-1]


def time_axis(axes: Axes, start_ns: int, end_ns: int, *, ticks: int = 12) -> None:
    """Label an x axis in ns with a unit and round steps that suit its span."""
    name, unit = time_unit(end_ns - start_ns)
    wanted = (end_ns - start_ns) / unit / ticks
    step = next((s for s in _STEPS[name] if s >= wanted), _STEPS[name][-1])
    axes.set_xlim(start_ns, end_ns)
    axes.xaxis.set_major_locator(MultipleLocator(step * unit))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{round(x / unit, 6):g}"))
    axes.set_xlabel(f"time since the start [{name}]")


def plain(axes: Axes, *, keep: Sequence[str] = ("bottom",)) -> None:
    """Take away the frame but for some sides."""
    for side, spine in axes.spines.items():
        spine.set_visible(side in keep)
