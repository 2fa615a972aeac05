"""Validation of a Job's policies on failed, succeeded and replaced pods, in the API server's words.

Source: kubernetes pkg/apis/batch/validation/validation.go 1.36.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from jobsim.api import names
from jobsim.api.batch import (
    JobSpec,
    JobSuccessPolicy,
    JobSuccessPolicyRule,
    PodFailurePolicyOnExitCodes,
    PodFailurePolicyOnPodCondition,
    PodFailurePolicyRule,
)
from jobsim.api.field import (
    FieldError,
    duplicate,
    invalid,
    invalid_omitted,
    not_supported,
    required,
    too_long,
    too_many,
)
from jobsim.api.gofmt import atoi, quote
from jobsim.apiserver.schema_errors import invalid_data

POLICY_RULES_MAX = 20
EXIT_CODES_MAX = 255
CONDITION_PATTERNS_MAX = 20
SUCCEEDED_INDEXES_BYTES_MAX = 64 * 1024
ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")


def policy_errors(spec: JobSpec) -> list[FieldError]:
    """Return what is wrong with podFailurePolicy, successPolicy and podReplacementPolicy."""
    errors = [] if spec.pod_failure_policy is None else _failure_policy_errors(spec)
    if spec.success_policy is not None:
        errors += _success_policy_errors(spec)
    return errors + _replacement_errors(spec)


def _replacement_errors(spec: JobSpec) -> list[FieldError]:
    policy = spec.pod_replacement_policy
    allowed = ("Failed", "TerminatingOrFailed") if spec.pod_failure_policy is None else ("Failed",)
    if policy is None or policy in allowed:
        return []
    return [not_supported("spec.podReplacementPolicy", policy, allowed)]


def _failure_policy_errors(spec: JobSpec) -> list[FieldError]:
    assert spec.pod_failure_policy is not None
    path = "spec.podFailurePolicy.rules"
    rules = spec.pod_failure_policy.rules
    errors = [too_many(path, len(rules), POLICY_RULES_MAX)] if len(rules) > POLICY_RULES_MAX else []
    pod = spec.template.spec
    containers = {container.name for container in (*pod.containers, *pod.init_containers)}
    for i, rule in enumerate(rules):
        errors += _failure_rule_errors(spec, rule, f"{path}[{i}]", containers)
    return errors


def _go_words(words: Sequence[str]) -> str:
    """Return words as Go prints a slice with ``%q``."""
    return "[" + " ".join(f'"{word}"' for word in words) + "]"


def _failure_rule_errors(
    spec: JobSpec, rule: PodFailurePolicyRule, path: str, containers: set[str]
) -> list[FieldError]:
    errors: list[FieldError] = []
    if not rule.action:
        errors.append(required(f"{path}.action", f"valid values: {_go_words(ACTIONS)}"))
    elif rule.action == "FailIndex":
        if spec.backoff_limit_per_index is None:
            why = "requires the backoffLimitPerIndex to be set"
            errors.append(invalid(f"{path}.action", rule.action, why))
    elif rule.action not in ACTIONS:
        errors.append(not_supported(f"{path}.action", rule.action, ACTIONS))
    if rule.on_exit_codes is not None:
        errors += _exit_code_errors(rule.on_exit_codes, f"{path}.onExitCodes", containers)
    if rule.on_pod_conditions:
        errors += _condition_errors(rule.on_pod_conditions, f"{path}.onPodConditions")
    if rule.on_exit_codes is not None and rule.on_pod_conditions:
        why = "specifying both OnExitCodes and OnPodConditions is not supported"
        errors.append(invalid_omitted(path, why))
    if rule.on_exit_codes is None and not rule.on_pod_conditions:
        errors.append(invalid_omitted(path, "specifying one of OnExitCodes and OnPodConditions is required"))
    return errors


def _condition_errors(patterns: Sequence[PodFailurePolicyOnPodCondition], path: str) -> list[FieldError]:
    errors = []
    if len(patterns) > CONDITION_PATTERNS_MAX:
        errors.append(too_many(path, len(patterns), CONDITION_PATTERNS_MAX))
    statuses = ("False", "True", "Unknown")
    for i, pattern in enumerate(patterns):
        at = f"{path}[{i}]"
        errors += [invalid(f"{at}.type", pattern.type, p) for p in names.qualified_name_errors(pattern.type)]
        if not pattern.status:
            errors.append(required(f"{at}.status", f"valid values: {_go_words(statuses)}"))
        elif pattern.status not in statuses:
            errors.append(not_supported(f"{at}.status", pattern.status, statuses))
    return errors


def _exit_code_errors(
    codes: PodFailurePolicyOnExitCodes, path: str, containers: set[str]
) -> list[FieldError]:
    errors = []
    operators = ("In", "NotIn")
    if not codes.operator:
        errors.append(required(f"{path}.operator", f"valid values: {_go_words(operators)}"))
    elif codes.operator not in operators:
        errors.append(not_supported(f"{path}.operator", codes.operator, operators))
    if codes.container_name is not None and codes.container_name not in containers:
        why = "must be one of the container or initContainer names in the pod template"
        errors.append(invalid(f"{path}.containerName", codes.container_name, why))
    values = codes.values
    if not values:
        errors.append(_invalid_numbers(f"{path}.values", values, "at least one value is required"))
    elif len(values) > EXIT_CODES_MAX:
        errors.append(too_many(f"{path}.values", len(values), EXIT_CODES_MAX))
    seen: set[int] = set()
    for i, value in enumerate(values):
        at = f"{path}.values[{i}]"
        if codes.operator == "In" and value == 0:
            errors.append(invalid(at, value, "must not be 0 for the In operator"))
        if value in seen:
            errors.append(duplicate(at, value))
        seen.add(value)
    if any(before > after for before, after in pairwise(values)):
        errors.append(_invalid_numbers(f"{path}.values", values, "must be ordered"))
    return errors


def _invalid_numbers(path: str, values: Sequence[int], detail: str) -> FieldError:
    shown = "[" + ",".join(str(value) for value in values) + "]" if values else "null"
    return FieldError(path=path, kind="Invalid value", detail=detail, value=shown, composite=True)


def _success_policy_errors(spec: JobSpec) -> list[FieldError]:
    assert spec.success_policy is not None
    if spec.completion_mode != "Indexed":
        why = "requires indexed completion mode"
        return [_invalid_policy(spec.success_policy, why)]
    path = "spec.successPolicy.rules"
    rules = spec.success_policy.rules
    errors = []
    if not rules:
        why = "at least one rules must be specified when the successPolicy is specified"
        errors.append(required(path, why))
    if len(rules) > POLICY_RULES_MAX:
        errors.append(too_many(path, len(rules), POLICY_RULES_MAX))
    for i, rule in enumerate(rules):
        errors += _success_rule_errors(rule, spec.completions or 0, f"{path}[{i}]")
    return errors


def _invalid_policy(policy: JobSuccessPolicy, detail: str) -> FieldError:
    """Return the error of a policy as a whole, which the server prints by its internal field names."""
    rules = [
        {"SucceededIndexes": rule.succeeded_indexes, "SucceededCount": rule.succeeded_count}
        for rule in policy.rules
    ]
    return invalid_data("spec.successPolicy", {"Rules": rules or None}, detail, sort=False)


def _success_rule_errors(rule: JobSuccessPolicyRule, completions: int, path: str) -> list[FieldError]:
    errors = []
    indexes, count = rule.succeeded_indexes, rule.succeeded_count
    if count is None and indexes is None:
        errors.append(required(path, "at least one of succeededCount or succeededIndexes must be specified"))
    total = 0
    if indexes is not None:
        at = f"{path}.succeededIndexes"
        if names.byte_length(indexes) > SUCCEEDED_INDEXES_BYTES_MAX:
            errors.append(too_long(at, SUCCEEDED_INDEXES_BYTES_MAX))
        try:
            total = count_indexes(indexes, completions)
        except ValueError as err:
            errors.append(invalid(at, indexes, f"error parsing succeededIndexes: {err}"))
    if count is not None:
        at = f"{path}.succeededCount"
        if count < 0:
            errors.append(invalid(at, count, "must be greater than or equal to 0"))
        if count > completions:
            why = f"must be less than or equal to {completions} (the number of specified completions)"
            errors.append(invalid(at, count, why))
        if indexes is not None and count > total:
            why = (
                f"must be less than or equal to {total} (the number of indexes in the specified "
                "succeededIndexes field)"
            )
            errors.append(invalid(at, count, why))
    return errors


# --- index lists -------------------------------------------------------------------------------


def count_indexes(text: str, completions: int) -> int:
    """Return how many indexes a list like ``1,3-5`` has.

    Raises
    ------
    ValueError
        With the API server's words, when the list is malformed, unordered or too high.
    """
    total, last = 0, -1
    for part in text.split(",") if text else ():
        low, high = _interval(part, completions)
        if total and last >= low:
            raise ValueError(f"non-increasing order, previous: {last}, current: {low}")
        total, last = total + high - low + 1, high
    return total


def _interval(part: str, completions: int) -> tuple[int, int]:
    limits = part.split("-")
    if len(limits) > 2:
        raise ValueError(
            f"the fragment {quote(part)} violates the requirement that an index interval can have at most "
            "two parts separated by '-'"
        )
    ends = [_index(limit, completions) for limit in limits]
    if len(ends) > 1 and ends[0] >= ends[1]:
        raise ValueError(f"non-increasing order, previous: {ends[0]}, current: {ends[1]}")
    return ends[0], ends[-1]


def _index(text: str, completions: int) -> int:
    number = atoi(text)
    if number is None:
        raise ValueError(f"cannot convert string to integer for index: {quote(text)}")
    if number >= completions:
        raise ValueError(f"too large index: {quote(text)}")
    return number


def overlap(completed: str, failed: str, completions: int) -> int | None:
    """Return the first index that two index lists share, or None; malformed parts are passed over."""
    if not completed or not failed:
        return None
    ours, theirs = _intervals(completed, completions), _intervals(failed, completions)
    i = k = 0
    while i < len(ours) and k < len(theirs):
        (low, high), (low2, high2) = ours[i], theirs[k]
        if low <= high2 and low2 <= high:
            return max(low, low2)
        if low <= low2:
            i += 1
        else:
            k += 1
    return None


def _intervals(text: str, completions: int) -> list[tuple[int, int]]:
    found = []
    for part in text.split(","):
        try:
            found.append(_interval(part, completions))
        except ValueError:
            continue
    return found
