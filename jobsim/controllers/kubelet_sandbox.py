"""What the container runtime of a node knows of one pod: the kubelet's memory, exact to the nanosecond.

API times are whole seconds, so the kubelet cannot live on the Pod object alone: a ``Sandbox`` holds
what is really running, since when, and when it will end by itself.  ``advance`` carries it to a later
instant; what the API is told is derived from it (``kubelet_status``).

Source: pkg/kubelet/kuberuntime kuberuntime_manager.go computePodActions; pod_workers.go;
clauses K-POD-03, K-POD-04, K-POD-31, K-POD-40..42.
"""

from __future__ import annotations

from typing import Literal

from jobsim.api._struct import Struct, replace
from jobsim.api.timing import DEFAULT_GRACE_S, GRACE_MIN_S, PLEG_PERIOD_NS, SIGKILL_EXIT
from jobsim.controllers.kubelet_container import (
    NEVER,
    ContainerRun,
    Draw,
    Machine,
    elapse,
    has_started,
    is_sidecar,
    signalled,
    start_container,
)
from jobsim.units import SECOND

#: Why a container ended that was removed so that all of its pod start again.
RESTARTING_ALL = "RestartingAllContainers"


class Verdict(Struct):
    """Why the kubelet itself ended a pod: it will be Failed, whatever its containers exit with."""

    reason: str
    message: str
    disruption: str = ""


class Sandbox(Struct):
    """One pod on its node.

    Parameters
    ----------
    stage : {"starting", "init", "up", "restarting", "draining", "over"}
        Images and sandbox being prepared; init containers; app containers; all being stopped and removed to
        start again; only sidecars left; all stopped.
    start_at : int
        When the first container starts (again), ns.
    stopping_at, kill_at : int
        When SIGTERM was sent, and when SIGKILL follows, ns; ``NEVER`` while nobody asked.
    gone : bool
        The final DELETE was sent.
    """

    stage: Literal["starting", "init", "up", "restarting", "draining", "over"]
    admitted_at: int
    start_at: int
    init: tuple[ContainerRun, ...] = ()
    apps: tuple[ContainerRun, ...] = ()
    stopping_at: int = NEVER
    kill_at: int = NEVER
    verdict: Verdict | None = None
    gone: bool = False

    @property
    def stopping(self) -> bool:
        return self.stopping_at != NEVER


def due_at(box: Sandbox) -> int:
    """Return when the next thing happens in a sandbox by itself, ns."""
    if box.stage in ("starting", "restarting"):
        return box.start_at
    due = NEVER
    for run in box.apps if not box.init else (*box.init, *box.apps):
        if run.state == "running":
            at = run.ends_at if run.ready or run.ready_at > run.ends_at else run.ready_at
            if 0 < run.startup_at < at:
                at = run.startup_at
        else:
            at = run.restart_at
        if at < due:
            due = at
    return due


def advance(box: Sandbox, machine: Machine, until: int) -> Sandbox:
    """Return a sandbox as it is after all that happens by itself up to and including an instant."""
    while box.stage != "over":
        now = due_at(box)
        if now > until:
            break
        # While a sandbox is prepared no container has anything due.
        if box.stage == "starting":
            box = replace(box, stage="init")
        elif box.stage == "restarting":
            box = _start_again(box, now)
        else:
            box = _elapse(box, machine, now)
        box = settle(box, machine, now)
        if box.stage == "restarting":
            # What made it so is told before what comes of it, even in the same instant.
            break
    return box


def settle(box: Sandbox, machine: Machine, now: int) -> Sandbox:
    """Return a sandbox after what must follow from the state of its containers."""
    if box.stage == "init":
        box = _continue_init(box, machine, now)
    if box.stage == "up" and _all_over(box.apps):
        box = replace(box, stage="draining", init=_stop_sidecars(box, machine, now))
    if box.stage == "draining" and _all_over(box.init):
        box = replace(box, stage="over")
    return box


def begin_stop(box: Sandbox, machine: Machine, now: int, grace_s: int, stop_ns: int) -> Sandbox:
    """Return a sandbox whose app containers were sent SIGTERM (K-POD-40, K-POD-42).

    Parameters
    ----------
    grace_s : int
        Time until SIGKILL.
    stop_ns : int
        How long containers take to end when nobody kills them.
    """
    kill_at = now + grace_s * SECOND
    if box.stage == "restarting":
        # What was stopped to start again is stopped for good.
        box = replace(box, stage="up")
    if box.stage in ("starting", "init"):
        # Nothing worth saving runs yet: init containers get the same signal, app containers never start.
        runs = _signal_init(box.init, machine, now, stop_ns, kill_at)
        stopped = replace(box, stage="draining", init=runs, stopping_at=now, kill_at=kill_at)
        return settle(stopped, machine, now)
    apps = tuple([signalled(run, now, stop_ns, kill_at) for run in box.apps])
    return settle(replace(box, apps=apps, stopping_at=now, kill_at=kill_at), machine, now)


def shorten_stop(box: Sandbox, kill_at: int) -> Sandbox:
    """Return a stopping sandbox whose grace period was cut: what still runs then is killed."""

    def cut(run: ContainerRun) -> ContainerRun:
        if run.state != "running" or run.ends_at < kill_at:
            return run
        return replace(run, ends_at=kill_at, exit_code=SIGKILL_EXIT, reason="")

    return replace(
        box, kill_at=kill_at, init=tuple(cut(r) for r in box.init), apps=tuple(cut(r) for r in box.apps)
    )


def _all_over(runs: tuple[ContainerRun, ...]) -> bool:
    """Tell whether no container runs or will run again."""
    for run in runs:
        if run.state == "running":
            return False
        if run.restart_at != NEVER:
            return False
    return True


def _elapse(box: Sandbox, machine: Machine, now: int) -> Sandbox:
    """Let each container do what is due for it at this instant."""
    spec = machine.spec
    final = box.stopping or box.stage == "draining"
    apps = tuple(
        [elapse(machine, now, spec.containers[i], i, run, final=final) for i, run in enumerate(box.apps)]
    )
    init = box.init
    if init:
        init = tuple(
            [
                elapse(machine, now, spec.init_containers[i], ~i, run, final=final)
                for i, run in enumerate(init)
            ]
        )
    after = replace(box, apps=apps, init=init)
    for run in (*init, *apps):
        if run.restarts_all:
            return _begin_restart_all(after, machine, now)
    return after


def _begin_restart_all(box: Sandbox, machine: Machine, now: int) -> Sandbox:
    """Stop all other containers of a pod, so that all start again (K-POD-31).

    They are killed one after the other with the runtime's least grace, without the pod's.  Differs: a
    kubelet needs up to a second to see the exit that asked for it; here the whole takes at least that.
    """
    spec, took_ns = machine.spec, 0
    for number, run in (*enumerate(box.apps), *((~i, run) for i, run in enumerate(box.init))):
        if run.state == "running":
            container = spec.containers[number] if number >= 0 else spec.init_containers[~number]
            stop_ns = machine.sample(machine.behaviour.stop, "stop", container.name, run.restarts)
            if number == machine.behaviour.agent and number < 0:
                # It exits as soon as it is told (C-AGT-07).
                stop_ns = 0
            took_ns += min(stop_ns, GRACE_MIN_S * SECOND)

    def halted(run: ContainerRun) -> ContainerRun:
        return replace(run, ends_at=NEVER, ready_at=NEVER, restart_at=NEVER, restarts_all=False)

    return replace(
        box,
        stage="restarting",
        start_at=now + max(took_ns, PLEG_PERIOD_NS),
        init=tuple(halted(r) for r in box.init),
        apps=tuple(halted(r) for r in box.apps),
    )


def _start_again(box: Sandbox, now: int) -> Sandbox:
    """Take all containers back to before their start; the pod, its node and its sandbox stay (K-POD-31).

    There is no back-off (K-POD-32).
    """

    def again(run: ContainerRun) -> ContainerRun:
        if run.state == "waiting":
            return run
        # Upstream the removed container's own end is lost, also of the one that asked for it.
        removed = ContainerRun(
            state="terminated",
            since=now,
            exit_code=SIGKILL_EXIT,
            reason=RESTARTING_ALL,
            restarts=run.restarts,
        )
        return ContainerRun(since=now, restarts=run.restarts + 1, last=removed)

    return replace(
        box, stage="init", init=tuple(again(r) for r in box.init), apps=tuple(again(r) for r in box.apps)
    )


# -- order -----------------------------------------------------------------------------------------


def _continue_init(box: Sandbox, machine: Machine, now: int) -> Sandbox:
    """Start init containers one after the other; sidecars stay and the next follows; then the app."""
    spec = machine.spec
    runs = list(box.init)
    for i, container in enumerate(spec.init_containers):
        run = runs[i]
        if run.state == "waiting":
            run = runs[i] = start_container(machine, now, container, ~i, run)
        if run.state == "running":
            if is_sidecar(container) and has_started(container, run):
                continue
            break
        if run.restart_at != NEVER:
            break
        if run.exit_code != 0:
            # A failed init container that may not restart ends the pod (K-POD-03).
            ended = replace(box, stage="draining", init=tuple(runs))
            return replace(ended, init=_stop_sidecars(ended, machine, now))
    else:
        apps = tuple(
            [start_container(machine, now, c, i, box.apps[i]) for i, c in enumerate(spec.containers)]
        )
        return replace(box, stage="up", init=tuple(runs), apps=apps)
    return replace(box, init=tuple(runs))


def _stop_sidecars(box: Sandbox, machine: Machine, now: int) -> tuple[ContainerRun, ...]:
    """Send SIGTERM to what init containers left running, inside what is left of the grace period."""
    if not box.init:
        return ()
    grace_s = machine.spec.termination_grace_period_seconds
    kill_at = (
        box.kill_at if box.stopping else now + (DEFAULT_GRACE_S if grace_s is None else grace_s) * SECOND
    )
    stop_ns = machine.sample(machine.behaviour.stop, "stop", "sidecars")
    return _signal_init(box.init, machine, now, stop_ns, kill_at)


def _signal_init(
    runs: tuple[ContainerRun, ...], machine: Machine, now: int, stop_ns: int, kill_at: int
) -> tuple[ContainerRun, ...]:
    """Tell init containers to end: sidecars one after the other, the last of the spec first (K-POD-04).

    Each may use what its predecessors left of the grace period, and the runtime's least grace at worst;
    none waits for its turn beyond the grace period.

    Source: pkg/kubelet/kuberuntime kuberuntime_termination_order.go.
    """
    after = list(runs)
    turn, told = now, 0
    for i in range(len(runs) - 1, -1, -1):
        run, container = runs[i], machine.spec.init_containers[i]
        if run.state != "running" or not is_sidecar(container):
            after[i] = signalled(run, now, stop_ns, kill_at)
            continue
        if ~i == machine.behaviour.agent:
            # An agent exits as soon as it is told (C-AGT-07).
            took_ns = 0
        elif told:
            took_ns = machine.sample(machine.behaviour.stop, "stop", "sidecars", container.name)
        else:
            took_ns = stop_ns
        latest = kill_at if turn == now else max(kill_at, turn + GRACE_MIN_S * SECOND)
        after[i] = signalled(run, turn, took_ns, latest)
        turn, told = min(max(turn, after[i].ends_at), max(kill_at, now)), told + 1
    return tuple(after)


__all__ = [
    "NEVER",
    "RESTARTING_ALL",
    "ContainerRun",
    "Draw",
    "Machine",
    "Sandbox",
    "Verdict",
    "advance",
    "begin_stop",
    "due_at",
    "is_sidecar",
    "settle",
    "shorten_stop",
]
