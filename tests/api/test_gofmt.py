"""Go's parsing, wrapping, quoting and formatting, where the API shows it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsim.api import gofmt

INT64_MAX = 2**63 - 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("7", 7),
        ("+1", 1),
        ("-1", -1),
        ("01", 1),
        ("000000000000000000000000000000001", 1),
        (str(INT64_MAX), INT64_MAX),
        (str(-INT64_MAX - 1), -INT64_MAX - 1),
        (str(INT64_MAX + 1), None),
        (str(-INT64_MAX - 2), None),
        ("9" * 20, None),
        ("9" * 1_000_000, None),
        ("", None),
        ("+", None),
        ("--1", None),
        ("1.5", None),
        ("0x1", None),
        ("1_0", None),
        (" 1", None),
        ("1\n", None),
        ("1e2", None),
        ("٣", None),
    ],
)
def test_atoi_reads_what_go_reads(text: str, value: int | None) -> None:
    """C-BKT-02, C-BKT-04, C-IPR-05 (errata): sign and ASCII digits, 64 bits."""
    assert gofmt.atoi(text) == value


@given(st.integers(-(2**70), 2**70))
def test_atoi_reads_every_integer_of_64_bits(value: int) -> None:
    fits = -(2**63) <= value <= INT64_MAX
    assert gofmt.atoi(str(value)) == (value if fits else None)


def test_atoi_error_tells_syntax_from_range() -> None:
    assert gofmt.atoi_error("x") == 'strconv.Atoi: parsing "x": invalid syntax'
    assert gofmt.atoi_error("9" * 20) == f'strconv.Atoi: parsing "{"9" * 20}": value out of range'


@given(st.integers(-(2**40), 2**40))
def test_int32_wraps(value: int) -> None:
    wrapped = gofmt.int32(value)
    assert -(2**31) <= wrapped < 2**31
    assert (wrapped - value) % 2**32 == 0


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("plain", '"plain"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
        ("\n\t\r\a\b\f\v", '"\\n\\t\\r\\a\\b\\f\\v"'),
        ("\x00\x7f", '"\\x00\\x7f"'),
        ("é ü 字", '"é ü 字"'),
        ("\u200b", '"\\u200b"'),
        ("\U000e0001", '"\\U000e0001"'),
        ("\ud800", '"\ufffd"'),
    ],
)
def test_quote_is_gos(text: str, quoted: str) -> None:
    assert gofmt.quote(text) == quoted


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("no verb", "no verb"),
        ("disk 100% full", "disk 100%!f(MISSING)ull"),
        ("%d %s %v", "%!d(MISSING) %!s(MISSING) %!v(MISSING)"),
        ("100%", "100%!(NOVERB)"),
        ("50%% off", "50% off"),
        ("%-08.3f", "%!f(MISSING)"),
        ("%*d", "%!(BADWIDTH)%!d(MISSING)"),
        ("%.*f", "%!(BADPREC)%!f(MISSING)"),
        ("%[1]d", "%!d(BADINDEX)"),
        ("%é", "%!é(MISSING)"),
        ("%\n", "%!\n(MISSING)"),
    ],
)
def test_sprintf_without_operands_complains_in_place(text: str, printed: str) -> None:
    """C-EVT-05: an event's note is a format string."""
    assert gofmt.sprintf(text) == printed


@given(st.text().filter(lambda text: "%" not in text))
def test_sprintf_leaves_texts_without_percent_alone(text: str) -> None:
    assert gofmt.sprintf(text) == text
