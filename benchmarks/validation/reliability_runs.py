"""Simulated runs for the closed forms of reliability: a one-pod JobSet in the ring, clocks by themselves.

One pod is enough for everything that depends on the gang's MTBF alone: it fails as often as the gang would,
and its JobSet restarts through the same controllers.  What a restart costs beside the times that are given
here (the Job controller's window of a second) is measured once and taken off them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from heapq import heappop, heappush
from itertools import pairwise
from typing import Any, NamedTuple

from jobsim.hardware.failures.places import Machine, entities
from jobsim.hardware.failures.plans import Fault, Process
from jobsim.hardware.failures.renewal import Renewals
from jobsim.laws import Exponential, Law, quantile
from jobsim.results.recorder import JobSetRecord, Recorder
from jobsim.rng import uniform
from jobsim.runtime.cluster import Cluster
from jobsim.scenario.build import build
from jobsim.scenario.load import Scenario
from jobsim.units import DAY, SECOND

SHAPE = {"cpu": 8, "memory": "64Gi", "pods": 300}
UNLIMITED = {"api": {"jobset": {"qps": 0}, "job": {"qps": 0}, "scheduler": {"qps": 0}}}
#: Machines' names are never looked at by rate, so one fault does for all clocks.
_FAULT = Fault(effect="pod-fails")


def jobset(pods: int = 1) -> dict[str, Any]:
    """Return a JobSet of one Job that restarts for ever."""
    container = {"name": "main", "image": "img", "resources": {"requests": {"cpu": "1"}}}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    job = {"parallelism": pods, "completions": pods, "backoffLimit": 0, "template": template}
    return {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": {"name": "train"},
        "spec": {
            "failurePolicy": {"maxRestarts": 1_000_000},
            "replicatedJobs": [{"name": "w", "replicas": 1, "template": {"spec": job}}],
        },
    }


def run(**sections: Any) -> tuple[Recorder, int]:
    """Run a scenario without keeping its log; return what it came to and when it ended, ns."""
    sections.setdefault("manifests", [jobset()])
    sections.setdefault("fleet", [{"pool": "n", "shape": SHAPE, "nodes": 1}])
    sections.setdefault("control", UNLIMITED)
    setup, _ = build(Scenario(**sections), strict=False, check_invariants=False)
    recorder = Recorder(keep_log=False)
    cluster = Cluster(setup, recorder)
    refused = cluster.start()
    assert not refused, refused
    return recorder, cluster.run().at


def only(recorder: Recorder) -> JobSetRecord:
    """Return the single JobSet of a run."""
    [record] = recorder.jobsets.values()
    return record


class Case(NamedTuple):
    """One closed form: its name, its value, and the runs that should have it as their mean.

    ``note`` is what a reader should know; without runs it says why there are none.  ``sd`` is the standard
    deviation of one run where the form gives that too; 0: taken from the runs.
    """

    name: str
    expected: float
    simulate: Callable[[], list[float]] | None
    note: str = ""
    sd: float = 0.0


class Times(NamedTuple):
    """A policy, s: MTBF, blocking write, useful time between writes, and what a restart is made of.

    ``safe`` is time without a running pod (no failure can strike), ``exposed`` time with one, ``detect``
    from a failure until it is noticed.
    """

    mtbf: float
    write: float
    tau: float
    exposed: float = 0.0
    safe: float = 0.0
    detect: float = 0.0


def trained(times: Times, segments: int, seed: int, **more: Any) -> dict[str, float]:
    """Return the ledger (s) of some intervals of work, with ``failures`` and ``elapsed``."""
    start = max(0.0, times.safe - ring_s()) if times.safe else 0.0
    exposed = max(0.0, times.exposed - (0.0 if times.safe else ring_s()))
    failing = {"component": "gang", "per": "node", "law": exponential(times.mtbf), "clock": "exposure"}
    if times.detect:
        failing["detect"] = times.detect
    checkpoint = {"every": {"steps": 1}, "write": times.write, **more.pop("checkpoint", {})}
    recorder, end = run(
        seed=seed,
        until="20000d",
        pods=[{"match": {}, "start": start, "run": "workload", "stop": 0, **more.pop("pods", {})}],
        workloads=[
            {
                "match": {"jobset": "train"},
                "step": times.tau,
                "steps": segments,
                "init": more.pop("init", exposed),
                "checkpoint": checkpoint,
            }
        ],
        failures=[failing] if times.mtbf else more.pop("failures", []),
        **more,
    )
    record = only(recorder)
    ledger = {account: ns / SECOND for account, ns in record.ledger.total(end).items()}
    interruptions = record.ledger.losses.interruptions
    return {**ledger, "elapsed": record.ledger.elapsed(end) / SECOND, "failures": float(interruptions)}


def per_interval(times: Times, reps: int = 16, segments: int = 300, **more: Any) -> list[float]:
    """Return the mean time per interval of each run, the start and the missing last write evened out."""
    found = []
    # Every case has draws of its own, so that one unlucky seed does not show in all of them.
    first = round(sum(place * value for place, value in enumerate(times, 1)))
    for seed in range(first, first + reps):
        ledger = trained(times, segments, seed, **{k: dict(v) for k, v in more.items()})
        found.append((ledger["elapsed"] - ledger["starting"] + times.write) / segments)
    return found


def exponential(mean_s: float) -> dict[str, Any]:
    """Return an exponential law as the Scenario writes it."""
    return {"exponential": {"mean": mean_s}}


@cache
def ring_s() -> float:
    """Return what a restart of one pod costs beside the times of a Scenario, s."""
    recorder, end = run(
        pods=[{"match": {}, "start": 0, "run": "workload", "stop": 0}],
        workloads=[{"match": {"jobset": "train"}, "step": 10, "steps": 100}],
        failures=[{"at": 500, "pod": "train-w-0-0"}],
    )
    total = only(recorder).ledger.total(end)
    return total["restarting"] / SECOND


# ---- clocks by themselves


def machines(nodes: int, rack_size: int) -> list[Machine]:
    """Return nodes in racks."""
    return [Machine(f"n-{i}", {"topology.jobsim/rack": f"r{i // rack_size}"}, 8) for i in range(nodes)]


def clocks(
    seed: int, law: Law, nodes: int, *, per: str = "node", rack_size: int = 16, **more: Any
) -> Renewals:
    """Return the renewal clocks of a fleet."""
    process = Process(key=f"{per}/{nodes}", per=per, law=law, fault=_FAULT, **more)
    return Renewals(seed, process, entities(per, machines(nodes, rack_size)))


def daily(rate: float) -> Law:
    """Return the exponential law of a rate per day."""
    return Exponential(mean=round(DAY / rate))


def outages(renewals: Renewals, until: int, repair: int) -> Iterator[tuple[int, int, int]]:
    """Yield (time, entity, +1 or -1) as entities go down and come back after a fixed repair time."""
    back: list[tuple[int, int]] = []
    while True:
        due = renewals.due()
        if back and (due is None or back[0][0] <= due):
            time, i = back.pop(0)
            if time > until:
                return
            renewals.renew(i, time)
            yield time, i, -1
            continue
        if due is None or due > until:
            return
        i = renewals.take(due)
        assert i is not None
        back.append((due + repair, i))
        yield due, i, 1


def mean_since(start: int, changes: Sequence[tuple[int, int]], until: int) -> float:
    """Return the time average of a step function (time, value) from a time on."""
    total = 0
    for (a, value), (b, _) in pairwise([(0, 0), *changes, (until, 0)]):
        total += value * max(0, b - max(a, start))
    return total / (until - start)


def stalls(seed: int, running: int, spares: int, rate_day: float, repair: Law, until: int) -> tuple[int, int]:
    """Return how long a job of ``running`` nodes with cold spares stalls, and how often.

    Only nodes that the job runs on can fail; a spare takes over at once; without one all stop.
    """
    renewals = clocks(seed, daily(rate_day), running + spares, clock="exposure")
    for i in range(running):
        renewals.expose(i, 0)
    up, free = list(range(running)), list(range(running, running + spares))
    back: list[tuple[int, int]] = []
    lost, count, since = 0, 0, -1
    while True:
        due = renewals.due()
        time = min([t for t in (due, back[0][0] if back else None) if t is not None])
        if time > until:
            return lost + (until - since if since >= 0 else 0), count
        if back and back[0][0] == time:
            i = heappop(back)[1]
            renewals.renew(i, time)
            free.append(i)
        else:
            failed = renewals.take(time)
            assert failed is not None
            renewals.conceal(failed, time)
            up.remove(failed)
            span = quantile(repair, uniform(seed, "repair", failed, renewals.number(failed)))
            heappush(back, (time + span, failed))
        if len(up) < running and free:
            if since >= 0:
                for i in up:
                    renewals.expose(i, time)
                lost, since = lost + time - since, -1
            new = free.pop(0)
            up.append(new)
            renewals.expose(new, time)
        elif len(up) < running and since < 0:
            since, count = time, count + 1
            for i in up:
                renewals.conceal(i, time)
