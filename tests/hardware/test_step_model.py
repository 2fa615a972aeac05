"""One training step, term by term (models of networks, section 3)."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsim.api._struct import replace
from jobsim.errors import InputError, InputErrors
from jobsim.hardware.catalogue import fabric
from jobsim.hardware.collectives import collective_time
from jobsim.hardware.collectives_torus import torus
from jobsim.hardware.step_model import PEAK_TFLOPS, StepModel, calibrated, training_step

PLAIN = StepModel(
    parameters=1e10, layers=32, hidden=4096, sequence=2048, batch=256, peak_tflops=1000, efficiency=0.5
)


def step(**changes: Any) -> Any:
    return training_step(replace(PLAIN, **changes), fabric="ib_h100")


def test_one_accelerator_only_computes() -> None:
    found = step()
    tokens = 256 * 2048
    assert PLAIN.flops == tokens * (6e10 + 12 * 32 * 4096 * 2048)
    assert found.seconds == found.compute_s == pytest.approx(PLAIN.flops / 0.5e15)
    assert found.mfu == pytest.approx(0.5)
    assert step(recompute=True).seconds == pytest.approx(found.seconds * 4 / 3)
    assert step(recompute=True).mfu == pytest.approx(0.5 * 3 / 4)
    assert step(active=2e9).seconds < found.seconds / 2


def test_tensor_parallelism_is_four_all_reduces_a_layer() -> None:
    each = collective_time("all-reduce", 2 * 2048 * 4096, ranks=8, fabric="ib_h100").seconds
    assert step(tensor=8).tensor_s == pytest.approx(256 * 32 * 4 * each)
    assert step(tensor=8, recompute=True).tensor_s == pytest.approx(256 * 32 * 6 * each)
    assert step(tensor=8, tensor_overlap=0.25).tensor_s == pytest.approx(0.75 * 256 * 32 * 4 * each)


@pytest.mark.parametrize(("virtual", "share"), [(1, 3 / 64), (4, 3 / 256)])
def test_bubble(virtual: int, share: float) -> None:
    found = step(pipeline=4, micro_batch=4, virtual=virtual)
    assert found.bubble_s == pytest.approx(found.compute_s * share)
    message = 2 * 4 * 2048 * 4096
    each = collective_time("send-recv", message, ranks=(2, 1), fabric="ib_h100").seconds
    assert found.pipeline_s == pytest.approx(2 * 3 * each)


def test_an_uneven_pipeline_goes_at_the_pace_of_its_fullest_rank() -> None:
    even, uneven = step(pipeline=4, layers=32), step(pipeline=4, layers=33)
    assert uneven.compute_s / even.compute_s > 36 / 33


def test_data_parallelism_sends_once() -> None:
    """Gradients reduced and parameters gathered, among the ranks of the other domains and of this one."""
    found = step(data=64, gradient_bytes=4)
    scatter = collective_time("reduce-scatter", 4e10, ranks=64, fabric="ib_h100").seconds
    gather = collective_time("all-gather", 2e10, ranks=64, fabric="ib_h100").seconds
    assert found.data_s == pytest.approx(scatter + gather)
    with_tensor = step(data=8, tensor=8)
    scatter, gather = (
        collective_time(op, 2e10 / 8, ranks=(8, 1), fabric="ib_h100").seconds
        for op in ("reduce-scatter", "all-gather")
    )
    assert with_tensor.data_s == pytest.approx(scatter + gather)


def test_two_data_ranks_of_a_domain_share_it() -> None:
    found = step(data=8, tensor=4)
    scatter, gather = (
        collective_time(op, 2e10 / 4, ranks=(4, 2), fabric="ib_h100").seconds
        for op in ("reduce-scatter", "all-gather")
    )
    assert found.data_s == pytest.approx(scatter + gather)


def test_fsdp_gathers_each_layer_of_each_micro_batch() -> None:
    found = step(data=64, fsdp=True, batch=128)
    scatter, gather = (
        collective_time(op, 2e10 / 32, ranks=64, fabric="ib_h100").seconds
        for op in ("reduce-scatter", "all-gather")
    )
    assert found.data_s == pytest.approx(2 * 32 * (2 * gather + scatter))
    kept = step(data=64, fsdp=True, batch=128, gathers=1, overlap=0.5)
    assert kept.data_s == pytest.approx(0.5 * 2 * 32 * (gather + scatter))


def test_experts_exchange_four_times_a_layer() -> None:
    found = step(data=16, expert=16, moe_layers=16, top_k=2)
    sent = 2 * 2048 * 4096 * 2
    each = collective_time("all-to-all", sent, ranks=16, fabric="ib_h100").seconds
    assert found.expert_s == pytest.approx(16 * 16 * 4 * each)
    assert step(data=16, expert=16).expert_s == 0
    hidden = step(data=16, expert=16, moe_layers=16, top_k=2, expert_overlap=0.25)
    assert hidden.expert_s == pytest.approx(0.75 * found.expert_s)


def test_tensor_ranks_share_what_experts_and_stages_are_sent() -> None:
    """Activations are split over tensor ranks; two experts of a layer are then in each domain."""
    sent = 2 * 2048 * 4096
    each = collective_time("all-to-all", sent * 2 / 4, ranks=(8, 2), fabric="ib_h100").seconds
    found = step(data=16, tensor=4, expert=16, moe_layers=16, top_k=2)
    assert found.expert_s == pytest.approx(16 * 16 * 4 * each)
    message = collective_time("send-recv", sent / 4, ranks=(2, 1), fabric="ib_h100").seconds
    assert step(tensor=4, pipeline=2).pipeline_s == pytest.approx(2 * message)


def test_data_ranks_that_do_not_fill_domains_are_spread_evenly() -> None:
    """Twelve ranks on domains of eight: four on each of three."""
    scatter, gather = (
        collective_time(op, 2e10, ranks=(3, 4), fabric="ib_h100").seconds
        for op in ("reduce-scatter", "all-gather")
    )
    assert step(data=12, batch=240).data_s == pytest.approx(scatter + gather)


def test_the_slowest_machine_sets_the_pace() -> None:
    """One slow machine slows all; jitter grows with the logarithm of the machines."""
    found = step(data=64, slowest=1.1)
    assert found.waiting_s == pytest.approx(0.1 * found.compute_s)
    found = step(data=64, jitter=0.02)
    assert found.waiting_s == pytest.approx(0.02 * math.sqrt(2 * math.log(8)) * found.compute_s)
    assert step(jitter=0.02).waiting_s == 0


def test_a_smaller_share_of_the_network_shows_where_the_network_is_used() -> None:
    model = replace(PLAIN, data=64)
    whole, half = (training_step(model, fabric="ib_h100", share=share) for share in (1.0, 0.5))
    assert half.data_s > 1.8 * whole.data_s
    assert half.compute_s == whole.compute_s
    one = replace(PLAIN, data=8)
    assert training_step(one, fabric="ib_h100", share=0.5) == training_step(one, fabric="ib_h100")


def test_slices_of_tpu() -> None:
    model = replace(PLAIN, data=512, batch=512, fsdp=True, peak_tflops=PEAK_TFLOPS["tpu-v5e"])
    v5e = fabric("tpu_v5e")
    two, one = training_step(model, fabric=v5e), training_step(replace(model, data=256), fabric=v5e)
    whole, inside = (
        collective_time("all-reduce", 2e10, placement=torus(v5e, 256, slices=n), fabric=v5e).seconds
        for n in (2, 1)
    )
    assert two.data_s == pytest.approx(one.data_s / 2 + whole - inside)
    waits = training_step(replace(model, slice_wait=0.02, slice_wait_power=0.7), fabric=v5e)
    assert waits.waiting_s == pytest.approx(0.02 * (two.seconds - (whole - inside)))
    hidden = training_step(replace(model, overlap=0.5), fabric=v5e)
    assert hidden.data_s == pytest.approx(two.data_s / 2)
    again = calibrated(replace(model, slice_wait=0.02), waits.seconds, fabric=v5e)
    assert again.efficiency == pytest.approx(model.efficiency)
    with pytest.raises(InputError, match="384 accelerators in slices of 256"):
        training_step(replace(model, data=384, batch=384), fabric=v5e)


models = st.builds(
    lambda **changes: replace(PLAIN, **changes),
    data=st.sampled_from([1, 8, 64]),
    tensor=st.sampled_from([1, 4, 8]),
    pipeline=st.sampled_from([1, 2, 4]),
    fsdp=st.booleans(),
    overlap=st.floats(0, 1),
    jitter=st.floats(0, 0.1),
    slowest=st.floats(1, 2),
    fixed_s=st.floats(0, 1),
)


@given(models)
def test_parts_add_up(model: StepModel) -> None:
    found = training_step(model, fabric="efa_h100")
    assert sum(found[1:-1]) == pytest.approx(found.seconds)
    assert 0 < found.mfu <= model.efficiency * (1 + 1e-9)


@given(models, st.floats(0.05, 1))
def test_calibration_meets_its_measurement(model: StepModel, efficiency: float) -> None:
    seconds = training_step(replace(model, efficiency=efficiency), fabric="efa_h100").seconds
    found = calibrated(model, seconds, fabric="efa_h100")
    assert found.efficiency == pytest.approx(efficiency, rel=1e-6)


def test_no_efficiency_explains_a_step_that_is_too_short() -> None:
    with pytest.raises(InputError, match=r"seconds: a step of 0\.001 s \(.* s is the least"):
        calibrated(replace(PLAIN, data=64), 0.001, fabric="ib_h100")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"parameters": 0}, "parameters: 0 (above 0)"),
        ({"peak_tflops": -1}, "peak_tflops: -1 (above 0)"),
        ({"tensor": 0}, "tensor: 0 (above 0)"),
        ({"efficiency": 0}, "efficiency: 0 (a share, at most 1)"),
        ({"efficiency": 1.5}, "efficiency: 1.5 (a share, at most 1)"),
        ({"overlap": -0.1}, "overlap: -0.1 (a share, at most 1)"),
        ({"fixed_s": -1}, "fixed_s: -1 (0 or more)"),
        ({"slowest": 0.5}, "slowest: 0.5 (1 or more"),
        ({"gathers": 3}, "gathers: 3 (1 or 2)"),
        ({"data": 3}, "batch: 256 sequences do not divide over 3 data ranks of 1 (a multiple)"),
        ({"pipeline": 64}, "pipeline: 32 layers are too few for 64 ranks of 1 stages"),
        ({"data": 8, "expert": 3}, "expert: 8 data ranks do not divide by 3 (a divisor)"),
        ({"moe_layers": 33}, "moe_layers: 33 of 32 layers (at most all)"),
    ],
)
def test_wrong_models(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(InputErrors) as caught:
        step(**changes)
    assert str(caught.value).startswith(text)
