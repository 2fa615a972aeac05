"""The pictures of a run; matplotlib (extra ``plot``) is loaded when the first one is drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobsim.results.recorder import Recorder

if TYPE_CHECKING:
    from jobsim.report.style import Picture

#: Their files in the folder of a run.
PICTURES = ("timeline.png", "placement.png", "ledger.png", "restarts.png")


class Pictures:
    """What can be drawn of a run."""

    @property
    def recorder(self) -> Recorder:
        """The folded log."""
        raise NotImplementedError

    @property
    def end(self) -> int:
        """Virtual time at the end, ns."""
        raise NotImplementedError

    def timeline(self, **options: Any) -> Picture:
        """Return the timeline, a matplotlib Figure (extra ``plot``); options of ``report.timeline``."""
        from jobsim.report.timeline import timeline

        return timeline(self.recorder, None, **options)

    def placement(self) -> Picture | None:
        """Return the network with the JobSets on it, a matplotlib Figure (extra ``plot``).

        None when there are no racks to choose from, or no pod was ever bound.
        """
        from jobsim.report.figures_placement import placement as draw

        return draw(self.recorder)

    def ledger(self) -> Picture | None:
        """Return where the time of each JobSet went as a picture (extra ``plot``); None without JobSets."""
        from jobsim.report.figures_goodput import ledger

        return ledger(self.recorder, self.end)

    def waterfall(self) -> Picture | None:
        """Return what each restart was made of as a picture (extra ``plot``); None without restarts."""
        from jobsim.report.figures_goodput import waterfall

        return waterfall(self.recorder, self.end)

    def pictures(self) -> dict[str, Callable[[Path], object]]:
        """Return what saves each picture that the run has something to show in, by file name."""
        drawn = (None, self.placement(), self.ledger(), self.waterfall())
        if drawn[-1] is None:
            drawn = (*drawn[:2], None, None)
        saves: dict[str, Callable[[Path], object]] = {PICTURES[0]: lambda path: self.timeline().save(path)}
        return saves | {
            name: picture.save for name, picture in zip(PICTURES, drawn, strict=True) if picture is not None
        }
