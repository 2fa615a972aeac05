"""The end of a sync: pods are accounted for, finalizers come off, the status is written.

The protocol of K-JOB-100: (1) status with the UIDs about to be counted, completed indexes and an
interim condition; (2) the tracking finalizer comes off these pods; (3) status with the UIDs turned
into counts, and the final condition if nothing is left.  Each write happens only if something
changed, so a failure of any of them leaves nothing counted twice.

Source: kubernetes pkg/controller/job/job_controller.go trackJobStatusAndRemoveFinalizers,
flushUncountedAndRemoveFinalizers, enactJobFinished.
"""

from __future__ import annotations

from functools import partial

from jobsim.api._struct import Struct, replace
from jobsim.api.batch import Job, JobStatus, UncountedTerminatedPods
from jobsim.api.plan import Outcome, Plan, Step, single
from jobsim.api.writes import PatchFinalizers, UpdateStatus
from jobsim.controllers.job import conditions, indexes
from jobsim.controllers.job.constants import UNCOUNTED_MAX
from jobsim.controllers.job.manage import untrack
from jobsim.controllers.job.memory import revision
from jobsim.controllers.job.pod_tally import NO_INDEX, Tracked
from jobsim.controllers.job.pods import indexed
from jobsim.controllers.job.sync import Sync, later, remember_pod_writes


class Account(Struct):
    """Pods that a sync accounts for.

    Parameters
    ----------
    untrack : tuple of Tracked
        Those that lose the finalizer.
    full : bool
        More wait for another sync.
    """

    untrack: tuple[Tracked, ...] = ()
    full: bool = False


def track(sync: Sync) -> Plan:
    """Return the plan that accounts for finished pods and writes the status."""
    uncounted = sync.status.uncounted_terminated_pods or UncountedTerminatedPods()
    held = sync.tally.held_uids((*uncounted.succeeded, *uncounted.failed))
    status = _counted(sync.status, held)
    if status is not sync.status:
        sync = replace(sync, status=status, flush=True)
    sync, account = _account(sync)
    sync = _interim_condition(sync)
    if not sync.flush:
        return _take_finalizers(sync, account)
    return Plan(steps=(_write(sync),), then=partial(_noted, sync, account))


# --- (1) what is about to be counted -----------------------------------------------------------


def _account(sync: Sync) -> tuple[Sync, Account]:
    """Enter finished pods into the status, up to the limit of one sync."""
    job = sync.job
    ending = job.terminating or sync.finish is not None
    tracked = sync.tally.tracked(all_pods=ending)
    if not tracked:
        return _without_pods(sync), Account()
    before = job.status.uncounted_terminated_pods or UncountedTerminatedPods()
    current = sync.status.uncounted_terminated_pods or UncountedTerminatedPods()
    known_succeeded, known_failed = frozenset(before.succeeded), frozenset(before.failed)
    succeeded, failed = list(current.succeeded), list(current.failed)
    failing = sync.finish is not None and sync.finish.type != conditions.SUCCESS_CRITERIA_MET
    new_indexes: list[int] = []
    chosen: list[Tracked] = []
    full = False
    for pod in tracked:
        if not ending and not pod.succeeded and _waits(sync, pod):
            continue
        chosen.append(pod)
        if pod.succeeded and pod.uid not in known_failed:
            if indexed(job):
                if _is_valid(job, pod.index) and not indexes.contains(sync.previous_indexes, pod.index):
                    new_indexes.append(pod.index)
            elif pod.uid not in known_succeeded:
                succeeded.append(pod.uid)
        elif _is_failure(job, pod, failing=failing) and pod.uid not in known_failed:
            failed.append(pod.uid)
        if len(new_indexes) + len(succeeded) + len(failed) >= UNCOUNTED_MAX:
            full = True
            break
    uncounted = UncountedTerminatedPods(succeeded=tuple(succeeded), failed=tuple(failed))
    changed = bool(new_indexes) or uncounted != current
    status = replace(sync.status, uncounted_terminated_pods=uncounted)
    if indexed(job):
        status, index_change = _enter_indexes(sync, status, new_indexes)
        changed = changed or index_change
    sync = replace(sync, status=status, flush=sync.flush or changed)
    return sync, Account(untrack=tuple(chosen), full=full)


def _without_pods(sync: Sync) -> Sync:
    """Return the pass where no pod is to be accounted for: the index sets are as they are."""
    if not indexed(sync.job):
        return sync
    status, changed = _enter_indexes(sync, sync.status, [])
    if status is sync.status:
        return sync
    return replace(sync, status=status, flush=sync.flush or changed)


def _waits(sync: Sync, pod: Tracked) -> bool:
    """Tell whether a failed pod stays until its index has a new pod (K-JOB-57)."""
    if pod.index == NO_INDEX:
        return False
    last = sync.last_failures.get(pod.index)
    return last is not None and last.uid == pod.uid


def _is_failure(job: Job, pod: Tracked, *, failing: bool) -> bool:
    """Tell whether a pod counts as failed; when the Job fails all that did not succeed do (K-JOB-47)."""
    return (pod.failed or failing) and pod.counts and (not indexed(job) or _is_valid(job, pod.index))


def _is_valid(job: Job, index: int) -> bool:
    return index != NO_INDEX and index < (job.spec.completions or 0)


def _enter_indexes(sync: Sync, status: JobStatus, new: list[int]) -> tuple[JobStatus, bool]:
    """Return a status with the index sets of this sync, and whether they differ from before."""
    completed = indexes.union(sync.succeeded_indexes, indexes.of(new)) if new else sync.succeeded_indexes
    failed = None if sync.failed_indexes is None else indexes.as_text(sync.failed_indexes)
    text = indexes.as_text(completed)
    succeeded = indexes.total(completed)
    changed = text != status.completed_indexes or failed != status.failed_indexes
    if not changed and succeeded == status.succeeded:
        return status, False
    return replace(status, succeeded=succeeded, completed_indexes=text, failed_indexes=failed), changed


def _interim_condition(sync: Sync) -> Sync:
    """Enter the condition that announces the end; what is left in ``finish`` is the final one."""
    finish = sync.finish
    if finish is None:
        return sync
    status, flush = sync.status, sync.flush
    if finish.type == conditions.FAILURE_TARGET:
        status = replace(status, conditions=(*status.conditions, finish))
        return replace(sync, status=status, flush=True, finish=replace(finish, type=conditions.FAILED))
    if finish.type == conditions.SUCCESS_CRITERIA_MET:
        if conditions.find_true(status.conditions, conditions.SUCCESS_CRITERIA_MET) is None:
            status = replace(status, conditions=(*status.conditions, finish))
            flush = True
        return replace(sync, status=status, flush=flush, finish=replace(finish, type=conditions.COMPLETE))
    return sync


def _write(sync: Sync) -> Step:
    return single(UpdateStatus(obj=replace(sync.job, status=sync.status)))


def _written(sync: Sync, outcome: Outcome) -> Sync | None:
    """Return the pass after its status was written, None if the write was refused."""
    sync = later(sync, outcome)
    (result,) = outcome.results(0)
    if result.error is not None:
        return None
    assert isinstance(result.obj, Job)
    memory = replace(sync.memory, wrote_job=max(sync.memory.wrote_job, revision(result.obj)))
    return replace(sync, job=result.obj, memory=memory, flush=False)


def _noted(sync: Sync, account: Account, outcome: Outcome) -> Plan:
    """Remember the failures now that the status knows of them (K-JOB-50)."""
    written = _written(sync, outcome)
    if written is None:
        return sync.end()
    written = replace(written, memory=replace(written.memory, backoff=written.backoff))
    plan = _take_finalizers(written, account)
    return plan if plan.memory is not None else replace(plan, memory=written.memory)


# --- (2) the finalizers ------------------------------------------------------------------------


def _take_finalizers(sync: Sync, account: Account) -> Plan:
    steps = untrack(sync, [pod.name for pod in account.untrack])
    if not steps:
        return _finish(sync, account)
    return Plan(steps=steps, then=partial(_taken, sync, account))


def _taken(sync: Sync, account: Account, outcome: Outcome) -> Plan:
    """Count the pods whose finalizer is off."""
    sync = later(sync, outcome)
    results = outcome.results(0)
    kept = {
        result.write.name
        for result in results
        if result.error is not None and isinstance(result.write, PatchFinalizers)
    }
    uncounted = sync.status.uncounted_terminated_pods or UncountedTerminatedPods()
    held = sync.tally.held_uids((*uncounted.succeeded, *uncounted.failed))
    held -= {pod.uid for pod in account.untrack if pod.name not in kept}
    status = _counted(sync.status, held)
    sync = replace(
        sync,
        flush=sync.flush or status is not sync.status,
        status=status,
        memory=remember_pod_writes(sync.memory, results),
    )
    if not kept:
        plan = _finish(sync, account)
    elif sync.flush:
        # Some finalizers stay: the counts so far are written, the end waits for the retry.
        plan = Plan(steps=(_write(sync),), then=partial(_partly, sync))
    else:
        plan = sync.end()
    return plan if plan.memory is not None else replace(plan, memory=sync.memory)


def _partly(sync: Sync, outcome: Outcome) -> Plan:
    written = _written(sync, outcome) or sync
    return replace(written.end(), memory=written.memory)


def _counted(status: JobStatus, held: set[str]) -> JobStatus:
    """Return a status with uncounted pods whose finalizer is off counted; the same if there are none."""
    uncounted = status.uncounted_terminated_pods
    if uncounted is None:
        return status
    succeeded = tuple(uid for uid in uncounted.succeeded if uid in held)
    failed = tuple(uid for uid in uncounted.failed if uid in held)
    if len(succeeded) == len(uncounted.succeeded) and len(failed) == len(uncounted.failed):
        return status
    return replace(
        status,
        succeeded=status.succeeded + len(uncounted.succeeded) - len(succeeded),
        failed=status.failed + len(uncounted.failed) - len(failed),
        uncounted_terminated_pods=UncountedTerminatedPods(succeeded=succeeded, failed=failed),
    )


# --- (3) the end -------------------------------------------------------------------------------


def _finish(sync: Sync, account: Account) -> Plan:
    """Write the counts, and the final condition if no pod is uncounted or terminating (K-JOB-111)."""
    finish = sync.finish
    uncounted = sync.status.uncounted_terminated_pods or UncountedTerminatedPods()
    pending = uncounted.succeeded or uncounted.failed or sync.terminating > 0 or account.full
    if finish is not None and not pending:
        final = conditions.new(finish.type, "True", finish.reason, finish.message, sync.now)
        status = replace(sync.status, conditions=conditions.ensure(sync.status.conditions, final))
        if finish.type == conditions.COMPLETE:
            status = replace(status, completion_time=final.last_transition_time)
        sync = replace(sync, status=status, flush=True)
    elif finish is not None:
        sync = replace(sync, finish=None)
    if not sync.flush:
        return sync.end()
    return Plan(steps=(_write(sync),), then=partial(_ended, sync))


def _ended(sync: Sync, outcome: Outcome) -> Plan:
    """Announce the end of the Job once it is written."""
    written = _written(sync, outcome)
    if written is None:
        return sync.end()
    notices = []
    finish = written.finish
    if finish is not None and finish.type == conditions.COMPLETE:
        completions = written.job.spec.completions
        if completions is not None and written.status.succeeded > completions:
            text = "Too many succeeded pods running after completion count reached"
            notices.append(written.event("Warning", "TooManySucceededPods", text))
        notices.append(written.event("Normal", "Completed", "Job completed"))
    elif finish is not None:
        notices.append(written.event("Warning", finish.reason, finish.message))
    return replace(written.end(), notices=tuple(notices), memory=written.memory)
