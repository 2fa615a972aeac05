"""Objects as their manifests would be, for the tests of what is printed about them."""

from __future__ import annotations

from typing import Any

from jobsim.api.codec import from_dict
from jobsim.api.meta import Object
from jobsim.units import rfc3339, seconds

NOW = seconds(3600)


def at(second: float) -> str:
    return rfc3339(seconds(second))


def made(kind: str, name: str, **parts: Any) -> Object:
    """Return an object of a kind as its manifest would be, created half an hour before NOW."""
    versions = {
        "JobSet": "jobset.x-k8s.io/v1alpha2",
        "Job": "batch/v1",
        "PriorityClass": "scheduling.k8s.io/v1",
        "PodDisruptionBudget": "policy/v1",
    }
    meta = {"name": name, "namespace": "default", "creationTimestamp": at(1800), **parts.pop("metadata", {})}
    return from_dict({"apiVersion": versions.get(kind, "v1"), "kind": kind, "metadata": meta, **parts})


def status_of(
    name: str, *, restarts: int = 0, last: dict[str, Any] | None = None, **state: Any
) -> dict[str, Any]:
    """Return a container status with one state (running, waiting or terminated)."""
    ready = state.pop("ready", "running" in state)
    started = state.pop("started", None)
    status = {"name": name, "ready": ready, "restartCount": restarts, "state": state, "started": started}
    return {**status, "lastState": {"terminated": last} if last else {}}


RUNNING: dict[str, Any] = {"running": {"startedAt": at(1801)}}
DELETED = {"deletionTimestamp": at(3590)}


def end(second: int) -> dict[str, Any]:
    return {"exitCode": 1, "finishedAt": at(second)}
