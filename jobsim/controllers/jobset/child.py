"""Child: all that decisions ask of one child Job as such, looked at once for each state of the Job.

A JobSet is looked at whenever any of its Jobs changes, and then all of them are: of a thousand Jobs
nearly all are the very objects of the look before.

Source: jobset pkg/controllers/jobset_controller.go getChildJobs, findJobFinishedCondition,
calculateReplicatedJobStatuses @08dfbdfd; C-BKT-01, C-BKT-05, C-STS-01..05, C-KEY-04.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import compress, count, zip_longest
from operator import is_not, not_
from typing import NamedTuple, TypeVar

from jobsim.api.batch import Job
from jobsim.api.gofmt import atoi, int32
from jobsim.api.jobset import REPLICATED_JOB_NAME, RESTART_ATTEMPT, JobSet
from jobsim.controllers.jobset.construct import job_name

Key = tuple[str, str]
_T = TypeVar("_T")

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


#: Those made so far, by what they say.
Shares = dict[tuple[str, Counts | None], Share]


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
    """The children of a JobSet, in cache order.

    Parameters
    ----------
    by_name : mapping of str to Child
    wanted : tuple of tuple of str
        The names of all Jobs that each replicated job asks for.
    jobs : sequence of Job
    kinds : mapping
        How many there are of each (attempt, outcome).
    shares : mapping
        How many have each share.
    missing : tuple of tuple of int or None
        The places among ``wanted`` of names that are not there; None: not looked at yet.
    """

    by_name: Mapping[str, Child]
    wanted: tuple[tuple[str, ...], ...]
    jobs: Sequence[Job]
    kinds: Mapping[tuple[int, str], int]
    shares: Mapping[Share, int]
    missing: tuple[tuple[int, ...], ...] | None = None


class _Look:
    """The children of a JobSet as they were last seen, brought up to date where they changed."""

    def __init__(self, jobset: JobSet) -> None:
        self._namespace = jobset.metadata.namespace
        self._spec = jobset.spec
        self._wanted = wanted_names(jobset)
        self._jobs: Sequence[Job] = ()
        #: Of each Job its name, and what it is if it is a child.
        self._names: list[str] = []
        self._children: list[Child | None] = []
        #: The same by name, in that order; None: not made since a Job came or went.
        self._by_name: dict[str, Child | None] | None = None
        self._missing: tuple[tuple[int, ...], ...] | None = None
        self._strangers = 0
        self._kinds: dict[tuple[int, str], int] = {}
        self._shares: dict[Share, int] = {}

    def update(self, jobset: JobSet, jobs: Sequence[Job], shares: Shares) -> Children:
        """Return the children among the Jobs; few differ from those of last time, and these lie together."""
        if jobset.spec is not self._spec:
            self._spec, self._wanted, self._missing = jobset.spec, wanted_names(jobset), None
        old = self._jobs
        shorter = min(len(jobs), len(old))
        first = _alike(jobs, old, shorter)
        last = _alike(reversed(jobs), reversed(old), shorter - first)
        self._replace(first, len(old) - last, jobs[first : len(jobs) - last], shares)
        self._jobs = jobs
        pairs = zip(self._names, self._children, strict=True)
        if self._strangers:
            # One of them may have a child's name, in another namespace.
            self._by_name = None
            by_name = {name: child for name, child in pairs if child is not None}
            jobs = [child.job for child in by_name.values()]
        else:
            if self._by_name is None:
                self._by_name, self._missing = dict(pairs), None
            by_name = self._by_name.copy()  # type: ignore[assignment]
        if self._strangers:
            self._missing = None
        elif self._missing is None:
            self._missing = missing_of(self._wanted, by_name)
        return Children(by_name, self._wanted, jobs, dict(self._kinds), dict(self._shares), self._missing)

    def _replace(self, first: int, end: int, fresh: Sequence[Job], shares: Shares) -> None:
        """Put other Jobs in the place of some."""
        before = self._children[first:end]
        added: list[Child | None] = []
        for job, old, child in zip_longest(fresh, self._jobs[first:end], before):
            if job is old:
                added.append(child)
                continue
            if old is not None:
                self._note(child, -1)
            if job is not None:
                child = child_of(job, shares) if self._is_child(job) else None
                self._note(child, 1)
                added.append(child)
        names = [job.metadata.name for job in fresh]
        if names != self._names[first:end]:
            self._by_name = None
        elif self._by_name is not None:
            self._by_name.update(zip(names, added, strict=True))
        self._names[first:end] = names
        self._children[first:end] = added

    def _note(self, child: Child | None, amount: int) -> None:
        """Count a child, or take it back."""
        if child is None:
            self._strangers += amount
        else:
            _count(self._kinds, (child.attempt, child.outcome), amount)
            _count(self._shares, child.share, amount)

    def _is_child(self, job: Job) -> bool:
        if job.metadata.namespace != self._namespace:
            return False
        owner = job.controller()
        return owner is not None and owner.kind == JobSet.KIND and owner.api_version == JobSet.API_VERSION


def _alike(a: Iterable[Job], b: Iterable[Job], most: int) -> int:
    """Return how many of ``most`` Jobs two lists begin with are the very same."""
    return next(compress(range(most), map(is_not, a, b)), most)


def _count(counts: dict[_T, int], key: _T, amount: int) -> None:
    """Add to a count; zero is none."""
    number = counts.get(key, 0) + amount
    if number:
        counts[key] = number
    else:
        del counts[key]


class Memo:
    """The children of each JobSet at its last look; belongs to the controller that looks.

    A cache and nothing else: an object that is not the very one of then is looked at anew.
    """

    def __init__(self) -> None:
        self._looks: dict[Key, _Look] = {}
        self._shares: Shares = {}

    def children(self, jobset: JobSet, jobs: Sequence[Job]) -> Children:
        """Return those Jobs of a JobSet's UID that are its children."""
        look = self._looks.get(jobset.key)
        if look is None:
            look = self._looks[jobset.key] = _Look(jobset)
        return look.update(jobset, jobs, self._shares)

    def forget(self, jobset: Key) -> None:
        """Let what is known of a JobSet go."""
        self._looks.pop(jobset, None)


def children_of(jobset: JobSet, jobs: Sequence[Job]) -> Children:
    """Look at children for the first and only time; whose they are was asked already."""
    children = [child_of(job, {}) for job in jobs]
    kinds: dict[tuple[int, str], int] = {}
    shares: dict[Share, int] = {}
    for child in children:
        _count(kinds, (child.attempt, child.outcome), 1)
        _count(shares, child.share, 1)
    by_name = {child.job.metadata.name: child for child in children}
    return Children(by_name, wanted_names(jobset), [c.job for c in by_name.values()], kinds, shares)


def missing_of(
    wanted: tuple[tuple[str, ...], ...], there: Mapping[str, Child]
) -> tuple[tuple[int, ...], ...]:
    """Return the places of names that are not there, for each replicated job; most often none."""
    return tuple([tuple(compress(count(), map(not_, map(there.__contains__, names)))) for names in wanted])


def wanted_names(jobset: JobSet) -> tuple[tuple[str, ...], ...]:
    """Return the names of all Jobs that each replicated job asks for."""
    name = jobset.metadata.name
    return tuple(
        tuple([job_name(name, rjob.name, i) for i in range(rjob.replicas)])
        for rjob in jobset.spec.replicated_jobs
    )


def child_of(job: Job, shares: Shares) -> Child:
    """Look at a Job; ``shares`` are those made so far."""
    labels = job.metadata.labels
    attempt = atoi(labels.get(RESTART_ATTEMPT, ""))
    outcome = _outcome(job)
    adds = (labels.get(REPLICATED_JOB_NAME, ""), _counts(job, outcome))
    share = shares.get(adds)
    if share is None:
        share = shares[adds] = Share(*adds)
    return Child(job, UNREADABLE if attempt is None else int32(attempt), outcome, share)


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
