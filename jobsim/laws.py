"""Laws: how long something takes, as distributions that are read by inversion.

One uniform number in [0, 1) gives one duration, so a draw can be keyed by what it is for and
never depends on order.  Durations are int nanoseconds, at most Go's largest ``time.Duration``.

Sources: normal quantile: M. J. Wichura, Algorithm AS 241 (PPND16), Applied Statistics 37 (1988);
incomplete gamma: series and continued fraction (Lentz), Abramowitz & Stegun 6.5.29 and 6.5.31.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from jobsim.api._struct import Struct

#: Go's largest time.Duration (292 years): no draw is longer.
LONGEST_NS = 2**63 - 1


class Fixed(Struct):
    value: int


class Uniform(Struct):
    low: int
    high: int


class Exponential(Struct):
    mean: int


class Lognormal(Struct):
    """``median * exp(sigma * Z)``."""

    median: int
    sigma: float


class Weibull(Struct):
    scale: int
    shape: float


class Gamma(Struct):
    mean: int
    shape: float


class Empirical(Struct):
    """One of the values, each as likely; in ascending order (``empirical`` sorts)."""

    values: tuple[int, ...]


class MixturePart(Struct):
    weight: float
    law: Law


class Mixture(Struct):
    """One of the laws, chosen by weight; weights need not add up to 1."""

    parts: tuple[MixturePart, ...]


Law = Fixed | Uniform | Exponential | Lognormal | Weibull | Gamma | Empirical | Mixture

ZERO = Fixed(value=0)


def empirical(values: tuple[int, ...]) -> Empirical:
    """Return the law of observed values."""
    return Empirical(values=tuple(sorted(values)))


def quantile(law: Law, u: float) -> int:
    """Return the duration below which a share ``u`` of all draws lies.

    Parameters
    ----------
    law : Law
    u : float
        In [0, 1).  Each law but Mixture is monotone in it; a Mixture spends it on the choice of
        its part and hands the part what is left.

    Returns
    -------
    int
        Nanoseconds, in [0, ``LONGEST_NS``].

    Examples
    --------
    >>> quantile(Fixed(value=5), 0.3)
    5
    >>> quantile(Uniform(low=0, high=10), 0.5)
    5
    """
    if type(law) is Fixed:
        return law.value
    value = _QUANTILES[type(law)](law, u)
    return LONGEST_NS if value >= LONGEST_NS else round(value)


def mean(law: Law) -> float:
    """Return the expected duration in nanoseconds."""
    match law:
        case Fixed(value=value):
            return float(value)
        case Uniform(low=low, high=high):
            return (low + high) / 2
        case Exponential(mean=expected) | Gamma(mean=expected):
            return float(expected)
        case Lognormal(median=median, sigma=sigma):
            return median * math.exp(sigma * sigma / 2)
        case Weibull(scale=scale, shape=shape):
            return scale * math.gamma(1 + 1 / shape)
        case Empirical(values=values):
            return math.fsum(values) / len(values)
        case Mixture(parts=parts):
            return math.fsum(p.weight * mean(p.law) for p in parts) / math.fsum(p.weight for p in parts)


def _uniform(law: Uniform, u: float) -> float:
    return law.low + (law.high - law.low) * u


def _exponential(law: Exponential, u: float) -> float:
    return -law.mean * math.log1p(-u)


def _lognormal(law: Lognormal, u: float) -> float:
    if law.sigma == 0:
        return law.median
    return law.median * _exp(law.sigma * normal_quantile(u)) if u > 0 else 0.0


def _weibull(law: Weibull, u: float) -> float:
    return law.scale * _exp(math.log(-math.log1p(-u)) / law.shape) if u > 0 else 0.0


def _gamma(law: Gamma, u: float) -> float:
    return law.mean / law.shape * gamma_quantile(law.shape, u)


def _empirical(law: Empirical, u: float) -> float:
    return law.values[int(u * len(law.values))]


def _mixture(law: Mixture, u: float) -> float:
    left = u * math.fsum(part.weight for part in law.parts)
    last = law.parts[-1]
    for part in law.parts:
        if left < part.weight:
            return quantile(part.law, min(left / part.weight, _BELOW_ONE))
        left -= part.weight
        last = part if part.weight > 0 else last
    return quantile(last.law, _BELOW_ONE)


_QUANTILES: Mapping[type, Callable[..., float]] = {
    Uniform: _uniform,
    Exponential: _exponential,
    Lognormal: _lognormal,
    Weibull: _weibull,
    Gamma: _gamma,
    Empirical: _empirical,
    Mixture: _mixture,
}

_BELOW_ONE = 1 - 2.0**-53


def _exp(x: float) -> float:
    """exp without overflow: the caller cuts at ``LONGEST_NS``."""
    return math.exp(x) if x < 700 else math.inf


# AS 241, PPND16: coefficients from the constant term up; numerator, denominator.
_CENTRE = (
    (
        3.3871328727963666080e0,
        1.3314166789178437745e2,
        1.9715909503065514427e3,
        1.3731693765509461125e4,
        4.5921953931549871457e4,
        6.7265770927008700853e4,
        3.3430575583588128105e4,
        2.5090809287301226727e3,
    ),
    (
        1.0,
        4.2313330701600911252e1,
        6.8718700749205790830e2,
        5.3941960214247511077e3,
        2.1213794301586595867e4,
        3.9307895800092710610e4,
        2.8729085735721942674e4,
        5.2264952788528545610e3,
    ),
)
_SHOULDER = (
    (
        1.42343711074968357734e0,
        4.63033784615654529590e0,
        5.76949722146069140550e0,
        3.64784832476320460504e0,
        1.27045825245236838258e0,
        2.41780725177450611770e-1,
        2.27238449892691845833e-2,
        7.74545014278341407640e-4,
    ),
    (
        1.0,
        2.05319162663775882187e0,
        1.67638483018380384940e0,
        6.89767334985100004550e-1,
        1.48103976427480074590e-1,
        1.51986665636164571966e-2,
        5.47593808499534494600e-4,
        1.05075007164441684324e-9,
    ),
)
_TAIL = (
    (
        6.65790464350110377720e0,
        5.46378491116411436990e0,
        1.78482653991729133580e0,
        2.96560571828504891230e-1,
        2.65321895265761230930e-2,
        1.24266094738807843860e-3,
        2.71155556874348757815e-5,
        2.01033439929228813265e-7,
    ),
    (
        1.0,
        5.99832206555887937690e-1,
        1.36929880922735805310e-1,
        1.48753612908506148525e-2,
        7.86869131145613259100e-4,
        1.84631831751005468180e-5,
        1.42151175831644588870e-7,
        2.04426310338993978564e-15,
    ),
)


def normal_quantile(u: float) -> float:
    """Return the standard normal's quantile for 0 < u < 1, to about 1 part in 10^16.

    Source: AS 241, PPND16.
    """
    q = u - 0.5
    if abs(q) <= 0.425:
        return q * _ratio(_CENTRE, 0.180625 - q * q)
    r = math.sqrt(-math.log(min(u, 1 - u)))
    x = _ratio(_SHOULDER, r - 1.6) if r <= 5 else _ratio(_TAIL, r - 5)
    return -x if q < 0 else x


def _ratio(pair: tuple[tuple[float, ...], tuple[float, ...]], r: float) -> float:
    return _polynomial(pair[0], r) / _polynomial(pair[1], r)


def _polynomial(coefficients: tuple[float, ...], r: float) -> float:
    value = 0.0
    for coefficient in reversed(coefficients):
        value = value * r + coefficient
    return value


def gamma_quantile(shape: float, u: float) -> float:
    """Return the quantile of the gamma distribution with scale 1, for 0 <= u < 1.

    Newton's method on log x, kept inside a bracket; both tails are measured from their own end,
    so a far tail loses no digits.
    """
    if u <= 0:
        return 0.0
    low, high = -745.0, math.log(shape + 40 * math.sqrt(shape) + 800)
    t = min(max(_gamma_guess(shape, u), low), high)
    for _ in range(200):
        below, above = incomplete_gamma(shape, math.exp(t))
        error = below - u if u < 0.5 else (1 - u) - above
        if error > 0:
            high = t
        else:
            low = t
        slope = math.exp(shape * t - math.exp(t) - math.lgamma(shape))
        step = error / slope if slope > 0 else math.inf
        t_next = t - step if low < t - step < high else (low + high) / 2
        if abs(t_next - t) <= 1e-15 * max(1.0, abs(t)):
            return math.exp(t_next)
        t = t_next
    return math.exp(t)


def _gamma_guess(shape: float, u: float) -> float:
    """Log of a first guess: the leading term near 0, Wilson and Hilferty's cube elsewhere."""
    small = (math.log(u) + math.lgamma(shape + 1)) / shape
    if small < math.log(0.1 * (shape + 1)):
        return small
    ninth = 1 / (9 * shape)
    cube = 1 - ninth + normal_quantile(u) * math.sqrt(ninth)
    return math.log(shape * cube**3) if cube > 0 else small


def incomplete_gamma(shape: float, x: float) -> tuple[float, float]:
    """Return the regularised incomplete gamma functions (P, Q) = (lower, upper) at x >= 0."""
    if x <= 0:
        return 0.0, 1.0
    scale = math.exp(shape * math.log(x) - x - math.lgamma(shape))
    if x < shape + 1:
        term = total = 1 / shape
        n = shape
        while abs(term) > abs(total) * 1e-17:
            n += 1
            term *= x / n
            total += term
        below = min(scale * total, 1.0)
        return below, 1 - below
    above = min(scale * _upper_fraction(shape, x), 1.0)
    return 1 - above, above


def _upper_fraction(shape: float, x: float) -> float:
    """Evaluate the continued fraction of the upper function by Lentz's method."""
    tiny = 1e-300
    b = x + 1 - shape
    c = 1 / tiny
    d = 1 / b if b else 1 / tiny
    h = d
    for i in range(1, 10_000):
        a = -i * (i - shape)
        b += 2
        d = a * d + b
        d = 1 / (d if abs(d) > tiny else tiny)
        c = b + a / c
        c = c if abs(c) > tiny else tiny
        h *= d * c
        if abs(d * c - 1) < 1e-16:
            break
    return h
