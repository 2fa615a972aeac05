"""Engine: virtual time on simpy, in int nanoseconds.

A timer is a simpy ``Timeout`` with a callback, never a process: a third of the time and 40 % of
the memory (ecosystem section 2).  Timers of one instant fire in the order in which they were
set.  What is set for the present instant (most timers are) waits in a plain queue: it comes after
all that simpy still holds for this instant, for that was set earlier.  A ``Task`` runs a generator
that now and then waits: how a plan is executed when the client is rate limited.
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import simpy

Callback = Callable[..., None]

#: When Python looks for cycles while a run is under way: a cluster is a million small objects and hardly
#: a cycle, so looking every 700 allocations took a fifth of the time of 12,500 pods.
_COLLECT = (50_000, 20, 100)


@contextmanager
def _collecting_seldom() -> Iterator[None]:
    """Let Python look for cycles less often; afterwards as before."""
    before = gc.get_threshold()
    if before[0]:
        gc.set_threshold(*_COLLECT)
    try:
        yield
    finally:
        gc.set_threshold(*before)


class Timer:
    """A callback at a time; may be cancelled until it fires."""

    __slots__ = ("_args", "_callback", "_engine", "time")

    def __init__(self, engine: Engine, time: int, callback: Callback, args: tuple[Any, ...]) -> None:
        self._engine = engine
        self.time = time
        self._callback: Callback | None = callback
        self._args = args

    def __call__(self, event: object = None) -> None:
        """Fire, as a callback of a simpy event or from the queue of the present instant."""
        callback = self._callback
        if callback is not None:
            self._engine.now = self.time
            callback(*self._args)

    def cancel(self) -> None:
        """Make the timer do nothing."""
        self._callback = None
        self._args = ()


class Engine:
    """The clock and its timers."""

    def __init__(self) -> None:
        self._env = simpy.Environment(initial_time=0)
        self._soon: deque[Timer] = deque()
        self.fired = 0
        #: The present, ns: a plain attribute, for it is asked 40 times a pod life.
        self.now = 0

    def at(self, time: int, callback: Callback, *args: Any) -> Timer:
        """Call back at a time (not before now)."""
        now = self.now
        if time <= now:
            timer = Timer(self, now, callback, args)
            self._soon.append(timer)
            return timer
        timer = Timer(self, time, callback, args)
        simpy.Timeout(self._env, time - self._env.now).callbacks.append(timer)
        return timer

    def after(self, delay_ns: int, callback: Callback, *args: Any) -> None:
        """Call back after a delay."""
        self.at(self.now + delay_ns, callback, *args)

    def peek(self) -> int | None:
        """Return the time of the next timer, or None when there is nothing left to happen."""
        if self._soon:
            return self.now
        time = self._env.peek()
        return None if time == float("inf") else int(time)

    def run(self, until: int, timers: int | None = None) -> None:
        """Fire timers up to and including a time (at most so many of them)."""
        with _collecting_seldom():
            self._run(until, timers)

    def _run(self, until: int, timers: int | None) -> None:
        env, soon = self._env, self._soon
        step = env.step
        queue = env._queue
        fired = 0
        while fired != timers:
            if soon and not (queue and queue[0][0] <= self.now):
                if self.now > until:
                    break
                soon.popleft()()
            elif queue and queue[0][0] <= until:
                step()
            else:
                break
            fired += 1
        self.fired += fired


class Stopped(Exception):
    """Raised inside a pass whose component is gone: nothing of it runs any more."""


class Signal:
    """Something a task can wait for; ``fire`` lets it go on, in the same instant."""

    __slots__ = ("_fired", "_waiting")

    def __init__(self) -> None:
        self._waiting: Callable[[], None] | None = None
        self._fired = False

    def fire(self) -> None:
        """Let the waiting task go on; a task that comes later does not wait."""
        self._fired = True
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting()

    def wait(self, resume: Callable[[], None]) -> None:
        """Call back when the signal fires."""
        if self._fired:
            resume()
        else:
            self._waiting = resume


class Task:
    """A generator that yields how long to wait (ns) or a ``Signal`` to wait for.

    ``done`` is called with what it returns.  It runs at once until its first wait, so a plan that
    needs no waiting costs no timer.
    """

    def __init__(
        self, engine: Engine, generator: Generator[int | Signal, None, Any], done: Callable[[Any], None]
    ) -> None:
        self._engine = engine
        self._generator = generator
        self._done = done
        self._timer: Timer | None = None
        self._running = False
        self.alive = True
        self._resume()

    def _resume(self) -> None:
        if not self.alive:
            return
        self._running = True
        try:
            wait = next(self._generator)
        except StopIteration as stop:
            if self.alive:
                self.alive = False
                self._done(stop.value)
            return
        except Stopped:
            self.alive = False
            return
        finally:
            self._running = False
        if not self.alive:
            # Killed by what it did itself.
            self._generator.close()
        elif isinstance(wait, Signal):
            wait.wait(lambda: self._engine.after(0, self._resume))
        else:
            self._timer = self._engine.at(self._engine.now + wait, self._resume)

    def kill(self) -> None:
        """Stop where it waits; nothing of it runs any more."""
        self.alive = False
        if self._timer is not None:
            self._timer.cancel()
        if not self._running:
            self._generator.close()
