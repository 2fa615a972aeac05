"""What the API server says to nodes, budgets, Services and priority classes.

Source: pkg/apis/core/validation/validation.go ValidateNode, ValidateService; pkg/apis/policy/validation;
pkg/apis/scheduling/validation; pkg/apis/core/v1/defaults.go SetDefaults_NodeStatus.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from jobsim.api import names, quantity
from jobsim.api._struct import IntOrString, Quantity, replace
from jobsim.api.codec import to_data
from jobsim.api.core import Node, PodDisruptionBudget, PriorityClass, Service, Taint
from jobsim.api.field import FieldError, duplicate, forbidden, invalid, not_supported, required
from jobsim.api.meta import Object
from jobsim.apiserver.schema_meta import check_labels, check_selector
from jobsim.controllers.admission.pod_validate_containers import quantity_errors

#: The highest priority that a user may define; the two classes of the system lie above it.
HIGHEST_USER_PRIORITY = 1_000_000_000
SYSTEM_CLASSES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_PERCENT = re.compile(r"[0-9]+%")
_NO_PERCENT = (
    "a valid percent string must be a numeric followed by an ending '%' "
    "(e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
)
_NONNEGATIVE = "must be greater than or equal to 0"


def with_node_defaults(node: Node) -> Node:
    """Return a node whose allocatable resources are its capacity when it says nothing of them."""
    status = node.status
    if status.allocatable or not status.capacity:
        return node
    return replace(node, status=replace(status, allocatable=status.capacity))


def object_errors(obj: Object) -> list[FieldError]:
    """Return what is wrong with an object of one of the kinds that this file knows; [] for others."""
    if isinstance(obj, Node):
        return _node_errors(obj)
    if isinstance(obj, PodDisruptionBudget):
        return _budget_errors(obj)
    if isinstance(obj, Service):
        return _service_errors(obj)
    if isinstance(obj, PriorityClass):
        return _priority_errors(obj)
    return []


# -- nodes ------------------------------------------------------------------------------------------


def _node_errors(node: Node) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[tuple[str, str]] = set()
    for i, taint in enumerate(node.spec.taints):
        path = f"spec.taints[{i}]"
        errors += _taint_errors(taint, path)
        if (taint.key, taint.effect) in seen:
            found = replace(
                duplicate(path, to_data(taint)), detail="taints must be unique by key and effect pair"
            )
            errors.append(found)
        seen.add((taint.key, taint.effect))
    errors += _resource_errors(node.status.capacity, "status.capacity")
    return errors + _resource_errors(node.status.allocatable, "status.allocatable")


def _taint_errors(taint: Taint, path: str) -> list[FieldError]:
    errors = [invalid(f"{path}.key", taint.key, text) for text in names.qualified_name_errors(taint.key)]
    errors += [invalid(f"{path}.value", taint.value, text) for text in names.label_value_errors(taint.value)]
    if not taint.effect:
        errors.append(required(f"{path}.effect"))
    elif taint.effect not in _EFFECTS:
        errors.append(not_supported(f"{path}.effect", taint.effect, _EFFECTS))
    return errors


def _resource_errors(amounts: Mapping[str, Quantity], path: str) -> list[FieldError]:
    """Return what is wrong with resources: none may be negative, whole things are counted whole."""
    errors: list[FieldError] = []
    for name in sorted(amounts):
        at = f"{path}[{name}]"
        found = quantity_errors(name, amounts[name], at)
        errors += found
        if name == "pods" and not found and quantity.parse(amounts[name]) % quantity.NANO:
            errors.append(invalid(at, quantity.canonical(amounts[name]), "must be an integer"))
    return errors


# -- budgets ----------------------------------------------------------------------------------------


def _budget_errors(budget: PodDisruptionBudget) -> list[FieldError]:
    spec = budget.spec
    errors: list[FieldError] = []
    if spec.min_available is not None and spec.max_unavailable is not None:
        errors.append(
            invalid("spec", to_data(spec), "minAvailable and maxUnavailable are mutually exclusive")
        )
    if spec.min_available is not None:
        errors += _share_errors(spec.min_available, "spec.minAvailable")
    if spec.max_unavailable is not None:
        errors += _share_errors(spec.max_unavailable, "spec.maxUnavailable")
    policy = spec.unhealthy_pod_eviction_policy
    known = ("AlwaysAllow", "IfHealthyBudget")
    if policy is not None and policy not in known:
        errors.append(not_supported("spec.unhealthyPodEvictionPolicy", policy, known))
    return errors + check_selector(spec.selector, "spec.selector")


def _share_errors(share: IntOrString, path: str) -> list[FieldError]:
    if isinstance(share, int):
        return [invalid(path, share, _NONNEGATIVE)] if share < 0 else []
    if not _PERCENT.fullmatch(share):
        return [invalid(path, share, _NO_PERCENT)]
    return [invalid(path, share, "must not be greater than 100%")] if int(share[:-1]) > 100 else []


# -- Services and priority classes ------------------------------------------------------------------


def _service_errors(service: Service) -> list[FieldError]:
    spec = service.spec
    errors = check_labels(spec.selector, "spec.selector")
    if not spec.ports and spec.cluster_ip != "None" and spec.type != "ExternalName":
        errors.append(required("spec.ports"))
    for i, port in enumerate(spec.ports):
        number = port.get("port", 0)
        if not 1 <= number <= 65535:
            text = "must be between 1 and 65535, inclusive"
            errors.append(invalid(f"spec.ports[{i}].port", number, text))
        if len(spec.ports) > 1 and not port.get("name"):
            errors.append(required(f"spec.ports[{i}].name"))
    return errors


def _priority_errors(found: PriorityClass) -> list[FieldError]:
    errors: list[FieldError] = []
    if found.name.startswith("system-"):
        if SYSTEM_CLASSES.get(found.name) != found.value:
            text = "priority class names with 'system-' prefix are reserved for system use only"
            errors.append(forbidden("metadata.name", text))
    elif found.value > HIGHEST_USER_PRIORITY:
        text = f"maximum allowed value of a user defined priority is {HIGHEST_USER_PRIORITY}"
        errors.append(forbidden("value", text))
    policies = ("PreemptLowerPriority", "Never")
    if found.preemption_policy is not None and found.preemption_policy not in policies:
        errors.append(not_supported("preemptionPolicy", found.preemption_policy, policies))
    return errors
