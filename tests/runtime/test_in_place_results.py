"""Restarts in place in what a run comes to: breakdown, ledger, explanations, pictures."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.report.figures_spans import life_spans
from jobsim.results.explain import explain
from jobsim.results.recorder import Recorder, replay
from jobsim.results.restarts import PARTS
from jobsim.units import SECOND
from tests.runtime.in_place import in_place_jobset, run
from tests.runtime.lab import Lab

FAIL = {"at": "600s", "pod": "train-w-0-1", "exitCode": 3}
STOP = [{"match": {"jobset": "train"}, "run": "20m", "stop": "1.5s"}]


def rows(lab: Lab, recorder: Recorder | None = None) -> list[dict[str, Any]]:
    """Return the restarts with the parts that took time, s; the start is left out."""
    found = []
    for record in (recorder or lab.recorder).restarts(lab.stop.at):
        names = [name for name in (*PARTS, "begin", "total") if record[f"{name}_ns"]]
        parts = {name: int(record[f"{name}_ns"]) / SECOND for name in names}
        spent = {name: s for name, s in parts.items() if name not in ("begin", "total")}
        if record["kind"] != "start":
            head = {key: record[key] for key in ("kind", "number", "outcome", "exit_code")}
            found.append({**head, "at": parts["begin"], "total": parts.get("total", 0), **spent})
    return found


def one(at: float, total: float, **more: Any) -> dict[str, Any]:
    base = {"kind": "in-place", "number": 1, "outcome": "stepped", "exit_code": 3, "at": at, "total": total}
    return {**base, **more}


@pytest.mark.parametrize(
    ("mode", "failure", "expected"),
    [
        # The pod itself, the others, the startup probe's tick; the worker needs no load.
        ("sidecar", FAIL, one(600, 3, detect=1, teardown=1.5, start=0.5)),
        # Containers alone restart in no time, and the barrier is lifted in the same instant.
        ("main", FAIL, one(600, 0)),
        # The Job's back-off and a new pod come before anybody announces the next attempt.
        ("sidecar", {**FAIL, "inPlace": 0}, one(600, 13, detect=11, teardown=1.5, start=0.5)),
    ],
)
def test_breakdown(mode: str, failure: dict[str, Any], expected: dict[str, Any]) -> None:
    lab = run(in_place_jobset(mode), failures=[failure], pods=STOP)
    assert rows(lab) == [expected]
    assert rows(lab, replay(lab.recorder.log.rows())) == [expected]


@pytest.mark.parametrize(("mode", "lost"), [("sidecar", 3), ("main", 0)])
def test_ledger(mode: str, lost: int) -> None:
    """Without a workload a restart undoes all steps before it."""
    lab = run(in_place_jobset(mode), failures=[FAIL], pods=STOP)
    (record,) = lab.recorder.jobsets.values()
    record.settle(lab.stop.at)
    accounts = {name: ns / SECOND for name, ns in record.ledger.total(lab.stop.at).items() if ns}
    start = 2 if mode == "sidecar" else 1
    over = record.gang.finished / SECOND
    want = {"starting": start, "restarting": lost, "rework": 600 - start, "useful": over - 600 - lost}
    assert accounts == {name: s for name, s in want.items() if s}


def test_one_after_the_other() -> None:
    """A failure after the barrier was lifted and before the first step cuts the restart off."""
    training = [{"match": {"jobset": "train"}, "step": "1s", "steps": 1000, "init": "60s"}]
    failures = [FAIL, {**FAIL, "at": "620s", "pod": "train-w-1-0"}]
    pods = [{"match": {"jobset": "train"}, "run": "workload"}]
    lab = run(in_place_jobset(), failures=failures, pods=pods, workloads=training)
    first, second = rows(lab)
    assert (first["number"], first["outcome"], first["at"]) == (1, "superseded", 600)
    assert (second["number"], second["outcome"]) == (2, "stepped")
    assert first["at"] + first["total"] == second["at"] == 621
    assert lab.js().status.terminal_state == "Completed"


def test_a_full_restart_is_no_restart_in_place() -> None:
    """C-AGT-10: new pods meet in the attempt after the current one, which is part of their start."""
    rule = {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}
    failures = [{**FAIL, "exitCode": 42, "inPlace": 0}]
    lab = run(in_place_jobset(job={"podFailurePolicy": {"rules": [rule]}}), failures=failures)
    assert [row["kind"] for row in rows(lab)] == ["jobset"]


def test_explained() -> None:
    lab = run(in_place_jobset(), failures=[FAIL], pods=STOP)
    log = lab.recorder.log
    told = explain(log, "jobset", "train")
    assert "restart in place into attempt 1 at 10m0s: 3s until the gang stepped" in told
    assert "  why: pod train-w-0-1-" in told
    assert "failed with exit code 3\n       so all pods restart their containers where they are" in told
    for end in ("agent announces the next attempt", "containers are restarted", "lets the last pod go on"):
        assert end in told
    told = explain(log, "pod", "train-w-1-1")
    assert "its containers were restarted once, the last time at 10m2.5s" in told
    assert "10m1s: held back by its agent's barrier until 10m3s; it announced attempt 1" in told
    assert "restart in place of the JobSet into attempt 1" in explain(log, "pod", "train-w-0-1")


def test_one_that_waits_is_explained() -> None:
    cordon = {"at": "0s", "cordon": "n-3"}
    fleet = [{"pool": "n", "shape": {"cpu": 8, "memory": "64Gi", "pods": 1}, "nodes": 4}]
    lab = run(in_place_jobset("main"), actions=[cordon], fleet=fleet, until="5m")
    told = explain(lab.recorder.log, "pod", "train-w-0-0", ended_at=lab.stop.at)
    assert "held back by its agent's barrier and still is; it announced attempt 0" in told


def test_pictured() -> None:
    lab = run(in_place_jobset(), failures=[FAIL], pods=STOP)
    phases = {
        life.name.rpartition("-")[0]: [(s.phase, s.start / SECOND) for s in life_spans(life, lab.stop.at)]
        for life in lab.recorder.pods
    }
    assert phases["train-w-0-1"][1:4] == [("ready", 2), ("starting", 600), ("ready", 603)]
    assert phases["train-w-1-0"][1:4] == [("ready", 2), ("starting", 601), ("ready", 603)]


def test_what_is_kept_of_pods_that_are_gone() -> None:
    actions = [{"at": "700s", "delete": "jobset/train", "propagation": "Background"}]
    lab = run(in_place_jobset(), failures=[FAIL], actions=actions)
    assert lab.pods() == []
    lives = list(lab.recorder.pods)
    assert [(life.restarts, life.in_place) for life in lives] == [(1, 1)] * 4
    assert all(life.held for life in lives)
    assert "its containers were restarted once\n" in explain(lab.recorder.log, "pod", "train-w-0-1")
