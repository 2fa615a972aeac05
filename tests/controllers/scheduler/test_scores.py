"""The scores of single plugins in numbers, and what placed and pending pods do to each other."""

from __future__ import annotations

import pytest

from jobsim.api._struct import replace
from jobsim.api.meta import LabelSelector
from jobsim.api.pod import Affinity, Pod, PodAffinity, PodAffinityTerm
from jobsim.controllers.scheduler.cycle import cycle
from jobsim.controllers.scheduler.snapshot import Snapshot
from tests.controllers.scheduler.kit import RACK, cluster, make_node, make_pod, place, racks

APP = LabelSelector(match_labels={"app": "web"})
NEAR = PodAffinityTerm(topology_key=RACK, label_selector=APP)


def away(term: PodAffinityTerm = NEAR) -> Affinity:
    return Affinity(
        pod_anti_affinity=PodAffinity(required_during_scheduling_ignored_during_execution=(term,))
    )


def near(term: PodAffinityTerm = NEAR) -> Affinity:
    return Affinity(pod_affinity=PodAffinity(required_during_scheduling_ignored_during_execution=(term,)))


def scores(snapshot: Snapshot, pod: Pod, plugin: str) -> dict[str, int]:
    return {name: int(parts[plugin]) for name, parts in cycle(snapshot, pod, detail=True).scores.items()}


@pytest.mark.parametrize(
    ("placed", "expected"),
    [
        # (4 - 1) / 4 = 75 of cpu, (16 - 1) / 16 = 93 of memory, their mean truncated.
        ([], 84),
        # (4 - 3) / 4 = 25 and (16 - 3) / 16 = 81.
        ([1, 1], 53),
    ],
)
def test_least_allocated(placed: list[int], expected: int) -> None:
    """K-SCH-11: cpu and memory with equal weight; accelerators are filtered, never scored."""
    nodes = [make_node("a", **{"nvidia.com/gpu": 8}), make_node("b")]
    others = tuple(make_pod(f"p{i}", "a", cpu=cpu) for i, cpu in enumerate(placed))
    snapshot = cluster(*nodes, pods=others)
    assert scores(snapshot, make_pod("new"), "NodeResourcesFit") == {"a": expected, "b": 84}


def test_balanced_allocation() -> None:
    """K-SCH-12: 50 + (50 + with - without) / 2; 75 where the pod changes nothing."""
    even = make_node("even", cpu=16)
    lean = make_node("lean", cpu=2)
    snapshot = cluster(even, lean)
    found = scores(snapshot, make_pod("new", cpu=1), "NodeResourcesBalancedAllocation")
    # 1/16 of both: the spread stays 0.  1/2 against 1/16: it grows by 0.21875.
    assert found == {"even": 75, "lean": 64}


def test_identical_pods_are_scored_one_by_one() -> None:
    """K-SCH-19: nothing of one pod's scoring is reused for the next, so equal pods spread."""
    snapshot = cluster(make_node("a"), make_node("b"), make_node("c"))
    assert {place(snapshot, make_pod(f"p{i}")) for i in range(3)} == {"a", "b", "c"}


class TestWhoCounts:
    """K-SCH-24."""

    def test_pending_pods_do_not(self) -> None:
        snapshot = cluster(*racks(2))
        waiting = make_pod("waiting", labels={"app": "web"})
        snapshot.add_pod(waiting)
        assert place(snapshot, make_pod("new", affinity=away())) != ""

    def test_another_pod_may_take_the_domain_between_two_of_a_job(self) -> None:
        snapshot = cluster(*racks(1, size=4))
        place(snapshot, make_pod("first", labels={"app": "web"}, affinity=away()))
        assert place(snapshot, make_pod("second", labels={"app": "web"}, affinity=away())) == ""

    def test_a_term_means_its_own_namespace(self) -> None:
        elsewhere = make_pod("elsewhere", "n00", labels={"app": "web"})
        elsewhere = replace(elsewhere, metadata=replace(elsewhere.metadata, namespace="other"))
        snapshot = cluster(*racks(1), pods=(elsewhere,))
        assert place(snapshot, make_pod("new", affinity=away())) != ""
        everywhere = replace(NEAR, namespaces=("other",))
        assert place(snapshot, make_pod("newer", affinity=away(everywhere))) == ""


@pytest.mark.parametrize(
    ("affinity", "reason", "resolvable"),
    [
        (near(), "2 node(s) didn't match pod affinity rules", False),
        (away(), "2 node(s) didn't match pod anti-affinity rules", True),
        (None, "2 node(s) didn't satisfy existing pods anti-affinity rules", True),
    ],
    ids=["affinity", "anti-affinity", "symmetry"],
)
def test_which_refusals_preemption_can_cure(affinity: Affinity | None, reason: str, resolvable: bool) -> None:
    """K-SCH-25."""
    there = make_pod("there", "n00", labels={"app": "web" if affinity else "db"})
    if affinity is None:
        there = make_pod("there", "n00", labels={"app": "web"}, affinity=away())
    if affinity == near():
        there = make_pod("there", "n00", labels={"app": "db"})
    snapshot = cluster(*racks(1), pods=(there,))
    labels = {"app": "web"} if affinity is None else {}
    new = make_pod("new", affinity=affinity, labels=labels, priority=1000)
    decision = cycle(snapshot, new)
    assert decision.message.startswith(f"0/2 nodes are available: {reason}.")
    helpless = "2 Preemption is not helpful for scheduling"
    assert (helpless in decision.message) is not resolvable
