"""Places that can fail: the entities of a fleet, and which nodes each of them takes along."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from jobsim.hardware.failures.plans import Process
from jobsim.rng import uniform

#: Labels of the nodes of a fleet that name their rack and block.
RACK = "topology.jobsim/rack"
BLOCK = "topology.jobsim/block"
#: Entities that are named by a label of their nodes; any other label key works as well.
DOMAINS: Mapping[str, str] = {"rack": RACK, "block": BLOCK}


class Machine(NamedTuple):
    """A node, as far as failures are concerned."""

    name: str
    labels: Mapping[str, str]
    accelerators: int

    @property
    def pool(self) -> str:
        """The pool that its name says: what stands before the last dash."""
        return self.name.rpartition("-")[0]


class Entity(NamedTuple):
    """Something that fails as one: its name, its nodes, and which accelerator of its node it is (or -1).

    Examples
    --------
    >>> Entity("h100-3", ("h100-3",)).accelerator
    -1
    """

    name: str
    nodes: tuple[str, ...]
    accelerator: int = -1


def in_pool(machines: Iterable[Machine], pool: str) -> list[Machine]:
    """Return the nodes of a pool; "" means all."""
    return [machine for machine in machines if pool in ("", machine.pool)]


def entities(per: str, machines: Sequence[Machine]) -> list[Entity]:
    """Return the entities of a kind, in the order of their first nodes.

    Parameters
    ----------
    per : str
        accelerator, node, link (a node's connection to its switch), rack, block, or a label key.
    """
    if per == "accelerator":
        return [Entity(f"{m.name}/{i}", (m.name,), i) for m in machines for i in range(m.accelerators)]
    if per in ("node", "link"):
        return [Entity(m.name, (m.name,)) for m in machines]
    label = DOMAINS.get(per, per)
    members: dict[str, list[str]] = {}
    for machine in machines:
        name = machine.labels.get(label)
        if name:
            members.setdefault(name, []).append(machine.name)
    return [Entity(name, tuple(nodes)) for name, nodes in members.items()]


def named(name: str | int, machines: Sequence[Machine]) -> Entity:
    """Return the entity of a name: a node (also by its number), rack or block."""
    if isinstance(name, int):
        name = machines[name].name
    nodes = [m.name for m in machines if name in (m.name, *(m.labels.get(key) for key in DOMAINS.values()))]
    return Entity(name, tuple(nodes))


def chosen(seed: int, purpose: str, share: float, machines: Iterable[Machine]) -> list[Machine]:
    """Return the nodes that a share is made of: each by a draw of its own, so that one more moves none."""
    return [m for m in machines if share > 0 and uniform(seed, purpose, m.name) < share]


def speedup(seed: int, process: Process, entity: Entity) -> float:
    """Return how many times as fast an entity's clock runs: a lemon's, or 1."""
    if process.lemon_share <= 0 or len(entity.nodes) != 1:
        return 1.0
    lemon = uniform(seed, "lemon", entity.nodes[0]) < process.lemon_share
    return process.lemon_factor if lemon else 1.0
