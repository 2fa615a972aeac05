"""Published fleets against runs: what failed how often, and how much of the time was useful.

Each row says what was published and where, what our run of it comes to, and how far apart they are; where
that is more than 5 %, why.  The scenarios say which of their numbers are published and which are ours.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jobsim
from benchmarks.validation import reliability_runs as runs
from benchmarks.validation.reliability_availability import CUBES, healthy
from jobsim.api import devices
from jobsim.hardware.failures import places
from jobsim.hardware.failures.catalogue import Component, components
from jobsim.hardware.failures.plans import Process
from jobsim.hardware.failures.renewal import Renewals
from jobsim.scenario.build import build
from jobsim.scenario.load import Scenario
from jobsim.units import DAY, HOUR, SECOND
from jobsim.workload.checkpoint import expected_ettr

TITLE = "Published fleets: what was published, and what a run of it gives"
NOTE = "Counts: in the Poisson 95 % interval of the published count. Shares of time: inside 5 %, or why not."

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
SEEDS = 20


def row(what: str, published: float, here: float, good: bool, note: str, digits: int = 3) -> dict[str, Any]:
    """Return the row of one figure."""
    return {
        "figure": what,
        "published": f"{published:.{digits}f}",
        "here": f"{here:.{digits}f}",
        "apart": f"{here / published - 1:+.1%}",
        "holds": "yes" if good else "no",
        "note": note,
    }


def share(what: str, published: float, here: float, note: str = "") -> dict[str, Any]:
    """Return the row of a share of the time."""
    return row(what, published, here, abs(here / published - 1) <= 0.05, note)


def poisson_interval(count: int) -> tuple[float, float]:
    """Return the exact 95 % interval of the mean of a Poisson count (Garwood 1936).

    Examples
    --------
    >>> [round(x, 2) for x in poisson_interval(3)]
    [0.62, 8.77]
    """

    def at_most(k: int, mean: float) -> float:
        return math.fsum(math.exp(i * math.log(mean) - mean - math.lgamma(i + 1)) for i in range(k + 1))

    def solve(k: int, chance: float) -> float:
        low, high = 1e-9, 4.0 * count + 20
        for _ in range(80):
            middle = (low + high) / 2
            low, high = (middle, high) if at_most(k, middle) > chance else (low, middle)
        return low

    return solve(count - 1, 0.975), solve(count, 0.025)


# ---- Llama 3


@cache
def _llama_counts() -> dict[str, list[int]]:
    """Failures in 54 days by cause and seed: the streams of the scenario, without what they lead to."""
    scenario = Scenario.load(SCENARIOS / "llama3-405b.yaml")
    setup, _ = build(scenario, strict=False, check_invariants=False)
    machines = [
        places.Machine(node.name, node.metadata.labels, devices.accelerators(node.status.capacity))
        for node in setup.nodes
    ]
    at_work = places.in_pool(machines, "h100")
    assert setup.until is not None
    found: dict[str, list[int]] = {}
    for plan in setup.plans:
        if isinstance(plan, Process):
            cause = plan.fault.cause
            members = places.entities(plan.per, at_work)
            found[cause] = [
                sum(1 for _, _, up in runs.outages(Renewals(seed, plan, members), setup.until, 0) if up > 0)
                for seed in range(scenario.seed, scenario.seed + SEEDS)
            ]
    return found


def _published_count(part: Component, days: float) -> int:
    """Return the count that the catalogue's rate was made from."""
    return round(days * DAY / part.mtbf * (16384 if part.per == "accelerator" else 2048))


def _llama() -> Iterator[dict[str, Any]]:
    known = components()
    for cause, counts in _llama_counts().items():
        part = known[cause]
        published = _published_count(part, 54)
        low, high = poisson_interval(published)
        mean = math.fsum(counts) / len(counts)
        inside = sum(low <= count <= high for count in counts)
        note = f"{low:.1f} to {high:.1f}; mean of {SEEDS} seeds, {inside} of them inside"
        yield row(f"Llama 3: {part.title}", published, mean, low <= mean <= high, note, 1)
    total = [sum(counts) for counts in zip(*_llama_counts().values(), strict=True)]
    low, high = poisson_interval(419)
    mean = math.fsum(total) / len(total)
    note = f"{low:.1f} to {high:.1f}; seed of the scenario: {total[0]}"
    yield row("Llama 3: all unexpected", 419, mean, low <= mean <= high, note, 1)
    ettr, restarts = _llama_days()
    note = "published: more than 0.9; 8 pods, each failing as often as 256"
    yield row("Llama 3: useful share of 54 days", 0.9, ettr, ettr > 0.9, note)
    low, high = poisson_interval(466)
    note = f"{low:.0f} to {high:.0f}; a failure while the gang is down restarts nothing"
    yield row("Llama 3: interruptions, planned too", 466, restarts, low <= restarts <= high, note, 0)


def _llama_days() -> tuple[float, float]:
    """Return useful share and restarts of the 54 days, one pod and node standing for 256."""
    plan = Scenario.load(SCENARIOS / "llama3-405b.yaml")
    setup, _ = build(plan, strict=False, check_invariants=False)
    failures: list[dict[str, Any]] = [
        {
            "component": one.fault.cause.partition("/")[2],
            "per": one.per,
            "mtbf": jobsim.laws.mean(one.law) / SECOND / 256,
            "effect": one.fault.effect,
            "detect": jobsim.laws.mean(one.fault.detect) / SECOND,
            "repair": jobsim.laws.mean(one.fault.repair) / SECOND if one.fault.repair else 0,
        }
        for one in setup.plans
        if isinstance(one, Process)
    ]
    stop = {"every": "27h34m", "pool": "h100", "notice": "10m", "duration": "1h"}
    [work] = setup.workloads
    [level] = work.levels
    manifest = runs.jobset(8)
    spec = manifest["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
    spec["containers"][0]["resources"] = {"limits": {"nvidia.com/gpu": "8"}}
    recorder, end = runs.run(
        seed=plan.seed,
        until="54d",
        manifests=[manifest],
        fleet=[
            {"pool": "h100", "shape": "dgx-h100", "nodes": 8},
            {"pool": "spare", "shape": "dgx-h100", "nodes": 4},
        ],
        pods=[
            {"match": {}, "start": {"lognormal": {"median": 10, "sigma": 0.3}}, "run": "workload", "stop": 5}
        ],
        workloads=[
            {
                "match": {"jobset": "train"},
                "step": work.step_ns / SECOND,
                "useful": "365d",
                "init": jobsim.laws.mean(work.init) / SECOND,
                "checkpoint": {
                    "every": level.every_ns / SECOND,
                    "write": jobsim.laws.mean(level.write) / SECOND,
                    "mode": level.mode,
                    "persist": jobsim.laws.mean(level.persist) / SECOND,
                    "load": jobsim.laws.mean(level.load) / SECOND,
                },
            }
        ],
        failures=[*failures, {"maintenance": stop}],
    )
    record = runs.only(recorder)
    return record.ledger.total(end)["useful"] / record.ledger.elapsed(end), record.ledger.losses.interruptions


# ---- scenarios as they stand


def _scenarios() -> Iterator[dict[str, Any]]:
    pretrain = _run("rsc-1")
    note = "first order; the exact form says 0.959"
    yield share("RSC-1: useful share, 2,048 GPUs, written every hour", 0.960, pretrain["ettr"], note)
    opt = _run("opt-175b")
    yield share("OPT-175B: useful share of 56 days", 0.608, opt["ettr"], "34.1 ideal days in 56")
    low, high = poisson_interval(105)
    here = opt["restarts"]
    note = f"{low:.0f} to {high:.0f}"
    yield row("OPT-175B: restarts", 105, here, low <= here <= high, note, 0)
    slices = _run("tpu-multislice-50k")
    # Of the failures that this run met: twelve hours see five, give or take two.
    restarts = slices["restartBreakdown"][1:]
    restart = math.fsum(one["total_s"] for one in restarts) / len(restarts)
    mtbf = 12 * HOUR / SECOND / len(restarts) - restart
    expected = expected_ettr(mtbf, 1, 130, safe_s=restart - 70, exposed_s=70)
    note = f"exact form at the {len(restarts)} failures of these 12 h; at the mean rate 0.963"
    yield share("TPU, 199 slices: useful share (closed form)", expected, slices["ettr"], note)


def _run(name: str) -> dict[str, Any]:
    print(f"scenarios/{name}.yaml ...", file=sys.stderr)
    [jobset] = jobsim.run(SCENARIOS / f"{name}.yaml").summary()["jobsets"]
    assert isinstance(jobset, dict)
    return jobset


def _slices() -> Iterator[dict[str, Any]]:
    """Slices of a TPU v4 pod behind optical switches, hosts up 99.0 % of the time (ISCA 2023)."""
    for chips, published in ((1024, 0.75), (2048, 0.50), (3072, 0.75)):
        m = chips // 64
        looks = [(CUBES - len(ill)) // m * m / CUBES for run in healthy(0.99, CUBES) for ill in run]
        here = math.fsum(looks) / len(looks)
        yield share(f"TPU v4 pod: goodput in slices of {chips:,} chips", published, here)


@cache
def rows() -> list[dict[str, Any]]:
    """Return a row for each figure."""
    return [*_llama(), *_slices(), *_scenarios()]


def summary() -> list[dict[str, Any]]:
    """Return the rows that are no single cause."""
    causes = [f"Llama 3: {part.title}" for part in components().values()]
    found = [one for one in rows() if one["figure"] not in causes]
    counted = [one for one in rows() if one["figure"] in causes]
    first = dict.fromkeys(found[0], "")
    first["figure"] = f"Llama 3: {len(counted)} causes, counts in 54 days"
    first["here"] = f"{sum(one['holds'] == 'yes' for one in counted)} inside"
    first["holds"] = "yes" if all(one["holds"] == "yes" for one in counted) else "no"
    return [first, *found]
