"""In-place restart end to end: agents, kubelets and the JobSet controller together."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api.jobset import JobSet
from jobsim.api.meta import condition
from tests.runtime.in_place import KEY, attempts, in_place_jobset, moves, run
from tests.runtime.lab import Lab

LEADER_THEN_FOLLOWER = [("5m", "train-w-0-0"), ("7m", "train-w-0-1")]
FAIL = [{"at": "600s", "pod": "train-w-0-1", "exitCode": 3}]


def counts(lab: Any) -> list[int]:
    return [c.restart_count for pod in lab.pods() for c in pod.status.container_statuses]


@pytest.mark.parametrize("mode", ["sidecar", "main"])
def test_all_restart_where_they_are(mode: str) -> None:
    """C-AGT-08: the one that failed is ahead, the others are outdated, all meet in the next attempt."""
    lab = run(in_place_jobset(mode), failures=FAIL)
    js = lab.js()
    assert (js.status.terminal_state, js.status.restarts) == ("Completed", 0)
    status = js.status
    assert (status.previous_in_place_restart_attempt, status.current_in_place_restart_attempt) == (0, 1)
    assert [attempt for _, attempt in attempts(lab)] == ["0"] * 4 + ["1"] * 4
    assert [move[1:] for move in moves(lab)] == [("current", 0), ("previous", 0), ("current", 1)]
    assert lab.recorder.counts.summary() == {"created": 4, "succeeded": 4, "failed": 0, "deleted": 0}
    assert counts(lab) == [1, 1, 1, 1]
    assert len({pod.spec.node_name for pod in lab.pods()}) == 4
    assert lab.warnings == []


def test_agents_watch_their_own_jobset_only() -> None:
    """C-AGT-02: the neighbour restarts in place, nobody here exits or announces anything."""
    other = in_place_jobset()
    other["metadata"]["name"] = "eval"
    lab = Lab(
        in_place_jobset(),
        other,
        failures=FAIL,
        pods=[{"match": {}, "run": "20m"}],
        jobset={"gates": {"InPlaceRestart": True}},
    )
    told: dict[str, list[str]] = {"train": [], "eval": []}
    for row in lab.rows:
        attempt = row.get("metadata", {}).get("annotations", {}).get(KEY)
        if row.get("kind") == "Pod" and attempt is not None:
            told[row["name"].partition("-")[0]].append(attempt)
    assert told == {"train": ["0"] * 4 + ["1"] * 4, "eval": ["0"] * 4}
    ends = {
        (pod.metadata.labels["jobset.sigs.k8s.io/jobset-name"], container.restart_count)
        for pod in lab.pods()
        for container in pod.status.container_statuses
    }
    assert ends == {("train", 1), ("eval", 0)}


def test_how_long_it_takes() -> None:
    """Exit, a second for one pod, a second for the rest, the next tick of the startup probe."""
    lab = run(in_place_jobset(), failures=FAIL, pods=[{"match": {}, "run": "20m", "stop": "1.5s"}])
    assert attempts(lab)[4:] == [(601.0, "1"), (602.5, "1"), (602.5, "1"), (602.5, "1")]
    assert moves(lab)[1:] == [(601.0, "previous", 0), (602.5, "current", 1)]
    started = lab.when("Pod", status={"phase": "Running"})
    assert started == [2.0] * 4 + [603.0] * 4


def test_no_worker_starts_before_all_are_there() -> None:
    """C-IPR-08, C-AGT-06: a pod that cannot be placed holds back all."""
    taint = {"spec": {"unschedulable": True}}
    actions = [
        {"at": "0s", "patch": "node/n-3", "merge": taint},
        {"at": "90s", "uncordon": "n-3"},
    ]
    lab = run(in_place_jobset(), actions=actions, fleet=_one_pod_a_node())
    assert moves(lab)[0] == (91.0, "current", 0)
    assert lab.when("Pod", status={"phase": "Running"}) == [91.0, 91.0, 91.0, 92.0]


def _one_pod_a_node() -> list[dict[str, Any]]:
    return [{"pool": "n", "shape": {"cpu": 8, "memory": "64Gi", "pods": 1}, "nodes": 4}]


@pytest.mark.parametrize(("mode", "limit"), [("sidecar", 0), ("sidecar", 2), ("main", 2)])
def test_restarts_are_used_up(mode: str, limit: int) -> None:
    """C-IPR-04, C-IPR-06: the message names no Job, restarts stay what they were."""
    failures = [{"at": f"{n}00s", "pod": "train-w-1-0", "exitCode": 1} for n in range(1, 8, 2)]
    lab = run(in_place_jobset(mode, max_restarts=limit), failures=failures[: limit + 1])
    js = lab.js()
    failed = condition(js.status.conditions, "Failed")
    assert failed is not None
    assert (failed.status, failed.reason) == ("True", "ReachedMaxRestarts")
    assert failed.message == "jobset failed due to reaching max number of restarts"
    assert (js.status.terminal_state, js.status.restarts) == ("Failed", 0)
    if limit:
        assert js.status.current_in_place_restart_attempt == limit


def test_a_container_that_never_comes_up_uses_them_up_too() -> None:
    """C-IPR-04: a barrier that is never lifted; K-POD-32."""
    broken = in_place_jobset()
    pod = broken["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
    pod["initContainers"][0]["env"] = []
    lab = run(broken)
    assert lab.js().status.terminal_state == "Failed"
    assert lab.stop.at < 60e9


@pytest.mark.parametrize("mode", ["sidecar", "main"])
def test_a_failed_pod_is_replaced_and_the_others_restart_in_place(mode: str) -> None:
    """C-IPR-05, K-JOB-51: the new pod is ahead of the others as one that restarted would be."""
    lab = run(in_place_jobset(mode), failures=[{**FAIL[0], "inPlace": 0}])
    js = lab.js()
    assert (js.status.terminal_state, js.status.restarts) == ("Completed", 0)
    summary = lab.recorder.counts.summary()
    assert (summary["created"], summary["succeeded"], summary["failed"]) == (5, 4, 1)
    assert js.status.current_in_place_restart_attempt == 1
    back = [time for time, attempt in attempts(lab) if attempt == "1"]
    assert 610 < min(back) < 615
    assert sorted(counts(lab)) == [0, 0, 1, 1, 1]


@pytest.mark.parametrize(("version", "state", "restarts"), [("v0.12.0", "", 1), ("main", "Completed", 2)])
def test_a_replaced_leader_keeps_followers_out(version: str, state: str, restarts: int) -> None:
    """C-BUG-02, C-EXC-11: the failed leader's object stays, and no failure of the Job takes it away."""
    rack = {"alpha.jobset.sigs.k8s.io/exclusive-topology": "topology.jobsim/rack"}
    shape = {"cpu": 8, "memory": "64Gi", "pods": 1}
    gone = [{"at": at, "pod": pod, "exitCode": 3, "inPlace": 0} for at, pod in LEADER_THEN_FOLLOWER]
    lab = run(
        in_place_jobset(jobs=1, pods=3, annotations=rack),
        fleet=[{"pool": "n", "shape": shape, "racks": 2, "nodesPerRack": 6}],
        failures=gone,
        jobset={"gates": {"InPlaceRestart": True}, "version": version},
        until="3h",
    )
    js = lab.js()
    assert (js.status.terminal_state, js.status.restarts) == (state, 0)
    assert js.status.current_in_place_restart_attempt == restarts
    stuck = [stall.message for stall in lab.stop.stalls]
    assert [text.partition(": ")[2] for text in stuck] == (
        []
        if state
        else ['admission webhook "vpod.kb.io" denied the request: follower pod node selector not set']
    )


def test_a_lost_node() -> None:
    """The pod's replacement goes elsewhere; nobody else moves."""
    lab = run(in_place_jobset(), failures=[{"at": "10m", "node": "n-0", "effect": "lose"}])
    js = lab.js()
    assert (js.status.terminal_state, js.status.restarts) == ("Completed", 0)
    assert js.status.current_in_place_restart_attempt == 1


def test_a_job_that_fails_makes_all_pods_anew() -> None:
    """C-RST-03, C-AGT-10: the fall-back to Recreate; new pods begin one attempt later."""
    policy = {
        "podFailurePolicy": {
            "rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}]
        }
    }
    failures = [{"at": "10m", "pod": "train-w-0-1", "exitCode": 42, "inPlace": 0}]
    lab = run(in_place_jobset(job=policy), failures=failures)
    js = lab.js()
    assert (js.status.terminal_state, js.status.restarts) == ("Completed", 1)
    assert js.status.restarts_count_towards_max == 1
    assert js.status.current_in_place_restart_attempt == 1
    assert lab.recorder.counts.summary()["created"] == 8
    assert {pod.metadata.annotations[KEY] for pod in lab.pods()} == {"1"}


@pytest.mark.parametrize(
    "manifest",
    [
        in_place_jobset(annotations={"jobset.sigs.k8s.io/disable-in-place-restart": ""}),
        in_place_jobset(failurePolicy={"restartStrategy": "Recreate"}),
    ],
)
def test_bypassed_agents_hold_nobody_back(manifest: dict[str, Any]) -> None:
    """C-AGT-03: the pod restarts its own containers, nobody else's."""
    lab = run(manifest, failures=FAIL)
    assert lab.js().status.terminal_state == "Completed"
    assert attempts(lab) == []
    assert sorted(counts(lab)) == [0, 0, 0, 1]


def test_a_jobset_without_agents_restarts_nothing_together() -> None:
    manifest = in_place_jobset()
    pod = manifest["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
    del pod["initContainers"]
    lab = run(manifest, failures=FAIL)
    assert (attempts(lab), moves(lab)) == ([], [])
    assert sorted(counts(lab)) == [0, 0, 0, 1]


def test_slow_ways_to_the_server() -> None:
    """Latency, lag and what happens while a write is under way."""
    api = {"latency": {"uniform": ["5ms", "80ms"]}, "job": {"qps": 0}, "scheduler": {"qps": 0}}
    control = {"api": api, "watchLag": {"uniform": ["0s", "50ms"]}}
    pods = [{"match": {"jobset": "train"}, "run": "20m", "stop": {"uniform": ["0s", "3s"]}}]
    failures = [{"at": f"{600 + 3 * n}s", "pod": f"train-w-{n}-0", "exitCode": 1} for n in range(2)]
    runs = [
        run(in_place_jobset(max_restarts=9), control=control, pods=pods, failures=failures) for _ in range(2)
    ]
    assert runs[0].recorder.digest == runs[1].recorder.digest
    for lab in runs:
        assert lab.js().status.terminal_state == "Completed"
        assert len({pod.metadata.annotations[KEY] for pod in lab.pods()}) == 1
        assert lab.recorder.counts.summary()["created"] == 4


def test_an_agent_whose_jobset_is_deleted() -> None:
    """C-AGT-03: it does nothing; its pod goes with the Job."""
    actions = [{"at": "5m", "delete": "jobset/train", "propagation": "Background"}]
    lab = run(in_place_jobset(), actions=actions)
    assert lab.store.get(JobSet, "default", "train") is None
    assert lab.pods() == []


def test_training_stalls_until_all_are_back() -> None:
    """A restart in place is an interruption: what was not saved is lost, init and load follow."""
    for mode, begin in (("sidecar", 603.0), ("main", 600.0)):
        lab = run(
            in_place_jobset(mode),
            failures=FAIL,
            pods=[{"match": {"jobset": "train"}, "run": "workload"}],
            workloads=[
                {
                    "match": {"jobset": "train"},
                    "step": "1s",
                    "steps": 1000,
                    "init": "10s",
                    "checkpoint": {"every": "100s", "write": "5s", "load": "20s"},
                }
            ],
        )
        states = [
            (row["time"] / 1e9, row["state"])
            for row in lab.rows
            if row.get("note") == "progress" and 600 <= row["time"] / 1e9 < 650
        ]
        assert states == [
            (600.0, "waiting"),
            (begin, "initialising"),
            (begin + 10, "loading"),
            (begin + 30, "stepping"),
        ]
        assert lab.js().status.terminal_state == "Completed"


def test_a_container_that_comes_back_at_once_interrupts_training() -> None:
    """Without an agent too: what the process had done since its checkpoint is lost."""
    manifest = in_place_jobset("main", failurePolicy={"restartStrategy": "Recreate"})
    lab = run(
        manifest,
        failures=FAIL,
        pods=[{"match": {"jobset": "train"}, "run": "workload"}],
        workloads=[{"match": {"jobset": "train"}, "step": "1s", "steps": 1000}],
    )
    undone = [row["ns"] for row in lab.rows if row.get("note") == "undone"]
    assert undone == [599 * 10**9]


def test_a_partial_success_keeps_the_rest_apart() -> None:
    """C-AGT-10, C-BUG-42: a finished pod keeps its attempt and counts, so the others never meet again."""
    pods = [
        {"match": {"jobset": "train", "jobIndex": 0, "index": 0}, "run": "5m"},
        {"match": {"jobset": "train"}, "run": "20m"},
    ]
    lab = run(in_place_jobset(max_restarts=1), failures=FAIL, pods=pods)
    status = lab.js().status
    assert (status.previous_in_place_restart_attempt, status.current_in_place_restart_attempt) == (0, 0)
    # The startup probes give up, and the restarts that follow are too many.
    assert status.terminal_state == "Failed"
    assert lab.stop.at / 1e9 > 600 + 600


def test_wrong_answers_to_an_agent() -> None:
    """What could not be announced is announced again, with back-off (controller-runtime)."""
    faults = [
        {"error": "InternalError", "on": {"verb": "patch", "kind": "Pod"}, "nth": 1},
        {"error": "Timeout", "applied": True, "on": {"verb": "patch", "kind": "Pod"}, "nth": 3},
    ]
    control = {"api": {"latency": "20ms", "job": {"qps": 0}, "scheduler": {"qps": 0}}}
    for more in ({}, {"control": control}):
        lab = run(in_place_jobset(), failures=FAIL, faults=faults, **more)
        js = lab.js()
        assert (js.status.terminal_state, js.status.current_in_place_restart_attempt) == ("Completed", 1)
        assert lab.recorder.counts.summary()["created"] == 4
        struck = [row["component"] for row in lab.rows if row.get("note") == "fault"]
        assert struck == ["in-place-restart-agent"] * 2


def test_a_node_that_comes_back() -> None:
    """K-POD-54: its containers are found dead; the agent that starts announces the next attempt."""
    failures = [{"at": "10m", "node": "n-0", "effect": "crash", "repair": "20s"}]
    lab = run(in_place_jobset(), failures=failures)
    js = lab.js()
    assert (js.status.terminal_state, js.status.restarts) == ("Completed", 0)
    assert js.status.current_in_place_restart_attempt == 1
    assert lab.recorder.counts.summary()["created"] == 4


def test_the_kubelets_stop_for_a_while() -> None:
    """Agents run on without them; what they ask for is done when the kubelets are back."""
    faults = [{"crash": {"component": "kubelet", "at": "600.5s", "down": "30s"}}]
    lab = run(in_place_jobset(), failures=FAIL, faults=faults)
    assert lab.js().status.terminal_state == "Completed"
    assert lab.recorder.counts.summary()["created"] == 4
    assert counts(lab) == [1, 1, 1, 1]
