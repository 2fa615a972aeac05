"""``jobsim get shapes``, ``fabrics`` and ``components``: the hardware catalogue, and how often parts fail."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from jobsim import laws
from jobsim.api.codec import to_data
from jobsim.api.quantity import canonical
from jobsim.errors import InputError, InputErrors
from jobsim.hardware import catalogue, slices
from jobsim.hardware.catalogue import Fabric, Shape
from jobsim.hardware.failures import catalogue as failures
from jobsim.hardware.failures.catalogue import Component
from jobsim.results.layout import table
from jobsim.scenario.write_yaml import to_yaml
from jobsim.units import DAY, HOUR


def show(word: str, names: Sequence[str], output: str | None, files: Sequence[str] = ()) -> str:
    """Return the catalogue's shapes, fabrics (and those of users' files) or components, all or some by name.

    Raises
    ------
    InputErrors
        When there is none of a name, or a file is wrong.
    """
    shapes = word == "shapes"
    known: Any
    find: Callable[[str, Any], object]
    if word == "components":
        known, find = failures.components(), failures.find
    else:
        known = catalogue.shapes(files) if shapes else catalogue.fabrics(files)
        find = catalogue.shape if shapes else catalogue.fabric
    errors = []
    for name in names:
        try:
            find(name, known)
        except (catalogue.UnknownName, failures.UnknownComponent) as err:
            errors.append(InputError(str(err)))
    if errors:
        raise InputErrors(errors)
    chosen: list[Any] = [known[name] for name in names] if names else list(known.values())
    if output in ("json", "yaml"):
        data = [to_data(entry) for entry in chosen]
        return to_yaml(data) if output == "yaml" else json.dumps(data, indent=2) + "\n"
    if output == "name":
        return "".join(f"{entry.name}\n" for entry in chosen)
    wide = output == "wide"
    if word == "components":
        return _components(chosen, wide=wide)
    return _shapes(chosen, wide=wide) if shapes else _fabrics(chosen, wide=wide)


def _components(components: Sequence[Component], *, wide: bool) -> str:
    header = ["NAME", "PER", "MTBF", "REPAIR", "TITLE"]
    rows = [
        [
            part.name,
            part.per,
            f"{part.mtbf / DAY:.0f}d",
            f"{laws.mean(part.repair) / HOUR:.0f}h" if part.repair != laws.ZERO else "-",
            part.title,
            part.source,
        ]
        for part in components
    ]
    return table([*header, "SOURCE"] if wide else header, [row if wide else row[:-1] for row in rows])


def _shapes(shapes: Sequence[Shape], *, wide: bool) -> str:
    header = ["NAME", "CPU", "MEMORY", "PODS", "ACCELERATORS", "DOMAIN", "FABRIC", "TITLE"]
    rows = [
        [
            shape.name,
            canonical(shape.cpu),
            canonical(shape.memory),
            shape.pods // 10**9 if shape.pods >= 10**9 else shape.pods,
            ",".join(f"{name}={canonical(n)}" for name, n in shape.accelerators.items()) or "<none>",
            shape.domain or "<none>",
            shape.fabric or "<none>",
            shape.title,
            f"{shape.nics}x{shape.nic_gbps:g}G" if shape.nics else "<none>",
            f"{shape.peak_tflops:g}" if shape.peak_tflops else "<none>",
            shape.machine_type or "<none>",
            slices.offered(shape) if shape.topologies else "<none>",
        ]
        for shape in shapes
    ]
    more = ["NICS", "BF16 TFLOP/S", "MACHINE TYPE", "SLICES"]
    return table([*header, *more] if wide else header, [row if wide else row[: len(header)] for row in rows])


def _fabrics(fabrics: Sequence[Fabric], *, wide: bool) -> str:
    header = ["NAME", "KIND", "DOMAIN", "SCALE-UP GB/S", "SCALE-OUT GB/S", "TITLE"]
    rows = [
        [
            fabric.name,
            fabric.kind,
            fabric.g,
            f"{(fabric.nvls or fabric.nvl or fabric.link):g}",
            f"{(fabric.nic or fabric.dcn):g}",
            fabric.title,
            ",".join(f"{t.name}={t.domains}:{t.oversubscription:g}" for t in fabric.tiers) or "<none>",
            fabric.base or "<none>",
            fabric.source,
        ]
        for fabric in fabrics
    ]
    if not wide:
        return table(header, [row[:6] for row in rows])
    return table([*header, "TIERS", "BASE", "SOURCE"], rows)
