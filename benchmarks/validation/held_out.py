"""Collectives at a scale that was left out: constants refitted on the other scales of the same fabric.

The frozen presets are fitted on all scales; this says what such a fit is worth at a scale it has not seen.
Between the scales it has seen it interpolates, beyond them it extrapolates.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.validation.network import MEASURED
from jobsim.api._struct import replace
from jobsim.hardware.calibrate import MIB, Row, calibrate, errors_of
from jobsim.hardware.catalogue import Fabric, fabrics
from jobsim.hardware.collectives import bus_bandwidth, collective_time

TITLE = "Collectives of 16 MiB and more at a scale left out of the fit"
NOTE = "Start of each fit: the frozen preset. Beyond the scales that were seen the model extrapolates."
#: What is fitted to the data of one operation.
CONSTANTS: Mapping[str, tuple[str, ...]] = {
    "all-reduce": ("eff_net", "a_hop", "serial"),
    "all-gather": ("eff_net", "a_nvl", "a_net"),
    "all-to-all": ("eff_a2a", "a_a2a", "a_peer"),
}
_SCALES_MIN = 3
_STEPS = (0.2, 0.07, 0.02)


class Left(NamedTuple):
    """One scale that was left out: its domains, whether others lie on both sides, errors as shares."""

    dataset: str
    domains: int
    between: bool
    errors: list[float]


def lefts() -> Iterator[Left]:
    """Yield each scale of each data set that has enough of them."""
    sets: dict[str, list[Row]] = {}
    for row in calibrate([MEASURED]).rows:
        if row.nbytes >= 16 * MIB:
            sets.setdefault(row.dataset, []).append(row)
    for name, found in sets.items():
        scales = sorted({row.domains for row in found})
        if len(scales) < _SCALES_MIN:
            continue
        for scale in scales:
            seen = [row for row in found if row.domains != scale]
            fitted = refit(fabrics()[found[0].fabric], CONSTANTS[operation(found[0])], seen)
            errors = [error(fitted, row) for row in found if row.domains == scale]
            yield Left(name, scale, scales[0] < scale < scales[-1], errors)


def refit(fabric: Fabric, names: Sequence[str], seen: Sequence[Row]) -> Fabric:
    """Return a fabric with some constants fitted to measurements, by steps along one constant at a time."""

    def loss(candidate: Fabric) -> float:
        return math.fsum(abs(math.log1p(error(candidate, row))) for row in seen)

    best, least = fabric, loss(fabric)
    for step in _STEPS:
        moved = True
        while moved:
            moved = False
            for name in names:
                for factor in (1 + step, 1 / (1 + step)):
                    value = getattr(best, name) * factor
                    if name in ("eff_net", "eff_a2a", "serial") and value > 1:
                        continue
                    candidate = replace(best, **{name: value})
                    found = loss(candidate)
                    if found < least * (1 - 1e-6):
                        best, least, moved = candidate, found, True
    return best


def error(fabric: Fabric, row: Row) -> float:
    """Return the error of the bus bandwidth, as a share."""
    op = operation(row)
    cost = collective_time(op, row.nbytes, ranks=(row.domains, row.ranks), fabric=fabric)
    return bus_bandwidth(op, row.nbytes, row.domains * row.ranks, cost.seconds) / 1e9 / row.measured - 1


def operation(row: Row) -> str:
    """Return the collective of a measurement."""
    return row.dataset.rpartition(" ")[2]


def rows() -> list[dict[str, Any]]:
    """Return each scale that was left out."""
    return [
        {
            "data set": left.dataset,
            "left out": f"{left.domains} domains",
            "of the fit": "between" if left.between else "beyond",
            "rows": len(left.errors),
            "mean error": f"{errors_of(left.errors).mape:.1%}",
            "worst": f"{errors_of(left.errors).worst:.1%}",
        }
        for left in lefts()
    ]


def summary() -> list[dict[str, Any]]:
    """Return the errors between and beyond the scales that were seen."""
    found = list(lefts())
    lines = []
    for name, between in (("between", True), ("beyond", False)):
        errors = errors_of([error for left in found if left.between == between for error in left.errors])
        lines.append(
            {
                "scale left out": name,
                "rows": errors.n,
                "bias": f"{errors.bias:+.1%}",
                "mean error": f"{errors.mape:.1%}",
                "p90": f"{errors.p90:.1%}",
                "within 15 %": f"{errors.within15:.0%}",
            }
        )
    return lines
