"""Laws of a cluster in which nothing is left to happen: all has been heard, done and written.

While things happen the parts disagree, as they do upstream; in the end what is written is what there is.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobsim.api.batch import Job
from jobsim.api.core import Node
from jobsim.api.jobset import (
    JOB_INDEX,
    JOB_RESTART_ATTEMPT,
    REPLICATED_JOB_NAME,
    RESTART_ATTEMPT,
    JobSet,
)
from jobsim.api.kinds import KINDS
from jobsim.api.meta import Object, is_true
from jobsim.api.pod import Pod
from jobsim.apiserver.index import OWNER_UID
from jobsim.controllers.invariants_law import Scene, SettledLaw, finished, ours, owner_job, owner_jobset
from jobsim.controllers.invariants_pod import overfull
from jobsim.controllers.job.constants import COMPLETION_INDEX, TRACKING_FINALIZER
from jobsim.controllers.job.reconcile import managed_elsewhere
from jobsim.controllers.jobset.construct import job_name


def owner_is_there(obj: Object, scene: Scene) -> str:
    """What is controlled has its controller, or has been collected (K-JOB-121, C-ENV-01)."""
    ref = obj.controller()
    if ref is None or ref.kind not in KINDS or obj.terminating:
        return ""
    owner = scene.reader.find(ref.kind, obj.metadata.namespace, ref.name)
    if owner is not None and owner.metadata.uid == ref.uid:
        return ""
    return f"outlives its {ref.kind} {ref.name}"


def waits_for_something(obj: Object, scene: Scene) -> str:
    """An owner that waits for its dependents has some (K-JOB-122)."""
    if not obj.terminating or "foregroundDeletion" not in obj.metadata.finalizers:
        return ""
    return "" if scene.reader.has_blocking_dependent(obj.metadata.uid) else "waits for dependents it has not"


def counts_of_children(jobset: JobSet, scene: Scene) -> str:
    """replicatedJobsStatus counts the current Jobs (C-STS-02..05, C-CND-21)."""
    if jobset.terminating or not ours(jobset) or _in_error_loop(jobset, scene):
        return ""
    children = _current(jobset, scene)
    for status in jobset.status.replicated_jobs_status:
        if not status.name:
            # Upstream takes the Jobs of a nameless replicated job for unlabelled, and leaves them out.
            continue
        jobs = [job for job in children if job.metadata.labels.get(REPLICATED_JOB_NAME) == status.name]
        active = [job for job in jobs if not finished(job)]
        found = (
            sum(_is_ready(job) for job in active),
            sum(is_true(job.status.conditions, "Complete") for job in jobs),
            sum(is_true(job.status.conditions, "Failed") for job in jobs),
            sum(job.status.active > 0 for job in active),
            sum(bool(job.spec.suspend) for job in active),
        )
        told = (status.ready, status.succeeded, status.failed, status.active, status.suspended)
        if told != found:
            return (
                f"{status.name} tells {told}, there are {found} (ready, succeeded, failed, active, suspended)"
            )
    return ""


def old_children_gone(jobset: JobSet, scene: Scene) -> str:
    """Jobs of old attempts are deleted, unless the JobSet had finished before (C-REC-06, C-REC-07)."""
    if jobset.terminating or finished(jobset) or not ours(jobset):
        return ""
    left = [job.name for job in _children(jobset, scene) if _is_old(job, jobset) and not job.terminating]
    return f"{left} of old attempts are left" if left else ""


def finished_has_no_active(jobset: JobSet, scene: Scene) -> str:
    """A finished JobSet's active Jobs are deleted (C-REC-06)."""
    if jobset.terminating or not finished(jobset) or not ours(jobset):
        return ""
    left = [job.name for job in _current(jobset, scene) if not finished(job) and not job.terminating]
    return f"finished, and {left} go on" if left else ""


def suspended_as_a_whole(jobset: JobSet, scene: Scene) -> str:
    """A suspended JobSet's active Jobs are suspended (C-SUS-02)."""
    if not _goes_on(jobset, scene) or not jobset.spec.suspend:
        return ""
    left = [job.name for job in _current(jobset, scene) if not finished(job) and not job.spec.suspend]
    return f"suspended, and {left} are not" if left else ""


def resumed_as_a_whole(jobset: JobSet, scene: Scene) -> str:
    """A JobSet that says it is resumed has no suspended Job that waits for nothing (C-SUS-04)."""
    if not _goes_on(jobset, scene) or jobset.spec.suspend:
        return ""
    if is_true(jobset.status.conditions, "Suspended"):
        return "" if _ordered(jobset) else "not suspended, and says it is"
    waiting = {rjob.name for rjob in jobset.spec.replicated_jobs if rjob.depends_on}
    left = [
        job.name
        for job in _current(jobset, scene)
        if job.spec.suspend
        and not finished(job)
        and job.metadata.labels.get(REPLICATED_JOB_NAME) not in waiting
    ]
    return f"resumed, and {left} are suspended" if left and not _ordered(jobset) else ""


def counts_of_pods(job: Job, scene: Scene) -> str:
    """active, ready and terminating count the Job's pods (K-JOB-102)."""
    if finished(job) or managed_elsewhere(job) or job.status == type(job.status)():
        return ""
    pods = _pods(job, scene)
    active = [pod for pod in pods if not pod.terminal and not pod.terminating]
    ready = sum(is_true(pod.status.conditions, "Ready") for pod in active)
    terminating = sum(pod.terminating and not pod.terminal for pod in pods)
    status = job.status
    told = (status.active, status.ready or 0, status.terminating or 0)
    found = (len(active), ready, terminating)
    return "" if told == found else f"tells {told}, there are {found} (active, ready, terminating)"


def suspended_has_no_pods(job: Job, scene: Scene) -> str:
    """A suspended Job has no active pod (K-JOB-80)."""
    if not job.spec.suspend or finished(job) or managed_elsewhere(job) or job.terminating:
        return ""
    left = [pod.name for pod in _pods(job, scene) if not pod.terminal and not pod.terminating]
    return f"suspended, and {left} go on" if left else ""


def finished_untracked(job: Job, scene: Scene) -> str:
    """A finished Job's pods have lost the tracking finalizer (K-JOB-101, K-JOB-123)."""
    if not finished(job) or managed_elsewhere(job):
        return ""
    held = [pod.name for pod in _pods(job, scene) if TRACKING_FINALIZER in pod.metadata.finalizers]
    return f"finished, and {held} are tracked" if held else ""


def one_pod_an_index(job: Job, scene: Scene) -> str:
    """No index has two active pods (K-JOB-37, K-JOB-40)."""
    if job.spec.completion_mode != "Indexed" or managed_elsewhere(job):
        return ""
    held: set[str] = set()
    for pod in _pods(job, scene):
        if pod.terminal or pod.terminating:
            continue
        index = pod.metadata.annotations.get(COMPLETION_INDEX, "")
        if index in held:
            return f"index {index} has two active pods"
        held.add(index)
    return ""


def tracked_by_somebody(pod: Pod, scene: Scene) -> str:
    """A pod has the tracking finalizer only while a Job is to count it (K-JOB-13, K-JOB-123)."""
    ref = pod.controller()
    if TRACKING_FINALIZER not in pod.metadata.finalizers or (ref is not None and ref.kind != Job.KIND):
        return ""
    return "is tracked, but by no Job" if owner_job(pod, scene.reader) is None else ""


def node_has_room(node: Node, scene: Scene) -> str:
    """Live bound pods fit their node (K-SCH-10)."""
    return overfull(node, scene.reader)


def _goes_on(jobset: JobSet, scene: Scene) -> bool:
    """Tell whether our controller comes to the end of its passes over an unfinished JobSet."""
    if jobset.terminating or finished(jobset) or not ours(jobset):
        return False
    return not _in_error_loop(jobset, scene)


def _in_error_loop(jobset: JobSet, scene: Scene) -> bool:
    """Tell whether another's Job has a child's name: no status is written (C-CRE-07, C-CRE-08)."""
    for rjob in jobset.spec.replicated_jobs:
        for index in range(rjob.replicas):
            job = scene.reader.get(Job, jobset.namespace, job_name(jobset.name, rjob.name, index))
            if job is not None and owner_jobset(job, scene.reader) is not jobset:
                return True
    return False


def _children(jobset: JobSet, scene: Scene) -> Sequence[Job]:
    jobs = scene.reader.by_index(Job, OWNER_UID, jobset.uid)
    return [job for job in jobs if owner_jobset(job, scene.reader) is not None]


def _current(jobset: JobSet, scene: Scene) -> list[Job]:
    return [job for job in _children(jobset, scene) if not _is_old(job, jobset)]


def _is_old(job: Job, jobset: JobSet) -> bool:
    """Tell whether a Job is of an old attempt: of the JobSet, or of its own (C-BKT-03, C-BKT-04)."""
    labels = job.metadata.labels
    attempt = labels.get(RESTART_ATTEMPT, "")
    if attempt.isdecimal() and int(attempt) < jobset.status.restarts:
        return True
    alone, index = labels.get(JOB_RESTART_ATTEMPT, ""), labels.get(JOB_INDEX, "")
    if not alone.isdecimal() or not index.isdecimal():
        return False
    for status in jobset.status.replicated_jobs_status:
        if status.name == labels.get(REPLICATED_JOB_NAME) and int(index) < len(status.job_restarts):
            return int(alone) < status.job_restarts[int(index)]
    return False


def _is_ready(job: Job) -> bool:
    """Tell whether as many pods are ready or succeeded as the Job runs (C-STS-03)."""
    pods = job.spec.parallelism or 0
    if job.spec.completions is not None:
        pods = min(pods, job.spec.completions)
    return job.status.succeeded + (job.status.ready or 0) >= pods


def _ordered(jobset: JobSet) -> bool:
    policy = jobset.spec.startup_policy
    return policy is not None and policy.startup_policy_order == "InOrder"


def _pods(job: Job, scene: Scene) -> Sequence[Pod]:
    return scene.reader.by_index(Pod, OWNER_UID, job.uid)


#: By kind; "" is every kind.
LAWS: dict[str, tuple[SettledLaw, ...]] = {
    "": (
        SettledLaw("owner-is-there", "K-JOB-121", owner_is_there),
        SettledLaw("waits-for-something", "K-JOB-122", waits_for_something),
    ),
    "JobSet": (
        SettledLaw("counts-of-children", "C-STS-02", counts_of_children),
        SettledLaw("old-children-gone", "C-REC-07", old_children_gone),
        SettledLaw("finished-has-no-active", "C-REC-06", finished_has_no_active),
        SettledLaw("suspended-as-a-whole", "C-SUS-02", suspended_as_a_whole),
        SettledLaw("resumed-as-a-whole", "C-SUS-04", resumed_as_a_whole),
    ),
    "Job": (
        SettledLaw("counts-of-pods", "K-JOB-102", counts_of_pods),
        SettledLaw("suspended-has-no-pods", "K-JOB-80", suspended_has_no_pods),
        SettledLaw("finished-untracked", "K-JOB-101", finished_untracked),
        SettledLaw("one-pod-an-index", "K-JOB-37", one_pod_an_index),
    ),
    "Pod": (SettledLaw("tracked-by-somebody", "K-JOB-123", tracked_by_somebody),),
    "Node": (SettledLaw("node-has-room", "K-SCH-10", node_has_room),),
}
