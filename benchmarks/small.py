"""Small things that are done often: admission, a look at a steady JobSet, a tiny scenario, recorded cases."""

from __future__ import annotations

from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from benchmarks.baseline import bare_timeout_us
from benchmarks.ring import scenario
from jobsim.api.jobset import JobSet
from jobsim.api.plan import NOTHING
from jobsim.apiserver.store import Store
from jobsim.controllers import jobset
from jobsim.controllers.admission.pipeline import Admission
from jobsim.controllers.jobset import Gates
from jobsim.hardware.contention import max_min
from jobsim.results.recorder import Recorder
from jobsim.runtime.cluster import Cluster
from jobsim.scenario.build import build
from jobsim.testing.conformance import read_cases, run_case
from jobsim.units import SECOND

ROUNDS = 200


def admission() -> dict[str, Any]:
    """Return the cost of taking one JobSet document through the whole admission chain."""
    doc = scenario(4, 4, 20).manifests[0].data
    store = Store()
    bare_us = bare_timeout_us()
    began = process_time()
    for _ in range(ROUNDS):
        # A chain of its own each time: nothing remembered from the round before.
        Admission(Gates(), strict=False, suffix=lambda: "abcde").admit_manifest(doc, store)
    us = (process_time() - began) / ROUNDS * 1e6
    return {"what": "admission of one manifest", "us": round(us, 1), "ratio": round(us / bare_us, 1)}


def tiny() -> dict[str, Any]:
    """Return the cost of an 8-pod scenario, from its Setup to its results, in a warm process."""
    setup, _ = build(scenario(2, 4, 4).changed(seed=1), strict=False, check_invariants=False)
    bare_us = bare_timeout_us()
    times = []
    for _ in range(20):
        began = process_time()
        recorder = Recorder()
        cluster = Cluster(setup, recorder)
        cluster.start()
        cluster.run()
        assert recorder.digest
        times.append(process_time() - began)
    us = sorted(times)[len(times) // 2] * 1e6
    return {"what": "8 pods, start and restart, warm", "us": round(us, 1), "ratio": round(us / bare_us, 1)}


def contention(jobs: int = 200, links: int = 500) -> dict[str, Any]:
    """Return the cost of fair shares for jobs of 20 links each, all of them connected."""
    draw = np.random.default_rng(1)
    loads = [
        dict(
            zip(draw.choice(links, 20, replace=False).tolist(), draw.uniform(1, 9, 20).tolist(), strict=True)
        )
        for _ in range(jobs)
    ]
    capacity = draw.uniform(10, 60, links)
    bare_us = bare_timeout_us()
    began = process_time()
    for _ in range(ROUNDS // 10):
        max_min(loads, capacity)
    us = (process_time() - began) / (ROUNDS // 10) * 1e6
    return {
        "what": f"fair shares of {jobs} jobs on {links} links",
        "us": round(us, 1),
        "ratio": round(us / bare_us, 1),
    }


def steady() -> list[dict[str, Any]]:
    """Return the cost of a look at a JobSet of a thousand Jobs that all run, at first and ever after."""
    setup, _ = build(scenario(1_000, 1, 200), strict=False, check_invariants=False)
    bare_us = bare_timeout_us()
    cluster = Cluster(setup, Recorder())
    cluster.start()
    cluster.engine.run(now := 300 * SECOND)
    [key] = [found.key for found in cluster.store.list(JobSet)]
    rows = []
    for what, memo in (
        ("first look at 1,000 steady Jobs", None),
        ("look at 1,000 steady Jobs", jobset.Memo()),
    ):
        times = []
        for _ in range(ROUNDS):
            began = process_time()
            seen = jobset.observe(cluster.store, *key, Gates(), memo)
            assert seen is not None
            plan = jobset.reconcile(seen, now, Gates())
            times.append(process_time() - began)
            assert plan == NOTHING
        us = sorted(times)[ROUNDS // 2] * 1e6
        rows.append({"what": what, "us": round(us, 1), "ratio": round(us / bare_us, 1)})
    return rows


def recorded(file: Path) -> dict[str, Any]:
    """Return the cost of one recorded reconcile: its objects decoded, decided, carried out, compared.

    The real controller does 2,000 to 3,400 a second in the same setting.
    """
    cases = [case for case in read_cases(file) if case["of"] == "jobset-reconcile"][::5]
    bare_us = bare_timeout_us()
    began = process_time()
    assert all(run_case(case).passed for case in cases)
    us = (process_time() - began) / len(cases) * 1e6
    what = f"recorded reconcile, {1e6 / us:,.0f} a second"
    return {"what": what, "us": round(us, 1), "ratio": round(us / bare_us, 1)}
