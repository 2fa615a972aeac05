"""The form of every cost: a line, ``latency_s + per_byte_s * nbytes``."""

from __future__ import annotations

from collections.abc import Callable

from jobsim.api._struct import Struct

#: ``min`` or ``numpy.minimum``, ``max`` or ``numpy.maximum``: the formulas serve floats and arrays alike.
Choose = Callable[[float, float], float]
US, GB = 1e-6, 1e9


class Line(Struct, kw_only=False):
    """What one algorithm costs.

    Parameters
    ----------
    algorithm : str
    latency_s : float
    per_byte_s : float
        Seconds a byte of the whole buffer (an array when rates are).
    parts : tuple of (str, float)
        Seconds a byte of each link on the way, by name: the largest is the bottleneck.
    """

    algorithm: str
    latency_s: float
    per_byte_s: float
    parts: tuple[tuple[str, float], ...]
