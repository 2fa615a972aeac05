"""The default profile written plainly, node by node and pod by pod: what the vectorised core must equal.

Nothing is shared with the core but the API types, label matching and quantities.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from jobsim.api.core import Node, Service, Taint
from jobsim.api.meta import Labels, LabelSelector, LabelSelectorRequirement
from jobsim.api.pod import (
    Affinity,
    NodeAffinity,
    NodeSelectorTerm,
    Pod,
    PodAffinity,
    PodAffinityTerm,
    Toleration,
    TopologySpreadConstraint,
)
from jobsim.api.quantity import milli, parse, value
from jobsim.api.selectors import matches, matches_expressions, matches_map, meets

HOSTNAME = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"


@dataclass
class World:
    nodes: list[Node]
    placed: list[Pod]
    services: list[Service] = field(default_factory=list)
    namespaces: dict[str, Labels] = field(default_factory=dict)

    def on(self, node: Node) -> list[Pod]:
        return [pod for pod in self.placed if pod.spec.node_name == node.name]

    def node_of(self, pod: Pod) -> Node | None:
        return next((n for n in self.nodes if n.name == pod.spec.node_name), None)


# --- what pods ask for ------------------------------------------------------------------------------


def amount(resource: str, quantities: Iterable[object]) -> int:
    nano = sum(parse(q) for q in quantities)  # type: ignore[arg-type]
    return -(-nano // (10**6 if resource == "cpu" else 10**9))


def asked(pod: Pod) -> dict[str, int]:
    names = {name for c in pod.spec.containers for name in c.resources.requests}
    sums = {
        n: amount(n, (c.resources.requests[n] for c in pod.spec.containers if n in c.resources.requests))
        for n in sorted(names)
    }
    return {n: a for n, a in sums.items() if a > 0}


def scored(pod: Pod, resource: str) -> int:
    default = {"cpu": "100m", "memory": "200Mi"}[resource]
    return amount(resource, (c.resources.requests.get(resource, default) for c in pod.spec.containers))


def has(node: Node, resource: str) -> int:
    quantity = node.status.allocatable.get(resource, 0)
    return milli(quantity) if resource == "cpu" else value(quantity)


def used(world: World, node: Node, resource: str) -> int:
    return sum(asked(pod).get(resource, 0) for pod in world.on(node))


# --- filters ----------------------------------------------------------------------------------------


def tolerated(taint: Taint, tolerations: Sequence[Toleration]) -> bool:
    for t in tolerations:
        if t.effect not in ("", taint.effect) or t.key not in ("", taint.key):
            continue
        if t.operator == "Exists" or (t.operator in ("", "Equal") and t.value == taint.value):
            return True
    return False


def tainted(node: Node, pod: Pod) -> bool:
    return any(
        t.effect in ("NoSchedule", "NoExecute") and not tolerated(t, pod.spec.tolerations)
        for t in node.spec.taints
    )


def node_affinity(pod: Pod) -> NodeAffinity:
    return (pod.spec.affinity or Affinity()).node_affinity or NodeAffinity()


def term_holds(term: NodeSelectorTerm, node: Node) -> bool:
    fields = all(meets(node.name, f.operator, f.values) for f in term.match_fields)
    some = bool(term.match_fields or term.match_expressions)
    return some and fields and matches_expressions(term.match_expressions, node.metadata.labels)


def selected(node: Node, pod: Pod) -> bool:
    if not matches_map(pod.spec.node_selector, node.metadata.labels):
        return False
    required = node_affinity(pod).required_during_scheduling_ignored_during_execution
    return required is None or any(term_holds(term, node) for term in required.node_selector_terms)


def ports(pod: Pod) -> list[tuple[str, str, int]]:
    return [
        (p.host_ip or "0.0.0.0", p.protocol or "TCP", p.host_port)
        for c in pod.spec.containers
        for p in c.ports
        if p.host_port
    ]


def port_conflict(world: World, node: Node, pod: Pod) -> bool:
    there = [p for other in world.on(node) for p in ports(other)]
    return any(
        a[1:] == b[1:] and (a[0] == b[0] or "0.0.0.0" in (a[0], b[0])) for a in ports(pod) for b in there
    )


def short_of(world: World, node: Node, pod: Pod) -> tuple[list[str], bool]:
    reasons = ["Too many pods"] if len(world.on(node)) + 1 > has(node, "pods") else []
    hopeless = False
    order = {"cpu": 0, "memory": 1, "ephemeral-storage": 2}
    for resource, wanted in sorted(asked(pod).items(), key=lambda item: (order.get(item[0], 3), item[0])):
        if wanted > has(node, resource) - used(world, node, resource):
            reasons.append(f"Insufficient {resource}")
            hopeless = hopeless or wanted > has(node, resource)
    return reasons, hopeless


def in_scope(world: World, term: PodAffinityTerm, owner: Pod, namespace: str) -> bool:
    if not term.namespaces and term.namespace_selector is None:
        return namespace == owner.namespace
    if namespace in term.namespaces:
        return True
    return matches(term.namespace_selector, world.namespaces.get(namespace, {}))


def term_matches(world: World, term: PodAffinityTerm, owner: Pod, other: Pod) -> bool:
    return in_scope(world, term, owner, other.namespace) and matches(
        term.label_selector, other.metadata.labels
    )


def near(pod: Pod) -> PodAffinity:
    return (pod.spec.affinity or Affinity()).pod_affinity or PodAffinity()


def far(pod: Pod) -> PodAffinity:
    return (pod.spec.affinity or Affinity()).pod_anti_affinity or PodAffinity()


def together(a: Node, b: Node, key: str) -> bool:
    here, there = a.metadata.labels.get(key), b.metadata.labels.get(key)
    return here is not None and here == there


def affinity_fails(world: World, node: Node, pod: Pod) -> bool:
    terms = near(pod).required_during_scheduling_ignored_during_execution
    if not terms:
        return False
    homes = [
        home
        for other in world.placed
        if all(term_matches(world, t, pod, other) for t in terms)
        and (home := world.node_of(other)) is not None
    ]
    labelled = all(t.topology_key in node.metadata.labels for t in terms)
    anywhere = any(t.topology_key in home.metadata.labels for home in homes for t in terms)
    if not anywhere and all(term_matches(world, t, pod, pod) for t in terms):
        return not labelled
    return not all(any(together(node, home, t.topology_key) for home in homes) for t in terms)


def anti_affinity_fails(world: World, node: Node, pod: Pod) -> bool:
    for term in far(pod).required_during_scheduling_ignored_during_execution:
        for other in world.placed:
            home = world.node_of(other)
            if home and together(node, home, term.topology_key) and term_matches(world, term, pod, other):
                return True
    return False


def unwanted(world: World, node: Node, pod: Pod) -> bool:
    for other in world.placed:
        home = world.node_of(other)
        for term in far(other).required_during_scheduling_ignored_during_execution:
            if home and together(node, home, term.topology_key) and term_matches(world, term, other, pod):
                return True
    return False


def with_keys(constraint: TopologySpreadConstraint, pod: Pod) -> LabelSelector | None:
    selector = constraint.label_selector
    labels = pod.metadata.labels
    more = tuple(
        LabelSelectorRequirement(key=k, operator="In", values=(labels[k],))
        for k in constraint.match_label_keys
        if k in labels
    )
    if selector is None or not more:
        return selector
    return LabelSelector(
        match_labels=selector.match_labels, match_expressions=(*selector.match_expressions, *more)
    )


def count_on(world: World, node: Node, selector: LabelSelector | None, namespace: str) -> int:
    if selector is None or not (selector.match_labels or selector.match_expressions):
        return 0
    return sum(
        other.namespace == namespace and not other.terminating and matches(selector, other.metadata.labels)
        for other in world.on(node)
    )


def eligible(constraint: TopologySpreadConstraint, node: Node, pod: Pod) -> bool:
    if constraint.node_affinity_policy != "Ignore" and not selected(node, pod):
        return False
    return constraint.node_taints_policy != "Honor" or not tainted(node, pod)


def spread_reason(world: World, node: Node, pod: Pod) -> tuple[str, bool] | None:
    hard = [c for c in pod.spec.topology_spread_constraints if c.when_unsatisfiable == "DoNotSchedule"]
    keys = [c.topology_key for c in hard]
    for c in hard:
        if c.topology_key not in node.metadata.labels:
            text = "node(s) didn't match pod topology spread constraints (missing required label)"
            return text, True
        selector = with_keys(c, pod)
        counts: dict[str, int] = {}
        for one in world.nodes:
            labels = one.metadata.labels
            if all(k in labels for k in keys) and eligible(c, one, pod):
                domain = labels[c.topology_key]
                counts[domain] = counts.get(domain, 0) + count_on(world, one, selector, pod.namespace)
        least = min(counts.values(), default=2**31 - 1)
        if len(counts) < (c.min_domains or 1):
            least = 0
        itself = int(selector is not None and matches(selector, pod.metadata.labels))
        if counts.get(node.metadata.labels[c.topology_key], 0) + itself - least > c.max_skew:
            return "node(s) didn't match pod topology spread constraints", False
    return None


Refusal = tuple[str, tuple[str, ...], bool]


def refusal(world: World, node: Node, pod: Pod) -> Refusal | None:
    """Return (plugin, reasons, unresolvable) of the first filter that rejects a node."""
    cordon = Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")
    if node.spec.unschedulable and not tolerated(cordon, pod.spec.tolerations):
        return "NodeUnschedulable", ("node(s) were unschedulable",), True
    if tainted(node, pod):
        return "TaintToleration", ("node(s) had untolerated taint(s)",), True
    if not selected(node, pod):
        return "NodeAffinity", ("node(s) didn't match Pod's node affinity/selector",), True
    if port_conflict(world, node, pod):
        return "NodePorts", ("node(s) didn't have free ports for the requested pod ports",), False
    reasons, hopeless = short_of(world, node, pod)
    if reasons:
        return "NodeResourcesFit", tuple(reasons), hopeless
    spread = spread_reason(world, node, pod)
    if spread is not None:
        return "PodTopologySpread", (spread[0],), spread[1]
    if affinity_fails(world, node, pod):
        return "InterPodAffinity", ("node(s) didn't match pod affinity rules",), True
    if anti_affinity_fails(world, node, pod):
        return "InterPodAffinity", ("node(s) didn't match pod anti-affinity rules",), False
    if unwanted(world, node, pod):
        return "InterPodAffinity", ("node(s) didn't satisfy existing pods anti-affinity rules",), False
    return None


# --- scores -----------------------------------------------------------------------------------------


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
                    if term_matches(world, term, asking, answering):
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
