"""Where pods go and what becomes of them in a world without time: scheduler and kubelet, one move each.

The scheduler's cycle is the product's own; the kubelet is told what happens.
"""

from __future__ import annotations

from jobsim.api._struct import Time
from jobsim.api.core import Node
from jobsim.api.meta import Condition, is_true
from jobsim.api.pod import (
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStatus,
    Phase,
    Pod,
    PodStatus,
)
from jobsim.api.reader import Reader
from jobsim.api.writes import Bind, Delete, PatchPodStatus, Write
from jobsim.controllers.scheduler.cycle import cycle
from jobsim.controllers.scheduler.snapshot import Snapshot
from jobsim.units import floor_second


def waits_for_node(pod: Pod) -> bool:
    """Tell whether the scheduler looks at a pod."""
    return not (pod.spec.node_name or pod.terminating or pod.terminal or pod.spec.scheduling_gates)


def may_start(pod: Pod) -> bool:
    """Tell whether a kubelet may start a pod."""
    return bool(pod.spec.node_name) and pod.status.phase in ("", "Pending") and not pod.terminating


def runs(pod: Pod) -> bool:
    """Tell whether a pod runs and may end by itself."""
    return pod.status.phase == "Running" and not pod.terminating


def to_be_stopped(pod: Pod) -> bool:
    """Tell whether a kubelet has a deletion to finish."""
    return pod.terminating and bool(pod.spec.node_name) and bool(pod.metadata.deletion_grace_period_seconds)


def bind(pod: Pod, reader: Reader) -> Write | None:
    """Return the binding that one scheduling cycle comes to."""
    snapshot = Snapshot()
    for node in reader.list(Node):
        snapshot.add_node(node)
    for placed in reader.list(Pod):
        if placed.spec.node_name and not placed.terminal:
            snapshot.add_pod(placed)
    decision = cycle(snapshot, pod)
    if not decision.node:
        return None
    return Bind(namespace=pod.namespace, name=pod.name, node=decision.node, uid=pod.uid)


def start(pod: Pod, now: int) -> Write:
    """Return the report that all containers run and are ready."""
    at = Time(floor_second(now))
    running = ContainerState(running=ContainerStateRunning(started_at=at))
    statuses = tuple(
        ContainerStatus(name=c.name, state=running, ready=True, started=True) for c in pod.spec.containers
    )
    ready = Condition(type="Ready", status="True", last_transition_time=at)
    return _report(
        pod, PodStatus(phase="Running", start_time=at, conditions=(ready,), container_statuses=statuses)
    )


def end(pod: Pod, code: int, now: int) -> Write:
    """Return the report of containers that exited; with OnFailure a failed one is restarted in place."""
    if code and pod.spec.restart_policy == "OnFailure":
        first, *others = pod.status.container_statuses
        again = ContainerStatus(
            name=first.name,
            state=first.state,
            ready=True,
            started=True,
            restart_count=first.restart_count + 1,
        )
        return _report(pod, PodStatus(container_statuses=(again, *others)))
    return _terminal(pod, code, now)


def waver(pod: Pod, now: int) -> Write:
    """Return the report that a pod is not ready any more, or is again."""
    status = "False" if is_true(pod.status.conditions, "Ready") else "True"
    at = Time(floor_second(now))
    return _report(
        pod, PodStatus(conditions=(Condition(type="Ready", status=status, last_transition_time=at),))
    )


def stop(pod: Pod, code: int, now: int) -> Write:
    """Return a kubelet's next write for a pod being deleted: how it ended, then its end (K-POD-41)."""
    if not pod.terminal:
        return _terminal(pod, code, now)
    return vanish(pod)


def vanish(pod: Pod) -> Write:
    """Return the forced deletion of a pod, however it stands."""
    return Delete(kind="Pod", namespace=pod.namespace, name=pod.name, grace_s=0, uid=pod.uid)


def _terminal(pod: Pod, code: int, now: int) -> Write:
    at = Time(floor_second(now))
    ended = ContainerState(terminated=ContainerStateTerminated(exit_code=code, finished_at=at))
    counts = {status.name: status.restart_count for status in pod.status.container_statuses}
    statuses = tuple(
        ContainerStatus(name=c.name, state=ended, restart_count=counts.get(c.name, 0))
        for c in pod.spec.containers
    )
    phase: Phase = "Failed" if code else "Succeeded"
    unready = Condition(type="Ready", status="False", last_transition_time=at)
    return _report(pod, PodStatus(phase=phase, conditions=(unready,), container_statuses=statuses))


def _report(pod: Pod, status: PodStatus) -> Write:
    return PatchPodStatus(kind="Pod", namespace=pod.namespace, name=pod.name, status=status, uid=pod.uid)
