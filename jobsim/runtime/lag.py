"""How late the components hear of changes, and how long their requests travel: each from its own stream."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from jobsim.api.watch import WatchEvent
from jobsim.laws import ZERO, Law, quantile
from jobsim.rng import uniform
from jobsim.runtime.engine import Engine
from jobsim.runtime.informer import LagOf
from jobsim.runtime.setup import StaleFault, WatchLag
from jobsim.units import MINUTE

#: Who is not longer behind sees in time what it expects to see (K-JOB-14).
_NEWS_NS = MINUTE


def process_of(component: str) -> str:
    """Return the process that a component is part of: JobSet's two controllers share one."""
    return component.partition("-pod")[0] if component == "jobset-pod" else component


def lag_of(
    component: str, lags: Sequence[WatchLag], stale: Sequence[StaleFault], engine: Engine, seed: int
) -> LagOf | None:
    """Return how late a component hears of changes, or None if it never is."""
    rules = [r for r in lags if r.component in ("", component) and r.law != ZERO]
    deaf = [fault for fault in stale if fault.component == process_of(component)]
    if not rules and not deaf:
        return None
    samplers = [(r.kind, sampler(r.law, seed, "watch-lag", component, r.kind)) for r in rules]

    def lag(event: WatchEvent) -> int:
        kind = event.obj.kind
        ns = 0
        for wanted, sample in samplers:
            if wanted in ("", kind):
                ns = sample()
                break
        for fault in deaf:
            if fault.kind == kind and fault.at <= engine.now < fault.at + fault.duration:
                ns = max(ns, fault.at + fault.duration - engine.now)
        return ns

    return lag


def is_recent(lags: Sequence[WatchLag], stale: Sequence[StaleFault]) -> bool:
    """Tell whether nobody is minutes behind."""
    longest = [quantile(lag.law, 1 - 2**-53) for lag in lags] + [fault.duration for fault in stale]
    return max(longest, default=0) <= _NEWS_NS


def sampler(law: Law, seed: int, *key: str) -> Callable[[], int]:
    """Return a function that gives one draw of a law after the other, from a stream of its own."""
    draw = partial(quantile, law)
    count = 0

    def sample() -> int:
        nonlocal count
        count += 1
        return draw(uniform(seed, *key, count))

    return sample
