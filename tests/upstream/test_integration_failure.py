"""Counterparts of upstream's integration cases of the controller: failures, restarts (C-FAI-*, C-RST-*)."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api.jobset import FailurePolicyRule
from jobsim.testing import make_jobset
from tests.upstream.kit import cases, upstream
from tests.upstream.world import World

FILE = "test/integration/controller/jobset_controller_test.go"
SERIES = "jobset is created and its jobs go through a series of updates"
case = cases(FILE, SERIES)
ALL = ("ps-0", "w-0", "w-1")
POLICY = "[failure policy] "
REACHED = ("True", "ReachedMaxRestarts")


def rule(action: str, name: str = "r", **fields: tuple[str, ...]) -> FailurePolicyRule:
    return FailurePolicyRule(name=name, action=action, **fields)


def world(*rules: FailurePolicyRule, on: bool = False, **fields: Any) -> World:
    """Return a running JobSet of one ``ps`` and two ``w``."""
    train = make_jobset("train", replicated_jobs={"ps": 1, "w": 2}, rules=rules, **fields)
    return World(train, restart_job=on).run(*ALL)


def restarts(w: World) -> tuple[int, int]:
    """Return the restarts of the JobSet, and those of them that count."""
    return w.status.restarts, w.status.restarts_count_towards_max


def again(w: World) -> World:
    """Let the old Jobs go and the new ones run."""
    return w.collect().run(*ALL)


# -- without rules -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        case(f"{POLICY}jobset with no failure policy should fail if any jobs fail", {}, "FailedJobs"),
        case("fails from first run, no restarts", {"max_restarts": 0}, "ReachedMaxRestarts"),
    ],
)
def test_the_first_failure_is_the_last(fields: dict[str, Any], reason: str) -> None:
    """C-FAI-02, C-FAI-03."""
    w = world(**fields).fail("w-1")
    assert w.state == "Failed"
    assert w.says("Failed") == ("True", reason)
    assert w.message("Failed").endswith("(first failed job: train-w-1)")
    assert restarts(w) == (0, 0)


@upstream(FILE, SERIES, "jobset fails after reaching max restarts")
def test_restarts_run_out() -> None:
    """C-FAI-14."""
    w = world(max_restarts=2)
    for attempt in (1, 2):
        again(w.fail("ps-0"))
        assert (w.state, restarts(w)) == ("", (attempt, attempt))
    w.fail("ps-0")
    assert w.says("Failed") == REACHED
    assert restarts(w) == (2, 2)


@upstream(FILE, SERIES, "job succeeds after one failure")
def test_success_after_a_restart() -> None:
    """C-SUC-07: what had succeeded before the restart has to succeed again."""
    w = world(max_restarts=1).succeed("ps-0").fail("w-0")
    again(w).succeed("w-0", "w-1")
    assert w.state == ""
    assert w.succeed("ps-0").state == "Completed"
    assert restarts(w) == (1, 1)


@upstream(FILE, SERIES, "active jobs are deleted after jobset fails")
def test_the_rest_is_deleted_after_failure() -> None:
    """C-REC-06."""
    w = world().succeed("ps-0").fail("w-0")
    assert w.state == "Failed"
    assert w.jobs(terminating=True) == ["w-1"]
    assert w.collect().jobs() == ["ps-0", "w-0"]


@upstream(FILE, SERIES, "jobset restarting condition transitions")
def test_the_condition_of_restarting() -> None:
    """C-CND-05..07, C-CND-17: true until all Jobs are ready at once."""
    w = world(max_restarts=5)
    assert w.says("RestartingJobSet") is None
    w.fail("w-0")
    assert w.says("RestartingJobSet") == ("True", "DefaultFailurePolicy")
    again(w).ready("ps-0", "w-0")
    assert w.says("RestartingJobSet") == ("True", "DefaultFailurePolicy")
    assert w.ready("w-1").says("RestartingJobSet") == ("False", "JobsReady")
    w.fail("w-1")
    assert w.says("RestartingJobSet") == ("True", "DefaultFailurePolicy")
    assert w.message("RestartingJobSet").endswith("(first failed job: train-w-1)")
    again(w).succeed(*ALL)
    assert w.state == "Completed"
    assert w.says("RestartingJobSet") == ("False", "JobSetCompleted")


# -- FailJobSet ----------------------------------------------------------------------------------------

BAD_CODE = {"on_job_failure_reasons": ("PodFailurePolicy",)}
FAILS, FAILS_NOT = "jobset fails immediately with ", "jobset does not fail immediately with "
ACTION = "FailJobSet failure policy action"


@pytest.mark.parametrize(
    ("fields", "fails"),
    [
        case(f"{POLICY}{FAILS}{ACTION}.", {}, True),
        case(
            f"{POLICY}{FAILS_NOT}{ACTION} as the failure reason is not matched.",
            {"on_job_failure_reasons": ("DeadlineExceeded",)},
            False,
        ),
        case(
            f"{POLICY}{FAILS_NOT}{ACTION} as the failure message is not matched.",
            {"on_job_failure_message_patterns": ("exit code 9",)},
            False,
        ),
        case(
            f"{POLICY}{FAILS_NOT}{ACTION} as the failure message is not matched, even if reason is matched.",
            BAD_CODE | {"on_job_failure_message_patterns": ("^exit code 7$",)},
            False,
        ),
        case(
            f"{POLICY}{FAILS}{ACTION} as the failure reason and message are matched.",
            BAD_CODE | {"on_job_failure_message_patterns": ("Container main of pod p has exit code 7",)},
            True,
        ),
        case(
            f"{POLICY}{FAILS}{ACTION} as the failure reason and message are matched, even if message string "
            "is not exactly equal to pattern string.",
            BAD_CODE | {"on_job_failure_message_patterns": ("never", "main .* code [0-9]")},
            True,
        ),
        case(
            f"{POLICY}job fails and the parent replicated job is contained in TargetReplicatedJobs.",
            {"target_replicated_jobs": ("ps", "w")},
            True,
        ),
        case(
            f"{POLICY}job fails and the parent replicated job is not contained in TargetReplicatedJobs.",
            {"target_replicated_jobs": ("ps",)},
            False,
        ),
    ],
)
def test_a_rule_ends_it_at_once(fields: dict[str, tuple[str, ...]], fails: bool) -> None:
    """C-FAI-06, C-FAI-08: what meets no rule is a restart."""
    w = world(rule("FailJobSet", **fields), max_restarts=3)
    w.fail("w-0", reason="PodFailurePolicy", message="Container main of pod p has exit code 7")
    assert w.state == ("Failed" if fails else "")
    assert w.says("Failed") == (("True", "FailJobSetFailurePolicyAction") if fails else None)
    assert restarts(w) == ((0, 0) if fails else (1, 1))


# -- the order of rules --------------------------------------------------------------------------------

IGNORE = "RestartJobSetAndIgnoreMaxRestarts"
DEADLINE = {"on_job_failure_reasons": ("DeadlineExceeded",)}


@pytest.mark.parametrize(
    ("rules", "reasons", "outcome"),
    [
        # Two rules would fit: the first in the list does it.
        case(
            f"{POLICY}failure policy rules order verification test 1",
            [rule(IGNORE, "free"), rule("FailJobSet", "stop", **BAD_CODE)],
            ["PodFailurePolicy"],
            ("", (1, 0), "FailurePolicy_free"),
        ),
        # The first one does not fit.
        case(
            f"{POLICY}failure policy rules order verification test 2",
            [
                rule("FailJobSet", "stop", **DEADLINE),
                rule("RestartJobSet", "counted", **BAD_CODE),
                rule(IGNORE, "free"),
            ],
            ["PodFailurePolicy"],
            ("", (1, 1), "FailurePolicy_counted"),
        ),
        # The earlier failure fits the second rule, the later one the first: rules come before time.
        case(
            f"{POLICY}failure policy rules order verification test 3",
            [rule("FailJobSet", "stop", **DEADLINE), rule(IGNORE, "free", **BAD_CODE)],
            ["PodFailurePolicy", "DeadlineExceeded"],
            ("Failed", (0, 0), None),
        ),
    ],
)
def test_the_order_of_rules(
    rules: list[FailurePolicyRule], reasons: list[str], outcome: tuple[str, tuple[int, int], str | None]
) -> None:
    """C-FAI-04."""
    w = world(*rules, max_restarts=3)
    w.away = True
    for name, reason in zip(("w-0", "w-1"), reasons, strict=False):
        w.fail(name, reason=reason)
    w.away = False
    w.settle()
    said = w.says("RestartingJobSet")
    assert (w.state, restarts(w), said and said[1]) == outcome


# -- restarts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "on"),
    [
        case(
            f"{POLICY}jobset restarts with RestartJobSet failure policy action "
            "(without RestartJob feature gate).",
            "RestartJobSet",
            False,
        ),
        case(
            f"{POLICY}jobset restarts with RestartJobSet failure policy action "
            "(with RestartJob feature gate).",
            "RestartJobSet",
            True,
        ),
        case(
            f"{POLICY}jobset restarts with RestartJobSetAndIgnoreMaxRestarts failure policy action "
            "(without RestartJob feature gate).",
            IGNORE,
            False,
        ),
        case(
            f"{POLICY}jobset restarts with RestartJobSetAndIgnoreMaxRestarts failure policy action "
            "(with RestartJob feature gate).",
            IGNORE,
            True,
        ),
    ],
)
def test_all_jobs_restart(action: str, on: bool) -> None:
    """C-FAI-09, C-FAI-10, C-FAI-14, C-FAI-15: one restart is allowed, and free ones beyond it."""
    counts = action == "RestartJobSet"
    w = world(rule(action), on=on, max_restarts=1).fail("w-0", "ps-0")
    assert w.jobs(terminating=True) == list(ALL)
    assert restarts(w) == (1, int(counts))
    again(w)
    assert [w.attempt(name) for name in ALL] == [("1", "0" if on else None)] * 3
    assert w.reasons == ["FailurePolicy_r", f"{action}FailurePolicyAction"]
    w.fail("w-1")
    assert w.says("Failed") == (REACHED if counts else None)
    assert restarts(w) == ((1, 1) if counts else (2, 0))


@pytest.mark.parametrize(
    ("action", "counted"),
    [
        case(f"{POLICY}jobset restarts with RestartJob failure policy action.", "RestartJob", (0, 1)),
        case(
            f"{POLICY}jobset restarts with RestartJobAndIgnoreMaxRestarts failure policy action.",
            "RestartJobAndIgnoreMaxRestarts",
            (),
        ),
    ],
)
def test_one_job_restarts(action: str, counted: tuple[int, ...]) -> None:
    """C-FAI-11, C-FAI-11b, C-FAI-18, C-SUC-07: the others run on, and what succeeded stays."""
    w = world(rule(action), on=True, max_restarts=1).succeed("ps-0").fail("w-1")
    assert w.jobs(terminating=True) == ["w-1"]
    w.collect().run("w-1")
    assert [w.attempt(name) for name in ALL] == [("0", "0"), ("0", "0"), ("0", "1")]
    assert w.counts("w").job_restarts == (0, 1)
    assert w.counts("w").job_restarts_count_towards_max == counted
    assert w.says("RestartingJobSet") is None
    w.fail("w-0")
    assert w.says("Failed") == (REACHED if counted else None)
    if not counted:
        w.collect().run("w-0").succeed("w-0", "w-1")
        assert w.state == "Completed"
    assert restarts(w) == (0, 0)


@pytest.mark.parametrize(
    ("strategy", "after"),
    [
        case(
            f"{POLICY}jobs are restarted individually with Recreate strategy.",
            "Recreate",
            [["w-0"], ["ps-0", "w-0"]],
        ),
        case(
            f"{POLICY}jobs are recreated after all Jobs are deleted with BlockingRecreate strategy.",
            "BlockingRecreate",
            [[], []],
        ),
    ],
)
def test_when_jobs_come_back(strategy: str, after: list[list[str]]) -> None:
    """C-RST-01, C-RST-02, C-CCH-05: each as its old one goes, or all after the last one has gone."""
    w = world(max_restarts=1, restart_strategy=strategy).fail("w-1")
    assert w.jobs(terminating=True) == list(ALL)
    assert [w.collect("w-0").jobs(), w.collect("ps-0").jobs()] == after
    assert w.collect("w-1").jobs() == list(ALL)
    assert {w.attempt(name) for name in ALL} == {("1", None)}
