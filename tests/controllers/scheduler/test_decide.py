"""From a popped pod to writes and events."""

from __future__ import annotations

import pytest

from jobsim.api._struct import Time, replace
from jobsim.api.meta import Condition, condition
from jobsim.api.pod import Pod, PodSchedulingGate, PodStatus
from jobsim.api.writes import Bind, Delete, PatchPodStatus, PatchStatus, Write
from jobsim.controllers.scheduler.decide import Action, binding_failed, decide, settle
from jobsim.controllers.scheduler.queue import SchedulingQueue
from jobsim.controllers.scheduler.snapshot import Snapshot
from jobsim.units import SECOND
from tests.controllers.scheduler.kit import changed, cluster, make_node, make_pod

NOW = 7 * SECOND + 5


def writes(action: Action) -> list[Write]:
    return [w for step in action.plan.steps for chain in step.chains for w in chain.writes]


def pop(queue: SchedulingQueue, now: int = NOW) -> Pod:
    pod = queue.pop(now)
    assert pod is not None
    return pod


def test_a_pod_that_fits_is_bound() -> None:
    """K-POD-01, K-SCH-01: one write; the next cycle sees the pod at once."""
    snapshot, queue = cluster(make_node("n", cpu=1)), SchedulingQueue()
    queue.add(make_pod("p"), 0)
    pod = pop(queue)
    action = decide(snapshot, pod, NOW)
    assert writes(action) == [Bind(namespace="default", name="p", node="n", uid="uid-p")]
    (event,) = action.plan.events
    assert (event.type, event.reason, event.message) == (
        "Normal",
        "Scheduled",
        "Successfully assigned default/p to n",
    )
    settle(snapshot, queue, pod, action, NOW)
    assert len(queue) == 0
    assert decide(snapshot, make_pod("q"), NOW).outcome == "failed"
    assert decide(snapshot, pod, NOW).outcome == "skipped", "assumed already"


def test_a_pod_that_fits_nowhere_is_told_why() -> None:
    snapshot, queue = cluster(make_node("n", cpu=1)), SchedulingQueue()
    queue.add(make_pod("p", cpu=2), 0)
    pod = pop(queue)
    action = decide(snapshot, pod, NOW)
    (write,) = writes(action)
    assert isinstance(write, PatchPodStatus)
    told = condition(write.status.conditions, "PodScheduled")
    assert told is not None
    assert (told.status, told.reason, told.last_transition_time) == ("False", "Unschedulable", 7 * SECOND)
    (event,) = action.plan.notices
    assert (event.type, event.reason, event.message) == ("Warning", "FailedScheduling", told.message)
    settle(snapshot, queue, pod, action, NOW)
    assert queue.place(pod) == "pool"
    again = decide(snapshot, replace(pod, status=PodStatus(conditions=(told,))), NOW + 60 * SECOND)
    assert writes(again) == [], "nothing new to say"
    assert again.plan.notices, "the event is repeated all the same"


def test_a_transition_time_moves_with_the_status_only() -> None:
    snapshot = cluster(make_node("n", cpu=1))
    old = Condition(
        type="PodScheduled", status="False", reason="SchedulingGated", last_transition_time=Time(5)
    )
    pod = replace(make_pod("p", cpu=2), status=PodStatus(conditions=(old,)))
    (write,) = writes(decide(snapshot, pod, NOW))
    assert isinstance(write, PatchPodStatus)
    assert write.status.conditions[0].last_transition_time == 5


def test_long_messages_are_cut_in_the_event_alone() -> None:
    nodes = [make_node(f"n{i}") for i in range(300)]
    pod = make_pod("p")
    wanted = {f"example.com/very-long-resource-name-{i:03d}": 1 for i in range(40)}
    container = pod.spec.containers[0]
    container = replace(container, resources=replace(container.resources, requests=wanted))
    pod = replace(pod, spec=replace(pod.spec, containers=(container,)))
    action = decide(cluster(*nodes), pod, NOW)
    assert len(action.decision.message) > 1024
    assert len(action.plan.notices[0].message) == 1024
    assert action.plan.notices[0].message.endswith(" ...")


def test_preemption_removes_victims_with_their_own_grace() -> None:
    """K-SCH-31, K-POD-45: condition, then DELETE; nominated node; event about the victim."""
    snapshot, queue = cluster(make_node("n"), pods=(make_pod("v", "n", cpu=4),)), SchedulingQueue()
    queue.add(make_pod("p", cpu=4, priority=9), 0)
    pod = pop(queue)
    action = decide(snapshot, pod, NOW)
    told, target, delete = writes(action)
    assert isinstance(told, PatchPodStatus)
    assert told.status.nominated_node_name == "n"
    assert isinstance(target, PatchPodStatus)
    assert target.name == "v"
    (reason,) = target.status.conditions
    assert (reason.type, reason.status, reason.reason, reason.message) == (
        "DisruptionTarget",
        "True",
        "PreemptionByScheduler",
        "default-scheduler: preempting to accommodate a higher priority pod",
    )
    assert delete == Delete(kind="Pod", namespace="default", name="v", uid="uid-v")
    assert [e.message for e in action.plan.events] == ["Preempted by pod uid-p on node n"]
    settle(snapshot, queue, pod, action, NOW)
    weaker = decide(snapshot, make_pod("w", cpu=1), NOW)
    assert weaker.outcome == "failed", "the room is kept"


def test_victims_that_leave_already_are_not_asked_again() -> None:
    leaving = make_pod("v", "n", cpu=4).with_meta(deletion_timestamp=Time(0))
    action = decide(cluster(make_node("n"), pods=(leaving,)), make_pod("p", cpu=4, priority=9), NOW)
    assert action.decision.victims == (leaving,)
    assert [type(w) for w in writes(action)] == [PatchPodStatus]
    assert action.plan.events == ()


def test_a_weaker_nominee_loses_its_node() -> None:
    snapshot = cluster(make_node("n"), pods=(make_pod("v", "n", cpu=4),))
    weak = replace(make_pod("weak", cpu=4, priority=5), status=PodStatus(nominated_node_name="n"))
    snapshot.nominate(weak, "n")
    found = writes(decide(snapshot, make_pod("p", cpu=4, priority=9), NOW))
    assert [type(w) for w in found] == [PatchPodStatus, PatchStatus, PatchPodStatus, Delete]
    assert isinstance(found[1], PatchStatus)
    assert (found[1].name, found[1].patch) == ("weak", {"status": {"nominatedNodeName": None}})


def test_a_void_nomination_is_cleared() -> None:
    """Preemption found nothing: nominatedNodeName goes, other conditions stay."""
    other = Condition(type="Other", status="True")
    status = PodStatus(nominated_node_name="gone", conditions=(other,))
    (write,) = writes(decide(cluster(make_node("n")), replace(make_pod("p", cpu=9), status=status), NOW))
    assert isinstance(write, PatchStatus)
    assert write.patch["status"]["nominatedNodeName"] is None
    assert [c["type"] for c in write.patch["status"]["conditions"]] == ["Other", "PodScheduled"]


@pytest.mark.parametrize(
    ("pod", "outcome"),
    [
        (make_pod("p", "n"), "skipped"),
        (replace(make_pod("p"), spec=replace(make_pod("p").spec, scheduler_name="other")), "skipped"),
        (make_pod("p").with_meta(deletion_timestamp=Time(1)), "skipped"),
        (make_pod("p", scheduling_gates=(PodSchedulingGate(name="g"),)), "gated"),
    ],
)
def test_pods_that_are_left_alone(pod: Pod, outcome: str) -> None:
    """K-SCH-03, K-SCH-09."""
    snapshot, queue = cluster(make_node("n")), SchedulingQueue()
    action = decide(snapshot, pod, NOW)
    assert action.outcome == outcome
    assert not any(isinstance(w, Bind) for w in writes(action))
    settle(snapshot, queue, pod, action, NOW)
    assert pod not in queue


def test_a_gated_pod_is_told_once() -> None:
    pod = make_pod("p", scheduling_gates=(PodSchedulingGate(name="g"),))
    (write,) = writes(decide(cluster(), pod, NOW))
    assert isinstance(write, PatchPodStatus)
    (told,) = write.status.conditions
    assert (told.reason, told.message) == (
        "SchedulingGated",
        "Scheduling is blocked due to non-empty scheduling gates",
    )
    assert writes(decide(cluster(), replace(pod, status=write.status), NOW)) == []


def test_a_refused_binding_frees_the_room() -> None:
    """K-SCH-07: others hope as if the pod had been deleted, the pod itself backs off."""
    snapshot, queue = cluster(make_node("n", cpu=1)), SchedulingQueue()
    for name in ("p", "q"):
        queue.add(make_pod(name), 0)
    for _ in range(2):
        pod = pop(queue, 0)
        settle(snapshot, queue, pod, decide(snapshot, pod, 0), 0)
    assert queue.place(make_pod("q")) == "pool"
    binding_failed(snapshot, queue, make_pod("p"), 0, make_pod("p"))
    assert (queue.place(make_pod("q")), queue.place(make_pod("p"))) == ("backoff", "error-backoff")
    assert decide(snapshot, pop(queue, 0), 0).outcome == "bind"


@pytest.mark.parametrize("current", [None, make_pod("p").with_meta(uid="another"), make_pod("p", node="n")])
def test_a_pod_that_is_gone_or_bound_is_tried_no_more(current: Pod | None) -> None:
    """K-SCH-07: the write may have been made and its answer lost; upstream asks its cache first."""
    snapshot, queue = cluster(make_node("n", cpu=1)), SchedulingQueue()
    queue.add(make_pod("p"), 0)
    pod = pop(queue, 0)
    settle(snapshot, queue, pod, decide(snapshot, pod, 0), 0)
    binding_failed(snapshot, queue, pod, 0, current)
    assert len(queue) == 0


def test_no_nodes_is_retried_like_an_error() -> None:
    snapshot, queue = Snapshot(), SchedulingQueue()
    queue.add(make_pod("p"), 0)
    pod = pop(queue, 0)
    action = decide(snapshot, pod, 0)
    assert action.decision.message == "no nodes available to schedule pods"
    settle(snapshot, queue, pod, action, 0)
    assert queue.place(pod) == "error-backoff"


def test_never_over_capacity_and_nothing_feasible_is_left_pending() -> None:
    """The two laws of scheduling, over a queue that is drained, freed and drained again."""
    snapshot, queue = cluster(*(make_node(f"n{i}", pods=3) for i in range(4))), SchedulingQueue()
    for i in range(30):
        queue.add(make_pod(f"p{i}", cpu=1 + i % 3, priority=i % 2), 0)
    bound: list[Pod] = []
    now = 0
    for _ in range(400):
        ready = queue.next_ready(now)
        if ready is None or ready > 200 * SECOND:
            if not bound:
                break
            gone = bound.pop(0)
            snapshot.apply(changed(gone, gone, gone=True))
            queue.on_event(changed(gone, gone, gone=True), now)
            continue
        now = ready
        pod = pop(queue, now)
        action = decide(snapshot, pod, now)
        settle(snapshot, queue, pod, action, now)
        if action.outcome == "bind":
            bound.append(replace(pod, spec=replace(pod.spec, node_name=action.decision.node)))
        for resource in ("cpu", "memory"):
            assert (snapshot.requested(resource) <= snapshot.allocatable(resource)).all()
        assert (snapshot.pods_count.view() <= snapshot.pods_max.view()).all()
    assert len(queue) == 0, "all had their turn"
