"""Guard: asks the laws of the cluster after every write, and tells the story of the object that broke one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from jobsim.api.reader import Reader
from jobsim.api.watch import WatchEvent
from jobsim.controllers.invariants import Checker, Violation
from jobsim.controllers.jobset.gates import Gates

#: The last rows of an object's story that are told.
_ROWS_MAX = 40


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
        Whether no cache lags and no answer gets lost.
    """

    def __init__(self, reader: Reader, gates: Gates, story: Story, *, calm: bool) -> None:
        self._checker = Checker(reader, gates, calm=calm)
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
            raise BrokenLawError(_told(broken, event, self._story))


def _told(broken: list[Violation], event: WatchEvent, story: Story) -> str:
    """Return the violations and the story of the object, the latest rows last."""
    obj = event.obj
    rows = [row for row in story.rows() if _is_about(row, obj.kind, obj.namespace, obj.name)]
    lines = [str(violation) for violation in broken]
    lines += [f"after write {event.revision}; what the log has of it:"]
    lines += [f"  {dict(row)}" for row in rows[-_ROWS_MAX:]]
    return "\n".join(lines)


def _is_about(row: Mapping[str, Any], kind: str, namespace: str, name: str) -> bool:
    """Tell whether a row is a change of an object, or a note about it."""
    about = row.get("about", row)
    return (about.get("kind"), about.get("namespace"), about.get("name")) == (kind, namespace, name)
