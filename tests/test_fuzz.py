"""Drawn Scenarios with faults end as without; what is wrong on purpose is found and shown again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings

from jobsim import fuzz
from jobsim.cli import cli
from jobsim.testing.scenarios import faults, scenarios
from tests.testing.mutants import MUTANTS

ROOT = Path(__file__).resolve().parents[1]
SCENARIO = ROOT / "scenarios/restarts-exhausted.yaml"
MUTANT = {mutant.name: mutant for mutant in MUTANTS}
#: Each is two runs.
FEW = settings(max_examples=max(20, settings.default.max_examples // 5))  # type: ignore[union-attr]


@FEW
@given(document=scenarios())
def test_faults_that_pass_change_no_end(document: dict[str, Any]) -> None:
    """C-CCH-03, K-JOB-100, K-SCH-07: all laws after every write, the laws of rest, and one end."""
    assert not fuzz.problem_of(document)


@FEW
@given(drawn=faults())
def test_a_scenario_comes_to_its_end_whatever_befalls_it(drawn: list[dict[str, Any]]) -> None:
    document = {"manifests": ["scenarios/manifests/ray.yaml"], "faults": drawn}
    assert not fuzz.problem_of(document, str(ROOT), same_end=False)


HISTORY = """\
kind: Replay
jobset: {version: main, gates: {}}
fleet: {racks: 1, nodesPerRack: 1}
calm: false
honest: true
script: {}
manifests:
- {apiVersion: jobset.x-k8s.io/v1alpha2, kind: JobSet, metadata: {name: js}, spec: {}}
steps:
- [flow, 2]
settle: true
"""


def jobsim(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


def break_core(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    mutant = MUTANT[name]
    monkeypatch.setattr(mutant.owner, mutant.attribute, mutant.wrong)


def test_nothing_is_found() -> None:
    result = jobsim("fuzz", "--examples", 4, "--seed", 3)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "4 histories from seed 3: nothing found\n4 scenarios from seed 3: nothing found\n"
    )
    assert jobsim("fuzz", SCENARIO, "--examples", 2).stdout == "2 sets of faults from seed 0: nothing found\n"


@pytest.mark.parametrize("file", [SCENARIO, ROOT / "scenarios/manifests/flaky.yaml"])
def test_what_is_found_in_a_scenario(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: Path) -> None:
    for path in (SCENARIO, ROOT / "scenarios/manifests/flaky.yaml"):
        target = tmp_path / path.relative_to(ROOT / "scenarios")
        target.parent.mkdir(exist_ok=True)
        target.write_text(path.read_text())
    given = tmp_path / file.relative_to(ROOT / "scenarios")
    out = given.parent / "found.yaml"
    break_core(monkeypatch, "restart counted twice")
    result = jobsim("fuzz", given, "--out", out)
    assert result.exit_code == 1
    assert result.stderr.startswith("found: law restarts-never-fall (C-CCH-03) is broken at ")
    assert result.stderr.endswith(f"wrote {out}\nagain: jobsim run --check-invariants {out}\n")
    assert "faults" not in out.read_text(), "it goes wrong without any"
    again = jobsim("run", "--check-invariants", out)
    assert again.exit_code == 1
    assert "error: law restarts-never-fall (C-CCH-03) is broken at " in again.stderr
    monkeypatch.undo()
    assert jobsim("run", "--check-invariants", out).exit_code == 0


def test_a_history_is_shown_as_a_file_and_as_a_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    break_core(monkeypatch, "old Jobs stay")
    result = jobsim("fuzz", "--seed", 1)
    assert result.exit_code == 1
    assert result.stderr.startswith("found: JobSet default/js: ")
    file = tmp_path / "history.yaml"
    file.write_text(result.stdout)
    token = result.stderr.split()[-1]
    for history in (file, token):
        again = jobsim("replay", history)
        assert again.exit_code == 1
        assert again.stderr.startswith("error: JobSet default/js: ")
    monkeypatch.undo()
    for history in (file, token):
        good = jobsim("replay", history)
        assert good.exit_code == 0
        assert good.stdout.startswith("no law is broken in ")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("replay", "x"), "x: is no replay token and no file (what jobsim fuzz has printed)"),
        (("replay", "jobsim-replay-1.abc"), "is a damaged replay token"),
        (("replay", SCENARIO), f"{SCENARIO}: is no history (one document of kind Replay)"),
        (("fuzz", "nowhere.yaml"), "nowhere.yaml: cannot be read: no such file or directory"),
    ],
)
def test_bad_input(words: tuple[object, ...], error: str) -> None:
    result = jobsim(*words)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: {error}"), result.stderr


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("kind: Replay", "is no history: it has no jobset (what jobsim fuzz has printed)"),
        (HISTORY.replace("racks: 1", "racks: x"), "is no history: "),
        (HISTORY.replace("flow", "flop"), "has a step ['flop', 2] (a word of hear, work, "),
        (HISTORY.replace("2]", "2, 3, 4]"), "has a step ['flow', 2, 3, 4] (a word of hear, "),
        (HISTORY.replace("2]", "a]"), "has a step ['flow', 'a'] (a word of hear, work, "),
        (HISTORY.replace("spec: {}", "spec: {replicas: x}"), "has a manifest that the API server refuses: "),
    ],
)
def test_histories_that_cannot_be_read(text: str, error: str, tmp_path: Path) -> None:
    file = tmp_path / "history.yaml"
    file.write_text(text)
    result = jobsim("replay", file)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: {error}"), result.stderr


def test_a_history_by_hand(tmp_path: Path) -> None:
    file = tmp_path / "history.yaml"
    file.write_text(HISTORY)
    assert jobsim("replay", file).stdout == "no law is broken in 1 steps\n"


def test_without_hypothesis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobsim.cli.fuzz.find_spec", lambda name: None)
    result = jobsim("fuzz")
    assert result.exit_code == 2
    assert result.stderr == "error: needs hypothesis, which is not installed (pip install 'jobsim[fuzz]')\n"
