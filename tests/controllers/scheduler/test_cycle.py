"""One cycle, by clause: tables of small clusters."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from jobsim.api._struct import Time, replace
from jobsim.api.core import Service, ServiceSpec
from jobsim.api.meta import LabelSelector, LabelSelectorRequirement, ObjectMeta
from jobsim.api.pod import (
    Affinity,
    Container,
    ContainerPort,
    NodeAffinity,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    Pod,
    PodAffinity,
    PodAffinityTerm,
    PodSpec,
    PodStatus,
    ResourceRequirements,
    TopologySpreadConstraint,
    WeightedPodAffinityTerm,
)
from jobsim.api.quantity import parse
from jobsim.api.watch import WatchEvent
from jobsim.controllers.scheduler import messages
from jobsim.controllers.scheduler.cycle import Profile, cycle, heap_ranks, nodes_to_find
from jobsim.controllers.scheduler.requests import request_of
from jobsim.controllers.scheduler.snapshot import Snapshot
from tests.controllers.scheduler.kit import RACK, cluster, leader, make_node, make_pod, place, racks


def test_exclusive_placement_gives_each_job_its_rack() -> None:
    """C-EXC-02, K-SCH-20...23: leaders claim racks one by one; one rack too few leaves the last pending."""
    snapshot = cluster(*racks(3))
    taken = [place(snapshot, leader(f"job{i}")) for i in range(4)]
    assert [name[:2] for name in taken[:3]] == ["n0", "n1", "n2"]
    assert taken[3] == ""
    message = cycle(snapshot, leader("job3")).message
    assert message.startswith("0/6 nodes are available: 6 node(s) didn't match pod anti-affinity rules.")


def test_a_leader_waits_for_its_own_followers_domain() -> None:
    """K-SCH-21: the first-pod exception ends with the first match anywhere."""
    snapshot = cluster(*racks(2))
    follower = make_pod("job0-1", labels={"job-key": "job0", "priority": "0"}, node_selector={RACK: "r1"})
    assert place(snapshot, follower) == "n10"
    assert place(snapshot, leader("job0")).startswith("n1")


def test_symmetry_keeps_other_jobs_out_but_not_strangers() -> None:
    """K-SCH-23, C-EXC-07: same priority is repelled, other priorities and other pods are not."""
    snapshot = cluster(*racks(1))
    place(snapshot, leader("job0"))
    other = make_pod("o", labels={"job-key": "x", "priority": "0"})
    assert messages.EXISTING_ANTI_AFFINITY in cycle(snapshot, other).message
    assert place(snapshot, make_pod("p", labels={"job-key": "x", "priority": "7"}))
    assert place(snapshot, make_pod("stranger"))


def test_a_terminating_pod_holds_its_domain_until_it_is_terminal() -> None:
    """K-SCH-09, 5.a.12."""
    snapshot = cluster(*racks(1))
    old = leader("job0")
    bound = replace(old, spec=replace(old.spec, node_name="n00"))
    snapshot.add_pod(bound)
    going = bound.with_meta(deletion_timestamp=Time(10**9))
    snapshot.apply(WatchEvent(type="MODIFIED", obj=going, old=bound, revision=1, time=0))
    assert not cycle(snapshot, leader("job1")).node
    over = replace(going, status=PodStatus(phase="Failed"))
    snapshot.apply(WatchEvent(type="MODIFIED", obj=over, old=going, revision=2, time=0))
    assert cycle(snapshot, leader("job1")).node == "n00"


def test_missing_topology_label_fails_affinity_and_passes_anti_affinity() -> None:
    """5.a.13, K-SCH-20, K-SCH-22."""
    snapshot = cluster(make_node("bare"))
    term = PodAffinityTerm(topology_key=RACK, label_selector=LabelSelector(match_labels={"a": "b"}))
    required = PodAffinity(required_during_scheduling_ignored_during_execution=(term,))
    near = make_pod("near", labels={"a": "b"}, affinity=Affinity(pod_affinity=required))
    far = make_pod("far", labels={"a": "b"}, affinity=Affinity(pod_anti_affinity=required))
    assert messages.AFFINITY in cycle(snapshot, near).message
    assert cycle(snapshot, far).node == "bare"


@pytest.mark.parametrize(
    ("operator", "values", "placed_first", "kept_apart"),
    [
        # The pod to be placed has the term: one that a namespace without labels meets means all namespaces.
        ("NotIn", ("red",), False, True),
        ("DoesNotExist", (), False, True),
        ("In", ("red",), False, True),
        ("In", ("blue",), False, False),
        # The placed pod has it: it is asked about the labels of the other's namespace.
        ("NotIn", ("red",), True, False),
        ("DoesNotExist", (), True, False),
        ("In", ("red",), True, True),
    ],
)
def test_negative_namespace_selectors_of_a_pod_to_be_placed_mean_all_namespaces(
    operator: str, values: tuple[str, ...], placed_first: bool, kept_apart: bool
) -> None:
    """K-SCH-22, K-SCH-23: kube-scheduler 1.36 drops the selector of a copy, so it is asked again."""
    term = PodAffinityTerm(
        topology_key=RACK,
        label_selector=LabelSelector(match_labels={"a": "b"}),
        namespace_selector=LabelSelector(
            match_expressions=(LabelSelectorRequirement(key="team", operator=operator, values=values),)
        ),
    )
    apart = Affinity(
        pod_anti_affinity=PodAffinity(required_during_scheduling_ignored_during_execution=(term,))
    )
    picky = make_pod("picky", affinity=apart)
    other = make_pod("other", labels={"a": "b"})
    other = replace(other, metadata=replace(other.metadata, namespace="red"))
    snapshot = cluster(*racks(1))
    snapshot.tables.set_namespace("red", {"team": "red"})
    first, second = (picky, other) if placed_first else (other, picky)
    assert place(snapshot, first)
    assert (cycle(snapshot, second).node == "") == kept_apart


def test_messages_sort_reasons_as_strings() -> None:
    """Errata 4: counts are part of the sorted text."""
    counts = {"Insufficient cpu": 2, "Insufficient memory": 10, "Too many pods": 1}
    assert messages.fit_error(12, counts) == (
        "0/12 nodes are available: 1 Too many pods, 10 Insufficient memory, 2 Insufficient cpu."
    )


def test_no_nodes() -> None:
    assert cycle(Snapshot(), make_pod("p")).message == "no nodes available to schedule pods"


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        (
            (("In", ("gone",)),),
            "0/2 nodes are available: 2 node(s) didn't satisfy plugin(s) [NodeAffinity]. no new claims to "
            "deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
        ),
        (
            (("In", ("a",)), ("In", ("b",))),
            "0/2 nodes are available: pod affinity terms conflict. no new claims to deallocate, preemption: "
            "0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
        ),
    ],
)
def test_node_names_in_affinity(terms: tuple[tuple[str, tuple[str, ...]], ...], message: str) -> None:
    """Errata 4: a PreFilter that names its nodes."""
    fields = tuple(NodeSelectorRequirement(key="metadata.name", operator=o, values=v) for o, v in terms)
    required = NodeSelector(node_selector_terms=(NodeSelectorTerm(match_fields=fields),))
    affinity = Affinity(
        node_affinity=NodeAffinity(required_during_scheduling_ignored_during_execution=required)
    )
    assert cycle(cluster(make_node("a"), make_node("b")), make_pod("p", affinity=affinity)).message == message


def test_the_pod_level_request_and_init_steps_count() -> None:
    """What a pod needs is the larger of its running sum and its neediest init step, plus overhead."""

    def container(cpu: str, **more: object) -> Container:
        asked = ResourceRequirements(requests={"cpu": cpu})
        return Container(resources=asked, **more)  # type: ignore[arg-type]

    spec = PodSpec(
        containers=(container("1"), container("1")),
        init_containers=(container("500m", restart_policy="Always"), container("3")),
        overhead={"cpu": "100m"},
    )
    assert request_of(Pod(spec=spec), parse).amounts == (("cpu", 3600),)
    whole = replace(spec, resources=ResourceRequirements(requests={"cpu": "4", "gpu": 1}))
    assert request_of(Pod(spec=whole), parse).amounts == (("cpu", 4100),)


def test_sums_are_rounded_once() -> None:
    thin = Container(resources=ResourceRequirements(requests={"cpu": "100u"}))
    assert request_of(Pod(spec=PodSpec(containers=(thin,) * 3)), parse).amounts == (("cpu", 1),)


@pytest.mark.parametrize(
    ("asked", "there", "fits"), [("", "10.0.0.1", False), ("10.0.0.2", "10.0.0.1", True)]
)
def test_host_ports(asked: str, there: str, fits: bool) -> None:
    def with_port(pod: Pod, ip: str) -> Pod:
        port = ContainerPort(container_port=1, host_port=80, host_ip=ip)
        return replace(pod, spec=replace(pod.spec, containers=(Container(ports=(port,)),)))

    snapshot = cluster(make_node("n"), pods=(with_port(make_pod("p", "n"), there),))
    assert bool(cycle(snapshot, with_port(make_pod("q"), asked)).node) is fits


# --- search and choice ------------------------------------------------------------------------------


def test_one_feasible_node_is_not_scored() -> None:
    """K-SCH-14."""
    decision = cycle(cluster(make_node("a"), make_node("b", cpu=0)), make_pod("p"), detail=True)
    assert (decision.node, decision.feasible, decision.scores) == ("a", 1, {})


def test_search_stops_and_goes_on_where_it_ended() -> None:
    """K-SCH-13: 200 nodes, 48 percent is 96, so 100 feasible ones end a search."""
    snapshot = cluster(*(make_node(f"n{i}") for i in range(200)))
    first = cycle(snapshot, make_pod("p"))
    assert (first.feasible, first.next_start) == (100, 100)
    snapshot.next_start = first.next_start
    second = cycle(snapshot, make_pod("q"))
    assert (second.node, second.next_start) == ("n100", 0)
    assert cycle(snapshot, make_pod("q"), profile=Profile(percentage_of_nodes_to_score=100)).feasible == 200


def test_search_counts_the_nodes_that_failed_on_the_way() -> None:
    snapshot = cluster(*(make_node(f"n{i}", cpu=4 if i % 2 else 0) for i in range(400)))
    assert nodes_to_find(400, 0) == 188
    decision = cycle(snapshot, make_pod("p"))
    assert (decision.feasible, decision.next_start) == (188, 377)


def test_zones_take_turns_in_the_node_list() -> None:
    zones = {"a": "z0", "b": "z0", "c": "z1"}
    key = "topology.kubernetes.io/zone"
    snapshot = cluster(*(make_node(n, labels={key: z}) for n, z in zones.items()))
    order = snapshot.order()
    assert order is not None
    assert [snapshot.name(int(i)) for i in order] == ["a", "c", "b"]


def test_ties_follow_the_heap_or_the_caller() -> None:
    """K-SCH-15: with all nodes equal the heap's top is the first, then its left child, then that one's."""
    snapshot = cluster(*(make_node(f"n{i}") for i in range(6)))
    assert [place(snapshot, make_pod(f"p{i}")) for i in range(6)] == ["n0", "n1", "n3", "n4", "n2", "n5"]
    fresh = cluster(*(make_node(f"n{i}") for i in range(6)))
    assert cycle(fresh, make_pod("p"), choose=lambda n: n - 1).node == "n5"
    generator = np.random.default_rng(1)
    seen = {cycle(fresh, make_pod("p"), choose=lambda n: int(generator.integers(n))).node for _ in range(99)}
    assert len(seen) == 6


def real_heap_top(scores: list[int]) -> int:
    """Make a binary heap as Go's container/heap does; return which element is on top."""
    heap = [(score, place) for place, score in enumerate(scores)]
    for start in range(len(heap) // 2 - 1, -1, -1):
        at = start
        while (child := 2 * at + 1) < len(heap):
            if child + 1 < len(heap) and heap[child + 1][0] > heap[child][0]:
                child += 1
            if heap[child][0] <= heap[at][0]:
                break
            heap[at], heap[child] = heap[child], heap[at]
            at = child
    return heap[0][1]


def test_heap_ranks_are_those_of_a_real_heap() -> None:
    generator = np.random.default_rng(2)
    for size in (1, 2, 3, 7, 12, 40):
        ranks = heap_ranks(64)
        for _ in range(50):
            scores = generator.integers(0, 3, size)
            ties = np.flatnonzero(scores == scores.max())
            assert ties[ranks[ties].argmin()] == real_heap_top(scores.tolist())


def test_service_spreads_its_pods() -> None:
    """K-SCH-16: the headless Service of a JobSet gives its pods a soft spread."""
    snapshot = cluster(make_node("a"), make_node("b"))
    snapshot.services.set(
        Service(metadata=ObjectMeta(name="s", namespace="default"), spec=ServiceSpec(selector={"js": "x"}))
    )
    snapshot.add_pod(make_pod("p", "a", cpu=0, labels={"js": "x"}))
    decision = cycle(snapshot, make_pod("q", labels={"js": "x"}), detail=True)
    spread = {node: scores["PodTopologySpread"] for node, scores in decision.scores.items()}
    assert spread["b"] > spread["a"]
    snapshot.services.set(Service(metadata=ObjectMeta(name="s", namespace="default")), gone=True)
    plain = cycle(snapshot, make_pod("q", labels={"js": "x"}), detail=True)
    assert "PodTopologySpread" not in plain.scores["a"]


def test_images_that_lie_on_a_node_count() -> None:
    image = {"names": ["img:1"], "sizeBytes": 900 * 2**20}
    here = make_node("a")
    snapshot = cluster(replace(here, status=replace(here.status, images=(image,))), make_node("b"))
    pod = make_pod("p")
    pod = replace(pod, spec=replace(pod.spec, containers=(Container(image="img:1"),)))
    decision = cycle(snapshot, pod, detail=True)
    points: Mapping[str, int] = {n: s["ImageLocality"] for n, s in decision.scores.items()}
    assert points == {"a": 43, "b": 0}


def test_a_nominated_node_is_tried_first_and_kept_for_its_pod() -> None:
    """K-SCH-31: room made for a pod is not taken by a weaker one."""
    snapshot = cluster(make_node("a"), make_node("b"))
    strong = make_pod("strong", cpu=4, priority=5)
    snapshot.nominate(strong, "a")
    decision = cycle(snapshot, make_pod("weak", cpu=2), detail=True)
    assert decision.feasible_nodes == ("b",)
    assert decision.rejected["a"].reasons == ("Insufficient cpu",)
    assert cycle(snapshot, make_pod("stronger", cpu=2, priority=9), detail=True).feasible == 2
    waiting = replace(strong, status=PodStatus(nominated_node_name="b"))
    assert cycle(snapshot, waiting).node == "b"


def test_bad_quantities_and_sizes_of_nodes_are_no_room() -> None:
    """Impossible node resources: unreadable is absent, absurd is capped, negative never fits."""
    snapshot = cluster(
        make_node("bad", cpu="x"),
        make_node("huge", cpu="9Ei"),
        make_node("minus", cpu=-4),
    )
    decision = cycle(snapshot, make_pod("p", cpu="8Ei"), detail=True)
    assert decision.feasible_nodes == ("huge",)


def term(app: str, key: str = "kubernetes.io/hostname") -> PodAffinityTerm:
    return PodAffinityTerm(topology_key=key, label_selector=LabelSelector(match_labels={"app": app}))


def test_placed_pods_draw_others_by_what_they_require_and_prefer() -> None:
    """K-SCH-23: required affinity counts 1, preferred its weight, preferred anti-affinity against it."""
    near = PodAffinity(required_during_scheduling_ignored_during_execution=(term("x"),))
    liked = WeightedPodAffinityTerm(weight=3, pod_affinity_term=term("x"))
    soft = PodAffinity(preferred_during_scheduling_ignored_during_execution=(liked,))
    sides = {
        "a": Affinity(pod_affinity=near),
        "b": Affinity(pod_affinity=soft),
        "c": Affinity(pod_anti_affinity=soft),
    }
    snapshot = cluster(*(make_node(name) for name in "abcd"))
    for name, side in sides.items():
        snapshot.add_pod(make_pod(f"on-{name}", name, cpu=0, affinity=side))
    decision = cycle(snapshot, make_pod("p", labels={"app": "x"}), detail=True)
    points = {name: scores["InterPodAffinity"] for name, scores in decision.scores.items()}
    assert points == {"a": 2 * 66, "b": 200, "c": 0, "d": 100}


@pytest.mark.parametrize(("leaving", "fits"), [(False, False), (True, True)])
def test_leaving_pods_do_not_count_for_spreading(leaving: bool, fits: bool) -> None:
    constraint = TopologySpreadConstraint(
        max_skew=1,
        topology_key=RACK,
        when_unsatisfiable="DoNotSchedule",
        label_selector=LabelSelector(match_labels={"app": "x"}),
    )
    there = make_pod("there", "n0", labels={"app": "x"})
    if leaving:
        there = there.with_meta(deletion_timestamp=Time(10**9))
    full = make_node("n1", cpu=0, labels={RACK: "r1"})
    snapshot = cluster(make_node("n0", labels={RACK: "r0"}), full, pods=(there,))
    pod = make_pod("p", labels={"app": "x"}, topology_spread_constraints=(constraint,))
    assert bool(cycle(snapshot, pod).node) is fits
