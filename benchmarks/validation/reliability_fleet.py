"""Closed forms of fleets: spares, racks that fail as one, start-up as a maximum, queues."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.validation import reliability_runs as runs
from benchmarks.validation.reliability_runs import Case
from jobsim.units import DAY, HOUR, SECOND

RSC = 0.0065


def cases() -> Iterator[Case]:
    """Yield the cases in the order of the models' sections."""
    yield from _spares()
    yield from _correlated()
    yield from _start_up()
    yield from _queues()


def erlang_b(servers: int, load: float) -> float:
    """Return the share of arrivals that find all servers busy."""
    blocked = 1.0
    for c in range(1, servers + 1):
        blocked = load * blocked / (c + load * blocked)
    return blocked


def _spares() -> Iterator[Case]:
    load = 2048 * RSC
    for hours, reps in ((1, 12), (4, 12), (24, 12)):
        up = 1 / (1 + RSC * hours / 24)
        yield Case(
            f"D1 nodes down of 2,048, repair {hours} h", 2048 * (1 - up), lambda h=hours, k=reps: _down(h, k)
        )
    for spares in (8, 12, 16, 20):
        yield Case(
            f"D2 stalled share, {spares} cold spares",
            erlang_b(spares + 1, load),
            lambda s=spares: [
                runs.stalls(seed, 2048, s, RSC, DAY, 150 * DAY)[0] / (150 * DAY) for seed in range(12)
            ],
        )
    yield Case(
        "D2 the same in the ring: one pod, 4 nodes",
        erlang_b(4, 2.0),
        lambda: [_pod_and_spares(seed) for seed in range(10)],
    )
    for spares, expected in ((24, 0.6785668), (28, 0.9709713)):
        yield Case(
            f"D8 30 days without a stall, {spares} spares",
            expected,
            lambda s=spares: [
                float(runs.stalls(seed, 2048, s, RSC, DAY, 30 * DAY)[1] == 0) for seed in range(100)
            ],
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
    for name, racks in (("packed in 16 racks", 16), ("one node a rack", 256)):
        rate = 256 * RSC + racks * 0.002
        yield Case(f"E1 job failures a day, {name}", rate, lambda k=racks: _job_failures(k))
    yield Case("E2 nodes down, racks of 16 fail too", 17.68, lambda: [m for m, _ in _joint()])
    yield Case("E2 their variance", 80.08, lambda: [v for _, v in _joint()])


def _job_failures(racks: int) -> list[float]:
    found = []
    for seed in range(12):
        nodes = runs.clocks(seed, runs.daily(RSC), 256)
        domains = runs.clocks(seed, runs.daily(0.002), 256, per="rack", rack_size=256 // racks)
        count = sum(1 for c in (nodes, domains) for _, _, up in runs.outages(c, 60 * DAY, 0) if up > 0)
        found.append(count / 60)
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
    for count, expected, reps in ((64, 40.78, 24), (512, 50.16, 10)):
        yield Case(f"F1 all of {count} pods started [s]", expected, lambda n=count, k=reps: _slowest(n, k))


def _slowest(count: int, reps: int) -> list[float]:
    found = []
    for seed in range(reps):
        recorder, end = runs.run(
            seed=seed,
            manifests=[runs.jobset(count)],
            fleet=[{"pool": "n", "shape": {"cpu": count, "memory": "64Gi", "pods": 600}, "nodes": 1}],
            pods=[{"match": {}, "start": {"lognormal": {"median": 20, "sigma": 0.3}}, "run": 60}],
        )
        total = runs.only(recorder).ledger.total(end)
        found.append(total["starting"] / SECOND)
    return found


def _queues() -> Iterator[Case]:
    """Bare pods on one node: a place each, services of 1000 s on average."""
    unit = 1000.0
    rows: tuple[tuple[str, int, float, Any, float, int], ...] = (
        ("C1 M/M/1", 1, 0.8, runs.exponential(unit), 4.0, 1),
        ("C2 M/M/2", 2, 1.6, runs.exponential(unit), 1.777778, 1),
        ("C2 M/M/8", 8, 6.4, runs.exponential(unit), 0.286028, 1),
        ("C4 M/D/1", 1, 0.8, unit, 2.0, 1),
        # Batches of five a tenth as often: W = 6, less the service.
        ("C8 batches of 5, M/1", 1, 0.1, runs.exponential(unit), 5.0, 5),
    )
    for name, servers, rate, service, wait, batch in rows:
        arrivals = {"mean_ns": round(unit / rate * SECOND), "batch": batch}
        yield Case(
            f"{name}: mean wait [services]",
            wait,
            lambda a=arrivals, s=service, c=servers: [_mean_wait(a, s, c, seed) / unit for seed in range(12)],
        )


def _mean_wait(arrivals: dict[str, Any], service: Any, servers: int, seed: int) -> float:
    """Mean wait of the later of 1,200 pods: the first fifth is the warm-up."""
    found = runs.waits(arrivals, service, servers, 1200, seed)[240:]
    return sum(found) / len(found)
