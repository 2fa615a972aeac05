"""Queueing hints: may an event let a pod in that a plugin rejected?

Source: kubernetes pkg/scheduler/eventhandlers.go, backend/queue (events), the plugins' EventsToRegister and
queueing hint functions.
A hint may be wrong, as upstream's are: a pod with two anti-affinity terms is not woken by the going of a
pod that matches one of them, and labels of namespaces are not looked at.  Such pods wait for the
five-minute flush (K-SCH-04).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from jobsim.api.core import Node
from jobsim.api.meta import Labels
from jobsim.api.pod import Pod
from jobsim.api.quantity import QuantityError, parse
from jobsim.api.selectors import matches_expressions, matches_map, meets
from jobsim.api.watch import WatchEvent
from jobsim.controllers.scheduler.columns import HARD_EFFECTS, clash, untolerated
from jobsim.controllers.scheduler.filters import (
    FIT,
    INTER_POD_AFFINITY,
    NODE_AFFINITY,
    NODE_PORTS,
    NODE_UNSCHEDULABLE,
    SPREAD,
    TAINT_TOLERATION,
)
from jobsim.controllers.scheduler.requests import PODS, request_of, round_up
from jobsim.controllers.scheduler.spread import constraints
from jobsim.controllers.scheduler.static_filters import (
    NAME_FIELD,
    required_affinity,
    tolerates_cordon,
)
from jobsim.controllers.scheduler.terms import Question, matches
from jobsim.controllers.scheduler.views import PodView, view_of

Change = Literal["pod-added", "pod-updated", "pod-deleted", "node-added", "node-updated", "node-deleted"]


class ClusterEvent:
    """An event as hints see it: what happened to a placed pod or a node, before and after.

    Views of pods are made when a hint first looks at them: most events find nobody waiting.
    """

    __slots__ = ("_old_view", "_view", "change", "node", "old_node", "old_pod", "pod")

    def __init__(
        self,
        change: Change,
        *,
        pod: Pod | None = None,
        old_pod: Pod | None = None,
        node: Node | None = None,
        old_node: Node | None = None,
    ) -> None:
        self.change: Change = change
        self.pod = pod
        self.old_pod = old_pod
        self.node = node
        self.old_node = old_node
        self._view: PodView | None = None
        self._old_view: PodView | None = None

    @property
    def view(self) -> PodView:
        """The pod (as it is now, or was when it went)."""
        if self._view is None:
            assert self.pod is not None
            self._view = view_of(self.pod, request_of(self.pod, parse))
        return self._view

    @property
    def old_view(self) -> PodView | None:
        """The pod as it was before, if it changed."""
        if self._old_view is None and self.old_pod is not None:
            self._old_view = view_of(self.old_pod, request_of(self.old_pod, parse))
        return self._old_view


def cluster_event(event: WatchEvent) -> ClusterEvent | None:
    """Return what a watch event means to waiting pods; None: nothing (K-SCH-08, K-SCH-09)."""
    obj, old = event.obj, event.old
    if isinstance(obj, Node):
        return _node_event(event.type, obj, old if isinstance(old, Node) else None)
    if not isinstance(obj, Pod):
        return None
    before = old if isinstance(old, Pod) and _takes_room(old) else None
    if event.type == "DELETED":
        gone = before or (obj if _takes_room(obj) else None)
        return None if gone is None else ClusterEvent("pod-deleted", pod=gone)
    if not _takes_room(obj):
        return None if before is None else ClusterEvent("pod-deleted", pod=before)
    if before is None:
        return ClusterEvent("pod-added", pod=obj)
    if before.metadata.labels is not obj.metadata.labels and before.metadata.labels != obj.metadata.labels:
        return ClusterEvent("pod-updated", pod=obj, old_pod=before)
    return None


def _takes_room(pod: Pod) -> bool:
    return bool(pod.spec.node_name) and not pod.terminal


def _node_event(type_: str, node: Node, old: Node | None) -> ClusterEvent | None:
    if type_ == "DELETED":
        return ClusterEvent("node-deleted", old_node=node)
    if old is None:
        return ClusterEvent("node-added", node=node)
    same = (
        old.metadata.labels == node.metadata.labels
        and old.spec == node.spec
        and old.status.allocatable == node.status.allocatable
    )
    return None if same else ClusterEvent("node-updated", node=node, old_node=old)


def listens(plugin: str, event: ClusterEvent) -> bool:
    """Tell whether a plugin looks at this sort of event at all."""
    return plugin in (_POD_HINTS if event.change.startswith("pod") else _NODE_HINTS)


def may_help(plugin: str, view: PodView, event: ClusterEvent, namespaces: Mapping[str, Labels]) -> bool:
    """Tell whether an event may make a plugin accept a pod that it rejected."""
    if event.change.startswith("pod"):
        pod_hint = _POD_HINTS.get(plugin)
        return pod_hint is not None and pod_hint(view, event, namespaces)
    if event.node is None:
        # A domain that is gone may lower the global minimum that skew is measured from.
        return plugin == SPREAD and event.old_node is not None and _in_domains(view, event.old_node)
    node_hint = _NODE_HINTS.get(plugin)
    return node_hint is not None and node_hint(view, event.node, event.old_node)


PodHint = Callable[[PodView, ClusterEvent, Mapping[str, Labels]], bool]
NodeHint = Callable[[PodView, Node, "Node | None"], bool]


def _fit_after_pod(view: PodView, event: ClusterEvent, namespaces: Mapping[str, Labels]) -> bool:
    return event.change == "pod-deleted"


def _ports_after_pod(view: PodView, event: ClusterEvent, namespaces: Mapping[str, Labels]) -> bool:
    if event.change != "pod-deleted":
        return False
    return any(clash(freed, wanted) for freed in event.view.request.ports for wanted in view.request.ports)


def _spread_after_pod(view: PodView, event: ClusterEvent, namespaces: Mapping[str, Labels]) -> bool:
    pod, old = event.view, event.old_view
    for one in constraints(view, "DoNotSchedule"):
        now = matches(one.question, pod.namespace, pod.labels, namespaces)
        if now != (old is not None and matches(one.question, old.namespace, old.labels, namespaces)):
            return True
    return False


def _affinity_after_pod(view: PodView, event: ClusterEvent, namespaces: Mapping[str, Labels]) -> bool:
    pod, old = event.view, event.old_view
    if event.change == "pod-added":
        return _all_match(view.affinity, pod)
    if event.change == "pod-updated" and old is not None:
        if _all_match(view.affinity, pod) and not _all_match(view.affinity, old):
            return True
        return _all_match(view.shuns, old) and not _all_match(view.shuns, pod)
    return _all_match(view.shuns, pod) or _all_match(pod.anti_affinity, view)


def _all_match(terms: Sequence[Question], pod: PodView) -> bool:
    """Tell whether there are terms and a pod matches all of them, whatever labels its namespace has."""
    return bool(terms) and all(matches(term, pod.namespace, pod.labels, {}) for term in terms)


_POD_HINTS: Mapping[str, PodHint] = {
    FIT: _fit_after_pod,
    NODE_PORTS: _ports_after_pod,
    SPREAD: _spread_after_pod,
    INTER_POD_AFFINITY: _affinity_after_pod,
}


def _fit_on_node(view: PodView, node: Node, old: Node | None) -> bool:
    has = _amounts(node)
    if has.get(PODS, 0) < 1 or any(has.get(name, 0) < amount for name, amount in view.request.amounts):
        return False
    if old is None:
        return True
    had = _amounts(old)
    wanted = [PODS, *(name for name, _ in view.request.amounts)]
    return any(has.get(name, 0) > had.get(name, 0) for name in wanted)


def _amounts(node: Node) -> dict[str, int]:
    found = {}
    for name, quantity in node.status.allocatable.items():
        try:
            found[name] = round_up(name, parse(quantity))
        except QuantityError:
            continue
    return found


def _open_node(view: PodView, node: Node, old: Node | None) -> bool:
    if node.spec.unschedulable and not tolerates_cordon(view.pod.spec.tolerations):
        return False
    return old is None or old.spec.unschedulable


def _tolerated_node(view: PodView, node: Node, old: Node | None) -> bool:
    tolerations = view.pod.spec.tolerations
    if untolerated(node.spec.taints, tolerations, HARD_EFFECTS) is not None:
        return False
    return old is None or untolerated(old.spec.taints, tolerations, HARD_EFFECTS) is not None


def _selected_node(view: PodView, node: Node, old: Node | None) -> bool:
    return _is_selected(view, node) and (old is None or not _is_selected(view, old))


def _is_selected(view: PodView, node: Node) -> bool:
    """Tell whether one node object meets a pod's node selector and required node affinity."""
    spec, labels = view.pod.spec, node.metadata.labels
    if not matches_map(spec.node_selector, labels):
        return False
    required = required_affinity(spec)
    if required is None:
        return True
    for term in required:
        fields = all(
            f.key == NAME_FIELD and meets(node.metadata.name, f.operator, f.values) for f in term.match_fields
        )
        some = bool(term.match_expressions or term.match_fields)
        if some and fields and matches_expressions(term.match_expressions, labels):
            return True
    return False


def _ports_on_node(view: PodView, node: Node, old: Node | None) -> bool:
    return old is None


def _spread_on_node(view: PodView, node: Node, old: Node | None) -> bool:
    if old is None:
        return _in_domains(view, node)
    if _in_domains(view, node) != _in_domains(view, old):
        return True
    keys = [one.topology_key for one in constraints(view, "DoNotSchedule")]
    before, after = old.metadata.labels, node.metadata.labels
    moved = any(before.get(key) != after.get(key) for key in keys)
    return _in_domains(view, node) and (moved or old.spec.taints != node.spec.taints)


def _in_domains(view: PodView, node: Node) -> bool:
    """Tell whether a node has the topology keys of all hard spread constraints of a pod."""
    return all(one.topology_key in node.metadata.labels for one in constraints(view, "DoNotSchedule"))


def _affinity_on_node(view: PodView, node: Node, old: Node | None) -> bool:
    after = node.metadata.labels
    wanted = [question.shape.topology_key for question in view.affinity]
    shunned = [question.shape.topology_key for question in view.shuns]
    if old is None:
        return bool(shunned) or any(key in after for key in wanted)
    before = old.metadata.labels
    return any(key in after and before.get(key) != after[key] for key in wanted) or any(
        key in before and after.get(key) != before[key] for key in shunned
    )


_NODE_HINTS: Mapping[str, NodeHint] = {
    FIT: _fit_on_node,
    NODE_UNSCHEDULABLE: _open_node,
    TAINT_TOLERATION: _tolerated_node,
    NODE_AFFINITY: _selected_node,
    NODE_PORTS: _ports_on_node,
    SPREAD: _spread_on_node,
    INTER_POD_AFFINITY: _affinity_on_node,
}
