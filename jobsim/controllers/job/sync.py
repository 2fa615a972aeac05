"""Sync: one pass over a Job between its parts: what was read, what is decided so far.

Source: kubernetes pkg/controller/job/job_controller.go syncJobCtx.
"""

from __future__ import annotations

from collections.abc import Mapping

from jobsim.api._struct import Struct, replace
from jobsim.api.batch import Job, JobStatus
from jobsim.api.core import ObjectReference
from jobsim.api.meta import Condition
from jobsim.api.plan import EventRecord, Outcome, Plan, WriteResult, reference
from jobsim.api.timing import REAL, Timing
from jobsim.apiserver.index import owner_uid
from jobsim.controllers.job.backoff import Backoff
from jobsim.controllers.job.indexes import Intervals
from jobsim.controllers.job.memory import Memory, revision
from jobsim.controllers.job.pod_tally import LastFailure, PodTally


class Sync(Struct):
    """The state of one pass.

    Parameters
    ----------
    job : Job
        As read, or as the last status write answered.
    tally : PodTally
    now : int
        The time that conditions carry, ns.
    memory : Memory
    expected : bool
        Whether all pods were seen that were to come or go (K-JOB-14).
    status : JobStatus
        The status being formed.
    active, ready, terminating : int
        Pod counts after this pass's creations and deletions.
    succeeded : int
        Successes, those not yet counted in the status included.
    previous_indexes : Intervals
        Indexes that the status as read calls completed.
    succeeded_indexes : Intervals
    failed_indexes : Intervals or None
        None unless failures are limited by index.
    last_failures : mapping of int to LastFailure
        Failed pods that stay until their index has a new pod (K-JOB-57).
    backoff : Backoff
        The new record; remembered once the status is written.
    finish : Condition or None
        What ends the Job.
    flush : bool
        Whether the status has to be written.
    requeue_at : int or None
        When another look is due, ns.
    timing : Timing
    """

    job: Job
    tally: PodTally
    now: int
    memory: Memory
    expected: bool
    status: JobStatus
    active: int
    ready: int
    terminating: int
    succeeded: int = 0
    previous_indexes: Intervals = ()
    succeeded_indexes: Intervals = ()
    failed_indexes: Intervals | None = None
    last_failures: Mapping[int, LastFailure] = {}
    backoff: Backoff = Backoff()
    finish: Condition | None = None
    flush: bool = False
    requeue_at: int | None = None
    timing: Timing = REAL

    @property
    def about(self) -> ObjectReference:
        """The Job, as its events refer to it."""
        return reference(self.job)

    def event(self, type_: str, reason: str, message: str) -> EventRecord:
        """Return an event about the Job."""
        return EventRecord(about=self.about, type=type_, reason=reason, message=message)

    def look_again(self, at: int) -> Sync:
        """Return the pass with one more wish to look again; the earliest counts."""
        if self.requeue_at is not None and self.requeue_at <= at:
            return self
        return replace(self, requeue_at=at)

    def end(self) -> Plan:
        """Return the end of the pass."""
        if self.requeue_at is None:
            return Plan()
        return Plan(requeue_after_ns=max(0, self.requeue_at - self.now), requeue_always=True)


def is_suspended(job: Job) -> bool:
    """Tell whether a Job's spec asks for suspension."""
    return job.spec.suspend is True


def later(sync: Sync, outcome: Outcome) -> Sync:
    """Return the pass at the time when its writes were answered."""
    now = sync.now
    for step in outcome.steps:
        for chain in step:
            for result in chain:
                if result.at is not None and result.at > now:
                    now = result.at
    return sync if now == sync.now else replace(sync, now=now)


def remember_pod_writes(memory: Memory, results: tuple[WriteResult, ...]) -> Memory:
    """Return a memory that knows of own writes to pods, to see them before the next pass (K-JOB-16)."""
    latest = memory.wrote_pods
    for result in results:
        obj = result.obj
        # A pod without the controller reference is none of the Job's, its event would not be noted.
        if obj is not None and owner_uid(obj) == memory.uid:
            latest = max(latest, revision(obj))
    return memory if latest == memory.wrote_pods else replace(memory, wrote_pods=latest)
