"""podFailurePolicy: what a rule says about a failed pod.

Source: kubernetes pkg/controller/job/pod_failure_policy.go; clauses K-JOB-60..63.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobsim.api._struct import Struct
from jobsim.api.batch import PodFailurePolicy, PodFailurePolicyOnExitCodes, PodFailurePolicyRule
from jobsim.api.meta import Condition
from jobsim.api.pod import ContainerStatus, Pod

ACTIONS = ("FailJob", "FailIndex", "Ignore", "Count")


class Match(Struct):
    """The verdict on a failed pod.

    Parameters
    ----------
    action : str
        The action of the rule that matched first; "" if none did.
    message : str
        Why the Job fails; only with FailJob.
    """

    action: str = ""
    message: str = ""

    @property
    def counts(self) -> bool:
        """Whether the failure counts towards the limits."""
        return self.action != "Ignore"


NO_MATCH = Match()


def match(policy: PodFailurePolicy | None, pod: Pod) -> Match:
    """Return what the first matching rule says about a failed pod (K-JOB-60, K-JOB-61)."""
    if policy is None:
        return NO_MATCH
    for number, rule in enumerate(policy.rules):
        reason = _reason(rule, pod)
        # A rule whose action is not known to this version matches nothing.
        if reason and rule.action in ACTIONS:
            message = f"{reason} matching FailJob rule at index {number}" if rule.action == "FailJob" else ""
            return Match(action=rule.action, message=message)
    return NO_MATCH


def _reason(rule: PodFailurePolicyRule, pod: Pod) -> str:
    """Return why a rule matches, as the FailJob message begins (K-JOB-62); "" if it does not."""
    key = f"{pod.namespace}/{pod.name}"
    if rule.on_exit_codes is not None:
        status = pod.status
        found = _exited(status.container_statuses, rule.on_exit_codes)
        found = found or _exited(status.init_container_statuses, rule.on_exit_codes)
        if found is None or found.state.terminated is None:
            return ""
        return (
            f"Container {found.name} for pod {key} failed with exit code {found.state.terminated.exit_code}"
        )
    condition = _condition(pod.status.conditions, rule)
    return f"Pod {key} has condition {condition.type}" if condition else ""


def _condition(conditions: Sequence[Condition], rule: PodFailurePolicyRule) -> Condition | None:
    for condition in conditions:
        for pattern in rule.on_pod_conditions:
            if condition.type == pattern.type and condition.status == (pattern.status or "True"):
                return condition
    return None


def _exited(
    statuses: Sequence[ContainerStatus], wanted: PodFailurePolicyOnExitCodes
) -> ContainerStatus | None:
    """Return the first container that ended with a code that the rule means; exit code 0 never is."""
    for status in statuses:
        ended = status.state.terminated
        if ended is None or ended.exit_code == 0:
            continue
        if wanted.container_name is not None and wanted.container_name != status.name:
            continue
        listed = ended.exit_code in wanted.values
        if (wanted.operator == "In" and listed) or (wanted.operator == "NotIn" and not listed):
            return status
    return None
