"""TPU slices: the part of a pod that one job gets, a torus of chips.

Three-dimensional generations (v4, v5p, 7x) join cubes of 4x4x4 chips by optical switches: every torus of
whole cubes can be had up to the largest job, its sides in ascending order, and a few smaller blocks that
are part of one cube.  Two-dimensional ones (v5e, v6e) have fixed rectangles.

Wrap-around links exist on all axes of a slice of whole cubes; in two dimensions on an axis of 16, the
whole side of a pod.  Without them the bandwidth of an axis halves.

Source: the TPU generations' pages; How to Scale Your Model, chapter TPUs.  Twisted tori are left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from jobsim.hardware.catalogue import Shape

#: The label by which a node tells what slice it is part of.
TPU_TOPOLOGY = "cloud.google.com/gke-tpu-topology"
CUBE = 4
WHOLE_SIDE = 16


class Slice(NamedTuple):
    """A slice.

    Parameters
    ----------
    shape : tuple of int
        Chips along each axis.
    wraps : tuple of bool
        Which axes have wrap-around links.
    hosts : int
    ici : float
        Line rate of one link, GB/s one way.
    """

    shape: tuple[int, ...]
    wraps: tuple[bool, ...]
    hosts: int
    ici: float

    @property
    def chips(self) -> int:
        """Chips of the slice."""
        return math.prod(self.shape)

    @property
    def links(self) -> int:
        """Links of the slice, each counted once."""
        return sum(
            self.chips // side * (side if wrap else side - 1)
            for side, wrap in zip(self.shape, self.wraps, strict=True)
        )

    @property
    def bisection(self) -> float:
        """The least that halves of the chips have between them, GB/s one way.

        A cut through an axis meets every line of chips along it once, or twice where lines are rings.
        """
        cuts = [
            self.chips // side * (2 if wrap else 1)
            for side, wrap in zip(self.shape, self.wraps, strict=True)
            if side > 1
        ]
        return min(cuts, default=0) * self.ici

    @property
    def all_reduce(self) -> float:
        """What all chips together can send at once, GB/s: the vendors' all-reduce bandwidth of a pod."""
        return 2 * self.links * self.ici


def wraps(shape: tuple[int, ...]) -> tuple[bool, ...]:
    """Return which axes of a slice have wrap-around links; a line of chips is part of one, and has none."""
    if len(shape) == 3:
        return (all(side % CUBE == 0 for side in shape),) * 3
    return tuple(len(shape) == 2 and side == WHOLE_SIDE for side in shape)


def slice_of(machine: Shape, topology: str) -> Slice:
    """Return the slice of a TPU generation.

    Parameters
    ----------
    machine : Shape
        The kind of host.
    topology : str
        Chips along each axis, as GKE writes it (``4x4x8``).

    Raises
    ------
    ValueError
        When there is no such slice; the text says which there are.

    Examples
    --------
    >>> from jobsim.hardware.catalogue import shape
    >>> slice_of(shape("tpu-v5p"), "4x4x8").hosts
    32
    >>> slice_of(shape("tpu-v5e"), "16x16").bisection
    1600.0
    """
    if not machine.topologies:
        raise ValueError(f"{machine.name or 'this shape'} has no slices (TPU shapes do)")
    sides = tuple(int(side) for side in topology.split("x") if side.isascii() and side.isdigit())
    hosts = machine.topologies.get(topology, 0)
    if not hosts and _whole_cubes(machine, topology, sides):
        hosts = math.prod(sides) // machine.devices
    if not hosts and topology != machine.pod:
        raise ValueError(f'{machine.name} has no slice "{topology[:40]}" (there are {offered(machine)})')
    return Slice(sides, wraps(sides), hosts or math.prod(sides) // machine.devices, machine.ici)


def named(machine: Shape, labels: Mapping[str, str]) -> Slice | None:
    """Return the slice that a node's label names; None when it names none that exists."""
    try:
        return slice_of(machine, labels[TPU_TOPOLOGY]) if TPU_TOPOLOGY in labels else None
    except ValueError:
        return None


def offered(machine: Shape) -> str:
    """Return which slices there are, in words."""
    named = ", ".join(machine.topologies)
    if not _cubic(machine):
        return named
    return f"{named}, and AxBxC of multiples of 4, ascending, up to {machine.largest}"


def _cubic(machine: Shape) -> bool:
    return machine.largest.count("x") == 2


def _whole_cubes(machine: Shape, topology: str, sides: tuple[int, ...]) -> bool:
    """Tell whether it is a torus of whole cubes that one job can have."""
    if not _cubic(machine) or "x".join(map(str, sides)) != topology or len(sides) != 3:
        return False
    largest = tuple(int(side) for side in machine.largest.split("x"))
    return (
        all(side > 0 and side % CUBE == 0 for side in sides)
        and list(sides) == sorted(sides)
        and all(side <= most for side, most in zip(sides, largest, strict=True))
    )
