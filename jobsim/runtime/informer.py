"""Informer: what a component sees of the cluster, and when.

Without lag a component reads the store itself and hears of each change at once.  With lag it has
a cache of its own, fed in order; a stale cache is an older reference, nothing is copied.
"""

from __future__ import annotations

from collections.abc import Callable

from jobsim.api.watch import WatchEvent
from jobsim.apiserver.store import Minds, Store
from jobsim.apiserver.table import ObjectTable
from jobsim.runtime.engine import Engine

Handler = Callable[[WatchEvent], None]
#: Returns the lag of one event of a kind, ns; None for a kind without lag.
LagOf = Callable[[WatchEvent], int]


class Informer:
    """A component's cache and its handler of watch events.

    Parameters
    ----------
    engine, store :
    handler : callable
        Called with each event after the cache has it.
    kinds : tuple of str
        What the component watches; none: all kinds.
    lag : callable or None
        None: the component reads the store.
    cache : ObjectTable or None
        The empty cache to feed, where there is a lag; made here if absent.
    minds : mapping of str to int
        Changes that the handler has a use for (``Store.subscribe``); with a lag it hears of all.
    """

    def __init__(
        self,
        engine: Engine,
        store: Store,
        handler: Handler,
        kinds: tuple[str, ...],
        lag: LagOf | None = None,
        cache: ObjectTable | None = None,
        minds: Minds | None = None,
    ) -> None:
        self._engine = engine
        self._store = store
        self._handler = handler
        self._lag = lag
        self._kinds = kinds
        #: By kind: when the latest event is heard, and how many are on their way.
        self._latest: dict[str, int] = {}
        self._under_way: dict[str, int] = {}
        #: What a list has shown needs no telling.
        self._listed = 0
        if lag is None:
            self.reader: ObjectTable = store
            store.subscribe(handler, kinds or None, minds)
        else:
            self.reader = ObjectTable() if cache is None else cache
            self._fill()
            # A cache holds all kinds, for cores also read what they do not watch.
            store.subscribe(self._receive)

    def _fill(self) -> None:
        for obj in self._store:
            self.reader.put(obj)

    def relist(self) -> list[WatchEvent]:
        """Read everything anew, as a component does that starts; return each object of its kinds as added."""
        if self._lag is not None:
            for obj in list(self.reader):
                self.reader.remove(obj)
            self._fill()
            self._listed = self._store.revision
        now = self._engine.now
        return [
            WatchEvent(type="ADDED", obj=obj, old=None, revision=0, time=now)
            for kind in self._kinds or self.reader.kinds()
            for obj in self.reader.list_kind(kind)
        ]

    def _receive(self, event: WatchEvent) -> None:
        """Deliver an event after its lag, never before an earlier one of its kind."""
        assert self._lag is not None
        kind = event.obj.kind
        now = self._engine.now
        time = max(now + self._lag(event), self._latest.get(kind, 0))
        waiting = self._under_way.get(kind, 0)
        if time <= now and not waiting:
            self._deliver(event)
            return
        self._latest[kind] = time
        self._under_way[kind] = waiting + 1
        self._engine.at(time, self._arrive, event)

    def _arrive(self, event: WatchEvent) -> None:
        self._under_way[event.obj.kind] -= 1
        if event.revision > self._listed:
            self._deliver(event)

    def _deliver(self, event: WatchEvent) -> None:
        self.reader.apply(event)
        if not self._kinds or event.obj.kind in self._kinds:
            self._handler(event)
