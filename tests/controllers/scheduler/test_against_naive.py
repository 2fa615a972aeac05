"""The vectorised core decides like the plain one, from scratch and after any history (K-SCH-10 ... 25)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsim.api._struct import Time, replace
from jobsim.api.core import Node
from jobsim.api.pod import Pod, PodStatus
from jobsim.controllers.scheduler.cycle import Decision, cycle
from jobsim.controllers.scheduler.filters import screen
from jobsim.controllers.scheduler.snapshot import Snapshot
from jobsim.controllers.scheduler.static_filters import named_nodes
from tests.controllers.scheduler import naive, naive_scores
from tests.controllers.scheduler.naive import World
from tests.controllers.scheduler.worlds import TOPICS, cases, nodes, pods


def snapshot_of(world: World) -> Snapshot:
    snapshot = Snapshot()
    for name, labels in world.namespaces.items():
        snapshot.set_namespace(name, labels)
    for node in world.nodes:
        snapshot.add_node(node)
    for service in world.services:
        snapshot.services.set(service)
    for pod in world.placed:
        snapshot.add_pod(pod)
    return snapshot


def check(world: World, snapshot: Snapshot, pod: Pod) -> Decision:
    brief = cycle(snapshot, pod)
    decision = cycle(snapshot, pod, detail=True)
    # Usual pods go a shorter way when nobody asks for details.
    assert (brief.node, brief.feasible, brief.next_start) == (
        decision.node,
        decision.feasible,
        decision.next_start,
    )
    names = named_nodes(pod.spec)
    looked_at = [n for n in world.nodes if names is None or n.name in names]
    expected = {n.name: naive.refusal(world, n, pod) for n in looked_at}
    if names != ():
        got = {
            name: (r.plugin, r.reasons, r.unresolvable)
            for name, r in decision.rejected.items()
            if name in expected
        }
        assert got == {name: why for name, why in expected.items() if why is not None}
    feasible = [n for n in looked_at if expected[n.name] is None]
    assert sorted(decision.feasible_nodes) == sorted(n.name for n in feasible)
    if len(feasible) > 1:
        assert decision.scores == naive_scores.scores(world, feasible, pod)
        assert decision.totals[decision.node] == max(decision.totals.values())
    return decision


Case = tuple[str, World, list[Pod]]


@pytest.mark.parametrize("topic", TOPICS)
@settings(max_examples=60)
@given(st.data())
def test_decides_like_the_plain_one(topic: str, data: st.DataObject) -> None:
    _, world, asking = data.draw(cases(topic, asking=6))
    snapshot = snapshot_of(world)
    for pod in asking:
        check(world, snapshot, pod)


@given(st.data(), cases(max_nodes=4, max_pods=4, asking=2))
def test_history_does_not_matter(data: st.DataObject, case: Case) -> None:
    topic, world, asking = case
    snapshot = snapshot_of(world)
    kinds = ["add", "remove", "terminal", "change-node", "remove-node", "bind", "namespace", "mark"]
    steps = st.sampled_from(kinds)
    for step, action in enumerate(data.draw(st.lists(steps, min_size=1, max_size=8))):
        for pod in asking:
            # Asking in between makes tables and memos that the next changes must keep right.
            check(world, snapshot, pod) if world.nodes else None
        change(data, world, snapshot, action, step, topic)
    for pod in asking:
        if world.nodes:
            check(world, snapshot, pod)


def change(data: st.DataObject, world: World, snapshot: Snapshot, action: str, step: int, topic: str) -> None:
    """Change the world and the snapshot alike."""
    if action == "add":
        target = data.draw(st.sampled_from([*(n.name for n in world.nodes), "gone"]))
        pod = data.draw(pods(f"q{step}", target, topic))
        world.placed.append(pod)
        snapshot.add_pod(pod)
    elif action == "bind" and world.nodes:
        pod = data.draw(pods(f"q{step}", topic=topic))
        node = data.draw(st.sampled_from(world.nodes)).name
        snapshot.assume(pod, node)
        bound = replace(pod, spec=replace(pod.spec, node_name=node))
        world.placed.append(bound)
        snapshot.add_pod(bound)
    elif action in ("remove", "terminal") and world.placed:
        pod = world.placed.pop(data.draw(st.integers(0, len(world.placed) - 1)))
        snapshot.remove_pod(replace(pod, status=PodStatus(phase="Failed")))
    elif action == "mark" and world.placed:
        which = data.draw(st.integers(0, len(world.placed) - 1))
        pod = world.placed[which] = world.placed[which].with_meta(deletion_timestamp=Time(1))
        snapshot.add_pod(pod)
    elif action == "change-node":
        node = data.draw(nodes(data.draw(st.integers(0, 4)), topic))
        world.nodes[:] = [n for n in world.nodes if n.name != node.name] + [node]
        snapshot.update_node(node)
    elif action == "remove-node" and world.nodes:
        node = world.nodes.pop(data.draw(st.integers(0, len(world.nodes) - 1)))
        snapshot.remove_node(node.name)
    elif action == "namespace":
        labels = {"team": data.draw(st.sampled_from(["red", "blue"]))}
        world.namespaces["x"] = labels
        snapshot.set_namespace("x", labels)


@given(cases(asking=3))
def test_memos_change_nothing(case: Case) -> None:
    _, world, asking = case
    warm = snapshot_of(world)
    for number, pod in enumerate(asking):
        named = pod.with_meta(name=f"a{number}", uid=f"a{number}")
        decision = cycle(warm, named)
        assert decision == cycle(snapshot_of(world), named)
        if decision.node:
            warm.assume(named, decision.node)
            world.placed.append(replace(named, spec=replace(named.spec, node_name=decision.node)))


@given(cases())
def test_the_screen_agrees_with_itself(case: Case) -> None:
    _, world, (pod,) = case
    snapshot = snapshot_of(world)
    found = screen(snapshot, snapshot.view(pod))
    alone = np.array([found.rejection(i) is None for i in range(snapshot.size)])
    assert (alone == found.feasible).all()


@given(cases())
def test_a_node_without_pods_keeps_no_trace(case: Case) -> None:
    _, world, (pod,) = case
    snapshot = snapshot_of(world)
    cycle(snapshot, pod)
    for placed in world.placed:
        snapshot.remove_pod(placed)
    empty: list[Node] = world.nodes
    fresh = snapshot_of(World(empty, [], world.services, world.namespaces))
    assert cycle(snapshot, pod, detail=True) == cycle(fresh, pod, detail=True)
