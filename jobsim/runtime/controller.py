"""Controller: the loop around one pure core: queue, observe, reconcile, execute, retry.

The core gives ``wakes``, ``observe`` and ``reconcile`` (and ``note`` if it remembers things); all
that takes time or can go wrong is here.  Source: client-go util/workqueue, controller-runtime
pkg/internal/controller; clauses C-QUE-01..05, K-JOB-10..12.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from functools import partial
from typing import Any

from jobsim.api._struct import Struct
from jobsim.api.plan import EventRecord, Plan
from jobsim.api.reader import Reader
from jobsim.api.timing import RETRY_BASE_NS, RETRY_CAP_NS
from jobsim.api.watch import Wake, WatchEvent
from jobsim.apiserver.executor import Finish, Send, Shell, drive, execute
from jobsim.apiserver.store import Store
from jobsim.apiserver.table import ObjectTable
from jobsim.apiserver.workqueue import ItemBackoff, WorkQueue
from jobsim.runtime.client import Client, Wait
from jobsim.runtime.engine import Engine, Stopped, Task, Timer
from jobsim.runtime.informer import Informer, LagOf
from jobsim.runtime.stall import Stall

Key = tuple[str, str]


class Core(Struct):
    """A controller's decisions, as the loop needs them.

    Parameters
    ----------
    name : str
    kinds : tuple of str
        What it watches; none: all kinds.
    wakes : callable
        ``(event, reader) -> list of Wake``.
    observe : callable
        ``(reader, namespace, name, memory) -> Seen or None``.
    reconcile : callable
        ``(seen, now) -> Plan``.
    note : callable or None
        ``(event, memory) -> memory``: what the controller's memory learns from an event.
    memory_of : callable or None
        ``(event) -> (namespace, name) or None``: whose memory an event concerns.
    backoff_base_ns, backoff_cap_ns : int
        Delay after an error: ``base * 2**n`` up to the cap.
    workers : int
    pull_forward : bool
        Whether a new event takes the place of a delay that a key waits for (controller-runtime's
        priority queue, C-QUE-04) or adds a look (client-go's, K-JOB-12).
    minds : mapping of str to int
        By kind (``*``: any), which changes of an existing object can wake anything (``Store.subscribe``).
    live : bool
        Whether it asks the server before it acts (K-JOB-125): what others do in the same instant, from
        their caches, comes first.
    asks : callable or None
        ``(reader, namespace, name) -> int``: how many requests of its client a look takes, if it asks.
    polls : bool
        Whether a look that it asks for itself is only another look at something that others hold up:
        no hope that anything will happen.
    """

    name: str
    kinds: tuple[str, ...]
    wakes: Callable[[WatchEvent, Reader], list[Wake]]
    observe: Callable[[Reader, str, str, Any], Any]
    reconcile: Callable[[Any, int], Plan]
    note: Callable[[WatchEvent, Any], Any] | None = None
    memory_of: Callable[[WatchEvent], Key | None] | None = None
    backoff_base_ns: int = RETRY_BASE_NS
    backoff_cap_ns: int = RETRY_CAP_NS
    workers: int = 1
    pull_forward: bool = False
    live: bool = False
    asks: Callable[[Reader, str, str], int] | None = None
    minds: Mapping[str, int] = {}
    polls: bool = False


class Controller:
    """A running controller."""

    def __init__(
        self,
        engine: Engine,
        store: Store,
        core: Core,
        client: Client,
        record: Callable[[str, EventRecord], None],
        metrics: dict[str, int],
        lag: LagOf | None = None,
    ) -> None:
        self._engine = engine
        self._core = core
        self._wakes = core.wakes
        self._begin = self._ask if core.live else self._drain
        self._note = core.note
        self._client = client
        self._record_event = partial(record, core.name)
        self._metrics = metrics
        self._queue = WorkQueue[Key](pull_forward=core.pull_forward)
        self._backoff = ItemBackoff[Key](core.backoff_base_ns, core.backoff_cap_ns)
        self._memory: dict[Key, Any] = {}
        self._notes: dict[Key, list[WatchEvent]] = {}
        self._running: dict[Key, Task | None] = {}
        #: Keys that wait for another try after an error, and for nothing else.
        self._failing: dict[Key, Stall | None] = {}
        self._armed: Timer | None = None
        self._down = False
        self.reconciles = 0
        reader: ObjectTable = store if lag is None else ObjectTable()
        #: What it decides on: who asks the server before it acts is never behind, however late it hears.
        self._reader = store if core.live else reader
        self._hear = self._listener(self._reader)
        self._informer = Informer(engine, store, self._hear, core.kinds, lag, reader, core.minds)

    @property
    def name(self) -> str:
        """The component's name."""
        return self._core.name

    # -- hearing -------------------------------------------------------------------------------

    def _listener(self, reader: Reader) -> Callable[[WatchEvent], None]:
        """Return what hears of each change: a closure, for it runs 40 times in a pod's life."""
        wakes, wake, learn = self._core.wakes, self._wake, self._learn
        if self._core.note is None:

            def hear(event: WatchEvent) -> None:
                woken = wakes(event, reader)
                if woken:
                    wake(woken)
        else:

            def hear(event: WatchEvent) -> None:
                learn(event)
                woken = wakes(event, reader)
                if woken:
                    wake(woken)

        return hear

    def _wake(self, woken: list[Wake]) -> None:
        if self._down:
            return
        now = self._engine.now
        sooner = False
        for wake in woken:
            key = (wake.namespace, wake.name)
            sooner |= self._queue.add(key, now + wake.delay_ns, now)
            self._failing.pop(key, None)
        if sooner:
            self._arm()

    def _learn(self, event: WatchEvent) -> None:
        """Let the memory of a key learn from an event; while the key is worked on, afterwards."""
        assert self._core.note is not None
        assert self._core.memory_of is not None
        key = self._core.memory_of(event)
        if key is None or self._down:
            return
        if key in self._running:
            self._notes.setdefault(key, []).append(event)
            return
        memory = self._memory.get(key)
        learnt = self._core.note(event, memory)
        if learnt is not memory:
            self._set_memory(key, learnt)

    def _set_memory(self, key: Key, memory: Any) -> None:
        if memory is None:
            self._memory.pop(key, None)
        else:
            self._memory[key] = memory

    def _arm(self) -> None:
        """Set the timer for the next key that becomes ready, unless an earlier one is set."""
        ready = self._queue.next_ready()
        if ready is None:
            return
        armed = self._armed
        if armed is not None:
            if armed.time <= ready:
                return
            armed.cancel()
        self._armed = self._engine.at(max(ready, self._engine.now), self._begin)

    # -- working -------------------------------------------------------------------------------

    def _ask(self) -> None:
        """Let the others of this instant go first: the server has yet to answer."""
        self._engine.after(0 if self._core.asks else self._client.travel(), self._drain)

    def _drain(self) -> None:
        self._armed = None
        now = self._engine.now
        while not self._down and len(self._running) < self._core.workers:
            key = self._queue.pop(now)
            if key is None:
                break
            self._work(key)
        if len(self._running) < self._core.workers:
            self._arm()

    def _work(self, key: Key) -> None:
        """Observe, decide, and begin to execute."""
        if self._core.asks is not None and not self._client.immediate:
            self._start(key, self._look(key))
            return
        plan = self._decide(key)
        if plan is None or _idle(plan):
            self._finish(key, Finish(requeue_after_ns=plan.requeue_after_ns if plan else None))
            return
        send = self._client.begin()
        if self._client.immediate:
            self._running[key] = None
            try:
                finish = drive(plan, send, self._shell(key))
            except Stopped:
                return
            self._finish(key, finish)
            return
        self._start(key, self._perform(key, plan, send))

    def _decide(self, key: Key) -> Plan | None:
        """Return what is to be done about a key, None if it is gone."""
        self.reconciles += 1
        seen = self._core.observe(self._reader, *key, self._memory.get(key))
        return None if seen is None else self._core.reconcile(seen, self._engine.now)

    def _start(self, key: Key, work: Generator[Wait, None, Finish]) -> None:
        """Begin what takes time."""
        self._running[key] = None
        task = Task(self._engine, work, lambda finish: self._finish(key, finish))
        if task.alive:
            self._running[key] = task

    def _look(self, key: Key) -> Generator[Wait, None, Finish]:
        """Ask the server, then decide on what is there; yields waits."""
        assert self._core.asks is not None
        for _ in range(self._core.asks(self._reader, *key)):
            wait = self._client.delay()
            if wait:
                yield wait
        plan = self._decide(key)
        if plan is None or _idle(plan):
            return Finish(requeue_after_ns=plan.requeue_after_ns if plan else None)
        return (yield from self._perform(key, plan, self._client.begin()))

    def _shell(self, key: Key) -> Shell:
        return Shell(record=self._record_event, remember=partial(self._set_memory, key), count=self._count)

    def _perform(self, key: Key, plan: Plan, send: Send) -> Generator[Wait, None, Finish]:
        """Execute a plan through the client; yields waits."""
        running = execute(plan, self._shell(key))
        try:
            step = next(running)
            while True:
                results = yield from self._client.run_step(step, send)
                step = running.send(results)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]

    def _count(self, metric: str) -> None:
        self._metrics[metric] = self._metrics.get(metric, 0) + 1

    def _finish(self, key: Key, finish: Finish) -> None:
        """Take the outcome of a pass: back-off, requeue, whatever came meanwhile."""
        self._running.pop(key, None)
        for event in self._notes.pop(key, ()):
            assert self._core.note is not None
            self._set_memory(key, self._core.note(event, self._memory.get(key)))
        now = self._engine.now
        if finish.requeue_after_ns is not None:
            self._queue.add(key, now + finish.requeue_after_ns, now)
            if self._core.polls:
                self._failing[key] = None
        if finish.error is not None:
            if self._backoff.failures(key):
                known = self._failing.get(key)
                self._failing[key] = Stall(
                    what="controller",
                    name=self._core.name,
                    since=now if known is None else known.since,
                    message=f"{'/'.join(filter(None, key))}: {finish.error}",
                )
            self._queue.add(key, now + self._backoff.next(key), now)
        else:
            self._backoff.forget(key)
            if finish.requeue_after_ns is None or not self._core.polls:
                self._failing.pop(key, None)
        self._queue.done(key)
        self._arm()

    def hopeful(self) -> bool:
        """Tell whether a key waits for anything but another try of what failed."""
        return len(self._queue) > len(self._failing) or bool(self._running)

    def stalls(self) -> list[Stall]:
        """Return the keys that have failed more than once and wait for another try."""
        return [stall for stall in self._failing.values() if stall is not None]

    def poke(self, namespace: str, name: str) -> None:
        """Ask for a look at a key from outside the log: for what no object shows (a silent kubelet)."""
        if not self._down:
            now = self._engine.now
            self._queue.add((namespace, name), now, now)
            self._arm()

    # -- crashing ------------------------------------------------------------------------------

    def crash(self) -> None:
        """Stop between two writes: queue, back-off and memory are lost, writes made stay made."""
        self._down = True
        for task in self._running.values():
            if task is not None:
                task.kill()
        self._running.clear()
        self._failing.clear()
        self._notes.clear()
        self._memory.clear()
        self._queue = WorkQueue[Key](pull_forward=self._core.pull_forward)
        self._backoff = ItemBackoff[Key](self._core.backoff_base_ns, self._core.backoff_cap_ns)
        if self._armed is not None:
            self._armed.cancel()
            self._armed = None

    def restart(self) -> None:
        """Start again: list everything, hear of each object as added."""
        self._down = False
        for event in self._informer.relist():
            self._hear(event)


def _idle(plan: Plan) -> bool:
    """Tell whether a plan has nothing to execute."""
    return not (
        plan.steps
        or plan.status
        or plan.events
        or plan.error
        or plan.then
        or plan.notices
        or plan.memory is not None
        or plan.metrics
    )
