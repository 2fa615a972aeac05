"""What goes wrong between components and the API server: when it shows, and that the ring gets over it."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api.pod import Pod
from tests.runtime.lab import FAST, Lab, jobset

PODS = [{"match": {}, "start": "1s", "run": "60s", "stop": "3s"}]
LATE = {**FAST, "api": {**FAST["api"], "latency": "10ms"}}


def on(component: str, verb: str = "", kind: str = "", **more: Any) -> dict[str, Any]:
    return {"component": component, **{k: v for k, v in (("verb", verb), ("kind", kind)) if v}, **more}


def crash(component: str, **when: Any) -> dict[str, Any]:
    return {"crash": {"component": component, **when}}


def lab(*faults: dict[str, Any], pods: int = 2, **sections: Any) -> Lab:
    manifest = jobset(pods=pods, failurePolicy={"maxRestarts": 3})
    return Lab(manifest, pods=sections.pop("pods_rules", PODS), faults=list(faults), **sections)


def times(run: Lab, word: str) -> list[float]:
    match word:
        case "jobs made":
            return run.when("Job", type="ADDED")
        case "pods made":
            return run.when("Pod", type="ADDED")
        case "ended":
            return run.when("JobSet", status={"terminalState": "Completed"})
    return run.when("Pod", status={"phase": word})


BIND = on("scheduler", "bind")
REPORT = on("kubelet", "patch-status", "Pod")
STORY: tuple[tuple[str, dict[str, Any], int, dict[str, list[float]]], ...] = (
    # A status that is refused is written again; what was decided does not change.
    ("status", {"error": "Conflict", "on": on("jobset", "update-status"), "nth": 1}, 2, {"ended": [62]}),
    # The Service that the same pass made calls for the next one at once (C-QUE-04).
    ("lost", {"error": "Timeout", "on": on("jobset", "create", "Job"), "nth": 1}, 2, {"jobs made": [0]}),
    (
        "applied",
        {"error": "Timeout", "applied": True, "on": on("jobset", "create", "Job"), "nth": 1},
        2,
        {"jobs made": [0]},
    ),
    # K-SCH-07: the pod backs off; it is bound once, also where the answer alone was lost.
    ("bind", {"error": "Timeout", "on": BIND, "nth": 1}, 2, {"Running": [1, 2]}),
    ("bound", {"error": "Timeout", "applied": True, "on": BIND, "probability": 1}, 2, {"Running": [1, 1]}),
    # Kubelets report again after 10 s, and containers run on meanwhile.
    ("report", {"error": "InternalError", "on": REPORT, "nth": 1}, 2, {"Running": [1, 11], "ended": [62]}),
    # A cache that hears nothing for a minute: the end is noticed when it is over.
    (
        "stale",
        {"stale": {"component": "jobset", "kind": "Job", "at": "30s", "for": "60s"}},
        2,
        {"ended": [90]},
    ),
    (
        "late",
        {"stale": {"component": "kubelet", "kind": "Pod", "at": 0, "for": "7s"}},
        2,
        {"Running": [8, 8]},
    ),
    # Between two writes: two of eight pods are made, the others when the controller is back (rule 5).
    ("job", crash("job", afterWrite=2, down="5s"), 8, {"pods made": [0, 0] + 6 * [5], "ended": [67]}),
    ("ttl", crash("job", at="30s", down="60s"), 2, {"ended": [90]}),
    ("jobset", crash("jobset", afterWrite=1, down="20s"), 2, {"jobs made": [20]}),
    # Its webhooks go with it: pods are refused until it is back (C-EXC-04), and the Job backs off.
    ("webhooks", crash("jobset", at=0, down="20s"), 2, {"jobs made": [0], "pods made": [31, 31]}),
    ("scheduler", crash("scheduler", afterWrite=1, down="20s"), 4, {"Running": [1, 21, 21, 21]}),
    ("kubelet", crash("kubelet", at="20s", down="45s"), 2, {"Succeeded": [65, 65]}),
    ("at once", crash("kubelet", at="20s"), 2, {"Succeeded": [61, 61]}),
)


@pytest.mark.parametrize(("fault", "pods", "wanted"), [row[1:] for row in STORY], ids=[r[0] for r in STORY])
def test_story(fault: dict[str, Any], pods: int, wanted: dict[str, list[float]]) -> None:
    run = lab(fault, pods=pods)
    assert {word: times(run, word) for word in wanted} == wanted
    assert run.js().status.terminal_state == "Completed"
    assert run.js().status.restarts == 0
    assert run.recorder.counts.summary() == {"created": pods, "succeeded": pods, "failed": 0, "deleted": 0}
    assert sum(run.cluster.faults.values()) >= 1
    assert [row["time"] for row in run.rows if row.get("note") == "fault"]
    assert run.warnings == []


#: One of everything, in a run that restarts once.
MANY = (
    {"error": "Conflict", "on": on("jobset", "update-status", "JobSet"), "probability": 0.3},
    {"error": "Timeout", "on": on("job", "create", "Pod"), "probability": 0.2, "applied": True},
    {"error": "TooManyRequests", "on": on("job"), "probability": 0.2},
    {"error": "InternalError", "probability": 0.1},
    {"error": "Timeout", "on": on("scheduler"), "probability": 0.3, "applied": True},
    {"stale": {"component": "jobset", "kind": "Job", "at": "30s", "for": "40s"}},
    {"stale": {"component": "scheduler", "kind": "Pod", "at": "40s", "for": "20s"}},
    crash("job", afterWrite=3, down="5s"),
    crash("garbage-collector", afterWrite=1, down="1s"),
    crash("scheduler", at="42s", down="4s"),
    crash("kubelet", at="70s", down="60s"),
)
FAILING = [{"match": {"index": 1, "attempt": 0}, "run": "35s", "exit": 1}, *PODS]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("control", [FAST, LATE], ids=["fast", "late"])
def test_many_faults_end_as_none_does(seed: int, control: dict[str, Any]) -> None:
    plain = lab(pods=4, pods_rules=FAILING, control=control)
    run = lab(*MANY, pods=4, pods_rules=FAILING, control=control, seed=seed)
    again = lab(*MANY, pods=4, pods_rules=FAILING, control=control, seed=seed)
    assert run.recorder.digest == again.recorder.digest
    assert sum(run.cluster.faults.values()) > 10
    ends = [(r.js().status.terminal_state, r.js().status.restarts, r.stop.reason) for r in (plain, run)]
    assert ends == [("Completed", 1, "finished")] * 2


def test_a_fault_that_is_added_moves_nothing_else() -> None:
    """Draws are keyed by what is asked, and a cache that is not stale yet is no other cache."""
    never = {"error": "Conflict", "nth": 10_000}
    deaf = {"stale": {"component": "jobset", "kind": "Job", "at": "1h", "for": "1s"}}
    plain, more = lab(*MANY[:3], pods=4), lab(*MANY[:3], never, deaf, pods=4)
    kept = [row for row in more.rows if row.get("fault") != "stale" and row.get("note") != "warning"]
    assert kept == plain.rows
    assert more.warnings == [f"fault Conflict of call 10000 (any) has no effect: {_calls(more)}"]


def _calls(run: Lab) -> str:
    accepted, refused = run.cluster.writes
    users = accepted.get("create jobsets", 0)
    return f"there were {sum(accepted.values()) + sum(refused.values()) - users} such calls"


def test_what_is_always_refused_ends_as_stalled() -> None:
    run = lab({"error": "Conflict", "on": on("jobset", "update-status"), "probability": 1})
    assert run.stop.reason == "stalled"
    assert run.js().status.terminal_state == ""


def test_a_write_that_times_out_is_made_or_not() -> None:
    """Of ten creations with lost answers all were made, of ten that were lost none: more calls than pods."""
    lost, made = (
        lab({"error": "Timeout", "applied": applied, "on": on("job", "create"), "probability": 0.5}, pods=10)
        for applied in (False, True)
    )
    for run in (lost, made):
        (struck,) = run.cluster.faults.values()
        assert struck > 0
        pods = run.recorder.counts.summary()["created"]
        assert run.cluster.writes.accepted["create pods"] == pods
        assert run.cluster.writes.refused.get("create pods", 0) == (struck if run is lost else 0)
    assert lost.recorder.counts.summary()["created"] == 10


def test_only_the_calls_that_are_meant() -> None:
    meant = {"error": "InternalError", "on": on("kubelet", name="train-w-0-1", namespace="default"), "nth": 1}
    run = lab(meant, pods=3)
    struck = [row["about"]["name"] for row in run.rows if row.get("note") == "fault"]
    assert [name.rpartition("-")[0] for name in struck] == ["train-w-0-1"]
    other = lab({**meant, "on": {**meant["on"], "namespace": "other"}}, pods=3)
    assert other.cluster.faults == {}
    assert other.warnings == [
        "fault InternalError of call 1 (kubelet other train-w-0-1) has no effect: there were 0 such calls"
    ]


def test_without_effect() -> None:
    run = lab(crash("scheduler", afterWrite=99), {"error": "Conflict", "on": on("jobset", "evict"), "nth": 1})
    assert run.warnings == [
        "fault Conflict of call 1 (jobset evict) has no effect: there were 0 such calls",
        "crash of scheduler after write 99 has no effect: no pass made so many",
    ]


def test_kubelets_that_are_away_for_long_lose_their_nodes() -> None:
    """K-POD-47: no lease is renewed, so nodes become Unknown; they are back when their kubelets are."""
    run = lab(crash("kubelet", at="20s", down="120s"))
    ready = [
        next(c["status"] for c in row["status"]["conditions"] if c["type"] == "Ready")
        for row in run.rows
        if row.get("kind") == "Node" and row["name"] == "n-0" and "conditions" in row.get("status", {})
    ]
    assert ready == ["True", "Unknown", "True"]
    assert times(run, "ended") == [141]


def test_a_second_crash_while_down_makes_it_longer() -> None:
    run = lab(crash("job", at="30s", down="60s"), crash("job", at="40s", down="100s"))
    assert times(run, "ended") == [140]


def test_a_pod_that_goes_while_kubelets_are_away() -> None:
    run = lab(
        crash("kubelet", at="20s", down="30s"),
        actions=[{"at": "30s", "delete": "pod/train-w-0-0-xxxxx"}, {"at": "30s", "delete": "job/train-w-0"}],
    )
    assert run.js().status.terminal_state == "Completed"
    assert run.recorder.counts.summary()["created"] == 4
    assert not [pod for pod in run.store.list(Pod) if pod.terminating]
