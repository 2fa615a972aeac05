"""One scheduling cycle: a pod, the snapshot, a decision.

Source: kubernetes pkg/scheduler/schedule_one.go schedulePod.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from jobsim.api._struct import Struct, replace
from jobsim.api.pod import Pod
from jobsim.controllers.scheduler import messages
from jobsim.controllers.scheduler.columns import BoolArray, IntArray
from jobsim.controllers.scheduler.filters import NODE_AFFINITY, Rejection, Screen, Tally, screen
from jobsim.controllers.scheduler.ordinary import group_of, totals, welcome, window
from jobsim.controllers.scheduler.preempt import preempt
from jobsim.controllers.scheduler.scores import plugin_scores, total_scores
from jobsim.controllers.scheduler.snapshot import Snapshot
from jobsim.controllers.scheduler.static_filters import named_nodes
from jobsim.controllers.scheduler.views import PodView

_ALWAYS_EXAMINED = 100
_PERCENT_LEAST = 5

#: Picks one of n equally good nodes (or a start for preemption's dry runs).
Choose = Callable[[int], int]


class Profile(Struct):
    """How the scheduler is configured.

    Parameters
    ----------
    scheduler_name : str
        Pods of other schedulers are left alone.
    percentage_of_nodes_to_score : int
        0 is upstream's default and ours: from 100 nodes on, the search ends when
        50 - nodes/125 percent (at least 5) of the nodes, at least 100, were found feasible, and the next
        search goes on from there (K-SCH-13).  Faithful, because where pods of a big cluster land depends on
        it; deterministic, because nodes are taken in list order where upstream's 16 workers race.
        100 examines all nodes.
    """

    scheduler_name: str = "default-scheduler"
    percentage_of_nodes_to_score: int = 0


DEFAULT_PROFILE = Profile()


class Decision(Struct):
    """What a cycle came to.

    ``node`` is where the pod goes, "" if nowhere.  ``nominated`` is a new value for nominatedNodeName,
    None to leave it.  ``plugins`` rejected some node (for the queue's hints).  ``rejected``, ``scores`` and
    ``totals`` (by node) and ``feasible_nodes`` are filled when details are asked for.
    """

    node: str = ""
    feasible: int = 0
    next_start: int = 0
    message: str = ""
    plugins: tuple[str, ...] = ()
    nominated: str | None = None
    victims: tuple[Pod, ...] = ()
    feasible_nodes: tuple[str, ...] = ()
    rejected: Mapping[str, Rejection] = {}
    scores: Mapping[str, Mapping[str, int]] = {}
    totals: Mapping[str, int] = {}


def cycle(
    snapshot: Snapshot,
    pod: Pod,
    *,
    choose: Choose | None = None,
    profile: Profile = DEFAULT_PROFILE,
    detail: bool = False,
) -> Decision:
    """Decide where a pod goes.

    Contract: depends on the snapshot's contents alone, changes only its memos.  The caller tells the
    snapshot what came of it (``assume``, ``nominate``, ``next_start``).

    Parameters
    ----------
    choose : callable or None
        Given n equally good nodes, returns which; they come in the order in which upstream would prefer
        them.  None takes the first, as Kubernetes 1.35 and 1.36 do (their randomiser is set only with
        extenders): the scores lie in a binary heap, so of equal nodes that one wins which comes first in
        the heap's pre-order (K-SCH-15).  Until 1.34 the choice was uniform: ``generator.integers``.
    detail : bool
        Also fill in rejections and scores.

    Source: kubernetes pkg/scheduler/schedule_one.go schedulePod, prioritizeNodes, nodeScoreHeap.
    """
    if not snapshot.node_count:
        return Decision(message=messages.NO_NODES)
    view = snapshot.view(pod)
    if not detail:
        decision = _usual(snapshot, view, profile, choose)
        if decision is not None:
            return decision
    names = named_nodes(pod.spec)
    if names == ():
        return _conflict(snapshot, view)
    found = screen(snapshot, view)
    candidates = _candidates(snapshot, names)
    rows, next_start = _search(snapshot, found, candidates, profile, everywhere=names is None)
    if not len(rows):
        return _failed(snapshot, found, candidates, names, next_start, choose, detail)
    if len(rows) == 1 and not detail:
        return Decision(node=snapshot.name(int(rows[0])), feasible=1, next_start=next_start)
    best = int(rows[0])
    if len(rows) > 1:
        totals = total_scores(snapshot, found, rows)
        best = int(rows[_pick(snapshot, totals, choose)])
    decision = Decision(node=snapshot.name(best), feasible=len(rows), next_start=next_start)
    return _detailed(snapshot, found, candidates, rows, decision) if detail else decision


def _usual(snapshot: Snapshot, view: PodView, profile: Profile, choose: Choose | None) -> Decision | None:
    """Return the decision for a usual pod that fits somewhere, None for all others."""
    group = group_of(snapshot, view)
    fit = None if group is None else group.look(snapshot)
    if group is None or fit is None or not len(group.places):
        return None
    order = snapshot.order()
    length = snapshot.size if order is None else len(order)
    places = group.places
    if snapshot.tables.terms:
        places = welcome(snapshot, view, places, order)
        if not len(places):
            return None
    wanted = nodes_to_find(length, profile.percentage_of_nodes_to_score)
    places, processed = window(places, length, snapshot.next_start % length, wanted)
    rows = places if order is None else order[places]
    best = 0
    if len(rows) > 1:
        scores = totals(snapshot, view, group, fit, rows)
        if scores is None:
            return None
        best = _pick(snapshot, scores, choose)
    next_start = (snapshot.next_start + processed) % snapshot.node_count
    return Decision(node=snapshot.name(int(rows[best])), feasible=len(rows), next_start=next_start)


def _candidates(snapshot: Snapshot, names: tuple[str, ...] | None) -> BoolArray:
    """Return the nodes that are looked at: all, or those that node affinity names."""
    if names is None:
        return snapshot.usable()
    mask = np.zeros(snapshot.size, dtype=np.bool_)
    mask[[snapshot.numbers[name] for name in names if name in snapshot.numbers]] = True
    return mask


def _search(
    snapshot: Snapshot, found: Screen, candidates: BoolArray, profile: Profile, *, everywhere: bool
) -> tuple[IntArray, int]:
    """Return the feasible nodes that the search finds, in the order found, and where the next one starts."""
    feasible = found.feasible if everywhere else found.feasible & candidates
    nominated = snapshot.numbers.get(found.view.pod.status.nominated_node_name)
    if nominated is not None and found.feasible[nominated]:
        return np.array([nominated]), snapshot.next_start
    order = snapshot.order() if everywhere else np.flatnonzero(candidates)
    length = snapshot.size if order is None else len(order)
    if not length:
        return np.zeros(0, dtype=np.int64), snapshot.next_start % snapshot.node_count
    places = np.flatnonzero(feasible if order is None else feasible[order])
    wanted = nodes_to_find(length, profile.percentage_of_nodes_to_score)
    places, processed = window(places, length, snapshot.next_start % length, wanted)
    rows = places if order is None else order[places]
    return rows, (snapshot.next_start + processed) % snapshot.node_count


def nodes_to_find(nodes: int, percentage: int) -> int:
    """Return how many feasible nodes end the search (K-SCH-13).

    Examples
    --------
    >>> [nodes_to_find(n, 0) for n in (99, 100, 1000, 5000, 15000)]
    [99, 100, 420, 500, 750]
    """
    if nodes < _ALWAYS_EXAMINED:
        return nodes
    percent = percentage or max(50 - nodes // 125, _PERCENT_LEAST)
    return max(nodes * percent // 100, _ALWAYS_EXAMINED)


def _pick(snapshot: Snapshot, totals: IntArray, choose: Choose | None) -> int:
    """Return the place of the best node in the list of feasible ones."""
    # The ufunc itself: the method costs as much again.
    ties = (totals == np.maximum.reduce(totals)).nonzero()[0]
    if len(ties) == 1:
        return int(ties[0])
    # Ranks of places do not depend on the size, so one table of a larger size serves all smaller ones.
    size = 1 << len(totals).bit_length()
    ranks = snapshot.memos.get(("heap", size), lambda: heap_ranks(size))[ties]
    if choose is None:
        return int(ties[ranks.argmin()])
    return int(ties[np.argsort(ranks)[choose(len(ties))]])


def heap_ranks(size: int) -> IntArray:
    """Return the rank of each place of a binary heap in pre-order (a node, its left part, its right part).

    Making a heap of a list puts that one of several equal maxima on top which is first in this order: a
    parent stays above equal children, and of equal children the left one rises.

    Examples
    --------
    >>> heap_ranks(6).argsort().tolist()
    [0, 1, 3, 4, 2, 5]
    """
    place = np.arange(1, size + 1, dtype=np.int64)
    depth = np.floor(np.log2(place)).astype(np.int64)
    # Pre-order is the alphabetical order of the paths from the top, a shorter path before its extensions.
    return np.argsort(np.argsort((place << (40 - depth)) + depth))


def _conflict(snapshot: Snapshot, view: PodView) -> Decision:
    """Return the decision for a pod whose node affinity contradicts itself."""
    hopeless = {messages.NOT_HELPFUL: snapshot.node_count}
    preemption = messages.fit_error(snapshot.node_count, hopeless)
    if view.pod.spec.preemption_policy == "Never":
        preemption = messages.NEVER
    text = messages.fit_error(
        snapshot.node_count,
        {},
        pre_filter=messages.AFFINITY_CONFLICT,
        post_filter=messages.post_filter(preemption),
    )
    return Decision(message=text, plugins=(NODE_AFFINITY,), nominated="", next_start=snapshot.next_start)


def _failed(
    snapshot: Snapshot,
    found: Screen,
    candidates: BoolArray,
    names: tuple[str, ...] | None,
    next_start: int,
    choose: Choose | None,
    detail: bool,
) -> Decision:
    """Return the decision for a pod that fits nowhere: preemption, or the message."""
    tally = Tally(snapshot, found, candidates)
    plugins = list(tally.plugins)
    left_out = snapshot.node_count - int(candidates.sum())
    if names is not None:
        plugins = [NODE_AFFINITY, *(p for p in plugins if p != NODE_AFFINITY)]
        if left_out:
            tally.reasons[messages.excluded(NODE_AFFINITY)] = left_out
    offset = choose(snapshot.node_count) if choose is not None else 0
    outcome = preempt(snapshot, found.view, tally, offset=offset)
    post = messages.post_filter(outcome.message) if outcome.message else ""
    decision = Decision(
        next_start=next_start,
        message=messages.fit_error(snapshot.node_count, tally.reasons, post_filter=post),
        plugins=tuple(plugins),
        nominated=outcome.node or ("" if outcome.clears else None),
        victims=outcome.victims,
    )
    rows = np.zeros(0, dtype=np.int64)
    return _detailed(snapshot, found, candidates, rows, decision) if detail else decision


def _detailed(
    snapshot: Snapshot,
    found: Screen,
    candidates: BoolArray,
    rows: IntArray,
    decision: Decision,
) -> Decision:
    rejected: dict[str, Rejection] = {}
    for name in sorted(snapshot.numbers):
        node = snapshot.numbers[name]
        rejection = found.rejection(node) if candidates[node] else None
        if not candidates[node]:
            reason = messages.excluded(NODE_AFFINITY)
            rejection = Rejection(plugin=NODE_AFFINITY, reasons=(reason,), unresolvable=True)
        if rejection is not None:
            rejected[name] = rejection
    decision = replace(
        decision,
        rejected=rejected,
        feasible_nodes=tuple(snapshot.name(int(row)) for row in rows),
    )
    if len(rows) < 2:
        return decision
    by_plugin = plugin_scores(snapshot, found, rows)
    scores = {
        snapshot.name(int(row)): {name: int(values[i]) for name, values in by_plugin.items()}
        for i, row in enumerate(rows)
    }
    totals = {name: sum(values.values()) for name, values in scores.items()}
    return replace(decision, scores=scores, totals=totals)
