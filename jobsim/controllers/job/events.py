"""Which Jobs an event wakes, and after what delay (K-JOB-11, K-JOB-13).

Source: kubernetes pkg/controller/job/job_controller.go addJob, updateJob, deleteJob, addPod,
updatePod, deletePod.
"""

from __future__ import annotations

from jobsim.api.batch import Job
from jobsim.api.meta import Object, ObjectMeta
from jobsim.api.pod import Pod
from jobsim.api.reader import Reader
from jobsim.api.selectors import matches
from jobsim.api.timing import JOB_SYNC_WINDOW_NS
from jobsim.api.watch import Wake, WatchEvent
from jobsim.controllers.job import conditions
from jobsim.units import SECOND


def wakes(event: WatchEvent, reader: Reader, window_ns: int = JOB_SYNC_WINDOW_NS) -> list[Wake]:
    """Return the Jobs to look at after an event.

    Parameters
    ----------
    window_ns : int
        Events that may come in numbers wait this long for more of them.
    """
    obj = event.obj
    if not isinstance(obj, Pod):
        return _job_wakes(event, obj, window_ns) if isinstance(obj, Job) else []
    meta = obj.metadata
    job = controlling_job(reader, meta)
    if event.type == "DELETED" or meta.deletion_timestamp is not None:
        return [] if job is None or conditions.finished(job) else [_batched(job, window_ns)]
    old = event.old
    if job is not None and (old is None or old.metadata.owner_references is meta.owner_references):
        return [_batched(job, window_ns)]
    return _wakes_by_new_owner(obj, old, job, reader, window_ns)


def controlling_job(reader: Reader, meta: ObjectMeta) -> Job | None:
    """Return the Job that a pod's controller reference means, if that very Job is there."""
    for ref in meta.owner_references:
        if ref.controller:
            if ref.kind != Job.KIND:
                return None
            job = reader.get(Job, meta.namespace, ref.name)
            return job if job is not None and job.metadata.uid == ref.uid else None
    return None


def _job_wakes(event: WatchEvent, job: Job, window_ns: int) -> list[Wake]:
    if event.type != "MODIFIED":
        return [Wake(namespace=job.namespace, name=job.name)]
    if conditions.finished(job):
        return []
    old = event.old
    assert isinstance(old, Job)
    same_spec = job.metadata.generation == old.metadata.generation
    found = [Wake(namespace=job.namespace, name=job.name, delay_ns=window_ns if same_spec else 0)]
    deadline_s, start = job.spec.active_deadline_seconds, job.status.start_time
    if start is not None and deadline_s is not None and deadline_s != old.spec.active_deadline_seconds:
        left = max(0, start + deadline_s * SECOND - event.time)
        found.append(Wake(namespace=job.namespace, name=job.name, delay_ns=left))
    return found


def _wakes_by_new_owner(
    pod: Pod, old: Object | None, job: Job | None, reader: Reader, window_ns: int
) -> list[Wake]:
    """Return the Jobs to look at when a pod may have changed hands."""
    found = _former_owner(pod, old, reader, window_ns)
    if job is not None:
        found.append(_batched(job, window_ns))
    elif pod.controller() is None and _may_be_adopted(pod, old):
        labels = pod.metadata.labels
        jobs = reader.list(Job, pod.metadata.namespace)
        found += [_batched(job, window_ns) for job in jobs if matches(job.spec.selector, labels)]
    return found


def _former_owner(pod: Pod, old: Object | None, reader: Reader, window_ns: int) -> list[Wake]:
    """Return the Job that a pod has left."""
    if old is None or old.controller() == pod.controller():
        return []
    job = controlling_job(reader, old.metadata)
    return [] if job is None else [_batched(job, window_ns)]


def _may_be_adopted(pod: Pod, old: Object | None) -> bool:
    """Tell whether an orphan is new, or has changed so that it may find a Job that adopts it."""
    return old is None or old.metadata.labels != pod.metadata.labels or old.controller() is not None


def _batched(job: Job, window_ns: int) -> Wake:
    return Wake(namespace=job.metadata.namespace, name=job.metadata.name, delay_ns=window_ns)
