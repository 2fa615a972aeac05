"""Topology spread constraints, hard (filter) and soft (score), with the system's defaults.

Source: kubernetes pkg/scheduler/framework/plugins/podtopologyspread.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from jobsim.api._struct import Struct
from jobsim.api.meta import Labels
from jobsim.api.pod import TopologySpreadConstraint
from jobsim.controllers.scheduler.columns import BoolArray, IntArray
from jobsim.controllers.scheduler.snapshot import Snapshot
from jobsim.controllers.scheduler.static_filters import NodeMasks
from jobsim.controllers.scheduler.tables import EACH_NODE
from jobsim.controllers.scheduler.terms import (
    Question,
    Req,
    Scope,
    ask,
    matches,
    requirements,
    with_label_keys,
)
from jobsim.controllers.scheduler.views import PodView

HOSTNAME = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"
#: The constraints of pods that a Service selects and that say nothing themselves (K-SCH-16).
SYSTEM_DEFAULT = ((HOSTNAME, 3), (ZONE, 5))


class Constraint(Struct):
    """One constraint; ``question`` counts matching pods node by node."""

    topology_key: str
    max_skew: int
    question: Question
    min_domains: int = 1
    honor_affinity: bool = True
    honor_taints: bool = False


class Failures(Struct):
    """Which nodes fail a hard constraint: they lack a label, or the skew would be too large."""

    missing: npt.NDArray[np.bool_]
    skewed: npt.NDArray[np.bool_]


def constraints(view: PodView, action: str) -> list[Constraint]:
    """Return a pod's own constraints with this whenUnsatisfiable."""
    found = []
    for constraint in view.pod.spec.topology_spread_constraints:
        if constraint.when_unsatisfiable == action:
            found.append(
                Constraint(
                    topology_key=constraint.topology_key,
                    max_skew=constraint.max_skew,
                    question=_question(constraint, view),
                    min_domains=constraint.min_domains or 1,
                    honor_affinity=constraint.node_affinity_policy != "Ignore",
                    honor_taints=constraint.node_taints_policy == "Honor",
                )
            )
    return found


def _question(constraint: TopologySpreadConstraint, view: PodView) -> Question:
    reqs: list[Req] | None = None
    if constraint.label_selector is not None:
        reqs = with_label_keys(
            requirements(constraint.label_selector), constraint.match_label_keys, view.labels
        )
    return _per_node(reqs, view.namespace)


def _per_node(reqs: Sequence[Req] | None, namespace: str) -> Question:
    """Ask per node for live pods of a namespace.  An empty selector counts nobody, as upstream."""
    return ask(EACH_NODE, reqs or None, [Scope(names=(namespace,))], terminating=False)


def default_constraints(snapshot: Snapshot, view: PodView) -> list[Constraint]:
    """Return the system's soft constraints, if a Service selects the pod."""
    pairs = snapshot.services.merged_selector(view.namespace, view.labels)
    if not pairs:
        return []
    key = ("spread", view.namespace, *pairs.items())
    return snapshot.memos.get(key, lambda: _system_constraints(pairs, view.namespace))


def _system_constraints(pairs: Labels, namespace: str) -> list[Constraint]:
    question = _per_node([(key, "In", (value,)) for key, value in sorted(pairs.items())], namespace)
    return [Constraint(topology_key=key, max_skew=skew, question=question) for key, skew in SYSTEM_DEFAULT]


def _eligible(snapshot: Snapshot, masks: NodeMasks, constraint: Constraint) -> BoolArray:
    """Return the nodes that count for a constraint (nodeAffinityPolicy, nodeTaintsPolicy)."""
    mask = snapshot.usable()
    if constraint.honor_affinity:
        mask = mask & ~masks.unselected
    if constraint.honor_taints:
        mask = mask & ~masks.tainted
    return mask


def _labelled(snapshot: Snapshot, found: Sequence[Constraint]) -> BoolArray:
    mask = np.ones(snapshot.size, dtype=np.bool_)
    for constraint in found:
        mask &= snapshot.domains(constraint.topology_key) >= 0
    return mask


def hard_failures(snapshot: Snapshot, view: PodView, masks: NodeMasks) -> Failures | None:
    """Return which nodes fail the pod's DoNotSchedule constraints; None: it has none."""
    if not view.pod.spec.topology_spread_constraints:
        return None
    found = constraints(view, "DoNotSchedule")
    if not found:
        return None
    missing = np.zeros(snapshot.size, dtype=np.bool_)
    skewed = np.zeros(snapshot.size, dtype=np.bool_)
    labelled = _labelled(snapshot, found)
    for constraint in found:
        domains = snapshot.domains(constraint.topology_key)
        # The first constraint that fails speaks: later ones look at what is left.
        missing |= (domains < 0) & ~skewed
        eligible = labelled & _eligible(snapshot, masks, constraint)
        by_domain, least = _domain_counts(snapshot, constraint, domains, eligible)
        itself = matches(constraint.question, view.namespace, view.labels, snapshot.tables.namespaces)
        itself = itself or _empty_selector(constraint, view)
        skew = by_domain[domains] + int(itself) - least
        skewed |= (skew > constraint.max_skew) & ~missing
    return Failures(missing=missing, skewed=skewed)


def _empty_selector(constraint: Constraint, view: PodView) -> bool:
    """Tell whether the selector is empty: it counts no pod, yet the pod itself matches it."""
    if constraint.question.values is not None:
        return False
    return any(
        c.topology_key == constraint.topology_key and c.label_selector is not None
        for c in view.pod.spec.topology_spread_constraints
    )


def _domain_counts(
    snapshot: Snapshot, constraint: Constraint, domains: IntArray, eligible: BoolArray
) -> tuple[IntArray, int]:
    """Return counts by domain (and a zero for "no label" at the end) and the global minimum."""
    size = len(snapshot.label(constraint.topology_key).values)
    inside = domains[eligible]
    present = np.bincount(inside, minlength=size)[:size] > 0
    counts = np.zeros(size + 1, dtype=np.int64)
    per_node = snapshot.tables.counts(constraint.question)
    if per_node is not None:
        weights = per_node[:-1][eligible]
        counts[:size] = np.bincount(inside, weights=weights, minlength=size)[:size].astype(np.int64)
    if int(present.sum()) < constraint.min_domains:
        return counts, 0
    return counts, int(counts[:size][present].min())


def spread_score(snapshot: Snapshot, view: PodView, masks: NodeMasks, rows: IntArray) -> IntArray | None:
    """Return PodTopologySpread's score 0-100 of feasible nodes; None: nothing to spread."""
    if view.pod.spec.topology_spread_constraints:
        found, strict = constraints(view, "ScheduleAnyway"), True
    else:
        found, strict = default_constraints(snapshot, view), False
    if not found:
        return None
    if not strict and only_hosts_count(snapshot, found):
        return _score_by_host(snapshot, found[0], rows)
    labelled = _labelled(snapshot, found) if strict else snapshot.usable()
    scored = labelled[rows]
    inside = rows[scored] if strict else rows
    raw = np.zeros(len(rows), dtype=np.float64)
    for constraint in found:
        raw += _score_part(snapshot, masks, constraint, labelled, inside, rows)
    points = np.where(scored, np.floor(raw + 0.5), 0).astype(np.int64) if strict else _rounded(raw)
    return _normalised(points, scored if strict else None)


def only_hosts_count(snapshot: Snapshot, found: Sequence[Constraint]) -> bool:
    """Tell whether the first constraint is about hosts, all of them labelled, and no other says anything."""
    hosts = snapshot.label(HOSTNAME)
    return (
        found[0].topology_key == HOSTNAME
        and hosts.labelled == snapshot.node_count
        and not any(snapshot.label(c.topology_key).values for c in found[1:])
    )


def _score_by_host(snapshot: Snapshot, constraint: Constraint, rows: IntArray) -> IntArray:
    """Return what the general way returns for one constraint about hosts, by a table over the counts.

    The usual pod: a Service selects it, zones are not labelled.  A few counts occur, so the arithmetic
    is done once for each count and not for each node.
    """
    per_node = snapshot.tables.counts(constraint.question)
    counts = None if per_node is None else per_node[rows]
    if counts is None:
        return np.full(len(rows), 100, dtype=np.int64)
    least, most = int(counts.min()), int(counts.max())
    if least == most:
        return np.full(len(rows), 100, dtype=np.int64)
    scores = host_points(least, most, len(rows), constraint.max_skew)
    return np.array(scores, dtype=np.int64)[counts]


def host_points(least: int, most: int, nodes: int, max_skew: int) -> list[int]:
    """Return the score of a host by how many matching pods it has, 0 ... most.

    Parameters
    ----------
    least, most : int
        Fewest and most matching pods on a scored node.
    nodes : int
        How many nodes are scored.
    max_skew : int
    """
    weight, extra = math.log(nodes + 2), float(max_skew - 1)
    points = [math.floor(count * weight + extra + 0.5) for count in range(most + 1)]
    low, high = points[least], points[most]
    return [100 * (high + low - p) // high if high else 100 for p in points]


def _rounded(raw: npt.NDArray[np.float64]) -> IntArray:
    return np.floor(raw + 0.5).astype(np.int64)


def _score_part(
    snapshot: Snapshot,
    masks: NodeMasks,
    constraint: Constraint,
    labelled: BoolArray,
    inside: IntArray,
    rows: IntArray,
) -> npt.NDArray[np.float64]:
    """Return one constraint's part: matching pods in the domain, weighted by how many domains there are."""
    if not snapshot.label(constraint.topology_key).values:
        return np.zeros(1)
    domains = snapshot.domains(constraint.topology_key)
    per_node = snapshot.tables.counts(constraint.question)
    there = domains[rows]
    if constraint.topology_key == HOSTNAME:
        weight = math.log(len(inside) + 2)
        count: IntArray | int = 0 if per_node is None else per_node[rows]
    else:
        size = len(snapshot.label(constraint.topology_key).values)
        # A node without the label is a domain of its own name, "", where labels are not required.
        among = np.bincount(domains[inside] + 1, minlength=size + 1) > 0
        weight = math.log(int(among.sum()) + 2)
        count = 0
        if per_node is not None:
            eligible = labelled & _eligible(snapshot, masks, constraint)
            by_domain = np.bincount(
                domains[eligible] + 1, weights=per_node[:-1][eligible], minlength=size + 1
            )
            count = by_domain[there + 1].astype(np.int64)
    part = np.asarray(count * weight + float(constraint.max_skew - 1), dtype=np.float64)
    absent = there < 0
    return np.where(absent, 0.0, part) if absent.any() else part


def _normalised(points: IntArray, scored: BoolArray | None) -> IntArray:
    """Turn "many pods" into "low score"; nodes that are not scored get 0."""
    inside = points if scored is None else points[scored]
    if not len(inside):
        return np.zeros(len(points), dtype=np.int64)
    low, high = int(inside.min()), int(inside.max())
    if high == 0:
        result = np.full(len(points), 100, dtype=np.int64)
    else:
        result = 100 * (high + low - points) // high
    return result if scored is None else np.where(scored, result, 0)
