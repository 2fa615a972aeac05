"""The store: conflicts, subresources, finalizers, graceful and cascading deletion, the log."""

from __future__ import annotations

import pytest

from jobsim.api._struct import replace
from jobsim.api.batch import Job, JobSpec, JobStatus
from jobsim.api.meta import Condition, ObjectMeta, OwnerReference
from jobsim.api.pod import ContainerStatus, Pod, PodSpec, PodStatus
from jobsim.api.watch import WatchEvent
from jobsim.api.writes import Bind, Delete, PatchFinalizers, PatchPodStatus
from jobsim.apiserver.pod_status import merge_conditions
from jobsim.apiserver.store import FOREGROUND, ORPHAN, Store
from jobsim.apiserver.table import ObjectTable
from jobsim.errors import ApiError
from jobsim.units import SECOND, rfc3339, seconds


def meta(name: str = "a", **more: object) -> ObjectMeta:
    return ObjectMeta(**{"name": name, "namespace": "ns", "uid": f"uid-{name}", "generation": 1, **more})


def job(name: str = "a", **more: object) -> Job:
    return Job(metadata=meta(name, **more), spec=JobSpec(parallelism=1))


def pod(name: str = "p", *, node: str = "n0", phase: str = "Running", **more: object) -> Pod:
    return Pod(metadata=meta(name, **more), spec=PodSpec(node_name=node), status=PodStatus(phase=phase))


def delete(name: str, kind: str = "Job", **more: object) -> Delete:
    return Delete(**{"kind": kind, "namespace": "ns", "name": name, **more})


@pytest.fixture
def log() -> list[WatchEvent]:
    return []


@pytest.fixture
def store(log: list[WatchEvent]) -> Store:
    made = Store()
    made.subscribe(log.append)
    return made


def refused(reason: str, call: object, *args: object) -> str:
    with pytest.raises(ApiError) as caught:
        call(*args)  # type: ignore[operator]
    assert caught.value.reason == reason
    return caught.value.message


class TestVersions:
    def test_every_change_is_one_entry_of_the_log(self, store: Store, log: list[WatchEvent]) -> None:
        one = store.create(job(), 0)
        two = store.update(replace(one, spec=JobSpec(parallelism=2)), 5)
        store.update_status(replace(two, status=JobStatus(active=1)), 6)
        store.delete(delete("a"), 7)
        assert [(e.type, e.revision, e.time) for e in log] == [
            ("ADDED", 1, 0),
            ("MODIFIED", 2, 5),
            ("MODIFIED", 3, 6),
            ("DELETED", 4, 7),
        ]
        assert [e.obj.metadata.resource_version for e in log] == ["1", "2", "3", "4"]

    def test_a_stale_version_is_a_conflict(self, store: Store) -> None:
        """C-CCH-02: full updates carry a resourceVersion."""
        one = store.create(job(), 0)
        store.update_status(replace(one, status=JobStatus(active=1)), 1)
        text = refused("Conflict", store.update, replace(one, spec=JobSpec(parallelism=3)), 2)
        assert text == (
            'Operation cannot be fulfilled on jobs.batch "a": the object has been modified; '
            "please apply your changes to the latest version and try again"
        )
        refused("Conflict", store.update_status, replace(one, status=JobStatus(active=2)), 2)

    def test_without_a_version_there_is_no_precondition(self, store: Store) -> None:
        one = store.create(job(), 0)
        store.update_status(replace(one, status=JobStatus(active=1)), 1)
        free = one.with_meta(resource_version="")
        got = store.update_status(replace(free, status=JobStatus(active=2)), 2)
        assert isinstance(got, Job)
        assert got.status.active == 2

    def test_a_write_that_changes_nothing_writes_nothing(self, store: Store, log: list[WatchEvent]) -> None:
        one = store.create(job(), 0)
        store.update(one, 1)
        store.update_status(one, 1)
        assert len(log) == 1

    def test_taken_and_missing_names(self, store: Store) -> None:
        store.create(job(), 0)
        assert refused("AlreadyExists", store.create, job(), 1) == 'jobs.batch "a" already exists'
        assert refused("NotFound", store.update, job("b"), 1) == 'jobs.batch "b" not found'
        assert (
            refused("NotFound", store.delete, delete("x", kind="ConfigMap"), 1) == 'configmaps "x" not found'
        )

    def test_another_object_of_the_same_name(self, store: Store) -> None:
        store.create(job(), 0)
        assert "UID in precondition: other" in refused("Conflict", store.delete, delete("a", uid="other"), 1)
        refused("Conflict", store.update, job(uid="other"), 1)


class TestSubresources:
    def test_an_update_cannot_touch_status_or_system_fields(self, store: Store) -> None:
        """C-API-01, K-JOB-03."""
        store.create(job(), 0)
        forged = Job(
            metadata=ObjectMeta(name="a", namespace="ns", labels={"x": "y"}, generation=99),
            spec=JobSpec(parallelism=5),
            status=JobStatus(active=9),
        )
        got = store.update(forged, 1)
        assert isinstance(got, Job)
        assert (got.status.active, got.metadata.uid, got.metadata.generation) == (0, "uid-a", 2)
        assert got.metadata.labels == {"x": "y"}

    def test_metadata_changes_do_not_raise_the_generation(self, store: Store) -> None:
        one = store.create(job(), 0)
        assert store.update(one.with_meta(labels={"a": "b"}), 1).metadata.generation == 1

    def test_a_status_write_cannot_touch_the_spec(self, store: Store) -> None:
        one = store.create(job(), 0)
        got = store.update_status(replace(one, spec=JobSpec(parallelism=7), status=JobStatus(active=1)), 1)
        assert isinstance(got, Job)
        assert (got.spec.parallelism, got.status.active, got.metadata.generation) == (1, 1, 1)


class TestDeletion:
    def test_at_once_without_finalizers(self, store: Store) -> None:
        store.create(job(), 0)
        store.delete(delete("a", propagation="Background"), 3)
        assert store.get(Job, "ns", "a") is None

    @pytest.mark.parametrize(
        ("held", "policy", "expected"),
        [
            ((), "Foreground", (FOREGROUND,)),
            ((), "Orphan", (ORPHAN,)),
            (("mine",), "", ("mine",)),
            (("mine", ORPHAN), "Foreground", ("mine", FOREGROUND)),
            (("mine", FOREGROUND), "Background", ("mine",)),
            ((FOREGROUND,), "", (FOREGROUND,)),
        ],
    )
    def test_finalizers_by_policy(
        self, store: Store, held: tuple[str, ...], policy: str, expected: tuple[str, ...]
    ) -> None:
        """K-JOB-122."""
        store.create(job(finalizers=held), 0)
        got = store.delete(delete("a", propagation=policy), seconds(1.7))
        assert got.metadata.finalizers == expected
        assert rfc3339(got.metadata.deletion_timestamp or 0) == "2026-01-05T00:00:01Z"
        assert got.metadata.generation == 2

    def test_a_second_delete_changes_nothing(self, store: Store, log: list[WatchEvent]) -> None:
        store.create(job(), 0)
        store.delete(delete("a", propagation="Foreground"), 1)
        store.delete(delete("a", propagation="Foreground"), 2)
        assert len(log) == 2

    def test_the_last_finalizer_removes_the_object(self, store: Store, log: list[WatchEvent]) -> None:
        store.create(job(finalizers=("x", "y")), 0)
        store.delete(delete("a"), 1)
        take = PatchFinalizers(kind="Job", namespace="ns", name="a", finalizer="x")
        store.patch_finalizers(take, 2)
        assert store.get(Job, "ns", "a") is not None
        store.patch_finalizers(replace(take, finalizer="y"), 3)
        assert store.get(Job, "ns", "a") is None
        assert log[-1].type == "DELETED"

    def test_an_update_may_take_the_last_finalizer_too(self, store: Store) -> None:
        store.create(job(finalizers=("x",)), 0)
        dying = store.delete(delete("a"), 1)
        store.update(dying.with_meta(finalizers=()), 2)
        assert store.get(Job, "ns", "a") is None

    def test_finalizers_come_and_go(self, store: Store, log: list[WatchEvent]) -> None:
        store.create(job(), 0)
        put = PatchFinalizers(kind="Job", namespace="ns", name="a", finalizer="x", add=True)
        assert store.patch_finalizers(put, 1).metadata.finalizers == ("x",)
        store.patch_finalizers(put, 2)
        store.patch_finalizers(replace(put, add=False, finalizer="z"), 2)
        assert len(log) == 2


class TestGracefulDeletion:
    @pytest.mark.parametrize(
        ("given", "asked", "left_s"),
        [
            (pod(), None, 30),
            (replace(pod(), spec=PodSpec(node_name="n0", termination_grace_period_seconds=5)), None, 5),
            (pod(), 7, 7),
            (pod(), 0, None),
            (pod(node=""), None, None),
            (pod(phase="Failed"), None, None),
        ],
    )
    def test_grace(self, store: Store, given: Pod, asked: int | None, left_s: int | None) -> None:
        """K-POD-40, K-JOB-124: unbound and terminal pods go at once, others in the future."""
        store.create(given, 0)
        store.delete(delete("p", "Pod", grace_s=asked), seconds(100.4))
        left = store.get(Pod, "ns", "p")
        if left_s is None:
            assert left is None
        else:
            assert left is not None
            assert left.metadata.deletion_timestamp == (100 + left_s) * SECOND
            assert left.metadata.deletion_grace_period_seconds == left_s

    def test_grace_can_only_be_shortened(self, store: Store) -> None:
        store.create(pod(), 0)
        store.delete(delete("p", "Pod", grace_s=20), 0)
        store.delete(delete("p", "Pod", grace_s=60), seconds(1))
        left = store.get(Pod, "ns", "p")
        assert left is not None
        assert left.metadata.deletion_grace_period_seconds == 20
        store.delete(delete("p", "Pod", grace_s=3), seconds(2))
        left = store.get(Pod, "ns", "p")
        assert left is not None
        # Counted from the first request (recorded: v-per-index-008).
        assert left.metadata.deletion_timestamp == 3 * SECOND
        store.delete(delete("p", "Pod", grace_s=0), seconds(3))
        assert store.get(Pod, "ns", "p") is None

    def test_a_finalizer_outlives_the_final_delete(self, store: Store) -> None:
        store.create(pod(finalizers=("batch.kubernetes.io/job-tracking",)), 0)
        store.delete(delete("p", "Pod"), 0)
        store.delete(delete("p", "Pod", grace_s=0), 1)
        left = store.get(Pod, "ns", "p")
        assert left is not None
        assert left.metadata.deletion_grace_period_seconds == 0
        take = PatchFinalizers(
            kind="Pod", namespace="ns", name="p", finalizer="batch.kubernetes.io/job-tracking"
        )
        store.patch_finalizers(take, 2)
        assert store.get(Pod, "ns", "p") is None

    def test_a_pod_that_turned_terminal_while_it_was_deleted_stays(self, store: Store) -> None:
        """K-POD-50: later deletes without a shorter grace are no-ops."""
        store.create(pod(), 0)
        store.delete(delete("p", "Pod"), 0)
        done = PatchPodStatus(kind="Pod", namespace="ns", name="p", status=PodStatus(phase="Failed"))
        store.patch_pod_status(done, 1)
        store.delete(delete("p", "Pod"), 2)
        assert store.get(Pod, "ns", "p") is not None


class TestPods:
    def test_bind(self, store: Store) -> None:
        """K-POD-01: nodeName and PodScheduled in one write."""
        store.create(pod(node="", phase="Pending"), 0)
        got = store.bind(Bind(namespace="ns", name="p", node="n1"), seconds(2.5))
        assert isinstance(got, Pod)
        assert got.spec.node_name == "n1"
        assert [(c.type, c.status, c.last_transition_time) for c in got.status.conditions] == [
            ("PodScheduled", "True", 2 * SECOND)
        ]
        again = Bind(namespace="ns", name="p", node="n2")
        assert 'already assigned to node "n1"' in refused("Conflict", store.bind, again, 3)

    def test_a_pod_being_deleted_is_not_bound(self, store: Store) -> None:
        store.create(pod(node="", finalizers=("x",)), 0)
        store.delete(delete("p", "Pod"), 1)
        assert "is being deleted" in refused(
            "Conflict", store.bind, Bind(namespace="ns", name="p", node="n1"), 2
        )

    def test_status_patches_merge_conditions_by_type(self, store: Store, log: list[WatchEvent]) -> None:
        store.create(pod(), 0)

        def patch(**fields: object) -> Pod:
            write = PatchPodStatus(kind="Pod", namespace="ns", name="p", status=PodStatus(**fields))
            got = store.patch_pod_status(write, 1)
            assert isinstance(got, Pod)
            return got

        patch(
            conditions=(Condition(type="Ready", status="True"),),
            container_statuses=(ContainerStatus(name="c"),),
        )
        got = patch(conditions=(Condition(type="DisruptionTarget", status="True"),), phase="Failed")
        assert [c.type for c in got.status.conditions] == ["Ready", "DisruptionTarget"]
        assert (got.status.phase, len(got.status.container_statuses)) == ("Failed", 1)
        patch(phase="Failed")
        assert len(log) == 3

    def test_a_condition_that_keeps_its_status_keeps_its_time(self) -> None:
        from jobsim.api._struct import Time

        old = (Condition(type="Ready", status="True", last_transition_time=Time(1)),)
        new = Condition(type="Ready", status="True", last_transition_time=Time(9), reason="x")
        assert merge_conditions(old, (new,))[0].last_transition_time == 1
        flipped = replace(new, status="False")
        assert merge_conditions(old, (flipped,))[0].last_transition_time == 9


class TestReading:
    def test_lists_come_by_namespace_and_name(self, store: Store) -> None:
        for namespace, name in [("b", "x"), ("a", "z"), ("a", "b"), ("b", "a")]:
            store.create(Job(metadata=ObjectMeta(name=name, namespace=namespace)), 0)
        assert [j.key for j in store.list(Job)] == [("a", "b"), ("a", "z"), ("b", "a"), ("b", "x")]
        assert [j.name for j in store.list(Job, "b")] == ["a", "x"]
        assert list(store.list(Job, "c")) == list(store.list(Pod)) == []
        assert [o.key for o in store] == [j.key for j in store.list(Job)]

    def test_indexes_follow_owner_and_node(self, store: Store) -> None:
        owner = OwnerReference(api_version="batch/v1", kind="Job", name="a", uid="u1", controller=True)
        store.create(pod("p2", node="", owner_references=(owner,)), 0)
        store.create(pod("p1", owner_references=(owner,)), 0)
        assert [p.name for p in store.by_index(Pod, "owner-uid", "u1")] == ["p1", "p2"]
        assert [p.name for p in store.by_index(Pod, "node", "n0")] == ["p1"]
        store.bind(Bind(namespace="ns", name="p2", node="n0"), 1)
        assert [p.name for p in store.by_index(Pod, "node", "n0")] == ["p1", "p2"]
        store.delete(delete("p1", "Pod", grace_s=0), 2)
        assert [p.name for p in store.dependents("u1")] == ["p2"]
        current = store.get(Pod, "ns", "p2")
        assert current is not None
        store.update(current.with_meta(owner_references=()), 3)
        assert list(store.dependents("u1")) == list(store.by_index(Pod, "owner-uid", "u1")) == []

    def test_a_cache_is_the_log_applied(self, store: Store, log: list[WatchEvent]) -> None:
        store.create(job("a"), 0)
        store.create(job("b"), 0)
        store.delete(delete("a"), 1)
        cache = ObjectTable()
        for event in log:
            cache.apply(event)
        assert list(cache) == list(store)
        assert store.kinds() == ["Job"]

    def test_removing_what_is_not_there_is_nothing(self) -> None:
        table = ObjectTable()
        table.put(job("a"))
        table.remove(job("b"))
        assert [o.name for o in table] == ["a"]


def test_all_hear_the_order_of_the_log(store: Store) -> None:
    """A subscriber that writes while it hears does not get ahead of those that hear after it."""
    heard: list[int] = []

    def answer(event: WatchEvent) -> None:
        if event.revision < 4:
            store.create(job(f"answer-{event.revision}"), event.time)

    store.subscribe(answer)
    store.subscribe(lambda event: heard.append(event.revision))
    store.create(job(), 0)
    assert heard == [1, 2, 3, 4]
