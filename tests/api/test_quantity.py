"""Quantities: parsing, rounding and printing.  The expected texts were printed by kubectl."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsim.api.quantity import (
    BAD_FORMAT,
    BAD_SUFFIX,
    MAX,
    NANO,
    QuantityError,
    canonical,
    format_milli,
    milli,
    parse,
    value,
)


@pytest.mark.parametrize(
    ("text", "nano"),
    [
        ("0", 0),
        (8, 8 * NANO),
        (0.5, NANO // 2),
        ("500m", NANO // 2),
        ("1Ki", 1024 * NANO),
        ("1.5Gi", 3 * 2**29 * NANO),
        ("1k", 1000 * NANO),
        ("1e3", 1000 * NANO),
        ("1E3", 1000 * NANO),
        ("1E", 10**18 * NANO),
        ("100u", 100_000),
        ("1n", 1),
        ("0.1n", 1),
        ("-0.1n", -1),
        ("0.0000000001Ki", 103),
        ("9Ei", MAX * NANO),
        ("-9Ei", -MAX * NANO),
        (MAX + 1, MAX * NANO),
        ("1e999999999999", MAX * NANO),
        ("1e-999999999999", 1),
        ("1" + "0" * 5000, MAX * NANO),
        ("0." + "0" * 5000 + "1", 1),
        ("m", 0),
        (".", 0),
        ("+5", 5 * NANO),
    ],
)
def test_parse(text: str | float, nano: int) -> None:
    assert parse(text) == nano


@pytest.mark.parametrize(
    ("text", "whole", "thousandths"),
    [
        ("1500m", 2, 1500),
        ("-1500m", -2, -1500),
        ("100u", 1, 1),
        ("1Gi", 2**30, 1000 * 2**30),
        ("1E", 10**18, MAX),
    ],
)
def test_rounds_away_from_zero(text: str, whole: int, thousandths: int) -> None:
    assert (value(text), milli(text)) == (whole, thousandths)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", BAD_FORMAT),
        ("1 Gi", BAD_FORMAT),
        ("abc", BAD_FORMAT),
        ("1Gib", BAD_FORMAT),
        ("1.2.3", BAD_FORMAT),
        ("1\n", BAD_FORMAT),
        ("\u0661", BAD_FORMAT),
        (True, BAD_FORMAT),
        (float("nan"), BAD_FORMAT),
        ("1K", BAD_SUFFIX),
        ("--1", BAD_SUFFIX),
        ("1e", BAD_SUFFIX),
        ("1Mi5", BAD_SUFFIX),
    ],
)
def test_errors_are_kubectls(text: str, message: str) -> None:
    with pytest.raises(QuantityError) as caught:
        parse(text)
    assert str(caught.value) == message


CANONICAL = """
1024Mi 1Gi|.5 500m|0.5Ki 512|1500 1500|1000 1k|1e3 1e3|1E3 1E3|1e4 10e3|1e1 10|1E 1E|100000000 100M
9Ei 9223372036854775807|-1Ki -1Ki|1. 1.|1.G 1.G|00 0|+5 +5|+1000 1k|0.1n 1n|12e30 12e30|1.5Gi 1536Mi
0.0000000001Ki 103n|1000E 1|123456789012345678901234567890 123456789012345678901234567890|1.5e3 1500
1.0005 1000500u|1e19 10e18|100e-9 100e-9|-0.5 -500m|0.1Gi 107374182400m|7.5Ei 7680Pi|01 01|01024Mi 1Gi
1.001 1.001|1.000G 1G|0.005 5m|+8Gi 8Gi|+9Gi +9Gi|1e0 1e0|0999999999999999999 0999999999999999999
09999999999999999999 9999999999999999999|1.Gi 1.Gi|1.0000000011 1000000002n|2.5e-10 1e-9|1023.5Ki 1048064
1e999 1e999
"""


@pytest.mark.parametrize("pair", [p for line in CANONICAL.split("\n") for p in line.split("|") if p])
def test_canonical_is_what_kubectl_prints(pair: str) -> None:
    text, expected = pair.split(" ")
    assert canonical(text) == expected


@pytest.mark.parametrize(("number", "text"), [(0.5, "500m"), (1e16, "10P"), (1e-7, "100n"), (2, "2")])
def test_canonical_of_numbers(number: float, text: str) -> None:
    assert parse(canonical(number)) == parse(text)


def test_format_milli() -> None:
    assert [format_milli(n) for n in (0, 1, 1500, 2000, -500)] == ["0", "1m", "1500m", "2", "-500m"]


SUFFIXES = ["", "n", "u", "m", "k", "M", "G", "Ki", "Mi", "Gi", "e3", "E-3", "e0"]


@given(st.sampled_from(["", "-"]), st.integers(0, 10**8), st.integers(0, 999_999), st.sampled_from(SUFFIXES))
def test_canonical_means_the_same_and_is_stable(sign: str, whole: int, part: int, suffix: str) -> None:
    text = f"{sign}{whole}.{part:06d}{suffix}"
    again = canonical(text)
    assert parse(again) == parse(text)
    assert canonical(again) == again


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        number = parse(text)
    except QuantityError:
        return
    assert -MAX * NANO <= number <= MAX * NANO
