"""Inter-pod affinity and anti-affinity as masks and scores over nodes.

Source: kubernetes pkg/scheduler/framework/plugins/interpodaffinity.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from jobsim.controllers.scheduler.columns import BoolArray, IntArray
from jobsim.controllers.scheduler.snapshot import Snapshot
from jobsim.controllers.scheduler.terms import matches
from jobsim.controllers.scheduler.views import PodView


def lonely(snapshot: Snapshot, view: PodView) -> BoolArray | None:
    """Return which nodes fail the pod's required affinity; None: it has none (K-SCH-20, K-SCH-21)."""
    if not view.affinity:
        return None
    found = [snapshot.tables.counts(question) for question in view.affinity]
    keys = [question.shape.topology_key for question in view.affinity]
    if all(counts is None for counts in found) and _matches_itself(snapshot, view):
        # The first pod of a group may go anywhere that has all the topology labels.
        missing = np.zeros(snapshot.size, dtype=np.bool_)
        for key in keys:
            missing |= snapshot.domains(key) < 0
        return missing
    good = np.ones(snapshot.size, dtype=np.bool_)
    for key, counts in zip(keys, found, strict=True):
        if counts is None:
            return np.ones(snapshot.size, dtype=np.bool_)
        good &= (counts > 0)[snapshot.domains(key)]
    return ~good


def _matches_itself(snapshot: Snapshot, view: PodView) -> bool:
    return all(
        matches(question, view.namespace, view.labels, snapshot.tables.namespaces)
        for question in view.affinity
    )


def repelled(snapshot: Snapshot, view: PodView) -> BoolArray | None:
    """Return which nodes fail the pod's own required anti-affinity; None: none does (K-SCH-22)."""
    mask: BoolArray | None = None
    for question in view.shuns:
        counts = snapshot.tables.counts(question)
        if counts is not None:
            there = (counts > 0)[snapshot.domains(question.shape.topology_key)]
            mask = there if mask is None else mask | there
    return mask


def unwanted(snapshot: Snapshot, view: PodView) -> BoolArray | None:
    """Return which nodes fail the required anti-affinity of placed pods; None: none does (K-SCH-23)."""
    mask: BoolArray | None = None
    for key, counts in snapshot.tables.repelling(view):
        there = (counts > 0)[snapshot.domains(key)]
        mask = there if mask is None else mask | there
    return mask


def affinity_score(snapshot: Snapshot, view: PodView, rows: IntArray) -> IntArray | None:
    """Return InterPodAffinity's score 0-100 of feasible nodes; None: the plugin has nothing to say."""
    tables = snapshot.tables
    raw: IntArray | None = None
    for sign, sources in (
        (1, (tables.attracting(view), tables.preferred(view.likes))),
        (-1, (tables.disliking(view), tables.preferred(view.dislikes))),
    ):
        for key, counts in _chain(sources):
            part = sign * counts[snapshot.domains(key)[rows]]
            raw = part if raw is None else raw + part
    if raw is None:
        return None
    low, high = int(raw.min()), int(raw.max())
    if high == low:
        return np.zeros(len(rows), dtype=np.int64)
    return (100.0 * ((raw - low) / (high - low))).astype(np.int64)


def _chain(
    sources: Iterable[Iterable[tuple[str, IntArray]]],
) -> Iterable[tuple[str, IntArray]]:
    for source in sources:
        yield from source
