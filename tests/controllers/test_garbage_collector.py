"""The garbage collector, run to its end over a real server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsim.api._struct import replace
from jobsim.api.batch import Job
from jobsim.api.core import Node, Service
from jobsim.api.jobset import JobSet
from jobsim.api.meta import Object, ObjectMeta, OwnerReference, Unstructured
from jobsim.api.plan import NOTHING, WriteResult
from jobsim.api.pod import Pod, PodSpec
from jobsim.api.watch import Wake, WatchEvent
from jobsim.api.writes import Create, Delete, Patch, PatchFinalizers, Write
from jobsim.apiserver.executor import Shell, drive, result_of
from jobsim.apiserver.server import OpenAdmission, Server
from jobsim.apiserver.store import Store
from jobsim.controllers import garbage_collector as gc
from jobsim.rng import NameSource

SHELL = Shell(record=lambda _: None, remember=lambda _: None, count=lambda _: None)


class World:
    """A store with a collector that works whenever it is asked to."""

    def __init__(self, *objects: Object) -> None:
        self.store = Store()
        self.server = Server(self.store, OpenAdmission(), NameSource(0))
        self.queue: dict[Wake, None] = {}
        self.writes: list[str] = []
        self.store.subscribe(lambda e: self.queue.update(dict.fromkeys(gc.wakes(e, self.store))))
        for obj in objects:
            self.store.create(obj, 0)

    def send(self, write: Write) -> None:
        result = self._send(write)
        assert result.error is None, result.error

    def _send(self, write: Write) -> WriteResult:
        return result_of(write, lambda: self.server.apply(write, 0))

    def collect(self) -> World:
        for _ in range(2000):
            if not self.queue:
                return self
            wake = next(iter(self.queue))
            del self.queue[wake]
            seen = gc.observe(self.store, wake.namespace, wake.name)
            if seen is None:
                continue
            before = self.store.revision
            finish = drive(gc.reconcile(seen, 0), self._send, SHELL)
            assert finish.error is None, finish.error
            if self.store.revision != before:
                self.writes.append(wake.name)
        raise AssertionError("the collector never rests")

    def delete(self, obj: Object, propagation: str = "Background") -> World:
        self.send(Delete(kind=obj.kind, namespace=obj.namespace, name=obj.name, propagation=propagation))
        return self

    @property
    def names(self) -> list[str]:
        return [obj.name for obj in self.store]


def _ref(owner: Object, *, block: bool = True, controller: bool = True) -> OwnerReference:
    return OwnerReference(
        api_version=owner.api_version,
        kind=owner.kind,
        name=owner.name,
        uid=owner.uid,
        controller=controller,
        block_owner_deletion=block,
    )


def _make(
    type_: type[Object], name: str, *owners: OwnerReference, finalizers: tuple[str, ...] = ()
) -> Object:
    meta = ObjectMeta(
        name=name, namespace="ns", uid=f"uid-{name}", owner_references=owners, finalizers=finalizers
    )
    return type_(metadata=meta)


JOBSET = _make(JobSet, "js")
JOB = _make(Job, "job", _ref(JOBSET))
PODS = [_make(Pod, f"p{i}", _ref(JOB)) for i in range(3)]
SERVICE = _make(Service, "svc", _ref(JOBSET))
FAMILY = [JOBSET, JOB, *PODS, SERVICE]


def test_background_takes_the_whole_family() -> None:
    """K-JOB-121."""
    world = World(*FAMILY).delete(JOBSET)
    assert world.names == ["job", "p0", "p1", "p2", "svc"]
    assert world.collect().names == []


def test_foreground_owners_wait_for_their_dependents() -> None:
    """K-JOB-122: bottom up; a pod that does not go yet holds its Job and its JobSet."""
    held = _make(Pod, "p0", _ref(JOB), finalizers=("keep",))
    world = World(JOBSET, JOB, held, *PODS[1:], SERVICE).delete(JOBSET, "Foreground").collect()
    assert world.names == ["job", "js", "p0"]
    assert all(obj.terminating for obj in world.store)
    world.send(PatchFinalizers(kind="Pod", namespace="ns", name="p0", finalizer="keep"))
    assert world.collect().names == []
    assert world.writes[-2:] == ["Job/job", "JobSet/js"]


def test_an_unbound_pod_goes_with_its_last_finalizer() -> None:
    """K-JOB-126: no kubelet is involved."""
    tracked = _make(Pod, "p", _ref(JOB), finalizers=("batch.kubernetes.io/job-tracking",))
    world = World(JOB.with_meta(owner_references=()), tracked).delete(JOB).collect()
    assert world.names == ["p"]
    finalizer = "batch.kubernetes.io/job-tracking"
    world.send(PatchFinalizers(kind="Pod", namespace="ns", name="p", finalizer=finalizer))
    assert world.names == []


def test_dependents_of_a_job_in_foreground_go_in_background() -> None:
    world = World(JOB.with_meta(owner_references=()), *PODS).delete(JOB, "Foreground")
    seen = gc.observe(world.store, "ns", "Pod/p1")
    assert seen is not None
    (step,) = gc.reconcile(seen, 0).steps
    (write,) = step.chains[0].writes
    assert write == Delete(kind="Pod", namespace="ns", name="p1", propagation="Background", uid="uid-p1")
    assert step.ignore == ("NotFound",)


def test_an_owner_without_blocking_dependents_does_not_wait() -> None:
    free = _make(Pod, "free", _ref(JOB, block=False), finalizers=("keep",))
    world = World(JOB.with_meta(owner_references=()), free).delete(JOB, "Foreground").collect()
    assert world.names == ["free"]
    assert world.store.find("Pod", "ns", "free").terminating, "its owner is gone"


def test_orphan_lets_the_dependents_live() -> None:
    """K-JOB-120."""
    world = World(JOB.with_meta(owner_references=()), *PODS).delete(JOB, "Orphan").collect()
    assert world.names == ["p0", "p1", "p2"]
    assert all(obj.metadata.owner_references == () for obj in world.store)


def test_orphan_without_dependents() -> None:
    job = JOB.with_meta(owner_references=())
    assert World(job).delete(job, "Orphan").collect().names == []


@pytest.mark.parametrize(
    ("finalizers", "propagation"),
    [((), "Background"), (("orphan",), "Orphan"), (("foregroundDeletion",), "Foreground")],
)
def test_standing_finalizers_choose_the_policy(finalizers: tuple[str, ...], propagation: str) -> None:
    job = JOB.with_meta(finalizers=finalizers)
    plan = gc.reconcile(gc.Seen(obj=job, owners=("dangling",)), 0)
    write = plan.steps[0].chains[0].writes[0]
    assert isinstance(write, Delete)
    assert write.propagation == propagation


def test_an_object_with_a_living_owner_loses_only_the_dead_reference() -> None:
    other = _make(Job, "other")
    shared = _make(Pod, "shared", _ref(JOB), _ref(other, controller=False))
    world = World(JOB, other, shared, JOBSET).delete(JOB).collect()
    assert world.store.find("Pod", "ns", "shared").metadata.owner_references == (
        _ref(other, controller=False),
    )


def test_owner_of_the_same_name_with_another_uid_is_no_owner() -> None:
    """A pod created for a Job that was replaced meanwhile is collected as soon as it appears."""
    reborn = JOB.with_meta(uid="uid-2", owner_references=())
    world = World(reborn, *PODS).collect()
    assert world.names == ["job"]


def test_an_object_that_comes_after_its_owner_went() -> None:
    assert World(PODS[0]).collect().names == []


def test_a_dependent_that_comes_while_its_owner_waits_is_collected() -> None:
    held = _make(Pod, "held", _ref(JOB), finalizers=("keep",))
    job = JOB.with_meta(owner_references=())
    world = World(job, held).delete(job, "Foreground").collect()
    world.send(Create(obj=PODS[0]))
    assert world.collect().names == ["job", "held"]


def test_owners_of_unknown_kinds_count_as_existing() -> None:
    ref = OwnerReference(api_version="x/v1", kind="Workflow", name="w", uid="w1")
    assert World(_make(Pod, "p", ref)).collect().names == ["p"]


def test_owners_of_other_kinds_count_once_they_are_stored() -> None:
    owner = Unstructured(
        metadata=ObjectMeta(name="w", namespace="ns", uid="w1"), type_name="Workflow", group_version="x/v1"
    )
    world = World(owner, _make(Pod, "p", _ref(owner))).collect()
    assert world.names == ["p", "w"]
    # Its kind is not simulated, so nobody can say that it is gone; the UID of another one is proof.
    world.store.delete(Delete(kind="Workflow", namespace="ns", name="w"), 0)
    world.store.create(owner.with_meta(uid="w2"), 0)
    world.queue[Wake(namespace="ns", name="Pod/p")] = None
    assert world.collect().names == ["w"]


def test_cluster_scoped_owner() -> None:
    node = Node(metadata=ObjectMeta(name="n0", uid="uid-n0"))
    world = World(node, _make(Pod, "static", _ref(node))).collect()
    assert "static" in world.names
    assert world.delete(node).collect().names == []


@pytest.mark.parametrize("propagation", ["Background", "Foreground"])
def test_circles_do_not_hang(propagation: str) -> None:
    a, b, c = (_make(Job, name) for name in "abc")
    a, b, c = (o.with_meta(owner_references=(_ref(w),)) for o, w in ((a, c), (b, a), (c, b)))
    assert World(a, b, c).delete(a, propagation).collect().names == []


def test_self_ownership_does_not_hang() -> None:
    a = _make(Job, "a")
    a = a.with_meta(owner_references=(_ref(a),))
    # Upstream blocks for ever here; the object itself is what it waits for.
    world = World(a).delete(a, "Foreground").collect()
    assert world.names == ["a"]


def test_a_reference_taken_away_unblocks_the_owner() -> None:
    held = _make(Pod, "held", _ref(JOB), finalizers=("keep",))
    job = JOB.with_meta(owner_references=())
    world = World(job, held).delete(job, "Foreground").collect()
    assert world.names == ["job", "held"]
    world.send(Patch(kind="Pod", namespace="ns", name="held", patch={"metadata": {"ownerReferences": None}}))
    assert world.collect().names == ["held"]


def test_after_a_restart_of_the_collector_everything_goes_on() -> None:
    """C-ENV-01: what was under way is found again from ADDED events alone."""
    world = World(*FAMILY).delete(JOBSET, "Foreground")
    world.queue.clear()
    for obj in list(world.store):
        event = WatchEvent(type="ADDED", obj=obj, old=None, revision=0, time=0)
        world.queue.update(dict.fromkeys(gc.wakes(event, world.store)))
    assert world.collect().names == []


def test_usual_events_wake_nobody() -> None:
    world = World(*FAMILY)
    assert world.queue == {}
    pod = world.store.find("Pod", "ns", "p0")
    bound = replace(pod, spec=PodSpec(node_name="n0"))
    marked = pod.with_meta(deletion_timestamp=0)
    for old, new in ((pod, bound), (pod, marked), (pod, pod.with_meta(owner_references=(_ref(JOB),)))):
        event = WatchEvent(type="MODIFIED", obj=new, old=old, revision=9, time=0)
        assert gc.wakes(event, world.store) == []


def test_nothing_to_decide() -> None:
    world = World(*FAMILY)
    assert gc.observe(world.store, "ns", "Pod/none") is None
    assert gc.observe(world.store, "ns", "Pod/p0") is None
    blocked = gc.Seen(
        obj=JOB.with_meta(deletion_timestamp=0, finalizers=("foregroundDeletion",)), blocked=True
    )
    assert gc.reconcile(blocked, 0) == NOTHING


@st.composite
def _graphs(draw: st.DrawFn) -> tuple[list[Object], list[tuple[int, str]]]:
    n = draw(st.integers(1, 7))
    bare = [_make(Job, f"o{i}") for i in range(n)]
    objects = []
    for i, obj in enumerate(bare):
        # References to later objects make circles, references to index n make dangling ones.
        owners = draw(
            st.lists(st.tuples(st.integers(0, n), st.booleans()), max_size=2, unique_by=lambda t: t[0])
        )
        refs = tuple(
            _ref(bare[j] if j < n else _make(Job, "ghost"), block=block, controller=False)
            for j, block in owners
            if j != i
        )
        objects.append(obj.with_meta(owner_references=refs))
    policies = st.sampled_from(["Background", "Foreground", "Orphan"])
    deletes = draw(st.lists(st.tuples(st.integers(0, n - 1), policies), min_size=1, max_size=3))
    return objects, deletes


@given(_graphs())
def test_no_orphan_is_left_and_nothing_owned_goes_early(
    case: tuple[list[Object], list[tuple[int, str]]],
) -> None:
    objects, deletes = case
    world = World(*objects)
    world.collect()
    asked = set()
    for number, policy in deletes:
        target = world.store.find("Job", "ns", f"o{number}")
        if target is not None:
            asked.add(target.uid)
            world.delete(target, policy).collect()
    left = {obj.uid: obj for obj in world.store}
    for obj in left.values():
        refs = obj.metadata.owner_references
        assert not obj.terminating, "every deletion comes to an end"
        assert not refs or any(ref.uid in left for ref in refs), "an orphan is left"
    for obj in objects:
        safe = not obj.metadata.owner_references and obj.uid not in asked
        assert not safe or obj.uid in left, "an object without owners was deleted"


@pytest.mark.parametrize(
    ("objects", "asked", "absent", "count", "missing"),
    [
        ((JOBSET, JOB), JOB, (), 2, []),
        ((JOB,), JOB, (), 2, [JOBSET.uid]),
        ((JOB,), JOB, (JOBSET.uid,), 1, []),
        ((JOBSET,), JOBSET, (), 1, []),
        ((JOBSET,), JOB, (), 1, []),
    ],
    ids=["an owner", "a missing one", "known to be missing", "no owner", "gone itself"],
)
def test_what_the_server_is_asked(
    objects: tuple[Object, ...], asked: Object, absent: tuple[str, ...], count: int, missing: list[str]
) -> None:
    """K-JOB-125: for the object, for each owner, once for one that is not there."""
    store = World(*objects).store
    assert gc.requests(store, "ns", f"{asked.kind}/{asked.name}", absent) == (count, missing)


@pytest.mark.parametrize(
    ("propagation", "dependents", "count"), [("Foreground", 1, 1), ("Foreground", 0, 2), ("Orphan", 1, 1)]
)
def test_what_the_server_is_asked_of_an_owner_that_waits(
    propagation: str, dependents: int, count: int
) -> None:
    """K-JOB-122, K-JOB-124: once; once more before its finalizer is taken away."""
    held = [_make(Pod, "p0", _ref(JOB), finalizers=("keep",))][:dependents]
    world = World(_make(Job, "job", finalizers=("keep",)), *held).delete(JOB, propagation)
    assert gc.requests(world.store, "ns", "Job/job", ()) == (count, [])
    pod = _make(Pod, "p1", _ref(JOB), finalizers=("keep",))
    world = World(JOB, pod).delete(pod)
    assert gc.requests(world.store, "ns", "Pod/p1", ()) == (0, [])
