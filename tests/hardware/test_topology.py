"""The network of a cluster: who shares what, cuts and paths, from labels and by hand."""

from __future__ import annotations

from itertools import combinations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsim.api.core import Node, NodeStatus
from jobsim.api.meta import ObjectMeta
from jobsim.hardware.catalogue import fabric, shape, shapes
from jobsim.hardware.topology import Host, Machine, Topology, build
from jobsim.hardware.topology.graph import TOP, bisection, graph, path
from jobsim.hardware.topology.labels import from_nodes, guess, machine_of

GPU = Machine(accelerators=8, nic=50.0, domain=8, rails=8, fabric="ib_h100")


def clos(blocks: int, racks: int, hosts: int, machine: Machine = GPU) -> Topology:
    return build(
        Host(f"h{b}-{r}-{i}", (f"r{b}-{r}", f"b{b}"), machine)
        for b in range(blocks)
        for r in range(racks)
        for i in range(hosts)
    )


class TestCapacities:
    def test_nothing_blocks_without_oversubscription(self) -> None:
        net = clos(2, 3, 4)
        rack, block = net.levels
        assert rack.up.tolist() == [4 * 400.0] * 6
        assert block.up.tolist() == [12 * 400.0] * 2
        assert not net.oversubscribed()

    def test_oversubscription_multiplies_outwards(self) -> None:
        # Meta's RoCE cluster in small: racks of 2 hosts do not block, pods are oversubscribed 1:7.
        meta = clos(2, 4, 2, GPU._replace(oversubscription=(1.0, 7.0)))
        assert meta.levels[0].up.tolist() == [800.0] * 8
        assert meta.levels[1].up.tolist() == pytest.approx([8 * 400 / 7] * 2)
        both = clos(2, 4, 2, GPU._replace(oversubscription=(2.0, 7.0)))
        assert both.levels[1].up.tolist() == pytest.approx([8 * 400 / 14] * 2)
        assert meta.oversubscribed()
        assert both.oversubscribed()

    def test_above_the_only_switch_there_is_nothing(self) -> None:
        assert np.isinf(clos(1, 2, 2).levels[1].up).all()
        assert clos(1, 1, 2).links.tolist() == [np.inf, np.inf]

    def test_what_a_file_says_wins_and_counts_further_out(self) -> None:
        hosts = [Host(f"h{i}", (f"r{i // 2}", f"b{i // 4}"), GPU) for i in range(8)]
        net = build(hosts, up={("r0", "b0"): 100.0})
        assert net.levels[0].up.tolist() == [100.0, 800.0, 800.0, 800.0]
        assert net.levels[1].up.tolist() == [900.0, 1600.0]

    def test_racks_of_one_name_in_two_blocks_are_two(self) -> None:
        net = build(Host(f"h{i}", ("r1", f"b{i // 2}"), GPU) for i in range(4))
        assert net.levels[0].names == ("b0/r1", "b1/r1")
        assert net.levels[1].names == ("b0", "b1")

    def test_hosts_come_once_and_stand_at_one_depth(self) -> None:
        with pytest.raises(ValueError, match="host a comes twice"):
            build([Host("a", ("r",), GPU), Host("a", ("s",), GPU)])
        with pytest.raises(ValueError, match="more switches"):
            build([Host("a", ("r",), GPU), Host("b", ("s", "t"), GPU)])


class TestDomains:
    def test_each_machine_is_one(self) -> None:
        assert clos(1, 2, 2).domain_of.tolist() == [0, 1, 2, 3]

    def test_trays_fill_domains_rack_by_rack(self) -> None:
        tray = Machine(accelerators=4, nic=50.0, domain=72)
        net = build(Host(f"t{i}", (f"r{i // 20}",), tray) for i in range(40))
        assert net.domain_of.tolist() == [0] * 18 + [1] * 2 + [2] * 18 + [3] * 2

    def test_a_named_domain_is_one_whatever_its_size(self) -> None:
        tray = Machine(accelerators=4, nic=50.0, domain=72)
        net = build(Host(f"t{i}", ("r",), tray, domain="ab"[i % 2]) for i in range(4))
        assert net.domain_of.tolist() == [0, 1, 0, 1]


def node(name: str, accelerators: int = 8, **labels: str) -> Node:
    keys = {key.replace("__", "/").replace("_", "."): value for key, value in labels.items()}
    capacity = {"cpu": 8, "nvidia.com/gpu": accelerators}
    return Node(metadata=ObjectMeta(name=name, labels=keys), status=NodeStatus(capacity=capacity))


class TestLabels:
    @pytest.mark.parametrize(
        ("inner", "outer"),
        [
            ("topology.jobsim/rack", "topology.jobsim/block"),
            ("network.topology.nvidia.com/leaf", "network.topology.nvidia.com/spine"),
            ("topology.k8s.aws/network-node-layer-3", "topology.k8s.aws/network-node-layer-2"),
            ("cloud.google.com/gce-topology-subblock", "cloud.google.com/gce-topology-block"),
        ],
    )
    def test_platforms(self, inner: str, outer: str) -> None:
        labels = [{inner: f"r{i}", outer: "b"} for i in (0, 0, 1)]
        nodes = [Node(metadata=ObjectMeta(name=f"n{i}", labels=each)) for i, each in enumerate(labels)]
        net = from_nodes(nodes, lambda _: GPU)
        assert [level.names for level in net.levels] == [("r0", "r1"), ("b",)]
        assert net.levels[0].of_host.tolist() == [0, 0, 1]

    def test_own_keys_and_nodes_without(self) -> None:
        nodes = [node("a", example_com__rack="x"), node("b", example_com__rack="y"), node("c")]
        net = from_nodes(nodes, lambda _: GPU, keys=["example.com/rack"])
        assert net.levels[0].names == ("x", "y", "-")

    def test_no_labels_is_one_rack(self) -> None:
        net = from_nodes([node("a"), node("b")], lambda _: GPU)
        assert [level.names for level in net.levels] == [("-",)]

    def test_cliques_are_domains(self) -> None:
        nodes = [node(f"n{i}", nvidia_com__gpu="x") for i in range(4)]
        named = [
            Node(metadata=ObjectMeta(name=n.name, labels={"nvidia.com/gpu.clique": "ab"[i // 2]}))
            for i, n in enumerate(nodes)
        ]
        assert from_nodes(named, lambda _: GPU).domain_of.tolist() == [0, 0, 1, 1]

    def test_what_a_machine_is(self) -> None:
        known = shapes()
        by_type = Node(
            metadata=ObjectMeta(name="x", labels={"node.kubernetes.io/instance-type": "p5en.48xlarge"})
        )
        found = guess(by_type, known)
        assert found is not None
        assert found.name == "p5en"
        assert guess(node("y"), known) is None

    def test_machines_of_shapes(self) -> None:
        h100 = machine_of(shape("dgx-h100"), fabric("ib_h100"), (1.0, 7.0))
        assert (h100.accelerators, h100.nic, h100.domain, h100.rails) == (8, 50.0, 8, 8)
        tray = machine_of(shape("gb200-nvl72"), fabric("gb200"))
        assert (tray.accelerators, tray.domain, tray.rails) == (4, 72, 4)
        labels = {"cloud.google.com/gke-tpu-topology": "4x4x4"}
        slice_ = machine_of(shape("tpu-v5p"), fabric("tpu_v5p"), labels=labels)
        assert (slice_.accelerators, slice_.domain, slice_.nic) == (4, 64, 25 / 4)
        assert machine_of(shape("tpu-v5p"), fabric("tpu_v5p")).domain == 4
        assert machine_of(shape("cpu-16"), None).nic == 0


class TestGraph:
    def test_path(self) -> None:
        net = clos(2, 2, 2)
        assert path(net, "h0-0-0", "h0-0-1") == ["h0-0-0", "r0-0", "h0-0-1"]
        assert path(net, "h0-0-0", "h1-1-1") == ["h0-0-0", "r0-0", "b0", "core", "b1", "r1-1", "h1-1-1"]
        with pytest.raises(ValueError, match="no host zz"):
            path(net, "h0-0-0", "zz")

    def test_every_host_is_connected(self) -> None:
        made = graph(clos(3, 2, 2))
        assert nx.is_connected(made)
        assert made.nodes[TOP]["name"] == "core"
        assert made.edges[("host", 0), ("rack", 0)]["capacity"] == 400

    def test_rails(self) -> None:
        made = graph(clos(1, 2, 2), accelerators=True, scale_up=450.0)
        kinds = [node[0] for node in made]
        assert kinds.count("leaf") == 2 * 8
        assert kinds.count("accelerator") == 4 * 8
        assert kinds.count("domain") == 4
        # The same rail of two hosts meets in one leaf; two rails of one host meet in the domain.
        same = nx.shortest_path_length(made, ("accelerator", 0, 3), ("accelerator", 1, 3))
        cross = nx.shortest_path_length(made, ("accelerator", 0, 3), ("accelerator", 1, 4))
        assert (same, cross) == (2, 4)
        up = [made.edges[leaf, ("block", 0)]["capacity"] for leaf in made if leaf[0] == "leaf"]
        assert up == [100.0] * 16

    def test_bisection_of_full_and_of_oversubscribed_fabrics(self) -> None:
        assert bisection(clos(2, 2, 2)) == 4 * 400
        assert bisection(clos(2, 2, 2, GPU._replace(oversubscription=(1.0, 7.0)))) == pytest.approx(
            4 * 400 / 7
        )
        assert bisection(clos(1, 1, 1)) == 0
        assert bisection(clos(1, 3, 1)) == 400


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1)), min_size=2, max_size=6),
    st.lists(st.floats(1, 4), min_size=2, max_size=2),
)
def test_bisection_is_the_least_of_all_cuts(places: list[tuple[int, int]], over: list[float]) -> None:
    machine = GPU._replace(oversubscription=tuple(over))
    net = build(Host(f"h{i}", (f"r{r}", f"b{b}"), machine) for i, (r, b) in enumerate(places))
    made = graph(net)
    cuts = []
    hosts = [("host", i) for i in range(len(places))]
    for half in combinations(hosts, len(hosts) // 2):
        directed = nx.DiGraph()
        for a, b, data in made.edges(data=True):
            directed.add_edge(a, b, capacity=data["capacity"])
            directed.add_edge(b, a, capacity=data["capacity"])
        for host in hosts:
            directed.add_edge("one", host) if host in half else directed.add_edge(host, "other")
        cuts.append(nx.maximum_flow_value(directed, "one", "other"))
    assert bisection(net) == pytest.approx(min(cuts))
