"""The snapshot as watch events feed it, and the tables and memos under it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jobsim.api._struct import Time, replace
from jobsim.api.core import Namespace, PodDisruptionBudget, Service, ServiceSpec
from jobsim.api.meta import Object, ObjectMeta
from jobsim.api.pod import PodStatus
from jobsim.api.watch import WatchEvent
from jobsim.controllers.scheduler.cycle import cycle
from jobsim.controllers.scheduler.memo import ChangeLog, Memos, Tracked
from jobsim.controllers.scheduler.snapshot import Snapshot
from jobsim.controllers.scheduler.terms import Counts
from tests.controllers.scheduler.kit import RACK, changed, cluster, leader, make_node, make_pod, place


def heard(obj: Object, *, gone: bool = False) -> WatchEvent:
    return WatchEvent(type="DELETED" if gone else "ADDED", obj=obj, old=None, revision=1, time=0)


def test_events_of_all_kinds() -> None:
    snapshot = Snapshot()
    budget = PodDisruptionBudget(metadata=ObjectMeta(name="b", namespace="default"))
    service = Service(
        metadata=ObjectMeta(name="s", namespace="default"), spec=ServiceSpec(selector={"a": "b"})
    )
    space = Namespace(metadata=ObjectMeta(name="x", labels={"team": "red"}))
    node = make_node("n")
    for obj in (node, budget, service, space):
        snapshot.apply(heard(obj))
    assert snapshot.node_count == 1
    assert list(snapshot.budgets) == [("default", "b")]
    assert snapshot.services.merged_selector("default", {"a": "b", "c": "d"}) == {"a": "b"}
    assert snapshot.tables.namespaces["x"] == {"kubernetes.io/metadata.name": "x", "team": "red"}
    snapshot.apply(changed(make_node("n", cpu=8), node))
    assert int(snapshot.allocatable("cpu")[0]) == 8000
    for gone in (node, budget, service):
        snapshot.apply(heard(gone, gone=True))
    assert (snapshot.node_count, snapshot.budgets) == (0, {})
    assert snapshot.services.merged_selector("default", {"a": "b"}) == {}
    snapshot.apply(heard(node, gone=True))


def test_a_pods_way_through_the_snapshot() -> None:
    """Nominated, assumed, bound, deleted but still there, gone (K-SCH-01, K-SCH-09, K-SCH-31)."""
    snapshot = cluster(make_node("n"))
    pod = make_pod("p")
    waiting = replace(pod, status=PodStatus(nominated_node_name="n"))
    snapshot.apply(changed(waiting, pod))
    assert [(view.uid, node) for view, node in snapshot.nominated()] == [("uid-p", "n")]
    snapshot.assume(waiting, "n")
    assert not snapshot.any_nominated
    late = replace(pod, status=PodStatus(message="an older write, seen late"))
    snapshot.apply(changed(late, pod))
    assert int(snapshot.pods_count[0]) == 1, "an assumption outlives events of the unbound pod"
    bound = replace(pod, spec=replace(pod.spec, node_name="n"))
    snapshot.apply(changed(bound, pod))
    snapshot.forget(bound)
    assert int(snapshot.pods_count[0]) == 1, "bound for good"
    going = bound.with_meta(deletion_timestamp=Time(1))
    snapshot.apply(changed(going, bound))
    placed = snapshot.placed(pod)
    assert placed is not None
    assert placed.view.terminating
    assert int(snapshot.requested("cpu")[0]) == 1000
    snapshot.apply(changed(going, going, gone=True))
    assert (int(snapshot.pods_count[0]), snapshot.placed(pod)) == (0, None)


def test_pods_of_an_unknown_node_count_when_it_comes() -> None:
    snapshot = Snapshot()
    snapshot.add_pod(make_pod("p", "n"))
    snapshot.add_node(make_node("n"))
    assert int(snapshot.requested("cpu")[0]) == 1000
    snapshot.remove_node("n")
    snapshot.add_node(make_node("other"))
    assert int(snapshot.requested("cpu")[snapshot.numbers["other"]]) == 0
    snapshot.add_node(make_node("n"))
    assert int(snapshot.requested("cpu")[snapshot.numbers["n"]]) == 1000


def test_a_pod_that_moved_counts_once() -> None:
    snapshot = cluster(make_node("a"), make_node("b"))
    snapshot.assume(make_pod("p"), "a")
    snapshot.add_pod(make_pod("p", "b"))
    assert snapshot.pods_count.view().tolist() == [0, 1]
    snapshot.assume(make_pod("p"), "a")
    assert snapshot.pods_count.view().tolist() == [1, 0]


def test_pods_move_domain_with_their_nodes_labels() -> None:
    """A leader whose node changes racks frees the old rack and claims the new one."""
    nodes = [make_node("n0", labels={RACK: "r0"}), make_node("n1", labels={RACK: "r1"})]
    snapshot = cluster(*nodes)
    assert place(snapshot, leader("job0")) == "n0"
    assert cycle(snapshot, leader("job1"), detail=True).feasible_nodes == ("n1",)
    snapshot.update_node(make_node("n0", labels={RACK: "r1"}))
    snapshot.update_node(make_node("n1", labels={RACK: "r0"}))
    assert cycle(snapshot, leader("job1"), detail=True).feasible_nodes == ("n1",)
    snapshot.update_node(make_node("n1", labels={RACK: "r1"}))
    assert cycle(snapshot, leader("job1"), detail=True).feasible_nodes == ()


@given(st.lists(st.tuples(st.integers(0, 60), st.sampled_from([1, 1, 2, -1, -2])), max_size=120))
def test_counts_are_a_mapping_whatever_their_form(moves: list[tuple[int, int]]) -> None:
    counts, plain = Counts(), dict.fromkeys(range(61), 0)
    for domain, amount in moves:
        if plain[domain] + amount >= 0:
            counts.add(domain, amount)
            plain[domain] += amount
    assert counts.array(61).tolist() == [*plain.values(), 0]
    assert counts.used == sum(count != 0 for count in plain.values())


def test_counts_of_many_domains() -> None:
    counts = Counts()
    for domain in [*range(30), 500, 29]:
        counts.add(domain, 1)
    assert counts.array(501)[500] == 1
    assert counts.array(1000).sum() == 32
    for domain in range(29):
        counts.add(domain, -1)
    assert (counts.used, counts.array(40)[29]) == (2, 2)


def test_a_long_log_starts_over_and_memos_follow() -> None:
    log, seen = ChangeLog(), []
    tracked = Tracked([0], log, lambda value, changed: seen.append(changed))
    tracked.current(10)
    log.add(3)
    tracked.current(10)
    tracked.current(10)
    tracked.current(11)
    for node in range(250_000):
        log.add(node % 10)
    tracked.current(11)
    assert seen == [None, [3], None, None]


def test_there_are_only_so_many_memos() -> None:
    memos = Memos()
    made: list[int] = []

    def make(number: int) -> int:
        made.append(number)
        return number

    for number in [*range(600), 599, 0]:
        assert memos.get(("x", number), lambda number=number: make(number)) == number  # type: ignore[misc]
    assert made == [*range(600), 0]


def test_many_kinds_of_pods_are_no_trouble() -> None:
    """Memos of requests and quantities are bounded."""
    snapshot = cluster(make_node("n", cpu=2000))
    for i in range(10_050):
        snapshot.view(make_pod(f"p{i}", cpu=f"{i + 1}m"))
    assert cycle(snapshot, make_pod("p", cpu="1m")).node == "n"
