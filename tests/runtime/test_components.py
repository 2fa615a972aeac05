"""The controllers of a run beside each other: who comes first where all act in one instant."""

from __future__ import annotations

from tests.runtime.lab import Lab, jobset


def test_a_job_lets_go_of_its_pods_before_they_are_collected() -> None:
    """K-JOB-123, K-JOB-125: the collector asks the server first, so a Job that goes counts no failures."""
    failing = {"match": {"jobIndex": 0, "attempt": 0}, "run": "3s", "exit": 1}
    lab = Lab(
        jobset(jobs=3, failurePolicy={"maxRestarts": 1}),
        pods=[failing, {"match": {}, "run": "9s", "stop": "0s"}],
    )
    assert lab.js().status.terminal_state == "Completed"
    about = [row["about"]["name"] for row in lab.rows if row.get("reason") == "BackoffLimitExceeded"]
    assert about == ["train-w-0"]
