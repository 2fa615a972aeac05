"""``jobsim conform``: counts, exit code, differences, one case by its id."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from jobsim.api.codec import to_dict
from jobsim.controllers.admission.jobset_default import default
from jobsim.testing import make_jobset
from tests.cli.conftest import Jobsim
from tests.conftest import shared_path

BARE = make_jobset("train")
GOOD = {
    "case": "good",
    "of": "jobset-default",
    "upstream": "v0.12.0",
    "object": to_dict(BARE),
    "expect": {"object": to_dict(default(BARE))},
}
BAD = {**GOOD, "case": "bad", "expect": {"object": {**to_dict(BARE), "kind": "Banana"}}}
UNKNOWN = {"case": "later", "of": "kueue-cycle", "expect": {}}


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    file = tmp_path / "cases.jsonl.gz"
    file.write_bytes(gzip.compress("\n".join(map(json.dumps, (GOOD, BAD, UNKNOWN))).encode()))
    return file


def test_counts_per_form(jobsim: Jobsim, cases: Path) -> None:
    result = jobsim("conform", cases)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "FAILED jobset-default bad",
        "jobset-default: 1 passed, 1 failed",
        "kueue-cycle: 0 passed, 0 failed, 1 skipped (form not known)",
        "1 passed, 1 failed, 1 skipped",
    ]


def test_only_and_diff(jobsim: Jobsim, cases: Path) -> None:
    good = jobsim("conform", cases, "--only", "good")
    assert (good.exit_code, good.stdout) == (0, "jobset-default: 1 passed, 0 failed\n1 passed, 0 failed\n")
    bad = jobsim("conform", cases, "--only", "bad", "--diff")
    assert bad.exit_code == 1
    assert '  - "kind": "Banana",' in bad.stdout
    assert '  + "kind": "JobSet",' in bad.stdout
    none = jobsim("conform", cases, "--only", "x")
    assert (none.exit_code, none.stderr) == (2, "error: no case is called 'x'\n")


def test_json_and_fail_fast(jobsim: Jobsim, cases: Path) -> None:
    result = jobsim("conform", cases, "--output", "json", "--fail-fast", "--diff")
    data = json.loads(result.stdout)
    assert result.exit_code == 1
    assert data["total"] == {"passed": 1, "failed": 1, "skipped": 0}
    [failure] = data["failures"]
    assert (failure["case"], failure["expected"]["kind"]) == ("bad", "Banana")


def test_skipped_alone_is_no_failure(jobsim: Jobsim, tmp_path: Path) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text(json.dumps(UNKNOWN))
    assert jobsim("conform", file).exit_code == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "{file}:1: no JSON: "),
        ("[]", "{file}:1: a case is a JSON object"),
        ('{"case": "a"}', "{file}:1: "),
    ],
)
def test_broken_file(jobsim: Jobsim, tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text(text)
    result = jobsim("conform", file)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: " + said.replace("{file}", str(file)))


def test_recorded_webhooks(jobsim: Jobsim) -> None:
    result = jobsim("conform", shared_path("conformance", "webhooks.jsonl.gz"))
    assert result.exit_code == 0, result.stdout
    assert result.stdout.splitlines()[-1].endswith(" passed, 0 failed")
