"""batch/v1 Job: the full field set.  Source: k8s.io/api batch/v1/types.go 0.36."""

from __future__ import annotations

from typing import ClassVar

from jobsim.api._struct import Struct, Time, field
from jobsim.api.meta import Condition, LabelSelector, Object, ObjectMeta
from jobsim.api.pod import PodTemplateSpec


class PodFailurePolicyOnExitCodes(Struct):
    container_name: str | None = None
    operator: str = ""
    values: tuple[int, ...] = ()


class PodFailurePolicyOnPodCondition(Struct):
    type: str = ""
    status: str = ""


class PodFailurePolicyRule(Struct):
    action: str = ""
    on_exit_codes: PodFailurePolicyOnExitCodes | None = None
    on_pod_conditions: tuple[PodFailurePolicyOnPodCondition, ...] = ()


class PodFailurePolicy(Struct):
    rules: tuple[PodFailurePolicyRule, ...] = ()


class JobSuccessPolicyRule(Struct):
    succeeded_indexes: str | None = None
    succeeded_count: int | None = None


class JobSuccessPolicy(Struct):
    rules: tuple[JobSuccessPolicyRule, ...] = ()


class JobSpec(Struct):
    parallelism: int | None = None
    completions: int | None = None
    active_deadline_seconds: int | None = None
    pod_failure_policy: PodFailurePolicy | None = None
    success_policy: JobSuccessPolicy | None = None
    backoff_limit: int | None = None
    backoff_limit_per_index: int | None = None
    max_failed_indexes: int | None = None
    selector: LabelSelector | None = None
    manual_selector: bool | None = None
    template: PodTemplateSpec = field(default_factory=PodTemplateSpec)
    ttl_seconds_after_finished: int | None = None
    completion_mode: str | None = None
    suspend: bool | None = None
    pod_replacement_policy: str | None = None
    managed_by: str | None = None


class JobTemplateSpec(Struct):
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: JobSpec = field(default_factory=JobSpec)


class UncountedTerminatedPods(Struct):
    succeeded: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


class JobStatus(Struct):
    conditions: tuple[Condition, ...] = ()
    start_time: Time | None = None
    completion_time: Time | None = None
    active: int = 0
    succeeded: int = 0
    failed: int = 0
    terminating: int | None = None
    completed_indexes: str = ""
    failed_indexes: str | None = None
    uncounted_terminated_pods: UncountedTerminatedPods | None = None
    ready: int | None = None


class Job(Object):
    KIND: ClassVar[str] = "Job"
    API_VERSION: ClassVar[str] = "batch/v1"

    spec: JobSpec = field(default_factory=JobSpec)
    status: JobStatus = field(default_factory=JobStatus)
