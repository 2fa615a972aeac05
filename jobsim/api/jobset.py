"""jobset.x-k8s.io/v1alpha2 JobSet: the full field set and its label keys.

Source: jobset api/jobset/v1alpha2/jobset_types.go @08dfbdfd; clauses C-API-*, C-KEY-*.
"""

from __future__ import annotations

from typing import ClassVar

from jobsim.api._struct import Struct, field
from jobsim.api.batch import JobTemplateSpec
from jobsim.api.meta import Condition, Object
from jobsim.api.volume import PersistentVolumeClaim

PREFIX = "jobset.sigs.k8s.io/"
JOBSET_NAME = PREFIX + "jobset-name"
JOBSET_UID = PREFIX + "jobset-uid"
REPLICATED_JOB_NAME = PREFIX + "replicatedjob-name"
REPLICATED_JOB_REPLICAS = PREFIX + "replicatedjob-replicas"
GLOBAL_REPLICAS = PREFIX + "global-replicas"
JOB_INDEX = PREFIX + "job-index"
JOB_GLOBAL_INDEX = PREFIX + "job-global-index"
JOB_KEY = PREFIX + "job-key"
GROUP_NAME = PREFIX + "group-name"
GROUP_REPLICAS = PREFIX + "group-replicas"
JOB_GROUP_INDEX = PREFIX + "job-group-index"
COORDINATOR = PREFIX + "coordinator"
RESTART_ATTEMPT = PREFIX + "restart-attempt"
JOB_RESTART_ATTEMPT = PREFIX + "job-restart-attempt"
PRIORITY = PREFIX + "priority"
IN_PLACE_RESTART_ATTEMPT = PREFIX + "in-place-restart-attempt"
DISABLE_IN_PLACE_RESTART = PREFIX + "disable-in-place-restart"
EXCLUSIVE_TOPOLOGY = "alpha.jobset.sigs.k8s.io/exclusive-topology"
NODE_SELECTOR_STRATEGY = "alpha.jobset.sigs.k8s.io/node-selector"
NAMESPACED_JOB = "alpha.jobset.sigs.k8s.io/namespaced-job"
NO_SCHEDULE_TAINT = "alpha.jobset.sigs.k8s.io/no-schedule"
CONTROLLER_NAME = "jobset.sigs.k8s.io/jobset-controller"


# Fields with a ``default_factory`` are written even when they hold the default, as a Go client does:
# required ones (no omitempty) and those to which the CRD gives a default (errata, format).


class DependsOn(Struct):
    name: str = field(default_factory=str)
    status: str = field(default_factory=str)


class ReplicatedJob(Struct):
    name: str = field(default_factory=str)
    group_name: str = field(default_factory=lambda: "default")
    template: JobTemplateSpec = field(default_factory=JobTemplateSpec)
    replicas: int = field(default_factory=lambda: 1)
    depends_on: tuple[DependsOn, ...] | None = None


class Network(Struct):
    enable_dns_hostnames: bool | None = field(default=None, name="enableDNSHostnames")
    subdomain: str = ""
    publish_not_ready_addresses: bool | None = None


class SuccessPolicy(Struct):
    operator: str = field(default_factory=str)
    target_replicated_jobs: tuple[str, ...] = ()


class FailurePolicyRule(Struct):
    name: str = field(default_factory=str)
    action: str = field(default_factory=str)
    on_job_failure_reasons: tuple[str, ...] = ()
    on_job_failure_message_patterns: tuple[str, ...] = ()
    target_replicated_jobs: tuple[str, ...] = ()


class FailurePolicy(Struct):
    max_restarts: int = 0
    rules: tuple[FailurePolicyRule, ...] = ()
    restart_strategy: str = ""


class StartupPolicy(Struct):
    startup_policy_order: str = field(default_factory=str)


class Coordinator(Struct):
    replicated_job: str = field(default_factory=str)
    job_index: int = 0
    pod_index: int = 0


class RetentionPolicy(Struct):
    when_deleted: str | None = None


class VolumeClaimPolicy(Struct):
    templates: tuple[PersistentVolumeClaim, ...] = ()
    retention_policy: RetentionPolicy | None = None


class JobSetSpec(Struct):
    replicated_jobs: tuple[ReplicatedJob, ...] = ()
    network: Network | None = None
    success_policy: SuccessPolicy | None = None
    failure_policy: FailurePolicy | None = None
    startup_policy: StartupPolicy | None = None
    suspend: bool | None = None
    coordinator: Coordinator | None = None
    managed_by: str | None = None
    ttl_seconds_after_finished: int | None = None
    volume_claim_policies: tuple[VolumeClaimPolicy, ...] = ()


class ReplicatedJobStatus(Struct):
    name: str
    ready: int
    succeeded: int
    failed: int
    active: int
    suspended: int
    job_restarts: tuple[int, ...] = ()
    job_restarts_count_towards_max: tuple[int, ...] = ()


class JobSetStatus(Struct):
    restarts: int
    conditions: tuple[Condition, ...] = ()
    restarts_count_towards_max: int = 0
    terminal_state: str = ""
    replicated_jobs_status: tuple[ReplicatedJobStatus, ...] = ()
    previous_in_place_restart_attempt: int | None = None
    current_in_place_restart_attempt: int | None = None


NEW_STATUS = JobSetStatus(restarts=0)


class JobSet(Object):
    KIND: ClassVar[str] = "JobSet"
    API_VERSION: ClassVar[str] = "jobset.x-k8s.io/v1alpha2"

    spec: JobSetSpec = field(default_factory=JobSetSpec)
    # Identity with this default is how the codec knows a status that was never written.
    status: JobSetStatus = NEW_STATUS
