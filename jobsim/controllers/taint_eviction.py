"""The taint eviction controller: NoExecute taints delete the pods that do not tolerate them (any more).

A pod that tolerates all NoExecute taints of its node only for a time is deleted when the shortest of
those times is over, counted from when this controller first saw pod and taint together.  Once set, the
clock runs whatever the taints change to, shorter tolerations or longer ones, and when the node is deleted;
a taint that is not tolerated at all strikes at once, taints that go (or are tolerated for ever) stop it.

Source: pkg/controller/tainteviction/taint_eviction.go; clauses K-POD-45, K-POD-50, K-POD-51.
Differs: a pod that is being deleted already is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from jobsim.api._struct import Struct, Time
from jobsim.api.core import Node, Taint
from jobsim.api.meta import Condition
from jobsim.api.plan import Chain, EventRecord, Plan, Step, reference
from jobsim.api.pod import Pod, PodStatus, Toleration
from jobsim.api.reader import Reader
from jobsim.api.watch import Wake, WatchEvent
from jobsim.api.writes import Delete, PatchPodStatus
from jobsim.units import SECOND, floor_second

_NODE_INDEX = "node"


class Memory(Struct):
    """When each pod of a node will be evicted, ns by pod UID."""

    due: Mapping[str, int] = {}


class Seen(Struct):
    #: None: it is gone, but evictions were due there.
    node: Node | None
    pods: tuple[Pod, ...]
    memory: Memory


def wakes(event: WatchEvent, reader: Reader) -> list[Wake]:
    """Return the node whose NoExecute taints changed, or that a pod came to while it has some."""
    obj = event.obj
    if isinstance(obj, Pod):
        spec = obj.spec
        name = spec.node_name
        if not name or event.type == "DELETED":
            return []
        old = event.old
        if isinstance(old, Pod) and old.spec is spec:
            return []
        node = reader.get(Node, "", name)
        return [Wake(namespace="", name=name)] if node is not None and _no_execute(node) else []
    if not isinstance(obj, Node) or event.type == "DELETED":
        return []
    before = _no_execute(event.old) if isinstance(event.old, Node) else ()
    return [Wake(namespace="", name=obj.name)] if _no_execute(obj) != before else []


def observe(reader: Reader, name: str, memory: Memory | None) -> Seen | None:
    """Return a node with its pods; None when it is gone and nothing is due there."""
    node = reader.get(Node, "", name)
    if node is None and (memory is None or not memory.due):
        return None
    return Seen(node=node, pods=tuple(reader.by_index(Pod, _NODE_INDEX, name)), memory=memory or Memory())


def reconcile(seen: Seen, now: int) -> Plan:
    """Return the deletions that are due on a node, and when the next one is."""
    taints = () if seen.node is None else _no_execute(seen.node)
    due: dict[str, int] = {}
    chains: list[Chain] = []
    notices: list[EventRecord] = []
    for pod in seen.pods:
        known = seen.memory.due.get(pod.uid)
        at = known if seen.node is None else _due(pod, taints, known, now)
        if known is not None and known > now and at != known and not pod.terminating:
            notices.append(_event(pod, f"Cancelling deletion of Pod {pod.namespace}/{pod.name}"))
        if at is None or pod.terminating:
            continue
        # Kept until the deletion shows, so a refused one is tried again at once.
        due[pod.uid] = at
        if at > now:
            continue
        notices.append(_event(pod, f"Marking for deletion Pod {pod.namespace}/{pod.name}"))
        chains.append(_evict(pod, now))
    memory = Memory(due=due)
    later = [at for at in due.values() if at > now]
    return Plan(
        steps=(Step(chains=tuple(chains), max_parallel=8, ignore=("NotFound",)),) if chains else (),
        notices=tuple(notices),
        memory=memory if memory != seen.memory else None,
        requeue_after_ns=min(later) - now if later else None,
    )


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Tell whether a toleration matches a taint.

    Source: k8s.io/api core/v1 toleration.go ToleratesTaint.
    """
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator == "Exists":
        return True
    return bool(toleration.key) and toleration.value == taint.value


def _due(pod: Pod, taints: tuple[Taint, ...], known: int | None, now: int) -> int | None:
    """Return when a pod is to be evicted, given when it was to be so far; None: it may stay.

    Source: taint_eviction.go processPodOnNode.
    """
    used = []
    for taint in taints:
        # Upstream takes the first toleration that matches a taint.
        match = next((t for t in pod.spec.tolerations if tolerates(t, taint)), None)
        if match is None:
            return now
        used.append(match)
    limits = [t.toleration_seconds for t in used if t.toleration_seconds is not None]
    if not limits:
        return None
    return now + max(min(limits), 0) * SECOND if known is None else known


def _no_execute(node: Node) -> tuple[Taint, ...]:
    taints = node.spec.taints
    return tuple([t for t in taints if t.effect == "NoExecute"]) if taints else ()


def _evict(pod: Pod, now: int) -> Chain:
    """Say why, then delete with the pod's own grace period."""
    meta = pod.metadata
    target = Condition(
        type="DisruptionTarget",
        status="True",
        reason="DeletionByTaintManager",
        message="Taint manager: deleting due to NoExecute taint",
        last_transition_time=Time(floor_second(now)),
    )
    patch = PatchPodStatus(
        kind="Pod",
        namespace=meta.namespace,
        name=meta.name,
        status=PodStatus(conditions=(target,)),
        uid=meta.uid,
    )
    return Chain(writes=(patch, Delete(kind="Pod", namespace=meta.namespace, name=meta.name, uid=meta.uid)))


def _event(pod: Pod, text: str) -> EventRecord:
    return EventRecord(about=reference(pod), type="Normal", reason="TaintManagerEviction", message=text)
