"""Objects for tests, with as few words as the test needs.

Everything is keyword but the name; what is left out is what a defaulted, healthy object has.  UIDs
follow from names, so that parents and children built apart belong together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jobsim.api._struct import Quantity, Time, replace
from jobsim.api.batch import Job, JobSpec, JobStatus, JobTemplateSpec
from jobsim.api.core import Node, NodeSpec, NodeStatus, Taint
from jobsim.api.jobset import (
    JOB_INDEX,
    JOB_RESTART_ATTEMPT,
    JOBSET_NAME,
    REPLICATED_JOB_NAME,
    RESTART_ATTEMPT,
    Coordinator,
    DependsOn,
    FailurePolicy,
    FailurePolicyRule,
    JobSet,
    JobSetSpec,
    JobSetStatus,
    Network,
    ReplicatedJob,
    StartupPolicy,
    SuccessPolicy,
    VolumeClaimPolicy,
)
from jobsim.api.meta import Condition, Labels, ObjectMeta, OwnerReference
from jobsim.api.pod import Container, Phase, Pod, PodSpec, PodStatus, PodTemplateSpec, ResourceRequirements
from jobsim.controllers.exclusive_placement import COMPLETION_INDEX

CONTAINER = Container(name="main", image="img")
POD_TEMPLATE = PodTemplateSpec(spec=PodSpec(containers=(CONTAINER,), restart_policy="OnFailure"))
NETWORK = Network(enable_dns_hostnames=True, publish_not_ready_addresses=True)
ALL_SUCCEED = SuccessPolicy(operator="All")
NEW = JobSetStatus(restarts=0)


def uid_of(kind: str, name: str) -> str:
    """Return the UID that built objects of a kind have by name."""
    return f"{kind.lower()}-{name}"


def make_condition(
    type_: str, status: str = "True", *, at: int = 0, reason: str = "", message: str = ""
) -> Condition:
    """Return a condition; ``at`` is virtual time, ns."""
    return Condition(type=type_, status=status, reason=reason, message=message, last_transition_time=Time(at))


def make_replicated_job(
    name: str,
    replicas: int = 1,
    *,
    parallelism: int | None = 1,
    completions: int | None = 1,
    depends_on: Sequence[tuple[str, str]] | None = None,
    group_name: str = "default",
    labels: Labels | None = None,
    annotations: Labels | None = None,
    pod: PodTemplateSpec | None = None,
) -> ReplicatedJob:
    """Return a replicated job; ``depends_on`` is pairs of name and status."""
    spec = JobSpec(
        parallelism=parallelism,
        completions=completions,
        completion_mode="Indexed",
        template=pod or POD_TEMPLATE,
    )
    items = None if depends_on is None else tuple(DependsOn(name=n, status=s) for n, s in depends_on)
    metadata = ObjectMeta(labels=labels or {}, annotations=annotations or {})
    return ReplicatedJob(
        name=name,
        replicas=replicas,
        group_name=group_name,
        depends_on=items,
        template=JobTemplateSpec(metadata=metadata, spec=spec),
    )


def make_jobset(
    name: str,
    *,
    namespace: str = "default",
    replicated_jobs: Sequence[ReplicatedJob] | Mapping[str, int] | None = None,
    max_restarts: int | None = None,
    rules: Sequence[FailurePolicyRule] = (),
    restart_strategy: str = "Recreate",
    success_policy: SuccessPolicy | None = ALL_SUCCEED,
    in_order: bool = False,
    suspend: bool | None = None,
    ttl_s: int | None = None,
    network: Network | None = NETWORK,
    coordinator: Coordinator | None = None,
    managed_by: str | None = None,
    volume_claim_policies: Sequence[VolumeClaimPolicy] = (),
    labels: Labels | None = None,
    annotations: Labels | None = None,
    status: JobSetStatus = NEW,
    deleted_at: int | None = None,
) -> JobSet:
    """Return a defaulted JobSet.

    Parameters
    ----------
    replicated_jobs : sequence of ReplicatedJob, or mapping of name to replicas
        One replicated job ``w`` of one Job when left out.
    max_restarts : int, optional
        There is a failurePolicy if this or ``rules`` are given.
    deleted_at : int, optional
        Virtual time of a delete request, ns.
    """
    if isinstance(replicated_jobs, Mapping):
        replicated_jobs = [make_replicated_job(n, count) for n, count in replicated_jobs.items()]
    rjobs = tuple(replicated_jobs) if replicated_jobs is not None else (make_replicated_job("w"),)
    spec = JobSetSpec(
        replicated_jobs=rjobs,
        network=network,
        success_policy=success_policy,
        failure_policy=_failure_policy(max_restarts, rules, restart_strategy),
        startup_policy=StartupPolicy(startup_policy_order="InOrder" if in_order else "AnyOrder"),
        suspend=suspend,
        coordinator=coordinator,
        managed_by=managed_by,
        ttl_seconds_after_finished=ttl_s,
        volume_claim_policies=tuple(volume_claim_policies),
    )
    metadata = _metadata("JobSet", name, namespace, labels, annotations, deleted_at=deleted_at)
    return JobSet(metadata=metadata, spec=spec, status=status)


def _failure_policy(
    max_restarts: int | None, rules: Sequence[FailurePolicyRule], strategy: str
) -> FailurePolicy | None:
    """Return a policy where anything of it was asked for."""
    if max_restarts is None and not rules and strategy == "Recreate":
        return None
    return FailurePolicy(max_restarts=max_restarts or 0, rules=tuple(rules), restart_strategy=strategy)


def _metadata(
    kind: str,
    name: str,
    namespace: str,
    labels: Labels | None,
    annotations: Labels | None,
    *,
    owners: tuple[OwnerReference, ...] = (),
    deleted_at: int | None = None,
) -> ObjectMeta:
    """Return the metadata of a stored object."""
    return ObjectMeta(
        name=name,
        namespace=namespace,
        uid=uid_of(kind, name),
        resource_version="1",
        generation=1,
        creation_timestamp=Time(0),
        deletion_timestamp=None if deleted_at is None else Time(deleted_at),
        labels=labels or {},
        annotations=annotations or {},
        owner_references=owners,
    )


def make_job(
    name: str,
    *,
    namespace: str = "default",
    jobset: str | None = None,
    replicated_job: str | None = None,
    failed: bool = False,
    succeeded: bool = False,
    at: int = 0,
    reason: str = "BackoffLimitExceeded",
    message: str = "Job has reached the specified backoff limit",
    restart_attempt: int | str | None = 0,
    job_restart_attempt: int | str | None = None,
    parallelism: int | None = 1,
    completions: int | None = 1,
    suspend: bool | None = False,
    status: JobStatus | None = None,
    labels: Labels | None = None,
    deleted_at: int | None = None,
    pod: PodTemplateSpec | None = None,
) -> Job:
    """Return a child Job as the API server stores it.

    ``train-w-0`` is Job 0 of replicated job ``w`` of JobSet ``train``, unless said otherwise.

    Parameters
    ----------
    failed, succeeded : bool
        Adds the condition Failed or Complete, at ``at`` (ns), with ``reason`` and ``message``.
    restart_attempt, job_restart_attempt : int, str or None
        Labels; None leaves them out.
    """
    parts = [*name.rsplit("-", 2), "", ""]
    owner = jobset or parts[0]
    own = {
        JOBSET_NAME: owner,
        REPLICATED_JOB_NAME: parts[1] if replicated_job is None else replicated_job,
        JOB_INDEX: parts[2],
        **_attempts(restart_attempt, job_restart_attempt),
        **(labels or {}),
    }
    status = status or JobStatus()
    if failed:
        status = _ended(status, make_condition("Failed", at=at, reason=reason, message=message))
    elif succeeded:
        status = _ended(status, make_condition("Complete", at=at, reason="CompletionsReached"))
    owners = (controller_reference(JobSet, owner),)
    spec = JobSpec(
        parallelism=parallelism,
        completions=completions,
        completion_mode="Indexed",
        backoff_limit=6,
        suspend=suspend,
        template=pod or POD_TEMPLATE,
    )
    metadata = _metadata("Job", name, namespace, own, None, owners=owners, deleted_at=deleted_at)
    return Job(metadata=metadata, spec=spec, status=status)


def _attempts(restart: int | str | None, job_restart: int | str | None) -> dict[str, str]:
    """Return the labels of restart attempts."""
    pairs = ((RESTART_ATTEMPT, restart), (JOB_RESTART_ATTEMPT, job_restart))
    return {key: str(value) for key, value in pairs if value is not None}


def _ended(status: JobStatus, end: Condition) -> JobStatus:
    """Return a status with one more condition."""
    return replace(status, conditions=(*status.conditions, end))


def controller_reference(kind: type[JobSet] | type[Job], name: str) -> OwnerReference:
    """Return the reference of a built child to its built controller."""
    return OwnerReference(
        api_version=kind.API_VERSION,
        kind=kind.KIND,
        name=name,
        uid=uid_of(kind.KIND, name),
        controller=True,
        block_owner_deletion=True,
    )


def make_pod(
    name: str,
    *,
    namespace: str = "default",
    job: str | None = None,
    index: int | None = None,
    node: str = "",
    phase: Phase = "Pending",
    requests: Mapping[str, Quantity] | None = None,
    labels: Labels | None = None,
    annotations: Labels | None = None,
    spec: PodSpec | None = None,
    status: PodStatus | None = None,
    deleted_at: int | None = None,
) -> Pod:
    """Return a pod of one container.

    Parameters
    ----------
    job : str, optional
        The Job that controls it.
    index : int, optional
        Its completion index.
    requests : mapping, optional
        Resources that the container asks for.
    """
    container = CONTAINER
    if requests:
        container = replace(container, resources=ResourceRequirements(requests=requests))
    own = {} if index is None else {COMPLETION_INDEX: str(index)}
    owners = () if job is None else (controller_reference(Job, job),)
    metadata = _metadata(
        "Pod",
        name,
        namespace,
        {**own, **(labels or {})},
        {**own, **(annotations or {})},
        owners=owners,
        deleted_at=deleted_at,
    )
    spec = spec or PodSpec(containers=(container,), restart_policy="Never")
    return Pod(
        metadata=metadata,
        spec=replace(spec, node_name=node) if node else spec,
        status=replace(status or PodStatus(), phase=phase),
    )


def make_node(
    name: str,
    *,
    labels: Labels | None = None,
    allocatable: Mapping[str, Quantity] | None = None,
    taints: Sequence[Taint] = (),
    unschedulable: bool = False,
) -> Node:
    """Return a ready node; 8 CPUs, 32Gi and 110 pods unless said otherwise."""
    amounts = {"cpu": "8", "memory": "32Gi", "pods": "110"} if allocatable is None else dict(allocatable)
    own = {"kubernetes.io/hostname": name, **(labels or {})}
    return Node(
        metadata=_metadata("Node", name, "", own, None),
        spec=NodeSpec(taints=tuple(taints), unschedulable=unschedulable),
        status=NodeStatus(capacity=amounts, allocatable=amounts, conditions=(make_condition("Ready"),)),
    )
