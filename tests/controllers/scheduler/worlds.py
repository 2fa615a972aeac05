"""Small clusters drawn for the scheduler's properties: few names, so that everything meets everything."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from jobsim.api._struct import Time
from jobsim.api.core import Node, NodeSpec, NodeStatus, Service, ServiceSpec, Taint
from jobsim.api.meta import LabelSelector, LabelSelectorRequirement, ObjectMeta
from jobsim.api.pod import (
    Affinity,
    Container,
    ContainerPort,
    NodeAffinity,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    Pod,
    PodAffinity,
    PodAffinityTerm,
    PodSpec,
    PodStatus,
    PreferredSchedulingTerm,
    ResourceRequirements,
    Toleration,
    TopologySpreadConstraint,
    WeightedPodAffinityTerm,
)
from tests.controllers.scheduler.naive import HOSTNAME, ZONE, World

KEYS = st.sampled_from([HOSTNAME, ZONE, "rack"])
OPERATORS = st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"])
NAMESPACES = st.sampled_from(["x", "y"])
TAINTS = st.builds(
    Taint,
    key=st.sampled_from(["t", "u", "node.kubernetes.io/unschedulable"]),
    value=st.sampled_from(["", "v"]),
    effect=st.sampled_from(["NoSchedule", "NoExecute", "PreferNoSchedule"]),
)
TOLERATIONS = st.builds(
    Toleration,
    key=st.sampled_from(["", "t", "u", "node.kubernetes.io/unschedulable"]),
    operator=st.sampled_from(["", "Equal", "Exists"]),
    value=st.sampled_from(["", "v"]),
    effect=st.sampled_from(["", "NoSchedule", "NoExecute", "PreferNoSchedule"]),
)
LABELS = st.sampled_from([{"app": "a"}, {"app": "b"}, {"app": "a", "job": "a"}, {"app": "b", "job": "a"}, {}])


#: What an example is about: its features are in every pod, the others are rare, so that they meet.
TOPICS = ("affinity", "preference", "spread", "service", "nodes", "taints", "resources", "all")


def rarely(strategy: st.SearchStrategy[Any], otherwise: Any) -> st.SearchStrategy[Any]:
    return st.one_of(st.just(otherwise), st.just(otherwise), strategy)


def often(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(strategy, strategy, strategy, st.none())


def about(
    topic: str, topics: tuple[str, ...], strategy: st.SearchStrategy[Any], otherwise: Any
) -> st.SearchStrategy[Any]:
    if topic in topics:
        return strategy
    return rarely(strategy, otherwise) if topic == "all" else st.just(otherwise)


@st.composite
def nodes(draw: st.DrawFn, index: int, topic: str = "all") -> Node:
    # An absent label is drawn as often as one domain: few nodes lack any one key.
    labels = {HOSTNAME: f"n{index}"} if draw(st.sampled_from([True, True, True, False])) else {}
    zone = draw(st.sampled_from(["z0", "z1", "z0", "z1", ""]))
    rack = draw(st.sampled_from(["r0", "r1", "r2", "r0", "r1", ""]))
    labels |= {key: value for key, value in ((ZONE, zone), ("rack", rack)) if value}
    seldom = "all" if topic == "spread" else topic
    allocatable: dict[str, Any] = {
        "cpu": draw(about(topic, ("resources",), st.sampled_from(["2", "4", "1500m", "0"]), "16")),
        "memory": draw(about(topic, ("resources",), st.sampled_from(["2Gi", "4Gi", 10**9]), "64Gi")),
        "pods": draw(about(topic, ("resources",), st.sampled_from([2, 5, 110]), 110)),
    }
    if topic not in ("resources", "all") or draw(st.booleans()):
        allocatable["gpu"] = draw(st.sampled_from([1, 4]))
    return Node(
        metadata=ObjectMeta(name=f"n{index}", labels=labels),
        spec=NodeSpec(
            unschedulable=draw(about(topic, ("taints",), st.booleans(), False)),
            taints=tuple(draw(about(seldom, ("taints",), st.lists(TAINTS, max_size=2), []))),
        ),
        status=NodeStatus(allocatable=allocatable),
    )


def _selector(*reqs: tuple[str, str, tuple[str, ...]], **pairs: str) -> LabelSelector:
    expressions = tuple(LabelSelectorRequirement(key=k, operator=o, values=v) for k, o, v in reqs)
    return LabelSelector(match_labels=pairs, match_expressions=expressions)


SELECTORS = st.sampled_from(
    [
        _selector(app="a"),
        _selector(app="b"),
        _selector(app="a", job="a"),
        _selector(("app", "In", ("a", "b"))),
        _selector(("app", "NotIn", ("a",))),
        _selector(("app", "Exists", ()), ("app", "NotIn", ("a",)), ("job", "In", ("a",))),
        _selector(("app", "DoesNotExist", ())),
        _selector(("app", "Exists", ())),
        _selector(),
        None,
    ]
)


@st.composite
def affinity_terms(draw: st.DrawFn) -> PodAffinityTerm:
    everywhere = st.just(LabelSelector())
    by_label = st.sampled_from(
        [LabelSelector(match_labels={"team": "red"}), _selector(("team", "NotIn", ("red",)))]
    )
    return PodAffinityTerm(
        topology_key=draw(KEYS),
        label_selector=draw(SELECTORS),
        namespaces=tuple(draw(rarely(st.lists(NAMESPACES, max_size=2), []))),
        namespace_selector=draw(rarely(st.one_of(everywhere, by_label), None)),
    )


WEIGHTED = st.builds(WeightedPodAffinityTerm, weight=st.integers(1, 100), pod_affinity_term=affinity_terms())


@st.composite
def pod_affinities(draw: st.DrawFn, topic: str) -> PodAffinity:
    required = draw(about(topic, ("affinity",), st.lists(affinity_terms(), min_size=1, max_size=2), []))
    few = st.lists(affinity_terms(), max_size=1)
    if topic == "preference":
        required = draw(rarely(few, []))
    preferred = draw(about(topic, ("preference",), st.lists(WEIGHTED, min_size=1, max_size=2), []))
    return PodAffinity(
        required_during_scheduling_ignored_during_execution=tuple(required),
        preferred_during_scheduling_ignored_during_execution=tuple(preferred),
    )


@st.composite
def node_terms(draw: st.DrawFn) -> NodeSelectorTerm:
    expressions = [
        NodeSelectorRequirement(
            key=draw(st.sampled_from([ZONE, "rack", "absent"])),
            operator=(operator := draw(OPERATORS)),
            values=("r0", "z1") if operator in ("In", "NotIn") else (),
        )
        for _ in range(draw(st.integers(0, 2)))
    ]
    fields = []
    if draw(st.integers(0, 5)) == 0:
        names = tuple(draw(st.lists(st.sampled_from(["n0", "n1", "gone"]), min_size=1, max_size=1)))
        operator = draw(st.sampled_from(["In", "NotIn"]))
        fields = [NodeSelectorRequirement(key="metadata.name", operator=operator, values=names)]
    return NodeSelectorTerm(match_expressions=tuple(expressions), match_fields=tuple(fields))


@st.composite
def node_affinities(draw: st.DrawFn) -> NodeAffinity:
    required = None
    if draw(st.booleans()):
        terms = draw(st.lists(node_terms(), min_size=1, max_size=2))
        required = NodeSelector(node_selector_terms=tuple(terms))
    preferred = draw(
        st.lists(
            st.builds(PreferredSchedulingTerm, weight=st.integers(1, 100), preference=node_terms()),
            max_size=2,
        )
    )
    return NodeAffinity(
        required_during_scheduling_ignored_during_execution=required,
        preferred_during_scheduling_ignored_during_execution=tuple(preferred),
    )


@st.composite
def spreads(draw: st.DrawFn) -> TopologySpreadConstraint:
    action = draw(st.sampled_from(["DoNotSchedule", "ScheduleAnyway"]))
    return TopologySpreadConstraint(
        max_skew=draw(st.sampled_from([1, 1, 2])),
        topology_key=draw(KEYS),
        when_unsatisfiable=action,
        label_selector=draw(SELECTORS),
        min_domains=draw(rarely(st.integers(1, 3), None)) if action == "DoNotSchedule" else None,
        node_affinity_policy=draw(st.sampled_from([None, "Honor", "Ignore"])),
        node_taints_policy=draw(st.sampled_from([None, "Honor", "Ignore"])),
        match_label_keys=tuple(draw(rarely(st.just(["app"]), []))),
    )


PLAIN = {
    "cpu": st.sampled_from(["100m", "1", "1500m", "0"]),
    "memory": st.sampled_from(["64Mi", "1Gi", "100M"]),
}
REQUESTS = st.fixed_dictionaries({}, optional=PLAIN)
SCARCE = st.fixed_dictionaries({}, optional={**PLAIN, "gpu": st.sampled_from([1, 2])})


@st.composite
def pods(draw: st.DrawFn, name: str, node: str = "", topic: str = "all") -> Pod:
    between = ("affinity", "preference")
    near = draw(about(topic, between, often(pod_affinities(topic)), None))
    far = draw(about(topic, between, often(pod_affinities(topic)), None))
    on_nodes = draw(about(topic, ("nodes",), node_affinities(), None))
    if topic == "spread":
        on_nodes = draw(rarely(node_affinities(), None))
    some = near is not None or far is not None or on_nodes is not None
    affinity = Affinity(node_affinity=on_nodes, pod_affinity=near, pod_anti_affinity=far) if some else None
    port = draw(about(topic, ("resources",), rarely(st.sampled_from([80, 81]), 0), 0))
    ip = draw(st.sampled_from(["", "10.0.0.1"]))
    containers = tuple(
        Container(
            name=f"c{i}",
            resources=ResourceRequirements(
                requests=draw(SCARCE if topic in ("resources", "all") else REQUESTS)
            ),
            ports=(ContainerPort(container_port=80, host_port=port, host_ip=ip),) if port and not i else (),
        )
        for i in range(draw(st.integers(1, 2)))
    )
    deleted = Time(10**9) if node and draw(st.integers(0, 3)) == 0 else None
    return Pod(
        metadata=ObjectMeta(
            name=name,
            namespace=draw(NAMESPACES) if topic in ("affinity", "preference", "all") else "x",
            uid=f"uid-{name}",
            labels=draw(LABELS),
            deletion_timestamp=deleted,
        ),
        spec=PodSpec(
            node_name=node,
            containers=containers,
            affinity=affinity,
            priority=draw(st.sampled_from([0, 0, 10])),
            node_selector=draw(
                about(
                    topic,
                    ("nodes",),
                    rarely(st.dictionaries(st.just("rack"), st.sampled_from(["r0", "r9"])), {}),
                    {},
                )
            ),
            tolerations=tuple(draw(about(topic, ("taints",), st.lists(TOLERATIONS, max_size=2), []))),
            topology_spread_constraints=tuple(
                draw(about(topic, ("spread",), st.lists(spreads(), min_size=1, max_size=2), []))
            ),
            scheduler_name="default-scheduler",
        ),
        status=PodStatus(phase="Running" if node else "Pending"),
    )


@st.composite
def worlds(draw: st.DrawFn, topic: str, max_nodes: int = 5, max_pods: int = 8) -> World:
    size = draw(st.sampled_from([max_nodes, max_nodes - 1, 2, 1]))
    found = [draw(nodes(i, topic)) for i in range(size)]
    names = st.sampled_from([*(n.name for n in found), *(n.name for n in found), "gone"])
    count = draw(st.sampled_from([max_pods, max_pods // 2, 1, 0]))
    placed = [draw(pods(f"p{i}", draw(names), topic)) for i in range(count)]
    services = []
    for i in range(draw(about(topic, ("service",), st.integers(1, 2), 0))):
        selector = draw(st.sampled_from([{"app": "a"}, {"app": "b"}, {"job": "a"}]))
        meta = ObjectMeta(name=f"s{i}", namespace=draw(NAMESPACES))
        services.append(Service(metadata=meta, spec=ServiceSpec(selector=selector)))
    team = draw(st.sampled_from(["red", "blue"]))
    return World(found, placed, services, {"x": {"team": team}, "y": {"team": "red"}})


@st.composite
def cases(
    draw: st.DrawFn, topic: str = "", max_nodes: int = 5, max_pods: int = 8, asking: int = 1
) -> tuple[str, World, list[Pod]]:
    """Draw a topic (if none is given), a world, and pods that want to be placed."""
    topic = topic or draw(st.sampled_from(TOPICS))
    world = draw(worlds(topic, max_nodes, max_pods))
    return topic, world, [draw(pods(f"new{i}", topic=topic)) for i in range(asking)]
