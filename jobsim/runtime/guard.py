"""Guard: asks the laws of the cluster after every write, and tells the story of the object that broke one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn, Protocol

from jobsim.api.reader import Reader
from jobsim.api.watch import WatchEvent
from jobsim.controllers.invariants import Checker, Violation, stable
from jobsim.controllers.jobset.gates import Gates
from jobsim.units import SECOND

#: The last rows of an object's story that are told.
_ROWS_MAX = 20


def wanted() -> bool:
    """Tell whether laws are asked where nobody says it: $JOBSIM_CHECK_INVARIANTS, which the tests set."""
    return os.environ.get("JOBSIM_CHECK_INVARIANTS", "") not in ("", "0")


class Story(Protocol):
    """The log of a run, as far as it is written."""

    def rows(self) -> Iterable[Mapping[str, Any]]:
        """Return the rows, in order."""
        ...


class BrokenLawError(AssertionError):
    """A law of the cluster was broken: our mistake, never the user's."""


class Guard:
    """Raises at the first violation.

    Parameters
    ----------
    reader : Reader
        The store.
    gates : Gates
    story : Story
    calm : bool
        Whether no cache lags, nothing crashes and no answer is wrong.
    honest : bool
        Whether no answer to a write that was made gets lost, and nobody is minutes behind.
    """

    def __init__(
        self, reader: Reader, gates: Gates, story: Story, *, calm: bool, honest: bool = True
    ) -> None:
        self._checker = Checker(reader, gates, calm=calm, honest=honest)
        self._reader = reader
        self._gates = gates
        self._story = story

    def watch(self, event: WatchEvent) -> None:
        """Take one change, after the log has it.

        Raises
        ------
        BrokenLawError
            With the rows of the object's log.
        """
        broken = self._checker.check(event)
        if broken:
            self._tell(broken, event.time, f"after write {event.revision}")

    def end(self, now: int) -> None:
        """Ask the laws about a cluster in which nothing is left to happen.

        Raises
        ------
        BrokenLawError
            Something disagrees, or a JobSet stays unfinished for no reason.
        """
        broken = [*self._checker.settled(), *stable(self._reader, self._gates)]
        if broken:
            self._tell(broken, now, "with nothing left to happen")

    def _tell(self, broken: list[Violation], now: int, when: str) -> NoReturn:
        """Name each law with its clause, object and time, then what the log has of the first object."""
        lines = [
            f"law {v.law} ({v.clause}) is broken at {now / SECOND:g}s, {when}: {v.about} {v.text}"
            for v in broken
        ]
        kind, _, key = broken[0].about.partition(" ")
        namespace, _, name = key.rpartition("/")
        rows = [row for row in self._story.rows() if _is_about(row, kind, namespace, name)]
        lines += [f"what the log has of {broken[0].about}, latest last:"]
        lines += [f"  {dict(row)}" for row in rows[-_ROWS_MAX:]]
        raise BrokenLawError("\n".join(lines))


def _is_about(row: Mapping[str, Any], kind: str, namespace: str, name: str) -> bool:
    """Tell whether a row is a change of an object, or a note about it."""
    about = row.get("about", row)
    return (about.get("kind"), about.get("namespace") or "", about.get("name")) == (kind, namespace, name)
