"""Laws of JobSets: a smallest status that breaks each."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api._struct import replace
from jobsim.api.jobset import JobSetStatus, ReplicatedJobStatus, SuccessPolicy
from jobsim.testing import make_condition, make_jobset
from jobsim.units import SECOND
from tests.controllers.laws import Broken, laws_broken


def status(restarts: int = 0, counted: int = 0, **fields: Any) -> JobSetStatus:
    return JobSetStatus(restarts=restarts, restarts_count_towards_max=counted, **fields)


def conditions(*types: str, **words: Any) -> JobSetStatus:
    return status(conditions=tuple(make_condition(type_, **words) for type_ in types))


def counts(name: str = "w", **fields: Any) -> ReplicatedJobStatus:
    numbers = dict.fromkeys(("ready", "succeeded", "failed", "active", "suspended"), 0)
    return ReplicatedJobStatus(name=name, **{**numbers, **fields})


def jobset_row(law: str, old: JobSetStatus, new: JobSetStatus, **spec: Any) -> Broken:
    return Broken(law, make_jobset("js", status=old, **spec), make_jobset("js", status=new, **spec))


FAILED = status(conditions=(make_condition("Failed", reason="FailedJobs"),), terminal_state="Failed")
DONE = conditions("Completed", reason="AllJobsCompleted")
ANY = SuccessPolicy(operator="Any")

ROWS = (
    jobset_row("restarts-never-fall", status(1), status(0)),
    jobset_row("restarts-never-fall", status(0), status(2)),
    jobset_row("counted-within-restarts", status(1, 1), status(1, 2)),
    jobset_row("budget-kept", status(), status(1, 1), max_restarts=0),
    jobset_row("budget-kept", status(), status(1, 1)),
    jobset_row("finished-restarts-no-more", FAILED, replace(FAILED, restarts=1)),
    jobset_row("terminal-exclusive", status(), conditions("Completed", "Failed")),
    jobset_row("terminal-final", FAILED, status(terminal_state="Failed")),
    jobset_row("terminal-state-agrees", status(), status(terminal_state="Failed")),
    jobset_row("terminal-state-agrees", status(), conditions("Completed")),
    jobset_row("terminal-state-agrees", status(terminal_state="Failed"), status(restarts=1)),
    jobset_row("conditions-known", status(), conditions("Ready")),
    jobset_row("conditions-known", status(), conditions("Suspended", "Suspended")),
    jobset_row(
        "conditions-in-order",
        conditions("Suspended", "RestartingJobSet"),
        conditions("RestartingJobSet", "Suspended"),
    ),
    jobset_row("false-never-born", status(), conditions("Suspended", status="False")),
    jobset_row("transition-times", conditions("Suspended"), conditions("Suspended", at=SECOND)),
    jobset_row(
        "startup-exclusive",
        status(),
        conditions("StartupPolicyInProgress", "StartupPolicyCompleted"),
        in_order=True,
    ),
    jobset_row("startup-in-order", status(), conditions("StartupPolicyCompleted")),
    jobset_row("suspended-as-asked", status(), conditions("Suspended")),
    jobset_row(
        "suspended-as-asked", conditions("Suspended"), conditions("Suspended", status="False"), suspend=True
    ),
    jobset_row("completed-earned", status(), DONE),
    jobset_row("completed-earned", status(), DONE, success_policy=ANY),
    jobset_row("failure-has-grounds", status(), conditions("Failed", reason="FailedJobs"), max_restarts=1),
    jobset_row("failure-has-grounds", status(), conditions("Failed", reason="ReachedMaxRestarts")),
    jobset_row(
        "failure-has-grounds", status(), conditions("Failed", reason="ReachedMaxRestarts"), max_restarts=1
    ),
    jobset_row(
        "ready-earned",
        conditions("RestartingJobSet"),
        conditions("RestartingJobSet", status="False", reason="JobsReady"),
    ),
    jobset_row("statuses-by-spec", status(), status(replicated_jobs_status=(counts("x"),))),
    jobset_row("statuses-by-spec", status(), status(replicated_jobs_status=(counts(active=-1),))),
    jobset_row(
        "job-restarts-never-fall",
        status(replicated_jobs_status=(counts(job_restarts=(1,)),)),
        status(replicated_jobs_status=(counts(job_restarts=(0,)),)),
    ),
    jobset_row(
        "job-restarts-never-fall",
        status(),
        status(replicated_jobs_status=(counts(job_restarts=(0,), job_restarts_count_towards_max=(1,)),)),
    ),
    jobset_row(
        "in-place-attempt-never-falls",
        status(previous_in_place_restart_attempt=2),
        status(previous_in_place_restart_attempt=1),
    ),
    jobset_row("untouched-when-deleted", status(), status(1), deleted_at=0),
    Broken("spec-fixed", make_jobset("js"), make_jobset("js", replicated_jobs={"w": 2})),
    Broken("spec-fixed", make_jobset("js"), make_jobset("js", managed_by="a.b/c")),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.law)
def test_broken(row: Broken) -> None:
    assert row.law in laws_broken(row)


HEALTHY = (
    (status(), status(1, 1, conditions=(make_condition("RestartingJobSet"),)), {"max_restarts": 1}),
    (status(1, 1), status(2, 1), {"max_restarts": 1}),
    (status(1, 1), replace(FAILED, restarts=1, restarts_count_towards_max=1), {}),
    (status(), conditions("Suspended"), {"suspend": True}),
    (conditions("Suspended", at=1), conditions("Suspended", at=2, status="False"), {}),
    (
        status(),
        replace(DONE, terminal_state="Completed", replicated_jobs_status=(counts(succeeded=1),)),
        {"success_policy": ANY, "replicated_jobs": {"w": 2}},
    ),
)


@pytest.mark.parametrize(("old", "new", "spec"), HEALTHY)
def test_healthy(old: JobSetStatus, new: JobSetStatus, spec: dict[str, Any]) -> None:
    names = tuple(rjob for rjob in new.replicated_jobs_status) or (counts(),)
    assert not laws_broken(jobset_row("", old, replace(new, replicated_jobs_status=names), **spec))


def test_a_status_of_another_controller_is_its_own() -> None:
    """C-MGD-03."""
    assert not laws_broken(jobset_row("", status(3), status(), managed_by="a.b/c"))
