"""Section expect: every key, held against a summary."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.scenario.expect import as_rows, evaluate
from jobsim.scenario.load import Scenario

SUMMARY: dict[str, Any] = {
    "pods": {"created": 128, "succeeded": 64, "failed": 1, "deleted": 64},
    "jobsets": [
        {
            "namespace": "default",
            "name": "train",
            "terminalState": "Failed",
            "restarts": 9,
            "restartsCountTowardsMax": 9,
            "ettr": 0.1,
        },
        {
            "namespace": "default",
            "name": "train",
            "terminalState": "Completed",
            "restarts": 2,
            "restartsCountTowardsMax": 1,
            "ettr": 0.8712345678,
        },
        {
            "namespace": "team",
            "name": "train",
            "terminalState": "",
            "restarts": 0,
            "restartsCountTowardsMax": 0,
            "ettr": 0.0,
        },
    ],
}

#: An expectation, whether each of its parts holds, the text of the last.
CASES: list[tuple[dict[str, Any], list[bool], str]] = [
    ({"jobset": "train", "terminalState": "Completed"}, [True], "jobset train: terminalState Completed"),
    (
        {"jobset": "train", "terminalState": "Failed"},
        [False],
        "jobset train: terminalState Failed, is Completed",
    ),
    (
        {"jobset": "train", "terminalState": ""},
        [False],
        "jobset train: terminalState none (not finished), is Completed",
    ),
    (
        {"jobset": "train", "namespace": "team", "terminalState": ""},
        [True],
        "jobset team/train: terminalState none (not finished)",
    ),
    (
        {"jobset": "train", "namespace": "team", "terminalState": "Completed"},
        [False],
        "jobset team/train: terminalState Completed, is none (not finished)",
    ),
    ({"jobset": "train", "restarts": 2}, [True], "jobset train: restarts 2"),
    ({"jobset": "train", "restarts": 9}, [False], "jobset train: restarts 9, is 2"),
    (
        {"jobset": "train", "restarts": {"atLeast": 1, "atMost": 2}},
        [True],
        "jobset train: restarts at least 1 and at most 2, is 2",
    ),
    ({"jobset": "train", "restarts": {"atMost": 1}}, [False], "jobset train: restarts at most 1, is 2"),
    (
        {"jobset": "train", "restartsCountTowardsMax": 2},
        [False],
        "jobset train: restartsCountTowardsMax 2, is 1",
    ),
    ({"jobset": "train", "ettr": {"atLeast": 0.9}}, [False], "jobset train: ettr at least 0.9, is 0.871235"),
    ({"jobset": "train", "ettr": {"atLeast": 0.87}}, [True], "jobset train: ettr at least 0.87, is 0.871235"),
    (
        {"jobset": "train", "terminalState": "Completed", "restarts": 1, "ettr": {"atMost": 1}},
        [True, False, True],
        "jobset train: ettr at most 1, is 0.871235",
    ),
    ({"jobset": "nobody", "restarts": 0}, [False], "jobset nobody: exists, is not there"),
    ({"jobset": "train"}, [True], "jobset train: exists"),
    ({"jobset": "nobody"}, [False], "jobset nobody: exists, is not there"),
    ({"pods": {"failed": 1, "created": {"atMost": 127}}}, [True, False], "pods: created at most 127, is 128"),
    (
        {"pods": {"succeeded": 64, "deleted": {"atLeast": 64}}},
        [True, True],
        "pods: deleted at least 64, is 64",
    ),
]


@pytest.mark.parametrize(("wish", "holds", "text"), CASES)
def test_expectation(wish: dict[str, Any], holds: list[bool], text: str) -> None:
    verdicts = evaluate(Scenario(expect=[wish]).expect, SUMMARY)
    assert [verdict.ok for verdict in verdicts] == holds
    assert verdicts[-1].text == text


def test_rows_are_plain_data() -> None:
    [row] = as_rows(evaluate(Scenario(expect=[{"pods": {"failed": 0}}]).expect, SUMMARY))
    assert row == {
        "subject": "pods",
        "key": "failed",
        "expected": "0",
        "found": "1",
        "ok": False,
        "text": "pods: failed 0, is 1",
    }


def test_nothing_expected_nothing_said() -> None:
    assert evaluate((), SUMMARY) == []
