"""Restarts in place, as the API shows them: which pods a barrier holds back, and when a restart began.

A pod whose agent has announced an attempt does its work only in that attempt, when it is the JobSet's
current one (C-IPR-12, C-AGT-06): until then it counts as not running, though its container may run and be
Ready.  Between a restart of its containers and the announcement it is in no attempt.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from jobsim.api.jobset import JobSetStatus
from jobsim.results.lives import NEVER, PodLife

if TYPE_CHECKING:
    from jobsim.results.tracks import JobTrack


class Barrier:
    """The pods of one gang that have an agent."""

    def __init__(self) -> None:
        self._current: int | None = None
        self._pods: dict[int, tuple[PodLife, JobTrack]] = {}
        #: The highest attempt announced so far, and since when.
        self._ahead = 0
        self.ahead_since = NEVER

    def look(self, life: PodLife, track: JobTrack, time: int) -> None:
        """Find out whether a pod is held back, after a change of it."""
        if life.in_place < 0:
            return
        if life.gone >= 0:
            self._pods.pop(life.serial, None)
            return
        self._pods[life.serial] = (life, track)
        if life.in_place > self._ahead:
            self._ahead, self.ahead_since = life.in_place, time
        over = bool(life.outcome) or life.terminating >= 0 or life.is_done
        held = not over and (life.is_between or not life.is_ready or life.in_place != self._current)
        if held == life.is_held:
            return
        life.is_held = held
        if life.held is None:
            life.held = array("q")
        if life.held and life.held[-1] == time:
            life.held.pop()
        else:
            life.held.append(time)
        if not held and not over:
            life.released = time

    def move(self, status: JobSetStatus) -> list[tuple[PodLife, JobTrack]]:
        """Take in the JobSet's attempts; return the pods to look at again."""
        current = status.current_in_place_restart_attempt
        if current == self._current:
            return []
        self._current = current
        for life, _ in self._pods.values():
            if life.in_place == current:
                life.is_between = False
        return list(self._pods.values())


def attempt_begun(old: JobSetStatus, new: JobSetStatus) -> int | None:
    """Return the attempt that pods restart into since a change of a JobSet's status; None: none.

    The controller says so by making the attempt before it outdated (C-IPR-10), or, where all restarted at
    once, by making it the current one (C-IPR-08).
    """
    previous, current = new.previous_in_place_restart_attempt, new.current_in_place_restart_attempt
    if previous is not None and previous != old.previous_in_place_restart_attempt:
        return previous + 1
    before = old.current_in_place_restart_attempt
    if current is not None and before is not None and current > before:
        return current
    return None
