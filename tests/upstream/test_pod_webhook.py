"""Counterparts of upstream's cases about the pod webhooks of exclusive placement (C-EXC-*)."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api.jobset import (
    EXCLUSIVE_TOPOLOGY,
    JOB_INDEX,
    JOB_KEY,
    JOBSET_NAME,
    NODE_SELECTOR_STRATEGY,
    PRIORITY,
    REPLICATED_JOB_NAME,
)
from jobsim.api.meta import Object
from jobsim.api.pod import Pod, PodAffinity, PodSpec
from jobsim.controllers.admission.pod_webhook import mutate, validate
from jobsim.errors import ApiError
from jobsim.testing import make_node, make_pod
from tests.upstream.kit import MAIN, RELEASE, cases, table, upstream

FILE = "pkg/webhooks/pod_webhook_test.go"
RACK = "example.com/rack"
NODE = make_node("n1", labels={RACK: "r1"})
LABELS = {JOBSET_NAME: "train", REPLICATED_JOB_NAME: "w", JOB_INDEX: "3", JOB_KEY: "own-key"}
EXCLUSIVE = {JOBSET_NAME: "train", EXCLUSIVE_TOPOLOGY: RACK}
TRANSIENT = "this is an expected, transient error"


def member(index: int = 1, *, suffix: str = "abcde", **more: Any) -> Pod:
    """Return an exclusive pod of Job train-w-3; ``selector`` and ``priority`` go to its spec."""
    spec = PodSpec(node_selector=more.pop("selector", {}), priority=more.pop("priority", 7))
    fields = {"job": "train-w-3", "labels": LABELS, "annotations": EXCLUSIVE} | more
    return make_pod(f"train-w-3-{index}-{suffix}", index=index, spec=spec, **fields)


def leader(node: str = "n1", **more: Any) -> Pod:
    return member(0, node=node, **{"phase": "Running" if node else "Pending", **more})


FOLLOWER = member()
case = cases(FILE, "TestDefault")
FREE = {JOBSET_NAME: "train"}


@pytest.mark.parametrize(
    ("pod", "there", "label", "selector"),
    [
        case("not a jobset pod", member(annotations={EXCLUSIVE_TOPOLOGY: RACK}), [leader(), NODE], None, {}),
        case(
            "using node selector strategy",
            member(annotations={**EXCLUSIVE, NODE_SELECTOR_STRATEGY: "true"}),
            [leader(), NODE],
            None,
            {},
        ),
        case(
            "jobset pod, no exclusive placement, no priority",
            member(annotations=FREE, priority=None),
            [],
            None,
            {},
        ),
        case("jobset pod, no exclusive placement, with priority", member(annotations=FREE), [], "7", {}),
        case("follower pod, leader not scheduled", FOLLOWER, [leader(""), NODE], "7", {}),
        case("follower pod, leader scheduled", FOLLOWER, [leader(), NODE], "7", {RACK: "r1"}),
    ],
)
def test_what_is_added_to_a_pod(
    pod: Pod, there: list[Object], label: str | None, selector: dict[str, str]
) -> None:
    """C-EXC-05, C-EXC-08, C-EXC-09: priority label and the leader's domain, never an affinity."""
    result = mutate(pod, table(*there), MAIN)
    assert result.metadata.labels.get(PRIORITY) == label
    assert result.spec.node_selector == selector
    assert result.spec.affinity is None
    assert result.metadata.annotations == pod.metadata.annotations


@upstream(FILE, "TestDefault", "leader pod with exclusive placement")
def test_a_leader_wants_a_domain_of_its_own() -> None:
    """C-EXC-06."""

    def term(affinity: PodAffinity | None) -> list[tuple[str, str, tuple[str, ...]]]:
        assert affinity is not None
        (only,) = affinity.required_during_scheduling_ignored_during_execution
        assert only.topology_key == RACK
        assert only.label_selector is not None
        assert only.namespace_selector is not None
        assert not only.namespace_selector.match_expressions
        assert not only.namespace_selector.match_labels
        return [(r.key, r.operator, r.values) for r in only.label_selector.match_expressions]

    result = mutate(member(0), table(), MAIN)
    affinity = result.spec.affinity
    assert affinity is not None
    assert term(affinity.pod_affinity) == [(JOB_KEY, "In", ("own-key",))]
    assert term(affinity.pod_anti_affinity) == [
        (JOB_KEY, "Exists", ()),
        (JOB_KEY, "NotIn", ("own-key",)),
        (PRIORITY, "In", ("7",)),
    ]
    assert result.spec.node_selector == {}


@upstream(FILE, "TestDefault", "follower pod, leader scheduled on missing node")
def test_a_leader_on_a_node_that_is_gone() -> None:
    """C-EXC-08 and its erratum."""
    with pytest.raises(ApiError) as caught:
        mutate(FOLLOWER, table(leader("n9"), NODE), MAIN)
    assert caught.value.message == 'Node "n9" not found'


# -- who the leader is, by the refusal of its follower ----------------------------------------------------


def refusal(*there: Object, **more: Any) -> str | None:
    """Return why a follower that selects a domain is refused, None if it is not (C-EXC-14)."""
    return validate(member(**{"selector": {RACK: "r1"}, **more}), table(NODE, *there), MAIN)


def without(key: str) -> dict[str, str]:
    return {k: v for k, v in LABELS.items() if k != key}


def none_of(count: int, name: str = "train-w-3-0") -> str:
    return f"expected 1 leader pod ({name}), but got {count}. {TRANSIENT}"


names = cases(FILE, "TestLeaderPodName")


@pytest.mark.parametrize(
    "said",
    [
        names("valid pod", [(LABELS, None), ({**LABELS, JOB_INDEX: "12"}, none_of(0, "train-w-12-0"))]),
        names(
            "pod missing labels",
            [
                (without(key), f"pod missing label: {key}")
                for key in (JOBSET_NAME, REPLICATED_JOB_NAME, JOB_INDEX)
            ],
        ),
    ],
)
def test_the_leaders_name_comes_from_labels(said: list[tuple[dict[str, str], str | None]]) -> None:
    """C-EXC-10."""
    assert [refusal(leader(), labels=labels) for labels, _ in said] == [text for _, text in said]


owners = cases(FILE, "TestPodsOwnedBySameJob")
finding = cases(FILE, "TestLeaderPodForFollower")
OLD_LEADER = {"suffix": "older"}


@pytest.mark.parametrize(
    ("there", "follower", "said"),
    [
        owners("pods owned by the same job", [leader()], {}, None),
        owners(
            "pods owned by different jobs",
            [leader(job="train-w-4")],
            {},
            "follower pod owner UID (job-train-w-3) != leader pod owner UID (job-train-w-4)",
        ),
        owners(
            "follower pod with no owner", [leader()], {"job": None}, "follower pod has no owner reference"
        ),
        owners(
            "leader pod with no owner",
            [leader(job=None)],
            {},
            'leader pod "train-w-3-0-abcde" has no owner reference',
        ),
        finding("valid leader pod exists", [leader(), member(2)], {}, None),
        finding(
            "follower pod missing labels", [leader()], {"labels": {}}, f"pod missing label: {JOBSET_NAME}"
        ),
        finding("no leader pod found", [member(2)], {}, none_of(0)),
        finding("multiple leader pods found", [leader(), leader(**OLD_LEADER)], {}, none_of(2)),
        finding("leader pod is terminating", [leader(deleted_at=1)], {}, none_of(0)),
        finding(
            "active leader alongside failed leader pod",
            [leader(), leader(phase="Failed", **OLD_LEADER)],
            {},
            None,
        ),
        finding(
            "active leader alongside succeeded leader pod",
            [leader(), leader(phase="Succeeded", **OLD_LEADER)],
            {},
            None,
        ),
        finding(
            "leader and follower owned by different jobs",
            [leader()],
            {"job": "train-w-3-again"},
            "follower pod owner UID (job-train-w-3-again) != leader pod owner UID (job-train-w-3)",
        ),
    ],
)
def test_the_leader_of_a_follower(there: list[Pod], follower: dict[str, Any], said: str | None) -> None:
    """C-EXC-10, C-DIF-05: and the mutating webhook takes no domain from a leader that is refused."""
    assert refusal(*there, **follower) == said
    placed = mutate(member(**follower), table(NODE, *there), MAIN).spec.node_selector
    assert placed == ({} if said else {RACK: "r1"})


@upstream(FILE, "TestPodWebhook_DuplicateLeaderPods")
def test_a_failed_leader_beside_its_successor() -> None:
    """C-EXC-11, C-BUG-02: main looks past it, the release never lets a follower in again."""
    there = table(NODE, leader(), leader(phase="Failed", **OLD_LEADER))
    assert mutate(FOLLOWER, there, MAIN).spec.node_selector == {RACK: "r1"}
    placed = member(selector={RACK: "r1"})
    assert validate(placed, there, MAIN) is None
    assert mutate(FOLLOWER, there, RELEASE).spec.node_selector == {}
    assert validate(placed, there, RELEASE) == none_of(2)
