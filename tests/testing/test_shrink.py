"""Leaving out: what is needed stays, the rest goes, and the number of tries is kept."""

from __future__ import annotations

from typing import Any

from jobsim.testing.shrink import pruned, shrink


def test_items_that_are_needed_together_stay() -> None:
    document = {"faults": list(range(20)), "control": {"a": 1}, "pods": [1, 2], "seed": 3}
    needed = {3, 11, 17}
    found = pruned(document, ("faults", "control", "pods"), lambda made: needed <= set(made["faults"]))
    assert found == {"faults": [3, 11, 17], "pods": [], "seed": 3}


def test_sections_that_are_needed_stay_whole() -> None:
    document = {"control": {"a": 1, "b": 2}, "faults": []}
    assert pruned(document, ("control", "faults", "none"), lambda made: "control" in made) == document


def test_no_more_tries_than_asked() -> None:
    asked = 0

    def fails(made: dict[str, Any]) -> bool:
        nonlocal asked
        asked += 1
        return len(made["faults"]) > 500

    pruned({"faults": list(range(1_000))}, ("faults",), fails, tries_max=30)
    assert asked == 30


def test_what_breaks_no_law_stays_as_it_is() -> None:
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    history = {
        "kind": "Replay",
        "jobset": {"version": "main", "gates": {}},
        "fleet": {"racks": 1, "nodesPerRack": 1},
        "calm": True,
        "honest": True,
        "script": {},
        "manifests": [manifest],
        "steps": [["clock", 1]],
        "settle": True,
    }
    assert shrink(history) == history
