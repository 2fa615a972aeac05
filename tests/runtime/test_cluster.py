"""The whole ring in small: a failure and a restart lap by lap, actions, refusals, how runs end."""

from __future__ import annotations

from typing import ClassVar

import pytest

from jobsim.api.batch import Job
from jobsim.api.core import Node, Service
from jobsim.api.meta import is_true
from jobsim.api.pod import Pod
from tests.runtime.lab import Lab, jobset

HOUR = 3600.0


@pytest.fixture(scope="module")
def lab() -> Lab:
    return Lab(
        jobset(jobs=2, pods=2, failurePolicy={"maxRestarts": 1}),
        pods=[{"match": {}, "start": "1s", "run": "10m", "stop": "3s"}],
        failures=[{"at": "100s", "pod": "train-w-1-0", "exitCode": 7}],
    )


class TestTheWalk:
    """ARCHITECTURE, "The walk": each lap at its time, with delays of upstream (K-TIM-41, C-FAI-21)."""

    def test_it_ends_well(self, lab: Lab) -> None:
        assert lab.js().status.terminal_state == "Completed"
        assert lab.js().status.restarts == 1
        assert lab.stop.reason == "finished"
        assert lab.recorder.counts.summary() == {"created": 8, "succeeded": 4, "failed": 1, "deleted": 4}

    def test_laps(self, lab: Lab) -> None:
        failed = lab.when("Pod", status={"phase": "Failed"})
        assert failed[0] == 100.0
        target = lab.events("BackoffLimitExceeded")
        # Pod event, 1 s window, kill; 3 s to stop, 1 s window: Failed at 100 + 1 + 3 + 1.
        assert target == [(105.0, "Job has reached the specified backoff limit")]
        assert lab.when("JobSet", status={"restarts": 1}) == [105.0]
        assert lab.events("RestartJobSetFailurePolicyAction") == [
            (105.0, "applying RestartJobSet failure policy action (first failed job: train-w-1)")
        ]
        recreated = [r["time"] / 1e9 for r in lab.rows if r.get("kind") == "Job" and r.get("type") == "ADDED"]
        # The failed Job has no pod left and frees its name at once; the other one's pods stop first.
        assert recreated == [0.0, 0.0, 105.0, 108.0]

    def test_old_objects_are_gone(self, lab: Lab) -> None:
        attempts = {j.metadata.labels["jobset.sigs.k8s.io/restart-attempt"] for j in lab.store.list(Job)}
        assert attempts == {"1"}
        assert len(lab.pods()) == 4
        assert lab.store.get(Service, "default", "train") is not None


def test_the_order_of_writes_is_the_same_every_time() -> None:
    def digest() -> str:
        lab = Lab(
            jobset(jobs=3), pods=[{"match": {}, "start": {"uniform": ["1s", "9s"]}, "run": "60s"}], seed=5
        )
        return lab.recorder.digest

    assert digest() == digest()


def test_a_refused_manifest_is_named_and_the_rest_runs() -> None:
    bad = jobset("bad")
    bad["spec"]["replicatedJobs"][0]["name"] = "UPPER"
    lab = Lab(bad, jobset("good"))
    assert len(lab.refused) == 1
    assert 'JobSet.jobset.x-k8s.io "bad" is invalid' in lab.refused[0][1].message
    assert lab.js("good").status.terminal_state == "Completed"


class TestHowARunEnds:
    def test_with_time_to_spare(self) -> None:
        lab = Lab(jobset(), until="1h", pods=[{"match": {}, "run": "60s"}])
        assert lab.stop.reason == "finished"
        assert lab.stop.at < 120 * 10**9

    def test_at_until_while_something_runs(self) -> None:
        lab = Lab(jobset(), until="30s", pods=[{"match": {}, "run": "60s"}])
        assert (lab.stop.reason, lab.stop.at) == ("until", 30 * 10**9)

    def test_at_until_while_pods_run_for_ever(self) -> None:
        lab = Lab(jobset(), until="5h", pods=[{"match": {}, "run": "forever"}])
        assert (lab.stop.reason, lab.stop.at) == ("until", 5 * 3600 * 10**9)

    def test_stalled_when_only_retries_are_left(self) -> None:
        lab = Lab(jobset(container={"resources": {"limits": {"nvidia.com/gpu": 99}}}))
        assert lab.stop.reason == "stalled"
        assert lab.stop.at < 2 * 3600 * 10**9
        messages = {message for _, message in lab.events("FailedScheduling")}
        assert any(m.startswith("0/4 nodes are available: 4 Insufficient nvidia.com/gpu.") for m in messages)

    def test_a_distant_action_is_waited_for(self) -> None:
        lab = Lab(
            jobset(suspend=True),
            pods=[{"match": {}, "run": "60s"}],
            actions=[{"at": "20h", "patch": "jobset/train", "merge": {"spec": {"suspend": False}}}],
        )
        assert lab.stop.reason == "finished"
        assert 20 * HOUR < lab.stop.at / 1e9 < 20.1 * HOUR


class TestActions:
    def test_suspend_and_resume(self) -> None:
        lab = Lab(
            jobset(),
            pods=[{"match": {}, "run": "60s"}],
            actions=[
                {"at": "10s", "patch": "jobset/train", "merge": {"spec": {"suspend": True}}},
                {
                    "at": "50s",
                    "patch": "jobset/train",
                    "json": [{"op": "replace", "path": "/spec/suspend", "value": False}],
                },
            ],
        )
        assert lab.js().status.terminal_state == "Completed"
        assert [c.reason for c in lab.js().status.conditions if c.type == "Suspended"] == ["ResumeJobs"]
        assert lab.recorder.counts.summary()["created"] == 4

    def test_when_a_condition_holds(self) -> None:
        lab = Lab(
            jobset(),
            pods=[{"match": {}, "run": "60s"}],
            actions=[
                {
                    "when": {"jobset": "train", "condition": "Completed"},
                    "after": "10s",
                    "delete": "jobset/train",
                }
            ],
        )
        done = lab.when("JobSet", status={"terminalState": "Completed"})[0]
        gone = [r["time"] / 1e9 for r in lab.rows if r.get("kind") == "JobSet" and r.get("type") == "DELETED"]
        assert gone == [done + 10]
        assert list(lab.store.list(Job)) == lab.pods() == []

    def test_delete_one_pod_and_a_pod_is_lost(self) -> None:
        """K-JOB-44: with the default policy a deleted pod is a failed one."""
        lab = Lab(
            jobset(failurePolicy={"maxRestarts": 1}),
            pods=[{"match": {}, "run": "60s"}],
            actions=[{"at": "30s", "drain": "n-0"}],
            nodes=1,
            fleet=[{"pool": "n", "shape": {"cpu": 8, "memory": "64Gi", "pods": 20}, "nodes": 2}],
        )
        assert lab.js().status.restarts == 1
        assert lab.store.get(Node, "", "n-0").spec.unschedulable  # type: ignore[union-attr]
        assert {p.spec.node_name for p in lab.pods()} == {"n-1"}

    def test_cordon_uncordon_and_taint(self) -> None:
        taint = {"key": "maintenance", "effect": "NoSchedule"}
        lab = Lab(
            jobset(),
            nodes=2,
            pods=[{"match": {}, "run": "60s"}],
            actions=[
                {"at": 0, "cordon": "n-0"},
                {"at": 0, "taint": {"node": "n-1", "taints": [taint]}},
                {"at": "10m", "uncordon": "n-0"},
            ],
        )
        first = [p.spec.node_name for p in lab.pods()]
        assert set(first) <= {"n-0", "n-1"}
        taints = lab.store.get(Node, "", "n-1").spec.taints  # type: ignore[union-attr]
        assert [(t.key, t.effect) for t in taints] == [("maintenance", "NoSchedule")]
        assert not lab.store.get(Node, "", "n-0").spec.unschedulable  # type: ignore[union-attr]

    def test_what_cannot_be_done_is_a_warning(self) -> None:
        lab = Lab(
            jobset(),
            actions=[
                {"at": 0, "delete": "node/n-3"},
                {"at": 1, "delete": "pod/nobody"},
                {"at": 1, "drain": "n-3"},
                {"at": 1, "patch": "jobset/train", "merge": {"spec": {"managedBy": "example.com/me"}}},
                {"at": 1, "patch": "jobset/train", "json": [{"op": "remove", "path": "/spec/nothing"}]},
                {"at": 1, "patch": "jobset/other", "json": []},
                {"at": 1, "taint": {"node": "n-3", "taints": [{"key": "a", "effect": "NoSchedule"}]}},
            ],
        )
        assert len(lab.warnings) == 6
        assert 'pods "nobody" not found' in lab.warnings[0]
        assert "field is immutable" in lab.warnings[2]


class TestFailures:
    def test_a_failure_that_hits_nothing_is_a_warning(self) -> None:
        lab = Lab(
            jobset(),
            pods=[{"match": {}, "start": "10s", "run": "60s"}],
            failures=[
                {"at": "5s", "pod": "train-w-0-0"},
                {"at": "5s", "pod": "train-w-9-9"},
                {"at": "5s", "node": "n-3"},
            ],
            actions=[{"at": "1s", "delete": "node/n-3"}],
        )
        assert [w.rpartition(": ")[2] for w in lab.warnings] == [
            "its container does not run then",
            "there is no such pod then",
            "there is no such node then",
        ]
        assert lab.js().status.terminal_state == "Completed"

    def test_a_silent_node_is_the_terminating_trap(self) -> None:
        """K-POD-47..50, C-BUG-14: Unknown after the grace period, evicted 300 s later, stuck for ever."""
        lab = Lab(
            jobset(
                pods=4,
                failurePolicy={"maxRestarts": 1},
                container={"resources": {"limits": {"nvidia.com/gpu": 8}}},
            ),
            nodes=6,
            pods=[{"match": {}, "run": "1h"}],
            failures=[{"at": "103s", "node": "n-0", "effect": "crash"}],
            until="10h",
        )
        unknown = lab.when("Node", name="n-0")
        assert 40 < unknown[1] - 103 <= 60.5
        stuck = [p for p in lab.pods() if p.spec.node_name == "n-0"]
        assert [p.terminating for p in stuck] == [True]
        assert 340 < (stuck[0].metadata.deletion_timestamp or 0) / 1e9 - 103 - 30 < 365
        assert is_true(stuck[0].status.conditions, "DisruptionTarget")
        assert lab.js().status.restarts == 0
        assert (lab.stop.reason, lab.stop.at) == ("until", 36000 * 10**9)

    def test_a_node_that_comes_back_ends_the_trap(self) -> None:
        lab = Lab(
            jobset(
                pods=4,
                failurePolicy={"maxRestarts": 1},
                container={"resources": {"limits": {"nvidia.com/gpu": 8}}},
            ),
            nodes=4,
            pods=[{"match": {}, "run": "30m"}],
            failures=[{"at": "100s", "node": "n-1", "effect": "crash", "repair": "20m"}],
        )
        assert (lab.js().status.terminal_state, lab.js().status.restarts) == ("Completed", 1)
        assert lab.when("JobSet", status={"restarts": 1})[0] >= 1300

    def test_a_short_blackout_is_seen_by_nobody_but_the_pods(self) -> None:
        """K-POD-54: with Never the pods of a rebooted node fail, without DisruptionTarget."""
        lab = Lab(
            jobset(pods=2, failurePolicy={"maxRestarts": 1}),
            nodes=1,
            pods=[{"match": {}, "run": "30m"}],
            failures=[{"at": "100s", "node": "n-0", "effect": "crash", "repair": "10s"}],
        )
        assert lab.js().status.restarts == 1
        assert lab.when("JobSet", status={"restarts": 1})[0] < 120

    def test_a_lost_node_frees_its_pods(self) -> None:
        """K-POD-52, C-ENV-07: PodGC marks them Failed 40 to 80 s later; the JobSet hears of it by its Job."""
        lab = Lab(
            jobset(pods=2, failurePolicy={"maxRestarts": 1}),
            nodes=2,
            pods=[{"match": {}, "run": "30m"}],
            failures=[{"at": "100s", "node": "n-0", "effect": "lose", "repair": "1h"}],
        )
        failed = lab.when("Pod", status={"phase": "Failed"})
        assert 140 <= failed[0] <= 180
        assert lab.js().status.terminal_state == "Completed"
        assert lab.store.get(Node, "", "n-0") is not None


class TestTraining:
    WORK: ClassVar[dict[str, object]] = {
        "match": {"jobset": "train"},
        "step": "2s",
        "steps": 300,
        "init": "10s",
    }
    SAVING: ClassVar[dict[str, object]] = {"every": "100s", "write": "5s", "load": "20s"}

    def run(self, *failures: dict[str, object], **checkpoint: object) -> Lab:
        saving = {**self.SAVING, **checkpoint}
        work = {**self.WORK, "checkpoint": saving}
        return Lab(
            jobset(failurePolicy={"maxRestarts": 9}),
            pods=[{"match": {}, "start": "1s", "run": "workload", "stop": "1s"}],
            workloads=[work],
            failures=list(failures),
        )

    def ledger(self, lab: Lab) -> dict[str, float]:
        record = next(iter(lab.recorder.jobsets.values()))
        total = record.ledger.total(lab.stop.at)
        assert sum(total.values()) == record.ledger.elapsed(lab.stop.at)
        return {account: ns / 1e9 for account, ns in total.items() if ns}

    def test_without_failures(self) -> None:
        lab = self.run()
        ledger = self.ledger(lab)
        # 300 steps of 2 s, a write after each 50 but not after the last.
        assert (ledger["useful"], ledger["checkpoint"]) == (600.0, 25.0)
        assert "rework" not in ledger
        assert lab.js().status.terminal_state == "Completed"
        assert {p.status.phase for p in lab.pods()} == {"Succeeded"}

    def test_a_failure_costs_the_work_since_the_last_checkpoint(self) -> None:
        # 1 s start, 10 s init: stepping from 11; write at 111..116; at 200.5 s 42 steps and a half are lost.
        lab = self.run({"at": 200.5, "pod": "train-w-0-1"})
        ledger = self.ledger(lab)
        assert ledger["useful"] == 600.0
        assert ledger["rework"] == pytest.approx(84.5)
        assert lab.js().status.restarts == 1

    def test_an_asynchronous_checkpoint_counts_only_when_it_is_stored(self) -> None:
        early = self.ledger(self.run({"at": 130, "pod": "train-w-0-1"}, mode="async", persist="30s"))
        late = self.ledger(self.run({"at": 150, "pod": "train-w-0-1"}, mode="async", persist="30s"))
        assert early["rework"] == pytest.approx(114.0)
        assert late["rework"] == pytest.approx(34.0)
        assert early["useful"] == late["useful"] == 600.0


def test_a_gang_of_pods_that_start_in_no_time_becomes_whole() -> None:
    lab = Lab(
        jobset(pods=3),
        pods=[{"match": {}, "start": 0, "run": "workload", "stop": 0}],
        workloads=[{"match": {"jobset": "train"}, "step": "1s", "steps": 10}],
    )
    assert lab.js().status.terminal_state == "Completed"
    assert lab.when("JobSet", status={"terminalState": "Completed"}) == [11.0]


def test_strict_treats_missing_things_as_missing() -> None:
    lab = Lab(jobset(priorityClassName="high"), strict=True)
    assert not lab.pods()
    assert any("no PriorityClass with name high was found" in m for _, m in lab.events("FailedCreate"))
    lenient = Lab(jobset(priorityClassName="high"))
    assert lenient.js().status.terminal_state == "Completed"
    assert lenient.cluster.admission.assumed == ['PriorityClass "high"']


def test_latency_and_lag_move_time_but_not_the_outcome() -> None:
    """C-ENV-06."""
    slow = {"watchLag": "20ms", "api": {"latency": "5ms", "job": {"qps": 0}, "scheduler": {"qps": 0}}}
    failing = {
        "pods": [{"match": {}, "run": "60s"}],
        "failures": [{"at": "30s", "pod": "train-w-0-0"}],
    }
    plain = Lab(jobset(jobs=3, failurePolicy={"maxRestarts": 1}), **failing)
    lagging = Lab(jobset(jobs=3, failurePolicy={"maxRestarts": 1}), control=slow, **failing)
    assert plain.js().status.terminal_state == lagging.js().status.terminal_state == "Completed"
    assert plain.recorder.counts.summary() == lagging.recorder.counts.summary()
    assert lagging.stop.at > plain.stop.at


def test_a_scheduler_that_takes_its_time() -> None:
    lab = Lab(jobset(pods=10), control={"api": {"job": {"qps": 0}}, "scheduler": {"podsPerSecond": 2}})
    bound = [
        r["time"] / 1e9 for r in lab.rows if r.get("kind") == "Pod" and r.get("spec", {}).get("nodeName")
    ]
    assert bound[:10] == [n / 2 for n in range(10)]


def test_pods_with_required_affinity_take_the_scheduler_longer() -> None:
    """K-TIM-31: 4.5 cycles for the leader of an exclusively placed Job."""
    exclusive = {"alpha.jobset.sigs.k8s.io/exclusive-topology": "topology.jobsim/rack"}
    shape = {"cpu": 8, "memory": "64Gi", "pods": 20}
    lab = Lab(
        jobset(jobs=3, pods=1, annotations=exclusive),
        fleet=[{"pool": "n", "shape": shape, "racks": 3, "nodesPerRack": 1}],
        control={"api": {"job": {"qps": 0}}, "scheduler": {"podsPerSecond": 2}},
    )
    bound = [
        r["time"] / 1e9 for r in lab.rows if r.get("kind") == "Pod" and r.get("spec", {}).get("nodeName")
    ]
    assert bound[:3] == [0, 2.25, 4.5]


def test_a_pod_pulls_an_image_once_a_node() -> None:
    lab = Lab(jobset(pods=2), nodes=1, pods=[{"match": {}, "pull": "30s", "start": "1s", "run": "10s"}])
    running = lab.when("Pod", status={"phase": "Running"})
    assert running == [31.0, 31.0]
    assert len([p for p in lab.pods() if isinstance(p, Pod)]) == 2
