"""Closed forms of queues: bare pods, or JobSets of one pod, on nodes with so many places.

Services are 1000 s on average; everything the control plane does is small beside that, or takes no time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from benchmarks.validation import reliability_runs as runs
from benchmarks.validation.reliability_runs import Case
from jobsim.laws import Exponential, quantile
from jobsim.rng import uniform
from jobsim.units import SECOND

UNIT = 1000.0
#: Of the Jobs that give way to each other, arrivals a service.
RATES = {"high": 0.2, "low": 0.3}


class Served(NamedTuple):
    """What became of one pod, in services: when it came, how long it waited, when it left, its class."""

    came: float
    waited: float
    left: float
    kind: str
    outcome: str


def cases() -> Iterator[Case]:
    """Yield the cases in the order of the models' sections."""
    yield from _waits()
    yield from _losses()
    yield from _approximate()
    yield from _endless()
    yield from _priorities()
    yield from _pooling()
    yield Case("S1 variance of the mean of L, times the length", 1800.0, _variances)


def coming(
    arrivals: Sequence[tuple[str, float, Mapping[str, Any]]], jobs: int, seed: int, batch: int
) -> list[dict[str, Any]]:
    """Return the pods of ``served`` as manifests with their times."""
    total = sum(rate for _, rate, _ in arrivals)
    found: list[tuple[int, str, Mapping[str, Any]]] = []
    for kind, rate, more in arrivals:
        now, mean = 0, Exponential(mean=round(UNIT / rate * SECOND))
        for i in range(round(jobs * rate / total)):
            if i % batch == 0:
                now += quantile(mean, uniform(seed, "arrival", kind, i))
            found.append((now, f"{kind}-{i}", more))
    container = {"name": "c", "image": "i", "resources": {"requests": {"cpu": "1"}}}
    return [
        {
            "at": at / SECOND,
            "object": {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name},
                "spec": {"containers": [container], "restartPolicy": "Never", **more},
            },
        }
        for at, name, more in sorted(found, key=lambda row: (row[0], row[1]))
    ]


def served(
    arrivals: Sequence[tuple[str, float, Mapping[str, Any]]],
    service: Any,
    servers: int,
    jobs: int,
    seed: int,
    *,
    batch: int = 1,
    extra: Sequence[Mapping[str, Any]] = (),
) -> list[Served]:
    """Return what became of some pods, in the order in which they came.

    Parameters
    ----------
    arrivals : sequence of (str, float, dict)
        Classes: name, arrivals a service, and what their pods' spec has besides.
    jobs : int
        How many of all classes.
    batch : int
        So many come at once.
    """
    pods = coming(arrivals, jobs, seed, batch)
    recorder, _ = runs.run(
        seed=seed,
        until="100000d",
        manifests=[*({"object": dict(object_)} for object_ in extra), *pods],
        fleet=[{"pool": "n", "shape": {"cpu": servers, "memory": "64Gi", "pods": 10_000}, "nodes": 1}],
        pods=[{"match": {}, "start": 0, "run": service, "stop": 0}],
    )
    unit = UNIT * SECOND
    lives = sorted(recorder.pods, key=lambda life: (life.created, life.name))
    return [
        Served(
            life.created / unit,
            (life.bound - life.created) / unit,
            life.finished / unit,
            life.name.partition("-")[0],
            life.outcome,
        )
        for life in lives
    ]


def late(rows: Sequence[Served]) -> Sequence[Served]:
    """Return all but the first fifth, the warm-up, up to where the first class stops coming."""
    last: dict[str, float] = {}
    for row in rows:
        last[row.kind] = row.came
    return [row for row in rows[len(rows) // 5 :] if row.came <= min(last.values())]


def mean_wait(rows: Sequence[Served], kind: str = "") -> float:
    """Return the mean wait after the warm-up, of a class or of all."""
    waits = [row.waited for row in late(rows) if kind in ("", row.kind)]
    return math.fsum(waits) / len(waits)


def erlang_c_wait(servers: int, rate: float) -> float:
    """Return the mean wait of M/M/c in services."""
    blocked = 1.0
    for c in range(1, servers + 1):
        blocked = rate * blocked / (c + rate * blocked)
    rho = rate / servers
    return blocked / (1 - rho + rho * blocked) / (servers - rate)


def hyper(cs2: float) -> Any:
    """Return the law of two exponentials with balanced means and this squared coefficient of variation."""
    p = (1 + math.sqrt((cs2 - 1) / (cs2 + 1))) / 2
    parts = [{"weight": w, "law": runs.exponential(UNIT / 2 / w)} for w in (p, 1 - p)]
    return {"mixture": parts}


def _queue(rate: float, service: Any, servers: int, jobs: int, reps: int, batch: int = 1) -> list[float]:
    return [
        mean_wait(served([("p", rate, {})], service, servers, jobs * batch, seed, batch=batch))
        for seed in range(reps)
    ]


def _waits() -> Iterator[Case]:
    memoryless = runs.exponential(UNIT)
    rows: tuple[tuple[str, int, float, Any, float, int, int, int], ...] = (
        ("C1 M/M/1", 1, 0.8, memoryless, 4.0, 1, 1200, 12),
        ("C2 M/M/2", 2, 1.6, memoryless, 1.777778, 1, 1200, 12),
        ("C2 M/M/8", 8, 6.4, memoryless, 0.286028, 1, 2400, 10),
        ("C2 M/M/32", 32, 28.8, memoryless, 0.143186, 1, 4000, 8),
        ("C2 M/M/100", 100, 95.0, memoryless, 0.101291, 1, 8000, 5),
        ("C4 M/D/1", 1, 0.8, UNIT, 2.0, 1, 1200, 12),
        ("C4 M/H2/1, cs2 4", 1, 0.8, hyper(4.0), 10.0, 1, 3000, 10),
        ("C8 batches of 5, M/1", 1, 0.1, memoryless, 5.0, 5, 1200, 12),
    )
    for name, servers, rate, service, wait, batch, jobs, reps in rows:
        yield Case(
            f"{name}: mean wait [services]",
            wait,
            lambda r=rate, s=service, c=servers, j=jobs, b=batch, n=reps: _queue(r, s, c, j // b, n, b),
        )
    yield Case(
        "C4 M/G/1, cs2 41 (Philly)",
        84.6898,
        None,
        "balance takes some 10^5 pods a run: the same law with cs2 4 stands for it",
    )
    yield Case("C7 sum of stays less integral of N [ns]", 0.0, lambda: [_little(seed) for seed in range(2)])


def _little(seed: int) -> float:
    """Return how far Little's law is off over a whole run: by nothing."""
    rows = served([("p", 0.8, {})], runs.exponential(UNIT), 1, 300, seed)
    unit = UNIT * SECOND
    came = [round(row.came * unit) for row in rows]
    left = [round(row.left * unit) for row in rows]
    changes = sorted([(time, 1) for time in came] + [(time, -1) for time in left])
    total, there, last = 0, 0, 0
    for time, change in changes:
        total, there, last = total + there * (time - last), there + change, time
    return float(total - (sum(left) - sum(came)))


def _losses() -> Iterator[Case]:
    """Pods that name their node: its kubelet turns away those for which it has no room."""
    for servers, load in ((1, 1.0), (5, 3.0), (10, 10.0), (21, 13.312), (32, 28.8)):
        blocked = 1.0
        for c in range(1, servers + 1):
            blocked = load * blocked / (c + load * blocked)
        yield Case(
            f"C3 turned away, {servers} places, load {load:g}",
            blocked,
            lambda c=servers, a=load: [_turned_away(c, a, seed) for seed in range(10)],
        )


def _turned_away(servers: int, load: float, seed: int) -> float:
    rows = late(served([("p", load, {"nodeName": "n-0"})], runs.exponential(UNIT), servers, 2500, seed))
    return sum(row.waited < 0 or row.outcome == "Failed" for row in rows) / len(rows)


def hyper_wait(servers: int, rate: float, cs2: float) -> float:
    """Return the mean wait of M/H2/c in services: its Markov chain, cut where nobody ever waits."""
    p = (1 + math.sqrt((cs2 - 1) / (cs2 + 1))) / 2
    shares, speeds = (p, 1 - p), (2 * p, 2 * (1 - p))
    most = 40 * servers
    states = [(i, n - i, 0) for n in range(servers) for i in range(n + 1)]
    states += [(i, servers - i, q) for q in range(most) for i in range(servers + 1)]
    number = {state: k for k, state in enumerate(states)}
    flow = np.zeros((len(states), len(states)))
    for (i, j, q), k in number.items():
        for kind, (share, busy) in enumerate(zip(shares, (i, j), strict=True)):
            step = (1, 0) if kind == 0 else (0, 1)
            if i + j < servers:
                flow[k, number[i + step[0], j + step[1], 0]] += rate * share
            if busy:
                left = (i - step[0], j - step[1])
                if q == 0:
                    flow[k, number[(*left, 0)]] += busy * speeds[kind]
                else:
                    for other, chance in enumerate(shares):
                        after = (left[0] + (other == 0), left[1] + (other == 1), q - 1)
                        flow[k, number[after]] += busy * speeds[kind] * chance
        if i + j == servers and q + 1 < most:
            flow[k, number[i, j, q + 1]] += rate
    flow -= np.diag(flow.sum(axis=1))
    flow[:, 0] = 1.0
    right = np.zeros(len(states))
    right[0] = 1.0
    chances = np.linalg.solve(flow.T, right)
    return float(sum(p * q for (_, _, q), p in zip(states, chances, strict=True))) / rate


def _approximate() -> Iterator[Case]:
    near = erlang_c_wait(8, 6.4) * 2.5
    exact = hyper_wait(8, 6.4, 4.0)
    yield Case(
        "C5 M/H2/8, cs2 4: mean wait [services]",
        exact,
        lambda: _queue(6.4, hyper(4.0), 8, 4000, 8),
        f"its Markov chain; Allen and Cunneen's approximation says {near:.3f}",
    )


def _endless() -> Iterator[Case]:
    yield Case("C6 M/G/inf: mean number there", 25.0, lambda: [m for m, _, _ in _there()])
    yield Case("C6 its variance", 25.0, lambda: [v for _, v, _ in _there()])
    yield Case("C6 more than 35 there", 0.0224581, lambda: [p for _, _, p in _there()])


@cache
def _there() -> list[tuple[float, float, float]]:
    """Mean, variance and share above 35 of the number of pods, on a node that has room for all."""
    found = []
    for seed in range(12):
        service = {"uniform": [0, 5 * UNIT]}
        rows = served([("p", 10.0, {})], service, 4000, 4000, seed)
        changes = sorted([(row.came, 1) for row in rows] + [(row.left, -1) for row in rows])
        numbers, there, at = [], 0, 10.0
        last = rows[-1].came
        for time, change in changes:
            while at < min(time, last):
                numbers.append(there)
                at += 1.25
            there += change
        mean = sum(numbers) / len(numbers)
        # Neighbours overlap, which the mean over the run does not mind, and the variance hardly.
        square = sum((n - 25) ** 2 for n in numbers) / len(numbers)
        found.append((mean, square, sum(n > 35 for n in numbers) / len(numbers)))
    return found


def _classes(policy: str) -> list[dict[str, Any]]:
    return [
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": name},
            "value": value,
            "preemptionPolicy": policy,
        }
        for name, value in (("high", 1000), ("low", 10))
    ]


def _priorities() -> Iterator[Case]:
    for kind, expected in (("high", 1.142857), ("low", 5.714286)):
        yield Case(
            f"C9 priorities without pre-emption, {kind}: mean wait [services]",
            expected,
            lambda k=kind: [mean_wait(rows, k) for rows in _ranked()],
        )
    high, total = RATES["high"], sum(RATES.values())
    stays = {"high": 1 / (1 - high), "low": 1 / (1 - high) + total / (1 - high) / (1 - total)}
    for kind, expected in stays.items():
        yield Case(
            f"C10 pre-emption, work kept, {kind}: mean stay [services]",
            expected,
            lambda k=kind: [found[k] for found in _preempted()],
            "JobSets of one pod that save often; load 0.5: at 0.8, balance takes thousands a run",
        )


@cache
def _ranked() -> list[list[Served]]:
    arrivals = [(k, rate, {"priorityClassName": k}) for k, rate in (("high", 0.3), ("low", 0.5))]
    return [
        served(arrivals, runs.exponential(UNIT), 1, 1500, seed, extra=_classes("Never")) for seed in range(12)
    ]


@cache
def _preempted() -> list[dict[str, float]]:
    """Mean stay of each class: JobSets whose pods give way, and go on where they were."""
    return [_gives_way(seed) for seed in range(20)]


def _gives_way(seed: int) -> dict[str, float]:
    unit = 100 * UNIT
    coming, works = [], []
    for kind, rate in RATES.items():
        now, mean = 0, Exponential(mean=round(unit / rate * SECOND))
        for i in range(round(400 * rate)):
            now += quantile(mean, uniform(seed, "arrival", kind, i))
            name = f"{kind}-{i}"
            manifest = runs.jobset()
            manifest["metadata"]["name"] = name
            manifest["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"][
                "priorityClassName"
            ] = kind
            coming.append((now, name, manifest))
            work = quantile(Exponential(mean=round(unit * SECOND)), uniform(seed, "work", name))
            steps = max(1, round(work / SECOND / 1000))
            works.append(
                {
                    "match": {"jobset": name},
                    "step": 1000,
                    "steps": steps,
                    "checkpoint": {"every": {"steps": 1}, "write": 0},
                }
            )
    coming.sort(key=lambda row: row[0])
    objects = [{"object": dict(c)} for c in _classes("PreemptLowerPriority")]
    recorder, _ = runs.run(
        seed=seed,
        until="100000d",
        manifests=[*objects, *({"at": at / SECOND, "object": m} for at, _, m in coming)],
        fleet=[{"pool": "n", "shape": {"cpu": 1, "memory": "64Gi", "pods": 1000}, "nodes": 1}],
        pods=[{"match": {}, "start": 0, "run": "workload", "stop": 0}],
        workloads=works,
    )
    stays: dict[str, list[float]] = {kind: [] for kind in RATES}
    # From the end of the warm-up to where the first class stops coming.
    end = min(max(at for at, name, _ in coming if name.startswith(kind)) for kind in RATES)
    for record in recorder.jobsets.values():
        ledger = record.ledger
        assert ledger.ended >= 0, "not done"
        kind = record.gang.name.partition("-")[0]
        if 40 * unit * SECOND <= ledger.created <= end:
            stays[kind].append((ledger.ended - ledger.created) / SECOND / unit)
    return {kind: math.fsum(rows) / len(rows) for kind, rows in stays.items()}


def _pooling() -> Iterator[Case]:
    for rho, jobs in ((0.8, 3000), (0.9, 4000), (0.95, 6000)):
        for servers in (8, 32):
            if (servers, rho) in ((8, 0.8), (32, 0.9)):
                continue
            yield Case(
                f"Q8 M/M/{servers}, load {rho:g}: mean wait [services]",
                erlang_c_wait(servers, servers * rho),
                lambda c=servers, r=rho, j=jobs: _queue(c * r, runs.exponential(UNIT), c, j, 6),
            )


def _variances() -> list[float]:
    """Squared deviations of a run's mean number in the system (4 expected), times the run's length."""
    length, found = 1500.0, []
    for seed in range(24):
        rows = served([("p", 0.8, {})], runs.exponential(UNIT), 1, round(0.8 * (length + 400)), seed)
        area = math.fsum(
            max(0.0, min(row.left, length + 200) - max(row.came, 200.0)) for row in rows
        )  # fmt: skip
        found.append((area / length - 4.0) ** 2 * length)
    return found
