"""The kubelet: the next stage in the life of a pod on its node.

A pure stage machine.  The shell keeps one ``Sandbox`` per pod (the container runtime's knowledge),
asks ``next_stage`` what happens next and when, sets a timer, and at that time stores the new sandbox
and sends the writes.  It asks again after each stage and whenever the Pod object changes; a stage that
was not carried out has left no trace, and asking twice gives the same answer.

Stages: admitted → images pulled, sandbox prepared → init containers in order → app containers running →
ready → ended (or restarted with back-off) → terminal phase.  A deletion mark turns it into: SIGTERM →
all stopped → terminal phase and the final DELETE.  Sidecars are stopped last.

Source: pkg/kubelet/kubelet.go SyncPod, SyncTerminatingPod; pod_workers.go; clauses K-POD-01..08,
K-POD-20..23, K-POD-40..43, K-POD-45, K-POD-54.
"""

from __future__ import annotations

from jobsim.api._struct import replace
from jobsim.api.pod import Pod
from jobsim.api.timing import DEFAULT_GRACE_S, GRACE_MIN_S
from jobsim.controllers.kubelet_outside import (
    SHUTDOWN,
    agent_run,
    evicted,
    exit_agent,
    fail_container,
    fail_pod,
    finish,
    lift_barrier,
    reboot,
    reject,
    restart_containers,
)
from jobsim.controllers.kubelet_sandbox import (
    NEVER,
    ContainerRun,
    Machine,
    Sandbox,
    Verdict,
    advance,
    due_at,
    shorten_stop,
)
from jobsim.controllers.kubelet_stage import (
    INSTANT,
    KWOK_FAST,
    REAL,
    KubeletProfile,
    Seen,
    Stage,
    final_delete,
    machine_of,
    patch,
    stop,
    terminate,
    transition,
)
from jobsim.controllers.kubelet_status import pod_status
from jobsim.laws import Fixed
from jobsim.units import SECOND, floor_second

__all__ = [
    "INSTANT",
    "KWOK_FAST",
    "REAL",
    "SHUTDOWN",
    "KubeletProfile",
    "Sandbox",
    "Seen",
    "Stage",
    "Verdict",
    "agent_run",
    "evicted",
    "exit_agent",
    "fail_container",
    "fail_pod",
    "finish",
    "lift_barrier",
    "next_stage",
    "reboot",
    "reject",
    "restart_containers",
    "terminate",
]


def next_stage(seen: Seen, now: int) -> Stage | None:
    """Return what happens next to a pod, or None if nothing will without a change from outside.

    Parameters
    ----------
    seen : Seen
    now : int
        ns; no stage lies before it.
    """
    pod, box = seen.pod, seen.sandbox
    if not seen.up or not pod.spec.node_name:
        return None
    if box is None:
        return None if pod.terminal and not pod.terminating else _admit(seen, now)
    if box.stage == "over":
        return _farewell(pod, box, now)
    if pod.terminating:
        if box.stopping_at == NEVER:
            return stop(seen, box, now)
        grace_s = max(pod.metadata.deletion_grace_period_seconds or 0, GRACE_MIN_S)
        if now + grace_s * SECOND < box.kill_at and not seen.profile.instant:
            return Stage(at=now, sandbox=shorten_stop(box, now + grace_s * SECOND))
    at = max(due_at(box), now)
    deadline_s = pod.spec.active_deadline_seconds
    if deadline_s is not None and box.stopping_at == NEVER:
        deadline = max(floor_second(box.admitted_at) + deadline_s * SECOND, now)
        if deadline <= at:
            return terminate(seen, deadline, _DEADLINE, _grace_s(pod))
    if at >= NEVER:
        return None
    return transition(seen, box, advance(box, machine_of(seen), at), at)


_DEADLINE = Verdict(
    reason="DeadlineExceeded", message="Pod was active on the node longer than the specified deadline"
)


#: A container that was never started.
_WAITING = ContainerRun()


def _admit(seen: Seen, now: int) -> Stage:
    """Take a pod in: from here on there is a sandbox."""
    pod, behaviour = seen.pod, seen.behaviour
    spec = pod.spec
    if seen.profile.instant:
        return _admit_instantly(seen, now)
    runs = (_WAITING,) * len(spec.containers)
    init = (_WAITING,) * len(spec.init_containers)
    machine = machine_of(seen)
    pulled = _pull(seen, machine, now)
    pulled_at = max([at for _, at in pulled]) if pulled else now
    start_at = pulled_at + machine.sample(behaviour.start, "start")
    box = Sandbox(stage="starting", admitted_at=now, start_at=start_at, init=init, apps=runs)
    if pod.terminating:
        return Stage(at=now, sandbox=box)
    slow = start_at - now >= seen.profile.quiet_ns
    writes = (patch(pod, pod_status(pod, box, now)),) if slow else ()
    return Stage(at=now, sandbox=box, writes=writes, pulled=pulled)


def _admit_instantly(seen: Seen, now: int) -> Stage:
    spec = seen.pod.spec
    box = Sandbox(stage="starting", admitted_at=now, start_at=now)
    if seen.pod.terminating:
        return stop(seen, box, now)
    done = ContainerRun(state="terminated", since=now, started_at=now)
    running = ContainerRun(state="running", since=now, started_at=now, ready=True, ready_at=now)
    init = tuple(running if c.restart_policy == "Always" else done for c in spec.init_containers)
    after = replace(box, stage="up", init=init, apps=tuple([running] * len(spec.containers)))
    return transition(seen, box, after, now)


def _pull(seen: Seen, machine: Machine, now: int) -> tuple[tuple[str, int], ...]:
    """Return the images to wait for; a node pulls one after the other (K-POD-06).

    Differs: all images of a pod are pulled before its first container starts.
    """
    law, spec = seen.behaviour.pull, seen.pod.spec
    if type(law) is Fixed and law.value == 0:
        return ()
    waits: dict[str, int] = {}
    free_at = max(now, max(seen.images.values(), default=now))
    for container in (*spec.init_containers, *spec.containers):
        image = container.image
        if image in waits:
            continue
        known = seen.images.get(image)
        if known is None:
            free_at += machine.sample(law, "pull", spec.node_name, image)
            waits[image] = free_at
        else:
            waits[image] = max(known, now)
    return tuple(waits.items())


def _farewell(pod: Pod, box: Sandbox, now: int) -> Stage | None:
    """Send the final DELETE of a pod that ended while its deletion was under way."""
    if box.gone or not pod.terminating or not pod.metadata.deletion_grace_period_seconds:
        return None
    return Stage(at=now, sandbox=replace(box, gone=True), writes=(final_delete(pod),))


def _grace_s(pod: Pod) -> int:
    own = pod.spec.termination_grace_period_seconds
    return DEFAULT_GRACE_S if own is None else own
