"""The scheduling queue: active, back-off, and the pool of pods that wait for an event.

Pure data: times are handed in, nothing here looks at a clock.  A pod is in exactly one place:

* *active*: by priority, then by the time it (re-)entered (K-SCH-02);
* *back-off*: wants to be active again, but its delay is not over; after a rejection an idle scheduler takes
  it early, after an error it does not (K-SCH-05, K-SCH-06, K-SCH-07);
* *pool*: unschedulable; leaves on an event that a rejecting plugin hopes from, after five minutes, or when it
  changes itself (K-SCH-04);
* *gated*: scheduling gates or a gang that is not complete (K-SCH-03);
* *in flight*: popped, its attempt not over.

Source: kubernetes pkg/scheduler/backend/queue (scheduling_queue.go, backoff_queue.go, active_queue.go).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping

from jobsim.api.meta import Labels
from jobsim.api.pod import Pod
from jobsim.api.quantity import parse
from jobsim.api.timing import REAL, Timing
from jobsim.api.watch import WatchEvent
from jobsim.controllers.scheduler.hints import ClusterEvent, cluster_event, listens, may_help
from jobsim.controllers.scheduler.queued import Place, PreEnqueue, Queued, backoff, gate_of
from jobsim.controllers.scheduler.requests import request_of
from jobsim.controllers.scheduler.views import identity, view_of
from jobsim.units import floor_second


class SchedulingQueue:
    """Pods that wait for the scheduler.

    Parameters
    ----------
    started : int
        When the scheduler started, ns: the pool is looked through every 30 s from then.
    pre_enqueue : callable
        Says why a pod may not enter (gates; a gang's quorum).
    namespaces : mapping
        Labels of namespaces, for the hints of affinity terms; share the snapshot's.
    """

    def __init__(
        self,
        started: int = 0,
        pre_enqueue: PreEnqueue = gate_of,
        namespaces: Mapping[str, Labels] | None = None,
        timing: Timing = REAL,
    ) -> None:
        self._timing = timing
        self._started = started
        self._looked = started
        self._pre_enqueue = pre_enqueue
        self._namespaces = {} if namespaces is None else namespaces
        self._items: dict[str, Queued] = {}
        self._active: list[tuple[int, int, int, str]] = []
        self._backoff: list[tuple[int, int, int, int, str]] = []
        self._errors: list[tuple[int, int, int, int, str]] = []
        #: The pool by the plugins that rejected, so that a hint for all of them is one look-up.
        self._pool: dict[tuple[str, ...], dict[str, Queued]] = {}
        self._gated: dict[str, Queued] = {}
        self._in_flight: dict[str, Queued] = {}
        self._events: list[ClusterEvent] = []
        self._sequence = 0

    # --- looking -----------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, pod: Pod) -> bool:
        return identity(pod) in self._items

    def place(self, pod: Pod) -> Place | None:
        """Return where a pod is."""
        item = self._items.get(identity(pod))
        return None if item is None else item.place

    def get(self, pod: Pod) -> Queued | None:
        """Return a pod's entry."""
        return self._items.get(identity(pod))

    def next_ready(self, now: int) -> int | None:
        """Return the earliest time from ``now`` at which ``pop`` may return a pod; None: not by itself."""
        if not self._items:
            return None
        self._flush(now)
        self._drop_stale()
        if self._active or self._backoff:
            return now
        times = [self._errors[0][0]] if self._errors else []
        waiting = [next(iter(pods.values())).entered for pods in self._pool.values() if pods]
        if waiting:
            times.append(self._look_after(min(waiting) + self._timing.unschedulable_max_ns))
        return max(now, min(times)) if times else None

    def _look_after(self, time: int) -> int:
        """Return the first look through the pool strictly after a time."""
        looks = (time - self._started) // self._timing.unschedulable_flush_ns + 1
        return self._started + looks * self._timing.unschedulable_flush_ns

    # --- coming and going ----------------------------------------------------------------------

    def add(self, pod: Pod, now: int) -> None:
        """Take in an unbound pod, or a new version of one that is here."""
        item = self._items.get(identity(pod))
        if item is not None:
            self._update(item, pod, now)
            return
        item = Queued(pod, now)
        self._items[identity(pod)] = item
        self._enter(item, now)

    def delete(self, pod: Pod) -> None:
        """Forget a pod: it is gone or bound."""
        item = self._items.pop(identity(pod), None)
        if item is None:
            return
        self._leave(item)

    def pop(self, now: int) -> Pod | None:
        """Take the next pod to try; None if there is none now."""
        self._flush(now)
        self._drop_stale()
        if self._active:
            uid = heapq.heappop(self._active)[3]
        elif self._backoff:
            uid = heapq.heappop(self._backoff)[4]
        else:
            return None
        item = self._items[uid]
        self._fly(item, now)
        return item.pod

    def pop_group(self, wanted: Callable[[Pod], bool], now: int) -> list[Pod]:
        """Take all pods of a group that may be tried, wherever they wait (K-SCH-42).

        They come by priority, then by the time of their first attempt.
        """
        items = [
            item
            for item in self._items.values()
            if item.place not in ("gated", "in-flight") and wanted(item.pod)
        ]
        items.sort(key=_group_order)
        for item in items:
            self._leave(item)
            self._fly(item, now)
        return [item.pod for item in items]

    def _fly(self, item: Queued, now: int) -> None:
        """Begin the attempt of a pod."""
        self._sequence += 1
        item.sequence = self._sequence
        item.place = "in-flight"
        item.attempts += 1
        item.plugins = ()
        item.seen_events = len(self._events)
        if item.first_attempt is None:
            item.first_attempt = now
        self._in_flight[identity(item.pod)] = item

    def done(self, pod: Pod) -> None:
        """End the attempt of a pod that got its node."""
        self.delete(pod)

    def unschedulable(self, pod: Pod, now: int, plugins: tuple[str, ...]) -> None:
        """End the attempt of a pod that no node took.

        Parameters
        ----------
        plugins : tuple of str
            Who rejected it; none: an error (or no node at all), which is retried after its back-off.
        """
        item = self._items.get(identity(pod))
        if item is None or item.place != "in-flight":
            return
        events = self._events[item.seen_events :]
        self._end_flight(item)
        item.entered = now
        item.plugins = plugins
        if not plugins:
            item.errors += 1
            self._back(item, now)
            return
        item.errors = 0
        item.rejections += 1
        if any(self._hopeful(item, event) for event in events):
            self._back(item, now)
        else:
            self._to_pool(item)

    def error(self, pod: Pod, now: int) -> None:
        """End an attempt that failed for another reason than the nodes, like a refused binding (K-SCH-07)."""
        self.unschedulable(pod, now, ())

    def add_failed(self, pod: Pod, now: int) -> None:
        """Take back a pod whose binding failed after its attempt had ended (K-SCH-07)."""
        uid = identity(pod)
        if uid in self._items:
            return
        item = self._items[uid] = Queued(pod, now)
        item.attempts = item.errors = 1
        self._back(item, now)

    def on_event(self, event: WatchEvent, now: int) -> None:
        """Let waiting pods hope from an event.

        Changes of waiting pods themselves come through ``add`` and ``delete``.
        """
        if not self._pool and not self._in_flight:
            return
        known = cluster_event(event)
        if known is not None:
            self.on_change(known, now)

    def on_change(self, event: ClusterEvent, now: int) -> None:
        """Let waiting pods hope from an event as hints see it."""
        if self._in_flight:
            self._events.append(event)
        moved = [
            item
            for plugins, pods in self._pool.items()
            if any(listens(plugin, event) for plugin in plugins)
            for item in pods.values()
            if self._hopeful(item, event)
        ]
        for item in moved:
            self._leave(item)
            self._back(item, now)

    def activate(self, now: int) -> None:
        """Look at gated pods again: a gang may be complete (K-SCH-42)."""
        for item in list(self._gated.values()):
            self._leave(item)
            self._enter(item, now)

    # --- inside --------------------------------------------------------------------------------

    def _hopeful(self, item: Queued, event: ClusterEvent) -> bool:
        if item.view is None:
            item.view = view_of(item.pod, request_of(item.pod, parse))
        view = item.view
        return any(may_help(plugin, view, event, self._namespaces) for plugin in item.plugins)

    def _update(self, item: Queued, pod: Pod, now: int) -> None:
        """Take over a new version of a waiting pod; a change of its own may set it free (K-SCH-04)."""
        old = item.pod
        item.pod = pod
        item.view = None
        if item.place == "gated":
            self._leave(item)
            self._enter(item, now)
        elif item.place == "pool" and (old.spec != pod.spec or old.metadata.labels != pod.metadata.labels):
            self._leave(item)
            self._back(item, now)

    def _enter(self, item: Queued, now: int) -> None:
        """Put a pod among the active ones, unless something keeps it out."""
        if self._pre_enqueue(item.pod):
            self._gate(item)
            return
        item.place = "active"
        self._sequence += 1
        item.sequence = self._sequence
        heapq.heappush(self._active, (-item.priority, item.entered, item.sequence, identity(item.pod)))

    def _back(self, item: Queued, now: int) -> None:
        """Put a pod back: among the active ones if its back-off is over, else into back-off."""
        failures = item.errors or item.rejections
        item.expires = floor_second(item.entered + backoff(failures, self._timing))
        if item.expires <= floor_second(now):
            self._enter(item, now)
            return
        if self._pre_enqueue(item.pod):
            self._gate(item)
            return
        item.place = "backoff" if item.plugins else "error-backoff"
        self._sequence += 1
        item.sequence = self._sequence
        heap = self._backoff if item.plugins else self._errors
        entry = (item.expires, -item.priority, item.entered, item.sequence, identity(item.pod))
        heapq.heappush(heap, entry)

    def _gate(self, item: Queued) -> None:
        item.place = "gated"
        self._gated[identity(item.pod)] = item

    def _to_pool(self, item: Queued) -> None:
        item.place = "pool"
        self._pool.setdefault(item.plugins, {})[identity(item.pod)] = item

    def _leave(self, item: Queued) -> None:
        """Take a pod out of where it is; entries in heaps become stale."""
        uid = identity(item.pod)
        if item.place == "pool":
            pods = self._pool[item.plugins]
            del pods[uid]
            if not pods:
                del self._pool[item.plugins]
        elif item.place == "in-flight":
            self._end_flight(item)
        elif item.place == "gated":
            del self._gated[uid]

    def _end_flight(self, item: Queued) -> None:
        del self._in_flight[identity(item.pod)]
        if not self._in_flight:
            self._events.clear()

    def _drop_stale(self) -> None:
        """Drop entries at the heads of the heaps whose pod has moved on."""
        while self._active and not self._valid(self._active[0][3], self._active[0][2]):
            heapq.heappop(self._active)
        for heap in (self._backoff, self._errors):
            while heap and not self._valid(heap[0][4], heap[0][3]):
                heapq.heappop(heap)

    def _valid(self, uid: str, sequence: int) -> bool:
        item = self._items.get(uid)
        return item is not None and item.sequence == sequence

    def _flush(self, now: int) -> None:
        """Move on what has waited long enough by ``now``."""
        for heap in (self._backoff, self._errors):
            while heap and heap[0][0] <= now:
                entry = heapq.heappop(heap)
                if self._valid(entry[4], entry[3]):
                    self._enter(self._items[entry[4]], now)
        due = now - (now - self._started) % self._timing.unschedulable_flush_ns
        if due <= self._looked:
            return
        self._looked = due
        late = [
            item
            for pods in self._pool.values()
            for item in pods.values()
            if due - item.entered > self._timing.unschedulable_max_ns
        ]
        for item in late:
            self._leave(item)
            self._back(item, now)


def _group_order(item: Queued) -> tuple[int, bool, int, int, int]:
    first = item.first_attempt
    return -item.priority, first is None, first or 0, item.entered, item.sequence
