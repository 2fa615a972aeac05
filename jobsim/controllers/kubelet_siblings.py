"""Siblings: pods of one template do alike, so what one does next is worked out once for all of them.

A gang's pods start, end and stop in waves: many in one instant, from one state, nothing drawn at
random.  What is remembered changes no answer, only its cost; and equal statuses are one object, which
spares work all the way to the log.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from jobsim.api._struct import replace
from jobsim.api.pod import Container, Pod
from jobsim.api.writes import Delete, PatchPodStatus, Write
from jobsim.controllers.kubelet import exit_agent, lift_barrier, next_stage
from jobsim.controllers.kubelet_sandbox import NEVER, Sandbox
from jobsim.controllers.kubelet_stage import Seen, Stage, final_delete, patch
from jobsim.laws import Fixed
from jobsim.workload.behaviour import PodBehaviour

#: Templates and states of one instant that are remembered.
_KEPT_MAX = 8

#: Writes that ``_for_pod`` addresses to another pod.
_ADDRESSED = {PatchPodStatus, Delete}
_NEVER = {NEVER}

#: All of a pod that decides about its stages, apart from its sandbox and its behaviour.
_Traits = tuple[
    int,
    tuple[Container, ...],
    tuple[Container, ...],
    str,
    int | None,
    int | None,
    bool,
    int | None,
    tuple[str, ...],
    str,
]


Decide = Callable[[Seen, int], Stage | None]
#: What happens to many pods in one instant, and to each of them alike.
_ALIKE = (next_stage, exit_agent, lift_barrier)


class _Kept(NamedTuple):
    sandbox: Sandbox | None
    behaviour: PodBehaviour
    decide: Decide
    traits: _Traits
    stage: Stage | None


class Siblings:
    """What pods did in this instant; belongs to the shell that asks."""

    def __init__(self) -> None:
        self._now = -1
        self._kept: list[_Kept] = []
        self._certain: dict[PodBehaviour, bool] = {}

    def next_stage(self, seen: Seen, now: int) -> Stage | None:
        """Return the same as ``kubelet.next_stage``."""
        return self.ask(next_stage, seen, now)

    def ask(self, decide: Decide, seen: Seen, now: int) -> Stage | None:
        """Return the same as ``decide(seen, now)``: what happens to a pod from outside."""
        behaviour = seen.behaviour
        if not seen.up or decide not in _ALIKE or not self._is_certain(behaviour):
            return decide(seen, now)
        if now != self._now:
            self._now = now
            self._kept.clear()
        pod, sandbox = seen.pod, seen.sandbox
        traits = _traits(seen)
        for kept in self._kept:
            alike = kept.sandbox is sandbox and kept.behaviour is behaviour and kept.decide is decide
            if alike and kept.traits == traits:
                return kept.stage if kept.stage is None else _for_pod(kept.stage, pod)
        stage = decide(seen, now)
        if stage is None or _says_no_name(stage):
            if len(self._kept) == _KEPT_MAX:
                del self._kept[0]
            self._kept.append(_Kept(sandbox, behaviour, decide, traits, stage))
        return stage

    def _is_certain(self, behaviour: PodBehaviour) -> bool:
        """Tell whether nothing about a pod is drawn, and no image is waited for."""
        known = self._certain.get(behaviour)
        if known is None:
            known = self._certain[behaviour] = _certain(behaviour)
        return known


def _traits(seen: Seen) -> _Traits:
    pod = seen.pod
    spec, meta = pod.spec, pod.metadata
    return (
        seen.linger_ns,
        spec.containers,
        spec.init_containers,
        spec.restart_policy,
        spec.termination_grace_period_seconds,
        spec.active_deadline_seconds,
        meta.deletion_timestamp is None,
        meta.deletion_grace_period_seconds,
        meta.finalizers,
        pod.status.phase,
    )


def _certain(behaviour: PodBehaviour) -> bool:
    pull = behaviour.pull
    laws = (behaviour.start, behaviour.ready, behaviour.stop)
    programs = (*behaviour.programs, *behaviour.init_programs)
    return (
        type(pull) is Fixed
        and pull.value == 0
        and all(type(law) is Fixed for law in laws)
        and all(type(p.run) in (Fixed, str) and len(p.exit) == 1 for p in programs)
    )


def _says_no_name(stage: Stage) -> bool:
    """Tell whether a stage is the same for a pod of another name: no event, no text of a back-off."""
    box = stage.sandbox
    return (
        not stage.events
        and {type(write) for write in stage.writes} <= _ADDRESSED
        and {run.restart_at for run in (*box.init, *box.apps)} <= _NEVER
    )


def _for_pod(stage: Stage, pod: Pod) -> Stage:
    """Return a stage with its writes addressed to another pod."""
    if not stage.writes:
        return stage
    writes: list[Write] = []
    for write in stage.writes:
        writes.append(patch(pod, write.status) if isinstance(write, PatchPodStatus) else final_delete(pod))
    return replace(stage, writes=tuple(writes))
