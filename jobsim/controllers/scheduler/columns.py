"""Columns of nodes: small ints and amounts by node number.

A column is an array that grows by doubling; ``view()`` is the part in use.  Label values and taint
lists are numbered as they are first seen, so that a filter compares ints.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from jobsim.api.core import Taint
from jobsim.api.meta import Labels
from jobsim.api.pod import Toleration
from jobsim.controllers.scheduler.requests import Port

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
#: Node numbers: an index array, or ``slice(None)`` for all.
Rows = IntArray | slice
ALL = slice(None)
#: After so many changes a column's array is made anew.
_CHANGED_MAX = 64

S = TypeVar("S", np.int64, np.bool_)


class Column(Generic[S]):
    """One value per node.

    Cycles read arrays, events change single values, and a list does that ten times faster: the array
    is brought up to date when it is asked for.
    """

    __slots__ = ("_array", "_changed", "_dtype", "_fill", "_values")

    def __init__(self, dtype: type[S], fill: int) -> None:
        self._values: list[int] = []
        self._array: npt.NDArray[S] | None = None
        self._changed: list[int] = []
        self._dtype: type[S] = dtype
        self._fill = fill

    def __len__(self) -> int:
        return len(self._values)

    def resize(self, size: int) -> None:
        """Make room for nodes 0 ... size - 1; new ones get the fill value."""
        missing = size - len(self._values)
        if missing > 0:
            self._values += [self._fill] * missing
            self._array = None

    def view(self) -> npt.NDArray[S]:
        """Return the values in use, not a copy; not to be kept."""
        array = self._array
        if array is None:
            array = self._array = np.array(self._values, dtype=self._dtype)
        elif self._changed:
            values = self._values
            for number in self._changed:
                array[number] = values[number]
        self._changed.clear()
        return array

    def __getitem__(self, number: int) -> int:
        return self._values[number]

    def __setitem__(self, number: int, value: int) -> None:
        self.add(number, value - self._values[number])

    def add(self, number: int, amount: int) -> None:
        """Add to one value."""
        self._values[number] += amount
        changed = self._changed
        changed.append(number)
        if len(changed) > _CHANGED_MAX:
            self._array = None
            changed.clear()


class LabelColumn:
    """The values of one label key: numbered, -1 where a node lacks the label."""

    __slots__ = ("_numbers", "column", "key", "labelled", "values")

    def __init__(self, key: str) -> None:
        self.key = key
        #: How many nodes have the label.
        self.labelled = 0
        self.values: list[str] = []
        self._numbers: dict[str, int] = {}
        self.column: Column[np.int64] = Column(np.int64, -1)

    def set(self, number: int, labels: Labels) -> None:
        """Note a node's value."""
        value = labels.get(self.key)
        self.labelled += (value is not None) - (self.column[number] >= 0)
        self.column[number] = -1 if value is None else self.number(value)

    def number(self, value: str) -> int:
        """Return the number of a value, a new one if it was never seen."""
        known = self._numbers.get(value)
        if known is None:
            known = self._numbers[value] = len(self.values)
            self.values.append(value)
        return known

    def find(self, value: str) -> int:
        """Return the number of a value; -2 if no node ever had it."""
        return self._numbers.get(value, -2)


class TaintColumn:
    """The taint list of each node as a number; 0 is the empty list."""

    __slots__ = ("_numbers", "column", "lists")

    def __init__(self) -> None:
        self.lists: list[tuple[Taint, ...]] = [()]
        self._numbers: dict[tuple[tuple[str, str, str], ...], int] = {(): 0}
        self.column: Column[np.int64] = Column(np.int64, 0)

    def set(self, number: int, taints: tuple[Taint, ...]) -> None:
        """Note a node's taints (when they were added does not matter here)."""
        key = tuple((t.key, t.value, t.effect) for t in taints)
        known = self._numbers.get(key)
        if known is None:
            known = self._numbers[key] = len(self.lists)
            self.lists.append(taints)
        self.column[number] = known


class PortTable:
    """Host ports in use: by (protocol, port), the nodes and their host IPs."""

    __slots__ = ("_used",)

    def __init__(self) -> None:
        self._used: dict[tuple[str, int], dict[int, dict[str, int]]] = {}

    def add(self, number: int, port: Port, amount: int) -> None:
        """Count a use of a port on a node (-1 takes it back)."""
        ip, protocol, host_port = port
        nodes = self._used.setdefault((protocol, host_port), {})
        ips = nodes.setdefault(number, {})
        ips[ip] = ips.get(ip, 0) + amount
        if not ips[ip]:
            del ips[ip]
            if not ips:
                del nodes[number]
            if not nodes:
                del self._used[(protocol, host_port)]

    def taken(self, port: Port) -> list[int]:
        """Return the nodes where a port conflicts: same IP, or one of the two is the wildcard."""
        ip, protocol, host_port = port
        nodes = self._used.get((protocol, host_port))
        if not nodes:
            return []
        if ip == "0.0.0.0":
            return list(nodes)
        return [number for number, ips in nodes.items() if ip in ips or "0.0.0.0" in ips]


def clash(one: Port, other: Port) -> bool:
    """Tell whether two host ports (host IP, protocol, port) cannot be on one node."""
    return one[1:] == other[1:] and (one[0] == other[0] or "0.0.0.0" in (one[0], other[0]))


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Tell whether a toleration covers a taint.

    Source: k8s.io/api core/v1 toleration.go ToleratesTaint.
    """
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator in ("", "Equal"):
        return toleration.value == taint.value
    return toleration.operator == "Exists"


def untolerated(
    taints: Sequence[Taint], tolerations: Sequence[Toleration], effects: tuple[str, ...]
) -> Taint | None:
    """Return the first taint of these effects that no toleration covers."""
    for taint in taints:
        if taint.effect in effects and not any(tolerates(t, taint) for t in tolerations):
            return taint
    return None


#: The effects that keep a new pod away.
HARD_EFFECTS = ("NoSchedule", "NoExecute")
SOFT_EFFECT = "PreferNoSchedule"


def unwelcome(taints: Sequence[Taint], tolerations: Sequence[Toleration]) -> int:
    """Return how many PreferNoSchedule taints a pod does not tolerate."""
    fitting = [t for t in tolerations if t.effect in ("", SOFT_EFFECT)]
    return sum(
        taint.effect == SOFT_EFFECT and not any(tolerates(t, taint) for t in fitting) for taint in taints
    )
