"""Controllers over a real server in virtual time: the smallest loop that honours delays and requeues."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jobsim.api.meta import Object
from jobsim.api.plan import EventRecord, Plan, WriteResult
from jobsim.api.reader import Reader
from jobsim.api.watch import Wake, WatchEvent
from jobsim.api.writes import Write
from jobsim.apiserver.executor import Shell, drive, result_of
from jobsim.apiserver.server import OpenAdmission, Server
from jobsim.apiserver.store import Store
from jobsim.rng import NameSource

Wakes = Callable[[WatchEvent, Reader], list[Wake]]
Decide = Callable[[Reader, str, str, Any, int], Plan | None]


class Loop:
    """One server and some controllers.

    Each controller is (wakes, decide); ``decide`` observes and reconciles.
    """

    def __init__(self, *controllers: tuple[Wakes, Decide], objects: tuple[Object, ...] = ()) -> None:
        self.store = Store()
        self.server = Server(self.store, OpenAdmission(), NameSource(0))
        self.now = 0
        self.controllers = controllers
        self.due: dict[tuple[int, str, str], int] = {}
        self.memory: dict[tuple[int, str, str], Any] = {}
        self.events: list[tuple[float, EventRecord]] = []
        self.log: list[WatchEvent] = []
        self.refuse: Callable[[Write], bool] = lambda _: False
        self.store.subscribe(self._hear)
        for obj in objects:
            self.store.create(obj, 0)

    def _hear(self, event: WatchEvent) -> None:
        self.log.append(event)
        for number, (wakes, _) in enumerate(self.controllers):
            for wake in wakes(event, self.store):
                self.wake(number, wake)

    def wake(self, number: int, wake: Wake) -> None:
        key = (number, wake.namespace, wake.name)
        self.due[key] = min(self.due.get(key, 2**62), self.now + wake.delay_ns)

    def send(self, write: Write) -> WriteResult:
        return result_of(write, lambda: self.server.apply(write, self.now))

    def run(self, until_s: float) -> Loop:
        """Work until an instant, s."""
        until = round(until_s * 1e9)
        for _ in range(10_000):
            ready = [(at, key) for key, at in self.due.items() if at <= until]
            if not ready:
                self.now = until
                return self
            at, key = min(ready)
            self.now = max(self.now, at)
            del self.due[key]
            plan = self.controllers[key[0]][1](self.store, key[1], key[2], self.memory.get(key), self.now)
            if plan is None:
                continue
            shell = Shell(
                record=lambda e: self.events.append((self.now / 1e9, e)),
                remember=lambda memory, key=key: self.memory.update({key: memory}),
                count=lambda _: None,
            )
            finish = drive(plan, self.send, shell)
            if finish.error is not None:
                self.due[key] = min(self.due.get(key, 2**62), self.now + 10**9)
            elif finish.requeue_after_ns is not None:
                self.due[key] = min(self.due.get(key, 2**62), self.now + finish.requeue_after_ns)
        raise AssertionError("the controllers never rest")
