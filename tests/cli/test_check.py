"""``jobsim check``: two processes, one digest; and that it sees when they differ."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobsim.cli import check
from tests.cli.conftest import ROOT, Jobsim

FILE = str(ROOT / "scenarios/ttl.yaml")


@pytest.mark.slow
def test_same_for_every_file_and_seed(jobsim: Jobsim) -> None:
    other = str(ROOT / "scenarios/mpi-workers-first.yaml")
    result = jobsim("check", FILE, other, "--seeds", "2")
    assert result.exit_code == 0
    lines = [line.partition(": same, digest ") for line in result.stdout.splitlines()]
    assert [line[0] for line in lines] == [
        f"{FILE} seed 0",
        f"{FILE} seed 1",
        f"{other} seed 3",
        f"{other} seed 4",
    ]
    assert len({line[2] for line in lines}) == 4
    assert all(len(line[2]) == 64 for line in lines)


def test_a_difference_is_seen(jobsim: Jobsim, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second process runs something else: its interpreter changes the seed behind our back."""
    patched = "import sys; sys.argv[sys.argv.index('--seed') + 1] += '1'; "
    monkeypatch.setattr(check, "PROCESSES", (("1", ("-c", check.CODE)), ("2", ("-c", patched + check.CODE))))
    result = jobsim("check", FILE)
    assert result.exit_code == 1
    assert f"{FILE} seed 0: DIFFERS, digests " in result.stdout


def test_a_refusal_is_compared_too(jobsim: Jobsim, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("apiVersion: v1\nkind: Pod\nmetadata: {name: X}\nspec: {}\n")
    result = jobsim("check", file)
    assert result.exit_code == 0
    assert result.stdout == f"{file} seed 0: same, digest none (exit code 1)\n"


@pytest.mark.slow
def test_options_are_handed_on(jobsim: Jobsim) -> None:
    words = ["--until", "10s", "--gate", "RestartJob=true", "--jobset-version", "main", "--strict"]
    short, full = jobsim("check", FILE, *words), jobsim("check", FILE)
    assert (short.exit_code, full.exit_code) == (0, 0)
    assert short.stdout != full.stdout
    wrong = jobsim("check", FILE, "--until", "soon")
    assert wrong.exit_code == 2
    assert "--until: " in wrong.stderr


def test_summaries_and_messages_count_as_well() -> None:
    one = check.Outcome(0, b'{"digest": "d", "seed": 1}', "")
    assert check.verdict(one, one) == "same, digest d"
    assert check.verdict(one, one._replace(summary=b'{"digest": "d"}')) == "DIFFERS in summaries, digest d"
    assert check.verdict(one, one._replace(errors="x")).startswith("DIFFERS in messages or exit codes")
    assert check.verdict(one, one._replace(summary=b'{"digest": "e"}')) == "DIFFERS, digests d and e"
