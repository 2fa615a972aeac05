"""What the benchmarks run: gangs of pods that request CPU, on plain nodes."""

from __future__ import annotations

from typing import Any

from jobsim.api.jobset import EXCLUSIVE_TOPOLOGY

RACK = "topology.jobsim/rack"
SHAPE = {"cpu": 32, "memory": "256Gi", "pods": 110}


def template(cpu: int) -> dict[str, Any]:
    """Return a pod template of one container."""
    resources = {"requests": {"cpu": str(cpu)}}
    container = {"name": "main", "image": "example.com/trainer:1", "resources": resources}
    return {"spec": {"restartPolicy": "Never", "containers": [container]}}


def gang(jobs: int, pods: int, *, cpu: int = 1, exclusive: bool = False) -> dict[str, Any]:
    """Return a JobSet of ``jobs`` Jobs of ``pods`` pods that may restart once; exclusive: a rack a Job."""
    job = {"parallelism": pods, "completions": pods, "backoffLimit": 0, "template": template(cpu)}
    meta = {"name": "gang", "annotations": {EXCLUSIVE_TOPOLOGY: RACK} if exclusive else {}}
    spec = {
        "failurePolicy": {"maxRestarts": 1},
        "replicatedJobs": [{"name": "w", "replicas": jobs, "template": {"spec": job}}],
    }
    return {"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet", "metadata": meta, "spec": spec}


def fleet(racks: int, nodes_per_rack: int) -> list[dict[str, Any]]:
    """Return nodes of 32 CPUs."""
    return [{"pool": "n", "shape": SHAPE, "racks": racks, "nodesPerRack": nodes_per_rack}]
