"""The pod webhooks of exclusive placement."""

from __future__ import annotations

import pytest

from jobsim.api._struct import replace
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
from jobsim.api.pod import Affinity, Phase, Pod, PodAffinity, PodAffinityTerm, PodSpec
from jobsim.apiserver.table import ObjectTable
from jobsim.controllers.admission.pod_webhook import mutate, selected, validate
from jobsim.controllers.jobset import Gates
from jobsim.errors import ApiError
from jobsim.testing import make_node, make_pod

RACK = "rack"
RELEASE, MAIN = Gates(), Gates(version="main")
LABELS = {JOBSET_NAME: "train", REPLICATED_JOB_NAME: "w", JOB_INDEX: "0", JOB_KEY: "key"}
NODE = make_node("n1", labels={RACK: "r1"})


def member(
    index: int | None,
    *,
    name: str = "",
    priority: int | None = 0,
    selector: dict[str, str] | None = None,
    job: str | None = "train-w-0",
    annotations: dict[str, str] | None = None,
    labels: dict[str, str] | None = None,
    affinity: Affinity | None = None,
    **more: object,
) -> Pod:
    """Return an exclusive pod of Job train-w-0."""
    return make_pod(
        name or f"train-w-0-{index}-abcde",
        job=job,
        index=index,
        labels=LABELS if labels is None else labels,
        annotations={JOBSET_NAME: "train", EXCLUSIVE_TOPOLOGY: RACK} if annotations is None else annotations,
        spec=PodSpec(priority=priority, node_selector=selector or {}, affinity=affinity),
        **more,  # type: ignore[arg-type]
    )


def table(*objects: Object) -> ObjectTable:
    reader = ObjectTable()
    for obj in objects:
        reader.put(obj)
    return reader


BOUND = member(0, node="n1", phase="Running")
FOLLOWER = member(1)


# -- which pods are looked at (C-EXC-04, C-EXC-05) ---------------------------------------------------


def test_the_webhooks_are_called_by_label() -> None:
    """C-EXC-04 (erratum)."""
    assert selected(FOLLOWER)
    assert not selected(FOLLOWER.with_meta(labels={}))


@pytest.mark.parametrize(
    "annotations",
    [
        {},
        {EXCLUSIVE_TOPOLOGY: RACK},
        {JOBSET_NAME: "train", EXCLUSIVE_TOPOLOGY: RACK, NODE_SELECTOR_STRATEGY: ""},
    ],
)
@pytest.mark.parametrize("index", [0, 1])
def test_other_pods_pass_untouched(annotations: dict[str, str], index: int) -> None:
    """C-EXC-04, C-EXC-05, C-EXC-13: the node-selector strategy has not even the priority label."""
    pod = member(index, annotations=annotations)
    assert mutate(pod, table(BOUND, NODE), RELEASE) is pod
    assert validate(pod, table(), RELEASE) is None


@pytest.mark.parametrize(("priority", "label"), [(0, "0"), (1000, "1000"), (-5, "-5"), (None, None)])
def test_the_priority_label(priority: int | None, label: str | None) -> None:
    """C-EXC-05, C-EXC-07, C-BUG-06: also on pods that are not exclusive, and wrong for negative numbers."""
    pod = member(1, priority=priority, annotations={JOBSET_NAME: "train"})
    result = mutate(pod, table(), RELEASE)
    assert result.metadata.labels.get(PRIORITY) == label
    assert result.spec == pod.spec
    assert validate(pod, table(), RELEASE) is None


# -- leaders (C-EXC-03, C-EXC-06) --------------------------------------------------------------------


@pytest.mark.parametrize("priority", [7, None])
def test_a_leader_gets_affinities(priority: int | None) -> None:
    """C-EXC-06: appended to the user's own."""
    own = PodAffinityTerm(topology_key="zone")
    theirs = Affinity(pod_affinity=PodAffinity(required_during_scheduling_ignored_during_execution=(own,)))
    leader = mutate(member(0, priority=priority, affinity=theirs), table(), RELEASE)
    affinity = leader.spec.affinity
    assert affinity is not None
    assert affinity.pod_affinity is not None
    assert affinity.pod_anti_affinity is not None
    kept, beside = affinity.pod_affinity.required_during_scheduling_ignored_during_execution
    (away,) = affinity.pod_anti_affinity.required_during_scheduling_ignored_during_execution
    assert kept is own
    for term in (beside, away):
        assert term.topology_key == RACK
        assert term.namespace_selector is not None
        assert term.namespace_selector.match_expressions == ()
        assert term.namespaces == ()

    def requirements(term: PodAffinityTerm) -> list[tuple[str, str, tuple[str, ...]]]:
        assert term.label_selector is not None
        return [(r.key, r.operator, r.values) for r in term.label_selector.match_expressions]

    assert requirements(beside) == [(JOB_KEY, "In", ("key",))]
    assert requirements(away) == [
        (JOB_KEY, "Exists", ()),
        (JOB_KEY, "NotIn", ("key",)),
        (PRIORITY, "In", ("7" if priority == 7 else "",)),
    ]
    assert leader.spec.node_selector == {}
    assert validate(leader, table(), RELEASE) is None


def test_a_leader_without_a_key_still_gets_them() -> None:
    leader = mutate(member(0, labels={}), table(), RELEASE)
    assert leader.spec.affinity is not None


# -- followers (C-EXC-08..12, C-EXC-14..18) ----------------------------------------------------------


@pytest.mark.parametrize("index", [1, 10, None])
def test_a_follower_selects_the_leaders_domain(index: int | None) -> None:
    """C-EXC-08, C-EXC-09: overwriting what was there; a pod without index follows too."""
    pod = mutate(member(index, selector={RACK: "r9", "pool": "a"}), table(BOUND, NODE), RELEASE)
    assert pod.spec.node_selector == {RACK: "r1", "pool": "a"}
    assert pod.spec.affinity is None
    assert pod.metadata.labels[PRIORITY] == "0"
    assert validate(pod, table(BOUND, NODE), RELEASE) is None


EXPECTED = "expected 1 leader pod (train-w-0-0), but got {}. this is an expected, transient error"


@pytest.mark.parametrize(
    ("follower", "leaders", "text"),
    [
        (FOLLOWER, [], EXPECTED.format(0)),
        (FOLLOWER, [BOUND, member(0, name="train-w-0-0-zzzzz", node="n1")], EXPECTED.format(2)),
        (FOLLOWER, [member(0, node="n1", deleted_at=0)], EXPECTED.format(0)),
        (FOLLOWER, [member(0, name="short-0", node="n1")], EXPECTED.format(0)),
        (FOLLOWER, [member(0, node="n1", namespace="elsewhere")], EXPECTED.format(0)),
        (member(1, job=None), [BOUND], "follower pod has no owner reference"),
        (FOLLOWER, [member(0, node="n1", job=None)], 'leader pod "train-w-0-0-abcde" has no owner reference'),
        (
            FOLLOWER,
            [member(0, node="n1", job="old")],
            "follower pod owner UID (job-train-w-0) != leader pod owner UID (job-old)",
        ),
        (member(1, labels={}), [BOUND], f"pod missing label: {JOBSET_NAME}"),
        (member(1, labels={JOBSET_NAME: "a"}), [BOUND], f"pod missing label: {REPLICATED_JOB_NAME}"),
        (
            member(1, labels={JOBSET_NAME: "a", REPLICATED_JOB_NAME: "b"}),
            [BOUND],
            f"pod missing label: {JOB_INDEX}",
        ),
        (
            FOLLOWER,
            [member(0)],
            "leader pod not yet scheduled, not creating follower pod. this is an expected, transient error",
        ),
    ],
)
def test_a_follower_without_a_usable_leader(follower: Pod, leaders: list[Pod], text: str) -> None:
    """C-EXC-08, C-EXC-10, C-EXC-14, C-EXC-15, C-BUG-05: unmodified but for the label, then refused."""
    reader = table(NODE, *leaders)
    pod = mutate(follower, reader, RELEASE)
    assert pod.spec == follower.spec
    assert pod.metadata.labels == {**follower.metadata.labels, PRIORITY: "0"}
    assert validate(pod, reader, RELEASE) == "follower pod node selector not set"
    # C-EXC-16: a selector of the user's own gets as far as the leader.
    own = replace(pod, spec=replace(pod.spec, node_selector={RACK: "r9"}))
    assert validate(own, reader, RELEASE) == text
    other = replace(pod, spec=replace(pod.spec, node_selector={"pool": "a"}))
    assert validate(other, reader, RELEASE) == (
        "follower pod node selector for topology domain not found. missing selector: rack"
    )


@pytest.mark.parametrize(
    ("phases", "release", "main"),
    [
        (["Running"], True, True),
        # C-EXC-11, C-BUG-02: a failed leader that lingers.
        (["Failed", "Running"], False, True),
        # C-EXC-12, C-BUG-33: a leader that is done.
        (["Succeeded"], True, False),
        (["Failed"], True, False),
    ],
)
def test_leaders_that_have_ended(phases: list[Phase], release: bool, main: bool) -> None:
    """C-DIF-05."""
    leaders = [member(0, name=f"train-w-0-0-{i}xxxx", node="n1", phase=p) for i, p in enumerate(phases)]
    reader = table(NODE, *leaders)
    for gates, works in ((RELEASE, release), (MAIN, main)):
        pod = mutate(FOLLOWER, reader, gates)
        assert (pod.spec.node_selector == {RACK: "r1"}) == works
        assert (validate(pod, reader, gates) is None) == works


@pytest.mark.parametrize(
    ("nodes", "reason", "text"),
    [
        ([], "NotFound", 'Node "n1" not found'),
        ([make_node("n1")], "Forbidden", "node does not have topology label: rack"),
    ],
)
def test_a_leader_whose_domain_cannot_be_told(nodes: list[Object], reason: str, text: str) -> None:
    """C-EXC-08 (erratum)."""
    with pytest.raises(ApiError) as caught:
        mutate(FOLLOWER, table(BOUND, *nodes), RELEASE)
    assert (caught.value.reason, caught.value.message) == (reason, text)


def test_non_indexed_pods_are_all_followers() -> None:
    """C-EXC-18, C-BUG-07: so none is ever let in."""
    pod = mutate(member(None), table(), RELEASE)
    assert validate(pod, table(), RELEASE) == "follower pod node selector not set"


def test_pods_are_not_changed_in_place() -> None:
    before = member(1)
    mutate(FOLLOWER, table(BOUND, NODE), RELEASE)
    assert before == FOLLOWER
