"""The same version, scenario and seed: the same digest and the same summary, in every process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import jobsim

ROOT = Path(__file__).resolve().parents[1]
SCENARIOS = ROOT / "scenarios"
#: Hash seeds and flags of the processes (issue 3).
PROCESSES: tuple[tuple[str, ...], ...] = (("0",), ("1",), ("12345",), ("1", "-O"))
#: Restarts and failures, drawn starts, a queue that suspends: little in common but the ring.
CHOSEN = ("one-pod-fails", "mpi-workers-first", "suspend-and-resume", "exclusive-one-rack-short")


def in_a_process(hash_seed: str, *flags: str) -> bytes:
    """Return the summaries of the chosen scenarios as a fresh interpreter makes them."""
    code = (
        "import sys, jobsim\n"
        "for name in sys.argv[1:]:\n"
        "    sys.stdout.buffer.write(jobsim.run(f'scenarios/{name}.yaml').summary_bytes)"
    )
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    words = [sys.executable, *flags, "-c", code, *CHOSEN]
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, check=True).stdout


@pytest.mark.slow
def test_same_bytes_in_every_process() -> None:
    here = b"".join(jobsim.run(SCENARIOS / f"{name}.yaml").summary_bytes for name in CHOSEN)
    digests = [jobsim.run(SCENARIOS / f"{name}.yaml").digest for name in CHOSEN]
    for process in PROCESSES:
        made = in_a_process(*process)
        assert made == here, process
        assert all(digest.encode() in made for digest in digests)


def test_same_in_one_process_again_and_in_another_order() -> None:
    """Nothing is left behind that the next run could see."""
    first = {name: jobsim.run(SCENARIOS / f"{name}.yaml").digest for name in CHOSEN}
    again = {name: jobsim.run(SCENARIOS / f"{name}.yaml").digest for name in reversed(CHOSEN)}
    assert first == again


def outcome(name: str, seed: int) -> dict[str, object]:
    """Return what happened, without names and digest: times, restarts, counts."""
    summary = jobsim.run(SCENARIOS / f"{name}.yaml", seed=seed).summary()
    text = json.loads(json.dumps({key: summary[key] for key in summary if key not in ("seed", "digest")}))
    for row in text["jobsets"]:
        for restart in row["restartBreakdown"]:
            restart.pop("pod", None)
    return text  # type: ignore[no-any-return]


def test_the_seed_matters_where_something_is_drawn() -> None:
    assert outcome("mpi-workers-first", 3) == outcome("mpi-workers-first", 3)
    assert outcome("mpi-workers-first", 3) != outcome("mpi-workers-first", 4)


@pytest.mark.parametrize("name", ["restarts-exhausted", "depends-on-chain", "suspend-and-resume"])
def test_the_seed_changes_names_only_where_nothing_is_drawn(name: str) -> None:
    one, other = (jobsim.run(SCENARIOS / f"{name}.yaml", seed=seed) for seed in (1, 2))
    assert one.digest != other.digest
    assert outcome(name, 1) == outcome(name, 2)


def test_the_folder_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = jobsim.run(SCENARIOS / "ttl.yaml").summary_bytes
    monkeypatch.chdir(tmp_path)
    assert jobsim.run(SCENARIOS / "ttl.yaml").summary_bytes == before


def test_what_is_saved_reads_back_the_same(tmp_path: Path) -> None:
    run = jobsim.run(SCENARIOS / "one-pod-fails.yaml")
    for folder in ("a", "b"):
        run.save(tmp_path / folder)
    for name in ("summary.json", "log.jsonl.gz", "timeline.png"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    read = jobsim.open_run(tmp_path / "a")
    assert read.digest == run.digest
    assert read.summary_bytes == run.summary_bytes
    assert read.restarts().tolist() == run.restarts().tolist()
    assert read.goodput().tolist() == run.goodput().tolist()
    assert read.explain("jobset/train") == run.explain("jobset/train")
