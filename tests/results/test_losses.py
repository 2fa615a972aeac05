"""What each cause took: interruptions, MTBF, MTTR, accelerator-hours, rework of each restart."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsim.report import tables
from jobsim.report.figures_goodput import RESTARTS_MAX, ledger, waterfall
from jobsim.results.summary import reliability
from tests.runtime.lab import Lab
from tests.runtime.test_failures import lab, notes

SECONDS = 10**9


def found(run: Lab) -> dict[str, Any]:
    [record] = run.recorder.jobsets.values()
    record.settle(run.stop.at)
    return reliability(record, record.ledger.elapsed(run.stop.at))


def test_two_failures_by_hand() -> None:
    """A hang of 100 s from 150 s on (35 s undone), a failure at 700 s; a step again 32 s after each."""
    run = lab(
        {"at": "150s", "pod": "train-w-0-1", "detect": "100s"},
        {"at": "700s", "pod": "train-w-0-0"},
        useful="1000s",
    )
    got = found(run)
    assert (got["interruptions"], got["accelerators"]) == (2, 8)
    [record] = run.recorder.jobsets.values()
    total = record.ledger.total(run.stop.at)
    lost = (total["restarting"] + total["stalled"] + total["rework"]) / SECONDS
    # The pods' ends, after the last step, are stalled time that no failure took.
    assert got["lostByCause_s"]["scripted"] == pytest.approx(lost, abs=2)
    hours = got["lostByCause_s"]["scripted"] * 8 / 3600
    assert got["lostAcceleratorHours"]["scripted"] == pytest.approx(hours, abs=1e-5)
    assert got["mtbf_s"] == pytest.approx(record.ledger.elapsed(run.stop.at) / 2 / SECONDS)
    restarts = [r for r in record.clock.records if r.kind == "jobset"]
    assert restarts[0].rework_ns == 35 * SECONDS
    assert sum(r.rework_ns for r in restarts) == total["rework"]
    assert [r.cause for r in restarts] == ["scripted", "scripted"]


def test_nothing_is_lost_without_failures() -> None:
    """Only start, checkpoints and the end take time."""
    run = lab(useful="1000s")
    got = found(run)
    assert (got["interruptions"], got["mtbf_s"], got["mttr_s"], got["lostByCause_s"]) == (0, None, None, {})
    [record] = run.recorder.jobsets.values()
    total = {account for account, ns in record.ledger.total(run.stop.at).items() if ns}
    assert total <= {"useful", "starting", "checkpoint", "stalled"}
    assert waterfall(run.recorder, run.stop.at) is None


def test_pictures_and_tables() -> None:
    few = lab({"component": "gpu", "per": "node", "mtbf": "10h"}, useful="1d")
    many = lab(
        {"component": "gpu", "per": "node", "mtbf": "2h"},
        {"domain": "node", "mtbf": "20h", "effect": "drain", "repair": "10m"},
        useful="2d",
    )
    for run in (few, many):
        for draw in (ledger, waterfall):
            picture = draw(run.recorder, run.stop.at)
            assert picture is not None
            assert picture.png() == picture.png()
    picture = ledger(many.recorder, many.stop.at)
    assert picture is not None
    assert [text.get_text() for text in picture.axes[1].get_yticklabels()] == ["gpu", "node"]
    lost = found(many)["lostByCause_s"]
    drawn = [bar.get_width() for bar in picture.axes[1].patches if bar.get_width()]
    elapsed = many.stop.at / 1e9
    assert drawn == pytest.approx([100 * lost[cause] / elapsed for cause in ("gpu", "node")], rel=1e-3)
    picture = waterfall(many.recorder, many.stop.at)
    assert picture is not None
    labels = [text.get_text() for text in picture.axes[0].get_yticklabels()]
    [record] = many.recorder.jobsets.values()
    assert len(record.clock.records) > RESTARTS_MAX
    assert labels[0].startswith("gpu (mean of ")
    rows = [{"name": "train", "ledger": {"elapsed_s": 10}, "reliability": found(many)}]
    header, first, *_ = tables.causes(rows).splitlines()
    assert header.split()[:3] == ["JOBSET", "CAUSE", "LOST"]
    assert first.split()[:2] == ["train", "gpu"]


SLOW = {"effect": "degrade", "factor": 0.6, "repair": "1h"}
FAILURES = st.lists(
    st.sampled_from(
        [
            {"component": "gpu", "per": "accelerator", "mtbf": "20h"},
            {"component": "hang", "per": "node", "mtbf": "9h", "detect": "5m", "clock": "exposure"},
            {
                "component": "nic",
                "per": "link",
                "mtbf": "5h",
                "effect": "degrade",
                "factor": 0.6,
                "repair": "1h",
            },
            {"domain": "rack", "mtbf": "2d", "effect": "crash", "repair": "30m"},
            {"domain": "node", "mtbf": "2d", "effect": "lose", "repair": "30m"},
            {"maintenance": {"every": "5h", "nodes": 1, "notice": "1m", "duration": "30m"}},
            {"spot": {"pool": "n", "mtbf": "12h", "share": 0.3, "notice": "30s", "back": "1h"}},
            {"stragglers": {"share": 0.3, "factor": 1.3}},
        ]
    ),
    min_size=1,
    max_size=4,
)
CHECKPOINTS = st.sampled_from(
    [
        None,
        {"every": "10m", "write": "20s", "load": "30s"},
        {"every": "10m", "write": "1s", "mode": "async", "persist": "1m", "onTermination": True},
        {"levels": [{"every": "1m", "survives": 0.7}, {"every": "30m", "write": "30s", "load": "1m"}]},
    ]
)


@settings(max_examples=25, deadline=None)
@given(FAILURES, CHECKPOINTS, st.integers(0, 1000), st.sampled_from(["2s", "7s", "0.3s"]))
def test_the_ledger_holds_whatever_happens(
    failures: list[dict[str, Any]], checkpoint: dict[str, Any] | None, seed: int, step: str
) -> None:
    """Sums are exact; useful is steps x step time; rework is never more than since the last checkpoint."""
    workload = {"step": step, "useful": "4h", **({"checkpoint": checkpoint} if checkpoint else {})}
    if checkpoint is None:
        workload["checkpoint"] = {"every": "1000h"}
    run = lab(*failures, useful="4h", nodes=4, workload=workload, seed=seed, until="10d")
    [record] = run.recorder.jobsets.values()
    total = record.ledger.total(run.stop.at)
    assert sum(total.values()) == record.ledger.elapsed(run.stop.at)
    assert all(ns >= 0 for ns in total.values())
    if run.js().status.terminal_state == "Completed":
        step_ns = round(float(step.removesuffix("s")) * SECONDS)
        assert total["useful"] == -(-4 * 3600 * SECONDS // step_ns) * step_ns
    undone = [row["ns"] for row in notes(run, "undone")]
    assert sum(undone) == total["rework"]
    # Since the last checkpoint: stepping time between the writes of the only level, as the log has it.
    if checkpoint and "levels" not in checkpoint and checkpoint.get("mode") != "async":
        slowest = 1 / 0.6 * 1.3 * 4
        assert all(ns <= (600 * SECONDS + 7 * SECONDS) * slowest for ns in undone)
    got = found(run)
    lost = sum(got["lostByCause_s"].values())
    assert lost <= record.ledger.elapsed(run.stop.at) / SECONDS
