"""Gang scheduling in a run, with the gates of Kubernetes that it is behind (K-SCH-40 ... K-SCH-43)."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api.meta import Unstructured
from tests.runtime.lab import FAST, Lab, jobset

GANGS = {**FAST, "featureGates": {"GenericWorkload": True, "GangScheduling": True}}
TOPOLOGY = {**FAST, "featureGates": {"GangScheduling": True, "TopologyAwareWorkloadScheduling": True}}
FOREVER = [{"match": {}, "run": "forever", "start": 0, "stop": "1s"}]
GPUS = {"resources": {"limits": {"nvidia.com/gpu": 8}}}


def group(name: str = "gang", minimum: int = 4, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "scheduling.k8s.io/v1alpha2",
        "kind": "PodGroup",
        "metadata": {"name": name},
        "spec": {"schedulingPolicy": {"gang": {"minCount": minimum}}, **spec},
    }


def gang(name: str = "train", pods: int = 4, of: str = "gang", **spec: Any) -> dict[str, Any]:
    return jobset(name, pods=pods, schedulingGroup={"podGroupName": of}, container=GPUS, **spec)


def placed(lab: Lab, name: str = "train") -> list[str]:
    return sorted(p.spec.node_name for p in lab.pods() if p.name.startswith(f"{name}-") and p.spec.node_name)


def conditions(lab: Lab, name: str = "gang") -> list[tuple[str, str]]:
    found = lab.store.find("PodGroup", "default", name)
    assert isinstance(found, Unstructured)
    return [(c["status"], c["reason"]) for c in found.content["status"]["conditions"]]


def test_all_of_them_at_once() -> None:
    """K-SCH-42."""
    lab = Lab(group(), gang(), nodes=4, control=GANGS, pods=FOREVER)
    assert placed(lab) == ["n-0", "n-1", "n-2", "n-3"]
    assert conditions(lab) == [("True", "Scheduled")]
    assert {time for time, _ in lab.events("Scheduled")} == {0.0}


def test_without_the_gate_pods_are_placed_alone() -> None:
    """K-SCH-40."""
    lab = Lab(group(), gang(), nodes=2, pods=FOREVER)
    assert len(placed(lab)) == 2


def test_none_where_not_all_fit() -> None:
    """K-SCH-42: the ones that would fit are told that they wait for the others; nothing is bound."""
    lab = Lab(group(), gang(), nodes=3, control=GANGS, pods=FOREVER, until="2m")
    assert placed(lab) == []
    assert conditions(lab) == [("False", "Unschedulable")]
    told = {message for _, message in lab.events("FailedScheduling")}
    assert "waiting for minCount pods from a gang to be scheduled" in told
    assert any(
        message.startswith("0/3 nodes are available: 3 Insufficient nvidia.com/gpu.") for message in told
    )
    # Back-off alone brings the group back: after 1, 2, 4, 8 and then every 10 s.
    times = sorted({time for time, _ in lab.events("FailedScheduling")})
    assert times[:6] == [0, 1, 3, 7, 15, 25]


def test_a_run_that_waits_for_a_gang_says_so() -> None:
    lab = Lab(group(), gang(), nodes=3, control=GANGS, pods=FOREVER)
    assert lab.stop.reason == "stalled"
    assert {stall.what for stall in lab.stop.stalls} == {"pending"}


def test_two_gangs_do_not_block_each_other() -> None:
    """K-SCH-40, K-SCH-42: half of each would fit; the second comes when the first is over."""
    pods = [{"match": {}, "run": "60s", "start": 0, "stop": "1s"}]
    two = (group("a"), group("b"), gang("first", of="a"), gang("second", of="b"))
    lab = Lab(*two, nodes=5, control=GANGS, pods=pods)
    assert [lab.js(name).status.terminal_state for name in ("first", "second")] == ["Completed"] * 2
    times = sorted({time for time, _ in lab.events("Scheduled")})
    assert len(times) == 2
    assert 60 <= times[1] <= 71


def test_members_wait_for_their_group_and_their_number() -> None:
    """K-SCH-42, PreEnqueue."""
    lab = Lab(gang(pods=3), control=GANGS, pods=FOREVER)
    assert placed(lab) == []
    few = Lab(group(), gang(pods=3), control=GANGS, pods=FOREVER)
    assert placed(few) == []
    more = Lab(group(minimum=3), gang(pods=4), nodes=3, control=GANGS, pods=FOREVER, until="1m")
    assert len(placed(more)) == 3


def test_a_gang_preempts_as_a_whole() -> None:
    """K-SCH-42, K-SCH-31: victims go for all of its pods, which then come together."""
    high = {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": "high"},
        "value": 1000,
    }
    low = jobset("low", pods=2, container=GPUS)
    lab = Lab(
        high,
        low,
        group(),
        gang(priorityClassName="high", suspend=True),
        nodes=4,
        control=GANGS,
        pods=FOREVER,
        actions=[{"at": "30s", "patch": "jobset/train", "merge": {"spec": {"suspend": False}}}],
        until="5m",
    )
    assert placed(lab) == ["n-0", "n-1", "n-2", "n-3"]
    assert len(lab.events("Preempted")) == 2
    bound = [time for time, text in lab.events("Scheduled") if "train" in text]
    assert len(set(bound)) == 1
    assert bound[0] > 31


@pytest.mark.parametrize(("minimum", "racks"), [(4, {"n-r1"}), (5, set())])
def test_a_gang_in_one_domain(minimum: int, racks: set[str]) -> None:
    """K-SCH-43: the rack with room for all of it, not the one that is half taken."""
    shape = {"cpu": 8, "memory": "64Gi", "pods": 20, "accelerators": {"nvidia.com/gpu": 8}}
    fleet = [{"pool": "n", "shape": shape, "racks": 2, "nodesPerRack": 4}]
    taken = jobset("taken", pods=1, container=GPUS, nodeSelector={"topology.jobsim/rack": "n-r0"})
    constraint = {"topology": [{"key": "topology.jobsim/rack"}]}
    lab = Lab(
        taken,
        group(minimum=minimum, schedulingConstraints=constraint),
        gang(pods=minimum),
        fleet=fleet,
        control=TOPOLOGY,
        pods=FOREVER,
        until="5m",
    )
    found = {f"n-r{int(name.removeprefix('n-')) // 4}" for name in placed(lab)}
    assert found == racks
