"""Workloads on the network: what does not fit the fleet or the JobSet is an error, with its line."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.errors import InputErrors
from jobsim.hardware.price import Exchange
from jobsim.scenario.build import build
from jobsim.scenario.exchanging import exchanging
from jobsim.scenario.load import Scenario
from tests.runtime.lab import jobset

GPUS = {"container": {"resources": {"limits": {"nvidia.com/gpu": 8}}}}
LLAMA = {"parameters": 8e9, "layers": 32, "hidden": 4096, "sequence": 4096, "batch": 64, "data": 32}
INLINE = {"cpu": 8, "memory": "1Gi", "accelerators": {"nvidia.com/gpu": 8}}


def lab(step: Any = "1s", shape: Any = "dgx-h100", *, pods: int = 4, **more: Any) -> Scenario:
    pool = {"pool": "h", "shape": shape, "nodes": 4, **more.pop("pool", {})}
    work = {"match": {"jobset": "train"}, "step": step, "steps": 10, **more}
    return Scenario(manifests=[jobset(pods=pods, **GPUS)], fleet=[pool], workloads=[work])


def refused(*args: Any, **kwargs: Any) -> str:
    with pytest.raises(InputErrors) as caught:
        lab(*args, **kwargs)
    return str(caught.value)


RING = [{"op": "all-reduce", "bytes": "1Gi"}]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            {"shape": INLINE, "collectives": RING},
            "workloads[0].collectives: there is no network to price it on",
        ),
        (
            {"step": {"model": LLAMA}, "pods": 2},
            "workloads[0].step.model: it runs on 32 accelerators (data 32 x tensor 1 x pipeline 1), "
            "the gang's pods have 16 (the same number)",
        ),
        (
            {"step": {"model": LLAMA}, "shape": INLINE, "pool": {"fabric": "ib_h100"}},
            "workloads[0].step.model: peakTflops is missing, and the fleet's shape does not say it "
            "(or accelerator: NAME)",
        ),
        (
            {"step": {"model": {**LLAMA, "data": 3, "batch": 3}}, "shape": "tpu-v5p", "pods": 3},
            "workloads[0].step.model: on pool h: ranks: no slice of tpu_v5p has 3 chips",
        ),
    ],
)
def test_what_does_not_fit(arguments: dict[str, Any], says: str) -> None:
    assert says in refused(**arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"collectives": RING},
        {"step": {"model": LLAMA}},
        {"step": {"model": {**LLAMA, "accelerator": "h100"}}, "shape": INLINE, "pool": {"fabric": "ib_h100"}},
        {"shape": INLINE, "pool": {"fabric": "ib_h100"}, "collectives": RING},
        {"shape": INLINE},
    ],
)
def test_what_does(arguments: dict[str, Any]) -> None:
    setup, _ = build(lab(**arguments), strict=False, check_invariants=False)
    assert bool(setup.exchanging) == (setup.network is not None) == (arguments != {"shape": INLINE})


def test_in_the_runtimes_words() -> None:
    spec = lab(
        collectives=[{"op": "send", "bytes": "1Mi", "overlap": 0.5}], useful="1h", steps=None
    ).workloads[0]
    found = exchanging(spec)
    assert found.key == ("default", "train")
    assert (found.compute_ns, found.useful_ns) == (10**9, 3600 * 10**9)
    assert found.exchanges == (Exchange("send-recv", 2**20, 0.5),)
    own = lab({"model": {**LLAMA, "peakTflops": 500}}).workloads[0]
    assert exchanging(own).own_peak


def test_one_pool_that_can_carry_a_model_is_enough() -> None:
    pools = [{"pool": "t", "shape": "tpu-v5p", "nodes": 4}, {"pool": "h", "shape": "dgx-h100", "nodes": 4}]
    model = {**LLAMA, "data": 3, "batch": 3}
    work = {"match": {"jobset": "train"}, "step": {"model": model}, "steps": 10}
    Scenario(fleet=pools, workloads=[work])
    with pytest.raises(InputErrors, match="on pool t: "):
        Scenario(fleet=pools[:1], workloads=[work])


@pytest.mark.parametrize("limits", [{"nvidia.com/gpu": "many"}, {"nvidia.com/gpu": []}])
def test_a_jobset_that_is_none_is_left_to_the_api_server(limits: dict[str, Any]) -> None:
    work = {"match": {"jobset": "train"}, "step": {"model": LLAMA}, "steps": 10}
    pool = {"pool": "h", "shape": "dgx-h100", "nodes": 4}
    broken = jobset(container={"resources": {"limits": limits}})
    assert Scenario(manifests=[broken], fleet=[pool], workloads=[work]).workloads
