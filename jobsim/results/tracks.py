"""What a gang knows of its parts: a ReplicatedJob, and one of its Jobs.

A Job is *whole* when it is Complete, or when it is neither Failed nor being deleted and as many pods run as
it can still use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobsim.api.batch import Job
from jobsim.api.jobset import REPLICATED_JOB_NAME, RESTART_ATTEMPT
from jobsim.api.meta import Condition
from jobsim.results.lives import NEVER, PodLife

if TYPE_CHECKING:
    from jobsim.results.gang import Gang


class RjobTrack:
    """A ReplicatedJob: how many of its current Jobs are whole and complete."""

    __slots__ = ("after_complete", "after_ready", "complete", "due", "replicas", "whole")

    def __init__(self, replicas: int) -> None:
        self.replicas = max(replicas, 0)
        self.after_complete: list[str] = []
        self.after_ready: list[str] = []
        self.whole = self.complete = 0
        self.due = False

    @property
    def is_whole(self) -> bool:
        return self.whole >= self.replicas


class JobTrack:
    """One child Job: what it wants, what it has, and when it got into trouble."""

    __slots__ = (
        "attempt",
        "bound",
        "complete",
        "completions",
        "failed",
        "failed_at",
        "failed_indexes",
        "failure",
        "failure_target_at",
        "gang",
        "lost_at",
        "lost_pod",
        "name",
        "parallelism",
        "rjob",
        "running",
        "succeeded",
        "terminating",
        "there",
        "uid",
        "unready",
        "waiting",
        "whole",
    )

    def __init__(self, gang: Gang, job: Job) -> None:
        labels = job.metadata.labels
        self.gang = gang
        self.name, self.uid = job.name, job.uid
        self.rjob = labels.get(REPLICATED_JOB_NAME, "")
        attempt = labels.get(RESTART_ATTEMPT, "")
        self.attempt = int(attempt) if attempt.isdecimal() else 0
        self.running = self.succeeded = self.waiting = self.unready = self.failed_indexes = 0
        self.there = self.bound = 0
        self.complete = self.failed = self.terminating = self.whole = False
        self.lost_at = self.failure_target_at = self.failed_at = NEVER
        self.lost_pod: PodLife | None = None
        self.failure: Condition | None = None
        self.parallelism = 1
        self.completions: int | None = None

    def wanted(self) -> int:
        """Return how many pods it can use at once from now on."""
        if self.completions is None:
            return 0 if self.succeeded else self.parallelism
        return min(self.parallelism, self.completions - self.succeeded - self.failed_indexes)

    def is_whole(self) -> bool:
        """Whether it has all pods that it can still use."""
        if self.complete:
            return True
        return not self.failed and not self.terminating and self.running >= self.wanted()
