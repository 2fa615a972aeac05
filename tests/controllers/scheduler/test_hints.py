"""Queueing hints at their edges: what upstream's leave asleep although it might help (K-SCH-04, K-SCH-08)."""

from __future__ import annotations

import pytest

from jobsim.api._struct import replace
from jobsim.api.core import Node, Taint
from jobsim.api.meta import LabelSelector
from jobsim.api.pod import (
    Affinity,
    Container,
    ContainerPort,
    Pod,
    PodAffinity,
    PodAffinityTerm,
    TopologySpreadConstraint,
)
from jobsim.api.quantity import parse
from jobsim.api.watch import WatchEvent
from jobsim.controllers.scheduler.hints import cluster_event, listens, may_help
from jobsim.controllers.scheduler.requests import request_of
from jobsim.controllers.scheduler.views import view_of
from tests.controllers.scheduler.kit import RACK, changed, make_node, make_pod

ZONE = "zone"


def term(app: str, **more: object) -> PodAffinityTerm:
    selector = LabelSelector(match_labels={"app": app})
    return PodAffinityTerm(topology_key=RACK, label_selector=selector, **more)  # type: ignore[arg-type]


def near(*terms: PodAffinityTerm) -> Affinity:
    return Affinity(pod_affinity=PodAffinity(required_during_scheduling_ignored_during_execution=terms))


def far(*terms: PodAffinityTerm) -> Affinity:
    return Affinity(pod_anti_affinity=PodAffinity(required_during_scheduling_ignored_during_execution=terms))


def spread(*keys: str) -> Pod:
    constraints = tuple(
        TopologySpreadConstraint(
            max_skew=1,
            topology_key=key,
            when_unsatisfiable="DoNotSchedule",
            label_selector=LabelSelector(match_labels={"app": "x"}),
        )
        for key in keys
    )
    return make_pod("p", topology_spread_constraints=constraints)


def placed(app: str, affinity: Affinity | None = None, **labels: str) -> Pod:
    return make_pod("o", "n", labels={"app": app, **labels}, affinity=affinity)


def port(ip: str, node: str = "") -> Pod:
    pod = make_pod("o" if node else "p", node)
    asked = Container(ports=(ContainerPort(container_port=1, host_port=80, host_ip=ip),))
    return replace(pod, spec=replace(pod.spec, containers=(asked,)))


def node(**labels: str) -> Node:
    return make_node("n", labels=labels)


TAINTED = replace(node(rack="r0"), spec=replace(node().spec, taints=(Taint(key="k", effect="NoSchedule"),)))
TEAM = LabelSelector(match_labels={"team": "x"})


@pytest.mark.parametrize(
    ("plugin", "pod", "event", "wakes"),
    [
        ("NodePorts", port("10.0.0.1"), changed(port("10.0.0.2", "n"), gone=True), False),
        ("NodePorts", port("10.0.0.1"), changed(port("10.0.0.1", "n"), gone=True), True),
        ("NodePorts", port("10.0.0.1"), changed(port("", "n"), gone=True), True),
        # All terms or none.
        ("InterPodAffinity", make_pod("p", affinity=far(term("x"), term("y"))), "x gone", False),
        ("InterPodAffinity", make_pod("p", affinity=far(term("x"), term("x"))), "x gone", True),
        ("InterPodAffinity", make_pod("p", affinity=near(term("x"), term("y"))), "x came", False),
        # What its own anti-affinity kept out is woken when it goes, not when its labels change.
        ("InterPodAffinity", make_pod("p", labels={"app": "z"}), "x that hates z gone", True),
        ("InterPodAffinity", make_pod("p", labels={"app": "z"}), "x that hates z changed", False),
        # Labels of namespaces are not known to a hint.
        (
            "InterPodAffinity",
            make_pod("p", affinity=near(term("x", namespace_selector=TEAM))),
            "x came",
            False,
        ),
        (
            "InterPodAffinity",
            make_pod("p", affinity=near(term("x", namespace_selector=LabelSelector()))),
            "x came",
            True,
        ),
        # A pod that only others' anti-affinity kept out is not woken by a node.
        ("InterPodAffinity", make_pod("p"), changed(node(rack="r0")), False),
        ("InterPodAffinity", make_pod("p", affinity=near(term("x"))), changed(node()), False),
        ("InterPodAffinity", make_pod("p", affinity=far(term("x"))), changed(node()), True),
        (
            "InterPodAffinity",
            make_pod("p", affinity=near(term("x"))),
            changed(node(), node(rack="r0")),
            False,
        ),
        ("InterPodAffinity", make_pod("p", affinity=far(term("x"))), changed(node(), node(rack="r0")), True),
        ("InterPodAffinity", make_pod("p", affinity=far(term("x"))), changed(node(rack="r0"), node()), False),
        ("InterPodAffinity", make_pod("p", affinity=far(term("x"))), "moved", True),
        ("PodTopologySpread", spread(RACK), changed(placed("x", a="2"), placed("x", a="1")), False),
        ("PodTopologySpread", spread(RACK, ZONE), changed(node(rack="r0")), False),
        ("PodTopologySpread", spread(RACK, ZONE), changed(node(rack="r0", zone="z")), True),
        ("PodTopologySpread", spread(RACK, ZONE), changed(node(rack="r0"), gone=True), False),
        ("PodTopologySpread", spread(RACK), changed(node(rack="r0"), TAINTED), True),
        ("PodTopologySpread", spread(RACK, ZONE), changed(node(rack="r0"), TAINTED), False),
        ("PodTopologySpread", spread(RACK), changed(node(), node(rack="r0")), True),
        ("PodTopologySpread", spread(RACK, ZONE), changed(node(rack="r1"), node(rack="r0")), False),
    ],
)
def test_edges(plugin: str, pod: Pod, event: WatchEvent | str, wakes: bool) -> None:
    events = {
        "x came": changed(placed("x")),
        "x gone": changed(placed("x"), gone=True),
        "x that hates z gone": changed(placed("x", far(term("z"))), gone=True),
        "x that hates z changed": changed(placed("y", far(term("z"))), placed("x", far(term("z")))),
        "moved": changed(node(rack="r1"), node(rack="r0")),
    }
    happened = cluster_event(events[event] if isinstance(event, str) else event)
    assert happened is not None
    helps = listens(plugin, happened) and may_help(plugin, view_of(pod, request_of(pod, parse)), happened, {})
    assert helps is wakes
