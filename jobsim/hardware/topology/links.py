"""From single cables to tiers of switches.

Real fabrics are no trees: a host reaches a leaf a NIC, a leaf many spines.  Switches of one height
that share something below them are taken together; what is left is a tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import networkx as nx


class Cable(NamedTuple):
    """A link from something to the switch above it; ``gbs`` GB/s one way, 0 where the file is silent."""

    line: int
    child: str
    parent: str
    gbs: float


class Tree(NamedTuple):
    """Hosts, the groups of switches above each from the inside out, and what groups carry upwards."""

    hosts: tuple[str, ...]
    paths: tuple[tuple[str, ...], ...]
    up: Mapping[tuple[str, ...], float]


Wrong = list[tuple[int | None, str]]


def tiers(cables: Sequence[Cable]) -> tuple[Tree | None, Wrong]:
    """Return the tree that some cables make, or what is wrong with them (line, text)."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    wrong: Wrong = []
    for cable in cables:
        if graph.has_edge(cable.child, cable.parent):
            first = graph.edges[cable.child, cable.parent]["line"]
            wrong.append((cable.line, f"{cable.child} to {cable.parent} comes twice (line {first} too)"))
            continue
        graph.add_edge(cable.child, cable.parent, line=cable.line, gbs=cable.gbs)
    wrong += _cycles(graph)
    if not wrong:
        wrong += _parts(graph)
    if wrong:
        return None, wrong
    height = _heights(graph)
    wrong += _uneven(graph, height)
    return (None, wrong) if wrong else (_tree(graph, height), [])


def _cycles(graph: nx.DiGraph[str]) -> Iterator[tuple[int | None, str]]:
    try:
        cycle = [edge[:2] for edge in nx.find_cycle(graph)]
    except nx.NetworkXNoCycle:
        return
    way = " to ".join([cycle[0][0], *(parent for _, parent in cycle)])
    yield graph.edges[cycle[-1]]["line"], f"a cycle: {way} (every switch below the next)"


def _parts(graph: nx.DiGraph[str]) -> Iterator[tuple[int | None, str]]:
    """Yield the parts that are not connected with the largest."""
    parts = sorted(nx.weakly_connected_components(graph), key=lambda p: (-len(p), min(p)))
    for part in parts[1:]:
        line = min(data["line"] for _, _, data in graph.edges(part, data=True))
        named = ", ".join(sorted(part)[:4]) + (", ..." if len(part) > 4 else "")
        yield line, f"{named}: not connected with the rest, such as {min(parts[0])} (one network)"


def _heights(graph: nx.DiGraph[str]) -> dict[str, int]:
    """Return how far each name is above the hosts, at most."""
    height: dict[str, int] = {}
    for name in nx.topological_sort(graph):
        height[name] = 1 + max((height[child] for child in graph.predecessors(name)), default=-1)
    return height


def _uneven(graph: nx.DiGraph[str], height: Mapping[str, int]) -> Iterator[tuple[int | None, str]]:
    top = max(height.values())
    for child, parent, data in graph.edges(data=True):
        if height[parent] != height[child] + 1:
            below = f"{height[child]} above them" if height[child] else "a host"
            yield (
                data["line"],
                f"{child} is {below}, {parent} is {height[parent]} tiers above the hosts: "
                "the link skips a tier (a link leads one tier up)",
            )
    for name in graph:
        if not graph.out_degree(name) and height[name] < top:
            line = next(data["line"] for _, _, data in graph.in_edges(name, data=True))
            yield line, f"{name} leads to no switch above it, others of its tier do (a parent)"


def _tree(graph: nx.DiGraph[str], height: Mapping[str, int]) -> Tree:
    """Return the tree of groups, from the hosts outwards."""
    group = {name: name for name in graph if not height[name]}
    hosts = tuple(group)
    above: list[dict[str, str]] = []
    for tier in range(1, max(height.values()) + 1):
        names = {name: i for i, name in enumerate(n for n in graph if height[n] == tier)}
        linked: nx.Graph[tuple[str, str]] = nx.Graph()
        for name in names:
            linked.add_edges_from((("up", name), ("down", group[c])) for c in graph.predecessors(name))
        parents: dict[str, str] = {}
        for part in nx.connected_components(linked):
            switches = sorted((name for side, name in part if side == "up"), key=names.__getitem__)
            called = switches[0] + (f"+{len(switches) - 1}" if len(switches) > 1 else "")
            group |= dict.fromkeys(switches, called)
            parents |= {name: called for side, name in part if side == "down"}
        above.append(parents)
    paths = {host: tuple(_way(host, above)) for host in hosts}
    up: dict[tuple[str, ...], float] = {}
    place = {path[i]: path[i:] for path in paths.values() for i in range(len(path))}
    for child, _, data in graph.edges(data=True):
        if height[child] and data["gbs"]:
            path = place[group[child]]
            up[path] = up.get(path, 0.0) + data["gbs"]
    return Tree(hosts, tuple(paths.values()), up)


def _way(host: str, above: Sequence[Mapping[str, str]]) -> Iterator[str]:
    name = host
    for parents in above:
        name = parents[name]
        yield name
