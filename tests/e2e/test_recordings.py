"""The recorded runs of a real control plane come out of the ring as they were."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobsim.cli.conform import difference
from jobsim.e2e.case import parse
from jobsim.e2e.compare import comparable
from jobsim.e2e.forms import ALL_FORMS
from jobsim.e2e.runner import play
from jobsim.testing.conformance import read_cases, run_case
from tests.conftest import shared_files

RECORDINGS = shared_files("conformance/e2e", "*.json")


@pytest.mark.parametrize("file", RECORDINGS, ids=lambda file: file.stem)
def test_recording(file: Path) -> None:
    (case,) = read_cases(file)
    result = run_case(case, ALL_FORMS)
    assert result.passed, "\n".join(difference(result))


def happenings(truth: dict[str, object]) -> list[dict[str, object]]:
    """Return what happened to JobSets, in order, without times."""
    timeline = truth["timeline"]
    assert isinstance(timeline, list)
    return [{k: v for k, v in row.items() if k != "t"} for row in timeline if row["do"].startswith("jobset")]


@pytest.mark.parametrize("file", RECORDINGS, ids=lambda file: file.stem)
def test_what_happened_to_jobsets_came_in_the_recorded_order(file: Path) -> None:
    """Not compared by ``conform``: two recordings may differ in it.  Here they do not."""
    document = json.loads(file.read_bytes())
    assert happenings(play(parse(document))) == happenings(document["truth"])


def test_no_recording_passes_for_another() -> None:
    """What is compared is enough to tell the recordings of JobSets of one name apart."""
    truths = [json.loads(file.read_bytes())["truth"] for file in RECORDINGS]
    alike = [comparable(truth, ()) for truth in truths if "a" in truth["jobsets"]]
    assert all(a != b for i, a in enumerate(alike) for b in alike[:i])
