"""One training step in closed form: computing, what collectives add, the pipeline's bubble, stragglers.

A dense or mixture-of-experts transformer on ``data * tensor * pipeline`` accelerators::

    busy   = FLOPs / (accelerators * peak * efficiency) + exposed tensor and expert collectives
    bubble = busy * (pipeline - 1) / (virtual * micro-batches)
    step   = (busy + bubble) * slowest + exposed data collectives + pipeline transfers + fixed

One efficiency is calibrated per workload (``calibrated``); ratios between scales are then predictions.
Absolute throughput across model shapes is not: there a constant does as well.

Source: models of networks, section 3 (Narayanan et al. 2021 for the pipeline; Rajbhandari et al. 2020 for
sharding; Korthikanti et al. 2022 for tensor parallelism with sequence parallelism).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from jobsim.api._struct import Struct, replace
from jobsim.errors import InputError, InputErrors
from jobsim.hardware.catalogue.fabric import Fabric
from jobsim.hardware.collectives import collective_time, known_fabric
from jobsim.hardware.collectives_torus import torus

#: Dense bf16 peak of one accelerator, TFLOP/s (vendors' pages).
PEAK_TFLOPS: Mapping[str, float] = {
    "a100": 312,
    "h100": 989,
    "h200": 989,
    "b200": 2250,
    "gb200": 2500,
    "tpu-v4": 275,
    "tpu-v5e": 197,
    "tpu-v5p": 459,
    "tpu-v6e": 918,
}


class StepModel(Struct, kw_only=True):
    """A model, how it is spread over accelerators, and what of its workload is calibrated.

    Parameters
    ----------
    parameters, active : float
        All parameters, and those that a token meets (0: all).
    layers, hidden, sequence, batch : int
        Layers, width, tokens of a sequence, sequences of a step.
    data, tensor, pipeline, expert : int
        Ranks; experts are spread over data ranks.
    virtual : int
        Stages that each pipeline rank interleaves.
    micro_batch : int
        Sequences that a data rank takes at once.
    fsdp : bool
        Parameters are sharded over the data ranks, and gathered layer by layer.
    gathers : int
        With fsdp: 2 when gathered again backwards, 1 when kept in between.
    moe_layers, top_k : int
        Layers with experts, and experts that a token goes to.
    recompute : bool
        Activations are computed again backwards, all of them.
    element_bytes, gradient_bytes : float
        Of a parameter or activation, and of a gradient on the wire.
    peak_tflops : float
        Of one accelerator, TFLOP/s.
    efficiency : float
        Share of the peak that computing alone reaches; calibrated per workload.
    overlap, tensor_overlap, expert_overlap : float
        Shares of the collectives of data, tensor and expert parallelism that computing hides.
    fixed_s : float
        What each step costs besides, whatever its size (optimiser, data, bookkeeping), s.
    jitter, slowest : float
        Spread of a machine's step (a standard deviation, as a share), and the slowest machine's factor.
    slice_wait, slice_wait_power : float
        TPU slices wait for each other: ``slice_wait * (slices - 1) ** slice_wait_power`` of the step;
        empirical.
    """

    parameters: float
    layers: int
    hidden: int
    sequence: int
    batch: int
    data: int = 1
    tensor: int = 1
    pipeline: int = 1
    expert: int = 1
    virtual: int = 1
    micro_batch: int = 1
    fsdp: bool = False
    gathers: int = 2
    active: float = 0.0
    moe_layers: int = 0
    top_k: int = 1
    recompute: bool = False
    element_bytes: float = 2.0
    gradient_bytes: float = 2.0
    peak_tflops: float
    efficiency: float = 0.5
    overlap: float = 0.0
    tensor_overlap: float = 0.0
    expert_overlap: float = 0.0
    fixed_s: float = 0.0
    jitter: float = 0.0
    slowest: float = 1.0
    slice_wait: float = 0.0
    slice_wait_power: float = 1.0

    @property
    def accelerators(self) -> int:
        """Return how many it runs on."""
        return self.data * self.tensor * self.pipeline

    @property
    def micro_batches(self) -> int:
        """Return how many a data rank takes in one step."""
        return self.batch // (self.data * self.micro_batch)

    @property
    def flops(self) -> float:
        """Return the model's own FLOPs of a step, recomputation left out."""
        tokens = self.batch * self.sequence
        attention = 12 * self.layers * self.hidden * self.sequence
        return tokens * (6 * (self.active or self.parameters) + attention)


class Step(NamedTuple):
    """One step, s; ``seconds`` is the sum of the parts, ``mfu`` the share of the peak.

    ``tensor_s``, ``expert_s`` and ``data_s`` are what computing does not hide.
    """

    seconds: float
    compute_s: float
    tensor_s: float
    expert_s: float
    bubble_s: float
    waiting_s: float
    data_s: float
    pipeline_s: float
    fixed_s: float
    mfu: float


def training_step(model: StepModel, *, fabric: str | Fabric, share: float = 1.0) -> Step:
    """Return what one step takes.

    Parameters
    ----------
    model : StepModel
    fabric : str or Fabric
    share : float
        The share of its scale-out rate that each domain sustains where it is, in (0, 1].

    Raises
    ------
    InputError, InputErrors
        For numbers that do not divide or cannot be.

    Examples
    --------
    >>> llama = StepModel(parameters=70e9, layers=80, hidden=8192, sequence=4096, batch=512,
    ...     data=64, tensor=8, peak_tflops=989)
    >>> step = training_step(llama, fabric="ib_h100")
    >>> f"{step.seconds:.2f} s, MFU {step.mfu:.0%}"
    '5.18 s, MFU 36%'
    """
    check(model)
    fabric = known_fabric(fabric)
    tensor, expert, data, pipeline = _collectives(model, fabric, share)
    # A pipeline goes at the pace of its fullest rank.
    fullest = math.ceil(model.layers / model.pipeline) * model.pipeline / model.layers
    work = model.flops * fullest * (4 / 3 if model.recompute else 1)
    compute = work / (model.accelerators * model.peak_tflops * 1e12 * model.efficiency)
    tensor *= 1 - model.tensor_overlap
    expert *= 1 - model.expert_overlap
    busy = compute + tensor + expert
    bubble = busy * (model.pipeline - 1) / (model.virtual * model.micro_batches)
    waiting = (busy + bubble) * _slowest(model, fabric)
    data *= 1 - model.overlap
    inside = busy + bubble + waiting + data + pipeline + model.fixed_s
    between = inside * _slice_wait(model, fabric)
    across = (1 - model.overlap) * _across_slices(model, fabric, share)
    waiting, data, seconds = waiting + between, data + across, inside + between + across
    mfu = model.flops / (model.accelerators * model.peak_tflops * 1e12 * seconds)
    return Step(seconds, compute, tensor, expert, bubble, waiting, data, pipeline, model.fixed_s, mfu)


def machines_s(model: StepModel, *, fabric: str | Fabric, share: float = 1.0) -> float:
    """Return what of a step is up to the slowest machine, s: a slower one stretches that, nothing else.

    Raises
    ------
    InputError, InputErrors
        As ``training_step``.
    """
    slower = replace(model, slowest=2 * model.slowest)
    # A step is linear in the slowest machine's factor.
    now, then = (training_step(each, fabric=fabric, share=share).seconds for each in (model, slower))
    return then - now


def calibrated(model: StepModel, seconds: float, *, fabric: str | Fabric, share: float = 1.0) -> StepModel:
    """Return the model with the efficiency at which a step takes so long.

    Raises
    ------
    InputError
        When collectives alone would take longer, or the efficiency would be above 1.
    """
    step = training_step(replace(model, efficiency=1.0), fabric=fabric, share=share)
    known = known_fabric(fabric)
    stretch = 1 + (model.pipeline - 1) / (model.virtual * model.micro_batches)
    stretch *= (1 + _slowest(model, known)) * (1 + _slice_wait(model, known))
    left = seconds - (step.seconds - step.compute_s * stretch)
    efficiency = step.compute_s * stretch / left if left > 0 else math.inf
    if not 0 < efficiency <= 1 + 1e-9:
        least = f"{step.seconds:.4g} s is the least at full efficiency"
        raise InputError(f"a step of {seconds:.4g} s ({least})", path="seconds")
    return replace(model, efficiency=min(efficiency, 1.0))


def check(model: StepModel) -> None:
    """Raise ``InputErrors`` with all that is impossible about a model."""
    wrong = [InputError(text, path=path) for path, text in faults(model)]
    if wrong:
        raise InputErrors(wrong)


def faults(model: StepModel) -> Iterator[tuple[str, str]]:
    """Yield what cannot be about a model: (field, what is wrong and what is allowed)."""
    for name in _POSITIVE:
        value = getattr(model, name)
        if not 0 < value < math.inf:
            yield name, f"{value:g} (above 0)"
            return
    for name in ("efficiency", "overlap", "tensor_overlap", "expert_overlap"):
        value = getattr(model, name)
        if not 0 <= value <= 1 or (name == "efficiency" and not value):
            yield name, f"{value:g} (a share, at most 1)"
    for name in ("active", "moe_layers", "fixed_s", "jitter", "slice_wait", "slice_wait_power"):
        value = getattr(model, name)
        if not 0 <= value < math.inf:
            yield name, f"{value:g} (0 or more)"
    if not 1 <= model.slowest < math.inf:
        yield "slowest", f"{model.slowest:g} (1 or more: the slowest machine's factor)"
    if model.gathers not in (1, 2):
        yield "gathers", f"{model.gathers} (1 or 2)"
    if model.batch % (model.data * model.micro_batch):
        whole = f"{model.data} data ranks of {model.micro_batch}"
        yield "batch", f"{model.batch} sequences do not divide over {whole} (a multiple)"
    if model.layers < model.pipeline * model.virtual:
        stages = f"{model.pipeline} ranks of {model.virtual} stages"
        yield "pipeline", f"{model.layers} layers are too few for {stages} (one a stage or more)"
    if model.data % model.expert:
        yield "expert", f"{model.data} data ranks do not divide by {model.expert} (a divisor)"
    if model.moe_layers > model.layers:
        yield "moe_layers", f"{model.moe_layers} of {model.layers} layers (at most all)"


_POSITIVE = (
    *("parameters", "layers", "hidden", "sequence", "batch", "data", "tensor", "pipeline", "expert"),
    *("virtual", "micro_batch", "top_k", "element_bytes", "gradient_bytes", "peak_tflops"),
)


def _collectives(model: StepModel, fabric: Fabric, share: float) -> tuple[float, float, float, float]:
    """Return all that tensor, expert, data and pipeline parallelism send in a step, s; nothing is hidden."""
    tokens = model.micro_batch * model.sequence
    layers, turns = model.layers / model.pipeline, model.micro_batches
    activations = model.element_bytes * tokens * model.hidden
    tensor = expert = data = pipeline = 0.0
    if model.tensor > 1:
        times = turns * layers * (6 if model.recompute else 4)
        tensor = times * _time("all-reduce", activations, model.tensor, 1, fabric, share)
    if model.expert > 1 and model.moe_layers:
        times = turns * model.moe_layers / model.pipeline * 4
        sent = activations * model.top_k / model.tensor
        expert = times * _time("all-to-all", sent, model.expert, model.tensor, fabric, share)
    if model.data > 1:
        data = _data(model, fabric, share)
    if model.pipeline > 1:
        # Transfers of full pipelines hide behind micro-batches; filling and draining shows.
        each = activations / model.tensor
        pipeline = 2 * (model.pipeline - 1) * _transfer(each, fabric, share)
    return tensor, expert, data, pipeline


def _data(model: StepModel, fabric: Fabric, share: float) -> float:
    """Return what data parallelism sends in a step: once, or with fsdp for every layer."""
    held = model.parameters / (model.tensor * model.pipeline)
    layers = model.layers / model.pipeline if model.fsdp else 1
    turns = model.micro_batches * layers if model.fsdp else 1
    gathers = model.gathers if model.fsdp else 1
    weights, gradients = (held / layers * each for each in (model.element_bytes, model.gradient_bytes))
    ranks, stride = model.data // _slices(model, fabric), model.tensor
    gather = _time("all-gather", weights, ranks, stride, fabric, share)
    scatter = _time("reduce-scatter", gradients, ranks, stride, fabric, share)
    return turns * (gathers * gather + scatter)


def _slices(model: StepModel, fabric: Fabric) -> int:
    """Return over how many TPU slices the data ranks are spread; 1 on other fabrics."""
    if fabric.kind != "torus" or model.accelerators <= fabric.g:
        return 1
    if model.accelerators % fabric.g or model.data % (model.accelerators // fabric.g):
        text = f"{model.accelerators} accelerators in slices of {fabric.g} (data ranks fill whole slices)"
        raise InputError(text, path="data")
    return model.accelerators // fabric.g


def _across_slices(model: StepModel, fabric: Fabric, share: float) -> float:
    """Return the all-reduce of gradients that slices do over the data-centre network, s."""
    slices = _slices(model, fabric)
    if slices == 1:
        return 0.0
    nbytes = model.parameters * model.gradient_bytes
    whole, inside = (
        collective_time(
            "all-reduce", nbytes, placement=torus(fabric, fabric.g, slices=n), fabric=fabric, share=share
        ).seconds
        for n in (slices, 1)
    )
    return whole - inside


def _slice_wait(model: StepModel, fabric: Fabric) -> float:
    """Return what slices wait for the slowest of them, as a share of a step."""
    return model.slice_wait * math.pow(_slices(model, fabric) - 1, model.slice_wait_power)


def _time(op: str, nbytes: float, ranks: int, stride: int, fabric: Fabric, share: float) -> float:
    """Return what a collective among ranks that are ``stride`` apart takes, s."""
    if ranks == 1:
        return 0.0
    if fabric.kind == "torus":
        return collective_time(op, nbytes, ranks=ranks, fabric=fabric, share=share).seconds
    each = max(1, fabric.g // stride)
    each = ranks if ranks <= each else math.gcd(ranks, each)
    return collective_time(op, nbytes, ranks=(ranks // each, each), fabric=fabric, share=share).seconds


def _transfer(nbytes: float, fabric: Fabric, share: float) -> float:
    """Return what one message between pipeline stages takes, s: from domain to domain."""
    ranks = 2 if fabric.kind == "torus" else (2, 1)
    return collective_time("send-recv", nbytes, ranks=ranks, fabric=fabric, share=share).seconds


def _slowest(model: StepModel, fabric: Fabric) -> float:
    """Return what all wait for the slowest machine, as a share of its work."""
    machines = max(1, model.accelerators // (fabric.host_chips if fabric.kind == "torus" else fabric.g))
    # The expected largest of many normal draws.
    return model.slowest * (1 + model.jitter * math.sqrt(2 * math.log(machines))) - 1
