"""Counterparts of upstream's cases about what each failure policy action does (C-FAI-08..18)."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api.jobset import FailurePolicyRule, JobSetStatus, ReplicatedJobStatus
from jobsim.testing import make_job, make_jobset
from tests.upstream.kit import MAIN, Pass, cases, entry, gates

case = cases("pkg/controllers/failure_policy_test.go", "TestApplyFailurePolicyRuleAction")
RESTART_JOB = gates(restart_job=True)


def apply(
    action: str,
    maximum: int,
    *,
    restarts: int = 0,
    counted: int = 0,
    jobs: tuple[int, ...] = (),
    jobs_counted: tuple[int, ...] = (),
    named: str = "myRule",
) -> Pass:
    """Let Job 1 of 2 fail under one rule and a stored history."""
    status = JobSetStatus(
        restarts=restarts,
        restarts_count_towards_max=counted,
        replicated_jobs_status=(entry(job_restarts=jobs, job_restarts_count_towards_max=jobs_counted),),
    )
    train = make_jobset(
        "train",
        replicated_jobs={"w": 2},
        max_restarts=maximum,
        rules=[FailurePolicyRule(name=named, action=action)],
        status=status,
    )
    own = jobs or (0, 0)
    children = [
        make_job(f"train-w-{i}", restart_attempt=restarts, job_restart_attempt=own[i], failed=i == 1)
        for i in range(2)
    ]
    return Pass(train, *children, gates=RESTART_JOB if action.startswith("RestartJob") else MAIN)


JOB = " (first failed job: train-w-1)"
REACHED = ("True", "ReachedMaxRestarts", f"jobset failed due to reaching max number of restarts{JOB}")
APPLYING = "applying {} failure policy action" + JOB


@pytest.mark.parametrize(
    ("action", "maximum", "history", "failed"),
    [
        case(
            "FailJobSet action",
            "FailJobSet",
            9,
            {},
            ("True", "FailJobSetFailurePolicyAction", APPLYING.format("FailJobSet")),
        ),
        case(
            "RestartJobSet action when restarts >= maxRestarts fails the jobset",
            "RestartJobSet",
            2,
            {"restarts": 3, "counted": 2},
            REACHED,
        ),
        case(
            "RestartJob action when combined restarts >= maxRestarts fails the jobset",
            "RestartJob",
            3,
            {"restarts": 1, "counted": 1, "jobs": (2, 1), "jobs_counted": (1, 1)},
            REACHED,
        ),
        case(
            "RestartJobSet action when combined restarts >= maxRestarts and a previous individual restart "
            "fails the jobset",
            "RestartJobSet",
            1,
            {"jobs": (1, 0), "jobs_counted": (1, 0)},
            REACHED,
        ),
    ],
)
def test_the_jobset_fails(
    action: str, maximum: int, history: dict[str, Any], failed: tuple[str, str, str]
) -> None:
    """C-FAI-08, C-FAI-09, C-FAI-11, C-FAI-14: nothing is counted by the pass that fails it."""
    done = apply(action, maximum, **history)
    assert done.says("Failed") == failed
    assert done.status.terminal_state == "Failed"
    assert done.done.counters == ["jobset_failed_total"]
    assert done.status.restarts == history.get("restarts", 0)
    assert done.status.restarts_count_towards_max == history.get("counted", 0)
    assert done.counts("w").job_restarts == history.get("jobs", ())


@pytest.mark.parametrize(
    ("action", "named", "maximum", "counted", "reason"),
    [
        case(
            "RestartJobSet when restarts < maxRestarts increments restarts count and counts towards max",
            "RestartJobSet",
            "first",
            2,
            2,
            "FailurePolicy_first",
        ),
        case(
            "RestartJobSet when restarts < maxRestarts with matching rule sets FailurePolicy_{RuleName} "
            "reason",
            "RestartJobSet",
            "Node_lost:again",
            4,
            2,
            "FailurePolicy_Node_lost:again",
        ),
        case(
            "RestartJobSetAndIgnoreMaxRestarts action does not count toward max restarts",
            "RestartJobSetAndIgnoreMaxRestarts",
            "free",
            0,
            1,
            "FailurePolicy_free",
        ),
    ],
)
def test_the_jobset_restarts(action: str, named: str, maximum: int, counted: int, reason: str) -> None:
    """C-FAI-09, C-FAI-10, C-FAI-12."""
    done = apply(action, maximum, restarts=4, counted=1, named=named)
    assert done.status.terminal_state == ""
    assert (done.status.restarts, done.status.restarts_count_towards_max) == (5, counted)
    assert done.says("RestartingJobSet") == ("True", reason, APPLYING.format(action))
    assert done.reasons == [reason, f"{action}FailurePolicyAction"]


@pytest.mark.parametrize(
    ("action", "maximum", "after"),
    [
        case(
            "RestartJob action when combined restarts < maxRestarts increments jobRestart count and counts "
            "towards max",
            "RestartJob",
            4,
            entry(job_restarts=(2, 2), job_restarts_count_towards_max=(1, 2), failed=1),
        ),
        case(
            "RestartJobAndIgnoreMaxRestarts action does not count toward max restarts",
            "RestartJobAndIgnoreMaxRestarts",
            0,
            entry(job_restarts=(2, 2), job_restarts_count_towards_max=(1, 1), failed=1),
        ),
    ],
)
def test_one_job_restarts(action: str, maximum: int, after: ReplicatedJobStatus) -> None:
    """C-FAI-11, C-FAI-11b, C-CND-18: the failed Job's counters alone, and no condition."""
    done = apply(action, maximum, restarts=1, counted=1, jobs=(2, 1), jobs_counted=(1, 1))
    assert done.counts("w") == after
    assert (done.status.restarts, done.status.restarts_count_towards_max) == (1, 1)
    assert done.status.conditions == ()
    assert done.reasons == [f"{action}FailurePolicyAction"]
