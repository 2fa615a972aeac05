"""WorkQueue: client-go's delaying, de-duplicating work queue as plain data, without a clock.

Rules of the file, all of client-go (K-JOB-10, K-JOB-12):

- A key is handed out to one worker at a time.  Adding it meanwhile brings exactly one more pass
  after ``done``.
- Adding a key that waits for its turn changes nothing.
- Delayed adds of one key collapse to the earliest; an immediate add does not cancel a delayed one.

Keys that become ready at one instant come in the order in which they were added; client-go's heap
leaves that order open.

Source: client-go util/workqueue queue.go, delaying_queue.go, default_rate_limiters.go.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from heapq import heappop, heappush
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class WorkQueue(Generic[K]):
    """Keys that want to be looked at, each with the earliest instant it may be.

    With ``pull_forward`` an immediate add takes the place of a delayed one (controller-runtime's
    priority queue, C-QUE-04).  Whoever owns the clock calls ``pop(now)`` at ``next_ready()``, works,
    and calls ``done``.

    Examples
    --------
    >>> queue = WorkQueue[str]()
    >>> queue.add("a", at=1_000, now=0), queue.add("a", at=2_000, now=0)
    (True, False)
    >>> queue.add("a", at=400, now=0)
    True
    >>> queue.next_ready()
    400
    >>> queue.pop(399), queue.pop(400), queue.pop(1_000)
    (None, 'a', None)
    """

    def __init__(self, *, pull_forward: bool = False) -> None:
        self._pull_forward = pull_forward
        self._ready: deque[K] = deque()
        #: Keys that want a pass (in ``_ready``, or to go there when their worker is done): since when.
        self._dirty: dict[K, int] = {}
        self._processing: set[K] = set()
        #: Keys with a delay: the instant they become ready.  Heap entries that disagree are stale.
        self._waiting: dict[K, int] = {}
        self._heap: list[tuple[int, int, K]] = []
        self._sequence = 0

    def __len__(self) -> int:
        """Return how many keys want a pass now or later; a key may count twice."""
        return len(self._dirty) + len(self._waiting)

    def add(self, key: K, at: int, now: int) -> bool:
        """Ask for a pass over a key at an instant; at once if that is not after ``now``, ns.

        Returns whether that may be sooner than what was asked before.
        """
        if at <= now:
            if self._pull_forward:
                self._waiting.pop(key, None)
            return self._add_now(key, now)
        waiting = self._waiting.get(key)
        if waiting is not None and waiting <= at:
            return False
        self._waiting[key] = at
        self._sequence += 1
        heappush(self._heap, (at, self._sequence, key))
        return True

    def next_ready(self) -> int | None:
        """Return when the next key may be popped, ns; None if no key waits.

        An instant that lies in the past means at once.
        """
        if self._ready:
            return self._dirty[self._ready[0]]
        self._drop_stale()
        return self._heap[0][0] if self._heap else None

    def pop(self, now: int) -> K | None:
        """Hand out the next key that is ready, or None; it stays blocked until ``done``."""
        self._promote(now)
        if not self._ready:
            return None
        key = self._ready.popleft()
        del self._dirty[key]
        self._processing.add(key)
        return key

    def done(self, key: K) -> None:
        """Say that the pass over a key has ended; one asked for meanwhile becomes ready."""
        self._processing.discard(key)
        if key in self._dirty:
            self._ready.append(key)

    def _add_now(self, key: K, since: int) -> bool:
        if key in self._dirty:
            return False
        self._dirty[key] = since
        if key not in self._processing:
            self._ready.append(key)
        return True

    def _promote(self, now: int) -> None:
        """Move keys whose delay is over to the ready ones."""
        while self._heap and self._heap[0][0] <= now:
            at, _, key = heappop(self._heap)
            if self._waiting.get(key) == at:
                del self._waiting[key]
                self._add_now(key, at)

    def _drop_stale(self) -> None:
        while self._heap and self._waiting.get(self._heap[0][2]) != self._heap[0][0]:
            heappop(self._heap)


class ItemBackoff(Generic[K]):
    """The delay before the next try of a key that failed: base·2^k up to a cap, k failures so far.

    Parameters
    ----------
    base_ns, cap_ns : int

    Examples
    --------
    >>> backoff = ItemBackoff[str](base_ns=1, cap_ns=5)
    >>> [backoff.next("a") for _ in range(4)], backoff.next("b")
    ([1, 2, 4, 5], 1)
    >>> backoff.forget("a")
    >>> backoff.next("a")
    1
    """

    def __init__(self, base_ns: int, cap_ns: int) -> None:
        self.base_ns = base_ns
        self.cap_ns = cap_ns
        self._failures: dict[K, int] = {}

    def next(self, key: K) -> int:
        """Count one more failure of a key and return the delay before its next try, ns."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        # Beyond 63 doublings Go saturates at the cap; shifting further would only make big ints.
        return min(self.base_ns << min(failures, 63), self.cap_ns)

    def failures(self, key: K) -> int:
        """Return how often a key failed since it was last forgotten."""
        return self._failures.get(key, 0)

    def forget(self, key: K) -> None:
        """Start a key afresh, after a pass without an error."""
        self._failures.pop(key, None)
