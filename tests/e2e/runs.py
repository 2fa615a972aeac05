"""Small runs of our own making, in the form of the recorded ones."""

from __future__ import annotations

from typing import Any

from jobsim.e2e.case import parse
from jobsim.e2e.runner import play

Json = dict[str, Any]


def jobset(name: str = "a", *, jobs: int = 2, pods: int = 1, cpu: int = 1, **spec: Any) -> Json:
    """Return a JobSet of one replicated Job ``w``; ``job`` and ``pod`` go into its templates."""
    container = {"name": "c", "image": "img", "resources": {"requests": {"cpu": str(cpu)}}}
    pod = {"restartPolicy": "Never", "containers": [container], **spec.pop("pod", {})}
    job = {"parallelism": pods, "completions": pods, "backoffLimit": 0, **spec.pop("job", {})}
    replicated = {"name": "w", "replicas": jobs, "template": {"spec": {**job, "template": {"spec": pod}}}}
    return {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": {"name": name},
        "spec": {"replicatedJobs": [replicated], **spec},
    }


def node(name: str, cpu: int = 8, **labels: str) -> Json:
    """Return a Node as somebody writes it down: without conditions."""
    size = {"cpu": str(cpu), "memory": "64Gi", "pods": "110"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **labels}},
        "status": {"allocatable": size, "capacity": size},
    }


def document(*manifests: Json, **parts: Any) -> Json:
    """Return the document of a run; by default pods run until they are deleted."""
    return {
        "id": "own",
        "nodes": [node("n0"), node("n1")],
        "manifests": list(manifests),
        "until": {"terminal": True},
        "settle": 2,
        "truth": {},
        **parts,
    }


def run(*manifests: Json, **parts: Any) -> Json:
    """Play a run and return its truth."""
    return play(parse(document(*manifests, **parts)))


def step(do: Json, **when: Any) -> Json:
    """Return a step of a script."""
    return {"when": when, "do": do}


def ends(after: float, code: int = 0, **match: Any) -> Json:
    """Return a rule: these pods end so long after they began."""
    return {"match": match, "after": after, "exit": code}


def reasons(truth: Json, about: str) -> list[str]:
    """Return the reasons of the events about an object."""
    return [row["reason"] for row in truth["events"].get(about, [])]


def job(truth: Json, key: str) -> Json:
    """Return what is told of one Job object."""
    (found,) = [job for job in truth["jobs"] if job["job"] == key]
    assert isinstance(found, dict)
    return found


def happened(truth: Json, do: str) -> list[tuple[float, str]]:
    """Return when something happened to whom."""
    return [(row["t"], row.get("job") or row["name"]) for row in truth["timeline"] if row["do"] == do]
