"""One container on a node: how it starts, what is due for it, how it ends and comes back.

Source: pkg/kubelet/kuberuntime kuberuntime_manager.go computePodActions, doBackOff;
pkg/kubelet/prober/worker.go; client-go util/flowcontrol/backoff.go; clauses K-POD-05, K-POD-20..23, K-POD-30,
K-POD-42, C-AGT-01, C-AGT-06.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from jobsim.api._struct import Struct, replace
from jobsim.api.pod import Container, PodSpec, Probe
from jobsim.api.timing import (
    PROBE_FAILURES,
    PROBE_PERIOD_S,
    REAL,
    SIGKILL_EXIT,
    SIGTERM_EXIT,
    Timing,
)
from jobsim.laws import Fixed, Law, quantile
from jobsim.units import SECOND
from jobsim.workload.behaviour import ContainerProgram, ExitShare, PodBehaviour

NEVER = 2**63 - 1

#: A uniform number in [0, 1) for a purpose and an entity; the same key gives the same number.
Draw = Callable[..., float]


class ContainerRun(Struct):
    """One container as the runtime knows it.

    Parameters
    ----------
    since : int
        When it began to wait, started, or ended, ns.
    started_at : int
        When its last run began, ns.
    ready_at, ends_at, restart_at : int
        What will happen by itself, ns; ``NEVER`` if it will not.
    startup_at : int
        When its startup probe succeeds, ns, if that is not all that it waits for to be ready; 0: it has.
    exit_code, reason
        How it ended; while it runs, how it will end.
    backoff, backoff_at : int
        The delay before the restart after the next one, ns, and when it was set (0: no record).
    last : ContainerRun or None
        The run before, as it ended.
    restarts_all : bool
        It just ended in a way that restarts all containers of the pod.
    held : bool
        It is an in-place restart agent that has not lifted its barrier.
    """

    state: Literal["waiting", "running", "terminated"] = "waiting"
    since: int = 0
    started_at: int = 0
    ready: bool = False
    ready_at: int = NEVER
    startup_at: int = NEVER
    ends_at: int = NEVER
    exit_code: int = 0
    reason: str = ""
    restarts: int = 0
    restart_at: int = NEVER
    backoff: int = 0
    backoff_at: int = 0
    last: ContainerRun | None = None
    restarts_all: bool = False
    held: bool = False


class Machine(Struct):
    """What decides how a sandbox goes on: the pod's spec, its behaviour, the draws, when probes began."""

    uid: str
    spec: PodSpec
    behaviour: PodBehaviour
    draw: Draw
    probing_since: int = 0
    timing: Timing = REAL

    def sample(self, law: Law, purpose: str, *entity: str | int) -> int:
        """Return one duration; a fixed one costs no draw."""
        if type(law) is Fixed:
            return law.value
        return quantile(law, self.draw(purpose, self.uid, *entity))


def is_sidecar(container: Container) -> bool:
    """Tell whether an init container is a sidecar."""
    return container.restart_policy == "Always"


def has_started(container: Container, run: ContainerRun) -> bool:
    """Tell whether a running container has started: what comes after a sidecar waits for no more."""
    return run.ready or container.startup_probe is None or run.startup_at == 0


def after_exit(container: Container, policy: str, exit_code: int, *, init: bool) -> str:
    """Return ``restart``, ``restart-all`` or ``stay`` for a container that ended (K-POD-20, K-POD-30).

    Parameters
    ----------
    policy : str
        The pod's restartPolicy.
    init : bool
        An init container: Always means OnFailure for it unless it is a sidecar.
    """
    for rule in container.restart_policy_rules:
        codes = rule.exit_codes
        if codes is not None and (exit_code in codes.values) == (codes.operator == "In"):
            return "restart-all" if rule.action == "RestartAllContainers" else "restart"
    own = container.restart_policy or policy or "Always"
    if own == "Always" and (not init or is_sidecar(container)):
        return "restart"
    return "restart" if own != "Never" and exit_code != 0 else "stay"


def elapse(
    machine: Machine, now: int, container: Container, number: int, run: ContainerRun, *, final: bool
) -> ContainerRun:
    """Return a container after what is due for it at an instant.

    Parameters
    ----------
    number : int
        Place among the app containers, or ``~i`` for the i-th init container.
    final : bool
        The pod is being stopped: nothing is restarted (K-POD-42).
    """
    if run.state == "running":
        if run.ends_at <= now:
            run = replace(run, state="terminated", since=now, ready=False, ends_at=NEVER, held=False)
            if not final:
                run = _plan_restart(machine, now, container, run, init=number < 0)
        elif not run.ready and run.ready_at <= now:
            run = replace(run, ready=True, startup_at=0)
        elif 0 < run.startup_at <= now:
            run = replace(run, startup_at=0)
    if run.state == "terminated" and run.restart_at <= now:
        return _restart(machine, now, container, number, run)
    return run


def _plan_restart(
    machine: Machine, now: int, container: Container, run: ContainerRun, *, init: bool
) -> ContainerRun:
    """Say when an ended container starts again: at once or after its back-off (K-POD-21)."""
    action = after_exit(container, machine.spec.restart_policy, run.exit_code, init=init)
    if action == "stay":
        return run
    if action == "restart-all":
        return replace(run, restarts_all=True)
    if not run.backoff or now - run.backoff_at > machine.timing.crash_loop_reset_ns:
        return replace(run, restart_at=now, backoff=0)
    return replace(run, restart_at=now + run.backoff)


def _restart(
    machine: Machine, now: int, container: Container, number: int, run: ContainerRun
) -> ContainerRun:
    timing = machine.timing
    doubled = run.backoff * 2 if run.backoff else timing.crash_loop_base_ns
    backoff = min(doubled, timing.crash_loop_cap_ns)
    waiting = ContainerRun(restarts=run.restarts + 1, last=replace(run, last=None, restart_at=NEVER))
    fresh = start_container(machine, now, container, number, waiting)
    return replace(fresh, backoff=backoff, backoff_at=now)


def start_container(
    machine: Machine, now: int, container: Container, number: int, waiting: ContainerRun
) -> ContainerRun:
    """Return a container that just started, with its fate drawn; ``number`` as for ``elapse``."""
    behaviour, restarts = machine.behaviour, waiting.restarts
    if number < 0:
        if is_sidecar(container):
            return _start_sidecar(machine, now, container, number, waiting)
        program = behaviour.init_programs[~number]
        ready_at = NEVER
    else:
        program = behaviour.programs[number]
        ready_at = now + machine.sample(behaviour.ready, "ready", restarts) + _probes_ns(container)
    run = ContainerRun(
        state="running",
        since=now,
        started_at=now,
        ready=ready_at <= now,
        ready_at=ready_at,
        startup_at=_startup_at(container, now, ready_at),
        restarts=restarts,
        last=waiting.last,
    )
    if program.agent is not None:
        return replace(run, held=True)
    return begin_program(machine, now, container, number, run)


def begin_program(
    machine: Machine, now: int, container: Container, number: int, run: ContainerRun
) -> ContainerRun:
    """Return a running container whose program begins now, with its fate drawn."""
    behaviour = machine.behaviour
    program = behaviour.programs[number] if number >= 0 else behaviour.init_programs[~number]
    shared = number >= 0 and behaviour.shared_run
    ends_at = _end(machine, now, container, program, run.restarts, shared=shared)
    outcome = _outcome(machine, container, program.exit, run.restarts)
    return replace(run, ends_at=ends_at, exit_code=outcome.code, reason=outcome.reason)


def _start_sidecar(
    machine: Machine, now: int, container: Container, number: int, waiting: ContainerRun
) -> ContainerRun:
    """Return a sidecar that just started: by itself it runs until it is stopped."""
    ready_at = now + _probes_ns(container)
    run = ContainerRun(
        state="running",
        since=now,
        started_at=now,
        ready=ready_at <= now,
        ready_at=ready_at,
        startup_at=_startup_at(container, now, ready_at),
        restarts=waiting.restarts,
        last=waiting.last,
    )
    program = machine.behaviour.init_programs[~number]
    if program.agent is None and program.exit[0].code == 0:
        return run
    if program.agent is None:
        # Only an agent that is set up wrongly has a program that ends; it never answers a probe.
        mute = replace(run, ready=False, ready_at=NEVER, startup_at=NEVER)
        return begin_program(machine, now, container, number, mute if container.startup_probe else run)
    if container.startup_probe is None:
        # Nothing asks whether the barrier is down.
        return replace(run, held=True)
    gives_up = _probe_tick(machine, container.startup_probe, now, failures_first=True)
    silent = replace(run, held=True, ready=False, ready_at=NEVER, startup_at=NEVER)
    return replace(silent, ends_at=gives_up, exit_code=SIGTERM_EXIT)


def lift(machine: Machine, now: int, container: Container, number: int, run: ContainerRun) -> ContainerRun:
    """Return an agent's container after it lifted its barrier (C-AGT-06).

    The worker begins now, or the startup probe finds it out at its next tick.
    """
    program = machine.behaviour.programs[number] if number >= 0 else machine.behaviour.init_programs[~number]
    run = replace(run, held=False)
    if program.agent is not None and program.agent.mode == "main":
        return begin_program(machine, now, container, number, run)
    if number >= 0 or container.startup_probe is None:
        return run
    tick = _probe_tick(machine, container.startup_probe, run.started_at)
    period = _period_ns(container.startup_probe)
    tick += max(0, -((tick - now) // period)) * period
    return replace(run, ends_at=NEVER, ready_at=tick)


def _probe_tick(machine: Machine, probe: Probe, started_at: int, *, failures_first: bool = False) -> int:
    """Return when a probe first looks at a container; with ``failures_first`` when it gives up.

    Probes tick from the pod's admission on; the first that counts is after the container's start.
    """
    period = _period_ns(probe)
    since = started_at + probe.initial_delay_seconds * SECOND - machine.probing_since
    first = machine.probing_since + (since // period + 1) * period
    failures = (probe.failure_threshold or PROBE_FAILURES) - 1
    return first + failures * period if failures_first else first


def _period_ns(probe: Probe) -> int:
    return (probe.period_seconds or PROBE_PERIOD_S) * SECOND


def _end(
    machine: Machine,
    now: int,
    container: Container,
    program: ContainerProgram,
    restarts: int,
    *,
    shared: bool,
) -> int:
    run = program.run
    if type(run) is Fixed:
        return min(now + run.value, NEVER)
    if isinstance(run, str):
        return NEVER
    return min(now + machine.sample(run, "run", *(() if shared else (container.name,)), restarts), NEVER)


def _outcome(
    machine: Machine, container: Container, shares: tuple[ExitShare, ...], restarts: int
) -> ExitShare:
    """Draw how a run will end."""
    if len(shares) == 1:
        return shares[0]
    left = machine.draw("exit", machine.uid, container.name, restarts) * sum(s.share for s in shares)
    for share in shares:
        if left < share.share:
            return share
        left -= share.share
    return shares[-1]


def _probes_ns(container: Container) -> int:
    """Return what startup and readiness probes add before a container is ready (K-POD-05).

    A readiness probe that wants several successes looks again after each period.
    """
    startup, readiness = container.startup_probe, container.readiness_probe
    delay_s = startup.initial_delay_seconds if startup is not None else 0
    if readiness is not None:
        again = max(readiness.success_threshold, 1) - 1
        delay_s += readiness.initial_delay_seconds + again * (readiness.period_seconds or PROBE_PERIOD_S)
    return delay_s * SECOND


def _startup_at(container: Container, now: int, ready_at: int) -> int:
    """Return when a startup probe succeeds, where that comes before all else that makes a container ready."""
    startup = container.startup_probe
    if startup is None or ready_at == NEVER:
        return NEVER
    at = now + startup.initial_delay_seconds * SECOND
    return at if now < at < ready_at else NEVER if at == ready_at else 0


def signalled(run: ContainerRun, now: int, stop_ns: int, kill_at: int) -> ContainerRun:
    """Return a container after SIGTERM: it ends by itself if that is sooner, or is killed."""
    if run.state != "running":
        return run if run.restart_at == NEVER else replace(run, restart_at=NEVER)
    stop_at = now + stop_ns
    if run.ends_at <= min(stop_at, kill_at):
        return run
    if stop_at < kill_at or stop_ns == 0:
        return replace(run, ends_at=stop_at, exit_code=SIGTERM_EXIT, reason="")
    return replace(run, ends_at=kill_at, exit_code=SIGKILL_EXIT, reason="")
