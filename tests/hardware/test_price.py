"""What a placement costs: the same collective here, packed, and anywhere."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsim.hardware.catalogue import fabric, fabrics, shape, shapes
from jobsim.hardware.collectives import collective_time
from jobsim.hardware.contention import alone
from jobsim.hardware.price import Exchange, cost, demands, exposed_s, most, score
from jobsim.hardware.topology import Host, Machine, Topology, build
from jobsim.hardware.topology.labels import machine_of
from jobsim.hardware.topology.placement import Footprint, footprint

GIB = 2**30


def racks(count: int, hosts: int, machine: Machine) -> Topology:
    return build(Host(f"h{r}-{i}", (f"r{r}",), machine) for r in range(count) for i in range(hosts))


def h100(*over: float) -> Machine:
    return machine_of(shape("dgx-h100"), fabric("ib_h100"), over)


def on(net: Topology, *names: str, ranks: int = 8) -> Footprint:
    found = footprint(net, [(name, ranks) for name in names])
    assert found is not None
    return found


IN_ORDER = [f"h{r}-{i}" for r in range(8) for i in range(8)]
IN_TURN = [f"h{r}-{i}" for i in range(8) for r in range(8)]


@pytest.mark.parametrize(("over", "share"), [(1, 1.0), (2, 0.5), (4, 0.25), (7, 1 / 7)])
def test_rank_order_decides(over: float, share: float) -> None:
    """Models of networks, section 2.2: in rack order nothing is lost, in turn everything that o takes."""
    net = racks(8, 8, h100(over))
    good, bad = score(net, on(net, *IN_ORDER)), score(net, on(net, *IN_TURN))
    ideal = collective_time("all-reduce", GIB, ranks=512, fabric="ib_h100")
    worst = collective_time("all-reduce", GIB, ranks=512, fabric="ib_h100", share=share)
    assert good.here_s == good.best_s == bad.best_s == ideal.seconds
    assert bad.here_s == pytest.approx(worst.seconds, rel=1e-12)
    assert bad.bottleneck == ("nic" if over == 1 else "rack")
    assert good.tiers[0] == ("rack", 8, 8, 8, 8)
    assert bad.tiers[0] == ("rack", 8, 8, 64, 8)
    assert good.here_s <= good.random_s <= bad.here_s * (1 + 1e-9)


def test_scattered_over_racks_that_it_did_not_need() -> None:
    net = racks(8, 8, h100(4))
    found = score(net, on(net, *(f"h{r}-0" for r in range(8))))
    assert (found.machines, found.domains, found.ranks) == (8, 8, 64)
    assert found.tiers == (("rack", 8, 1, 8, 0),)
    # One ring edge out of each rack is what the rack's up-link carries twice over.
    assert found.here_s == found.best_s


def test_pods_that_could_share_a_machine() -> None:
    net = racks(2, 2, h100())
    found = score(net, on(net, "h0-0", "h0-1", "h1-0", "h1-1", ranks=2))
    assert found.best_s == collective_time("all-reduce", GIB, ranks=8, fabric="ib_h100").seconds
    assert found.here_s > 2 * found.best_s


def test_unknown_fabric_has_no_times() -> None:
    net = racks(2, 2, Machine(accelerators=8, domain=8))
    row = score(net, on(net, "h0-0", "h1-0")).row()
    assert row["allReduce"] is None
    assert row["tiers"] == [{"tier": "rack", "switches": 2, "least": 1, "crossings": 2, "leastCrossings": 0}]


def test_slices_over_the_data_centre_network() -> None:
    labels = {"cloud.google.com/gke-tpu-topology": "4x4"}
    machine = machine_of(shape("tpu-v5e"), fabric("tpu_v5e"), (8.0,), labels)
    net = racks(2, 4, machine)
    one = on(net, *(f"h0-{i}" for i in range(4)), ranks=4)
    two = on(net, *net.hosts, ranks=4)
    assert (one.domains, one.ranks, two.domains) == (1, 16, 2)
    inside, across = cost("all-reduce", GIB, one, 1.0), cost("all-reduce", GIB, two, 1.0)
    assert inside == collective_time("all-reduce", GIB, ranks=(4, 4), fabric="tpu_v5e")
    assert across.algorithm == "hierarchical"
    assert across.seconds > inside.seconds
    # The rack's up-link carries half of what its one slice can send: 4 hosts' rate over 8.
    assert score(net, two).here_s == cost("all-reduce", GIB, two, 1 / 8).seconds
    part = on(net, "h0-0", "h0-1", ranks=4)
    assert cost("all-reduce", GIB, part, 1.0).seconds > inside.seconds


def test_a_fabric_of_another_kind_than_the_shapes_own() -> None:
    big = machine_of(shape("dgx-h100"), fabric("ib_h100"))._replace(accelerators=16, domain=16)
    net = racks(2, 2, big)
    two = on(net, "h0-0", "h1-0", ranks=16)
    assert cost("all-reduce", GIB, two, 1.0) == collective_time(
        "all-reduce", GIB, ranks=(4, 8), fabric="ib_h100"
    )
    gpus_on_ici = racks(2, 2, machine_of(shape("dgx-h100"), fabric("tpu_v5e")))
    assert cost("all-reduce", GIB, on(gpus_on_ici, "h0-0", "h0-1"), 1.0).seconds > 0
    chips_on_ib = racks(2, 2, machine_of(shape("tpu-v5e"), fabric("ib_h100")))
    assert cost("all-reduce", GIB, on(chips_on_ib, "h0-0", "h0-1", ranks=4), 1.0).seconds > 0


def test_switches_are_the_topologys_not_the_fabrics() -> None:
    meta = fabric("meta_roce_24k")
    assert meta.tiers
    net = racks(400, 2, machine_of(shape("dgx-h100"), meta))
    where = on(net, *net.hosts)
    found = cost("all-to-all", GIB, where, 1.0)
    assert found.bottleneck == "nic"
    assert found.seconds < collective_time("all-to-all", GIB, ranks=6400, fabric="meta_roce_24k").seconds


def test_what_a_domain_can_send_at_most() -> None:
    tray = machine_of(shape("gb200-nvl72"), fabric("gb200"))
    net = racks(2, 18, tray)
    where = on(net, *net.hosts, ranks=4)
    assert (where.domains, where.rate) == (2, 3600.0)
    assert most(where) == fabric("gb200").nic_cap / 3600
    assert most(on(racks(2, 2, h100()), "h0-0")) == 1.0


def test_a_step_pays_for_what_computing_does_not_hide() -> None:
    net = racks(8, 8, h100(4))
    where = on(net, *IN_TURN)
    both = [Exchange("all-reduce", GIB, 0.25), Exchange("all-gather", GIB / 4)]
    expected = (
        0.75 * cost("all-reduce", GIB, where, 0.5).seconds + cost("all-gather", GIB / 4, where, 0.5).seconds
    )
    assert exposed_s(both, where, 0.5) == pytest.approx(expected)
    assert exposed_s([], where, 0.5) == 0
    ring, everybody = demands(net, where, both), demands(net, where, [Exchange("all-to-all", GIB)])
    assert ring == dict.fromkeys(range(8), 8 * 400.0)
    assert everybody == pytest.approx(dict.fromkeys(range(8), 400 * 8 * 56 / 63))
    assert demands(net, where, [*both, Exchange("all-to-all", GIB)]) == ring


@pytest.mark.parametrize(("accelerators", "group"), [(16, (8, 8)), (10, (8, 5)), (12, (8, 6)), (4, (4, 4))])
def test_a_machine_larger_than_the_fabrics_domain_is_several(
    accelerators: int, group: tuple[int, int]
) -> None:
    machine = Machine(accelerators=accelerators, nic=50.0, domain=accelerators, fabric="ib_h100")
    net = racks(1, 4, machine)
    where = on(net, *(f"h0-{i}" for i in range(4)), ranks=accelerators)
    found = cost("all-reduce", GIB, where, 1.0)
    assert found == collective_time("all-reduce", GIB, ranks=group, fabric="ib_h100")


SHAPES, FABRICS = shapes(), fabrics()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(SHAPES)), st.sampled_from(sorted(FABRICS))), min_size=1, max_size=2
    ),
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 9)), min_size=1, max_size=12),
    st.sampled_from([1.0, 3.0]),
    st.sampled_from(["all-reduce", "all-to-all", "send-recv", "broadcast"]),
)
def test_every_placement_on_every_fabric_has_a_price(
    kinds: list[tuple[str, str]], pods: list[tuple[int, int]], over: float, op: str
) -> None:
    machines = [machine_of(SHAPES[one], FABRICS[two], (over, over)) for one, two in kinds]
    net = build(Host(f"h{i}", (f"r{i // 3}", f"b{i // 6}"), machines[i % len(machines)]) for i in range(12))
    where = footprint(net, [(f"h{host}", count) for host, count in pods])
    assert where is not None
    found = score(net, where)
    assert 0 <= found.best_s <= found.here_s
    assert math.isfinite(found.random_s)
    exchange = [Exchange(op, GIB)]
    rate = alone(demands(net, where, exchange), net.links, most(where))
    assert 0 < rate <= 1
    assert 0 <= exposed_s(exchange, where, rate) < math.inf
