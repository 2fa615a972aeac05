"""Outages: which nodes are out of order, for which reasons at once, and when they are back.

A node may be cordoned for maintenance, lose its power and be slow at the same time.  It comes back from
each kind of trouble when the last reason for it is over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from jobsim.api.core import Node
from jobsim.apiserver.store import Store
from jobsim.runtime.actions import Actor
from jobsim.runtime.nodes import Nodes

#: Effects that silence a node, and those that keep new pods away from it.
_DARK = ("crash", "lose", "shutdown")
_CLOSED = ("drain", "cordon")


class Outage(NamedTuple):
    """One reason why a node is not as it should be: crash, lose, drain, cordon or degrade."""

    effect: str
    factor: float = 1.0
    cause: str = ""


class Outages:
    """The troubles of all nodes.

    Parameters
    ----------
    store, nodes, actor :
    slowed : callable
        Told the name of a node whose speed changed.
    """

    def __init__(self, store: Store, nodes: Nodes, actor: Actor, slowed: Callable[[str], None]) -> None:
        self._store = store
        self._nodes = nodes
        self._actor = actor
        self._slowed = slowed
        self._troubles: dict[str, dict[int, Outage]] = {}
        self._count = 0

    def there(self, node: str) -> bool:
        """Tell whether the API has a node."""
        return self._store.get(Node, "", node) is not None

    def begin(self, node: str, outage: Outage) -> int:
        """Put a node into trouble; return the number under which it ends."""
        before = self._effects(node)
        self._count += 1
        self._troubles.setdefault(node, {})[self._count] = outage
        there = self.there(node)
        match outage.effect:
            case "crash" if there and not before & set(_DARK):
                self._nodes.crash(node)
            case "lose" if there and "lose" not in before:
                self._nodes.lose(node)
            case "shutdown" if there:
                self._nodes.shut_down(node)
            case "memory-pressure" | "disk-pressure" | "pid-pressure" if there:
                self._nodes.press(node, outage.effect.partition("-")[0])
            case "drain" if there:
                self._actor.drains.begin(node)
            case "cordon" if there and not before & set(_CLOSED):
                self._actor.cordon(node)
            case "degrade":
                self._slowed(node)
        return self._count

    def end(self, node: str, number: int) -> None:
        """End one trouble of a node."""
        left = self._troubles[node]
        effect = left.pop(number).effect
        if not left:
            del self._troubles[node]
        after = self._effects(node)
        if effect in _DARK and not after & set(_DARK):
            self._nodes.repair(node)
            if after & set(_CLOSED):
                self._actor.cordon(node)
        elif effect in _CLOSED and not after & set(_CLOSED) and self.there(node):
            self._actor.drains.end(node)
            self._actor.uncordon(node)
        elif effect == "degrade":
            self._slowed(node)
        elif effect.endswith("-pressure") and not after & set(_DARK):
            self._nodes.repair(node)

    def slowness(self, node: str) -> tuple[float, str]:
        """Return how many times as long a step takes on a node, and what is to blame most."""
        factor, worst, cause = 1.0, 1.0, ""
        for trouble in self._troubles.get(node, {}).values():
            if trouble.effect == "degrade":
                factor /= trouble.factor
                if 1 / trouble.factor > worst:
                    worst, cause = 1 / trouble.factor, trouble.cause
        return factor, cause

    def _effects(self, node: str) -> frozenset[str]:
        return frozenset(trouble.effect for trouble in self._troubles.get(node, {}).values())
