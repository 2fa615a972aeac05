"""Every way in which pods are disrupted, from a Scenario to the cluster's answer (K-POD-40..54)."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api.batch import Job
from jobsim.api.core import Node
from jobsim.api.meta import condition, is_true
from jobsim.api.pod import Pod
from tests.runtime.lab import Lab, jobset

FOREVER = [{"match": {}, "run": "forever", "start": 0, "stop": "2s"}]
ON_N0 = {"nodeSelector": {"kubernetes.io/hostname": "n-0"}}
TOLERANT = {"maxRestarts": 5}


def written(lab: Lab, **part: Any) -> list[dict[str, Any]]:
    """Return the statuses that pods were given, those that hold a part."""
    rows = [row["status"] for row in lab.rows if row.get("kind") == "Pod" and row.get("status")]
    return [row for row in rows if all(row.get(key) == value for key, value in part.items())]


def disrupted(lab: Lab) -> set[tuple[str, str]]:
    """Return reason and message of every DisruptionTarget condition that was written."""
    return {
        (c["reason"], c["message"])
        for status in written(lab)
        for c in status.get("conditions", ())
        if c["type"] == "DisruptionTarget" and c["status"] == "True"
    }


def test_evicted_by_the_api() -> None:
    """K-POD-45: condition and delete; the pod's own grace period (K-POD-40)."""
    lab = Lab(
        jobset(pods=2, failurePolicy=TOLERANT),
        pods=FOREVER,
        actions=[{"at": "30s", "evict": "pod/train-w-0-1"}],
        until="10m",
    )
    assert disrupted(lab) == {("EvictionByEvictionAPI", "Eviction API: evicting")}
    assert lab.when("Pod", metadata={"deletionGracePeriodSeconds": 30})[0] == 30.0
    assert lab.js().status.restarts == 1


def test_evicted_with_a_grace_period_of_its_own() -> None:
    lab = Lab(
        jobset(pods=2),
        pods=FOREVER,
        actions=[{"at": "30s", "evict": "pod/train-w-0-1", "gracePeriodSeconds": 5}],
        until="10m",
    )
    assert lab.when("Pod", metadata={"deletionGracePeriodSeconds": 5}) != []


def test_deleted_by_name_without_the_suffix() -> None:
    """K-JOB-44, K-POD-45: a plain delete adds no condition."""
    lab = Lab(
        jobset(pods=2, failurePolicy=TOLERANT),
        pods=FOREVER,
        actions=[
            {"at": "30s", "delete": "pod/train-w-0-1"},
            {"at": "40s", "patch": "pod/train-w-0-0", "merge": {"metadata": {"labels": {"a": "b"}}}},
            {"at": "41s", "patch": "pod/train-w-0-7", "merge": {"metadata": {"labels": {"a": "b"}}}},
        ],
        until="10m",
    )
    assert disrupted(lab) == set()
    assert lab.js().status.restarts == 1
    assert [pod.metadata.labels.get("a") for pod in lab.pods()] == ["b", None]
    assert [w for w in lab.warnings if "train-w-0-7" in w] == lab.warnings


@pytest.mark.parametrize(
    ("effect", "type_", "reason", "resource"),
    [
        ("memory-pressure", "MemoryPressure", "KubeletHasInsufficientMemory", "memory"),
        ("disk-pressure", "DiskPressure", "KubeletHasDiskPressure", "ephemeral-storage"),
        ("pid-pressure", "PIDPressure", "KubeletHasInsufficientPID", "pids"),
    ],
)
def test_a_node_under_pressure_evicts_one_pod(effect: str, type_: str, reason: str, resource: str) -> None:
    """K-POD-45: Failed with reason Evicted, no deletionTimestamp; the taint keeps pods away."""
    lab = Lab(
        jobset(pods=2, **ON_N0),
        pods=FOREVER,
        failures=[{"at": "100s", "node": "n-0", "effect": effect}],
        until="20m",
    )
    text = f"The node was low on resource: {resource}. "
    (failed,) = written(lab, reason="Evicted")
    assert (failed["phase"], failed["message"]) == ("Failed", text)
    assert disrupted(lab) == {("TerminationByKubelet", text)}
    assert [(time, message) for time, message in lab.events("Evicted")] == [(100.0, text)]
    pressed = [
        (row["time"] / 1e9, c["status"], c["reason"])
        for row in lab.rows
        if row.get("kind") == "Node" and row.get("name") == "n-0"
        for c in (row.get("status") or {}).get("conditions", ())
        if c["type"] == type_
    ]
    assert (100.0, "True", reason) in pressed
    # The pressure is over five minutes after the pod made room, and with it the taint.
    assert pressed[-1][:2] == (400.0, "False")
    node = lab.store.get(Node, "", "n-0")
    assert node is not None
    assert node.spec.taints == ()


def test_the_node_evicts_lower_priority_first() -> None:
    dear = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "high"}}
    lab = Lab(
        {**dear, "value": 10},
        jobset("keep", pods=1, priorityClassName="high", **ON_N0),
        jobset("spare", pods=1, **ON_N0),
        pods=FOREVER,
        failures=[{"at": "100s", "node": "n-0", "effect": "memory-pressure"}],
        until="10m",
    )
    assert lab.js("spare").status.terminal_state == "Failed"
    assert lab.js("keep").status.terminal_state == ""


def test_a_graceful_shutdown() -> None:
    """K-POD-45: pods end Terminated before the node goes dark, so nothing is stuck."""
    lab = Lab(
        jobset(pods=2, failurePolicy=TOLERANT, **ON_N0),
        pods=FOREVER,
        failures=[{"at": "100s", "node": "n-0", "effect": "shutdown", "repair": "10m"}],
        until="30m",
    )
    stopped = written(lab, reason="Terminated")
    assert stopped
    assert {status["phase"] for status in stopped} == {"Failed"}
    assert {reason for reason, _ in disrupted(lab)} == {"TerminationByKubelet"}
    assert lab.js().status.restarts == 1
    ready = [
        (row["time"] / 1e9, c["status"])
        for row in lab.rows
        if row.get("kind") == "Node" and row.get("name") == "n-0"
        for c in (row.get("status") or {}).get("conditions", ())
        if c["type"] == "Ready"
    ]
    assert (100.0, "False") in ready
    assert ready[-1][1] == "True"
    assert {pod.status.phase for pod in lab.pods()} == {"Running"}


class TestTheTerminatingTrap:
    """K-POD-50: each of the four ways out of it ends it."""

    CRASH = ({"at": "100s", "node": "n-0", "effect": "crash"},)

    def stuck(self, *actions: dict[str, Any], **more: Any) -> Lab:
        return Lab(
            jobset(pods=1, failurePolicy=TOLERANT, nodeSelector={"role": "big"}),
            fleet=[
                {"pool": "n", "shape": {"cpu": 8, "memory": "64Gi"}, "nodes": 1, "labels": {"role": "big"}},
                {"pool": "s", "shape": {"cpu": 8, "memory": "64Gi"}, "nodes": 3, "labels": {"role": "big"}},
            ],
            pods=FOREVER,
            failures=[*self.CRASH, *more.pop("failures", ())],
            actions=[{"at": 0, "cordon": f"s-{i}"} for i in range(3)]
            + [{"at": "50s", "uncordon": f"s-{i}"} for i in range(3)]
            + list(actions),
            until="1h",
            **more,
        )

    def test_without_help(self) -> None:
        """K-POD-55: nothing of the cluster's own ends it, for Kueue's recovery is not simulated."""
        lab = self.stuck()
        assert [pod.terminating for pod in lab.pods()] == [True]
        assert lab.js().status.restarts == 0

    @pytest.mark.parametrize(
        "action",
        [
            {"delete": "pod/train-w-0-0", "gracePeriodSeconds": 0},
            {"delete": "node/n-0"},
            {
                "taint": {
                    "node": "n-0",
                    "taints": [{"key": "node.kubernetes.io/out-of-service", "effect": "NoExecute"}],
                }
            },
        ],
        ids=["force", "node deleted", "out of service"],
    )
    def test_ways_out(self, action: dict[str, Any]) -> None:
        """K-POD-51, K-POD-52, K-JOB-124."""
        lab = self.stuck({"at": "20m", **action})
        assert lab.js().status.restarts == 1
        (pod,) = lab.pods()
        assert (pod.status.phase, pod.spec.node_name[0]) == ("Running", "s")

    def test_the_pod_garbage_collector_says_so(self) -> None:
        """K-POD-52: 40 to 80 s after the Node is gone."""
        lab = self.stuck({"at": "20m", "delete": "node/n-0"})
        assert ("DeletionByPodGC", "PodGC: node no longer exists") in disrupted(lab)
        gone = [r["time"] / 1e9 for r in lab.rows if r.get("kind") == "Pod" and r.get("type") == "DELETED"]
        assert 1240 <= gone[0] <= 1280

    def test_the_node_returns(self) -> None:
        lab = self.stuck(failures=[])
        back = Lab(
            jobset(pods=1, failurePolicy=TOLERANT, nodeSelector={"kubernetes.io/hostname": "n-0"}),
            pods=FOREVER,
            failures=[{"at": "100s", "node": "n-0", "effect": "crash", "repair": "20m"}],
            until="1h",
        )
        assert lab.js().status.restarts == 0
        assert back.js().status.restarts == 1
        assert [pod.status.phase for pod in back.pods()] == ["Running"]

    def test_a_replacement_waits_for_it(self) -> None:
        """K-JOB-76: podReplacementPolicy Failed waits for a pod that never ends."""
        lab = Lab(
            jobset(pods=1, job={"podReplacementPolicy": "Failed", "backoffLimit": 5}, **ON_N0),
            pods=FOREVER,
            failures=list(self.CRASH),
            until="2h",
        )
        (job,) = lab.store.list(Job)
        assert (job.status.active, job.status.terminating, job.status.failed) == (0, 1, 0)
        assert len(lab.pods()) == 1


class TestOutOfMemory:
    def test_a_container_is_killed_and_restarted(self) -> None:
        """K-POD-20, K-POD-21: OnFailure restarts in place after 0, 10, 20 s; the Job sees only restarts."""
        lab = Lab(
            jobset(pods=1, restartPolicy="OnFailure", job={"backoffLimit": 100}),
            pods=[
                {"match": {}, "start": 0, "run": "5s", "exit": {137: 1.0}},
            ],
            until="2m",
        )
        (pod,) = lab.pods()
        assert pod.status.phase == "Running"
        assert pod.status.container_statuses[0].restart_count >= 3
        backoffs = lab.events("BackOff")
        assert backoffs
        # Runs end at 5; at once again, 10; then 10 s, 20 s, 40 s of waiting.
        assert [time for time, _ in backoffs][:3] == [10.0, 25.0, 50.0]

    def test_the_reason_is_told(self) -> None:
        lab = Lab(
            jobset(pods=1),
            pods=FOREVER,
            failures=[{"at": "30s", "pod": "train-w-0-0", "exitCode": 137, "reason": "OOMKilled"}],
        )
        (pod,) = lab.pods()
        (status,) = pod.status.container_statuses
        assert status.state.terminated is not None
        assert (status.state.terminated.reason, status.state.terminated.exit_code) == ("OOMKilled", 137)
        assert pod.status.phase == "Failed"


class TestPodsThatComeWithTheirNode:
    """K-POD-07: the kubelet looks at what no scheduler has looked at."""

    def pod(self, node: str, **spec: Any) -> dict[str, Any]:
        resources = {"requests": {"cpu": spec.pop("cpu", "1")}}
        container = {"name": "c", "image": "i", "resources": resources}
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "static"},
            "spec": {"nodeName": node, "restartPolicy": "Never", "containers": [container], **spec},
        }

    @pytest.mark.parametrize(
        ("spec", "reason", "message"),
        [
            ({"cpu": "9"}, "OutOfcpu", "cpu, requested: 9000, used: 0, capacity: 8000"),
            ({"nodeSelector": {"a": "b"}}, "NodeAffinity", "Predicate NodeAffinity failed"),
        ],
    )
    def test_refused(self, spec: dict[str, Any], reason: str, message: str) -> None:
        lab = Lab(self.pod("n-0", **spec), pods=FOREVER)
        (pod,) = lab.pods()
        assert (pod.status.phase, pod.status.reason) == ("Failed", reason)
        assert pod.status.message.startswith("Pod was rejected: ")
        assert pod.status.message.endswith(message)
        assert not is_true(pod.status.conditions, "DisruptionTarget")

    def test_taken_in(self) -> None:
        lab = Lab(self.pod("n-0", cpu="8"), pods=FOREVER)
        assert [pod.status.phase for pod in lab.pods()] == ["Running"]

    def test_a_node_that_is_not_there(self) -> None:
        """K-POD-52: nobody runs it, and the pod garbage collector takes it away."""
        lab = Lab(self.pod("nowhere"), pods=FOREVER)
        assert lab.pods() == []
        assert disrupted(lab) == {("DeletionByPodGC", "PodGC: node no longer exists")}

    def test_a_node_that_comes_later(self) -> None:
        node = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": "late"},
            "status": {"capacity": {"cpu": "4"}, "allocatable": {"cpu": "4", "pods": "10"}},
        }
        lab = Lab(self.pod("late"), node, pods=FOREVER)
        assert [pod.status.phase for pod in lab.pods()] == ["Running"]


def test_unready_pods_of_a_silent_node() -> None:
    """K-POD-48: Ready goes five minutes before any eviction; the Job's ready count falls with it."""
    lab = Lab(
        jobset(pods=1, **ON_N0),
        pods=FOREVER,
        failures=[{"at": "100s", "node": "n-0", "effect": "crash"}],
        until="3m",
    )
    (pod,) = lab.pods()
    ready = condition(pod.status.conditions, "Ready")
    assert ready is not None
    assert ready.status == "False"
    assert not pod.terminating
    (job,) = lab.store.list(Job)
    assert (job.status.active, job.status.ready) == (1, 0)
    assert isinstance(pod, Pod)
