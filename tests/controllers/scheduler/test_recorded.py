"""Cycles of the real scheduler (kube-scheduler 1.36.3)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from jobsim.errors import InputError
from jobsim.testing.conformance_scheduler import run_cycle


def test_recorded_cycles(shared_path: Callable[..., Path]) -> None:
    """Feasible nodes, reasons, scores, message, victims and nominated node, in every case."""
    with gzip.open(shared_path("conformance", "scheduler_cases.jsonl.gz"), "rt") as file:
        cases = [json.loads(line) for line in file]
    verdicts = {case["case"]: run_cycle(case) for case in cases}
    assert len(verdicts) > 100
    assert [name for name, verdict in verdicts.items() if verdict.expected != verdict.got] == []


@pytest.mark.parametrize("pod", [None, [], {"spec": {"containers": 3}}])
def test_a_case_that_cannot_be_read_is_an_input_error(pod: object) -> None:
    with pytest.raises(InputError, match="case x"):
        run_cycle({"case": "x", "of": "scheduler-cycle", "pod": pod, "nodes": [], "expect": {}})
