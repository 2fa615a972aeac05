"""READY, STATUS and RESTARTS of a pod, as kubectl makes them from phase, conditions and containers.

Source: kubernetes pkg/printers/internalversion printers.go printPod (v1.36).
"""

from __future__ import annotations

from collections.abc import Iterable

from jobsim.api.meta import condition, is_true
from jobsim.api.pod import ContainerStateTerminated, ContainerStatus, Pod


def pod_status(pod: Pod) -> str:
    """Return the word that kubectl shows in the STATUS column."""
    status = pod.status
    if pod.terminating and status.reason == "NodeLost":
        return "Unknown"
    if pod.terminating and not pod.terminal:
        return "Terminating"
    initializing = _initializing(pod)
    if initializing is not None and not is_true(status.conditions, "Initialized"):
        return initializing
    reason = initializing or status.reason or status.phase
    scheduled = condition(status.conditions, "PodScheduled")
    if initializing is None and scheduled is not None and scheduled.reason == "SchedulingGated":
        reason = "SchedulingGated"
    running = False
    for container in reversed(status.container_statuses):
        reason = _waiting_or_ended(container) or reason
        running |= _counts_as_running(container)
    if reason == "Completed" and running:
        return "Running" if is_true(status.conditions, "Ready") else "NotReady"
    return reason


def pod_ready(pod: Pod) -> str:
    """Return the READY column: containers that are ready, of all that run along (sidecars too)."""
    sidecars = _sidecars(pod)
    ready = 0
    for container in pod.status.init_container_statuses:
        if not _passed(pod, container):
            break
        ready += container.ready and container.name in sidecars and container.state.terminated is None
    if _main_part_counts(pod):
        ready += sum(map(_counts_as_running, pod.status.container_statuses))
    return f"{ready}/{len(pod.spec.containers) + len(sidecars)}"


def pod_restarts(pod: Pod) -> tuple[int, int | None]:
    """Return how often containers were restarted, and when one last ended (None: never).

    While a pod initializes these are its init containers', afterwards its sidecars' and containers'.
    """
    sidecars = _sidecars(pod)
    counted = list(_init_containers_looked_at(pod))
    if _main_part_counts(pod):
        counted = [c for c in counted if c.name in sidecars] + list(pod.status.container_statuses)
    ends = [c.last_state.terminated for c in counted if c.last_state.terminated is not None]
    finished = [end.finished_at for end in ends if end.finished_at is not None]
    return sum(c.restart_count for c in counted), max(finished, default=None)


def _sidecars(pod: Pod) -> frozenset[str]:
    return frozenset(c.name for c in pod.spec.init_containers if c.restart_policy == "Always")


def _main_part_counts(pod: Pod) -> bool:
    return _initializing(pod) is None or is_true(pod.status.conditions, "Initialized")


def _init_containers_looked_at(pod: Pod) -> Iterable[ContainerStatus]:
    """Yield init containers up to the one that holds the pod up, that one included."""
    for container in pod.status.init_container_statuses:
        yield container
        if not _passed(pod, container):
            return


def _passed(pod: Pod, container: ContainerStatus) -> bool:
    ended = container.state.terminated
    if ended is not None and ended.exit_code == 0:
        return True
    return container.name in _sidecars(pod) and bool(container.started)


def _initializing(pod: Pod) -> str | None:
    """Return the ``Init:...`` word for the first init container that holds the pod up, if any does."""
    for index, container in enumerate(pod.status.init_container_statuses):
        if _passed(pod, container):
            continue
        waiting = container.state.waiting
        if container.state.terminated is not None:
            return f"Init:{_ended(container.state.terminated)}"
        if waiting is not None and waiting.reason not in ("", "PodInitializing"):
            return f"Init:{waiting.reason}"
        return f"Init:{index}/{len(pod.spec.init_containers)}"
    return None


def _ended(state: ContainerStateTerminated) -> str:
    if state.reason:
        return state.reason
    return f"Signal:{state.signal}" if state.signal else f"ExitCode:{state.exit_code}"


def _waiting_or_ended(container: ContainerStatus) -> str:
    if container.state.waiting is not None and container.state.waiting.reason:
        return container.state.waiting.reason
    return _ended(container.state.terminated) if container.state.terminated is not None else ""


def _counts_as_running(container: ContainerStatus) -> bool:
    return not _waiting_or_ended(container) and container.ready and container.state.running is not None
