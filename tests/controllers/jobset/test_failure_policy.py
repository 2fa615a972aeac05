"""Which rule a failure meets and what its action does."""

from __future__ import annotations

import pytest

from jobsim.api._struct import replace
from jobsim.api.batch import Job
from jobsim.api.jobset import (
    JOB_INDEX,
    REPLICATED_JOB_NAME,
    FailurePolicyRule,
    JobSet,
    JobSetStatus,
    ReplicatedJobStatus,
)
from jobsim.api.plan import Plan
from jobsim.controllers import jobset
from jobsim.testing import carry_out, make_condition, make_job, make_jobset
from jobsim.units import seconds

GATES = jobset.Gates()
RESTART_JOB = jobset.Gates(restart_job=True)
FIRST = "(first failed job: {})"


def rule(action: str, name: str = "r", **fields: tuple[str, ...]) -> FailurePolicyRule:
    return FailurePolicyRule(name=name, action=action, **fields)


def decide(train: JobSet, *children: Job, gates: jobset.Gates = GATES) -> Plan:
    return jobset.reconcile(jobset.Seen(train, children, service_exists=True), seconds(100), gates)


def status_of(plan: Plan) -> JobSetStatus:
    assert plan.status is not None
    assert isinstance(plan.status.obj, JobSet)
    return plan.status.obj.status


def conditions_of(plan: Plan) -> list[tuple[str, str, str, str]]:
    return [(c.type, c.status, c.reason, c.message) for c in status_of(plan).conditions]


FAILED = make_job("train-w-0", failed=True)


def test_without_a_policy_the_first_failure_fails_the_jobset() -> None:
    """C-FAI-02, C-CND-02, C-CND-08, C-MET-01."""
    restarting = make_condition("RestartingJobSet", reason="x")
    train = make_jobset("train", status=JobSetStatus(restarts=0, conditions=(restarting,)))
    plan = decide(train, FAILED)
    message = "jobset failed due to one or more job failures (first failed job: train-w-0)"
    assert conditions_of(plan) == [
        ("RestartingJobSet", "False", "JobSetFailed", "jobset failed"),
        ("Failed", "True", "FailedJobs", message),
    ]
    assert status_of(plan).terminal_state == "Failed"
    done = carry_out(plan)
    assert [(e.type, e.reason) for e in done.events] == [
        ("Warning", "FailedJobs"),
        ("Normal", "JobSetFailed"),
    ]
    assert done.counters == ["jobset_failed_total"]


def test_an_empty_policy_is_not_none() -> None:
    """C-FAI-03, appendix B 6."""
    plan = decide(make_jobset("train", max_restarts=0), FAILED)
    message = "jobset failed due to reaching max number of restarts (first failed job: train-w-0)"
    assert conditions_of(plan) == [("Failed", "True", "ReachedMaxRestarts", message)]
    assert status_of(plan).restarts == 0


def test_the_default_action_counts_a_restart() -> None:
    """C-FAI-09, C-FAI-12, C-FAI-13, C-CND-05: the condition's event, then the action's."""
    plan = decide(make_jobset("train", max_restarts=3), FAILED)
    status = status_of(plan)
    assert (status.restarts, status.restarts_count_towards_max) == (1, 1)
    message = "applying RestartJobSet failure policy action (first failed job: train-w-0)"
    assert conditions_of(plan) == [("RestartingJobSet", "True", "DefaultFailurePolicy", message)]
    assert [(e.type, e.reason, e.message) for e in carry_out(plan).events] == [
        ("Warning", "DefaultFailurePolicy", message),
        ("Warning", "RestartJobSetFailurePolicyAction", message),
    ]
    assert carry_out(plan).calls == ["update-status JobSet train"]


@pytest.mark.parametrize(
    ("used", "maximum", "fails"), [(0, 1, False), (1, 1, True), (2, 1, True), (0, 0, True), (0, -1, True)]
)
def test_max_restarts_permits_exactly_that_many(used: int, maximum: int, fails: bool) -> None:
    """C-FAI-14, C-API-24."""
    status = JobSetStatus(restarts=5, restarts_count_towards_max=used)
    plan = decide(
        make_jobset("train", max_restarts=maximum, status=status),
        make_job("train-w-0", failed=True, restart_attempt=5),
    )
    assert (status_of(plan).terminal_state == "Failed") == fails
    assert status_of(plan).restarts == (5 if fails else 6)


def test_an_ignored_restart_is_not_counted_and_has_no_limit() -> None:
    """C-FAI-10, C-FAI-15."""
    plan = decide(make_jobset("train", rules=[rule("RestartJobSetAndIgnoreMaxRestarts")]), FAILED)
    assert (status_of(plan).restarts, status_of(plan).restarts_count_towards_max) == (1, 0)
    assert carry_out(plan).reasons == [
        "FailurePolicy_r",
        "RestartJobSetAndIgnoreMaxRestartsFailurePolicyAction",
    ]


def test_a_repeated_restart_emits_the_action_alone() -> None:
    """C-CND-17."""
    message = "applying RestartJobSet failure policy action (first failed job: train-w-0)"
    held = make_condition("RestartingJobSet", reason="DefaultFailurePolicy", message=message)
    status = JobSetStatus(restarts=0, conditions=(held,))
    done = carry_out(decide(make_jobset("train", max_restarts=9, status=status), FAILED))
    assert done.reasons == ["RestartJobSetFailurePolicyAction"]


def test_fail_jobset_fails_at_once() -> None:
    """C-FAI-08."""
    plan = decide(make_jobset("train", max_restarts=9, rules=[rule("FailJobSet")]), FAILED)
    message = "applying FailJobSet failure policy action (first failed job: train-w-0)"
    assert conditions_of(plan) == [("Failed", "True", "FailJobSetFailurePolicyAction", message)]
    assert carry_out(plan).counters == ["jobset_failed_total"]


def test_an_unknown_action_is_an_error() -> None:
    plan = decide(make_jobset("train", rules=[rule("Explode")]), FAILED)
    assert plan.error == "failed to find a corresponding action for the FailurePolicyRuleAction Explode"


# -- which rule, which Job -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "matches"),
    [
        ({}, True),
        ({"on_job_failure_reasons": ("BackoffLimitExceeded",)}, True),
        ({"on_job_failure_reasons": ("DeadlineExceeded", "FailedIndexes")}, False),
        ({"target_replicated_jobs": ("w",)}, True),
        ({"target_replicated_jobs": ("x",)}, False),
        ({"on_job_failure_message_patterns": ("backoff",)}, True),
        ({"on_job_failure_message_patterns": ("^backoff",)}, False),
        ({"on_job_failure_message_patterns": ("(?i)JOB has .* limit$",)}, True),
        ({"on_job_failure_message_patterns": ("nope", "limit")}, True),
        ({"on_job_failure_message_patterns": ("(unclosed", "(?=x)", r"\C")}, False),
        ({"on_job_failure_message_patterns": ("(unclosed", "limit")}, True),
        ({"on_job_failure_message_patterns": ("",)}, True),
        ({"on_job_failure_message_patterns": ("limit",), "target_replicated_jobs": ("x",)}, False),
    ],
)
def test_a_rule_matches_reason_message_and_target(fields: dict[str, tuple[str, ...]], matches: bool) -> None:
    """C-FAI-06, C-API-30."""
    plan = decide(make_jobset("train", max_restarts=1, rules=[rule("FailJobSet", **fields)]), FAILED)
    assert carry_out(plan).reasons[0] == (
        "FailJobSetFailurePolicyAction" if matches else "DefaultFailurePolicy"
    )


def test_a_job_without_its_label_meets_no_rule() -> None:
    """C-FAI-06: not even one that targets everything."""
    child = make_job("train-w-0", failed=True, replicated_job="")
    plan = decide(make_jobset("train", max_restarts=1, rules=[rule("FailJobSet")]), child)
    assert carry_out(plan).reasons[0] == "DefaultFailurePolicy"


def test_rule_order_beats_failure_time() -> None:
    """C-FAI-04, C-FAI-07, appendix B 2."""
    rules = [
        rule("FailJobSet", "late", on_job_failure_reasons=("DeadlineExceeded",)),
        rule("RestartJobSet", "early"),
    ]
    train = make_jobset("train", replicated_jobs={"w": 2}, max_restarts=1, rules=rules)
    early = make_job("train-w-0", failed=True, at=seconds(1))
    late = make_job("train-w-1", failed=True, at=seconds(9), reason="DeadlineExceeded")
    (condition,) = conditions_of(decide(train, early, late))
    assert condition[2:] == (
        "FailJobSetFailurePolicyAction",
        "applying FailJobSet failure policy action (first failed job: train-w-1)",
    )


@pytest.mark.parametrize(
    ("times", "first"),
    [((3, 1, 2), 1), ((2, 1, 1), 1), ((1, 1, 1), 0), ((2, None, 1), 1), ((None, None, 0), 0)],
)
def test_the_earliest_of_the_matching_is_named(times: tuple[int | None, ...], first: int) -> None:
    """C-FAI-05: a tie goes to the first listed; no time is the earliest."""
    children = []
    for i, at in enumerate(times):
        child = make_job(f"train-w-{i}", failed=True, at=seconds(at or 0))
        if at is None:
            bare = replace(child.status.conditions[0], last_transition_time=None)
            child = replace(child, status=replace(child.status, conditions=(bare,)))
        children.append(child)
    train = make_jobset("train", replicated_jobs={"w": 3})
    ((_, _, _, message),) = conditions_of(decide(train, *children))
    assert message.endswith(FIRST.format(f"train-w-{first}"))


def test_failures_of_an_earlier_attempt_are_ignored() -> None:
    """C-FAI-20."""
    train = make_jobset("train", max_restarts=5, status=JobSetStatus(restarts=1))
    done = carry_out(decide(train, FAILED))
    assert done.calls[0] == "delete Job train-w-0"
    assert done.reasons == []


def test_nothing_else_happens_in_a_pass_that_handles_a_failure() -> None:
    """C-REC-09: no Service, no creation."""
    train = make_jobset("train", replicated_jobs={"w": 3}, max_restarts=5)
    plan = jobset.reconcile(jobset.Seen(train, [FAILED]), 0, GATES)
    assert carry_out(plan).calls == ["update-status JobSet train"]


# -- single Jobs ---------------------------------------------------------------------------------


def with_counters(
    restarts: tuple[int, ...], counted: tuple[int, ...], jobset_counted: int = 0
) -> JobSetStatus:
    entry = ReplicatedJobStatus(
        name="w",
        ready=0,
        succeeded=0,
        failed=1,
        active=0,
        suspended=0,
        job_restarts=restarts,
        job_restarts_count_towards_max=counted,
    )
    return JobSetStatus(
        restarts=jobset_counted, restarts_count_towards_max=jobset_counted, replicated_jobs_status=(entry,)
    )


@pytest.mark.parametrize("action", ["RestartJob", "RestartJobAndIgnoreMaxRestarts"])
def test_single_restarts_need_their_gate(action: str) -> None:
    """C-FAI-11, C-FAI-11b, C-UPD-10."""
    plan = decide(make_jobset("train", max_restarts=3, rules=[rule(action)]), FAILED)
    assert plan.error == (
        f"{action} failure policy action cannot be used when the feature gate RestartJob is disabled"
    )
    assert plan.status is None


@pytest.mark.parametrize(
    ("action", "restarts", "counted"),
    [("RestartJob", (0, 1, 0), (0, 1, 0)), ("RestartJobAndIgnoreMaxRestarts", (0, 1, 0), ())],
)
def test_a_single_restart_counts_for_its_job(
    action: str, restarts: tuple[int, ...], counted: tuple[int, ...]
) -> None:
    """C-FAI-11, C-FAI-11b, C-FAI-17: arrays start as zeros; no condition, one event."""
    train = make_jobset("train", replicated_jobs={"w": 3}, max_restarts=3, rules=[rule(action)])
    plan = decide(train, make_job("train-w-1", failed=True, job_restart_attempt=0), gates=RESTART_JOB)
    (entry,) = status_of(plan).replicated_jobs_status
    assert (entry.job_restarts, entry.job_restarts_count_towards_max) == (restarts, counted)
    assert status_of(plan).restarts == 0
    assert conditions_of(plan) == []
    (event,) = carry_out(plan).events
    assert (event.type, event.reason) == ("Warning", f"{action}FailurePolicyAction")
    assert event.message == f"applying {action} failure policy action (first failed job: train-w-1)"


@pytest.mark.parametrize(
    ("action", "status", "maximum", "fails"),
    [
        ("RestartJob", with_counters((1, 0), (1, 0)), 1, True),
        ("RestartJob", with_counters((1, 0), (1, 0)), 2, False),
        ("RestartJob", with_counters((0, 0), (1, 1), jobset_counted=1), 3, True),
        ("RestartJobSet", with_counters((1, 0), (1, 0)), 1, True),
        ("RestartJobSet", with_counters((1, 0), (0, 0)), 1, False),
        ("RestartJobAndIgnoreMaxRestarts", with_counters((1, 0), (1, 0)), 0, False),
    ],
)
def test_all_counted_restarts_add_up(action: str, status: JobSetStatus, maximum: int, fails: bool) -> None:
    """C-FAI-09, C-FAI-11."""
    train = make_jobset(
        "train", replicated_jobs={"w": 2}, max_restarts=maximum, rules=[rule(action)], status=status
    )
    child = make_job("train-w-0", failed=True, restart_attempt=9, job_restart_attempt=9)
    plan = decide(train, child, gates=RESTART_JOB)
    assert (status_of(plan).terminal_state == "Failed") == fails
    if fails:
        assert carry_out(plan).reasons == ["ReachedMaxRestarts"]


def test_without_the_gate_single_restarts_do_not_count() -> None:
    """C-FAI-09."""
    status = with_counters((1, 0), (1, 0))
    train = make_jobset("train", replicated_jobs={"w": 2}, max_restarts=1, status=status)
    assert status_of(decide(train, FAILED)).restarts == 1


def test_one_job_per_pass() -> None:
    """C-FAI-18."""
    rules = [rule("RestartJob")]
    train = make_jobset("train", replicated_jobs={"w": 2}, max_restarts=9, rules=rules)
    children = [make_job(f"train-w-{i}", failed=True, job_restart_attempt=0) for i in range(2)]
    first = decide(train, *children, gates=RESTART_JOB)
    (entry,) = status_of(first).replicated_jobs_status
    assert entry.job_restarts == (1, 0)
    then = decide(replace(train, status=status_of(first)), *children, gates=RESTART_JOB)
    assert carry_out(then).calls == ["delete Job train-w-0", "update-status JobSet train"]
    (entry,) = status_of(then).replicated_jobs_status
    assert entry.job_restarts == (1, 1)


def test_a_job_made_before_the_gate_is_bumped_in_every_pass() -> None:
    """C-FAI-19, C-BUG-35."""
    train = make_jobset("train", max_restarts=2, rules=[rule("RestartJob")])
    for expected in ((1,), (2,)):
        plan = decide(train, FAILED, gates=RESTART_JOB)
        assert carry_out(plan).calls == ["update-status JobSet train"]
        (entry,) = status_of(plan).replicated_jobs_status
        assert entry.job_restarts == expected
        train = replace(train, status=status_of(plan))
    assert status_of(decide(train, FAILED, gates=RESTART_JOB)).terminal_state == "Failed"


def unlabelled(key: str) -> Job:
    labels = {k: v for k, v in FAILED.metadata.labels.items() if k != key}
    return FAILED.with_meta(labels=labels)


@pytest.mark.parametrize(
    ("child", "error"),
    [
        (
            make_job("train-w-7", failed=True),
            "failed job train-w-7 has index 7 out of bounds for replicated job w (replicas: 1)",
        ),
        (make_job("train-w-x", failed=True), 'strconv.Atoi: parsing "x": invalid syntax'),
        (make_job("train-x-0", failed=True), "out of bounds for replicated job x (replicas: 0)"),
        (make_job("train-w-0", failed=True, labels={JOB_INDEX: "-1"}), "index out of range [-1]"),
    ],
)
def test_a_job_whose_place_is_unknown_is_an_error(child: Job, error: str) -> None:
    """C-FAI-17."""
    train = make_jobset("train", max_restarts=2, rules=[rule("RestartJob")])
    plan = decide(train, child, gates=RESTART_JOB)
    assert plan.error is not None
    assert error in plan.error


def test_counters_of_unequal_length_are_an_error() -> None:
    status = with_counters((0, 0), (0,))
    train = make_jobset(
        "train", replicated_jobs={"w": 2}, max_restarts=2, rules=[rule("RestartJob")], status=status
    )
    plan = decide(train, make_job("train-w-1", failed=True), gates=RESTART_JOB)
    assert plan.error is not None
    assert "replicas: 1" in plan.error


@pytest.mark.parametrize("key", [REPLICATED_JOB_NAME, JOB_INDEX])
def test_a_missing_label_is_an_error_of_the_pass(key: str) -> None:
    """C-BKT-04 comes first."""
    train = make_jobset("train", max_restarts=2, rules=[rule("RestartJob")])
    assert decide(train, unlabelled(key), gates=RESTART_JOB).error == f"missing label {key}"


def test_counters_wrap_at_32_bits() -> None:
    status = JobSetStatus(restarts=2**31 - 1)
    train = make_jobset("train", max_restarts=1, status=status)
    plan = decide(train, make_job("train-w-0", failed=True, restart_attempt=2**31 - 1))
    assert status_of(plan).restarts == -(2**31)
