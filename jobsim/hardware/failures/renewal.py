"""Renewal clocks: when each entity of a process fails next.

The n-th time to failure of an entity is drawn by inversion from a number that only (process, entity, n)
decide.  So a process, a node or a strategy more or less moves no other draw, and two variants of a
scenario see the same failures (common random numbers).  A clock on *exposure* counts only while a pod
runs on the entity, and goes on where it was when one runs there again.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush

from jobsim.hardware.failures.places import Entity, speedup
from jobsim.hardware.failures.plans import Process
from jobsim.laws import LONGEST_NS, quantile
from jobsim.rng import uniform

#: An entity that fails so often at one instant has a law without time.
SAME_INSTANT_MAX = 1000


class StandsStillError(Exception):
    """An entity fails again and again without any time going by; the text says which."""


class Renewals:
    """The clocks of all entities of a process.

    Parameters
    ----------
    seed : int
    process : Process
    entities : sequence of Entity
        Their numbers here are their places in this sequence.
    """

    def __init__(self, seed: int, process: Process, entities: Sequence[Entity]) -> None:
        self.process = process
        self.entities: list[Entity] = []
        self._numbers: dict[str, int] = {}
        self._seed = seed
        self._speed: list[float] = []
        self._drawn: list[int] = []
        self._exposed = process.clock == "exposure"
        #: Of exposure clocks: time left until the failure, while nothing runs there.
        self._left: list[int | None] = []
        #: Of running clocks: when the failure is; None: stands still, or broken.
        self._due: list[int | None] = []
        self._running: list[int] = []
        self._last: list[tuple[int, int]] = []
        self._heap: list[tuple[int, int]] = []
        for entity in entities:
            self._add(entity, 0)

    def _add(self, entity: Entity, now: int) -> int:
        i = self._numbers[entity.name] = len(self.entities)
        self.entities.append(entity)
        self._speed.append(speedup(self._seed, self.process, entity))
        self._drawn.append(0)
        self._left.append(None)
        self._due.append(None)
        self._running.append(0)
        self._last.append((-1, 0))
        self._start(i, now)
        return i

    def join(self, entity: Entity, now: int) -> int:
        """Take in an entity that is there from now on, or nodes that a known one has now; return its number.

        A new one's clock starts now; a known one's goes on as it was.
        """
        i = self._numbers.get(entity.name)
        if i is None:
            return self._add(entity, now)
        known = self.entities[i]
        self.entities[i] = known._replace(nodes=tuple(dict.fromkeys((*known.nodes, *entity.nodes))))
        return i

    def draw(self, i: int, number: int) -> int:
        """Return the time to the ``number``-th failure of an entity after its last repair, ns."""
        u = uniform(self._seed, "failure", self.process.key, self.entities[i].name, number)
        speed = self._speed[i]
        span = quantile(self.process.law, u)
        return span if speed == 1 else round(span / speed)

    def _start(self, i: int, now: int) -> None:
        span = self.draw(i, self._drawn[i])
        self._drawn[i] += 1
        if self._exposed and not self._running[i]:
            self._left[i] = span
        else:
            self._set(i, now + span)

    def _set(self, i: int, due: int) -> None:
        if due < LONGEST_NS:
            self._due[i] = due
            heappush(self._heap, (due, i))

    def number(self, i: int) -> int:
        """Return how many failures of an entity were drawn so far."""
        return self._drawn[i]

    def due(self) -> int | None:
        """Return when the next entity fails, or None."""
        heap = self._heap
        while heap and self._due[heap[0][1]] != heap[0][0]:
            heappop(heap)
        return heap[0][0] if heap else None

    def take(self, now: int) -> int | None:
        """Return the number of an entity that has failed by now, and stop its clock; None: there is none."""
        due = self.due()
        if due is None or due > now:
            return None
        i = heappop(self._heap)[1]
        self._due[i] = None
        return i

    def renew(self, i: int, now: int) -> None:
        """Start the clock of an entity that works again.

        Raises
        ------
        StandsStillError
            When it has done nothing but fail at this instant.
        """
        last, times = self._last[i]
        times = times + 1 if last == now else 1
        self._last[i] = (now, times)
        if times > SAME_INSTANT_MAX:
            text = f"{self.entities[i].name} fails {SAME_INSTANT_MAX} times at one instant"
            raise StandsStillError(f"{text} (a law with time between failures)")
        self._start(i, now)

    def expose(self, i: int, now: int) -> None:
        """Take in that one more pod runs on an entity."""
        self._running[i] += 1
        left = self._left[i]
        if self._running[i] == 1 and left is not None:
            self._left[i] = None
            self._set(i, now + left)

    def conceal(self, i: int, now: int) -> None:
        """Take in that one pod less runs on an entity."""
        self._running[i] -= 1
        due = self._due[i]
        if self._running[i] == 0 and self._exposed and due is not None:
            self._due[i] = None
            self._left[i] = due - now
