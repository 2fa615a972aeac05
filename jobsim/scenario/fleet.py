"""Nodes: those of the section fleet, and a default fleet that is big enough for the manifests.

The default fleet gives every pod a *slot*: a share of a node that holds the biggest pod that may
land there.  A node that is not full has a free slot, and there are as many slots as pods, so all
pods that can run at once fit however the scheduler spreads them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from jobsim.api import quantity
from jobsim.api._struct import Quantity, Struct
from jobsim.api.core import Node, NodeSpec, NodeStatus, Taint
from jobsim.api.jobset import NAMESPACED_JOB, NO_SCHEDULE_TAINT
from jobsim.api.meta import ObjectMeta
from jobsim.hardware.failures.places import BLOCK, RACK
from jobsim.scenario.demand import HOSTNAME, Demand, demands
from jobsim.scenario.load import Scenario
from jobsim.scenario.manifests import Manifest
from jobsim.scenario.model import Pool

#: Labels whose values are the names of the switches above a node, and the first letters of those.
SWITCHES = {RACK: "r", BLOCK: "b", "topology.jobsim/core": "c"}
PLATFORM = {"kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux"}
DEFAULT_POOL = "default"

#: Pods on one default node, when they do not ask for more than an eighth of its devices.
SLOTS = 8
#: A pod with as many devices has a node to itself.
OWN_NODE_DEVICES = 4
#: The smallest default node, however little the pods ask for.
LEAST = {"cpu": 4 * quantity.NANO, "memory": 16 * 2**30 * quantity.NANO}
#: Racks beside the exclusive ones, for other pods of JobSets that would block one each.
MAX_SPARE_RACKS = 256


class Fleet(Struct):
    """The nodes of a run, and what to tell the user about them (or nothing)."""

    nodes: tuple[Node, ...] = ()
    note: str = ""


def fleet_of(scenario: Scenario) -> Fleet:
    """Return the nodes that a scenario's fleet has, or a default fleet when it has no nodes at all.

    Nodes among the manifests are not included: they are applied as the objects they are.
    """
    if scenario.fleet is not None:
        return Fleet(nodes=tuple(node for pool in scenario.fleet for node in pool_nodes(pool)))
    everything = [*scenario.manifests, *(m for objects in scenario.applied for m in objects)]
    if any(manifest.kind == "Node" for manifest in everything):
        return Fleet()
    return default_fleet(everything)


def pool_nodes(pool: Pool) -> Iterator[Node]:
    """Yield the nodes of a pool: by block, by rack, numbered through."""
    shape = pool.shape
    capacity: dict[str, Quantity] = {
        "cpu": shape.cpu,
        "memory": shape.memory,
        "pods": shape.pods,
        **shape.accelerators,
        **shape.resources,
    }
    place, labels = None, {}
    for number, at in enumerate(_places(pool)):
        if at != place:
            place, labels = at, _labels(pool, at)
        yield make_node(f"{pool.pool}-{number}", labels, capacity, pool.taints)


def _places(pool: Pool) -> Iterator[tuple[int, ...]]:
    """Yield for each node the number of its rack, its block, and so on outwards."""
    if pool.wired:
        yield from pool.wired
    elif pool.nodes:
        yield from [(0, 0)] * pool.nodes
    else:
        for rack in range(pool.blocks * pool.racks):
            yield from [(rack, rack // pool.racks)] * pool.nodes_per_rack


def _labels(pool: Pool, place: Sequence[int]) -> dict[str, str]:
    names = {
        key: f"{pool.pool}-{SWITCHES[key]}{number}" for key, number in zip(SWITCHES, place, strict=False)
    }
    return {
        **PLATFORM,
        **names,
        **pool.shape.labels,
        **dict.fromkeys(pool.block_labels, names[BLOCK]),
        **dict.fromkeys(pool.rack_labels, names[RACK]),
        **pool.labels,
    }


def make_node(
    name: str, labels: Mapping[str, str], capacity: Mapping[str, Quantity], taints: tuple[Taint, ...] = ()
) -> Node:
    """Return a node all of whose capacity is allocatable, with its hostname label."""
    return Node(
        metadata=ObjectMeta(name=name, labels={HOSTNAME: name, **labels}),
        spec=NodeSpec(taints=taints),
        status=NodeStatus(capacity=capacity, allocatable=capacity),
    )


# ---- the default fleet


class _Group:
    """Default nodes with the same labels: whom they serve, and how they are laid out."""

    def __init__(self, labels: Mapping[str, str], served: Sequence[Demand]) -> None:
        self.labels = labels
        self.keys = sorted({key for d in served for key in d.keys} - {HOSTNAME, *labels})
        self.jobs = [name for d in served for name in d.jobs]
        self.slot = _largest(d.amounts for d in served)
        self.slots = _slots(served, self.slot)
        self.racks, self.nodes_per_rack = self._layout(served)

    @property
    def size(self) -> int:
        """The number of its nodes."""
        return self.racks * self.nodes_per_rack

    def _layout(self, served: Sequence[Demand]) -> tuple[int, int]:
        """Return how many racks, and how many nodes in each."""
        pods = sum(d.pods for d in served)
        if HOSTNAME in self.labels:
            return 1, 1
        nodes = max(math.ceil(pods / self.slots), self._hosts(served))
        exclusive = [d for d in served if d.exclusive and d.exclusive != HOSTNAME]
        own = [d.pods for d in served for key in d.apart if key != HOSTNAME]
        racks = max([sum(_jobs(d) for d in exclusive), *own, *(d.domains for d in served), 1])
        if exclusive:
            racks += min(sum(d.pods for d in served if not d.exclusive), MAX_SPARE_RACKS)
            gang = max(math.ceil(d.gang / self.slots) for d in exclusive)
            return racks, max(gang, math.ceil(nodes / racks))
        return racks, math.ceil(nodes / racks)

    def _hosts(self, served: Sequence[Demand]) -> int:
        """Return the fewest nodes that pods which want a host for themselves (or their Job) need."""
        apart = sum(d.pods for d in served if HOSTNAME in d.apart)
        exclusive = [d for d in served if d.exclusive == HOSTNAME]
        others = sum(d.pods for d in served if d.exclusive != HOSTNAME) if exclusive else 0
        return max(apart, sum(_jobs(d) for d in exclusive) + others)

    def nodes(self, first: int, first_rack: int) -> Iterator[Node]:
        """Yield the nodes, numbered from ``first``."""
        capacity = _capacity(self.slot, self.slots)
        for i in range(self.size):
            rack = i // self.nodes_per_rack
            rack_name = f"{DEFAULT_POOL}-r{first_rack + rack}"
            name = self.labels.get(HOSTNAME, f"{DEFAULT_POOL}-{first + i}")
            labels = {**PLATFORM, BLOCK: f"{DEFAULT_POOL}-b0", RACK: rack_name}
            labels |= dict.fromkeys(self.keys, rack_name)
            labels |= self.labels
            taints: tuple[Taint, ...] = ()
            if rack < len(self.jobs):
                labels[NAMESPACED_JOB] = self.jobs[rack]
                taints = (Taint(key=NO_SCHEDULE_TAINT, value="true", effect="NoSchedule"),)
            yield make_node(name, labels, capacity, taints)


def default_fleet(manifests: Iterable[Manifest]) -> Fleet:
    """Return nodes on which everything that the manifests ask for can run at once.

    Nodes carry the labels of selectors and required affinities, the racks the topology keys; with
    exclusive placement there is a rack for each Job.
    """
    asked = [demand for demand in demands(manifests) if demand.pods]
    if not asked:
        return Fleet()
    groups = []
    for labels in _label_sets(asked):
        served = [d for d in asked if d.labels.items() <= labels.items()]
        groups.append(_Group(labels, served))
    nodes: list[Node] = []
    racks = 0
    for group in groups:
        nodes += group.nodes(len(nodes), racks)
        racks += group.racks
    return Fleet(nodes=tuple(nodes), note=_note(groups, racks))


def _label_sets(asked: Iterable[Demand]) -> list[Mapping[str, str]]:
    """Return the sets of labels that nodes must have: one for each that is asked, one for each host."""
    sets: dict[object, dict[str, str]] = {}
    for demand in asked:
        host = demand.labels.get(HOSTNAME)
        key = host if host is not None else tuple(sorted(demand.labels.items()))
        sets[key] = sets.get(key, {}) | dict(demand.labels)
    return list(sets.values())


def _jobs(demand: Demand) -> int:
    return math.ceil(demand.pods / demand.gang)


def _largest(amounts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    largest: dict[str, int] = {}
    for each in amounts:
        for name, amount in each.items():
            largest[name] = max(largest.get(name, 0), amount)
    return largest


def _slots(served: Sequence[Demand], slot: Mapping[str, int]) -> int:
    """Return how many pods a node is made for."""
    if any(HOSTNAME in d.labels for d in served):
        return sum(d.pods for d in served)
    on_one_host = [d.gang for d in served if d.exclusive == HOSTNAME]
    if on_one_host:
        return max(on_one_host)
    if any(d.alone for d in served):
        return 1
    devices = [amount // quantity.NANO for name, amount in slot.items() if "/" in name]
    most = max(devices, default=0)
    if most >= OWN_NODE_DEVICES:
        return 1
    return SLOTS // most if most > 1 else SLOTS


def _capacity(slot: Mapping[str, int], slots: int) -> dict[str, Quantity]:
    amounts = {name: max(slots * slot.get(name, 0), least) for name, least in LEAST.items()}
    amounts |= {name: slots * amount for name, amount in slot.items() if name not in LEAST}
    capacity: dict[str, Quantity] = {name: -(-amount // quantity.NANO) for name, amount in amounts.items()}
    capacity["memory"] = f"{-(-amounts['memory'] // (2**20 * quantity.NANO))}Mi"
    return {**capacity, "pods": max(110, slots)}


def _note(groups: Sequence[_Group], racks: int) -> str:
    """Return the sentence that tells the user what was made."""
    kinds = []
    for group in groups:
        capacity = _capacity(group.slot, group.slots)
        devices = [f"{name} {amount}" for name, amount in capacity.items() if "/" in name]
        memory = f"memory {int(str(capacity['memory']).removesuffix('Mi')) / 1024:g}Gi"
        has = ", ".join([*devices, f"cpu {capacity['cpu']}", memory])
        labelled = ", ".join([*(f"{k}={v}" for k, v in group.labels.items()), *group.keys])
        kinds.append(f"{group.size} with {has}" + (f" and labels {labelled}" if labelled else ""))
    total = sum(group.size for group in groups)
    plural = "" if total == 1 else "s"
    return (
        f"no fleet given: made {total} default node{plural} in {racks} rack{'' if racks == 1 else 's'}, "
        "enough for everything at once: " + "; ".join(kinds)
    )
