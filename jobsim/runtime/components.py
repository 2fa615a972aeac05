"""The controllers of a run: which cores, with which back-off, workers and clients.

Source of the numbers: K-TIM-01, C-QUE-02, C-QUE-03.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from jobsim.api.reader import Reader
from jobsim.api.timing import NAMESPACE_WORKERS, REAL, Timing
from jobsim.api.watch import METADATA, SPEC
from jobsim.controllers import (
    disruption,
    exclusive_placement,
    garbage_collector,
    job,
    jobset,
    namespace,
    node_lifecycle,
    pod_gc,
    taint_eviction,
)
from jobsim.controllers.job import orphans, ttl
from jobsim.controllers.jobset import in_place_pods
from jobsim.controllers.jobset.gates import Gates
from jobsim.runtime.controller import Core


def jobset_core(gates: Gates) -> Core:
    """Return the JobSet controller (one worker, C-QUE-02)."""
    memo, in_place = jobset.Memo(), gates.in_place_restart
    return Core(
        name="jobset",
        kinds=("JobSet", "Job", "Service", *(("Pod",) if in_place else ())),
        wakes=lambda event, reader: jobset.wakes(event, reader, gates),
        observe=lambda reader, namespace, name, memory: jobset.observe(
            reader, namespace, name, gates, memo, memory
        ),
        reconcile=lambda seen, now: jobset.reconcile(seen, now, gates),
        note=in_place_pods.note if in_place else None,
        memory_of=in_place_pods.memory_of if in_place else None,
        pull_forward=True,
    )


def pod_core(gates: Gates) -> Core:
    """Return JobSet's pod reconciler for exclusive placement (C-PRC-*)."""
    return Core(
        name="jobset-pod",
        kinds=("Pod",),
        wakes=exclusive_placement.wakes,
        observe=lambda reader, namespace, name, memory: exclusive_placement.observe(reader, namespace, name),
        reconcile=lambda seen, now: exclusive_placement.reconcile(seen, now, gates),
        pull_forward=True,
    )


def job_core(timing: Timing = REAL) -> Core:
    """Return the Job controller (5 workers, retry 1 s doubling to 60 s)."""
    return Core(
        name="job",
        kinds=("Job", "Pod"),
        wakes=partial(job.wakes, window_ns=timing.job_sync_window_ns),
        observe=job.observe,
        reconcile=lambda seen, now: job.reconcile(seen, now, timing=timing),
        note=job.note,
        memory_of=job.memory_of,
        backoff_base_ns=timing.job_retry_base_ns,
        backoff_cap_ns=timing.job_retry_cap_ns,
        workers=timing.job_workers,
    )


def orphan_core(timing: Timing = REAL) -> Core:
    """Return the Job controller's clean-up of finalizers on orphaned pods (K-JOB-13, K-JOB-123)."""
    return Core(
        name="job",
        kinds=("Job", "Pod"),
        wakes=orphans.wakes,
        minds={"Pod": METADATA},
        observe=lambda reader, namespace, name, memory: orphans.observe(reader, namespace, name),
        reconcile=lambda seen, now: orphans.reconcile(seen, now),
        backoff_base_ns=timing.job_retry_base_ns,
        backoff_cap_ns=timing.job_retry_cap_ns,
    )


def ttl_core(timing: Timing = REAL) -> Core:
    """Return the TTL-after-finished controller of Jobs (K-JOB-71)."""
    return Core(
        name="ttl-after-finished",
        kinds=("Job",),
        wakes=ttl.wakes,
        observe=lambda reader, namespace, name, memory: ttl.observe(reader, namespace, name),
        reconcile=lambda seen, now: ttl.reconcile(seen, now),
        workers=timing.ttl_workers,
    )


def garbage_collector_core(timing: Timing = REAL) -> Core:
    """Return the garbage collector (20 workers, K-JOB-125)."""
    absent: dict[str, None] = {}

    def asks(reader: Reader, namespace: str, name: str) -> int:
        count, missing = garbage_collector.requests(reader, namespace, name, absent)
        absent.update(dict.fromkeys(missing))
        return count

    return Core(
        name="garbage-collector",
        kinds=(),
        wakes=garbage_collector.wakes,
        observe=lambda reader, namespace, name, memory: garbage_collector.observe(reader, namespace, name),
        reconcile=lambda seen, now: garbage_collector.reconcile(seen, now),
        workers=timing.gc_workers,
        live=True,
        asks=asks,
        minds={"*": METADATA},
    )


def node_core(silent: Mapping[str, int], timing: Timing = REAL) -> Core:
    """Return the node lifecycle controller: health, NoSchedule and NoExecute taints (K-POD-47..49).

    Parameters
    ----------
    silent : mapping
        Nodes whose kubelet is silent, and when it last renewed its lease, ns.
    timing : Timing
    """
    return Core(
        name="node-controller",
        kinds=("Node",),
        wakes=partial(node_lifecycle.wakes, timing=timing),
        observe=lambda reader, namespace, name, memory: node_lifecycle.observe(reader, name, silent, memory),
        reconcile=lambda seen, now: node_lifecycle.reconcile(seen, now, timing),
    )


def taint_core() -> Core:
    """Return the taint eviction controller (K-POD-50, K-POD-51)."""
    return Core(
        name="taint-eviction-controller",
        kinds=("Node", "Pod"),
        wakes=taint_eviction.wakes,
        minds={"Node": SPEC, "Pod": SPEC},
        observe=lambda reader, namespace, name, memory: taint_eviction.observe(reader, name, memory),
        reconcile=taint_eviction.reconcile,
    )


def pod_gc_core(timing: Timing = REAL) -> Core:
    """Return the pod garbage collector (K-POD-51..53)."""
    return Core(
        name="pod-gc",
        kinds=("Node", "Pod"),
        wakes=partial(pod_gc.wakes, timing=timing),
        observe=lambda reader, namespace, name, memory: pod_gc.observe(reader, memory, timing),
        reconcile=partial(pod_gc.reconcile, timing=timing),
    )


def namespace_core(live: Reader, timing: Timing = REAL) -> Core:
    """Return the namespace controller, which asks the server what is in a namespace."""
    return Core(
        name="namespace-controller",
        kinds=("Namespace",),
        wakes=partial(namespace.wakes, delay_ns=timing.namespace_delay_ns),
        observe=lambda reader, space, name, memory: namespace.observe(live, name),
        reconcile=namespace.reconcile,
        workers=NAMESPACE_WORKERS,
        live=True,
        polls=True,
    )


def disruption_core(timing: Timing = REAL) -> Core:
    """Return the disruption controller: what budgets allow, stale DisruptionTarget conditions (K-POD-45)."""
    return Core(
        name="disruption-controller",
        kinds=("PodDisruptionBudget", "Pod"),
        wakes=partial(disruption.wakes, stale_ns=timing.stale_disruption_ns),
        observe=lambda reader, namespace, name, memory: disruption.observe(reader, namespace, name),
        reconcile=partial(disruption.reconcile, stale_ns=timing.stale_disruption_ns),
    )
