"""What a controller says it does not mind would have woken nothing (``Store.subscribe``)."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobsim.api.watch import ANYTHING, METADATA, SPEC, STATUS, WatchEvent
from jobsim.results.recorder import Recorder
from jobsim.runtime import components
from jobsim.runtime.cluster import Cluster
from jobsim.scenario.build import build
from jobsim.scenario.load import Scenario

SCENARIOS = Path(__file__).parents[2] / "scenarios"
CORES = (
    components.orphan_core(),
    components.garbage_collector_core(),
    components.taint_core(),
)


def changed(event: WatchEvent) -> int:
    """Return what a change really changed."""
    if event.type != "MODIFIED" or event.old is None:
        return ANYTHING
    old, new = event.old, event.obj
    version = new.metadata.resource_version
    return (
        METADATA * (old.with_meta(resource_version=version).metadata != new.metadata)
        + SPEC * (getattr(old, "spec", None) != getattr(new, "spec", None))
        + STATUS * (getattr(old, "status", None) != getattr(new, "status", None))
    )


@pytest.mark.parametrize("name", ["one-pod-fails", "suspend-and-resume", "ttl"])
def test_what_is_not_heard_wakes_nothing(name: str) -> None:
    setup, _ = build(Scenario.load(SCENARIOS / f"{name}.yaml"), strict=False, check_invariants=False)
    cluster = Cluster(setup, Recorder())
    spared = dict.fromkeys((core.name for core in CORES), 0)

    def look(event: WatchEvent) -> None:
        what = changed(event)
        for core in CORES:
            kind = event.obj.kind
            if core.kinds and kind not in core.kinds:
                continue
            if not core.minds.get(kind, core.minds.get("*", ANYTHING)) & what:
                spared[core.name] += 1
                assert core.wakes(event, cluster.store) == []

    cluster.store.subscribe(look)
    cluster.start()
    cluster.run()
    assert all(spared.values())


def test_the_store_says_no_less_than_what_changed() -> None:
    setup, _ = build(Scenario.load(SCENARIOS / "one-pod-fails.yaml"), strict=False, check_invariants=False)
    cluster = Cluster(setup, Recorder())
    heard: dict[int, int] = {}
    for part in (METADATA, SPEC, STATUS):

        def hear(event: WatchEvent, part: int = part) -> None:
            heard[event.revision] = heard.get(event.revision, 0) | part

        cluster.store.subscribe(hear, minds={"*": part})
    events: list[WatchEvent] = []
    cluster.store.subscribe(events.append)
    cluster.start()
    cluster.run()
    assert len(events) > 100
    assert [e for e in events if changed(e) & ~heard.get(e.revision, 0)] == []
