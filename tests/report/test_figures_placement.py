"""The network with what stands on it: what is drawn, and the same bytes every time."""

from __future__ import annotations

from typing import Any

import pytest

import jobsim
from jobsim.report import figures_placement
from jobsim.report.figures_placement import EMPTY, placement
from tests.runtime.lab import jobset

GPUS = {"container": {"resources": {"limits": {"nvidia.com/gpu": 8}}}}
RACKS = {"pool": "h", "shape": "dgx-h100", "blocks": 2, "racks": 2, "nodesPerRack": 4}


def run(*manifests: dict[str, Any], **pool: Any) -> jobsim.Run:
    return jobsim.run(jobsim.Scenario(manifests=list(manifests), fleet=[{**RACKS, **pool}]))


def words(picture: Any) -> list[str]:
    texts = [*picture.texts, *(text for axes in picture.axes for text in axes.texts)]
    return [text.get_text() for text in texts]


def test_machines_ranks_and_crossings() -> None:
    made = run(jobset(jobs=2, pods=3, **GPUS))
    picture = placement(made.recorder)
    assert picture is not None
    row = made.jobsets()[0]["placement"]
    rack = row["tiers"][0]
    said = words(picture)
    title = f"train: 6 machines in {rack['switches']} of 4 racks, ring leaves {rack['crossings']}×"
    assert title in said
    assert {"0", "5", "h-b0", "h-b1"} <= set(said)
    assert sum(int(word.split("\n")[1][:-1]) for word in said if word.startswith("h-r")) == rack["crossings"]
    machines, ring = picture.axes[0].collections
    assert len(machines.get_facecolors()) == 16
    assert len({tuple(colour) for colour in machines.get_facecolors()}) == 3
    assert len(ring.get_segments()) == 6
    assert [text.get_text() for text in picture.axes[0].get_legend().get_texts()] == [
        "train-w-0",
        "train-w-1",
    ]


def test_several_jobsets_have_a_colour_each() -> None:
    picture = placement(run(jobset("a", pods=2, **GPUS), jobset("b", pods=2, **GPUS)).recorder)
    assert picture is not None
    assert [text.get_text() for text in picture.axes[0].get_legend().get_texts()] == ["a", "b"]
    assert any(
        word.startswith("a: 2 machines in ") and "; b: 2 machines in " in word for word in words(picture)
    )


def test_racks_that_nothing_stands_on_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures_placement, "RACKS_MAX", 3)
    picture = placement(run(jobset(pods=1, **GPUS)).recorder)
    assert picture is not None
    assert any(word.endswith("; 3 racks without any left out") for word in words(picture))
    faces = picture.axes[0].collections[0].get_facecolors()
    assert len(faces) == 4


def test_no_choice_no_picture() -> None:
    assert placement(run(jobset(pods=1, **GPUS), blocks=1, racks=1).recorder) is None
    assert placement(run().recorder) is None


def test_the_same_run_gives_the_same_bytes_also_from_its_log(tmp_path: Any) -> None:
    made = run(jobset(jobs=2, pods=3, **GPUS))
    made.save(tmp_path / "out")
    again = jobsim.open_run(tmp_path / "out").placement()
    assert again is not None
    assert again.png() == (tmp_path / "out/placement.png").read_bytes()
    placement(made.recorder, tmp_path / "other.svg")
    assert EMPTY.lower() in (tmp_path / "other.svg").read_text()
