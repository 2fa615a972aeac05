"""JobSets that restart in place, as upstream's two examples have them."""

from __future__ import annotations

from typing import Any

from tests.runtime.lab import Lab

KEY = "jobset.sigs.k8s.io/in-place-restart-attempt"
ENV = [
    {
        "name": "JOBSET_NAME",
        "valueFrom": {"fieldRef": {"fieldPath": "metadata.annotations['jobset.sigs.k8s.io/jobset-name']"}},
    },
    {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
]


def rules(action: str) -> dict[str, Any]:
    return {
        "restartPolicyRules": [{"action": action, "exitCodes": {"operator": "NotIn", "values": [0]}}],
    }


def in_place_jobset(
    mode: str = "sidecar", *, jobs: int = 2, pods: int = 2, max_restarts: int = 3, **more: Any
) -> dict[str, Any]:
    """Return a JobSet ``train`` of one replicated Job ``w``.

    ``job``, ``failurePolicy`` and ``annotations`` are merged in.
    """
    agent = {"name": "in-place-restart-agent", "image": "agent", "env": ENV}
    if mode == "sidecar":
        probe = {"httpGet": {"path": "/barrier-is-down", "port": 8081}, "failureThreshold": 600}
        agent |= {"restartPolicy": "Always", **rules("RestartAllContainers")}
        agent["startupProbe"] = {**probe, "periodSeconds": 1}
        worker = {"name": "worker", "image": "w", "restartPolicy": "Never", **rules("RestartAllContainers")}
        pod = {"initContainers": [agent], "containers": [worker]}
    else:
        command = {"name": "WORKER_COMMAND", "value": "python train.py"}
        agent |= {"restartPolicy": "Never", **rules("Restart"), "env": [*ENV, command]}
        pod = {"containers": [agent]}
    spec = {
        "completions": pods,
        "parallelism": pods,
        "backoffLimit": 2147483647,
        "podReplacementPolicy": "Failed",
        **more.get("job", {}),
        "template": {"spec": {"restartPolicy": "Never", **pod}},
    }
    policy = {"maxRestarts": max_restarts, "restartStrategy": "InPlaceRestart"}
    return {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": {"name": "train", "annotations": more.get("annotations", {})},
        "spec": {
            "failurePolicy": {**policy, **more.get("failurePolicy", {})},
            "replicatedJobs": [{"name": "w", "replicas": jobs, "template": {"spec": spec}}],
        },
    }


def run(manifest: dict[str, Any], **sections: Any) -> Lab:
    """Return a finished run: workers run 20 min, the gate is on."""
    sections.setdefault("pods", [{"match": {"jobset": "train"}, "run": "20m"}])
    sections.setdefault("jobset", {"gates": {"InPlaceRestart": True}})
    return Lab(manifest, **sections)


def attempts(lab: Lab) -> list[tuple[float, str]]:
    """Return when each pod announced which attempt, in order."""
    return [
        (row["time"] / 1e9, row["metadata"]["annotations"][KEY])
        for row in lab.rows
        if row.get("kind") == "Pod" and KEY in row.get("metadata", {}).get("annotations", {})
    ]


def moves(lab: Lab) -> list[tuple[float, str, int]]:
    """Return when the JobSet's attempts moved: time (s), which, to what."""
    found = []
    for row in lab.rows:
        if row.get("kind") == "JobSet":
            for which in ("previous", "current"):
                value = row.get("status", {}).get(f"{which}InPlaceRestartAttempt")
                if value is not None:
                    found.append((row["time"] / 1e9, which, value))
    return found
