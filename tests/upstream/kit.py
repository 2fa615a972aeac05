"""What the counterparts of upstream's cases share: markers, and one pass with what came of it.

The names are of the main branch, so its version is what runs here unless a case says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pytest

from jobsim.api._struct import replace
from jobsim.api.batch import Job, JobStatus
from jobsim.api.jobset import JobSet, JobSetStatus, ReplicatedJob, ReplicatedJobStatus
from jobsim.api.meta import Condition, Object, condition
from jobsim.api.plan import Plan
from jobsim.api.pod import Pod, PodTemplateSpec
from jobsim.api.writes import Create, Delete, Update
from jobsim.apiserver.table import ObjectTable
from jobsim.controllers import jobset
from jobsim.errors import ApiError
from jobsim.testing import carry_out, make_job
from jobsim.units import seconds

O = TypeVar("O", bound=Object)

MAIN = jobset.Gates(version="main")
RELEASE = jobset.Gates()


def gates(**on: bool) -> jobset.Gates:
    """Return the main version with some gates on."""
    return jobset.Gates(version="main", **on)


def cases(file: str, function: str) -> Callable[..., Any]:
    """Return a maker of parameters that are counterparts of one upstream function's cases."""

    def case(name: str, *values: object) -> Any:
        return pytest.param(*values, id=name, marks=upstream(file, function, name))

    return case


def upstream(*parts: str) -> pytest.MarkDecorator:
    """Mark a counterpart: file, function or group, case."""
    return pytest.mark.upstream("::".join(parts))


class Pass:
    """One decision about a JobSet, carried out against a server that agrees to everything.

    Parameters
    ----------
    answers : dict, optional
        By number of the write, from 1: the error to answer with instead.
    """

    def __init__(
        self,
        train: JobSet,
        *children: Job,
        gates: jobset.Gates = MAIN,
        at_s: float = 100,
        service: bool = True,
        pods: Sequence[Pod] = (),
        answers: dict[int, ApiError] | None = None,
    ) -> None:
        seen = jobset.Seen(train, children, service_exists=service, pods=pods)
        self.before = train
        self.plan: Plan = jobset.reconcile(seen, seconds(at_s), gates)
        self.done = carry_out(self.plan, dict(answers or {}))
        self.error = self.done.finish.error

    @property
    def status(self) -> JobSetStatus:
        """The status as written, or as it was if nothing was written."""
        for write in self.done.writes:
            if write.VERB == "update-status" and isinstance(write.obj, JobSet):  # type: ignore[union-attr]
                return write.obj.status  # type: ignore[union-attr]
        return self.before.status

    def condition(self, type_: str) -> Condition | None:
        return condition(self.status.conditions, type_)

    def says(self, type_: str) -> tuple[str, str, str] | None:
        """Status, reason and message of a condition."""
        found = self.condition(type_)
        return None if found is None else (found.status, found.reason, found.message)

    def counts(self, name: str) -> ReplicatedJobStatus:
        return next(s for s in self.status.replicated_jobs_status if s.name == name)

    def made(self, kind: type[O]) -> list[O]:
        """The objects of a kind that were created."""
        return [w.obj for w in self.done.writes if isinstance(w, Create) and isinstance(w.obj, kind)]

    @property
    def created(self) -> list[str]:
        """The names of the Jobs that were created."""
        return [job.name for job in self.made(Job)]

    @property
    def updated(self) -> list[Job]:
        return [w.obj for w in self.done.writes if isinstance(w, Update) and isinstance(w.obj, Job)]

    @property
    def deleted(self) -> list[str]:
        return [write.name for write in self.done.writes if isinstance(write, Delete)]

    @property
    def reasons(self) -> list[str]:
        return self.done.reasons


def table(*objects: Object) -> ObjectTable:
    """Return a reader of some objects."""
    reader = ObjectTable()
    for obj in objects:
        reader.put(obj)
    return reader


def entry(name: str = "w", **counts: Any) -> ReplicatedJobStatus:
    """Return an entry of replicatedJobsStatus, zero where nothing is said."""
    zeros = dict.fromkeys(("ready", "succeeded", "failed", "active", "suspended"), 0)
    return ReplicatedJobStatus(name=name, **{**zeros, **counts})


def ready_job(name: str, **more: Any) -> Job:
    """Return a Job of one pod that is ready."""
    return make_job(name, status=JobStatus(active=1, ready=1), **more)


def with_job(rjob: ReplicatedJob, **changes: Any) -> ReplicatedJob:
    """Return a replicated job with its Job template's spec changed."""
    return replace(rjob, template=replace(rjob.template, spec=replace(rjob.template.spec, **changes)))


def with_pod(rjob: ReplicatedJob, **changes: Any) -> ReplicatedJob:
    """Return a replicated job with its pod template's spec changed."""
    pods: PodTemplateSpec = rjob.template.spec.template
    return with_job(rjob, template=replace(pods, spec=replace(pods.spec, **changes)))


def with_pod_meta(rjob: ReplicatedJob, **changes: Any) -> ReplicatedJob:
    """Return a replicated job with its pod template's metadata changed."""
    pods: PodTemplateSpec = rjob.template.spec.template
    return with_job(rjob, template=replace(pods, metadata=replace(pods.metadata, **changes)))
