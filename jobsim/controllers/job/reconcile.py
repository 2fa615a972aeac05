"""The Job controller's decision: one sync of one Job, in the order of K-JOB-20.

Source: kubernetes pkg/controller/job/job_controller.go syncJob (v1.36.3).
Differs: no Workload or PodGroup is made (K-JOB-130, off by default).
"""

from __future__ import annotations

from functools import partial

from jobsim.api._struct import Struct, Time, replace
from jobsim.api.batch import Job, UncountedTerminatedPods
from jobsim.api.meta import Condition
from jobsim.api.plan import NOTHING, EventRecord, Outcome, Plan, parallel, reference
from jobsim.api.pod import Pod
from jobsim.api.reader import Reader
from jobsim.api.timing import REAL, Timing
from jobsim.api.writes import Write
from jobsim.apiserver.index import ORPHAN, OWNER_UID
from jobsim.controllers.job import backoff, claims, conditions, indexes, pods, success_policy
from jobsim.controllers.job.claims import Claims
from jobsim.controllers.job.constants import CONTROLLER_NAME
from jobsim.controllers.job.manage import kill, manage
from jobsim.controllers.job.memory import Memory, memory_of, own_writes_unseen, satisfied
from jobsim.controllers.job.pod_tally import PodTally
from jobsim.controllers.job.pods import indexed
from jobsim.controllers.job.sync import Sync, is_suspended, remember_pod_writes
from jobsim.controllers.job.tracking import track
from jobsim.units import SECOND, floor_second


class Seen(Struct):
    """What one sync reads.

    Parameters
    ----------
    job : Job
    pods : tuple of Pod
        Controlled by the Job (by UID), in list order.
    memory : Memory or None
    orphans : tuple of Pod
        Pods of the namespace that nobody controls.
    tally : PodTally or None
        Given where the Job's pods are not objects: then ``pods`` and ``orphans`` are not looked at.
    """

    job: Job
    pods: tuple[Pod, ...] = ()
    memory: Memory | None = None
    orphans: tuple[Pod, ...] = ()
    tally: PodTally | None = None


def observe(reader: Reader, namespace: str, name: str, memory: Memory | None) -> Seen | None:
    """Read what a sync of a Job needs; None if there is nothing to do."""
    job = reader.get(Job, namespace, name)
    if job is None or managed_elsewhere(job):
        return None
    return Seen(
        job=job,
        pods=tuple(reader.by_index(Pod, OWNER_UID, job.uid)),
        memory=memory,
        orphans=tuple(reader.by_index(Pod, ORPHAN, namespace)),
    )


def managed_elsewhere(job: Job) -> bool:
    """Tell whether another controller looks after a Job (K-JOB-90)."""
    return job.spec.managed_by is not None and job.spec.managed_by != CONTROLLER_NAME


def reconcile(seen: Seen, now: int, gates: object = None, timing: Timing = REAL) -> Plan:
    """Decide what to do about a Job.

    Parameters
    ----------
    seen : Seen
    now : int
        Virtual time, ns.
    gates : object
        Not looked at: the Job controller follows the gates of Kubernetes 1.36 (K-0.3).
    timing : Timing
    """
    job = seen.job
    if managed_elsewhere(job):
        return NOTHING
    memory = memory_of(job, seen.memory)
    if conditions.finished(job):
        # The back-off record goes (K-JOB-53); nothing else is worth remembering either.
        return NOTHING if seen.memory is None or memory == Memory(uid=job.uid) else Plan(memory=Memory())
    if own_writes_unseen(memory, job):
        return Plan(error="the cache does not show the controller's own writes yet")
    if job.spec.completion_mode not in (None, "NonIndexed", "Indexed"):
        return Plan(notices=(_unknown_mode(job),))
    if seen.tally is not None:
        return _sync(job, seen.tally, memory, now, timing)
    claimed = claims.sort(job, seen.pods, seen.orphans)
    if not claimed.release and not claimed.adopt:
        return _sync(job, pods.tally(job, claimed.kept), memory, now, timing)
    return _claim(job, claimed, memory, now, timing)


def _unknown_mode(job: Job) -> EventRecord:
    text = "Skipped Job sync because completion mode is unknown"
    return EventRecord(about=reference(job), type="Warning", reason="UnknownCompletionMode", message=text)


def _claim(job: Job, claimed: Claims, memory: Memory, now: int, timing: Timing) -> Plan:
    """Release and adopt pods, one after the other, before all else."""
    writes: list[Write] = [claims.release(job, pod) for pod in claimed.release]
    then = partial(_released, job, claimed, memory, now, timing)
    if not writes:
        return then(Outcome(steps=()))
    return Plan(steps=(parallel(writes, max_parallel=1, ignore=("NotFound", "Invalid")),), then=then)


def _released(job: Job, claimed: Claims, memory: Memory, now: int, timing: Timing, outcome: Outcome) -> Plan:
    writes: list[Write] = [claims.adoption(job, pod) for pod in claimed.adopt]
    then = partial(_claimed, job, claimed, memory, now, timing, outcome)
    if not writes:
        return then(Outcome(steps=()))
    return Plan(steps=(parallel(writes, max_parallel=1, ignore=("NotFound",)),), then=then)


def _claimed(
    job: Job,
    claimed: Claims,
    memory: Memory,
    now: int,
    timing: Timing,
    released: Outcome,
    outcome: Outcome,
) -> Plan:
    """Go on with the pods that are the Job's now; an error ends the pass (it is retried)."""
    results = outcome.results(0)
    memory = remember_pod_writes(memory, results)
    if released.error is not None or outcome.error is not None:
        return Plan(memory=memory)
    adopted = tuple(
        claims.as_adopted(pod)
        for pod, result in zip(claimed.adopt, results, strict=True)
        if result.obj is not None
    )
    plan = _sync(job, pods.tally(job, (*claimed.kept, *adopted)), memory, now, timing)
    return plan if plan.memory is not None else replace(plan, memory=memory)


def _sync(job: Job, tally: PodTally, memory: Memory, now: int, timing: Timing) -> Plan:
    """Judge, act on the pods, keep account."""
    sync = _judge(_begin(job, tally, memory, now, timing))
    if sync.finish is not None:
        return kill(sync, _settle)
    if sync.expected and not job.terminating:
        return manage(sync, _settle_managed)
    return _settle(_complete(sync))


# --- judging -----------------------------------------------------------------------------------


def _begin(job: Job, tally: PodTally, memory: Memory, now: int, timing: Timing) -> Sync:
    """Return the pass with its counts, before anything is decided."""
    status = job.status
    uncounted = status.uncounted_terminated_pods or UncountedTerminatedPods()
    if status.uncounted_terminated_pods is None:
        status = replace(status, uncounted_terminated_pods=uncounted)
    if status.start_time is None and not is_suspended(job):
        status = replace(status, start_time=Time(now))
    sync = Sync(
        job=job,
        tally=tally,
        now=now,
        memory=memory,
        expected=satisfied(memory, now, timing.expectation_timeout_ns),
        status=status,
        active=tally.active,
        ready=tally.ready,
        terminating=tally.terminating,
        succeeded=status.succeeded + len(tally.succeeded_at) + len(uncounted.succeeded),
        backoff=backoff.record(memory.backoff, tally.succeeded_at, tally.failed_at),
        timing=timing,
    )
    if not indexed(job):
        return sync
    completions = job.spec.completions or 0
    previous = indexes.parse(status.completed_indexes, completions)
    succeeded = indexes.union(previous, tally.succeeded_indexes)
    sync = replace(
        sync,
        previous_indexes=previous,
        succeeded_indexes=succeeded,
        succeeded=indexes.total(succeeded),
    )
    if job.spec.backoff_limit_per_index is None:
        return sync
    failed = indexes.union(indexes.parse(status.failed_indexes or "", completions), tally.failed_indexes)
    waiting = tally.last_failures(indexes.union(succeeded, failed))
    return replace(sync, failed_indexes=failed, last_failures=waiting)


def _judge(sync: Sync) -> Sync:
    """Return the pass with what ends the Job, the first that holds (K-JOB-21)."""
    finish = _announced(sync) or _failed_by_pods(sync)
    if finish is None:
        sync, finish = _failed_by_deadline(sync)
    if finish is None and indexed(sync.job):
        finish = _failed_by_indexes(sync) or _succeeded_by_policy(sync)
    return sync if finish is None else replace(sync, finish=finish)


def _announced(sync: Sync) -> Condition | None:
    """Return the end that an earlier sync announced; a failure as the final condition."""
    met = conditions.find_true(sync.status.conditions, conditions.SUCCESS_CRITERIA_MET)
    if met is not None:
        return met
    target = conditions.find_true(sync.status.conditions, conditions.FAILURE_TARGET)
    return None if target is None else replace(target, type=conditions.FAILED)


def _failed_by_pods(sync: Sync) -> Condition | None:
    """Return the failure that pods bring: a FailJob rule, then the back-off limit (K-JOB-45, K-JOB-46)."""
    tally, spec = sync.tally, sync.job.spec
    if tally.fail_job_message:
        return _failure(sync, (conditions.POD_FAILURE_POLICY, tally.fail_job_message))
    uncounted = sync.status.uncounted_terminated_pods or UncountedTerminatedPods()
    failed = sync.status.failed + tally.failed_counting + len(uncounted.failed)
    limit = 6 if spec.backoff_limit is None else spec.backoff_limit
    restarted_too_often = spec.template.spec.restart_policy == "OnFailure" and (
        tally.restarts >= limit if limit > 0 else tally.restarts > 0
    )
    if failed > limit or restarted_too_often:
        return _failure(sync, conditions.BACKOFF_LIMIT)
    return None


def _failed_by_deadline(sync: Sync) -> tuple[Sync, Condition | None]:
    """Return the failure that time brings, or the wish to look again when it would (K-JOB-70)."""
    deadline_s = sync.job.spec.active_deadline_seconds
    start = sync.status.start_time
    if deadline_s is None or start is None or is_suspended(sync.job):
        return sync, None
    deadline = start + deadline_s * SECOND
    if sync.now >= deadline:
        return sync, _failure(sync, conditions.DEADLINE)
    return sync.look_again(deadline), None


def _failed_by_indexes(sync: Sync) -> Condition | None:
    """Return the failure that failed indexes bring (K-JOB-58)."""
    if sync.failed_indexes is None:
        return None
    spec = sync.job.spec
    failed = indexes.total(sync.failed_indexes)
    if spec.max_failed_indexes is not None and failed > spec.max_failed_indexes:
        return _failure(sync, conditions.MAX_FAILED_INDEXES)
    if failed > 0 and failed + sync.succeeded >= (spec.completions or 0):
        return _failure(sync, conditions.FAILED_INDEXES)
    return None


def _succeeded_by_policy(sync: Sync) -> Condition | None:
    spec = sync.job.spec
    message = success_policy.met(spec.success_policy, spec.completions or 0, sync.succeeded_indexes)
    if not message:
        return None
    return conditions.new(
        conditions.SUCCESS_CRITERIA_MET, "True", conditions.SUCCESS_POLICY, message, sync.now
    )


def _failure(sync: Sync, words: tuple[str, str]) -> Condition:
    return conditions.new(conditions.FAILURE_TARGET, "True", *words, sync.now)


# --- settling ----------------------------------------------------------------------------------


def _settle_managed(sync: Sync) -> Plan:
    """Go on after pods were made or taken away: completion, else the Suspended condition (K-JOB-25)."""
    sync = _complete(sync)
    if sync.finish is not None:
        return _settle(sync)
    suspended = is_suspended(sync.job)
    words = conditions.JOB_SUSPENDED if suspended else conditions.JOB_RESUMED
    wanted = conditions.new(conditions.SUSPENDED, "True" if suspended else "False", *words, sync.now)
    changed = conditions.ensure(sync.status.conditions, wanted)
    if changed is sync.status.conditions:
        return _settle(sync)
    start = None if suspended else Time(sync.now)
    sync = replace(sync, flush=True, status=replace(sync.status, conditions=changed, start_time=start))
    event = sync.event("Normal", "Suspended" if suspended else "Resumed", words[1])
    return Plan(notices=(event,), then=lambda _: _settle(sync))


def _complete(sync: Sync) -> Sync:
    """Return the pass with success if the completions are reached and no pod is active (K-JOB-22)."""
    wanted = sync.job.spec.completions
    enough = sync.succeeded > 0 if wanted is None else sync.succeeded >= wanted
    if not enough or sync.active > 0:
        return sync
    met = conditions.new(conditions.SUCCESS_CRITERIA_MET, "True", *conditions.COMPLETIONS_REACHED, sync.now)
    return replace(sync, finish=met)


def _settle(sync: Sync) -> Plan:
    """Enter the pod counts into the status and keep account."""
    status = sync.status
    counts = (sync.active, sync.ready, sync.terminating)
    changed = counts != (status.active, status.ready, status.terminating)
    start = None if status.start_time is None else Time(floor_second(status.start_time))
    if not changed and start == status.start_time:
        return track(sync)
    status = replace(
        status, active=sync.active, ready=sync.ready, terminating=sync.terminating, start_time=start
    )
    return track(replace(sync, status=status, flush=sync.flush or changed))
