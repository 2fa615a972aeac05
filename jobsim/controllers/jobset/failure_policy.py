"""failurePolicy: which rule a failure meets, and what its action does.

Source: jobset pkg/controllers/failure_policy.go @08dfbdfd; C-FAI-*.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobsim.api._struct import replace
from jobsim.api.batch import Job
from jobsim.api.gofmt import atoi, int32
from jobsim.api.jobset import JOB_INDEX, REPLICATED_JOB_NAME, FailurePolicy, FailurePolicyRule
from jobsim.api.meta import Condition
from jobsim.controllers.jobset.conditions import RESTARTING, Setting, fail, set_condition
from jobsim.controllers.jobset.draft import Draft, PassError, check_index
from jobsim.controllers.jobset.job_restarts import counted_job_restarts, job_restarts, sum_counted
from jobsim.controllers.jobset.message_patterns import Patterns

RESTART_JOBSET = "RestartJobSet"
RESTART_JOBSET_IGNORE = "RestartJobSetAndIgnoreMaxRestarts"
RESTART_JOB = "RestartJob"
RESTART_JOB_IGNORE = "RestartJobAndIgnoreMaxRestarts"
#: Earlier than any time: a condition without one has Go's zero time.
_ZERO_TIME = -(2**80)


def apply_failure_policy(draft: Draft, failed: Sequence[Job]) -> None:
    """Apply the one action that the failed Jobs call for (C-FAI-01..03).

    Raises
    ------
    PassError
        The action is unknown, not enabled, or cannot find its Job's place.
    """
    policy = draft.jobset.spec.failure_policy
    if policy is None:
        message = "jobset failed due to one or more job failures"
        fail(draft, "FailedJobs", _with_job(message, _first_failed(failed)))
        return
    rule, job = _first_match(policy, failed)
    action = RESTART_JOBSET if rule is None else rule.action
    message = _with_job(f"applying {action} failure policy action", job)
    if action == "FailJobSet":
        fail(draft, "FailJobSetFailurePolicyAction", message)
    elif action in (RESTART_JOBSET, RESTART_JOBSET_IGNORE):
        _restart_jobset(draft, policy, action, rule, job, message)
    elif action in (RESTART_JOB, RESTART_JOB_IGNORE):
        _restart_job(draft, policy, action, job, message)
    else:
        raise PassError(f"failed to find a corresponding action for the FailurePolicyRuleAction {action}")


def _with_job(message: str, job: Job) -> str:
    """Return a message that names the matched Job (C-FAI-07)."""
    return f"{message} (first failed job: {job.metadata.name})"


def _first_match(
    policy: FailurePolicy, failed: Sequence[Job]
) -> tuple[FailurePolicyRule, Job] | tuple[None, Job]:
    """Return the first rule that any failed Job meets, with its earliest such Job (C-FAI-04)."""
    for rule in policy.rules:
        texts = rule.on_job_failure_message_patterns
        patterns = Patterns(texts) if texts else None
        matching = [job for job in failed if _applies(rule, patterns, job)]
        if matching:
            return rule, _first_failed(matching)
    return None, _first_failed(failed)


def _first_failed(jobs: Sequence[Job]) -> Job:
    """Return the Job that failed first; of several at one time the first listed (C-FAI-05)."""
    return min(jobs, key=_failure_time)


def _failure_time(job: Job) -> int:
    time = _failure(job).last_transition_time
    return _ZERO_TIME if time is None else time


def _failure(job: Job) -> Condition:
    """Return the condition by which a Job of the failed bucket failed."""
    return next(c for c in job.status.conditions if c.type == "Failed" and c.status == "True")


def _applies(rule: FailurePolicyRule, patterns: Patterns | None, job: Job) -> bool:
    """Tell whether a rule is about a Job's failure (C-FAI-06)."""
    failure = _failure(job)
    if rule.on_job_failure_reasons and failure.reason not in rule.on_job_failure_reasons:
        return False
    if patterns is not None and not patterns.match(failure.message):
        return False
    name = job.metadata.labels.get(REPLICATED_JOB_NAME, "")
    return bool(name) and (not rule.target_replicated_jobs or name in rule.target_replicated_jobs)


def _restart_jobset(
    draft: Draft,
    policy: FailurePolicy,
    action: str,
    rule: FailurePolicyRule | None,
    job: Job,
    message: str,
) -> None:
    """Count a restart of all Jobs, or fail when none is left (C-FAI-09, C-FAI-10, C-FAI-12)."""
    counted = action == RESTART_JOBSET
    if counted and _restarts_used_up(draft, policy):
        _fail_for_restarts(draft, job)
        return
    draft.restarts = int32(draft.restarts + 1)
    if counted:
        draft.restarts_count_towards_max = int32(draft.restarts_count_towards_max + 1)
    draft.dirty = True
    reason = "DefaultFailurePolicy" if rule is None else f"FailurePolicy_{rule.name}"
    set_condition(draft, Setting(RESTARTING, "True", reason, message, "Warning"))
    draft.queue_event("Warning", f"{action}FailurePolicyAction", message)


def _restarts_used_up(draft: Draft, policy: FailurePolicy) -> bool:
    """Tell whether maxRestarts is reached; single Jobs' restarts count with their gate."""
    used = draft.restarts_count_towards_max
    if used >= policy.max_restarts:
        return True
    return draft.gates.restart_job and _total_used(draft) >= policy.max_restarts


def _total_used(draft: Draft) -> int:
    """Return the restarts that count, of the JobSet and of single Jobs."""
    return int32(draft.restarts_count_towards_max + sum_counted(draft.replicated_jobs_status))


def _fail_for_restarts(draft: Draft, job: Job) -> None:
    """Set Failed for want of restarts (C-FAI-14)."""
    fail(draft, "ReachedMaxRestarts", _with_job("jobset failed due to reaching max number of restarts", job))


def _restart_job(draft: Draft, policy: FailurePolicy, action: str, job: Job, message: str) -> None:
    """Count a restart of one Job, or fail when none is left (C-FAI-11, C-FAI-11b)."""
    if not draft.gates.restart_job:
        raise PassError(
            f"{action} failure policy action cannot be used when the feature gate RestartJob is disabled"
        )
    counted = action == RESTART_JOB
    if counted and _total_used(draft) >= policy.max_restarts:
        _fail_for_restarts(draft, job)
        return
    name, job_index = _place(job)
    statuses = draft.replicated_jobs_status
    restarts = _bumped(job_restarts(draft.jobset, statuses, name), job_index, job)
    changes: dict[str, object] = {"job_restarts": restarts}
    if counted:
        stored = counted_job_restarts(draft.jobset, statuses, name)
        changes["job_restarts_count_towards_max"] = _bumped(stored, job_index, job)
    draft.replicated_jobs_status = tuple(
        replace(status, **changes) if status.name == name else status for status in statuses
    )
    draft.dirty = True
    draft.queue_event("Warning", f"{action}FailurePolicyAction", message)


def _place(job: Job) -> tuple[str, int]:
    """Return the replicated job and the index of a failed Job (C-FAI-17)."""
    labels = job.metadata.labels
    job_index = atoi(labels[JOB_INDEX])
    # Upstream checks both labels once more; with the gate no Job without them gets here (C-BKT-04).
    assert job_index is not None, f"Job {job.metadata.name} is in a bucket with a bad {JOB_INDEX}"
    return labels[REPLICATED_JOB_NAME], job_index


def _bumped(restarts: tuple[int, ...], job_index: int, job: Job) -> tuple[int, ...]:
    """Return the counters with one raised."""
    if job_index >= len(restarts):
        name = job.metadata.labels[REPLICATED_JOB_NAME]
        where = f"out of bounds for replicated job {name} (replicas: {len(restarts)})"
        raise PassError(f"failed job {job.metadata.name} has index {job_index} {where}")
    check_index(job_index, len(restarts))
    return (*restarts[:job_index], int32(restarts[job_index] + 1), *restarts[job_index + 1 :])
