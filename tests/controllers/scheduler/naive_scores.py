"""The scores of the default profile, written plainly: see ``naive``."""

from __future__ import annotations

import math

from jobsim.api.core import Node
from jobsim.api.meta import LabelSelector
from jobsim.api.pod import Pod, TopologySpreadConstraint
from jobsim.api.selectors import matches_map
from tests.controllers.scheduler.naive import (
    HOSTNAME,
    ZONE,
    World,
    asked,
    count_on,
    eligible,
    far,
    has,
    near,
    node_affinity,
    scored,
    term_holds,
    term_matches,
    tolerated,
    used,
    with_keys,
)


def resource_score(world: World, node: Node, pod: Pod) -> int:
    percents = []
    for resource in ("cpu", "memory"):
        capacity = has(node, resource)
        if capacity:
            wanted = sum(scored(p, resource) for p in [*world.on(node), pod])
            percents.append((capacity - wanted) * 100 // capacity if wanted <= capacity else 0)
    return sum(percents) // len(percents) if percents else 0


def balance(world: World, node: Node, extra: dict[str, int]) -> int:
    fractions = []
    for resource in ("cpu", "memory"):
        capacity = has(node, resource)
        if capacity:
            fractions.append(min((used(world, node, resource) + extra.get(resource, 0)) / capacity, 1.0))
    deviation = abs((fractions[0] - fractions[1]) / 2) if len(fractions) == 2 else 0.0
    return int((1 - deviation) * 100)


def to_full(raw: dict[str, int], *, reverse: bool = False) -> dict[str, int]:
    high = max(raw.values())
    scaled = {n: (100 * r // high if high else 0) for n, r in raw.items()}
    return {n: 100 - s for n, s in scaled.items()} if reverse else scaled


def affinity_points(world: World, nodes: list[Node], pod: Pod) -> dict[str, int] | None:
    domains: dict[tuple[str, str], int] = {}

    def give(home: Node, key: str, weight: int) -> None:
        if key in home.metadata.labels:
            domain = (key, home.metadata.labels[key])
            domains[domain] = domains.get(domain, 0) + weight

    for other in world.placed:
        home = world.node_of(other)
        if home is None:
            continue
        for asking, answering in ((pod, other), (other, pod)):
            for sign, side in ((1, near(asking)), (-1, far(asking))):
                for w in side.preferred_during_scheduling_ignored_during_execution:
                    term = w.pod_affinity_term
                    if term_matches(world, term, asking, answering, incoming=asking is pod):
                        give(home, term.topology_key, sign * w.weight)
        for term in near(other).required_during_scheduling_ignored_during_execution:
            if term_matches(world, term, other, pod):
                give(home, term.topology_key, 1)
    if not domains:
        return None
    raw = {n.name: sum(domains.get(pair, 0) for pair in n.metadata.labels.items()) for n in nodes}
    low, high = min(raw.values()), max(raw.values())
    return {n: int(100.0 * ((r - low) / (high - low))) if high > low else 0 for n, r in raw.items()}


def soft_constraints(world: World, pod: Pod) -> tuple[list[TopologySpreadConstraint], bool]:
    if pod.spec.topology_spread_constraints:
        soft = [c for c in pod.spec.topology_spread_constraints if c.when_unsatisfiable == "ScheduleAnyway"]
        return soft, True
    merged: dict[str, str] = {}
    for service in world.services:
        selector = service.spec.selector
        if service.namespace == pod.namespace and selector and matches_map(selector, pod.metadata.labels):
            merged.update(selector)
    if not merged:
        return [], False
    return [
        TopologySpreadConstraint(
            topology_key=key,
            max_skew=skew,
            when_unsatisfiable="ScheduleAnyway",
            label_selector=LabelSelector(match_labels=merged),
        )
        for key, skew in ((HOSTNAME, 3), (ZONE, 5))
    ], False


def spread_points(world: World, nodes: list[Node], pod: Pod) -> dict[str, int] | None:
    soft, strict = soft_constraints(world, pod)
    if not soft:
        return None
    keys = [c.topology_key for c in soft]
    ignored = {n.name for n in nodes if strict and not all(k in n.metadata.labels for k in keys)}
    inside = [n for n in nodes if n.name not in ignored]
    raw: dict[str, float] = {n.name: 0.0 for n in inside}
    for c in soft:
        key, selector = c.topology_key, with_keys(c, pod)
        values = {n.metadata.labels.get(key, "") for n in inside}
        weight = math.log((len(inside) if key == HOSTNAME else len(values)) + 2)
        counts: dict[str, int] = {}
        for one in world.nodes:
            if (not strict or all(k in one.metadata.labels for k in keys)) and eligible(c, one, pod):
                domain = one.metadata.labels.get(key, "")
                counts[domain] = counts.get(domain, 0) + count_on(world, one, selector, pod.namespace)
        for n in inside:
            if key in n.metadata.labels:
                here = (
                    count_on(world, n, selector, pod.namespace)
                    if key == HOSTNAME
                    else counts.get(n.metadata.labels[key], 0)
                )
                raw[n.name] += here * weight + float(c.max_skew - 1)
    points = {name: math.floor(r + 0.5) for name, r in raw.items()}
    result = {n.name: 0 for n in nodes}
    if points:
        low, high = min(points.values()), max(points.values())
        result |= {n: 100 * (high + low - p) // high if high else 100 for n, p in points.items()}
    return result


def preference_points(nodes: list[Node], pod: Pod) -> dict[str, int] | None:
    preferred = node_affinity(pod).preferred_during_scheduling_ignored_during_execution
    if not preferred:
        return None
    return to_full({n.name: sum(t.weight for t in preferred if term_holds(t.preference, n)) for n in nodes})


def scores(world: World, nodes: list[Node], pod: Pod) -> dict[str, dict[str, int]]:
    """Return weighted scores by node and plugin."""
    fitting = [t for t in pod.spec.tolerations if t.effect in ("", "PreferNoSchedule")]
    soft = {
        n.name: sum(t.effect == "PreferNoSchedule" and not tolerated(t, fitting) for t in n.spec.taints)
        for n in nodes
    }
    by_plugin: dict[str, tuple[int, dict[str, int]]] = {
        "TaintToleration": (3, to_full(soft, reverse=True)),
        "NodeResourcesFit": (1, {n.name: resource_score(world, n, pod) for n in nodes}),
        "DynamicResources": (2, {n.name: 0 for n in nodes}),
        "ImageLocality": (1, {n.name: 0 for n in nodes}),
    }
    wanted = {k: v for k, v in asked(pod).items() if k in ("cpu", "memory")}
    if wanted:
        balanced = {n.name: 50 + (50 + balance(world, n, wanted) - balance(world, n, {})) // 2 for n in nodes}
        by_plugin["NodeResourcesBalancedAllocation"] = (1, balanced)
    for plugin, points in (
        ("NodeAffinity", preference_points(nodes, pod)),
        ("PodTopologySpread", spread_points(world, nodes, pod)),
        ("InterPodAffinity", affinity_points(world, nodes, pod)),
    ):
        if points is not None:
            by_plugin[plugin] = (2, points)
    return {n.name: {p: w * points[n.name] for p, (w, points) in by_plugin.items()} for n in nodes}
