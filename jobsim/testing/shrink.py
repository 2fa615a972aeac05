"""A history made smaller that still breaks the same law: fewer steps, a smaller JobSet, fewer failures.

Hypothesis shrinks what it drew, choice by choice; a history is plain data in which anything may be left out,
so leaving out is tried directly: pieces of the steps, then keys and items of the manifest, from large to
small.  The same history comes to the same end every time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations
from typing import Any

from jobsim.errors import ApiError, InputError
from jobsim.testing.machine_course import BrokenError
from jobsim.testing.replay import replay

History = Mapping[str, Any]
#: More replays than that are not worth the while.
_TRIES_MAX = 600
#: Pairs of what is left are tried when there are no more than that: 91 tries at most.
_PAIRS_BELOW = 14
#: What stays: without it a JobSet is a case of its own, that breaks laws by never having a Job.
_KEPT = ("name", "replicatedJobs", "template", "spec", "containers", "image")
_Path = tuple[str | int, ...]


def shrink(history: History, tries_max: int = _TRIES_MAX) -> dict[str, Any]:
    """Return a smaller history that breaks one of the laws that this one breaks.

    Parameters
    ----------
    history : mapping
        As ``replay.document`` makes it.
    tries_max : int
        How many smaller ones to try.
    """
    laws = broken_laws(history)
    tries = 0

    def fails(candidate: History) -> bool:
        nonlocal tries
        tries += 1
        return tries <= tries_max and not laws.isdisjoint(broken_laws(candidate))

    found = dict(history)
    if not laws:
        return found
    before: dict[str, Any] = {}
    while found != before and tries < tries_max:
        before, found = found, dict(found)
        found["steps"] = _fewer(found["steps"], partial(_fails_with, fails, found, "steps", list))
        script = list(found["script"].items())
        found["script"] = dict(_fewer(script, partial(_fails_with, fails, found, "script", dict)))
        found = _plainer(found, fails)
    return found


def pruned(
    document: dict[str, Any],
    sections: Sequence[str],
    fails: Callable[[dict[str, Any]], bool],
    tries_max: int = _TRIES_MAX,
) -> dict[str, Any]:
    """Return a document with fewer items in some of its sections that still fails.

    Parameters
    ----------
    document : dict
    sections : sequence of str
        Keys of lists, of which items are left out, and of others, which go as a whole.
    fails : callable
    tries_max : int
    """
    tries = 0

    def still(candidate: dict[str, Any]) -> bool:
        nonlocal tries
        tries += 1
        return tries <= tries_max and fails(candidate)

    for key in sections:
        value = document.get(key)
        if isinstance(value, list):
            document = {**document, key: _fewer(value, partial(_fails_with, still, document, key, list))}
        elif value:
            without = {k: v for k, v in document.items() if k != key}
            document = without if still(without) else document
    return document


def _fails_with(
    fails: Callable[[Any], bool], history: History, key: str, make: Callable[[Any], Any], items: list[Any]
) -> bool:
    """Tell whether a history still fails with other items in one section."""
    return fails({**history, key: make(items)})


def broken_laws(history: History) -> set[str]:
    """Return the laws that a history breaks when it is run again."""
    try:
        replay(history)
    except BrokenError as err:
        return set(err.laws)
    except (ApiError, InputError):
        return set()
    return set()


def _fewer(items: Sequence[Any], fails: Callable[[list[Any]], bool]) -> list[Any]:
    """Leave out pieces, from half of all down to single ones (delta debugging)."""
    left = list(items)
    size = max(1, len(left) // 2)
    while left:
        start = 0
        while start < len(left):
            shorter = left[:start] + left[start + size :]
            if fails(shorter):
                left = shorter
            else:
                start += size
        if size == 1:
            break
        size //= 2
    return _without_pairs(left, fails) if len(left) <= _PAIRS_BELOW else left


def _without_pairs(items: Sequence[Any], fails: Callable[[list[Any]], bool]) -> list[Any]:
    """Leave out two at once: a step and the one that only makes up for it go together or not at all."""
    left = list(items)
    pairs = iter(list(combinations(range(len(left)), 2)))
    for i, j in pairs:
        shorter = [item for k, item in enumerate(left) if k not in (i, j)]
        if fails(shorter):
            left = shorter
            pairs = iter(list(combinations(range(len(left)), 2)))
    return left


def _plainer(history: dict[str, Any], fails: Callable[[History], bool]) -> dict[str, Any]:
    """Leave out parts of the manifest, make its numbers smaller, and switch gates off."""
    for path in list(_paths(history["manifests"][0])):
        manifest = history["manifests"][0]
        for plainer in _variants(manifest, path):
            candidate = {**history, "manifests": [plainer]}
            if fails(candidate):
                history = candidate
                break
    for gate, on in history["jobset"]["gates"].items():
        options = history["jobset"]
        candidate = {**history, "jobset": {**options, "gates": {**options["gates"], gate: False}}}
        if on and fails(candidate):
            history = candidate
    return history


def _paths(data: Any, path: _Path = ()) -> Iterator[_Path]:
    """Yield the places in a document that may go or become smaller, outer ones first."""
    children: Sequence[tuple[str | int, Any]] = ()
    if isinstance(data, Mapping):
        children = list(data.items())
    elif isinstance(data, list):
        # From the end, so that the numbers of those in front stay.
        children = list(enumerate(data))[::-1]
    for key, value in children:
        here = (*path, key)
        if here[0] == "spec" and len(here) > 1 and key not in _KEPT and path[-1:] != ("containers",):
            yield here
        yield from _paths(value, here)


def _variants(manifest: Any, path: _Path) -> Iterator[Any]:
    """Yield the manifest without a place, and with a smaller number there."""
    try:
        value = manifest
        for key in path:
            value = value[key]
    except (KeyError, IndexError, TypeError):
        return
    yield _without(manifest, path)
    if isinstance(value, int) and not isinstance(value, bool) and value > 1:
        yield _with(manifest, path, 1)


def _without(data: Any, path: _Path) -> Any:
    key, *rest = path
    if rest:
        return _with(data, (key,), _without(data[key], tuple(rest)))
    if isinstance(data, list):
        return [item for i, item in enumerate(data) if i != key]
    return {k: v for k, v in data.items() if k != key}


def _with(data: Any, path: _Path, value: Any) -> Any:
    key, *rest = path
    new = _with(data[key], tuple(rest), value) if rest else value
    if isinstance(data, list):
        return [new if i == key else item for i, item in enumerate(data)]
    return {**data, key: new}
