"""Fair shares: cases solved by hand, against an exact solver, and whatever order jobs come in."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsim.hardware.contention import Shares, alone, max_min


def exact(
    loads: Sequence[dict[int, float]], capacity: Sequence[float], caps: Sequence[float]
) -> list[Fraction]:
    """Return the rates in rational numbers, one link or job held at a time."""
    rates: dict[int, Fraction] = {}
    while len(rates) < len(loads):
        limits: list[tuple[Fraction, list[int]]] = []
        for link, carried in enumerate(capacity):
            on = [j for j, each in enumerate(loads) if each.get(link, 0) > 0]
            rising = [j for j in on if j not in rates]
            if rising:
                used = sum((rates[j] * Fraction(loads[j][link]) for j in on if j in rates), Fraction(0))
                weight = sum(Fraction(loads[j][link]) for j in rising)
                limits.append(((Fraction(carried) - used) / weight, rising))
        limits += [(Fraction(cap), [j]) for j, cap in enumerate(caps) if j not in rates]
        level, held = min(limits)
        rates |= dict.fromkeys(held, level)
    return [rates[j] for j in range(len(loads))]


@pytest.mark.parametrize(
    ("loads", "capacity", "rates"),
    [
        ([], [1.0], []),
        ([{}], [1.0], [1.0]),
        ([{0: 1.0}], [4.0], [1.0]),
        ([{0: 8.0}], [4.0], [0.5]),
        ([{0: 8.0}, {0: 8.0}], [8.0], [0.5, 0.5]),
        # The tighter link first: what is left of the other goes to the others on it.
        ([{0: 1.0}, {0: 1.0, 1: 1.0}, {1: 1.0}], [1.0, 0.5], [0.75, 0.25, 0.25]),
        # Equal rates are equal shares of the line rate, not of bytes: a heavy job takes more of the link.
        ([{0: 3.0}, {0: 1.0}], [2.0], [0.5, 0.5]),
        # A chain of links: the middle job is held by the first, the last by its cap.
        ([{0: 4.0}, {0: 4.0, 1: 4.0}, {1: 4.0}], [2.0, 8.0], [0.25, 0.25, 1.0]),
        # Who can use no more than its line rate leaves the rest.
        ([{0: 1.0}, {0: 4.0, 1: 1.0}], [4.0, 0.1], [1.0, 0.1]),
    ],
)
def test_by_hand(loads: list[dict[int, float]], capacity: list[float], rates: list[float]) -> None:
    assert max_min(loads, np.array(capacity)).tolist() == pytest.approx(rates, rel=1e-14)


def test_caps() -> None:
    assert max_min([{0: 1.0}, {0: 1.0}], np.array([1.0]), [0.25, 1.0]).tolist() == [0.25, 0.75]


def test_rings_of_racks() -> None:
    """Models of networks, section 2.2: 8 racks of 8 hosts of 400 GB/s, by oversubscription."""
    table = []
    for over in (1, 2, 4, 7):
        up = np.array([8 * 400 / over])
        spread = 8 * (64 - 8) / 63
        table.append([round(max_min([{0: c * 400}], up)[0], 2) for c in (1, 8, spread)])
    assert table == [[1.0, 1.0, 1.0], [1.0, 0.5, 0.56], [1.0, 0.25, 0.28], [1.0, 0.14, 0.16]]


@pytest.mark.parametrize(
    ("loads", "capacity", "says"),
    [([{0: -1.0}], [1.0], "load"), ([{0: float("nan")}], [1.0], "load"), ([{0: 1.0}], [0.0], "capacity")],
)
def test_what_is_impossible(loads: list[dict[int, float]], capacity: list[float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        max_min(loads, np.array(capacity))


LINKS = 6
LOAD = st.floats(0.01, 100).map(lambda x: round(x, 2))
JOBS = st.lists(st.dictionaries(st.integers(0, LINKS - 1), LOAD, max_size=4), min_size=1, max_size=8)
CAPACITY = st.lists(st.floats(0.5, 200).map(lambda x: round(x, 1)), min_size=LINKS, max_size=LINKS)


@given(JOBS, CAPACITY, st.data())
def test_against_the_exact_solver(
    jobs: list[dict[int, float]], carried: list[float], data: st.DataObject
) -> None:
    caps = data.draw(st.lists(st.sampled_from([1.0, 0.5, 0.1]), min_size=len(jobs), max_size=len(jobs)))
    rates = max_min(jobs, np.array(carried), caps)
    assert rates.tolist() == pytest.approx([float(r) for r in exact(jobs, carried, caps)], rel=1e-9)
    used = [sum(rates[j] * each.get(link, 0.0) for j, each in enumerate(jobs)) for link in range(LINKS)]
    assert all(u <= c * (1 + 1e-9) for u, c in zip(used, carried, strict=True)), "feasible"
    for j, each in enumerate(jobs):
        # Max-min optimal: each is at its cap, or on a full link on which nobody is faster.
        held = rates[j] >= caps[j] * (1 - 1e-9)
        for link in each:
            others = [rates[i] for i, other in enumerate(jobs) if link in other]
            held |= used[link] >= carried[link] * (1 - 1e-9) and rates[j] >= max(others) * (1 - 1e-9)
        assert held


@given(JOBS, CAPACITY, st.randoms(use_true_random=False))
def test_the_order_of_jobs_and_links_never_matters(
    jobs: list[dict[int, float]], carried: list[float], random: object
) -> None:
    order = list(range(len(jobs)))
    random.shuffle(order)  # type: ignore[attr-defined]
    rates = max_min(jobs, np.array(carried)).tolist()
    turned = [dict(reversed(list(jobs[i].items()))) for i in order]
    assert max_min(turned, np.array(carried)).tolist() == [rates[i] for i in order]


CHANGES = st.lists(
    st.tuples(st.integers(0, 7), st.none() | st.dictionaries(st.integers(0, LINKS - 1), LOAD, max_size=3)),
    max_size=20,
)


@given(CHANGES, CAPACITY)
def test_solving_what_a_change_reaches_is_solving_all(
    changes: list[tuple[int, dict[int, float] | None]], carried: list[float]
) -> None:
    shares: Shares[int] = Shares(np.array(carried))
    now: dict[int, dict[int, float]] = {}
    for job, loads in changes:
        before = dict(shares.rates)
        if loads is None:
            now.pop(job, None)
            changed = shares.drop(job)
        else:
            now[job] = loads
            changed = shares.put(job, loads)
        assert changed == {key: rate for key, rate in shares.rates.items() if before.get(key) != rate}
        everything = max_min(list(now.values()), np.array(carried)).tolist()
        assert shares.rates == pytest.approx(dict(zip(now, everything, strict=True)), rel=1e-12)


RESIZES = st.lists(st.tuples(st.integers(0, 3), st.sampled_from([1.0, 0.5, 0.1, 0.9])), max_size=8)


@given(CHANGES, RESIZES, CAPACITY)
def test_a_link_that_carries_more_or_less_is_solving_all(
    changes: list[tuple[int, dict[int, float] | None]],
    resizes: list[tuple[int, float]],
    carried: list[float],
) -> None:
    shares: Shares[int] = Shares(np.array(carried))
    now: dict[int, dict[int, float]] = {}
    left = list(carried)
    for step, (job, loads) in enumerate(changes):
        if loads is not None:
            now[job] = loads
            shares.put(job, loads)
        for link, factor in resizes[step : step + 1]:
            before = dict(shares.rates)
            left[link] = carried[link] * factor
            changed = shares.resize(link, left[link])
            assert changed == {key: rate for key, rate in shares.rates.items() if before[key] != rate}
        everything = max_min(list(now.values()), np.array(left)).tolist() if now else []
        assert shares.rates == pytest.approx(dict(zip(now, everything, strict=True)), rel=1e-12)
        for link in range(len(left)):
            used = sum(loads.get(link, 0.0) * shares.rates[job] for job, loads in now.items())
            assert shares.full(link) == (used >= left[link] * (1 - 1e-9))


def test_a_change_reaches_only_those_it_shares_a_tight_link_with() -> None:
    shares: Shares[str] = Shares(np.array([10.0, 10.0, 100.0, np.inf]))
    assert shares.put("a", {0: 8.0, 2: 1.0, 3: 50.0}) == {"a": 1.0}
    assert shares.put("b", {1: 8.0, 2: 1.0, 3: 50.0}) == {"b": 1.0}
    assert shares.put("c", {0: 8.0}) == {"a": 0.625, "c": 0.625}
    assert shares.rates["b"] == 1.0
    assert shares.drop("c") == {"a": 1.0}
    assert alone({0: 20.0}, np.array([10.0])) == 0.5
    assert alone({0: 20.0}, np.array([10.0]), cap=0.25) == 0.25
    assert alone({}, np.array([10.0])) == 1.0
    assert shares.drop("nobody") == {}


def test_what_a_job_cannot_use_is_left_to_the_others() -> None:
    shares: Shares[str] = Shares(np.array([10.0]))
    assert shares.put("a", {0: 10.0}, cap=0.3) == {"a": 0.3}
    assert shares.put("b", {0: 10.0}) == {"b": 0.7}
    assert shares.put("a", {0: 10.0}) == {"a": 0.5, "b": 0.5}
