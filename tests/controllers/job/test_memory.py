"""What the controller remembers: expectations, own writes, and whose they are."""

from __future__ import annotations

import pytest

from jobsim.api._struct import Time
from jobsim.api.batch import Job
from jobsim.api.meta import ObjectMeta, OwnerReference
from jobsim.api.pod import Pod
from jobsim.api.watch import WatchEvent
from jobsim.controllers.job.backoff import Backoff
from jobsim.controllers.job.memory import (
    Memory,
    expect,
    key_of,
    lower,
    memory_of,
    note,
    own_writes_unseen,
    satisfied,
)
from jobsim.units import SECOND

JOB = Job(metadata=ObjectMeta(namespace="ns", name="j", uid="u", resource_version="7"))


def pod(*, uid: str = "u", kind: str = "Job", deleted: bool = False) -> Pod:
    owner = OwnerReference(api_version="batch/v1", kind=kind, name="j", uid=uid, controller=True)
    stamp = Time(0) if deleted else None
    meta = ObjectMeta(namespace="ns", name="p", owner_references=(owner,), deletion_timestamp=stamp)
    return Pod(metadata=meta)


def event(type_: str, obj: Pod | Job, revision: int = 9) -> WatchEvent:
    return WatchEvent(type=type_, obj=obj, old=None, revision=revision, time=0)  # type: ignore[arg-type]


OPEN = Memory(uid="u", creations=2, deletions=2)


@pytest.mark.parametrize(
    ("heard", "creations", "deletions"),
    [
        pytest.param(event("ADDED", pod()), 1, 2, id="came"),
        pytest.param(event("ADDED", pod(deleted=True)), 2, 1, id="came-with-a-mark"),
        pytest.param(event("MODIFIED", pod()), 2, 2, id="changed"),
        pytest.param(event("MODIFIED", pod(deleted=True)), 2, 1, id="marked"),
        pytest.param(event("DELETED", pod()), 2, 1, id="gone"),
        pytest.param(event("DELETED", pod(uid="other")), 2, 2, id="of-an-earlier-job"),
        pytest.param(event("DELETED", Pod()), 2, 2, id="nobodys"),
    ],
)
def test_events_lower_expectations(heard: WatchEvent, creations: int, deletions: int) -> None:
    """K-JOB-14."""
    memory = note(heard, OPEN)
    assert memory is not None
    assert (memory.creations, memory.deletions) == (creations, deletions)


def test_nothing_is_lowered_below_none() -> None:
    memory = Memory(uid="u")
    assert note(event("ADDED", pod()), memory) == memory
    assert note(event("DELETED", pod()), memory) == memory
    assert note(event("ADDED", pod()), None) is None


def test_expectations_end_after_five_minutes() -> None:
    """K-JOB-14."""
    memory = expect(Memory(uid="u"), 10 * SECOND, creations=1)
    assert not satisfied(memory, 310 * SECOND)
    assert satisfied(memory, 310 * SECOND + 1)
    assert satisfied(lower(memory, creations=1), 10 * SECOND)
    assert lower(memory) is memory


def test_a_job_that_is_gone_is_forgotten() -> None:
    """K-JOB-53."""
    assert note(event("DELETED", JOB), OPEN) is None
    assert note(event("DELETED", JOB.with_meta(uid="later")), OPEN) == OPEN


def test_the_memory_of_an_earlier_job_counts_for_nothing() -> None:
    """K-JOB-53."""
    old = Memory(uid="earlier", backoff=Backoff(failures=3, last_failure=1))
    assert memory_of(JOB, old) == memory_of(JOB, None) == Memory(uid="u")
    assert memory_of(JOB, OPEN) is OPEN


def test_own_writes_are_waited_for() -> None:
    """K-JOB-16."""
    assert not own_writes_unseen(Memory(uid="u", wrote_job=7), JOB)
    assert own_writes_unseen(Memory(uid="u", wrote_job=8), JOB)
    waiting = Memory(uid="u", wrote_pods=5)
    assert own_writes_unseen(waiting, JOB)
    for revision, unseen in ((4, True), (5, False)):
        heard = note(event("MODIFIED", pod(), revision), waiting)
        assert heard is not None
        assert own_writes_unseen(heard, JOB) == unseen


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        (event("ADDED", pod()), ("ns", "j")),
        (event("ADDED", pod(kind="ReplicaSet")), None),
        (event("ADDED", Pod()), None),
        (event("DELETED", JOB), ("ns", "j")),
        (event("MODIFIED", JOB), None),
    ],
)
def test_whose_memory_an_event_concerns(heard: WatchEvent, expected: tuple[str, str] | None) -> None:
    assert key_of(heard) == expected
