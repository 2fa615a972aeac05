"""Closed forms of reliability and queues against simulated runs, and published fleets.

Each row: what a formula says, what enough runs with fixed seeds say, and how many standard errors lie
between.  Formulas: Young, Daly, the renewal argument for exponential failures (``workload.checkpoint``),
Erlang B, order statistics, Pollaczek and Khinchine; parameters as in the published figures.
"""

from __future__ import annotations

import gc
import math
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

from benchmarks.validation import (
    reliability_availability,
    reliability_fleet,
    reliability_planning,
    reliability_queues,
)
from benchmarks.validation import reliability_runs as runs
from benchmarks.validation.reliability_runs import Case, Times
from jobsim.laws import Weibull
from jobsim.units import DAY, HOUR, SECOND
from jobsim.workload.checkpoint import optimum_s, segment_s

TITLE = "Reliability: closed forms against simulated runs (standard errors apart)"
NOTE = "Fixed seeds; every row should lie within 4 standard errors (--rows shows each)."

LLAMA = 11135.08353221957
TAU = 797.5004547312049
RSC = 0.0065


def cases() -> Iterator[Case]:
    """Yield all cases in the order of the models' sections."""
    yield from _failure_process()
    yield from _checkpoints()
    yield from _restarts()
    yield from reliability_fleet.cases()
    yield from reliability_availability.cases()
    yield from reliability_queues.cases()
    yield from reliability_planning.cases()


def _failure_process() -> Iterator[Case]:
    for name, nodes, rate, reps in (
        ("A1 first failure, 1,024 GPUs, RSC-1 [h]", 128, RSC, 300),
        ("A1 first failure, 16,384 GPUs, RSC-1 [h]", 2048, RSC, 60),
        ("A1 first failure, 131,072 GPUs, RSC-1 [h]", 16384, RSC, 16),
        ("A1 first failure, 16,384 GPUs, RSC-2 [h]", 2048, 0.00234, 60),
        ("A1 first failure, 100,000 GPUs, RSC-2 [h]", 12500, 0.00234, 16),
    ):
        yield Case(name, 24 / nodes / rate, lambda n=nodes, r=rate, k=reps: _firsts(n, r, k))
    yield Case("A2 failures in 54 days, Llama 3", 419, lambda: _counts(2048, 419 / 54 / 2048, 54 * DAY, 30))
    yield Case(
        "A3 no failure of 2,048 nodes in an hour",
        math.exp(-2048 * RSC / 24),
        lambda: [float(count == 0) for count in _counts(2048, RSC, HOUR, 120)],
    )
    mean = DAY / RSC
    law = Weibull(scale=round(mean / math.gamma(1 + 1 / 0.7)), shape=0.7)
    yield Case(
        "A4 first of 128 new Weibull nodes [h]",
        mean / HOUR * 128 ** (-1 / 0.7),
        lambda: [(runs.clocks(seed, law, 128).due() or 0) / HOUR for seed in range(300)],
    )
    yield Case("A5 20th failure, replaced at once [h]", 20 * 24 / 2048 / RSC, lambda: _twentieth(0))
    yield Case("A5 20th failure, never replaced [h]", 36.226021, lambda: _twentieth(10 * DAY))


def _firsts(nodes: int, rate: float, reps: int) -> list[float]:
    return [(runs.clocks(seed, runs.daily(rate), nodes).due() or 0) / HOUR for seed in range(reps)]


def _counts(nodes: int, rate: float, until: int, reps: int) -> list[float]:
    found = []
    for seed in range(reps):
        clocks = runs.clocks(seed, runs.daily(rate), nodes)
        found.append(float(sum(1 for _, _, up in runs.outages(clocks, until, 0) if up > 0)))
    return found


def _twentieth(repair: int) -> list[float]:
    found = []
    for seed in range(40):
        clocks = runs.clocks(seed, runs.daily(RSC), 2048)
        times = [time for time, _, up in runs.outages(clocks, 10 * DAY, repair) if up > 0]
        found.append(times[19] / HOUR)
    return found


#: M, C, R of the published cases, s.
_CASES = (
    ("Llama-like", LLAMA, 30.0, 600.0),
    ("RSC-1 16k", 6490.384615, 60.0, 300.0),
    ("RSC-1 1k", 103846.15385, 300.0, 300.0),
    ("98k-like", 1080.0, 5.0, 600.0),
)
_SEGMENTS = 300


def _checkpoints() -> Iterator[Case]:
    for name, mtbf, write, restart in _CASES:
        tau = optimum_s(mtbf, write)
        exposed, safe = Times(mtbf, write, tau, exposed=restart), Times(mtbf, write, tau, safe=restart)
        yield Case(
            f"B1 {name}, failures in restarts [s]",
            segment_s(mtbf, write, tau, exposed_s=restart),
            lambda t=exposed: runs.per_interval(t),
        )
        yield Case(
            f"B1 {name}, none in restarts [s]",
            segment_s(mtbf, write, tau, safe_s=restart),
            lambda t=safe: runs.per_interval(t),
        )
    for tau in (120.0, 300.0, 600.0, 814.0, 900.0, 1800.0, 3600.0, 7200.0):
        expected = tau / segment_s(LLAMA, 30, tau, exposed_s=600)
        times = Times(LLAMA, 30, tau, exposed=600)
        count = max(40, round(240_000 / tau))
        yield Case(
            f"B2 ETTR, written every {tau:.0f} s",
            expected,
            lambda t=times, n=count: [t.tau / seg for seg in runs.per_interval(t, segments=n)],
        )
        safe = Times(LLAMA, 30, tau, safe=600)
        yield Case(
            f"B2 ETTR, written every {tau:.0f} s, none in restarts",
            tau / segment_s(LLAMA, 30, tau, safe_s=600),
            lambda t=safe, n=count: [t.tau / seg for seg in runs.per_interval(t, segments=n)],
        )
    for restart in (10.0, 130.0, 600.0, 1200.0):
        intervals = 30 * 86400 / TAU
        times = Times(LLAMA, 30, TAU, exposed=restart)
        yield Case(
            f"B3 30 useful days, restart {restart:.0f} s [d]",
            intervals * segment_s(LLAMA, 30, TAU, exposed_s=restart) / 86400,
            lambda t=times, n=intervals: [n * seg / 86400 for seg in runs.per_interval(t)],
        )


def _restarts() -> Iterator[Case]:
    safe = Times(LLAMA, 30, TAU, safe=130)
    p = math.exp(-(TAU + 30) / LLAMA)
    yield Case(
        "B5 failures in 300 intervals",
        (_SEGMENTS - 1) * (1 - p) / p + (1 - math.exp(-TAU / LLAMA)) / math.exp(-TAU / LLAMA),
        lambda: [runs.trained(safe, _SEGMENTS, seed)["failures"] for seed in range(24)],
    )
    yield Case("B7 undone, usable 60 s after the write [s]", 210.0, _rollbacks)
    yield Case("B8 undone, 95 % from memory [s]", 0.95 * 15 + 0.05 * 1800, _levels)
    for detect in (30.0, 600.0, 1800.0):
        times = Times(LLAMA, 30, TAU, exposed=130, detect=detect)
        yield Case(
            f"B9 ETTR, noticed after {detect:.0f} s",
            TAU / segment_s(LLAMA, 30, TAU, exposed_s=130, safe_s=detect),
            lambda t=times: [t.tau / seg for seg in runs.per_interval(t)],
        )
    ring = runs.ring_s()
    phi = 0.8 * math.exp(-70 / LLAMA) + 0.2 * math.exp(-190 / LLAMA)
    mixture = [{"weight": w, "law": s - ring} for w, s in ((0.8, 70), (0.2, 190))]
    yield Case(
        "B10 restarts of 70 or 190 s [s]",
        LLAMA * math.expm1((TAU + 30) / LLAMA) / phi,
        lambda: [
            (ledger["elapsed"] - ledger["starting"] + 30) / _SEGMENTS
            for ledger in (
                runs.trained(Times(LLAMA, 30, TAU), _SEGMENTS, seed, init={"mixture": mixture})
                for seed in range(24)
            )
        ],
    )


def _rollbacks() -> list[float]:
    """Undone time a failure with asynchronous writes every 300 s, usable after 60 s: tau / 2 + 60."""
    found = []
    for seed in range(12):
        # So rare that a second failure in one interval, or before the first write, hardly counts.
        times = Times(60_000, 0, 300, safe=5)
        checkpoint = {"mode": "async", "persist": 60}
        ledger = runs.trained(times, 6_000, seed, checkpoint=checkpoint)
        found.append(ledger["rework"] / ledger["failures"])
    return found


def _levels() -> list[float]:
    found = []
    for seed in range(12):
        levels = [{"every": 30, "survives": 0.95}, {"every": 3600}]
        recorder, end = runs.run(
            seed=seed,
            until="20000d",
            pods=[{"match": {}, "start": 5, "run": "workload", "stop": 0}],
            workloads=[
                {"match": {"jobset": "train"}, "step": 30, "useful": "10d", "checkpoint": {"levels": levels}}
            ],
            failures=[
                {"component": "gang", "per": "node", "law": runs.exponential(20_000), "clock": "exposure"}
            ],
        )
        record = runs.only(recorder)
        total = record.ledger.total(end)
        found.append(total["rework"] / SECOND / record.ledger.losses.interruptions)
    return found


def measured(case: Case) -> dict[str, Any]:
    """Return the row of a case."""
    row = {"form": case.name, "expected": f"{case.expected:.6g}"}
    if case.simulate is None:
        nothing = dict.fromkeys(("simulated", "standard error", "apart", "runs"), "-")
        return {**row, **nothing, "note": case.note}
    found = case.simulate()
    mean = math.fsum(found) / len(found)
    square = math.fsum((x - mean) ** 2 for x in found) / max(1, len(found) - 1)
    spread = (case.sd or math.sqrt(square)) / math.sqrt(len(found))
    exact = math.isclose(mean, case.expected, rel_tol=1e-9, abs_tol=1e-9)
    apart = 0.0 if exact else abs(mean - case.expected) / spread if spread else math.inf
    return {
        **row,
        "simulated": f"{mean:.6g}",
        "standard error": f"{spread:.2g}",
        "apart": f"{apart:.1f}",
        "runs": str(len(found)),
        "note": case.note,
    }


@cache
def rows() -> list[dict[str, Any]]:
    """Return a row for each closed form."""
    found = []
    for case in cases():
        print(f"{case.name} ...", file=sys.stderr)
        found.append(measured(case))
        # Runs leave circles behind, and a collection of all is rare: hundreds of them would fill gigabytes.
        gc.collect()
    return found


#: What the letters of the closed forms stand for.
GROUPS = {
    "A": "failures: first, counts, renewal",
    "B": "checkpoints and restarts, in the ring",
    "C": "queues, in the ring",
    "D": "spares and availability",
    "E": "racks that fail as one",
    "F": "start-up as a maximum, in the ring",
    "G": "fleets of 50,000, in the ring",
    "H": "Kueue",
    "Q": "what planners ask, in the ring",
    "S": "variances, in the ring",
}


def summary() -> list[dict[str, Any]]:
    """Return for each group how many forms there are, and how far the farthest is."""
    found = []
    for letter, title in GROUPS.items():
        group = [row for row in rows() if row["form"].startswith(letter)]
        apart = [float(row["apart"]) for row in group if row["apart"] != "-"]
        found.append(
            {
                "closed forms": title,
                "rows": len(apart),
                "within 4": sum(a <= 4 for a in apart),
                "worst": f"{max(apart):.1f}" if apart else "-",
                "without runs": len(group) - len(apart),
            }
        )
    return found
