"""The time axis: what is shortened, that time never runs backwards, which ticks it gets."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsim.report.figures_time import TimeScale, clock_label, length_label, tick_label
from jobsim.units import DAY, HOUR, MINUTE, SECOND

CASES = {
    "a busy run is not touched": ([10, 20, 30, 40, 50, 60, 70, 80, 90], 100, []),
    "one restart in half an hour": ([0, 5, 600, 605, 610, 1790], 1800, [(5, 600), (610, 1790)]),
    "small steps are kept beside long ones": (
        [0, 1, 60, 60.5, 600, 601, 901],
        902,
        [(1, 60), (60.5, 600), (601, 901)],
    ),
    "many restarts: no few gaps hold most of the time": ([100 * n for n in range(40)], 4000, []),
    "nothing happens": ([], 100, []),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_shortened(name: str) -> None:
    changes, end, gaps = CASES[name]
    scale = TimeScale([round(t * SECOND) for t in changes], 0, end * SECOND)
    assert [(round(a / SECOND), round(b / SECOND)) for a, b in scale.gaps] == [
        pytest.approx((round(a), round(b)), abs=2) for a, b in gaps
    ]
    unfolded = TimeScale([round(t * SECOND) for t in changes], 0, end * SECOND, fold=False)
    assert unfolded.length == end * SECOND
    assert (scale.length < unfolded.length) == bool(gaps)


@given(st.lists(st.integers(0, 10**6), max_size=12), st.integers(1, 10**6))
def test_positions_grow_with_time(changes: list[int], end: int) -> None:
    scale = TimeScale(changes, 0, end)
    times = sorted({0, end, *(t for t in changes if t < end), *(t for gap in scale.gaps for t in gap)})
    places = [scale(t) for t in times]
    assert places[0] == 0
    assert places[-1] == scale.length
    assert all(a < b for a, b in pairwise(places))
    ticks = scale.ticks(12)
    assert ticks == sorted(set(ticks))
    assert all(0 <= t <= end and not any(a < t < b for a, b in scale.gaps) for t in ticks)
    for gap, after in pairwise([*scale.gaps, (end, end)]):
        assert scale(gap[1]) - scale(gap[0]) == pytest.approx(scale._width)
        assert scale(after[0]) - scale(gap[1]) == pytest.approx(after[0] - gap[1])


@pytest.mark.parametrize(
    ("function", "ns", "text"),
    [
        (clock_label, 45 * SECOND, "45s"),
        (clock_label, 605 * SECOND + SECOND // 2, "10:05.5"),
        (clock_label, 9000 * SECOND, "2:30:00"),
        (clock_label, 3 * DAY + 4 * HOUR, "3d 04:00:00"),
        (length_label, 590 * SECOND, "9m50s"),
        (length_label, HOUR + 22 * MINUTE + 9 * SECOND, "1h22m"),
        (length_label, 2 * DAY, "2d"),
        (length_label, SECOND + SECOND // 2, "1.5s"),
    ],
)
def test_labels(function: object, ns: int, text: str) -> None:
    assert callable(function)
    assert function(ns) == text


def test_tick_labels_are_plain_numbers() -> None:
    assert [tick_label(t, MINUTE) for t in (0, 30 * SECOND, 2 * MINUTE)] == ["0", "0.5", "2"]
