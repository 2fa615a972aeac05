"""Every scenario of ours runs, and all that it expects comes true."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobsim.scenario.load import Scenario
from tests.cli.conftest import ROOT, Jobsim

FILES = sorted((ROOT / "scenarios").glob("*.yaml"))
#: More than 2 s of a core.
SLOW = {"gang-2048"}
#: Days of thousands of pods: here only their beginning (in full: jobsim run).
SHORTENED = {"llama3-405b": "90m", "opt-175b": "5d", "rsc-1": "2d", "tpu-multislice-50k": "3s"}


def marked(file: Path) -> object:
    return pytest.param(file, id=file.stem, marks=pytest.mark.slow if file.stem in SLOW else ())


@pytest.mark.parametrize("file", [marked(file) for file in FILES if file.stem not in SHORTENED])
def test_expectations_hold(jobsim: Jobsim, file: Path) -> None:
    result = jobsim("run", file, "--output", "json")
    assert result.exit_code == 0, result.stderr
    summary = json.loads(result.stdout)
    assert summary["expectations"]
    assert all(row["ok"] for row in summary["expectations"])
    assert summary["warnings"] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", SHORTENED)
def test_the_beginning_of_long_ones(jobsim: Jobsim, name: str) -> None:
    until = SHORTENED[name]
    result = jobsim("run", ROOT / f"scenarios/{name}.yaml", "--until", until, "--output", "json")
    summary = json.loads(result.stdout)
    [jobset] = summary["jobsets"]
    assert (summary["stop"], summary["warnings"], jobset["terminalState"]) == ("until", [], "")
    assert summary["pods"]["created"] > 0
    assert sum(jobset["ledger"].values()) == pytest.approx(2 * jobset["ledger"]["elapsed_s"], abs=1e-6)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_scenario_says_what_it_is(file: Path) -> None:
    scenario = Scenario.load(file)
    assert scenario.metadata.name == file.stem
    assert scenario.metadata.description
    assert any(getattr(wish, "terminal_state", None) is not None for wish in scenario.expect)


def test_the_issues_scenarios_are_there() -> None:
    """Driver and workers, start orders, failures, rules, racks, suspend, TTL, dependsOn, big gangs, rings."""
    wanted = {
        *("driver-and-workers", "mpi-workers-first", "ray-driver-first", "one-pod-fails", "ttl"),
        *("restarts-exhausted", "fail-jobset-rule", "exclusive-4-racks", "exclusive-one-rack-short"),
        *("suspend-and-resume", "depends-on-chain", "gang-2048"),
        *("llama3-405b", "opt-175b", "rsc-1", "tpu-multislice-50k"),
        *("spot-pool", "rack-power-loss", "maintenance-day"),
        *("rings-exclusive", "rings-rank-order", "rings-neighbours"),
    }
    assert {file.stem for file in FILES} >= wanted
