"""What decisions ask of a Job's pods: the seam between the tiers that keep them.

A decision sees counts, index sets and, where a write needs them, names; it never sees pods.
``job.pods`` answers from pod objects; another tier may keep the pods of a Job as columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from jobsim.api._struct import Struct
from jobsim.controllers.job.indexes import Intervals

#: Completion index of a pod that has none.
NO_INDEX = -1


class PodRef(Struct):
    """A pod that a write is for.

    Parameters
    ----------
    name, uid : str
    ready : bool
    finalizer : bool
        Whether the tracking finalizer is on it, as far as the cache tells.
    """

    name: str
    uid: str
    ready: bool = False
    finalizer: bool = True


class Tracked(Struct):
    """A pod with the tracking finalizer that a sync may account for.

    Parameters
    ----------
    name, uid : str
    index : int
        Completion index; ``NO_INDEX`` if it has none.
    succeeded, failed : bool
    counts : bool
        Whether its failure counts (no Ignore rule matches it).
    """

    name: str
    uid: str
    index: int
    succeeded: bool
    failed: bool
    counts: bool


class LastFailure(Struct):
    """The last failed pod of an index that waits for its replacement (K-JOB-57).

    Parameters
    ----------
    uid : str
    failures, ignored_failures : int
        Of earlier pods of the index, as its annotations tell.
    counts : bool
        Whether its own failure counts.
    finished : int
        When it finished, ns.
    """

    uid: str
    failures: int
    ignored_failures: int
    counts: bool
    finished: int


class PodTally(Protocol):
    """What decisions ask of a Job's pods."""

    #: Pods neither terminal nor being deleted; those of them that are Ready.
    active: int
    ready: int
    #: Pods being deleted that are not terminal.
    terminating: int
    #: Container restarts of all pods in phase Pending or Running; 0 unless restartPolicy is OnFailure.
    restarts: int
    #: Completion indexes of the active and of the terminating pods.
    active_indexes: Intervals
    terminating_indexes: Intervals
    #: Indexes of tracked pods that succeeded, and whose counted failure exceeds the limit of the index.
    succeeded_indexes: Intervals
    failed_indexes: Intervals
    #: Finish times of pods to be accounted for the first time, ns.
    succeeded_at: list[int]
    failed_at: list[int]
    #: How many of these failures no Ignore rule matches.
    failed_counting: int
    #: Why a FailJob rule ends the Job; "" if none matches.
    fail_job_message: str

    def active_pods(self) -> list[PodRef]:
        """Return all active pods."""
        ...

    def surplus(self, at_least: int) -> list[PodRef]:
        """Return active pods to take away: misplaced indexes, then the least useful (K-JOB-37)."""
        ...

    def tracked(self, *, all_pods: bool) -> list[Tracked]:
        """Return tracked pods: those that succeeded or failed, or all; Indexed: by index."""
        ...

    def held_uids(self, uids: Sequence[str]) -> set[str]:
        """Return those of some UIDs whose pods are still tracked."""
        ...

    def last_failures(self, decided: Intervals) -> Mapping[int, LastFailure]:
        """Return by index the last failed pod, where the index is neither decided nor active."""
        ...
