"""Laws of what a JobSet creates: child Jobs, the Service, claims (contract sections 3.5, 3.7, 4, 10.3)."""

from __future__ import annotations

from jobsim.api.batch import Job
from jobsim.api.core import Service
from jobsim.api.jobset import (
    COORDINATOR,
    GLOBAL_REPLICAS,
    GROUP_NAME,
    GROUP_REPLICAS,
    JOB_GLOBAL_INDEX,
    JOB_GROUP_INDEX,
    JOB_INDEX,
    JOB_KEY,
    JOB_RESTART_ATTEMPT,
    JOBSET_NAME,
    JOBSET_UID,
    REPLICATED_JOB_NAME,
    REPLICATED_JOB_REPLICAS,
    RESTART_ATTEMPT,
    JobSet,
    ReplicatedJob,
)
from jobsim.api.meta import is_true
from jobsim.api.reader import Reader
from jobsim.api.volume import PersistentVolumeClaim
from jobsim.apiserver.index import OWNER_UID
from jobsim.controllers.invariants_law import Law, Scene, finished, ours, owner_jobset
from jobsim.controllers.jobset.construct import job_key, job_name, subdomain

_KEYS = (
    *(JOBSET_NAME, JOBSET_UID, REPLICATED_JOB_NAME, RESTART_ATTEMPT, REPLICATED_JOB_REPLICAS),
    *(GLOBAL_REPLICAS, JOB_INDEX, JOB_KEY, JOB_GLOBAL_INDEX, GROUP_NAME, GROUP_REPLICAS, JOB_GROUP_INDEX),
)
#: What a child says about itself for life (C-JOB-07).
_FOR_LIFE = (*_KEYS, JOB_RESTART_ATTEMPT, COORDINATOR)


def child_has_place(old: None, job: Job, scene: Scene) -> str:
    """A child Job has the name of one index of one replicated job (C-JOB-01, C-JOB-05).

    Names are unique in the store, so there is at most one Job of an index at any time.
    """
    jobset = owner_jobset(job, scene.reader)
    if jobset is None:
        return ""
    labels = job.metadata.labels
    name, index = labels.get(REPLICATED_JOB_NAME, ""), labels.get(JOB_INDEX, "")
    rjob = _replicated_job(jobset, name)
    if rjob is None or not index.isdecimal() or int(index) >= rjob.replicas:
        return f"is index {index!r} of {name!r}, which the JobSet does not have"
    if job.name != job_name(jobset.name, name, int(index)):
        return f"is index {index} of {name}"
    return "" if labels.get(JOB_KEY) == job_key(job.namespace, job.name) else "has another Job's key"


def child_labelled(old: None, job: Job, scene: Scene) -> str:
    """The twelve keys are labels and annotations of the Job and of its pods alike (C-JOB-03, C-JOB-04)."""
    jobset = owner_jobset(job, scene.reader)
    if jobset is None:
        return ""
    pods = job.spec.template.metadata
    places = (job.metadata.labels, job.metadata.annotations, pods.labels, pods.annotations)
    for key in _KEYS:
        values = {place.get(key) for place in places}
        if len(values) > 1 or None in values:
            return f"{key} is {sorted(map(str, values))}"
    labels = job.metadata.labels
    if (labels[JOBSET_NAME], labels[JOBSET_UID]) != (jobset.name, jobset.uid):
        return f"is labelled with another JobSet, {labels[JOBSET_NAME]}"
    if scene.gates.restart_job and JOB_RESTART_ATTEMPT not in labels:
        return "lacks its own restart attempt"
    return ""


def child_attempt_known(old: None, job: Job, scene: Scene) -> str:
    """No child is of an attempt to come (C-JOB-03, C-CCH-03)."""
    jobset = owner_jobset(job, scene.reader)
    attempt = _attempt(job)
    if jobset is None or attempt <= jobset.status.restarts:
        return ""
    return f"is of attempt {attempt}, the JobSet has restarted {jobset.status.restarts} times"


def child_attempt_current(old: None, job: Job, scene: Scene) -> str:
    """No child of an old attempt is created (C-JOB-03, C-JOB-04).

    With a stale JobSet in the cache upstream does it, and deletes the child in the next pass (C-CCH-01).
    """
    jobset = owner_jobset(job, scene.reader)
    attempt = _attempt(job)
    if jobset is None or attempt == jobset.status.restarts:
        return ""
    return f"is of attempt {attempt}, the JobSet has restarted {jobset.status.restarts} times"


def blocked_while_old(old: None, job: Job, scene: Scene) -> str:
    """BlockingRecreate creates nothing while a Job of an old attempt is there (C-CRE-03, C-RST-02).

    A cache that lags may not show the old Job (C-CCH-04).
    """
    jobset = owner_jobset(job, scene.reader)
    if jobset is None or jobset.spec.failure_policy is None:
        return ""
    if jobset.spec.failure_policy.restart_strategy != "BlockingRecreate":
        return ""
    attempt = _attempt(job)
    siblings = scene.reader.by_index(Job, OWNER_UID, jobset.uid)
    left = [sibling.name for sibling in siblings if 0 <= _attempt(sibling) < attempt]
    return f"was created beside {left[0]} of an old attempt" if left else ""


def child_owned(old: None, job: Job, scene: Scene) -> str:
    """A child has one owner, which controls it and waits for it (C-CRE-05)."""
    if owner_jobset(job, scene.reader) is None:
        return ""
    refs = job.metadata.owner_references
    if len(refs) == 1 and refs[0].block_owner_deletion and refs[0].api_version == JobSet.API_VERSION:
        return ""
    return f"has owner references {refs}"


def child_suspend_said(old: None, job: Job, scene: Scene) -> str:
    """A child says whether it is suspended (C-CRE-09)."""
    unsaid = job.spec.suspend is None and owner_jobset(job, scene.reader) is not None
    return "leaves suspend open" if unsaid else ""


def child_in_subdomain(old: None, job: Job, scene: Scene) -> str:
    """With DNS hostnames pods are in the JobSet's subdomain (C-JOB-20)."""
    jobset = owner_jobset(job, scene.reader)
    if jobset is None or jobset.spec.network is None or not jobset.spec.network.enable_dns_hostnames:
        return ""
    found = job.spec.template.spec.subdomain
    return "" if found == subdomain(jobset) else f"pods are in subdomain {found!r}"


def child_of_unfinished(old: None, job: Job, scene: Scene) -> str:
    """A finished JobSet creates no Jobs (C-REC-06); a stale one in the cache may (C-CCH-01)."""
    jobset = owner_jobset(job, scene.reader)
    return "was created for a finished JobSet" if jobset is not None and finished(jobset) else ""


def child_of_ours(old: None, job: Job, scene: Scene) -> str:
    """A JobSet that another controller manages gets no Jobs of ours (C-REC-03, C-MGD-01)."""
    jobset = owner_jobset(job, scene.reader)
    alien = jobset is not None and not ours(jobset)
    return "was created for a JobSet that another controller manages" if alien else ""


def dependency_complete(old: None, job: Job, scene: Scene) -> str:
    """A Job that waits for others to complete comes after them (C-DEP-01).

    Ready is not looked at: pods may have become unready since the decision.  Nor are Jobs that are gone:
    somebody may have deleted a complete one since.
    """
    jobset = owner_jobset(job, scene.reader)
    rjob = (
        None if jobset is None else _replicated_job(jobset, job.metadata.labels.get(REPLICATED_JOB_NAME, ""))
    )
    if jobset is None or rjob is None:
        return ""
    for item in rjob.depends_on or ():
        dependency = _replicated_job(jobset, item.name)
        if item.status == "Complete" and dependency is not None:
            for other in _jobs(jobset, dependency, scene.reader):
                if not is_true(other.status.conditions, "Complete"):
                    return f"was created before {other.name} was complete"
    return ""


def child_labels_for_life(old: Job, job: Job, scene: Scene) -> str:
    """What a child says about itself is never refreshed (C-JOB-07)."""
    was, now = old.metadata.labels, job.metadata.labels
    if was is now or owner_jobset(job, scene.reader) is None:
        return ""
    changed = [key for key in _FOR_LIFE if was.get(key) != now.get(key)]
    return f"{changed} changed" if changed else ""


def service_headless(old: None, service: Service, scene: Scene) -> str:
    """The Service is headless and selects the JobSet's pods (C-SVC-02, C-SVC-03)."""
    jobset = owner_jobset(service, scene.reader)
    if jobset is None:
        return ""
    spec = service.spec
    if service.name != subdomain(jobset):
        return f"is not named {subdomain(jobset)}"
    if spec.cluster_ip != "None" or dict(spec.selector) != {JOBSET_NAME: jobset.name}:
        return f"has clusterIP {spec.cluster_ip!r} and selector {dict(spec.selector)}"
    return ""


def claim_labelled(old: None, claim: PersistentVolumeClaim, scene: Scene) -> str:
    """An owned claim is that of a policy Delete, and labelled with its JobSet (C-PVC-02, C-PVC-03)."""
    jobset = owner_jobset(claim, scene.reader)
    if jobset is None:
        return ""
    if claim.metadata.labels.get(JOBSET_NAME) != jobset.name:
        return "lacks its JobSet's label"
    kept = [
        template.metadata.name
        for policy in jobset.spec.volume_claim_policies
        for template in policy.templates
        if policy.retention_policy is None or policy.retention_policy.when_deleted != "Delete"
    ]
    owned = any(claim.name == f"{name}-{jobset.name}" for name in kept)
    return "is to be retained, but goes with its JobSet" if owned else ""


def _replicated_job(jobset: JobSet, name: str) -> ReplicatedJob | None:
    return next((rjob for rjob in jobset.spec.replicated_jobs if rjob.name == name), None)


def _attempt(job: Job) -> int:
    """Return the restart attempt of a Job, -1 where the label is no number."""
    text = job.metadata.labels.get(RESTART_ATTEMPT, "")
    return int(text) if text.isdecimal() else -1


def _jobs(jobset: JobSet, rjob: ReplicatedJob, reader: Reader) -> list[Job]:
    """Return the Jobs of a replicated job that are there."""
    names = [job_name(jobset.name, rjob.name, i) for i in range(rjob.replicas)]
    jobs = [reader.get(Job, jobset.namespace, name) for name in names]
    return [job for job in jobs if job is not None and owner_jobset(job, reader) is jobset]


JOB_LAWS: tuple[Law, ...] = (
    Law("child-has-place", "C-JOB-01", child_has_place, "born"),
    Law("child-labelled", "C-JOB-03", child_labelled, "born"),
    Law("child-attempt-known", "C-JOB-03", child_attempt_known, "born"),
    Law("child-attempt-current", "C-JOB-04", child_attempt_current, "born", "calm"),
    Law("blocked-while-old", "C-CRE-03", blocked_while_old, "born", "calm"),
    Law("child-owned", "C-CRE-05", child_owned, "born"),
    Law("child-suspend-said", "C-CRE-09", child_suspend_said, "born"),
    Law("child-in-subdomain", "C-JOB-20", child_in_subdomain, "born"),
    Law("child-of-unfinished", "C-REC-06", child_of_unfinished, "born", "calm"),
    Law("child-of-ours", "C-REC-03", child_of_ours, "born"),
    Law("dependency-complete", "C-DEP-01", dependency_complete, "born", "calm"),
    Law("child-labels-for-life", "C-JOB-07", child_labels_for_life, "changed"),
)
SERVICE_LAWS: tuple[Law, ...] = (Law("service-headless", "C-SVC-03", service_headless, "born"),)
CLAIM_LAWS: tuple[Law, ...] = (Law("claim-labelled", "C-PVC-03", claim_labelled, "born"),)
