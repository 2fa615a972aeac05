"""Closed forms of fleets: spares, racks that fail as one, start-up as a maximum."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.validation import reliability_runs as runs
from benchmarks.validation.reliability_runs import Case
from jobsim.laws import Exponential, Fixed, Lognormal, quantile
from jobsim.rng import uniform
from jobsim.units import DAY, HOUR, SECOND

RSC = 0.0065


def cases() -> Iterator[Case]:
    """Yield the cases in the order of the models' sections."""
    yield from _spares()
    yield from _correlated()
    yield from _start_up()


def erlang_b(servers: int, load: float) -> float:
    """Return the share of arrivals that find all servers busy."""
    blocked = 1.0
    for c in range(1, servers + 1):
        blocked = load * blocked / (c + load * blocked)
    return blocked


def _spares() -> Iterator[Case]:
    load = 2048 * RSC
    for hours, reps in ((1, 12), (4, 12), (24, 12), (72, 12)):
        up = 1 / (1 + RSC * hours / 24)
        yield Case(
            f"D1 nodes down of 2,048, repair {hours} h", 2048 * (1 - up), lambda h=hours, k=reps: _down(h, k)
        )
    for spares in (8, 12, 16, 20, 24):
        yield Case(
            f"D2 stalled share, {spares} cold spares",
            erlang_b(spares + 1, load),
            lambda s=spares: [
                runs.stalls(seed, 2048, s, RSC, Fixed(value=DAY), 150 * DAY)[0] / (150 * DAY)
                for seed in range(12)
            ],
        )
    yield Case(
        "D2 the same in the ring: one pod, 4 nodes",
        erlang_b(4, 2.0),
        lambda: [_pod_and_spares(seed) for seed in range(10)],
        "pods of a larger gang that wait for one more run, and so fail, too: longer stalls than the form's",
    )
    for spares, expected in ((20, 0.0695319), (24, 0.6785668), (28, 0.9709713), (32, 0.9987976)):
        yield Case(
            f"D8 30 days without a stall, {spares} spares",
            expected,
            lambda s=spares: [
                float(runs.stalls(seed, 2048, s, RSC, Exponential(mean=DAY), 30 * DAY)[1] == 0)
                for seed in range(100)
            ],
            sd=math.sqrt(expected * (1 - expected)),
        )


def _down(hours: int, reps: int) -> list[float]:
    """Nodes down at the end of some days, so long that it is in balance."""
    found = []
    for seed in range(reps):
        clocks = runs.clocks(seed, runs.daily(RSC), 2048)
        until = 12 * DAY
        changes, down = [], 0
        for time, _, change in runs.outages(clocks, until, hours * HOUR):
            down += change
            changes.append((time, down))
        # The second half: an outage of a day is in balance after the first.
        found.append(runs.mean_since(until // 2, changes, until))
    return found


def _pod_and_spares(seed: int) -> float:
    """One pod on one of 4 nodes: its node fails every 12 h and is replaced after a day."""
    recorder, end = runs.run(
        seed=seed,
        until="150d",
        fleet=[{"pool": "n", "shape": runs.SHAPE, "nodes": 4}],
        pods=[{"match": {}, "start": 0, "run": "workload", "stop": 0}],
        workloads=[{"match": {"jobset": "train"}, "step": 60, "useful": "10000d"}],
        failures=[
            {
                "component": "node",
                "per": "node",
                "law": runs.exponential(43200),
                "clock": "exposure",
                "repair": runs.exponential(86400),
            }
        ],
    )
    total = runs.only(recorder).ledger.total(end)
    return total["queued"] / (total["queued"] + total["useful"] + total["rework"])


def _correlated() -> Iterator[Case]:
    for nodes, racks, name in (
        (256, 16, "256 nodes packed in 16 racks"),
        (256, 8, "256 nodes packed in 8 racks"),
        (256, 256, "256 nodes, one a rack"),
        (2048, 128, "2,048 nodes packed in 128 racks"),
        (2048, 2048, "2,048 nodes, one a rack"),
    ):
        rate = nodes * RSC + racks * 0.002
        yield Case(f"E1 job failures a day, {name}", rate, lambda n=nodes, k=racks: _job_failures(n, k))
    yield Case("E2 nodes down, racks of 16 fail too", 17.68, lambda: [m for m, _ in _joint()])
    yield Case("E2 their variance", 80.08, lambda: [v for _, v in _joint()])


def _job_failures(count: int, racks: int) -> list[float]:
    found = []
    for seed in range(12):
        nodes = runs.clocks(seed, runs.daily(RSC), count)
        domains = runs.clocks(seed, runs.daily(0.002), count, per="rack", rack_size=count // racks)
        failures = sum(1 for c in (nodes, domains) for _, _, up in runs.outages(c, 60 * DAY, 0) if up > 0)
        found.append(failures / 60)
    return found


def _joint() -> list[tuple[float, float]]:
    """Mean and variance of nodes down, independent and whole racks, each away for a day."""
    found = []
    for seed in range(16):
        single = runs.clocks(seed, runs.daily(0.0065), 2080)
        racks = runs.clocks(seed, runs.daily(0.002), 2080, per="rack")
        until = 120 * DAY
        events = [(t, c) for t, _, c in runs.outages(single, until, DAY)]
        events += [(t, 16 * c) for t, _, c in runs.outages(racks, until, DAY)]
        samples, down, at = [], 0, 2 * DAY
        for time, change in sorted(events):
            while at < time:
                samples.append(down)
                at += DAY
            down += change
        mean = sum(samples) / len(samples)
        found.append((mean, sum((x - mean) ** 2 for x in samples) / (len(samples) - 1)))
    return found


def _start_up() -> Iterator[Case]:
    lognormal = {"lognormal": {"median": 20, "sigma": 0.3}}
    for count, expected, reps in ((64, 40.78339, 24), (512, 50.16073, 12), (5000, 60.55959, 6)):
        yield Case(
            f"F1 all of {count:,} pods started [s]",
            expected,
            lambda n=count, k=reps: _slowest(n, lognormal, k),
        )
    alone = "the draws alone: no ring of as many pods, often enough"
    for count, expected in ((15_000, 65.68583), (50_000, 71.41474)):
        yield Case(f"F1 slowest of {count:,} starts [s]", expected, lambda n=count: _draws(n), alone)
    for count, reps in ((64, 24), (512, 12)):
        harmonic = math.fsum(1 / i for i in range(1, count + 1))
        yield Case(
            f"F1 the same, {count:,} exponential starts [s]",
            20 * harmonic,
            lambda n=count, k=reps: _slowest(n, runs.exponential(20), k),
        )
    for count, rate in ((3750, 58), (3750, 266), (15_000, 290)):
        yield Case(
            f"F2 {count:,} pods bound at {rate} a second [s]",
            (count - 1) * round(SECOND / rate) / SECOND,
            lambda n=count, r=rate: [_placed(n, r)],
            "the first is bound at once",
        )


def _slowest(count: int, start: Mapping[str, Any], reps: int) -> list[float]:
    found = []
    for seed in range(reps):
        recorder, _ = runs.run(
            seed=seed,
            manifests=[runs.jobset(count)],
            fleet=[{"pool": "n", "shape": {"cpu": count, "memory": "64Gi", "pods": 10_000}, "nodes": 1}],
            pods=[{"match": {}, "start": dict(start), "run": 60}],
        )
        # From binding on: some thousand pods are not created at one instant.
        found.append(max(life.running - life.bound for life in recorder.pods) / SECOND)
    return found


def _draws(count: int) -> list[float]:
    law = Lognormal(median=20 * SECOND, sigma=0.3)
    return [
        max(quantile(law, uniform(seed, "start", pod)) for pod in range(count)) / SECOND for seed in range(16)
    ]


def _placed(count: int, rate: int) -> float:
    """Return when the last of some pods that are there from the beginning is bound, s."""
    limits = {**runs.UNLIMITED, "scheduler": {"podsPerSecond": rate}}
    recorder, _ = runs.run(
        control=limits,
        until="10m",
        manifests=[runs.jobset(count)],
        fleet=[{"pool": "n", "shape": {"cpu": 100, "memory": "64Gi", "pods": 110}, "nodes": -(-count // 50)}],
        pods=[{"match": {}, "start": 0, "run": "forever"}],
    )
    return max(life.bound for life in recorder.pods) / SECOND
