"""Runs that end because what is left will never happen say what that is."""

from __future__ import annotations

import re
from typing import Any

import pytest

from jobsim.api.timing import DRAIN_RETRY_NS
from tests.runtime.lab import Lab, jobset

FOREVER = [{"match": {}, "run": "forever"}]
OF_TRAIN = {"matchLabels": {"jobset.sigs.k8s.io/jobset-name": "train"}}


def budget(name: str = "keep", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name},
        "spec": {"selector": OF_TRAIN, **spec},
    }


class TestABudgetThatBlocksADrain:
    """K-POD-45: an eviction that a PodDisruptionBudget refuses is asked for again every 5 s."""

    def test_for_ever(self) -> None:
        lab = Lab(
            jobset(pods=2),
            budget(minAvailable=2),
            nodes=1,
            pods=FOREVER,
            actions=[{"at": "30s", "drain": "n-0"}],
        )
        assert lab.stop.reason == "stalled"
        # Refused evictions that nothing could have turned are not sent.
        assert lab.stop.at < 3600 * 10**9
        assert lab.cluster.engine.fired < 500
        found = {(s.what, s.name, s.since) for s in lab.stop.stalls}
        assert found == {("drain", "n-0", 30 * 10**9)}
        name = lab.pods()[0].name
        assert lab.stop.stalls[0].message == (
            f"cannot evict pod default/{name}: Cannot evict pod as it would violate the pod's disruption "
            "budget. The disruption budget keep needs 2 healthy pods and has 2 currently"
        )

    def test_until_the_budget_goes(self) -> None:
        lab = Lab(
            jobset(pods=2, failurePolicy={"maxRestarts": 3}),
            budget(minAvailable=2),
            nodes=2,
            pods=[{"match": {}, "run": "1h", "start": 0}],
            actions=[
                {"at": "30s", "drain": "n-0"},
                {"at": "62s", "delete": "pdb/keep"},
            ],
        )
        assert lab.stop.reason == "finished"
        assert lab.stop.stalls == ()
        evicted = lab.when("Pod", metadata={"deletionGracePeriodSeconds": 30})
        # The first tick of 30 + 5 k after the budget is gone.
        assert min(evicted) == 65.0
        assert DRAIN_RETRY_NS == 5 * 10**9
        assert lab.js().status.terminal_state == "Completed"

    def test_one_pod_after_the_other(self) -> None:
        lab = Lab(
            {
                **jobset(pods=2, failurePolicy={"maxRestarts": 0}),
            },
            budget(minAvailable=1),
            nodes=1,
            pods=[{"match": {}, "run": "forever", "start": 0}],
            actions=[{"at": "30s", "drain": "n-0"}],
        )
        evicted = lab.when("Pod", metadata={"deletionGracePeriodSeconds": 30})
        assert min(evicted) == 30.0
        # The other goes with its Job, so nothing is left to evict.
        assert lab.js().status.terminal_state == "Failed"
        assert (lab.stop.reason, lab.stop.stalls) == ("finished", ())

    def test_a_repaired_node_is_drained_no_more(self) -> None:
        lab = Lab(
            jobset(pods=2),
            budget(minAvailable=2),
            nodes=1,
            pods=FOREVER,
            failures=[{"at": "30s", "node": "n-0", "effect": "drain", "repair": "1m"}],
        )
        assert (lab.stop.reason, lab.stop.stalls) == ("finished", ())

    def test_two_budgets_are_an_error_that_no_retry_cures(self) -> None:
        lab = Lab(
            jobset(pods=1),
            budget("a", minAvailable=0),
            budget("b", minAvailable=0),
            pods=FOREVER,
            nodes=1,
            actions=[{"at": "30s", "drain": "n-0"}],
        )
        assert lab.stop.stalls == ()
        assert any("more than one PodDisruptionBudget" in warning for warning in lab.warnings)


def test_pods_of_a_dead_node() -> None:
    """K-POD-50: terminating for ever."""
    lab = Lab(
        jobset(pods=2, nodeSelector={"kubernetes.io/hostname": "n-0"}),
        pods=FOREVER,
        failures=[{"at": "100s", "node": "n-0", "effect": "crash"}],
    )
    (stall,) = lab.stop.stalls
    assert (lab.stop.reason, stall.what, stall.name) == ("stalled", "terminating", "n-0")
    assert "and 1 more cannot end without the node's kubelet" in stall.message


def test_pods_that_no_node_takes() -> None:
    lab = Lab(jobset(container={"resources": {"limits": {"nvidia.com/gpu": 99}}}))
    (stall,) = lab.stop.stalls
    assert (lab.stop.reason, stall.what) == ("stalled", "pending")
    assert stall.name.startswith("default/train-w-0-")
    assert stall.name.endswith(" and 1 more")
    assert stall.message.startswith("0/4 nodes are available: 4 Insufficient nvidia.com/gpu.")


def test_a_controller_that_only_fails() -> None:
    """The JobSet controller cannot have the Service that another one owns (C-BUG-12)."""
    taken = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "train-w-0"},
        "spec": {
            "template": {
                "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]},
            }
        },
    }
    lab = Lab(taken, jobset(), pods=FOREVER)
    (stall,) = [s for s in lab.stop.stalls if s.what == "controller"]
    assert stall.name == "jobset"
    assert stall.message.endswith('jobs.batch "train-w-0" already exists')


def test_matches_and_moments_that_meet_nothing_are_warnings() -> None:
    lab = Lab(
        jobset(pods=2),
        pods=[
            {"match": {"jobset": "trian"}, "run": "1s"},
            {"match": {"jobset": "train", "index": "5-9"}, "run": "1s"},
            {"match": {"jobset": "train", "attempt": 3}, "run": "1s"},
            {"match": {"jobset": "train"}, "run": "1s"},
        ],
        actions=[{"when": {"jobset": "trian", "condition": "Completed"}, "delete": "jobset/train"}],
    )
    assert lab.warnings == [
        "pods[0]: its match met no pod that got a node",
        "pods[1]: its match met no pod that got a node",
        "an action waited in vain for Completed of jobset default/trian",
    ]


def test_workloads_that_meet_no_gang_are_warnings() -> None:
    work = {"step": "1s", "steps": 10}
    lab = Lab(
        jobset(pods=2),
        pods=[{"match": {"jobset": "train"}, "run": "workload"}],
        workloads=[
            {"match": {"jobset": "trian"}, **work},
            {"match": {"jobset": "train", "replicatedJobs": ["w", "v"]}, **work},
            {"match": {"jobset": "later"}, **work},
        ],
    )
    assert lab.warnings == [
        "workloads[0]: there was no jobset default/trian",
        "workloads[1]: jobset default/train has no replicatedJob v; it has w",
        "workloads[2]: there was no jobset default/later",
    ]


@pytest.mark.parametrize("replicated_jobs", [["v"], None], ids=["another replicated Job", "another JobSet"])
def test_pods_that_work_in_no_gang_are_a_warning(replicated_jobs: list[str] | None) -> None:
    match = {"jobset": "train", "replicatedJobs": replicated_jobs} if replicated_jobs else {"jobset": "trian"}
    lab = Lab(
        jobset(pods=2),
        pods=[{"match": {"jobset": "train"}, "run": "workload"}],
        workloads=[{"match": match, "step": "1s", "steps": 10}],
    )
    told = lab.warnings[-1]
    assert re.fullmatch(
        r"run: workload of pod default/train-w-0-0-\w{5} and 1 more: no workload matches, "
        "so it runs until it is stopped",
        told,
    )
