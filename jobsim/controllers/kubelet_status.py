"""What the kubelet tells the API server about a sandbox: a pod's status, in whole seconds.

Source: pkg/kubelet/status/generate.go, pkg/kubelet/kubelet_pods.go getPhase, convertStatusToAPIStatus,
status_manager.go TerminatePod; clauses K-POD-02, K-POD-03, K-POD-04, K-POD-08, K-POD-31, K-POD-41.
"""

from __future__ import annotations

from jobsim.api._struct import Time
from jobsim.api.meta import Condition
from jobsim.api.pod import (
    Container,
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    Phase,
    Pod,
    PodSpec,
    PodStatus,
)
from jobsim.controllers.kubelet_container import has_started
from jobsim.controllers.kubelet_sandbox import NEVER, RESTARTING_ALL, ContainerRun, Sandbox, is_sidecar
from jobsim.units import SECOND, floor_second

_NO_STATE = ContainerState()
_CREATING = ContainerState(waiting=ContainerStateWaiting(reason="ContainerCreating"))
_INITIALIZING = ContainerState(waiting=ContainerStateWaiting(reason="PodInitializing"))


def pod_status(pod: Pod, box: Sandbox, now: int, extra: tuple[Condition, ...] = ()) -> PodStatus:
    """Return the status to patch into a pod.

    Parameters
    ----------
    pod : Pod
    box : Sandbox
        As it is at ``now``.
    now : int
        ns; conditions that flip carry it, floored to the second.
    extra : tuple of Condition
        Conditions to write along with the kubelet's own.
    """
    at = Time(floor_second(now))
    current = phase(box)
    verdict = box.verdict if box.stage == "over" else None
    conditions = _conditions(pod, box, current, at) + extra
    if verdict is not None and verdict.disruption:
        conditions += (
            Condition(
                type="DisruptionTarget",
                status="True",
                last_transition_time=at,
                reason="TerminationByKubelet",
                message=verdict.disruption,
            ),
        )
    spec = pod.spec
    return PodStatus(
        phase=current,
        conditions=conditions,
        reason=verdict.reason if verdict is not None else "",
        message=verdict.message if verdict is not None else "",
        start_time=Time(floor_second(box.admitted_at)),
        init_container_statuses=tuple(
            [_container_status(pod, box, c, r) for c, r in zip(spec.init_containers, box.init, strict=True)]
        )
        if box.init
        else (),
        container_statuses=tuple(
            [_container_status(pod, box, c, r) for c, r in zip(spec.containers, box.apps, strict=True)]
        ),
    )


def phase(box: Sandbox) -> Phase:
    """Return a pod's phase (K-POD-03); terminal only when nothing runs any more (K-POD-04)."""
    if box.stage == "over":
        if box.verdict is not None:
            return "Failed"
        for run in box.apps:
            if run.state != "terminated" or run.exit_code != 0:
                return "Failed"
        return "Succeeded"
    for run in box.apps:
        if run.state != "waiting":
            return "Running"
    return "Pending"


def _conditions(pod: Pod, box: Sandbox, current: Phase, at: Time) -> tuple[Condition, ...]:
    """Return the conditions that a kubelet owns, in its order."""
    ran = current != "Pending"
    if current == "Succeeded":
        initialized = _condition("Initialized", at, "PodCompleted", status="True")
    elif box.init and (box.stage in ("starting", "init") or (box.stage == "restarting" and not ran)):
        waiting = [
            c.name
            for c, run in zip(pod.spec.init_containers, box.init, strict=True)
            if not (_is_up(c, run) if is_sidecar(c) else run.state == "terminated" and run.exit_code == 0)
        ]
        initialized = _condition("Initialized", at, "ContainersNotInitialized", _names("incomplete", waiting))
    else:
        initialized = Condition(type="Initialized", status="True", last_transition_time=at)
    up = "True" if box.stage not in ("starting", "over") else "False"
    return (
        Condition(type="PodReadyToStartContainers", status=up, last_transition_time=at),
        initialized,
        *_readiness(pod, box, current, at),
        *_restarting(pod.spec, box, current, at),
    )


def _readiness(pod: Pod, box: Sandbox, current: Phase, at: Time) -> tuple[Condition, Condition]:
    """Return Ready and ContainersReady, which differ only by readiness gates (not simulated)."""
    if current == "Succeeded":
        return _condition("Ready", at, "PodCompleted"), _condition("ContainersReady", at, "PodCompleted")
    if current == "Failed":
        return _condition("Ready", at, "PodFailed"), _condition("ContainersReady", at, "PodFailed")
    unready = _unready(pod, box)
    if unready:
        text = _names("unready", unready)
        return (
            _condition("Ready", at, "ContainersNotReady", text),
            _condition("ContainersReady", at, "ContainersNotReady", text),
        )
    return (
        Condition(type="Ready", status="True", last_transition_time=at),
        Condition(type="ContainersReady", status="True", last_transition_time=at),
    )


def _restarting(spec: PodSpec, box: Sandbox, current: Phase, at: Time) -> tuple[Condition, ...]:
    """Return AllContainersRestarting, for a pod that has a rule of that action (K-POD-31)."""
    if not _all_could_restart(spec.init_containers) and not _all_could_restart(spec.containers):
        return ()
    type_ = "AllContainersRestarting"
    if box.stage == "restarting":
        text = "container exited with restart policy rule"
        return (_condition(type_, at, "RestartAllContainersStarted", text, status="True"),)
    over = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}
    return (_condition(type_, at, over.get(current, "")),)


def _all_could_restart(containers: tuple[Container, ...]) -> bool:
    for container in containers:
        for rule in container.restart_policy_rules:
            if rule.action == "RestartAllContainers":
                return True
    return False


def _condition(type_: str, at: Time, reason: str, message: str = "", *, status: str = "False") -> Condition:
    return Condition(type=type_, status=status, last_transition_time=at, reason=reason, message=message)


def _names(what: str, names: list[str]) -> str:
    return f"containers with {what} status: [{' '.join(names)}]"


def _unready(pod: Pod, box: Sandbox) -> list[str]:
    """Return the names of sidecars and app containers that are not ready, in the spec's order."""
    names = []
    for i, run in enumerate(box.init):
        container = pod.spec.init_containers[i]
        if is_sidecar(container) and not run.ready:
            names.append(container.name)
    for i, run in enumerate(box.apps):
        if not run.ready:
            names.append(pod.spec.containers[i].name)
    return names


def _container_status(pod: Pod, box: Sandbox, container: Container, run: ContainerRun) -> ContainerStatus:
    if run.state == "running":
        state = ContainerState(running=ContainerStateRunning(started_at=Time(floor_second(run.since))))
    elif run.state == "waiting":
        state = _INITIALIZING if pod.spec.init_containers else _CREATING
    elif run.restart_at != NEVER:
        text = (
            f"back-off {_go_seconds(run.backoff)} restarting failed "
            f"container={container.name} pod={pod.name}_{pod.namespace}({pod.uid})"
        )
        state = ContainerState(waiting=ContainerStateWaiting(reason="CrashLoopBackOff", message=text))
    else:
        state = terminated(run)
    ready = run.ready
    if run.state == "terminated" and container.restart_policy != "Always":
        # A finished init container counts as ready.
        ready = run.exit_code == 0 and any(c is container for c in pod.spec.init_containers)
    last = run if run.restart_at != NEVER else run.last
    return ContainerStatus(
        name=container.name,
        state=state,
        last_state=_NO_STATE if last is None else terminated(last),
        ready=ready,
        restart_count=run.restarts,
        image=container.image,
        started=_is_up(container, run),
    )


def _is_up(container: Container, run: ContainerRun) -> bool:
    return run.state == "running" and has_started(container, run)


def terminated(run: ContainerRun) -> ContainerState:
    """Return the state of a container that has ended."""
    if run.reason == RESTARTING_ALL:
        text = "The container is removed because RestartAllContainers in place"
        gone = ContainerStateTerminated(exit_code=run.exit_code, reason=run.reason, message=text)
        return ContainerState(terminated=gone)
    return ContainerState(
        terminated=ContainerStateTerminated(
            exit_code=run.exit_code,
            reason=run.reason or ("Completed" if run.exit_code == 0 else "Error"),
            started_at=Time(floor_second(run.started_at)),
            finished_at=Time(floor_second(run.since)),
        )
    )


def _go_seconds(ns: int) -> str:
    """Return a whole number of seconds as Go prints a duration: ``10s``, ``1m20s``, ``5m0s``."""
    minutes, rest = divmod(ns // SECOND, 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
