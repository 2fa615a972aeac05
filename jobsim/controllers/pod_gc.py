"""The pod garbage collector: pods that no kubelet will ever finish.

Every 20 s: pods of nodes that are gone (after 40 s of quarantine), terminating pods of out-of-service
nodes, terminating pods that were never bound, and the oldest terminal pods above 12,500 are marked
Failed if they are not terminal and deleted by force.

Source: pkg/controller/podgc/gc_controller.go; clauses K-POD-51, K-POD-52, K-POD-53.
Differs: it looks only when a change gave it a reason; a pod that it has deleted by force and that only
finalizers hold is left alone (upstream repeats a delete that changes nothing).
"""

from __future__ import annotations

from collections.abc import Mapping

from jobsim.api._struct import Struct, Time
from jobsim.api.core import Node
from jobsim.api.meta import Condition, is_true
from jobsim.api.plan import Chain, Plan, Step
from jobsim.api.pod import Pod, PodStatus
from jobsim.api.reader import Reader
from jobsim.api.timing import REAL, Timing
from jobsim.api.watch import STATUS, Wake, WatchEvent
from jobsim.api.writes import Delete, PatchPodStatus, Write
from jobsim.controllers.node_lifecycle import OUT_OF_SERVICE
from jobsim.units import floor_second

#: The only key: the collector looks at everything at once.
LOOK = Wake(namespace="", name="*")


class Memory(Struct):
    """Nodes that are missing, and since which look, ns."""

    quarantine: Mapping[str, int] = {}


class Seen(Struct):
    """The pods that the collector may be concerned with.

    Parameters
    ----------
    homeless : tuple of Pod
        Bound to a node that does not exist.
    out_of_service : tuple of Pod
        Terminating, on a node that is not ready and tainted out-of-service.
    unscheduled : tuple of Pod
        Terminating and never bound.
    terminal : tuple of Pod
        All terminal pods, if there may be too many; else none.
    """

    homeless: tuple[Pod, ...] = ()
    out_of_service: tuple[Pod, ...] = ()
    unscheduled: tuple[Pod, ...] = ()
    terminal: tuple[Pod, ...] = ()
    memory: Memory = Memory()


def wakes(event: WatchEvent, reader: Reader, timing: Timing = REAL) -> list[Wake]:
    """Return the next look when a change may give the collector something to do."""
    obj = event.obj
    if isinstance(obj, Pod):
        if event.changed == STATUS and not obj.terminal:
            return []
        reason = event.type != "DELETED" and _pod_concerns(obj, event.old, reader, timing.pod_gc_terminal_max)
    elif isinstance(obj, Node):
        reason = event.type == "DELETED" or _is_out_of_service(obj)
    else:
        return []
    if not reason:
        return []
    return [Wake(namespace="", name=LOOK.name, delay_ns=-event.time % timing.pod_gc_period_ns)]


def observe(reader: Reader, memory: Memory | None, timing: Timing = REAL) -> Seen:
    """Return the pods that a look is about."""
    nodes = {node.name: _is_out_of_service(node) for node in reader.list(Node)}
    crowded = reader.count(Pod) > timing.pod_gc_terminal_max
    homeless, out_of_service, unscheduled, terminal = [], [], [], []
    for pod in reader.list(Pod):
        node = pod.spec.node_name
        if crowded and pod.terminal:
            terminal.append(pod)
        if _only_finalizers_hold(pod):
            continue
        if node and node not in nodes:
            homeless.append(pod)
        elif pod.terminating and not node:
            unscheduled.append(pod)
        elif pod.terminating and nodes[node]:
            out_of_service.append(pod)
    return Seen(
        homeless=tuple(homeless),
        out_of_service=tuple(out_of_service),
        unscheduled=tuple(unscheduled),
        terminal=tuple(terminal),
        memory=memory or Memory(),
    )


def reconcile(seen: Seen, now: int, timing: Timing = REAL) -> Plan:
    """Return the forced deletions of one look, and the next look while a node is in quarantine."""
    period = timing.pod_gc_period_ns
    quarantine = {}
    gone = set()
    for pod in seen.homeless:
        name = pod.spec.node_name
        since = quarantine[name] = seen.memory.quarantine.get(name, now)
        if now - since >= timing.pod_gc_quarantine_ns:
            gone.add(name)
    at = Time(floor_second(now))
    lost = Condition(
        type="DisruptionTarget",
        status="True",
        reason="DeletionByPodGC",
        message="PodGC: node no longer exists",
        last_transition_time=at,
    )
    too_many = max(len(seen.terminal) - timing.pod_gc_terminal_max, 0)
    surplus = sorted(seen.terminal, key=_oldest_first)[:too_many]
    groups = (
        [_force(pod) for pod in surplus],
        [_force(pod) for pod in seen.out_of_service],
        [_force(pod, lost) for pod in seen.homeless if pod.spec.node_name in gone],
        [_force(pod) for pod in seen.unscheduled],
    )
    memory = Memory(quarantine={name: since for name, since in quarantine.items() if name not in gone})
    return Plan(
        steps=tuple(
            Step(chains=tuple(chains), max_parallel=len(chains), ignore=("NotFound",))
            for chains in groups
            if chains
        ),
        memory=memory if memory != seen.memory else None,
        requeue_after_ns=period - now % period if memory.quarantine else None,
    )


def _pod_concerns(pod: Pod, old: object, reader: Reader, terminal_max: int) -> bool:
    """Tell whether a change of a pod may be the collector's business; cheap for the usual ones."""
    name = pod.spec.node_name
    if isinstance(old, Pod):
        ended = pod.status.phase != old.status.phase
        if old.spec is pod.spec and old.metadata.deletion_timestamp == pod.metadata.deletion_timestamp:
            return ended and pod.terminal and reader.count(Pod) > terminal_max
        came = old.spec is not pod.spec and old.spec.node_name != name
        marked = pod.metadata.deletion_timestamp is not None and old.metadata.deletion_timestamp is None
    else:
        came, marked, ended = bool(name), pod.terminating, True
    if came or marked:
        node = reader.get(Node, "", name) if name else None
        if node is None or (pod.terminating and _is_out_of_service(node)):
            return True
    return ended and pod.terminal and reader.count(Pod) > terminal_max


def _is_out_of_service(node: Node) -> bool:
    for taint in node.spec.taints:
        if taint.key == OUT_OF_SERVICE:
            return not is_true(node.status.conditions, "Ready")
    return False


def _only_finalizers_hold(pod: Pod) -> bool:
    return pod.terminating and pod.terminal and not pod.metadata.deletion_grace_period_seconds


def _oldest_first(pod: Pod) -> tuple[bool, int, str]:
    """Evicted pods go first, then by age, then by name."""
    evicted = pod.status.phase == "Failed" and pod.status.reason == "Evicted"
    return (not evicted, pod.metadata.creation_timestamp or 0, pod.name)


def _force(pod: Pod, why: Condition | None = None) -> Chain:
    """Mark a pod Failed unless it is terminal, then delete it without grace."""
    meta = pod.metadata
    writes: tuple[Write, ...] = ()
    if not pod.terminal:
        status = PodStatus(phase="Failed", conditions=(why,) if why is not None else ())
        writes = (
            PatchPodStatus(kind="Pod", namespace=meta.namespace, name=meta.name, status=status, uid=meta.uid),
        )
    delete = Delete(kind="Pod", namespace=meta.namespace, name=meta.name, grace_s=0, uid=meta.uid)
    return Chain(writes=(*writes, delete))
