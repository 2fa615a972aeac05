"""What the disruption controller says of budgets and pods that it cannot make sense of (K-POD-45)."""

from __future__ import annotations

import pytest

from jobsim.api._struct import replace
from jobsim.api.core import PodDisruptionBudget
from jobsim.api.meta import LabelSelector, LabelSelectorRequirement
from jobsim.api.pod import PodStatus
from jobsim.api.selectors import go_text
from jobsim.api.writes import PatchPodStatus, UpdateStatus
from tests.controllers.test_disruption import World, _budget, _pod


def told(world: World, reason: str) -> list[tuple[str, str]]:
    return [(event.about.name, event.message) for _, event in world.events if event.reason == reason]


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"min_available": 1}, False),
        ({"min_available": "50%"}, True),
        ({"max_unavailable": 1}, True),
        ({}, False),
    ],
)
def test_pods_that_nobody_manages(spec: dict[str, object], says: bool) -> None:
    """Only an absolute minAvailable can be held without knowing how many there should be."""
    found = told(World(_pod("p0"), _budget(**spec)).run(1), "UnmanagedPods")
    assert bool(found) is says
    if says:
        assert found[0][1] == (
            "Pods selected by this PodDisruptionBudget (selector: &LabelSelector{MatchLabels:"
            "map[string]string{app: web,},MatchExpressions:[]LabelSelectorRequirement{},}) were found "
            "to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which "
            "may result in undefined behavior. To account for these pods please set "
            '".spec.minAvailable" field of the PDB to an integer value.'
        )


def test_an_eviction_that_nothing_came_of() -> None:
    """Two minutes after the eviction; upstream prints the namespace in place of the budget's name."""
    world = World(_pod("p0"), _pod("p1"), _budget(min_available=1)).run(1)
    budget = world.store.get(PodDisruptionBudget, "ns", "b")
    approved = replace(budget.status, disruptions_allowed=0, disrupted_pods={"p0": "2026-01-05T00:00:01Z"})
    world.send(UpdateStatus(obj=replace(budget, status=approved)))
    world.send(PatchPodStatus(kind="Pod", namespace="ns", name="p1", status=PodStatus(message="touched")))
    assert told(world.run(120), "NotDeleted") == []
    assert told(world.run(122), "NotDeleted") == [
        ("p0", "Pod was expected by PDB ns/ns to be deleted but it wasn't")
    ]


def test_selectors_as_go_prints_them() -> None:
    in_two = LabelSelectorRequirement(key="k", operator="In", values=("a", "b"))
    selector = LabelSelector(match_labels={"z": "1", "a": "2"}, match_expressions=(in_two,))
    assert go_text(selector) == (
        "&LabelSelector{MatchLabels:map[string]string{a: 2,z: 1,},MatchExpressions:"
        "[]LabelSelectorRequirement{LabelSelectorRequirement{Key:k,Operator:In,Values:[a b],},},}"
    )
    assert go_text(None) == "nil"
