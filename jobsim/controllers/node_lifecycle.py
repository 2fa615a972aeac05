"""The node lifecycle controller: from a heartbeat that stops to taints on the node.

It looks at all nodes every 5 s.  A node whose kubelet was not heard of for longer than the grace
period gets Ready=Unknown, its pods Ready=False; the NoSchedule taint follows the condition at once,
the NoExecute taint (which evicts) is rate limited per zone, and stops when a whole cluster looks dead.

Everything is decided as of the last *tick* (a multiple of 5 s), so looking twice decides nothing twice;
the limiters are the only memory.  Leases are not written: the shell says which kubelets are silent and
when they last renewed, and wakes ``MONITOR`` when one falls silent.

Source: pkg/controller/nodelifecycle/node_lifecycle_controller.go, scheduler/rate_limited_queue.go;
clauses K-POD-46..49.
Differs: a node without a Ready condition counts as ready while its kubelet lives.
"""

from __future__ import annotations

from collections.abc import Mapping

from jobsim.api import codec
from jobsim.api._struct import Struct, Time, replace
from jobsim.api.core import Node, Taint
from jobsim.api.meta import Condition, condition
from jobsim.api.plan import EventRecord, Plan, parallel, reference, single
from jobsim.api.pod import Pod, PodStatus
from jobsim.api.reader import Reader
from jobsim.api.timing import REAL, Timing
from jobsim.api.watch import Wake, WatchEvent
from jobsim.api.writes import Patch, PatchPodStatus, UpdateStatus, Write
from jobsim.controllers.node_zones import Zone, period_ns, qps_of, swap_limiter, zone_of, zone_state
from jobsim.units import floor_second

NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
#: The key of the look at all nodes; every other key is a node's name.
MONITOR = Wake(namespace="", name="*")

_NODE_INDEX = "node"
#: Taint key by condition type and status; only these NoSchedule taints are the controller's own.
_CONDITION_TAINTS: Mapping[tuple[str, str], str] = {
    ("Ready", "False"): NOT_READY,
    ("Ready", "Unknown"): UNREACHABLE,
    ("MemoryPressure", "True"): "node.kubernetes.io/memory-pressure",
    ("DiskPressure", "True"): "node.kubernetes.io/disk-pressure",
    ("NetworkUnavailable", "True"): "node.kubernetes.io/network-unavailable",
    ("PIDPressure", "True"): "node.kubernetes.io/pid-pressure",
}
_OWN_KEYS = frozenset((*_CONDITION_TAINTS.values(), UNSCHEDULABLE))
_HEARTBEAT_CONDITIONS = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")


class Memory(Struct):
    """What the controller remembers: limiters, and since when heartbeats count (after a full outage)."""

    zones: Mapping[str, Zone] = {}
    probe_floor: int = 0


class Seen(Struct):
    """All nodes, or one node.

    Parameters
    ----------
    nodes : tuple of Node
    silent : mapping of str to int
        Nodes whose kubelet is silent, and when it last renewed its lease, ns.
    pods : mapping of str to tuple of Pod
        The pods of silent nodes.
    memory : Memory or None
        None: this is a look at one node, for its NoSchedule taints.
    """

    nodes: tuple[Node, ...]
    silent: Mapping[str, int] = {}
    pods: Mapping[str, tuple[Pod, ...]] = {}
    memory: Memory | None = None


def wakes(event: WatchEvent, reader: Reader, timing: Timing = REAL) -> list[Wake]:
    """Return the monitor at its next tick when health changed, and a node whose own taints are due."""
    node = event.obj
    if not isinstance(node, Node):
        return []
    old = event.old if isinstance(event.old, Node) else None
    if event.type == "MODIFIED" and old is not None and old.status is node.status and old.spec is node.spec:
        return []
    woken = []
    steady = (old is not None and _is_ready(old)) or event.type == "ADDED"
    if (
        event.type == "DELETED"
        or not (steady and _is_ready(node))
        or any(map(_is_own_no_execute, node.spec.taints))
    ):
        woken.append(replace(MONITOR, delay_ns=-event.time % timing.node_monitor_period_ns))
    if event.type != "DELETED" and _no_schedule(node, event.time) != node.spec.taints:
        woken.append(Wake(namespace="", name=node.name))
    return woken


def observe(reader: Reader, name: str, silent: Mapping[str, int], memory: Memory | None) -> Seen | None:
    """Return what a decision about one node, or (``MONITOR``) about all of them, needs."""
    if name != MONITOR.name:
        node = reader.get(Node, "", name)
        return None if node is None else Seen(nodes=(node,))
    nodes = tuple(reader.list(Node))
    pods = {n.name: tuple(reader.by_index(Pod, _NODE_INDEX, n.name)) for n in nodes if n.name in silent}
    return Seen(nodes=nodes, silent=silent, pods=pods, memory=memory or Memory())


def reconcile(seen: Seen, now: int, timing: Timing = REAL) -> Plan:
    """Return the writes due as of the last tick, and when to look again.

    Parameters
    ----------
    seen : Seen
    now : int
    timing : Timing
        The node monitor's periods and rates.
    """
    if seen.memory is None:
        node = seen.nodes[0]
        taints = _no_schedule(node, now)
        return Plan(steps=(single(_patch_taints(node, taints)),)) if taints != node.spec.taints else Plan()
    tick = now - now % timing.node_monitor_period_ns
    nodes, events, status_writes = _judge_health(seen, seen.memory, now, tick, timing)
    pod_writes, pod_events = _mark_pods(seen, nodes, now)
    memory = _judge_zones(nodes, seen.memory, now, timing)
    taint_writes, memory, waiting = _no_execute_pass(nodes, memory, now, tick)
    groups = (status_writes, pod_writes, taint_writes)
    steps = tuple(parallel(writes, max_parallel=8, ignore=("NotFound",)) for writes in groups if writes)
    return Plan(
        steps=steps,
        notices=(*events, *pod_events),
        memory=memory if memory != seen.memory else None,
        requeue_after_ns=_next_look(seen, nodes, memory, now, tick, timing, waiting),
    )


# -- heartbeats --------------------------------------------------------------------------------------


def _judge_health(
    seen: Seen, memory: Memory, now: int, tick: int, timing: Timing
) -> tuple[list[Node], list[EventRecord], list[Write]]:
    """Give Ready=Unknown to nodes that were silent for longer than the grace period (K-POD-47)."""
    nodes: list[Node] = []
    events: list[EventRecord] = []
    writes: list[Write] = []
    for node in seen.nodes:
        if node.name in seen.silent and tick > _patience_ends(node.name, seen, memory, timing):
            unknown = _unknown(node, now)
            if unknown is not node:
                writes.append(UpdateStatus(obj=unknown))
                if _is_ready(node):
                    text = f"Node {node.name} status is now: NodeNotReady"
                    about = reference(node)
                    events.append(
                        EventRecord(about=about, type="Normal", reason="NodeNotReady", message=text)
                    )
            node = unknown
        nodes.append(node)
    return nodes, events, writes


def _patience_ends(name: str, seen: Seen, memory: Memory, timing: Timing) -> int:
    """Return until when a silent kubelet is waited for: a grace period after it was last noticed."""
    renewed = seen.silent[name]
    noticed = max(renewed + -renewed % timing.node_monitor_period_ns, memory.probe_floor)
    return noticed + timing.node_monitor_grace_ns


def _unknown(node: Node, now: int) -> Node:
    """Return a node whose kubelet's conditions are Unknown; the same object if they are already."""
    at = Time(floor_second(now))
    conditions = list(node.status.conditions)
    changed = False
    for type_ in _HEARTBEAT_CONDITIONS:
        old = condition(node.status.conditions, type_)
        if old is None:
            new = Condition(
                type=type_,
                status="Unknown",
                reason="NodeStatusNeverUpdated",
                message="Kubelet never posted node status.",
                last_heartbeat_time=node.metadata.creation_timestamp,
                last_transition_time=at,
            )
            conditions.append(new)
            changed = True
        elif old.status != "Unknown":
            text = "Kubelet stopped posting node status."
            new = replace(
                old, status="Unknown", reason="NodeStatusUnknown", message=text, last_transition_time=at
            )
            conditions[conditions.index(old)] = new
            changed = True
    if not changed:
        return node
    return replace(node, status=replace(node.status, conditions=tuple(conditions)))


def _mark_pods(seen: Seen, nodes: list[Node], now: int) -> tuple[list[Write], list[EventRecord]]:
    """Take Ready off the pods of nodes that are Unknown, five minutes before any eviction (K-POD-48)."""
    at = Time(floor_second(now))
    writes: list[Write] = []
    events: list[EventRecord] = []
    for node in nodes:
        if node.name not in seen.silent or _ready_status(node) != "Unknown":
            continue
        for pod in seen.pods.get(node.name, ()):
            ready = condition(pod.status.conditions, "Ready")
            if ready is None or ready.status != "True":
                continue
            status = PodStatus(conditions=(replace(ready, status="False", last_transition_time=at),))
            meta = pod.metadata
            writes.append(
                PatchPodStatus(
                    kind="Pod", namespace=meta.namespace, name=meta.name, status=status, uid=meta.uid
                )
            )
            events.append(
                EventRecord(
                    about=reference(pod), type="Warning", reason="NodeNotReady", message="Node is not ready"
                )
            )
    return writes, events


# -- zones -------------------------------------------------------------------------------------------


def _judge_zones(nodes: list[Node], memory: Memory, now: int, timing: Timing) -> Memory:
    """Bring the limiters in line with the state of the zones; a dead cluster evicts nothing."""
    counts: dict[str, list[int]] = {}
    for node in nodes:
        counts.setdefault(zone_of(node), [0, 0])[0 if _is_ready(node) else 1] += 1
    states = {name: zone_state(ready, unready, timing) for name, (ready, unready) in counts.items()}
    known = {name: memory.zones.get(name, Zone()) for name in states}
    all_dead = bool(states) and all(state == "FullDisruption" for state in states.values())
    all_were_dead = bool(known) and all(zone.state == "FullDisruption" for zone in known.values())
    if all_dead and all_were_dead:
        return memory
    zones = {}
    for name, zone in known.items():
        state = states[name]
        if state == zone.state and not all_dead and not all_were_dead:
            zones[name] = zone
            continue
        qps = 0.0 if all_dead else qps_of(state, sum(counts[name]), timing)
        zones[name] = replace(swap_limiter(zone, qps, now), state=state)
    return Memory(zones=zones, probe_floor=now if all_were_dead else memory.probe_floor)


# -- taints ------------------------------------------------------------------------------------------


def _no_execute_pass(
    nodes: list[Node], memory: Memory, now: int, tick: int
) -> tuple[list[Write], Memory, bool]:
    """Put NoExecute taints on nodes that were not ready at an earlier tick, as the limiters allow.

    Also takes them off nodes that are ready, and off all nodes when the whole cluster looks dead.
    Returns the writes, the memory and whether a node waits for its zone's limiter.
    """
    writes: list[Write] = []
    zones = dict(memory.zones)
    dead = bool(zones) and all(zone.state == "FullDisruption" for zone in zones.values())
    waiting = False
    for node in nodes:
        wanted = "" if dead else {"False": NOT_READY, "Unknown": UNREACHABLE}.get(_ready_status(node), "")
        held = [t.key for t in node.spec.taints if _is_own_no_execute(t)]
        if held == ([wanted] if wanted else []):
            continue
        if wanted and not _was_unready_before(node, tick):
            continue
        if wanted and not held:
            name = zone_of(node)
            zone = zones[name]
            if zone.qps == 0 or now < zone.next_token_at:
                waiting = waiting or zone.qps > 0
                continue
            zones[name] = replace(zone, next_token_at=now + period_ns(zone.qps))
        kept = tuple(t for t in node.spec.taints if not _is_own_no_execute(t))
        added = Taint(key=wanted, effect="NoExecute", time_added=Time(floor_second(now)))
        writes.append(_patch_taints(node, (*kept, added) if wanted else kept))
    return writes, replace(memory, zones=zones), waiting


def _was_unready_before(node: Node, tick: int) -> bool:
    ready = condition(node.status.conditions, "Ready")
    return ready is not None and ready.last_transition_time is not None and ready.last_transition_time < tick


def _no_schedule(node: Node, now: int) -> tuple[Taint, ...]:
    """Return a node's taints with the NoSchedule ones that its conditions and cordon ask for."""
    wanted = [
        _CONDITION_TAINTS[(c.type, c.status)]
        for c in node.status.conditions
        if (c.type, c.status) in _CONDITION_TAINTS
    ]
    if node.spec.unschedulable:
        wanted.append(UNSCHEDULABLE)
    held = [t.key for t in node.spec.taints if _is_own_no_schedule(t)]
    if sorted(held) == sorted(wanted):
        return node.spec.taints
    kept = [t for t in node.spec.taints if not _is_own_no_schedule(t) or t.key in wanted]
    at = Time(floor_second(now))
    return (*kept, *(Taint(key=k, effect="NoSchedule", time_added=at) for k in wanted if k not in held))


def _is_own_no_schedule(taint: Taint) -> bool:
    return taint.effect == "NoSchedule" and taint.key in _OWN_KEYS


def _is_own_no_execute(taint: Taint) -> bool:
    return taint.effect == "NoExecute" and taint.key in (NOT_READY, UNREACHABLE)


def _patch_taints(node: Node, taints: tuple[Taint, ...]) -> Patch:
    # The version guards against the other writer of taints, as upstream's patch does.
    version = node.metadata.resource_version
    patch = {"metadata": {"resourceVersion": version}, "spec": {"taints": codec.to_data(taints) or None}}
    return Patch(kind="Node", namespace="", name=node.name, patch=patch)


# -- small things ------------------------------------------------------------------------------------


def _ready_status(node: Node) -> str:
    ready = condition(node.status.conditions, "Ready")
    return "True" if ready is None else ready.status


def _is_ready(node: Node) -> bool:
    return _ready_status(node) == "True"


def _next_look(
    seen: Seen, nodes: list[Node], memory: Memory, now: int, tick: int, timing: Timing, waiting: bool
) -> int | None:
    """Return the time until the next look that may decide something; None: only a change can bring it."""
    looks: list[int] = []
    period = timing.node_monitor_period_ns
    for node in nodes:
        status = _ready_status(node)
        if node.name in seen.silent and status != "Unknown":
            end = _patience_ends(node.name, seen, memory, timing)
            looks.append(end - end % period + period)
        if status != "True" and not _was_unready_before(node, tick):
            looks.append(tick + period)
    if waiting:
        looks.extend(zone.next_token_at for zone in memory.zones.values() if zone.next_token_at > now)
    return min(looks) - now if looks else None
