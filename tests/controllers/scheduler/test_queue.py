"""The queue: order, back-off, pool and hints (K-SCH-02 ... K-SCH-08)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsim.api._struct import Time, replace
from jobsim.api.core import Node, Taint
from jobsim.api.meta import LabelSelector
from jobsim.api.pod import (
    Affinity,
    Container,
    ContainerPort,
    Pod,
    PodAffinity,
    PodAffinityTerm,
    PodSchedulingGate,
    PodStatus,
    TopologySpreadConstraint,
)
from jobsim.api.watch import WatchEvent
from jobsim.controllers.scheduler.queue import SchedulingQueue
from jobsim.controllers.scheduler.queued import backoff
from jobsim.units import MINUTE, SECOND
from tests.controllers.scheduler.kit import RACK, changed, make_node, make_pod

FIT = ("NodeResourcesFit",)


def at(seconds: float) -> int:
    return int(seconds * SECOND)


def names(queue: SchedulingQueue, now: int) -> list[str]:
    found = []
    while (pod := queue.pop(now)) is not None:
        found.append(pod.name)
        queue.done(pod)
    return found


def rejected(queue: SchedulingQueue, pod: Pod, now: int, plugins: tuple[str, ...] = FIT) -> None:
    queue.add(pod, now)
    popped = queue.pop(now)
    assert popped is not None
    queue.unschedulable(popped, now, plugins)


def freed(name: str = "gone", **more: object) -> WatchEvent:
    return changed(make_pod(name, "n", **more), gone=True)  # type: ignore[arg-type]


def test_order_is_priority_then_time() -> None:
    """K-SCH-02."""
    queue = SchedulingQueue()
    for name, priority, second in (("late", 0, 2), ("early", 0, 1), ("high", 5, 3), ("low", -1, 0)):
        queue.add(make_pod(name, priority=priority), at(second))
    assert names(queue, at(4)) == ["high", "early", "late", "low"]


def test_a_retried_pod_goes_behind_those_never_tried() -> None:
    """K-SCH-02: the time is that of the last entry."""
    queue = SchedulingQueue()
    rejected(queue, make_pod("tried"), at(0))
    queue.add(make_pod("new"), at(0.5))
    queue.on_event(freed(), at(20))
    queue.add(make_pod("newer"), at(30))
    assert names(queue, at(31)) == ["tried", "new", "newer"]


def test_gated_pods_wait_for_their_gates() -> None:
    """K-SCH-03."""
    queue = SchedulingQueue()
    pod = make_pod("p", scheduling_gates=(PodSchedulingGate(name="kueue"),))
    queue.add(pod, 0)
    assert (queue.place(pod), queue.pop(0), queue.next_ready(0)) == ("gated", None, None)
    queue.add(replace(pod, spec=replace(pod.spec, scheduling_gates=())), at(3))
    assert names(queue, at(3)) == ["p"]


def test_unschedulable_pods_wait_for_a_useful_event() -> None:
    """K-SCH-04, K-SCH-08: a pod that goes frees room; one that comes does not."""
    queue = SchedulingQueue()
    pod = make_pod("p")
    rejected(queue, pod, 0)
    assert (queue.place(pod), queue.pop(0)) == ("pool", None)
    queue.on_event(changed(make_pod("other", "n")), at(1))
    assert queue.place(pod) == "pool"
    queue.on_event(freed(), at(5))
    assert queue.place(pod) == "active"


def test_becoming_terminal_counts_as_going() -> None:
    """K-SCH-09: a deletionTimestamp frees nothing, a terminal phase does."""
    queue = SchedulingQueue()
    pod = make_pod("p")
    rejected(queue, pod, 0)
    other = make_pod("other", "n")
    going = other.with_meta(deletion_timestamp=Time(at(30)))
    queue.on_event(changed(going, other), at(5))
    assert queue.place(pod) == "pool"
    queue.on_event(changed(replace(going, status=PodStatus(phase="Failed")), going), at(6))
    assert queue.place(pod) == "active"


def test_an_event_during_the_attempt_counts() -> None:
    """K-SCH-04 (b)."""
    queue = SchedulingQueue()
    pod = make_pod("p")
    queue.add(pod, 0)
    queue.pop(0)
    queue.on_event(freed(), at(0.1))
    queue.unschedulable(pod, at(0.2), FIT)
    assert queue.place(pod) == "backoff"


def test_own_change_of_spec_counts_and_of_status_does_not() -> None:
    """K-SCH-04 (d)."""
    queue = SchedulingQueue()
    pod = make_pod("p")
    rejected(queue, pod, 0)
    told = replace(pod, status=PodStatus(phase="Pending", message="no"))
    queue.add(told, at(20))
    assert queue.place(pod) == "pool"
    queue.add(told.with_meta(labels={"a": "b"}), at(21))
    assert queue.place(pod) == "active"


@pytest.mark.parametrize(("failures", "delay_s"), [(0, 0), (1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (60, 10)])
def test_backoff_doubles_to_ten_seconds(failures: int, delay_s: int) -> None:
    """K-SCH-05."""
    assert backoff(failures) == delay_s * SECOND


def test_backoff_ends_on_a_whole_second() -> None:
    """K-SCH-05: 1 s from 0.7 is 1.7, truncated to 1; until then an error is not retried (K-SCH-07)."""
    queue = SchedulingQueue()
    pod = make_pod("p")
    rejected(queue, pod, at(0.7), plugins=())
    assert queue.place(pod) == "error-backoff"
    assert queue.next_ready(at(0.8)) == at(1)
    assert queue.pop(at(0.9)) is None
    assert names(queue, at(1)) == ["p"]


def test_an_idle_scheduler_takes_rejected_pods_early() -> None:
    """K-SCH-06: back-off after a rejection is skipped when nothing else waits."""
    queue = SchedulingQueue()
    for name in ("p", "q"):
        rejected(queue, make_pod(name), at(0.5))
    queue.on_event(freed(), at(0.6))
    queue.add(make_pod("fresh"), at(0.7))
    assert queue.next_ready(at(0.7)) == at(0.7)
    assert names(queue, at(0.7)) == ["fresh", "p", "q"]


def test_five_minutes_in_the_pool_are_enough() -> None:
    """K-SCH-04 (c): looked at every 30 s, so after more than 5 min."""
    queue = SchedulingQueue(started=0)
    rejected(queue, make_pod("p"), at(1))
    assert queue.next_ready(at(2)) == at(330)
    assert queue.pop(at(329)) is None
    assert names(queue, at(330)) == ["p"]


def test_binding_failure_backs_off_as_an_error() -> None:
    """K-SCH-07."""
    queue = SchedulingQueue()
    pod = make_pod("p")
    queue.add(pod, 0)
    queue.done(queue.pop(0) or pod)
    queue.add_failed(pod, at(0.2))
    assert queue.place(pod) == "error-backoff"
    queue.add_failed(pod, at(0.3))
    assert len(queue) == 1
    assert names(queue, at(1)) == ["p"]


def test_errors_in_a_row_count_apart_from_rejections() -> None:
    queue = SchedulingQueue()
    pod = make_pod("p")
    for now, ready in ((at(0), at(1)), (at(1), at(3)), (at(3), at(7))):
        queue.add(pod, now)
        assert queue.pop(now) is not None
        queue.error(pod, now)
        assert queue.next_ready(now) == ready
    queue.pop(at(7))
    queue.unschedulable(pod, at(7), FIT)
    item = queue.get(pod)
    assert item is not None
    assert (item.errors, item.rejections, item.attempts) == (0, 1, 4)


def test_deleted_pods_are_forgotten_wherever_they_are() -> None:
    queue = SchedulingQueue()
    active, pooled, flying = make_pod("active"), make_pod("pooled"), make_pod("flying")
    gated = make_pod("gated", scheduling_gates=(PodSchedulingGate(name="g"),))
    rejected(queue, pooled, 0)
    queue.add(flying, 0)
    queue.pop(0)
    for pod in (active, gated):
        queue.add(pod, 0)
    for pod in (active, pooled, flying, gated, make_pod("unknown")):
        queue.delete(pod)
    assert (len(queue), queue.pop(at(600)), queue.next_ready(at(600))) == (0, None, None)
    queue.unschedulable(flying, at(1), FIT)
    assert flying not in queue


# --- hints by plugin --------------------------------------------------------------------------------

OLD = make_node("n", labels={RACK: "r0"})
TAINTED = replace(OLD, spec=replace(OLD.spec, taints=(Taint(key="k", effect="NoSchedule"),)))
CORDONED = replace(OLD, spec=replace(OLD.spec, unschedulable=True))


def with_affinity(*, near: bool) -> Pod:
    term = PodAffinityTerm(topology_key=RACK, label_selector=LabelSelector(match_labels={"app": "x"}))
    side = PodAffinity(required_during_scheduling_ignored_during_execution=(term,))
    affinity = Affinity(pod_affinity=side) if near else Affinity(pod_anti_affinity=side)
    return make_pod("p", labels={"app": "z"}, affinity=affinity)


def with_port() -> Pod:
    pod = make_pod("p")
    port = ContainerPort(container_port=1, host_port=80)
    return replace(pod, spec=replace(pod.spec, containers=(Container(ports=(port,)),)))


def with_spread() -> Pod:
    constraint = TopologySpreadConstraint(
        max_skew=1,
        topology_key=RACK,
        when_unsatisfiable="DoNotSchedule",
        label_selector=LabelSelector(match_labels={"app": "x"}),
    )
    return make_pod("p", topology_spread_constraints=(constraint,))


def placed(name: str, *, app: str = "x") -> Pod:
    return make_pod(name, "n", labels={"app": app})


def bigger(cpu: int) -> Node:
    return make_node("n", cpu=cpu, labels={RACK: "r0"})


@pytest.mark.parametrize(
    ("plugin", "pod", "event", "wakes"),
    [
        ("NodeResourcesFit", make_pod("p"), changed(bigger(8), OLD), True),
        ("NodeResourcesFit", make_pod("p"), changed(bigger(2), OLD), False),
        ("NodeResourcesFit", make_pod("p", cpu=9), changed(bigger(8), OLD), False),
        ("NodeResourcesFit", make_pod("p"), changed(bigger(2)), True),
        ("NodeResourcesFit", make_pod("p"), changed(make_node("n", cpu="?")), False),
        ("NodeResourcesFit", make_pod("p"), changed(OLD, gone=True), False),
        ("NodeUnschedulable", make_pod("p"), changed(OLD, CORDONED), True),
        ("NodeUnschedulable", make_pod("p"), changed(CORDONED, OLD), False),
        ("TaintToleration", make_pod("p"), changed(OLD, TAINTED), True),
        ("TaintToleration", make_pod("p"), changed(TAINTED, OLD), False),
        ("TaintToleration", make_pod("p"), changed(bigger(8), OLD), False),
        ("NodeAffinity", make_pod("p", node_selector={RACK: "r1"}), changed(OLD), False),
        ("NodeAffinity", make_pod("p", node_selector={RACK: "r0"}), changed(OLD), True),
        ("NodePorts", with_port(), changed(with_port().with_meta(name="o"), gone=True), False),
        ("NodePorts", make_pod("p"), changed(OLD), True),
        ("InterPodAffinity", with_affinity(near=True), changed(placed("o")), True),
        ("InterPodAffinity", with_affinity(near=True), changed(placed("o", app="y")), False),
        ("InterPodAffinity", with_affinity(near=True), changed(placed("o"), placed("o", app="y")), True),
        ("InterPodAffinity", with_affinity(near=True), changed(placed("o"), gone=True), False),
        ("InterPodAffinity", with_affinity(near=False), changed(placed("o"), gone=True), True),
        ("InterPodAffinity", with_affinity(near=False), changed(placed("o", app="y"), placed("o")), True),
        ("InterPodAffinity", with_affinity(near=False), changed(placed("o", app="y"), gone=True), False),
        ("InterPodAffinity", with_affinity(near=True), changed(OLD), True),
        ("InterPodAffinity", with_affinity(near=True), changed(OLD, make_node("n")), True),
        ("InterPodAffinity", with_affinity(near=True), changed(bigger(8), OLD), False),
        ("PodTopologySpread", with_spread(), changed(placed("o")), True),
        ("PodTopologySpread", with_spread(), changed(placed("o", app="y")), False),
        ("PodTopologySpread", with_spread(), changed(placed("o", app="y"), placed("o")), True),
        ("PodTopologySpread", with_spread(), changed(OLD, gone=True), True),
        ("PodTopologySpread", with_spread(), changed(OLD, make_node("n")), True),
        ("PodTopologySpread", with_spread(), changed(bigger(8), OLD), False),
    ],
)
def test_hints(plugin: str, pod: Pod, event: WatchEvent, wakes: bool) -> None:
    """K-SCH-08."""
    queue = SchedulingQueue()
    rejected(queue, pod, 0, plugins=(plugin,))
    queue.on_event(event, at(30))
    assert (queue.place(pod) == "active") is wakes


def test_a_freed_port_wakes_who_wants_it() -> None:
    queue = SchedulingQueue()
    rejected(queue, with_port(), 0, plugins=("NodePorts",))
    holder = with_port().with_meta(name="o", uid="o")
    queue.on_event(changed(replace(holder, spec=replace(holder.spec, node_name="n")), gone=True), at(30))
    assert queue.place(with_port()) == "active"


def test_a_pod_whose_anti_affinity_kept_others_out_wakes_them() -> None:
    """K-SCH-08: the hint looks at the terms of both."""
    queue = SchedulingQueue()
    kept_out = make_pod("out", labels={"app": "x"})
    rejected(queue, kept_out, 0, plugins=("InterPodAffinity",))
    repelling = with_affinity(near=False)
    queue.on_event(changed(replace(repelling, spec=replace(repelling.spec, node_name="n")), gone=True), at(9))
    assert queue.place(kept_out) == "active"


# --- laws -------------------------------------------------------------------------------------------

MOVES = st.lists(
    st.tuples(
        st.sampled_from(["add", "pop", "done", "reject", "error", "event", "delete", "change"]),
        st.integers(0, 4),
        st.sampled_from([0, at(0.3), at(2), at(40), 6 * MINUTE]),
    ),
    max_size=40,
)


@given(MOVES)
def test_no_pod_is_lost_or_popped_twice(moves: list[tuple[str, int, int]]) -> None:
    """Whatever happens, a pod that is in the queue comes out in the end, and once at a time."""
    queue, now, flying, here = SchedulingQueue(), 0, set(), set()
    for move, number, wait in moves:
        now += wait
        pod = make_pod(f"p{number}")
        if move == "add":
            queue.add(pod, now)
            here.add(pod.name)
        elif move == "change":
            if pod.name in here:
                queue.add(pod.with_meta(labels={"at": str(now)}), now)
        elif move == "pop":
            ready = queue.next_ready(now)
            popped = queue.pop(now)
            assert (popped is not None) == (ready == now)
            if popped is not None:
                assert popped.name not in flying
                flying.add(popped.name)
        elif move == "event":
            queue.on_event(freed(), now)
        elif move == "delete":
            queue.delete(pod)
            flying.discard(pod.name)
            here.discard(pod.name)
        elif pod.name in flying:
            flying.discard(pod.name)
            if move == "done":
                queue.done(pod)
                here.discard(pod.name)
            else:
                queue.unschedulable(pod, now, FIT if move == "reject" else ())
        assert len(queue) == len(here)
    left = here - flying
    while left and (then := queue.next_ready(now)) is not None:
        now = then
        popped = queue.pop(now)
        assert popped is not None
        left.discard(popped.name)
        queue.done(popped)
    assert not left
