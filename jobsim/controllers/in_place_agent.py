"""The in-place restart agent: what one process of it does when it looks at its JobSet.

It announces the attempt that its pod is in, exits when that attempt is outdated (so that the kubelet restarts
the pod's containers), and lifts its barrier when all pods are in the same attempt.  What it announced and
whether its barrier is up is all that it remembers, and is lost when the process ends.

Source: jobset cmd/in-place-restart-agent/main.go Reconcile @08dfbdfd; clauses C-AGT-02..06, C-AGT-09.
"""

from __future__ import annotations

from jobsim.api._struct import Struct, replace
from jobsim.api.gofmt import int32
from jobsim.api.jobset import DISABLE_IN_PLACE_RESTART, IN_PLACE_RESTART_ATTEMPT, JobSet
from jobsim.api.writes import Patch
from jobsim.controllers.jobset.in_place_restart import uses_in_place_restart


class Process(Struct):
    """What one process of the agent remembers.

    Parameters
    ----------
    attempt : int or None
        The attempt that it announced; None: it has just started.
    barrier_up : bool
        It holds the worker back.
    """

    attempt: int | None = None
    barrier_up: bool = True


class Seen(Struct, kw_only=False):
    """All that one look depends on; ``jobset`` None: there is none of that name."""

    jobset: JobSet | None
    process: Process
    namespace: str = "default"
    pod_name: str = ""


class Act(Struct):
    """What the agent does.

    Parameters
    ----------
    announce : Patch or None
        To be written first; if that fails nothing else of this happens, and it looks again.
    exits : bool
        It exits with its in-place restart exit code.
    lifts : bool
        It lifts its barrier.
    process : Process
        What it remembers afterwards.
    """

    process: Process
    announce: Patch | None = None
    exits: bool = False
    lifts: bool = False


def reconcile(seen: Seen) -> Act:
    """Return what one process of the agent does now."""
    jobset, process = seen.jobset, seen.process
    if jobset is None:
        return Act(process=process)
    if bypassed(jobset):
        return Act(process=replace(process, barrier_up=False), lifts=process.barrier_up)
    status = jobset.status
    current, previous = status.current_in_place_restart_attempt, status.previous_in_place_restart_attempt
    announce, attempt = None, process.attempt
    if attempt is None:
        attempt = 0 if current is None else int32(current + 1)
        announce = _announce(seen, attempt)
    # Both tests are made, upstream too, though after an exit nobody is left to lift anything.
    exits = previous is not None and attempt <= previous
    lifts = process.barrier_up and attempt == current and not exits
    after = Process(attempt=attempt, barrier_up=process.barrier_up and not lifts)
    return Act(process=after, announce=announce, exits=exits, lifts=lifts)


def bypassed(jobset: JobSet) -> bool:
    """Tell whether a JobSet's agents let their workers run whatever the attempts are (C-AGT-03)."""
    return DISABLE_IN_PLACE_RESTART in jobset.metadata.annotations or not uses_in_place_restart(jobset)


def _announce(seen: Seen, attempt: int) -> Patch:
    """Return the write of the attempt into the pod's annotations.

    Upstream it is a forced server-side apply; field owners are not simulated, so a merge does the same.
    """
    patch = {"metadata": {"annotations": {IN_PLACE_RESTART_ATTEMPT: str(attempt)}}}
    return Patch(kind="Pod", namespace=seen.namespace, name=seen.pod_name, patch=patch)
