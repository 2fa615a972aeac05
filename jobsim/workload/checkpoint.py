"""Checkpoints: where work is saved, what of it outlives a failure, and how often to write.

Several *levels* are several places, such as the memory of neighbours, a local disk and storage: each has
its own interval, cost and share of failures that it outlives.  One draw decides per failure, so a level
that outlives more failures outlives all that a weaker one does.

Sources of the intervals: J. W. Young, A first order approximation to the optimum checkpoint interval,
CACM 17 (1974); J. T. Daly, A higher order estimate of the optimum checkpoint interval for restart dumps,
FGCS 22 (2006), equations 11, 13, 20 and 37.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from jobsim.api._struct import Struct, replace
from jobsim.laws import ZERO, Law


class Checkpoint(Struct):
    """One level: how a gang saves its work there.

    Parameters
    ----------
    every_ns : int
        Useful time between two writes; rounded to whole steps, at least one.
    every_steps : int
        The same in steps; used when it is not 0.
    write : Law
        Time that a write blocks the steps.
    load : Law
        Time to read the last usable checkpoint after an interruption.
    mode : {"blocking", "async"}
        When a write counts: at its end, or ``persist`` later.
    persist : Law
    survives : float
        Share of failures that it outlives.
    name : str
    """

    every_ns: int = 0
    every_steps: int = 0
    write: Law = ZERO
    load: Law = ZERO
    mode: Literal["blocking", "async"] = "blocking"
    persist: Law = ZERO
    survives: float = 1.0
    name: str = ""


class Save(Struct):
    """What a level holds.

    Parameters
    ----------
    written : int
        Steps at its last write (the interval counts from there).
    usable : int
        Steps that it gives back; 0: nothing.
    usable_ns : int
        What those steps took.
    """

    written: int = 0
    usable: int = 0
    usable_ns: int = 0


def keep(saves: tuple[Save, ...], levels: int) -> tuple[Save, ...]:
    """Return what each of so many levels holds."""
    return saves if len(saves) == levels else tuple(saves) + (Save(),) * (levels - len(saves))


def restore(levels: Sequence[Checkpoint], saves: tuple[Save, ...], u: float) -> tuple[int, tuple[Save, ...]]:
    """Return which level a gang starts from after a failure, and what the levels hold then.

    Parameters
    ----------
    u : float
        In [0, 1): a level survives if its share is above.

    Returns
    -------
    level : int
        Of the surviving ones that with the most work, the first of several; -1: nothing is left.
    saves : tuple of Save
    """
    saves = keep(saves, len(levels))
    alive = [level for level, saved in enumerate(levels) if u < saved.survives]
    best = max(alive, key=lambda level: saves[level].usable, default=-1)
    if best >= 0 and not saves[best].usable:
        best = -1
    steps = saves[best].usable if best >= 0 else 0
    after = []
    for level, save in enumerate(saves):
        if level in alive:
            after.append(replace(save, written=min(save.written, steps)))
        else:
            after.append(Save(written=steps))
    return best, tuple(after)


def safest(levels: Sequence[Checkpoint]) -> int:
    """Return the level that outlives most, the first of several."""
    return max(range(len(levels)), key=lambda level: levels[level].survives)


def young_s(mtbf_s: float, write_s: float) -> float:
    """Return Young's interval of useful time between two writes, s.

    Examples
    --------
    >>> round(young_s(11135.1, 30), 2)
    817.38
    """
    return math.sqrt(2 * write_s * mtbf_s)


def daly_s(mtbf_s: float, write_s: float, *, restart_s: float | None = None) -> float:
    """Return Daly's interval, s: of higher order, or of first order when the restart time is given.

    Examples
    --------
    >>> round(daly_s(11135.1, 30), 1), round(daly_s(11135.1, 30, restart_s=600), 1)
    (797.5, 809.1)
    """
    if restart_s is not None:
        return math.sqrt(2 * write_s * (mtbf_s + restart_s)) - write_s
    if write_s >= 2 * mtbf_s:
        return mtbf_s
    x = write_s / (2 * mtbf_s)
    return math.sqrt(2 * write_s * mtbf_s) * (1 + math.sqrt(x) / 3 + x / 9) - write_s


def optimum_s(mtbf_s: float, write_s: float) -> float:
    """Return the interval that makes the most of the time, s; exact for exponential failures.

    It solves ``exp((tau + C) / M) (1 - tau / M) = 1``, does not depend on the restart time, and is the
    same whether failures also strike during a restart or not.

    Examples
    --------
    >>> round(optimum_s(11135.08353221957, 30), 4)
    797.5005
    """
    # tau / M = x with x + log(1 - x) = -C / M: Newton on a concave function, from the right of its zero.
    x = -math.expm1(-1 - write_s / mtbf_s)
    if x == 1 or write_s == 0:
        return x * mtbf_s if write_s else 0.0
    for _ in range(100):
        error = x + math.log1p(-x) + write_s / mtbf_s
        step = error * (1 - x) / x
        x += step
        if abs(step) < 1e-15:
            break
    return x * mtbf_s


def segment_s(
    mtbf_s: float, write_s: float, tau_s: float, *, exposed_s: float = 0.0, safe_s: float = 0.0
) -> float:
    """Return the expected time for one interval of useful work with its write, s.

    Parameters
    ----------
    exposed_s, safe_s : float
        Parts of a restart in which failures strike, and in which they cannot.

    Examples
    --------
    >>> round(segment_s(11135.08353221957, 30, 797.5004547312049, exposed_s=600), 3)
    906.581
    """
    growth = math.expm1((tau_s + write_s) / mtbf_s)
    return (mtbf_s + safe_s) * math.exp(exposed_s / mtbf_s) * growth


def expected_ettr(
    mtbf_s: float, write_s: float, tau_s: float, *, exposed_s: float = 0.0, safe_s: float = 0.0
) -> float:
    """Return useful time over elapsed time in the long run; parameters of ``segment_s``."""
    return tau_s / segment_s(mtbf_s, write_s, tau_s, exposed_s=exposed_s, safe_s=safe_s)
