"""Training throughput at growing scale: published tables against the closed form of one step.

The efficiency is calibrated on the first row of each series; the other rows are predictions.  What is
fitted besides stands in ``FITTED``, one or two constants for a whole table.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jobsim.api._struct import replace
from jobsim.hardware.calibrate import errors_of
from jobsim.hardware.catalogue import Fabric, fabrics
from jobsim.hardware.step_model import PEAK_TFLOPS, StepModel, calibrated, training_step

TITLE = "Training: throughput an accelerator relative to the smallest scale, predicted against measured"
NOTE = "The efficiency is calibrated on the smallest scale of each series; FITTED names what else is fitted."
DATA = Path(__file__).with_name("training.json")

#: Constants that a table fixes, and of what they are.
FITTED: Mapping[str, Mapping[str, float]] = {
    "mosaic": {"overlap": 0.41},
    "megascale": {"virtual": 6, "Megatron-LM fixed_s": 1.0, "MegaScale fixed_s": 0.0},
    "llama3": {"virtual": 8, "overlap": 0.41},
    "maxtext": {"slice_wait": 0.012, "slice_wait_power": 0.7},
    "maxtext_v4": {},
}


class Prediction(NamedTuple):
    """One row: throughput an accelerator relative to the base row of its series, measured and predicted."""

    table: str
    series: str
    accelerators: int
    measured: float
    predicted: float

    @property
    def error(self) -> float:
        """Return the error of the ratio, as a share."""
        return self.predicted / self.measured - 1


class Series(NamedTuple):
    """One series of a table: a model at each scale, what was measured there, the fabric."""

    name: str
    models: list[StepModel]
    measured: list[float]
    fabric: str | Fabric
    seconds: bool


def summary() -> list[dict[str, Any]]:
    """Return the errors of each table."""
    found = predictions()
    lines = []
    for table in _SERIES:
        errors = errors_of([one.error for one in found if one.table == table])
        lines.append(
            {
                "table": table,
                "predicted rows": errors.n,
                "bias": f"{errors.bias:+.1%}",
                "mean error": f"{errors.mape:.1%}",
                "worst": f"{errors.worst:.1%}",
                "fitted": ", ".join(f"{k} {v:g}" for k, v in FITTED[table].items()) or "nothing",
            }
        )
    return lines


def rows() -> list[dict[str, Any]]:
    """Return each predicted row."""
    return [
        {
            "table": one.table,
            "series": one.series,
            "accelerators": one.accelerators,
            "measured ratio": f"{one.measured:.3f}",
            "predicted": f"{one.predicted:.3f}",
            "error": f"{one.error:+.1%}",
        }
        for one in predictions()
    ]


def predictions() -> list[Prediction]:
    """Return all predicted rows of all tables."""
    data = json.loads(DATA.read_text())
    found = []
    for table, series in _SERIES.items():
        for entry in data[table]:
            found += _predict(table, series(entry))
    return found


def _predict(table: str, series: Series) -> Iterator[Prediction]:
    """Yield the rows after the first, on which the efficiency is calibrated."""
    base = series.models[0]
    first = _seconds(base, series.measured[0], series.seconds)
    efficiency = calibrated(base, first, fabric=series.fabric).efficiency
    for model, value in zip(series.models[1:], series.measured[1:], strict=True):
        took = _seconds(model, value, series.seconds)
        step = training_step(replace(model, efficiency=efficiency), fabric=series.fabric)
        work = model.flops / model.accelerators / (base.flops / base.accelerators)
        yield Prediction(
            table, series.name, model.accelerators, work * first / took, work * first / step.seconds
        )


def _seconds(model: StepModel, value: float, seconds: bool) -> float:
    """Return how long a step took: as it was said, or from the MFU."""
    return value if seconds else model.flops / (model.accelerators * model.peak_tflops * 1e10 * value)


def _mosaic(entry: dict[str, Any]) -> Series:
    models = [
        StepModel(
            parameters=entry["parameters"],
            layers=entry["layers"],
            hidden=entry["hidden"],
            sequence=2048,
            batch=n * entry["microBatch"],
            micro_batch=entry["microBatch"],
            data=n,
            fsdp=True,
            gathers=entry["gathers"],
            peak_tflops=PEAK_TFLOPS["h100"],
            overlap=FITTED["mosaic"]["overlap"],
        )
        for n in (128, 256, 512)
    ]
    return Series(entry["name"], models, entry["measured"], "ib_h100", False)


def _megascale(entry: dict[str, Any]) -> Series:
    """Gradients are reduced in fp32 and nothing is hidden; Megatron-LM spends a second a step besides."""
    models = [
        StepModel(
            parameters=175e9,
            layers=96,
            hidden=12288,
            sequence=2048,
            batch=entry["batch"],
            data=n // 64,
            tensor=8,
            pipeline=8,
            virtual=int(FITTED["megascale"]["virtual"]),
            gradient_bytes=4,
            peak_tflops=PEAK_TFLOPS["a100"],
            fixed_s=FITTED["megascale"][f"{entry['name']} fixed_s"],
        )
        for n in entry["accelerators"]
    ]
    return Series(f"{entry['name']} {entry['batch']}", models, entry["measured"], "ib_a100", True)


def _llama3(entry: dict[str, Any]) -> Series:
    models = [
        StepModel(
            parameters=405e9,
            layers=128,  # 126, and the embedding and the output in stages of their own.
            hidden=16384,
            sequence=8192,
            batch=entry["batch"],
            data=n // 128,
            tensor=8,
            pipeline=16,
            virtual=int(FITTED["llama3"]["virtual"]),
            gradient_bytes=4,
            peak_tflops=PEAK_TFLOPS["h100"],
            overlap=FITTED["llama3"]["overlap"],
        )
        for n in entry["accelerators"]
    ]
    return Series(entry["name"], models, entry["measured"], "ib_h100", False)


def _maxtext(entry: dict[str, Any], chips: int, name: str) -> Series:
    fabric = replace(fabrics()[f"tpu_{name}"], g=chips)
    models = [
        StepModel(
            parameters=entry["parameters"],
            layers=entry["layers"],
            hidden=entry["hidden"],
            sequence=2048,
            batch=chips * 2**i * entry["microBatch"],
            micro_batch=entry["microBatch"],
            data=chips * 2**i,
            fsdp=True,
            peak_tflops=PEAK_TFLOPS[f"tpu-{name}"],
            slice_wait=FITTED["maxtext"]["slice_wait"],
            slice_wait_power=FITTED["maxtext"]["slice_wait_power"],
        )
        for i in range(len(entry["measured"]))
    ]
    return Series(entry["name"], models, entry["measured"], fabric, False)


_SERIES: Mapping[str, Callable[[dict[str, Any]], Series]] = {
    "mosaic": _mosaic,
    "megascale": _megascale,
    "llama3": _llama3,
    "maxtext": lambda entry: _maxtext(entry, 256, "v5e"),
    "maxtext_v4": lambda entry: _maxtext(entry, 64, "v4"),
}
