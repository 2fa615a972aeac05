"""JobSets that are to restart in place without anybody who would (C-AGT-01)."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.scenario import Scenario
from jobsim.scenario.build import build
from jobsim.scenario.in_place import without_agent
from jobsim.scenario.manifests import Manifest
from tests.runtime.in_place import in_place_jobset


def bare_jobset() -> dict[str, Any]:
    manifest = in_place_jobset()
    del manifest["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]["initContainers"]
    return manifest


@pytest.mark.parametrize(
    ("doc", "said"),
    [
        (in_place_jobset(), False),
        (in_place_jobset("main"), False),
        (bare_jobset(), True),
        (in_place_jobset(failurePolicy={"restartStrategy": "Recreate"}), False),
        ({**bare_jobset(), "apiVersion": "example.com/v1"}, False),
        ({**bare_jobset(), "kind": "Job"}, False),
        (
            {**bare_jobset(), "spec": {"failurePolicy": {"restartStrategy": "InPlaceRestart"}, "suspend": 1}},
            False,
        ),
        ({**bare_jobset(), "spec": {"failurePolicy": 3}}, False),
        ({**bare_jobset(), "spec": 3}, False),
    ],
)
def test_who_is_told(doc: dict[str, Any], said: bool) -> None:
    texts = without_agent([Manifest(at=0, data=doc)])
    assert bool(texts) == said
    if said:
        assert texts[0].startswith("JobSet train is to restart in place, but the pods of w have no in-place")


@pytest.mark.parametrize("gate", [True, False])
def test_it_is_said_before_a_run(gate: bool) -> None:
    """Without the gate the JobSet is refused anyway."""
    scenario = Scenario(manifests=[bare_jobset()], jobset={"gates": {"InPlaceRestart": gate}})
    _, notes = build(scenario, strict=False, check_invariants=False)
    assert any("in-place restart agent" in note for note in notes) == gate
