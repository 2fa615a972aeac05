"""Index sets: canonical text, and the arithmetic of sets at the cost of intervals."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsim.controllers.job import indexes

SETS = st.sets(st.integers(0, 40))


@pytest.mark.parametrize(
    ("text", "completions", "expected"),
    [
        ("", 9, ()),
        ("1,3,4,5,7", 9, ((1, 1), (3, 5), (7, 7))),
        ("1,3-5,7", 9, ((1, 1), (3, 5), (7, 7))),
        ("1,2", 9, ((1, 2),)),
        ("1,3-5,7", 5, ((1, 1), (3, 4))),
        ("1,3-5,7", 3, ((1, 1),)),
        ("x,2,3-y,5", 9, ((2, 2), (5, 5))),
        ("-3,4", 9, ((4, 4),)),
    ],
)
def test_parse(text: str, completions: int, expected: indexes.Intervals) -> None:
    """K-JOB-42: what is not below completions is dropped, what is no number is passed over."""
    assert indexes.parse(text, completions) == expected


@pytest.mark.parametrize(
    ("found", "text"), [({1, 3, 4, 5, 7}, "1,3-5,7"), ({0, 1}, "0,1"), ({0, 1, 2}, "0-2"), (set(), "")]
)
def test_text(found: set[int], text: str) -> None:
    """K-JOB-42."""
    assert indexes.as_text(indexes.of(found)) == text


@given(SETS)
def test_text_and_set_are_the_same_thing(found: set[int]) -> None:
    intervals = indexes.of(found)
    assert indexes.parse(indexes.as_text(intervals), 41) == intervals
    assert indexes.total(intervals) == len(found)
    assert [i for i in range(41) if indexes.contains(intervals, i)] == sorted(found)
    assert all(a[1] + 1 < b[0] for a, b in pairwise(intervals))


@given(SETS, SETS)
def test_union_and_overlap(a: set[int], b: set[int]) -> None:
    left, right = indexes.of(a), indexes.of(b)
    assert indexes.union(left, right) == indexes.of(a | b)
    assert indexes.overlap(left, right) == len(a & b)


@given(SETS, st.integers(0, 12), st.integers(0, 45))
def test_first_free(taken: set[int], count: int, completions: int) -> None:
    """K-JOB-40."""
    free = [i for i in range(completions) if i not in taken]
    assert indexes.first_free(indexes.of(taken), count, completions) == free[:count]
