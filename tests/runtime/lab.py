"""A small laboratory: a scenario in Python, run to its end, with everything at hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jobsim.api.jobset import JobSet
from jobsim.api.pod import Pod
from jobsim.results.log import Row
from jobsim.results.recorder import Recorder
from jobsim.runtime.cluster import Cluster, Stop
from jobsim.scenario.build import build
from jobsim.scenario.load import Scenario

FAST = {"api": {"job": {"qps": 0}, "scheduler": {"qps": 0}}}


def jobset(name: str = "train", *, jobs: int = 1, pods: int = 2, **spec: Any) -> dict[str, Any]:
    """Return a JobSet of one replicated Job ``w``; keyword arguments go to the pod's spec."""
    top = {
        key: spec.pop(key) for key in ("failurePolicy", "suspend", "ttlSecondsAfterFinished") if key in spec
    }
    annotations = spec.pop("annotations", {})
    container = {"name": "main", "image": "img", **spec.pop("container", {})}
    job = {"parallelism": pods, "completions": pods, "backoffLimit": 0, **spec.pop("job", {})}
    pod = {"restartPolicy": "Never", "containers": [container], **spec}
    return {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {
            **top,
            "replicatedJobs": [
                {"name": "w", "replicas": jobs, "template": {"spec": {**job, "template": {"spec": pod}}}}
            ],
        },
    }


class Lab:
    """A finished run and its parts."""

    def __init__(
        self,
        *manifests: dict[str, Any],
        nodes: int = 4,
        strict: bool = False,
        check_invariants: bool = True,
        meanwhile: Callable[[Cluster], object] | None = None,
        **sections: Any,
    ) -> None:
        shape = {"cpu": 8, "memory": "64Gi", "pods": 20, "accelerators": {"nvidia.com/gpu": 8}}
        sections.setdefault("fleet", [{"pool": "n", "shape": shape, "nodes": nodes}])
        sections.setdefault("control", FAST)
        scenario = Scenario(manifests=list(manifests), **sections)
        setup, _ = build(scenario, strict=strict, check_invariants=check_invariants)
        self.recorder = Recorder()
        self.cluster = Cluster(setup, self.recorder)
        self.refused = self.cluster.start()
        if meanwhile is not None:
            meanwhile(self.cluster)
        self.stop: Stop = self.cluster.run()
        self.store = self.cluster.store
        self.rows: list[Row] = list(self.recorder.log.rows())

    @property
    def warnings(self) -> list[str]:
        return self.recorder.warnings

    def js(self, name: str = "train") -> JobSet:
        found = self.store.get(JobSet, "default", name)
        assert found is not None
        return found

    def pods(self) -> list[Pod]:
        return list(self.store.list(Pod))

    def when(self, kind: str, **part: Any) -> list[float]:
        """Return the times (s) of the rows of a kind of object that hold a part, by wire names."""
        return [
            row["time"] / 1e9
            for row in self.rows
            if row.get("kind") == kind and all(_holds(row.get(key), value) for key, value in part.items())
        ]

    def events(self, reason: str) -> list[tuple[float, str]]:
        """Return time (s) and message of the events of a reason."""
        return [
            (row["time"] / 1e9, row["message"])
            for row in self.rows
            if row.get("note") == "event" and row["reason"] == reason
        ]


def _holds(have: Any, want: Any) -> bool:
    if isinstance(want, dict):
        return isinstance(have, dict) and all(_holds(have.get(key), value) for key, value in want.items())
    return bool(have == want)
