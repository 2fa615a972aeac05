"""The decision needs no pod objects, no clock and no cluster: a tally, an instant, and answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from jobsim.api import codec
from jobsim.api._struct import Struct, Time, replace
from jobsim.api.batch import Job, JobStatus
from jobsim.api.meta import Condition, LabelSelector, LabelSelectorRequirement, ObjectMeta, OwnerReference
from jobsim.api.plan import NOTHING, Plan, WriteResult
from jobsim.api.pod import Pod
from jobsim.api.writes import Create, Patch, UpdateStatus, Write
from jobsim.apiserver.executor import Shell, drive
from jobsim.controllers import job as core
from jobsim.controllers.job import claims
from jobsim.controllers.job.backoff import Backoff
from jobsim.controllers.job.indexes import Intervals
from jobsim.controllers.job.pod_tally import LastFailure, PodRef, PodTally, Tracked
from jobsim.units import SECOND
from tests.controllers.job import episodes
from tests.controllers.job.episodes import TRACKING, UID_LABEL


class Columns(Struct):
    """Pods of an Indexed Job known by numbers alone: all run but those that succeeded."""

    active: int = 0
    ready: int = 0
    terminating: int = 0
    restarts: int = 0
    active_indexes: Intervals = ()
    terminating_indexes: Intervals = ()
    succeeded_indexes: Intervals = ()
    failed_indexes: Intervals = ()
    succeeded_at: list[int] = []
    failed_at: list[int] = []
    failed_counting: int = 0
    fail_job_message: str = ""

    def active_pods(self) -> list[PodRef]:
        return [PodRef(name=f"p{i}", uid=f"p{i}") for i in range(self.active)]

    def surplus(self, at_least: int) -> list[PodRef]:
        return self.active_pods()[:at_least]

    def tracked(self, *, all_pods: bool) -> list[Tracked]:
        return [
            Tracked(name=f"p{i}", uid=f"p{i}", index=i, succeeded=True, failed=False, counts=True)
            for first, last in self.succeeded_indexes
            for i in range(first, last + 1)
        ]

    def held_uids(self, uids: Sequence[str]) -> set[str]:
        return set()

    def last_failures(self, decided: Intervals) -> Mapping[int, LastFailure]:
        return {}


def a_job(document: dict[str, Any]) -> Job:
    job = codec.from_dict({**document, "apiVersion": "batch/v1", "kind": "Job"})
    assert isinstance(job, Job)
    return job


def carry_out(plan: Plan, *, second: int = 0) -> tuple[list[Write], list[Struct]]:
    """Carry out a plan; each answer takes one second. Return the writes and what was remembered."""
    sent: list[Write] = []
    remembered: list[Struct] = []

    def send(write: Write) -> WriteResult:
        sent.append(write)
        at = (second + len(sent)) * SECOND
        stored = write.obj if isinstance(write, Create | UpdateStatus) else Pod()
        return WriteResult(write=write, obj=stored, at=at)

    shell = Shell(record=lambda _: None, remember=remembered.append, count=lambda _: None)
    drive(plan, send, shell)
    return sent, remembered


def test_a_tally_is_all_that_a_decision_needs() -> None:
    tally: PodTally = Columns(active=2, ready=1, active_indexes=((0, 0), (2, 2)))
    seen = core.Seen(job=a_job(episodes.indexed(4)), tally=tally)
    sent, _ = carry_out(core.reconcile(seen, 0))
    created = [write.obj.metadata.generate_name for write in sent if isinstance(write, Create)]
    assert created == ["j-1-", "j-3-"]
    status = sent[-1].obj.status  # type: ignore[union-attr]
    assert (status.active, status.ready, status.terminating) == (4, 1, 0)


def test_the_end_is_dated_when_it_is_written() -> None:
    """K-JOB-112: with a slow client Complete comes later than SuccessCriteriaMet."""
    tally: PodTally = Columns(succeeded_indexes=((0, 1),), succeeded_at=[0, 0])
    sent, _ = carry_out(core.reconcile(core.Seen(job=a_job(episodes.indexed(2)), tally=tally), 0))
    status = sent[-1].obj.status  # type: ignore[union-attr]
    assert [(c.type, c.last_transition_time) for c in status.conditions] == [
        ("SuccessCriteriaMet", 0),
        ("Complete", 3 * SECOND),
    ]
    assert status.completion_time == 3 * SECOND


def test_a_steady_job_asks_for_nothing() -> None:
    """K-JOB-104."""
    status = JobStatus(start_time=Time(0), active=2, ready=2, terminating=0)
    steady = replace(a_job(episodes.indexed(2)), status=status)
    tally: PodTally = Columns(active=2, ready=2, active_indexes=((0, 1),))
    assert core.reconcile(core.Seen(job=steady, tally=tally), 5 * SECOND).steps == ()


def test_another_controllers_job_is_not_judged() -> None:
    """K-JOB-90."""
    foreign = a_job(episodes.job(managedBy="example.com/mine"))
    assert core.reconcile(core.Seen(job=foreign), 0) is NOTHING


def test_a_finished_job_is_forgotten() -> None:
    """K-JOB-20.4, K-JOB-53."""
    over = replace(
        a_job(episodes.job()),
        status=JobStatus(conditions=(Condition(type="Complete", status="True"),)),
    )
    memory = core.Memory(uid="job-uid-1", backoff=Backoff(failures=1, last_failure=0))
    assert core.reconcile(core.Seen(job=over, memory=memory), 0).memory == core.Memory()
    assert core.reconcile(core.Seen(job=over), 0) is NOTHING


LABELS = {UID_LABEL: "job-uid-1"}
OTHER = OwnerReference(api_version="v1", kind="Thing", name="t", uid="t")


def pod(name: str, labels: dict[str, str], **meta: Any) -> Pod:
    return Pod(metadata=ObjectMeta(namespace="ns", name=name, uid=name, labels=labels, **meta))


class TestClaims:
    EXPRESSION = LabelSelector(
        match_expressions=(LabelSelectorRequirement(key=UID_LABEL, operator="Exists"),)
    )

    @pytest.mark.parametrize("selector", [LabelSelector(match_labels=LABELS), EXPRESSION])
    def test_by_labels(self, selector: LabelSelector) -> None:
        """K-JOB-20.7."""
        job = a_job(episodes.job())
        job = replace(job, spec=replace(job.spec, selector=selector))
        mine, lost = pod("mine", LABELS), pod("lost", {})
        orphan, stranger = pod("orphan", LABELS), pod("stranger", {})
        found = claims.sort(job, (mine, lost), (orphan, stranger))
        assert (found.kept, found.release, found.adopt) == ((mine,), (lost,), (orphan,))
        going = job.with_meta(deletion_timestamp=Time(0))
        assert claims.sort(going, (mine, lost), (orphan,)) == claims.Claims(kept=(mine,))

    def test_others_references_stay(self) -> None:
        job = a_job(episodes.job())
        orphan = pod("o", LABELS, owner_references=(OTHER,), finalizers=(TRACKING, "x"))
        patch = claims.adoption(job, orphan).patch["metadata"]
        assert [ref["uid"] for ref in patch["ownerReferences"]] == ["t", "job-uid-1"]
        assert patch["finalizers"] == [TRACKING, "x"]
        patch = claims.release(job, orphan).patch["metadata"]
        assert [ref["uid"] for ref in patch["ownerReferences"]] == ["t"]
        assert patch["finalizers"] == ["x"]

    def test_an_adopted_pod_that_finished_counts_in_the_same_sync(self) -> None:
        """K-JOB-20.7: from the patch on it is tracked."""
        job = a_job(episodes.job(completions=1))
        orphan = pod("o", LABELS)
        orphan = replace(orphan, status=replace(orphan.status, phase="Succeeded"))
        sent, _ = carry_out(core.reconcile(core.Seen(job=job, orphans=(orphan,)), 0))
        assert isinstance(sent[0], Patch)
        status = sent[-1].obj.status  # type: ignore[union-attr]
        assert status.succeeded == 1
