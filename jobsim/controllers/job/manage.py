"""How many pods a Job has: scale down, suspend, create; and the end of all pods of a finished Job.

Rules of the file: in one sync pods are either taken away or made (K-JOB-31).  Each function returns
a plan whose continuation counts what the API server really did, and goes on with ``proceed``.

Source: kubernetes pkg/controller/job/job_controller.go manageJob, deleteJobPods, deleteActivePods.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from jobsim.api._struct import replace
from jobsim.api.plan import EventRecord, Outcome, Plan, Step, WriteResult, parallel
from jobsim.api.writes import Create, Delete, PatchFinalizers, Write
from jobsim.controllers.job import backoff, indexes
from jobsim.controllers.job.backoff import Backoff
from jobsim.controllers.job.constants import (
    NAMESPACE_TERMINATING,
    SLOW_START_BATCH,
    TRACKING_FINALIZER,
)
from jobsim.controllers.job.memory import expect, lower
from jobsim.controllers.job.pod_tally import LastFailure, PodRef
from jobsim.controllers.job.pod_template import indexed_pod, template
from jobsim.controllers.job.pods import indexed, replaces_only_failed
from jobsim.controllers.job.sync import Sync, is_suspended, later, remember_pod_writes

Proceed = Callable[[Sync], Plan]


def manage(sync: Sync, proceed: Proceed) -> Plan:
    """Bring the number of pods to what the spec asks for."""
    tally = sync.tally
    if is_suspended(sync.job):
        return _remove(sync, tally.surplus(tally.active), proceed)
    wanted = wanted_active(sync)
    surplus = tally.surplus(max(0, tally.active - wanted))[: sync.timing.job_writes_per_sync]
    if surplus:
        return _remove(sync, surplus, proceed)
    missing = wanted - tally.active
    if replaces_only_failed(sync.job):
        missing -= tally.terminating
    if missing <= 0:
        return proceed(sync)
    return _create(sync, missing, proceed)


def wanted_active(sync: Sync) -> int:
    """Return how many pods should be active (K-JOB-30)."""
    spec = sync.job.spec
    parallelism = 1 if spec.parallelism is None else spec.parallelism
    if spec.completions is None:
        return sync.tally.active if sync.succeeded > 0 else parallelism
    return max(0, min(parallelism, spec.completions - sync.succeeded))


# --- creating --------------------------------------------------------------------------------


def _create(sync: Sync, missing: int, proceed: Proceed) -> Plan:
    """Create pods in batches of 1, 2, 4, ... (K-JOB-33), unless a back-off holds them."""
    job = sync.job
    per_index = job.spec.backoff_limit_per_index is not None
    if not per_index:
        wait = backoff.remaining_ns(sync.backoff, sync.now, sync.timing)
        if wait > 0:
            return proceed(_hold(sync, wait))
    count = min(missing, sync.timing.job_writes_per_sync)
    source = template(job)
    if indexed(job):
        chosen = _pending_indexes(sync, count)
        if per_index:
            chosen, wait = _ready_indexes(sync, chosen)
            if wait > 0:
                return proceed(_hold(sync, wait))
        pods = [indexed_pod(source, index, sync.last_failures.get(index)) for index in chosen]
    else:
        pods = [source.base] * count
    sync = replace(sync, memory=expect(sync.memory, sync.now, creations=len(pods)))
    return Plan(
        memory=sync.memory,
        steps=_slow_start([Create(obj=pod) for pod in pods]),
        then=partial(_created, sync, len(pods), proceed),
    )


def _hold(sync: Sync, wait_ns: int) -> Sync:
    """Return the pass with creation put off; less than a batch window is not waited for (K-JOB-11)."""
    return sync.look_again(sync.now + max(wait_ns, sync.timing.job_sync_window_ns))


def _pending_indexes(sync: Sync, count: int) -> list[int]:
    """Return the smallest indexes that have neither an end nor a pod (K-JOB-40)."""
    taken = indexes.union(sync.succeeded_indexes, sync.tally.active_indexes)
    if replaces_only_failed(sync.job):
        taken = indexes.union(taken, sync.tally.terminating_indexes)
    taken = indexes.union(taken, sync.failed_indexes or ())
    return indexes.first_free(taken, count, sync.job.spec.completions or 0)


def _ready_indexes(sync: Sync, candidates: list[int]) -> tuple[list[int], int]:
    """Return the candidates whose back-off is over, else the shortest wait, ns (K-JOB-56)."""
    waits = {index: _index_wait_ns(sync, sync.last_failures.get(index)) for index in candidates}
    ready = [index for index in candidates if waits[index] == 0]
    return ready, 0 if ready else min(waits.values(), default=0)


def _index_wait_ns(sync: Sync, last: LastFailure | None) -> int:
    if last is None:
        return 0
    failures = last.failures + last.ignored_failures + 1
    record = Backoff(failures=failures, last_failure=last.finished)
    return backoff.remaining_ns(record, sync.now, sync.timing)


def _slow_start(creates: list[Write]) -> tuple[Step, ...]:
    """Return batches that double in size; a refused creation stops the next batch."""
    steps = []
    start, size = 0, SLOW_START_BATCH
    while start < len(creates):
        batch = creates[start : start + size]
        # Where the namespace goes away, nothing is lost by trying on (K-JOB-14).
        steps.append(parallel(batch, max_parallel=len(batch), ignore=(NAMESPACE_TERMINATING,)))
        start, size = start + size, size * 2
    return tuple(steps)


def _created(sync: Sync, asked: int, proceed: Proceed, outcome: Outcome) -> Plan:
    """Count the pods that were made; those refused or never tried are not expected."""
    sync = later(sync, outcome)
    results = tuple(r for step in range(len(outcome.steps)) for r in outcome.results(step))
    notices = []
    failed = 0
    for result in results:
        if result.error is not None:
            failed += 1
            message = f"Error creating: {result.error.message}"
            notices.append(sync.event("Warning", "FailedCreate", message))
        elif result.obj is not None:
            notices.append(sync.event("Normal", "SuccessfulCreate", f"Created pod: {result.obj.name}"))
    missing = failed + asked - len(results)
    memory = remember_pod_writes(lower(sync.memory, creations=missing), results)
    sync = replace(sync, memory=memory, active=sync.active + asked - missing)
    return _announce(sync, notices, proceed)


def _announce(sync: Sync, notices: list[EventRecord], proceed: Proceed) -> Plan:
    """Record events and keep the memory, then go on with the pass."""
    return Plan(notices=tuple(notices), memory=sync.memory, then=lambda _: proceed(sync))


# --- taking away -----------------------------------------------------------------------------


def _remove(sync: Sync, pods: list[PodRef], proceed: Proceed) -> Plan:
    """Take pods away without counting them: the tracking finalizer goes first (K-JOB-37)."""
    if not pods:
        return proceed(sync)
    sync = replace(sync, memory=expect(sync.memory, sync.now, deletions=len(pods)))
    patches = untrack(sync, [pod.name for pod in pods if pod.finalizer])
    return Plan(memory=sync.memory, steps=patches, then=partial(_untracked, sync, pods, proceed))


def untrack(sync: Sync, names: list[str]) -> tuple[Step, ...]:
    """Return the step that takes the tracking finalizer off some pods; none for no pods."""
    if not names:
        return ()
    writes: list[Write] = [
        PatchFinalizers(kind="Pod", namespace=sync.job.namespace, name=name, finalizer=TRACKING_FINALIZER)
        for name in names
    ]
    return (parallel(writes, max_parallel=len(writes), ignore=("NotFound",)),)


def _untracked(sync: Sync, pods: list[PodRef], proceed: Proceed, outcome: Outcome) -> Plan:
    """Delete the pods whose finalizer is off."""
    sync = later(sync, outcome)
    results = outcome.results(0)
    by_name = {result.write.name: result for result in results if isinstance(result.write, PatchFinalizers)}
    failed = sum(result.error is not None for result in results)
    gone = sum(result.error is None and result.obj is None for result in results)
    left = [pod for pod in pods if pod.name not in by_name or by_name[pod.name].obj is not None]
    memory = remember_pod_writes(lower(sync.memory, deletions=failed + gone), results)
    sync = replace(
        sync,
        memory=memory,
        active=sync.active - gone,
        terminating=sync.terminating + gone,
    )
    steps = _deletes(sync, left)
    return Plan(memory=sync.memory, steps=steps, then=partial(_removed, sync, left, proceed))


def _removed(sync: Sync, pods: list[PodRef], proceed: Proceed, outcome: Outcome) -> Plan:
    sync, _, notices = _count_deleted(later(sync, outcome), pods, outcome)
    # A pod that was gone already, or stays, will not be seen to get a deletion mark.
    unseen = sum(result.obj is None for result in outcome.results(0))
    sync = replace(sync, memory=lower(sync.memory, deletions=unseen))
    return _announce(sync, notices, proceed)


def kill(sync: Sync, proceed: Proceed) -> Plan:
    """Delete all active pods of a Job that has reached its end, finalizers kept (K-JOB-23)."""
    pods = sync.tally.active_pods()
    if not pods:
        return proceed(_unless_all(sync, deleted=0, asked=0))
    return Plan(steps=_deletes(sync, pods), then=partial(_killed, sync, pods, proceed))


def _killed(sync: Sync, pods: list[PodRef], proceed: Proceed, outcome: Outcome) -> Plan:
    sync, deleted, notices = _count_deleted(later(sync, outcome), pods, outcome)
    return _announce(_unless_all(sync, deleted=deleted, asked=len(pods)), notices, proceed)


def _unless_all(sync: Sync, *, deleted: int, asked: int) -> Sync:
    """Return the pass without its finish if pods are left, or may be on their way (K-JOB-24)."""
    if deleted == asked and sync.expected:
        return sync
    return replace(sync, finish=None)


def _deletes(sync: Sync, pods: list[PodRef]) -> tuple[Step, ...]:
    if not pods:
        return ()
    writes: list[Write] = [Delete(kind="Pod", namespace=sync.job.namespace, name=pod.name) for pod in pods]
    return (parallel(writes, max_parallel=len(writes), ignore=("NotFound",)),)


def _count_deleted(sync: Sync, pods: list[PodRef], outcome: Outcome) -> tuple[Sync, int, list[EventRecord]]:
    """Return the pass after deletes, how many went well (gone before counts), and their events.

    ``ready`` falls by all Ready pods that were tried, also those whose delete failed (K-JOB-23).
    """
    results: tuple[WriteResult, ...] = outcome.results(0)
    deleted = 0
    notices = []
    for pod, result in zip(pods, results, strict=False):
        if result.error is not None:
            message = f"Error deleting: {result.error.message}"
            notices.append(sync.event("Warning", "FailedDelete", message))
            continue
        deleted += 1
        if result.obj is not None:
            notices.append(sync.event("Normal", "SuccessfulDelete", f"Deleted pod: {pod.name}"))
    ready = sync.ready - sum(pod.ready for pod in pods)
    sync = replace(sync, active=sync.active - deleted, terminating=sync.terminating + deleted, ready=ready)
    return sync, deleted, notices
