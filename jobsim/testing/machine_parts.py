"""The components of a world without time: cores with caches of their own, as far behind as it pleases.

What ``runtime.controller`` is to a simulation: the same cores, executor and memory, but instead of an
engine somebody outside says what is heard and done next.  Each component has a cache that is fed from the
watch log, kind by kind, in order (C-CCH-01, C-ENV-06).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple

from jobsim.api.plan import EventRecord, Plan, WriteResult
from jobsim.api.reader import Reader
from jobsim.api.watch import Wake, WatchEvent
from jobsim.api.writes import Delete, Write
from jobsim.apiserver.executor import ChainResults, Finish, Shell, execute, run_chain
from jobsim.apiserver.table import ObjectTable
from jobsim.apiserver.workqueue import ItemBackoff
from jobsim.controllers import exclusive_placement, garbage_collector, job, jobset, pod_gc
from jobsim.controllers.invariants_law import Violation
from jobsim.controllers.job import orphans, ttl
from jobsim.controllers.jobset.gates import Gates
from jobsim.units import SECOND

Key = tuple[str, str]
Writes = Generator[Write, WriteResult, Finish]


class Core(NamedTuple):
    """A controller's decisions (``runtime.controller.Core``, without its numbers)."""

    name: str
    kinds: tuple[str, ...]
    wakes: Callable[[WatchEvent, Reader], list[Wake]]
    observe: Callable[[Reader, str, str, Any], Any]
    reconcile: Callable[[Any, int], Plan]
    note: Callable[[WatchEvent, Any], Any] | None = None
    memory_of: Callable[[WatchEvent], Key | None] | None = None
    #: Reads the server, not a cache (upstream asks it before it acts).
    uncached: bool = False


def _remembering(gates: Gates) -> Callable[[Reader, str, str, Any], Any]:
    """Return the JobSet controller's look with a memo, of which it sees that it changes nothing."""
    memo = jobset.Memo()

    def observe(reader: Reader, namespace: str, name: str, memory: Any) -> jobset.Seen | None:
        seen = jobset.observe(reader, namespace, name, gates, memo)
        plain = jobset.observe(reader, namespace, name, gates)
        assert _content(seen) == _content(plain), f"the memo of JobSet {name} shows something else"
        return seen

    return observe


def _content(seen: jobset.Seen | None) -> Any:
    if seen is None:
        return None
    known = seen.looked_at()
    children = [
        (name, child.job, child.attempt, child.outcome, child.share.replicated_job, child.share.counts)
        for name, child in known.by_name.items()
    ]
    return seen.jobset, children, known.wanted, seen.service_exists, list(seen.pods)


def cores(gates: Gates) -> tuple[Core, ...]:
    """Return the controllers of a world, the JobSet controller first."""
    return (
        Core(
            "jobset",
            ("JobSet", "Job", "Service", *(("Pod",) if gates.in_place_restart else ())),
            lambda event, reader: jobset.wakes(event, reader, gates),
            _remembering(gates),
            lambda seen, now: jobset.reconcile(seen, now, gates),
        ),
        Core("job", ("Job", "Pod"), job.wakes, job.observe, job.reconcile, job.note, job.memory_of),
        Core(
            "garbage-collector",
            (),
            garbage_collector.wakes,
            lambda reader, namespace, name, memory: garbage_collector.observe(reader, namespace, name),
            garbage_collector.reconcile,
            uncached=True,
        ),
        Core(
            "jobset-pod",
            ("Pod",),
            exclusive_placement.wakes,
            lambda reader, namespace, name, memory: exclusive_placement.observe(reader, namespace, name),
            lambda seen, now: exclusive_placement.reconcile(seen, now, gates),
        ),
        Core("orphans", ("Job", "Pod"), orphans.wakes, orphans.observe, orphans.reconcile),
        Core("ttl", ("Job",), ttl.wakes, ttl.observe, ttl.reconcile),
        Core(
            "pod-gc",
            ("Node", "Pod"),
            pod_gc.wakes,
            lambda reader, namespace, name, memory: pod_gc.observe(reader, memory),
            pod_gc.reconcile,
        ),
    )


class Component:
    """A core with its cache, its keys and its memory; at most one pass is under way.

    Parameters
    ----------
    core : Core
    store : ObjectTable
        Where a restarted component reads its first cache from.
    log : mapping of kind to list of WatchEvent
        The whole watch log; grows as the world goes on.
    """

    def __init__(self, core: Core, store: ObjectTable, log: dict[str, list[WatchEvent]]) -> None:
        self.core = core
        self.cache = store if core.uncached else ObjectTable()
        self._store = store
        self._log = log
        self._heard: dict[str, int] = {}
        #: Keys to look at, and when it is due, ns.
        self.pending: dict[Key, int] = {}
        self.memory: dict[Key, Any] = {}
        self.events: list[EventRecord] = []
        self.metrics: list[str] = []
        self._backoff = ItemBackoff[Key](SECOND, 60 * SECOND)
        self._notes: list[tuple[Key, WatchEvent]] = []
        self.key: Key | None = None
        self._pass: Writes | None = None
        #: The next write of the pass under way.
        self.next_write: Write | None = None

    # -- hearing -------------------------------------------------------------------------------

    def backlog(self) -> list[str]:
        """Return the kinds of which something is still to be heard, by name."""
        return [kind for kind in sorted(self._log) if self._heard.get(kind, 0) < len(self._log[kind])]

    def hear(self, kind: str, count: int, now: int) -> None:
        """Hear of the next changes of a kind."""
        start = self._heard.get(kind, 0)
        events = self._log[kind][start : start + count]
        self._heard[kind] = start + len(events)
        for event in events:
            if not self.core.uncached:
                self.cache.apply(event)
            self._wake(event, now)

    def _wake(self, event: WatchEvent, now: int) -> None:
        if self.core.kinds and event.obj.kind not in self.core.kinds:
            return
        self._learn(event)
        for wake in self.core.wakes(event, self.cache):
            self._add((wake.namespace, wake.name), now + wake.delay_ns)

    def _learn(self, event: WatchEvent) -> None:
        if self.core.note is None or self.core.memory_of is None:
            return
        key = self.core.memory_of(event)
        if key is not None and key == self.key:
            self._notes.append((key, event))
        elif key is not None:
            self._remember(key, self.core.note(event, self.memory.get(key)))

    def _remember(self, key: Key, memory: Any) -> None:
        if memory is None:
            self.memory.pop(key, None)
        else:
            self.memory[key] = memory

    def _add(self, key: Key, at: int) -> None:
        self.pending[key] = min(at, self.pending.get(key, at))

    # -- working -------------------------------------------------------------------------------

    def begin(self, key: Key, now: int) -> None:
        """Look at a key and decide; the pass stands before its first write, if it has any."""
        self.pending.pop(key, None)
        seen = self.core.observe(self.cache, *key, self.memory.get(key))
        if seen is None:
            self._backoff.forget(key)
            return
        self.key = key
        self._pass = writes_of(self.core.reconcile(seen, now), self._shell(key))
        self._advance(None, now)

    def _shell(self, key: Key) -> Shell:
        return Shell(
            record=self.events.append,
            remember=lambda memory: self._remember(key, memory),
            count=self.metrics.append,
        )

    def answer(self, result: WriteResult, now: int) -> None:
        """Go on with the pass: its next write has this answer."""
        self._advance(result, now)

    def _advance(self, result: WriteResult | None, now: int) -> None:
        assert self._pass is not None
        try:
            self.next_write = next(self._pass) if result is None else self._pass.send(result)
        except StopIteration as stop:
            self._finish(stop.value, now)

    def _finish(self, finish: Finish, now: int) -> None:
        key = self.key
        assert key is not None
        self.key = self._pass = self.next_write = None
        for noted, event in self._notes:
            assert self.core.note is not None
            self._remember(noted, self.core.note(event, self.memory.get(noted)))
        self._notes.clear()
        if finish.requeue_after_ns is not None:
            self._add(key, now + finish.requeue_after_ns)
        if finish.error is not None:
            self._add(key, now + self._backoff.next(key))
        else:
            self._backoff.forget(key)

    # -- failing -------------------------------------------------------------------------------

    def crash(self, now: int) -> None:
        """Stop and start again: memory, keys and the pass are lost, the cache is read anew."""
        if self._pass is not None:
            self._pass.close()
        self.key = self._pass = self.next_write = None
        self._notes.clear()
        self.memory.clear()
        self.pending.clear()
        self._backoff = ItemBackoff[Key](SECOND, 60 * SECOND)
        self._heard = {kind: len(events) for kind, events in self._log.items()}
        if not self.core.uncached:
            self.cache = ObjectTable()
            for obj in self._store:
                self.cache.put(obj)
        for obj in list(self._store):
            self._wake(WatchEvent(type="ADDED", obj=obj, old=None, revision=0, time=now), now)

    def relist(self, now: int) -> None:
        """Lose the watch: what happened since is seen as the difference of two lists.

        What came and went meanwhile is never seen, and an object that was replaced by a namesake
        looks changed (client-go DeltaFIFO Replace).  Not for who counts what it sees: the Job controller
        would wait for a pod that came and went until its informers' resync, hours later (K-JOB-14).
        """
        if self.core.uncached or self.core.note is not None:
            return
        for kind in self.backlog():
            self._heard[kind] = len(self._log[kind])
            old = {obj.key: obj for obj in self.cache.list_kind(kind)}
            new = {obj.key: obj for obj in self._store.list_kind(kind)}
            events = [_seen("DELETED", obj, obj, now) for key, obj in old.items() if key not in new]
            for key, obj in new.items():
                if key not in old:
                    events.append(_seen("ADDED", obj, None, now))
                elif old[key] is not obj:
                    events.append(_seen("MODIFIED", obj, old[key], now))
            for event in events:
                self.cache.apply(event)
                self._wake(event, now)


def _seen(type_: Any, obj: Any, old: Any, now: int) -> WatchEvent:
    version = int(obj.metadata.resource_version or 0)
    return WatchEvent(type=type_, obj=obj, old=old, revision=version, time=now)


def writes_of(plan: Plan, shell: Shell) -> Writes:
    """Yield the writes of a plan one by one, as a single worker would send them; return how it ended."""
    running = execute(plan, shell)
    try:
        step = next(running)
        while True:
            results: list[ChainResults] = []
            for chain in step.chains:
                results.append((yield from run_chain(chain, step.ignore)))
                if step.mode == "first-error" and any(r.error is not None for r in results[-1]):
                    break
            step = running.send(tuple(results))
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]


def early_deletion(part: Component, reader: Reader) -> list[Violation]:
    """Return what is wrong with the next write: the collector deletes nothing that has an owner (K-JOB-121).

    An owner that waits for its dependents, and one whose name another object has by now, is none.
    """
    write = part.next_write
    if part.core.name != "garbage-collector" or not isinstance(write, Delete):
        return []
    obj = reader.find(write.kind, write.namespace, write.name)
    if obj is None or (write.uid and obj.metadata.uid != write.uid):
        return []
    for ref in obj.metadata.owner_references:
        owner = reader.find(ref.kind, obj.metadata.namespace, ref.name)
        if owner is None or owner.metadata.uid != ref.uid:
            continue
        waits = owner.metadata.deletion_timestamp is not None
        if not (waits and "foregroundDeletion" in owner.metadata.finalizers):
            about = f"{obj.kind} {obj.metadata.namespace}/{obj.metadata.name}"
            text = f"is deleted while its {ref.kind} {ref.name} is there"
            return [Violation("deleted-without-owner", "K-JOB-121", about, text)]
    return []


def due(components: Sequence[Component]) -> int | None:
    """Return when the next key is due, ns."""
    return min((at for c in components for at in c.pending.values()), default=None)
