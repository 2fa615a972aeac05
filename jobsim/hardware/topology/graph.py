"""The network as a networkx graph: for looking at it, for paths and for cuts.

Nodes are ``(tier, number)``: ``("host", 3)``, ``("rack", 0)``, ``("core", 0)``; every node has a ``name``,
every edge its ``capacity``, GB/s one way.  With ``accelerators`` each one stands below the NVSwitch (or
ICI) of its scale-up domain and the NIC of its rail, and a rack of a rail-optimised unit is one leaf switch
a rail.
"""

from __future__ import annotations

import networkx as nx
import numpy as np

from jobsim.hardware.topology.build import FloatArray, Level, Topology

Node = tuple[str | int, ...]
#: What is above the outermost tier when that has several switches.
TOP: Node = ("core", 0)


def graph(topology: Topology, *, accelerators: bool = False, scale_up: float = np.inf) -> nx.Graph[Node]:
    """Return the network as a graph.

    Parameters
    ----------
    topology : Topology
    accelerators : bool
        With accelerators, domains and rails; else from the hosts outwards.
    scale_up : float
        GB/s one way between an accelerator and its domain.
    """
    made: nx.Graph[Node] = nx.Graph()
    for i, (name, rate) in enumerate(zip(topology.hosts, topology.line_rate.tolist(), strict=True)):
        rack = int(topology.levels[0].of_host[i])
        made.add_node(("host", i), name=name)
        if accelerators:
            _rails(made, topology, i, rack, scale_up)
        else:
            made.add_edge(("host", i), ("rack", rack), capacity=rate)
    for tier, level in enumerate(topology.levels):
        above = topology.levels[tier + 1] if tier + 1 < len(topology.levels) else None
        _tier(made, topology, tier, level, above, rails=accelerators and tier == 0)
    return made


def _key(topology: Topology, tier: int) -> str:
    return "rack" if tier == 0 else topology.levels[tier].name


def _rails(made: nx.Graph[Node], topology: Topology, i: int, rack: int, scale_up: float) -> None:
    """Add a host's accelerators, one NIC each, and the leaf of each rail."""
    machine = topology.machine(i)
    domain = ("domain", int(topology.domain_of[i]))
    made.add_node(domain, name=f"domain {domain[1]}")
    for number in range(machine.accelerators):
        one, leaf = ("accelerator", i, number), ("leaf", rack, number * machine.rails // machine.accelerators)
        made.add_node(one, name=f"{topology.hosts[i]}:{number}")
        made.add_edge(("host", i), one, capacity=np.inf)
        made.add_edge(one, domain, capacity=scale_up)
        made.add_edge(one, leaf, capacity=machine.nic)
        made.nodes[leaf]["name"] = f"{topology.levels[0].names[rack]} rail {leaf[2]}"


def _tier(
    made: nx.Graph[Node], topology: Topology, tier: int, level: Level, above: Level | None, *, rails: bool
) -> None:
    first = np.unique(level.of_host, return_index=True)[1]
    for number, (name, up) in enumerate(zip(level.names, level.up.tolist(), strict=True)):
        own: list[Node] = [(_key(topology, tier), number)]
        if rails:
            leaves = [node for node in made if node[0] == "leaf" and node[1] == number]
            own = sorted(leaves, key=lambda node: int(node[2])) or own
        parent = TOP
        if above is not None:
            parent = (_key(topology, tier + 1), int(above.of_host[first[number]]))
        elif len(level.names) == 1:
            parent = own[0]
        for node in own:
            made.add_node(node, name=made.nodes[node].get("name", name) if rails and node in made else name)
            if node != parent:
                made.add_edge(node, parent, capacity=up / len(own))
    if above is None and len(level.names) > 1:
        made.nodes[TOP]["name"] = "core"


def path(topology: Topology, a: str, b: str) -> list[str]:
    """Return the names on the way from one host to another, both included.

    Raises
    ------
    ValueError
        When the network has no such host.
    """
    for name in (a, b):
        if name not in topology.number_of:
            raise ValueError(
                f"no host {name[:60]} (there are {len(topology.hosts)}, {topology.hosts[0]}, ...)"
            )
    made = graph(topology)
    ends = (("host", topology.number_of[a]), ("host", topology.number_of[b]))
    return [str(made.nodes[node]["name"]) for node in nx.shortest_path(made, *ends)]


def bisection(topology: Topology) -> float:
    """Return the bisection bandwidth, GB/s one way: the least that halves of the hosts have between them.

    Exact: of all ways to cut the hosts into halves (one more on a side, if they are odd), with switches on
    whichever side costs less.  Quadratic in the number of hosts.
    """
    count = len(topology.hosts)
    if count < 2:
        return 0.0
    rate = topology.line_rate
    # Of the hosts below a switch: the least cut with k of them on the switch's other side.
    below = [np.array([0.0, one]) for one in rate.tolist()]
    groups = np.arange(count)
    for level in topology.levels:
        up = [*level.up.tolist()]
        merged = [np.zeros(1) for _ in up]
        parent = level.of_host[np.unique(groups, return_index=True)[1]]
        for child, number in zip(below, parent.tolist(), strict=True):
            merged[number] = _min_plus(merged[number], child)
        single = len(up) == 1
        below = [cut if single else _flip(cut, one) for cut, one in zip(merged, up, strict=True)]
        groups = level.of_host
    total = np.zeros(1)
    for cut in below:
        total = _min_plus(total, cut)
    return float(min(total[count // 2], total[count - count // 2]))


def _flip(cut: FloatArray, up: float) -> FloatArray:
    """Let the switch itself stand on either side: on the other one it costs its up-links."""
    return np.minimum(cut, cut[::-1] + up)


def _min_plus(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the least sum over all ways to split k between two parts."""
    short, long = (a, b) if len(a) <= len(b) else (b, a)
    made = np.full(len(a) + len(b) - 1, np.inf)
    for k, value in enumerate(short.tolist()):
        made[k : k + len(long)] = np.minimum(made[k : k + len(long)], long + value)
    return made
