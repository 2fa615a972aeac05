"""A spread of the recorded cases: a few of every family, with and without faults, read once."""

from __future__ import annotations

import functools
import hashlib
import json
import random
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from jobsim.testing.conformance import read_cases, run_case
from tests.conftest import shared_path

FILES = ("jobset_reconcile", "jobset_main", "pod_reconcile", "webhooks")
#: Cases of one family, of those with faults and of those without, each.
OF_A_FAMILY = 10
#: The spread is read in parts, so that a part is done in a moment.
PARTS = 40

#: Lists that are sets or maps upstream: their order means nothing to who reads them.
_UNORDERED = {"conditions": "type", "ownerReferences": "uid", "replicatedJobsStatus": "name"}


@functools.cache
def cases(file: str) -> tuple[dict[str, Any], ...]:
    """Return all cases of a recorded file."""
    return tuple(read_cases(shared_path("conformance", f"{file}.jsonl.gz")))


@functools.cache
def spread() -> tuple[dict[str, Any], ...]:
    """Return a few cases of every family of every file, evenly chosen, always the same."""
    families: dict[tuple[str, str, bool], list[dict[str, Any]]] = {}
    for file in FILES:
        for case in cases(file):
            family = (case["of"], case["case"].rsplit("-", 2)[0], bool(case.get("faults")))
            families.setdefault(family, []).append(case)
    return tuple(
        family[len(family) * i // OF_A_FAMILY]
        for family in families.values()
        for i in range(min(OF_A_FAMILY, len(family)))
    )


def episodes() -> tuple[dict[str, Any], ...]:
    """Return some lives of Jobs."""
    return cases("job_episodes")[::20]


def part(number: int) -> Iterator[dict[str, Any]]:
    """Yield one part of the spread."""
    return iter(spread()[number::PARTS])


def shuffled(value: Any, draw: random.Random) -> Any:
    """Return a document with its maps, and its lists that are sets, in another order."""
    if isinstance(value, dict):
        keys = list(value)
        draw.shuffle(keys)
        return {key: _reordered(key, shuffled(value[key], draw), draw) for key in keys}
    if isinstance(value, list):
        return [shuffled(item, draw) for item in value]
    return value


def _reordered(key: str, value: Any, draw: random.Random) -> Any:
    """Return a list in another order, if it is a set of unlike things."""
    if key in _UNORDERED and isinstance(value, list) and _unlike(key, value):
        draw.shuffle(value)
    return value


def _unlike(key: str, items: list[Any]) -> bool:
    """Tell whether no two items answer the same question: then the first is as good as any."""
    names = [item.get(_UNORDERED[key]) for item in items]
    ends = [item for item in items if item.get("type") in ("Failed", "Complete", "Completed")]
    owners = [item for item in items if item.get("controller")]
    return len(set(names)) == len(names) and len(ends) <= 1 and len(owners) <= 1


def canonical(verdict: Any) -> Any:
    """Return a verdict, sets of unlike things in one order."""
    if isinstance(verdict, dict):
        return {key: _in_order(key, canonical(value)) for key, value in verdict.items()}
    return list(map(canonical, verdict)) if isinstance(verdict, list) else verdict


def _in_order(key: str, value: Any) -> Any:
    if key in _UNORDERED and isinstance(value, list):
        return sorted(value, key=lambda item: json.dumps(item, sort_keys=True))
    return value


def digest(chosen: Iterable[dict[str, Any]]) -> str:
    """Return the hash of what our cores make of cases."""
    total = hashlib.sha256()
    for case in chosen:
        result = run_case(case)
        total.update(f"{result.case} {json.dumps(result.got)}\n".encode())
    return total.hexdigest()


if __name__ == "__main__":
    sys.stdout.write(digest(map(json.loads, sys.stdin)))
