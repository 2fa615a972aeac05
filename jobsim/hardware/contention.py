"""Jobs that share links: max-min fair rates by progressive filling.

A job loads each link in proportion to one rate, the share of its line rate that it runs at (1: as if it
were alone on links without limits).  All rates rise together; who reaches a full link, or its own cap,
stays where it is.  The rates are unique, and whatever order the jobs come in they are the same bits: every
sum over a link is taken in the order of the loads.

Source: models of networks, section 2.2; Bertsekas and Gallager, Data Networks, section 6.5.2 (max-min fair
flow control).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Key = TypeVar("Key", bound=Hashable)
#: What a job does to links: load at rate 1, by the number of the link, GB/s.
Loads = Mapping[int, float]

#: Links that fill up within so small a share of the rate fill up together.
_TIE = 1e-12


def max_min(loads: Sequence[Loads], capacity: FloatArray, caps: Sequence[float] | None = None) -> FloatArray:
    """Return the max-min fair rate of each job.

    Parameters
    ----------
    loads : sequence of mapping of int to float
        One a job; GB/s that it puts on a link at rate 1.
    capacity : (links,) array of float
        GB/s; infinite links limit nobody.
    caps : sequence of float, optional
        The most that each job can use; default 1.

    Returns
    -------
    (jobs,) array of float

    Raises
    ------
    ValueError
        For loads that are negative or not finite, and for capacities that are not above zero.

    Examples
    --------
    Two jobs share a link, one of them has another link of its own that is tighter:

    >>> max_min([{0: 10.0}, {0: 10.0, 1: 10.0}], np.array([10.0, 2.0])).tolist()
    [0.8, 0.2]
    """
    job = np.repeat(np.arange(len(loads)), [len(each) for each in loads])
    link = np.fromiter((number for each in loads for number in each), np.int64, len(job))
    load = np.fromiter((value for each in loads for value in each.values()), np.float64, len(job))
    if not (np.isfinite(load) & (load >= 0)).all():
        raise ValueError("a load is negative or not finite (0 or more)")
    if not (capacity > 0).all():
        raise ValueError("a link has no capacity (above 0)")
    order = np.lexsort((load, link))
    order = order[(load[order] > 0) & np.isfinite(capacity[link[order]])]
    most = np.ones(len(loads)) if caps is None else np.asarray(caps, np.float64)
    return _fill(job[order], link[order], load[order], capacity, most)


def _fill(
    job: npt.NDArray[np.int64],
    link: npt.NDArray[np.int64],
    load: FloatArray,
    capacity: FloatArray,
    most: FloatArray,
) -> FloatArray:
    """Raise all rates together until each is held; entries come in the order of links, then loads."""
    rates = np.full(len(most), np.inf)
    left = capacity.copy()
    while len(job):
        weight = np.bincount(link, load, len(capacity))
        with np.errstate(divide="ignore", invalid="ignore"):
            limit = np.where(weight > 0, left / weight, np.inf)
        level = max(0.0, min(limit.min(), most[job].min()))
        full = limit <= level * (1 + _TIE)
        held = np.zeros(len(rates), bool)
        held[job[full[link]]] = True
        held[job[most[job] <= level]] = True
        rates[held] = level
        leaving = held[job]
        left -= np.bincount(link[leaving], load[leaving] * level, len(capacity))
        job, link, load = job[~leaving], link[~leaving], load[~leaving]
    found: FloatArray = np.minimum(rates, most)
    return found


def alone(loads: Loads, capacity: FloatArray, cap: float = 1.0) -> float:
    """Return the rate that a job has without any other."""
    return min([cap, *(float(capacity[number]) / load for number, load in loads.items() if load > 0)])


class Shares(Generic[Key]):
    """Rates of jobs that come, change and go; only those are solved again that a change can reach.

    Parameters
    ----------
    capacity : (links,) array of float
        GB/s.

    Notes
    -----
    A link that could carry all its jobs at full rate binds nobody.  Jobs are connected through the others.
    """

    def __init__(self, capacity: FloatArray) -> None:
        self._capacity = np.array(capacity, np.float64)
        self._loads: dict[Key, dict[int, float]] = {}
        self._caps: dict[Key, float] = {}
        self._on: dict[int, dict[Key, float]] = {}
        self.rates: dict[Key, float] = {}

    def put(self, key: Key, loads: Loads, cap: float = 1.0) -> dict[Key, float]:
        """Let a job load links (instead of those it did); return the rates that changed, the job's too.

        ``cap`` is the most that it can use.
        """
        touched = self._remove(key)
        self._caps[key] = cap
        self._loads[key] = {
            number: value for number, value in loads.items() if value > 0 and self._finite(number)
        }
        for number, value in self._loads[key].items():
            self._on.setdefault(number, {})[key] = value * cap
        return self._solve([key, *touched])

    def drop(self, key: Key) -> dict[Key, float]:
        """Let a job go; return the rates that changed."""
        touched = self._remove(key)
        self.rates.pop(key, None)
        self._caps.pop(key, None)
        return self._solve(touched)

    def resize(self, number: int, capacity: float) -> dict[Key, float]:
        """Let a link carry another amount, GB/s; return the rates that changed.

        A link without a limit stays one.
        """
        if not self._finite(number):
            return {}
        touched = list(self._on.get(number, ()))
        bound = bool(touched) and self._binds(number)
        self._capacity[number] = capacity
        return self._solve(touched) if bound or (touched and self._binds(number)) else {}

    def full(self, number: int) -> bool:
        """Tell whether the jobs on a link use all of it."""
        used = sorted(self._loads[key][number] * self.rates[key] for key in self._on.get(number, ()))
        return sum(used) >= float(self._capacity[number]) * (1 - 1e-9)

    def bottlenecks(self, key: Key) -> list[int]:
        """Return the links that hold a job back: full, and nobody on them has more (max-min fairness)."""
        mine = self.rates[key]
        return [
            number
            for number in self._loads[key]
            if self.full(number) and all(self.rates[other] <= mine for other in self._on[number])
        ]

    def _finite(self, number: int) -> bool:
        return bool(np.isfinite(self._capacity[number]))

    def _remove(self, key: Key) -> list[Key]:
        """Take a job off its links; return those whose rate may rise: it left a link that bound them."""
        freed: dict[Key, None] = {}
        for number in self._loads.pop(key, {}):
            if self._binds(number):
                freed |= dict.fromkeys(self._on[number])
            del self._on[number][key]
        freed.pop(key, None)
        return list(freed)

    def _binds(self, number: int) -> bool:
        return sum(sorted(self._on[number].values())) > float(self._capacity[number])

    def _solve(self, start: Iterable[Key]) -> dict[Key, float]:
        """Solve again for all who are connected with some jobs; return what changed."""
        component: dict[Key, None] = {}
        stack = list(start)
        binding: dict[int, bool] = {}
        while stack:
            key = stack.pop()
            if key in component:
                continue
            component[key] = None
            for number in self._loads[key]:
                if number not in binding:
                    binding[number] = self._binds(number)
                    if binding[number]:
                        stack += self._on[number]
        links = {number: i for i, number in enumerate(n for n, binds in binding.items() if binds)}
        loads = [
            {links[number]: value for number, value in self._loads[key].items() if number in links}
            for key in component
        ]
        solved = max_min(loads, self._capacity[list(links)], [self._caps[key] for key in component])
        found = dict(zip(component, solved.tolist(), strict=True))
        changed = {key: rate for key, rate in found.items() if self.rates.get(key) != rate}
        self.rates |= changed
        return changed
