"""The usual pod: nothing but resources, selectors and tolerations decides where it goes.

Gangs are made of pods that ask for the same.  From one to the next a single node changes, so what holds
for all of them is kept in a ``Group`` and brought up to date.  Answers are those of the general way
(``cycle``), which also takes over whenever something unusual is asked or in the way.
"""

from __future__ import annotations

import numpy as np

from jobsim.api.pod import PodSpec
from jobsim.controllers.scheduler.columns import IntArray
from jobsim.controllers.scheduler.fit import Fit, tracked_fit
from jobsim.controllers.scheduler.interpod import affinity_score
from jobsim.controllers.scheduler.memo import Tracked
from jobsim.controllers.scheduler.requests import Request
from jobsim.controllers.scheduler.snapshot import Snapshot
from jobsim.controllers.scheduler.spread import Constraint, default_constraints, host_points, only_hosts_count
from jobsim.controllers.scheduler.static_filters import NodeMasks, tracked_masks
from jobsim.controllers.scheduler.views import PodView

#: PodTopologySpread's weight (K-SCH-10).
_SPREAD_WEIGHT = 2
#: InterPodAffinity's.
_AFFINITY_WEIGHT = 2


class Group:
    """What the nodes are for pods that ask for the same.

    ``places`` are the feasible nodes as positions in the scheduler's list.
    """

    __slots__ = (
        "_fit",
        "_fit_version",
        "_masks",
        "_masks_version",
        "_order",
        "_points",
        "_points_of",
        "places",
    )

    def __init__(self, masks: Tracked[NodeMasks], fit: Tracked[Fit]) -> None:
        self._masks = masks
        self._fit = fit
        self._masks_version = self._fit_version = -1
        self._order: IntArray | None = None
        self._points = np.zeros(0, dtype=np.int64)
        self._points_of = (-1, -1, -1, -1)
        self.places = np.zeros(0, dtype=np.int64)

    def look(self, snapshot: Snapshot) -> Fit | None:
        """Bring ``places`` up to date; return the resource scores, None where some taint is unwelcome."""
        masks = self._masks.current(snapshot.size)
        if masks.any_soft:
            return None
        fit = self._fit.current(snapshot.size)
        order = snapshot.order()
        if (
            masks.version != self._masks_version
            or fit.version != self._fit_version
            or order is not self._order
        ):
            feasible = masks.open & fit.fits
            self.places = (feasible if order is None else feasible[order]).nonzero()[0]
            self._masks_version, self._fit_version, self._order = masks.version, fit.version, order
        return fit

    def spread(self, least: int, most: int, nodes: int, max_skew: int) -> IntArray:
        """Return the weighted spreading score by number of matching pods, 0 ... most."""
        asked = (least, most, nodes, max_skew)
        if asked != self._points_of:
            self._points_of = asked
            self._points = np.array(host_points(*asked), dtype=np.int64) * _SPREAD_WEIGHT
        return self._points


def group_of(snapshot: Snapshot, view: PodView) -> Group | None:
    """Return the group of a usual pod, None if there is anything unusual about it or the cluster."""
    spec, request = view.pod.spec, view.request
    if (
        spec.affinity is not None
        or spec.topology_spread_constraints
        or request.ports
        or snapshot.any_nominated
        or snapshot.with_images
        or view.pod.status.nominated_node_name
    ):
        return None
    key = (
        "group",
        tuple(spec.node_selector.items()),
        spec.tolerations,
        request.amounts,
        request.scored_cpu,
        request.scored_memory,
    )
    return snapshot.memos.get(key, lambda: _group(snapshot, spec, request))


def _group(snapshot: Snapshot, spec: PodSpec, request: Request) -> Group:
    return Group(tracked_masks(snapshot, spec), tracked_fit(snapshot, request))


def welcome(snapshot: Snapshot, view: PodView, places: IntArray, order: IntArray | None) -> IntArray:
    """Return the places where no placed pod's required anti-affinity keeps a pod out (K-SCH-23)."""
    rows = places if order is None else order[places]
    for key, counts in snapshot.tables.repelling(view):
        free = counts[snapshot.domains(key)[rows]] <= 0
        places, rows = places[free], rows[free]
    return places


def window(places: IntArray, length: int, start: int, wanted: int) -> tuple[IntArray, int]:
    """Return the places that a search finds, and how many it looked at.

    Parameters
    ----------
    places : int64, (feasible,)
        Ascending positions in a list of ``length`` nodes.
    start : int
        Where the search begins; it goes round.
    wanted : int
        How many feasible places end it.
    """
    count = len(places)
    cut = int(places.searchsorted(start)) if start else 0
    if count <= wanted:
        found = np.concatenate((places[cut:], places[:cut])) if 0 < cut < count else places
        return found, length
    # The search ends at the first feasible node too many; it is not counted as processed.
    end = cut + wanted
    if end < count:
        return places[cut:end], (int(places[end]) - start) % length
    found = np.concatenate((places[cut:], places[: end - count])) if cut < count else places[:wanted]
    return found, (int(places[end - count]) - start) % length


def totals(snapshot: Snapshot, view: PodView, group: Group, fit: Fit, rows: IntArray) -> IntArray | None:
    """Return what tells the feasible nodes apart (scores that are the same for all are left out).

    None: spreading looks at more than hosts.
    """
    score: IntArray = fit.score.take(rows)
    if snapshot.tables.terms:
        drawn = affinity_score(snapshot, view, rows)
        score = score if drawn is None else score + drawn * _AFFINITY_WEIGHT
    found = default_constraints(snapshot, view)
    if not found:
        return score
    if not only_hosts_count(snapshot, found):
        return None
    constraint: Constraint = found[0]
    per_node = snapshot.tables.counts(constraint.question)
    if per_node is None:
        return score
    counts = per_node.take(rows)
    # The ufuncs themselves: the methods cost as much again.
    least, most = int(np.minimum.reduce(counts)), int(np.maximum.reduce(counts))
    if least == most:
        return score
    return score + group.spread(least, most, len(rows), constraint.max_skew).take(counts)


__all__ = ["Group", "group_of", "totals", "welcome", "window"]
