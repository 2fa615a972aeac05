"""Laws of Jobs: a smallest change that breaks each."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api._struct import Time, replace
from jobsim.api.batch import Job, JobStatus, UncountedTerminatedPods
from jobsim.api.meta import Condition
from jobsim.testing import make_condition, make_job
from tests.controllers.laws import Broken, laws_broken

NEW = JobStatus()


def job(status: JobStatus = NEW, **spec: Any) -> Job:
    """Return an indexed Job of two pods."""
    made = make_job("js-w-0", status=status, parallelism=2, completions=2)
    return replace(made, spec=replace(made.spec, **spec))


def row(law: str, old: JobStatus, new: JobStatus, **spec: Any) -> Broken:
    return Broken(law, job(old, **spec), job(new, **spec))


def conditions(*types: str, **words: Any) -> tuple[Condition, ...]:
    return tuple(make_condition(type_, **words) for type_ in types)


COMPLETE = JobStatus(
    conditions=conditions("SuccessCriteriaMet", "Complete"),
    completion_time=Time(0),
    start_time=Time(0),
    succeeded=2,
    completed_indexes="0,1",
)
FAILED = JobStatus(conditions=conditions("FailureTarget", "Failed"), start_time=Time(0), failed=1)
UNCOUNTED = UncountedTerminatedPods(succeeded=("a",), failed=("a",))
#: One failed pod: about to be counted, then counted.
ONE = UncountedTerminatedPods(failed=("a",))
TOLD = JobStatus(failed=1)
COUNTING = (job(JobStatus(uncounted_terminated_pods=ONE)), job(TOLD))
SUSPENDED = JobStatus(conditions=conditions("Suspended"))

EDITED = replace(job().spec.template, metadata=job().metadata)
ROWS = (
    row("failures-never-shrink", JobStatus(failed=2), JobStatus(failed=1)),
    row("successes-never-shrink", JobStatus(succeeded=2), JobStatus(succeeded=1), completion_mode=None),
    row("successes-never-shrink", JobStatus(succeeded=2, completed_indexes="0,1"), JobStatus(succeeded=1)),
    row(
        "indexes-stay-completed",
        JobStatus(succeeded=1, completed_indexes="0"),
        JobStatus(succeeded=1, completed_indexes="1"),
    ),
    row("indexes-canonical", NEW, JobStatus(succeeded=2, completed_indexes="0-1")),
    row("indexes-canonical", NEW, JobStatus(succeeded=2, completed_indexes="0")),
    row("failed-indexes-apart", NEW, JobStatus(failed_indexes="0")),
    row("failed-indexes-apart", NEW, JobStatus(failed_indexes="0-1"), backoff_limit_per_index=1),
    row("failed-indexes-apart", JobStatus(failed_indexes=""), NEW, backoff_limit_per_index=1),
    row(
        "failed-indexes-apart",
        NEW,
        JobStatus(succeeded=1, completed_indexes="0", failed_indexes="0"),
        backoff_limit_per_index=1,
    ),
    row("active-within-parallelism", NEW, JobStatus(active=3)),
    row("active-within-parallelism", NEW, JobStatus(active=2), parallelism=None),
    row("ready-within-active", NEW, JobStatus(active=1, ready=2)),
    row("end-announced", NEW, JobStatus(conditions=conditions("Complete"))),
    row("end-announced", NEW, JobStatus(conditions=conditions("Failed"))),
    row("end-exclusive", NEW, JobStatus(conditions=conditions("Complete", "Failed"))),
    row("end-exclusive", NEW, JobStatus(conditions=conditions("SuccessCriteriaMet", "FailureTarget"))),
    row("end-final", JobStatus(conditions=conditions("FailureTarget")), NEW),
    row("finished-is-idle", NEW, replace(FAILED, active=1)),
    row("finished-is-idle", NEW, replace(FAILED, terminating=1)),
    row("finished-is-idle", NEW, replace(FAILED, uncounted_terminated_pods=UNCOUNTED)),
    row("finished-is-frozen", FAILED, replace(FAILED, failed=2)),
    row("completion-time-agrees", NEW, JobStatus(completion_time=Time(0))),
    row("completion-time-agrees", NEW, replace(COMPLETE, completion_time=None)),
    row("completion-time-agrees", COMPLETE, replace(COMPLETE, completion_time=Time(1))),
    row("started-when-active", NEW, JobStatus(active=1)),
    row("uncounted-once", NEW, JobStatus(uncounted_terminated_pods=UNCOUNTED)),
    row("counted-as-announced", NEW, replace(NEW, failed=1)),
    row("counted-as-announced", replace(NEW, uncounted_terminated_pods=ONE), NEW),
    row("counted-as-announced", NEW, replace(NEW, succeeded=1), completion_mode="NonIndexed"),
    Broken("counted-once", job(TOLD), job(replace(TOLD, uncounted_terminated_pods=ONE)), before=(COUNTING,)),
    row("suspension-as-asked", NEW, SUSPENDED, suspend=False),
    row("suspension-as-asked", NEW, JobStatus(conditions=conditions("Suspended", status="False"))),
    row(
        "suspension-as-asked",
        SUSPENDED,
        JobStatus(conditions=conditions("Suspended", status="False")),
        suspend=True,
    ),
    Broken("job-spec-fixed", job(), job(completion_mode="NonIndexed")),
    Broken("job-spec-fixed", job(), job(template=EDITED)),
    Broken("job-spec-fixed", job(), job(completions=3)),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.law)
def test_broken(row: Broken) -> None:
    assert row.law in laws_broken(row)


SCALED = job(JobStatus(succeeded=2, completed_indexes="0,1"), parallelism=1, completions=1)
HEALTHY = (
    row("", NEW, COMPLETE),
    row("", replace(NEW, uncounted_terminated_pods=ONE), FAILED),
    row("", NEW, JobStatus(active=2, ready=1, start_time=Time(0), succeeded=1, completed_indexes="1")),
    row("", NEW, SUSPENDED, suspend=True),
    row("", SUSPENDED, JobStatus(conditions=conditions("Suspended", status="False"))),
    row("", NEW, JobStatus(failed_indexes=""), backoff_limit_per_index=1),
    # K-JOB-85: indexes that are cut off do not count any more.
    Broken("", SCALED, replace(SCALED, status=JobStatus(succeeded=1, completed_indexes="0"))),
    Broken("", job(), job(completions=3, parallelism=3).with_meta(generation=2)),
    Broken(
        "",
        job(suspend=True),
        job(template=EDITED).with_meta(generation=2),
    ),
    row("", JobStatus(failed=2), JobStatus(failed=1), managed_by="a.b/c"),
)


@pytest.mark.parametrize("row", HEALTHY)
def test_healthy(row: Broken) -> None:
    assert not laws_broken(row)
