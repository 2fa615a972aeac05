"""The pod reconciler of exclusive placement."""

from __future__ import annotations

import pytest

from jobsim.api.core import Node
from jobsim.api.jobset import EXCLUSIVE_TOPOLOGY, JOB_KEY
from jobsim.api.meta import Object
from jobsim.api.plan import NOTHING, Plan
from jobsim.api.pod import Pod, PodSpec, PodStatus
from jobsim.api.watch import WatchEvent
from jobsim.api.writes import Delete, UpdateStatus
from jobsim.apiserver.table import ObjectTable
from jobsim.controllers.exclusive_placement import Seen, observe, reconcile, wakes
from jobsim.controllers.jobset import Gates
from jobsim.errors import ApiError
from jobsim.testing import carry_out, make_condition, make_node, make_pod
from jobsim.units import seconds

RACK = "rack"
MAIN, RELEASE = Gates(version="main"), Gates()
NODE = make_node("n1", labels={RACK: "r1"})


def member(
    index: int | None, *, rack: str | None = "r1", node: str = "", job: str | None = "j", **more: object
) -> Pod:
    spec = PodSpec(node_selector={} if rack is None else {RACK: rack})
    return make_pod(
        f"train-w-0-{index}-aaaaa",
        job=job,
        index=index,
        node=node,
        labels={JOB_KEY: "key"},
        annotations={EXCLUSIVE_TOPOLOGY: RACK},
        spec=spec,
        **more,  # type: ignore[arg-type]
    )


LEADER = member(0, rack=None, node="n1")


def decide(*followers: Pod, gates: Gates = MAIN, node: Node | None = NODE, leader: Pod = LEADER) -> Plan:
    return reconcile(Seen(leader, [leader, *followers], node), seconds(5.5), gates)


# -- which pods wake, what is read -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("obj", "woken"),
    [
        (LEADER, True),
        (member(1, node="n1"), False),
        (member(None, node="n1"), False),
        (member(0), False),
        (LEADER.with_meta(annotations={"batch.kubernetes.io/job-completion-index": "0"}), False),
        (member(0, node="n1", deleted_at=0), False),
        (member(0, node="n1", phase="Failed"), True),
        (make_node("n1"), False),
    ],
)
def test_only_bound_exclusive_leaders_wake(obj: Object, woken: bool) -> None:
    """C-PRC-01, C-PRC-13, C-BUG-20: the leader's changes alone; stale followers wait for them."""
    event = WatchEvent(type="MODIFIED", obj=obj, old=None, revision=1, time=0)
    names = [(wake.namespace, wake.name) for wake in wakes(event, ObjectTable())]
    assert names == ([("default", obj.name)] if woken else [])


def test_what_is_read() -> None:
    """C-PRC-02, C-PRC-03: exclusive pods of the key and the owner, of any phase, terminating too."""
    reader = ObjectTable()
    mine = [LEADER, member(1), member(2, deleted_at=0), member(3, phase="Failed")]
    other_owner = member(4, job="old")
    ownerless = member(5, job=None)
    plain = member(6).with_meta(annotations={})
    elsewhere = member(7, namespace="elsewhere")
    for obj in (*mine, other_owner, ownerless, plain, elsewhere, NODE):
        reader.put(obj)
    seen = observe(reader, "default", LEADER.name)
    assert seen is not None
    assert [pod.name for pod in seen.pods] == [pod.name for pod in mine]
    assert seen.node is NODE
    assert observe(reader, "default", "nobody") is None


# -- decisions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("gates", [MAIN, RELEASE])
@pytest.mark.parametrize(
    ("leader", "error"),
    [
        (LEADER.with_meta(labels={}), 'job key label not found on leader pod: "train-w-0-0-aaaaa"'),
        (LEADER.with_meta(owner_references=()), 'leader pod "train-w-0-0-aaaaa" has no controller owner'),
    ],
)
def test_a_leader_without_key_or_owner_is_an_error(gates: Gates, leader: Pod, error: str) -> None:
    """C-PRC-02."""
    assert decide(gates=gates, leader=leader).error == error
    reader = ObjectTable()
    reader.put(leader)
    seen = observe(reader, "default", leader.name)
    assert seen is not None
    assert seen.pods == ()


@pytest.mark.parametrize("gates", [MAIN, RELEASE])
def test_followers_in_place_are_left_alone(gates: Gates) -> None:
    """C-PRC-05: also those of any phase."""
    assert decide(gates=gates) is NOTHING
    assert decide(member(1), member(2, phase="Failed"), gates=gates) is NOTHING


def test_a_node_without_the_label_is_an_error() -> None:
    """C-PRC-04."""
    plan = decide(member(1), node=make_node("n1"))
    assert plan.error == "node does not have topology label: rack"


@pytest.mark.parametrize(
    ("follower", "node", "error"),
    [
        (member(1, rack="r2"), NODE, 'follower topology "r2" != leader topology "r1"'),
        (member(1, rack=None), NODE, "pod train-w-0-1-aaaaa nodeSelector is nil"),
        (
            make_pod("train-w-0-1-aaaaa", job="j", spec=PodSpec(node_selector={"pool": "a"})),
            NODE,
            "pod train-w-0-1-aaaaa nodeSelector is missing key: rack",
        ),
        (member(1), None, 'follower topology "r1" != leader topology ""'),
    ],
)
def test_the_release_ends_with_an_error_where_main_evicts(
    follower: Pod, node: Node | None, error: str
) -> None:
    """C-PRC-06, C-PRC-07, C-DIF-03, C-BUG-01."""
    assert decide(follower, gates=RELEASE, node=node).error == error
    plan = decide(follower, node=node)
    if node is None:
        assert plan.error == "leader topology is unknown (node not found)"
    else:
        assert (plan.error, len(plan.steps)) == (None, 1)


def test_without_a_node_followers_of_an_empty_domain_pass() -> None:
    """C-PRC-07 (erratum)."""
    assert decide(member(1, rack=""), gates=RELEASE, node=None) is NOTHING


def test_one_violation_evicts_all_followers_and_no_leader() -> None:
    """C-PRC-08, C-PRC-11, C-BUG-34."""
    marked = make_condition("DisruptionTarget", reason="other")
    unmarked = make_condition("DisruptionTarget", "False", reason="other")
    ready = make_condition("Ready")
    followers = [
        member(1, status=PodStatus(conditions=(ready,))),
        member(2, rack="r2", status=PodStatus(conditions=(marked,))),
        member(3, status=PodStatus(conditions=(unmarked, ready))),
    ]
    plan = decide(*followers)
    assert (plan.steps[0].max_parallel, plan.steps[0].mode) == (50, "all")
    writes = carry_out(plan).writes
    assert [(w.VERB, w.name[-7]) for w in writes] == [
        ("update-status", "1"),
        ("delete", "1"),
        ("delete", "2"),
        ("update-status", "3"),
        ("delete", "3"),
    ]
    first = writes[0]
    assert isinstance(first, UpdateStatus)
    assert isinstance(first.obj, Pod)
    kept, added = first.obj.status.conditions
    assert kept is ready
    assert (added.type, added.status, added.reason, added.message, added.last_transition_time) == (
        "DisruptionTarget",
        "True",
        "ExclusivePlacementViolation",
        "Pod violated JobSet exclusive placement policy",
        seconds(5),
    )
    replaced = writes[3]
    assert isinstance(replaced, UpdateStatus)
    assert isinstance(replaced.obj, Pod)
    assert [(c.type, c.status) for c in replaced.obj.status.conditions] == [
        ("DisruptionTarget", "True"),
        ("Ready", "True"),
    ]
    assert all(w.propagation == "Background" for w in writes if isinstance(w, Delete))


def test_a_pod_that_is_gone_is_fine_for_the_delete_alone() -> None:
    """C-PRC-08 (erratum)."""
    plan = decide(member(1, rack="r2"), member(2))
    gone = ApiError("NotFound", "gone")
    refused = carry_out(plan, {1: gone})
    assert [w.VERB for w in refused.writes] == ["update-status", "update-status", "delete"]
    assert refused.finish.error == "gone"
    fine = carry_out(plan, {2: gone, 4: gone})
    assert (len(fine.writes), fine.finish.error) == (4, None)
    both = carry_out(plan, {1: ApiError("Conflict", "changed"), 3: ApiError("Forbidden", "no")})
    assert both.finish.error == "changed\nno"


def test_followers_of_the_node_selector_strategy_look_like_violations() -> None:
    """C-NSS-02, C-BUG-32."""
    pod = make_pod("p", job="j", index=1, spec=PodSpec(node_selector={"namespaced-job": "default_j"}))
    assert len(carry_out(decide(pod)).writes) == 2
