"""Files of hostile documents through the command line: an answer with file and line, never a traceback."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Jobsim
from tests.controllers.admission.hostile import FOLLOWER, HOSTILE, JOB, JOBSET, paths, put

#: Every so many places of each document, each with another value.
EVERY = 9
#: Without a gate.
PLAIN = put(JOBSET, ("spec", "failurePolicy", "rules", 0, "action"), "FailJobSet")


@pytest.fixture
def _any_number() -> Any:
    """Let Python write a number of thousands of digits, as a user's editor does."""
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    yield
    sys.set_int_max_str_digits(before)


def write(path: Path, doc: dict[str, Any]) -> None:
    path.write_text(json.dumps(doc), encoding="utf-8")


@pytest.mark.slow
@pytest.mark.usefixtures("_any_number")
@pytest.mark.parametrize("doc", [PLAIN, JOB, FOLLOWER], ids=lambda doc: str(doc["kind"]))
def test_validate(jobsim: Jobsim, tmp_path: Path, doc: dict[str, Any]) -> None:
    kinds = [kind for kind in HOSTILE if kind != "too deep"]
    file = tmp_path / "m.json"
    codes = set()
    for number, path in enumerate(list(paths(doc))[::EVERY]):
        kind = kinds[number % len(kinds)]
        write(file, put(doc, path, HOSTILE[kind]))
        began = time.process_time()
        result = jobsim("validate", file)
        assert time.process_time() - began < 2, (path, kind)
        codes.add(result.exit_code)
        assert result.exit_code in (0, 1, 2), (path, kind, result.output[:200])
        if result.exit_code:
            assert f"{file}:" in result.stderr, (path, kind)
            assert not {"\x00", "\x1b", "\x7f"} & set(result.stderr), (path, kind)
    assert codes >= {0, 1}
