"""Runs that cannot be read say why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jobsim.e2e.forms import ALL_FORMS
from jobsim.e2e.runner import run_e2e
from jobsim.errors import InputError
from jobsim.testing.conformance import run_files
from tests.e2e.runs import document, jobset, run, step


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({"until": {}}, "run own cannot be read: {} is of no known form (allowed: at, after, stable, "),
        ({"until": {"at": "soon"}}, "run own cannot be read: "),
        (
            {"until": {"pods": {"colour": 1}}},
            "run own cannot be read: match: colour is not compared (allowed: ",
        ),
        ({"until": {"ready": 3}}, "run own cannot be read: "),
        ({"behaviour": [{"match": {"node": "x"}}]}, "run own cannot be read: match: node is not compared"),
        (
            {"script": [{"when": {"at": 1}, "do": {"dance": 1}}]},
            "run own cannot be read: {'dance': 1} is of no",
        ),
        ({"script": [{"do": {"note": ""}}]}, "run own cannot be read: no 'when'"),
        ({"nodes": [{"spec": 3}]}, "run own cannot be read: Expected `object`, got `int`"),
        ({"manifests": [3]}, "run own cannot be read: "),
        ({"truth": 3}, "run own cannot be read: "),
        ({"truth": {"jobs": [3]}}, "run own: its truth cannot be read: "),
        ({"script": [step({"finishPods": {}, "conditions": 3}, at=1)]}, "step {'finishPods': {}, "),
        (
            {"script": [step({"deleteNodeOf": {"jobIndex": 9}}, at=1)]},
            "step {'deleteNodeOf': {'jobIndex': 9}}",
        ),
    ],
)
def test_bad_runs(parts: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError) as caught:
        run_e2e(document(jobset(), **parts))
    assert str(caught.value).startswith(text)


def test_a_file_of_one_run_is_a_case(tmp_path: Path) -> None:
    file = tmp_path / "own.json"
    file.write_text(
        json.dumps(document(jobset(), until={"at": 3}, truth=run(jobset(), until={"at": 3})), indent=1)
    )
    report = run_files([file], forms=ALL_FORMS)
    assert (dict(report.forms), report.failed) == ({"e2e": (1, 0, 0)}, [])
    assert run_files([file]).forms["e2e"].skipped == 1
    file.write_text(json.dumps(document(jobset(), truth={}, until={})))
    with pytest.raises(InputError, match=r"own\.json:1: run own cannot be read"):
        run_files([file], forms=ALL_FORMS)


def test_a_json_file_of_anything_else_is_read_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "cases.json"
    file.write_text(
        '{"case": "x", "of": "later", "expect": {}}\n{"case": "y", "of": "later", "expect": {}}\n'
    )
    assert run_files([file], forms=ALL_FORMS).total.skipped == 2
    with pytest.raises(InputError, match="cannot be read"):
        run_files([tmp_path / "nothing.json"])
