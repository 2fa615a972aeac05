"""Links that carry less than they should: of machines to their switches, and of switches upwards.

A link is named by what is below it: a node's name, or the number of a rack's or block's up-links in the
topology.  Troubles of one link at a time multiply, as those of a node do (``runtime.outages``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from jobsim.hardware.topology import Topology

#: A node's name, or a number of ``Topology.links``.
Link = str | int


class Trouble(NamedTuple):
    """Why a link is slow: the share of its rate that is left, and what is to blame."""

    factor: float
    cause: str


class Links:
    """The troubles of all links.

    Parameters
    ----------
    topology : Topology
    changed : callable
        Told the links whose rate changed.
    """

    def __init__(self, topology: Topology, changed: Callable[[Sequence[Link]], None]) -> None:
        self._topology = topology
        self._changed = changed
        self._troubles: dict[Link, dict[int, Trouble]] = {}
        self._count = 0

    def above(self, entity: str, nodes: Sequence[str]) -> list[Link]:
        """Return the links upwards of a node, rack or block; of other groups of nodes: those of each node."""
        topology = self._topology
        host = topology.number_of.get(nodes[0]) if nodes else None
        if host is None or entity in nodes:
            return list(nodes)
        first = 0
        for level in topology.levels:
            switch = int(level.of_host[host])
            if entity in (level.names[switch], level.names[switch].rpartition("/")[2]):
                return [first + switch]
            first += len(level.names)
        return list(nodes)

    def begin(self, links: Sequence[Link], factor: float, cause: str) -> Callable[[], None]:
        """Let links carry so much of their rate; return what ends that."""
        self._count += 1
        number = self._count
        for link in links:
            self._troubles.setdefault(link, {})[number] = Trouble(factor, cause)
        self._changed(links)

        def end() -> None:
            for link in links:
                del self._troubles[link][number]
                if not self._troubles[link]:
                    del self._troubles[link]
            self._changed(links)

        return end

    @property
    def sound(self) -> bool:
        """Whether all links carry what they should."""
        return not self._troubles

    def left(self, link: Link) -> Trouble:
        """Return the share of its rate that a link has, and what is to blame most."""
        troubles: Mapping[int, Trouble] = self._troubles.get(link, {})
        factor, worst = 1.0, Trouble(1.0, "")
        for trouble in troubles.values():
            factor *= trouble.factor
            worst = min(worst, trouble, key=lambda each: each.factor)
        return Trouble(factor, worst.cause)
