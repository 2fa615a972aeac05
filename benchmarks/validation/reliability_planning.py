"""Closed forms that planners ask for: published claims, restarts that run out, whole fleets, variances.

Everything runs through the ring, as in ``reliability``; what cannot says why.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import Any

from benchmarks.validation import reliability_runs as runs
from benchmarks.validation.reliability_runs import Case, Times
from jobsim.hardware.failures.places import entities, speedup
from jobsim.hardware.failures.plans import Fault, Process
from jobsim.units import DAY, SECOND
from jobsim.workload.checkpoint import expected_ettr, optimum_s, segment_s, young_s

LLAMA = 11135.08353221957
TAU = 797.5004547312049
DAY_S = 86400.0


def cases() -> Iterator[Case]:
    """Yield the cases in the order of the models' sections."""
    yield from _claims()
    yield from _running_out()
    yield from _budgets()
    yield from _fleets()
    yield from _questions()
    yield from _variances()
    yield from _without_runs()


def ettrs(times: Times, reps: int = 12) -> list[float]:
    """Return useful over elapsed time of runs of some thirty failures each."""
    intervals = round(min(2000, max(200, 30 * times.mtbf / (times.tau + times.write))))
    return [times.tau / seg for seg in runs.per_interval(times, reps, intervals)]


def _ettr(name: str, times: Times, note: str = "") -> Case:
    """Return the case of a policy in the long run."""
    expected = expected_ettr(
        times.mtbf, times.write, times.tau, exposed_s=times.exposed, safe_s=times.safe + times.detect
    )
    return Case(name, expected, lambda: ettrs(times), note)


def _claims() -> Iterator[Case]:
    """The claims of Revisiting Reliability (section 1.2), whose own formula is of first order."""
    minute = 60.0
    rows = (
        # name, nodes, failures a node-day, interval (None: Young's), write, restart; minutes
        ("RSC-1, 16k GPUs, hourly", 2048, 0.0065, 60.0, 0.0, 5.0),
        ("RSC-1, 16k GPUs, every 5 min", 2048, 0.0065, 5.0, 0.0, 5.0),
        ("RSC-1, 2,048 GPUs, hourly", 256, 0.0065, 60.0, 0.0, 5.0),
        ("RSC-1, 4,096 GPUs, hourly", 512, 0.0065, 60.0, 0.0, 5.0),
        ("RSC-2, 100k GPUs, every 2 min", 12500, 0.00234, 2.0, 0.0, 2.0),
        ("RSC-1, 12k GPUs, writes of 5 min", 1536, 0.0065, None, 5.0, 5.0),
        ("RSC-1, 12k GPUs, writes of 10 s", 1536, 0.0065, None, 1 / 6, 5.0),
        ("12k GPUs, 1 a 1000 node-days", 1536, 0.001, None, 5.0, 5.0),
    )
    for name, nodes, rate, tau, write, restart in rows:
        mtbf = DAY_S / nodes / rate
        every = young_s(mtbf, write * minute) if tau is None else tau * minute
        first = (1 - (restart * minute + every / 2) / mtbf) / (1 + write * minute / every)
        times = Times(mtbf, write * minute, every, safe=restart * minute)
        yield _ettr(f"B4 ETTR, {name}", times, f"exact; of first order {first:.3f}")


def _running_out() -> Iterator[Case]:
    intervals, p = 5265, math.exp(-(TAU + 30) / LLAMA)
    mean, variance = intervals * (1 - p) / p, intervals * (1 - p) / p**2
    yield Case("B5 failures in 5,265 intervals", mean, _failures, sd=math.sqrt(variance))
    deviation = "squared deviations from the mean"
    yield Case(
        "B5 their variance",
        variance,
        lambda: [(n - mean) ** 2 for n in _failures()],
        deviation,
        sd=variance * math.sqrt(2),
    )
    beyond = 1 - sum(_negative_binomial(k, intervals, p) for k in range(401))
    yield Case(
        "B5 maxRestarts 400 runs out",
        beyond,
        lambda: [float(_runs_out(seed)) for seed in range(24)],
        "the JobSet Failed",
        sd=math.sqrt(beyond * (1 - beyond)),
    )
    for name, limit, crash, restart in (
        ("B6 a bug that crashes after 60 s, restart 130 s", 100, 60, 130),
        ("B6 the same, restart 10 s", 100, 60, 10),
        ("Q3 crash after 120 s, restart 60 s", 10, 120, 60),
        ("Q3 the same", 100, 120, 60),
        ("Q3 the same", 500, 120, 60),
    ):
        yield Case(
            f"{name}: maxRestarts {limit} [s]",
            (limit + 1) * crash + limit * restart + runs.ring_s(),
            lambda n=limit, c=crash, r=restart: [_crash_loop(n, c, r)],
            "with the second in which the last Job is given up",
        )


@cache
def _failures() -> tuple[float, ...]:
    times = Times(LLAMA, 30, TAU, safe=2)
    return tuple(runs.trained(times, 5265, seed)["failures"] for seed in range(24))


def _negative_binomial(k: int, n: int, p: float) -> float:
    log = math.lgamma(n + k) - math.lgamma(n) - math.lgamma(k + 1)
    return math.exp(log + n * math.log(p) + k * math.log1p(-p))


def _runs_out(seed: int) -> bool:
    """Tell whether a JobSet with 400 restarts fails before its work is done."""
    manifest = runs.jobset()
    manifest["spec"]["failurePolicy"]["maxRestarts"] = 400
    ledger = runs.trained(Times(LLAMA, 30, TAU, safe=2), 5265, 1000 + seed, manifests=[manifest])
    return ledger["failures"] > 400


def _crash_loop(limit: int, crash: int, restart: int) -> float:
    """Return the time to the end of a JobSet whose pods always crash, s."""
    manifest = runs.jobset()
    manifest["spec"]["failurePolicy"]["maxRestarts"] = limit
    pods: list[dict[str, Any]] = [{"match": {"attempt": 0}, "start": 0}]
    pods.append({"match": {}, "start": restart - runs.ring_s(), "run": crash, "exit": 1, "stop": 0})
    recorder, end = runs.run(manifests=[manifest], pods=pods)
    return runs.only(recorder).ledger.elapsed(end) / SECOND


def _budgets() -> Iterator[Case]:
    """What a failure may cost: ``D`` of a wall-clock MTBF ``M`` leaves 1 - D / M."""
    for name, mtbf, loss in (
        ("Llama 3, 18.6 min of 3.09 h", 185.5847255, 18.55847256),
        ("Llama 3 with planned ones, 16.7 min of 2.78 h", 166.8669528, 16.6866953),
        ("ByteRobust, 5.0 min of 2.78 h", 166.8, 5.004),
        ("98k GPUs, 1.8 min of 18 min", 18.0, 1.8),
        ("B12 98k GPUs, 10 min of 18 min wall-clock", 18.0, 10.0),
    ):
        between = (mtbf - loss) * 60
        times = Times(between, 0, between / 200, safe=loss * 60)
        title = name if name.startswith("B") and "B12" in name else f"B11 {name}"
        yield _ettr(title, times, f"without rework {1 - loss / mtbf:.4g}")
    mtbf = 18 * 60.0
    renewal = f"without rework {18 / 28:.4g}"
    yield _ettr("B12 98k GPUs, 18 min between restarts", Times(mtbf, 0, mtbf / 200, safe=600), renewal)
    struck = f"without rework {math.exp(-10 / 18):.4g}"
    yield _ettr("B12 98k GPUs, failures in restarts", Times(mtbf, 0, mtbf / 200, exposed=600), struck)


#: A control plane's restart and the set-up after it, s, by strategy (published restarts, section G).
_STRATEGIES = {
    "in place 10 s": 70.0,
    "Recreate 60 s": 120.0,
    "Recreate 130 s": 190.0,
    "BlockingRecreate 260 s": 320.0,
    "people 20 min": 1200.0,
}


def _fleets() -> Iterator[Case]:
    for name, nodes, rate in (
        ("50,944 v5e chips", 12736, 0.0008),
        ("12,736 hosts at RSC-2's rate", 12736, 0.00234),
        ("50k GPUs at RSC-2's rate", 6250, 0.00234),
        ("50k GPUs at Llama 3's rate", 6250, 0.0037887008101851853),
        ("50k GPUs at RSC-1's rate", 6250, 0.0065),
    ):
        mtbf = DAY_S / nodes / rate
        for strategy, restart in _STRATEGIES.items():
            for write in (1.0, 30.0):
                times = Times(mtbf, write, optimum_s(mtbf, write), exposed=restart)
                yield _ettr(f"G1 {name}, {strategy}, writes of {write:.0f} s", times)
    for name, hours in (
        ("1k GPUs, RSC-1", 28.84615),
        ("4k GPUs, RSC-1", 7.211538),
        ("16k GPUs, Llama 3", LLAMA / 3600),
        ("16k GPUs, RSC-1", 1.802885),
        ("50k GPUs, RSC-1", 0.590769),
        ("98k GPUs", 0.3),
    ):
        mtbf = hours * 3600
        for strategy, restart in (("in place", 70.0), ("Recreate", 190.0), ("BlockingRecreate", 320.0)):
            times = Times(mtbf, 5, optimum_s(mtbf, 5), exposed=restart)
            yield _ettr(f"Q2 {name}, {strategy}", times)


def largest(rate: float, write: float, restart: float, target: float) -> int:
    """Return the most nodes at which the best interval still reaches an ETTR."""
    low, high = 1, 10**6
    while high - low > 1:
        nodes = (low + high) // 2
        mtbf = DAY_S / nodes / rate
        good = expected_ettr(mtbf, write, optimum_s(mtbf, write), exposed_s=restart) >= target
        low, high = (nodes, high) if good else (low, nodes)
    return low


def _questions() -> Iterator[Case]:
    best = Times(LLAMA, 30, TAU, exposed=600)
    ettr = TAU / segment_s(LLAMA, 30, TAU, exposed_s=600)
    for factor in (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0):
        times = best._replace(tau=TAU * factor)
        found = times.tau / segment_s(LLAMA, 30, times.tau, exposed_s=600)
        yield Case(
            f"Q5 ETTR at {factor:g} of the best interval, of the best",
            found / ettr,
            lambda t=times: [x / ettr for x in ettrs(t, 16)],
        )
    for planned, undone in ((True, 0.0), (False, TAU / 2)):
        what = "saved first" if planned else "not saved"
        yield Case(
            f"Q10 lost to a planned stop a day, {what}",
            (600 + undone) / DAY_S,
            lambda p=planned: [_planned(seed, p) for seed in range(8)],
        )
    rate = 64 * (0.015 * 0.075 + 0.985 * 0.005)
    yield Case("Q11 failures a day of 64 nodes, 1.5 % lemons", rate, lambda: _lemons(0.015))
    yield Case("Q11 without the lemons", 0.32, lambda: _lemons(0.0))
    hit = 1 - 0.985**64
    yield Case("Q11 a job of 64 has a lemon", hit, _has_lemon, sd=math.sqrt(hit * (1 - hit)))
    for r in (0.00234, 0.0037887, 0.0065):
        for write, restart in ((30.0, 120.0), (30.0, 600.0), (1.0, 70.0), (300.0, 600.0)):
            for target in (0.95, 0.9, 0.8):
                nodes = largest(r, write, restart, target)
                mtbf = DAY_S / nodes / r
                times = Times(mtbf, write, optimum_s(mtbf, write), exposed=restart)
                name = f"Q12 {nodes:,} nodes at {1000 * r:.3g}, C {write:.0f} s, R {restart:.0f} s"
                yield _ettr(name, times, f"the most for {target}")


def _planned(seed: int, saves: bool) -> float:
    """Return the share of the time that a drain a day costs one pod with a second node."""
    ring = runs.ring_s()
    recorder, end = runs.run(
        seed=seed,
        until="400d",
        fleet=[{"pool": "n", "shape": runs.SHAPE, "nodes": 2}],
        pods=[{"match": {}, "start": 0, "run": "workload", "stop": 0}],
        workloads=[
            {
                "match": {"jobset": "train"},
                "step": TAU / 100,
                "useful": "5000d",
                # As wide as an interval, so that a stop comes anywhere in one.
                "init": {"uniform": [600 - TAU / 2 - ring, 600 + TAU / 2 - ring]},
                "checkpoint": {"every": {"steps": 100}, "onTermination": saves},
            }
        ],
        failures=[{"maintenance": {"every": "1d", "nodes": 2, "duration": 1}}],
    )
    total = runs.only(recorder).ledger.total(end)
    elapsed = sum(total.values())
    # Of a saved stop the broken step is lost still: no part of the form.
    lost = elapsed - total["useful"] - total["starting"] - (total["rework"] if saves else 0)
    return lost / elapsed


def _lemons(share: float) -> list[float]:
    found = []
    for seed in range(200):
        clocks = runs.clocks(seed, runs.daily(0.005), 64, lemon_share=share, lemon_factor=15)
        found.append(sum(1 for _, _, up in runs.outages(clocks, 40 * DAY, 0) if up > 0) / 40)
    return found


def _has_lemon() -> list[float]:
    process = Process(
        key="node", per="node", law=runs.daily(0.005), fault=Fault(effect="crash"), lemon_share=0.015,
        lemon_factor=15,
    )  # fmt: skip
    nodes = entities("node", runs.machines(64, 16))
    return [float(any(speedup(seed, process, node) > 1 for node in nodes)) for seed in range(1000)]


def _variances() -> Iterator[Case]:
    """30 useful days under two restart times and the same failures (common random numbers)."""
    segments = 30 * DAY_S / TAU
    for restart in (70, 190):
        expected = segments * segment_s(LLAMA, 30, TAU, exposed_s=restart) / DAY_S
        yield Case(
            f"S2 makespan, restart {restart} s, failures in it [d]",
            expected,
            lambda r=restart: [days for days, _ in _makespans(r, True)],
        )
    gap = segments / DAY_S * (
        segment_s(LLAMA, 30, TAU, exposed_s=190) - segment_s(LLAMA, 30, TAU, exposed_s=70)
    )  # fmt: skip
    yield Case("S2 their difference, same failures [d]", gap, lambda: _gap(True))
    failures = segments * math.expm1((TAU + 30) / LLAMA)
    yield Case("S3 the same, none in restarts [d]", failures * 120 / DAY_S, lambda: _gap(False))
    mean = segments * segment_s(LLAMA, 30, TAU, safe_s=190) / DAY_S
    yield Case("S5 makespan, number of failures as control [d]", mean, lambda: _controlled(failures))
    yield Case("S5 failures of a makespan", failures, lambda: [k for _, k in _makespans(190, False)])


@cache
def _makespans(restart: int, exposed: bool) -> tuple[tuple[float, float], ...]:
    """Days and failures of 30 useful days; a restart time moves no failure."""
    times = Times(LLAMA, 30, TAU)._replace(**{"exposed" if exposed else "safe": float(restart)})
    segments, found = 30 * DAY_S / TAU, []
    for seed in range(16):
        ledger = runs.trained(times, round(segments), 7000 + seed)
        days = (ledger["elapsed"] - ledger["starting"] + 30) / DAY_S * segments / round(segments)
        found.append((days, ledger["failures"]))
    return tuple(found)


def _gap(exposed: bool) -> list[float]:
    pairs = zip(_makespans(190, exposed), _makespans(70, exposed), strict=True)
    return [slow - fast for (slow, _), (fast, _) in pairs]


def _controlled(failures: float) -> list[float]:
    rows = _makespans(190, False)
    n = len(rows)
    days, counts = math.fsum(d for d, _ in rows) / n, math.fsum(k for _, k in rows) / n
    beta = math.fsum((d - days) * (k - counts) for d, k in rows) / math.fsum(
        (k - counts) ** 2 for _, k in rows
    )
    return [d - beta * (k - failures) for d, k in rows]


def _without_runs() -> Iterator[Case]:
    for name, value, why in (
        ("S4 antithetic runs, correlation", -0.477, "no run draws 1 - u: every draw is named, not paired"),
        ("S6 runs for 0.1 % of the makespan", 52.0, "arithmetic on the spread that S2 shows"),
        ("F2 65,000 pods in 150 s, pods/s", 433.333, "measured rates: python -m benchmarks.placement"),
        ("Q2 node-hours a month of a minute more, 10,000 nodes", 325_000.0, "arithmetic on the rates of A"),
        ("H1 Kueue admissions/s", 42.7209, "a benchmark's wall time; there is no queue controller here"),
    ):  # fmt: skip
        yield Case(name, value, None, why)
