"""Durations and times: exact inside, Kubernetes' texts at the edges."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsim import units
from jobsim.units import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    format_duration,
    parse_duration,
    parse_rfc3339,
    rfc3339,
    seconds,
)


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("500ms", 500_000_000),
        ("90s", 90 * SECOND),
        ("1h30m", 90 * MINUTE),
        ("54d", 54 * DAY),
        ("1.5h", 90 * MINUTE),
        (".5s", SECOND // 2),
        ("1us", 1000),
        ("3µs", 3000),
        ("7ns", 7),
        ("0", 0),
        (0, 0),
        (2, 2 * SECOND),
        (0.1, 100_000_000),
    ],
)
def test_durations(text: str | float, ns: int) -> None:
    assert parse_duration(text) == ns


@pytest.mark.parametrize(
    "text", ["", "1", "-1s", "1x", "s", "1s2", " 1s", "1 s", -1, -0.5, float("nan"), float("inf"), True]
)
def test_no_durations(text: str | float) -> None:
    with pytest.raises(ValueError):
        parse_duration(text)


@given(st.integers(min_value=-(2**55), max_value=2**61))
def test_times_survive_their_text(ns: int) -> None:
    assert parse_rfc3339(rfc3339(ns)) == ns


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("2026-01-05T00:00:00Z", 0),
        ("2026-01-05T01:00:00+01:00", 0),
        ("2026-01-04T22:30:00-01:30", 0),
        ("2026-01-05T00:00:01.25Z", 1_250_000_000),
        ("2028-02-29T00:00:00Z", 785 * DAY),
    ],
)
def test_known_times(text: str, ns: int) -> None:
    assert parse_rfc3339(text) == ns


@pytest.mark.parametrize("text", ["", "2026-01-05", "2026-13-01T00:00:00Z", "2026-01-05T24:00:00Z", "x"])
def test_no_times(text: str) -> None:
    with pytest.raises(ValueError):
        parse_rfc3339(text)


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0s"),
        (119 * SECOND, "119s"),
        (120 * SECOND, "2m"),
        (130 * SECOND, "2m10s"),
        (10 * MINUTE + 5 * SECOND, "10m"),
        (179 * MINUTE, "179m"),
        (3 * HOUR, "3h"),
        (7 * HOUR + 59 * MINUTE, "7h59m"),
        (8 * HOUR + 5 * MINUTE, "8h"),
        (2 * DAY, "2d"),
        (2 * DAY + 4 * HOUR, "2d4h"),
        (8 * DAY + 4 * HOUR, "8d"),
        (800 * DAY, "2y70d"),
    ],
)
def test_ages_as_kubectl_prints_them(ns: int, text: str) -> None:
    assert format_duration(ns) == text


def test_seconds_are_exact() -> None:
    assert seconds(0.1) == 100_000_000
    assert seconds(3) == 3 * SECOND
    assert units.to_seconds(1_500_000_000) == 1.5
    assert units.floor_second(-1) == -SECOND


def test_examples() -> None:
    assert doctest.testmod(units).failed == 0
