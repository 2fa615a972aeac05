"""Laws: inversion is monotone, moments agree with quadrature, special functions with known values."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsim.laws import (
    LONGEST_NS,
    Empirical,
    Exponential,
    Fixed,
    Gamma,
    Law,
    Lognormal,
    Mixture,
    MixturePart,
    Uniform,
    Weibull,
    empirical,
    gamma_quantile,
    incomplete_gamma,
    mean,
    normal_quantile,
    quantile,
)
from jobsim.units import HOUR, SECOND

LAWS: list[Law] = [
    Fixed(value=3 * SECOND),
    Uniform(low=SECOND, high=5 * SECOND),
    Exponential(mean=HOUR),
    Lognormal(median=2 * SECOND, sigma=0.3),
    Lognormal(median=2 * SECOND, sigma=0.0),
    Weibull(scale=HOUR, shape=0.8),
    Weibull(scale=HOUR, shape=3.0),
    Gamma(mean=HOUR, shape=0.5),
    Gamma(mean=HOUR, shape=1.0),
    Gamma(mean=HOUR, shape=7.5),
    empirical((3 * SECOND, SECOND, 2 * SECOND)),
]
MIXTURE = Mixture(
    parts=(MixturePart(weight=3, law=Fixed(value=10)), MixturePart(weight=1, law=Uniform(low=20, high=60)))
)

shares = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize("law", LAWS, ids=repr)
@given(a=shares, b=shares)
def test_monotone(law: Law, a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert 0 <= quantile(law, low) <= quantile(law, high)


@pytest.mark.parametrize("law", [*LAWS, MIXTURE], ids=repr)
def test_mean_is_the_integral_of_the_quantile(law: Law) -> None:
    # Midpoint rule on u = 1 - v^4: the heavy upper tail gets a fine grid.
    n = 4000
    total = 0.0
    for i in range(n):
        v0, v1 = i / n, (i + 1) / n
        total += quantile(law, 1 - ((v0 + v1) / 2) ** 4) * (v1**4 - v0**4)
    assert total == pytest.approx(mean(law), rel=2e-3)


@pytest.mark.parametrize(
    ("law", "u", "expected"),
    [
        (Fixed(value=7), 0.99, 7),
        (Uniform(low=10, high=20), 0.5, 15),
        (Exponential(mean=SECOND), 0.5, round(SECOND * math.log(2))),
        (Lognormal(median=SECOND, sigma=0.5), 0.5, SECOND),
        (Weibull(scale=SECOND, shape=2.0), 1 - math.exp(-4), 2 * SECOND),
        (Gamma(mean=SECOND, shape=1.0), 0.5, round(SECOND * math.log(2))),
        (Empirical(values=(1, 2, 3)), 0.34, 2),
        (MIXTURE, 0.5, 10),
        (MIXTURE, 0.875, 40),
    ],
)
def test_quantile(law: Law, u: float, expected: int) -> None:
    assert quantile(law, u) == expected


@pytest.mark.parametrize("law", [*LAWS, MIXTURE], ids=repr)
def test_both_ends_are_finite(law: Law) -> None:
    assert 0 <= quantile(law, 0.0) <= quantile(law, 1 - 2.0**-53) <= LONGEST_NS


def test_no_draw_is_longer_than_the_longest_duration() -> None:
    assert quantile(Weibull(scale=HOUR, shape=0.001), 0.999) == LONGEST_NS
    assert quantile(Lognormal(median=HOUR, sigma=1000.0), 0.999) == LONGEST_NS


def test_mixture_rescales_what_is_left() -> None:
    inner = Uniform(low=0, high=1000)
    law = Mixture(parts=(MixturePart(weight=0.0, law=Fixed(value=5)), MixturePart(weight=2.0, law=inner)))
    assert [quantile(law, u) for u in (0.0, 0.25, 0.75)] == [0, 250, 750]


@pytest.mark.parametrize("u", [1e-300, 1e-20, 1e-9, 0.01, 0.07, 0.2, 0.5, 0.6, 0.95, 0.999, 1 - 1e-12])
def test_normal_quantile_has_double_precision(u: float) -> None:
    # The standard library's is an independent writing of the same published algorithm.
    assert normal_quantile(u) == pytest.approx(NormalDist().inv_cdf(u), rel=1e-14)


@pytest.mark.parametrize(
    ("shape", "x", "lower"),
    [
        (0.5, 0.5, math.erf(math.sqrt(0.5))),  # chi-square with one degree of freedom
        (1.0, 2.0, 1 - math.exp(-2)),
        (3.0, 2.5, 1 - math.exp(-2.5) * (1 + 2.5 + 2.5**2 / 2)),
        (3.0, 9.0, 1 - math.exp(-9) * (1 + 9 + 81 / 2)),
    ],
)
def test_incomplete_gamma(shape: float, x: float, lower: float) -> None:
    assert incomplete_gamma(shape, x) == pytest.approx((lower, 1 - lower), rel=1e-13)


@given(shape=st.floats(0.05, 500), u=st.floats(1e-12, 1 - 1e-12))
def test_gamma_quantile_inverts(shape: float, u: float) -> None:
    lower, upper = incomplete_gamma(shape, gamma_quantile(shape, u))
    assert lower == pytest.approx(u, rel=1e-9)
    assert upper == pytest.approx(1 - u, rel=1e-9)
