"""Recorded episodes of the real Job controller (v1.36.3)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from jobsim.testing.conformance import run_files


def test_every_recorded_episode_agrees(shared_path: Callable[..., Path]) -> None:
    report = run_files([shared_path("conformance", "job_episodes.jsonl.gz")])
    assert report.failed == []
    assert report.forms["job-episode"].passed > 0
