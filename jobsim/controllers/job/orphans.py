"""The orphan queue: pods that no Job accounts for lose the tracking finalizer (K-JOB-13, K-JOB-123).

A key is a pod's name, or ``uid/<UID>`` for all pods of a Job that is finished or gone (upstream: of
its selector).  Delays are none, errors are retried as in the Job queue.

Source: kubernetes pkg/controller/job/job_controller.go syncOrphanPod.
"""

from __future__ import annotations

from jobsim.api._struct import Struct
from jobsim.api.batch import Job
from jobsim.api.plan import NOTHING, Plan, parallel
from jobsim.api.pod import Pod
from jobsim.api.reader import Reader
from jobsim.api.watch import Wake, WatchEvent
from jobsim.api.writes import PatchFinalizers, Write
from jobsim.apiserver.index import OWNER_UID
from jobsim.controllers.job import conditions
from jobsim.controllers.job.constants import TRACKING_FINALIZER
from jobsim.controllers.job.events import controlling_job
from jobsim.controllers.job.reconcile import managed_elsewhere

_BY_UID = "uid/"


class Seen(Struct):
    """Pods that carry the tracking finalizer to no purpose, as (namespace, name)."""

    pods: tuple[tuple[str, str], ...]


def wakes(event: WatchEvent, reader: Reader) -> list[Wake]:
    """Return the keys to look at after an event."""
    obj = event.obj
    if not isinstance(obj, Pod):
        return _job_wakes(event, obj) if isinstance(obj, Job) else []
    meta = obj.metadata
    if TRACKING_FINALIZER not in meta.finalizers or event.type == "DELETED":
        return []
    if meta.deletion_timestamp is None:
        if obj.controller() is not None:
            return []
    else:
        job = controlling_job(reader, meta)
        if job is not None and not conditions.finished(job):
            return []
    return [Wake(namespace=meta.namespace, name=meta.name)]


def _job_wakes(event: WatchEvent, job: Job) -> list[Wake]:
    done = event.type == "DELETED" or (event.type == "MODIFIED" and conditions.finished(job))
    return [Wake(namespace=job.namespace, name=_BY_UID + job.uid)] if done else []


def observe(reader: Reader, namespace: str, name: str, memory: object = None) -> Seen | None:
    """Read which pods of a key are nobody's business; None if none are."""
    if name.startswith(_BY_UID):
        candidates = list(reader.by_index(Pod, OWNER_UID, name.removeprefix(_BY_UID)))
    else:
        pod = reader.get(Pod, namespace, name)
        candidates = [] if pod is None else [pod]
    found = tuple(pod.key for pod in candidates if _is_abandoned(pod, reader))
    return Seen(pods=found) if found else None


def _is_abandoned(pod: Pod, reader: Reader) -> bool:
    """Tell whether a pod has the tracking finalizer and no Job that would take it off."""
    if TRACKING_FINALIZER not in pod.metadata.finalizers:
        return False
    owner = pod.controller()
    if owner is None:
        return True
    if owner.kind != "Job" or owner.api_version != Job.API_VERSION:
        return False
    job = controlling_job(reader, pod.metadata)
    return job is None or (conditions.finished(job) and not managed_elsewhere(job))


def reconcile(seen: Seen, now: int, gates: object = None) -> Plan:
    """Take the tracking finalizer off."""
    if not seen.pods:
        return NOTHING
    writes: list[Write] = [
        PatchFinalizers(kind="Pod", namespace=namespace, name=name, finalizer=TRACKING_FINALIZER)
        for namespace, name in seen.pods
    ]
    return Plan(steps=(parallel(writes, max_parallel=1, ignore=("NotFound",)),))
