"""Plays a recorded run on the ring: the same nodes, manifests, behaviour and script, in virtual time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobsim.controllers import kubelet
from jobsim.e2e.agents import Agents
from jobsim.e2e.case import RunCase, parse
from jobsim.e2e.compare import comparable
from jobsim.e2e.moments import Clock, holds, time_of
from jobsim.e2e.script import Hands
from jobsim.e2e.truth import truth_of
from jobsim.e2e.watcher import Watcher, seconds
from jobsim.errors import InputError
from jobsim.laws import Fixed
from jobsim.runtime.cluster import Cluster
from jobsim.runtime.guard import wanted
from jobsim.runtime.setup import CLIENT_LIMITS, ClientLimits, Control, Setup, WatchLag
from jobsim.testing.conformance_case import Verdict
from jobsim.units import HOUR, MILLISECOND
from jobsim.workload.behaviour import PodRule

#: The recorded controller-manager and scheduler had no limits that count; JobSet had its own.
LIMITS = {
    name: limits if name == "jobset" else ClientLimits(qps=0, burst=0)
    for name, limits in CLIENT_LIMITS.items()
}
#: A real API server takes some time to answer, so that its clients' writes interleave, and a binding takes
#: longer than a creation.  How long does not matter: from 1 ms to 50 ms every recording comes out alike.
LATENCY = Fixed(value=5 * MILLISECOND)
LAGS = (WatchLag(law=Fixed(value=5 * MILLISECOND), component="scheduler"),)
#: A run that has not come to its end by then never will.
LONGEST_NS = 2 * HOUR


def run_e2e(document: Mapping[str, Any]) -> Verdict:
    """Play a recorded run and return both truths in the form in which they are compared.

    Raises
    ------
    InputError
        The document cannot be read.
    """
    case = parse(document)
    try:
        expected = comparable(case.truth, case.unstable)
    except (KeyError, TypeError, ValueError, AttributeError) as err:
        raise InputError(f"run {case.name}: its truth cannot be read: {err!r}") from None
    return Verdict(expected, comparable(play(case), case.unstable))


def play(case: RunCase) -> dict[str, Any]:
    """Play a run and return its truth, in the form of the recordings."""
    return _Run(case).truth()


class _Run:
    """A run under way."""

    def __init__(self, case: RunCase) -> None:
        self._case = case
        self._watcher = Watcher()
        setup = Setup(
            gates=case.gates,
            nodes=case.nodes,
            rules=(PodRule(run="forever"),),
            control=Control(limits=LIMITS, latency=LATENCY, watch_lag=LAGS),
            kubelet=kubelet.INSTANT,
            strict=True,
            check_invariants=wanted(),
        )
        self._cluster = Cluster(setup, self._watcher)
        self._agents = Agents(self._cluster.engine, self._cluster.kubelets, self._watcher, case.rules)
        self._cluster.store.subscribe(self._agents.hear, ("Pod",))
        self._hands = Hands(self._cluster, self._watcher)
        self._steps = list(reversed(case.script))
        self._clock = Clock(self._cluster.engine.now)
        #: When the moment that is waited for came, and until when nobody needs to look for one.
        self._came_at: int | None = None
        self._alarm = -1

    def truth(self) -> dict[str, Any]:
        """Play to the end and return what came of it."""
        self._cluster.start()
        engine = self._cluster.engine
        engine.run(engine.now)
        for manifest in self._case.manifests:
            self._hands.create(manifest)
        self._begin()
        ended = self._to_the_end()
        key, hands = self._case.topology_key, self._hands
        truth = truth_of(self._watcher, self._cluster.store, hands.results, key)
        truth["duration"] = seconds(engine.now)
        if not ended:
            truth["unfinished"] = f"{dict(self._case.until.asked)} did not come"
        return truth

    def _begin(self) -> None:
        engine = self._cluster.engine
        engine.run(engine.now)
        self._clock.now = engine.now

    def _to_the_end(self) -> bool:
        """Go from instant to instant; tell whether the run came to the end that it waits for."""
        engine = self._cluster.engine
        while True:
            self._clock.now = engine.now
            if self._steps:
                if self._step():
                    engine.run(engine.now)
                    continue
            elif self._over():
                return True
            upcoming = engine.peek()
            if upcoming is None or upcoming > LONGEST_NS:
                return False
            engine.run(upcoming)

    def _step(self) -> bool:
        """Do the next step if it is due; tell whether it was."""
        step, clock = self._steps[-1], self._clock
        if self._came_at is None:
            if not holds(step.when, self._watcher, clock):
                time = time_of(step.when, self._watcher, clock)
                if time is not None:
                    self._wake_at(time)
                return False
            self._came_at = clock.now
        due = self._came_at + step.when.plus
        if clock.now < due:
            self._wake_at(due)
            return False
        self._steps.pop()
        self._came_at = None
        clock.step = clock.now
        self._hands.perform(step)
        return True

    def _over(self) -> bool:
        """Tell whether the end has come and nothing has changed since for long enough."""
        until, clock = self._case.until, self._clock
        if self._came_at is None:
            if not holds(until, self._watcher, clock):
                time = time_of(until, self._watcher, clock)
                if time is not None:
                    self._wake_at(time)
                return False
            self._came_at = clock.now
        quiet_at = max(self._came_at + until.plus, self._watcher.changed_at + self._case.settle)
        if clock.now < quiet_at:
            self._wake_at(quiet_at)
            return False
        return True

    def _wake_at(self, time: int) -> None:
        """See to it that there is an instant at a time to look again."""
        if time > self._clock.now and time != self._alarm:
            self._alarm = time
            self._cluster.engine.at(time, lambda: None)
