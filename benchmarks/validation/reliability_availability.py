"""Closed forms of availability: how many machines of a fleet are up at an instant, and what runs on them.

All look at a fleet at instants so far apart that none knows of the one before: an outage lasts exactly a
day, and the fleet is looked at every third.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from heapq import heappop, heappush

from benchmarks.validation import reliability_runs as runs
from benchmarks.validation.reliability_runs import Case
from jobsim.laws import Exponential, quantile
from jobsim.rng import uniform
from jobsim.units import DAY

RSC = 0.0065
CUBES, HOSTS = 64, 16
#: How often a run looks at its fleet.
LOOKS = 250


def cases() -> Iterator[Case]:
    """Yield the cases in the order of the models' sections."""
    yield from _spares()
    yield from _repairmen()
    yield from _standby()
    yield from _cubes()
    yield from _reslicing()


def at_most(k: int, n: int, p: float) -> float:
    """Return the chance that at most ``k`` of ``n`` happen, each with chance ``p``.

    Examples
    --------
    >>> at_most(1, 2, 0.5)
    0.75
    """
    logs = [
        math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) + i * math.log(p)
        + (n - i) * math.log1p(-p)
        for i in range(k + 1)
    ]  # fmt: skip
    return math.fsum(math.exp(log) for log in logs)


def snapshots(seed: int, nodes: int, up: float, count: int) -> Iterator[frozenset[int]]:
    """Yield which of some nodes are down, ``count`` times; each is up a share ``up`` of the time."""
    law = Exponential(mean=round(DAY * up / (1 - up)))
    down: set[int] = set()
    times = [(5 + 3 * i) * DAY for i in range(count)]
    at = 0
    for time, i, change in runs.outages(runs.clocks(seed, law, nodes), times[-1], DAY):
        while times[at] < time:
            yield frozenset(down)
            at += 1
        (down.add if change > 0 else down.remove)(i)
    for _ in times[at:]:
        yield frozenset(down)


@cache
def _down(nodes: int, up: float, count: int, reps: int = 12) -> tuple[Counter[int], ...]:
    """Return for each run how often how many were down."""
    return tuple(Counter(len(down) for down in snapshots(seed, nodes, up, count)) for seed in range(reps))


def _share(nodes: int, up: float, most: int, count: int = LOOKS) -> list[float]:
    """Return for each run the share of instants with at most so many down."""
    return [sum(n for down, n in seen.items() if down <= most) / count for seen in _down(nodes, up, count)]


def chance(name: str, p: float, simulate: Callable[[], list[float]], looks: int, note: str = "") -> Case:
    """Return the case of a chance, from runs of so many independent looks."""
    return Case(name, p, simulate, note, sd=math.sqrt(p * (1 - p) / looks))


def _spares() -> Iterator[Case]:
    for hours, spares in ((1, (0, 2, 3)), (4, (0, 5, 6)), (24, (20, 23)), (72, (51, 56))):
        up = 1 / (1 + RSC * hours / 24)
        for s in spares:
            yield chance(
                f"D1 2,048 of {2048 + s} up, repair {hours} h",
                at_most(s, 2048 + s, 1 - up),
                lambda n=2048 + s, u=up, k=s: _share(n, u, k),
                LOOKS,
            )


def _repairmen() -> Iterator[Case]:
    """16 technicians for 2,080 nodes: a birth and death process."""
    weights = [1.0]
    for i in range(200):
        weights.append(weights[-1] * (2080 - i) * RSC / min(i + 1, 16))
    total = math.fsum(weights)
    mean = math.fsum(i * w for i, w in enumerate(weights)) / total
    note = "repair crews by hand around the clocks: a Scenario repairs all at once"
    yield Case("D3 nodes down, 16 repair crews", mean, lambda: [m for m, _ in _crews()], note)
    yield Case(
        "D3 2,048 of 2,080 up, 16 repair crews",
        math.fsum(weights[:33]) / total,
        lambda: [share for _, share in _crews()],
        note,
    )


@cache
def _crews() -> list[tuple[float, float]]:
    """Mean nodes down, and share of the time with at most 32: failures by the clocks, 16 crews."""
    found = []
    for seed in range(12):
        clocks, until = runs.clocks(seed, runs.daily(RSC), 2080), 800 * DAY
        busy: list[tuple[int, int]] = []
        waiting: list[int] = []
        changes, down = [(0, 0)], 0

        def start(i: int, now: int, k: int, seed: int = seed, busy: list[tuple[int, int]] = busy) -> None:
            span = quantile(Exponential(mean=DAY), uniform(seed, "crew", k))
            heappush(busy, (now + span, i))

        number = 0
        while True:
            due = clocks.due()
            assert due is not None
            time = min(due, busy[0][0]) if busy else due
            if time > until:
                break
            if busy and busy[0][0] == time:
                clocks.renew(heappop(busy)[1], time)
                down -= 1
                queued = waiting.pop(0) if waiting else None
            else:
                queued, down = clocks.take(time), down + 1
            if queued is not None:
                if len(busy) < 16:
                    start(queued, time, number)
                    number += 1
                else:
                    waiting.append(queued)
            changes.append((time, down))
        begin = 40 * DAY
        few = [(time, float(n <= 32)) for time, n in changes]
        found.append((runs.mean_since(begin, changes, until), runs.mean_since(begin, few, until)))
    return found


def _standby() -> Iterator[Case]:
    for p, spares in ((0.0005, 3), (0.001, 4), (0.00125, 4), (0.0015, 5), (0.002, 6)):
        for s in (spares, spares - 1):
            what = "enough" if s == spares else "too few"
            yield chance(
                f"D4 at most {s} of 1,024 down at {p:g} each: {what} for 99 %",
                at_most(s, 1024, p),
                lambda p=p, s=s: _share(1024, 1 - p, s, 2 * LOOKS),
                2 * LOOKS,
            )
    for hours, spares in ((2.2, 6), (5 / 60, 1)):
        up = 1.9 * 608 / (1.9 * 608 + hours)
        for s in (spares, spares - 1):
            yield chance(
                f"D7 at most {s} of 608 GPUs down, repair {hours:.2g} h",
                at_most(s, 608, 1 - up),
                lambda u=up, s=s: _share(608, u, s, 2 * LOOKS),
                2 * LOOKS,
                "the published 31 hold a month through, the form an instant",
            )


@cache
def healthy(
    up: float, cubes: int, count: int = LOOKS, reps: int = 12
) -> tuple[tuple[frozenset[int], ...], ...]:
    """Return for each run which cubes of 16 hosts have one down, at each instant."""
    return tuple(
        tuple(frozenset(i // HOSTS for i in down) for down in snapshots(seed, cubes * HOSTS, up, count))
        for seed in range(reps)
    )


def _whole(up: float, cubes: int, least: int) -> list[float]:
    return [sum(cubes - len(ill) >= least for ill in run) / len(run) for run in healthy(up, cubes)]


def _cubes() -> Iterator[Case]:
    for p in (0.0008, 0.001, 0.005, 0.01):
        ill = 1 - (1 - p) ** HOSTS
        for least in (64, 63, 62, 60):
            if (expected := at_most(CUBES - least, CUBES, ill)) > 0.002:
                yield chance(
                    f"D5 {least} of 64 cubes whole, hosts down {p:g}",
                    expected,
                    lambda u=1 - p, m=least: _whole(u, CUBES, m),
                    LOOKS,
                )
    q = 0.9346861267032007
    for least in (125, 130, 135, 140):
        yield chance(
            f"D6 {least} of 144 cubes whole",
            at_most(144 - least, 144, 1 - q),
            lambda u=q ** (1 / HOSTS), m=least: _whole(u, 144, m),
            LOOKS,
        )


def _reslicing() -> Iterator[Case]:
    for up in (0.99, 0.995, 0.999):
        q = up**HOSTS
        for chips in (256, 512, 1024, 2048, 3072):
            m = chips // 64
            # Cubes in whole slices, of any cubes that are whole.
            sold = [(CUBES - ill) // m * m / CUBES for ill in range(CUBES + 1)]
            below = [0.0, *(at_most(k, CUBES, 1 - q) for k in range(CUBES + 1))]
            parts = [b - a for a, b in itertools.pairwise(below)]
            mean = math.fsum(p * s for p, s in zip(parts, sold, strict=True))
            square = math.fsum(p * (s - mean) ** 2 for p, s in zip(parts, sold, strict=True))
            yield Case(
                f"D9 {chips:,} chips, hosts up {up:g}, any cubes",
                mean,
                lambda u=up, sold=sold: [
                    sum(sold[len(ill)] for ill in run) / len(run) for run in healthy(u, CUBES)
                ],
                sd=math.sqrt(square / LOOKS),
            )
            if (static := q**m) > 0.002:
                yield chance(
                    f"D9 {chips:,} chips, hosts up {up:g}, wired cubes",
                    static,
                    lambda u=up, m=m: [_wired(run, m) for run in healthy(u, CUBES)],
                    LOOKS * (CUBES // m),
                )


def _wired(run: tuple[frozenset[int], ...], m: int) -> float:
    """Return the share of slices of m neighbouring cubes that are whole."""
    slices = CUBES // m
    whole = sum(slices - len({c // m for c in ill if c < slices * m}) for ill in run)
    return whole / slices / len(run)
