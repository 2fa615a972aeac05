"""Large single things through the whole ring: ``python -m benchmarks.scale``; CPU time, one process each.

12,500 pods bind on 5,000 nodes, with and without exclusive placement (one rack a Job); one Job of
10,000 pods that all run at once, from its start to its completion.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from time import process_time
from typing import Any

from benchmarks import ring
from benchmarks.baseline import bare_timeout_us
from benchmarks.manifests import fleet, gang, template
from benchmarks.table import table
from jobsim.results.recorder import Recorder
from jobsim.runtime.cluster import Cluster
from jobsim.scenario.build import build
from jobsim.scenario.load import Scenario

RACKS, NODES_PER_RACK = 100, 50
JOBS, PODS = 100, 125
BIG = 10_000
#: What must hold: s, MB.
LIMITS = {"bind": (10, None), "bind exclusive": (20, None), "job": (15, 400)}


def bind(*, exclusive: bool) -> Scenario:
    """Return a gang of 12,500 pods on 5,000 nodes, one rack a Job if exclusive."""
    return Scenario(
        manifests=[gang(JOBS, PODS, cpu=8, exclusive=exclusive)],
        fleet=fleet(RACKS, NODES_PER_RACK),
        pods=[{"match": {}, "run": "forever"}],
        control=ring.UNLIMITED,
        until="10m",
    )


def big_job() -> Scenario:
    """Return one Indexed Job whose pods all run at once."""
    spec = {
        "parallelism": BIG,
        "completions": BIG,
        "completionMode": "Indexed",
        "backoffLimit": 0,
        "template": template(1),
    }
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "big"}, "spec": spec}
    return Scenario(
        manifests=[job],
        fleet=fleet(32, NODES_PER_RACK),
        pods=[{"match": {}, "run": "10m"}],
        control=ring.UNLIMITED,
    )


def measure(what: str) -> dict[str, Any]:
    """Run one of them in this process and return its figures."""
    lab = big_job() if what == "job" else bind(exclusive=what == "bind exclusive")
    setup, _ = build(lab, strict=False, check_invariants=False)
    bare_us = bare_timeout_us()
    recorder = Recorder()
    cluster = Cluster(setup, recorder)
    began = process_time()
    refused = cluster.start()
    assert not refused, refused
    stop = cluster.run()
    seconds = process_time() - began
    counts = recorder.counts.summary()
    pods = BIG if what == "job" else JOBS * PODS
    if what == "job":
        assert counts["succeeded"] == pods, counts
    else:
        bound = sum(life.bound >= 0 for life in recorder.pods.living.values())
        assert bound == pods, f"{bound} pods bound"
    limit_s, limit_mb = LIMITS[what]
    return {
        "what": what,
        "pods": pods,
        "virtual_s": round(stop.at / 1e9),
        "cpu_s": round(seconds, 2),
        "limit_s": limit_s,
        "us_per_pod": round(seconds / pods * 1e6),
        "ratio": round(seconds / pods * 1e6 / bare_us),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "limit_mb": limit_mb or "-",
    }


def measure_apart(what: str) -> dict[str, Any]:
    """Measure one of them in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.scale", what]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def main() -> int:
    if sys.argv[1:]:
        print(json.dumps(measure(sys.argv[1])))
    else:
        print(table([measure_apart(what) for what in LIMITS]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
