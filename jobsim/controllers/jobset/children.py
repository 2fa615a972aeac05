"""Buckets of child Jobs, and their deletion.

Source: jobset pkg/controllers/jobset_controller.go getChildJobs, deleteJobs @08dfbdfd; C-BKT-*, C-DEL-*.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from jobsim.api.batch import Job
from jobsim.api.gofmt import atoi, atoi_error, int32
from jobsim.api.jobset import JOB_INDEX, JOB_RESTART_ATTEMPT, REPLICATED_JOB_NAME, RESTART_ATTEMPT, JobSet
from jobsim.api.plan import Step, parallel
from jobsim.api.writes import Delete
from jobsim.controllers.jobset.child import UNREADABLE, Children, Share
from jobsim.controllers.jobset.draft import PARALLEL_WRITES_MAX, Draft, PassError, check_index
from jobsim.controllers.jobset.job_restarts import job_restarts


class Buckets(NamedTuple):
    """The child Jobs of a pass, each in one list, in cache order; and what the current ones add up to."""

    active: list[Job]
    successful: list[Job]
    failed: list[Job]
    previous: list[Job]
    shares: Mapping[Share, int]


def bucket(children: Children, draft: Draft) -> Buckets:
    """Sort child Jobs into buckets (C-BKT-02..05).

    Raises
    ------
    PassError
        A label is missing or no integer.
    """
    restarts = draft.jobset.status.restarts
    alone = draft.gates.restart_job
    if len(children.kinds) == 1 and not alone:
        # Most of the time all are alike.
        ((attempt, outcome),) = children.kinds
        if attempt >= restarts:
            lists = {"": [], "Complete": [], "Failed": [], outcome: [*children.jobs]}
            return Buckets(lists[""], lists["Complete"], lists["Failed"], [], children.shares)
    if not alone and all(attempt != UNREADABLE for attempt, _ in children.kinds):
        return _by_attempt(children, restarts)
    shares: dict[Share, int] = {}
    buckets = Buckets([], [], [], [], shares)
    current = {"": buckets.active, "Complete": buckets.successful, "Failed": buckets.failed}
    attempts = _Attempts(draft.jobset)
    for job, attempt, outcome, share in children.by_name.values():
        if attempt < restarts or (alone and attempts.outdated_alone(job)):
            if attempt == UNREADABLE:
                raise PassError(atoi_error(job.metadata.labels.get(RESTART_ATTEMPT, "")))
            buckets.previous.append(job)
        else:
            current[outcome].append(job)
            shares[share] = shares.get(share, 0) + 1
    return buckets


def _by_attempt(children: Children, restarts: int) -> Buckets:
    """Sort child Jobs whose attempts can all be read, where none is restarted alone."""
    current = [child for child in children.by_name.values() if child.attempt >= restarts]
    active = [child.job for child in current if not child.outcome]
    finished = [child for child in current if child.outcome] if len(active) < len(current) else []
    return Buckets(
        active,
        [child.job for child in finished if child.outcome == "Complete"],
        [child.job for child in finished if child.outcome == "Failed"],
        [child.job for child in children.by_name.values() if child.attempt < restarts]
        if len(current) < len(children.by_name)
        else [],
        Counter([child.share for child in current]),
    )


class _Attempts:
    """Restarts of single Jobs that a pass asks for, each replicated job's looked up once."""

    def __init__(self, jobset: JobSet) -> None:
        self._jobset = jobset
        self._targets: dict[str, tuple[int, ...]] = {}

    def outdated_alone(self, job: Job) -> bool:
        """Tell whether a RestartJob action has called for this Job's replacement (C-BKT-04)."""
        labels = job.metadata.labels
        for key in (REPLICATED_JOB_NAME, JOB_INDEX):
            if key not in labels:
                raise PassError(f"missing label {key}")
        job_index = _integer(labels[JOB_INDEX])
        text = labels.get(JOB_RESTART_ATTEMPT)
        if text is None:
            return False
        attempt = int32(_integer(text))
        targets = self._target(labels[REPLICATED_JOB_NAME])
        if job_index >= len(targets):
            name = labels[REPLICATED_JOB_NAME]
            raise PassError(f"job index {job_index} is out of bounds for replicated job {name}")
        check_index(job_index, len(targets))
        return attempt < targets[job_index]

    def _target(self, name: str) -> tuple[int, ...]:
        """Return the individual restarts of a replicated job."""
        targets = self._targets.get(name)
        if targets is None:
            targets = job_restarts(self._jobset, self._jobset.status.replicated_jobs_status, name)
            self._targets[name] = targets
        return targets


def _integer(text: str) -> int:
    """Return a label's value as Go parses it."""
    value = atoi(text)
    if value is None:
        raise PassError(atoi_error(text))
    return value


def delete_jobs(jobs: Sequence[Job], draft: Draft) -> None:
    """Delete Jobs in the foreground, skipping those that are terminating (C-DEL-01..03)."""
    writes = [
        Delete(kind="Job", namespace=job.namespace, name=job.name, propagation="Foreground")
        for job in jobs
        if job.metadata.deletion_timestamp is None
    ]
    if writes:
        step: Step = parallel(list(writes), max_parallel=PARALLEL_WRITES_MAX, ignore=("NotFound",))
        draft.steps.append(step)
