"""The controller loop: coalescing, back-off, requeue, memory, lag and crashes."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api._struct import Struct, replace
from jobsim.api.batch import Job, JobSpec
from jobsim.api.meta import ObjectMeta
from jobsim.api.plan import EventRecord, Plan, reference, single
from jobsim.api.reader import Reader
from jobsim.api.watch import Wake, WatchEvent
from jobsim.api.writes import Create, Update, Write
from jobsim.apiserver.server import OpenAdmission, Server
from jobsim.apiserver.store import Store
from jobsim.rng import NameSource
from jobsim.runtime.client import Client, WriteCounts
from jobsim.runtime.controller import Controller, Core
from jobsim.runtime.engine import Engine
from jobsim.runtime.informer import LagOf
from jobsim.runtime.setup import ClientLimits
from jobsim.units import MILLISECOND, SECOND, seconds


class Memory(Struct):
    seen: int = 0


class Lab:
    """A store, an engine and one controller whose decision is given by the test."""

    def __init__(
        self, decide: Any, *, qps: float = 0, burst: int = 0, lag: LagOf | None = None, **core: Any
    ) -> None:
        self.engine = Engine()
        self.store = Store()
        self.server = Server(self.store, OpenAdmission(), NameSource(0))
        self.looks: list[tuple[float, Any, Any]] = []
        self.events: list[tuple[str, EventRecord]] = []
        self.metrics: dict[str, int] = {}
        delay = core.pop("delay_ns", 0)

        def wakes(event: WatchEvent, reader: Reader) -> list[Wake]:
            return [Wake(namespace=event.obj.namespace, name=event.obj.name, delay_ns=delay)]

        def observe(reader: Reader, namespace: str, name: str, memory: Any) -> Any:
            obj = reader.get(Job, namespace, name)
            self.looks.append((self.engine.now / SECOND, obj and obj.spec.parallelism, memory))
            return obj

        self.controller = Controller(
            self.engine,
            self.store,
            Core(name="toy", kinds=("Job",), wakes=wakes, observe=observe, reconcile=decide, **core),
            Client(self.engine, self.server, ClientLimits(qps=qps, burst=burst), None, WriteCounts({}, {})),
            lambda component, event: self.events.append((component, event)),
            self.metrics,
            lag,
        )

    def user(self, at_s: float, write: Write) -> None:
        self.engine.at(seconds(at_s), lambda: self.server.request(write, self.engine.now))

    def run(self, until_s: float = 1000) -> None:
        self.engine.run(seconds(until_s))

    @property
    def times(self) -> list[float]:
        return [t for t, _, _ in self.looks]


def job(parallelism: int = 1, name: str = "a") -> Job:
    return Job(metadata=ObjectMeta(name=name, namespace="ns"), spec=JobSpec(parallelism=parallelism))


def nothing(seen: Job, now: int) -> Plan:
    return Plan()


def test_events_within_a_window_bring_one_look() -> None:
    """K-JOB-12: the first event opens the window, later ones do not move it."""
    lab = Lab(nothing, delay_ns=SECOND)
    lab.user(0, Create(obj=job(1)))
    lab.user(0.4, Update(obj=job(2)))
    lab.user(0.9, Update(obj=job(3)))
    lab.user(5, Update(obj=job(4)))
    lab.run()
    assert [(t, p) for t, p, _ in lab.looks] == [(1.0, 3), (6.0, 4)]


def test_errors_back_off_and_a_clean_pass_forgets() -> None:
    """C-QUE-03: 5 ms·2^n."""
    failures = iter([True, True, True, False])
    lab = Lab(lambda seen, now: Plan(error="no" if next(failures, False) else None))
    lab.user(0, Create(obj=job()))
    lab.user(1, Update(obj=job(2)))
    lab.run()
    assert lab.times == [0.0, 0.005, 0.015, 0.035, 1.0]


def test_a_new_event_takes_the_place_of_a_back_off() -> None:
    """C-QUE-04 (controller-runtime) against K-JOB-12 (client-go)."""

    def times(pull_forward: bool) -> list[float]:
        failures = iter([True, False])
        lab = Lab(
            lambda seen, now: Plan(error="no" if next(failures, False) else None),
            backoff_base_ns=10 * SECOND,
            pull_forward=pull_forward,
        )
        lab.user(0, Create(obj=job()))
        lab.user(4, Update(obj=job(2)))
        lab.run()
        return lab.times

    assert times(True) == [0.0, 4.0]
    assert times(False) == [0.0, 4.0, 10.0]


def test_requeue() -> None:
    lab = Lab(lambda seen, now: Plan(requeue_after_ns=7 * SECOND if now == 0 else None))
    lab.user(0, Create(obj=job()))
    lab.run()
    assert lab.times == [0.0, 7.0]


def test_own_writes_come_back_as_events() -> None:
    def grow(seen: Job, now: int) -> Plan:
        size = seen.spec.parallelism or 0
        if size == 3:
            return Plan()
        about = reference(seen)
        event = EventRecord(about=about, type="Normal", reason="Grew", message=str(size))
        bigger = replace(seen, spec=JobSpec(parallelism=size + 1))
        return Plan(steps=(single(Update(obj=bigger)),), events=(event,), metrics=("grown_total",))

    lab = Lab(grow)
    lab.user(0, Create(obj=job()))
    lab.run()
    assert [p for _, p, _ in lab.looks] == [1, 2, 3]
    assert [(c, e.message) for c, e in lab.events] == [("toy", "1"), ("toy", "2")]
    assert lab.metrics == {"grown_total": 2}


def test_a_key_is_worked_on_by_one_worker_at_a_time() -> None:
    """C-QUE-02: events during a pass bring exactly one further pass."""

    def slow(seen: Job, now: int) -> Plan:
        if now >= seconds(10):
            return Plan()
        return Plan(steps=tuple(single(Create(obj=job(name=f"x{now}-{n}"))) for n in range(3)))

    lab = Lab(lambda seen, now: slow(seen, now) if seen.name == "a" else Plan(), qps=0.5, burst=1, workers=4)
    lab.user(0, Create(obj=job()))
    lab.user(1, Update(obj=job(2)))
    lab.user(2, Update(obj=job(3)))
    lab.run(5)
    own = [(t, p) for t, p, _ in lab.looks if p != 1]
    assert own == [(4.0, 3)]


def test_memory_travels_with_the_plan_and_learns_afterwards() -> None:
    """What is noted while a key is worked on is added to what the plan remembers, not lost in it."""

    def decide(seen: Job, now: int) -> Plan:
        return Plan(steps=(single(Create(obj=job(name=f"x{now}"))),), memory=Memory(seen=10))

    lab = Lab(
        lambda seen, now: decide(seen, now) if seen.name == "a" else Plan(),
        note=lambda event, memory: Memory(seen=(memory.seen if memory else 0) + 1),
        memory_of=lambda event: ("ns", "a"),
    )
    lab.user(0, Create(obj=job()))
    lab.user(1, Update(obj=job(2)))
    lab.run()
    mine = [m and m.seen for _, p, m in lab.looks if p in (1, 2)]
    assert mine == [1, None, 12, None] or [m for m in mine if m] == [1, 12]


def test_a_lagging_cache_is_an_older_reference() -> None:
    lab = Lab(nothing, lag=lambda event: 3 * SECOND if event.type == "ADDED" else SECOND)
    lab.user(0, Create(obj=job(1)))
    lab.user(1, Update(obj=job(2)))
    lab.user(10, Update(obj=job(3)))
    lab.run()
    # The update of 1 s must not overtake the creation, which arrives at 3 s.
    assert [(t, p) for t, p, _ in lab.looks] == [(3.0, 2), (11.0, 3)]


@pytest.mark.parametrize("crash_s", [0.1, 0.6, 1.1])
def test_a_crash_leaves_the_writes_made_and_forgets_the_rest(crash_s: float) -> None:
    def decide(seen: Job, now: int) -> Plan:
        if seen.name != "a" or now:
            return Plan()
        return Plan(steps=tuple(single(Create(obj=job(9, name=f"x{n}"))) for n in range(3)))

    lab = Lab(decide, qps=2, burst=1)
    lab.user(0, Create(obj=job()))
    lab.engine.at(seconds(crash_s), lab.controller.crash)
    lab.engine.at(seconds(20), lab.controller.restart)
    lab.user(10, Update(obj=job(5)))
    lab.run()
    made = [j.name for j in lab.store.list(Job) if j.name != "a"]
    assert made == [f"x{n}" for n in range(int(crash_s * 2) + 1)]
    assert not [t for t in lab.times if 1.2 < t < 20]
    assert (20.0, 5) in [(t, p) for t, p, _ in lab.looks]


def test_a_crash_in_the_middle_of_an_instant_stops_pending_wakes() -> None:
    lab = Lab(nothing, delay_ns=5 * MILLISECOND)
    lab.user(0, Create(obj=job()))
    lab.engine.at(0, lab.controller.crash)
    lab.run()
    assert lab.times == []
