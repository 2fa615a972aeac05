"""NoExecute taints and tolerations: who is evicted, and when."""

from __future__ import annotations

import pytest

from jobsim.api.pod import Pod, Toleration
from jobsim.api.writes import Delete, Patch
from jobsim.units import SECOND
from tests.controllers.sick_cluster import (
    Cluster,
    cluster_of,
    make_pod,
)

# -- taint eviction ------------------------------------------------------------------------------------


def _taint(cluster: Cluster, *taints: dict[str, str]) -> None:
    patch = {"spec": {"taints": list(taints) or None}}
    assert cluster.send(Patch(kind="Node", namespace="", name="n0", patch=patch)).error is None


MAINTENANCE = {"key": "example.com/maintenance", "value": "soon", "effect": "NoExecute"}


@pytest.mark.parametrize(
    ("toleration", "deleted_at"),
    [
        (None, 10.0),
        (Toleration(key="example.com/maintenance", operator="Exists"), None),
        (Toleration(operator="Exists"), None),
        (Toleration(key="example.com/maintenance", value="soon"), None),
        (Toleration(key="example.com/maintenance", operator="Equal", value="later"), 10.0),
        (Toleration(key="example.com/maintenance", operator="Exists", effect="NoSchedule"), 10.0),
        (Toleration(key="example.com/maintenance", operator="Exists", toleration_seconds=60), 70.0),
        (Toleration(key="example.com/maintenance", operator="Exists", toleration_seconds=0), 10.0),
        (Toleration(key="other", operator="Exists"), 10.0),
        (Toleration(value="soon"), 10.0),
    ],
)
def test_who_is_evicted_when(toleration: Toleration | None, deleted_at: float | None) -> None:
    """K-POD-51."""
    cluster = cluster_of(1, make_pod("a", "n0", (toleration,) if toleration else ())).run(10)
    _taint(cluster, MAINTENANCE)
    cluster.run(500)
    marks = [e.time / SECOND for e in cluster.log if isinstance(e.obj, Pod) and e.obj.terminating]
    assert marks[:1] == ([deleted_at] if deleted_at else [])


def test_the_shortest_toleration_counts() -> None:
    mine = Toleration(key="example.com/maintenance", operator="Exists", toleration_seconds=60)
    other = Toleration(key="example.com/other", operator="Exists", toleration_seconds=20)
    cluster = cluster_of(1, make_pod("a", "n0", (mine, other))).run(10)
    _taint(cluster, MAINTENANCE, {"key": "example.com/other", "effect": "NoExecute"})
    assert cluster.run(29).pod("a").terminating is False
    assert cluster.run(30).pod("a").terminating


def test_a_pod_that_comes_later_has_its_own_clock() -> None:
    mine = Toleration(key="example.com/maintenance", operator="Exists", toleration_seconds=60)
    cluster = cluster_of(1, make_pod("a", "n0", (mine,))).run(10)
    _taint(cluster, MAINTENANCE)
    cluster.run(40).store.create(make_pod("b", "n0", (mine,)), cluster.now)
    cluster.run(99)
    assert (cluster.pod("a").terminating, cluster.pod("b").terminating) == (True, False)
    assert cluster.run(100).pod("b").terminating


OTHER = {"key": "example.com/other", "effect": "NoExecute"}


@pytest.mark.parametrize(
    ("then", "limits_s", "deleted_at"),
    [
        ([MAINTENANCE, OTHER], (60, 5), 70.0),
        ([OTHER], (60, 5), 70.0),
        ([OTHER], (60, 500), 70.0),
        ([OTHER], (60, None), None),
        ([MAINTENANCE, {**OTHER, "key": "example.com/unknown"}], (60, 5), 20.0),
        ([], (60, 5), None),
    ],
    ids=["one more", "a shorter one", "a longer one", "for ever", "one not tolerated", "none"],
)
def test_a_clock_once_set_runs_on(
    then: list[dict[str, str]], limits_s: tuple[int | None, ...], deleted_at: float | None
) -> None:
    """K-POD-51: only a taint that is not tolerated at all changes when a pod goes."""
    tolerations = tuple(
        Toleration(key=str(taint["key"]), operator="Exists", toleration_seconds=limit_s)
        for taint, limit_s in zip((MAINTENANCE, OTHER), limits_s, strict=True)
    )
    cluster = cluster_of(1, make_pod("a", "n0", tolerations)).run(10)
    _taint(cluster, MAINTENANCE)
    cluster.run(20)
    _taint(cluster, *then)
    cluster.run(700)
    marks = [e.time / SECOND for e in cluster.log if isinstance(e.obj, Pod) and e.obj.terminating]
    assert marks[:1] == ([deleted_at] if deleted_at else [])


def test_what_was_due_on_a_deleted_node_still_is() -> None:
    mine = Toleration(key="example.com/maintenance", operator="Exists", toleration_seconds=30)
    cluster = cluster_of(2, make_pod("a", "n0", (mine,)), make_pod("b", "n0")).run(10)
    _taint(cluster, {**MAINTENANCE, "effect": "NoExecute"})
    cluster.run(20)
    assert cluster.send(Delete(kind="Node", namespace="", name="n0")).error is None
    assert cluster.run(39).pod("a").terminating is False
    assert cluster.run(40).pod("a").terminating
