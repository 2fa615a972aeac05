"""Drawn clusters of pods with priorities, under API faults: what the scheduler and the collector never do."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jobsim.api.batch import Job
from jobsim.api.meta import is_true
from jobsim.api.pod import Pod
from jobsim.testing.scenarios import faults
from tests.runtime.lab import FAST, Lab

CLASSES = {"low": -5, "mid": 0, "high": 100}
FEW = settings(max_examples=max(25, settings.default.max_examples // 4))  # type: ignore[union-attr]
PREEMPTED = re.compile(r"Preempted by pod ([0-9a-f-]+) on node (\S+)")


def priority_class(name: str) -> dict[str, Any]:
    head = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}}
    return {**head, "value": CLASSES[name]}


@st.composite
def pods(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw Pods that come at different times, some more important than others, on nodes of 4 CPUs."""
    made = []
    for number in range(draw(st.integers(1, 10))):
        container = {"name": "c", "image": "i", "resources": {"requests": {"cpu": draw(st.integers(1, 5))}}}
        spec: dict[str, Any] = {"restartPolicy": "Never", "containers": [container]}
        spec["priorityClassName"] = draw(st.sampled_from(sorted(CLASSES)))
        if draw(st.booleans()):
            spec["nodeSelector"] = {"half": draw(st.sampled_from(["a", "b"]))}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"p{number}"}, "spec": spec}
        made.append({"at": draw(st.integers(0, 60)), "object": pod})
    return made


def lab(manifests: list[dict[str, Any]], drawn: list[dict[str, Any]], run: str, **more: Any) -> Lab:
    shape = {"cpu": 4, "memory": "64Gi", "pods": 3}
    return Lab(
        *manifests,
        fleet=[
            {"pool": half, "shape": shape, "nodes": 2, "labels": {"half": half}, "rackLabels": ["rack"]}
            for half in ("a", "b")
        ],
        pods=[{"match": {}, "start": "1s", "run": run, "stop": "2s", "exit": more.pop("exits", 0)}],
        control=FAST,
        faults=drawn,
        **more,
    )


@FEW
@given(manifests=pods(), drawn=faults(), run=st.sampled_from(["30s", "forever"]))
def test_the_scheduler(manifests: list[dict[str, Any]], drawn: list[dict[str, Any]], run: str) -> None:
    """K-SCH-04, K-SCH-10, K-SCH-30: no node too full, nothing that fits waits at rest, no one unduly evicted.

    The first two are laws, which every run of this laboratory asks.
    """
    done = lab([*map(priority_class, CLASSES), *manifests], drawn, run, until="30m")
    rank = {}
    for row in done.rows:
        if row.get("kind") == "Pod" and row.get("type") == "ADDED":
            rank[row["name"]] = rank[row["metadata"]["uid"]] = row["spec"].get("priority", 0)
    for row in done.rows:
        if row.get("reason") == "Preempted":
            match = PREEMPTED.match(row["message"])
            assert match is not None
            assert rank[row["about"]["name"]] < rank[match[1]], row
    small = [pod for pod in done.store.list(Pod) if not pod.spec.node_name and not pod.terminating]
    if run == "30s":
        # All end, so room comes for every pod that fits a node at all.
        assert {pod.spec.containers[0].resources.requests["cpu"] for pod in small} <= {5, "5"}


@FEW
@given(
    drawn=faults(),
    propagation=st.sampled_from(["Foreground", "Background", "Orphan"]),
    at=st.integers(0, 40),
    again=st.booleans(),
)
def test_the_collector(drawn: list[dict[str, Any]], propagation: str, at: int, again: bool) -> None:
    """K-JOB-120..125: nothing outlives its owner but what was orphaned; nothing goes whose owner stays."""
    jobs = [_jobset("gone"), _jobset("kept")]
    actions: list[dict[str, Any]] = [{"at": at, "delete": "jobset/gone", "propagation": propagation}]
    if again:
        actions.append({"at": at + 5, "delete": "job/gone-w-0", "propagation": "Background"})
    done = lab(jobs, drawn, "60s", actions=actions, until="30m")
    left = [obj for obj in done.store if obj.metadata.namespace and obj.kind != "Event"]
    uids = {obj.metadata.uid for obj in left}
    for obj in left:
        owner = obj.controller()
        assert owner is None or owner.uid in uids, f"{obj.kind} {obj.name} has no owner"
    deleted = [
        row["name"]
        for row in done.rows
        if row.get("type") == "DELETED" and row.get("kind") == "Job" and "kept" in row["name"]
    ]
    assert not deleted
    assert done.js("kept").status.terminal_state == "Completed"


def _jobset(name: str) -> dict[str, Any]:
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}
    job = {"parallelism": 1, "completions": 1, "template": {"spec": pod}}
    spec = {"replicatedJobs": [{"name": "w", "replicas": 2, "template": {"spec": job}}]}
    head = {"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet", "metadata": {"name": name}}
    return {**head, "spec": spec}


@st.composite
def jobs(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a Job: Indexed or not, with limits of all kinds."""
    parallelism = draw(st.integers(1, 4))
    spec: dict[str, Any] = {"parallelism": parallelism, "backoffLimit": draw(st.integers(0, 6))}
    if draw(st.booleans()):
        spec |= {"completionMode": "Indexed", "completions": draw(st.integers(1, 6))}
        if draw(st.booleans()):
            spec |= {"backoffLimitPerIndex": draw(st.integers(0, 1)), "maxFailedIndexes": 1}
    elif draw(st.booleans()):
        spec["completions"] = draw(st.integers(1, 6))
    if draw(st.booleans()):
        spec["podReplacementPolicy"] = "Failed"
    container = {"name": "c", "image": "i", "resources": {"requests": {"cpu": 1}}}
    spec["template"] = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job"}, "spec": spec}


def is_honest(fault: dict[str, Any]) -> bool:
    """Tell whether no answer to a write that was made gets lost: then no pod is made twice."""
    return not fault.get("applied")


@FEW
@given(manifest=jobs(), drawn=faults(), exits=st.sampled_from([0, {0: 0.7, 1: 0.3}]), seed=st.integers(0, 9))
def test_the_job_controller(
    manifest: dict[str, Any], drawn: list[dict[str, Any]], exits: Any, seed: int
) -> None:
    """K-JOB-30, K-JOB-42, K-JOB-43, K-JOB-100: each pod is counted once, no index succeeds twice.

    That counts only grow and completedIndexes are canonical are laws, which every run asks.
    """
    done = lab([manifest], drawn, "10s", exits=exits, seed=seed, until="3h")
    job = done.store.get(Job, "default", "job")
    assert job is not None
    assert job.status.completion_time or is_true(job.status.conditions, "Failed")
    ended: dict[str, str] = {}
    active: dict[str, None] = {}
    most, won = 0, []
    for row in done.rows:
        if row.get("kind") != "Pod":
            continue
        name = row["name"]
        if row["type"] == "ADDED":
            active[name] = None
        phase = row.get("status", {}).get("phase")
        if phase in ("Succeeded", "Failed") and name not in ended:
            ended[name] = phase
            if phase == "Succeeded":
                won.append(name.rsplit("-", 1)[0])
        if row["type"] == "DELETED" or name in ended or "deletionTimestamp" in row.get("metadata", {}):
            active.pop(name, None)
        most = max(most, len(active))
    if not all(map(is_honest, drawn)):
        return
    assert most <= manifest["spec"]["parallelism"]
    if manifest["spec"].get("completionMode") == "Indexed":
        assert len(set(won)) == len(won)
    status = job.status
    assert status.succeeded + status.failed == len(ended)
