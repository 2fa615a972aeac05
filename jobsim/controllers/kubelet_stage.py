"""Stages of a pod on its node: what the kubelet looks at, what it answers, how a pod is stopped.

Source: pkg/kubelet/pod_workers.go, pkg/kubelet/status/status_manager.go; clauses K-POD-40..42, K-POD-45.
"""

from __future__ import annotations

from collections.abc import Mapping

from jobsim.api._struct import Struct, replace
from jobsim.api.meta import Condition
from jobsim.api.plan import EventRecord, reference
from jobsim.api.pod import Container, Pod, PodStatus
from jobsim.api.timing import GRACE_MIN_S, SIGTERM_EXIT, STATUS_RESYNC_NS, Timing
from jobsim.api.timing import REAL as REAL_TIMING
from jobsim.api.writes import Delete, PatchFinalizers, PatchPodStatus, Write
from jobsim.controllers.kubelet_sandbox import (
    NEVER,
    ContainerRun,
    Draw,
    Machine,
    Sandbox,
    Verdict,
    begin_stop,
)
from jobsim.controllers.kubelet_status import phase, pod_status
from jobsim.units import SECOND
from jobsim.workload.behaviour import PodBehaviour


class KubeletProfile(Struct):
    """How much of a kubelet's life is played.

    Parameters
    ----------
    instant : bool
        The simulated agents of recorded clusters: Running and Ready at once with init containers
        shown as finished; a deleted pod ends at once (exit 143), one that never ran just goes.
    wipes : bool
        An instant agent as KWOK ships it ("fast"): a deleted pod loses its finalizers and goes,
        and its status never tells of an end.
    quiet_ns : int
        A start-up shorter than this is reported by its end alone, a longer one first as
        ContainerCreating.  Differs: a real kubelet always writes both.
    """

    instant: bool = False
    wipes: bool = False
    quiet_ns: int = STATUS_RESYNC_NS
    timing: Timing = REAL_TIMING


REAL = KubeletProfile()
INSTANT = KubeletProfile(instant=True)
KWOK_FAST = KubeletProfile(instant=True, wipes=True)


class Seen(Struct):
    """All that a kubelet looks at for one pod.

    Parameters
    ----------
    pod : Pod
        As the kubelet's cache has it.
    sandbox : Sandbox or None
        None: the kubelet has not seen the pod yet.
    behaviour : PodBehaviour
    draw : callable
        ``(purpose, *entity) -> float`` in [0, 1); the same key, the same number.
    images : mapping of str to int
        Images of the node, and since (or from) when they are complete, ns.
    up : bool
        The kubelet runs and reaches the API server.
    linger_ns : int
        How long its containers stay at least when they are told to end (the grace period still holds).
    """

    pod: Pod
    sandbox: Sandbox | None
    behaviour: PodBehaviour
    draw: Draw
    images: Mapping[str, int] = {}
    profile: KubeletProfile = REAL
    up: bool = True
    linger_ns: int = 0


class Stage(Struct):
    """What happens next to a pod.

    Parameters
    ----------
    at : int
        When, ns.
    sandbox : Sandbox
        What the shell keeps from then on.
    writes : tuple of Write
        One chain; NotFound means that the pod is gone and is no error.
    events : tuple of EventRecord
    pulled : tuple of (image, int)
        Images that the node has from the given time on; to be noted at ``at``.
    """

    at: int
    sandbox: Sandbox
    writes: tuple[Write, ...] = ()
    events: tuple[EventRecord, ...] = ()
    pulled: tuple[tuple[str, int], ...] = ()


def transition(
    seen: Seen, before: Sandbox, after: Sandbox, at: int, conditions: tuple[Condition, ...] = ()
) -> Stage:
    """Return the stage from one sandbox to the next, with what the API is told about it."""
    pod = seen.pod
    over = after.stage == "over"
    writes: tuple[Write, ...] = ()
    if not (over and seen.profile.instant and phase(before) != "Running"):
        writes = (patch(pod, pod_status(pod, after, at, conditions)),)
    if over and pod.terminating and (seen.profile.instant or pod.metadata.deletion_grace_period_seconds):
        writes += (final_delete(pod),)
        after = replace(after, gone=True)
    return Stage(at=at, sandbox=after, writes=writes, events=_events(pod, before, after))


def _events(pod: Pod, before: Sandbox, after: Sandbox) -> tuple[EventRecord, ...]:
    """Return the Warnings about containers that now wait for their back-off."""
    found: tuple[EventRecord, ...] = ()
    for i, run in enumerate(after.apps):
        if run.restart_at != NEVER and before.apps[i].restart_at == NEVER:
            container = pod.spec.containers[i]
            text = (
                f"Back-off restarting failed container {container.name} "
                f"in pod {pod.name}_{pod.namespace}({pod.uid})"
            )
            found += (EventRecord(about=reference(pod), type="Warning", reason="BackOff", message=text),)
    return found


def machine_of(seen: Seen) -> Machine:
    """Return what decides how the sandbox of a seen pod goes on."""
    pod, box = seen.pod, seen.sandbox
    since = 0 if box is None else box.admitted_at
    return Machine(
        uid=pod.metadata.uid,
        spec=pod.spec,
        behaviour=seen.behaviour,
        draw=seen.draw,
        probing_since=since,
        timing=seen.profile.timing,
    )


def terminate(seen: Seen, now: int, verdict: Verdict, grace_s: int) -> Stage | None:
    """Return the stage in which the kubelet itself begins to end a pod; it will be Failed.

    For eviction under node pressure, graceful node shutdown and the pod's active deadline
    (K-POD-45).  The object stays.
    """
    box = seen.sandbox
    if box is None or not seen.up or box.stage == "over" or box.verdict is not None:
        return None
    return stop(seen, replace(box, verdict=verdict), now, grace_s)


def stop(seen: Seen, box: Sandbox, now: int, grace_s: int | None = None) -> Stage:
    """Begin to end a pod: SIGTERM now; what is left of it is told when all has stopped."""
    pod, machine = seen.pod, machine_of(seen)
    if seen.profile.instant and not seen.profile.wipes:
        return transition(seen, box, _stopped_instantly(box, now), now)
    if seen.profile.wipes:
        released: tuple[Write, ...] = tuple([_release(pod, held) for held in pod.metadata.finalizers])
        gone = replace(_stopped_instantly(box, now), gone=True)
        return Stage(at=now, sandbox=gone, writes=(*released, final_delete(pod)))
    if grace_s is None:
        grace_s = pod.metadata.deletion_grace_period_seconds or 0
    stop_ns = max(machine.sample(seen.behaviour.stop, "stop"), seen.linger_ns)
    stop_ns += _pre_stop_ns(pod.spec.containers)
    after = begin_stop(box, machine, now, max(grace_s, GRACE_MIN_S), stop_ns)
    if after.stage == "over":
        return transition(seen, box, after, now)
    return Stage(at=now, sandbox=after)


def _stopped_instantly(box: Sandbox, now: int) -> Sandbox:
    def end(run: ContainerRun) -> ContainerRun:
        if run.state != "running":
            return run
        return replace(run, state="terminated", since=now, ready=False, ends_at=NEVER, exit_code=SIGTERM_EXIT)

    runs = (tuple([end(run) for run in box.init]), tuple([end(run) for run in box.apps]))
    return replace(box, stage="over", stopping_at=now, init=runs[0], apps=runs[1])


def _pre_stop_ns(containers: tuple[Container, ...]) -> int:
    """Return the longest preStop sleep: it runs before SIGTERM, inside the grace period."""
    longest = 0
    for container in containers:
        if container.lifecycle is not None:
            sleep = container.lifecycle.get("preStop", {}).get("sleep", {})
            longest = max(longest, int(sleep.get("seconds", 0)))
    return longest * SECOND


def patch(pod: Pod, status: PodStatus) -> PatchPodStatus:
    """Return the kubelet's write of a pod's status."""
    meta = pod.metadata
    return PatchPodStatus(kind="Pod", namespace=meta.namespace, name=meta.name, status=status, uid=meta.uid)


def _release(pod: Pod, finalizer: str) -> PatchFinalizers:
    meta = pod.metadata
    return PatchFinalizers(
        kind="Pod", namespace=meta.namespace, name=meta.name, finalizer=finalizer, uid=meta.uid
    )


def final_delete(pod: Pod) -> Delete:
    """Return the kubelet's last write about a pod."""
    meta = pod.metadata
    return Delete(kind="Pod", namespace=meta.namespace, name=meta.name, grace_s=0, uid=meta.uid)
