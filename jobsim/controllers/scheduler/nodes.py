"""Nodes as columns: capacity, use, labels, taints.

Source: kubernetes pkg/scheduler/backend/cache (cache.go, node_tree.go), framework/types.go NodeInfo.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from jobsim.api._struct import Quantity
from jobsim.api.core import Node
from jobsim.api.quantity import QuantityError, parse
from jobsim.controllers.scheduler.columns import BoolArray, Column, IntArray, LabelColumn, TaintColumn
from jobsim.controllers.scheduler.memo import ChangeLog
from jobsim.controllers.scheduler.requests import CPU, MEMORY, PODS, round_up
from jobsim.controllers.scheduler.tree import NodeTree

_QUANTITIES_KEPT = 10_000


class NodeColumns:
    """All nodes by number.  Numbers of removed nodes are used again."""

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
        self.with_images = 0
        #: Node numbers whose pods or capacity changed / whose labels, taints or presence changed.
        self.usage_changes = ChangeLog()
        self.node_changes = ChangeLog()
        self._allocatable: dict[str, Column[np.int64]] = {}
        self._requested: dict[str, Column[np.int64]] = {}
        self._labels: dict[str, LabelColumn] = {}
        self._tree = NodeTree()
        self._free: list[int] = []
        self._quantities: dict[Quantity, int] = {}
        for name in (CPU, MEMORY):
            self._resource(name)

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

    def amounts(self, resource: str, node: int) -> tuple[int, int]:
        """Return what one node has of a resource and what is asked of it."""
        has, used = self._resource(resource)
        return has[node], used[node]

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

    def usable(self) -> BoolArray:
        """Return which node numbers stand for a node."""
        return self.alive.view()

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
        """Add a node; pods bound to its name before count from now on."""
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
        self._joined(name, number)

    def update_node(self, node: Node) -> None:
        """Take over what changed of a node."""
        number = self.numbers.get(node.metadata.name)
        if number is None:
            self.add_node(node)
            return
        old = self.nodes[number]
        assert old is not None
        moved = old.metadata.labels != node.metadata.labels
        if moved:
            self._relabelled(node.metadata.name, -1)
        self.nodes[number] = node
        self._fill(number, old, node)
        if moved:
            self._tree.move(node.metadata.name, number, node.metadata.labels)
            self._relabelled(node.metadata.name, 1)

    def remove_node(self, name: str) -> None:
        """Forget a node; its pods stay known by the node's name."""
        number = self.numbers.pop(name, None)
        if number is None:
            return
        self._left(name)
        old = self.nodes[number]
        assert old is not None
        self.with_images -= bool(old.status.images)
        self.nodes[number] = None
        self.alive[number] = False
        self._tree.remove(name)
        self._free.append(number)
        self.node_changes.add(number)
        self.usage_changes.add(number)

    def _joined(self, name: str, number: int) -> None:
        """Called when a name has got a number: pods bound to it count from now on."""

    def _left(self, name: str) -> None:
        """Called before a name loses its number: its pods stop counting."""

    def _relabelled(self, name: str, amount: int) -> None:
        """Called before (-1) and after (1) a node's labels change: its pods change domains."""

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
                self._resource(name)[0][number] = amount

    def _resource(self, name: str) -> tuple[Column[np.int64], Column[np.int64]]:
        found = self._allocatable.get(name)
        if found is None:
            found = self._allocatable[name] = Column(np.int64, 0)
            self._requested[name] = Column(np.int64, 0)
            found.resize(self.size)
            self._requested[name].resize(self.size)
        return found, self._requested[name]
