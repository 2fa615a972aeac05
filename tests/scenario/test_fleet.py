"""Fleets: names and labels of given nodes; the default fleet holds whatever the manifests ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsim.api import quantity
from jobsim.api.core import Node, Taint
from jobsim.errors import InputErrors
from jobsim.scenario import Scenario
from jobsim.scenario.demand import Demand, demands
from jobsim.scenario.fleet import Fleet, fleet_of
from jobsim.scenario.manifests import Manifest
from jobsim.scenario.network import network_of

EXCLUSIVE = "alpha.jobset.sigs.k8s.io/exclusive-topology"


def given_fleet(*pools: dict[str, Any]) -> tuple[Node, ...]:
    return fleet_of(Scenario(fleet=list(pools))).nodes


def default_fleet(*objects: dict[str, Any]) -> Fleet:
    return fleet_of(Scenario(manifests=list(objects)))


def pod_template(**spec: Any) -> dict[str, Any]:
    resources = spec.pop("resources", {})
    ports = spec.pop("ports", [])
    annotations = spec.pop("annotations", {})
    container = {"name": "c", "image": "i", "resources": resources, "ports": ports}
    return {"metadata": {"annotations": annotations}, "spec": {"containers": [container], **spec}}


def jobset(*replicated: dict[str, Any], annotations: dict[str, str] | None = None) -> dict[str, Any]:
    meta = {"name": "train", "annotations": annotations or {}}
    head = {"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet", "metadata": meta}
    return {**head, "spec": {"replicatedJobs": list(replicated)}}


def rjob(replicas: int = 1, pods: int = 1, name: str = "w", **spec: Any) -> dict[str, Any]:
    job = {"parallelism": pods, "completions": pods, "template": pod_template(**spec)}
    return {"name": name, "replicas": replicas, "template": {"spec": job}}


# ---- given


def test_names_racks_and_blocks() -> None:
    nodes = given_fleet(
        {
            "pool": "h100",
            "shape": "dgx-h100",
            "blocks": 2,
            "racks": 2,
            "nodesPerRack": 3,
            "blockLabels": ["example.com/block"],
            "rackLabels": ["cloud.google.com/gke-nodepool"],
            "labels": {"tier": "gold"},
            "taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}],
        },
        {"pool": "c", "shape": {"cpu": 4, "memory": "8Gi", "accelerators": {"x.y/z": 2}}, "nodes": 2},
    )
    assert [node.name for node in nodes] == [*(f"h100-{i}" for i in range(12)), "c-0", "c-1"]
    assert nodes[7].metadata.labels == {
        "kubernetes.io/hostname": "h100-7",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/os": "linux",
        "topology.jobsim/block": "h100-b1",
        "topology.jobsim/rack": "h100-r2",
        "example.com/block": "h100-b1",
        "cloud.google.com/gke-nodepool": "h100-r2",
        "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3",
        "tier": "gold",
    }
    assert nodes[7].spec.taints == (Taint(key="k", value="v", effect="NoSchedule"),)
    assert nodes[7].status.capacity == {"cpu": 224, "memory": "2Ti", "pods": 110, "nvidia.com/gpu": 8}
    assert nodes[13].status.allocatable == {"cpu": 4, "memory": "8Gi", "pods": 110, "x.y/z": 2}
    assert nodes[13].metadata.labels["topology.jobsim/rack"] == "c-r0"


def test_the_pools_labels_win_over_the_shapes() -> None:
    topology = "cloud.google.com/gke-tpu-topology"
    (node,) = given_fleet({"pool": "t", "shape": "tpu-v6e", "nodes": 1, "labels": {topology: "4x4"}})
    assert node.metadata.labels[topology] == "4x4"
    assert node.status.capacity["google.com/tpu"] == 4


def test_nodes_among_the_manifests_stand_for_a_fleet() -> None:
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}}
    assert default_fleet(node, jobset(rjob())) == Fleet()
    assert default_fleet({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}) == Fleet()


# ---- made


def capacity(node: Node) -> dict[str, int]:
    return {name: quantity.value(amount) for name, amount in node.status.allocatable.items()}


GPU = {"limits": {"nvidia.com/gpu": 8, "cpu": "100"}}

LEAST = {"cpu": 4, "memory": 16 * 2**30, "pods": 110}
HOST_PORT = {"containerPort": 1, "hostPort": 80}
SIZES = [
    (rjob(1, 3), 1, LEAST),
    (rjob(4, 8), 4, LEAST),
    (rjob(2, 16, resources=GPU), 32, {**LEAST, "cpu": 100, "nvidia.com/gpu": 8}),
    (rjob(1, 16, resources={"requests": {"a.b/c": 1}}), 2, {**LEAST, "a.b/c": 8}),
    (rjob(1, 16, resources={"requests": {"a.b/c": 3}}), 8, {**LEAST, "a.b/c": 6}),
    (
        rjob(1, 8, resources={"requests": {"cpu": "3500m", "memory": "10Gi"}}),
        1,
        {"cpu": 28, "memory": 80 * 2**30, "pods": 110},
    ),
    (rjob(1, 5, ports=[HOST_PORT]), 5, LEAST),
    (rjob(1, 5, hostNetwork=True, ports=[{"containerPort": 80}]), 5, LEAST),
    (rjob(0, 5), 0, {}),
]


@pytest.mark.parametrize(("asked", "count", "each"), SIZES)
def test_sizes(asked: dict[str, Any], count: int, each: dict[str, int]) -> None:
    fleet = default_fleet(jobset(asked))
    assert [node.name for node in fleet.nodes] == [f"default-{i}" for i in range(count)]
    assert all(capacity(node) == each for node in fleet.nodes)
    assert bool(fleet.note) == bool(count)


def affinity(kind: str, key: str) -> dict[str, Any]:
    term = {"topologyKey": key, "labelSelector": {"matchLabels": {"a": "b"}}}
    return {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def node_affinity(**requirement: Any) -> dict[str, Any]:
    terms = [
        {"matchExpressions": [{"key": "k", **requirement}]},
        {"matchExpressions": [{"key": "never", "operator": "Exists"}]},
    ]
    required = {"nodeSelectorTerms": terms}
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}}


SPREAD = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
LABELS = [
    ({"nodeSelector": {"pool": "x"}}, {"pool": "x"}),
    (node_affinity(operator="In", values=["v", "w"]), {"k": "v"}),
    (node_affinity(operator="Exists"), {"k": "true"}),
    (node_affinity(operator="Gt", values=["5"]), {"k": "6"}),
    (node_affinity(operator="Lt", values=["5"]), {"k": "4"}),
    (node_affinity(operator="NotIn", values=["v"]), {}),
    (node_affinity(operator="DoesNotExist"), {}),
    ({"nodeName": "n-1"}, {"kubernetes.io/hostname": "n-1"}),
    ({"affinity": affinity("podAffinity", "zone")}, {"zone": "default-r0"}),
    ({"topologySpreadConstraints": [SPREAD]}, {"zone": "default-r0"}),
    ({"annotations": {"kueue.x-k8s.io/podset-required-topology": "rack"}}, {"rack": "default-r0"}),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "labels"), LABELS)
def test_labels(spec: dict[str, Any], labels: dict[str, str]) -> None:
    (node,) = default_fleet(jobset(rjob(1, 2, **spec))).nodes
    usual = {"kubernetes.io/hostname", "kubernetes.io/arch", "kubernetes.io/os"}
    usual |= {"topology.jobsim/block", "topology.jobsim/rack"}
    found = {k: v for k, v in node.metadata.labels.items() if k not in usual or k in labels}
    assert found == labels
    assert node.name == node.metadata.labels["kubernetes.io/hostname"]


RACKS = [
    (jobset(rjob(4, 16), annotations={EXCLUSIVE: "rack"}), "rack", 4, 2),
    (jobset(rjob(4, 16, resources=GPU), annotations={EXCLUSIVE: "rack"}), "rack", 4, 16),
    (jobset(rjob(3, 2), annotations={EXCLUSIVE: "kubernetes.io/hostname"}), "kubernetes.io/hostname", 3, 1),
    (jobset(rjob(1, 5, affinity=affinity("podAntiAffinity", "zone"))), "zone", 5, 1),
    (jobset(rjob(1, 5, affinity=affinity("podAntiAffinity", "kubernetes.io/hostname"))),
     "kubernetes.io/hostname", 5, 1),
    (jobset(rjob(1, 20, affinity=affinity("podAffinity", "zone"))), "zone", 1, 3),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "key", "racks", "per_rack"), RACKS)
def test_racks(asked: dict[str, Any], key: str, racks: int, per_rack: int) -> None:
    found: dict[str, int] = {}
    for node in default_fleet(asked).nodes:
        domain = node.metadata.labels[key]
        found[domain] = found.get(domain, 0) + 1
    assert list(found.values()) == [per_rack] * racks


def test_the_node_selector_strategy_has_its_labels_and_taints() -> None:
    marks = {EXCLUSIVE: "rack", "alpha.jobset.sigs.k8s.io/node-selector": "true"}
    nodes = default_fleet(jobset(rjob(2, 16), annotations=marks)).nodes
    key = "alpha.jobset.sigs.k8s.io/namespaced-job"
    assert [node.metadata.labels[key] for node in nodes] == [f"default_train-w-{i}" for i in (0, 0, 1, 1)]
    taint = Taint(key="alpha.jobset.sigs.k8s.io/no-schedule", value="true", effect="NoSchedule")
    assert {node.spec.taints for node in nodes} == {(taint,)}


def test_pods_pinned_to_one_host_share_it() -> None:
    pinned = {"nodeSelector": {"kubernetes.io/hostname": "h", "a": "b"}}
    other = {"nodeSelector": {"kubernetes.io/hostname": "h"}}
    fleet = default_fleet(jobset(rjob(1, 3, **pinned), rjob(1, 2, name="x", **other), rjob(1, 1, name="y")))
    assert [node.name for node in fleet.nodes] == ["h", "default-1"]
    assert fleet.nodes[0].metadata.labels["a"] == "b"


def test_the_note_is_one_sentence() -> None:
    fleet = default_fleet(jobset(rjob(2, 4, resources=GPU), annotations={EXCLUSIVE: "example.com/rack"}))
    assert fleet.note == (
        "no fleet given: made 8 default nodes in 2 racks, enough for everything at once: "
        "8 with nvidia.com/gpu 8, cpu 100, memory 16Gi and labels example.com/rack"
    )


def test_what_does_not_decode_asks_for_nothing() -> None:
    odd = [
        {"apiVersion": "batch/v1", "kind": "Job", "spec": {"parallelism": "x"}},
        {"apiVersion": "batch/v1", "kind": "Job", "spec": 3},
        jobset({"name": 3}),
        {"apiVersion": "v1", "kind": "Pod", **pod_template(resources={"limits": {"cpu": "much"}})},
    ]
    assert demands([Manifest(0, data) for data in odd]) == []


def test_what_no_node_may_be_called_is_left_to_the_server() -> None:
    """The objects that ask for it are refused in its words; the default fleet is none the worse."""
    asked = rjob(nodeSelector={"a b": "c", "k": "x" * 64, "good": "v"}, nodeName="A_b")
    (node,) = default_fleet(jobset(asked, annotations={EXCLUSIVE: "no key"})).nodes
    added = set(node.metadata.labels) - set(default_fleet(jobset(rjob())).nodes[0].metadata.labels)
    assert added == {"good"}


def test_jobs_and_pods_ask_too() -> None:
    job = {"apiVersion": "batch/v1", "kind": "Job", "spec": {"parallelism": 5, "completions": 3}}
    job["spec"]["template"] = pod_template(resources={"requests": {"cpu": "250m"}})
    pod = {"apiVersion": "v1", "kind": "Pod", **pod_template()}
    assert demands([Manifest(0, job), Manifest(0, pod)]) == [
        Demand(pods=3, gang=3, amounts={"cpu": quantity.NANO // 4}),
        Demand(pods=1, gang=1),
    ]


# ---- enough, however pods are spread


REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "cpu": st.sampled_from(["100m", "3", "7500m", 40]),
        "memory": st.sampled_from(["1Gi", "700M", "100Gi"]),
        "nvidia.com/gpu": st.sampled_from([1, 2, 3, 4, 8]),
        "google.com/tpu": st.sampled_from([1, 4]),
    },
)
SELECTORS = st.sampled_from([{}, {}, {"a": "1"}, {"a": "1", "b": "2"}, {"b": "2"}])


@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 9), REQUESTS, SELECTORS), min_size=1, max_size=4),
    st.randoms(use_true_random=False),
)
def test_all_pods_fit_in_any_order_on_any_node(asked: list[tuple[Any, ...]], random: Any) -> None:
    rjobs = [
        rjob(replicas, pods, name=f"w{i}", resources={"requests": requests}, nodeSelector=selector)
        for i, (replicas, pods, requests, selector) in enumerate(asked)
    ]
    free = [(node.metadata.labels, capacity(node)) for node in default_fleet(jobset(*rjobs)).nodes]
    free = [(labels, {name: amount * quantity.NANO for name, amount in has.items()}) for labels, has in free]
    pods = [
        ({name: quantity.parse(amount) for name, amount in {**requests, "pods": 1}.items()}, selector)
        for replicas, count, requests, selector in asked
        for _ in range(replicas * count)
    ]
    random.shuffle(pods)
    for requests, selector in pods:
        fitting = [
            has
            for labels, has in free
            if selector.items() <= labels.items() and all(has.get(n, 0) >= q for n, q in requests.items())
        ]
        assert fitting, (requests, selector)
        chosen = random.choice(fitting)
        for name, amount in requests.items():
            chosen[name] -= amount


class TestTopology:
    TABLE = "host,core,spine,leaf\nx,G,P8,S1\ny,G,P8,S2\nz,G,P10,S1\nw,G,P8,S1\n"

    def pool(self, tmp_path: Path, text: str, **more: Any) -> Scenario:
        (tmp_path / "net.csv").write_text(text)
        return Scenario(
            fleet=[{"pool": "h", "shape": "dgx-h100", "topology": "net.csv", **more}], folder=tmp_path
        )

    def test_nodes_stand_where_the_file_says(self, tmp_path: Path) -> None:
        lab = self.pool(tmp_path, self.TABLE, rackLabels=["example.com/rack"])
        nodes = fleet_of(lab).nodes
        keys = ("rack", "block", "core")
        places = [tuple(n.metadata.labels[f"topology.jobsim/{key}"] for key in keys) for n in nodes]
        assert [n.name for n in nodes] == ["h-0", "h-1", "h-2", "h-3"]
        assert places == [
            ("h-r0", "h-b0", "h-c0"),
            ("h-r0", "h-b0", "h-c0"),
            ("h-r1", "h-b0", "h-c0"),
            ("h-r2", "h-b1", "h-c0"),
        ]
        assert nodes[3].metadata.labels["example.com/rack"] == "h-r2"
        net = network_of(lab, nodes)
        assert net is not None
        assert [level.up.tolist() for level in net.levels[:2]] == [[800.0, 400.0, 400.0], [1200.0, 400.0]]

    def test_one_tier_is_racks_of_one_block(self, tmp_path: Path) -> None:
        nodes = fleet_of(self.pool(tmp_path, "host,rack\na,r1\nb,r2\n")).nodes
        assert [n.metadata.labels["topology.jobsim/block"] for n in nodes] == ["h-b0", "h-b0"]

    def test_capacities_of_links(self, tmp_path: Path) -> None:
        text = "child,parent,gbps\na,l0,400\nb,l1,400\nc,l1,400\nl0,s,800\nl1,s,1600\n"
        lab = self.pool(tmp_path, text)
        net = network_of(lab, fleet_of(lab).nodes)
        assert net is not None
        assert net.levels[0].up.tolist() == [100.0, 200.0]

    def test_what_is_wrong_is_said_with_the_files_own_lines(self, tmp_path: Path) -> None:
        with pytest.raises(InputErrors) as caught:
            self.pool(tmp_path, self.TABLE + "v,G,P8,\n")
        assert f"{tmp_path}/net.csv:6: leaf: " in str(caught.value)
        with pytest.raises(InputErrors, match="both nodes and topology are given"):
            self.pool(tmp_path, self.TABLE, nodes=4)
        with pytest.raises(InputErrors, match=r"come from its file \(topology alone\)"):
            self.pool(tmp_path, self.TABLE, racks=4)

    def test_a_real_cluster_runs(self) -> None:
        path = Path(__file__).parents[3] / "shared/data/traces/lingjun_topo.csv"
        if not path.exists():
            pytest.skip("the file of a real cluster is not here")
        lab = Scenario(fleet=[{"pool": "h", "shape": "dgx-a100", "topology": str(path)}])
        nodes = fleet_of(lab).nodes
        assert len(nodes) == 847
        assert len({n.metadata.labels["topology.jobsim/rack"] for n in nodes}) == 119
