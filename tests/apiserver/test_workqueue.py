"""The work queue keeps client-go's promises: one worker per key, windows that do not slide, back-off."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsim.apiserver.workqueue import ItemBackoff, WorkQueue


def drain(queue: WorkQueue[str], until: int) -> list[tuple[int, str]]:
    """Run a worker that needs no time; return when each key was handed out."""
    log = []
    while (at := queue.next_ready()) is not None and at <= until:
        key = queue.pop(at)
        assert key is not None
        log.append((at, key))
        queue.done(key)
    return log


@pytest.mark.parametrize(
    ("adds", "expected"),
    [
        pytest.param([("a", 5, 0)], [(5, "a")], id="delayed"),
        pytest.param([("a", 0, 0), ("a", 0, 0)], [(0, "a")], id="de-duplicated"),
        pytest.param([("a", 5, 0), ("a", 9, 0)], [(5, "a")], id="later-add-is-lost"),
        pytest.param([("a", 9, 0), ("a", 5, 0)], [(5, "a")], id="earlier-add-wins"),
        pytest.param([("a", 9, 0), ("a", 0, 0)], [(0, "a"), (9, "a")], id="immediate-keeps-window"),
        pytest.param([("b", 5, 0), ("a", 5, 0)], [(5, "b"), (5, "a")], id="tie-by-order"),
        pytest.param([("b", 6, 0), ("a", 5, 0)], [(5, "a"), (6, "b")], id="by-time"),
    ],
)
def test_adds_collapse_as_in_client_go(
    adds: list[tuple[str, int, int]], expected: list[tuple[int, str]]
) -> None:
    """K-JOB-12."""
    queue = WorkQueue[str]()
    for key, at, now in adds:
        queue.add(key, at, now)
    assert drain(queue, 100) == expected


def test_a_key_has_one_worker_and_one_more_pass() -> None:
    """K-JOB-10."""
    queue = WorkQueue[str]()
    queue.add("a", 0, 0)
    assert queue.pop(0) == "a"
    queue.add("a", 1, 1)
    queue.add("a", 1, 1)
    assert queue.pop(1) is None
    assert queue.next_ready() is None
    queue.done("a")
    assert queue.pop(1) == "a"
    queue.done("a")
    assert queue.pop(1) is None
    assert len(queue) == 0


def test_a_window_that_falls_due_while_the_key_is_processed_waits_for_its_worker() -> None:
    queue = WorkQueue[str]()
    queue.add("a", 0, 0)
    queue.pop(0)
    queue.add("a", 3, 0)
    assert queue.next_ready() == 3
    assert queue.pop(3) is None
    queue.done("a")
    assert queue.next_ready() == 3
    assert queue.pop(4) == "a"


def test_an_immediate_add_may_pull_a_delayed_one_forward() -> None:
    """C-QUE-04: controller-runtime's priority queue holds a key once."""
    queue = WorkQueue[str](pull_forward=True)
    queue.add("a", 9, 0)
    queue.add("a", 0, 0)
    queue.add("b", 5, 0)
    assert drain(queue, 100) == [(0, "a"), (5, "b")]


def test_a_delay_asked_for_after_a_pass_counts_anew() -> None:
    queue = WorkQueue[str]()
    queue.add("a", 9, 0)
    queue.add("a", 2, 0)
    assert drain(queue, 2) == [(2, "a")]
    queue.add("a", 9, 2)
    assert drain(queue, 100) == [(9, "a")]


def test_next_ready_looks_past_overtaken_delays() -> None:
    queue = WorkQueue[str]()
    queue.add("a", 9, 0)
    queue.add("a", 2, 0)
    assert queue.pop(2) == "a"
    queue.done("a")
    assert queue.next_ready() is None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20)), max_size=30))
def test_each_key_is_handed_out_at_the_earliest_instant_asked_for(adds: list[tuple[str, int]]) -> None:
    queue = WorkQueue[str]()
    for key, at in adds:
        queue.add(key, at, now=-1)
    earliest: dict[str, int] = {}
    for key, at in adds:
        earliest[key] = min(at, earliest.get(key, at))
    log = drain(queue, 100)
    assert {key: at for at, key in log} == earliest
    assert len(log) == len(earliest)
    assert [at for at, _ in log] == sorted(at for at, _ in log)


def test_backoff_doubles_to_its_cap_and_is_forgotten() -> None:
    """K-JOB-11, errors: 1, 2, 4, ... 60 s."""
    backoff = ItemBackoff[str](base_ns=1, cap_ns=60)
    assert [backoff.next("a") for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert backoff.failures("a") == 8
    assert backoff.next("b") == 1
    backoff.forget("a")
    backoff.forget("never-failed")
    assert backoff.failures("a") == 0
    assert backoff.next("a") == 1


def test_backoff_saturates() -> None:
    backoff = ItemBackoff[str](base_ns=5, cap_ns=10**12)
    delays = [backoff.next("a") for _ in range(200)]
    assert delays[-1] == 10**12
    assert delays == sorted(delays)
