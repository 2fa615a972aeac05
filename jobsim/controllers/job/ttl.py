"""TTL-after-finished: a finished Job is deleted some seconds after its end (K-JOB-71).

Source: kubernetes pkg/controller/ttlafterfinished/ttlafterfinished_controller.go.
Differs: upstream reads the Job once more, uncached, before it deletes.
"""

from __future__ import annotations

from jobsim.api._struct import Struct
from jobsim.api.batch import Job
from jobsim.api.plan import NOTHING, Plan, single
from jobsim.api.reader import Reader
from jobsim.api.watch import Wake, WatchEvent
from jobsim.api.writes import Delete
from jobsim.controllers.job.conditions import COMPLETE, FAILED
from jobsim.units import SECOND


class Seen(Struct):
    """A Job that may have outlived its end."""

    job: Job


def wakes(event: WatchEvent, reader: Reader) -> list[Wake]:
    """Return the Job of an event, if it is to be cleaned up some time."""
    job = event.obj
    if event.type == "DELETED" or not isinstance(job, Job) or expiry(job) is None:
        return []
    return [Wake(namespace=job.namespace, name=job.name)]


def observe(reader: Reader, namespace: str, name: str, memory: object = None) -> Seen | None:
    """Read a Job; None if it is not to be cleaned up."""
    job = reader.get(Job, namespace, name)
    return None if job is None or expiry(job) is None else Seen(job=job)


def expiry(job: Job) -> int | None:
    """Return when a Job's time is over, ns; None if it is not finished, has no TTL, or goes already."""
    ttl_s = job.spec.ttl_seconds_after_finished
    if ttl_s is None or job.terminating:
        return None
    for condition in job.status.conditions:
        if condition.type in (COMPLETE, FAILED) and condition.status == "True":
            finished = condition.last_transition_time
            return None if finished is None else finished + ttl_s * SECOND
    return None


def reconcile(seen: Seen, now: int, gates: object = None) -> Plan:
    """Delete the Job in the foreground when its time is over, else look again then."""
    job = seen.job
    end = expiry(job)
    if end is None:
        return NOTHING
    if now < end:
        return Plan(requeue_after_ns=end - now)
    delete = Delete(kind="Job", namespace=job.namespace, name=job.name, propagation="Foreground", uid=job.uid)
    return Plan(steps=(single(delete),))
