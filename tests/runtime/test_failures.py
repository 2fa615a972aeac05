"""Random and planned failures in time (the Scenario's section failures): what they do to nodes and gangs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jobsim.api.core import Node
from jobsim.errors import InputErrors
from jobsim.results.log import Row
from tests.runtime.lab import Lab, jobset

GPU = {"cpu": 8, "memory": "64Gi", "pods": 20, "accelerators": {"nvidia.com/gpu": 8}}
ONE = {"resources": {"limits": {"nvidia.com/gpu": 4}}}
#: Of a gang: 1 s to start, 9 s to meet; saved every 100 s for 5 s, read in 20 s.
WORK = {
    "match": {"jobset": "train"},
    "step": "2s",
    "init": "9s",
    "checkpoint": {"every": "100s", "write": "5s", "load": "20s"},
}
#: All that a Scenario can ask of failures at once.
EVERYTHING: list[dict[str, Any]] = [
    {"component": "gpu", "per": "accelerator", "mtbf": "50d"},
    {"component": "nic", "per": "link", "mtbf": "10d", "effect": "degrade", "factor": 0.5, "repair": "2h"},
    {
        "component": "hang",
        "per": "node",
        "mtbf": "20d",
        "detect": "600s",
        "clock": "exposure",
        "lemons": {"share": 0.2, "factor": 10},
    },
    {"component": "rsc-1/node", "pool": "n", "repair": "20m"},
    {"domain": "rack", "mtbf": "20d", "effect": "crash", "repair": {"exponential": {"mean": "4h"}}},
    {"domain": "block", "law": {"weibull": {"scale": "30d", "shape": 0.7}}, "effect": "lose", "repair": "1h"},
    {"maintenance": {"every": "24h", "nodes": 1, "notice": "10m", "duration": "1h"}},
    {"spot": {"pool": "s", "mtbf": "5d", "share": 0.5, "notice": "30s", "back": "5h"}},
    {"stragglers": {"share": 0.2, "factor": 1.1}},
    {"at": "1d", "node": "n-0", "effect": "degrade", "factor": 0.7, "repair": "1d"},
    {"at": "2d", "node": "n-1", "effect": "drain", "repair": "1d"},
]


def lab(
    *failures: dict[str, Any],
    useful: str = "1h",
    pods: int = 2,
    nodes: int = 3,
    workload: dict[str, Any] | None = None,
    fleet: list[dict[str, Any]] | None = None,
    **sections: Any,
) -> Lab:
    return Lab(
        jobset(pods=pods, failurePolicy={"maxRestarts": 10_000}, container=ONE),
        fleet=fleet or [{"pool": "n", "shape": GPU, "nodes": nodes}],
        pods=[{"match": {}, "start": "1s", "run": "workload", "stop": "1s"}],
        workloads=[{**WORK, "useful": useful, **(workload or {})}],
        failures=list(failures),
        **sections,
    )


def ledger(run: Lab) -> dict[str, float]:
    """Return the accounts that are not empty, s; they sum to the elapsed time."""
    [record] = run.recorder.jobsets.values()
    total = record.ledger.total(run.stop.at)
    assert sum(total.values()) == record.ledger.elapsed(run.stop.at)
    return {account: ns / 1e9 for account, ns in total.items() if ns}


def notes(run: Lab, kind: str = "failure") -> list[Row]:
    return [row for row in run.rows if row.get("note") == kind]


def test_all_at_once() -> None:
    run = lab(
        *EVERYTHING,
        useful="20d",
        pods=4,
        until="60d",
        fleet=[
            {"pool": "n", "shape": GPU, "racks": 3, "nodesPerRack": 3},
            {"pool": "s", "shape": GPU, "nodes": 4},
        ],
        workload={
            "checkpoint": {
                "onTermination": True,
                "levels": [
                    {"name": "memory", "every": "5m", "write": "1s", "load": "5s", "survives": 0.8},
                    {"every": "1h", "write": "30s", "load": "2m", "mode": "async", "persist": "1m"},
                ],
            }
        },
    )
    assert run.js().status.terminal_state == "Completed"
    assert ledger(run)["useful"] == 20 * 86400
    effects = {(row["effect"], row.get("cause")) for row in notes(run)}
    assert effects >= {
        *(("pod-fails", "gpu"), ("degrade-link", "nic"), ("pod-fails", "hang"), ("crash", "rack")),
        *(("drain", "maintenance"), ("drain", "spot"), ("lose", "spot"), ("repair", None)),
    }
    assert run.warnings == []


SCRIPT = """
import sys
sys.path.insert(0, {root!r})
from tests.runtime.test_failures import EVERYTHING, GPU, lab
box = {{**GPU, "fabric": "ib_h100"}}
sends = [{{"op": "all-reduce", "bytes": "4Gi"}}]
print(lab(*EVERYTHING, useful="5d", pods=3, workload={{"collectives": sends}}, fleet=[
    {{"pool": "n", "shape": box, "racks": 2, "nodesPerRack": 2, "oversubscription": {{"rack": 4}}}},
    {{"pool": "s", "shape": box, "nodes": 4}},
]).recorder.digest)
"""


def test_equal_digests_across_hash_seeds() -> None:
    script = SCRIPT.format(root=str(Path(__file__).resolve().parents[2]))
    digests = [
        subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("0", "12345")
    ]
    assert digests[0] == digests[1]
    assert len(digests[0].strip()) == 64


def test_an_injector_more_moves_no_other_failure() -> None:
    gpu = {"component": "gpu", "per": "node", "mtbf": "12h"}
    disk = {
        "component": "disk",
        "per": "node",
        "mtbf": "10h",
        "effect": "degrade",
        "factor": 0.9,
        "repair": "1h",
    }

    def times(*failures: dict[str, Any], **more: Any) -> list[tuple[int, str]]:
        run = lab(*failures, useful="3d", **more)
        first = min(run.stop.at, 2 * 86400 * 10**9)
        found = [row for row in notes(run) if row.get("cause") == "gpu" and row["time"] < first]
        return [(row["time"], row["entity"]) for row in found if row["entity"] != "n-3"]

    alone = times(gpu)
    assert len(alone) > 6
    assert times(disk, gpu) == alone
    assert times(gpu, nodes=4) == alone
    assert times(gpu, workload={"init": "300s"}) == alone


def test_the_run_ends_with_the_work_not_with_the_failures() -> None:
    run = lab({"domain": "node", "mtbf": "300d", "effect": "crash", "repair": "90d"})
    assert run.stop.reason == "finished"
    assert run.stop.at < 3800 * 10**9


@pytest.mark.parametrize(
    ("failure", "begin_s", "detect_s"),
    [
        ({"at": "150s", "pod": "train-w-0-1", "detect": "600s"}, 150, 601),
        ({"at": "150s", "pod": "train-w-0-1"}, 150, 1),
        # Dark: 50 s without a lease, 300 s of toleration, ticks of 5 s, and the Job's window of a second.
        ({"at": "150s", "node": "n-0", "effect": "crash", "repair": "600s"}, 150, 357),
    ],
    ids=["hang", "exit", "dark"],
)
def test_a_restart_begins_with_the_fault(failure: dict[str, Any], begin_s: int, detect_s: int) -> None:
    run = lab(failure, useful="10m", until="2h")
    [_, restart, *_] = run.recorder.restarts()
    assert restart["begin_ns"] / 1e9 == begin_s
    assert restart["detect_ns"] / 1e9 == pytest.approx(detect_s, abs=6)
    parts = [name for name in restart.dtype.names if name.endswith("_ns") and name not in _NO_PARTS]
    assert sum(restart[name] for name in parts) == restart["total_ns"]


_NO_PARTS = ("begin_ns", "total_ns", "rework_ns")


def test_a_hang_stalls_until_it_is_noticed() -> None:
    """B9: nothing is done from the fault to its effect, and what was not saved is lost at the fault."""
    hang = {"at": "150s", "pod": "train-w-0-1", "detect": "600s"}
    run = lab(hang, useful="10m")
    found = ledger(run)
    assert found["stalled"] == pytest.approx(600, abs=2)
    assert found["rework"] == pytest.approx(150 - (1 + 9 + 100 + 5), abs=1e-6)
    assert [row["time"] // 10**9 for row in notes(run, "fault")] == [150]
    assert [row["time"] // 10**9 for row in notes(run)] == [750]


def test_a_dead_node_stalls_the_gang_before_anybody_knows() -> None:
    run = lab({"at": "150s", "node": "n-0", "effect": "crash", "repair": "1h"}, useful="10m", pods=6)
    found = ledger(run)
    assert found["rework"] == pytest.approx(35, abs=1e-6)
    # 50 s until the node is unreachable; then its pods are not ready and the gang is not whole any more.
    assert 40 <= found["stalled"] <= 60
    assert run.js().status.terminal_state == "Completed"


def test_an_accelerator_takes_down_the_pod_that_has_it() -> None:
    """Two pods with four each: all eight fail at one instant, two of them are the first of their pod."""
    run = lab({"component": "gpu", "per": "accelerator", "law": "1h"}, useful="2h", nodes=1, until="1h")
    failed = {row["entity"]: row.get("jobsets") for row in notes(run)}
    assert len(failed) == 8
    assert [entity for entity, hit in failed.items() if hit] == ["n-0/0", "n-0/4"]


def test_a_part_that_takes_time_to_replace_closes_its_node() -> None:
    run = lab({"component": "gpu", "per": "node", "law": "1000s", "repair": "5000s"}, nodes=2, useful="30m")
    closed = run.when("Node", type="MODIFIED", spec={"unschedulable": True})
    opened = run.when("Node", type="MODIFIED", spec={"unschedulable": False})
    assert closed[:2] == [1000.0, 1000.0]
    assert opened[:2] == [6000.0, 6000.0]
    assert ledger(run)["queued"] > 4900


def test_a_node_with_two_troubles_is_back_after_both() -> None:
    run = lab(
        {"at": "100s", "node": "n-2", "effect": "crash", "repair": "1000s"},
        {"at": "500s", "node": "n-2", "effect": "crash", "repair": "1000s"},
        {"at": "600s", "node": "n-2", "effect": "lose", "repair": "300s"},
        {"at": "550s", "node": "n-2", "effect": "drain", "repair": "5000s"},
        useful="3h",
        pods=4,
    )
    assert run.when("Node", type="DELETED") == [600.0]
    assert run.when("Node", type="ADDED", name="n-2")[1:] == [1500.0]
    node = run.store.get(Node, "", "n-2")
    assert node is not None
    assert not node.spec.unschedulable
    assert run.when("Node", name="n-2", spec={"unschedulable": False})[-1:] == [5550.0]


def test_maintenance_goes_round_the_pool() -> None:
    plan = {"every": "1h", "nodes": 1, "notice": "10m", "duration": "20m"}
    run = lab({"maintenance": plan}, useful="5h", nodes=3)
    hit = [(row["time"] // 10**9, row["entity"]) for row in notes(run) if row["effect"] == "drain"]
    assert hit[:4] == [(4200, "n-0"), (7800, "n-1"), (11400, "n-2"), (15000, "n-0")]
    closed = run.when("Node", name="n-0", spec={"unschedulable": True})
    assert closed[:2] == [3600.0, 14400.0]
    assert run.when("Node", name="n-0", spec={"unschedulable": False})[0] == 5400.0


def test_spot_nodes_go_after_their_notice_and_come_back() -> None:
    spot = {"pool": "s", "law": "1h", "share": 0.5, "notice": "30s", "back": "2h"}
    run = lab({"spot": spot}, useful="5h", fleet=[{"pool": "s", "shape": GPU, "nodes": 4}], until="6h")
    gone = run.when("Node", type="DELETED")
    assert gone[:2] == [3630.0, 3630.0]
    back = [time for time in run.when("Node", type="ADDED") if time > 0]
    assert back[:2] == [3630.0 + 7200] * 2
    returned = run.store.list(Node)
    assert not any(node.spec.unschedulable for node in returned if node.name in ("s-0",))


def test_spot_that_never_comes_back_leaves_nothing() -> None:
    spot = {"pool": "n", "law": "10m", "share": 1, "back": "never"}
    run = lab({"spot": spot}, nodes=2)
    assert run.stop.reason in ("stalled", "limit")
    assert list(run.store.list(Node)) == []


def test_stragglers_and_slow_parts_set_the_pace() -> None:
    slow = {"stragglers": {"share": 1, "factor": 1.25}}
    found = ledger(lab(slow, useful="1h"))
    assert (found["useful"], found["degraded"]) == (3600.0, 900.0)
    part = {"at": "0s", "node": "n-0", "effect": "degrade", "factor": 0.5}
    both = ledger(lab(slow, part, useful="1h", pods=6))
    assert (both["useful"], both["degraded"]) == (3600.0, 5400.0)


def test_degraded_time_has_causes() -> None:
    part = {"at": "500s", "node": "n-0", "effect": "degrade", "factor": 0.5, "repair": "1000s"}
    run = lab(part, {"stragglers": {"share": 1, "factor": 1.1}}, useful="1h", pods=6)
    [record] = run.recorder.jobsets.values()
    causes = record.ledger.losses.degraded
    assert set(causes) == {"scripted", "straggler"}
    assert sum(causes.values()) / 1e9 == pytest.approx(ledger(run)["degraded"], abs=1e-6)


@pytest.mark.parametrize(
    ("grace_s", "write", "rework_s"), [(30, "20s", 0), (30, "40s", 35), (60, "40s", 0), (30, "30s", 0)]
)
def test_a_write_on_termination_fits_into_the_grace_period_or_not(
    grace_s: int, write: str, rework_s: float
) -> None:
    """Drained at 150 s, 35 s after the last checkpoint (of 5 s)."""
    run = Lab(
        jobset(failurePolicy={"maxRestarts": 9}, container=ONE, terminationGracePeriodSeconds=grace_s),
        fleet=[{"pool": "n", "shape": GPU, "nodes": 3}],
        pods=[{"match": {}, "start": "1s", "run": "workload", "stop": "1s"}],
        workloads=[
            {
                **WORK,
                "steps": 300,
                "checkpoint": {
                    "onTermination": True,
                    "levels": [
                        {"every": "100s", "write": "5s", "survives": 0.999999},
                        {"every": "100h", "write": write, "load": "20s"},
                    ],
                },
            }
        ],
        failures=[{"at": "150s", "node": "n-0", "effect": "drain", "repair": "1h"}],
    )
    found = ledger(run)
    fits = rework_s == 0
    # 17 whole steps of 2 s since the write, and half of another.
    assert found["rework"] == pytest.approx(1 if fits else rework_s, abs=1e-6)
    assert found["useful"] == 600
    gone = [time for time in run.when("Pod", type="DELETED") if time < 300]
    wait = float(write.removesuffix("s"))
    assert min(gone) >= 150 + (wait if fits else 1)


def test_traces_are_replayed(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "time,entity,effect,until,cause\n100,n-0,crash,3000,power\n5m,n-r0,drain,10m,\n20m,n-1,,,fan\n"
    )
    run = lab({"trace": "t.csv"}, folder=tmp_path, useful="2h", nodes=3)
    hits = [(row["time"] // 10**9, row["effect"], row["entity"], row.get("cause")) for row in notes(run)]
    assert hits == [
        (100, "crash", "n-0", "power"),
        (300, "drain", "n-r0", "trace"),
        (600, "repair", "n-r0", None),
        (1200, "crash", "n-1", "fan"),
        (3000, "repair", "n-0", None),
    ]


def test_the_public_trace_is_replayed() -> None:
    path = Path(__file__).resolve().parents[2].parent / "shared/data/traces/infinitehbd_fault_trace.json"
    if not path.exists():
        pytest.skip("needs ../shared")
    assert len(json.loads(path.read_text())) == 1168
    run = Lab(
        fleet=[{"pool": "n", "shape": GPU, "nodes": 400}],
        failures=[{"trace": str(path), "effect": "drain"}],
        until="350d",
        check_invariants=False,
    )
    drained = [row for row in notes(run) if row["effect"] == "drain"]
    assert len(drained) == 584
    assert len({row["entity"] for row in drained}) == 231


def test_a_law_without_time_is_refused() -> None:
    law = {"mixture": [{"weight": 1e9, "law": "0s"}, {"weight": 1, "law": "2500000h"}]}
    with pytest.raises(InputErrors, match="its law leaves no time between failures"):
        lab({"component": "gpu", "per": "node", "law": law}, nodes=1, until="1s")
