"""Whole runs in small: what the agents do, what scripts do, what comes out."""

from __future__ import annotations

import pytest

from jobsim.e2e.runner import run_e2e
from tests.e2e.runs import Json, document, ends, happened, job, jobset, node, reasons, run, step

READY = {"ready": {"w": 2}}


def test_a_run_from_creation_to_its_end() -> None:
    truth = run(jobset(), behaviour=[ends(3)])
    found = truth["jobsets"]["a"]
    assert (found["exists"], found["terminalState"]) == (True, "Completed")
    assert [c["type"] for c in found["conditions"]] == ["Completed"]
    assert found["restarts"] == [{"t": 0.0, "restarts": 0, "restartsCountTowardsMax": 0}]
    assert job(truth, "a-w-0#0")["status"] == {
        "ready": 0,
        "terminating": 0,
        "succeeded": 1,
        "completedIndexes": "0",
    }
    assert truth["pods"] == {
        "created": 2,
        "deleted": 0,
        "atEndByPhase": {"Succeeded": 2},
        "unscheduledAtEnd": 0,
    }
    assert [row["note"] for row in truth["events"]["Job/a-w-0#0"]] == [
        "Created pod: a-w-0-0-*",
        "Job completed",
    ]
    assert truth["creationOrder"] == [{"restartAttempt": "0", "replicatedJob": "w"}]


def test_a_run_is_the_same_every_time() -> None:
    """Names of pods are random words, and none of them comes out."""
    one, other = (run(jobset(pods=3), behaviour=[ends(2, 1, jobIndex=1), ends(4)]) for _ in range(2))
    assert one == other


def test_its_own_truth_passes_and_another_does_not() -> None:
    told = run(jobset(), behaviour=[ends(3)])
    same = run_e2e(document(jobset(), behaviour=[ends(3)], truth=told))
    assert same.expected == same.got
    other = run_e2e(document(jobset(), behaviour=[ends(3, 1)], truth=told))
    assert other.expected != other.got


def test_the_first_rule_that_matches_decides() -> None:
    truth = run(
        jobset(jobs=1, pods=2, job={"backoffLimit": 3}),
        behaviour=[ends(1, 1, index=0, podAttempt=0), ends(2, index=[0, 7]), ends(30, index=1), ends(1, 1)],
    )
    (found,) = truth["jobs"]
    assert (found["status"]["succeeded"], found["status"]["failed"]) == (2, 1)
    assert (found["podsCreated"], found["podsDeleted"]) == (3, 0)
    assert truth["duration"] > 30


def test_a_rule_without_an_end_keeps_pods_running() -> None:
    truth = run(jobset(), behaviour=[{"match": {"jobIndex": 0}, "never": True}, ends(1)], until={"at": 60})
    assert truth["pods"]["atEndByPhase"] == {"Running": 1, "Succeeded": 1}


def test_of_several_containers_the_named_one_fails() -> None:
    two = {"containers": [{"name": "x", "image": "i"}, {"name": "y", "image": "i"}]}
    rules = {"onExitCodes": {"containerName": "y", "operator": "In", "values": [3]}, "action": "FailJob"}
    truth = run(
        jobset(jobs=1, pod=two, job={"podFailurePolicy": {"rules": [rules]}}),
        behaviour=[{**ends(1, 3), "container": "y"}],
    )
    (condition,) = [c for c in job(truth, "a-w-0#0")["conditions"] if c["type"] == "Failed"]
    assert condition["reason"] == "PodFailurePolicy"
    assert condition["message"].startswith("Container y for pod default/a-w-0-0-* failed with exit code 3")


def test_containers_that_restart_leave_the_pod_running() -> None:
    """restartCount goes up twice; with a back-off limit of 2 the Job fails at the second."""
    truth = run(
        jobset(jobs=1, job={"backoffLimit": 2}, pod={"restartPolicy": "OnFailure"}),
        behaviour=[{"match": {}, "containerRestart": True, "after": 2, "times": 2}],
    )
    assert truth["jobsets"]["a"]["terminalState"] == "Failed"
    assert next(t for t, _ in happened(truth, "job-condition")) > 4


@pytest.mark.parametrize(
    ("policy", "gone"),
    [("Background", 2), ("Foreground", 2), ("Orphan", 0)],
)
def test_deleting_a_jobset(policy: str, gone: int) -> None:
    """C-TTL-10, K-JOB-121, K-JOB-122; the Job controller lets pods go before they are deleted (K-JOB-123)."""
    truth = run(
        jobset(),
        script=[step({"deleteJobSet": "a", "policy": policy}, **READY, plus=1)],
        until={"gone": True, "jobset": "a"},
    )
    assert truth["jobsets"]["a"]["exists"] is False
    assert len(happened(truth, "job-deleted")) == gone
    assert all(j["status"] == {"active": 1, "ready": 1, "terminating": 0} for j in truth["jobs"])
    assert truth["pods"]["deleted"] == gone


def test_a_pod_that_is_deleted_fails_and_its_job_with_it() -> None:
    truth = run(
        jobset(pods=2, failurePolicy={"maxRestarts": 1}),
        behaviour=[ends(3, restartAttempt=1)],
        script=[step({"deletePods": {"jobIndex": 0, "index": 1}}, **READY, plus=1)],
    )
    assert job(truth, "a-w-0#0")["status"]["failed"] == 2
    assert job(truth, "a-w-1#0")["conditions"] == []
    assert job(truth, "a-w-1#1")["restartAttempt"] == "1"
    assert [row["restarts"] for row in truth["jobsets"]["a"]["restarts"]] == [0, 1]


def test_a_pod_that_goes_while_it_runs_leaves_room() -> None:
    """Without a grace period a pod of no finalizers goes as it is: it is never seen to end (K-JOB-124)."""
    truth = run(
        jobset(jobs=1, cpu=6, pod={"terminationGracePeriodSeconds": 0}),
        jobset("b", jobs=1, cpu=6),
        nodes=[node("n0")],
        behaviour=[ends(3, jobset="b")],
        script=[step({"deleteJobSet": "a", "policy": "Foreground"}, event="FailedScheduling", plus=1)],
        until={"jobset": "b", "condition": "Completed"},
    )
    assert truth["jobsets"]["b"]["terminalState"] == "Completed"
    assert truth["duration"] < 15


def test_a_node_that_comes_later() -> None:
    truth = run(
        jobset(jobs=3, cpu=6),
        behaviour=[ends(5)],
        script=[step({"createNode": node("n9")}, event="FailedScheduling", plus=3)],
    )
    assert truth["jobsets"]["a"]["terminalState"] == "Completed"
    assert 8 < truth["duration"] < 13
    assert reasons(truth, "Pod/a-w-2-0-*") == ["FailedScheduling"]


@pytest.mark.parametrize("do", ["taintNodeOf", "deleteNodeOf"])
def test_a_node_that_lets_its_pods_go(do: str) -> None:
    truth = run(
        jobset(cpu=5, failurePolicy={"maxRestarts": 1}),
        nodes=[node("n0"), node("n1"), node("n2")],
        behaviour=[ends(3, restartAttempt=1)],
        script=[
            step({do: {"jobIndex": 1}, "taint": {"key": "k", "effect": "NoExecute"}}, **READY, plus=1),
        ],
    )
    assert truth["jobsets"]["a"]["terminalState"] == "Completed"
    assert job(truth, "a-w-1#0")["status"]["failed"] == 1
    # A tainted node's pods go at once, a deleted node's after the garbage collector's quarantine.
    assert (truth["duration"] > 40) == (do == "deleteNodeOf")


def test_what_the_api_refuses_is_told_with_code_and_message() -> None:
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "b"},
        "spec": {"minAvailable": 2, "selector": {"matchLabels": {"jobset.sigs.k8s.io/jobset-name": "a"}}},
    }
    unknown: Json = {**jobset("x"), "spec": {"bad": 1}}
    truth = run(
        budget,
        unknown,
        jobset(),
        behaviour=[ends(9)],
        script=[
            step({"evictPods": {"jobIndex": 0}}, **READY, plus=1),
            step({"create": jobset()}, after=1),
            step({"deleteJob": "nowhere"}, after=1),
            step({"deleteNode": "n7"}, after=0),
            step(
                {"patch": {"name": "a", "patch": {"spec": {"successPolicy": {"operator": "Any"}}}}}, after=0
            ),
        ],
    )
    assert [(row["code"], row["message"].partition(":")[0]) for row in truth["results"]] == [
        (400, 'JobSet in version "v1alpha2" cannot be handled as a JobSet'),
        (429, "Cannot evict pod as it would violate the pod's disruption budget."),
        (409, 'jobsets.jobset.x-k8s.io "a" already exists'),
        (404, 'jobs.batch "nowhere" not found'),
        (404, 'nodes "n7" not found'),
        (422, 'JobSet.jobset.x-k8s.io "a" is invalid'),
    ]


def test_suspension_and_the_moments_of_a_script() -> None:
    truth = run(
        jobset(suspend=True),
        script=[
            step({"suspend": False}, condition="Suspended", plus=3),
            step({"finishPods": {"jobIndex": 0}, "exit": 0}, pods={"jobset": "a"}, count=2, phase="Running"),
            step({"note": "one is done"}, succeeded={"w": 1}),
            step({"finishPods": {}, "exit": 0}, stable=5),
            step({"create": jobset("late", jobs=1)}, jobCondition="Complete", job="a-w-1"),
            step({"finishPods": {"jobset": "late"}, "exit": 1}, ready={"w": 1}, jobset="late"),
        ],
    )
    times = {name: t for t, name in happened(truth, "jobset-created")}
    assert times == {"a": 0.0, "late": pytest.approx(10.1, abs=0.2)}
    assert [truth["jobsets"][name]["terminalState"] for name in ("a", "late")] == ["Completed", "Failed"]


def test_placement_by_topology_key() -> None:
    nodes = [node(f"n{i}", rack=f"r{i % 2}") for i in range(4)]
    exclusive = jobset(pods=3)
    exclusive["metadata"]["annotations"] = {"alpha.jobset.sigs.k8s.io/exclusive-topology": "rack"}
    truth = run(exclusive, nodes=nodes, topologyKey="rack", until=READY)
    assert truth["placement"] == {
        "domainsPerJob": {"a-w-0": 1, "a-w-1": 1},
        "distinctDomains": 2,
        "jobsPlaced": 2,
    }
    assert "FailedCreate" in reasons(truth, "Job/a-w-0#0")


def test_a_moment_that_never_comes_ends_the_run() -> None:
    truth = run(jobset(), until={"condition": "Failed"})
    assert truth["unfinished"] == "{'condition': 'Failed'} did not come"
