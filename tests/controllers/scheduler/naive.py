"""The default profile written plainly, node by node and pod by pod: what the vectorised core must equal.

Nothing is shared with the core but the API types, label matching and quantities.
"""

from __future__ import annotations

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


def in_scope(world: World, term: PodAffinityTerm, owner: Pod, namespace: str, *, incoming: bool) -> bool:
    if not term.namespaces and term.namespace_selector is None:
        return namespace == owner.namespace
    if namespace in term.namespaces:
        return True
    # Upstream asks the terms of a pod that it places about a namespace without labels, too.
    if incoming and matches(term.namespace_selector, {}):
        return True
    return matches(term.namespace_selector, world.namespaces.get(namespace, {}))


def term_matches(
    world: World, term: PodAffinityTerm, owner: Pod, other: Pod, *, incoming: bool = False
) -> bool:
    return in_scope(world, term, owner, other.namespace, incoming=incoming) and matches(
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
        if all(term_matches(world, t, pod, other, incoming=True) for t in terms)
        and (home := world.node_of(other)) is not None
    ]
    labelled = all(t.topology_key in node.metadata.labels for t in terms)
    anywhere = any(t.topology_key in home.metadata.labels for home in homes for t in terms)
    if not anywhere and all(term_matches(world, t, pod, pod, incoming=True) for t in terms):
        return not labelled
    return not all(any(together(node, home, t.topology_key) for home in homes) for t in terms)


def anti_affinity_fails(world: World, node: Node, pod: Pod) -> bool:
    for term in far(pod).required_during_scheduling_ignored_during_execution:
        for other in world.placed:
            home = world.node_of(other)
            near_it = home and together(node, home, term.topology_key)
            if near_it and term_matches(world, term, pod, other, incoming=True):
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
