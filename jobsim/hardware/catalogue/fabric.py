"""Fabrics: the numbers that a network's collectives cost by, from ``fabrics.json`` and from users' files.

A user's file has the catalogue's own form, ``{"fabrics": [{"name": ..., ...}]}``.  A fabric may name a
``base``: what it does not say itself is the base's.  A name that is already there is replaced.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

from jobsim.api._struct import Struct, field
from jobsim.hardware.catalogue.files import Kind, load
from jobsim.hardware.catalogue.names import unknown


class Tier(Struct):
    """A tier of switches above the scale-up domains, from the bottom up.

    Parameters
    ----------
    name : str
        ``rack``, ``pod``, ...
    domains : int
        Scale-up domains (hosts, for machines of one domain each) below one switch of the tier.
    oversubscription : float
        Sum of the down-links over the sum of the up-links; 1 does not block.
    """

    name: str
    domains: int
    oversubscription: float = 1.0


class Fabric(Struct, cache_hash=True):
    """The numbers of one network preset; GB/s are 1e9 bytes a second, one way.

    Parameters
    ----------
    name, title, base, source : str
        ``base`` is the fabric whose numbers hold where this one gives none.
    kind : {"switched", "torus"}
    g : int
        Accelerators in one scale-up domain.
    nvl, nvls : float
        Effective bus bandwidth inside the domain, ring and in-network (of a whole domain; 0 = none), GB/s.
    nvls_min : int
        Smallest group that uses the in-network reduction.
    nic : float
        Line rate of the scale-out network per accelerator, GB/s.
    eff_net, eff_a2a : float
        Shares of the line rate that collectives and all-to-all reach.
    a0, a_nvl, a_net, a_hop, a_peer, a_a2a, a_nvls : float
        Latencies in µs: launch, per ring step inside and outside, per tree level, per all-to-all
        peer outside, once an all-to-all, in-network.
    nic_cap : float
        GB/s that one domain can use in one collective; 0 = no cap.
    serial : float
        Where phases inside and outside the domain are pipelined: the share of the shorter one that is
        not hidden behind the longer.
    link, eff_link, dcn : float
        TPU: one ICI link one way and the share of it that collectives reach; the data-centre network
        of a host, GB/s.
    axes, host_chips : int
        TPU: dimensions of the torus (``slices.wraps`` says which have wrap-around links); chips of a host.
    tiers : tuple of Tier
        Switches above the domains, for fabrics whose shape is known.
    size : int
        Accelerators of the whole fabric, 0: any number.

    Source: models of collectives in ``fabrics.json``, which says where each number is from.
    """

    name: str
    title: str = ""
    base: str = ""
    kind: Literal["switched", "torus"] = "switched"
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
    a_a2a: float = field(default=0.0, name="aA2a")
    a_nvls: float = 0.0
    nic_cap: float = 0.0
    serial: float = 0.0
    link: float = 0.0
    eff_link: float = 0.0
    dcn: float = 0.0
    axes: int = 0
    host_chips: int = 0
    tiers: tuple[Tier, ...] = ()
    size: int = 0
    source: str = ""


def fabrics(files: Iterable[str | Path] = ()) -> dict[str, Fabric]:
    """Return all fabrics by name: the catalogue's, in its order, then those of users' files.

    Raises
    ------
    InputErrors
        With all that is wrong in a user's file.
    """
    return load(_KIND, Fabric, files)


def fabric(name: str, known: Mapping[str, Fabric] | None = None) -> Fabric:
    """Return one fabric; raises ``UnknownName`` with the nearest name and all that exist."""
    known = fabrics() if known is None else known
    if name in known:
        return known[name]
    raise unknown("fabric", name, known)


def faults(one: Fabric) -> Iterator[tuple[str, str]]:
    """Yield what is physically impossible about a fabric: (field, what is wrong and what is allowed)."""
    if not one.name:
        yield "name", "is empty (a name)"
    positive = _POSITIVE[one.kind]
    for name in one.__struct_fields__:
        value = getattr(one, name)
        if not isinstance(value, int | float):
            continue
        wire = _wire(name)
        if not math.isfinite(value):
            yield wire, f"{value} is not a number (a finite one)"
        elif name in positive and value <= 0:
            yield wire, f"{value:g} is not positive (a {one.kind} fabric needs one above 0)"
        elif value < 0:
            yield wire, f"{value:g} is negative (0 or more)"
        elif name in _SHARES and value > 1:
            yield wire, f"{value:g} is more than the whole (at most 1)"
    if one.kind == "torus" and one.axes not in (1, 2, 3):
        yield "axes", f"{one.axes} axes (1, 2 or 3)"
    if one.nvls and one.g < 2:
        yield "nvls", "a domain of one accelerator reduces nothing (0)"
    below = 1
    for i, tier in enumerate(one.tiers):
        if tier.domains < below:
            yield f"tiers[{i}].domains", f"{tier.domains} domains (at least {below}: tiers come bottom up)"
        if not (math.isfinite(tier.oversubscription) and tier.oversubscription > 0):
            yield f"tiers[{i}].oversubscription", f"{tier.oversubscription:g} (above 0; 1 does not block)"
        below = max(below, tier.domains)


_SHARES = ("eff_net", "eff_a2a", "eff_link", "serial")
_POSITIVE: Mapping[str, tuple[str, ...]] = {
    "switched": ("g", "nvl", "nic", "eff_net", "eff_a2a"),
    "torus": ("g", "link", "eff_link", "dcn", "host_chips"),
}


def _wire(name: str) -> str:
    """Return a field's name in files."""
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


_KIND = Kind("fabrics", "fabric", faults)
