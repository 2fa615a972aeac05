"""Columns as Go's text/tabwriter sets them."""

from __future__ import annotations

from jobsim.results.layout import DESCRIBE, align, table


def test_cells_are_safe_to_show() -> None:
    assert table(["A"], [["one\ntwo"], ["\x1b[31mred"], ["x\ty"]]) == "A\none...\n^[[31mred\nx y\n"


def test_a_narrow_column_is_six_wide() -> None:
    assert table(["A", "B"], [[1, 2]]) == "A     B\n1     2\n"


def test_a_line_without_the_cell_ends_a_column() -> None:
    text = "a\tb\nlong cell\tb\nno cell\nc\tb\n"
    assert align(text, DESCRIBE) == "a          b\nlong cell  b\nno cell\nc  b\n"
