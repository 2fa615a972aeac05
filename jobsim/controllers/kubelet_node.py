"""What a kubelet says about its node: its four conditions, when it comes up and when it is back.

Source: pkg/kubelet/nodestatus/setters.go; clauses K-POD-46, K-POD-54.
"""

from __future__ import annotations

from jobsim.api._struct import Time, replace
from jobsim.api.core import Node
from jobsim.api.meta import Condition, condition
from jobsim.api.writes import UpdateStatus
from jobsim.controllers.timing import LEASE_RENEW_NS
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


def last_renewal(silent_since: int, phase_ns: int = 0) -> int:
    """Return when a kubelet that fell silent had last renewed its lease (K-POD-46), ns."""
    return silent_since - (silent_since - phase_ns) % LEASE_RENEW_NS
