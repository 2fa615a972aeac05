"""The scheduler's node list: zones take turns, nodes of a zone in the order of their coming.

Source: kubernetes pkg/scheduler/backend/cache/node_tree.go; component-helpers node/topology GetZoneKey.
"""

from __future__ import annotations

import numpy as np

from jobsim.api.meta import Labels
from jobsim.controllers.scheduler.columns import IntArray

_REGION = ("failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region")
_ZONE = ("failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone")


def zone_of(labels: Labels) -> tuple[str, str]:
    """Return a node's region and zone; the older labels win."""
    region = next((labels[key] for key in _REGION if key in labels), "")
    zone = next((labels[key] for key in _ZONE if key in labels), "")
    return region, zone


class NodeTree:
    """Node numbers by zone."""

    def __init__(self) -> None:
        self._zones: dict[tuple[str, str], dict[str, int]] = {}
        self._zone_of: dict[str, tuple[str, str]] = {}
        self._order: IntArray | None = None
        self._stale = False

    def add(self, name: str, number: int, labels: Labels) -> None:
        """Append a node to its zone."""
        zone = zone_of(labels)
        self._zones.setdefault(zone, {})[name] = number
        self._zone_of[name] = zone
        self._stale = True

    def remove(self, name: str) -> None:
        """Take a node out; an empty zone goes too."""
        zone = self._zone_of.pop(name)
        nodes = self._zones[zone]
        del nodes[name]
        if not nodes:
            del self._zones[zone]
        self._stale = True

    def move(self, name: str, number: int, labels: Labels) -> None:
        """Append a node to its new zone if that changed."""
        if zone_of(labels) != self._zone_of[name]:
            self.remove(name)
            self.add(name, number, labels)

    def order(self) -> IntArray | None:
        """Return node numbers in list order; None when that is 0, 1, 2, ... without a gap."""
        if self._stale:
            numbers = self._listed()
            in_order = bool(np.array_equal(numbers, np.arange(len(numbers))))
            self._order = None if in_order else numbers
            self._stale = False
        return self._order

    def _listed(self) -> IntArray:
        lists = [list(nodes.values()) for nodes in self._zones.values()]
        if len(lists) <= 1:
            return np.array(lists[0] if lists else [], dtype=np.int64)
        longest = max(len(one) for one in lists)
        turns = [one[turn] for turn in range(longest) for one in lists if turn < len(one)]
        return np.array(turns, dtype=np.int64)
