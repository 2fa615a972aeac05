"""Creation of missing child Jobs, replicated job by replicated job.

Source: jobset pkg/controllers/jobset_controller.go reconcileReplicatedJobs @08dfbdfd; C-CRE-*.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobsim.api.batch import Job
from jobsim.api.gofmt import quote
from jobsim.api.jobset import JobSet, ReplicatedJob
from jobsim.api.plan import Chain, OnError, Step
from jobsim.api.writes import Create
from jobsim.controllers.jobset.child import Children, missing_of
from jobsim.controllers.jobset.conditions import IN_ORDER_COMPLETED, IN_ORDER_IN_PROGRESS, set_condition
from jobsim.controllers.jobset.construct import JobBuilder
from jobsim.controllers.jobset.depends_on import dependencies_met
from jobsim.controllers.jobset.draft import PARALLEL_WRITES_MAX, Draft, check_index
from jobsim.controllers.jobset.job_restarts import job_restarts
from jobsim.controllers.jobset.startup_policy import all_started, in_order
from jobsim.controllers.jobset.status import Statuses


def create_missing_jobs(draft: Draft, children: Children, statuses: Statuses, *, previous_left: bool) -> None:
    """Create the Jobs that are missing, as far as ordering allows (C-CRE-01).

    Parameters
    ----------
    children : Children
        All owned Jobs: one of any bucket blocks its name (C-CRE-02).
    previous_left : bool
        Whether Jobs of an earlier attempt are still there (C-CRE-03).
    """
    jobset = draft.jobset
    spec = jobset.spec
    ordered = in_order(jobset) and not spec.suspend
    blocked = previous_left and _blocking(jobset)
    replicas: dict[str, int] = {}
    places = children.missing
    if places is None:
        places = missing_of(children.wanted, children.by_name)
    for rjob, absent in zip(spec.replicated_jobs, places, strict=True):
        missing = () if blocked else absent
        # Jobs are built before anything is asked, so a panic while building comes first.
        jobs = _build(draft, rjob, missing) if missing else []
        replicas[rjob.name] = rjob.replicas
        if not dependencies_met(rjob, replicas, statuses):
            continue
        if ordered and all_started(rjob, statuses):
            continue
        if jobs:
            draft.steps.append(_create_step(draft, jobs))
        if ordered:
            set_condition(draft, IN_ORDER_IN_PROGRESS)
            return
    if ordered:
        set_condition(draft, IN_ORDER_COMPLETED)


def _blocking(jobset: JobSet) -> bool:
    policy = jobset.spec.failure_policy
    return policy is not None and policy.restart_strategy == "BlockingRecreate"


def _build(draft: Draft, rjob: ReplicatedJob, missing: Sequence[int]) -> list[Job]:
    """Return the missing Jobs of a replicated job."""
    restarts = None
    if draft.gates.restart_job:
        restarts = job_restarts(draft.jobset, draft.replicated_jobs_status, rjob.name)
        for position in missing:
            check_index(position, len(restarts))
    builder = JobBuilder(draft.jobset, rjob, restarts)
    return [builder.build(i) for i in missing]


def _create_step(draft: Draft, jobs: list[Job]) -> Step:
    """Return the parallel creation of Jobs: all are tried, errors are joined (C-CRE-04, C-CRE-06)."""
    return Step(
        chains=tuple(
            Chain(
                writes=(Create(obj=job),),
                error_format=f"job {quote(job.metadata.name)} creation failed with error: {{}}",
            )
            for job in jobs
        ),
        max_parallel=PARALLEL_WRITES_MAX,
        on_error=OnError(about=draft.about, reason="JobCreationFailed", printf=True),
    )
