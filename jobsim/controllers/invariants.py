"""What must hold in a cluster of JobSets: after every write, and when nothing is left to happen.

``Checker.check`` asks the laws about one change; it costs as much as the change is unusual.
``Checker.settled`` asks those about a cluster at rest; ``stable`` tells which JobSets stay unfinished
without a reason.  The laws themselves, one small function each with its clause, are in the
``invariants_*`` files beside this one; ``LAWS`` and ``SETTLED`` are all of them by kind.

Laws are about what controllers do.  Where somebody else writes a status, they are not asked: a JobSet or
Job that another controller manages (C-MGD-03, K-JOB-90).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from jobsim.api.batch import Job
from jobsim.api.jobset import EXCLUSIVE_TOPOLOGY, JobSet, ReplicatedJob
from jobsim.api.kinds import KINDS
from jobsim.api.meta import Object
from jobsim.api.pod import Pod
from jobsim.api.reader import Reader
from jobsim.api.watch import WatchEvent
from jobsim.apiserver.index import OWNER_UID
from jobsim.controllers import (
    invariants_child,
    invariants_job,
    invariants_jobset,
    invariants_object,
    invariants_pod,
    invariants_settled,
)
from jobsim.controllers.exclusive_placement import is_leader
from jobsim.controllers.invariants_law import Law, Scene, SettledLaw, Violation, When, finished, ours
from jobsim.controllers.invariants_scheduling import left_pending
from jobsim.controllers.job import indexes
from jobsim.controllers.job.reconcile import managed_elsewhere
from jobsim.controllers.jobset.construct import job_name
from jobsim.controllers.jobset.gates import Gates

__all__ = ["LAWS", "SETTLED", "Checker", "Law", "Violation", "check", "check_all", "stable", "why_unfinished"]

#: All laws about changes; those of "" hold for every kind.
LAWS: Mapping[str, tuple[Law, ...]] = {
    "": invariants_object.LAWS,
    "JobSet": invariants_jobset.LAWS,
    "Job": (*invariants_job.LAWS, *invariants_child.JOB_LAWS),
    "Pod": invariants_pod.LAWS,
    "Service": invariants_child.SERVICE_LAWS,
    "PersistentVolumeClaim": invariants_child.CLAIM_LAWS,
}
#: All laws about a cluster at rest.
SETTLED: Mapping[str, tuple[SettledLaw, ...]] = invariants_settled.LAWS
_NO_GATES = Gates()


class Checker:
    """Asks the laws about one change after the other.

    Parameters
    ----------
    reader : Reader
        The store itself; every change is in it when it is asked about.
    gates : Gates
    calm : bool
        Whether no cache lags.
    honest : bool
        Whether no answer to a write that was made gets lost.
    """

    def __init__(self, reader: Reader, gates: Gates = _NO_GATES, *, calm: bool, honest: bool = True) -> None:
        self._scene = Scene(reader, gates, {}, {}, {})
        self._given = ("", *(["honest"] if honest else []), *(["calm"] if calm and honest else []))
        self._chosen: dict[tuple[str, When], tuple[Law, ...]] = {}

    def check(self, event: WatchEvent) -> list[Violation]:
        """Return the laws that a change breaks."""
        old, new = event.old, event.obj
        broken: list[Violation] = []
        for law in self._laws(event):
            text = law.check(old, new, self._scene)
            if text:
                broken.append(Violation(law.name, law.clause, _about(new), text))
        if isinstance(new, Job):
            self._note_idle(event, new)
            self._note_counted(event, new)
        elif isinstance(new, Pod) and event.type != "MODIFIED":
            self._note_latest(event, new)
        return broken

    def settled(self) -> list[Violation]:
        """Return the laws that a cluster at rest breaks."""
        reader = self._scene.reader
        broken = [violation for obj in _objects(reader) for violation in self._settled(obj)]
        return broken + left_pending(reader)

    def _settled(self, obj: Object) -> Iterator[Violation]:
        for law in (*SETTLED[""], *SETTLED.get(obj.kind, ())):
            text = law.check(obj, self._scene)
            if text:
                yield Violation(law.name, law.clause, _about(obj), text)

    def _laws(self, event: WatchEvent) -> Iterator[Law]:
        """Yield the laws to ask about a change."""
        old, new = event.old, event.obj
        if event.type == "DELETED":
            yield from self._of(new.kind, "gone")
        elif old is None:
            yield from self._of(new.kind, "born")
        else:
            yield from self._of(new.kind, "changed")
            if getattr(old, "spec", None) is not getattr(new, "spec", None):
                yield from self._of(new.kind, "spec")
            if getattr(old, "status", None) is not getattr(new, "status", None) and not _alien(new):
                yield from self._of(new.kind, "status")

    def _of(self, kind: str, when: When) -> tuple[Law, ...]:
        laws = self._chosen.get((kind, when))
        if laws is None:
            candidates = (*LAWS[""], *LAWS.get(kind, ()))
            laws = tuple(law for law in candidates if law.when == when and law.needs in self._given)
            self._chosen[kind, when] = laws
        return laws

    def _note_idle(self, event: WatchEvent, job: Job) -> None:
        """Keep which Jobs are suspended and have said so."""
        idle = self._scene.idle
        old = event.old
        assert old is None or isinstance(old, Job)
        if event.type != "DELETED" and invariants_pod.idle_after(old, job, job.uid in idle):
            idle[job.uid] = True
        else:
            idle.pop(job.uid, None)

    def _note_counted(self, event: WatchEvent, job: Job) -> None:
        """Keep which pods of a Job have become counts."""
        counted, old = self._scene.counted, event.old
        if event.type == "DELETED":
            counted.pop(job.uid, None)
        elif isinstance(old, Job) and old.status is not job.status:
            for uids in invariants_job.turned(old, job):
                if uids:
                    counted.setdefault(job.uid, set()).update(uids)

    def _note_latest(self, event: WatchEvent, pod: Pod) -> None:
        """Keep which pod was made last for an index of a Job."""
        key = invariants_pod.place_of(pod)
        if key is None:
            return
        latest = self._scene.latest
        if event.type == "ADDED":
            latest[key] = pod.name
        elif latest.get(key) == pod.name:
            del latest[key]


def check(
    event: WatchEvent, reader: Reader, gates: Gates = _NO_GATES, *, calm: bool = True
) -> list[Violation]:
    """Return the laws that one change breaks, whatever came before it."""
    return Checker(reader, gates, calm=calm).check(event)


def check_all(reader: Reader, gates: Gates = _NO_GATES) -> list[Violation]:
    """Return the laws that a cluster at rest breaks."""
    return Checker(reader, gates, calm=True).settled()


def stable(reader: Reader, gates: Gates = _NO_GATES) -> list[Violation]:
    """Return the JobSets that stay unfinished in a cluster at rest though nothing keeps them.

    Liveness: without new faults a JobSet comes to a terminal state, or to one that says why it stays.
    """
    return [
        Violation("liveness", "C-REC-06", _about(jobset), "is unfinished, and nothing keeps it")
        for jobset in reader.list(JobSet)
        if not finished(jobset) and not why_unfinished(jobset, reader, gates)
    ]


def why_unfinished(jobset: JobSet, reader: Reader, gates: Gates = _NO_GATES) -> str:
    """Return what keeps a JobSet from a terminal state, or nothing."""
    if not ours(jobset):
        return f"managed by {jobset.spec.managed_by} (C-MGD-01)"
    if jobset.terminating:
        held = bool(jobset.metadata.finalizers) or reader.has_blocking_dependent(jobset.uid)
        return "being deleted, and something holds it (K-JOB-122)" if held else ""
    if jobset.spec.suspend:
        return "suspended (C-SUS-01)"
    spec = jobset.spec
    if sum(rjob.replicas for rjob in spec.replicated_jobs) <= 0:
        return "no Job, so no success (C-SUC-05)"
    if spec.network is None and gates.version == "v0.12.0":
        return "spec.network was removed (C-DIF-02)"
    if spec.success_policy is None:
        return "spec.successPolicy was removed (C-UPD-10)"
    for rjob in spec.replicated_jobs:
        for index in range(rjob.replicas):
            job = reader.get(Job, jobset.namespace, job_name(jobset.name, rjob.name, index))
            why = _why_missing(jobset, rjob, reader) if job is None else _why_job(job, jobset, reader)
            if why:
                return why
    targets = spec.success_policy.target_replicated_jobs
    if targets and not sum(rjob.replicas for rjob in spec.replicated_jobs if rjob.name in targets):
        return "the targets of successPolicy have no Jobs (C-SUC-05)"
    return ""


def _why_missing(jobset: JobSet, rjob: ReplicatedJob, reader: Reader) -> str:
    """Return why a Job is not created, where the Jobs that it waits for do not say it."""
    template = rjob.template.spec
    if template.completion_mode == "Indexed" and template.completions is None and template.parallelism:
        return f"the API server refuses Jobs of {rjob.name} (C-CRE-08)"
    if any(item.name == rjob.name for item in rjob.depends_on or ()):
        return f"{rjob.name} depends on itself (C-VAL-10)"
    return ""


def _why_job(job: Job, jobset: JobSet, reader: Reader) -> str:
    """Return why a Job is where it is, as far as that keeps its JobSet."""
    owner = job.controller()
    if owner is None or owner.uid != jobset.uid:
        return f"{job.name} is another's (C-CRE-07)"
    pods = reader.by_index(Pod, OWNER_UID, job.uid)
    left = [pod for pod in pods if not pod.terminal or pod.terminating]
    if left:
        return f"{left[0].name} is not done"
    if finished(job):
        return ""
    if managed_elsewhere(job):
        return f"{job.name} is managed by {job.spec.managed_by} (K-JOB-90)"
    if job.spec.parallelism == 0:
        return f"{job.name} runs no pods (K-JOB-30)"
    if EXCLUSIVE_TOPOLOGY in job.spec.template.metadata.annotations and not _may_have_leader(job, pods):
        return f"followers of {job.name} have no leader (C-EXC-11, C-EXC-12, C-EXC-18)"
    if job.spec.suspend and _in_order(jobset):
        # Somebody suspended it after as many pods succeeded as run at a time: so it counts as started.
        return f"{job.name} is suspended, and InOrder resumes no Job that has started (C-SUS-04, C-STS-03)"
    return ""


def _may_have_leader(job: Job, pods: Sequence[Pod]) -> bool:
    """Tell whether index 0 is still to run; one leader that ended is one too many for the next (C-EXC-11)."""
    if job.spec.completion_mode != "Indexed" or any(is_leader(pod) for pod in pods):
        return False
    done = (job.status.completed_indexes, job.status.failed_indexes or "")
    return not any(indexes.contains(indexes.parse(text, 1), 0) for text in done)


def _in_order(jobset: JobSet) -> bool:
    policy = jobset.spec.startup_policy
    return policy is not None and policy.startup_policy_order == "InOrder"


def _alien(obj: Object) -> bool:
    """Tell whether another controller writes the status."""
    if isinstance(obj, JobSet):
        return not ours(obj)
    return isinstance(obj, Job) and managed_elsewhere(obj)


def _about(obj: Object) -> str:
    return f"{obj.kind} {obj.namespace}/{obj.name}" if obj.namespace else f"{obj.kind} {obj.name}"


def _objects(reader: Reader) -> Iterator[Object]:
    """Yield the objects that laws about rest are asked of, by kind."""
    for info in KINDS.values():
        yield from reader.list(info.type)
