"""The pod garbage collector over a real server in virtual time."""

from __future__ import annotations

import pytest

from jobsim.api._struct import Time, replace
from jobsim.api.core import Node, NodeSpec, NodeStatus, Taint
from jobsim.api.meta import Condition, ObjectMeta, condition
from jobsim.api.plan import Plan
from jobsim.api.pod import Phase, Pod, PodSpec, PodStatus
from jobsim.api.timing import POD_GC_TERMINAL_MAX
from jobsim.api.writes import Bind, Create, Delete, PatchPodStatus
from jobsim.controllers import pod_gc
from jobsim.units import SECOND
from tests.controllers.loop import Loop


def _node(name: str, *, ready: bool = True, out_of_service: bool = False) -> Node:
    taint = Taint(key="node.kubernetes.io/out-of-service", value="nodeshutdown", effect="NoExecute")
    return Node(
        metadata=ObjectMeta(name=name, uid=f"uid-{name}"),
        spec=NodeSpec(taints=(taint,) if out_of_service else ()),
        status=NodeStatus(conditions=(Condition(type="Ready", status="True" if ready else "Unknown"),)),
    )


def _pod(name: str, node: str = "", phase: Phase = "Running", **meta: object) -> Pod:
    return Pod(
        metadata=ObjectMeta(name=name, namespace="ns", uid=f"uid-{name}", **meta),
        spec=PodSpec(node_name=node, termination_grace_period_seconds=30),
        status=PodStatus(phase=phase),
    )


def _decide(reader, namespace, name, memory, now) -> Plan:
    return pod_gc.reconcile(pod_gc.observe(reader, memory), now)


def _world(*objects: Node | Pod) -> Loop:
    return Loop((pod_gc.wakes, _decide), objects=objects)


def _names(world: Loop) -> list[str]:
    return [pod.name for pod in world.store.list(Pod)]


@pytest.mark.parametrize(
    ("lost_at", "gone_at"),
    # Noticed at the next look, 40 s of quarantine from there.
    [(0.5, 60), (19.9, 60), (20.0, 60), (20.1, 80)],
)
def test_pods_of_a_node_that_is_gone(lost_at: float, gone_at: float) -> None:
    """K-POD-52: 40 to 80 s after the Node went."""
    world = _world(_node("n0"), _node("n1"), _pod("a", "n0"), _pod("b", "n1")).run(lost_at)
    world.send(Delete(kind="Node", namespace="", name="n0"))
    world.run(gone_at - 1)
    assert _names(world) == ["a", "b"]
    world.run(gone_at)
    assert _names(world) == ["b"]
    marked, removed = world.log[-2:]
    assert marked.time == removed.time == gone_at * SECOND
    target = condition(marked.obj.status.conditions, "DisruptionTarget")
    assert target is not None
    assert marked.obj.status.phase == "Failed"
    assert (target.reason, target.message) == ("DeletionByPodGC", "PodGC: node no longer exists")
    assert world.due == {}


def test_a_node_that_comes_back_in_time_keeps_its_pods() -> None:
    world = _world(_node("n0"), _pod("a", "n0")).run(1)
    world.send(Delete(kind="Node", namespace="", name="n0"))
    world.run(45)
    world.send(Create(obj=_node("n0")))
    world.run(500)
    assert _names(world) == ["a"]
    assert world.due == {}


def test_a_pod_bound_to_a_node_that_is_not_there() -> None:
    world = _world(_pod("a")).run(5)
    world.send(Bind(namespace="ns", name="a", node="ghost"))
    assert _names(world.run(59)) == ["a"]
    assert _names(world.run(60)) == []


def test_a_terminal_pod_of_a_lost_node_is_only_deleted() -> None:
    world = _world(_node("n0"), _pod("a", "n0", "Succeeded")).run(1)
    world.send(Delete(kind="Node", namespace="", name="n0"))
    before = len(world.log)
    assert _names(world.run(100)) == []
    assert [e.type for e in world.log[before:]] == ["DELETED"]


def test_a_pod_that_finalizers_hold_is_dealt_with_once() -> None:
    world = _world(_node("n0"), _pod("a", "n0", finalizers=("keep",))).run(1)
    world.send(Delete(kind="Node", namespace="", name="n0"))
    world.run(1000)
    (pod,) = world.store.list(Pod)
    assert (pod.status.phase, pod.metadata.deletion_grace_period_seconds) == ("Failed", 0)
    assert world.due == {}


def test_terminating_pods_of_an_out_of_service_node() -> None:
    """K-POD-51: without DisruptionTarget; other pods of the node stay."""
    world = _world(_node("n0", ready=False, out_of_service=True), _pod("a", "n0"), _pod("b", "n0")).run(1)
    world.send(Delete(kind="Pod", namespace="ns", name="a"))
    world.run(19)
    assert _names(world) == ["a", "b"]
    assert _names(world.run(20)) == ["b"]
    assert world.log[-2].obj.status == PodStatus(phase="Failed")


def test_the_taint_may_come_later_and_a_ready_node_is_in_service() -> None:
    world = _world(_node("n0"), _pod("a", "n0")).run(1)
    world.send(Delete(kind="Pod", namespace="ns", name="a"))
    tainted = _node("n0", out_of_service=True)
    world.store.update(tainted, world.now)
    assert _names(world.run(100)) == ["a"]
    world.store.update_status(_node("n0", ready=False), world.now)
    assert _names(world.run(120)) == []


def test_terminating_pods_that_were_never_bound() -> None:
    """K-POD-53."""
    world = _world(_pod("a", phase="Pending", finalizers=("keep",))).run(1)
    world.send(Delete(kind="Pod", namespace="ns", name="a"))
    world.run(19)
    assert world.store.list(Pod)[0].status.phase == "Pending"
    world.run(1000)
    assert world.store.list(Pod)[0].status.phase == "Failed"
    assert world.due == {}


def test_surplus_terminal_pods_go_oldest_first() -> None:
    """K-POD-53: evicted ones before others, then by age, then by name."""
    pods = [
        _pod(f"p{i:05}", "n0", "Succeeded", creation_timestamp=Time((i % 7) * SECOND)) for i in range(12_498)
    ]
    evicted = _pod("evicted", "n0", "Failed", creation_timestamp=Time(9 * SECOND))
    evicted = replace(evicted, status=replace(evicted.status, reason="Evicted"))
    live = [_pod(f"live{i}", "n0") for i in range(4)]
    world = _world(_node("n0"), *pods, evicted, *live).run(1)
    for i in range(3):
        status = PodStatus(phase="Failed")
        world.send(PatchPodStatus(kind="Pod", namespace="ns", name=f"live{i}", status=status))
    world.run(20)
    left = {pod.name for pod in world.store.list(Pod)}
    gone = {"evicted", "live0", "live1", "live2", "p00000", "p00007"} - left
    # 12,502 terminal pods; live ones have no creation time and count as the oldest.
    assert gone == {"evicted", "live0"}
    assert len(left) == POD_GC_TERMINAL_MAX + 1


def test_usual_events_wake_nobody() -> None:
    world = _world(_node("n0"), _pod("a", "n0"), _pod("b"))
    world.send(Bind(namespace="ns", name="b", node="n0"))
    world.send(PatchPodStatus(kind="Pod", namespace="ns", name="a", status=PodStatus(phase="Succeeded")))
    world.send(Delete(kind="Pod", namespace="ns", name="b"))
    assert world.due == {}
