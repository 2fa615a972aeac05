"""Collectives: published bus bandwidths against the fabrics' presets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jobsim.hardware.calibrate import calibrate

MEASURED = Path(__file__).with_name("collectives.json")
TITLE = "Collectives: bus bandwidth, predicted against measured"
NOTE = "Constants are of a fabric. V2b (software of a year before) is a known miss; nothing is fitted on it."


def summary() -> list[dict[str, Any]]:
    """Return the errors of each band of each data set, and of all."""
    found = calibrate([MEASURED])
    groups = found.datasets(bands=True) | {f"all {band}": errors for band, errors in found.bands().items()}
    return [
        {
            "data set": name,
            "rows": errors.n,
            "bias": f"{errors.bias:+.1%}",
            "mean error": f"{errors.mape:.1%}",
            "p90": f"{errors.p90:.1%}",
            "worst": f"{errors.worst:.1%}",
            "within 15 %": f"{errors.within15:.0%}",
        }
        for name, errors in groups.items()
    ]


def rows() -> list[dict[str, Any]]:
    """Return each measurement."""
    return [
        {
            "row": row.id,
            "fabric": row.fabric,
            "algorithm": row.algorithm,
            "measured GB/s": f"{row.measured:.5g}",
            "predicted": f"{row.predicted:.5g}",
            "error": f"{row.error:+.1%}",
        }
        for row in calibrate([MEASURED]).rows
    ]
