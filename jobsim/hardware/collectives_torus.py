"""Collectives on a TPU slice: a torus of chips, and several of them over the data-centre network.

All-gather and reduce-scatter send along all axes at once, in both directions where links wrap around.  An
all-to-all is bound by the bisection.  Across slices: reduce-scatter inside, all-reduce of each chip's share
between slices, all-gather inside.

Source: models of collectives, sections 1.2 and 2 (bucket algorithm; How to Scale Your Model, sharding).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from jobsim.api._struct import Struct
from jobsim.errors import InputError
from jobsim.hardware.catalogue.fabric import Fabric
from jobsim.hardware.collectives_line import GB, US, Line
from jobsim.hardware.slices import wraps

#: What is used, by operation.
TORUS_CHOICE = ("bucket", "pairwise", "direct", "hierarchical")


class Torus(Struct, cache_hash=True):
    """The chips of a job on a torus fabric.

    Parameters
    ----------
    shape : tuple of int
        Chips along each axis of a slice.
    wraps : tuple of bool
        Which axes have wrap-around links.
    slices : int
        Equal slices, joined by the data-centre network.
    """

    shape: tuple[int, ...]
    wraps: tuple[bool, ...]
    slices: int = 1

    @property
    def chips(self) -> int:
        """Return the chips of one slice."""
        return math.prod(self.shape)


def torus(fabric: Fabric, shape: int | Sequence[int], slices: int = 1) -> Torus:
    """Return a slice of a torus fabric, by its shape or by its number of chips.

    More chips than one pod has are several whole pods.

    Raises
    ------
    InputError
        When no slice has so many chips, or the shape has more axes than the fabric.

    Examples
    --------
    >>> from jobsim.hardware.catalogue import fabric
    >>> torus(fabric("tpu_v5e"), 256)
    Torus(shape=(16, 16), wraps=(True, True), slices=1)
    >>> torus(fabric("tpu_v5p"), 128).shape
    (4, 4, 8)
    """
    if isinstance(shape, int):
        if shape > fabric.g:
            if shape % fabric.g:
                text = f"{shape} chips are no whole number of pods (multiples of {fabric.g}, or a slice's)"
                raise InputError(text, path="ranks")
            shape, slices = fabric.g, slices * (shape // fabric.g)
        shape = _usual_shape(shape, fabric)
    found = Torus(shape=tuple(shape), wraps=wraps(tuple(shape)), slices=slices)
    check_torus(found, fabric)
    return found


def check_torus(at: Torus, fabric: Fabric) -> None:
    """Raise ``InputError`` when a fabric has no such torus."""
    if not at.shape or len(at.shape) > fabric.axes or min(at.shape) < 1:
        sides = "x".join(map(str, at.shape))
        raise InputError(
            f"a slice of {sides} ({fabric.name} has {fabric.axes} axes, each 1 or more)", path="ranks"
        )
    if len(at.wraps) != len(at.shape):
        raise InputError(f"{len(at.wraps)} wraps of {len(at.shape)} axes (one an axis)", path="placement")
    if at.slices < 1:
        raise InputError(f"{at.slices} slices (1 or more)", path="slices")


def torus_line(fabric: Fabric, op: str, at: Torus, share: float) -> Line:
    """Return what a collective costs on a torus; there is nothing to choose.

    Parameters
    ----------
    share : float
        The share of its data-centre rate that a host has (or an array).
    """
    inside = _inside(fabric, op, at)
    return inside if at.slices == 1 else _across(fabric, op, at, inside, share)


def _inside(fabric: Fabric, op: str, at: Torus) -> Line:
    """Return the cost inside one slice."""
    rate = fabric.link * fabric.eff_link * GB
    axes = [(side, wrap) for side, wrap in zip(at.shape, at.wraps, strict=True) if side > 1]
    hops = sum(side // 2 if wrap else side - 1 for side, wrap in axes)
    step, latency = fabric.a_net * US, fabric.a0 * US + fabric.a_net * US * hops
    if not axes:
        return Line("bucket", fabric.a0 * US, 0.0, (("link", 0.0),))
    if op == "send-recv":
        return _line("direct", fabric.a0 * US + step, 1 / rate)
    links = sum(2 if wrap else 1 for _, wrap in axes)
    if op == "all-to-all":
        # Half of all bytes cross the narrowest cut; a cut of a ring goes through two links.
        cut = max(side / (2 if wrap else 1) for side, wrap in axes)
        return _line("pairwise", latency, cut / (4 * rate), "bisection")
    if op in ("broadcast", "reduce"):
        return _line("bucket", latency, 1 / (links * rate))
    gather = (at.chips - 1) / at.chips / (links * rate)
    if op == "all-reduce":
        return _line("bucket", latency + step * hops, 2 * gather)
    return _line("bucket", latency, gather)


def _line(name: str, latency_s: float, per_byte_s: float, link: str = "link") -> Line:
    return Line(name, latency_s, per_byte_s, ((link, per_byte_s),))


def _across(fabric: Fabric, op: str, at: Torus, inside: Line, share: float) -> Line:
    """Return the cost over several slices: what each chip sends between them comes after the part inside."""
    per_byte_s = 1 / (fabric.dcn / fabric.host_chips * GB * share)
    step, chips, slices = fabric.a_hop * US, at.chips, at.slices
    if op == "send-recv":
        return _line("direct", fabric.a0 * US + step, per_byte_s, "dcn")
    if op == "all-to-all":
        near, far, times = inside.per_byte_s / slices, (slices - 1) / slices * per_byte_s, 1
    else:
        times = 2 if op == "all-reduce" else 1
        carried = 1.0 if op in ("broadcast", "reduce") else times * (slices - 1) / slices
        near, far = inside.per_byte_s, carried / chips * per_byte_s
    latency = inside.latency_s + times * (slices - 1) * step
    return Line("hierarchical", latency, near + far, ((inside.parts[0][0], near), ("dcn", far)))


def _usual_shape(chips: int, fabric: Fabric) -> tuple[int, ...]:
    """Return the slice of so many chips with the smallest difference between its axes."""
    unit = 4 if fabric.axes == 3 and chips % 64 == 0 else 1
    found = _factors(chips // unit**fabric.axes, fabric.axes) if chips > 0 else []
    if unit == 1:
        found = [shape for shape in found if all(side & (side - 1) == 0 for side in shape)]
    if not found:
        allowed = "powers of two, multiples of 64" if fabric.axes == 3 else "powers of two"
        raise InputError(f"no slice of {fabric.name} has {chips} chips ({allowed})", path="ranks")
    return tuple(unit * side for side in min(found, key=lambda shape: (shape[-1] - shape[0], shape)))


def _factors(n: int, axes: int) -> list[tuple[int, ...]]:
    """Return all ascending ways to write n as a product of so many numbers."""
    ways: list[tuple[int, ...]] = [()]
    for left in range(axes, 0, -1):
        grown = []
        for way in ways:
            rest = n // math.prod(way)
            start = way[-1] if way else 1
            for side in range(start, rest + 1) if left > 1 else [rest]:
                if side**left > rest and left > 1:
                    break
                if side >= start and rest % side == 0:
                    grown.append((*way, side))
        ways = grown
    return ways
