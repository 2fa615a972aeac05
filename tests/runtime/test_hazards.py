"""Machines that come later: what can fail there fails from then on, and moves nothing that failed before."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.laws import Exponential, quantile
from jobsim.rng import uniform
from jobsim.units import HOUR, seconds
from tests.runtime.lab import Lab, jobset
from tests.runtime.test_failures import GPU, ONE, WORK, notes

LATE_S = 3600.0
RACK = "topology.jobsim/rack"
CAPACITY = {"cpu": "8", "memory": "64Gi", "pods": "20", "nvidia.com/gpu": "8"}


def node(name: str, rack: str = "n-r0") -> dict[str, Any]:
    """Return a Node manifest that is added later."""
    status = {"capacity": CAPACITY, "allocatable": CAPACITY}
    labels = {RACK: rack, "topology.jobsim/block": "n-b0", "kubernetes.io/hostname": name}
    meta = {"name": name, "labels": labels}
    return {"at": LATE_S, "object": {"apiVersion": "v1", "kind": "Node", "metadata": meta, "status": status}}


def run(
    *failures: dict[str, Any],
    late: tuple[dict[str, Any], ...] = (),
    pods: int = 2,
    days: int = 2,
    nodes: int = 3,
) -> Lab:
    return Lab(
        jobset(pods=pods, failurePolicy={"maxRestarts": 10_000}, container=ONE),
        *late,
        fleet=[{"pool": "n", "shape": GPU, "nodes": nodes}],
        pods=[{"match": {}, "start": "1s", "run": "workload", "stop": "1s"}],
        workloads=[{**WORK, "useful": "60d"}],
        failures=list(failures),
        until=f"{days}d",
    )


def failed(lab: Lab, effect: str = "") -> list[tuple[int, str]]:
    return [
        (row["time"], row["entity"])
        for row in notes(lab)
        if row["effect"] != "repair" and effect in ("", row["effect"])
    ]


@pytest.mark.parametrize("per", ["node", "link"])
def test_a_node_that_is_added_fails_from_then_on_and_moves_no_other(per: str) -> None:
    gpu = {"component": "gpu", "per": per, "mtbf": "6h"}
    without, lab = run(gpu), run(gpu, late=(node("n-3"),))
    theirs = [each for each in failed(lab) if each[1] != "n-3"]
    own = [time for time, entity in failed(lab) if entity == "n-3"]
    assert theirs == failed(without)
    at, expected = seconds(LATE_S), []
    for number in range(len(own)):
        at += quantile(Exponential(mean=6 * HOUR), uniform(0, "failure", f"gpu/{per}/", "n-3", number))
        expected.append(at)
    assert own == expected
    assert len(own) > 2


def test_its_accelerators_have_clocks_each() -> None:
    lab = run({"component": "gpu", "per": "accelerator", "mtbf": "2d"}, late=(node("n-3"),))
    own = {entity for _, entity in failed(lab) if entity.startswith("n-3/")}
    assert len(own) > 2
    assert min(time for time, entity in failed(lab) if entity in own) > seconds(LATE_S)


def test_an_exposure_clock_of_a_new_node_runs_while_pods_run_there() -> None:
    hang = {"component": "gpu", "per": "node", "mtbf": "3h", "clock": "exposure", "effect": "degrade"}
    hang |= {"factor": 0.9, "repair": "1s"}
    idle = run(hang, late=(node("n-3"),))
    assert not [entity for _, entity in failed(idle) if entity == "n-3"]
    # Three nodes have room for six pods: two of eight wait for the fourth.
    busy = run(hang, late=(node("n-3"),), pods=8)
    own = [time for time, entity in failed(busy) if entity == "n-3"]
    assert own
    assert own[0] > seconds(LATE_S)


def test_a_node_joins_its_rack_and_a_new_rack_has_a_clock() -> None:
    rack = {"domain": "rack", "mtbf": "8h", "effect": "crash", "repair": "5m"}
    late = (node("n-3"), node("n-4", "n-r7"))
    without, lab = run(rack), run(rack, late=late)
    assert [each for each in failed(lab) if each[1] != "n-r7"] == failed(without)
    news = [time for time, entity in failed(lab) if entity == "n-r7"]
    assert news
    assert news[0] > seconds(LATE_S)
    first = next(time for time, entity in failed(lab) if entity == "n-r0" and time > seconds(LATE_S))
    # The node monitor finds the new node dark together with the others of its rack.
    dark = [
        row
        for row in lab.rows
        if row.get("kind") == "Node"
        and row.get("name") == "n-3"
        and first <= row["time"] < first + 300 * 10**9
    ]
    assert dark


def test_one_that_comes_back_goes_on_with_its_clock() -> None:
    gpu = {"component": "gpu", "per": "node", "mtbf": "6h"}
    lose = {"at": "10h", "node": "n-0", "effect": "lose", "repair": "2h"}
    assert failed(run(gpu, lose), "pod-fails") == failed(run(gpu))


def test_maintenance_stragglers_and_spot_know_it() -> None:
    lab = run(
        {"maintenance": {"every": "2h", "nodes": 1, "duration": "10m"}},
        {"stragglers": {"share": 1, "factor": 1.5}},
        {"spot": {"pool": "n", "mtbf": "3h", "share": 0.3, "back": "10m"}},
        late=(node("n-3"),),
    )
    rows = [row for row in notes(lab) if row["entity"] == "n-3"]
    assert {row.get("cause") for row in rows} >= {"maintenance", "spot"}
    assert lab.cluster._chaos.outages.slowness("n-3") == (1.5, "straggler")


def test_only_nodes_of_a_plans_pool_are_its_own() -> None:
    lab = run({"component": "gpu", "per": "node", "mtbf": "6h"}, late=(node("m-0"),), nodes=1)
    assert "m-0" in {entity for _, entity in failed(lab)}
    pool = run({"component": "gpu", "per": "node", "mtbf": "6h", "pool": "n"}, late=(node("m-0"),))
    assert "m-0" not in {entity for _, entity in failed(pool)}
