"""What setting a condition changes, and which events follow."""

from __future__ import annotations

import pytest

from jobsim.api.jobset import JobSetStatus
from jobsim.api.meta import Condition
from jobsim.controllers.jobset import Gates, conditions
from jobsim.controllers.jobset.conditions import (
    ALL_COMPLETED,
    IN_ORDER_COMPLETED,
    IN_ORDER_IN_PROGRESS,
    JOBS_READY,
    RESUMED_JOBS,
    SUSPENDED_JOBS,
    Setting,
)
from jobsim.controllers.jobset.draft import Draft
from jobsim.testing import make_condition, make_jobset
from jobsim.units import seconds

NOW = seconds(100.7)


def setting_of(condition: Condition) -> tuple[str, str, str, str]:
    return condition.type, condition.status, condition.reason, condition.message


def apply(stored: list[Condition], setting: Setting) -> Draft:
    status = JobSetStatus(restarts=0, conditions=tuple(stored))
    draft = Draft(make_jobset("train", status=status), NOW, Gates())
    conditions.set_condition(draft, setting)
    return draft


def stored(setting: Setting, **changes: str) -> Condition:
    fields = {**setting._asdict(), **changes}
    return make_condition(
        fields["type"], fields["status"], at=seconds(5), reason=fields["reason"], message=fields["message"]
    )


def test_a_true_condition_is_appended_with_whole_seconds() -> None:
    """C-CND-12d, C-CND-14, C-CND-15."""
    draft = apply([stored(JOBS_READY)], SUSPENDED_JOBS)
    assert [c.type for c in draft.conditions] == ["RestartingJobSet", "Suspended"]
    assert draft.conditions[1].last_transition_time == seconds(100)
    assert draft.dirty
    (event,) = draft.events
    assert (event.type, event.reason, event.message) == ("Normal", "SuspendedJobs", "jobset is suspended")


@pytest.mark.parametrize("setting", [RESUMED_JOBS, JOBS_READY])
def test_a_false_condition_is_never_created(setting: Setting) -> None:
    """C-CND-12d."""
    draft = apply([], setting)
    assert (draft.conditions, draft.dirty, draft.events) == ([], False, [])


def test_another_status_replaces_it_with_a_new_time() -> None:
    """C-CND-12a."""
    draft = apply([stored(SUSPENDED_JOBS)], RESUMED_JOBS)
    (condition,) = draft.conditions
    assert setting_of(condition) == ("Suspended", "False", "ResumeJobs", "jobset is resumed")
    assert condition.last_transition_time == seconds(100)


@pytest.mark.parametrize("change", [{"reason": "Other"}, {"message": "other"}])
def test_another_reason_or_message_keeps_the_time(change: dict[str, str]) -> None:
    """C-CND-12b."""
    draft = apply([stored(SUSPENDED_JOBS, **change)], SUSPENDED_JOBS)
    (condition,) = draft.conditions
    assert setting_of(condition)[2:] == ("SuspendedJobs", "jobset is suspended")
    assert condition.last_transition_time == seconds(5)
    assert [event.reason for event in draft.events] == ["SuspendedJobs"]


def test_an_identical_condition_changes_nothing() -> None:
    """C-CND-12c."""
    draft = apply([stored(SUSPENDED_JOBS)], SUSPENDED_JOBS)
    assert (draft.dirty, draft.events) == (False, [])


@pytest.mark.parametrize(
    ("held", "new"), [(IN_ORDER_IN_PROGRESS, IN_ORDER_COMPLETED), (IN_ORDER_COMPLETED, IN_ORDER_IN_PROGRESS)]
)
def test_startup_conditions_exclude_each_other_in_place(held: Setting, new: Setting) -> None:
    """C-STA-04, C-CND-13: only the status flips, without an event of its own."""
    draft = apply([stored(held)], new)
    old, added = draft.conditions
    assert setting_of(old) == (held.type, "False", held.reason, held.message)
    assert old.last_transition_time == seconds(5)
    assert added.type == new.type
    assert [event.reason for event in draft.events] == [new.reason]


def test_a_flip_of_the_other_is_a_change_even_if_the_condition_is_identical() -> None:
    draft = apply([stored(IN_ORDER_COMPLETED), stored(IN_ORDER_IN_PROGRESS)], IN_ORDER_IN_PROGRESS)
    assert [c.status for c in draft.conditions] == ["False", "True"]
    assert [event.reason for event in draft.events] == ["InOrderStartupPolicyInProgress"]


def test_a_false_start_condition_excludes_nothing() -> None:
    draft = apply([stored(IN_ORDER_COMPLETED, status="False")], IN_ORDER_IN_PROGRESS)
    assert [c.status for c in draft.conditions] == ["False", "True"]


@pytest.mark.parametrize(
    ("restarting", "reasons"),
    [
        ([], ["AllJobsCompleted"]),
        ([make_condition("RestartingJobSet", reason="x")], ["AllJobsCompleted", "JobSetCompleted"]),
    ],
)
def test_finishing_sets_state_metric_and_events(restarting: list[Condition], reasons: list[str]) -> None:
    """C-CND-16, C-CND-19, C-MET-01."""
    status = JobSetStatus(restarts=0, conditions=tuple(restarting))
    draft = Draft(make_jobset("train", status=status), NOW, Gates())
    conditions.finish(draft, ALL_COMPLETED, conditions.RESTART_COMPLETED)
    assert [event.reason for event in draft.events] == reasons
    assert (draft.terminal_state, draft.metrics) == ("Completed", ["jobset_completed_total"])


def test_the_first_true_condition_of_the_list_finishes() -> None:
    """C-TTL-03."""
    both = [
        make_condition("Failed", "False"),
        make_condition("Completed", at=1),
        make_condition("Failed", at=2),
    ]
    draft = Draft(make_jobset("t", status=JobSetStatus(restarts=0, conditions=tuple(both))), NOW, Gates())
    found = conditions.finished(draft)
    assert found is not None
    assert found.type == "Completed"
