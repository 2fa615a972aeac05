"""Which active pods a Job can do without: the order in which surplus pods are taken away.

Source: kubernetes pkg/controller/controller_utils.go ActivePods; clause K-JOB-37.
Differs: Go's sort is not stable; pods that compare equal keep list order here.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobsim.api.pod import Pod

_PHASES = {"Pending": 0, "Unknown": 1, "Running": 2}
#: Sorts before every time: upstream puts an absent time first.
_ABSENT = float("-inf")

_Key = tuple[bool, int, bool, float, int, int, float]


def removal_order(pods: Sequence[Pod]) -> list[Pod]:
    """Return pods with the one that is missed least first."""
    return sorted(pods, key=_worth)


def _worth(pod: Pod) -> _Key:
    status = pod.status
    ready, ready_since = _readiness(pod)
    sidecars = {c.name for c in pod.spec.init_containers if c.restart_policy == "Always"}
    restarts = max((s.restart_count for s in status.container_statuses), default=0)
    sidecar_restarts = max(
        (s.restart_count for s in status.init_container_statuses if s.name in sidecars), default=0
    )
    created = pod.metadata.creation_timestamp
    return (
        pod.spec.node_name != "",
        _PHASES.get(status.phase, 0),
        ready,
        ready_since,
        -restarts,
        -sidecar_restarts,
        _ABSENT if created is None else -created,
    )


def _readiness(pod: Pod) -> tuple[bool, float]:
    """Return whether a pod is Ready, and since when, the latest first; 0 for all that are not."""
    for condition in pod.status.conditions:
        if condition.type == "Ready":
            if condition.status != "True":
                break
            since = condition.last_transition_time
            return True, _ABSENT if since is None else -since
    return False, 0
