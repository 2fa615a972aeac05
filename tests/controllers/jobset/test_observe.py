"""What is read for a decision, and which changes call for one."""

from __future__ import annotations

import pytest

from jobsim.api._struct import replace
from jobsim.api.core import Service
from jobsim.api.jobset import JOBSET_NAME, Network
from jobsim.api.meta import Object, ObjectMeta
from jobsim.api.watch import WatchEvent
from jobsim.apiserver.table import ObjectTable
from jobsim.controllers.jobset import Gates, Memo, Seen, observe, wakes
from jobsim.testing import make_job, make_jobset, make_node, make_pod

GATES = Gates(in_place_restart=True)


def table(*objects: Object) -> ObjectTable:
    reader = ObjectTable()
    for obj in objects:
        reader.put(obj)
    return reader


def seen_in(*objects: Object, gates: Gates = Gates()) -> Seen:  # noqa: B008
    seen = observe(table(*objects), "default", "train", gates)
    assert seen is not None
    return seen


def test_a_jobset_that_is_gone_is_not_decided_about() -> None:
    """C-REC-01."""
    assert observe(table(), "default", "train", GATES) is None


def test_children_are_those_whose_controller_has_the_uid() -> None:
    """C-BKT-01, C-KEY-04, C-BUG-46: by UID and namespace; labels do not matter."""
    train = make_jobset("train")
    mine, second = make_job("train-w-1"), make_job("train-w-0")
    (owner,) = mine.metadata.owner_references
    strangers = [
        make_job("train-w-2").with_meta(owner_references=(replace(owner, uid="old"),)),
        make_job("train-w-3").with_meta(owner_references=(replace(owner, controller=False),)),
        make_job("train-w-4").with_meta(owner_references=(replace(owner, kind="CronJob"),)),
        make_job("train-w-5").with_meta(owner_references=(replace(owner, api_version="jobset.x-k8s.io/v1"),)),
        make_job("train-w-6", namespace="elsewhere"),
        make_job("train-w-7").with_meta(owner_references=()),
    ]
    bare = make_job("zz").with_meta(labels={}, owner_references=(owner,))
    seen = seen_in(train, bare, mine, second, *strangers)
    assert [job.name for job in seen.children] == ["train-w-0", "train-w-1", "zz"]


def facts(seen: Seen) -> list[object]:
    """What decisions are told of each child."""
    children = seen.looked_at()
    told = [
        (*child[:-1], child.share.replicated_job, child.share.counts) for child in children.by_name.values()
    ]
    return [*told, children.wanted]


def test_a_memo_changes_nothing() -> None:
    """C-BKT-01: Jobs that change, come, go, lose their owner or live elsewhere, look after look."""
    train, memo, reader = make_jobset("train"), Memo(), table(make_jobset("train"))
    first, second = make_job("train-w-0"), make_job("train-w-1")
    ready = replace(second, status=replace(second.status, ready=1, active=1))
    for step in (
        [first, second],
        [ready, make_job("train-w-2"), make_job("train-w-0", namespace="elsewhere")],
        [make_job("train-w-1", failed=True)],
        [first.with_meta(owner_references=()), second],
        [first, replace(second, spec=replace(second.spec, suspend=True))],
        [make_job("train-w-1", restart_attempt=1)],
    ):
        for job in step:
            reader.put(job)
        with_memo = observe(reader, "default", "train", GATES, memo)
        without = observe(reader, "default", "train", GATES)
        assert with_memo is not None
        assert without is not None
        assert list(with_memo.children) == list(without.children)
        assert facts(with_memo) == facts(Seen(train, children=with_memo.children))
    reader.remove(train)
    assert observe(reader, "default", "train", GATES, memo) is None


@pytest.mark.parametrize(
    ("network", "service", "exists"),
    [
        (Network(), "train", True),
        (Network(subdomain="sub"), "sub", True),
        (Network(subdomain="sub"), "train", False),
        (None, "train", True),
    ],
)
def test_a_service_is_known_by_its_name(network: Network | None, service: str, exists: bool) -> None:
    """C-SVC-02."""
    headless = Service(metadata=ObjectMeta(name=service, namespace="default"))
    assert seen_in(make_jobset("train", network=network), headless).service_exists is exists


@pytest.mark.parametrize(
    ("strategy", "gates", "count"),
    [
        ("InPlaceRestart", GATES, 1),
        ("InPlaceRestart", Gates(), 0),
        ("Recreate", GATES, 0),
    ],
)
def test_pods_are_read_for_in_place_restart_only(strategy: str, gates: Gates, count: int) -> None:
    """C-IPR-02: by label, whoever owns them."""
    train = make_jobset("train", max_restarts=1, restart_strategy=strategy)
    pod = make_pod("p", labels={JOBSET_NAME: "train"})
    other = make_pod("q", namespace="elsewhere", labels={JOBSET_NAME: "train"})
    assert len(seen_in(train, pod, other, gates=gates).pods) == count


def event(obj: Object, old: Object | None = None) -> WatchEvent:
    return WatchEvent(type="MODIFIED" if old else "ADDED", obj=obj, old=old, revision=1, time=0)


OWNED = make_job("train-w-0")
REFS = OWNED.metadata.owner_references


@pytest.mark.parametrize(
    ("obj", "names"),
    [
        (make_jobset("train"), ["train"]),
        (OWNED, ["train"]),
        (OWNED.with_meta(owner_references=()), []),
        (OWNED.with_meta(owner_references=(replace(REFS[0], controller=None),)), []),
        (OWNED.with_meta(owner_references=(replace(REFS[0], api_version="jobset.x-k8s.io/v9"),)), ["train"]),
        (OWNED.with_meta(owner_references=(replace(REFS[0], api_version="batch/v1"),)), []),
        (OWNED.with_meta(owner_references=(replace(REFS[0], kind="Job"),)), []),
        (Service(metadata=ObjectMeta(name="s", namespace="default", owner_references=REFS)), ["train"]),
        (make_pod("p", labels={JOBSET_NAME: "train"}), ["train"]),
        (make_pod("p"), []),
        (make_node("n"), []),
    ],
)
def test_what_wakes(obj: Object, names: list[str]) -> None:
    """C-QUE-01: owners by name, group and kind; pods by label."""
    assert [(wake.namespace, wake.name, wake.delay_ns) for wake in wakes(event(obj), table(), GATES)] == [
        ("default", name, 0) for name in names
    ]


def test_without_the_gate_pods_wake_nobody() -> None:
    """C-QUE-01."""
    assert wakes(event(make_pod("p", labels={JOBSET_NAME: "train"})), table()) == []


def test_an_update_wakes_the_old_and_the_new_owner_once_each() -> None:
    adopted = OWNED.with_meta(owner_references=(replace(REFS[0], name="other"),))
    assert [wake.name for wake in wakes(event(adopted, OWNED), table())] == ["other", "train"]
    assert [wake.name for wake in wakes(event(OWNED, OWNED), table())] == ["train"]


def test_a_terminating_jobset_costs_no_reads() -> None:
    """C-REC-02."""
    train = make_jobset("train", deleted_at=0)
    assert seen_in(train, OWNED) == Seen(train)
