"""Gang start and full restart: the whole ring, from manifests to results.

A JobSet of Jobs is started; a pod fails; everything is deleted and made again (Recreate).  Clients
are not rate limited, so that nothing but the code is measured; a pod life is one creation to its
replacement or end.  Each size runs in a process of its own, for its peak memory.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from time import process_time
from typing import Any

from benchmarks.baseline import bare_timeout_us
from benchmarks.manifests import fleet, gang
from jobsim.results.recorder import Recorder
from jobsim.runtime.cluster import Cluster
from jobsim.scenario.build import build
from jobsim.scenario.load import Scenario

#: Pods: Jobs, pods of a Job, nodes.
SIZES = {100: (10, 10, 20), 1_000: (100, 10, 200), 12_500: (100, 125, 2_000), 50_000: (400, 125, 8_000)}
UNLIMITED = {"api": {"jobset": {"qps": 0}, "job": {"qps": 0}, "scheduler": {"qps": 0}}}
FAILURE_S = 600


def scenario(jobs: int, pods: int, nodes: int) -> Scenario:
    """Return a gang on machines of its own; one pod fails after ten minutes."""
    racks = max(1, nodes // 20)
    return Scenario(
        manifests=[gang(jobs, pods)],
        fleet=fleet(racks, nodes // racks),
        pods=[{"match": {"jobset": "gang"}, "run": "2h"}],
        failures=[{"at": FAILURE_S, "pod": "gang-w-0-0", "exitCode": 1}],
        control=UNLIMITED,
    )


def measure(size: int) -> dict[str, Any]:
    """Run one size in this process and return its figures."""
    setup, _ = build(scenario(*SIZES[size]), strict=False, check_invariants=False)
    bare_us = bare_timeout_us()
    cluster = Cluster(setup, Recorder())
    began = process_time()
    refused = cluster.start()
    assert not refused, refused
    cluster.engine.run(FAILURE_S * 10**9 - 1)
    started = process_time()
    cluster.engine.run(2 * 3600 * 10**9 - 1)
    restarted = process_time()
    stop = cluster.run()
    ended = process_time()
    assert stop.reason == "finished", stop
    lives = 2 * size
    us = (ended - began) / lives * 1e6
    return {
        "pods": size,
        "start_s": round(started - began, 3),
        "restart_s": round(restarted - started, 3),
        "total_s": round(ended - began, 3),
        "us_per_pod_life": round(us, 1),
        "bare_timeout_us": round(bare_us, 3),
        "ratio": round(us / bare_us, 1),
        "writes_per_pod_life": round(sum(cluster.writes.accepted.values()) / lives, 2),
        "timers_per_pod_life": round(cluster.engine.fired / lives, 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def measure_apart(size: int) -> dict[str, Any]:
    """Measure one size in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.ring", str(size)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
