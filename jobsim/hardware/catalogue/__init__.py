"""The hardware catalogue: shapes of machines and fabrics between them, as data with units and sources.

``shapes.json`` and ``fabrics.json`` lie beside this file; each says its units and where its numbers
are from.  Nothing here is computed.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from jobsim.api import codec
from jobsim.api._struct import Quantity, Struct, field
from jobsim.api.meta import Labels

_HERE = Path(__file__).resolve().parent


class Shape(Struct, kw_only=True):
    """A kind of machine.

    Parameters
    ----------
    name : str
        Empty for one that a Scenario writes inline.
    cpu, memory : quantity
        Kubernetes' capacity of the node; ``memory`` in bytes.
    pods : int
        The kubelet's limit.
    accelerators : mapping of str to quantity
        Accelerators by resource name.
    resources : mapping of str to quantity
        Other extended resources, such as network adapters.
    labels : mapping of str to str
        What a node of this shape carries on its platform.
    fabric : str
        Name of the preset of the network between such machines, or empty.
    domain : int
        Accelerators in one scale-up domain (NVLink island, ICI pod); 0: unknown.
    topologies : mapping of str to int
        TPU: the slices that can be had of it, and how many such machines each has.
    source : str
        A key of the file's ``sources``.
    """

    name: str = ""
    title: str = ""
    cpu: Quantity
    memory: Quantity
    pods: int = 110
    accelerators: Mapping[str, Quantity] = {}
    resources: Mapping[str, Quantity] = {}
    labels: Labels = {}
    fabric: str = ""
    domain: int = 0
    machine_type: str = ""
    topologies: Mapping[str, int] = {}
    source: str = ""


class Fabric(Struct, kw_only=True):
    """The numbers of one network preset (models of collectives); GB/s are 1e9 bytes a second, one way.

    Parameters
    ----------
    g : int
        Accelerators in one scale-up domain.
    nvl, nvls : float
        Effective bus bandwidth inside the domain, ring and in-network (0 = none), GB/s.
    nvls_min : int
        Smallest group that uses the in-network reduction.
    nic : float
        Line rate of the scale-out network per accelerator, GB/s.
    eff_net, eff_a2a : float
        Shares of the line rate that collectives and all-to-all reach.
    a0, a_nvl, a_net, a_hop, a_peer, a_nvls : float
        Latencies in µs: launch, per ring step inside and outside, per tree level, per all-to-all
        peer, in-network.
    nic_cap : float
        GB/s that one domain can use in one collective; 0 = no cap.
    link, dcn : float
        TPU: one ICI link one way, and the data-centre network of a host, GB/s.
    eff_link : float
        Share of ``link`` that collectives reach.
    axes : int
        TPU: dimensions of the torus.
    """

    name: str
    title: str = ""
    kind: str = "switched"
    g: int = 8
    nvl: float = 0.0
    nvls: float = 0.0
    nvls_min: int = 0
    nic: float = 0.0
    eff_net: float = 0.0
    eff_a2a: float = field(default=0.0, name="effA2a")
    a0: float = 0.0
    a_nvl: float = 0.0
    a_net: float = 0.0
    a_hop: float = 0.0
    a_peer: float = 0.0
    a_nvls: float = 0.0
    nic_cap: float = 0.0
    link: float = 0.0
    eff_link: float = 0.0
    dcn: float = 0.0
    axes: int = 0
    source: str = ""


class UnknownName(ValueError):
    """The catalogue has no such thing; the text says what there is."""


class _Shapes(Struct):
    units: Mapping[str, str]
    sources: Mapping[str, str]
    shapes: tuple[Shape, ...]


class _Fabrics(Struct):
    units: Mapping[str, str]
    sources: Mapping[str, str]
    fabrics: tuple[Fabric, ...]


def shapes() -> dict[str, Shape]:
    """Return all shapes by name, in the order of the catalogue.

    Source: ``shapes.json`` says for each shape where its numbers are from.
    """
    data = codec.convert(json.loads((_HERE / "shapes.json").read_bytes()), _Shapes)
    return {shape.name: shape for shape in data.shapes}


def fabrics() -> dict[str, Fabric]:
    """Return all fabrics by name, in the order of the catalogue."""
    data = codec.convert(json.loads((_HERE / "fabrics.json").read_bytes()), _Fabrics)
    return {fabric.name: fabric for fabric in data.fabrics}


def shape(name: str) -> Shape:
    """Return one shape.

    Raises
    ------
    UnknownName
        With the nearest name and all that exist.

    Examples
    --------
    >>> shape("dgx-h100").accelerators
    {'nvidia.com/gpu': 8}
    """
    known = shapes()
    if name in known:
        return known[name]
    raise UnknownName(_unknown("shape", name, known))


def fabric(name: str) -> Fabric:
    """Return one fabric; raises ``UnknownName`` as ``shape`` does."""
    known = fabrics()
    if name in known:
        return known[name]
    raise UnknownName(_unknown("fabric", name, known))


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    names = list(known)
    close = difflib.get_close_matches(name[:100].lower(), names, n=1, cutoff=0.5)
    meant = f"did you mean {close[0]}? " if close else ""
    return f'no {what} "{name[:60]}" ({meant}there are {", ".join(names)})'
