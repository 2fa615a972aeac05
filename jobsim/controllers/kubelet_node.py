"""What a kubelet says about its node: its four conditions, when it comes up and when it is back.

Source: pkg/kubelet/nodestatus/setters.go; clauses K-POD-46, K-POD-54.
"""

from __future__ import annotations

from jobsim.api._struct import Time, replace
from jobsim.api.core import Node
from jobsim.api.meta import Condition, condition
from jobsim.api.pod import Pod
from jobsim.api.quantity import parse
from jobsim.api.timing import LEASE_RENEW_NS
from jobsim.api.writes import UpdateStatus
from jobsim.controllers.scheduler.requests import request_of
from jobsim.units import floor_second

_HEALTHY = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)


def healthy(node: Node, now: int) -> UpdateStatus | None:
    """Return the status write of a kubelet that finds its node well; None if the API says so already.

    Conditions of others (NetworkUnavailable, ...) stay as they are.
    """
    at = Time(floor_second(now))
    conditions = list(node.status.conditions)
    for type_, status, reason, message in _HEALTHY:
        old = condition(node.status.conditions, type_)
        if old is not None and old.status == status:
            continue
        new = Condition(
            type=type_,
            status=status,
            reason=reason,
            message=message,
            last_heartbeat_time=at,
            last_transition_time=at,
        )
        if old is None:
            conditions.append(new)
        else:
            conditions[conditions.index(old)] = new
    if tuple(conditions) == node.status.conditions:
        return None
    return UpdateStatus(obj=replace(node, status=replace(node.status, conditions=tuple(conditions))))


_PRESSED = {
    "memory": ("MemoryPressure", "KubeletHasInsufficientMemory", "kubelet has insufficient memory available"),
    "disk": ("DiskPressure", "KubeletHasDiskPressure", "kubelet has disk pressure"),
    "pid": ("PIDPressure", "KubeletHasInsufficientPID", "kubelet has insufficient PID available"),
}
#: What a kubelet calls the resource in an evicted pod's message.
PRESSED_RESOURCE = {"memory": "memory", "disk": "ephemeral-storage", "pid": "pids"}


def pressed(node: Node, what: str, now: int) -> UpdateStatus:
    """Return the status write of a kubelet that runs out of ``memory``, ``disk`` or ``pid``."""
    type_, reason, message = _PRESSED[what]
    return _with_condition(node, type_, "True", reason, message, now)


def shutting_down(node: Node, now: int) -> UpdateStatus:
    """Return the status write of a kubelet whose machine is being shut down (K-POD-45)."""
    return _with_condition(node, "Ready", "False", "KubeletNotReady", "node is shutting down", now)


def _with_condition(node: Node, type_: str, status: str, reason: str, message: str, now: int) -> UpdateStatus:
    at = Time(floor_second(now))
    new = Condition(
        type=type_,
        status=status,
        reason=reason,
        message=message,
        last_heartbeat_time=at,
        last_transition_time=at,
    )
    others = tuple(c for c in node.status.conditions if c.type != type_)
    return UpdateStatus(obj=replace(node, status=replace(node.status, conditions=(*others, new))))


def eviction_order(pod: Pod) -> tuple[int, int, str]:
    """Return a sort key: the pod that a node under pressure evicts first has the least.

    Lower priority first, then those that asked for less memory.  Differs: what pods really use is not
    simulated, and upstream looks at that before and after the priority.
    """
    asked = dict(request_of(pod, parse).amounts).get("memory", 0)
    return pod.spec.priority or 0, asked, pod.name


def last_renewal(silent_since: int, phase_ns: int = 0, every_ns: int = LEASE_RENEW_NS) -> int:
    """Return when a kubelet that fell silent had last renewed its lease (K-POD-46), ns."""
    return silent_since - (silent_since - phase_ns) % every_ns
