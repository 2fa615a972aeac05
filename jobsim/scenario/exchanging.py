"""Workloads that use the network: checked against the fleet and the JobSets, and in the runtime's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jobsim import laws
from jobsim.api import codec, quantity
from jobsim.api._struct import replace
from jobsim.api.devices import of_pod
from jobsim.api.jobset import JobSet
from jobsim.errors import InputError, InputErrors
from jobsim.hardware.catalogue import Hardware
from jobsim.hardware.price import Exchange
from jobsim.hardware.step_model import training_step
from jobsim.runtime.gang import wanted_pods
from jobsim.runtime.network import Exchanging
from jobsim.scenario import model
from jobsim.scenario.check import Finding
from jobsim.scenario.compose import Where
from jobsim.scenario.manifests import Manifest

#: The Scenario's words for what collectives are called by another.
_OPS = {"send": "send-recv"}


def exchanging(spec: model.WorkloadSpec) -> Exchanging:
    """Return what a workload's steps send."""
    step = spec.step
    return Exchanging(
        key=(spec.match.namespace, spec.match.jobset),
        compute_ns=0 if isinstance(step, model.StepModel) else max(1, round(laws.mean(step))),
        exchanges=tuple(
            Exchange(_OPS.get(each.op, each.op), quantity.value(each.bytes), each.overlap)
            for each in spec.collectives
        ),
        model=step.model if isinstance(step, model.StepModel) else None,
        own_peak=isinstance(step, model.StepModel) and step.own_peak,
        useful_ns=spec.useful,
    )


def findings(good: Mapping[str, Any], manifests: Sequence[Manifest], known: Hardware) -> Iterator[Finding]:
    """Yield what keeps a workload from being priced: no fabric, no peak, another number of accelerators."""
    fleet: Sequence[model.Pool] = good.get("fleet") or ()
    workloads: Sequence[model.WorkloadSpec] = good.get("workloads", ())
    nodes = any(manifest.kind == "Node" for manifest in manifests)
    for i, spec in enumerate(workloads):
        if not spec.on_network:
            continue
        step = spec.step if isinstance(spec.step, model.StepModel) else None
        path: Where = ("workloads", i, *(("step", "model") if step is not None else ("collectives",)))
        pools = [pool for pool in fleet if pool.fabric or pool.shape.fabric]
        if not pools and not nodes:
            text = "there is no network to price it on (a fleet of a shape with a fabric, or fabric: NAME)"
            yield Finding(path, text)
        elif step is not None:
            yield from _model(path, step, spec, pools, manifests, known)


def _model(
    path: Where,
    step: model.StepModel,
    spec: model.WorkloadSpec,
    pools: Sequence[model.Pool],
    manifests: Sequence[Manifest],
    known: Hardware,
) -> Iterator[Finding]:
    wrong = [text for pool in pools if (text := _misfit(step, pool, known))]
    if len(wrong) == len(pools) > 0:
        yield Finding(path, wrong[0])
        return
    asked = _asked(spec, manifests)
    if asked and asked != step.model.accelerators:
        shape = " x ".join(f"{name} {getattr(step.model, name)}" for name in ("data", "tensor", "pipeline"))
        text = f"it runs on {step.model.accelerators} accelerators ({shape}), the gang's pods have {asked}"
        yield Finding(path, f"{text} (the same number)")


def _misfit(step: model.StepModel, pool: model.Pool, known: Hardware) -> str:
    """Return why a model cannot run on a pool's machines and fabric; empty if it can."""
    peak = step.model.peak_tflops if step.own_peak else pool.shape.peak_tflops
    if not peak:
        return "peakTflops is missing, and the fleet's shape does not say it (or accelerator: NAME)"
    try:
        fabric = known.fabrics[pool.fabric or pool.shape.fabric]
        training_step(replace(step.model, peak_tflops=peak), fabric=fabric)
    except (InputError, InputErrors) as err:
        return f"on pool {pool.pool}: {err}"
    return ""


def _asked(spec: model.WorkloadSpec, manifests: Sequence[Manifest]) -> int:
    """Return how many accelerators the pods of a gang ask for; 0: nobody knows."""
    total = 0
    for manifest in manifests:
        if manifest.kind != "JobSet" or manifest.name != spec.match.jobset:
            continue
        try:
            jobset = codec.from_dict(codec.prune_nulls(manifest.data))
            if isinstance(jobset, JobSet):
                total += sum(_of_jobset(jobset, spec.match.replicated_jobs))
        except ValueError:
            return 0
    return total


def _of_jobset(jobset: JobSet, wanted: Sequence[str]) -> Iterator[int]:
    for rjob in jobset.spec.replicated_jobs:
        if not wanted or rjob.name in wanted:
            yield wanted_pods(jobset, (rjob.name,)) * of_pod(rjob.template.spec.template.spec)
