"""The network of a cluster as flat arrays: one number a host and level.

Up-links of a switch tier with oversubscription o carry 1/o of what its down-links carry; a rack of H
hosts with g accelerators of b GB/s each has H g b / o (models of networks, section 1).  A
rail-optimised unit, whose hosts reach one leaf switch a NIC, is one rack: traffic on a rail stays
inside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from jobsim.hardware.catalogue import Fabric

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

#: Names of the tiers of switches, from the machine outwards.
LEVELS = ("rack", "block", "core")


class Machine(NamedTuple):
    """What the network needs to know of a kind of machine.

    Parameters
    ----------
    accelerators : int
    nic : float
        Line rate of the scale-out network per accelerator, GB/s one way; 0: unknown.
    domain : int
        Accelerators in one scale-up domain; 0: those of one machine.
    rails : int
        NICs of a machine that lead to leaf switches of their own; 1: all to one switch.
    fabric : str or Fabric
        The preset that collectives cost by (a name is the catalogue's), or empty.
    oversubscription : tuple of float
        Of the tiers from the rack outwards; missing ones are 1.
    torus : tuple of int
        TPU: chips along each axis of the slice that it is part of.
    peak_tflops : float
        Peak of one accelerator, TFLOP/s; 0: unknown.
    pool : str
        Machines that a job can have instead of each other.
    """

    accelerators: int = 0
    nic: float = 0.0
    domain: int = 0
    rails: int = 1
    fabric: str | Fabric = ""
    oversubscription: tuple[float, ...] = ()
    torus: tuple[int, ...] = ()
    peak_tflops: float = 0.0
    pool: str = ""


class Host(NamedTuple):
    """One machine and the switches above it.

    Parameters
    ----------
    name : str
    path : tuple of str
        Names of its rack, its block, ... from the inside out.  A name belongs to the switch above it:
        two blocks may both have a rack ``r1``.
    machine : Machine
    domain : str
        Its scale-up domain, where it is known; empty: machines of a kind in one rack, in order, fill
        domains of ``machine.domain`` accelerators.
    """

    name: str
    path: tuple[str, ...]
    machine: Machine
    domain: str = ""


class Level(NamedTuple):
    """One tier of switches.

    Parameters
    ----------
    name : str
    names : tuple of str
        Of its switches (groups of equal ones).
    of_host : (hosts,) array of int
        The switch above each host.
    up : (switches,) array of float
        Capacity of the links upwards, GB/s one way; infinite where nothing is above, or nothing known.
    """

    name: str
    names: tuple[str, ...]
    of_host: IntArray
    up: FloatArray


class Topology(NamedTuple):
    """A cluster's network.

    Parameters
    ----------
    hosts : tuple of str
    machines : tuple of Machine
        The kinds of machines.
    machine_of : (hosts,) array of int
    domain_of : (hosts,) array of int
        The scale-up domain of each host.
    levels : tuple of Level
        From the racks outwards.
    number_of : mapping of str to int
        Number of each host, by name.
    """

    hosts: tuple[str, ...]
    machines: tuple[Machine, ...]
    machine_of: IntArray
    domain_of: IntArray
    levels: tuple[Level, ...]
    number_of: Mapping[str, int]

    @property
    def accelerators(self) -> IntArray:
        """Accelerators of each host."""
        return np.array([m.accelerators for m in self.machines], np.int64)[self.machine_of]

    @property
    def line_rate(self) -> FloatArray:
        """Scale-out line rate of each host, GB/s one way."""
        rates = [m.accelerators * m.nic for m in self.machines]
        return np.array(rates, np.float64)[self.machine_of]

    @property
    def links(self) -> FloatArray:
        """Capacities of all up-links, level after level, GB/s one way."""
        return np.concatenate([np.empty(0), *(level.up for level in self.levels)])

    def machine(self, host: int) -> Machine:
        """Return the kind of a host."""
        return self.machines[int(self.machine_of[host])]

    def oversubscribed(self) -> bool:
        """Tell whether any tier carries less than the hosts below it can send."""
        rate = self.line_rate
        return any(
            bool(np.any(level.up < np.bincount(level.of_host, rate, len(level.names)) * (1 - 1e-12)))
            for level in self.levels
        )


def build(
    hosts: Iterable[Host], levels: Sequence[str] = (), up: Mapping[tuple[str, ...], float] = {}
) -> Topology:
    """Return the network of some hosts.

    Parameters
    ----------
    hosts : iterable of Host
        All with paths of one length.
    levels : sequence of str
        Names of the tiers, from the inside out; default ``rack``, ``block``, ``core``.
    up : mapping of tuple of str to float
        Capacity of a switch's up-links, GB/s one way, by its path outwards; else by oversubscription.

    Raises
    ------
    ValueError
        When a host comes twice or paths differ in length.
    """
    found = list(hosts)
    depth = len(found[0].path) if found else 0
    index = {host.name: i for i, host in enumerate(found)}
    if len(index) < len(found):
        twice = next(host.name for i, host in enumerate(found) if index[host.name] != i)
        raise ValueError(f"host {twice} comes twice")
    if any(len(host.path) != depth for host in found):
        raise ValueError("some hosts have more switches above them than others")
    kinds = {machine: i for i, machine in enumerate(dict.fromkeys(host.machine for host in found))}
    names = [*levels, *LEVELS[len(levels) :], *(f"tier {i}" for i in range(len(LEVELS), depth))]
    rate = np.array([h.machine.accelerators * h.machine.nic for h in found], np.float64)
    tiers = []
    for tier in range(depth):
        rate = rate / np.array([_over(host.machine, tier) for host in found], np.float64)
        level = _level(names[tier], [host.path[tier:] for host in found], rate, up)
        below = _sums(level, rate)
        limited = np.isfinite(level.up) & (below > 0)
        rate = rate * np.divide(level.up, below, out=np.ones(len(below)), where=limited)[level.of_host]
        tiers.append(level)
    return Topology(
        hosts=tuple(index),
        machines=tuple(kinds),
        machine_of=np.array([kinds[host.machine] for host in found], np.int64),
        domain_of=_domains(found),
        levels=tuple(tiers),
        number_of=index,
    )


def _over(machine: Machine, tier: int) -> float:
    return machine.oversubscription[tier] if tier < len(machine.oversubscription) else 1.0


def _sums(level: Level, rate: FloatArray) -> FloatArray:
    return np.bincount(level.of_host, rate, len(level.names)).astype(np.float64)


def _level(
    name: str, paths: Sequence[tuple[str, ...]], rate: FloatArray, given: Mapping[tuple[str, ...], float]
) -> Level:
    """Return a tier from each host's path from there outwards; only names that are shared are spelled out."""
    numbers = {path: i for i, path in enumerate(dict.fromkeys(paths))}
    of_host = np.array([numbers[path] for path in paths], np.int64)
    up = np.bincount(of_host, rate, len(numbers)).astype(np.float64)
    for path, gbs in given.items():
        if path in numbers:
            up[numbers[path]] = gbs
    # Machines of an unknown network limit nobody.
    up[up == 0] = np.inf
    if len(numbers) == 1:
        up[:] = np.inf
    times = Counter(path[0] for path in numbers)
    shown = tuple("/".join(reversed(path)) if times[path[0]] > 1 else path[0] for path in numbers)
    return Level(name, shown, of_host, up)


def _domains(hosts: Sequence[Host]) -> IntArray:
    """Return the scale-up domain of each host: the one it names, or the next with room in its rack."""
    numbers: dict[object, int] = {}
    seen: dict[object, int] = {}
    found = np.empty(len(hosts), np.int64)
    for i, host in enumerate(hosts):
        machine = host.machine
        size = max(1, machine.domain // max(1, machine.accelerators))
        key: object = host.domain
        if not host.domain:
            place = (machine, host.path) if size > 1 else i
            key = (place, seen.get(place, 0) // size)
            seen[place] = seen.get(place, 0) + 1
        found[i] = numbers.setdefault(key, len(numbers))
    return found
