"""Child: all that decisions ask of one child Job as such, looked at once for each state of the Job.

A JobSet is looked at whenever any of its Jobs changes, and then all of them are: of a thousand Jobs
nearly all are the very objects of the look before.

Source: jobset pkg/controllers/jobset_controller.go getChildJobs, findJobFinishedCondition,
calculateReplicatedJobStatuses @08dfbdfd; C-BKT-01, C-BKT-05, C-STS-01..05, C-KEY-04.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from jobsim.api.batch import Job
from jobsim.api.gofmt import atoi, int32
from jobsim.api.jobset import REPLICATED_JOB_NAME, RESTART_ATTEMPT, JobSet, JobSetSpec
from jobsim.controllers.jobset.construct import job_name

Key = tuple[str, str]

#: The attempt of a Job whose label is missing or no integer: below all others.
UNREADABLE = -(2**31) - 1

#: What a current Job adds to ready, succeeded, failed, active and suspended; they overlap (C-STS-03..05).
Counts = tuple[int, int, int, int, int]
_SUCCEEDED: Counts = (0, 1, 0, 0, 0)
_FAILED: Counts = (0, 0, 1, 0, 0)


class Share:
    """What a Job adds to the status of its replicated job; ``counts`` is None where counting panics.

    Compared by identity, which costs nothing: of a thousand Jobs a few differ in what they add, and a
    memo gives those that do not one and the same share.
    """

    __slots__ = ("counts", "replicated_job")

    def __init__(self, replicated_job: str, counts: Counts | None) -> None:
        self.replicated_job = replicated_job
        self.counts = counts


class Child(NamedTuple):
    """A Job in one of its states.

    Parameters
    ----------
    job : Job
    attempt : int
        Its restart attempt, 32 bits; ``UNREADABLE`` if there is none.
    outcome : {"", "Failed", "Complete"}
        What its conditions say (C-BKT-05).
    share : Share
        Counts if it is of the current attempt.
    """

    job: Job
    attempt: int
    outcome: str
    share: Share


class Children(NamedTuple):
    """The children of a JobSet by name, in cache order.

    Parameters
    ----------
    by_name : mapping of str to Child
    wanted : tuple of tuple of str
        The names of all Jobs that each replicated job asks for.
    """

    by_name: Mapping[str, Child]
    wanted: tuple[tuple[str, ...], ...]


class Memo:
    """The children of each JobSet at its last look; belongs to the controller that looks.

    A cache and nothing else: an object that is not the very one of then is looked at anew.
    """

    def __init__(self) -> None:
        self._children: dict[Key, dict[str, Child]] = {}
        self._wanted: dict[Key, tuple[JobSetSpec, tuple[tuple[str, ...], ...]]] = {}
        self._shares: dict[tuple[str, Counts | None], Share] = {}

    def children(self, jobset: JobSet, jobs: Iterable[Job]) -> Children:
        """Return those Jobs of a JobSet's UID that are its children."""
        key = jobset.key
        last = self._children.get(key, {})
        now: dict[str, Child] = {}
        for job in jobs:
            meta = job.metadata
            name = meta.name
            child = last.get(name)
            if child is None or child.job is not job:
                if meta.namespace != key[0] or not _owned_by_a_jobset(job):
                    continue
                child = child_of(job, self._shares)
            now[name] = child
        self._children[key] = now
        spec, wanted = self._wanted.get(key, (None, ()))
        if spec is not jobset.spec:
            wanted = wanted_names(jobset)
            self._wanted[key] = (jobset.spec, wanted)
        return Children(now, wanted)

    def forget(self, jobset: Key) -> None:
        """Let what is known of a JobSet go."""
        self._children.pop(jobset, None)
        self._wanted.pop(jobset, None)


def wanted_names(jobset: JobSet) -> tuple[tuple[str, ...], ...]:
    """Return the names of all Jobs that each replicated job asks for."""
    name = jobset.metadata.name
    return tuple(
        tuple([job_name(name, rjob.name, i) for i in range(rjob.replicas)])
        for rjob in jobset.spec.replicated_jobs
    )


def child_of(job: Job, shares: dict[tuple[str, Counts | None], Share]) -> Child:
    """Look at a Job; ``shares`` are those made so far."""
    labels = job.metadata.labels
    attempt = atoi(labels.get(RESTART_ATTEMPT, ""))
    outcome = _outcome(job)
    adds = (labels.get(REPLICATED_JOB_NAME, ""), _counts(job, outcome))
    share = shares.get(adds)
    if share is None:
        share = shares[adds] = Share(*adds)
    return Child(job, UNREADABLE if attempt is None else int32(attempt), outcome, share)


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
