"""When a JobSet is complete."""

from __future__ import annotations

import pytest

from jobsim.api.batch import JobStatus
from jobsim.api.jobset import JobSet, JobSetStatus, SuccessPolicy
from jobsim.controllers import jobset
from jobsim.testing import carry_out, make_condition, make_job, make_jobset
from jobsim.units import seconds

GATES = jobset.Gates()


def policy(operator: str, *targets: str) -> SuccessPolicy:
    return SuccessPolicy(operator=operator, target_replicated_jobs=targets)


@pytest.mark.parametrize(
    ("success_policy", "replicas", "succeeded", "complete"),
    [
        (policy("All"), {"a": 1, "b": 1}, ["a-0"], False),
        (policy("All"), {"a": 1, "b": 1}, ["a-0", "b-0"], True),
        (policy("All", "a"), {"a": 1, "b": 1}, ["a-0"], True),
        (policy("All", "a"), {"a": 1, "b": 1}, ["b-0"], False),
        (policy("All", "a", "b"), {"a": 1, "b": 1}, ["a-0"], False),
        (policy("Any"), {"a": 2, "b": 1}, ["a-1"], True),
        (policy("Any", "a"), {"a": 2, "b": 1}, ["b-0"], False),
        (policy("Any", "a"), {"a": 2, "b": 1}, ["a-0"], True),
        # C-SUC-05: a target without replicas, or an unknown one, asks for nothing.
        (policy("All", "a"), {"a": 0, "b": 1}, ["b-0"], True),
        (policy("All", "none"), {"a": 1, "b": 1}, ["b-0"], True),
        # C-DIF-01: a negative number lowers the threshold.
        (policy("All"), {"a": -1, "b": 2}, ["b-0"], True),
        # C-SUC-09: at least, not exactly.
        (policy("All", "a"), {"a": 1, "b": 1}, ["a-0", "a-1"], True),
        (policy("Most"), {"a": 1, "b": 1}, ["a-0"], True),
    ],
)
def test_threshold(
    success_policy: SuccessPolicy, replicas: dict[str, int], succeeded: list[str], complete: bool
) -> None:
    """C-SUC-02..06."""
    train = make_jobset("train", replicated_jobs=replicas, success_policy=success_policy)
    children = [make_job(f"train-{name}", succeeded=True) for name in succeeded]
    done = carry_out(jobset.reconcile(jobset.Seen(train, children, service_exists=True), 0, GATES))
    assert ("AllJobsCompleted" in done.reasons) == complete
    assert done.counters == (["jobset_completed_total"] if complete else [])


def test_completion_says_everything_and_deletes_nothing_yet() -> None:
    """C-SUC-04, C-SUC-08, C-CND-01, C-CND-07, C-CND-21."""
    restarting = make_condition("RestartingJobSet", reason="DefaultFailurePolicy")
    train = make_jobset(
        "train",
        replicated_jobs={"a": 1, "b": 1},
        success_policy=policy("Any"),
        status=JobSetStatus(restarts=0, conditions=(restarting,)),
    )
    children = [make_job("train-a-0", succeeded=True), make_job("train-b-0", status=JobStatus(active=1))]
    plan = jobset.reconcile(jobset.Seen(train, children), seconds(7.5), GATES)
    done = carry_out(plan)
    assert done.calls == ["update-status JobSet train"]
    assert done.reasons == ["AllJobsCompleted", "JobSetCompleted"]
    assert plan.status is not None
    assert isinstance(plan.status.obj, JobSet)
    status = plan.status.obj.status
    assert status.terminal_state == "Completed"
    restarting, completed = status.conditions
    assert (restarting.status, restarting.reason) == ("False", "JobSetCompleted")
    assert (completed.type, completed.message) == ("Completed", "jobset completed successfully")
    assert completed.last_transition_time == seconds(7)
    assert [(e.name, e.active, e.succeeded) for e in status.replicated_jobs_status] == [
        ("b", 1, 0),
        ("a", 0, 1),
    ]


def test_failure_beats_success() -> None:
    """C-SUC-01, appendix B 1."""
    train = make_jobset("train", replicated_jobs={"w": 2}, success_policy=policy("Any"))
    children = [make_job("train-w-0", succeeded=True), make_job("train-w-1", failed=True)]
    done = carry_out(jobset.reconcile(jobset.Seen(train, children), 0, GATES))
    assert done.reasons == ["FailedJobs"]


def test_a_jobset_without_jobs_never_completes() -> None:
    """C-SUC-05, appendix B 14."""
    train = make_jobset("train", replicated_jobs=[])
    assert carry_out(jobset.reconcile(jobset.Seen(train, service_exists=True), 0, GATES)).writes == []


def test_successes_of_an_earlier_attempt_do_not_count() -> None:
    """C-SUC-07."""
    train = make_jobset("train", status=JobSetStatus(restarts=1))
    done = carry_out(jobset.reconcile(jobset.Seen(train, [make_job("train-w-0", succeeded=True)]), 0, GATES))
    assert "AllJobsCompleted" not in done.reasons


def test_completion_while_suspended() -> None:
    """C-REC-10."""
    train = make_jobset("train", suspend=True)
    done = carry_out(jobset.reconcile(jobset.Seen(train, [make_job("train-w-0", succeeded=True)]), 0, GATES))
    assert done.reasons == ["AllJobsCompleted"]


def test_a_removed_policy_is_a_panic_at_the_first_success() -> None:
    """C-UPD-10, C-BUG-39: what was deleted before stays deleted."""
    train = make_jobset(
        "train", replicated_jobs={"w": 2}, success_policy=None, status=JobSetStatus(restarts=1)
    )
    children = [make_job("train-w-0"), make_job("train-w-1", restart_attempt=1, succeeded=True)]
    done = carry_out(jobset.reconcile(jobset.Seen(train, children), 0, GATES))
    assert done.calls == ["delete Job train-w-0"]
    assert "nil pointer dereference" in (done.finish.error or "")


def test_an_unknown_operator_asks_for_nothing() -> None:
    """Only an update could bring it in: then any success of any Job completes."""
    policy = SuccessPolicy(operator="Most", target_replicated_jobs=("x",))
    train = make_jobset("train", replicated_jobs={"w": 2, "x": 1}, success_policy=policy)
    seen = jobset.Seen(train, [make_job("train-w-0", succeeded=True)], service_exists=True)
    assert "AllJobsCompleted" in carry_out(jobset.reconcile(seen, 0, jobset.Gates())).reasons
