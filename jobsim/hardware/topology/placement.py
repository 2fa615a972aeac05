"""Where a job is: its scale-up domains in the order of its ranks, and what it asks of shared links.

A ring goes through all ranks in order, the ranks of a domain one after the other (as collective libraries
do), so it leaves a switch as often as the next domain in order is below another one.  An all-to-all sends
from h of k domains h (k - h) / (k - 1) times what one can send.

Source: models of networks, section 2.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from jobsim.hardware.topology.build import FloatArray, IntArray, Level, Machine, Topology

#: Link numbers and GB/s at the full line rate.
Loads = dict[int, float]


class Footprint(NamedTuple):
    """The part of a network that a job stands on.

    Parameters
    ----------
    hosts : (domains,) array of int
        One host of each scale-up domain, in the order of ranks.
    machines : int
        Machines that the job is on.
    ranks : int
        Ranks in each domain (where they differ, as many as spread over all).
    total : int
        All ranks.
    least : int
        The fewest domains that could hold it.
    machine : Machine
        The kind of the first host.
    """

    hosts: IntArray
    machines: int
    ranks: int
    total: int
    least: int
    machine: Machine

    @property
    def domains(self) -> int:
        """Number of its scale-up domains."""
        return len(self.hosts)

    @property
    def rate(self) -> float:
        """What each domain can send, GB/s."""
        return self.ranks * self.machine.nic


def footprint(topology: Topology, ranks: Iterable[tuple[str, int]]) -> Footprint | None:
    """Return where a job is; None when the network does not know one of its hosts, or it has no pods.

    Parameters
    ----------
    topology : Topology
    ranks : iterable of (str, int)
        Host of each pod and how many accelerators it has, in rank order.  A job without accelerators has
        one rank a pod, and nobody knows how many of them a machine could hold.
    """
    first: dict[int, int] = {}
    machines: dict[int, None] = {}
    total = pods = 0
    for name, count in ranks:
        host = topology.number_of.get(name)
        if host is None:
            return None
        first.setdefault(int(topology.domain_of[host]), host)
        machines[host] = None
        total += count
        pods += 1
    if not pods:
        return None
    hosts = np.fromiter(first.values(), np.int64, len(first))
    machine = topology.machine(int(hosts[0]))
    room = max(machine.domain, machine.accelerators)
    least = -(-total // room) if total and room else len(first)
    each = -(-max(total, pods) // len(first))
    # Pods that were on a machine one after another had the same accelerators.
    each = min(each, room) if room else each
    total = min(max(total, pods), each * len(first))
    return Footprint(hosts, len(machines), each, total, min(least, len(first)), machine)


def crossings(level: Level, hosts: IntArray) -> IntArray:
    """Return how many edges of the ring through some hosts leave each switch of a tier."""
    groups = level.of_host[hosts]
    leaving = groups[groups != np.roll(groups, -1)]
    return np.bincount(leaving, minlength=len(level.names))


def spread(level: Level, hosts: IntArray) -> FloatArray:
    """Return what an all-to-all sends out of each switch of a tier, in rates of one host (or domain)."""
    count = len(hosts)
    inside = np.bincount(level.of_host[hosts], minlength=len(level.names))
    return inside * (count - inside) / max(1, count - 1)


def loads(topology: Topology, where: Footprint, *, everybody: bool = False) -> Loads:
    """Return what a job puts on each up-link at its full line rate, GB/s by the link's number.

    Parameters
    ----------
    topology, where :
    everybody : bool
        All-to-all, instead of rings and trees.
    """
    pattern = spread if everybody else crossings
    return _loads(topology.levels, [pattern(level, where.hosts) for level in topology.levels], where.rate)


def anywhere(topology: Topology, where: Footprint, draw: Callable[[int], IntArray]) -> Footprint:
    """Return the job on domains of its kind that were drawn, in the order in which they were.

    ``draw`` returns the numbers below some number in random order.
    """
    hosts = candidates(topology, where)
    return where._replace(hosts=hosts[draw(len(hosts))[: where.domains]])


def _loads(levels: Sequence[Level], times: Sequence[IntArray | FloatArray], rate: float) -> Loads:
    found: Loads = {}
    offset = 0
    for level, each in zip(levels, times, strict=True):
        for number in np.flatnonzero(each).tolist():
            if rate and np.isfinite(level.up[number]):
                found[offset + number] = float(each[number]) * rate
        offset += len(level.names)
    return found


def candidates(topology: Topology, where: Footprint) -> IntArray:
    """Return one host of each domain that a job could have: of its kind, or any if those are too few."""
    kind = topology.machines.index(where.machine)
    alike = topology.machine_of == kind
    for hosts in (np.flatnonzero(alike), np.arange(len(topology.hosts))):
        _, first = np.unique(topology.domain_of[hosts], return_index=True)
        if len(first) >= where.domains:
            break
    return hosts[np.sort(first)]


def best(topology: Topology, where: Footprint) -> Footprint:
    """Return the job packed as tightly as an empty cluster lets it: few switches, each visited once."""
    hosts = candidates(topology, where)
    packed = _pack(list(reversed(topology.levels)), hosts, where.least)
    ranks = -(-where.total // len(packed))
    machines = min(where.machines, len(packed) * -(-ranks // max(1, where.machine.accelerators)))
    return where._replace(hosts=packed, ranks=ranks, machines=machines)


def _pack(levels: Sequence[Level], hosts: IntArray, count: int) -> IntArray:
    """Take hosts below the smallest switch that has enough; else whole switches, the largest first."""
    if not levels or count >= len(hosts):
        if not levels:
            return hosts[:count]
        order = np.lexsort([level.of_host[hosts] for level in reversed(levels)])
        return hosts[order][:count]
    groups = levels[0].of_host[hosts]
    sizes = np.bincount(groups)
    present = np.flatnonzero(sizes)
    taken: list[IntArray] = []
    while count > 0:
        enough = present[sizes[present] >= count]
        pick = enough[np.argmin(sizes[enough])] if len(enough) else present[np.argmax(sizes[present])]
        below = _pack(levels[1:], hosts[groups == pick], min(count, int(sizes[pick])))
        taken.append(below)
        count -= len(below)
        present = present[present != pick]
    return np.concatenate(taken)
