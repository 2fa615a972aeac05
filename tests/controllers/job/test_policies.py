"""podFailurePolicy and successPolicy: which rule speaks, and what it says."""

from __future__ import annotations

import pytest

from jobsim.api.batch import (
    JobSuccessPolicy,
    JobSuccessPolicyRule,
    PodFailurePolicy,
    PodFailurePolicyOnExitCodes,
    PodFailurePolicyOnPodCondition,
    PodFailurePolicyRule,
)
from jobsim.api.meta import Condition, ObjectMeta
from jobsim.api.pod import ContainerState, ContainerStateTerminated, ContainerStatus, Pod, PodStatus
from jobsim.controllers.job import indexes, pod_failure_policy, success_policy


def ended(name: str, code: int) -> ContainerStatus:
    return ContainerStatus(
        name=name, state=ContainerState(terminated=ContainerStateTerminated(exit_code=code))
    )


POD = Pod(
    metadata=ObjectMeta(namespace="ns", name="p"),
    status=PodStatus(
        phase="Failed",
        init_container_statuses=(ended("init", 40),),
        container_statuses=(
            ContainerStatus(name="runs"),
            ended("good", 0),
            ended("main", 3),
            ended("side", 5),
        ),
        conditions=(
            Condition(type="Ready", status="False"),
            Condition(type="DisruptionTarget", status="True"),
        ),
    ),
)


def codes(action: str, operator: str, *values: int, container: str | None = None) -> PodFailurePolicyRule:
    wanted = PodFailurePolicyOnExitCodes(container_name=container, operator=operator, values=values)
    return PodFailurePolicyRule(action=action, on_exit_codes=wanted)


def condition(action: str, *patterns: tuple[str, str]) -> PodFailurePolicyRule:
    return PodFailurePolicyRule(
        action=action,
        on_pod_conditions=tuple(PodFailurePolicyOnPodCondition(type=t, status=s) for t, s in patterns),
    )


WORDS = "for pod ns/p failed with exit code"
RULE = "matching FailJob rule at index"


@pytest.mark.parametrize(
    ("rules", "action", "message"),
    [
        pytest.param([], "", "", id="no-rule"),
        pytest.param([codes("FailJob", "In", 3)], "FailJob", f"Container main {WORDS} 3 {RULE} 0", id="in"),
        pytest.param(
            [codes("FailJob", "In", 9), codes("FailJob", "NotIn", 3)],
            "FailJob",
            f"Container side {WORDS} 5 {RULE} 1",
            id="not-in",
        ),
        pytest.param(
            [codes("FailJob", "In", 40)],
            "FailJob",
            f"Container init {WORDS} 40 {RULE} 0",
            id="init-container-after-apps",
        ),
        pytest.param(
            [codes("Count", "In", 3, container="side"), codes("Ignore", "In", 5)],
            "Ignore",
            "",
            id="container-name",
        ),
        pytest.param([codes("Ignore", "NotIn", 1, container="good")], "", "", id="zero-never-matches"),
        pytest.param([codes("Ignore", "Near", 3)], "", "", id="unknown-operator"),
        pytest.param([codes("Explode", "In", 3), codes("Count", "In", 3)], "Count", "", id="unknown-action"),
        pytest.param(
            [condition("FailJob", ("Ready", "True"), ("DisruptionTarget", "True"))],
            "FailJob",
            f"Pod ns/p has condition DisruptionTarget {RULE} 0",
            id="condition",
        ),
        pytest.param(
            [condition("FailIndex", ("DisruptionTarget", ""))], "FailIndex", "", id="status-defaults-to-True"
        ),
        pytest.param([condition("FailIndex", ("Ready", ""))], "", "", id="condition-with-another-status"),
    ],
)
def test_pod_failure_policy(rules: list[PodFailurePolicyRule], action: str, message: str) -> None:
    """K-JOB-60..62: the first rule that matches."""
    verdict = pod_failure_policy.match(PodFailurePolicy(rules=tuple(rules)), POD)
    assert (verdict.action, verdict.message) == (action, message)
    assert verdict.counts == (action != "Ignore")


def test_without_a_policy_every_failure_counts() -> None:
    assert pod_failure_policy.match(None, POD).counts


def rule(text: str | None = None, count: int | None = None) -> JobSuccessPolicyRule:
    return JobSuccessPolicyRule(succeeded_indexes=text, succeeded_count=count)


@pytest.mark.parametrize(
    ("rules", "succeeded", "expected"),
    [
        ([rule("0-2")], {0, 1, 2}, "Matched rules at index 0"),
        ([rule("0-2")], {0, 2, 3, 4}, ""),
        ([rule("0-2", 2)], {0, 2, 3, 4}, "Matched rules at index 0"),
        ([rule("0-2", 2)], {2, 3, 4}, ""),
        ([rule("0"), rule(count=3)], {2, 3, 4}, "Matched rules at index 1"),
        ([rule("9")], {2, 3, 4}, ""),
        ([rule()], {0}, ""),
        ([rule(count=0)], set(), ""),
    ],
)
def test_success_policy(rules: list[JobSuccessPolicyRule], succeeded: set[int], expected: str) -> None:
    """K-JOB-65: an index that the Job does not have is not waited for, but cannot be all there is."""
    policy = JobSuccessPolicy(rules=tuple(rules))
    assert success_policy.met(policy, 5, indexes.of(succeeded)) == expected


def test_without_a_success_policy_none_is_met() -> None:
    assert success_policy.met(None, 5, ((0, 4),)) == ""
