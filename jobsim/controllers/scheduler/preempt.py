"""Preemption: which lower-priority pods must go so that a pod fits somewhere (K-SCH-30, K-SCH-31).

Source: kubernetes pkg/scheduler/framework/preemption/preemption.go,
plugins/defaultpreemption/default_preemption.go.
Differs: upstream starts its dry runs at a random node and breaks the last tie by map order; here the
dry runs follow the order of the node list (``offset`` moves the start), and of victims that started in
one second the one that was placed last goes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from jobsim.api._struct import Struct
from jobsim.api.core import PodDisruptionBudget
from jobsim.api.pod import Pod
from jobsim.api.selectors import matches
from jobsim.controllers.scheduler import messages
from jobsim.controllers.scheduler.filters import Rejection, Tally, indifferent, nominated_by_node, passes
from jobsim.controllers.scheduler.snapshot import Placed, Snapshot
from jobsim.controllers.scheduler.views import PodView

_CANDIDATES_MIN = 100
_CANDIDATES_PERCENT = 10
_PRIORITY_SHIFT = 2**31

#: Why a node rejects the pod as the snapshot is now, None if it does not.
Fits = Callable[[int], Rejection | None]


class Preemption(Struct):
    """What preemption came to: a node with its victims, or the text why not."""

    node: str = ""
    victims: tuple[Pod, ...] = ()
    message: str = ""
    #: Whether an old nomination is void ("" is written to nominatedNodeName).
    clears: bool = False


class _Candidate(Struct):
    node: int
    victims: tuple[Pod, ...]
    #: When each of them started, and its place among those placed: start times are whole seconds.
    starts: tuple[tuple[int, int], ...]
    violations: int


def preempt(snapshot: Snapshot, view: PodView, tally: Tally, *, offset: int = 0) -> Preemption:
    """Return the best node to make room on.

    Parameters
    ----------
    tally : Tally
        Why the pod fits nowhere; only its resolvable nodes are tried.
    offset : int
        Which of those nodes is tried first.
    """
    refused = _ineligible(snapshot, view, tally)
    if refused:
        return Preemption(message=refused)
    potential = _in_list_order(snapshot, tally)
    reasons: dict[str, int] = {}
    hopeless = snapshot.node_count - len(potential)
    if hopeless:
        reasons[messages.NOT_HELPFUL] = hopeless
    if not snapshot.any_below(view.priority):
        if potential:
            reasons[messages.NO_VICTIMS] = len(potential)
        return _no_candidate(snapshot, reasons)
    candidates = _dry_runs(snapshot, view, potential, offset, reasons)
    if not candidates:
        return _no_candidate(snapshot, reasons)
    best = min(candidates, key=_preference)
    return Preemption(node=snapshot.name(best.node), victims=best.victims)


def _no_candidate(snapshot: Snapshot, reasons: dict[str, int]) -> Preemption:
    return Preemption(message=messages.fit_error(snapshot.node_count, reasons), clears=True)


def _ineligible(snapshot: Snapshot, view: PodView, tally: Tally) -> str:
    """Return why a pod may not preempt; "" if it may."""
    pod = view.pod
    if pod.spec.preemption_policy == "Never":
        return messages.NEVER
    node = snapshot.numbers.get(pod.status.nominated_node_name)
    if node is None or not tally.resolvable[node]:
        return ""
    for placed in snapshot.pods_on(node):
        if placed.view.priority < view.priority and placed.leaving:
            return messages.VICTIMS_LEAVING
    return ""


def _in_list_order(snapshot: Snapshot, tally: Tally) -> list[int]:
    order = snapshot.order()
    if order is None:
        return [int(node) for node in np.flatnonzero(tally.resolvable)]
    return [int(node) for node in order[tally.resolvable[order]]]


def _dry_runs(
    snapshot: Snapshot, view: PodView, potential: list[int], offset: int, reasons: dict[str, int]
) -> list[_Candidate]:
    """Try nodes until there are enough candidates; note why others are none."""
    wanted = min(max(len(potential) * _CANDIDATES_PERCENT // 100, _CANDIDATES_MIN), len(potential))
    nominated = nominated_by_node(snapshot, view) if snapshot.any_nominated else {}
    unmoved = bool(nominated) and indifferent(snapshot, view)

    def fits(node: int) -> Rejection | None:
        return passes(snapshot, view, node, nominated.get(node, ()), indifferent=unmoved)

    clean: list[_Candidate] = []
    violating: list[_Candidate] = []
    for i in range(len(potential)):
        node = potential[(offset + i) % len(potential)]
        outcome = _victims_on(snapshot, view, node, fits)
        if isinstance(outcome, Rejection):
            for reason in outcome.reasons:
                reasons[reason] = reasons.get(reason, 0) + 1
            continue
        (violating if outcome.violations else clean).append(outcome)
        if clean and len(clean) + len(violating) >= wanted:
            break
    return clean + violating


def _preference(candidate: _Candidate) -> tuple[int, int, int, int, int, int]:
    """Order candidates: the smaller the better, in upstream's five steps and one of ours."""
    priorities = [pod.spec.priority or 0 for pod in candidate.victims]
    highest = max(priorities)
    earliest = min(s for s, p in zip(candidate.starts, priorities, strict=True) if p == highest)
    return (
        candidate.violations,
        priorities[0],
        sum(p + _PRIORITY_SHIFT for p in priorities),
        len(priorities),
        -earliest[0],
        -earliest[1],
    )


def _victims_on(snapshot: Snapshot, view: PodView, node: int, fits: Fits) -> _Candidate | Rejection:
    """Return the fewest, least important pods whose going makes a node fit, or why none do."""
    lower = [placed for placed in snapshot.pods_on(node) if placed.view.priority < view.priority]
    if not lower:
        return Rejection(plugin="", reasons=(messages.NO_VICTIMS,), unresolvable=True)
    for placed in lower:
        snapshot.detach(placed)
    try:
        rejection = fits(node)
        if rejection is not None:
            return rejection
        return _reprieve(snapshot, node, lower, fits)
    finally:
        for placed in lower:
            if snapshot.placed(placed.pod) is None:
                snapshot.attach(placed)


def _importance(placed: Placed) -> tuple[int, int, int]:
    return (-placed.view.priority, placed.start, placed.sequence)


def _reprieve(snapshot: Snapshot, node: int, lower: list[Placed], fits: Fits) -> _Candidate:
    """Put pods back, the most important first and those under a budget before all others."""
    violating, others = _by_budget(sorted(lower, key=_importance), list(snapshot.budgets.values()))
    victims: list[Placed] = []
    violations = 0
    for placed in [*violating, *others]:
        snapshot.attach(placed)
        if fits(node) is not None:
            snapshot.detach(placed)
            victims.append(placed)
            violations += any(placed is one for one in violating)
    victims.sort(key=_importance)
    return _Candidate(
        node=node,
        victims=tuple(placed.pod for placed in victims),
        starts=tuple((placed.start, placed.sequence) for placed in victims),
        violations=violations,
    )


def _by_budget(
    pods: Sequence[Placed], budgets: list[PodDisruptionBudget]
) -> tuple[list[Placed], list[Placed]]:
    """Split pods into those whose removal would violate a PodDisruptionBudget and the others."""
    allowed = [budget.status.disruptions_allowed for budget in budgets]
    violating: list[Placed] = []
    others: list[Placed] = []
    for placed in pods:
        meta = placed.pod.metadata
        violated = False
        for i, budget in enumerate(budgets):
            selector = budget.spec.selector
            if budget.metadata.namespace != meta.namespace or selector is None or not meta.labels:
                continue
            empty = not selector.match_labels and not selector.match_expressions
            if empty or not matches(selector, meta.labels) or meta.name in budget.status.disrupted_pods:
                continue
            allowed[i] -= 1
            violated = violated or allowed[i] < 0
        (violating if violated else others).append(placed)
    return violating, others
