"""Counterparts of upstream's cases about the success policy (C-SUC-*)."""

from __future__ import annotations

import pytest

from jobsim.api.jobset import SuccessPolicy
from jobsim.testing import make_job, make_jobset
from tests.upstream.kit import Pass, cases, ready_job

FILE = "pkg/controllers/success_policy_test.go"
REPLICAS = {"eval": 2, "w": 2, "ps": 1}


def completes(operator: str, targets: tuple[str, ...], *succeeded: str) -> bool:
    """Tell whether the JobSet completes once these Jobs of its five have succeeded."""
    policy = SuccessPolicy(operator=operator, target_replicated_jobs=targets)
    train = make_jobset("train", replicated_jobs=REPLICAS, success_policy=policy)
    names = [f"train-{name}-{i}" for name, count in REPLICAS.items() for i in range(count)]
    assert {f"train-{name}" for name in succeeded} <= set(names)
    children = [
        make_job(n, succeeded=True) if n.removeprefix("train-") in succeeded else ready_job(n) for n in names
    ]
    done = Pass(train, *children)
    if done.condition("Completed") is None:
        return False
    assert done.says("Completed") == ("True", "AllJobsCompleted", "jobset completed successfully")
    assert done.status.terminal_state == "Completed"
    return True


one_job = cases(FILE, "TestJobMatchesSuccessPolicy")


@pytest.mark.parametrize(
    ("targets", "counts"),
    [
        one_job("jobset's TargetReplicatedJobs is empty", (), True),
        one_job("job matches one of the TargetReplicatedJobs", ("ps", "w"), True),
        one_job("job does not match any of the TargetReplicatedJobs", ("ps", "eval"), False),
    ],
)
def test_whose_success_counts(targets: tuple[str, ...], counts: bool) -> None:
    """C-SUC-02, C-SUC-06."""
    assert completes("Any", targets, "w-1") == counts


replicated_job = cases(FILE, "TestReplicatedJobMatchesSuccessPolicy")


@pytest.mark.parametrize(
    ("targets", "enough", "short"),
    [
        replicated_job(
            "jobset's TargetReplicatedJobs is empty",
            (),
            ("eval-0", "eval-1", "w-0", "w-1", "ps-0"),
            ("eval-0", "eval-1", "w-0", "w-1"),
        ),
        replicated_job("matching case", ("w",), ("w-0", "w-1"), ("w-0", "ps-0")),
        replicated_job("non-matching case", ("ps",), ("ps-0",), ("w-0", "w-1")),
    ],
)
def test_which_replicated_jobs_must_succeed(
    targets: tuple[str, ...], enough: tuple[str, ...], short: tuple[str, ...]
) -> None:
    """C-SUC-03: replicas of the targeted ones, of all without targets."""
    assert completes("All", targets, *enough)
    assert not completes("All", targets, *short)


numbers = cases(FILE, "TestNumJobsMatchingSuccessPolicy")


@pytest.mark.parametrize(
    ("targets", "succeeded", "matching"),
    [
        numbers("one job matches the success policy", ("w",), ("w-1", "ps-0", "eval-0"), 1),
        numbers("all jobs matches the success policy", ("w", "eval"), ("w-0", "w-1", "eval-0"), 3),
        numbers("no jobs match the success policy", ("ps",), ("w-0", "w-1"), 0),
        numbers("empty target replicated jobs, all job matches the success policy", (), ("w-0", "ps-0"), 2),
    ],
)
def test_how_many_successes_count(
    targets: tuple[str, ...], succeeded: tuple[str, ...], matching: int
) -> None:
    """C-SUC-02: seen by how many more of the targets' Jobs it takes."""
    mine = [f"{n}-{i}" for n, count in REPLICAS.items() for i in range(count) if not targets or n in targets]
    left = [name for name in mine if name not in succeeded]
    assert len(mine) - len(left) == matching
    assert not completes("All", targets, *succeeded)
    for taken in range(len(left) + 1):
        assert completes("All", targets, *succeeded, *left[:taken]) == (taken == len(left))


expected = cases(FILE, "TestNumJobsExpectedToSucceed")


@pytest.mark.parametrize(
    ("operator", "targets", "threshold"),
    [
        expected("any job completion fulfills success policy", "Any", (), 1),
        expected("all replicated jobs match success policy", "All", (), 5),
        expected("some replicated jobs don't match success policy", "All", ("eval", "ps"), 3),
    ],
)
def test_how_many_must_succeed(operator: str, targets: tuple[str, ...], threshold: int) -> None:
    """C-SUC-03."""
    names = [f"{n}-{i}" for n in ("eval", "ps", "w") for i in range(REPLICAS[n])]
    assert [completes(operator, targets, *names[:n]) for n in range(6)] == [n >= threshold for n in range(6)]
