"""Which Jobs an event wakes, and after what delay (K-JOB-11, K-JOB-13).

Source: kubernetes pkg/controller/job/job_controller.go addJob, updateJob, deleteJob, addPod,
updatePod, deletePod.
"""

from __future__ import annotations

from jobsim.api.batch import Job
from jobsim.api.meta import OwnerReference
from jobsim.api.pod import Pod
from jobsim.api.reader import Reader
from jobsim.api.selectors import matches
from jobsim.api.watch import Wake, WatchEvent
from jobsim.controllers.job import conditions
from jobsim.controllers.job.constants import BATCH_WINDOW_NS
from jobsim.units import SECOND


def wakes(event: WatchEvent, reader: Reader) -> list[Wake]:
    """Return the Jobs to look at after an event."""
    obj = event.obj
    if isinstance(obj, Pod):
        return _pod_wakes(event, obj, reader)
    if isinstance(obj, Job):
        return _job_wakes(event, obj)
    return []


def resolve(reader: Reader, namespace: str, owner: OwnerReference | None) -> Job | None:
    """Return the Job that a controller reference means, if that very Job is there."""
    if owner is None or owner.kind != "Job":
        return None
    job = reader.get(Job, namespace, owner.name)
    return job if job is not None and job.uid == owner.uid else None


def _job_wakes(event: WatchEvent, job: Job) -> list[Wake]:
    if event.type != "MODIFIED":
        return [Wake(namespace=job.namespace, name=job.name)]
    if conditions.finished(job):
        return []
    old = event.old
    assert isinstance(old, Job)
    same_spec = job.metadata.generation == old.metadata.generation
    found = [Wake(namespace=job.namespace, name=job.name, delay_ns=BATCH_WINDOW_NS if same_spec else 0)]
    deadline_s, start = job.spec.active_deadline_seconds, job.status.start_time
    if start is not None and deadline_s is not None and deadline_s != old.spec.active_deadline_seconds:
        left = max(0, start + deadline_s * SECOND - event.time)
        found.append(Wake(namespace=job.namespace, name=job.name, delay_ns=left))
    return found


def _pod_wakes(event: WatchEvent, pod: Pod, reader: Reader) -> list[Wake]:
    owner = pod.controller()
    if event.type == "DELETED" or pod.terminating:
        job = resolve(reader, pod.namespace, owner)
        return [] if job is None or conditions.finished(job) else [_batched(job)]
    old = event.old
    found = []
    if isinstance(old, Pod) and old.metadata.owner_references is not pod.metadata.owner_references:
        before = old.controller()
        former = resolve(reader, pod.namespace, before) if before != owner else None
        if former is not None:
            found.append(_batched(former))
    if owner is not None:
        job = resolve(reader, pod.namespace, owner)
        return found if job is None else [*found, _batched(job)]
    if old is None or old.metadata.labels != pod.metadata.labels or _owner_of(old) is not None:
        # An orphan that is new, or changed its labels, may find a Job that adopts it.
        jobs = reader.list(Job, pod.namespace)
        found += [_batched(job) for job in jobs if matches(job.spec.selector, pod.metadata.labels)]
    return found


def _owner_of(obj: object) -> OwnerReference | None:
    return obj.controller() if isinstance(obj, Pod) else None


def _batched(job: Job) -> Wake:
    return Wake(namespace=job.metadata.namespace, name=job.metadata.name, delay_ns=BATCH_WINDOW_NS)
