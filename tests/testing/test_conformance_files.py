"""Files of recorded cases: how they are read, what a report counts."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from jobsim.errors import InputError
from jobsim.testing.conformance import Count, read_cases, run_files

GONE: dict[str, Any] = {
    "case": "ours",
    "of": "jobset-reconcile",
    "now": "2026-01-05T00:00:00Z",
    "request": {"namespace": "ns", "name": "t"},
    "expect": {"requeueAfterSeconds": None, "error": False},
}
POD: dict[str, Any] = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {}}
LET_IN: dict[str, Any] = {"case": "d", "of": "pod-validate", "object": POD, "expect": {"allowed": True}}


def write(path: Path, *cases: dict[str, Any], zipped: bool = False) -> Path:
    text = "".join(json.dumps(case) + "\n\n" for case in cases).encode()
    path.write_bytes(gzip.compress(text) if zipped else text)
    return path


@pytest.mark.parametrize("zipped", [False, True])
def test_files_are_plain_or_gzip(tmp_path: Path, zipped: bool) -> None:
    path = write(tmp_path / "cases", {**GONE, "case": "a"}, {**GONE, "case": "b"}, zipped=zipped)
    assert [case["case"] for case in read_cases(path)] == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b'{"case": "a"}\n{"case"', 2),
        (b"[]\n", 1),
        (b"\xff\xfe\n", 1),
        (b"[" * 200_000 + b"\n", 1),
        (gzip.compress(b"x" * 1000, mtime=0)[:-20], None),
        (b"\x1f\x8b" + b"no gzip", None),
        (gzip.compress(b"x", mtime=0)[:10] + b"\xff\xff\xff\xff", None),
    ],
)
def test_a_line_that_cannot_be_read_is_an_input_error(
    tmp_path: Path, content: bytes, line: int | None
) -> None:
    path = tmp_path / "cases"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        list(read_cases(path))
    assert (caught.value.file, caught.value.line) == (str(path), line)


@pytest.mark.parametrize("missing", ["nothing", "."])
def test_a_file_that_is_not_there_is_an_input_error(tmp_path: Path, missing: str) -> None:
    with pytest.raises(InputError):
        list(read_cases(tmp_path / missing))


def test_a_report_counts_by_form(tmp_path: Path) -> None:
    bad = {**GONE, "case": "bad", "expect": {"error": True}}
    first = write(tmp_path / "a", GONE, bad, {"case": "x", "of": "new", "expect": {}})
    second = write(tmp_path / "b", LET_IN, zipped=True)
    report = run_files([first, second])
    assert report.forms == {
        "jobset-reconcile": Count(passed=1, failed=1),
        "new": Count(skipped=1),
        "pod-validate": Count(passed=1),
    }
    assert (report.failed, report.total) == (["bad"], Count(2, 1, 1))
    assert run_files([first, second], fail_fast=True).total == Count(1, 1, 0)
    assert run_files([first, second], only="d").total == Count(1, 0, 0)
    assert run_files([]).total == Count()
    with pytest.raises(InputError, match="no case is called 'z'"):
        run_files([first], only="z")


def test_a_bad_case_is_named_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a", GONE, {**GONE, "now": "noon"})
    with pytest.raises(InputError) as caught:
        run_files([path])
    assert (caught.value.file, caught.value.line) == (str(path), 3)
