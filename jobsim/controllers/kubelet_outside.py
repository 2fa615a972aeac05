"""What happens to a running pod from outside the kubelet's own course: failures, workloads, reboots.

Each function answers with a ``Stage`` that begins now, to be carried out like those of
``kubelet.next_stage``; None: nothing runs there that it could happen to.

Source: the Scenario file's *failures*; clauses K-POD-07, K-POD-45, K-POD-54.
"""

from __future__ import annotations

from jobsim.api._struct import Time, replace
from jobsim.api.meta import Condition
from jobsim.api.pod import Pod, PodStatus
from jobsim.controllers.kubelet_sandbox import NEVER, ContainerRun, Sandbox, Verdict, advance, settle
from jobsim.controllers.kubelet_stage import Seen, Stage, machine_of, patch, transition
from jobsim.controllers.timing import REBOOT_EXIT
from jobsim.units import floor_second


def fail_container(
    seen: Seen, now: int, exit_code: int, *, reason: str = "", container: str = ""
) -> Stage | None:
    """Return the stage in which one running app container ends now; None if it is not running.

    Parameters
    ----------
    container : str
        Its name; "" means the first one.
    """
    box = seen.sandbox
    if box is None or not seen.up:
        return None
    for i, spec in enumerate(seen.pod.spec.containers):
        if container in ("", spec.name):
            run = box.apps[i] if i < len(box.apps) else ContainerRun()
            if run.state != "running":
                return None
            ended = replace(run, ends_at=now, ready_at=NEVER, exit_code=exit_code, reason=reason)
            failing = replace(box, apps=(*box.apps[:i], ended, *box.apps[i + 1 :]))
            return transition(seen, box, advance(failing, machine_of(seen), now), now)
    return None


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

    def found(run: ContainerRun) -> ContainerRun:
        if run.state != "running":
            return run
        return replace(run, ends_at=now, ready_at=NEVER, exit_code=REBOOT_EXIT, reason="Unknown")

    dead = replace(
        box, init=tuple([found(run) for run in box.init]), apps=tuple([found(run) for run in box.apps])
    )
    if seen.pod.terminating:
        # What died under a deletion mark does not come back (K-POD-42).
        dead = replace(dead, stopping_at=now, kill_at=now)
    return transition(seen, box, advance(dead, machine, now), now)
