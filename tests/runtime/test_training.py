"""A gang's steps take another time: what was begun goes on, the ledger says what it cost."""

from __future__ import annotations

import pytest

from jobsim.runtime.gang import Pace
from jobsim.units import seconds
from tests.runtime.lab import Lab, jobset

KEY = ("default", "train")


def run(*paces: tuple[float, float], failures: tuple[dict[str, object], ...] = ()) -> dict[str, float]:
    """Return the ledger (s) of 300 steps of 2 s, saved every 100 s, at paces of (from when, s a step)."""
    lab = Lab(
        jobset(failurePolicy={"maxRestarts": 9}),
        pods=[{"match": {}, "start": "1s", "run": "workload", "stop": "1s"}],
        workloads=[
            {
                "match": {"jobset": "train"},
                "step": "2s",
                "steps": 300,
                "init": "10s",
                "checkpoint": {"every": "100s", "write": "5s", "load": "20s"},
            }
        ],
        failures=list(failures),
        meanwhile=lambda cluster: [
            cluster.engine.at(seconds(at), cluster.training.set_pace, KEY, Pace(seconds(step)))
            for at, step in paces
        ],
    )
    assert lab.js().status.terminal_state == "Completed"
    record = next(iter(lab.recorder.jobsets.values()))
    total = record.ledger.total(lab.stop.at)
    assert sum(total.values()) == record.ledger.elapsed(lab.stop.at)
    return {account: ns / 1e9 for account, ns in total.items() if ns}


def test_slow_for_a_while() -> None:
    # 111..116 is a write; 40 of the 100 s from 20 to 125 are 4 s steps: as many steps, twice the time.
    ledger = run((20, 4), (60, 2))
    assert (ledger["useful"], ledger["degraded"], ledger["checkpoint"]) == (600.0, 20.0, 25.0)


def test_a_pace_set_while_saving_holds_from_the_next_step() -> None:
    ledger = run((112, 3))
    assert (ledger["useful"], ledger["degraded"]) == (600.0, 250.0)


def test_what_a_failure_undoes_was_partly_beyond_nominal() -> None:
    # Written at 111..116; 21 steps of 4 s until 200, of which the last is broken off half-way at 202.
    ledger = run((112, 4), (205, 2), failures=({"at": 202, "pod": "train-w-0-1"},))
    assert ledger["rework"] == pytest.approx(86.0)
    assert ledger["useful"] == 600.0
    assert "degraded" not in ledger
