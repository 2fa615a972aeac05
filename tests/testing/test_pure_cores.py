"""Cores are pure: what they are given stays as it was, and its order means nothing where it means nothing.

A spread of the recorded decisions is made again, each from an input that was checked before and after,
and from the same facts in another order; the answer must be the recorded one each time.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jobsim.api import codec
from jobsim.api.meta import Object
from jobsim.api.plan import Plan
from jobsim.controllers import job
from jobsim.testing import conformance_case
from jobsim.testing.conformance import run_case
from tests.testing.recorded import PARTS, canonical, cases, digest, episodes, part, shuffled, spread

ROOT = Path(__file__).resolve().parents[2]


def wire(obj: Object) -> str:
    return json.dumps(codec.to_dict(obj))


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Object, str]]:
    """Return the objects that cores are given, each with its text at that time."""
    given: list[tuple[Object, str]] = []
    decode = conformance_case._object

    def watched(*args: Any) -> Object:
        obj = decode(*args)
        given.append((obj, wire(obj)))
        return obj

    monkeypatch.setattr(conformance_case, "_object", watched)
    return given


@pytest.mark.slow
@pytest.mark.parametrize("number", range(PARTS))
def test_nothing_that_was_read_is_changed(number: int, handed: list[tuple[Object, str]]) -> None:
    for case in part(number):
        before = json.dumps(case)
        handed.clear()
        result = run_case(case)
        assert result.passed, case["case"]
        assert json.dumps(case) == before, case["case"]
        changed = [obj.key for obj, text in handed if wire(obj) != text]
        assert not changed, case["case"]


@pytest.mark.slow
@pytest.mark.parametrize("number", range(PARTS))
def test_order_that_means_nothing_changes_nothing(number: int) -> None:
    """Children, labels, maps, and lists that are sets upstream (C-BKT-06, C-CND-14 aside)."""
    draw = random.Random(number)
    for case in part(number):
        other = shuffled(case, draw)
        other["expect"] = case["expect"]
        if "cache" in other:
            draw.shuffle(other["cache"])
        result = run_case(other)
        assert canonical(result.got) == canonical(result.expected), case["case"]


@pytest.mark.slow
def test_cores_answer_alike_in_every_process() -> None:
    """No answer hangs on the order of a set or on the hash of a string."""
    chosen = [*spread()[::3], *episodes(), *cases("scheduler_cases")[::4]]
    here = digest(chosen)
    lines = "\n".join(map(json.dumps, chosen))
    words = [sys.executable, "-m", "tests.testing.recorded"]
    for seed in ("0", "1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        made = subprocess.run(
            words, cwd=ROOT, env=environment, input=lines, stdout=subprocess.PIPE, text=True
        )
        assert made.stdout == here, seed


@pytest.mark.slow
def test_a_jobs_sync_changes_nothing_that_it_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects, expectations and back-off records of a sync are the same after it."""
    syncs = [0]
    decide = job.reconcile

    def watched(seen: job.Seen, now: int) -> Plan:
        before = repr(seen)
        plan = decide(seen, now)
        assert repr(seen) == before
        syncs[0] += 1
        return plan

    monkeypatch.setattr(job, "reconcile", watched)
    for case in episodes():
        assert run_case(case).passed
    assert syncs[0] > 100


def test_the_spread_is_wide() -> None:
    chosen = spread()
    assert len(chosen) > 1_000
    assert sum(bool(case.get("faults")) for case in chosen) > 200


def test_another_order_is_another_order() -> None:
    case = {"a": 1, "b": {"c": 2, "d": 3}, "conditions": [{"type": "A"}, {"type": "B"}, {"type": "C"}]}
    made = {json.dumps(shuffled(case, random.Random(seed))) for seed in range(20)}
    assert len(made) > 10
    assert all(canonical(json.loads(text)) == canonical(case) for text in made)
    ended = {"conditions": [{"type": "Failed"}, {"type": "Complete"}]}
    assert all(shuffled(ended, random.Random(seed)) == ended for seed in range(9))
