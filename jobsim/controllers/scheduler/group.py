"""A pod group's cycle: all queued members on one snapshot, bound together or not at all (K-SCH-42, K-SCH-43).

``gang`` keeps the groups and places the members; here it becomes writes, one action a pod.  Members that
found a node while their group did not are told that they wait for the others.

Topology-aware: a group that names a topology key is tried in each domain of that key; the domain that
takes most of its pods wins, of equal ones the one with the least room left.

Source: kubernetes pkg/scheduler/schedule_one_podgroup.go; KEP-4671, KEP-5732.
Differs: upstream's placement scores are plugins whose weights may still change; victims of a group are
those of its pods one by one.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobsim.api._struct import Struct, replace
from jobsim.api.pod import Pod
from jobsim.api.writes import PatchStatus
from jobsim.controllers.scheduler.cycle import Decision
from jobsim.controllers.scheduler.decide import Action, binding, failure
from jobsim.controllers.scheduler.gang import (
    Key,
    Placement,
    PodGroups,
    group_condition,
    group_cycle,
    topology_key_of,
)
from jobsim.controllers.scheduler.snapshot import Snapshot

#: What a member is told that found a node in vain.
WAITING_FOR_GANG = "waiting for minCount pods from a gang to be scheduled"
WAITING_FOR_ROOM = "pod group is waiting for preemption to complete"


class GroupAction(Struct):
    """What becomes of a group: an action for each member tried, and the group's condition if it changes."""

    actions: tuple[tuple[Pod, Action], ...]
    condition: PatchStatus | None = None


def decide_group(
    snapshot: Snapshot, groups: PodGroups, key: Key, pods: Sequence[Pod], now: int, *, topology: bool = False
) -> GroupAction:
    """Decide the popped members of a group; the snapshot is as before.

    Parameters
    ----------
    pods : sequence of Pod
        In the order in which they are tried.
    topology : bool
        Whether topology constraints of groups are obeyed (gate TopologyAwareWorkloadScheduling).
    """
    needed = groups.min_count(key) - groups.scheduled(key)
    group = groups.get(key)
    domain_key = topology_key_of(group) if topology and group is not None else ""
    if domain_key:
        placement = _best_domain(snapshot, domain_key, pods, needed)
    else:
        placement = group_cycle(snapshot, pods, needed)
        _forget(snapshot, placement)
    actions = tuple(
        (pod, _action(snapshot, placement, pod, found, now)) for pod, found in placement.decisions
    )
    if group is None:
        return GroupAction(actions=actions)
    done = placement.enough and not placement.waits
    message = "" if done else WAITING_FOR_ROOM if placement.waits else _why(placement)
    return GroupAction(
        actions=actions, condition=group_condition(group, now, scheduled=done, message=message)
    )


def _action(snapshot: Snapshot, placement: Placement, pod: Pod, found: Decision, now: int) -> Action:
    if found.node and placement.enough and not placement.waits:
        return Action(outcome="bind", decision=found, plan=binding(pod, found.node))
    if placement.waits and found.node:
        found = replace(found, node="", nominated=found.node, message=WAITING_FOR_ROOM)
    elif not placement.enough and (found.node or found.victims):
        # Whoever would fit, or fit with victims, does so in vain.
        found = Decision(message=WAITING_FOR_GANG, next_start=found.next_start)
    # Groups come back after their back-off alone: no event wakes them.
    found = replace(found, plugins=())
    return Action(outcome="failed", decision=found, plan=failure(snapshot, pod, now, found))


def _why(placement: Placement) -> str:
    """Return why a group does not fit: what its first pod was told that found no node."""
    return next((found.message for _, found in placement.decisions if not found.node), WAITING_FOR_GANG)


def _forget(snapshot: Snapshot, placement: Placement) -> None:
    """Take the members off the snapshot again: they are counted when their bindings are on their way."""
    for pod, _ in placement.decisions:
        snapshot.forget(pod)


def _best_domain(snapshot: Snapshot, key: str, pods: Sequence[Pod], needed: int) -> Placement:
    """Try the group in each domain of a topology key; without one that takes it, in none."""
    column = snapshot.label(key)
    best: Placement | None = None
    best_score: tuple[int, int] | None = None
    tried: Placement | None = None
    for value in sorted(name for name in column.values if name):
        inside = [_within(pod, key, value) for pod in pods]
        found = group_cycle(snapshot, inside, needed)
        _forget(snapshot, found)
        by_uid = {pod.uid: pod for pod in pods}
        found = replace(found, decisions=tuple((by_uid[p.uid], d) for p, d in found.decisions))
        tried = tried or found
        score = (sum(bool(d.node) for _, d in found.decisions), -_members(snapshot, key, value))
        if found.enough and (best_score is None or score > best_score):
            best, best_score = found, score
    if best is not None:
        return best
    if tried is None:
        tried = group_cycle(snapshot, [_within(pod, key, "\0") for pod in pods], needed)
        _forget(snapshot, tried)
    return replace(tried, enough=False)


def _within(pod: Pod, key: str, value: str) -> Pod:
    """Return a pod that may only go to one domain."""
    return replace(pod, spec=replace(pod.spec, node_selector={**pod.spec.node_selector, key: value}))


def _members(snapshot: Snapshot, key: str, value: str) -> int:
    """Return how many nodes a domain has: of equal ones the smallest leaves the least idle."""
    column = snapshot.label(key)
    return int((column.column.view()[: snapshot.size] == column.find(value)).sum())
