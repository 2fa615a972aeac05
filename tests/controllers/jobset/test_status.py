"""replicatedJobsStatus."""

from __future__ import annotations

import pytest

from jobsim.api.batch import Job, JobStatus
from jobsim.api.jobset import JobSet, JobSetStatus, ReplicatedJobStatus
from jobsim.controllers import jobset
from jobsim.testing import make_job, make_jobset

GATES = jobset.Gates()


def entry(name: str, **counts: object) -> ReplicatedJobStatus:
    zeros = dict.fromkeys(("ready", "succeeded", "failed", "active", "suspended"), 0)
    return ReplicatedJobStatus(name=name, **{**zeros, **counts})  # type: ignore[arg-type]


def written(
    train: JobSet, children: list[Job], gates: jobset.Gates = GATES
) -> tuple[ReplicatedJobStatus, ...] | None:
    """Return the list in the status write of one pass, None without a write."""
    plan = jobset.reconcile(jobset.Seen(train, children, service_exists=True), 0, gates)
    if plan.status is None:
        return None
    assert isinstance(plan.status.obj, JobSet)
    return plan.status.obj.status.replicated_jobs_status


def job(name: str, *, ready: int | None = None, active: int = 0, succeeded: int = 0, **more: object) -> Job:
    status = JobStatus(ready=ready, active=active, succeeded=succeeded)
    return make_job(name, status=status, **more)  # type: ignore[arg-type]


def test_one_entry_for_every_replicated_job_in_descending_order() -> None:
    """C-STS-01, C-STS-06."""
    train = make_jobset("train", replicated_jobs={"a": 0, "c": 0, "b": 0})
    assert written(train, []) == (entry("c"), entry("b"), entry("a"))


@pytest.mark.parametrize(
    ("child", "ready"),
    [
        (job("train-w-0"), 0),
        (job("train-w-0", ready=1), 1),
        (job("train-w-0", succeeded=1), 1),
        (job("train-w-0", ready=1, succeeded=1, parallelism=2, completions=2), 1),
        (job("train-w-0", ready=1, parallelism=2, completions=2), 0),
        (job("train-w-0", ready=1, parallelism=2, completions=1), 1),
        (job("train-w-0", ready=1, parallelism=1, completions=3), 1),
        (job("train-w-0", ready=2, parallelism=2, completions=None), 1),
        (job("train-w-0", parallelism=0), 1),
    ],
)
def test_ready_is_measured_by_the_childs_own_size(child: Job, ready: int) -> None:
    """C-STS-03, C-STS-04."""
    got = written(make_jobset("train"), [child])
    assert got == (entry("w", ready=ready),)


def test_ready_active_and_suspended_overlap() -> None:
    """C-STS-05."""
    child = job("train-w-0", ready=1, active=1, suspend=True)
    got = written(make_jobset("train", suspend=True), [child])
    assert got == (entry("w", ready=1, active=1, suspended=1),)


def test_only_current_jobs_of_known_replicated_jobs_count() -> None:
    """C-STS-02."""
    train = make_jobset("train", replicated_jobs={"w": 5}, status=JobSetStatus(restarts=1))
    children = [
        job("train-w-0", active=1, restart_attempt=0),
        job("train-w-1", active=1, restart_attempt=1),
        job("train-w-2", active=1, restart_attempt=1, replicated_job=""),
        job("train-w-3", active=1, restart_attempt=1, replicated_job="other"),
        make_job("train-w-4", failed=True, restart_attempt=1, replicated_job="other"),
    ]
    assert written(train, children) == (entry("w", active=1),)


def test_a_child_without_parallelism_is_a_nil_dereference() -> None:
    child = job("train-w-0", parallelism=None)
    plan = jobset.reconcile(jobset.Seen(make_jobset("train"), [child]), 0, GATES)
    assert plan.error is not None
    assert plan.error.startswith("panic: runtime error")
    assert plan.steps == ()


def test_order_alone_causes_no_write_but_a_write_for_another_reason_reorders() -> None:
    """C-STS-06 (errata, confirmed part)."""
    stored = JobSetStatus(restarts=0, replicated_jobs_status=(entry("a", ready=1), entry("b", ready=1)))
    jobs = [job("train-a-0", ready=1), job("train-b-0", ready=1)]
    train = make_jobset("train", replicated_jobs={"a": 1, "b": 1}, status=stored)
    assert written(train, jobs) is None
    ordered = make_jobset("train", replicated_jobs={"a": 1, "b": 1}, status=stored, in_order=True)
    assert written(ordered, jobs) == (entry("b", ready=1), entry("a", ready=1))


def test_no_replicated_jobs_equal_no_status() -> None:
    """C-STS-08."""
    assert written(make_jobset("train", replicated_jobs=[]), []) is None


@pytest.mark.parametrize(("gate", "kept"), [(True, (2, 1)), (False, ())])
def test_job_restarts_are_kept_with_the_gate_and_wiped_without(gate: bool, kept: tuple[int, ...]) -> None:
    """C-STS-07, C-BUG-36."""
    before = entry("w", active=1, job_restarts=(2, 1), job_restarts_count_towards_max=(2, 1))
    train = make_jobset(
        "train", replicated_jobs={"w": 2}, status=JobSetStatus(restarts=0, replicated_jobs_status=(before,))
    )
    children = [job(f"train-w-{i}", ready=1, job_restart_attempt=2 - i) for i in range(2)]
    got = written(train, children, jobset.Gates(restart_job=gate))
    assert got == (entry("w", ready=2, job_restarts=kept, job_restarts_count_towards_max=kept),)
