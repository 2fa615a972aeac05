"""Client: how one component's writes reach the API server: token bucket, latency, count.

Source: client-go util/flowcontrol (golang.org/x/time/rate), clause K-TIM-02.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import NamedTuple

from jobsim.api.kinds import KINDS
from jobsim.api.plan import Chain, Step, WriteResult
from jobsim.api.writes import Write
from jobsim.apiserver.executor import ChainResults, Send, StepResults, drive_chain, drive_step, run_chain
from jobsim.apiserver.server import Server
from jobsim.runtime.engine import Engine, Signal, Task
from jobsim.runtime.setup import ClientLimits
from jobsim.units import SECOND

Wait = int | Signal

#: What a verb is called in the summary, with the subresource it goes to.
_SUBRESOURCE = {
    "update-status": "update {}/status",
    "patch-status": "patch {}/status",
    "bind": "create {}/binding",
}
_SUBRESOURCE["evict"] = "create {}/eviction"


def write_name(write: Write) -> str:
    """Return what a write is counted as: ``create pods``, ``update jobs/status``, ..."""
    info = KINDS.get(write.kind)
    plural = info.plural if info else write.kind.lower() + "s"
    form = _SUBRESOURCE.get(write.VERB)
    return form.format(plural) if form else f"{write.VERB} {plural}"


class WriteCounts(NamedTuple):
    """Number of writes by ``write_name``: those that the API server carried out, and those it refused."""

    accepted: dict[str, int]
    refused: dict[str, int]


class TokenBucket:
    """A rate limiter in virtual time (generic cell rate algorithm, exact in ns).

    Parameters
    ----------
    limits : ClientLimits
        ``qps`` 0 means unlimited.
    """

    def __init__(self, limits: ClientLimits) -> None:
        self.unlimited = limits.qps <= 0
        self._interval = 0 if self.unlimited else round(SECOND / limits.qps)
        self._slack = self._interval * (max(limits.burst, 1) - 1)
        self._full_at = 0

    def reserve(self, now: int) -> int:
        """Take a token and return how long to wait for it, ns."""
        if self.unlimited:
            return 0
        full_at = max(self._full_at, now)
        self._full_at = full_at + self._interval
        return max(0, full_at - now - self._slack)


class Client:
    """A component's way to the API server.

    Parameters
    ----------
    engine, server, limits :
    latency : callable or None
        Returns the time a request takes, ns; None: no time.
    counts : WriteCounts
        Shared by all clients of a run.
    """

    def __init__(
        self,
        engine: Engine,
        server: Server,
        limits: ClientLimits,
        latency: Callable[[], int] | None,
        counts: WriteCounts,
    ) -> None:
        self._engine = engine
        self._server = server
        self._bucket = TokenBucket(limits)
        self._latency = latency
        self._counts = counts
        self._names: dict[tuple[str, str], str] = {}
        #: Whether writes are answered in the instant they are made.
        self.immediate = self._bucket.unlimited and latency is None

    def delay(self) -> int:
        """Take a token and return how long the next write waits and travels, ns."""
        wait = self._bucket.reserve(self._engine.now)
        return wait + self.travel()

    def travel(self) -> int:
        """Return how long a request to the API server and its answer take, ns."""
        return 0 if self._latency is None else self._latency()

    def send(self, write: Write) -> WriteResult:
        """Let the API server answer a write now."""
        key = (write.VERB, write.kind)
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = write_name(write)
        result = self._server.request(write, self._engine.now)
        counted = self._counts.accepted if result.error is None else self._counts.refused
        counted[name] = counted.get(name, 0) + 1
        return result

    def begin(self) -> Send:
        """Return how the writes of one pass are sent."""
        return self.send

    def run_step(self, step: Step, send: Send | None = None) -> Generator[Wait, None, StepResults]:
        """Run the chains of a step; yields waits.  Without latency one after the other is exact.

        Parameters
        ----------
        step : Step
        send : callable, optional
            What ``begin`` returned for the pass.
        """
        send = self.send if send is None else send
        if self.immediate:
            return drive_step(step, send)
        if self._latency is None or step.max_parallel == 1 or len(step.chains) == 1:
            results: list[ChainResults] = []
            for chain in step.chains:
                if len(chain.writes) == 1:
                    # Nearly all chains: one wait, then the answer.
                    wait = self.delay()
                    if wait:
                        yield wait
                    results.append(drive_chain(chain, step.ignore, send))
                else:
                    results.append((yield from self._chain(step, chain, send)))
                if step.mode == "first-error" and any(r.error is not None for r in results[-1]):
                    break
            return tuple(results)
        return (yield from self._side_by_side(step, send))

    def _chain(self, step: Step, chain: Chain, send: Send) -> Generator[Wait, None, ChainResults]:
        running = run_chain(chain, step.ignore)
        try:
            write = next(running)
            while True:
                wait = self.delay()
                if wait:
                    yield wait
                write = running.send(send(write))
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]

    def _side_by_side(self, step: Step, send: Send) -> Generator[Wait, None, StepResults]:
        """Run chains in flight together, at most ``max_parallel``; the next starts as one ends."""
        done: dict[int, ChainResults] = {}
        waiting = list(enumerate(step.chains))
        waiting.reverse()
        tasks: list[Task] = []
        signal = Signal()

        def begin() -> None:
            while waiting and len(step.chains) - len(waiting) - len(done) < step.max_parallel:
                number, chain = waiting.pop()
                tasks.append(Task(self._engine, self._chain(step, chain, send), partial(finish, number)))

        def finish(number: int, got: ChainResults) -> None:
            done[number] = got
            if step.mode == "first-error" and any(r.error is not None for r in got):
                waiting.clear()
            begin()
            if not waiting and len(done) == len(tasks):
                signal.fire()

        begin()
        try:
            yield signal
        finally:
            # Reached with tasks alive only when the component crashes.
            for task in tasks:
                if task.alive:
                    task.kill()
        return tuple(done[n] for n in sorted(done))
