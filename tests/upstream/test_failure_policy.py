"""Counterparts of upstream's cases about the failure policy: which rule, which Job (C-FAI-01..07)."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api.batch import Job
from jobsim.api.jobset import FailurePolicyRule
from jobsim.testing import make_job, make_jobset
from jobsim.units import seconds
from tests.upstream.kit import Pass, cases

FILE = "pkg/controllers/failure_policy_test.go"


def failed(name: str, at_s: int = 10, **more: Any) -> Job:
    return make_job(name, failed=True, at=seconds(at_s), **more)


first = cases(FILE, "TestFindFirstFailedJob")


@pytest.mark.parametrize(
    ("children", "named"),
    [
        first("No failed jobs", [], None),
        first("Single failed job", [failed("train-w-0")], "train-w-0"),
        first(
            "Multiple failed jobs, earliest first",
            [failed("train-w-0", 30), failed("train-w-1", 10), failed("train-w-2", 20)],
            "train-w-1",
        ),
        first(
            "Jobs without failed condition",
            [make_job("train-w-0"), make_job("train-w-1", succeeded=True, at=seconds(5))],
            None,
        ),
    ],
)
def test_the_first_failed_job_is_named(children: list[Job], named: str | None) -> None:
    """C-FAI-02, C-FAI-05."""
    done = Pass(make_jobset("train", replicated_jobs={"w": 3}), *children)
    if named is None:
        assert done.condition("Failed") is None
    else:
        message = f"jobset failed due to one or more job failures (first failed job: {named})"
        assert done.says("Failed") == ("True", "FailedJobs", message)


applies = cases(FILE, "TestFailurePolicyRuleIsApplicable")
HAS_FAILED = "a job has failed and the failure policy rule "
ALL_PARENTS = "matches all possible parent replicated jobs and "
THE_PARENT, NOT_THE_PARENT = (
    "matches the parent replicatedJob and ",
    "does not match the parent replicatedJob and ",
)
ANY_REASON = "matches all possible job failure reasons"
THE_REASON, NOT_THE_REASON = "matches the job failure reason", "does not match the job failure reason"
MINE, OTHERS = {"target_replicated_jobs": ("ps", "w")}, {"target_replicated_jobs": ("ps",)}
DEADLINE = {"on_job_failure_reasons": ("PodFailurePolicy", "DeadlineExceeded")}
BACKOFF = {"on_job_failure_reasons": ("BackoffLimitExceeded",)}


@pytest.mark.parametrize(
    ("fields", "meets"),
    [
        applies(HAS_FAILED + ALL_PARENTS + ANY_REASON, {}, True),
        applies(HAS_FAILED + ALL_PARENTS + THE_REASON, DEADLINE, True),
        applies(HAS_FAILED + ALL_PARENTS + NOT_THE_REASON, BACKOFF, False),
        applies(HAS_FAILED + THE_PARENT + ANY_REASON, MINE, True),
        applies(HAS_FAILED + THE_PARENT + THE_REASON, MINE | DEADLINE, True),
        applies(HAS_FAILED + THE_PARENT + NOT_THE_REASON, MINE | BACKOFF, False),
        applies(HAS_FAILED + NOT_THE_PARENT + ANY_REASON, OTHERS, False),
        applies(HAS_FAILED + NOT_THE_PARENT + THE_REASON, OTHERS | DEADLINE, False),
        applies(HAS_FAILED + NOT_THE_PARENT + NOT_THE_REASON, OTHERS | BACKOFF, False),
        applies(
            HAS_FAILED + "matches the job failure message pattern",
            {"on_job_failure_message_patterns": ("never", "longer than .*deadline$")},
            True,
        ),
        applies(
            HAS_FAILED + "does not match the job failure message pattern",
            {"on_job_failure_message_patterns": ("^longer",)},
            False,
        ),
        applies(
            HAS_FAILED + "matches both the job failure reason and message pattern",
            DEADLINE | {"on_job_failure_message_patterns": ("was active",)},
            True,
        ),
        applies(
            HAS_FAILED + "matches the job failure reason but not the message pattern",
            DEADLINE | {"on_job_failure_message_patterns": ("exit code 1",)},
            False,
        ),
    ],
)
def test_a_rule_is_about_a_failure(fields: dict[str, tuple[str, ...]], meets: bool) -> None:
    """C-FAI-06: reasons, patterns and targets must all hold; what is empty holds."""
    rule = FailurePolicyRule(name="stop", action="FailJobSet", **fields)
    job = failed("train-w-0", reason="DeadlineExceeded", message="Job was active longer than its deadline")
    done = Pass(make_jobset("train", max_restarts=5, rules=[rule]), job)
    assert done.status.terminal_state == ("Failed" if meets else "")
    assert done.status.restarts == (0 if meets else 1)


def rule(name: str, reason: str) -> FailurePolicyRule:
    action = "RestartJobSetAndIgnoreMaxRestarts"
    return FailurePolicyRule(name=name, action=action, on_job_failure_reasons=(reason,))


HERE = "BackoffLimitExceeded"
NONE, MINE_1, MINE_2 = rule("none", "FailedIndexes"), rule("one", HERE), rule("two", HERE)
LATE, EARLY = failed("train-w-0", 50), failed("train-w-1", 40)
both = cases(FILE, "TestFindFirstFailedPolicyRuleAndJob")
THREE = "There is 1 failed job, there are 3 failure policy rules, "
TWO_JOBS = "There are 2 failed jobs, the second job failed before the first job, "
NIL = "therefore nil is returned for both the rule and job."


@pytest.mark.parametrize(
    ("children", "rules", "met", "job"),
    [
        both(f"There are 0 failed jobs and there are 0 failure policy rules, {NIL}", [], [], None, None),
        both(f"There is 1 failed job and there are 0 failure policy rules, {NIL}", [LATE], [], None, LATE),
        both(
            "There is 1 failed job, there is 1 failure policy rule, and the failure policy rule does not "
            f"match the job, {NIL}",
            [LATE],
            [NONE],
            None,
            LATE,
        ),
        both(
            THREE + "and the failed job matches the first failure policy rule, therefore the job and first "
            "failure policy rule are returned.",
            [LATE],
            [MINE_1, MINE_2, NONE],
            "one",
            LATE,
        ),
        both(
            THREE + "the failed job does not match the first failure policy rule, and the failed job matches "
            "the second failure policy rule, therefore the job and second failure policy rule are returned.",
            [LATE],
            [NONE, MINE_1, MINE_2],
            "one",
            LATE,
        ),
        both(
            THREE + "the failed job does not match the first nor second failure policy rules, and the failed "
            "job matches the third failure policy rule, therefore the job and the the third failure policy "
            "rule are returned.",
            [LATE],
            [NONE, rule("neither", "PodFailurePolicy"), MINE_1],
            "one",
            LATE,
        ),
        both(
            f"There are 2 failed jobs and there are 0 failure policy rules, {NIL}",
            [LATE, EARLY],
            [],
            None,
            EARLY,
        ),
        both(
            TWO_JOBS + "there is 1 failure policy rule, and the failure policy rule does not match any of "
            f"the jobs, {NIL}",
            [LATE, EARLY],
            [NONE],
            None,
            EARLY,
        ),
        both(
            TWO_JOBS + "there is 1 failure policy rule, and the failure policy rule matches both jobs, "
            "therefore the second job and the failure policy rule are returned.",
            [LATE, EARLY],
            [MINE_1],
            "one",
            EARLY,
        ),
        both(
            TWO_JOBS + "there are 2 failure policy rules, the first failure policy does not match any of the "
            "jobs, and the second failure policy rule matches both jobs, therefore the second job and the "
            "second failure policy rule are returned.",
            [LATE, EARLY],
            [NONE, MINE_2],
            "two",
            EARLY,
        ),
    ],
)
def test_the_first_rule_with_a_match_and_its_earliest_job(
    children: list[Job], rules: list[FailurePolicyRule], met: str | None, job: Job | None
) -> None:
    """C-FAI-03, C-FAI-04: without a match the default action takes the earliest failure of all."""
    done = Pass(make_jobset("train", replicated_jobs={"w": 2}, max_restarts=5, rules=rules), *children)
    said = done.says("RestartingJobSet")
    if job is None:
        assert said is None
        assert done.status.restarts == 0
        return
    action = "RestartJobSet" if met is None else "RestartJobSetAndIgnoreMaxRestarts"
    reason = "DefaultFailurePolicy" if met is None else f"FailurePolicy_{met}"
    text = f"applying {action} failure policy action (first failed job: {job.name})"
    assert said == ("True", reason, text)
