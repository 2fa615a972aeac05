"""All filters of the default profile, in their order, over all nodes at once.

The first plugin that rejects a node speaks for it (only NodeResourcesFit gives several reasons).

Source: kubernetes pkg/scheduler/apis/config/v1/default_plugins.go (order), framework/runtime
RunFilterPluginsWithNominatedPods (nominated pods).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from jobsim.api._struct import Struct
from jobsim.controllers.scheduler import messages
from jobsim.controllers.scheduler.columns import BoolArray
from jobsim.controllers.scheduler.fit import crowded, enough, fit, ports_taken, short, too_small
from jobsim.controllers.scheduler.interpod import lonely, repelled, unwanted
from jobsim.controllers.scheduler.snapshot import Placed, Snapshot
from jobsim.controllers.scheduler.spread import hard_failures
from jobsim.controllers.scheduler.static_filters import NodeMasks, node_masks
from jobsim.controllers.scheduler.views import PodView

NODE_UNSCHEDULABLE = "NodeUnschedulable"
TAINT_TOLERATION = "TaintToleration"
NODE_AFFINITY = "NodeAffinity"
NODE_PORTS = "NodePorts"
FIT = "NodeResourcesFit"
SPREAD = "PodTopologySpread"
INTER_POD_AFFINITY = "InterPodAffinity"


class Rejection(Struct):
    """Why a node was rejected.  ``unresolvable``: removing pods from it would not help (K-SCH-25)."""

    plugin: str
    reasons: tuple[str, ...]
    unresolvable: bool = False


class Finding(Struct):
    """One possible rejection: the nodes it holds for."""

    rejection: Rejection
    mask: BoolArray


class Screen:
    """A pod held against all nodes.

    ``feasible`` are the nodes that pass; ``masks`` what the spec alone says; ``overruled`` nodes that are
    rejected because of pods nominated to them.
    """

    __slots__ = ("_findings", "_snapshot", "feasible", "fit", "masks", "overruled", "view")

    def __init__(self, snapshot: Snapshot, view: PodView) -> None:
        self._snapshot = snapshot
        self.view = view
        self.masks: NodeMasks = node_masks(snapshot, view.pod.spec)
        self._findings = list(_later_findings(snapshot, view, self.masks))
        self.fit = fit(snapshot, view.request)
        mask = self.masks.open & self.fit.fits
        for finding in self._findings:
            mask &= ~finding.mask
        self.feasible: BoolArray = mask
        self.overruled: dict[int, Rejection] = {}

    def findings(self) -> Iterator[Finding]:
        """Yield every possible rejection in the order in which filters run (resources aside)."""
        yield from _node_findings(self.masks)
        yield from self._findings

    def rejection(self, node: int) -> Rejection | None:
        """Return why a node was rejected, None if it was not."""
        overruled = self.overruled.get(node)
        if overruled is not None:
            return overruled
        for finding in _node_findings(self.masks):
            if finding.mask[node]:
                return finding.rejection
        for finding in self._findings:
            if finding.rejection.plugin == NODE_PORTS and finding.mask[node]:
                return finding.rejection
        full = _fit_rejection(self._snapshot, self.view, node)
        if full is not None:
            return full
        for finding in self._findings:
            if finding.mask[node]:
                return finding.rejection
        return None


def _node_findings(masks: NodeMasks) -> Iterator[Finding]:
    yield Finding(
        rejection=Rejection(
            plugin=NODE_UNSCHEDULABLE, reasons=(messages.UNSCHEDULABLE_NODE,), unresolvable=True
        ),
        mask=masks.cordoned,
    )
    yield Finding(
        rejection=Rejection(plugin=TAINT_TOLERATION, reasons=(messages.TAINTED,), unresolvable=True),
        mask=masks.tainted,
    )
    yield Finding(
        rejection=Rejection(plugin=NODE_AFFINITY, reasons=(messages.UNSELECTED,), unresolvable=True),
        mask=masks.unselected,
    )


def _later_findings(snapshot: Snapshot, view: PodView, masks: NodeMasks) -> Iterator[Finding]:
    """Yield what may reject besides the node itself and its resources; nothing for most pods."""
    if view.request.ports:
        taken = ports_taken(snapshot, view.request.ports)
        if taken is not None:
            yield Finding(rejection=Rejection(plugin=NODE_PORTS, reasons=(messages.PORTS_TAKEN,)), mask=taken)
    failures = hard_failures(snapshot, view, masks)
    if failures is not None:
        yield Finding(
            rejection=Rejection(plugin=SPREAD, reasons=(messages.SPREAD_MISSING,), unresolvable=True),
            mask=failures.missing,
        )
        yield Finding(
            rejection=Rejection(plugin=SPREAD, reasons=(messages.SPREAD_SKEW,)), mask=failures.skewed
        )
    for mask, reason, unresolvable in (
        (lonely(snapshot, view), messages.AFFINITY, True),
        (repelled(snapshot, view), messages.ANTI_AFFINITY, False),
        (unwanted(snapshot, view), messages.EXISTING_ANTI_AFFINITY, False),
    ):
        if mask is not None:
            rejection = Rejection(plugin=INTER_POD_AFFINITY, reasons=(reason,), unresolvable=unresolvable)
            yield Finding(rejection=rejection, mask=mask)


def _fit_rejection(snapshot: Snapshot, view: PodView, node: int) -> Rejection | None:
    """Return what of a node's resources is short, all of it (K-SCH messages)."""
    row = np.array([node])
    reasons = [messages.TOO_MANY_PODS] if crowded(snapshot, row)[0] else []
    unresolvable = False
    for name, amount in view.request.amounts:
        if short(snapshot, name, amount, row)[0]:
            reasons.append(messages.insufficient(name))
            unresolvable = unresolvable or bool(too_small(snapshot, name, amount, row)[0])
    if not reasons:
        return None
    return Rejection(plugin=FIT, reasons=tuple(reasons), unresolvable=unresolvable)


def screen(snapshot: Snapshot, view: PodView) -> Screen:
    """Hold a pod against all nodes, pods nominated to them counted in.

    A node must pass both with the nominated pods of at least equal priority and without them.
    """
    result = Screen(snapshot, view)
    if snapshot.any_nominated:
        unmoved = indifferent(snapshot, view)
        for node, nominated in nominated_by_node(snapshot, view).items():
            rejection = passes(snapshot, view, node, nominated, indifferent=unmoved)
            if rejection is not None:
                result.overruled[node] = rejection
                result.feasible[node] = False
    return result


def nominated_by_node(snapshot: Snapshot, view: PodView) -> dict[int, list[Placed]]:
    """Return the pods, of at least a pod's own priority, that wait for each node."""
    found: dict[int, list[Placed]] = {}
    for other, name in snapshot.nominated():
        node = snapshot.numbers.get(name)
        if node is not None and other.uid != view.uid and other.priority >= view.priority:
            found.setdefault(node, []).append(Placed(other, name, node, 0))
    return found


def indifferent(snapshot: Snapshot, view: PodView) -> bool:
    """Whether InterPodAffinity has nothing to say of a pod: upstream then skips it all cycle long.

    So the anti-affinity of pods that are only nominated does not count either.
    """
    return not view.affinity and not view.shuns and unwanted(snapshot, view) is None


def passes(
    snapshot: Snapshot,
    view: PodView,
    node: int,
    nominated: Sequence[Placed] = (),
    *,
    indifferent: bool = False,
) -> Rejection | None:
    """Return why one node rejects a pod as the snapshot is now, None if it does not.

    It must pass with the pods nominated to it and without them.

    Parameters
    ----------
    nominated : sequence of Placed
        Those that wait for this node, of at least the pod's priority.
    indifferent : bool
        Whether InterPodAffinity is left out.
    """
    if nominated:
        for placed in nominated:
            snapshot.attach(placed)
        try:
            rejection = passes(snapshot, view, node, indifferent=indifferent)
        finally:
            for placed in nominated:
                snapshot.detach(placed)
        if rejection is not None:
            return rejection
    masks = node_masks(snapshot, view.pod.spec)
    for finding in _node_findings(masks):
        if finding.mask[node]:
            return finding.rejection
    later = [
        finding
        for finding in _later_findings(snapshot, view, masks)
        if not indifferent or finding.rejection.plugin != INTER_POD_AFFINITY
    ]
    if enough(snapshot, view.request, np.array([node]))[0] and not any(f.mask[node] for f in later):
        return None
    return Screen(snapshot, view).rejection(node)


class Tally:
    """Why nothing fits: nodes by reason, and the nodes where preemption might help."""

    __slots__ = ("plugins", "reasons", "resolvable")

    def __init__(self, snapshot: Snapshot, found: Screen, candidates: BoolArray) -> None:
        self.reasons: dict[str, int] = {}
        self.plugins: dict[str, None] = {}
        left = candidates & ~found.feasible
        self.resolvable: BoolArray = np.zeros(snapshot.size, dtype=np.bool_)
        for node, rejection in found.overruled.items():
            if left[node]:
                self._note_one(node, rejection)
                left[node] = False
        for finding in found.findings():
            if finding.rejection.plugin in (SPREAD, INTER_POD_AFFINITY):
                left = self._fit(snapshot, found.view, left)
            left = self._note(finding.rejection, finding.mask, left)
        self._fit(snapshot, found.view, left)

    def _note_one(self, node: int, rejection: Rejection) -> None:
        for reason in rejection.reasons:
            self.reasons[reason] = self.reasons.get(reason, 0) + 1
        self.plugins[rejection.plugin] = None
        self.resolvable[node] = not rejection.unresolvable

    def _note(self, rejection: Rejection, mask: BoolArray, left: BoolArray) -> BoolArray:
        """Count the nodes that are rejected for one reason; return those still without one."""
        hit = left & mask
        count = int(hit.sum())
        if count:
            reason = rejection.reasons[0]
            self.reasons[reason] = self.reasons.get(reason, 0) + count
            self.plugins[rejection.plugin] = None
            if not rejection.unresolvable:
                self.resolvable |= hit
        return left & ~mask

    def _fit(self, snapshot: Snapshot, view: PodView, left: BoolArray) -> BoolArray:
        hit = left & ~enough(snapshot, view.request)
        if not hit.any():
            return left
        self.plugins[FIT] = None
        hopeless = np.zeros_like(hit)
        self._count(messages.TOO_MANY_PODS, hit & crowded(snapshot))
        for name, amount in view.request.amounts:
            self._count(messages.insufficient(name), hit & short(snapshot, name, amount))
            hopeless |= too_small(snapshot, name, amount)
        self.resolvable |= hit & ~hopeless
        return left & ~hit

    def _count(self, reason: str, mask: BoolArray) -> None:
        count = int(mask.sum())
        if count:
            self.reasons[reason] = self.reasons.get(reason, 0) + count
