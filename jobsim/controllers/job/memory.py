"""What the controller remembers of a Job besides its cache: expectations, back-off, own writes.

Rules of the file: a memory belongs to one Job by UID; that of an earlier Job of the same name
counts for nothing (K-JOB-53).  It is the same value until it is replaced: the runtime keeps one per
``namespace/name``, gives it to ``observe``, and takes the new one from ``Plan.memory`` or ``note``.
Events that come while a sync runs are noted after it.  Upstream also remembers pods whose finalizer it
took off and Jobs that it finished (K-JOB-15); a sync that has seen all own writes sees both in its cache.

Source: kubernetes pkg/controller/controller_utils.go ControllerExpectations,
pkg/controller/job/tracking_utils.go, pkg/controller/util/consistency; clauses K-JOB-14..16.
"""

from __future__ import annotations

from jobsim.api._struct import Struct, replace
from jobsim.api.batch import Job
from jobsim.api.meta import Object
from jobsim.api.pod import Pod
from jobsim.api.timing import EXPECTATION_TIMEOUT_NS
from jobsim.api.watch import WatchEvent
from jobsim.controllers.job.backoff import Backoff


class Memory(Struct):
    """The memory of one Job.

    Parameters
    ----------
    uid : str
        The Job that it is about.
    creations, deletions : int
        Pods that the controller made or took away and has not yet seen come or go; may be negative.
    expecting_since : int
        When these were last set, ns.
    backoff : Backoff
    wrote_job, wrote_pods, saw_pods : int
        Revisions: of the last own write of the Job, of the last own write of one of its pods, of the
        last pod event heard.
    """

    uid: str = ""
    creations: int = 0
    deletions: int = 0
    expecting_since: int = 0
    backoff: Backoff = Backoff()
    wrote_job: int = 0
    wrote_pods: int = 0
    saw_pods: int = 0


def memory_of(job: Job, memory: Memory | None) -> Memory:
    """Return the memory of this very Job; an empty one if there is none."""
    if memory is None or memory.uid != job.uid:
        return Memory(uid=job.uid)
    return memory


def revision(obj: Object | None) -> int:
    """Return the revision an object was written at; 0 if it has none."""
    return int(obj.metadata.resource_version or 0) if obj is not None else 0


def satisfied(memory: Memory, now: int, timeout_ns: int = EXPECTATION_TIMEOUT_NS) -> bool:
    """Tell whether all expected pods were seen come or go, or were waited for long enough (K-JOB-14)."""
    if memory.creations <= 0 and memory.deletions <= 0:
        return True
    return now - memory.expecting_since > timeout_ns


def expect(memory: Memory, now: int, *, creations: int = 0, deletions: int = 0) -> Memory:
    """Return the memory with new expectations in place of the old."""
    return replace(memory, creations=creations, deletions=deletions, expecting_since=now)


def lower(memory: Memory, *, creations: int = 0, deletions: int = 0) -> Memory:
    """Return the memory with expectations lowered."""
    if not creations and not deletions:
        return memory
    return replace(memory, creations=memory.creations - creations, deletions=memory.deletions - deletions)


def own_writes_unseen(memory: Memory, job: Job) -> bool:
    """Tell whether the cache lags behind the controller's own writes (K-JOB-16)."""
    return revision(job) < memory.wrote_job or memory.saw_pods < memory.wrote_pods


def key_of(event: WatchEvent) -> tuple[str, str] | None:
    """Return the Job whose memory an event may concern, as (namespace, name), or None."""
    obj = event.obj
    if isinstance(obj, Pod):
        meta = obj.metadata
        for ref in meta.owner_references:
            if ref.controller:
                return (meta.namespace, ref.name) if ref.kind == Job.KIND else None
    elif event.type == "DELETED" and isinstance(obj, Job):
        return obj.key
    return None


def note(event: WatchEvent, memory: Memory | None) -> Memory | None:
    """Return what a memory is after an event.

    A pod that comes lowers the expected creations; a pod seen with a deletion mark, or gone, the
    expected deletions.  A Job that is gone takes its memory with it.
    """
    if memory is None:
        return None
    obj = event.obj
    if not isinstance(obj, Pod):
        return None if obj.uid == memory.uid else memory
    if memory.creations <= 0 and memory.deletions <= 0 and memory.saw_pods >= memory.wrote_pods:
        # Nothing is waited for, as at most events.
        return memory
    owner = obj.controller()
    if owner is None or owner.uid != memory.uid:
        return memory
    creations, deletions, saw_pods = memory.creations, memory.deletions, memory.saw_pods
    if event.type == "DELETED" or obj.metadata.deletion_timestamp is not None:
        deletions -= deletions > 0
    elif event.type == "ADDED":
        creations -= creations > 0
    if saw_pods < memory.wrote_pods and saw_pods < event.revision:
        # Nobody asks how far the cache is unless an own write is still to be seen.
        saw_pods = event.revision
    return replace(memory, creations=creations, deletions=deletions, saw_pods=saw_pods)
