"""``control.timing``: each constant that a Scenario changes is obeyed, and nothing else moves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jobsim.errors import InputErrors
from tests.runtime.lab import FAST, Lab, jobset

FOREVER = [{"match": {}, "run": "forever", "start": 0, "stop": "2s"}]
ON_N0 = {"nodeSelector": {"kubernetes.io/hostname": "n-0"}}
CRASH = [{"at": "100s", "node": "n-0", "effect": "crash"}]
TEAM = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}}
BUDGET = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "keep"},
    "spec": {"selector": {}, "minAvailable": 2},
}


def rows(lab: Lab, kind: str, **fields: Any) -> list[float]:
    return lab.when(kind, **fields)


def condition_times(lab: Lab, kind: str, type_: str, status: str) -> list[float]:
    return [
        row["time"] / 1e9
        for row in lab.rows
        if row.get("kind") == kind
        for c in (row.get("status") or {}).get("conditions", ())
        if (c["type"], c["status"]) == (type_, status)
    ]


def lab_of(*manifests: dict[str, Any], timing: dict[str, Any], **sections: Any) -> Lab:
    control = {**FAST, "timing": timing} if timing else FAST
    return Lab(*manifests, control=control, **sections)


def sync_window(timing: dict[str, Any]) -> float:
    """A failure at 100 s is acted on one window later."""
    failures = [{"at": "100s", "pod": "train-w-0-0"}]
    lab = lab_of(jobset(pods=1), timing=timing, pods=FOREVER, failures=failures)
    return condition_times(lab, "Job", "FailureTarget", "True")[0]


def replacement(timing: dict[str, Any]) -> float:
    """A failed pod is replaced after the back-off."""
    failures = [{"at": "100s", "pod": "train-w-0-0"}]
    job = jobset(pods=1, job={"backoffLimit": 9})
    lab = lab_of(job, timing=timing, pods=FOREVER, failures=failures, until="10m")
    return [r["time"] / 1e9 for r in lab.rows if r.get("kind") == "Pod" and r.get("type") == "ADDED"][1]


def third_restart(timing: dict[str, Any]) -> float:
    """A container that ends after 5 s is restarted at once, then with back-off."""
    spec = jobset(pods=1, restartPolicy="OnFailure", job={"backoffLimit": 100})
    lab = lab_of(spec, timing=timing, pods=[{"match": {}, "run": "5s", "start": 0, "exit": 1}], until="5m")
    counts = {}
    for row in lab.rows:
        for status in (row.get("status") or {}).get("containerStatuses", ()):
            counts.setdefault(status.get("restartCount", 0), row["time"] / 1e9)
    return counts[3]


def unknown_node(timing: dict[str, Any]) -> float:
    lab = lab_of(jobset(pods=1), timing=timing, pods=FOREVER, failures=CRASH, until="10m")
    return condition_times(lab, "Node", "Ready", "Unknown")[0]


def evicted(timing: dict[str, Any]) -> float:
    lab = lab_of(jobset(pods=1, **ON_N0), timing=timing, pods=FOREVER, failures=CRASH, until="1h")
    return condition_times(lab, "Pod", "DisruptionTarget", "True")[0]


def second_node(timing: dict[str, Any]) -> float:
    """The second of two silent nodes is tainted after the first one's turn."""
    failures = [*CRASH, {"at": "100s", "node": "n-1", "effect": "crash"}]
    lab = lab_of(jobset(pods=1), timing=timing, nodes=9, pods=FOREVER, failures=failures, until="1h")
    tainted = [
        row["time"] / 1e9
        for row in lab.rows
        if row.get("kind") == "Node"
        and any(t["effect"] == "NoExecute" for t in (row.get("spec") or {}).get("taints") or ())
    ]
    return tainted[1] - tainted[0]


def homeless(timing: dict[str, Any]) -> float:
    actions = [{"at": "100s", "delete": "node/n-0"}]
    lab = lab_of(jobset(pods=1, **ON_N0), timing=timing, pods=FOREVER, actions=actions, until="10m")
    return condition_times(lab, "Pod", "DisruptionTarget", "True")[0]


def drain_retry(timing: dict[str, Any]) -> float:
    actions = [{"at": "30s", "drain": "n-0"}, {"at": "32s", "delete": "pdb/keep"}]
    lab = lab_of(jobset(pods=2), BUDGET, timing=timing, nodes=1, pods=FOREVER, actions=actions, until="1h")
    return rows(lab, "Pod", metadata={"deletionGracePeriodSeconds": 30})[0]


def namespace(timing: dict[str, Any]) -> float:
    actions = [{"at": "30s", "delete": "ns/team"}]
    lab = lab_of(TEAM, timing=timing, actions=actions)
    return next(r["time"] / 1e9 for r in lab.rows if r.get("type") == "DELETED")


def pressure(timing: dict[str, Any]) -> float:
    failures = [{"at": "100s", "node": "n-0", "effect": "disk-pressure"}]
    lab = lab_of(jobset(pods=1), timing=timing, pods=FOREVER, failures=failures, until="1h")
    return condition_times(lab, "Node", "DiskPressure", "False")[-1]


def shutdown(timing: dict[str, Any]) -> float:
    """The pod takes 2 s to stop; the node is dark a grace period after its notice."""
    failures = [{"at": "100s", "node": "n-0", "effect": "shutdown"}]
    lab = lab_of(jobset(pods=1), timing=timing, pods=FOREVER, failures=failures, until="1h")
    return condition_times(lab, "Node", "Ready", "Unknown")[0]


def in_portions(timing: dict[str, Any]) -> float:
    """How many pods the first sync makes."""
    lab = lab_of(jobset(pods=20), timing=timing, pods=FOREVER, until="0.5s")
    return len(lab.pods())


def retry_of_a_pod(timing: dict[str, Any]) -> float:
    """An unschedulable pod is tried again from the pool after its longest stay there."""
    asks = jobset(pods=1, container={"resources": {"limits": {"nvidia.com/gpu": 99}}})
    lab = lab_of(asks, timing=timing, until="20m")
    return lab.events("FailedScheduling")[1][0]


CASES: list[tuple[Callable[[dict[str, Any]], float], float, dict[str, Any], float]] = [
    (sync_window, 101, {"jobSyncWindow": "3s"}, 103),
    (replacement, 110, {"jobBackoffBase": "40s"}, 140),
    (replacement, 110, {"jobBackoffCap": "4s"}, 104),
    (third_restart, 45, {"crashLoopBase": "1s"}, 18),
    (third_restart, 45, {"crashLoopCap": "10s"}, 35),
    (unknown_node, 155, {"nodeMonitorGrace": "20s"}, 125),
    (unknown_node, 155, {"leaseRenew": "40s"}, 135),
    (unknown_node, 155, {"nodeMonitorPeriod": "60s"}, 180),
    (evicted, 460, {"defaultTolerationSeconds": 30}, 190),
    (second_node, 10, {"evictionQps": 0.02}, 50),
    (homeless, 140, {"podGcQuarantine": "100s"}, 200),
    (homeless, 140, {"podGcPeriod": "30s"}, 180),
    (drain_retry, 35, {"drainRetry": "7s"}, 37),
    (namespace, 35, {"namespaceDelay": "1s"}, 31),
    (pressure, 400, {"pressureTransition": "1m"}, 160),
    (shutdown, 185, {"shutdownGrace": "60s"}, 215),
    (in_portions, 20, {"jobWritesPerSync": 7}, 7),
    (retry_of_a_pod, 330, {"unschedulableMax": "1m"}, 90),
]


def name_of(case: object) -> str:
    return next(iter(case)) if isinstance(case, dict) else getattr(case, "__name__", f"{case}")


@pytest.mark.parametrize(("measure", "default", "change", "changed"), CASES, ids=name_of)
def test_a_constant_is_obeyed(
    measure: Callable[[dict[str, Any]], float], default: float, change: dict[str, Any], changed: float
) -> None:
    """K-TIM-01."""
    assert (measure({}), measure(change)) == (default, changed)


@pytest.mark.parametrize(
    ("timing", "text"),
    [
        ({"jobSyncWindw": "1s"}, "control.timing.jobSyncWindw: unknown key (did you mean jobSyncWindow?"),
        ({"jobSyncWindow": 0}, "control.timing.jobSyncWindow: is zero"),
        ({"jobWorkers": 0}, "control.timing.jobWorkers: 0 is"),
        ({"evictionQps": "fast"}, 'control.timing.evictionQps: "fast" is'),
        ({"defaultTolerationSeconds": 1.5}, "control.timing.defaultTolerationSeconds: 1.5 is"),
    ],
)
def test_a_wrong_constant_is_an_input_error(timing: dict[str, Any], text: str) -> None:
    with pytest.raises(InputErrors) as caught:
        lab_of(jobset(), timing=timing)
    assert text in str(caught.value)


def test_the_older_key_means_the_same() -> None:
    """K-POD-47."""
    old = Lab(jobset(), control={**FAST, "nodeMonitorGracePeriod": "20s"}, failures=CRASH, until="10m")
    assert condition_times(old, "Node", "Ready", "Unknown")[0] == 125
