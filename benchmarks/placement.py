"""Exclusive placement at scale, in *virtual* pods a second: ``python -m benchmarks.placement``.

Three published figures of pods scheduled a second, and what the ring makes of the same work:

* 250 Jobs of 15 pods on 5,000 nodes without exclusive placement, and with required affinity and
  anti-affinity on every pod, as JobSet did it at first (jobset#174);
* a full restart of 15,000 pods on 15,000 nodes with leaders and followers (JobSet v0.3.0's README).

The scheduler's speed is scheduler_perf's: 270 ordinary pods a second, 60 with required anti-affinity
(K-TIM-31).  Client limits are lifted: with the default ones none of the figures could be reached.  How
many Jobs the 15,000 pods belonged to is not published, and leaders are what takes time, so there are
several: 64 is the number of hosts of a v5e-256 slice, the shape of the largest published run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from time import process_time
from typing import Any

from benchmarks.baseline import bare_timeout_us
from benchmarks.manifests import RACK, fleet, gang, template
from benchmarks.table import table
from jobsim.results.recorder import Recorder
from jobsim.runtime.cluster import Cluster
from jobsim.scenario.build import build
from jobsim.scenario.load import Scenario
from jobsim.units import SECOND

PODS_PER_SECOND = 270
#: A pod fills a node.
CPU = 32
FAILURE_S = 1_000
CONTROL = {
    "api": {name: {"qps": 0} for name in ("jobset", "job", "scheduler", "garbage-collector")},
    "scheduler": {"podsPerSecond": PODS_PER_SECOND},
}


def affine(jobs: int, pods: int) -> list[dict[str, Any]]:
    """Return Jobs as the first design of exclusive placement made them: terms on every pod."""
    return [_affine_job(f"w-{number}", pods) for number in range(jobs)]


def _affine_job(name: str, pods: int) -> dict[str, Any]:
    def term(*expressions: dict[str, Any]) -> dict[str, Any]:
        terms = [
            {"topologyKey": RACK, "namespaceSelector": {}, "labelSelector": {"matchExpressions": expressions}}
        ]
        return {"requiredDuringSchedulingIgnoredDuringExecution": terms}

    own = {"key": "job-key", "operator": "In", "values": [name]}
    others = ({"key": "job-key", "operator": "Exists"}, {**own, "operator": "NotIn"})
    affinity = {"podAffinity": term(own), "podAntiAffinity": term(*others)}
    pod = {
        "metadata": {"labels": {"job-key": name}},
        "spec": {**template(CPU)["spec"], "affinity": affinity},
    }
    spec = {"parallelism": pods, "completions": pods, "completionMode": "Indexed", "template": pod}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}


def scenario(manifests: Sequence[dict[str, Any]], racks: int, nodes: int, *, fails: bool) -> Scenario:
    """Return the work on nodes that hold one pod each."""
    return Scenario(
        manifests=list(manifests),
        fleet=fleet(racks, nodes),
        pods=[{"match": {}, "run": "forever"}],
        failures=[{"at": FAILURE_S, "pod": "gang-w-0-0", "exitCode": 1}] if fails else [],
        control=CONTROL,
    )


def measure(lab: Scenario, pods: int, *, from_s: float = 0.0) -> dict[str, float]:
    """Return the virtual rate at which pods were scheduled, first creation to last binding, and the cost."""
    setup, _ = build(lab, strict=False, check_invariants=False)
    bare_us = bare_timeout_us()
    recorder = Recorder()
    cluster = Cluster(setup, recorder)
    began = process_time()
    refused = cluster.start()
    assert not refused, refused
    cluster.engine.run((2 * FAILURE_S if from_s else FAILURE_S // 2) * SECOND)
    cost_us = (process_time() - began) * 1e6
    new = [life for life in recorder.pods.living.values() if life.created >= from_s * SECOND]
    assert len(new) == pods, f"{len(new)} pods, not {pods}"
    assert all(life.bound >= 0 for life in new), "not all pods were scheduled"
    span = (max(life.bound for life in new) - min(life.created for life in new)) / SECOND
    return {
        "rate": round(pods / span),
        "refused": cluster.writes.refused.get("create pods", 0),
        "us": round(cost_us / pods),
        "ratio": round(cost_us / pods / bare_us),
    }


def main() -> int:
    rows = []
    for what, published, pods, lab, from_s in _cases():
        print(f"{what} ...", file=sys.stderr)
        found = measure(lab, pods, from_s=from_s)
        off = f"{(found['rate'] / published - 1) * 100:+.1f} %"
        rows.append(
            {
                "what": what,
                "published pods/s": published,
                "ours": found["rate"],
                "off": off,
                "creations refused": found["refused"],
                "us per pod": found["us"],
                "ratio": found["ratio"],
            }
        )
    print(table(rows))
    return 0


def _cases() -> Iterator[tuple[str, int, int, Scenario, float]]:
    """Yield name, published rate, number of pods, the work, and since when pods count."""
    for what, published, manifests in (
        ("no placement", 266, [gang(250, 15, cpu=CPU)]),
        ("terms on every pod", 58, affine(250, 15)),
    ):
        lab = scenario(manifests, 250, 20, fails=False)
        yield f"250 x 15 pods, 5,000 nodes: {what}", published, 250 * 15, lab, 0
    for jobs, pods in ((1_000, 15), (234, 64)):
        lab = scenario([gang(jobs, pods, cpu=CPU, exclusive=True)], jobs, pods, fails=True)
        yield f"restart of {jobs:,} x {pods} pods, leaders and followers", 290, jobs * pods, lab, FAILURE_S


if __name__ == "__main__":
    sys.exit(main())
