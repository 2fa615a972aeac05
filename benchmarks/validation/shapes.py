"""Throughput of models of very different shapes: what the closed form cannot do better than a constant.

One efficiency is fitted over all rows; beside it stands the null model, the same throughput for all.
"""

from __future__ import annotations

import json
import math
from typing import Any

from benchmarks.validation.training import DATA
from jobsim.api._struct import replace
from jobsim.hardware.calibrate import errors_of
from jobsim.hardware.step_model import PEAK_TFLOPS, StepModel, training_step

TITLE = "Training: TFLOP/s of an accelerator across shapes (Megatron-LM, H100), predicted against measured"
NOTE = "No better than a constant: calibrate one efficiency per workload, and trust ratios between scales."
#: Stages a pipeline rank interleaves, and how much of the data collectives is hidden; not published.
VIRTUAL, OVERLAP = 6, 1.0
_ROUNDS = 50


def summary() -> list[dict[str, Any]]:
    """Return the errors of the closed form and of the null model."""
    measured = [entry["measured"] for entry in _entries()]
    mean = math.exp(math.fsum(map(math.log, measured)) / len(measured))
    predicted = {"closed form, one efficiency": _predicted(), "the same for all": [mean] * len(measured)}
    lines = []
    for name, values in predicted.items():
        errors = errors_of([p / m - 1 for p, m in zip(values, measured, strict=True)])
        lines.append(
            {
                "model": name,
                "rows": errors.n,
                "mean error": f"{errors.mape:.1%}",
                "worst": f"{errors.worst:.1%}",
            }
        )
    return lines


def rows() -> list[dict[str, Any]]:
    """Return each shape."""
    return [
        {
            "model": entry["name"],
            "accelerators": entry["accelerators"],
            "measured TFLOP/s": f"{entry['measured']:.1f}",
            "predicted": f"{value:.1f}",
            "error": f"{value / entry['measured'] - 1:+.1%}",
        }
        for entry, value in zip(_entries(), _predicted(), strict=True)
    ]


def _entries() -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(DATA.read_text())["megatron_h100"]
    return entries


def _predicted() -> list[float]:
    """Return TFLOP/s at the one efficiency whose errors, as logarithms, add up to nothing."""
    low, high = 0.1, 1.0
    entries = _entries()
    for _ in range(_ROUNDS):
        middle = (low + high) / 2
        values = [_tflops(entry, middle) for entry in entries]
        if math.prod(v / e["measured"] for v, e in zip(values, entries, strict=True)) > 1:
            high = middle
        else:
            low = middle
    return [_tflops(entry, low) for entry in entries]


def _tflops(entry: dict[str, Any], efficiency: float) -> float:
    model = StepModel(
        parameters=entry["parameters"],
        layers=entry["layers"],
        hidden=entry["hidden"],
        sequence=4096,
        batch=entry["batch"],
        data=entry["accelerators"] // (entry["tensor"] * entry["pipeline"]),
        tensor=entry["tensor"],
        pipeline=entry["pipeline"],
        virtual=VIRTUAL if entry["pipeline"] > 1 else 1,
        gradient_bytes=4,
        peak_tflops=PEAK_TFLOPS["h100"],
        overlap=OVERLAP,
    )
    step = training_step(replace(model, efficiency=efficiency), fabric="ib_h100")
    return model.flops / model.accelerators / step.seconds / 1e12
