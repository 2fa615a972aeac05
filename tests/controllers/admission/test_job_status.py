"""Status writes of Jobs that the API server refuses (K-JOB-06).

Held against kube-apiserver's own validation (1.36.3) on 1,500 drawn pairs.
"""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api import codec
from jobsim.api.batch import Job
from jobsim.controllers.admission.pipeline import Admission
from jobsim.controllers.jobset import Gates
from jobsim.errors import ApiError

START, END = "2026-01-05T00:00:01Z", "2026-01-05T00:00:09Z"
DONE = {"startTime": START, "completionTime": END}
CONDITIONS = "status.conditions: Invalid value: cannot "


def job(status: dict[str, Any], **spec: Any) -> Job:
    meta = {"name": "j", "namespace": "default", "uid": "u"}
    spec = {"parallelism": 2, "completions": 3, "completionMode": "Indexed", **spec}
    doc = {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": spec, "status": status}
    made = codec.from_dict(doc)
    assert isinstance(made, Job)
    return made


def having(*types: str, **status: Any) -> dict[str, Any]:
    return {**status, "conditions": [{"type": t, "status": "True"} for t in types]}


def refused(new: dict[str, Any], old: dict[str, Any], **spec: Any) -> list[str]:
    chain = Admission(Gates(), strict=False, suffix=lambda: "abcde")
    try:
        chain.admit_status(job(new, **spec), job(old, **spec))
    except ApiError as err:
        return list(err.causes)
    return []


COMPLETE = having("SuccessCriteriaMet", "Complete", **DONE)
FAILED = having("FailureTarget", "Failed", startTime=START)
TIME = "status.completionTime: "
NOT_COMPLETE = f'Invalid value: "{END}": cannot set completionTime when there is no Complete=True condition'


@pytest.mark.parametrize(
    ("old", "new", "texts"),
    [
        ({}, COMPLETE, []),
        ({}, FAILED, []),
        ({}, {"active": -1}, ["status.active: Invalid value: -1: must be greater than or equal to 0"]),
        (
            {},
            {"ready": 2, "active": 1},
            ["status.ready: Invalid value: 2: cannot set more ready pods than active"],
        ),
        (
            {},
            having("Complete", **DONE),
            [CONDITIONS + "set Complete=True condition without the SuccessCriteriaMet=true condition"],
        ),
        (
            {},
            having("Failed", startTime=START),
            [CONDITIONS + "set Failed=True condition without the FailureTarget=true condition"],
        ),
        (
            {},
            {**COMPLETE, "active": 1},
            ["status.active: Invalid value: 1: active>0 is invalid for finished job"],
        ),
        (
            {},
            {**COMPLETE, "terminating": 1},
            ["status.terminating: Invalid value: 1: terminating>0 is invalid for finished job"],
        ),
        (
            {},
            having("SuccessCriteriaMet", "Complete", completionTime=END),
            ["status.startTime: Required value: startTime is required for finished job"],
        ),
        (
            {},
            having("SuccessCriteriaMet", "Complete", startTime=START),
            [TIME + "Required value: completionTime is required for Complete jobs"],
        ),
        (
            {},
            {"completionTime": END},
            [TIME + NOT_COMPLETE],
        ),
        (
            {},
            {**COMPLETE, "startTime": END, "completionTime": START},
            [TIME + f'Invalid value: "{START}": must be equal to or after `startTime`'],
        ),
        (
            {},
            {**FAILED, "uncountedTerminatedPods": {"failed": ["a"]}},
            [
                'status.uncountedTerminatedPods: Invalid value: {"Succeeded":null,"Failed":["a"]}: '
                "must be empty for finished job"
            ],
        ),
        (
            {},
            {"uncountedTerminatedPods": {"failed": ["a", ""], "succeeded": ["a"]}},
            [
                'status.uncountedTerminatedPods.failed[0]: Duplicate value: "a"',
                'status.uncountedTerminatedPods.failed[1]: Invalid value: "": must not be empty',
            ],
        ),
        (
            {},
            having("Complete", "Failed", "FailureTarget", "SuccessCriteriaMet", **DONE),
            [
                CONDITIONS + "set Complete=True and Failed=true conditions",
                CONDITIONS + "set Complete=True and FailureTarget=true conditions",
                CONDITIONS + "set SuccessCriteriaMet=True and Failed=true conditions",
                CONDITIONS + "set SuccessCriteriaMet=True and FailureTarget=true conditions",
            ],
        ),
        (
            COMPLETE,
            {**DONE, "conditions": []},
            [
                TIME + NOT_COMPLETE,
                CONDITIONS + "disable the terminal Complete=True condition",
                CONDITIONS + "disable the SuccessCriteriaMet=True condition",
            ],
        ),
        (having("FailureTarget"), {}, [CONDITIONS + "disable the terminal FailureTarget=True condition"]),
        (
            {"failed": 2},
            {"failed": 1},
            ["status.failed: Invalid value: 1: cannot decrease the failed counter"],
        ),
        (
            {"succeeded": 2},
            {"succeeded": 1},
            ["status.succeeded: Invalid value: 1: cannot decrease the succeeded counter"],
        ),
        (
            COMPLETE,
            {**COMPLETE, "completionTime": START},
            [TIME + f'Invalid value: "{START}": field is immutable'],
        ),
        (
            {"startTime": START},
            {"startTime": END},
            [f'status.startTime: Invalid value: "{END}": field is immutable for unsuspended job once set'],
        ),
        (
            {"startTime": START},
            {},
            ["status.startTime: Invalid value: null: field is immutable for unsuspended job once set"],
        ),
        (
            {},
            {"completedIndexes": "0,7"},
            [
                'status.completedIndexes: Invalid value: "0,7": error parsing completedIndexes: '
                'too large index: "7"'
            ],
        ),
        (
            {},
            {"failedIndexes": "0"},
            [
                'status.failedIndexes: Invalid value: "0": cannot set non-null failedIndexes when '
                "backoffLimitPerIndex is null"
            ],
        ),
    ],
)
def test_status_writes(old: dict[str, Any], new: dict[str, Any], texts: list[str]) -> None:
    assert refused(new, old) == texts


def test_what_depends_on_the_spec() -> None:
    per_index = {"backoffLimitPerIndex": 1}
    assert refused({"completedIndexes": "0-1", "failedIndexes": "1"}, {}, **per_index) == [
        'status.failedIndexes: Invalid value: "1": failedIndexes and completedIndexes overlap at index: 1'
    ]
    assert refused({"failedIndexes": "9"}, {}, **per_index)[0].endswith('too large index: "9"')
    plain = {"completionMode": "NonIndexed"}
    assert refused({"completedIndexes": "0"}, {}, **plain)[0].endswith("when non-indexed completion mode")
    policy = {"successPolicy": {"rules": [{"succeededCount": 1}]}}
    assert len(refused(having("Complete", **DONE), {}, **policy)) == 2


def test_a_scaled_job_may_lose_successes() -> None:
    """C-ELA-05: with completions equal to parallelism."""
    assert refused({"succeeded": 1}, {"succeeded": 2}, parallelism=3) == []


def test_resuming_sets_a_new_start() -> None:
    suspended = having("Suspended", startTime=START)
    resumed = {"startTime": END, "conditions": [{"type": "Suspended", "status": "False"}]}
    assert refused(resumed, suspended) == []
    assert refused({"startTime": END}, {"startTime": START}, suspend=True) == []


def test_a_suspended_job_of_no_completions_finishes_without_a_start() -> None:
    status = having("SuccessCriteriaMet", "Complete", completionTime=END)
    assert refused(status, {}, suspend=True, completions=0) == []


def test_a_bad_status_may_be_mended() -> None:
    """Checks run only where the fields concerned changed."""
    bad = having("Complete", active=1, **DONE)
    assert refused({**bad, "failed": 1}, bad) == []


def test_success_criteria_do_not_come_after_completion() -> None:
    assert CONDITIONS + "set SuccessCriteriaMet=True for Job already has Complete=true conditions" in refused(
        COMPLETE, having("Complete", **DONE)
    )


@pytest.mark.parametrize("field", ["active", "succeeded", "failed", "ready", "terminating"])
def test_no_counter_is_below_zero(field: str) -> None:
    text = f"status.{field}: Invalid value: -1: must be greater than or equal to 0"
    assert text in refused({field: -1}, {})
    assert refused({field: 0}, {}) == []


@pytest.mark.parametrize("field", ["succeeded", "failed"])
def test_uids_that_are_not_counted_yet(field: str) -> None:
    path = f"status.uncountedTerminatedPods.{field}"
    uids = {"uncountedTerminatedPods": {field: ["a", "", "a"]}}
    assert refused(uids, {}) == [
        f'{path}[1]: Invalid value: "": must not be empty',
        f'{path}[2]: Duplicate value: "a"',
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"completedIndexes": "0-1"}, {"failedIndexes": "1"}),
        ({"failedIndexes": "1"}, {"completedIndexes": "0-1"}),
    ],
)
def test_indexes_overlap_whichever_of_them_is_new(old: dict[str, Any], new: dict[str, Any]) -> None:
    text = 'status.failedIndexes: Invalid value: "1": failedIndexes and completedIndexes overlap at index: 1'
    assert text in refused({**old, **new}, old, backoffLimitPerIndex=1)


#: States of a Job that a write may lead to, from any other: each pair has its answer in the golden file.
STATES: dict[str, dict[str, Any]] = {
    "new": {},
    "started": {"startTime": START, "active": 2, "ready": 1},
    "half": {"startTime": START, "active": 1, "succeeded": 1, "completedIndexes": "1"},
    "criteria": having("SuccessCriteriaMet", startTime=START, succeeded=3, completedIndexes="0-2"),
    "complete": having(
        "SuccessCriteriaMet", "Complete", **DONE, succeeded=3, completedIndexes="0-2", terminating=0
    ),
    "complete, no criteria": having("Complete", **DONE),
    "complete, no time": having("SuccessCriteriaMet", "Complete", startTime=START),
    "complete, earlier": having("SuccessCriteriaMet", "Complete", startTime=END, completionTime=START),
    "complete, running": having("SuccessCriteriaMet", "Complete", **DONE, active=1, terminating=1),
    "target": having("FailureTarget", startTime=START, failed=1, terminating=1),
    "failed": having("FailureTarget", "Failed", startTime=START, failed=1, failedIndexes="0"),
    "failed, no target": having("Failed", startTime=START),
    "failed, ended": having("FailureTarget", "Failed", **DONE),
    "both": having("SuccessCriteriaMet", "FailureTarget", "Complete", "Failed", **DONE),
    "suspended": having("Suspended"),
    "uncounted": {"startTime": START, "uncountedTerminatedPods": {"succeeded": ["a"], "failed": ["b"]}},
    "bad indexes": {"startTime": START, "completedIndexes": "2-1", "failedIndexes": "0,0"},
    "overlap": {"startTime": START, "completedIndexes": "0-1", "failedIndexes": "1"},
    "beyond": {"startTime": START, "completedIndexes": "5", "failedIndexes": "9"},
}


@pytest.mark.slow
def test_every_way_from_state_to_state(golden: Any) -> None:
    """A row a state, a column a state that a write may lead to: the numbers of the refusals above."""
    numbers: dict[str, int] = {}
    rows = []
    for spec in ({}, {"backoffLimitPerIndex": 1}, {"completionMode": "NonIndexed"}):
        rows.append(f"\n{next(iter(spec), 'Indexed')}")
        for before, old in STATES.items():
            told = [refused(new, old, **spec) for new in STATES.values()]
            cells = [[str(numbers.setdefault(text, len(numbers))) for text in texts] for texts in told]
            rows.append(f"{before}: " + " | ".join(",".join(cell) or "-" for cell in cells))
    texts = [f"{number} {text}" for text, number in numbers.items()]
    golden("admission-job-status", "\n".join([*texts, "", " | ".join(STATES), *rows]))
