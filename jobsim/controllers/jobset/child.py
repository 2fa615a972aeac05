"""Child: all that decisions ask of one child Job as such, looked at once for each state of the Job.

A JobSet is looked at whenever any of its Jobs changes, and then all of them are: of a thousand Jobs
nearly all are the very objects of the look before.

Source: jobset pkg/controllers/jobset_controller.go getChildJobs, findJobFinishedCondition,
calculateReplicatedJobStatuses @08dfbdfd; C-BKT-01, C-BKT-05, C-STS-01..05, C-KEY-04.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from jobsim.api.batch import Job
from jobsim.api.gofmt import atoi, int32
from jobsim.api.jobset import REPLICATED_JOB_NAME, RESTART_ATTEMPT, JobSet

Key = tuple[str, str]

#: The attempt of a Job whose label is missing or no integer: below all others.
UNREADABLE = -(2**31) - 1

#: What a current Job adds to ready, succeeded, failed, active and suspended; they overlap (C-STS-03..05).
Counts = tuple[int, int, int, int, int]
_SUCCEEDED: Counts = (0, 1, 0, 0, 0)
_FAILED: Counts = (0, 0, 1, 0, 0)


class Share(NamedTuple):
    """What a Job adds to the status of its replicated job; ``counts`` is None where counting panics."""

    replicated_job: str
    counts: Counts | None


class Child(NamedTuple):
    """A Job in one of its states.

    Parameters
    ----------
    job : Job
    owned : bool
        Whether its controller is a JobSet.
    attempt : int
        Its restart attempt, 32 bits; ``UNREADABLE`` if there is none.
    outcome : {"", "Failed", "Complete"}
        What its conditions say (C-BKT-05).
    share : Share
        Counts if it is of the current attempt.
    """

    job: Job
    owned: bool
    attempt: int
    outcome: str
    share: Share


def child_of(job: Job) -> Child:
    """Look at a Job."""
    labels = job.metadata.labels
    attempt = atoi(labels.get(RESTART_ATTEMPT, ""))
    outcome = _outcome(job)
    return Child(
        job=job,
        owned=_owned_by_a_jobset(job),
        attempt=UNREADABLE if attempt is None else int32(attempt),
        outcome=outcome,
        share=Share(labels.get(REPLICATED_JOB_NAME, ""), _counts(job, outcome)),
    )


def _owned_by_a_jobset(job: Job) -> bool:
    owner = job.controller()
    return owner is not None and owner.kind == JobSet.KIND and owner.api_version == JobSet.API_VERSION


def _outcome(job: Job) -> str:
    """Return the type of the first condition by which a Job is finished, or nothing."""
    for condition in job.status.conditions:
        if condition.status == "True" and condition.type in ("Failed", "Complete"):
            return condition.type
    return ""


def _counts(job: Job, outcome: str) -> Counts | None:
    """Return what a Job adds to the status of its replicated job (C-STS-01..05)."""
    if outcome:
        return _FAILED if outcome == "Failed" else _SUCCEEDED
    spec, status = job.spec, job.status
    pods = spec.parallelism
    if pods is None:
        return None
    if spec.completions is not None and spec.completions < pods:
        pods = spec.completions
    ready = status.succeeded + (status.ready or 0) >= pods
    return (int(ready), 0, 0, int(status.active > 0), int(bool(spec.suspend)))


class Memo:
    """The children of each JobSet at its last look; belongs to the controller that looks.

    A cache and nothing else: a Job that is not the very object of then is looked at anew.
    """

    def __init__(self) -> None:
        self._last: dict[Key, dict[str, Child]] = {}

    def children(self, jobset: Key, jobs: Iterable[Job]) -> list[Child]:
        """Return those Jobs of a JobSet's UID that are in its namespace, as children."""
        namespace = jobset[0]
        last = self._last.get(jobset, {})
        now: dict[str, Child] = {}
        for job in jobs:
            meta = job.metadata
            name = meta.name
            child = last.get(name)
            if child is None or child.job is not job:
                if meta.namespace != namespace:
                    continue
                child = child_of(job)
            now[name] = child
        self._last[jobset] = now
        return list(now.values())

    def forget(self, jobset: Key) -> None:
        """Let the children of a JobSet go."""
        self._last.pop(jobset, None)
