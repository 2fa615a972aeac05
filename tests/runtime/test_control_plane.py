"""What the parts make together, and at which pace: clauses that no single part can show."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api.batch import Job
from jobsim.api.meta import condition
from jobsim.results.log import Row
from tests.runtime.lab import Lab, jobset

#: What the contract suggests for a control plane that takes time (K-TIM-40).
SUGGESTED = {
    "api": {"latency": "10ms", "job": {"qps": 0}, "scheduler": {"qps": 0}},
    "watchLag": "10ms",
    "scheduler": {"podsPerSecond": 300},
}


def rows_of(lab: Lab, kind: str) -> list[Row]:
    return [row for row in lab.rows if row.get("kind") == kind]


def start_times(lab: Lab) -> list[float]:
    """Return how long each pod took from its creation to Running, s, sorted."""
    made: dict[str, int] = {}
    took: dict[str, float] = {}
    for row in rows_of(lab, "Pod"):
        made.setdefault(row["name"], row["time"])
        if (row.get("status") or {}).get("phase") == "Running":
            took.setdefault(row["name"], (row["time"] - made[row["name"]]) / 1e9)
    return sorted(took.values())


def bind_times(lab: Lab) -> list[float]:
    return sorted(row["time"] / 1e9 for row in rows_of(lab, "Pod") if (row.get("spec") or {}).get("nodeName"))


def test_a_jobset_looks_at_final_conditions_only() -> None:
    """K-JOB-113: a Job in FailureTarget is active for its JobSet until its pods are over."""
    lab = Lab(
        jobset(jobs=2, pods=2, failurePolicy={"maxRestarts": 1}),
        pods=[{"match": {}, "start": 0, "run": "10m", "stop": "20s"}],
        failures=[{"at": "100s", "pod": "train-w-0-0"}],
        until="130s",
    )
    target = [
        row["time"] / 1e9
        for row in rows_of(lab, "Job")
        for c in (row.get("status") or {}).get("conditions", ())
        if c["type"] == "FailureTarget"
    ]
    assert target[0] == 101.0
    seen: list[tuple[float, int]] = []
    for row in rows_of(lab, "JobSet"):
        status = row.get("status") or {}
        if 100 < row["time"] / 1e9 < 122.0:
            assert not status.get("restarts")
            seen += [(row["time"] / 1e9, r["failed"]) for r in status.get("replicatedJobsStatus", ())]
    assert seen
    assert {failed for _, failed in seen} == {0}
    assert lab.when("JobSet", status={"restarts": 1}) == [122.0]


@pytest.mark.parametrize(("limit", "end"), [(2, "Failed"), (2**31 - 1, "")])
def test_restarting_all_containers_uses_up_an_on_failure_job(limit: int, end: str) -> None:
    """K-POD-33, K-JOB-46: the pod never fails, but its restarts are summed."""
    rule = {"action": "RestartAllContainers", "exitCodes": {"operator": "In", "values": [42]}}
    lab = Lab(
        jobset(
            pods=1,
            restartPolicy="OnFailure",
            job={"backoffLimit": limit},
            container={"restartPolicy": "Never", "restartPolicyRules": [rule]},
        ),
        pods=[{"match": {}, "start": 0, "run": "10s", "exit": 42}],
        until="1m",
    )
    assert lab.js().status.terminal_state == end
    (job,) = lab.store.list(Job)
    assert job.status.active == (0 if end else 1)


def test_kueue_places_by_gates_and_node_selectors() -> None:
    """K-SCH-44, K-SCH-03: the scheduler waits for the gate, then merely fits the pod into the domain."""
    gate = {"schedulingGates": [{"name": "kueue.x-k8s.io/topology"}]}
    ungate = {"spec": {"schedulingGates": None, "nodeSelector": {"kubernetes.io/hostname": "n-2"}}}
    lab = Lab(
        jobset(pods=1, **gate),
        pods=[{"match": {}, "run": "10s"}],
        actions=[{"at": "30s", "patch": "pod/train-w-0-0", "merge": ungate}],
    )
    assert lab.warnings == []
    assert bind_times(lab) == [30.0]
    (pod,) = lab.pods()
    assert (pod.spec.node_name, pod.status.phase) == ("n-2", "Succeeded")
    gated = Lab(jobset(pods=1, **gate), pods=[{"match": {}, "run": "10s"}])
    (stall,) = gated.stop.stalls
    assert stall.message == "Scheduling is blocked due to non-empty scheduling gates"
    held = condition(gated.pods()[0].status.conditions, "PodScheduled")
    assert held is not None
    assert held.reason == "SchedulingGated"


def test_no_workload_is_made_for_a_job_by_default() -> None:
    """K-JOB-130, K-SCH-40, K-SCH-43: pods are placed alone, wherever they fit."""
    lab = Lab(jobset(pods=4), pods=[{"match": {}, "run": "10s"}])
    assert {row["kind"] for row in lab.rows if "kind" in row}.isdisjoint({"Workload", "PodGroup"})
    assert all(pod.spec.scheduling_group is None for pod in lab.pods())
    half = Lab(
        jobset(pods=4, container={"resources": {"limits": {"nvidia.com/gpu": 8}}}),
        nodes=2,
        pods=[{"match": {}, "run": "forever"}],
    )
    assert sorted(pod.status.phase for pod in half.pods()) == ["Pending", "Pending", "Running", "Running"]


def test_pods_start_as_fast_as_published() -> None:
    """K-TIM-30, K-TIM-40: within the objective of 5 s, with a median between 1 and 2 s."""
    lab = Lab(
        jobset(pods=40),
        nodes=10,
        control=SUGGESTED,
        pods=[{"match": {}, "start": {"lognormal": {"median": "1s", "sigma": 0.47}}, "run": "1m"}],
    )
    took = start_times(lab)
    assert len(took) == 40
    assert 1.0 < took[20] < 2.0
    assert took[-1] < 5.0


@pytest.mark.parametrize("rate", [35, 290])
@pytest.mark.parametrize("terms", [False, True])
def test_the_scheduler_takes_its_time(rate: int, terms: bool) -> None:
    """K-TIM-31, K-TIM-32, K-SCH-26: terms take 4.5 times as long, scheduler_perf's 270 against 60."""
    term = {"labelSelector": {"matchLabels": {"a": "b"}}, "topologyKey": "kubernetes.io/hostname"}
    affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    more: dict[str, Any] = {"affinity": affinity} if terms else {}
    lab = Lab(
        jobset(pods=20, **more),
        control={"api": {"job": {"qps": 0}, "scheduler": {"qps": 0}}, "scheduler": {"podsPerSecond": rate}},
        pods=[{"match": {}, "run": "1m"}],
        nodes=10,
    )
    times = bind_times(lab)
    assert len(times) == 20
    assert times[-1] - times[0] == pytest.approx(19 / rate * (4.5 if terms else 1), rel=1e-6)
