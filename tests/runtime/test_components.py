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


def test_the_collectors_questions_take_tokens() -> None:
    """K-TIM-02: for each pod one for the pod, one for the delete; its Job's absence is asked about once."""
    limits = {"job": {"qps": 0}, "scheduler": {"qps": 0}, "garbage-collector": {"qps": 10, "burst": 1}}
    lab = Lab(
        jobset(pods=10),
        control={"api": limits},
        pods=[{"match": {}, "run": "forever", "stop": "0s"}],
        actions=[{"at": "100s", "delete": "jobset/train"}],
    )
    assert not lab.pods()
    # Job: itself, its owner, the delete; Service alike, less the owner; then the pods.
    tokens = 3 + 2 + 10 * 2 + 1
    assert round(lab.stop.at / 1e9 - 100, 1) == (tokens - 1) / 10
