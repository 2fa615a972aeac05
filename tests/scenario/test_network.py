"""The network of a Scenario's nodes, and what placements on it cost."""

from __future__ import annotations

import math
from typing import Any

import pytest

import jobsim
from jobsim.hardware.price import USUAL_BYTES
from jobsim.hardware.topology import Topology
from jobsim.scenario.build import build
from jobsim.scenario.fleet import fleet_of
from jobsim.scenario.load import Scenario
from jobsim.scenario.network import network_of
from tests.runtime.lab import jobset

GPUS = {"container": {"resources": {"limits": {"nvidia.com/gpu": 8}}}}


def network(scenario: Scenario) -> Topology:
    found = network_of(scenario, fleet_of(scenario).nodes)
    assert found is not None
    return found


def test_pools_say_what_machines_are() -> None:
    lab = Scenario(
        fleet=[
            {"pool": "a", "shape": "dgx-h100", "blocks": 2, "racks": 2, "nodesPerRack": 2}
            | {"oversubscription": {"rack": 2, "block": 4}},
            {"pool": "b", "shape": "p4d", "nodes": 3, "fabric": "ib_a100"},
            {"pool": "c", "shape": {"cpu": 8, "memory": "1Gi", "accelerators": {"x.io/npu": 4}}, "nodes": 1},
        ]
    )
    topology = network(lab)
    assert [len(level.names) for level in topology.levels] == [6, 4]
    kinds = [topology.machine(topology.number_of[name]) for name in ("a-7", "b-2", "c-0")]
    assert [m.fabric for m in kinds] == ["ib_h100", "ib_a100", ""]
    assert [m.nic for m in kinds] == [50.0, 25.0, 0.0]
    assert topology.levels[0].up.tolist() == [400.0] * 4 + [600.0, math.inf]
    assert topology.levels[1].up.tolist() == [200.0] * 2 + [600.0, math.inf]


def test_node_manifests_say_it_by_their_labels() -> None:
    def node(name: str, **labels: str) -> dict[str, Any]:
        meta = {"name": name, "labels": {key.replace("__", "/"): v for key, v in labels.items()}}
        status = {"capacity": {"cpu": "8", "nvidia.com/gpu": "4"}}
        return {"apiVersion": "v1", "kind": "Node", "metadata": meta, "status": status}

    instance = {
        "node.kubernetes.io__instance-type": "p5.48xlarge",
        "topology.k8s.aws__network-node-layer-3": "s1",
    }
    net = network(Scenario(manifests=[node("n0", **instance), node("n1")]))
    assert [net.machine(i).fabric for i in (0, 1)] == ["efa_h100", ""]
    assert net.machine(1).accelerators == 4
    assert net.levels[0].names == ("s1", "-")


def test_no_nodes_no_network() -> None:
    assert network_of(Scenario(), ()) is None


def spread(over: float, **sections: Any) -> jobsim.Run:
    # The default scheduler has no reason to keep neighbours in rank order in one rack.
    pool = {
        "pool": "h",
        "shape": "dgx-h100",
        "racks": 4,
        "nodesPerRack": 4,
        "oversubscription": {"rack": over},
    }
    return jobsim.run(Scenario(manifests=[jobset(jobs=2, pods=4, **GPUS)], fleet=[pool], **sections))


def test_the_summary_says_what_the_placement_costs() -> None:
    run = spread(4)
    row = run.jobsets()[0]["placement"]
    assert (row["machines"], row["domains"], row["ranks"], row["fabric"]) == (8, 8, 64, "ib_h100")
    (rack,) = row["tiers"]
    assert (rack["tier"], rack["least"], rack["leastCrossings"]) == ("rack", 2, 2)
    assert rack["crossings"] >= rack["switches"] >= 2
    price = row["allReduce"]
    assert price["bytes"] == USUAL_BYTES
    assert 0 < price["best_s"] <= price["here_s"]
    told = run.explain("jobset/train")
    assert f"racks: {rack['switches']} (2 would do)" in told
    assert "all-reduce of 1Gi on ib_h100: " in told
    assert "placement" not in run.explain("job/train-w-0")


def test_a_deleted_jobset_is_nowhere() -> None:
    run = spread(1, actions=[{"at": "5s", "delete": "jobset/train"}])
    assert run.jobsets()[0]["placement"] is None
    assert "placement" not in run.explain("jobset/train")


@pytest.mark.parametrize("nodes", [1, 2])
def test_one_machine_leaves_no_choice(nodes: int) -> None:
    pool = {"pool": "h", "shape": "dgx-h100", "nodes": nodes}
    run = jobsim.run(Scenario(manifests=[jobset(pods=1, **GPUS)], fleet=[pool]))
    assert (run.jobsets()[0]["placement"] is None) == (nodes == 1)


@pytest.mark.parametrize(
    "broken",
    [
        {"metadata": {"name": "n0"}, "status": {"capacity": {"nvidia.com/gpu": "many"}}},
        {"metadata": {"name": ["n0"]}},
        {"apiVersion": "example.com/v1", "metadata": {"name": "n0"}},
    ],
)
def test_what_is_no_node_is_left_to_the_api_server(broken: dict[str, Any]) -> None:
    good = {"metadata": {"name": "n1"}, "status": {"capacity": {"nvidia.com/gpu": 8}}}
    docs = [{"apiVersion": "v1", "kind": "Node", **each} for each in (broken, good)]
    work = {"match": {"jobset": "train"}, "step": "1s", "collectives": [{"op": "send", "bytes": 1}]}
    lab = Scenario(manifests=[*docs, jobset(**GPUS)], workloads=[work])
    setup, _ = build(lab, strict=False, check_invariants=False)
    assert setup.network is not None
    assert setup.network.hosts == ("n1",)
