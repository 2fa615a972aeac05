"""Does a pod fit: resources, pod count, host ports; and the two scores about resources.

Source: kubernetes pkg/scheduler/framework/plugins/{noderesources,nodeports}.
"""

from __future__ import annotations

import numpy as np

from jobsim.controllers.scheduler.columns import ALL, BoolArray, IntArray, Rows
from jobsim.controllers.scheduler.memo import Tracked
from jobsim.controllers.scheduler.requests import CPU, MEMORY, Port, Request
from jobsim.controllers.scheduler.snapshot import Snapshot

#: Up to so many nodes are brought up to date one by one.
_ONE_BY_ONE = 8


class Fit:
    """Per node: whether the request fits, and the sum of the resource scores were it placed there.

    ``version`` grows whenever a node that did not fit may do so now, or the other way round.
    """

    __slots__ = ("fits", "score", "version")

    def __init__(self) -> None:
        self.fits: BoolArray = np.zeros(0, dtype=np.bool_)
        self.score: IntArray = np.zeros(0, dtype=np.int64)
        self.version = 0


def fit(snapshot: Snapshot, request: Request) -> Fit:
    """Return fit and resource scores of a request over all node numbers (ports aside)."""
    return tracked_fit(snapshot, request).current(snapshot.size)


def tracked_fit(snapshot: Snapshot, request: Request) -> Tracked[Fit]:
    """Return ``fit`` as something that follows the snapshot."""
    key = ("fit", request.amounts, request.scored_cpu, request.scored_memory)
    return snapshot.memos.get(key, lambda: _tracked(snapshot, request))


def _tracked(snapshot: Snapshot, request: Request) -> Tracked[Fit]:
    def update(value: Fit, changed: list[int] | None) -> None:
        if changed is not None and len(changed) <= _ONE_BY_ONE:
            for node in changed:
                fits_here, value.score[node] = _at(snapshot, request, node)
                if value.fits[node] != fits_here:
                    value.fits[node] = fits_here
                    value.version += 1
            return
        value.version += 1
        where: Rows = ALL if changed is None else np.array(changed, dtype=np.int64)
        fits = enough(snapshot, request, where)
        score = least_allocated(snapshot, request, where)
        balanced = balanced_allocation(snapshot, request, where)
        if balanced is not None:
            score += balanced
        if changed is None:
            value.fits, value.score = fits, score
        else:
            value.fits[where], value.score[where] = fits, score

    return Tracked(Fit(), snapshot.usage_changes, update)


def _at(snapshot: Snapshot, request: Request, node: int) -> tuple[bool, int]:
    """Return what ``enough`` and the two scores are at one node: for a few nodes arrays cost more."""
    fits = snapshot.pods_count[node] < snapshot.pods_max[node]
    for name, amount in request.amounts:
        has, used = snapshot.amounts(name, node)
        fits = fits and has - used >= amount
    cpu, cpu_used = snapshot.amounts(CPU, node)
    memory, memory_used = snapshot.amounts(MEMORY, node)
    total = weights = 0
    for has, wanted in (
        (cpu, snapshot.scored_cpu[node] + request.scored_cpu),
        (memory, snapshot.scored_memory[node] + request.scored_memory),
    ):
        if has > 0:
            total += max(has - wanted, 0) * 100 // has
            weights += 1
    score = total // max(weights, 1)
    if request.cpu or request.memory:
        without = _balance_at(cpu_used, cpu, memory_used, memory)
        with_pod = _balance_at(cpu_used + request.cpu, cpu, memory_used + request.memory, memory)
        score += 50 + (50 + with_pod - without) // 2
    return fits, score


def _balance_at(cpu_used: int, cpu: int, memory_used: int, memory: int) -> int:
    if cpu <= 0 or memory <= 0:
        return 100
    deviation = abs((min(cpu_used / cpu, 1.0) - min(memory_used / memory, 1.0)) / 2)
    return int((1 - deviation) * 100)


def enough(snapshot: Snapshot, request: Request, rows: Rows = ALL) -> BoolArray:
    """Return which nodes have room for one more pod and for each resource."""
    mask: BoolArray = snapshot.pods_count.view()[rows] < snapshot.pods_max.view()[rows]
    for name, amount in request.amounts:
        mask &= ~short(snapshot, name, amount, rows)
    return mask


def crowded(snapshot: Snapshot, rows: Rows = ALL) -> BoolArray:
    """Return which nodes have as many pods as they may."""
    return snapshot.pods_count.view()[rows] >= snapshot.pods_max.view()[rows]


def short(snapshot: Snapshot, resource: str, amount: int, rows: Rows = ALL) -> BoolArray:
    """Return which nodes lack an amount of a resource."""
    free = snapshot.allocatable(resource)[rows] - snapshot.requested(resource)[rows]
    return np.asarray(free < amount)


def too_small(snapshot: Snapshot, resource: str, amount: int, rows: Rows = ALL) -> BoolArray:
    """Return which nodes could not give an amount even if they were empty."""
    return np.asarray(snapshot.allocatable(resource)[rows] < amount)


def ports_taken(snapshot: Snapshot, ports: tuple[Port, ...]) -> BoolArray | None:
    """Return which nodes have a conflict of host ports; None: none has."""
    taken = sorted({node for port in ports for node in snapshot.ports.taken(port)})
    if not taken:
        return None
    mask = np.zeros(snapshot.size, dtype=np.bool_)
    mask[taken] = True
    return mask


def least_allocated(snapshot: Snapshot, request: Request, rows: Rows = ALL) -> IntArray:
    """Return NodeResourcesFit's score: the mean of the free percentages of cpu and memory.

    Each percentage is truncated, then the mean; containers without a request count with their defaults
    (K-SCH-11 and its erratum).
    """
    total: IntArray | None = None
    weights: IntArray | int = 0
    for name, used, asked in (
        (CPU, snapshot.scored_cpu, request.scored_cpu),
        (MEMORY, snapshot.scored_memory, request.scored_memory),
    ):
        has = snapshot.allocatable(name)[rows]
        wanted = used.view()[rows] + asked
        room = np.maximum(has - wanted, 0)
        percent = room * 100 // np.maximum(has, 1)
        total = percent if total is None else total + percent
        weights = weights + (has > 0)
    assert total is not None
    return np.asarray(total // np.maximum(weights, 1), dtype=np.int64)


def balanced_allocation(snapshot: Snapshot, request: Request, rows: Rows = ALL) -> IntArray | None:
    """Return NodeResourcesBalancedAllocation's score, None for a pod that asks for neither (K-SCH-12)."""
    if not request.cpu and not request.memory:
        return None
    without = _balance(snapshot, 0, 0, rows)
    with_pod = _balance(snapshot, request.cpu, request.memory, rows)
    return 50 + (50 + with_pod - without) // 2


def _balance(snapshot: Snapshot, cpu: int, memory: int, rows: Rows) -> IntArray:
    """Return (1 - standard deviation of the two fractions) * 100, truncated."""
    fractions = []
    present = []
    for name, asked in ((CPU, cpu), (MEMORY, memory)):
        has = snapshot.allocatable(name)[rows]
        fraction = (snapshot.requested(name)[rows] + asked) / np.maximum(has, 1)
        fractions.append(np.minimum(fraction, 1.0))
        present.append(has > 0)
    deviation = np.abs((fractions[0] - fractions[1]) / 2)
    deviation = np.where(present[0] & present[1], deviation, 0.0)
    return ((1 - deviation) * 100).astype(np.int64)
