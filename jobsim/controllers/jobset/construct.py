"""A child Job from its replicated job: names, labels, annotations, network, placement, volumes.

Source: jobset pkg/controllers/jobset_controller.go constructJob, labelAndAnnotateObject @08dfbdfd; C-JOB-*.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import takewhile

from jobsim.api._struct import replace
from jobsim.api.batch import Job, JobSpec
from jobsim.api.jobset import (
    COORDINATOR,
    EXCLUSIVE_TOPOLOGY,
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
    NAMESPACED_JOB,
    NO_SCHEDULE_TAINT,
    NODE_SELECTOR_STRATEGY,
    REPLICATED_JOB_NAME,
    REPLICATED_JOB_REPLICAS,
    RESTART_ATTEMPT,
    Coordinator,
    JobSet,
    ReplicatedJob,
)
from jobsim.api.meta import Labels, ObjectMeta, OwnerReference
from jobsim.api.pod import PersistentVolumeClaimSource, PodSpec, PodTemplateSpec, Toleration, Volume

_NO_SCHEDULE = Toleration(key=NO_SCHEDULE_TAINT, operator="Exists", effect="NoSchedule")


class JobBuilder:
    """Makes the Jobs of one replicated job; holds what they share.

    Parameters
    ----------
    jobset : JobSet
    rjob : ReplicatedJob
    restarts : sequence of int or None
        The replicated job's individual restarts (C-FAI-17), with gate RestartJob.
    """

    def __init__(self, jobset: JobSet, rjob: ReplicatedJob, restarts: Sequence[int] | None) -> None:
        self._jobset = jobset
        self._rjob = rjob
        self._restarts = restarts
        self._owners = (owner_reference(jobset),)
        self._offset, self._group_offset = _offsets(jobset, rjob)
        self._common = _common_labels(jobset, rjob)
        template = rjob.template
        pods = template.spec.template
        placement = _placement_annotations(jobset, rjob)
        self._job_labels = {**template.metadata.labels, **self._common}
        self._pod_labels = {**pods.metadata.labels, **self._common}
        self._job_annotations = {**template.metadata.annotations, **self._common, **placement}
        self._pod_annotations = {**pods.metadata.annotations, **self._common, **placement}
        self._pod_spec = _pod_spec(jobset, pods.spec)
        # C-JOB-21 looks at the Job's annotations, not at the pods' (C-JOB-22).
        self._selects_nodes = (
            EXCLUSIVE_TOPOLOGY in self._job_annotations and NODE_SELECTOR_STRATEGY in self._job_annotations
        )

    def build(self, job_index: int) -> Job:
        """Return the Job of one index (C-JOB-01, C-JOB-25, C-CRE-05)."""
        name = job_name(self._jobset.name, self._rjob.name, job_index)
        own = self._own_labels(name, job_index)
        pods = self._rjob.template.spec.template
        template = PodTemplateSpec(
            metadata=replace(
                pods.metadata,
                labels={**self._pod_labels, **own},
                annotations={**self._pod_annotations, **own},
            ),
            spec=self._placed(name),
        )
        spec: JobSpec = replace(
            self._rjob.template.spec, template=template, suspend=bool(self._jobset.spec.suspend)
        )
        metadata = ObjectMeta(
            name=name,
            namespace=self._jobset.metadata.namespace,
            labels={**self._job_labels, **own},
            annotations={**self._job_annotations, **own},
            owner_references=self._owners,
        )
        return Job(metadata=metadata, spec=spec)

    def _own_labels(self, name: str, job_index: int) -> dict[str, str]:
        """Return the labels that differ from Job to Job."""
        own = {
            JOB_INDEX: str(job_index),
            JOB_KEY: job_key(self._jobset.metadata.namespace, name),
            JOB_GLOBAL_INDEX: str(self._offset + job_index),
            JOB_GROUP_INDEX: str(self._group_offset + job_index),
        }
        if self._restarts is not None:
            own[JOB_RESTART_ATTEMPT] = str(self._restarts[job_index])
        return own

    def _placed(self, name: str) -> PodSpec:
        """Return the pod spec with the node-selector strategy's additions (C-JOB-21)."""
        spec = self._pod_spec
        if not self._selects_nodes:
            return spec
        namespaced = f"{self._jobset.metadata.namespace}_{name}"
        return replace(
            spec,
            node_selector={**spec.node_selector, NAMESPACED_JOB: namespaced},
            tolerations=(*spec.tolerations, _NO_SCHEDULE),
        )


def job_name(jobset: str, replicated_job: str, job_index: int) -> str:
    """Return a child Job's name (C-JOB-01)."""
    return f"{jobset}-{replicated_job}-{job_index}"


def job_key(namespace: str, name: str) -> str:
    """Return the hash that is the same for all attempts of a Job (C-JOB-05)."""
    text = f"{namespace}/{name}".encode("utf-8", "surrogatepass")
    return hashlib.sha1(text, usedforsecurity=False).hexdigest()


def subdomain(jobset: JobSet) -> str:
    """Return the subdomain of the pods, which is the Service's name (C-SVC-02)."""
    network = jobset.spec.network
    return network.subdomain if network is not None and network.subdomain else jobset.metadata.name


def coordinator_endpoint(coordinator: Coordinator, jobset_name: str, domain: str) -> str:
    """Return the stable address of the coordinator pod (C-JOB-17)."""
    job = job_name(jobset_name, coordinator.replicated_job, coordinator.job_index)
    return f"{job}-{coordinator.pod_index}.{domain}"


def owner_reference(jobset: JobSet) -> OwnerReference:
    """Return the reference by which the JobSet controls what it creates (C-CRE-05)."""
    return OwnerReference(
        api_version=JobSet.API_VERSION,
        kind=JobSet.KIND,
        name=jobset.metadata.name,
        uid=jobset.metadata.uid,
        controller=True,
        block_owner_deletion=True,
    )


def _common_labels(jobset: JobSet, rjob: ReplicatedJob) -> dict[str, str]:
    """Return the labels that all Jobs of a replicated job share (C-JOB-03)."""
    rjobs = jobset.spec.replicated_jobs
    labels = {
        JOBSET_NAME: jobset.metadata.name,
        JOBSET_UID: jobset.metadata.uid,
        REPLICATED_JOB_NAME: rjob.name,
        RESTART_ATTEMPT: str(jobset.status.restarts),
        REPLICATED_JOB_REPLICAS: str(rjob.replicas),
        GLOBAL_REPLICAS: str(sum(r.replicas for r in rjobs)),
        GROUP_NAME: rjob.group_name,
        GROUP_REPLICAS: str(sum(r.replicas for r in rjobs if r.group_name == rjob.group_name)),
    }
    if jobset.spec.coordinator is not None:
        labels[COORDINATOR] = coordinator_endpoint(
            jobset.spec.coordinator, jobset.metadata.name, subdomain(jobset)
        )
    return labels


def _offsets(jobset: JobSet, rjob: ReplicatedJob) -> tuple[int, int]:
    """Return how many Jobs come before this replicated job's: in all, and in its group."""
    rjobs = jobset.spec.replicated_jobs
    # Upstream looks each up by name: among all, and among those of the group.
    mates = [other for other in rjobs if other.group_name == rjob.group_name]
    return _before(rjobs, rjob.name), _before(mates, rjob.name)


def _before(rjobs: Sequence[ReplicatedJob], name: str) -> int:
    """Return how many Jobs come before those of the first replicated job of a name."""
    return sum(other.replicas for other in takewhile(lambda other: other.name != name, rjobs))


def _placement_annotations(jobset: JobSet, rjob: ReplicatedJob) -> dict[str, str]:
    """Return the exclusive placement annotations (C-JOB-18, C-JOB-19); the inner level wins."""
    placement: dict[str, str] = {}
    levels: tuple[Labels, Labels] = (jobset.metadata.annotations, rjob.template.metadata.annotations)
    for level in levels:
        if EXCLUSIVE_TOPOLOGY in level:
            for key in (EXCLUSIVE_TOPOLOGY, NODE_SELECTOR_STRATEGY):
                if key in level:
                    placement[key] = level[key]
    return placement


def _pod_spec(jobset: JobSet, spec: PodSpec) -> PodSpec:
    """Return the pod spec with subdomain and claimed volumes (C-JOB-20, C-JOB-24)."""
    network = jobset.spec.network
    if network is not None and network.enable_dns_hostnames:
        spec = replace(spec, subdomain=subdomain(jobset))
    if not jobset.spec.volume_claim_policies:
        return spec
    mounted = {
        mount.name
        for container in (*spec.containers, *spec.init_containers)
        for mount in container.volume_mounts
    }
    volumes = tuple(
        Volume(
            name=claim.metadata.name,
            persistent_volume_claim=PersistentVolumeClaimSource(
                claim_name=claim_name(claim.metadata.name, jobset.metadata.name)
            ),
        )
        for policy in jobset.spec.volume_claim_policies
        for claim in policy.templates
        if claim.metadata.name in mounted
    )
    return replace(spec, volumes=(*spec.volumes, *volumes))


def claim_name(template: str, jobset: str) -> str:
    """Return the name of the PVC that a template stands for (C-PVC-02)."""
    return f"{template}-{jobset}"
