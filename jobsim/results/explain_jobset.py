"""Why a JobSet or Job waits, why it restarted or failed, what that cost."""

from __future__ import annotations

from jobsim.api.batch import Job
from jobsim.api.jobset import JobSet, ReplicatedJob, ReplicatedJobStatus
from jobsim.api.meta import condition, is_true
from jobsim.results.explain_facts import Facts, clock
from jobsim.results.gang import Gang
from jobsim.results.lives import PodLife
from jobsim.results.recorder import JobSetRecord
from jobsim.results.restarts import Restart

#: What ends each part, in words.
_ENDS = {
    "detect": "the Job sees it: condition FailureTarget",
    "drain": "its last pod is over: condition Failed",
    "decide": "the JobSet counts the restart",
    "teardown": "the last old Job is gone",
    "create": "the last new pod is created",
    "place": "the last new pod is bound",
    "start": "the last new pod is ready",
    "restore": "the gang steps",
}
#: The same of a restart in place.
_ENDS_IN_PLACE = {
    "detect": "a restarted or new pod's agent announces the next attempt",
    "decide": "the JobSet makes the attempt before outdated",
    "teardown": "the last pod's containers are restarted",
    "start": "the barrier lets the last pod go on",
}
_LIKE_MESSAGES_MAX = 3


def explain_jobset(facts: Facts) -> list[str]:
    """Tell a JobSet's story: what it waits for, each restart as a walk, its end, where its time went."""
    jobset = facts.subject
    assert isinstance(jobset, JobSet)
    record = facts.jobset(jobset.namespace, jobset.name)
    assert record is not None
    gang = record.gang
    record.settle(facts.now)
    lines = [f"jobset {jobset.namespace}/{jobset.name}: {_state(record, facts.gone)}"]
    lines.append(f"  {clock(gang.created)}: created")
    if gang.finished < 0:
        lines += _waits(facts, jobset, gang)
    for restart in record.clock.records:
        lines += ["", *_restart(restart, facts.now)]
    if gang.finished >= 0:
        lines += ["", *_end(record)]
    return [*lines, "", *_cost(record, facts.now)]


def _state(record: JobSetRecord, gone: bool) -> str:
    status = record.jobset.status
    state = status.terminal_state or ("suspended" if record.gang.suspended else "not finished")
    restarts = f", {status.restarts} restart{'' if status.restarts == 1 else 's'}"
    return state + restarts + (", deleted" if gone else "")


def _end(record: JobSetRecord) -> list[str]:
    lines = [f"{clock(record.gang.finished)}: {record.jobset.status.terminal_state or 'deleted'}"]
    for type_ in ("Completed", "Failed"):
        found = condition(record.jobset.status.conditions, type_)
        if found is not None and found.status == "True":
            lines.append(f"  {found.reason}: {found.message}")
    for job in record.gang.jobs.values():
        if job.failed and record.jobset.status.terminal_state == "Failed" and record.gang.is_current(job):
            lines.append(f"  Job {job.name} failed at {clock(job.failed_at)}: {_why(job.failure)}")
            if job.lost_pod is not None:
                lines.append(f"    it lost {_lost(job.lost_pod)} at {clock(max(job.lost_at, 0))}")
    return lines


def _why(failure: object) -> str:
    reason, message = getattr(failure, "reason", ""), getattr(failure, "message", "")
    return f"{reason}: {message}" if message else reason or "no reason given"


def _lost(life: PodLife) -> str:
    how = f", exit code {life.exit_code}" if life.exit_code else ""
    return f"pod {life.name}{f' on {life.node}' if life.node else ''}{how}"


# -- waiting -----------------------------------------------------------------------------------


def _waits(facts: Facts, jobset: JobSet, gang: Gang) -> list[str]:
    """Say what an unfinished JobSet waits for."""
    if gang.suspended:
        return ["  waits: spec.suspend is true; nobody has resumed it"]
    lines = []
    for rjob in jobset.spec.replicated_jobs:
        blocked = waits_for(jobset, rjob)
        there = [j for j in gang.jobs.values() if j.rjob == rjob.name and gang.is_current(j)]
        if blocked and len(there) < rjob.replicas:
            lines.append(f"  waits: {rjob.name} has {len(there)} of {rjob.replicas} Jobs: {blocked}")
    lines += _unplaced(list(facts.lives(jobset.namespace, jobset=jobset.name)), facts)
    refused = facts.events(jobset, "JobCreationFailed")
    if refused:
        lines.append(f"  Jobs are refused: {refused[-1]['message']}")
    for job in facts.jobs.values():
        track = gang.jobs.get(job.uid)
        failed = facts.events(job, "FailedCreate") if track is not None and not track.is_whole() else []
        if failed:
            last = failed[-1]["message"]
            lines.append(f"  pods of Job {job.name} are refused ({len(failed)} times): {last}")
    return lines


def waits_for(jobset: JobSet, rjob: ReplicatedJob) -> str:
    """Return which dependency or start-up order holds a ReplicatedJob back, or the empty string."""
    statuses = {status.name: status for status in jobset.status.replicated_jobs_status}
    replicas = {spec.name: spec.replicas for spec in jobset.spec.replicated_jobs}
    for item in rjob.depends_on or ():
        done = _done(statuses.get(item.name), item.status)
        if done != replicas.get(item.name, 0):
            jobs = f"{done} of {replicas.get(item.name, 0)} Jobs are"
            return f"it depends on {item.name} being {item.status}, of which {jobs}"
    order = jobset.spec.startup_policy
    if order is not None and order.startup_policy_order == "InOrder":
        for before in jobset.spec.replicated_jobs:
            if before.name == rjob.name:
                break
            done = _done(statuses.get(before.name), "Ready")
            if done != before.replicas:
                ready = f"{done} of {before.replicas} Jobs are ready"
                return f"startup is InOrder and {before.name} comes first, of which {ready}"
    return ""


def _done(status: ReplicatedJobStatus | None, wanted: str) -> int:
    """Count Jobs as the controller does (C-STA-01, C-DEP-01)."""
    if status is None:
        return 0
    return status.succeeded if wanted == "Complete" else status.failed + status.ready + status.succeeded


def _unplaced(lives: list[PodLife], facts: Facts) -> list[str]:
    """Group the pods that the scheduler finds no place for by what it says."""
    by_message: dict[str, list[PodLife]] = {}
    for life in lives:
        if life.is_waiting:
            by_message.setdefault(facts.scheduling_message(life), []).append(life)
    lines = []
    for message, waiting in list(by_message.items())[:_LIKE_MESSAGES_MAX]:
        since = min(life.unschedulable for life in waiting)
        names = waiting[0].name + (f" and {len(waiting) - 1} more" if len(waiting) > 1 else "")
        lines.append(f"  waits: no place for {names} since {clock(since)}: {message}")
    return lines


# -- restarts and cost -------------------------------------------------------------------------


def _restart(restart: Restart, now: int) -> list[str]:
    """Tell one start or restart as the walk."""
    total = clock(restart.boundaries(now)[-1] - restart.begin)
    outcomes = {
        "stepped": "until the gang stepped",
        "superseded": "until the next restart cut in",
        "suspended": "until it was suspended",
        "ended": "until the end of the JobSet",
        "open": "so far, and the gang does not step yet",
    }
    what = {
        "start": "start",
        "resume": "resumption",
        "jobset": f"restart {restart.number}",
        "in-place": f"restart in place into attempt {restart.number}",
    }
    title = what.get(restart.kind, f"restart of Job {restart.job}")
    lines = [f"{title} at {clock(restart.begin)}: {total} {outcomes[restart.outcome]}"]
    if restart.kind in ("jobset", "job", "in-place"):
        code = f" with exit code {restart.exit_code}" if restart.exit_code else ""
        where = f" on node {restart.node}" if restart.node else ""
        how = "failed" if code else "was lost"
        if restart.pod:
            lines.append(f"  why: pod {restart.pod}{where} {how}{code}")
        if restart.kind == "in-place":
            lines.append("       so all pods restart their containers where they are")
        elif restart.job:
            lines.append(f"       so Job {restart.job} failed: {_why(restart)}")
        if restart.rule:
            said = f": {restart.action_message}" if restart.action_message else ""
            lines.append(f"       so the JobSet acted by {restart.rule}{said}")
    return [*lines, *restart_lines(restart, now)]


def restart_lines(restart: Restart, now: int) -> list[str]:
    """Return the walk of a restart: one line a part that took time, with the instant it ended."""
    boundaries = restart.boundaries(now)
    ends = _ENDS | _ENDS_IN_PLACE if restart.kind == "in-place" else _ENDS
    lines = []
    for i, (part, spent) in enumerate(restart.parts(now).items()):
        if spent:
            over = part != restart.lacks
            end = ends[part]
            until = end if over else f"not yet: {end}"
            lines.append(f"  {part:<9} {clock(spent):>10}  {clock(boundaries[i + 1]):>12}  {until}")
    return lines


def _cost(record: JobSetRecord, now: int) -> list[str]:
    """Say where the time went."""
    accounts, elapsed = record.ledger.total(now), record.ledger.elapsed(now)
    lines = [f"where {clock(elapsed)} went"]
    for account, ns in accounts.items():
        if ns:
            lines.append(f"  {account:<10} {clock(ns):>12}  {ns / elapsed:6.1%}")
    pods = sum(r.pods_created for r in record.clock.records if r.kind == "jobset")
    if pods:
        lines.append(f"  restarts created {pods:,} pods again")
    return lines


# -- Jobs --------------------------------------------------------------------------------------


def explain_job(facts: Facts) -> list[str]:
    """Tell a Job's story: whose it is, what it waits for, how it ended; or why it is not there."""
    job = facts.subject
    if job is None:
        planned = facts.planned_by()
        assert planned is not None
        jobset, name = planned
        rjob = next(r for r in jobset.spec.replicated_jobs if r.name == name)
        why = waits_for(jobset, rjob)
        if jobset.spec.suspend:
            why = why or "the JobSet is suspended"
        head = f"job {jobset.namespace}/{facts.name}: not created yet"
        return [head, f"  waits: {why or 'nothing holds it back'}"]
    assert isinstance(job, Job)
    owner = job.controller()
    whose = f", of JobSet {owner.name}" if owner is not None else ""
    lines = [f"job {job.namespace}/{job.name}{whose}: {_job_state(job, facts.gone)}"]
    wanted = 1 if job.spec.parallelism is None else job.spec.parallelism
    status = job.status
    lines.append(
        f"  pods: wants {wanted}, {status.active} active, {status.ready or 0} ready, "
        f"{status.succeeded} succeeded, {status.failed} failed, {status.terminating or 0} terminating"
    )
    for found in status.conditions:
        if found.status == "True":
            at = f"{clock(found.last_transition_time)}: " if found.last_transition_time is not None else ""
            why = f", {_why(found)}" if found.reason else ""
            lines.append(f"  {at}{found.type}{why}")
    if not facts.gone:
        lines += _unplaced(list(facts.lives(job.namespace, job=job.name)), facts)
        refused = facts.events(job, "FailedCreate")
        if refused:
            lines.append(f"  its pods are refused ({len(refused)} times): {refused[-1]['message']}")
    record = facts.jobset(job.namespace, owner.name) if owner is not None else None
    if record is not None:
        record.settle(facts.now)
    for restart in record.clock.records if record is not None else ():
        if restart.job == job.name:
            lines += ["", *_restart(restart, facts.now)]
    return lines


def _job_state(job: Job, gone: bool) -> str:
    if gone:
        return "gone"
    if job.terminating:
        return "terminating"
    for type_ in ("Complete", "Failed", "FailureTarget", "Suspended"):
        if is_true(job.status.conditions, type_):
            return type_
    return "active"
