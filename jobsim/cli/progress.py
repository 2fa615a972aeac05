"""While a long run goes on: a line on the terminal that says how far it is, and Ctrl-C."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Self

from jobsim.units import format_duration

#: A run must take this long before anything is shown, and then between two updates.
PATIENCE_S, UPDATE_S = 2.0, 0.2
_WIDTH = 24


class Interrupt:
    """The handler of a signal: raises an exception, and remembers that it did.

    An exception out of a signal handler can be lost: while numpy's Cython modules are being imported it is.
    ``Progress`` raises it again.

    Parameters
    ----------
    error : BaseException
        What ends the process.
    """

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.heard = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.heard = True
        raise self.error


class Progress:
    """Call it with virtual time and timers fired; use it as a context, so that its line goes away.

    A thread shows the line, because only waiting can tell how long something takes without a clock.

    Parameters
    ----------
    until : int or None
        Where the run ends at the latest, ns, when that is known.
    """

    def __init__(self, until: int | None) -> None:
        self._until = until
        self._now = self._timers = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._show, daemon=True)

    def __call__(self, now: int, timers: int) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            if isinstance(handler, Interrupt) and handler.heard:
                raise handler.error
        self._now, self._timers = now, timers

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def line(self) -> str:
        """Return what is shown now."""
        return progress_line(self._now, self._timers, self._until)

    def _show(self) -> None:
        if self._over.wait(PATIENCE_S):
            return
        while not self._over.wait(UPDATE_S):
            sys.stderr.write(f"\r\x1b[K{self.line()}")
            sys.stderr.flush()
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


class Count(Progress):
    """Call it with how many things are done, and how many there are."""

    def __init__(self, what: str) -> None:
        super().__init__(None)
        self._what = what

    def line(self) -> str:
        """Return what is shown now."""
        done, total = self._now, self._timers
        return f"{_bar(done, total)} {done:,} of {total:,} {self._what}"


def _bar(done: int, total: int) -> str:
    """Return a bar, full when there is nothing to do."""
    full = min(done * _WIDTH // total, _WIDTH) if total else _WIDTH
    return f"[{'#' * full}{'-' * (_WIDTH - full)}]"


def progress_line(now: int, timers: int, until: int | None) -> str:
    """Return the line that is shown.

    Examples
    --------
    >>> progress_line(1800 * 10**9, 250_000, 3600 * 10**9)
    '[############------------] 30m of 60m simulated, 250,000 events'
    """
    text = f"{format_duration(now)} simulated, {timers:,} events"
    if until is None:
        return text
    return (
        f"{_bar(now, until)} {format_duration(now)} of {format_duration(until)} simulated, {timers:,} events"
    )
