"""Steps that wait for the network: priced where the gang is, slower while neighbours load its up-links."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsim.hardware.collectives import collective_time
from jobsim.hardware.step_model import StepModel, training_step
from tests.runtime.lab import Lab

GIB = 2**30
RACK = "topology.jobsim/rack"


def gang(name: str, *racks: str, pods: int = 2, gpus: int = 8) -> dict[str, Any]:
    """Return a JobSet with one ReplicatedJob a rack, in this order of ranks."""
    container = {"name": "main", "image": "img", "resources": {"limits": {"nvidia.com/gpu": gpus}}}
    rjobs = []
    for i, rack in enumerate(racks):
        pod = {"restartPolicy": "Never", "containers": [container], "nodeSelector": {RACK: rack}}
        job = {"parallelism": pods, "completions": pods, "backoffLimit": 0, "template": {"spec": pod}}
        rjobs.append({"name": f"w{i}", "replicas": 1, "template": {"spec": job}})
    return {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": {"name": name},
        "spec": {"replicatedJobs": rjobs, "failurePolicy": {"maxRestarts": 3}},
    }


def work(name: str, steps: int = 100, **more: Any) -> dict[str, Any]:
    collectives = [{"op": "all-reduce", "bytes": "16Gi"}]
    return {
        "match": {"jobset": name},
        "step": "1s",
        "steps": steps,
        "collectives": collectives,
        "init": "10s",
        **more,
    }


def run(*manifests: Any, over: float = 4.0, workloads: list[dict[str, Any]], **sections: Any) -> Lab:
    return Lab(
        *manifests,
        fleet=[
            {
                "pool": "n",
                "shape": "dgx-h100",
                "racks": 2,
                "nodesPerRack": 4,
                "oversubscription": {"rack": over},
            }
        ],
        pods=[{"match": {}, "start": 0, "run": "workload", "stop": "1s"}],
        workloads=workloads,
        **sections,
    )


def ledger(lab: Lab, name: str) -> dict[str, float]:
    record = lab.recorder.find_jobset("default", name)
    assert record is not None
    total = record.ledger.total(lab.stop.at)
    assert sum(total.values()) == record.ledger.elapsed(lab.stop.at)
    return {account: ns / 1e9 for account, ns in total.items() if ns}


def step_s(share: float, domains: int = 4) -> float:
    return (
        1 + collective_time("all-reduce", 16 * GIB, ranks=(domains, 8), fabric="ib_h100", share=share).seconds
    )


def test_a_gang_alone_takes_its_nominal_time() -> None:
    lab = run(gang("a", "n-r0", "n-r1"), workloads=[work("a")])
    found = ledger(lab, "a")
    assert found["useful"] == pytest.approx(100 * step_s(1.0), abs=1e-6)
    assert "degraded" not in found
    assert not lab.warnings


def test_neighbours_share_the_up_links_while_both_step() -> None:
    # Each ring leaves each rack once: 400 GB/s of the 400 that a rack of four machines has at 4:1.
    late = {"at": 50, "object": gang("b", "n-r0", "n-r1")}
    lab = run(gang("a", "n-r0", "n-r1"), late, workloads=[work("a"), work("b")])
    alone, both = step_s(1.0), step_s(0.5)
    a, b = ledger(lab, "a"), ledger(lab, "b")
    assert a["useful"] == pytest.approx(100 * alone, abs=1e-6)
    assert b["useful"] == pytest.approx(100 * alone, abs=1e-6)
    began_a, began_b = 10.0, 60.0  # init; nothing else takes time
    done_a = (began_b - began_a) / alone
    end_a = began_b + (100 - done_a) * both
    done_b = (end_a - began_b) / both
    assert a["degraded"] == pytest.approx((100 - done_a) * (both - alone), rel=1e-6)
    assert b["degraded"] == pytest.approx(done_b * (both - alone), rel=1e-6)


def test_who_shares_no_up_link_is_left_alone() -> None:
    lab = run(
        gang("a", "n-r0"),
        gang("b", "n-r1"),
        gang("c", "n-r0", "n-r1", pods=1),
        workloads=[work("a"), work("b"), work("c")],
    )
    for name in "abc":
        assert "degraded" not in ledger(lab, name)


def test_a_bad_order_of_ranks_is_time_beyond_nominal() -> None:
    # Ranks go to and fro between the racks: four crossings where one would do.
    lab = run(gang("a", "n-r0", "n-r1", "n-r0", "n-r1", pods=1), workloads=[work("a")])
    found = ledger(lab, "a")
    assert found["useful"] == pytest.approx(100 * step_s(1.0), abs=1e-6)
    assert found["degraded"] == pytest.approx(100 * (step_s(0.5) - step_s(1.0)), rel=1e-6)


def test_a_gang_that_loses_a_pod_frees_its_links() -> None:
    lab = run(
        gang("a", "n-r0", "n-r1"),
        gang("b", "n-r0", "n-r1"),
        workloads=[work("a"), work("b", checkpoint={"every": "10s", "load": "30s"})],
        failures=[{"at": 30, "pod": "b-w0-0-0", "exitCode": 1}],
    )
    paces = [row for row in lab.rows if row.get("note") == "progress" and row["name"] == "a"]
    changes = [(row["time"] / 1e9, "pace" in row) for row in paces if row["state"] == "stepping"]
    # Both begin at 10 s; b is gone from 30 s until it has started, initialised and loaded again.
    assert changes[:3] == [(10.0, False), (10.0, True), (30.0, False)]
    assert changes[3][0] > 70
    assert changes[3][1]
    assert ledger(lab, "a")["useful"] == pytest.approx(100 * step_s(1.0), abs=1e-6)


def test_useful_time_counts_nominal_steps() -> None:
    lab = run(gang("a", "n-r0", "n-r1"), workloads=[{**work("a"), "steps": None, "useful": "5m"}])
    steps = -(-300 // step_s(1.0))
    assert ledger(lab, "a")["useful"] == pytest.approx(steps * step_s(1.0), abs=1e-6)


def test_what_overlaps_is_not_paid() -> None:
    hidden = [{"op": "all-reduce", "bytes": "16Gi", "overlap": 1}]
    lab = run(gang("a", "n-r0", "n-r1"), workloads=[work("a", collectives=hidden)])
    assert ledger(lab, "a")["useful"] == 100.0


LLAMA = {
    "parameters": 8e9,
    "layers": 32,
    "hidden": 4096,
    "sequence": 4096,
    "batch": 64,
    "data": 32,
    "overlap": 0.5,
}


def test_a_step_from_a_model() -> None:
    step = {"model": LLAMA}
    lab = run(gang("a", "n-r0", "n-r1"), workloads=[{**work("a"), "step": step, "collectives": None}])
    model = StepModel(**{**LLAMA, "peak_tflops": 989})  # type: ignore[arg-type]
    expected = training_step(model, fabric="ib_h100").seconds
    assert ledger(lab, "a")["useful"] == pytest.approx(100 * expected, abs=1e-6)


def test_what_cannot_be_priced_is_said_and_runs_all_the_same() -> None:
    pools = [
        {"pool": "n", "shape": "dgx-h100", "racks": 1, "nodesPerRack": 4, "rackLabels": ["r"]},
        {
            "pool": "m",
            "shape": {"cpu": 8, "memory": "8Gi", "accelerators": {"nvidia.com/gpu": 8}},
            "nodes": 2,
        },
    ]
    lab = Lab(
        gang("a", "m-r0"),
        gang("b", "n-r0", "m-r0", pods=1),
        fleet=pools,
        pods=[{"match": {}, "start": 0, "run": "workload", "stop": "1s"}],
        workloads=[work("a"), work("b", steps=10)],
    )
    assert ledger(lab, "a")["useful"] == 100.0
    # A gang on both is priced as where its first rank is.
    assert ledger(lab, "b")["useful"] == pytest.approx(10 * step_s(1.0, domains=2))
    assert lab.warnings == [
        "workload of jobset default/a: its steps are not priced on the network: its pods are on nodes of no "
        "known fabric"
    ]


def test_a_gang_that_moves_off_the_network_goes_at_its_nominal_pace() -> None:
    # In a bad order on the racks of n; then its nodes are lost, and the only others have no known network.
    other = {"cpu": 224, "memory": "1Ti", "accelerators": {"nvidia.com/gpu": 8}}
    pools = [
        {"pool": "n", "shape": "dgx-h100", "racks": 2, "nodesPerRack": 2, "oversubscription": {"rack": 4}},
        {"pool": "m", "shape": other, "nodes": 4, "taints": [{"key": "spare", "effect": "PreferNoSchedule"}]},
    ]
    manifest = gang("a", "n-r0", "n-r1", "n-r0", "n-r1", pods=1)
    for rjob in manifest["spec"]["replicatedJobs"]:
        pod = rjob["template"]["spec"]["template"]["spec"]
        (rack,) = pod.pop("nodeSelector").values()
        wish = {"matchExpressions": [{"key": RACK, "operator": "In", "values": [rack]}]}
        soft = [{"weight": 100, "preference": wish}]
        pod["affinity"] = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": soft}}
    lab = Lab(
        manifest,
        fleet=pools,
        pods=[{"match": {}, "start": 0, "run": "workload", "stop": 0}],
        workloads=[work("a")],
        failures=[{"at": 30, "node": f"n-{i}", "effect": "lose"} for i in range(4)],
    )
    rows = [row for row in lab.rows if row.get("note") == "progress" and row["state"] == "stepping"]
    assert ["pace" in row for row in (rows[0], rows[-1])] == [True, False]
    assert lab.js("a").status.terminal_state == "Completed"
    assert any("not priced on the network" in text for text in lab.warnings)


def test_the_same_in_every_order_of_workloads() -> None:
    one = run(gang("a", "n-r0", "n-r1"), gang("b", "n-r0", "n-r1"), workloads=[work("a"), work("b")])
    two = run(gang("a", "n-r0", "n-r1"), gang("b", "n-r0", "n-r1"), workloads=[work("b"), work("a")])
    assert one.recorder.digest == two.recorder.digest


RACKS = st.lists(st.sampled_from(["n-r0", "n-r1"]), min_size=1, max_size=3).map(tuple)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(RACKS, st.integers(5, 60)), min_size=1, max_size=3),
    st.sampled_from([1.0, 2.0, 4.0, 7.0]),
    st.lists(st.tuples(st.integers(0, 2), st.integers(12, 90)), max_size=2),
)
def test_whatever_happens_useful_is_steps_at_nominal_pace(
    gangs: list[tuple[tuple[str, ...], int]], over: float, losses: list[tuple[int, int]]
) -> None:
    lab = run(
        *(gang(f"g{i}", *racks, pods=1) for i, (racks, _) in enumerate(gangs)),
        over=over,
        workloads=[
            work(f"g{i}", steps, checkpoint={"every": "7s", "write": "1s", "load": "2s"})
            for i, (_, steps) in enumerate(gangs)
        ],
        failures=[{"at": at, "pod": f"g{i}-w0-0-0", "exitCode": 1} for i, at in losses if i < len(gangs)],
    )
    for i, (racks, steps) in enumerate(gangs):
        assert lab.js(f"g{i}").status.terminal_state == "Completed"
        nominal = step_s(1.0, domains=len(racks))
        assert ledger(lab, f"g{i}")["useful"] == pytest.approx(steps * nominal, abs=1e-6)


def test_nodes_that_an_action_adds_are_on_the_network(tmp_path: Path) -> None:
    capacity = {"cpu": "224", "memory": "2Ti", "pods": "110", "nvidia.com/gpu": "8"}
    h100 = {RACK: "n-r1", "topology.jobsim/block": "n-b0", "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}
    nodes = [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": h100},
            "status": {"capacity": capacity, "allocatable": capacity},
        }
        for name in ("x-0", "x-1")
    ]
    path = tmp_path / "nodes.json"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": nodes}))
    lab = Lab(
        gang("a", "n-r0", "n-r1"),
        fleet=[{"pool": "n", "shape": "dgx-h100", "racks": 1, "nodesPerRack": 2}],
        pods=[{"match": {}, "start": 0, "run": "workload", "stop": "1s"}],
        workloads=[work("a", steps=10)],
        actions=[{"at": "10s", "apply": str(path)}],
    )
    assert ledger(lab, "a")["useful"] == pytest.approx(10 * step_s(1.0), abs=1e-6)
    assert lab.warnings == []
