"""The client: token bucket, latency, what writes are counted as (K-TIM-02)."""

from __future__ import annotations

import pytest

from jobsim.api.batch import Job
from jobsim.api.meta import ObjectMeta
from jobsim.api.plan import Step, parallel
from jobsim.api.pod import PodStatus
from jobsim.api.writes import (
    Bind,
    Create,
    Delete,
    Evict,
    PatchFinalizers,
    PatchPodStatus,
    UpdateStatus,
    Write,
)
from jobsim.apiserver.executor import StepResults
from jobsim.apiserver.server import OpenAdmission, Server
from jobsim.apiserver.store import Store
from jobsim.rng import NameSource
from jobsim.runtime.client import Client, TokenBucket, WriteCounts, write_name
from jobsim.runtime.engine import Engine, Task
from jobsim.runtime.setup import ClientLimits
from jobsim.units import MILLISECOND, SECOND

UNLIMITED = ClientLimits(qps=0, burst=0)


def job(name: str) -> Job:
    return Job(metadata=ObjectMeta(name=name, namespace="ns"))


class World:
    def __init__(self, limits: ClientLimits, latency_ns: int | None = None) -> None:
        self.engine = Engine()
        self.store = Store()
        self.times: list[tuple[float, str]] = []
        self.store.subscribe(lambda e: self.times.append((e.time / SECOND, e.obj.name)))
        self.counts = WriteCounts(accepted={}, refused={})
        server = Server(self.store, OpenAdmission(), NameSource(0))
        latency = None if latency_ns is None else lambda: latency_ns
        self.client = Client(self.engine, server, limits, latency, self.counts)
        self.results: list[StepResults] = []

    def run(self, step: Step) -> StepResults:
        task = Task(self.engine, self.client.run_step(step), self.results.append)
        self.engine.run(10**15)
        assert not task.alive
        return self.results[-1]


def test_a_bucket_gives_its_burst_at_once_and_then_its_rate() -> None:
    """K-TIM-03: 30 writes at once, then 20 a second."""
    bucket = TokenBucket(ClientLimits(qps=20, burst=30))
    waits = [bucket.reserve(0) for _ in range(33)]
    assert waits[:30] == [0] * 30
    assert waits[30:] == [50 * MILLISECOND, 100 * MILLISECOND, 150 * MILLISECOND]


def test_a_bucket_fills_up_again() -> None:
    bucket = TokenBucket(ClientLimits(qps=10, burst=2))
    assert [bucket.reserve(0) for _ in range(3)] == [0, 0, 100 * MILLISECOND]
    assert bucket.reserve(10 * SECOND) == bucket.reserve(10 * SECOND) == 0
    assert bucket.reserve(10 * SECOND) == 100 * MILLISECOND


def test_writes_wait_for_their_tokens() -> None:
    world = World(ClientLimits(qps=2, burst=1))
    world.run(parallel([Create(obj=job(n)) for n in "abc"], max_parallel=50))
    assert world.times == [(0.0, "a"), (0.5, "b"), (1.0, "c")]


@pytest.mark.parametrize(("at_a_time", "last_s"), [(1, 0.6), (2, 0.3), (50, 0.1)])
def test_latency_is_paid_side_by_side(at_a_time: int, last_s: float) -> None:
    world = World(UNLIMITED, latency_ns=100 * MILLISECOND)
    names = "abcdef"
    results = world.run(parallel([Create(obj=job(n)) for n in names], max_parallel=at_a_time))
    assert world.times[-1][0] == last_s
    assert sorted(n for _, n in world.times) == list(names)
    assert [chain[0].obj.name for chain in results if chain[0].obj] == list(names)


def test_a_crash_stops_chains_in_flight() -> None:
    world = World(UNLIMITED, latency_ns=100 * MILLISECOND)
    step = parallel([Create(obj=job(n)) for n in "abcd"], max_parallel=2)
    task = Task(world.engine, world.client.run_step(step), world.results.append)
    world.engine.at(150 * MILLISECOND, task.kill)
    world.engine.run(10**12)
    assert [n for _, n in world.times] == ["a", "b"]
    assert world.results == []


def test_first_error_begins_no_further_chain_in_flight() -> None:
    world = World(UNLIMITED, latency_ns=MILLISECOND)
    world.store.create(job("a"), 0)
    step = parallel([Create(obj=job(n)) for n in "abcd"], max_parallel=2)
    results = world.run(Step(chains=step.chains, max_parallel=2, mode="first-error"))
    assert [chain[0].error is None for chain in results] == [False, True]


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (Create(obj=job("a")), "create jobs"),
        (UpdateStatus(obj=job("a")), "update jobs/status"),
        (Delete(kind="Pod", namespace="n", name="a"), "delete pods"),
        (Bind(namespace="n", name="a", node="x"), "create pods/binding"),
        (Evict(namespace="n", name="a"), "create pods/eviction"),
        (PatchPodStatus(kind="Pod", namespace="n", name="a", status=PodStatus()), "patch pods/status"),
        (PatchFinalizers(kind="Pod", namespace="n", name="a", finalizer="f"), "patch pods"),
        (Delete(kind="ConfigMap", namespace="n", name="a"), "delete configmaps"),
    ],
)
def test_what_a_write_is_counted_as(write: Write, name: str) -> None:
    assert write_name(write) == name
    world = World(UNLIMITED)
    result = world.client.send(write)
    accepted, refused = world.counts
    assert (refused if result.error else accepted) == {name: 1}
    assert not (accepted if result.error else refused)


def test_refused_writes_are_counted_apart() -> None:
    world = World(UNLIMITED)
    for _ in range(3):
        world.client.send(Create(obj=job("a")))
    assert world.counts == ({"create jobs": 1}, {"create jobs": 2})
