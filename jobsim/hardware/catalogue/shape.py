"""Shapes: kinds of machines, from ``shapes.json`` and from users' files.

A user's file has the catalogue's own form, ``{"shapes": [{"name": ..., ...}]}``.  A shape may name a
``base``: what it does not say itself is the base's.  A name that is already there is replaced.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from jobsim.api import quantity
from jobsim.api._struct import Quantity, Struct
from jobsim.api.meta import Labels
from jobsim.hardware.catalogue.files import Kind, load
from jobsim.hardware.catalogue.names import unknown


class Shape(Struct, kw_only=True):
    """A kind of machine.

    Parameters
    ----------
    name, title, base : str
        The name is empty for one that a Scenario writes inline; ``base`` is the shape that holds where
        this one says nothing.
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
    nics : int
        Adapters of the accelerators' network; 0: unknown.
    nic_gbps : float
        Line rate of one, Gb/s one way.
    peak_tflops : float
        Peak of one accelerator, dense bf16 TFLOP/s; 0: unknown.
    machine_type : str
        The platform's own name of it.
    topologies : mapping of str to int
        TPU: the slices that are offered by name, and how many such machines each has.
    pod, largest : str
        TPU: the torus of a whole pod, and the largest slice that a job can have.
    ici : float
        TPU: line rate of one inter-chip link, GB/s one way.
    source : str
        A key of the file's ``sources``.
    """

    name: str = ""
    title: str = ""
    base: str = ""
    cpu: Quantity
    memory: Quantity
    pods: int = 110
    accelerators: Mapping[str, Quantity] = {}
    resources: Mapping[str, Quantity] = {}
    labels: Labels = {}
    fabric: str = ""
    domain: int = 0
    nics: int = 0
    nic_gbps: float = 0.0
    peak_tflops: float = 0.0
    machine_type: str = ""
    topologies: Mapping[str, int] = {}
    pod: str = ""
    largest: str = ""
    ici: float = 0.0
    source: str = ""

    @property
    def devices(self) -> int:
        """Accelerators of the machine, of all kinds."""
        return sum(quantity.value(amount) for amount in self.accelerators.values())

    @property
    def rails(self) -> int:
        """Adapters that lead to leaf switches of their own, at most one an accelerator; at least 1."""
        return max(1, min(self.nics, self.devices))


def shapes(files: Iterable[str | Path] = ()) -> dict[str, Shape]:
    """Return all shapes by name: the catalogue's, in its order, then those of users' files.

    Raises
    ------
    InputErrors
        With all that is wrong in a user's file.

    Source: ``shapes.json`` says for each shape where its numbers are from.
    """
    return load(_KIND, Shape, files)


def shape(name: str, known: Mapping[str, Shape] | None = None) -> Shape:
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
    known = shapes() if known is None else known
    if name in known:
        return known[name]
    raise unknown("shape", name, known)


def faults(one: Shape) -> Iterator[tuple[str, str]]:
    """Yield what cannot be about a shape: (field, what is wrong and what is allowed)."""
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", one.name):
        yield "name", f'"{one.name[:60]}" is no name (lower-case letters, digits and "-")'
    amounts = {"cpu": one.cpu, "memory": one.memory}
    amounts |= {f"accelerators.{key}": value for key, value in one.accelerators.items()}
    amounts |= {f"resources.{key}": value for key, value in one.resources.items()}
    for field, amount in amounts.items():
        try:
            good = quantity.value(amount) > 0
        except ValueError:
            good = False
        if not good:
            yield field, f"{amount!r} is no amount (a quantity above 0)"
    for field, number in (("domain", one.domain), ("nics", one.nics), ("pods", one.pods - 1)):
        if number < 0:
            yield field, f"{number} is too small ({'1' if field == 'pods' else '0'} or more)"
    for field, rate in (("nicGbps", one.nic_gbps), ("ici", one.ici), ("peakTflops", one.peak_tflops)):
        if not (math.isfinite(rate) and rate >= 0):
            yield field, f"{rate} is no rate (0 or more)"
    if one.nics and not one.nic_gbps:
        yield "nicGbps", "is missing (the line rate of one of the nics, Gb/s)"
    for text in (*one.topologies, *filter(None, (one.pod, one.largest))):
        if not re.fullmatch(r"[1-9]\d{0,3}(x[1-9]\d{0,3}){1,2}", text):
            yield "topologies", f'"{text[:40]}" is no torus (such as 4x4 or 2x2x4)'


_KIND = Kind("shapes", "shape", faults)
