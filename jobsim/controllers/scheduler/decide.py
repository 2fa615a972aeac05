"""From a popped pod to a plan: what the scheduler writes and says.

The shell pops a pod, calls ``decide``, hands what came of it to the snapshot and the queue with ``settle``
and executes the plan whenever its client lets it: binding and preemption are asynchronous upstream too.

Source: kubernetes pkg/scheduler/schedule_one.go (bind, handleSchedulingFailure), framework/preemption.
"""

from __future__ import annotations

from typing import Literal

from jobsim.api._struct import Struct, Time, replace
from jobsim.api.codec import to_data
from jobsim.api.meta import Condition, condition
from jobsim.api.plan import Chain, EventRecord, Plan, Step, reference, single
from jobsim.api.pod import Pod, PodStatus
from jobsim.api.timing import AFFINITY_CYCLES
from jobsim.api.writes import Bind, Delete, PatchPodStatus, PatchStatus, Write
from jobsim.controllers.scheduler import messages
from jobsim.controllers.scheduler.cycle import DEFAULT_PROFILE, Choose, Decision, Profile, cycle
from jobsim.controllers.scheduler.hints import ClusterEvent
from jobsim.controllers.scheduler.queue import SchedulingQueue
from jobsim.controllers.scheduler.queued import gate_of
from jobsim.controllers.scheduler.snapshot import Snapshot
from jobsim.units import floor_second

Outcome = Literal["bind", "failed", "gated", "skipped"]

_PARALLEL = 16


class Action(Struct):
    """What becomes of a popped pod."""

    outcome: Outcome
    decision: Decision = Decision()
    plan: Plan = Plan()


def decide(
    snapshot: Snapshot,
    pod: Pod,
    now: int,
    *,
    choose: Choose | None = None,
    profile: Profile = DEFAULT_PROFILE,
) -> Action:
    """Decide one popped pod.

    Parameters
    ----------
    now : int
        Virtual time, ns; conditions carry it in whole seconds.
    choose, profile :
        As for ``cycle``.

    Returns
    -------
    Action
        *bind*: bind it; *failed*: tell why and perhaps preempt; *gated*: it should not have been popped;
        *skipped*: not ours, being deleted, or on its way to a node already.
    """
    if pod.spec.scheduler_name not in ("", profile.scheduler_name) or pod.spec.node_name:
        return Action(outcome="skipped")
    if pod.terminating:
        text = messages.skips_deleting(pod.metadata.namespace, pod.metadata.name)
        return Action(
            outcome="skipped", plan=Plan(events=(_event(pod, "Warning", "FailedScheduling", text),))
        )
    if snapshot.placed(pod) is not None:
        return Action(outcome="skipped")
    if gate_of(pod):
        return Action(outcome="gated", plan=Plan(steps=_status_steps(pod, now, "SchedulingGated", None)))
    decision = cycle(snapshot, pod, choose=choose, profile=profile)
    if decision.node:
        return Action(outcome="bind", decision=decision, plan=binding(pod, decision.node))
    return Action(outcome="failed", decision=decision, plan=failure(snapshot, pod, now, decision))


def cycles(pod: Pod, affinity_cycles: float = AFFINITY_CYCLES) -> float:
    """Return how long trying a pod takes, in cycles of an ordinary pod.

    Required terms of (anti-)affinity make the scheduler look at the pods of all nodes (K-TIM-31).
    """
    affinity = pod.spec.affinity
    if affinity is None:
        return 1
    for side in (affinity.pod_affinity, affinity.pod_anti_affinity):
        if side is not None and side.required_during_scheduling_ignored_during_execution:
            return affinity_cycles
    return 1


def settle(snapshot: Snapshot, queue: SchedulingQueue, pod: Pod, action: Action, now: int) -> None:
    """Tell the snapshot and the queue what was decided, before the writes are on their way (K-SCH-01)."""
    decision = action.decision
    if action.outcome in ("bind", "failed"):
        snapshot.next_start = decision.next_start
    if action.outcome == "bind":
        snapshot.assume(pod, decision.node)
        queue.done(pod)
    elif action.outcome == "failed":
        if decision.nominated is not None:
            snapshot.nominate(pod, decision.nominated)
        queue.unschedulable(pod, now, decision.plugins)
    else:
        queue.done(pod)


def binding_failed(
    snapshot: Snapshot, queue: SchedulingQueue, pod: Pod, now: int, current: Pod | None
) -> None:
    """Take back an assumption whose write was refused: others may hope, the pod backs off (K-SCH-07).

    Parameters
    ----------
    current : Pod or None
        The pod of that name as the cache has it.  One that is gone is tried no more, nor one that has its
        node: the write may have been made, and its answer lost (schedule_one.go handleSchedulingFailure).
    """
    snapshot.forget(pod)
    queue.on_change(ClusterEvent("pod-deleted", pod=pod), now)
    if current is not None and current.uid == pod.uid and not current.spec.node_name:
        queue.add_failed(current, now)


def binding(pod: Pod, node: str) -> Plan:
    """Return the plan of a pod that goes to a node."""
    meta = pod.metadata
    text = messages.assigned(meta.namespace, meta.name, node)
    bind = Bind(namespace=meta.namespace, name=meta.name, node=node, uid=meta.uid)
    return Plan(steps=(single(bind),), events=(_event(pod, "Normal", "Scheduled", text),))


def failure(snapshot: Snapshot, pod: Pod, now: int, decision: Decision) -> Plan:
    """Return the plan of a pod that fits nowhere: say so, nominate, remove victims."""
    note = messages.shortened(decision.message)
    steps = _status_steps(pod, now, "Unschedulable", decision)
    events: tuple[EventRecord, ...] = ()
    if decision.victims:
        steps += _removal(snapshot, pod, now, decision)
        text = messages.preempted_by(pod.metadata.uid, decision.nominated or "")
        events = tuple(
            _event(victim, "Normal", "Preempted", text)
            for victim in decision.victims
            if not victim.terminating
        )
    return Plan(notices=(_event(pod, "Warning", "FailedScheduling", note),), steps=steps, events=events)


def _status_steps(pod: Pod, now: int, reason: str, decision: Decision | None) -> tuple[Step, ...]:
    """Return the write of PodScheduled=False and nominatedNodeName, none if nothing changes."""
    message = messages.SCHEDULING_GATED if decision is None else decision.message
    told = _condition(pod, now, "PodScheduled", "False", reason, message)
    old = condition(pod.status.conditions, "PodScheduled")
    nominated = None if decision is None else decision.nominated
    renamed = nominated is not None and nominated != pod.status.nominated_node_name
    if told == old and not renamed:
        return ()
    if renamed and not nominated:
        return (single(_clearing(pod, told), ignore=("NotFound",)),)
    status = PodStatus(conditions=(told,), nominated_node_name=nominated or "")
    return (single(_patch(pod, status), ignore=("NotFound",)),)


def _clearing(pod: Pod, told: Condition) -> Write:
    """Return a merge patch that takes nominatedNodeName away: a typed patch cannot say "empty"."""
    others = [c for c in pod.status.conditions if c.type != told.type]
    conditions = [to_data(c) for c in (*others, told)]
    meta = pod.metadata
    patch = {"status": {"nominatedNodeName": None, "conditions": conditions}}
    return PatchStatus(kind="Pod", namespace=meta.namespace, name=meta.name, patch=patch)


def _removal(snapshot: Snapshot, pod: Pod, now: int, decision: Decision) -> tuple[Step, ...]:
    """Return the removal of victims, after weaker pods have lost their nomination to the same node.

    Where all victims are leaving already, nothing is written (prepareCandidateAsync).
    """
    message = messages.preempting(pod.spec.scheduler_name or DEFAULT_PROFILE.scheduler_name)
    weaker = [
        other.pod
        for other, node in snapshot.nominated()
        if node == decision.nominated and other.priority < (pod.spec.priority or 0)
    ]
    steps = [
        single(_unnominate(other), ignore=("NotFound",))
        for other in weaker
        if other.status.nominated_node_name
    ]
    chains = []
    for victim in decision.victims:
        if victim.terminating:
            continue
        meta = victim.metadata
        target = _condition(victim, now, "DisruptionTarget", "True", "PreemptionByScheduler", message)
        delete = Delete(kind="Pod", namespace=meta.namespace, name=meta.name, uid=meta.uid)
        chains.append(Chain(writes=(_patch(victim, PodStatus(conditions=(target,))), delete)))
    if not chains:
        return ()
    return (*steps, Step(chains=tuple(chains), max_parallel=_PARALLEL, ignore=("NotFound",)))


def _unnominate(pod: Pod) -> Write:
    meta = pod.metadata
    patch = {"status": {"nominatedNodeName": None}}
    return PatchStatus(kind="Pod", namespace=meta.namespace, name=meta.name, patch=patch)


def _patch(pod: Pod, status: PodStatus) -> Write:
    meta = pod.metadata
    return PatchPodStatus(kind="Pod", namespace=meta.namespace, name=meta.name, status=status, uid=meta.uid)


def _condition(pod: Pod, now: int, type_: str, status: str, reason: str, message: str) -> Condition:
    """Return a condition; its transition time moves only with its status."""
    old = condition(pod.status.conditions, type_)
    new = Condition(type=type_, status=status, reason=reason, message=message)
    if old is None:
        return replace(new, last_transition_time=Time(floor_second(now)))
    kept = {"last_probe_time": old.last_probe_time, "observed_generation": old.observed_generation}
    moved = old.last_transition_time if old.status == status else Time(floor_second(now))
    return replace(new, last_transition_time=moved, **kept)


def _event(pod: Pod, type_: str, reason: str, message: str) -> EventRecord:
    return EventRecord(about=reference(pod), type=type_, reason=reason, message=message)
