"""The network of a Scenario's nodes: pools say what machines they are, labels where they stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jobsim.api import codec, quantity
from jobsim.api.core import Node
from jobsim.api.devices import accelerators
from jobsim.api.jobset import JobSet
from jobsim.api.pod import Pod
from jobsim.api.reader import Reader
from jobsim.hardware.catalogue import Fabric, Hardware
from jobsim.hardware.gang import latest, where
from jobsim.hardware.price import USUAL_BYTES, score
from jobsim.hardware.topology import Machine, Topology
from jobsim.hardware.topology.labels import from_nodes, guess, machine_of
from jobsim.scenario.load import Scenario
from jobsim.scenario.manifests import Manifest
from jobsim.scenario.model import Pool, WorkloadSpec


def network_of(scenario: Scenario, nodes: Sequence[Node]) -> Topology | None:
    """Return the network of a run; None when it has no nodes.

    Parameters
    ----------
    scenario : Scenario
    nodes : sequence of Node
        Those of its fleet, in its order; Node manifests are added, those that actions apply too.
    """
    machines: dict[str, Machine] = {}
    up: dict[str, tuple[float, ...]] = {}
    names = iter(nodes)
    known = scenario.hardware
    for pool in scenario.fleet or ():
        kind = _on_own_fabric(_machine_of_pool(pool, known.fabrics), known)
        own = [node.name for _, node in zip(range(pool.size), names, strict=False)]
        machines |= dict.fromkeys(own, kind)
        given = dict(pool.up)
        if given:
            rates = (
                tuple(given.get(place[tier:], 0.0) for tier in range(len(place))) for place in pool.wired
            )
            up |= zip(own, rates, strict=True)
    applied = [manifest for objects in scenario.applied for manifest in objects]
    everything = [*nodes, *own_nodes([*scenario.manifests, *applied])]
    if not everything:
        return None

    def machine(node: Node) -> Machine:
        found = machines.get(node.name)
        if found is None:
            shape = guess(node, known.shapes)
            if shape is None:
                count = accelerators(node.status.capacity)
                return Machine(accelerators=count, domain=count)
            fabric = known.fabrics.get(shape.fabric)
            found = _on_own_fabric(machine_of(shape, fabric, labels=node.metadata.labels), known)
        return found

    return from_nodes({node.name: node for node in everything}.values(), machine, up=up)


def _on_own_fabric(machine: Machine, known: Hardware) -> Machine:
    """Return a machine with the numbers of its fabric, where they are no longer the catalogue's."""
    fabric = known.theirs.get(machine.fabric) if isinstance(machine.fabric, str) else None
    return machine if fabric is None else machine._replace(fabric=fabric)


def _machine_of_pool(pool: Pool, fabrics: Mapping[str, Fabric]) -> Machine:
    over = pool.oversubscription
    fabric = fabrics.get(pool.fabric or pool.shape.fabric)
    return machine_of(pool.shape, fabric, (over.rack, over.block), pool.labels)._replace(pool=pool.pool)


def own_nodes(manifests: Iterable[Manifest]) -> list[Node]:
    """Return the Node manifests as objects, but for those that are none: the API server says why."""
    found = []
    for manifest in manifests:
        if manifest.kind != "Node":
            continue
        try:
            node = codec.from_dict(codec.prune_nulls(manifest.data))
            if isinstance(node, Node):
                accelerators(node.status.capacity)
                found.append(node)
        except ValueError:
            continue
    return found


def placements(scenario: Scenario, nodes: Sequence[Node], reader: Reader) -> dict[tuple[str, str], Any]:
    """Return what the placement of each JobSet costs, as plain data, by namespace and name.

    Only those that are there, of the pods that are there; and only where a network has more than one
    machine to choose from.
    """
    topology = network_of(scenario, nodes)
    if topology is None or len(topology.hosts) < 2:
        return {}
    work = {(spec.match.namespace, spec.match.jobset): spec for spec in scenario.workloads}
    found = {}
    for jobset in reader.list(JobSet):
        spec = work.get(jobset.key)
        pods = reader.by_index(Pod, "jobset", f"{jobset.namespace}/{jobset.name}")
        at = where(topology, jobset, latest(pods, spec.match.replicated_jobs if spec is not None else ()))
        if at is not None:
            found[jobset.key] = score(topology, at, _largest(spec)).row()
    return found


def _largest(spec: WorkloadSpec | None) -> float:
    """Return the bytes of a workload's largest all-reduce, or the usual ones."""
    own = [quantity.value(c.bytes) for c in spec.collectives if c.op == "all-reduce"] if spec else []
    return float(max(own, default=USUAL_BYTES))
