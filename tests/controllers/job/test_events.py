"""Which keys an event wakes: the Job queue, the orphan queue, TTL-after-finished."""

from __future__ import annotations

import pytest

from jobsim.api._struct import Time, replace
from jobsim.api.batch import Job, JobSpec, JobStatus
from jobsim.api.core import Node
from jobsim.api.meta import Condition, LabelSelector, Object, ObjectMeta, OwnerReference
from jobsim.api.pod import Pod
from jobsim.api.watch import Wake, WatchEvent
from jobsim.api.writes import Delete, PatchFinalizers
from jobsim.apiserver.table import ObjectTable
from jobsim.controllers.job import events, orphans, ttl
from jobsim.units import SECOND
from tests.controllers.job.episodes import TRACKING

LABELS = {"a": "b"}
JOB = Job(
    metadata=ObjectMeta(namespace="ns", name="j", uid="u", generation=1),
    spec=JobSpec(selector=LabelSelector(match_labels=LABELS)),
)
DONE = replace(
    JOB,
    status=JobStatus(
        conditions=(
            Condition(type="FailureTarget", status="True"),
            Condition(type="Failed", status="True", last_transition_time=Time(9 * SECOND)),
        )
    ),
)
NOW = [Wake(namespace="ns", name="j")]
SOON = [Wake(namespace="ns", name="j", delay_ns=SECOND)]


def pod(owner: str = "u", **meta: object) -> Pod:
    """Return a pod of the Job with this UID; "" = of nobody."""
    refs = ()
    if owner:
        refs = (OwnerReference(api_version="batch/v1", kind="Job", name="j", uid=owner, controller=True),)
    base = {"namespace": "ns", "name": "p", "owner_references": refs, "finalizers": (TRACKING,)}
    return Pod(metadata=ObjectMeta(**{**base, **meta}))  # type: ignore[arg-type]


def event(type_: str, obj: Object, old: Object | None = None, time: int = 0) -> WatchEvent:
    return WatchEvent(type=type_, obj=obj, old=old, revision=1, time=time)  # type: ignore[arg-type]


def reader(*objects: Object) -> ObjectTable:
    table = ObjectTable()
    for obj in objects:
        table.put(obj)
    return table


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        pytest.param(event("ADDED", JOB), NOW, id="job-added"),
        pytest.param(event("DELETED", JOB, JOB), NOW, id="job-gone"),
        pytest.param(event("MODIFIED", JOB.with_meta(generation=2), JOB), NOW, id="spec-changed"),
        pytest.param(event("MODIFIED", JOB, JOB), SOON, id="status-changed"),
        pytest.param(event("MODIFIED", DONE, JOB), [], id="finished"),
        pytest.param(event("ADDED", Node()), [], id="other-kinds"),
        pytest.param(event("ADDED", pod()), SOON, id="pod-added"),
        pytest.param(event("MODIFIED", pod(), pod()), SOON, id="pod-changed"),
        pytest.param(event("DELETED", pod(), pod()), SOON, id="pod-gone"),
        pytest.param(event("ADDED", pod("earlier")), [], id="pod-of-an-earlier-job"),
        pytest.param(event("MODIFIED", pod("later"), pod()), SOON, id="pod-changed-hands"),
        pytest.param(event("MODIFIED", pod(""), pod()), SOON, id="pod-released"),
        pytest.param(event("ADDED", pod("", labels=LABELS)), SOON, id="orphan-that-matches"),
        pytest.param(event("ADDED", pod("")), [], id="orphan-that-does-not"),
        pytest.param(
            event("MODIFIED", pod("", labels=LABELS), pod("", labels=LABELS)), [], id="orphan-unchanged"
        ),
        pytest.param(event("MODIFIED", pod("", labels=LABELS), pod("")), SOON, id="orphan-with-new-labels"),
        pytest.param(event("DELETED", pod("", labels=LABELS)), [], id="orphan-gone"),
    ],
)
def test_job_wakes(heard: WatchEvent, expected: list[Wake]) -> None:
    """K-JOB-11, K-JOB-13."""
    assert events.wakes(heard, reader(JOB)) == expected


def test_a_finished_job_does_not_hear_of_deletions() -> None:
    assert events.wakes(event("DELETED", pod(), pod()), reader(DONE)) == []


def test_another_kind_of_owner_is_not_a_job() -> None:
    owner = OwnerReference(api_version="apps/v1", kind="ReplicaSet", name="j", uid="u", controller=True)
    assert events.wakes(event("ADDED", pod(owner_references=(owner,))), reader(JOB)) == []


def test_a_changed_deadline_has_a_timer() -> None:
    """K-JOB-11."""
    started = replace(JOB, status=JobStatus(start_time=Time(10 * SECOND)))
    new = replace(started, spec=replace(JOB.spec, active_deadline_seconds=30)).with_meta(generation=2)
    woken = events.wakes(event("MODIFIED", new, started, time=15 * SECOND), reader(new))
    assert [wake.delay_ns for wake in woken] == [0, 25 * SECOND]


MARKED = {"deletion_timestamp": Time(0)}


@pytest.mark.parametrize(
    ("heard", "stored", "name"),
    [
        pytest.param(event("DELETED", JOB, JOB), JOB, "uid/u", id="job-gone"),
        pytest.param(event("MODIFIED", DONE, JOB), JOB, "uid/u", id="job-finished"),
        pytest.param(event("MODIFIED", JOB, JOB), JOB, None, id="job-changed"),
        pytest.param(event("ADDED", pod("")), JOB, "p", id="orphan"),
        pytest.param(event("ADDED", pod("", finalizers=())), JOB, None, id="orphan-without-finalizer"),
        pytest.param(event("DELETED", pod("")), JOB, None, id="orphan-gone"),
        pytest.param(event("ADDED", pod()), JOB, None, id="pod-of-a-job"),
        pytest.param(event("ADDED", pod(**MARKED)), JOB, None, id="marked-pod-of-a-job"),
        pytest.param(event("MODIFIED", pod(**MARKED), pod()), DONE, "p", id="marked-pod-of-a-finished-job"),
        pytest.param(event("MODIFIED", pod("earlier", **MARKED)), JOB, "p", id="marked-pod-of-no-job"),
    ],
)
def test_orphan_wakes(heard: WatchEvent, stored: Job, name: str | None) -> None:
    """K-JOB-13, K-JOB-20.7, K-JOB-123."""
    expected = [] if name is None else [Wake(namespace="ns", name=name)]
    assert orphans.wakes(heard, reader(stored)) == expected


FOREIGN = replace(DONE, spec=replace(JOB.spec, managed_by="example.com/x"))
REPLICA = OwnerReference(api_version="apps/v1", kind="ReplicaSet", name="j", uid="u", controller=True)


@pytest.mark.parametrize(
    ("stored", "key", "free"),
    [
        pytest.param([pod("")], "p", True, id="of-nobody"),
        pytest.param([pod()], "p", True, id="of-a-job-that-is-gone"),
        pytest.param([pod()], "uid/u", True, id="all-of-a-job-that-is-gone"),
        pytest.param([pod(), DONE], "uid/u", True, id="of-a-finished-job"),
        pytest.param([pod(), JOB], "p", False, id="adopted-meanwhile"),
        pytest.param([pod(), FOREIGN], "p", False, id="of-anothers-job"),
        pytest.param([pod(owner_references=(REPLICA,))], "p", False, id="of-another-kind"),
        pytest.param([pod("", finalizers=())], "p", False, id="free-already"),
        pytest.param([], "p", False, id="gone"),
    ],
)
def test_orphans_lose_the_finalizer(stored: list[Object], key: str, free: bool) -> None:
    """K-JOB-90, K-JOB-123."""
    seen = orphans.observe(reader(*stored), "ns", key)
    if not free:
        assert seen is None
        return
    assert seen is not None
    (step,) = orphans.reconcile(seen, 0).steps
    assert [chain.writes for chain in step.chains] == [
        (PatchFinalizers(kind="Pod", namespace="ns", name="p", finalizer=TRACKING),)
    ]
    assert step.ignore == ("NotFound",)


def test_no_orphans_no_writes() -> None:
    assert orphans.reconcile(orphans.Seen(pods=()), 0).steps == ()


class TestTtl:
    DUE = replace(DONE, spec=replace(JOB.spec, ttl_seconds_after_finished=20))

    def test_only_finished_jobs_with_a_ttl_are_looked_at(self) -> None:
        """K-JOB-71."""
        table = reader()
        assert ttl.wakes(event("MODIFIED", self.DUE, JOB), table) == NOW
        unfinished = replace(self.DUE, status=JobStatus())
        undated = replace(self.DUE, status=JobStatus(conditions=(Condition(type="Complete", status="True"),)))
        going = self.DUE.with_meta(deletion_timestamp=Time(0))
        for obj in (DONE, unfinished, undated, going, pod()):
            assert ttl.wakes(event("ADDED", obj), table) == []
        assert ttl.wakes(event("DELETED", self.DUE), table) == []

    def test_the_job_goes_in_the_foreground_when_its_time_is_over(self) -> None:
        """K-JOB-71."""
        seen = ttl.observe(reader(self.DUE), "ns", "j")
        assert seen is not None
        assert ttl.reconcile(seen, 25 * SECOND).requeue_after_ns == 4 * SECOND
        (step,) = ttl.reconcile(seen, 29 * SECOND).steps
        assert step.chains[0].writes == (
            Delete(kind="Job", namespace="ns", name="j", propagation="Foreground", uid="u"),
        )

    def test_nothing_to_clean_up(self) -> None:
        assert ttl.observe(reader(DONE), "ns", "j") is None
        assert ttl.observe(reader(), "ns", "j") is None
        assert ttl.reconcile(ttl.Seen(job=DONE), 0).steps == ()
