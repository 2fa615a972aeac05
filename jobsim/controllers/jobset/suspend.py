"""Suspending and resuming child Jobs.

Source: jobset pkg/controllers/jobset_controller.go suspendJobs, resumeJobsIfNecessary, resumeJob
@08dfbdfd; C-SUS-*.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobsim.api._struct import replace
from jobsim.api.batch import Job, JobSpec
from jobsim.api.jobset import REPLICATED_JOB_NAME
from jobsim.api.plan import Chain, Step
from jobsim.api.pod import PodSchedulingGate, PodTemplateSpec, Toleration
from jobsim.api.writes import Update, UpdateStatus
from jobsim.controllers.jobset.conditions import (
    IN_ORDER_IN_PROGRESS,
    RESTART_SUSPENDED,
    RESUMED_JOBS,
    SUSPENDED_JOBS,
    set_condition,
)
from jobsim.controllers.jobset.depends_on import dependencies_met
from jobsim.controllers.jobset.draft import Draft
from jobsim.controllers.jobset.startup_policy import all_started, in_order
from jobsim.controllers.jobset.status import Statuses


def suspend_jobs(draft: Draft, active: Sequence[Job]) -> None:
    """Suspend all active Jobs, one after the other (C-SUS-02)."""
    chains = [
        Chain(writes=(Update(obj=replace(job, spec=replace(job.spec, suspend=True))),))
        for job in active
        if not job.spec.suspend
    ]
    _sequential(draft, chains)
    set_condition(draft, SUSPENDED_JOBS)
    set_condition(draft, RESTART_SUSPENDED)


def resume_jobs(draft: Draft, active: Sequence[Job], statuses: Statuses) -> None:
    """Resume suspended Jobs, replicated job by replicated job (C-SUS-04)."""
    ordered = in_order(draft.jobset)
    suspended: dict[str, list[Job]] = {}
    # Most often nothing is suspended; Jobs of a nameless replicated job are not counted (C-STS-01).
    if "" in statuses or any(status.suspended for status in statuses.values()):
        for job in active:
            if job.spec.suspend:
                suspended.setdefault(job.metadata.labels.get(REPLICATED_JOB_NAME, ""), []).append(job)
    # Templates by name as in a Go map: of two replicated jobs of one name the last one counts.
    templates = {r.name: r.template.spec.template for r in draft.jobset.spec.replicated_jobs}
    chains: list[Chain] = []
    replicas: dict[str, int] = {}
    for rjob in draft.jobset.spec.replicated_jobs:
        replicas[rjob.name] = rjob.replicas
        if not dependencies_met(rjob, replicas, statuses):
            continue
        if ordered and all_started(rjob, statuses):
            continue
        template = templates[rjob.name]
        chains += [_resume_chain(job, template) for job in suspended.pop(rjob.name, ())]
        if ordered:
            _sequential(draft, chains)
            set_condition(draft, IN_ORDER_IN_PROGRESS)
            return
    _sequential(draft, chains)
    set_condition(draft, RESUMED_JOBS)


def _sequential(draft: Draft, chains: list[Chain]) -> None:
    """Add chains that run one after the other until one fails."""
    if chains:
        draft.steps.append(Step(chains=tuple(chains), mode="first-error"))


def _resume_chain(job: Job, template: PodTemplateSpec) -> Chain:
    """Return the writes that resume one Job (C-SUS-06)."""
    started = job.status.start_time is not None
    if started:
        job = replace(job, status=replace(job.status, start_time=None))
    update = Update(obj=replace(job, spec=_resumed(job, template)))
    return Chain(writes=(UpdateStatus(obj=job), update) if started else (update,))


def _resumed(job: Job, template: PodTemplateSpec) -> JobSpec:
    """Return the Job's spec, unsuspended, with the template's mutable parts merged in."""
    spec = replace(job.spec, suspend=False)
    if not job.metadata.labels.get(REPLICATED_JOB_NAME):
        return spec
    mine = spec.template
    metadata = replace(
        mine.metadata,
        labels={**mine.metadata.labels, **template.metadata.labels},
        annotations={**mine.metadata.annotations, **template.metadata.annotations},
    )
    pods = replace(
        mine.spec,
        node_selector={**mine.spec.node_selector, **template.spec.node_selector},
        tolerations=_merged_tolerations(mine.spec.tolerations, template.spec.tolerations),
        scheduling_gates=_merged_gates(mine.spec.scheduling_gates, template.spec.scheduling_gates),
    )
    return replace(spec, template=PodTemplateSpec(metadata=metadata, spec=pods))


def _merged_tolerations(
    mine: tuple[Toleration, ...], theirs: tuple[Toleration, ...]
) -> tuple[Toleration, ...]:
    """Return the union, existing ones first (C-SUS-07).

    Tolerations with tolerationSeconds are compared by pointer upstream: they never are equal.
    """
    merged: list[Toleration] = []
    for toleration in (*mine, *theirs):
        if toleration.toleration_seconds is not None or toleration not in merged:
            merged.append(toleration)
    return tuple(merged)


def _merged_gates(
    mine: tuple[PodSchedulingGate, ...], theirs: tuple[PodSchedulingGate, ...]
) -> tuple[PodSchedulingGate, ...]:
    """Return the union, existing ones first."""
    return tuple({gate.name: gate for gate in (*mine, *theirs)}.values())
