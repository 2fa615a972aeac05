"""Gang scheduling, off by default (K-SCH-40): all of a PodGroup's minimum, or none.

Without it pods are placed alone, and two half-placed JobSets can wait for each other for ever.  With it
a pod waits until its PodGroup exists and enough members do (``PodGroups.pre_enqueue``, handed to the
queue); then the group is placed on one snapshot (``group_cycle``), and unless the minimum fits nothing is
bound (K-SCH-42).

Source: kubernetes pkg/scheduler/framework/plugins/gangscheduling/gangscheduling.go,
pkg/scheduler/schedule_one_podgroup.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jobsim.api._struct import Struct, Time
from jobsim.api.codec import to_data
from jobsim.api.meta import Condition, Unstructured
from jobsim.api.pod import Pod
from jobsim.api.watch import WatchEvent
from jobsim.api.writes import PatchStatus
from jobsim.controllers.scheduler.cycle import DEFAULT_PROFILE, Choose, Decision, Profile, cycle
from jobsim.controllers.scheduler.queued import gate_of
from jobsim.controllers.scheduler.snapshot import Snapshot
from jobsim.controllers.scheduler.views import identity
from jobsim.units import floor_second

Key = tuple[str, str]


def group_of(pod: Pod) -> Key | None:
    """Return the PodGroup that a pod names, if any."""
    group = pod.spec.scheduling_group
    if group is None or not group.pod_group_name:
        return None
    return pod.metadata.namespace, group.pod_group_name


def min_count_of(group: Unstructured) -> int:
    """Return how many members a gang needs; 0 for a group that is no gang."""
    policy = (group.content.get("spec") or {}).get("schedulingPolicy") or {}
    gang = policy.get("gang")
    return int(gang.get("minCount", 1)) if isinstance(gang, Mapping) else 0


def topology_key_of(group: Unstructured) -> str:
    """Return the node label within one value of which a group is to be placed, "" if it says none."""
    constraints = (group.content.get("spec") or {}).get("schedulingConstraints") or {}
    topology = constraints.get("topology") or ()
    first = topology[0] if topology else {}
    return str(first.get("key", "")) if isinstance(first, Mapping) else ""


class PodGroups:
    """PodGroups and their living members, fed by watch events."""

    def __init__(self) -> None:
        self._min_counts: dict[Key, int] = {}
        self._groups: dict[Key, Unstructured] = {}
        #: By group: UID to whether the pod has a node.
        self._members: dict[Key, dict[str, bool]] = {}

    def apply(self, event: WatchEvent) -> bool:
        """Take over an event; return whether pods held back by ``pre_enqueue`` deserve another look."""
        obj, gone = event.obj, event.type == "DELETED"
        if isinstance(obj, Pod):
            return self._apply_pod(obj, gone=gone)
        if isinstance(obj, Unstructured) and obj.kind == "PodGroup":
            self._min_counts.pop(obj.key, None)
            self._groups.pop(obj.key, None)
            if not gone:
                self._min_counts[obj.key] = min_count_of(obj)
                self._groups[obj.key] = obj
            return not gone
        return False

    def _apply_pod(self, pod: Pod, *, gone: bool) -> bool:
        key = group_of(pod)
        if key is None:
            return False
        members = self._members.setdefault(key, {})
        if gone or pod.terminal:
            members.pop(identity(pod), None)
            return False
        new = identity(pod) not in members
        members[identity(pod)] = bool(pod.spec.node_name)
        return new

    def get(self, key: Key) -> Unstructured | None:
        """Return a group as it was last heard of."""
        return self._groups.get(key)

    def min_count(self, key: Key) -> int:
        """Return the minimum of a group; 0 if it is unknown or no gang."""
        return self._min_counts.get(key, 0)

    def scheduled(self, key: Key) -> int:
        """Return how many members have a node."""
        return sum(self._members.get(key, {}).values())

    def pre_enqueue(self, pod: Pod) -> str:
        """Return why a pod may not enter the queue yet, "" if it may (K-SCH-42)."""
        gate = gate_of(pod)
        key = group_of(pod)
        if gate or key is None:
            return gate
        if key not in self._min_counts:
            return f'waiting for pods\'s pod group "{key[1]}" to appear in scheduling queue'
        if len(self._members.get(key, {})) < self._min_counts[key]:
            return "waiting for minCount pods from a gang to appear in scheduling queue"
        return ""


class Placement(Struct):
    """What a group cycle came to.

    Parameters
    ----------
    enough : bool
        The minimum fits, perhaps once victims have gone.
    decisions : tuple of (Pod, Decision)
    waits : bool
        Some pod has to wait for its victims, and so all have.
    """

    enough: bool
    decisions: tuple[tuple[Pod, Decision], ...]
    waits: bool = False


def group_cycle(
    snapshot: Snapshot,
    pods: Sequence[Pod],
    needed: int,
    *,
    choose: Choose | None = None,
    profile: Profile = DEFAULT_PROFILE,
) -> Placement:
    """Place members one after another; keep the assumptions only if enough of them fit.

    Parameters
    ----------
    pods : sequence of Pod
        Queued members in order of their first attempt; higher priority goes first.
    needed : int
        How many more members must find a node.

    Returns
    -------
    Placement
        When ``enough`` and nothing has to be waited for, the snapshot counts the placed pods on their
        nodes; else it is as before.
    """
    decisions: list[tuple[Pod, Decision]] = []
    placed: list[Pod] = []
    start = snapshot.next_start
    for pod in sorted(pods, key=lambda p: -(p.spec.priority or 0)):
        decision = cycle(snapshot, pod, choose=choose, profile=profile)
        snapshot.next_start = decision.next_start
        # Those after a pod that has to wait for its victims see it where it will be.
        place = decision.node or (decision.nominated if decision.victims else "")
        if place:
            snapshot.assume(pod, place)
            placed.append(pod)
        decisions.append((pod, decision))
    enough = len(placed) >= max(needed, 1)
    waits = any(decision.victims for _, decision in decisions)
    if not enough or waits:
        snapshot.next_start = start
        for pod in placed:
            snapshot.forget(pod)
    return Placement(enough=enough, decisions=tuple(decisions), waits=enough and waits)


def group_condition(
    group: Unstructured, now: int, *, scheduled: bool, message: str = ""
) -> PatchStatus | None:
    """Return the write of a group's condition PodGroupScheduled; None: it is so already, or was True once."""
    old = [c for c in (group.content.get("status") or {}).get("conditions") or () if isinstance(c, Mapping)]
    known = next((c for c in old if c.get("type") == "PodGroupScheduled"), None)
    status = "True" if scheduled else "False"
    if known is not None and known.get("status") in ("True", status):
        return None
    condition = Condition(
        type="PodGroupScheduled",
        status=status,
        reason="Scheduled" if scheduled else "Unschedulable",
        message=message,
        last_transition_time=Time(floor_second(now)),
    )
    others = [dict(c) for c in old if c is not known]
    return PatchStatus(
        kind="PodGroup",
        namespace=group.metadata.namespace,
        name=group.metadata.name,
        patch={"status": {"conditions": [*others, to_data(condition)]}},
    )
