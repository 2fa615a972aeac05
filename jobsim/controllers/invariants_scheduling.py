"""What must hold of pods that wait for a node in a cluster at rest (K-SCH-04)."""

from __future__ import annotations

from jobsim.api.kinds import KINDS
from jobsim.api.pod import Pod
from jobsim.api.reader import Reader
from jobsim.api.watch import WatchEvent
from jobsim.controllers.invariants_law import Violation
from jobsim.controllers.scheduler.cycle import DEFAULT_PROFILE, cycle
from jobsim.controllers.scheduler.snapshot import Snapshot

#: So many pods that wait are looked at: of thousands most are alike.
_LOOKS_MAX = 200


def left_pending(reader: Reader) -> list[Violation]:
    """Return the pods that wait although a node would take them: nobody will look at them again."""
    waiting = [pod for pod in reader.list(Pod) if _waits(pod)][:_LOOKS_MAX]
    if not waiting:
        return []
    snapshot = _snapshot(reader)
    found = []
    for pod in waiting:
        node = cycle(snapshot, pod).node
        if node:
            about = f"Pod {pod.namespace}/{pod.name}"
            found.append(Violation("feasible-pod-bound", "K-SCH-04", about, f"fits node {node}, and waits"))
    return found


def _waits(pod: Pod) -> bool:
    """Tell whether our scheduler is to find a node for a pod."""
    spec = pod.spec
    ours = spec.scheduler_name in ("", DEFAULT_PROFILE.scheduler_name)
    # A member of a pod group waits for the others, with or without room for itself (K-SCH-42).
    held = spec.scheduling_gates or spec.scheduling_group is not None
    return ours and not (spec.node_name or held or pod.terminal or pod.terminating)


def _snapshot(reader: Reader) -> Snapshot:
    """Return what a scheduler that starts now knows: pods come after the nodes that they are on."""
    snapshot = Snapshot()
    for kind in sorted(KINDS, key=lambda kind: (kind == "Pod", kind)):
        for obj in reader.list(KINDS[kind].type):
            snapshot.apply(WatchEvent(type="ADDED", obj=obj, old=None, revision=0, time=0))
    return snapshot
