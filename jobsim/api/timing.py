"""Every time constant and client limit of the control plane below JobSet, each with its source.

``TABLE`` is the one table (K-TIM-01, K-TIM-02); the names below it are its values, so code reads
``timing.CRASH_LOOP_BASE_NS`` and a reader finds where the number comes from.  ``Timing`` has those that the
Scenario's ``control.timing`` may change: it is passed to the decisions and defaults to the table.
"""

from __future__ import annotations

from typing import NamedTuple

from jobsim.api._struct import Struct
from jobsim.units import MILLISECOND, MINUTE, SECOND


class Constant(NamedTuple):
    """One number: in ns when the name ends in ``_NS``, in s for ``_S``, else a count or a share."""

    name: str
    value: int | float
    clause: str
    source: str


class ClientLimit(NamedTuple):
    """A client's token bucket towards the API server; 0 means unlimited."""

    qps: float
    burst: int
    source: str


_NODE = "pkg/controller/nodelifecycle/node_lifecycle_controller.go"

TABLE: tuple[Constant, ...] = (
    Constant("JOB_SYNC_WINDOW_NS", SECOND, "K-JOB-11", "pkg/controller/job/job_controller.go"),
    Constant("JOB_RETRY_BASE_NS", SECOND, "K-JOB-11", "pkg/controller/job/job_controller.go"),
    Constant("JOB_RETRY_CAP_NS", 60 * SECOND, "K-JOB-11", "pkg/controller/job/job_controller.go"),
    Constant("JOB_BACKOFF_BASE_NS", 10 * SECOND, "K-JOB-51", "pkg/controller/job/job_controller.go"),
    Constant("JOB_BACKOFF_CAP_NS", 10 * MINUTE, "K-JOB-51", "pkg/controller/job/job_controller.go"),
    Constant("JOB_WRITES_PER_SYNC", 500, "K-JOB-31", "pkg/controller/job/job_controller.go"),
    Constant("JOB_UNCOUNTED_MAX", 500, "K-JOB-100", "pkg/controller/job/job_controller.go"),
    Constant("EXPECTATION_TIMEOUT_NS", 5 * MINUTE, "K-JOB-14", "pkg/controller/controller_utils.go"),
    Constant("JOB_WORKERS", 5, "K-JOB-10", "pkg/controller/job/config/v1alpha1/defaults.go"),
    Constant("TTL_WORKERS", 5, "K-JOB-71", "pkg/controller/ttlafterfinished/config/v1alpha1/defaults.go"),
    Constant("GC_WORKERS", 20, "K-JOB-125", "pkg/controller/garbagecollector/config/v1alpha1/defaults.go"),
    Constant(
        "NAMESPACE_DELAY_NS", 5 * SECOND, "K-TIM-01", "pkg/controller/namespace/namespace_controller.go"
    ),
    Constant("NAMESPACE_FINALIZER_WAIT_S", 15, "K-TIM-01", "pkg/controller/namespace/deletion"),
    Constant("NAMESPACE_WORKERS", 10, "K-TIM-01", "pkg/controller/namespace/config/v1alpha1/defaults.go"),
    # Of every queue that sets no other: controller-runtime's, and those of TTL, GC and the node controllers.
    Constant("RETRY_BASE_NS", 5 * MILLISECOND, "K-TIM-01", "client-go default_rate_limiters.go"),
    Constant("RETRY_CAP_NS", 1000 * SECOND, "K-TIM-01", "client-go default_rate_limiters.go"),
    Constant("CRASH_LOOP_BASE_NS", 10 * SECOND, "K-POD-21", "pkg/kubelet/kubelet.go"),
    Constant("CRASH_LOOP_CAP_NS", 300 * SECOND, "K-POD-21", "pkg/kubelet/kubelet.go"),
    Constant("CRASH_LOOP_RESET_NS", 600 * SECOND, "K-POD-21", "client-go util/flowcontrol/backoff.go"),
    Constant("IMAGE_BACKOFF_BASE_NS", 10 * SECOND, "K-POD-06", "pkg/kubelet/kubelet.go"),
    Constant("IMAGE_BACKOFF_CAP_NS", 300 * SECOND, "K-POD-06", "pkg/kubelet/kubelet.go"),
    Constant("PLEG_PERIOD_NS", SECOND, "K-POD-08", "pkg/kubelet/kubelet.go"),
    Constant("STATUS_RESYNC_NS", 10 * SECOND, "K-POD-08", "pkg/kubelet/status/status_manager.go"),
    Constant("PROBE_PERIOD_S", 10, "K-POD-05", "pkg/apis/core/v1/defaults.go"),
    Constant("PROBE_FAILURES", 3, "K-POD-05", "pkg/apis/core/v1/defaults.go"),
    Constant("DEFAULT_GRACE_S", 30, "K-POD-40", "pkg/apis/core/v1/defaults.go"),
    Constant("GRACE_MIN_S", 2, "K-POD-40", "pkg/kubelet/kuberuntime/kuberuntime_container.go"),
    Constant("SIGTERM_EXIT", 143, "K-POD-41", "128 + SIGTERM: the default handler of a shell"),
    Constant("SIGKILL_EXIT", 137, "K-POD-41", "128 + SIGKILL"),
    Constant("REBOOT_EXIT", 255, "K-POD-54", "containerd internal/cri/server: unknownExitCode"),
    Constant("PRESSURE_TRANSITION_NS", 5 * MINUTE, "K-POD-45", "pkg/kubelet/apis/config/v1beta1/defaults.go"),
    Constant("SHUTDOWN_GRACE_NS", 30 * SECOND, "K-POD-45", "shutdownGracePeriod; 0 (off) in a bare kubelet"),
    Constant("LEASE_RENEW_NS", 10 * SECOND, "K-POD-46", "pkg/kubelet/kubelet.go"),
    Constant("NODE_MONITOR_PERIOD_NS", 5 * SECOND, "K-POD-47", _NODE),
    Constant("NODE_MONITOR_GRACE_NS", 50 * SECOND, "K-POD-47", _NODE),
    Constant("NODE_STARTUP_GRACE_NS", 60 * SECOND, "K-POD-47", _NODE),
    Constant("EVICTION_POLL_NS", 100 * MILLISECOND, "K-POD-49", _NODE),
    Constant("EVICTION_QPS", 0.1, "K-POD-49", "cmd/kube-controller-manager/app/options"),
    Constant("EVICTION_QPS_UNHEALTHY", 0.01, "K-POD-49", "cmd/kube-controller-manager/app/options"),
    Constant("UNHEALTHY_ZONE_SHARE", 0.55, "K-POD-49", "cmd/kube-controller-manager/app/options"),
    Constant("UNHEALTHY_ZONE_NODES_MIN", 3, "K-POD-49", _NODE),
    Constant("LARGE_ZONE_NODES", 50, "K-POD-49", "cmd/kube-controller-manager/app/options"),
    Constant("DEFAULT_TOLERATION_S", 300, "K-POD-50", "plugin/pkg/admission/defaulttolerationseconds"),
    Constant("POD_GC_PERIOD_NS", 20 * SECOND, "K-POD-52", "pkg/controller/podgc/gc_controller.go"),
    Constant("POD_GC_QUARANTINE_NS", 40 * SECOND, "K-POD-52", "pkg/controller/podgc/gc_controller.go"),
    Constant("POD_GC_TERMINAL_MAX", 12_500, "K-POD-53", "pkg/controller/podgc/config/v1alpha1/defaults.go"),
    Constant("STALE_DISRUPTION_NS", 2 * MINUTE, "K-POD-45", "pkg/controller/disruption/disruption.go"),
    Constant("DRAIN_RETRY_NS", 5 * SECOND, "K-POD-45", "k8s.io/kubectl pkg/drain/drain.go"),
    Constant("SCHEDULER_BACKOFF_BASE_NS", SECOND, "K-SCH-05", "pkg/scheduler/backend/queue"),
    Constant("SCHEDULER_BACKOFF_CAP_NS", 10 * SECOND, "K-SCH-05", "pkg/scheduler/backend/queue"),
    Constant("UNSCHEDULABLE_MAX_NS", 5 * MINUTE, "K-SCH-04", "pkg/scheduler/backend/queue"),
    Constant("UNSCHEDULABLE_FLUSH_NS", 30 * SECOND, "K-SCH-04", "pkg/scheduler/backend/queue"),
    # Floors at 5,000 nodes: 270 ordinary pods/s, 60 with required anti-affinity.
    Constant("AFFINITY_CYCLES", 4.5, "K-TIM-31", "test/integration/scheduler_perf performance-config.yaml"),
    Constant(
        "GANG_PERMIT_TIMEOUT_NS", 5 * MINUTE, "K-SCH-42", "pkg/scheduler/framework/plugins/gangscheduling"
    ),
)

#: Client limits by component (K-TIM-02).
CLIENTS: dict[str, ClientLimit] = {
    "jobset": ClientLimit(500, 500, "jobset main.go"),
    "job": ClientLimit(20, 30, "pkg/controller/apis/config/v1alpha1/defaults.go"),
    "ttl-after-finished": ClientLimit(20, 30, "pkg/controller/apis/config/v1alpha1/defaults.go"),
    "pod-gc": ClientLimit(20, 30, "pkg/controller/apis/config/v1alpha1/defaults.go"),
    "disruption-controller": ClientLimit(20, 30, "pkg/controller/apis/config/v1alpha1/defaults.go"),
    "node-controller": ClientLimit(20, 30, "cmd/kube-controller-manager/app/core.go"),
    "taint-eviction-controller": ClientLimit(20, 30, "cmd/kube-controller-manager/app/core.go"),
    "garbage-collector": ClientLimit(40, 30, "cmd/kube-controller-manager/app/core.go"),
    "namespace-controller": ClientLimit(400, 3000, "cmd/kube-controller-manager/app/core.go"),
    "scheduler": ClientLimit(50, 100, "pkg/scheduler/apis/config/v1/defaults.go"),
    "kubelet": ClientLimit(50, 100, "pkg/kubelet/apis/config/v1beta1/defaults.go"),
}

_VALUE = {row.name: row.value for row in TABLE}

JOB_SYNC_WINDOW_NS = int(_VALUE["JOB_SYNC_WINDOW_NS"])
JOB_RETRY_BASE_NS = int(_VALUE["JOB_RETRY_BASE_NS"])
JOB_RETRY_CAP_NS = int(_VALUE["JOB_RETRY_CAP_NS"])
JOB_BACKOFF_BASE_NS = int(_VALUE["JOB_BACKOFF_BASE_NS"])
JOB_BACKOFF_CAP_NS = int(_VALUE["JOB_BACKOFF_CAP_NS"])
JOB_WRITES_PER_SYNC = int(_VALUE["JOB_WRITES_PER_SYNC"])
JOB_UNCOUNTED_MAX = int(_VALUE["JOB_UNCOUNTED_MAX"])
EXPECTATION_TIMEOUT_NS = int(_VALUE["EXPECTATION_TIMEOUT_NS"])
JOB_WORKERS = int(_VALUE["JOB_WORKERS"])
TTL_WORKERS = int(_VALUE["TTL_WORKERS"])
GC_WORKERS = int(_VALUE["GC_WORKERS"])
NAMESPACE_DELAY_NS = int(_VALUE["NAMESPACE_DELAY_NS"])
NAMESPACE_FINALIZER_WAIT_S = int(_VALUE["NAMESPACE_FINALIZER_WAIT_S"])
NAMESPACE_WORKERS = int(_VALUE["NAMESPACE_WORKERS"])
RETRY_BASE_NS = int(_VALUE["RETRY_BASE_NS"])
RETRY_CAP_NS = int(_VALUE["RETRY_CAP_NS"])
CRASH_LOOP_BASE_NS = int(_VALUE["CRASH_LOOP_BASE_NS"])
CRASH_LOOP_CAP_NS = int(_VALUE["CRASH_LOOP_CAP_NS"])
CRASH_LOOP_RESET_NS = int(_VALUE["CRASH_LOOP_RESET_NS"])
IMAGE_BACKOFF_BASE_NS = int(_VALUE["IMAGE_BACKOFF_BASE_NS"])
IMAGE_BACKOFF_CAP_NS = int(_VALUE["IMAGE_BACKOFF_CAP_NS"])
PLEG_PERIOD_NS = int(_VALUE["PLEG_PERIOD_NS"])
STATUS_RESYNC_NS = int(_VALUE["STATUS_RESYNC_NS"])
PROBE_PERIOD_S = int(_VALUE["PROBE_PERIOD_S"])
PROBE_FAILURES = int(_VALUE["PROBE_FAILURES"])
DEFAULT_GRACE_S = int(_VALUE["DEFAULT_GRACE_S"])
GRACE_MIN_S = int(_VALUE["GRACE_MIN_S"])
SIGTERM_EXIT = int(_VALUE["SIGTERM_EXIT"])
SIGKILL_EXIT = int(_VALUE["SIGKILL_EXIT"])
REBOOT_EXIT = int(_VALUE["REBOOT_EXIT"])
PRESSURE_TRANSITION_NS = int(_VALUE["PRESSURE_TRANSITION_NS"])
SHUTDOWN_GRACE_NS = int(_VALUE["SHUTDOWN_GRACE_NS"])
LEASE_RENEW_NS = int(_VALUE["LEASE_RENEW_NS"])
NODE_MONITOR_PERIOD_NS = int(_VALUE["NODE_MONITOR_PERIOD_NS"])
NODE_MONITOR_GRACE_NS = int(_VALUE["NODE_MONITOR_GRACE_NS"])
NODE_STARTUP_GRACE_NS = int(_VALUE["NODE_STARTUP_GRACE_NS"])
EVICTION_POLL_NS = int(_VALUE["EVICTION_POLL_NS"])
EVICTION_QPS = float(_VALUE["EVICTION_QPS"])
EVICTION_QPS_UNHEALTHY = float(_VALUE["EVICTION_QPS_UNHEALTHY"])
UNHEALTHY_ZONE_SHARE = float(_VALUE["UNHEALTHY_ZONE_SHARE"])
UNHEALTHY_ZONE_NODES_MIN = int(_VALUE["UNHEALTHY_ZONE_NODES_MIN"])
LARGE_ZONE_NODES = int(_VALUE["LARGE_ZONE_NODES"])
DEFAULT_TOLERATION_S = int(_VALUE["DEFAULT_TOLERATION_S"])
POD_GC_PERIOD_NS = int(_VALUE["POD_GC_PERIOD_NS"])
POD_GC_QUARANTINE_NS = int(_VALUE["POD_GC_QUARANTINE_NS"])
POD_GC_TERMINAL_MAX = int(_VALUE["POD_GC_TERMINAL_MAX"])
STALE_DISRUPTION_NS = int(_VALUE["STALE_DISRUPTION_NS"])
DRAIN_RETRY_NS = int(_VALUE["DRAIN_RETRY_NS"])
SCHEDULER_BACKOFF_BASE_NS = int(_VALUE["SCHEDULER_BACKOFF_BASE_NS"])
SCHEDULER_BACKOFF_CAP_NS = int(_VALUE["SCHEDULER_BACKOFF_CAP_NS"])
UNSCHEDULABLE_MAX_NS = int(_VALUE["UNSCHEDULABLE_MAX_NS"])
UNSCHEDULABLE_FLUSH_NS = int(_VALUE["UNSCHEDULABLE_FLUSH_NS"])
AFFINITY_CYCLES = float(_VALUE["AFFINITY_CYCLES"])
GANG_PERMIT_TIMEOUT_NS = int(_VALUE["GANG_PERMIT_TIMEOUT_NS"])


class Timing(Struct, kw_only=True):
    """What a Scenario may change of the table (``control.timing``); defaults are upstream's."""

    job_sync_window_ns: int = JOB_SYNC_WINDOW_NS
    job_retry_base_ns: int = JOB_RETRY_BASE_NS
    job_retry_cap_ns: int = JOB_RETRY_CAP_NS
    job_backoff_base_ns: int = JOB_BACKOFF_BASE_NS
    job_backoff_cap_ns: int = JOB_BACKOFF_CAP_NS
    job_writes_per_sync: int = JOB_WRITES_PER_SYNC
    job_workers: int = JOB_WORKERS
    expectation_timeout_ns: int = EXPECTATION_TIMEOUT_NS
    ttl_workers: int = TTL_WORKERS
    gc_workers: int = GC_WORKERS
    namespace_delay_ns: int = NAMESPACE_DELAY_NS
    crash_loop_base_ns: int = CRASH_LOOP_BASE_NS
    crash_loop_cap_ns: int = CRASH_LOOP_CAP_NS
    crash_loop_reset_ns: int = CRASH_LOOP_RESET_NS
    pressure_transition_ns: int = PRESSURE_TRANSITION_NS
    shutdown_grace_ns: int = SHUTDOWN_GRACE_NS
    lease_renew_ns: int = LEASE_RENEW_NS
    node_monitor_period_ns: int = NODE_MONITOR_PERIOD_NS
    node_monitor_grace_ns: int = NODE_MONITOR_GRACE_NS
    eviction_qps: float = EVICTION_QPS
    eviction_qps_unhealthy: float = EVICTION_QPS_UNHEALTHY
    unhealthy_zone_share: float = UNHEALTHY_ZONE_SHARE
    large_zone_nodes: int = LARGE_ZONE_NODES
    default_toleration_s: int = DEFAULT_TOLERATION_S
    pod_gc_period_ns: int = POD_GC_PERIOD_NS
    pod_gc_quarantine_ns: int = POD_GC_QUARANTINE_NS
    pod_gc_terminal_max: int = POD_GC_TERMINAL_MAX
    stale_disruption_ns: int = STALE_DISRUPTION_NS
    drain_retry_ns: int = DRAIN_RETRY_NS
    scheduler_backoff_base_ns: int = SCHEDULER_BACKOFF_BASE_NS
    scheduler_backoff_cap_ns: int = SCHEDULER_BACKOFF_CAP_NS
    unschedulable_max_ns: int = UNSCHEDULABLE_MAX_NS
    unschedulable_flush_ns: int = UNSCHEDULABLE_FLUSH_NS
    affinity_cycles: float = AFFINITY_CYCLES


#: Upstream's numbers.
REAL = Timing()
