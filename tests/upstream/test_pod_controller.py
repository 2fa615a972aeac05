"""Counterparts of upstream's cases about the pod reconciler of exclusive placement (C-PRC-*)."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api.core import Node
from jobsim.api.jobset import EXCLUSIVE_TOPOLOGY, JOB_KEY
from jobsim.api.meta import is_true
from jobsim.api.pod import Pod, PodSpec, PodStatus
from jobsim.api.writes import Create, Delete, UpdateStatus
from jobsim.apiserver.executor import Shell, drive, result_of
from jobsim.apiserver.server import OpenAdmission, Server
from jobsim.apiserver.store import Store
from jobsim.controllers.exclusive_placement import Seen, observe, reconcile
from jobsim.errors import ApiError
from jobsim.rng import NameSource
from jobsim.testing import carry_out, make_condition, make_node, make_pod
from jobsim.testing.plans import Carried
from jobsim.units import seconds
from tests.upstream.kit import MAIN, cases, table, upstream

FILE = "pkg/controllers/pod_controller_test.go"
RACK = "example.com/rack"
NODE = make_node("n1", labels={RACK: "r1"})


def member(index: int, selector: dict[str, str] | None = None, **more: Any) -> Pod:
    """Return pod ``index`` of Job train-w-0; 0 is the leader, on node n1."""
    fields = {"job": "train-w-0", "labels": {JOB_KEY: "k"}, "annotations": {EXCLUSIVE_TOPOLOGY: RACK}} | more
    return make_pod(
        f"train-w-0-{index}-xxxxx",
        index=index,
        node="n1" if index == 0 else "",
        spec=PodSpec(node_selector=selector or {}),
        **fields,
    )


LEADER = member(0)
GOOD, BAD = member(1, {RACK: "r1"}), member(2, {RACK: "r2"})


def decide(*followers: Pod, node: Node | None = NODE, **more: Any) -> Carried:
    plan = reconcile(Seen(LEADER, [LEADER, *followers], node), seconds(7.9), MAIN)
    return carry_out(plan, **more)


placement = cases(FILE, "TestValidatePodPlacements")
EVICTED = ["update-status Pod {}", "delete Pod {}"]


@pytest.mark.parametrize(
    ("followers", "node", "evicts", "error"),
    [
        placement(
            "topology node label not found",
            [GOOD],
            make_node("n1"),
            False,
            f"node does not have topology label: {RACK}",
        ),
        placement("valid pod placements", [GOOD, member(3, {RACK: "r1", "pool": "a"})], NODE, False, None),
        placement("follower pod nodeSelector is nil", [GOOD, member(2)], NODE, True, None),
        placement("follower pod nodeSelector is empty", [GOOD, member(2, {"pool": "a"})], NODE, True, None),
        placement("followerTopology != leaderTopology", [GOOD, BAD], NODE, True, None),
        placement(
            "leader topology unknown retries instead of deleting followers",
            [GOOD, BAD],
            None,
            False,
            "leader topology is unknown (node not found)",
        ),
    ],
)
def test_where_followers_are_placed(
    followers: list[Pod], node: Node | None, evicts: bool, error: str | None
) -> None:
    """C-PRC-04..06, C-PRC-08: one that is wrong costs all of them."""
    done = decide(*followers, node=node)
    assert done.finish.error == error
    names = [pod.name for pod in followers] if evicts else []
    assert done.calls == [call.format(name) for name in names for call in EVICTED]


delete = cases(FILE, "TestDeleteFollowerPods")
UNDISTURBED = member(
    2, {RACK: "r2"}, status=PodStatus(conditions=(make_condition("DisruptionTarget", "False"),))
)
DISTURBED = member(3, {RACK: "r2"}, status=PodStatus(conditions=(make_condition("DisruptionTarget"),)))
DELETE_GOOD, DELETE_BAD = f"delete Pod {GOOD.name}", f"delete Pod {BAD.name}"
MARK_GOOD, MARK_BAD = f"update-status Pod {GOOD.name}", f"update-status Pod {BAD.name}"


@pytest.mark.parametrize(
    ("followers", "answers", "calls", "error"),
    [
        delete(
            "delete follower pods",
            [GOOD, DISTURBED],
            {},
            [MARK_GOOD, DELETE_GOOD, f"delete Pod {DISTURBED.name}"],
            None,
        ),
        delete(
            "delete follower pods with pod conditions status is false",
            [UNDISTURBED],
            {},
            [MARK_BAD, DELETE_BAD],
            None,
        ),
        delete(
            "delete follower pods with update pod status error",
            [GOOD, BAD],
            {1: ApiError("Conflict", "the object has been modified")},
            [MARK_GOOD, MARK_BAD, DELETE_BAD],
            "the object has been modified",
        ),
        delete(
            "delete follower pods with delete error",
            [GOOD, BAD],
            {2: ApiError("InternalError", "etcd is down"), 4: ApiError("NotFound", "gone already")},
            [MARK_GOOD, DELETE_GOOD, MARK_BAD, DELETE_BAD],
            "etcd is down",
        ),
    ],
)
def test_followers_are_marked_and_deleted(
    followers: list[Pod], answers: dict[int, ApiError], calls: list[str], error: str | None
) -> None:
    """C-PRC-08, C-PRC-09 and the erratum: no mark, no deletion; gone already is fine for a deletion."""
    done = decide(*followers, answers=answers)
    assert done.calls == calls
    assert done.finish.error == error
    for write in done.writes:
        if isinstance(write, UpdateStatus):
            assert isinstance(write.obj, Pod)
            (condition,) = write.obj.status.conditions
            assert (condition.type, condition.status) == ("DisruptionTarget", "True")
            assert condition.reason == "ExclusivePlacementViolation"
            assert condition.message == "Pod violated JobSet exclusive placement policy"
            assert condition.last_transition_time == seconds(7)
        else:
            assert isinstance(write, Delete)
            assert write.propagation == "Background"


listing = cases(FILE, "TestListPodsForJob")


@pytest.mark.parametrize(
    ("pods", "found"),
    [
        listing("all legitimate pods", [LEADER, GOOD, BAD, member(3, deleted_at=5)], [0, 1, 2, 3]),
        listing(
            "with inconsistent and unowned pods",
            [LEADER, GOOD, member(4, job="train-w-1"), member(5, job=None), member(6, labels={JOB_KEY: "x"})],
            [0, 1],
        ),
    ],
)
def test_the_pods_of_the_leaders_job(pods: list[Pod], found: list[int]) -> None:
    """C-PRC-03: by job key and by the controller's UID."""
    seen = observe(table(NODE, *pods), "default", LEADER.name)
    assert seen is not None
    assert [pod.name for pod in seen.pods] == [f"train-w-0-{i}-xxxxx" for i in found]


@upstream(FILE, "TestReconcileDeletesMismatchedFollowerPods")
def test_followers_elsewhere_are_gone_after_a_reconcile() -> None:
    """C-PRC-08, C-PRC-12: against a real store; the leader stays."""
    store = Store()
    server = Server(store, OpenAdmission(), NameSource(0))
    for obj in (NODE, LEADER, GOOD, BAD):
        server.apply(Create(obj=obj), 0)
    marked: list[bool] = []

    def look(event: Any) -> None:
        if event.type == "DELETED":
            marked.append(is_true(event.obj.status.conditions, "DisruptionTarget"))

    store.subscribe(look, ["Pod"])
    seen = observe(store, "default", LEADER.name)
    assert seen is not None
    ignore: Any = lambda _: None  # noqa: E731
    shell = Shell(record=ignore, remember=ignore, count=ignore)
    plan = reconcile(seen, 0, MAIN)
    finish = drive(plan, lambda write: result_of(write, lambda: server.apply(write, 0)), shell)
    assert finish.error is None
    assert [pod.name for pod in store.list(Pod)] == [LEADER.name]
    assert marked == [True, True]
