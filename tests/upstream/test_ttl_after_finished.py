"""Counterparts of upstream's cases about ttlSecondsAfterFinished (C-TTL-*).

A pass over a finished JobSet either deletes it, asks for another look after the rest of its time, or
does nothing; ``look`` tells which.
"""

from __future__ import annotations

import pytest

from jobsim.api._struct import replace
from jobsim.api.batch import Job
from jobsim.api.jobset import JobSet, JobSetStatus
from jobsim.api.meta import Condition
from jobsim.api.writes import Delete
from jobsim.testing import make_condition, make_job, make_jobset
from jobsim.units import seconds
from tests.upstream.kit import Pass, cases, upstream

FILE = "pkg/controllers/ttl_after_finished_test.go"
NOW_S = 1_000


def finished(type_: str | None, ago_s: int = 0) -> tuple[Condition, ...]:
    return () if type_ is None else (make_condition(type_, at=seconds(NOW_S - ago_s)),)


def jobset(
    type_: str | None, ago_s: int = 0, ttl_s: int | None = None, *, deleted_at: int | None = None
) -> JobSet:
    status = JobSetStatus(restarts=0, conditions=finished(type_, ago_s), terminal_state=type_ or "")
    return make_jobset("train", ttl_s=ttl_s, status=status, deleted_at=deleted_at)


def look(train: JobSet, *children: Job) -> str | float:
    """Return what a pass says of the JobSet's end: ``delete``, the seconds left, or ``stay``."""
    done = Pass(train, *children, at_s=NOW_S)
    assert done.error is None
    left_ns = done.done.finish.requeue_after_ns
    deletes = [w for w in done.done.writes if isinstance(w, Delete) and w.kind == "JobSet"]
    if deletes:
        assert left_ns is None
        assert [(w.name, w.propagation) for w in deletes] == [("train", "Foreground")]
        return "delete"
    return "stay" if left_ns is None else left_ns / 1e9


execute = cases(FILE, "TestExecuteTTLAfterFinishedPolicy")


@pytest.mark.parametrize(
    ("type_", "ago_s", "ttl_s", "outcome"),
    [
        execute("jobset not finished, TTL not set", None, 0, None, "stay"),
        execute("jobset not finished, TTL 5s", None, 0, 5, "stay"),
        execute("jobset completed now, TTL is not set", "Completed", 0, None, "stay"),
        execute("jobset completed 10s ago, TTL 5s", "Completed", 10, 5, "delete"),
        execute("jobset completed 2s ago, TTL 5s", "Completed", 2, 5, 3.0),
    ],
)
def test_the_policy_is_carried_out(
    type_: str | None, ago_s: int, ttl_s: int | None, outcome: str | float
) -> None:
    """C-TTL-01..04; active Jobs of a finished JobSet are deleted before."""
    assert look(jobset(type_, ago_s, ttl_s), make_job("train-w-0")) == outcome


expired = cases(FILE, "TestCheckIfTTLExpired")


@pytest.mark.parametrize(
    ("train", "is_expired"),
    [
        expired("jobset completed, TTL not set", jobset("Completed", 100), False),
        expired("jobset completed, TTL not expired", jobset("Completed", 29, 30), False),
        expired("jobset completed, TTL expired", jobset("Completed", 30, 30), True),
        expired("jobset running, TTL set", jobset(None, 0, 0), False),
        expired("jobset running, TTL not set", jobset(None), False),
        expired(
            "jobset completed, deletion in progress",
            jobset("Completed", 100, 30, deleted_at=seconds(NOW_S - 1)),
            False,
        ),
    ],
)
def test_whether_the_time_is_over(train: JobSet, is_expired: bool) -> None:
    """C-TTL-02, C-TTL-03, C-REC-02: one that is going already is left alone."""
    assert (look(train) == "delete") == is_expired


@upstream(FILE, "TestCheckIfTTLExpired", "invalid jobset completion time")
def test_a_finish_without_a_time_is_an_error() -> None:
    """C-TTL-03."""
    train = jobset("Completed", 0, 30)
    timeless = replace(train.status.conditions[0], last_transition_time=None)
    train = replace(train, status=replace(train.status, conditions=(timeless,)))
    done = Pass(train, at_s=NOW_S)
    assert done.error is not None
    assert "unable to find the time when the JobSet default/train finished" in done.error
    assert done.deleted == []


left = cases(FILE, "TestTimeLeft")


@pytest.mark.parametrize(
    ("type_", "ago_s", "ttl_s", "outcome"),
    [
        left("jobset not finished", None, 0, 10, "stay"),
        left("jobset completed now, 0s TTL", "Completed", 0, 0, "delete"),
        left("jobset completed now, 10s TTL", "Completed", 0, 10, 10.0),
        left("jobset completed 10s ago, 15s TTL", "Completed", 10, 15, 5.0),
        left("jobset failed now, 0s TTL", "Failed", 0, 0, "delete"),
        left("jobset failed now, 10s TTL", "Failed", 0, 10, 10.0),
        left("jobset failed 10s ago, 15s TTL", "Failed", 10, 15, 5.0),
    ],
)
def test_how_much_time_is_left(type_: str | None, ago_s: int, ttl_s: int, outcome: str | float) -> None:
    """C-TTL-03, C-TTL-05: both ends count alike."""
    assert look(jobset(type_, ago_s, ttl_s)) == outcome


requeue = cases(FILE, "TestRequeueJobSetAfter")


@pytest.mark.parametrize(
    ("type_", "ago_s", "ttl_s", "after_s"),
    [
        requeue("jobset not finished, TTL not set", None, 0, None, None),
        requeue("jobset not finished, TTL 5s", None, 0, 5, None),
        requeue("jobset completed now, TTL is not set", "Completed", 0, None, None),
        requeue("jobset completed now, TTL 5s", "Completed", 0, 5, 5),
        requeue("jobset completed 2s ago, TTL 5s", "Completed", 2, 5, 3),
    ],
)
def test_when_to_look_again(type_: str | None, ago_s: int, ttl_s: int | None, after_s: int | None) -> None:
    """C-TTL-04, C-QUE-05."""
    finish = Pass(jobset(type_, ago_s, ttl_s), at_s=NOW_S).done.finish
    assert finish.requeue_after_ns == (None if after_s is None else seconds(after_s))
