"""Pod and its template: the full field set of core/v1.

Fields that a decision reads are typed; parts that are inert here (volume sources, security
contexts, life-cycle hooks, ...) are kept as ``Json``.  Source: k8s.io/api core/v1/types.go 0.36.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from jobsim.api._struct import Json, Quantity, Struct, Time, field
from jobsim.api.meta import Condition, Labels, LabelSelector, Object, ObjectMeta

Resources = Mapping[str, Quantity]


class ResourceRequirements(Struct):
    limits: Resources = {}
    requests: Resources = {}
    claims: tuple[Json, ...] = ()


class ContainerPort(Struct):
    name: str = ""
    host_port: int = 0
    container_port: int = 0
    protocol: str = ""
    host_ip: str = field(default="", name="hostIP")


class EnvVar(Struct):
    name: str
    value: str = ""
    value_from: Json | None = None


class VolumeMount(Struct):
    name: str
    mount_path: str = ""
    read_only: bool = False
    recursive_read_only: str | None = None
    sub_path: str = ""
    sub_path_expr: str = ""
    mount_propagation: str | None = None


class Probe(Struct):
    exec: Json | None = None
    http_get: Json | None = None
    tcp_socket: Json | None = None
    grpc: Json | None = None
    initial_delay_seconds: int = 0
    timeout_seconds: int = 0
    period_seconds: int = 0
    success_threshold: int = 0
    failure_threshold: int = 0
    termination_grace_period_seconds: int | None = None


class ExitCodes(Struct):
    operator: str
    values: tuple[int, ...] = ()


class ContainerRestartRule(Struct):
    action: str
    exit_codes: ExitCodes | None = None


class Container(Struct):
    name: str = ""
    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str = ""
    ports: tuple[ContainerPort, ...] = ()
    env_from: tuple[Json, ...] = ()
    env: tuple[EnvVar, ...] = ()
    resources: ResourceRequirements = field(default_factory=ResourceRequirements)
    resize_policy: tuple[Json, ...] = ()
    restart_policy: str | None = None
    restart_policy_rules: tuple[ContainerRestartRule, ...] = ()
    volume_mounts: tuple[VolumeMount, ...] = ()
    volume_devices: tuple[Json, ...] = ()
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None
    lifecycle: Json | None = None
    termination_message_path: str = ""
    termination_message_policy: str = ""
    image_pull_policy: str = ""
    security_context: Json | None = None
    stdin: bool = False
    stdin_once: bool = False
    tty: bool = False


class PersistentVolumeClaimSource(Struct):
    claim_name: str
    read_only: bool = False


class Volume(Struct):
    """A volume: its name, the claim it may refer to, any other source as it came."""

    name: str
    persistent_volume_claim: PersistentVolumeClaimSource | None = None
    aws_elastic_block_store: Json | None = None
    azure_disk: Json | None = None
    azure_file: Json | None = None
    cephfs: Json | None = None
    cinder: Json | None = None
    config_map: Json | None = None
    csi: Json | None = None
    downward_api: Json | None = field(default=None, name="downwardAPI")
    empty_dir: Json | None = None
    ephemeral: Json | None = None
    fc: Json | None = None
    flex_volume: Json | None = None
    flocker: Json | None = None
    gce_persistent_disk: Json | None = None
    git_repo: Json | None = None
    glusterfs: Json | None = None
    host_path: Json | None = None
    image: Json | None = None
    iscsi: Json | None = None
    nfs: Json | None = None
    photon_persistent_disk: Json | None = None
    portworx_volume: Json | None = None
    projected: Json | None = None
    quobyte: Json | None = None
    rbd: Json | None = None
    scale_io: Json | None = field(default=None, name="scaleIO")
    secret: Json | None = None
    storageos: Json | None = None
    vsphere_volume: Json | None = None


class Toleration(Struct):
    key: str = ""
    operator: str = ""
    value: str = ""
    effect: str = ""
    toleration_seconds: int | None = None


class PodSchedulingGate(Struct):
    name: str


class NodeSelectorRequirement(Struct):
    key: str
    operator: str
    values: tuple[str, ...] = ()


class NodeSelectorTerm(Struct):
    match_expressions: tuple[NodeSelectorRequirement, ...] = ()
    match_fields: tuple[NodeSelectorRequirement, ...] = ()


class NodeSelector(Struct):
    node_selector_terms: tuple[NodeSelectorTerm, ...] = ()


class PreferredSchedulingTerm(Struct):
    weight: int
    preference: NodeSelectorTerm


class NodeAffinity(Struct):
    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
    preferred_during_scheduling_ignored_during_execution: tuple[PreferredSchedulingTerm, ...] = ()


class PodAffinityTerm(Struct):
    label_selector: LabelSelector | None = None
    namespaces: tuple[str, ...] = ()
    topology_key: str = ""
    namespace_selector: LabelSelector | None = None
    match_label_keys: tuple[str, ...] = ()
    mismatch_label_keys: tuple[str, ...] = ()


class WeightedPodAffinityTerm(Struct):
    weight: int
    pod_affinity_term: PodAffinityTerm


class PodAffinity(Struct):
    """podAffinity or podAntiAffinity (same fields)."""

    required_during_scheduling_ignored_during_execution: tuple[PodAffinityTerm, ...] = ()
    preferred_during_scheduling_ignored_during_execution: tuple[WeightedPodAffinityTerm, ...] = ()


class Affinity(Struct):
    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAffinity | None = None


class TopologySpreadConstraint(Struct):
    max_skew: int
    topology_key: str
    when_unsatisfiable: str
    label_selector: LabelSelector | None = None
    min_domains: int | None = None
    node_affinity_policy: str | None = None
    node_taints_policy: str | None = None
    match_label_keys: tuple[str, ...] = ()


class PodSchedulingGroup(Struct):
    pod_group_name: str | None = None


class PodSpec(Struct):
    volumes: tuple[Volume, ...] = ()
    init_containers: tuple[Container, ...] = ()
    containers: tuple[Container, ...] = ()
    ephemeral_containers: tuple[Json, ...] = ()
    restart_policy: str = ""
    termination_grace_period_seconds: int | None = None
    active_deadline_seconds: int | None = None
    dns_policy: str = ""
    node_selector: Labels = {}
    service_account_name: str = ""
    service_account: str = ""
    automount_service_account_token: bool | None = None
    node_name: str = ""
    host_network: bool = False
    host_pid: bool = field(default=False, name="hostPID")
    host_ipc: bool = field(default=False, name="hostIPC")
    share_process_namespace: bool | None = None
    security_context: Json | None = None
    image_pull_secrets: tuple[Json, ...] = ()
    hostname: str = ""
    subdomain: str = ""
    affinity: Affinity | None = None
    scheduler_name: str = ""
    tolerations: tuple[Toleration, ...] = ()
    host_aliases: tuple[Json, ...] = ()
    priority_class_name: str = ""
    priority: int | None = None
    dns_config: Json | None = None
    readiness_gates: tuple[Json, ...] = ()
    runtime_class_name: str | None = None
    enable_service_links: bool | None = None
    preemption_policy: str | None = None
    overhead: Resources = {}
    topology_spread_constraints: tuple[TopologySpreadConstraint, ...] = ()
    set_hostname_as_fqdn: bool | None = field(default=None, name="setHostnameAsFQDN")
    os: Json | None = None
    host_users: bool | None = None
    scheduling_gates: tuple[PodSchedulingGate, ...] = ()
    resource_claims: tuple[Json, ...] = ()
    resources: ResourceRequirements | None = None
    hostname_override: str | None = None
    workload_ref: Json | None = None
    scheduling_group: PodSchedulingGroup | None = None


class PodTemplateSpec(Struct):
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: PodSpec = field(default_factory=PodSpec)


class ContainerStateRunning(Struct):
    started_at: Time | None = None


class ContainerStateWaiting(Struct):
    reason: str = ""
    message: str = ""


class ContainerStateTerminated(Struct):
    exit_code: int
    signal: int = 0
    reason: str = ""
    message: str = ""
    started_at: Time | None = None
    finished_at: Time | None = None
    container_id: str = field(default="", name="containerID")


class ContainerState(Struct):
    waiting: ContainerStateWaiting | None = None
    running: ContainerStateRunning | None = None
    terminated: ContainerStateTerminated | None = None


class ContainerStatus(Struct):
    name: str
    state: ContainerState = field(default_factory=ContainerState)
    last_state: ContainerState = field(default_factory=ContainerState)
    ready: bool = False
    restart_count: int = 0
    image: str = ""
    image_id: str = field(default="", name="imageID")
    container_id: str = field(default="", name="containerID")
    started: bool | None = None
    allocated_resources: Resources = {}
    resources: Json | None = None
    volume_mounts: tuple[Json, ...] = ()
    user: Json | None = None
    allocated_resources_status: tuple[Json, ...] = ()
    stop_signal: str | None = None


Phase = Literal["", "Pending", "Running", "Succeeded", "Failed", "Unknown"]


class PodStatus(Struct):
    observed_generation: int = 0
    phase: Phase = ""
    conditions: tuple[Condition, ...] = ()
    message: str = ""
    reason: str = ""
    nominated_node_name: str = ""
    host_ip: str = field(default="", name="hostIP")
    host_ips: tuple[Json, ...] = field(default=(), name="hostIPs")
    pod_ip: str = field(default="", name="podIP")
    pod_ips: tuple[Json, ...] = field(default=(), name="podIPs")
    start_time: Time | None = None
    init_container_statuses: tuple[ContainerStatus, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    qos_class: str = ""
    ephemeral_container_statuses: tuple[Json, ...] = ()
    resize: str = ""
    resource_claim_statuses: tuple[Json, ...] = ()
    extended_resource_claim_status: Json | None = None
    allocated_resources: Resources = {}
    resources: Json | None = None


class Pod(Object):
    KIND: ClassVar[str] = "Pod"
    API_VERSION: ClassVar[str] = "v1"

    spec: PodSpec = field(default_factory=PodSpec)
    status: PodStatus = field(default_factory=PodStatus)

    @property
    def terminal(self) -> bool:
        """Whether the phase is Succeeded or Failed."""
        return self.status.phase in ("Succeeded", "Failed")
