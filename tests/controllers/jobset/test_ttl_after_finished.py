"""The end of a finished JobSet."""

from __future__ import annotations

import pytest

from jobsim.api._struct import replace
from jobsim.api.batch import JobStatus
from jobsim.api.jobset import JobSet, JobSetStatus
from jobsim.api.meta import Condition
from jobsim.api.plan import Plan
from jobsim.api.writes import Delete
from jobsim.controllers import jobset
from jobsim.errors import ApiError
from jobsim.testing import carry_out, make_condition, make_job, make_jobset
from jobsim.units import seconds

GATES = jobset.Gates()
DONE = make_condition("Completed", at=seconds(10))


def finished(*conditions: Condition, ttl_s: int | None = 30, **more: object) -> JobSet:
    status = JobSetStatus(restarts=0, conditions=conditions)
    fields = {"replicated_jobs": [], "ttl_s": ttl_s, "status": status, **more}
    return make_jobset("train", **fields)  # type: ignore[arg-type]


def decide(train: JobSet, at_s: float, *children: object) -> Plan:
    return jobset.reconcile(jobset.Seen(train, children), seconds(at_s), GATES)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ttl_s", "at_s", "left_s"),
    [
        (30, 10, 30),
        (30, 10.25, 29.75),
        (30, 39.999, 0.001),
        (30, 40, None),
        (30, 400, None),
        (0, 10, None),
        (30, 5, 35),
        (-5, 6, None),
    ],
)
def test_the_rest_is_asked_for_and_then_the_jobset_goes(
    ttl_s: int, at_s: float, left_s: float | None
) -> None:
    """C-TTL-03, C-TTL-04, C-TTL-05, C-TTL-09, C-QUE-05."""
    done = carry_out(decide(finished(DONE, ttl_s=ttl_s), at_s))
    if left_s is not None:
        assert done.finish.requeue_after_ns == seconds(left_s)
        assert done.writes == []
    else:
        (write,) = done.writes
        assert isinstance(write, Delete)
        assert (write.kind, write.name, write.propagation) == ("JobSet", "train", "Foreground")
        assert done.finish.requeue_after_ns is None


def test_without_a_ttl_nothing_happens() -> None:
    """C-TTL-02."""
    done = carry_out(decide(finished(DONE, ttl_s=None), 10**6))
    assert (done.writes, done.finish.requeue_after_ns) == ([], None)


def test_the_first_true_condition_counts() -> None:
    """C-TTL-03."""
    train = finished(
        make_condition("Failed", "False", at=0), make_condition("Failed", at=seconds(20)), DONE, ttl_s=30
    )
    assert carry_out(decide(train, 45)).finish.requeue_after_ns == seconds(5)


def test_a_condition_without_time_is_an_error() -> None:
    """C-TTL-03."""
    train = finished(replace(DONE, last_transition_time=None))
    assert "unable to find the time when the JobSet default/train finished" in (decide(train, 0).error or "")
    assert decide(finished(replace(DONE, last_transition_time=None), ttl_s=None), 0).error is None


def test_active_jobs_go_first_and_the_others_stay() -> None:
    """C-REC-06, C-TTL-01, appendix B 12."""
    train = replace(finished(DONE), spec=make_jobset("train", replicated_jobs={"w": 4}, ttl_s=30).spec)
    train = replace(train, status=replace(train.status, restarts=1))
    children = [
        make_job("train-w-0", restart_attempt=0),
        make_job("train-w-1", restart_attempt=1, status=JobStatus(active=1)),
        make_job("train-w-2", restart_attempt=1, succeeded=True),
        make_job("train-w-3", restart_attempt=1, failed=True),
    ]
    plan = decide(train, 50, *children)
    assert carry_out(plan).calls == [
        "delete Job train-w-1",
        "delete JobSet train",
        "update-status JobSet train",
    ]
    refused = carry_out(plan, {1: ApiError("Forbidden", "no")})
    assert refused.calls == ["delete Job train-w-1"]
    gone = carry_out(plan, {2: ApiError("NotFound", "gone")})
    assert gone.finish.error == "gone"
    assert gone.calls[-1] == "delete JobSet train"


def test_no_requeue_next_to_an_error() -> None:
    """C-REC-17."""
    train = replace(finished(DONE), spec=make_jobset("train", ttl_s=30).spec)
    plan = decide(train, 11, make_job("train-w-0"))
    done = carry_out(plan, {1: ApiError("Forbidden", "no")})
    assert (done.finish.error, done.finish.requeue_after_ns) == ("no", None)
    assert carry_out(plan).finish.requeue_after_ns == seconds(29)
    conflict = carry_out(plan, {2: ApiError("Conflict", "changed")})
    assert (conflict.finish.error, conflict.finish.requeue_after_ns) == ("changed", None)


def test_the_pass_that_finishes_does_not_look_at_the_ttl() -> None:
    """C-TTL-01."""
    train = make_jobset("train", ttl_s=0)
    done = carry_out(decide(train, 50, make_job("train-w-0", succeeded=True)))
    assert done.calls == ["update-status JobSet train"]


@pytest.mark.parametrize("suspend", [True, False])
def test_finished_jobsets_do_nothing_else(suspend: bool) -> None:
    """C-SUS-18, C-SVC-05: no Service, no creation, no suspension."""
    train = finished(DONE, ttl_s=None, suspend=suspend)
    train = replace(train, spec=make_jobset("train", suspend=suspend).spec)
    assert carry_out(decide(train, 20)).calls == ["update-status JobSet train"]


def test_a_foreign_manager_keeps_its_jobset() -> None:
    """C-TTL-11, C-REC-03."""
    assert carry_out(decide(finished(DONE, ttl_s=0, managed_by="example.com/other"), 99)).writes == []


def test_the_last_nanosecond_is_waited_for() -> None:
    """C-TTL-03, C-TTL-04."""
    train = finished(DONE)
    for left, deleted in ((1, False), (0, True), (-1, True)):
        done = carry_out(jobset.reconcile(jobset.Seen(train), seconds(40) - left, GATES))
        assert done.finish.requeue_after_ns == (None if deleted else left)
        assert done.calls == (["delete JobSet train"] if deleted else [])
