"""Filters that look at a node alone: cordon, taints, node selector and node affinity.

Source: kubernetes pkg/scheduler/framework/plugins/{nodeunschedulable,tainttoleration,nodeaffinity};
component-helpers scheduling/corev1/nodeaffinity.
"""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from jobsim.api.core import Taint
from jobsim.api.pod import NodeAffinity, NodeSelectorRequirement, NodeSelectorTerm, PodSpec, Toleration
from jobsim.api.selectors import meets
from jobsim.controllers.scheduler.columns import (
    ALL,
    HARD_EFFECTS,
    BoolArray,
    IntArray,
    Rows,
    tolerates,
    untolerated,
    unwelcome,
)
from jobsim.controllers.scheduler.memo import Tracked
from jobsim.controllers.scheduler.snapshot import Snapshot

_CORDON = Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")
NAME_FIELD = "metadata.name"


class NodeMasks:
    """What a pod's spec says of each node, whatever runs there.

    ``cordoned``, ``tainted``, ``unselected`` are the three reasons to reject; ``open`` is none of them (and
    that the node exists).  ``soft_taints`` counts PreferNoSchedule taints not tolerated.
    """

    __slots__ = ("any_soft", "cordoned", "open", "soft_taints", "tainted", "unselected", "version")

    def __init__(self) -> None:
        empty = np.zeros(0, dtype=np.bool_)
        self.cordoned: BoolArray = empty
        self.tainted: BoolArray = empty
        self.unselected: BoolArray = empty
        self.open: BoolArray = empty
        self.soft_taints: IntArray = np.zeros(0, dtype=np.int64)
        self.any_soft = False
        #: Grows with every change.
        self.version = 0


def node_masks(snapshot: Snapshot, spec: PodSpec) -> NodeMasks:
    """Return the masks of a pod's spec over all node numbers."""
    return tracked_masks(snapshot, spec).current(snapshot.size)


def tracked_masks(snapshot: Snapshot, spec: PodSpec) -> Tracked[NodeMasks]:
    """Return ``node_masks`` as something that follows the snapshot."""
    required = required_affinity(spec)
    key: Hashable = ("nodes", tuple(spec.node_selector.items()), required, spec.tolerations)
    return snapshot.memos.get(key, lambda: _tracked(snapshot, spec))


def _tracked(snapshot: Snapshot, spec: PodSpec) -> Tracked[NodeMasks]:
    def update(masks: NodeMasks, changed: list[int] | None) -> None:
        where: Rows = ALL if changed is None else np.array(changed, dtype=np.int64)
        cordoned = snapshot.unschedulable.view()[where] & (not tolerates_cordon(spec.tolerations))
        tainted, soft = _taints(snapshot, spec.tolerations, where)
        unselected = ~selected(snapshot, spec, where)
        usable = snapshot.usable()[where]
        open_ = usable & ~cordoned & ~tainted & ~unselected
        if changed is None:
            masks.cordoned, masks.tainted, masks.unselected = cordoned, tainted, unselected
            masks.open, masks.soft_taints = open_, soft
        else:
            masks.cordoned[where], masks.tainted[where], masks.unselected[where] = (
                cordoned,
                tainted,
                unselected,
            )
            masks.open[where], masks.soft_taints[where] = open_, soft
        masks.any_soft = bool(masks.soft_taints.any())
        masks.version += 1

    return Tracked(NodeMasks(), snapshot.node_changes, update)


def tolerates_cordon(tolerations: tuple[Toleration, ...]) -> bool:
    """Tell whether a pod may go to a cordoned node."""
    return any(tolerates(toleration, _CORDON) for toleration in tolerations)


def _taints(
    snapshot: Snapshot, tolerations: tuple[Toleration, ...], rows: Rows
) -> tuple[BoolArray, IntArray]:
    """Return which nodes have a taint that keeps the pod away, and how many that make it unwelcome."""
    lists = snapshot.taints.lists
    numbers = snapshot.taints.column.view()[rows]
    hard = np.array([untolerated(one, tolerations, HARD_EFFECTS) is not None for one in lists])
    soft = np.array([unwelcome(one, tolerations) for one in lists], dtype=np.int64)
    return hard[numbers], soft[numbers]


def selected(snapshot: Snapshot, spec: PodSpec, rows: Rows = ALL) -> BoolArray:
    """Return which nodes the node selector and the required node affinity allow."""
    mask = np.ones(snapshot.size, dtype=np.bool_)[rows]
    for key, value in spec.node_selector.items():
        column = snapshot.label(key)
        mask &= column.column.view()[rows] == column.find(value)
    required = required_affinity(spec)
    if required is not None:
        terms = np.zeros_like(mask)
        for term in required:
            if term.match_expressions or term.match_fields:
                terms |= term_mask(snapshot, term, rows)
        mask &= terms
    return mask


def required_affinity(spec: PodSpec) -> tuple[NodeSelectorTerm, ...] | None:
    """Return the node selector terms of which one must hold, or None."""
    affinity = node_affinity(spec)
    if affinity is None or affinity.required_during_scheduling_ignored_during_execution is None:
        return None
    return affinity.required_during_scheduling_ignored_during_execution.node_selector_terms


def node_affinity(spec: PodSpec) -> NodeAffinity | None:
    """Return the pod's node affinity, or None."""
    return None if spec.affinity is None else spec.affinity.node_affinity


def term_mask(snapshot: Snapshot, term: NodeSelectorTerm, rows: Rows = ALL) -> BoolArray:
    """Return which nodes meet all expressions and fields of a term."""
    mask = np.ones(snapshot.size, dtype=np.bool_)[rows]
    for expression in term.match_expressions:
        column = snapshot.label(expression.key)
        values = [*column.values, None]
        truth = np.array([meets(v, expression.operator, expression.values) for v in values])
        mask &= truth[column.column.view()[rows]]
    for field in term.match_fields:
        mask &= _field_mask(snapshot, field)[rows]
    return mask


def _field_mask(snapshot: Snapshot, field: NodeSelectorRequirement) -> BoolArray:
    """Return which nodes meet a requirement on metadata.name, the only field there is."""
    mask = np.zeros(snapshot.size, dtype=np.bool_)
    if field.key != NAME_FIELD or field.operator not in ("In", "NotIn"):
        return mask
    mask[[snapshot.numbers[name] for name in field.values if name in snapshot.numbers]] = True
    return mask if field.operator == "In" else ~mask


def named_nodes(spec: PodSpec) -> tuple[str, ...] | None:
    """Return the node names to which all required terms restrict a pod; None: not restricted.

    The empty tuple means that the terms contradict themselves.
    """
    required = required_affinity(spec)
    if not required:
        return None
    names: dict[str, None] = {}
    for term in required:
        own: tuple[str, ...] | None = None
        for field in term.match_fields:
            if field.key == NAME_FIELD and field.operator == "In":
                own = field.values if own is None else tuple(n for n in own if n in field.values)
        if own is None:
            return None
        names.update(dict.fromkeys(own))
    return tuple(names)
