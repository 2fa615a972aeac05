"""Which bucket a child Job is in, and which Jobs are deleted."""

from __future__ import annotations

import pytest

from jobsim.api._struct import replace
from jobsim.api.batch import Job, JobStatus
from jobsim.api.jobset import JOB_INDEX, REPLICATED_JOB_NAME, JobSetStatus, ReplicatedJobStatus
from jobsim.api.plan import Plan
from jobsim.api.writes import Delete
from jobsim.controllers import jobset
from jobsim.errors import ApiError
from jobsim.testing import carry_out, make_condition, make_job, make_jobset

RESTART_JOB = jobset.Gates(restart_job=True)


def status(restarts: int = 0, job_restarts: tuple[int, ...] = ()) -> JobSetStatus:
    entry = ReplicatedJobStatus(
        name="w", ready=0, succeeded=0, failed=0, active=0, suspended=0, job_restarts=job_restarts
    )
    return JobSetStatus(restarts=restarts, replicated_jobs_status=(entry,))


def decide(
    child: Job, *, restarts: int = 0, gates: jobset.Gates = RESTART_JOB, **more: tuple[int, ...]
) -> Plan:
    train = make_jobset("train", replicated_jobs={"w": 2}, status=status(restarts, **more))
    return jobset.reconcile(jobset.Seen(train, [child], service_exists=True), 0, gates)


@pytest.mark.parametrize(
    ("label", "deleted"),
    [("0", True), ("1", True), ("+1", True), ("2", False), ("3", False), ("02", False), ("4294967297", True)],
)
def test_a_job_of_an_earlier_attempt_is_deleted(label: str, deleted: bool) -> None:
    """C-BKT-03: only less than status.restarts is previous; the label is cut to 32 bits (erratum)."""
    plan = decide(make_job("train-w-0", restart_attempt=label), restarts=2, gates=jobset.Gates())
    assert ("delete Job train-w-0" in carry_out(plan).calls) == deleted


@pytest.mark.parametrize("label", ["", "x", "1.5", "0x1", "1_0", " 1", "1e2", "٣", None])
def test_a_bad_attempt_ends_the_pass(label: str | None) -> None:
    """C-BKT-02, C-BUG-38: no deletion, no status."""
    plan = decide(make_job("train-w-0", restart_attempt=label), gates=jobset.Gates())
    assert plan.error is not None
    assert "invalid syntax" in plan.error
    assert (plan.steps, plan.status) == ((), None)


@pytest.mark.parametrize(
    ("label", "job_restarts", "deleted"),
    [
        ("0", (1, 0), True),
        ("1", (1, 0), False),
        ("0", (), False),
        ("-1", (), True),
        (None, (5, 5), False),
    ],
)
def test_a_job_restarted_alone_is_deleted(
    label: str | None, job_restarts: tuple[int, ...], deleted: bool
) -> None:
    """C-BKT-04: an absent array counts as zeros, an absent label as current."""
    child = make_job("train-w-0", job_restart_attempt=label)
    calls = carry_out(decide(child, job_restarts=job_restarts)).calls
    assert ("delete Job train-w-0" in calls) == deleted


@pytest.mark.parametrize(
    ("child", "error"),
    [
        (make_job("train-w-5", job_restart_attempt=0), "job index 5 is out of bounds for replicated job w"),
        (
            make_job("train-w--1", replicated_job="w", job_restart_attempt=0, labels={JOB_INDEX: "-1"}),
            "panic: runtime error: index out of range [-1]",
        ),
        (make_job("train-x-0", job_restart_attempt=0), "job index 0 is out of bounds for replicated job x"),
        (make_job("train-w-x", job_restart_attempt=0), 'parsing "x": invalid syntax'),
        (make_job("train-w-0", job_restart_attempt="y"), 'parsing "y": invalid syntax'),
    ],
)
def test_bad_labels_of_a_job_restarted_alone_end_the_pass(child: Job, error: str) -> None:
    """C-BKT-04."""
    plan = decide(child)
    assert plan.error is not None
    assert error in plan.error


@pytest.mark.parametrize("key", [REPLICATED_JOB_NAME, JOB_INDEX])
def test_with_restart_job_every_child_needs_its_labels(key: str) -> None:
    """C-BKT-04; without the gate they are not looked at."""
    child = make_job("train-w-0", job_restart_attempt=0)
    child = child.with_meta(labels={k: v for k, v in child.metadata.labels.items() if k != key})
    assert decide(child).error == f"missing label {key}"
    assert decide(child, gates=jobset.Gates()).error is None


@pytest.mark.parametrize(
    ("conditions", "bucket"),
    [
        ([], "active"),
        ([("Failed", "False")], "active"),
        ([("SuccessCriteriaMet", "True"), ("FailureTarget", "True"), ("Suspended", "True")], "active"),
        ([("Complete", "True")], "succeeded"),
        ([("Failed", "True")], "failed"),
        ([("Failed", "True"), ("Complete", "True")], "failed"),
        ([("Complete", "True"), ("Failed", "True")], "succeeded"),
        ([("Failed", "False"), ("Complete", "True")], "succeeded"),
    ],
)
def test_the_first_true_condition_decides(conditions: list[tuple[str, str]], bucket: str) -> None:
    """C-BKT-05."""
    job_status = JobStatus(conditions=tuple(make_condition(*c) for c in conditions), active=1)
    plan = decide(make_job("train-w-0", status=job_status), gates=jobset.Gates())
    assert plan.status is not None
    (entry,) = plan.status.obj.status.replicated_jobs_status  # type: ignore[attr-defined]
    assert {n: getattr(entry, n) for n in ("active", "succeeded", "failed")} == {
        "active": 0,
        "succeeded": 0,
        "failed": 0,
        bucket: 1,
    }


def test_previous_jobs_are_deleted_in_the_foreground_at_once() -> None:
    """C-DEL-01, C-DEL-02, C-DEL-03: terminating ones are skipped, a Job that is gone is no error."""
    train = make_jobset("train", replicated_jobs={"w": 3}, status=JobSetStatus(restarts=1))
    children = [
        make_job("train-w-0"),
        make_job("train-w-1", deleted_at=0),
        make_job("train-w-2"),
    ]
    plan = jobset.reconcile(jobset.Seen(train, children, service_exists=True), 0, jobset.Gates())
    step = plan.steps[0]
    assert (step.max_parallel, step.mode, len(step.chains)) == (50, "all", 2)
    for chain in step.chains:
        (write,) = chain.writes
        assert isinstance(write, Delete)
        assert (write.propagation, write.uid) == ("Foreground", "")
    gone = ApiError("NotFound", "gone")
    assert carry_out(plan, {1: gone, 2: gone}).finish.error is None
    refused = carry_out(plan, {1: ApiError("Forbidden", "no"), 2: ApiError("InternalError", "down")})
    assert refused.finish.error == "no\ndown"
    assert refused.calls == ["delete Job train-w-0", "delete Job train-w-2"]


def test_a_terminating_current_job_is_still_current() -> None:
    """C-BKT-01."""
    child = make_job("train-w-0", deleted_at=0, status=JobStatus(active=1, ready=1))
    plan = decide(child, gates=jobset.Gates())
    assert plan.status is not None
    (entry,) = plan.status.obj.status.replicated_jobs_status  # type: ignore[attr-defined]
    assert (entry.active, entry.ready) == (1, 1)
    assert carry_out(plan).calls == ["create Job train-w-1", "update-status JobSet train"]


def test_the_labels_of_jobs_do_not_choose_them() -> None:
    """C-BKT-01: a child without any JobSet label counts in its bucket, in no replicated job (C-STS-02)."""
    child = make_job("train-w-0", succeeded=True)
    child = replace(
        child, metadata=replace(child.metadata, labels={"jobset.sigs.k8s.io/restart-attempt": "0"})
    )
    plan = jobset.reconcile(jobset.Seen(make_jobset("train"), [child]), 0, jobset.Gates())
    assert carry_out(plan).reasons == ["AllJobsCompleted"]


def test_counters_of_negative_replicas_are_a_panic() -> None:
    """C-DIF-01, v0.12.0: a slice of negative length."""
    train = make_jobset("train", replicated_jobs={"w": -1})
    child = make_job("train-w-0", job_restart_attempt=0)
    plan = jobset.reconcile(jobset.Seen(train, [child]), 0, RESTART_JOB)
    assert plan.error == "panic: runtime error: makeslice: len out of range [recovered]"
