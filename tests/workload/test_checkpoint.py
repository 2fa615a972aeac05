"""Checkpoints: levels, what survives, and the best intervals (models/reliability section 2.2)."""

from __future__ import annotations

import pytest

from jobsim.workload.checkpoint import (
    Checkpoint,
    Save,
    daly_s,
    expected_ettr,
    optimum_s,
    restore,
    safest,
    segment_s,
    young_s,
)
from jobsim.workload.training import Progress, Workload, due_levels, interrupt, steps_ahead, written

MEMORY = Checkpoint(every_steps=10, survives=0.95)
STORAGE = Checkpoint(every_steps=60)
BOTH = Workload(jobset="a", step_ns=1000, steps=1000, levels=(MEMORY, STORAGE))

#: M, C, R in s; Young, Daly of first and higher order, exact; ETTR with failures in restart or not (B1).
TABLE = [
    (11135.08353, 30, 600, 817.38, 809.11, 797.499, 797.500, 0.879679, 0.880913),
    (6490.384615, 60, 300, 882.52, 842.69, 842.976, 842.984, 0.830815, 0.831676),
    (103846.1538, 300, 300, 7893.5, 7604.9, 7694.79, 7694.80, 0.923231, 0.923235),
    (1080, 5, 600, 103.92, 124.61, 100.616, 100.617, 0.520300, 0.582966),
]


@pytest.mark.parametrize("row", TABLE)
def test_intervals(row: tuple[float, ...]) -> None:
    mtbf, write, restart, young, daly1, daly_high, exact, exposed, safe = row
    assert young_s(mtbf, write) == pytest.approx(young, rel=5e-5)
    assert daly_s(mtbf, write, restart_s=restart) == pytest.approx(daly1, rel=5e-5)
    assert daly_s(mtbf, write) == pytest.approx(daly_high, rel=1e-5)
    tau = optimum_s(mtbf, write)
    assert tau == pytest.approx(exact, rel=1e-5)
    assert expected_ettr(mtbf, write, tau, exposed_s=restart) == pytest.approx(exposed, abs=1e-6)
    assert expected_ettr(mtbf, write, tau, safe_s=restart) == pytest.approx(safe, abs=1e-6)
    for other in (0.9 * tau, 1.1 * tau):
        assert segment_s(mtbf, write, other) / other > segment_s(mtbf, write, tau) / tau


def test_writes_so_long_that_intervals_end() -> None:
    assert daly_s(100, 200) == 100
    assert 0 < optimum_s(100, 1000) < 100
    assert optimum_s(100, 10_000) == 100
    assert optimum_s(100, 0) == 0


@pytest.mark.parametrize(
    ("u", "saves", "level", "after"),
    [
        (0.5, (Save(written=50, usable=50), Save(written=40, usable=40)), 0, ((50, 50), (40, 40))),
        (0.96, (Save(written=50, usable=50), Save(written=40, usable=40)), 1, ((40, 0), (40, 40))),
        (0.96, (Save(written=50, usable=50), Save()), -1, ((0, 0), (0, 0))),
        (0.0, (), -1, ((0, 0), (0, 0))),
        (0.0, (Save(written=50, usable=50), Save(written=60, usable=0)), 0, ((50, 50), (50, 0))),
    ],
)
def test_what_survives(
    u: float, saves: tuple[Save, ...], level: int, after: tuple[tuple[int, int], ...]
) -> None:
    found, left = restore((MEMORY, STORAGE), saves, u)
    assert found == level
    assert tuple((save.written, save.usable) for save in left) == after


def test_each_level_has_its_own_interval() -> None:
    progress = Progress()
    marks = []
    while progress.steps < 120:
        ahead = steps_ahead(BOTH, progress)
        assert ahead is not None
        progress = Progress(steps=progress.steps + ahead, ns=0, saves=progress.saves)
        due = due_levels(BOTH, progress)
        marks.append((progress.steps, due))
        for level in due:
            progress = written(progress, BOTH, level, usable=True)
    assert marks == [(steps, [0, 1] if steps % 60 == 0 else [0]) for steps in range(10, 130, 10)]


def test_a_failure_that_memory_does_not_survive_costs_more() -> None:
    saves = (Save(written=50, usable=50, usable_ns=50_000), Save(written=40, usable=40, usable_ns=40_000))
    progress = Progress(steps=57, ns=57_000, saves=saves)
    assert [interrupt(BOTH, progress, u=u).undone_ns for u in (0.9, 0.99)] == [7_000, 17_000]


def test_the_safest_level_is_written_last() -> None:
    assert safest((MEMORY, STORAGE)) == 1
