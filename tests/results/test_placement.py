"""What a placement costs, in words and cells."""

from __future__ import annotations

from typing import Any

from jobsim.results import placement


def row(**more: Any) -> dict[str, Any]:
    tier = {"tier": "rack", "switches": 4, "least": 2, "crossings": 9, "leastCrossings": 2}
    times = {
        "bytes": 2**30,
        "here_s": 0.0125,
        "best_s": 0.005,
        "random_s": 0.01,
        "algorithm": "ring",
        "bottleneck": "rack",
    }
    whole = {"machines": 16, "domains": 16, "ranks": 128, "tiers": [tier], "fabric": "ib_h100"}
    return {**whole, "allReduce": times, **more}


def test_lines() -> None:
    assert placement.lines(row()) == [
        "placement: 16 machines, 128 ranks",
        "  racks: 4 (2 would do); the ring of its ranks leaves a rack 9 times (at best 2)",
        "  all-reduce of 1Gi on ib_h100: 12.5ms here (ring, bound by rack), 5ms at best, 10ms at random",
    ]
    one = row(machines=1, ranks=1, allReduce=None)
    one["tiers"] = [{"tier": "rack", "switches": 1, "least": 1, "crossings": 0, "leastCrossings": 0}]
    assert placement.lines(one) == [
        "placement: 1 machine, 1 rank",
        "  racks: 1 (1 would do); the ring of its ranks leaves a rack never (at best 0)",
    ]


def test_cells_leave_out_who_exchanges_nothing() -> None:
    jobsets = [
        {"name": "a", "placement": row()},
        {"name": "b", "placement": None},
        {"name": "c"},
        {"name": "d", "placement": row(allReduce=None)},
        {"name": "e", "placement": row(domains=1)},
    ]
    assert placement.cells(jobsets)[1:] == [
        ["a", 16, 128, "4 racks of 2", "9 of 2", "1Gi", "12.5ms", "5ms", "10ms"]
    ]
    assert placement.cells([{"name": "a", "placement": row(tiers=[])}])[1][3:5] == ["-", "-"]
