"""``workloads.step.model``: a model, how it is spread over accelerators, what is calibrated of it."""

from __future__ import annotations

from typing import Any

from jobsim.hardware import step_model
from jobsim.scenario.check import Key, Record
from jobsim.scenario.leaves import BOOLEAN, SHARE, choice, number, whole
from jobsim.scenario.model import StepModel

_MANY = number(0, above=True)
_ANY = number()
_SIZE = whole(1)


def _model(**fields: Any) -> StepModel:
    accelerator = fields.pop("accelerator", None)
    if accelerator is not None and "peak_tflops" in fields:
        raise ValueError("both accelerator and peakTflops are given (one of them, or neither)")
    if accelerator is not None:
        fields["peak_tflops"] = step_model.PEAK_TFLOPS[accelerator]
    own = "peak_tflops" in fields
    model = step_model.StepModel(**{"peak_tflops": 1.0, **fields})
    for name, text in step_model.faults(model):
        raise ValueError(f"{name}: {text}")
    return StepModel(model=model, own_peak=own)


STEP_MODEL = Record(
    _model,
    {
        "parameters": Key(_MANY, "of the whole model", required=True),
        "active": Key(_ANY, "parameters that a token meets [all]"),
        "layers": Key(_SIZE, required=True),
        "hidden": Key(_SIZE, "width", required=True),
        "sequence": Key(_SIZE, "tokens of a sequence", required=True),
        "batch": Key(_SIZE, "sequences of a step", required=True),
        "data": Key(_SIZE, "data-parallel ranks [1]"),
        "tensor": Key(_SIZE, "tensor-parallel ranks [1]"),
        "pipeline": Key(_SIZE, "pipeline stages [1]"),
        "expert": Key(_SIZE, "ranks that experts are spread over [1]"),
        "virtual": Key(_SIZE, "stages that a pipeline rank interleaves [1]"),
        "microBatch": Key(_SIZE, "sequences that a data rank takes at once [1]"),
        "fsdp": Key(BOOLEAN, "parameters are sharded over the data ranks"),
        "gathers": Key(whole(1, 2), "with fsdp: gathers a step [2]"),
        "moeLayers": Key(whole(), "layers with experts [0]"),
        "topK": Key(_SIZE, "experts that a token goes to [1]"),
        "recompute": Key(BOOLEAN, "activations are computed again backwards"),
        "elementBytes": Key(_MANY, "[2]"),
        "gradientBytes": Key(_MANY, "[2]"),
        "accelerator": Key(choice(*step_model.PEAK_TFLOPS), "whose peak it is [the fleet's shape says it]"),
        "peakTflops": Key(_MANY, "instead: dense TFLOP/s of one accelerator"),
        "efficiency": Key(number(0, 1, above=True), "share of the peak that computing reaches [0.5]"),
        "overlap": Key(SHARE, "share of data-parallel collectives that computing hides [0]"),
        "tensorOverlap": Key(SHARE, "[0]"),
        "expertOverlap": Key(SHARE, "[0]"),
        "fixedS": Key(_ANY, "seconds of a step besides [0]"),
        "jitter": Key(_ANY, "spread of a machine's step, as a share [0]"),
        "slowest": Key(number(1), "factor of the slowest machine [1]"),
        "sliceWait": Key(_ANY, "[0]"),
        "sliceWaitPower": Key(_ANY, "[1]"),
    },
)
