"""All scores of the default profile, weighted and summed (K-SCH-10).

Source: kubernetes pkg/scheduler/apis/config/v1/default_plugins.go (weights), the plugins' Score and
NormalizeScore.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from jobsim.api.core import Node
from jobsim.controllers.scheduler.columns import IntArray
from jobsim.controllers.scheduler.filters import INTER_POD_AFFINITY, NODE_AFFINITY, SPREAD, Screen
from jobsim.controllers.scheduler.fit import balanced_allocation, fit, least_allocated
from jobsim.controllers.scheduler.interpod import affinity_score
from jobsim.controllers.scheduler.snapshot import Snapshot
from jobsim.controllers.scheduler.spread import spread_score
from jobsim.controllers.scheduler.static_filters import node_affinity, term_mask

FULL = 100
WEIGHTS: Mapping[str, int] = {
    "TaintToleration": 3,
    "NodeAffinity": 2,
    "NodeResourcesFit": 1,
    "PodTopologySpread": 2,
    "InterPodAffinity": 2,
    "DynamicResources": 2,
    "NodeResourcesBalancedAllocation": 1,
    "ImageLocality": 1,
}

_MIB = 2**20
_IMAGE_MIN = 23 * _MIB
_IMAGE_MAX = 1000 * _MIB


def total_scores(snapshot: Snapshot, found: Screen, rows: IntArray) -> IntArray:
    """Return the sum of all weighted scores of feasible nodes.

    Parameters
    ----------
    rows : int64, (feasible,)
        Node numbers.
    """
    # Pods nominated elsewhere were put on nodes and taken off since the screen was made.
    resources = fit(snapshot, found.view.request) if snapshot.any_nominated else found.fit
    total: IntArray = resources.score[rows]
    for name, score in _relative(snapshot, found, rows).items():
        total = total + score * WEIGHTS[name]
    return total


def plugin_scores(snapshot: Snapshot, found: Screen, rows: IntArray) -> dict[str, IntArray]:
    """Return the weighted scores of feasible nodes by plugin; plugins that say nothing are absent."""
    scores = {"NodeResourcesFit": least_allocated(snapshot, found.view.request, rows)}
    balanced = balanced_allocation(snapshot, found.view.request, rows)
    if balanced is not None:
        scores["NodeResourcesBalancedAllocation"] = balanced
    zero = np.zeros(len(rows), dtype=np.int64)
    scores |= {"DynamicResources": zero, "ImageLocality": zero}
    scores |= _relative(snapshot, found, rows)
    if "TaintToleration" not in scores:
        scores["TaintToleration"] = zero + FULL
    return {name: score * WEIGHTS[name] for name, score in scores.items()}


def _relative(snapshot: Snapshot, found: Screen, rows: IntArray) -> dict[str, IntArray]:
    """Return the scores that depend on which nodes are feasible, where they are not the same for all."""
    scores: dict[str, IntArray] = {}
    view, masks = found.view, found.masks
    if masks.any_soft:
        scores["TaintToleration"] = FULL - _to_full(masks.soft_taints[rows])
    preferred = _preference(snapshot, found, rows)
    if preferred is not None:
        scores[NODE_AFFINITY] = _to_full(preferred)
    spread = spread_score(snapshot, view, masks, rows)
    if spread is not None:
        scores[SPREAD] = spread
    affinity = affinity_score(snapshot, view, rows)
    if affinity is not None:
        scores[INTER_POD_AFFINITY] = affinity
    if snapshot.with_images:
        scores["ImageLocality"] = _image_locality(snapshot, found, rows)
    return scores


def _to_full(raw: IntArray) -> IntArray:
    """Scale to 0-100 by the largest; all zero stays zero."""
    high = int(raw.max())
    return raw * FULL // high if high else raw


def _preference(snapshot: Snapshot, found: Screen, rows: IntArray) -> IntArray | None:
    affinity = node_affinity(found.view.pod.spec)
    if affinity is None or not affinity.preferred_during_scheduling_ignored_during_execution:
        return None
    raw = np.zeros(len(rows), dtype=np.int64)
    for term in affinity.preferred_during_scheduling_ignored_during_execution:
        preference = term.preference
        if term.weight and (preference.match_expressions or preference.match_fields):
            raw += term.weight * term_mask(snapshot, preference, rows)
    return raw


def _image_locality(snapshot: Snapshot, found: Screen, rows: IntArray) -> IntArray:
    """Return how much of the pod's images lies on each node, weighted by how common each is.

    An image has one size: what the first node with it says.
    """
    spec = found.view.pod.spec
    containers = (*spec.init_containers, *spec.containers)
    volumes = [str(volume.image.get("reference", "")) for volume in spec.volumes if volume.image]
    everywhere = [_image_sizes(node) for node in snapshot.nodes if node is not None]
    here = [_image_sizes(snapshot.nodes[row]) for row in rows.tolist()]
    raw = np.zeros(len(rows), dtype=np.int64)
    for image in (*(container.image for container in containers), *volumes):
        name = _with_tag(image)
        sizes = [one[name] for one in everywhere if name in one]
        if sizes:
            amount = int(sizes[0] * (len(sizes) / len(everywhere)))
            raw += np.array([amount if name in one else 0 for one in here], dtype=np.int64)
    high = _IMAGE_MAX * len(containers)
    return FULL * (np.clip(raw, _IMAGE_MIN, high) - _IMAGE_MIN) // (high - _IMAGE_MIN)


def _image_sizes(node: Node | None) -> dict[str, int]:
    images = () if node is None else node.status.images
    return {name: int(image.get("sizeBytes", 0)) for image in images for name in image.get("names", ())}


def _with_tag(image: str) -> str:
    return image if ":" in image.rpartition("/")[2] else f"{image}:latest"
