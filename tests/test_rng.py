"""Random streams: keyed, independent, the same everywhere."""

from __future__ import annotations

import doctest

from jobsim import rng


def test_a_stream_is_its_key() -> None:
    draws = rng.stream(7, "start", "train-w-0", 1).random(3).tolist()
    assert draws == rng.stream(7, "start", "train-w-0", 1).random(3).tolist()
    others = [
        rng.stream(8, "start", "train-w-0", 1),
        rng.stream(7, "stop", "train-w-0", 1),
        rng.stream(7, "start", "train-w-0", 2),
        rng.stream(7, "start", "train-w-0", "1"),
        rng.stream(7, "start", "train-w-01"),
    ]
    firsts = [draws[0], *(float(g.random()) for g in others)]
    assert len(set(firsts)) == len(firsts)


def test_the_bytes_are_fixed() -> None:
    """A change here changes every result of every scenario: it needs a new version."""
    assert rng.uniform(7, "start", "a", 0) == 0.7534069382699952
    assert rng.uniform(7, "start", "a", 1) != rng.uniform(7, "start", "a", "1")
    names = rng.NameSource(7)
    assert [names.suffix() for _ in range(2)] == ["jdp9z", "hz9m7"]
    assert names.uid() == "d0dc0d0a-1b93-48be-b5e9-9bf986bc0972"


def test_uniform_draws_fill_the_unit_interval() -> None:
    draws = [rng.uniform(1, "x", i) for i in range(4000)]
    assert 0 <= min(draws) < 0.01
    assert 0.99 < max(draws) < 1
    assert abs(sum(draws) / len(draws) - 0.5) < 0.02


def test_names_do_not_repeat_soon() -> None:
    names = rng.NameSource(0)
    uids = [names.uid() for _ in range(2000)]
    assert len(set(uids)) == 2000
    assert all(u[14] == "4" and u[19] in "89ab" and len(u) == 36 for u in uids)
    suffixes = {names.suffix() for _ in range(1000)}
    assert len(suffixes) > 990
    assert all(set(s) <= set(rng.NAME_ALPHABET) for s in suffixes)


def test_examples() -> None:
    assert doctest.testmod(rng).failed == 0
