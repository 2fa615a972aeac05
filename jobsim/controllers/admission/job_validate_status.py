"""Validation of status writes of Jobs, in the API server's words (K-JOB-06).

Most checks run only where the fields concerned changed, so that a bad status can still be mended.

Source: kubernetes pkg/apis/batch/validation/validation.go ValidateJobStatusUpdate,
pkg/registry/batch/job/strategy.go getStatusValidationOptions 1.36.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobsim.api import codec
from jobsim.api.batch import Job, JobStatus
from jobsim.api.field import FieldError, duplicate, invalid, invalid_omitted, required
from jobsim.api.meta import Condition, condition, is_true
from jobsim.apiserver.schema_errors import invalid_data
from jobsim.controllers.admission.job_validate_policies import count_indexes, overlap

_TERMINAL = ("Failed", "Complete", "FailureTarget")
_CONDITIONS = "status.conditions"
_IMMUTABLE = "field is immutable"


def status_errors(new: Job, old: Job) -> list[FieldError]:
    """Return what is wrong with the status that a write gives to a Job."""
    return (
        _number_errors(new.status)
        + _condition_errors(new, old)
        + _time_errors(new, old)
        + _finished_errors(new, old)
        + _index_errors(new, old)
        + _criteria_errors(new)
        + _transition_errors(new, old)
    )


def _true(job: Job, type_: str) -> bool:
    return is_true(job.status.conditions, type_)


def _changed(new: Job, old: Job, type_: str) -> bool:
    return _true(new, type_) != _true(old, type_)


def _finished(job: Job) -> bool:
    return _true(job, "Complete") or _true(job, "Failed")


def _number_errors(status: JobStatus) -> list[FieldError]:
    errors = []
    for field, value in (
        ("active", status.active),
        ("succeeded", status.succeeded),
        ("failed", status.failed),
        ("ready", status.ready),
        ("terminating", status.terminating),
    ):
        if value is not None and value < 0:
            errors.append(invalid(f"status.{field}", value, "must be greater than or equal to 0"))
    uncounted = status.uncounted_terminated_pods
    if uncounted is None:
        return errors
    seen: set[str] = set()
    for field, uids in (("succeeded", uncounted.succeeded), ("failed", uncounted.failed)):
        for i, uid in enumerate(uids):
            path = f"status.uncountedTerminatedPods.{field}[{i}]"
            if not uid:
                errors.append(invalid(path, uid, "must not be empty"))
            elif uid in seen:
                errors.append(duplicate(path, uid))
            seen.add(uid)
    return errors


def _condition_errors(new: Job, old: Job) -> list[FieldError]:
    """Check what Complete may not stand beside."""
    complete = _true(new, "Complete")
    done = _changed(new, old, "Complete")
    errors = []
    if (done or _changed(new, old, "Failed")) and complete and _true(new, "Failed"):
        errors.append(invalid_omitted(_CONDITIONS, "cannot set Complete=True and Failed=true conditions"))
    if (done or _changed(new, old, "FailureTarget")) and complete and _true(new, "FailureTarget"):
        why = "cannot set Complete=True and FailureTarget=true conditions"
        errors.append(invalid_omitted(_CONDITIONS, why))
    return errors


def _time_errors(new: Job, old: Job) -> list[FieldError]:
    """Check completionTime against the conditions, and what a final condition asks for."""
    status = new.status
    complete = _true(new, "Complete")
    ended = status.completion_time != old.status.completion_time
    started = status.start_time != old.status.start_time
    at = "status.completionTime"
    errors = []
    if ended or _changed(new, old, "Complete"):
        if status.completion_time is not None and not complete:
            why = "cannot set completionTime when there is no Complete=True condition"
            errors.append(invalid(at, codec.to_data(status.completion_time), why))
        if status.completion_time is None and complete:
            errors.append(required(at, "completionTime is required for Complete jobs"))
    if (
        (started or ended)
        and status.start_time is not None
        and status.completion_time is not None
        and status.completion_time < status.start_time
    ):
        why = "must be equal to or after `startTime`"
        errors.append(invalid(at, codec.to_data(status.completion_time), why))
    failed_changed = _changed(new, old, "Failed") or status.failed_indexes != old.status.failed_indexes
    if failed_changed and _true(new, "Failed") and not _true(new, "FailureTarget"):
        why = "cannot set Failed=True condition without the FailureTarget=true condition"
        errors.append(invalid_omitted(_CONDITIONS, why))
    met_changed = _changed(new, old, "Complete") or _changed(new, old, "SuccessCriteriaMet")
    if met_changed and complete and not _true(new, "SuccessCriteriaMet"):
        why = "cannot set Complete=True condition without the SuccessCriteriaMet=true condition"
        errors.append(invalid_omitted(_CONDITIONS, why))
    return errors


def _finished_errors(new: Job, old: Job) -> list[FieldError]:
    """Check that a finished Job has nothing left to do."""
    status, was = new.status, old.status
    finished = _finished(new)
    if not finished:
        return []
    turned = finished != _finished(old)
    idle = new.spec.suspend is True and new.spec.completions == 0
    errors = []
    if (turned or status.active != was.active) and status.active > 0:
        errors.append(invalid("status.active", status.active, "active>0 is invalid for finished job"))
    if (turned or status.start_time != was.start_time) and status.start_time is None and not idle:
        errors.append(required("status.startTime", "startTime is required for finished job"))
    uncounted = status.uncounted_terminated_pods
    if (
        (turned or uncounted != was.uncounted_terminated_pods)
        and uncounted is not None
        and (uncounted.succeeded or uncounted.failed)
    ):
        # A whole object is printed by the server's internal field names.
        shown = {"Succeeded": uncounted.succeeded or None, "Failed": uncounted.failed or None}
        why = "must be empty for finished job"
        errors.append(invalid_data("status.uncountedTerminatedPods", shown, why, sort=False))
    return errors


def _index_errors(new: Job, old: Job) -> list[FieldError]:
    """Check the lists of indexes."""
    status, spec = new.status, new.spec
    completed_changed = status.completed_indexes != old.status.completed_indexes
    failed_changed = status.failed_indexes != old.status.failed_indexes
    completed, failed = status.completed_indexes, status.failed_indexes
    errors = []
    if completed_changed and spec.completions is not None:
        errors += _list_errors("completedIndexes", completed, spec.completions)
    per_index = spec.backoff_limit_per_index is not None
    if failed_changed and spec.completions is not None and per_index and failed is not None:
        errors += _list_errors("failedIndexes", failed, spec.completions)
    if completed_changed and completed and spec.completion_mode != "Indexed":
        why = "cannot set non-empty completedIndexes when non-indexed completion mode"
        errors.append(invalid("status.completedIndexes", completed, why))
    if failed_changed and not per_index and failed is not None:
        why = "cannot set non-null failedIndexes when backoffLimitPerIndex is null"
        errors.append(invalid("status.failedIndexes", failed, why))
    if (failed_changed or completed_changed) and spec.completions is not None and failed is not None:
        shared = overlap(completed, failed, spec.completions)
        if shared is not None:
            why = f"failedIndexes and completedIndexes overlap at index: {shared}"
            errors.append(invalid("status.failedIndexes", failed, why))
    turned = _finished(new) != _finished(old)
    terminating = status.terminating or 0
    if (turned or status.terminating != old.status.terminating) and terminating > 0 and _finished(new):
        errors.append(invalid("status.terminating", terminating, "terminating>0 is invalid for finished job"))
    counted = status.ready != old.status.ready or status.active != old.status.active
    if counted and status.ready is not None and status.ready > status.active:
        errors.append(invalid("status.ready", status.ready, "cannot set more ready pods than active"))
    return errors


def _list_errors(field: str, text: str, completions: int) -> list[FieldError]:
    try:
        count_indexes(text, completions)
    except ValueError as err:
        return [invalid(f"status.{field}", text, f"error parsing {field}: {err}")]
    return []


def _criteria_errors(new: Job) -> list[FieldError]:
    """Check what SuccessCriteriaMet may not stand beside, and that Complete waits for it."""
    met = _true(new, "SuccessCriteriaMet")
    errors = []
    for other in ("Failed", "FailureTarget"):
        if met and _true(new, other):
            why = f"cannot set SuccessCriteriaMet=True and {other}=true conditions"
            errors.append(invalid_omitted(_CONDITIONS, why))
    if new.spec.success_policy is not None and not met and _true(new, "Complete"):
        why = "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True"
        errors.append(invalid_omitted(_CONDITIONS, why))
    return errors


def _transition_errors(new: Job, old: Job) -> list[FieldError]:
    """Check what may not be taken back."""
    status, was, spec = new.status, old.status, new.spec
    errors = []
    for type_ in _TERMINAL:
        if _true(old, type_) and not _true(new, type_):
            why = f"cannot disable the terminal {type_}=True condition"
            errors.append(invalid_omitted(_CONDITIONS, why))
    if status.failed < was.failed:
        errors.append(invalid("status.failed", status.failed, "cannot decrease the failed counter"))
    scaled = spec.completion_mode == "Indexed" and spec.completions == spec.parallelism
    if status.succeeded < was.succeeded and not scaled:
        why = "cannot decrease the succeeded counter"
        errors.append(invalid("status.succeeded", status.succeeded, why))
    if None not in (status.completion_time, was.completion_time) and (
        status.completion_time != was.completion_time
    ):
        errors.append(invalid("status.completionTime", codec.to_data(status.completion_time), _IMMUTABLE))
    resuming = _true(old, "Suspended") and _is_false(status.conditions, "Suspended")
    if (
        was.start_time is not None
        and status.start_time != was.start_time
        and not spec.suspend
        and not resuming
    ):
        why = "field is immutable for unsuspended job once set"
        errors.append(invalid("status.startTime", codec.to_data(status.start_time), why))
    if _true(old, "SuccessCriteriaMet") and not _true(new, "SuccessCriteriaMet"):
        why = "cannot disable the SuccessCriteriaMet=True condition"
        errors.append(invalid_omitted(_CONDITIONS, why))
    if _true(old, "Complete") and not _true(old, "SuccessCriteriaMet") and _true(new, "SuccessCriteriaMet"):
        why = "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions"
        errors.append(invalid_omitted(_CONDITIONS, why))
    return errors


def _is_false(conditions: Sequence[Condition], type_: str) -> bool:
    found = condition(tuple(conditions), type_)
    return found is not None and found.status == "False"
