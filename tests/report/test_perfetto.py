"""The Chrome trace: slices that nest, times in microseconds, bytes that are the run's."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from jobsim.report.perfetto import trace
from tests.report.test_timeline import gang
from tests.results.test_ledger import Play, fail_and_restart, two_jobs


@pytest.fixture
def play() -> Play:
    return Play()


def events(play: Play, phase: str) -> list[dict[str, Any]]:
    found = json.loads(trace(play.recorder, ended_at=play.now))["traceEvents"]
    return [event for event in found if event["ph"] == phase]


def test_a_jobset_has_its_accounts_restarts_and_conditions(play: Play) -> None:
    jobset, jobs, pods = two_jobs(play)
    fail_and_restart(play, jobset, jobs, pods)
    play.at(150).finish(jobset)
    slices = [e for e in events(play, "X") if e["pid"] == 1]
    accounts = [(e["name"], e["ts"], e["dur"]) for e in slices if e["tid"] == 1]
    assert accounts == [
        ("starting", 0, 10_000_000),
        ("useful", 10_000_000, 90_000_000),
        ("restarting", 100_000_000, 30_000_000),
        ("useful", 130_000_000, 20_000_000),
    ]
    whole, *parts = [e for e in slices if e["tid"] == 2 and e["ts"] >= 100_000_000]
    assert (whole["name"], whole["dur"]) == ("restart 1", 30_000_000)
    assert whole["args"]["pod"] == pods[0].name
    assert sum(part["dur"] for part in parts) == whole["dur"]
    assert [e["name"] for e in events(play, "i")] == ["RestartingJobSet=True", "Completed=True"]


def test_pods_are_threads_of_their_rack(play: Play) -> None:
    gang(play, 2, 2)
    names = {(e["pid"], e.get("tid")): e["args"]["name"] for e in events(play, "M") if "name" in e["args"]}
    assert names[(2, None)] == "rack h-r0"
    assert names[(3, 2)] == "train-workers-1-1"
    phases = Counter(e["name"] for e in events(play, "X") if e["pid"] > 1)
    assert phases == {"pending": 4, "starting": 4, "ready": 4}


def test_pods_without_racks_are_threads_of_their_job(play: Play) -> None:
    two_jobs(play)
    names = [e["args"]["name"] for e in events(play, "M") if e["name"] == "process_name"]
    assert names == ["JobSet default/train", "Job train-workers-0", "Job train-workers-1"]


def test_counters_count_pods(play: Play) -> None:
    two_jobs(play)
    play.at(20).finish(play.store.get(type(play.jobset("other")), "default", "train"))
    counted = events(play, "C")
    assert counted[0]["args"]["pending"] == 4
    assert counted[-2]["args"]["ready"] == 4
    assert all(sum(e["args"].values()) <= 4 for e in counted)


def test_parts_of_a_microsecond_are_kept(play: Play) -> None:
    play.now = 1_500
    play.jobset()
    play.now = 4_000
    (only, *_) = events(play, "X")
    assert (only["ts"], only["dur"]) == (1.5, 2.5)


def test_the_log_gives_the_same_bytes(play: Play) -> None:
    fail_and_restart(play, *two_jobs(play))
    assert trace(play.recorder.log) == trace(play.recorder)
