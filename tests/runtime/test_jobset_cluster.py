"""What the JobSet controller relies on: Jobs and pods that behave as Kubernetes' do (C-ENV-*)."""

from __future__ import annotations

import pytest

from jobsim.api.batch import Job
from jobsim.api.meta import condition
from jobsim.runtime.setup import CLIENT_LIMITS
from tests.runtime.lab import FAST, Lab, jobset


def test_losing_a_pod_restarts_nothing() -> None:
    """C-BUG-15, C-FAI-22, C-ENV-02: only a failed Job does; the pod is replaced under another name."""
    lab = Lab(
        jobset(failurePolicy={"maxRestarts": 3}, job={"backoffLimit": 6}),
        pods=[{"match": {}, "run": "60s", "stop": "1s"}],
        actions=[{"at": "30s", "delete": "pod/train-w-0-1"}],
    )
    assert (lab.js().status.terminal_state, lab.js().status.restarts) == ("Completed", 0)
    assert lab.recorder.counts.summary()["created"] == 3
    names = {row["name"] for row in lab.rows if row.get("kind") == "Pod" and row.get("type") == "ADDED"}
    assert len(names) == 3
    assert {name.rsplit("-", 1)[0] for name in names} == {"train-w-0-0", "train-w-0-1"}


def test_pods_restart_in_place_unless_told_otherwise() -> None:
    """C-ENV-03, C-DEF-03: OnFailure by default, and restarts of containers use the back-off limit up."""
    failing = jobset(pods=1, job={"backoffLimit": 2})
    [rjob] = failing["spec"]["replicatedJobs"]
    del rjob["template"]["spec"]["template"]["spec"]["restartPolicy"]
    lab = Lab(failing, pods=[{"match": {}, "run": "5s", "exit": 3}])
    assert lab.js().status.terminal_state == "Failed"
    assert lab.recorder.counts.summary()["created"] == 1
    never = Lab(jobset(pods=1, job={"backoffLimit": 2}), pods=[{"match": {}, "run": "5s", "exit": 3}])
    assert never.recorder.counts.summary()["created"] == 3


def test_a_suspended_job_loses_its_pods_and_its_start() -> None:
    """C-SUS-11, C-ENV-02: pods go, Suspended is True, the start time is another one after the resume."""
    suspend = [
        {"at": at, "patch": "jobset/train", "merge": {"spec": {"suspend": value}}}
        for at, value in (("10s", True), ("50s", False))
    ]
    lab = Lab(jobset(), pods=[{"match": {}, "run": "60s", "stop": "2s"}], actions=suspend)
    [job] = lab.store.list(Job)
    assert job.status.start_time is not None
    assert 50 <= job.status.start_time / 1e9 < 53
    resumed = condition(job.status.conditions, "Suspended")
    assert resumed is not None
    assert (resumed.status, resumed.reason) == ("False", "JobResumed")
    assert lab.events("Suspended")[0][0] < lab.events("Resumed")[0][0]


def test_followers_wait_for_their_leader() -> None:
    """C-EXC-17, C-QUE-06: creates are refused and tried again; followers come after leaders are bound."""
    shape = {"cpu": 8, "memory": "64Gi", "pods": 20}
    lab = Lab(
        jobset(
            jobs=2,
            pods=3,
            annotations={"alpha.jobset.sigs.k8s.io/exclusive-topology": "topology.jobsim/rack"},
        ),
        fleet=[{"pool": "n", "shape": shape, "racks": 2, "nodesPerRack": 2}],
        pods=[{"match": {}, "run": "60s"}],
    )
    assert lab.js().status.terminal_state == "Completed"
    refused = lab.events("FailedCreate")
    assert refused
    assert "follower pod node selector not set" in refused[0][1]
    bound = {
        row["name"]: row["time"]
        for row in lab.rows
        if row.get("kind") == "Pod" and row.get("spec", {}).get("nodeName") and "name" in row
    }
    leaders = [time for name, time in bound.items() if name.rsplit("-", 2)[-2] == "0"]
    followers = [time for name, time in bound.items() if name.rsplit("-", 2)[-2] != "0"]
    assert (len(leaders), len(followers)) == (2, 4)
    assert max(leaders) < min(followers)


def test_limits_of_the_controller() -> None:
    """C-KEY-05: 500 requests a second, 500 at once."""
    assert (CLIENT_LIMITS["jobset"].qps, CLIENT_LIMITS["jobset"].burst) == (500, 500)


@pytest.mark.parametrize(("lag", "refused", "at_s"), [("0s", 2, 1), ("5s", 5, 11)])
def test_webhooks_see_what_jobsets_cache_sees(lag: str, refused: int, at_s: int) -> None:
    """C-EXC-13: a leader that is bound, but not in the cache yet, keeps its followers waiting."""
    lab = Lab(
        jobset(pods=3, annotations={"alpha.jobset.sigs.k8s.io/exclusive-topology": "topology.jobsim/rack"}),
        control={**FAST, "watchLag": {"jobset": {"Pod": lag}}},
        pods=[{"match": {}, "run": "1m"}],
    )
    assert lab.cluster.writes.refused == {"create pods": refused}
    created = [row["time"] / 1e9 for row in lab.rows if row.get("kind") == "Pod" and row["type"] == "ADDED"]
    assert created == [0, at_s, at_s]
    assert lab.js().status.terminal_state == "Completed"
