"""Validation of what a pod asks of the scheduler: tolerations, spreading, affinity.

Source: kubernetes pkg/apis/core/validation/validation.go 1.36.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobsim.api import names
from jobsim.api.field import FieldError, duplicate, forbidden, invalid, not_supported, required
from jobsim.api.pod import (
    Affinity,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    PodAffinity,
    PodAffinityTerm,
    Toleration,
    TopologySpreadConstraint,
)
from jobsim.apiserver.schema_meta import check_selector
from jobsim.controllers.admission.pod_validate_containers import formed

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def toleration_errors(tolerations: Sequence[Toleration], path: str) -> list[FieldError]:
    """Return what is wrong with tolerations."""
    errors: list[FieldError] = []
    for i, toleration in enumerate(tolerations):
        at = f"{path}[{i}]"
        operator, value, effect = toleration.operator, toleration.value, toleration.effect
        if toleration.key:
            errors += formed(toleration.key, names.qualified_name_errors(toleration.key), f"{at}.key")
        elif operator != "Exists":
            why = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            errors.append(invalid(f"{at}.operator", operator, why))
        if toleration.toleration_seconds is not None and effect != "NoExecute":
            why = "effect must be 'NoExecute' when `tolerationSeconds` is set"
            errors.append(invalid(f"{at}.effect", effect, why))
        if operator in ("Equal", ""):
            if problems := names.label_value_errors(value):
                errors.append(invalid(f"{at}.operator", value, ";".join(problems)))
        elif operator == "Exists":
            if value:
                why = "value must be empty when `operator` is 'Exists'"
                errors.append(invalid(f"{at}.operator", value, why))
        else:
            allowed = ("Equal", "Exists", "Lt", "Gt") if operator in ("Lt", "Gt") else ("Equal", "Exists")
            errors.append(not_supported(f"{at}.operator", operator, allowed))
        if effect and effect not in EFFECTS:
            errors.append(not_supported(f"{at}.effect", effect, EFFECTS))
    return errors


def spread_errors(constraints: Sequence[TopologySpreadConstraint], path: str) -> list[FieldError]:
    """Return what is wrong with topology spread constraints."""
    errors: list[FieldError] = []
    for i, constraint in enumerate(constraints):
        at = f"{path}[{i}]"
        if constraint.max_skew <= 0:
            errors.append(invalid(f"{at}.maxSkew", constraint.max_skew, "must be greater than zero"))
        if not constraint.topology_key:
            errors.append(required(f"{at}.topologyKey", "can not be empty"))
        else:
            key = constraint.topology_key
            errors += formed(key, names.qualified_name_errors(key), f"{at}.topologyKey")
        allowed = ("DoNotSchedule", "ScheduleAnyway")
        if constraint.when_unsatisfiable not in allowed:
            errors.append(not_supported(f"{at}.whenUnsatisfiable", constraint.when_unsatisfiable, allowed))
        pair = (constraint.topology_key, constraint.when_unsatisfiable)
        if pair in [(c.topology_key, c.when_unsatisfiable) for c in constraints[i + 1 :]]:
            shown = f"{{{pair[0]}, {pair[1]}}}"
            errors.append(duplicate(f"{at}.{{topologyKey, whenUnsatisfiable}}", shown))
        if constraint.min_domains is not None and constraint.min_domains <= 0:
            errors.append(invalid(f"{at}.minDomains", constraint.min_domains, "must be greater than zero"))
        if constraint.min_domains is not None and constraint.when_unsatisfiable != "DoNotSchedule":
            why = "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not "
            errors.append(
                invalid(f"{at}.minDomains", constraint.min_domains, why + constraint.when_unsatisfiable)
            )
        errors += check_selector(constraint.label_selector, f"{at}.labelSelector")
    return errors


def affinity_errors(affinity: Affinity, path: str) -> list[FieldError]:
    """Return what is wrong with affinity and anti-affinity."""
    errors: list[FieldError] = []
    node = affinity.node_affinity
    if node is not None:
        at = f"{path}.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"
        wanted = node.required_during_scheduling_ignored_during_execution
        if wanted is not None:
            if not wanted.node_selector_terms:
                why = "must have at least one node selector term"
                errors.append(required(f"{at}.nodeSelectorTerms", why))
            for i, term in enumerate(wanted.node_selector_terms):
                errors += _node_term_errors(term, f"{at}.nodeSelectorTerms[{i}]")
        at = f"{path}.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution"
        for i, preferred in enumerate(node.preferred_during_scheduling_ignored_during_execution):
            errors += _weight_errors(preferred.weight, f"{at}[{i}].weight")
            errors += _node_term_errors(preferred.preference, f"{at}[{i}].preference")
    for field, pods in (
        ("podAffinity", affinity.pod_affinity),
        ("podAntiAffinity", affinity.pod_anti_affinity),
    ):
        if pods is not None:
            errors += _pod_affinity_errors(pods, f"{path}.{field}")
    return errors


def _node_term_errors(term: NodeSelectorTerm, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for i, expression in enumerate(term.match_expressions):
        errors += _node_requirement_errors(expression, f"{path}.matchExpressions[{i}]")
    for i, expression in enumerate(term.match_fields):
        errors += _node_field_errors(expression, f"{path}.matchFields[{i}]")
    return errors


def _node_field_errors(expression: NodeSelectorRequirement, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    if expression.operator not in ("In", "NotIn"):
        errors.append(invalid(f"{path}.operator", expression.operator, "not a valid selector operator"))
    elif len(expression.values) != 1:
        why = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        errors.append(required(f"{path}.values", why))
    if expression.key != "metadata.name":
        errors.append(invalid(f"{path}.key", expression.key, "not a valid field selector key"))
        return errors
    for i, value in enumerate(expression.values):
        errors += formed(value, names.dns1123_subdomain_errors(value), f"{path}.values[{i}]")
    return errors


def _node_requirement_errors(expression: NodeSelectorRequirement, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    operator, values = expression.operator, expression.values
    if operator in ("In", "NotIn"):
        if not values:
            why = "must be specified when `operator` is 'In' or 'NotIn'"
            errors.append(required(f"{path}.values", why))
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            errors.append(forbidden(f"{path}.values", why))
    elif operator in ("Gt", "Lt"):
        if len(values) != 1:
            why = "must be specified single value when `operator` is 'Lt' or 'Gt'"
            errors.append(required(f"{path}.values", why))
    else:
        errors.append(invalid(f"{path}.operator", operator, "not a valid selector operator"))
    errors += formed(expression.key, names.qualified_name_errors(expression.key), f"{path}.key")
    for i, value in enumerate(values):
        errors += formed(value, names.label_value_errors(value), f"{path}.values[{i}]")
    return errors


def _weight_errors(weight: int, path: str) -> list[FieldError]:
    return [] if 1 <= weight <= 100 else [invalid(path, weight, "must be in the range 1-100")]


def _pod_affinity_errors(pods: PodAffinity, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    at = f"{path}.requiredDuringSchedulingIgnoredDuringExecution"
    for i, term in enumerate(pods.required_during_scheduling_ignored_during_execution):
        errors += _pod_term_errors(term, f"{at}[{i}]")
    at = f"{path}.preferredDuringSchedulingIgnoredDuringExecution"
    for i, weighted in enumerate(pods.preferred_during_scheduling_ignored_during_execution):
        errors += _weight_errors(weighted.weight, f"{at}[{i}].weight")
        errors += _pod_term_errors(weighted.pod_affinity_term, f"{at}[{i}].podAffinityTerm")
    return errors


def _pod_term_errors(term: PodAffinityTerm, path: str) -> list[FieldError]:
    errors = check_selector(term.label_selector, f"{path}.labelSelector")
    errors += check_selector(term.namespace_selector, f"{path}.namespaceSelector")
    for name in term.namespaces:
        errors += formed(name, names.dns1123_label_errors(name), f"{path}.namespace")
    key = term.topology_key
    if not key:
        errors.append(required(f"{path}.topologyKey", "can not be empty"))
    return errors + formed(key, names.qualified_name_errors(key), f"{path}.topologyKey")
