"""Snapshot: all that the scheduler knows of the cluster, as columns indexed by node number.

A mutable object owned by the shell, fed by watch events (``apply``) and by the scheduler's own assumptions
(``assume``); a cycle only reads it (and fills memos).  Pods count from bind or assumption until
they are terminal or gone, not at deletionTimestamp (K-SCH-09).

Source: kubernetes pkg/scheduler/backend/cache/cache.go, pkg/scheduler/eventhandlers.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from jobsim.api._struct import replace
from jobsim.api.core import Namespace, Node, PodDisruptionBudget, Service
from jobsim.api.meta import Labels
from jobsim.api.pod import Pod
from jobsim.api.watch import WatchEvent
from jobsim.controllers.scheduler.columns import (
    PortTable,
)
from jobsim.controllers.scheduler.memo import Memos
from jobsim.controllers.scheduler.nodes import NodeColumns
from jobsim.controllers.scheduler.requests import Request, request_of, template_key
from jobsim.controllers.scheduler.services import ServiceIndex
from jobsim.controllers.scheduler.tables import EACH_NODE, AffinityTables
from jobsim.controllers.scheduler.views import NOT_STARTED, PodView, identity, view_of

_REQUESTS_KEPT = 10_000


class Placed:
    """A pod that takes room: bound, or assumed to be soon."""

    __slots__ = ("assumed", "node", "node_name", "pod", "sequence", "view")

    def __init__(self, view: PodView, node_name: str, node: int, sequence: int) -> None:
        self.view = view
        self.pod = view.pod
        self.node_name = node_name
        #: Node number, -1 while the node is unknown.
        self.node = node
        #: Order of arrival: decides between pods of equal importance.
        self.sequence = sequence
        self.assumed = False

    @property
    def start(self) -> int:
        """The status's start time, or "later than any"."""
        start = self.pod.status.start_time
        return NOT_STARTED if start is None else start

    @property
    def leaving(self) -> bool:
        """Whether the scheduler itself is removing this pod for another one."""
        return self.pod.terminating and any(
            c.type == "DisruptionTarget" and c.status == "True" and c.reason == "PreemptionByScheduler"
            for c in self.pod.status.conditions
        )


class Snapshot(NodeColumns):
    """Nodes and placed pods as the scheduler sees them."""

    def __init__(self) -> None:
        super().__init__()
        self.ports = PortTable()
        self.services = ServiceIndex()
        self.budgets: dict[tuple[str, str], PodDisruptionBudget] = {}
        #: Where the next search starts in the node list (K-SCH-13).
        self.next_start = 0
        self.memos = Memos()
        self.tables = AffinityTables(self._domain_of, self._domain_count, self._attached)
        self._placed: dict[str, Placed] = {}
        self._on_node: dict[str, dict[str, Placed]] = {}
        self._nominated: dict[str, tuple[PodView, str]] = {}
        self._sequence = 0
        self._priorities: dict[int, int] = {}
        self._requests: dict[tuple[object, ...], Request] = {}
        self._last_view: PodView | None = None

    def pods_on(self, node: int) -> list[Placed]:
        """Return the pods on a node in order of arrival."""
        found = self._on_node.get(self.name(node), {})
        return sorted(found.values(), key=lambda placed: placed.sequence)

    def placed(self, pod: Pod) -> Placed | None:
        """Return where a pod is counted, if it is."""
        return self._placed.get(identity(pod))

    def any_below(self, priority: int) -> bool:
        """Tell whether some placed pod has a lower priority."""
        return any(count and p < priority for p, count in self._priorities.items())

    def nominated(self) -> Iterator[tuple[PodView, str]]:
        """Yield pods that wait for a nominated node, with its name."""
        yield from self._nominated.values()

    @property
    def any_nominated(self) -> bool:
        """Whether some pod waits for a nominated node."""
        return bool(self._nominated)

    def view(self, pod: Pod) -> PodView:
        """Return a pod's view."""
        if self._last_view is None or self._last_view.pod is not pod:
            self._last_view = view_of(pod, self._request(pod))
        return self._last_view

    def _request(self, pod: Pod) -> Request:
        key = template_key(pod.spec)
        if key is None:
            return request_of(pod, self.nano)
        known = self._requests.get(key)
        if known is None:
            if len(self._requests) >= _REQUESTS_KEPT:
                self._requests.clear()
            known = self._requests[key] = request_of(pod, self.nano)
        return known

    def _domain_of(self, topology_key: str, node: int) -> int:
        return self.label(topology_key).column[node]

    def _domain_count(self, topology_key: str) -> int:
        return self.size if topology_key == EACH_NODE else len(self.label(topology_key).values)

    def _attached(self) -> Iterator[tuple[PodView, int]]:
        for placed in self._placed.values():
            if placed.node >= 0:
                yield placed.view, placed.node

    # --- pods ------------------------------------------------------------------------------

    def assume(self, pod: Pod, node_name: str) -> None:
        """Count a pod on a node before its binding is seen (K-SCH-01)."""
        self._place(self.view(pod), node_name).assumed = True
        self._nominated.pop(identity(pod), None)

    def forget(self, pod: Pod) -> None:
        """Take back an assumption (the binding failed)."""
        placed = self._placed.get(identity(pod))
        if placed is not None and placed.assumed:
            self._remove(placed)

    def add_pod(self, pod: Pod) -> None:
        """Count a bound pod, or take over what changed of it."""
        known = self._placed.get(identity(pod))
        if known is None:
            self._place(self.view(pod), pod.spec.node_name)
        else:
            self._update(known, pod)
        self._nominated.pop(identity(pod), None)

    def remove_pod(self, pod: Pod) -> None:
        """Stop counting a pod: it is terminal, or gone."""
        placed = self._placed.get(identity(pod))
        if placed is not None:
            self._remove(placed)

    def nominate(self, pod: Pod, node_name: str) -> None:
        """Note that room is being made for a pod on a node ("" takes that back)."""
        if node_name:
            self._nominated[identity(pod)] = (self.view(pod), node_name)
        else:
            self._nominated.pop(identity(pod), None)

    def _update(self, known: Placed, pod: Pod) -> None:
        old = known.pod
        known.assumed = False
        same = (
            known.node_name == pod.spec.node_name
            and old.spec.containers is pod.spec.containers
            and old.spec.affinity is pod.spec.affinity
            and old.metadata.labels is pod.metadata.labels
        )
        known.pod = pod
        if same:
            if known.view.terminating != pod.terminating:
                self._mark(known, pod)
            return
        sequence = known.sequence
        self._remove(known)
        self._place(self.view(pod), pod.spec.node_name).sequence = sequence

    def _mark(self, known: Placed, pod: Pod) -> None:
        """Note that a pod is being deleted: it keeps its room, but spreading does not count it any more."""
        if known.node >= 0:
            self.tables.add(known.view, known.node, -1)
        known.view = replace(known.view, pod=pod, terminating=pod.terminating)
        if known.node >= 0:
            self.tables.add(known.view, known.node, 1)

    def _joined(self, name: str, number: int) -> None:
        for placed in self._on_node.get(name, {}).values():
            placed.node = number
            self._count(placed, 1)

    def _left(self, name: str) -> None:
        for placed in self._on_node.get(name, {}).values():
            self._count(placed, -1)
            placed.node = -1

    def _relabelled(self, name: str, amount: int) -> None:
        for placed in self._on_node.get(name, {}).values():
            self.tables.add(placed.view, placed.node, amount)

    def _place(self, view: PodView, node_name: str) -> Placed:
        before = self._placed.get(view.uid)
        if before is not None:
            self._remove(before)
        self._sequence += 1
        placed = Placed(view, node_name, self.numbers.get(node_name, -1), self._sequence)
        self.attach(placed)
        return placed

    def _remove(self, placed: Placed) -> None:
        self.detach(placed)

    def attach(self, placed: Placed) -> None:
        """Count a pod again that ``detach`` took out (preemption tries what would fit)."""
        self._placed[placed.view.uid] = placed
        self._on_node.setdefault(placed.node_name, {})[placed.view.uid] = placed
        if placed.node >= 0:
            self._count(placed, 1)

    def detach(self, placed: Placed) -> None:
        """Take a pod out of all counts."""
        del self._placed[placed.view.uid]
        pods = self._on_node[placed.node_name]
        del pods[placed.view.uid]
        if not pods:
            del self._on_node[placed.node_name]
        if placed.node >= 0:
            self._count(placed, -1)

    def _count(self, placed: Placed, amount: int) -> None:
        """Add a pod to (or take it from) its node's columns and the tables."""
        view, node = placed.view, placed.node
        request = view.request
        for name, asked in request.amounts:
            self._resource(name)[1].add(node, amount * asked)
        self.pods_count.add(node, amount)
        self.scored_cpu.add(node, amount * request.held_cpu)
        self.scored_memory.add(node, amount * request.held_memory)
        self._priorities[view.priority] = self._priorities.get(view.priority, 0) + amount
        for port in request.ports:
            self.ports.add(node, port, amount)
        self.tables.add(view, node, amount)
        self.usage_changes.add(node)

    # --- events ----------------------------------------------------------------------------

    def apply(self, event: WatchEvent) -> None:
        """Take over one watch event of any kind."""
        obj, gone = event.obj, event.type == "DELETED"
        if isinstance(obj, Pod):
            self._apply_pod(obj, gone=gone)
        elif isinstance(obj, Node):
            if gone:
                self.remove_node(obj.metadata.name)
            else:
                self.update_node(obj)
        elif isinstance(obj, Service):
            self.services.set(obj, gone=gone)
        elif isinstance(obj, PodDisruptionBudget):
            self.budgets.pop(obj.key, None)
            if not gone:
                self.budgets[obj.key] = obj
        elif isinstance(obj, Namespace) and not gone:
            self.set_namespace(obj.metadata.name, obj.metadata.labels)

    def _apply_pod(self, pod: Pod, *, gone: bool) -> None:
        if gone or pod.terminal:
            self.remove_pod(pod)
            self._nominated.pop(identity(pod), None)
        elif pod.spec.node_name:
            self.add_pod(pod)
        elif identity(pod) not in self._placed:
            self.nominate(pod, pod.status.nominated_node_name)

    def set_namespace(self, name: str, labels: Labels) -> None:
        """Note a namespace's labels (terms with a namespaceSelector look at them)."""
        self.tables.set_namespace(name, {"kubernetes.io/metadata.name": name, **labels})
