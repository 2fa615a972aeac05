"""What happens to a running pod from outside the kubelet's own course: failures, workloads, reboots.

Each function answers with a ``Stage`` that begins now, to be carried out like those of
``kubelet.next_stage``; None: nothing runs there that it could happen to.

Source: the Scenario file's *failures*; clauses K-POD-07, K-POD-45, K-POD-54, C-AGT-05, C-AGT-06.
"""

from __future__ import annotations

from jobsim.api._struct import Time, replace
from jobsim.api.meta import Condition
from jobsim.api.pod import Pod, PodStatus
from jobsim.api.timing import DEFAULT_GRACE_S, REBOOT_EXIT
from jobsim.controllers.kubelet_container import lift
from jobsim.controllers.kubelet_sandbox import NEVER, ContainerRun, Sandbox, Verdict, advance, settle
from jobsim.controllers.kubelet_stage import Seen, Stage, machine_of, patch, stop, transition
from jobsim.units import floor_second
from jobsim.workload.behaviour import PodBehaviour


def fail_container(
    seen: Seen, now: int, exit_code: int, *, reason: str = "", container: str = ""
) -> Stage | None:
    """Return the stage in which one running app container ends now; None if it is not running.

    Parameters
    ----------
    container : str
        Its name; "" means the first one.
    """
    for i, spec in enumerate(seen.pod.spec.containers):
        if container in ("", spec.name):
            return _end(seen, now, i, exit_code, reason)
    return None


def exit_agent(seen: Seen, now: int) -> Stage | None:
    """Return the stage in which a pod's in-place restart agent exits; None if it does not run (C-AGT-05)."""
    number = seen.behaviour.agent
    if number is None:
        return None
    programs = seen.behaviour.programs if number >= 0 else seen.behaviour.init_programs
    agent = programs[number if number >= 0 else ~number].agent
    assert agent is not None
    return _end(seen, now, number, agent.exit_code, "")


def agent_run(behaviour: PodBehaviour, sandbox: Sandbox | None) -> int | None:
    """Return which run of its container a pod's agent is in (its restarts); None: it does not run."""
    number = behaviour.agent
    if number is None or sandbox is None or sandbox.stage == "restarting":
        return None
    run = _run(sandbox, number)
    return run.restarts if run.state == "running" else None


def lift_barrier(seen: Seen, now: int) -> Stage | None:
    """Return the stage in which a pod's agent lifts its barrier; None if it is not up (C-AGT-06)."""
    box, number = seen.sandbox, seen.behaviour.agent
    if box is None or number is None or not seen.up or box.stage == "restarting":
        return None
    run = _run(box, number)
    if run.state != "running" or not run.held:
        return None
    spec = seen.pod.spec
    container = spec.containers[number] if number >= 0 else spec.init_containers[~number]
    return Stage(at=now, sandbox=_with(box, number, lift(machine_of(seen), now, container, number, run)))


def _end(seen: Seen, now: int, number: int, exit_code: int, reason: str) -> Stage | None:
    """Return the stage in which one running container ends now."""
    box = seen.sandbox
    if box is None or not seen.up or box.stage == "restarting":
        return None
    run = _run(box, number)
    if run.state != "running":
        return None
    ended = replace(run, ends_at=now, ready_at=NEVER, exit_code=exit_code, reason=reason)
    return transition(seen, box, advance(_with(box, number, ended), machine_of(seen), now), now)


def _run(box: Sandbox, number: int) -> ContainerRun:
    runs, i = (box.apps, number) if number >= 0 else (box.init, ~number)
    return runs[i] if i < len(runs) else ContainerRun()


def _with(box: Sandbox, number: int, run: ContainerRun) -> Sandbox:
    """Return a sandbox with another state of one container (``~i``: of the i-th init container)."""
    if number >= 0:
        return replace(box, apps=(*box.apps[:number], run, *box.apps[number + 1 :]))
    i = ~number
    return replace(box, init=(*box.init[:i], run, *box.init[i + 1 :]))


def fail_pod(seen: Seen, now: int, exit_code: int, *, reason: str = "") -> Stage | None:
    """Return the stage in which a pod fails for good; None if its first container does not run.

    For faults that no container restart cures: the container ends and is not restarted, whatever the
    manifest says; the others are told to stop.
    """
    box = seen.sandbox
    if box is None or not seen.up or box.stage == "restarting" or _run(box, 0).state != "running":
        return None
    if box.stopping:
        return _end(seen, now, 0, exit_code, reason)
    ended = replace(
        _run(box, 0),
        state="terminated",
        since=now,
        ready=False,
        ends_at=NEVER,
        exit_code=exit_code,
        reason=reason,
        held=False,
    )
    grace_s = seen.pod.spec.termination_grace_period_seconds
    failing = _with(box, 0, ended)
    stage = stop(seen, failing, now, DEFAULT_GRACE_S if grace_s is None else grace_s)
    return stage if stage.writes else transition(seen, box, stage.sandbox, now)


def finish(
    seen: Seen,
    now: int,
    exit_code: int,
    *,
    reason: str = "",
    container: str = "",
    conditions: tuple[Condition, ...] = (),
) -> Stage | None:
    """Return the stage in which all app containers end now and are not restarted; None if none runs.

    The named container (else the first) exits with ``exit_code``, the others with 0; ``conditions``
    are written along.  For workloads that are done and for scripted outcomes.
    """
    box = seen.sandbox
    if box is None or not seen.up or box.stage != "up":
        return None
    apps = []
    for i, (spec, run) in enumerate(zip(seen.pod.spec.containers, box.apps, strict=True)):
        named = spec.name == container or (not container and i == 0)
        code, why = (exit_code, reason) if named else (0, "")
        if run.state == "running":
            run = replace(run, state="terminated", since=now, ready=False, exit_code=code, reason=why)
        apps.append(replace(run, restart_at=NEVER, ends_at=NEVER))
    if seen.profile.instant:
        done = tuple(replace(run, state="terminated", since=now, ready=False) for run in box.init)
        after = replace(box, stage="over", init=done, apps=tuple(apps))
    else:
        after = settle(replace(box, apps=tuple(apps)), machine_of(seen), now)
    return transition(seen, box, after, now, conditions)


def restart_containers(seen: Seen, now: int) -> Stage | None:
    """Return the stage in which every app container is restarted in no time; the pod stays ready."""
    box = seen.sandbox
    if box is None or not seen.up or box.stage != "up":
        return None
    apps = tuple(replace(r, restarts=r.restarts + 1) if r.state == "running" else r for r in box.apps)
    after = replace(box, apps=apps)
    return transition(seen, box, after, now)


def evicted(resource: str) -> Verdict:
    """Return the verdict of an eviction under node pressure."""
    text = f"The node was low on resource: {resource}. "
    return Verdict(reason="Evicted", message=text, disruption=text)


#: The verdict of a graceful node shutdown.
SHUTDOWN = Verdict(
    reason="Terminated",
    message="Pod was terminated in response to imminent node shutdown.",
    disruption="Pod was terminated in response to imminent node shutdown.",
)


def reject(pod: Pod, now: int, reason: str, message: str) -> Stage:
    """Return the stage in which the kubelet refuses a pod at admission (K-POD-07)."""
    text = f"Pod was rejected: {message}"
    box = Sandbox(stage="over", admitted_at=now, start_at=now, verdict=Verdict(reason=reason, message=text))
    status = PodStatus(phase="Failed", reason=reason, message=text, start_time=Time(floor_second(now)))
    return Stage(at=now, sandbox=box, writes=(patch(pod, status),))


def reboot(seen: Seen, now: int) -> Stage | None:
    """Return what the kubelet finds when its node is back after a crash: all containers dead (K-POD-54).

    With restartPolicy Never the pod fails (no DisruptionTarget); otherwise its containers restart.
    """
    box = seen.sandbox
    if box is None or box.stage == "over":
        return None
    machine = machine_of(seen)
    if box.stage == "starting":
        start_at = now + machine.sample(seen.behaviour.start, "start", "reboot")
        return Stage(at=now, sandbox=replace(box, start_at=start_at))

    ended = seen.pod.terminating

    def found(run: ContainerRun) -> ContainerRun:
        if run.state != "running":
            # What fell due in the dark happens now, or not at all (K-POD-42).
            return replace(run, restart_at=NEVER if ended else max(run.restart_at, now))
        return replace(run, ends_at=now, ready_at=NEVER, exit_code=REBOOT_EXIT, reason="Unknown")

    dead = replace(
        box,
        start_at=max(box.start_at, now),
        init=tuple([found(run) for run in box.init]),
        apps=tuple([found(run) for run in box.apps]),
    )
    if ended:
        # What died under a deletion mark does not come back.
        stage = "up" if dead.stage == "restarting" else dead.stage
        dead = replace(dead, stage=stage, stopping_at=now, kill_at=now)
    return transition(seen, box, settle(advance(dead, machine, now), machine, now), now)
