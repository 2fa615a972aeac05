"""Nodes, budgets, Services and priority classes that the API server refuses, in its words."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api.core import Node
from jobsim.apiserver.table import ObjectTable
from jobsim.controllers.admission.pipeline import Admission
from jobsim.controllers.jobset import Gates
from jobsim.errors import ApiError

EMPTY = ObjectTable()
NEGATIVE = "must be greater than or equal to 0"
LABEL = "a valid label must be an empty string or consist of alphanumeric characters"
OF_A = {"matchLabels": {"a": "b"}}


def admission() -> Admission:
    return Admission(Gates(), strict=False, suffix=lambda: "x")


def node(**parts: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n", **parts.pop("meta", {})}, **parts}


def capacity(**amounts: Any) -> dict[str, Any]:
    named = {name.replace("__", "/").replace("_", "."): amount for name, amount in amounts.items()}
    return node(status={"capacity": named, "allocatable": {"cpu": 1}})


def taints(*found: dict[str, str]) -> dict[str, Any]:
    return node(spec={"taints": list(found)})


def budget(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "b"},
        "spec": {"selector": OF_A, **spec},
    }


def service(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": spec}


def priority(name: str = "p", value: int = 5, **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": name},
        "value": value,
        **more,
    }


REFUSED = [
    (capacity(cpu="-4"), f'status.capacity[cpu]: Invalid value: "-4": {NEGATIVE}'),
    (capacity(pods="1.5"), 'status.capacity[pods]: Invalid value: "1500m": must be an integer'),
    (
        capacity(nvidia_com__gpu="500m"),
        'status.capacity[nvidia.com/gpu]: Invalid value: "500m": must be an integer',
    ),
    (
        node(status={"allocatable": {"memory": "-1Gi"}}),
        f'status.allocatable[memory]: Invalid value: "-1Gi": {NEGATIVE}',
    ),
    (node(meta={"labels": {"a": "x" * 64}}), "must be no more than 63 bytes"),
    (taints({"key": "", "effect": "NoSchedule"}), 'spec.taints[0].key: Invalid value: "": name part must be'),
    (taints({"key": "a", "value": "b c", "effect": "NoSchedule"}), f'Invalid value: "b c": {LABEL}'),
    (taints({"key": "a"}), "spec.taints[0].effect: Required value"),
    (taints({"key": "a", "effect": "Never"}), 'spec.taints[0].effect: Unsupported value: "Never": supported'),
    (
        taints(*[{"key": "a", "effect": "NoExecute"}] * 2),
        "spec.taints[1]: Duplicate value: ",
    ),
    (budget(minAvailable=1, maxUnavailable=1), "minAvailable and maxUnavailable are mutually exclusive"),
    (budget(minAvailable=-1), f"spec.minAvailable: Invalid value: -1: {NEGATIVE}"),
    (budget(maxUnavailable="101%"), 'spec.maxUnavailable: Invalid value: "101%": must not be greater than'),
    (budget(maxUnavailable="half"), 'Invalid value: "half": a valid percent string must be a numeric'),
    (
        budget(selector={"matchLabels": {"a": "b c"}}),
        f'spec.selector.matchLabels: Invalid value: "b c": {LABEL}',
    ),
    (
        budget(unhealthyPodEvictionPolicy="No"),
        'Policy: Unsupported value: "No": supported values: "AlwaysAllow", "IfHealthyBudget"',
    ),
    (service(selector={"a": "b"}), "spec.ports: Required value"),
    (service(clusterIP="None", selector={"a": "x" * 64}), "spec.selector: Invalid value"),
    (
        service(ports=[{"port": 70000}]),
        "spec.ports[0].port: Invalid value: 70000: must be between 1 and",
    ),
    (service(ports=[{"port": 1, "name": "a"}, {"port": 2}]), "spec.ports[1].name: Required value"),
    (
        priority(value=10**9 + 1),
        "value: Forbidden: maximum allowed value of a user defined priority is 1",
    ),
    (
        priority("system-mine"),
        "metadata.name: Forbidden: priority class names with 'system-' prefix",
    ),
    (priority(preemptionPolicy="Maybe"), 'preemptionPolicy: Unsupported value: "Maybe": supported values'),
]


@pytest.mark.parametrize(("doc", "text"), REFUSED)
def test_refused(doc: dict[str, Any], text: str) -> None:
    with pytest.raises(ApiError) as caught:
        admission().admit_manifest(doc, EMPTY)
    assert caught.value.code == 422
    assert caught.value.message.startswith(f"{doc['kind']}")
    assert text in caught.value.message


@pytest.mark.parametrize(
    "doc",
    [
        capacity(cpu=0, memory="1Gi"),
        taints({"key": "a", "effect": "NoExecute"}, {"key": "a", "effect": "NoSchedule"}),
        budget(minAvailable=0),
        budget(maxUnavailable="100%", unhealthyPodEvictionPolicy="AlwaysAllow"),
        service(clusterIP="None"),
        service(type="ExternalName", externalName="x"),
        priority(value=-5, preemptionPolicy="Never"),
        priority("system-node-critical", 2_000_001_000),
    ],
)
def test_accepted(doc: dict[str, Any]) -> None:
    assert admission().admit_manifest(doc, EMPTY).name == doc["metadata"]["name"]


def test_capacity_is_what_can_be_allocated_unless_told() -> None:
    """K-SCH-11: the scheduler looks at allocatable alone."""
    chain = admission()
    found = chain.admit_create(chain.admit_manifest(node(status={"capacity": {"cpu": 4}}), EMPTY), EMPTY)
    assert isinstance(found, Node)
    assert found.status.allocatable == {"cpu": "4"}
