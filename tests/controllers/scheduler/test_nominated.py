"""Pods that wait for a nominated node count there; and what a pod that asks as a whole counts for."""

from __future__ import annotations

import pytest

from jobsim.api._struct import Time, replace
from jobsim.api.core import Node
from jobsim.api.meta import LabelSelector
from jobsim.api.pod import (
    Affinity,
    Container,
    Pod,
    PodAffinity,
    PodAffinityTerm,
    ResourceRequirements,
    Volume,
)
from jobsim.api.writes import Delete, PatchStatus
from jobsim.controllers.scheduler.cycle import cycle
from jobsim.controllers.scheduler.decide import failure
from jobsim.controllers.scheduler.snapshot import Snapshot
from tests.controllers.scheduler.kit import cluster, make_node, make_pod


def waiting(snapshot: Snapshot, name: str, node: str, **more: object) -> Pod:
    """Nominate a pod to a node, as an earlier preemption would have."""
    pod = make_pod(name, **more)  # type: ignore[arg-type]
    pod = replace(pod, status=replace(pod.status, nominated_node_name=node))
    snapshot.nominate(pod, node)
    return pod


@pytest.mark.parametrize(
    ("priority", "chosen"), [(100, "b"), (10, "b"), (5, "a")], ids=["higher", "equal", "lower"]
)
def test_no_victims_where_a_nominated_pod_takes_the_room(priority: int, chosen: str) -> None:
    """K-SCH-30: dry runs count the pods of at least equal priority that wait for the node."""
    placed = (make_pod("old", "a", cpu=4, priority=0), make_pod("newer", "b", cpu=4, priority=1))
    snapshot = cluster(make_node("a"), make_node("b"), pods=placed)
    waiting(snapshot, "first", "a", cpu=2, priority=priority)
    assert cycle(snapshot, make_pod("new", cpu=4, priority=10)).nominated == chosen


def test_victims_make_room_beside_the_nominated_pod() -> None:
    """K-SCH-30: what would do without the nominated pod does not with it."""
    placed = tuple(make_pod(f"old{i}", "a", cpu=1, priority=0) for i in range(3))
    for count, beside in ((1, False), (3, True)):
        snapshot = cluster(make_node("a"), pods=placed)
        if beside:
            waiting(snapshot, "first", "a", cpu=2, priority=10)
        assert len(cycle(snapshot, make_pod("new", cpu=2, priority=10)).victims) == count


def anti(app: str) -> Affinity:
    term = PodAffinityTerm(
        topology_key="kubernetes.io/hostname", label_selector=LabelSelector(match_labels={"app": app})
    )
    return Affinity(
        pod_anti_affinity=PodAffinity(required_during_scheduling_ignored_during_execution=(term,))
    )


@pytest.mark.parametrize("elsewhere", [False, True])
def test_anti_affinity_of_a_nominated_pod_counts_once_anything_does(elsewhere: bool) -> None:
    """K-SCH-23: with nothing placed to keep a pod out, upstream skips the plugin for the whole cycle."""
    placed = (make_pod("there", "b", affinity=anti("x")),) if elsewhere else ()
    snapshot = cluster(make_node("a"), make_node("b"), make_node("c"), pods=placed)
    waiting(snapshot, "first", "a", cpu=1, priority=0, affinity=anti("x"))
    found = cycle(snapshot, make_pod("new", labels={"app": "x"}, priority=0), detail=True)
    assert sorted(found.feasible_nodes) == (["c"] if elsewhere else ["a", "b", "c"])


@pytest.mark.parametrize("leaving", [False, True])
def test_victims_that_leave_already_cost_no_write(leaving: bool) -> None:
    """K-SCH-31: neither the victims nor the weaker pods that wait for the node are written to."""
    old = make_pod("old", "a", cpu=4, priority=0)
    if leaving:
        old = replace(old, metadata=replace(old.metadata, deletion_timestamp=Time(30)))
    snapshot = cluster(make_node("a"), pods=(old,))
    waiting(snapshot, "weaker", "a", cpu=1, priority=1)
    new = make_pod("new", cpu=4, priority=10)
    decision = cycle(snapshot, new)
    writes = [w for step in failure(snapshot, new, 0, decision).steps for c in step.chains for w in c.writes]
    touched = {w.name for w in writes if isinstance(w, Delete | PatchStatus)}
    assert decision.nominated == "a"
    assert touched == (set() if leaving else {"old", "weaker"})


def whole(pod: Pod, **requests: str) -> Pod:
    resources = ResourceRequirements(requests=dict(requests))
    return replace(pod, spec=replace(pod.spec, resources=resources))


def fit_score(snapshot: Snapshot, pod: Pod) -> int:
    found = cycle(snapshot, pod, detail=True)
    return found.scores["a"]["NodeResourcesFit"]


def test_scores_of_pods_that_ask_as_a_whole() -> None:
    """K-SCH-11: the newcomer is scored by its containers, a placed pod by what it asks for as a whole."""
    nodes = (make_node("a", memory="4Gi"), make_node("b", memory="4Gi"))
    plain = make_pod("new", cpu=1)
    assert fit_score(cluster(*nodes), plain) == (75 + 75) // 2
    assert fit_score(cluster(*nodes), whole(plain, cpu="3")) == (75 + 75) // 2
    there = whole(make_pod("there", "a", cpu=0), cpu="2")
    # 2 of 4 cpu are asked for as a whole; of memory, the default of a container that asks for none.
    assert fit_score(cluster(*nodes, pods=(there,)), plain) == (25 + (4096 - 1024 - 200) * 100 // 4096) // 2


def test_an_image_has_one_size_and_may_be_a_volume() -> None:
    """K-SCH-10: the first node that has an image says how large it is; image volumes count too."""

    def with_image(name: str, mib: int) -> Node:
        node = make_node(name)
        image = {"names": ["data:1"], "sizeBytes": mib << 20}
        return replace(node, status=replace(node.status, images=(image,)))

    snapshot = cluster(with_image("a", 500), with_image("b", 900), make_node("c"), make_node("d"))
    pod = make_pod("new")
    as_volume = Volume(name="v", image={"reference": "data:1"})
    as_container = (Container(name="c", image="data:1", resources=pod.spec.containers[0].resources),)
    for spec in (replace(pod.spec, volumes=(as_volume,)), replace(pod.spec, containers=as_container)):
        scores = cycle(snapshot, replace(pod, spec=spec), detail=True).scores
        share = 100 * (250 - 23) // (1000 - 23)
        assert [scores[name]["ImageLocality"] for name in "abcd"] == [share, share, 0, 0]
