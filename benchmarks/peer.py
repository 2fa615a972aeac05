"""API writes of a real control plane beside ours: ``python -m benchmarks.peer``.

The real JobSet controller on a real control plane, pods played by KWOK's own "fast" stages: one
JobSet of Indexed Jobs is started, a pod is given phase Failed, everything is made again (Recreate).
Theirs was counted by kube-apiserver 1.36.3 with JobSet v0.12.0 and KWOK v0.8.0 on two cores;
leases, endpoints and events are left out on both sides, and so are refused writes.

How long a request takes is the machine's affair, so it is a constant here: with the limits lifted
their CPU sets it, and a mean of 200 ms makes our start as long as theirs.  With the default limits
these set the time.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.ring import scenario
from benchmarks.table import table
from jobsim.api._struct import replace
from jobsim.controllers import kubelet
from jobsim.laws import Exponential
from jobsim.results.recorder import Recorder
from jobsim.runtime.cluster import Cluster
from jobsim.runtime.setup import CLIENT_LIMITS, Action, ClientLimits, Control
from jobsim.scenario.build import build
from jobsim.units import MILLISECOND, SECOND
from jobsim.workload.behaviour import PodRule

#: Jobs, pods of a Job, nodes.
SHAPE = (100, 10, 500)
FAILURE_S = 1_000_000
Counts = dict[str, int]
#: What differs by more than 10 % and why (FIDELITY.md says it too).
EXPLAINED = {
    "delete jobs": "their caches lag behind, so that Jobs are deleted twice",
    "update jobsets/status": "changes during a write are one write: how many, speed decides",
    "seconds": "their machine's speed; their events take tokens too",
}


class Peer(NamedTuple):
    """One recorded run.

    Parameters
    ----------
    lifted : bool
        The limits of controller-manager and scheduler, 5000/10000 instead of their defaults.
    request_ns : int
        Mean time of one of our requests.
    seconds : tuple of float
        Of the start, of the full restart and, where it was taken, of the deletion of everything.
    writes : tuple
        Of the start, and of the full restart.
    """

    lifted: bool
    request_ns: int
    seconds: tuple[int, ...]
    writes: tuple[Counts, Counts]


def _writes(jobs_status: int, jobsets_status: int, **more: int) -> Counts:
    """Return the writes of a phase; each pod is made, bound, and runs (before a restart one fails)."""
    return {
        "create pods": 1_000,
        "create pods/binding": 1_000,
        "patch pods/status": 1_001 if more else 1_000,
        "create jobs": 100,
        "update jobs/status": jobs_status,
        "update jobsets/status": jobsets_status,
        **{name.replace("_", " "): count for name, count in more.items()},
    }


PEERS = {
    "1,000 pods, default limits": Peer(
        False,
        20 * MILLISECOND,
        (65, 147, 61),
        (
            _writes(200, 189),
            _writes(303, 192, patch_pods=1_000, delete_pods=2_081, delete_jobs=131, patch_jobs=100),
        ),
    ),
    "1,000 pods, limits lifted": Peer(
        True,
        200 * MILLISECOND,
        (31, 78),
        (
            _writes(209, 113),
            _writes(349, 158, patch_pods=1_000, delete_pods=1_999, delete_jobs=130, patch_jobs=100),
        ),
    ),
}


def measure(peer: Peer) -> tuple[tuple[float, float, float], tuple[Counts, Counts]]:
    """Return our virtual seconds and accepted writes: start, restart (and deletion: seconds alone)."""
    setup, _ = build(scenario(*SHAPE), strict=False, check_invariants=False)
    lifted = ClientLimits(qps=5_000, burst=10_000)
    limits = {
        name: lifted if peer.lifted and name not in ("jobset", "kubelet", "user") else own
        for name, own in CLIENT_LIMITS.items()
    }
    setup = replace(
        setup,
        kubelet=kubelet.KWOK_FAST,
        rules=(PodRule(run="forever"),),
        actions=(Action(verb="delete", kind="JobSet", name="gang", at=2 * FAILURE_S * SECOND),),
        failures=tuple(replace(failure, at=FAILURE_S * SECOND) for failure in setup.failures),
        control=Control(limits=limits, latency=Exponential(mean=peer.request_ns)),
    )
    recorder = Recorder()
    cluster = Cluster(setup, recorder)
    refused = cluster.start()
    assert not refused, refused
    cluster.engine.run((FAILURE_S - 1) * SECOND)
    start = dict(cluster.writes.accepted)
    cluster.engine.run((2 * FAILURE_S - 1) * SECOND)
    restart = {name: count - start.get(name, 0) for name, count in cluster.writes.accepted.items()}
    (record,) = recorder.jobsets.values()
    began, again = [(r.boundaries(0)[-1] - r.begin) / SECOND for r in record.clock.records]
    deleted = cluster.run().at / SECOND - 2 * FAILURE_S
    assert not recorder.pods.living
    return (began, again, deleted), (start, restart)


def pairs(name: str) -> Iterator[tuple[str, str, int, int]]:
    """Yield phase, what is counted, theirs and ours."""
    peer = PEERS[name]
    seconds, writes = measure(peer)
    phases = ("start", "restart", "deletion")
    for phase, theirs_s, ours_s in zip(phases, peer.seconds, seconds, strict=False):
        yield phase, "seconds", theirs_s, round(ours_s)
    for phase, theirs, ours in zip(phases, peer.writes, writes, strict=False):
        for what, count in theirs.items():
            yield phase, what, count, ours.get(what, 0)


def rows(name: str) -> list[dict[str, str | int]]:
    """Return theirs beside ours."""
    found: list[dict[str, str | int]] = []
    for phase, what, theirs, ours in pairs(name):
        off = ours / theirs - 1
        why = EXPLAINED[what] if abs(off) > 0.1 else ""
        difference = f"{off * 100:+.1f} %"
        found.append(
            {"phase": phase, "what": what, "theirs": theirs, "ours": ours, "off": difference, "why": why}
        )
    return found


def main() -> int:
    for name in PEERS:
        print(f"{name}\n\n{table(rows(name))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
