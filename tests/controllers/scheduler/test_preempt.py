"""Preemption: victims, budgets, choice of node (K-SCH-30 ... K-SCH-32)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsim.api._struct import Time, replace
from jobsim.api.core import PodDisruptionBudget, PodDisruptionBudgetSpec, PodDisruptionBudgetStatus
from jobsim.api.meta import Condition, LabelSelector, ObjectMeta
from jobsim.api.pod import Pod, PodStatus
from jobsim.controllers.scheduler.cycle import Decision, cycle
from jobsim.units import SECOND
from tests.controllers.scheduler.kit import cluster, leader, make_node, make_pod, racks
from tests.controllers.scheduler.naive import World
from tests.controllers.scheduler.test_against_naive import snapshot_of
from tests.controllers.scheduler.worlds import cases


def running(
    name: str, node: str, *, priority: int = 0, cpu: int = 2, start_s: int = 0, **more: object
) -> Pod:
    pod = make_pod(name, node, cpu=cpu, priority=priority, **more)  # type: ignore[arg-type]
    return replace(pod, status=PodStatus(phase="Running", start_time=Time(start_s * SECOND)))


def preemptor(cpu: int = 4, **more: object) -> Pod:
    return make_pod("new", cpu=cpu, priority=10, **more)


def victims(decision: Decision) -> list[str]:
    return [victim.name for victim in decision.victims]


def test_preemption_frees_no_domain_that_pods_elsewhere_block() -> None:
    """C-BUG-16, C-ENV-04: victims go from one node only; what keeps the pod out runs on another."""
    near = leader("b", priority="0")
    high = replace(near, spec=replace(near.spec, priority=10))
    blocking = make_pod("a-0", "n01", labels={"job-key": "a", "priority": "0"}, priority=0)
    filling = make_pod("x", "n00", cpu=4, priority=0)
    decision = cycle(cluster(*racks(1), pods=(blocking, filling)), high)
    # The other pod's node can be freed of it; the rest of its rack cannot.
    assert (decision.node, victims(decision)) == ("", ["a-0"])
    two = make_pod("a-1", "n00", labels={"job-key": "a", "priority": "0"}, priority=0)
    assert victims(cycle(cluster(*racks(1), pods=(blocking, two)), high)) == []


@pytest.mark.parametrize(
    ("title", "placed", "node", "gone"),
    [
        ("lowest top priority", [("a", 5, 4, 0), ("b", 3, 4, 0)], "b", ["b0"]),
        ("lowest sum", [("a", 3, 2, 0), ("a", 3, 2, 0), ("b", 3, 2, 0), ("b", 1, 2, 0)], "b", ["b2", "b3"]),
        ("fewest victims, by their sum", [("a", 3, 2, 0), ("a", 3, 2, 0), ("b", 3, 4, 0)], "b", ["b2"]),
        ("latest start", [("a", 3, 4, 1), ("b", 3, 4, 9)], "b", ["b1"]),
        ("placed last of equals", [("a", 3, 4, 5), ("b", 3, 4, 5)], "b", ["b1"]),
        ("equal priority is safe", [("a", 10, 4, 0), ("b", 3, 4, 0)], "b", ["b1"]),
    ],
)
def test_choice(title: str, placed: list[tuple[str, int, int, int]], node: str, gone: list[str]) -> None:
    """K-SCH-30, in upstream's order of criteria."""
    snapshot = cluster(make_node("a"), make_node("b"))
    for i, (where, priority, cpu, start) in enumerate(placed):
        snapshot.add_pod(running(f"{where}{i}", where, priority=priority, cpu=cpu, start_s=start))
    decision = cycle(snapshot, preemptor())
    expected = {"lowest top priority": ["b1"]}.get(title, gone)
    assert (decision.nominated, victims(decision)) == (node, expected), title
    assert decision.message == "0/2 nodes are available: 2 Insufficient cpu."


def test_the_important_are_spared() -> None:
    """Pods come back by priority, then the longest running first, as long as the preemptor fits."""
    snapshot = cluster(make_node("a", cpu=6))
    for name, priority, start in (("old", 1, 1), ("young", 1, 5), ("high", 2, 9)):
        snapshot.add_pod(running(name, "a", priority=priority, start_s=start))
    assert victims(cycle(snapshot, preemptor(cpu=2))) == ["young"]
    assert victims(cycle(snapshot, preemptor(cpu=4))) == ["old", "young"]


def budget(allowed: int, **status: object) -> PodDisruptionBudget:
    return PodDisruptionBudget(
        metadata=ObjectMeta(name="b", namespace="default"),
        spec=PodDisruptionBudgetSpec(selector=LabelSelector(match_labels={"app": "kept"})),
        status=PodDisruptionBudgetStatus(disruptions_allowed=allowed, **status),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("found", "node"),
    [
        (budget(0), "b"),
        (budget(1), "a"),
        (budget(0, disrupted_pods={"a0": "2026-01-05T00:00:00Z"}), "a"),
        (replace(budget(0), spec=PodDisruptionBudgetSpec(selector=LabelSelector())), "a"),
        (budget(0).with_meta(namespace="other"), "a"),
    ],
)
def test_budgets_come_first(found: PodDisruptionBudget, node: str) -> None:
    """K-SCH-30: the fewest violations decide, before priorities."""
    snapshot = cluster(make_node("a"), make_node("b"))
    snapshot.budgets[found.key] = found
    snapshot.add_pod(running("a0", "a", priority=1, cpu=4, labels={"app": "kept"}))
    snapshot.add_pod(running("b0", "b", priority=5, cpu=4))
    assert cycle(snapshot, preemptor()).nominated == node


def test_budgets_also_order_the_reprieve() -> None:
    snapshot = cluster(make_node("a"))
    snapshot.budgets[("default", "b")] = budget(0)
    snapshot.add_pod(running("kept", "a", priority=1, labels={"app": "kept"}))
    snapshot.add_pod(running("other", "a", priority=5))
    assert victims(cycle(snapshot, preemptor(cpu=2))) == ["other"]


NOT_ELIGIBLE = "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: "


def test_who_may_not_preempt() -> None:
    snapshot = cluster(make_node("a"), pods=(running("p", "a", cpu=4),))
    never = cycle(snapshot, preemptor(preemption_policy="Never"))
    assert never.message == NOT_ELIGIBLE + "not eligible due to preemptionPolicy=Never."
    assert never.nominated is None
    equal = cycle(snapshot, make_pod("new", cpu=4))
    assert equal.message == NOT_ELIGIBLE + (
        "0/1 nodes are available: 1 No preemption victims found for incoming pod."
    )
    assert equal.nominated == ""


def test_a_preemptor_waits_for_its_victims() -> None:
    """K-SCH-31: nobody else is removed while victims on the nominated node are leaving."""
    target = Condition(type="DisruptionTarget", status="True", reason="PreemptionByScheduler")
    victim = running("p", "a", cpu=4).with_meta(deletion_timestamp=Time(30 * SECOND))
    victim = replace(victim, status=replace(victim.status, conditions=(target,)))
    snapshot = cluster(make_node("a"), pods=(victim,))
    waiting = replace(preemptor(), status=PodStatus(nominated_node_name="a"))
    decision = cycle(snapshot, waiting)
    assert decision.message == NOT_ELIGIBLE + "not eligible due to a terminating pod on the nominated node."
    assert (decision.nominated, decision.victims) == (None, ())


def test_when_removing_all_is_not_enough_the_reason_appears() -> None:
    snapshot = cluster(make_node("a", cpu=6), make_node("b", cpu=1))
    snapshot.add_pod(running("low", "a"))
    snapshot.add_pod(running("high", "a", priority=20, cpu=4))
    assert cycle(snapshot, preemptor()).message.endswith(
        "preemption: 0/2 nodes are available: 1 Insufficient cpu, 1 Preemption is not helpful for scheduling."
    )


def test_dry_runs_start_where_the_caller_chooses() -> None:
    snapshot = cluster(*(make_node(f"n{i}") for i in range(3)))
    for i in range(3):
        snapshot.add_pod(running(f"p{i}", f"n{i}", cpu=4))
    assert cycle(snapshot, preemptor(), choose=lambda n: 2).nominated == "n2"


@given(cases(), st.integers(1, 20))
def test_preemption_is_lawful(case: tuple[str, World, list[Pod]], priority: int) -> None:
    """Never a victim of equal or higher priority; the pod then fits; the snapshot is as before."""
    _, world, (pod,) = case
    pod = replace(pod, spec=replace(pod.spec, priority=priority))
    snapshot = snapshot_of(world)
    decision = cycle(snapshot, pod)
    assert decision == cycle(snapshot_of(world), pod), "dry runs leave no trace"
    assert cycle(snapshot, pod, detail=True) == cycle(snapshot_of(world), pod, detail=True)
    if not decision.victims:
        return
    assert all((victim.spec.priority or 0) < priority for victim in decision.victims)
    assert all(victim.spec.node_name == decision.nominated for victim in decision.victims)
    for victim in decision.victims:
        snapshot.remove_pod(victim)
    assert decision.nominated in cycle(snapshot, pod, detail=True).feasible_nodes
    snapshot.add_pod(decision.victims[0])
    assert decision.nominated not in cycle(snapshot, pod, detail=True).feasible_nodes, "none needlessly"
