"""Node, Service, PriorityClass, Event, PodDisruptionBudget, Namespace: the other typed kinds.

Source: k8s.io/api core/v1, scheduling/v1, events/v1, policy/v1 types.go 0.36.
"""

from __future__ import annotations

from typing import ClassVar

from jobsim.api._struct import IntOrString, Json, Struct, Time, field
from jobsim.api.meta import Condition, Labels, LabelSelector, Object
from jobsim.api.pod import Resources


class Taint(Struct):
    key: str
    value: str = ""
    effect: str = ""
    time_added: Time | None = None


class NodeSpec(Struct):
    pod_cidr: str = field(default="", name="podCIDR")
    pod_cidrs: tuple[str, ...] = field(default=(), name="podCIDRs")
    provider_id: str = field(default="", name="providerID")
    unschedulable: bool = False
    taints: tuple[Taint, ...] = ()
    config_source: Json | None = None
    external_id: str = field(default="", name="externalID")


class NodeStatus(Struct):
    capacity: Resources = {}
    allocatable: Resources = {}
    phase: str = ""
    conditions: tuple[Condition, ...] = ()
    addresses: tuple[Json, ...] = ()
    daemon_endpoints: Json = {}
    node_info: Json = {}
    images: tuple[Json, ...] = ()
    volumes_in_use: tuple[str, ...] = ()
    volumes_attached: tuple[Json, ...] = ()
    config: Json | None = None
    runtime_handlers: tuple[Json, ...] = ()
    features: Json | None = None
    declared_features: tuple[str, ...] = ()


class Node(Object):
    KIND: ClassVar[str] = "Node"
    API_VERSION: ClassVar[str] = "v1"

    spec: NodeSpec = field(default_factory=NodeSpec)
    status: NodeStatus = field(default_factory=NodeStatus)


class ServiceSpec(Struct):
    ports: tuple[Json, ...] = ()
    selector: Labels = {}
    cluster_ip: str = field(default="", name="clusterIP")
    cluster_ips: tuple[str, ...] = field(default=(), name="clusterIPs")
    type: str = ""
    external_ips: tuple[str, ...] = field(default=(), name="externalIPs")
    session_affinity: str = ""
    load_balancer_ip: str = field(default="", name="loadBalancerIP")
    load_balancer_source_ranges: tuple[str, ...] = ()
    external_name: str = ""
    external_traffic_policy: str = ""
    health_check_node_port: int = 0
    publish_not_ready_addresses: bool = False
    session_affinity_config: Json | None = None
    ip_families: tuple[str, ...] = ()
    ip_family_policy: str | None = None
    allocate_load_balancer_node_ports: bool | None = None
    load_balancer_class: str | None = None
    internal_traffic_policy: str | None = None
    traffic_distribution: str | None = None


class Service(Object):
    KIND: ClassVar[str] = "Service"
    API_VERSION: ClassVar[str] = "v1"

    spec: ServiceSpec = field(default_factory=ServiceSpec)
    status: Json = {}


class PriorityClass(Object):
    KIND: ClassVar[str] = "PriorityClass"
    API_VERSION: ClassVar[str] = "scheduling.k8s.io/v1"

    value: int = 0
    global_default: bool = False
    description: str = ""
    preemption_policy: str | None = None


class ObjectReference(Struct):
    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    api_version: str = ""
    resource_version: str = ""
    field_path: str = ""


class Event(Object):
    """A Kubernetes Event (core/v1 names); ``count`` adds up a series."""

    KIND: ClassVar[str] = "Event"
    API_VERSION: ClassVar[str] = "v1"

    involved_object: ObjectReference = field(default_factory=ObjectReference)
    reason: str = ""
    message: str = ""
    source: Json = {}
    first_timestamp: Time | None = None
    last_timestamp: Time | None = None
    count: int = 0
    type: str = ""
    event_time: Time | None = None
    series: Json | None = None
    action: str = ""
    related: ObjectReference | None = None
    reporting_component: str = ""
    reporting_instance: str = ""


class PodDisruptionBudgetSpec(Struct):
    min_available: IntOrString | None = None
    selector: LabelSelector | None = None
    max_unavailable: IntOrString | None = None
    unhealthy_pod_eviction_policy: str | None = None


class PodDisruptionBudgetStatus(Struct):
    observed_generation: int = 0
    disrupted_pods: Json = {}
    disruptions_allowed: int = 0
    current_healthy: int = 0
    desired_healthy: int = 0
    expected_pods: int = 0
    conditions: tuple[Condition, ...] = ()


class PodDisruptionBudget(Object):
    KIND: ClassVar[str] = "PodDisruptionBudget"
    API_VERSION: ClassVar[str] = "policy/v1"

    spec: PodDisruptionBudgetSpec = field(default_factory=PodDisruptionBudgetSpec)
    status: PodDisruptionBudgetStatus = field(default_factory=PodDisruptionBudgetStatus)


class NamespaceSpec(Struct):
    finalizers: tuple[str, ...] = ()


class NamespaceStatus(Struct):
    phase: str = ""
    conditions: tuple[Condition, ...] = ()


class Namespace(Object):
    """A namespace; while ``spec.finalizers`` holds something its deletion waits (core/v1)."""

    KIND: ClassVar[str] = "Namespace"
    API_VERSION: ClassVar[str] = "v1"

    spec: NamespaceSpec = field(default_factory=NamespaceSpec)
    status: NamespaceStatus = field(default_factory=NamespaceStatus)
