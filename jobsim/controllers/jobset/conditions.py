"""The conditions of a JobSet: what each says, and what setting one changes.

Source: jobset pkg/controllers/jobset_controller.go updateCondition, setCondition @08dfbdfd;
C-CND-01..19, C-STA-04.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from jobsim.api._struct import Time, replace
from jobsim.api.meta import Condition
from jobsim.controllers.jobset.draft import Draft
from jobsim.units import floor_second

COMPLETED, FAILED, SUSPENDED = "Completed", "Failed", "Suspended"
RESTARTING = "RestartingJobSet"
STARTUP_IN_PROGRESS, STARTUP_COMPLETED = "StartupPolicyInProgress", "StartupPolicyCompleted"
_EXCLUSIVE = {STARTUP_IN_PROGRESS: STARTUP_COMPLETED, STARTUP_COMPLETED: STARTUP_IN_PROGRESS}

Status = Literal["True", "False"]


class Setting(NamedTuple):
    """One row of the table of conditions (C-CND-01..11)."""

    type: str
    status: Status
    reason: str
    message: str
    event_type: Literal["Normal", "Warning"] = "Normal"


ALL_COMPLETED = Setting(COMPLETED, "True", "AllJobsCompleted", "jobset completed successfully")
SUSPENDED_JOBS = Setting(SUSPENDED, "True", "SuspendedJobs", "jobset is suspended")
RESUMED_JOBS = Setting(SUSPENDED, "False", "ResumeJobs", "jobset is resumed")
JOBS_READY = Setting(RESTARTING, "False", "JobsReady", "all jobs are ready")
RESTART_COMPLETED = Setting(RESTARTING, "False", "JobSetCompleted", "jobset completed successfully")
RESTART_FAILED = Setting(RESTARTING, "False", "JobSetFailed", "jobset failed")
RESTART_SUSPENDED = Setting(RESTARTING, "False", "JobSetSuspended", "jobset is suspended")
IN_ORDER_IN_PROGRESS = Setting(
    STARTUP_IN_PROGRESS, "True", "InOrderStartupPolicyInProgress", "in order startup policy is in progress"
)
IN_ORDER_COMPLETED = Setting(
    STARTUP_COMPLETED, "True", "InOrderStartupPolicyCompleted", "in order startup policy has completed"
)

#: Counters by terminal state (C-MET-01).
METRICS = {COMPLETED: "jobset_completed_total", FAILED: "jobset_failed_total"}


def set_condition(draft: Draft, setting: Setting) -> None:
    """Set a condition; a change marks the status dirty and queues the condition's event (C-CND-12)."""
    if _update(draft.conditions, setting, Time(floor_second(draft.now))):
        draft.dirty = True
        draft.queue_event(setting.event_type, setting.reason, setting.message)


def _update(conditions: list[Condition], setting: Setting, now: Time) -> bool:
    """Change the list in place; return whether anything changed.

    The time of transition is carried from entry to entry, as upstream's one variable is: with a
    type that occurs twice the second entry gets the time that the first one kept.
    """
    new = Condition(
        type=setting.type,
        status=setting.status,
        reason=setting.reason,
        message=setting.message,
        last_transition_time=now,
    )
    found = changed = False
    for position, old in enumerate(conditions):
        if old.type == setting.type:
            found = True
            if old.status != new.status:
                conditions[position] = new
                changed = True
            elif (old.reason, old.message) != (new.reason, new.message):
                new = replace(new, last_transition_time=old.last_transition_time)
                conditions[position] = new
                changed = True
        elif old.type == _EXCLUSIVE.get(setting.type) and old.status == new.status == "True":
            # C-STA-04: only the status flips; reason, message and time stay.
            conditions[position] = replace(old, status="False")
            changed = True
    if not found and new.status == "True":
        conditions.append(new)
        changed = True
    return changed


def finish(draft: Draft, setting: Setting, restarting: Setting) -> None:
    """Set Completed or Failed with all that goes with it (C-CND-16, C-CND-19, C-MET-02)."""
    set_condition(draft, setting)
    set_condition(draft, restarting)
    draft.terminal_state = setting.type
    draft.metrics.append(METRICS[setting.type])


def fail(draft: Draft, reason: str, message: str) -> None:
    """Set Failed (C-CND-02)."""
    finish(draft, Setting(FAILED, "True", reason, message, "Warning"), RESTART_FAILED)


def finished(draft: Draft) -> Condition | None:
    """Return the first condition that says the JobSet is finished, if any."""
    for condition in draft.conditions:
        if condition.status == "True" and condition.type in (COMPLETED, FAILED):
            return condition
    return None
