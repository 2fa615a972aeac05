"""The network as Node labels tell it: whose block, whose rack.

Several platforms label their nodes with the switches above them.  The first family is used of which
nodes carry a label; a node without one stands in a rack of its own kind, named ``-``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from jobsim.api.core import Node
from jobsim.hardware import slices
from jobsim.hardware.catalogue import Fabric, Shape
from jobsim.hardware.failures.places import BLOCK, RACK
from jobsim.hardware.topology.build import Host, Machine, Topology, build

CORE = "topology.jobsim/core"
#: Label keys by platform, from the rack outwards: jobsim's own fleets; NVIDIA's topograph and network
#: operators; AWS (layer 3 is the switch next to the instance); Google's accelerator machines; zones.
FAMILIES: tuple[tuple[str, ...], ...] = (
    (RACK, BLOCK, CORE),
    (
        "network.topology.nvidia.com/leaf",
        "network.topology.nvidia.com/spine",
        "network.topology.nvidia.com/core",
    ),
    (
        "topology.k8s.aws/network-node-layer-3",
        "topology.k8s.aws/network-node-layer-2",
        "topology.k8s.aws/network-node-layer-1",
    ),
    ("cloud.google.com/gce-topology-subblock", "cloud.google.com/gce-topology-block"),
    ("topology.kubernetes.io/zone", "topology.kubernetes.io/region"),
)
#: Labels that name a scale-up domain.
DOMAINS = ("nvidia.com/gpu.clique", "network.topology.nvidia.com/accelerator")
#: Labels by which a node tells what machine it is, of those that shapes carry.
KINDS = ("node.kubernetes.io/instance-type", "nvidia.com/gpu.product")
NOWHERE = "-"


def from_nodes(
    nodes: Iterable[Node],
    machine: Callable[[Node], Machine],
    keys: Sequence[str] = (),
    up: Mapping[str, Sequence[float]] = {},
) -> Topology:
    """Return the network of some nodes.

    Parameters
    ----------
    nodes : iterable of Node
    machine : callable
        What kind a node is.
    keys : sequence of str
        Label keys from the rack outwards, instead of a known family.
    up : mapping of str to sequence of float
        For nodes by name, where it is known: capacity of the up-links of their rack, their block, ..., GB/s
        one way; 0: as oversubscription says.
    """
    found = {node.name: node for node in nodes}
    labels = {name: node.metadata.labels for name, node in found.items()}
    return from_labels(labels, lambda name: machine(found[name]), keys, up)


def from_labels(
    labels: Mapping[str, Mapping[str, str]],
    machine: Callable[[str], Machine],
    keys: Sequence[str] = (),
    up: Mapping[str, Sequence[float]] = {},
) -> Topology:
    """Return the network of nodes by their names and labels; as ``from_nodes``."""
    used = tuple(keys) or family(labels.values())
    hosts = [
        Host(
            name=name,
            path=tuple(own.get(key, NOWHERE) for key in used) or (NOWHERE,),
            machine=machine(name),
            domain=next(filter(None, (own.get(key, "") for key in DOMAINS)), ""),
        )
        for name, own in labels.items()
    ]
    known = [(host.path, up[host.name]) for host in hosts if host.name in up]
    given = {path[tier:]: gbs for path, rates in known for tier, gbs in enumerate(rates) if gbs}
    return build(hosts, up=given)


def family(labels: Iterable[Mapping[str, str]]) -> tuple[str, ...]:
    """Return the keys, from the rack outwards, that nodes say their place by; none: no family's."""
    carried = set().union(*labels)
    for keys in FAMILIES:
        if carried.intersection(keys):
            return tuple(key for key in keys if key in carried)
    return ()


def guess(node: Node, shapes: Mapping[str, Shape]) -> Shape | None:
    """Return the shape of the catalogue that a node's labels name, or None."""
    labels = node.metadata.labels
    for key in KINDS:
        for shape in shapes.values():
            if key in labels and shape.labels.get(key) == labels[key]:
                return shape
    return None


def machine_of(
    shape: Shape,
    fabric: Fabric | None,
    oversubscription: tuple[float, ...] = (),
    labels: Mapping[str, str] = {},
) -> Machine:
    """Return what the network needs to know of a shape on a fabric.

    Parameters
    ----------
    shape : Shape
    fabric : Fabric or None
    oversubscription : tuple of float
        From the rack outwards.
    labels : mapping of str to str
        Of the node: a TPU slice is one scale-up domain.
    """
    count = shape.devices
    nic = 0.0
    if fabric is not None and count:
        nic = fabric.dcn / count if fabric.kind == "torus" else fabric.nic
    domain = shape.domain or count
    part_of = slices.named(shape, {**shape.labels, **labels})
    return Machine(
        accelerators=count,
        nic=nic,
        domain=part_of.chips if part_of else domain,
        rails=shape.rails,
        fabric="" if fabric is None else fabric.name,
        oversubscription=oversubscription,
        torus=part_of.shape if part_of else (),
        peak_tflops=shape.peak_tflops,
    )
