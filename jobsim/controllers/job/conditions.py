"""A Job's conditions: their words, and how one is set.

Source: kubernetes pkg/controller/job/job_controller.go newCondition, ensureJobConditionStatus,
pkg/controller/job/util; clauses K-JOB-110..112.
"""

from __future__ import annotations

from jobsim.api._struct import Time
from jobsim.api.batch import Job
from jobsim.api.meta import Condition
from jobsim.units import floor_second

SUSPENDED = "Suspended"
FAILURE_TARGET = "FailureTarget"
FAILED = "Failed"
SUCCESS_CRITERIA_MET = "SuccessCriteriaMet"
COMPLETE = "Complete"

#: Reason and message by what decided the end.
BACKOFF_LIMIT = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
DEADLINE = ("DeadlineExceeded", "Job was active longer than specified deadline")
MAX_FAILED_INDEXES = (
    "MaxFailedIndexesExceeded",
    "Job has exceeded the specified maximal number of failed indexes",
)
FAILED_INDEXES = ("FailedIndexes", "Job has failed indexes")
COMPLETIONS_REACHED = ("CompletionsReached", "Reached expected number of succeeded pods")
POD_FAILURE_POLICY = "PodFailurePolicy"
SUCCESS_POLICY = "SuccessPolicy"
JOB_SUSPENDED = ("JobSuspended", "Job suspended")
JOB_RESUMED = ("JobResumed", "Job resumed")


def new(type_: str, status: str, reason: str, message: str, now: int) -> Condition:
    """Return a condition as of now; both times in whole seconds (K-JOB-112)."""
    time = Time(floor_second(now))
    return Condition(
        type=type_,
        status=status,
        last_probe_time=time,
        last_transition_time=time,
        reason=reason,
        message=message,
    )


def ensure(conditions: tuple[Condition, ...], wanted: Condition) -> tuple[Condition, ...]:
    """Return conditions with one of them as wanted; the same tuple if nothing changed.

    A condition that is there with the same status, reason and message keeps its times.  False is
    never added from nothing (K-JOB-82).
    """
    for position, old in enumerate(conditions):
        if old.type == wanted.type:
            same = (old.status, old.reason, old.message) == (wanted.status, wanted.reason, wanted.message)
            if same:
                return conditions
            return (*conditions[:position], wanted, *conditions[position + 1 :])
    if wanted.status == "False":
        return conditions
    return (*conditions, wanted)


def find_true(conditions: tuple[Condition, ...], type_: str) -> Condition | None:
    """Return the first condition of a type if it is True, or None."""
    for condition in conditions:
        if condition.type == type_:
            return condition if condition.status == "True" else None
    return None


def finished(job: Job) -> bool:
    """Tell whether a Job is Complete or Failed."""
    for condition in job.status.conditions:
        if condition.status == "True" and condition.type in (COMPLETE, FAILED):
            return True
    return False
