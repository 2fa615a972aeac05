"""Snapshot: all that the scheduler knows of the cluster, as columns indexed by node number.

A mutable object owned by the shell, fed by watch events (``apply``) and by the scheduler's own assumptions
(``assume``); a cycle only reads it (and fills memos).  Pods count from bind or assumption until
they are terminal or gone, not at deletionTimestamp (K-SCH-09).

Source: kubernetes pkg/scheduler/backend/cache (cache.go, snapshot.go, node_tree.go),
pkg/scheduler/eventhandlers.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from jobsim.api._struct import Quantity
from jobsim.api.core import Node, PodDisruptionBudget, Service
from jobsim.api.meta import Labels, Unstructured
from jobsim.api.pod import Pod
from jobsim.api.quantity import QuantityError, parse
from jobsim.api.watch import WatchEvent
from jobsim.controllers.scheduler.columns import (
    BoolArray,
    Column,
    IntArray,
    LabelColumn,
    PortTable,
    TaintColumn,
)
from jobsim.controllers.scheduler.memo import ChangeLog, Memos
from jobsim.controllers.scheduler.requests import CPU, MEMORY, PODS, round_up
from jobsim.controllers.scheduler.services import ServiceIndex
from jobsim.controllers.scheduler.tables import EACH_NODE, AffinityTables
from jobsim.controllers.scheduler.tree import NodeTree
from jobsim.controllers.scheduler.views import NOT_STARTED, PodView, identity, view_of

_QUANTITIES_KEPT = 10_000


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


class Snapshot:
    """Nodes and placed pods as the scheduler sees them."""

    def __init__(self) -> None:
        self.nodes: list[Node | None] = []
        self.numbers: dict[str, int] = {}
        self.alive: Column[np.bool_] = Column(np.bool_, 0)
        self.unschedulable: Column[np.bool_] = Column(np.bool_, 0)
        self.pods_max: Column[np.int64] = Column(np.int64, 0)
        self.pods_count: Column[np.int64] = Column(np.int64, 0)
        self.scored_cpu: Column[np.int64] = Column(np.int64, 0)
        self.scored_memory: Column[np.int64] = Column(np.int64, 0)
        self.taints = TaintColumn()
        self.ports = PortTable()
        self.services = ServiceIndex()
        self.budgets: dict[tuple[str, str], PodDisruptionBudget] = {}
        self.with_images = 0
        #: Where the next search starts in the node list (K-SCH-13).
        self.next_start = 0
        #: Node numbers whose pods or capacity changed / whose labels, taints or presence changed.
        self.usage_changes = ChangeLog()
        self.node_changes = ChangeLog()
        self.memos = Memos()
        self.tables = AffinityTables(self._domain_of, self._domain_count, self._attached)
        self._allocatable: dict[str, Column[np.int64]] = {}
        self._requested: dict[str, Column[np.int64]] = {}
        self._labels: dict[str, LabelColumn] = {}
        self._tree = NodeTree()
        self._free: list[int] = []
        self._placed: dict[str, Placed] = {}
        self._on_node: dict[str, dict[str, Placed]] = {}
        self._nominated: dict[str, tuple[PodView, str]] = {}
        self._sequence = 0
        self._priorities: dict[int, int] = {}
        self._quantities: dict[Quantity, int] = {}
        for name in (CPU, MEMORY):
            self._resource(name)

    # --- reading ---------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """How many node numbers are in use or were (the length of all columns)."""
        return len(self.nodes)

    @property
    def node_count(self) -> int:
        """How many nodes there are."""
        return len(self.numbers)

    def order(self) -> IntArray | None:
        """Return node numbers in the order of the scheduler's list; None when that is 0, 1, 2, ..."""
        return self._tree.order()

    def name(self, node: int) -> str:
        """Return a node's name."""
        found = self.nodes[node]
        assert found is not None
        return found.metadata.name

    def allocatable(self, resource: str) -> IntArray:
        """Return what each node has of a resource (cpu: thousandths)."""
        return self._resource(resource)[0].view()

    def requested(self, resource: str) -> IntArray:
        """Return what placed pods ask of each node."""
        return self._resource(resource)[1].view()

    def label(self, key: str) -> LabelColumn:
        """Return the column of a label key."""
        column = self._labels.get(key)
        if column is None:
            column = self._labels[key] = LabelColumn(key)
            column.column.resize(self.size)
            for number, node in enumerate(self.nodes):
                if node is not None:
                    column.set(number, node.metadata.labels)
        return column

    def domains(self, topology_key: str) -> IntArray:
        """Return each node's domain number for a topology key, -1 without the label."""
        return self.label(topology_key).column.view()

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
        return view_of(pod, self.nano)

    def nano(self, quantity: Quantity) -> int:
        """Return ``api.quantity.parse`` of a quantity, remembered."""
        known = self._quantities.get(quantity)
        if known is None:
            if len(self._quantities) >= _QUANTITIES_KEPT:
                self._quantities.clear()
            known = self._quantities[quantity] = parse(quantity)
        return known

    # --- nodes -----------------------------------------------------------------------------

    def add_node(self, node: Node) -> None:
        """Add a node; pods that were bound to its name before count from now on."""
        if node.metadata.name in self.numbers:
            self.update_node(node)
            return
        number = self._free.pop() if self._free else self._extend()
        name = node.metadata.name
        self.nodes[number] = node
        self.numbers[name] = number
        self.alive[number] = True
        self._tree.add(name, number, node.metadata.labels)
        self._fill(number, None, node)
        for placed in self._on_node.get(name, {}).values():
            placed.node = number
            self._count(placed, 1)

    def update_node(self, node: Node) -> None:
        """Take over what changed of a node."""
        number = self.numbers.get(node.metadata.name)
        if number is None:
            self.add_node(node)
            return
        old = self.nodes[number]
        assert old is not None
        moved = old.metadata.labels != node.metadata.labels
        placed = list(self._on_node.get(node.metadata.name, {}).values()) if moved else []
        for one in placed:
            self.tables.add(one.view, number, -1)
        self.nodes[number] = node
        self._fill(number, old, node)
        if moved:
            self._tree.move(node.metadata.name, number, node.metadata.labels)
        for one in placed:
            self.tables.add(one.view, number, 1)

    def remove_node(self, name: str) -> None:
        """Forget a node; its pods stay known by the node's name."""
        number = self.numbers.pop(name, None)
        if number is None:
            return
        for placed in self._on_node.get(name, {}).values():
            self._count(placed, -1)
            placed.node = -1
        old = self.nodes[number]
        assert old is not None
        self.with_images -= bool(old.status.images)
        self.nodes[number] = None
        self.alive[number] = False
        self._tree.remove(name)
        self._free.append(number)
        self.node_changes.add(number)
        self.usage_changes.add(number)

    def _extend(self) -> int:
        self.nodes.append(None)
        size = len(self.nodes)
        for column in (self.alive, self.unschedulable):
            column.resize(size)
        for amounts in (self.pods_max, self.pods_count, self.scored_cpu, self.scored_memory):
            amounts.resize(size)
        for name, allocatable in self._allocatable.items():
            allocatable.resize(size)
            self._requested[name].resize(size)
        for label in self._labels.values():
            label.column.resize(size)
        self.taints.column.resize(size)
        return size - 1

    def _fill(self, number: int, old: Node | None, node: Node) -> None:
        """Write a node's columns."""
        if old is None or old.status.allocatable != node.status.allocatable:
            self._fill_allocatable(number, node.status.allocatable)
            self.usage_changes.add(number)
        meta, spec = node.metadata, node.spec
        if old is None or old.metadata.labels != meta.labels or old.spec != spec:
            self.unschedulable[number] = spec.unschedulable
            self.taints.set(number, spec.taints)
            for column in self._labels.values():
                column.set(number, meta.labels)
            self.node_changes.add(number)
        self.with_images += bool(node.status.images) - bool(old is not None and old.status.images)

    def _fill_allocatable(self, number: int, amounts: Mapping[str, Quantity]) -> None:
        for column in self._allocatable.values():
            column[number] = 0
        self.pods_max[number] = 0
        for name, quantity in amounts.items():
            try:
                amount = round_up(name, self.nano(quantity))
            except QuantityError:
                continue
            if name == PODS:
                self.pods_max[number] = amount
            else:
                self._resource(name)[0][number] = min(amount, 2**62)

    def _resource(self, name: str) -> tuple[Column[np.int64], Column[np.int64]]:
        found = self._allocatable.get(name)
        if found is None:
            found = self._allocatable[name] = Column(np.int64, 0)
            self._requested[name] = Column(np.int64, 0)
            found.resize(self.size)
            self._requested[name].resize(self.size)
        return found, self._requested[name]

    def _domain_of(self, topology_key: str, node: int) -> int:
        return int(self.label(topology_key).column[node])

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
            and old.metadata.deletion_timestamp == pod.metadata.deletion_timestamp
        )
        known.pod = pod
        if same:
            return
        sequence = known.sequence
        self._remove(known)
        self._place(self.view(pod), pod.spec.node_name).sequence = sequence

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
            column = self._resource(name)[1]
            column[node] = int(column[node]) + amount * asked
        self.pods_count[node] = int(self.pods_count[node]) + amount
        self.scored_cpu[node] = int(self.scored_cpu[node]) + amount * request.scored_cpu
        self.scored_memory[node] = int(self.scored_memory[node]) + amount * request.scored_memory
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
        elif isinstance(obj, Unstructured) and obj.kind == "Namespace" and not gone:
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

    def usable(self) -> BoolArray:
        """Return which node numbers stand for a node."""
        return self.alive.view()
