"""From a kubelet that falls silent to pods that are deleted: the monitor and the taint eviction together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsim.api._struct import Time, replace
from jobsim.api.core import Taint
from jobsim.api.meta import Condition, condition, is_true
from jobsim.api.writes import Delete, Patch, UpdateStatus
from jobsim.controllers import kubelet_node, node_lifecycle, taint_eviction
from jobsim.controllers.node_lifecycle import (
    UNSCHEDULABLE,
    zone_of,
    zone_state,
)
from jobsim.units import SECOND, seconds
from tests.controllers.sick_cluster import (
    READY,
    Cluster,
    cluster_of,
    make_node,
    make_pod,
)

# -- silent nodes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("crash_at", "unknown_at"),
    # Last renewal at floor to 10 s, noticed at once on the tick, Unknown at the first tick after 50 s.
    [(10.0, 65), (12.5, 65), (19.9, 65), (20.0, 75), (0.0, 55)],
)
def test_silence_becomes_unknown(crash_at: float, unknown_at: float) -> None:
    """K-POD-47: more than 40 and at most about 60 s after a silent crash."""
    cluster = cluster_of(3).run(crash_at)
    cluster.crash("n1").run(unknown_at + 1)
    assert cluster.times("Ready=Unknown") == {"n1": unknown_at}
    assert 40 < unknown_at - crash_at <= 60
    ready = condition(cluster.node("n1").status.conditions, "Ready")
    assert ready is not None
    assert (ready.reason, ready.message) == ("NodeStatusUnknown", "Kubelet stopped posting node status.")
    other = condition(cluster.node("n1").status.conditions, "DiskPressure")
    assert other is not None
    assert (other.status, other.reason) == ("Unknown", "NodeStatusNeverUpdated")


def test_the_whole_way_of_a_silent_crash() -> None:
    """K-POD-48, K-POD-49, K-POD-50."""
    cluster = cluster_of(3, make_pod("a", "n1"), make_pod("b", "n0")).run(12)
    cluster.crash("n1").run(70)
    assert is_true(cluster.pod("b").status.conditions, "Ready")
    assert not is_true(cluster.pod("a").status.conditions, "Ready")
    cluster.run(1000)
    assert cluster.times("unreachable:NoSchedule") == {"n1": 65}
    assert cluster.times("unreachable:NoExecute") == {"n1": 70}
    pod = cluster.pod("a")
    assert pod.metadata.deletion_timestamp == (370 + 30) * SECOND
    target = condition(pod.status.conditions, "DisruptionTarget")
    assert target is not None
    assert (target.reason, target.message) == (
        "DeletionByTaintManager",
        "Taint manager: deleting due to NoExecute taint",
    )
    assert target.last_transition_time == 370 * SECOND
    assert not cluster.pod("b").terminating
    assert [(t, e.reason, e.message) for t, e in cluster.events] == [
        (65, "NodeNotReady", "Node n1 status is now: NodeNotReady"),
        (65, "NodeNotReady", "Node is not ready"),
        (370, "TaintManagerEviction", "Marking for deletion Pod ns/a"),
    ]
    assert cluster.due == {}, "nothing is left to wait for: the pod stays terminating for ever"


def test_back_in_time_nothing_is_evicted() -> None:
    """K-POD-51: the taints go, the eviction is cancelled."""
    cluster = cluster_of(3, make_pod("a", "n1")).run(12)
    cluster.crash("n1").run(200)
    assert cluster.taints("n1") == ["unreachable:NoSchedule", "unreachable:NoExecute"]
    cluster.repair("n1").run(1000)
    assert cluster.taints("n1") == []
    assert not cluster.pod("a").terminating
    assert cluster.events[-1][1].message == "Cancelling deletion of Pod ns/a"


def test_a_short_silence_is_not_noticed() -> None:
    cluster = cluster_of(2, make_pod("a", "n1")).run(12)
    before = len(cluster.log)
    cluster.crash("n1").run(50)
    cluster.silent.clear()
    cluster.run(500)
    assert len(cluster.log) == before


def test_a_kubelet_that_says_not_ready() -> None:
    """K-POD-48: its pods keep their own word; taints say not-ready."""
    cluster = cluster_of(3, make_pod("a", "n1")).run(12)
    node = cluster.node("n1")
    false = replace(READY, status="False", last_transition_time=Time(12 * SECOND))
    cluster.send(UpdateStatus(obj=replace(node, status=replace(node.status, conditions=(false,)))))
    cluster.run(20)
    assert is_true(cluster.pod("a").status.conditions, "Ready")
    assert cluster.times("not-ready:NoSchedule") == {"n1": 12}
    assert cluster.times("not-ready:NoExecute") == {"n1": 15}
    # Falling silent swaps the taint at once; the clock of the eviction goes on.
    cluster.crash("n1").run(400)
    assert cluster.taints("n1") == ["unreachable:NoSchedule", "unreachable:NoExecute"]
    assert cluster.pod("a").metadata.deletion_timestamp == (15 + 300 + 30) * SECOND


def test_nodes_are_looked_at_again_after_an_error() -> None:
    cluster = cluster_of(3).run(12)
    refused: list[str] = []
    send = cluster.send

    def once(write):
        if isinstance(write, UpdateStatus) and not refused:
            refused.append(write.name)
            stale = write.obj.with_meta(resource_version="1")
            return send(UpdateStatus(obj=stale))
        return send(write)

    cluster.send = once
    cluster.crash("n1").run(100)
    assert refused == ["n1"]
    assert cluster.times("Ready=Unknown") == {"n1": 66}
    assert "unreachable:NoExecute" in cluster.taints("n1")


@pytest.mark.parametrize(
    ("since", "phase", "renewed"), [(12.5, 0, 10), (20, 0, 20), (12.5, 3, 3), (13, 3, 13), (2, 3, -7)]
)
def test_leases_are_renewed_every_ten_seconds(since: float, phase: float, renewed: float) -> None:
    """K-POD-46."""
    assert kubelet_node.last_renewal(seconds(since), seconds(phase)) == renewed * SECOND


# -- zones -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ready", "not_ready", "state"),
    [
        (3, 0, "Normal"),
        (0, 1, "FullDisruption"),
        (0, 0, "Normal"),
        (1, 2, "Normal"),
        (2, 3, "PartialDisruption"),
        (45, 55, "PartialDisruption"),
        (46, 54, "Normal"),
    ],
)
def test_zone_states(ready: int, not_ready: int, state: str) -> None:
    """K-POD-49."""
    assert zone_state(ready, not_ready) == state


def test_evictions_of_a_healthy_zone_are_ten_seconds_apart() -> None:
    """K-POD-49."""
    cluster = cluster_of(20).run(12)
    cluster.crash("n1", "n2", "n3", "n4").run(300)
    assert cluster.times("unreachable:NoSchedule") == {"n1": 65, "n2": 65, "n3": 65, "n4": 65}
    assert cluster.times("unreachable:NoExecute") == {"n1": 70, "n2": 80, "n3": 90, "n4": 100}


def test_a_small_unhealthy_zone_evicts_nothing() -> None:
    """K-POD-49."""
    cluster = cluster_of(5, make_pod("a", "n1")).run(12)
    cluster.crash("n1", "n2", "n3").run(2000)
    assert cluster.times("unreachable:NoExecute") == {}
    assert not cluster.pod("a").terminating


def test_a_large_unhealthy_zone_evicts_slowly() -> None:
    cluster = cluster_of(60).run(12)
    cluster.crash(*(f"n{i}" for i in range(40))).run(400)
    # The limiter was full when the zone became unhealthy: the first one goes at once.
    assert list(cluster.times("unreachable:NoExecute").values()) == [70, 170, 270, 370]


def test_a_dead_cluster_evicts_nothing_until_a_node_is_back() -> None:
    """K-POD-49: all zones fully down, taints are removed; back again, probes start anew."""
    cluster = cluster_of(3, make_pod("a", "n0")).run(12)
    cluster.crash("n0").run(200)
    assert "unreachable:NoExecute" in cluster.taints("n0")
    cluster.crash("n1", "n2").run(260)
    assert cluster.taints("n0") == ["unreachable:NoSchedule"]
    cluster.run(2000)
    assert cluster.times("unreachable:NoExecute") == {"n0": 70}
    assert not cluster.pod("a").terminating
    cluster.repair("n1").run(3000)
    assert cluster.pod("a").terminating
    assert [n for n in ("n0", "n1", "n2") if "unreachable:NoExecute" in cluster.taints(n)] == ["n0", "n2"]


def test_one_dead_zone_of_two_is_evicted_at_the_normal_rate() -> None:
    cluster = Cluster(
        *(make_node(f"a{i}", "a") for i in range(4)), *(make_node(f"b{i}", "b") for i in range(4))
    )
    cluster.run(12).crash("a0", "a1", "a2", "a3").run(500)
    assert list(cluster.times("unreachable:NoExecute").values()) == [70, 80, 90, 100]


def test_zones_have_limiters_of_their_own() -> None:
    cluster = Cluster(
        *(make_node(f"a{i}", "a") for i in range(9)), *(make_node(f"b{i}", "b") for i in range(9))
    )
    cluster.run(12).crash("a0", "a1", "b0", "b1").run(500)
    assert cluster.times("unreachable:NoExecute") == {"a0": 70, "b0": 70, "a1": 80, "b1": 80}
    assert zone_of(cluster.node("a0")) != zone_of(cluster.node("b0"))


# -- taints of conditions and cordon -------------------------------------------------------------------


def test_cordon_and_uncordon() -> None:
    cluster = cluster_of(2).run(7)
    cluster.send(Patch(kind="Node", namespace="", name="n0", patch={"spec": {"unschedulable": True}}))
    cluster.run(7)
    assert cluster.node("n0").spec.taints == (
        Taint(key=UNSCHEDULABLE, effect="NoSchedule", time_added=7 * SECOND),
    )
    cluster.send(Patch(kind="Node", namespace="", name="n0", patch={"spec": {"unschedulable": None}}))
    assert cluster.run(7).taints("n0") == []


def test_foreign_taints_stay() -> None:
    node = make_node("n0")
    mine = Taint(key="example.com/mine", value="x", effect="NoSchedule")
    cluster = Cluster(replace(node, spec=replace(node.spec, taints=(mine,), unschedulable=True)))
    assert cluster.run(1).node("n0").spec.taints[0] == mine
    assert cluster.taints("n0") == ["mine:NoSchedule", "unschedulable:NoSchedule"]


def test_pressure_conditions_have_taints() -> None:
    node = make_node("n0")
    pressed = Condition(type="MemoryPressure", status="True")
    node = replace(node, status=replace(node.status, conditions=(READY, pressed)))
    assert Cluster(node).run(0).taints("n0") == ["memory-pressure:NoSchedule"]


def test_quiet_events_wake_nobody() -> None:
    cluster = cluster_of(2, make_pod("a", "n0"))
    assert cluster.due == {}
    cluster.send(Patch(kind="Node", namespace="", name="n0", patch={"metadata": {"labels": {"a": "b"}}}))
    assert cluster.due == {}
    cluster.send(Delete(kind="Pod", namespace="ns", name="a", grace_s=0))
    assert cluster.due == {}


def test_gone_nodes_have_nothing_to_decide() -> None:
    cluster = cluster_of(1)
    assert node_lifecycle.observe(cluster.store, "other", {}, None) is None
    assert taint_eviction.observe(cluster.store, "other", None) is None
    cluster.send(Delete(kind="Node", namespace="", name="n0"))
    assert cluster.run(100).due == {}


def test_a_healthy_kubelet_has_nothing_to_write() -> None:
    node = make_node("n0")
    write = kubelet_node.healthy(node, seconds(3.5))
    assert write is not None
    assert [c.type for c in write.obj.status.conditions] == [
        "Ready",
        "MemoryPressure",
        "DiskPressure",
        "PIDPressure",
    ]
    assert kubelet_node.healthy(write.obj, 0) is None


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 400), st.integers(0, 400)), max_size=6),
    st.integers(10, 12),
)
def test_taints_follow_health_in_the_end(outages: list[tuple[int, int, int]], size: int) -> None:
    """Whatever the order of crashes and repairs: a node that is well has no taint, and nothing ticks on."""
    cluster = cluster_of(size).run(1)
    steps = sorted([(at, 0, n) for n, at, _ in outages] + [(at + down, 1, n) for n, at, down in outages])
    for at, what, n in steps:
        cluster.run(max(at, 1))
        name = f"n{n}"
        if what == 0:
            cluster.crash(name)
        elif name in cluster.silent:
            cluster.silent.pop(name)
            write = kubelet_node.healthy(cluster.node(name), cluster.now)
            if write is not None:
                assert cluster.send(write).error is None
    cluster.run(5000)
    assert cluster.due == {}
    assert cluster.silent == {}
    assert all(cluster.taints(f"n{i}") == [] for i in range(size))
