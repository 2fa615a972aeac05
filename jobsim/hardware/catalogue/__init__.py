"""The hardware catalogue: shapes of machines and fabrics between them, as data with units and sources.

``shapes.json`` and ``fabrics.json`` lie beside this file; each says its units and where its numbers
are from.  Nothing here is computed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from jobsim.api import codec
from jobsim.api._struct import Struct, field
from jobsim.hardware.catalogue.names import UnknownName, unknown
from jobsim.hardware.catalogue.shape import Shape, shape, shapes

__all__ = ["Fabric", "Shape", "UnknownName", "fabric", "fabrics", "shape", "shapes"]

_HERE = Path(__file__).resolve().parent


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


class _Fabrics(Struct):
    units: Mapping[str, str]
    sources: Mapping[str, str]
    fabrics: tuple[Fabric, ...]


def fabrics() -> dict[str, Fabric]:
    """Return all fabrics by name, in the order of the catalogue."""
    data = codec.convert(json.loads((_HERE / "fabrics.json").read_bytes()), _Fabrics)
    return {fabric.name: fabric for fabric in data.fabrics}


def fabric(name: str) -> Fabric:
    """Return one fabric; raises ``UnknownName`` as ``shape`` does."""
    known = fabrics()
    if name in known:
        return known[name]
    raise unknown("fabric", name, known)
