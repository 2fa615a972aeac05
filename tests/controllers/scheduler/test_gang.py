"""Gang scheduling, off by default (K-SCH-40 ... K-SCH-42)."""

from __future__ import annotations

import pytest

from jobsim.api._struct import replace
from jobsim.api.meta import ObjectMeta, Unstructured
from jobsim.api.pod import Pod, PodSchedulingGate, PodSchedulingGroup, PodStatus
from jobsim.api.watch import WatchEvent
from jobsim.controllers.scheduler.gang import PodGroups, group_condition, group_cycle, group_of, min_count_of
from jobsim.controllers.scheduler.queue import SchedulingQueue
from tests.controllers.scheduler.kit import changed, cluster, make_node, make_pod


def group(minimum: int | None, **status: object) -> Unstructured:
    policy = {"basic": {}} if minimum is None else {"gang": {"minCount": minimum}}
    return Unstructured(
        metadata=ObjectMeta(name="g", namespace="default"),
        type_name="PodGroup",
        group_version="scheduling.k8s.io/v1alpha2",
        content={"spec": {"schedulingPolicy": policy}, "status": status},
    )


def member(name: str, **more: object) -> Pod:
    named = PodSchedulingGroup(pod_group_name="g")
    return make_pod(name, scheduling_group=named, **more)  # type: ignore[arg-type]


def heard(obj: Unstructured, *, gone: bool = False) -> WatchEvent:
    return WatchEvent(type="DELETED" if gone else "ADDED", obj=obj, old=None, revision=1, time=0)


def test_members_wait_for_their_group_and_for_each_other() -> None:
    """K-SCH-42, PreEnqueue."""
    groups = PodGroups()
    queue = SchedulingQueue(pre_enqueue=groups.pre_enqueue)
    first, second = member("a"), member("b")
    queue.add(make_pod("loner"), 0)
    for pod in (first, second):
        groups.apply(changed(pod))
        queue.add(pod, 0)
    assert groups.pre_enqueue(first) == 'waiting for pods\'s pod group "g" to appear in scheduling queue'
    assert groups.apply(heard(group(3)))
    queue.activate(0)
    assert groups.pre_enqueue(first) == "waiting for minCount pods from a gang to appear in scheduling queue"
    third = member("c")
    assert groups.apply(changed(third))
    queue.add(third, 0)
    queue.activate(0)
    assert [queue.place(p) for p in (first, second, third)] == ["active"] * 3
    assert groups.apply(heard(group(3), gone=True)) is False
    assert groups.pre_enqueue(first) != ""


def test_counts_of_members() -> None:
    groups = PodGroups()
    groups.apply(heard(group(2)))
    bound = replace(member("a"), spec=replace(member("a").spec, node_name="n"))
    groups.apply(changed(bound))
    groups.apply(changed(member("b")))
    assert (groups.scheduled(("default", "g")), groups.min_count(("default", "g"))) == (1, 2)
    groups.apply(changed(replace(bound, status=PodStatus(phase="Failed")), bound))
    assert groups.scheduled(("default", "g")) == 0
    assert groups.apply(changed(make_pod("other"))) is False
    assert groups.apply(changed(make_node("n"))) is False


@pytest.mark.parametrize(("minimum", "count"), [(None, 0), (4, 4)])
def test_only_gangs_have_a_minimum(minimum: int | None, count: int) -> None:
    assert min_count_of(group(minimum)) == count
    assert group_of(make_pod("p")) is None


def test_gates_come_first() -> None:
    gated = member("p", scheduling_gates=(PodSchedulingGate(name="kueue"),))
    assert PodGroups().pre_enqueue(gated) == "kueue"


@pytest.mark.parametrize(("needed", "enough"), [(3, False), (2, True)])
def test_all_of_the_minimum_or_none(needed: int, enough: bool) -> None:
    """K-SCH-42: of three members two fit; with a minimum of three the snapshot is as before."""
    snapshot = cluster(make_node("n", cpu=2))
    pods = [member("a"), member("b"), member("c", priority=3)]
    outcome = group_cycle(snapshot, pods, needed)
    assert outcome.enough is enough
    assert [pod.name for pod, _ in outcome.decisions] == ["c", "a", "b"]
    assert [snapshot.placed(pod) is not None for pod in pods] == (
        [True, False, True] if enough else [False] * 3
    )
    assert int(snapshot.pods_count[0]) == (2 if enough else 0)


def test_the_groups_condition_never_falls_back() -> None:
    """K-SCH-42: PodGroupScheduled stays True once it is."""
    failed = group_condition(group(2), 5, scheduled=False, message="no room")
    assert failed is not None
    (condition,) = failed.patch["status"]["conditions"]
    assert (condition["status"], condition["reason"]) == ("False", "Unschedulable")
    told = group(2, conditions=[condition, {"type": "Other", "status": "True"}])
    assert group_condition(told, 9, scheduled=False) is None
    done = group_condition(told, 9, scheduled=True)
    assert done is not None
    assert [c["type"] for c in done.patch["status"]["conditions"]] == ["Other", "PodGroupScheduled"]
    over = group(2, conditions=[{"type": "PodGroupScheduled", "status": "True"}])
    assert group_condition(over, 9, scheduled=False) is None
