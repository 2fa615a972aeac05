"""Where a job is: domains in rank order, crossings, loads, the best and the mean random placement."""

from __future__ import annotations

import numpy as np
import pytest

from jobsim.hardware.topology import Host, Machine, Topology, build
from jobsim.hardware.topology.placement import (
    Footprint,
    anywhere,
    best,
    crossings,
    footprint,
    loads,
    spread,
)

GPU = Machine(accelerators=8, nic=50.0, domain=8, fabric="ib_h100", oversubscription=(2.0, 4.0))


def clos(blocks: int, racks: int, hosts: int, machine: Machine = GPU) -> Topology:
    return build(
        Host(f"h{b}-{r}-{i}", (f"r{b}-{r}", f"b{b}"), machine)
        for b in range(blocks)
        for r in range(racks)
        for i in range(hosts)
    )


NET = clos(2, 2, 4)


def on(*names: str, ranks: int = 8, net: Topology = NET) -> Footprint:
    found = footprint(net, [(name, ranks) for name in names])
    assert found is not None
    return found


class TestFootprint:
    def test_domains_in_rank_order(self) -> None:
        where = on("h1-0-0", "h0-0-1", "h0-0-0")
        assert [NET.hosts[i] for i in where.hosts] == ["h1-0-0", "h0-0-1", "h0-0-0"]
        assert (where.domains, where.machines, where.ranks, where.rate) == (3, 3, 8, 400.0)

    def test_pods_that_share_a_host_are_one_domain(self) -> None:
        where = on("h0-0-0", "h0-0-1", "h0-0-0", "h0-0-1", ranks=4)
        assert (where.domains, where.machines, where.ranks) == (2, 2, 8)

    def test_pods_that_follow_each_other_on_a_host_have_the_same_accelerators(self) -> None:
        where = on("h0-0-0", "h0-0-1", "h0-0-0")
        assert (where.domains, where.ranks, where.least) == (2, 8, 2)

    def test_trays_of_one_domain(self) -> None:
        tray = Machine(accelerators=4, nic=50.0, domain=72)
        net = build(Host(f"t{i}", (f"r{i // 18}",), tray) for i in range(36))
        where = on("t0", "t1", "t18", ranks=4, net=net)
        assert (where.domains, where.machines, where.ranks) == (2, 3, 6)

    def test_nowhere(self) -> None:
        assert footprint(NET, [("elsewhere", 8)]) is None
        found = footprint(NET, [("h0-0-0", 0), ("h0-0-1", 0)])
        assert found is not None
        assert (found.ranks, found.least) == (1, 2)
        assert footprint(NET, []) is None


class TestCrossings:
    @pytest.mark.parametrize(
        ("names", "racks"),
        [
            (("h0-0-0", "h0-0-1", "h0-1-0", "h0-1-1"), [1, 1, 0, 0]),
            (("h0-0-0", "h0-1-0", "h0-0-1", "h0-1-1"), [2, 2, 0, 0]),
            (("h0-0-0", "h0-0-1", "h0-0-2"), [0, 0, 0, 0]),
            (("h0-0-0",), [0, 0, 0, 0]),
            (("h0-0-0", "h1-0-0"), [1, 0, 1, 0]),
        ],
    )
    def test_a_ring_leaves_a_rack_once_a_neighbour_elsewhere(
        self, names: tuple[str, ...], racks: list[int]
    ) -> None:
        assert crossings(NET.levels[0], on(*names).hosts).tolist() == racks

    def test_all_to_all(self) -> None:
        hosts = on("h0-0-0", "h0-0-1", "h0-1-0", "h1-0-0").hosts
        assert spread(NET.levels[0], hosts).tolist() == pytest.approx([2 * 2 / 3, 1, 1, 0])
        assert spread(NET.levels[1], hosts).tolist() == pytest.approx([1, 1])


class TestLoads:
    def test_links_are_numbered_tier_by_tier(self) -> None:
        # Rack up-links carry 4 x 400 / 2, block up-links 2 x 800 / 4.
        assert NET.links.tolist() == [800.0] * 4 + [400.0] * 2
        assert loads(NET, on("h0-0-0", "h0-1-0", "h0-0-1", "h1-0-0")) == {
            0: 800.0,
            1: 400.0,
            2: 400.0,
            4: 400.0,
            5: 400.0,
        }
        assert loads(NET, on("h0-0-0", "h0-0-1")) == {}

    def test_everybody_to_everybody(self) -> None:
        asked = loads(NET, on("h0-0-0", "h0-0-1", "h0-1-0", "h0-1-1"), everybody=True)
        assert asked == pytest.approx({0: 400 * 4 / 3, 1: 400 * 4 / 3})

    def test_links_without_limit_are_left_out(self) -> None:
        assert loads(clos(1, 2, 2), on("h0-0-0", "h0-1-0", net=clos(1, 2, 2))) == {0: 400.0, 1: 400.0}

    def test_anywhere(self) -> None:
        where = on("h0-0-0", "h0-0-1", "h0-0-2")
        drawn = anywhere(NET, where, lambda n: np.arange(n)[::-1])
        assert [NET.hosts[i] for i in drawn.hosts] == ["h1-1-3", "h1-1-2", "h1-1-1"]


class TestBest:
    def test_in_one_rack_where_it_fits(self) -> None:
        assert loads(NET, best(NET, on("h0-0-0", "h0-1-0", "h1-0-0"))) == {}

    def test_in_few_racks_of_one_block_in_order(self) -> None:
        packed = best(NET, on(*(f"h{b}-{r}-0" for b in (0, 1) for r in (0, 1)), "h0-0-1", "h1-1-1"))
        assert crossings(NET.levels[0], packed.hosts).tolist() == [1, 1, 0, 0]
        assert crossings(NET.levels[1], packed.hosts).tolist() == [0, 0]

    def test_the_smallest_rack_that_is_enough(self) -> None:
        sizes = [4, 2, 3]
        net = build(Host(f"h{r}-{i}", (f"r{r}",), GPU) for r, n in enumerate(sizes) for i in range(n))
        for count, racks in ((2, {1}), (3, {2}), (4, {0}), (6, {0, 1}), (8, {0, 2, 1}), (9, {0, 1, 2})):
            packed = best(net, on(*net.hosts[:count], net=net))
            assert set(net.levels[0].of_host[packed.hosts].tolist()) == racks, count
            assert packed.domains == count
            assert max(crossings(net.levels[0], packed.hosts)) <= 1

    def test_of_any_kind_where_its_own_are_too_few(self) -> None:
        other = GPU._replace(pool="other")
        net = build([Host("a", ("r0",), GPU), Host("b", ("r1",), other), Host("c", ("r1",), other)])
        assert [net.hosts[i] for i in best(net, on("a", "b", net=net)).hosts] == ["b", "c"]

    def test_scattered_pods_belong_together(self) -> None:
        packed = best(NET, on("h0-0-0", "h0-1-0", "h1-0-0", "h1-1-0", ranks=2))
        assert (packed.domains, packed.ranks, packed.machines) == (1, 8, 1)

    def test_only_machines_of_its_kind(self) -> None:
        other = GPU._replace(accelerators=4)
        net = build(
            [Host("a", ("r0",), GPU), Host("b", ("r0",), other), Host("c", ("r1",), GPU)],
        )
        assert [net.hosts[i] for i in best(net, on("a", "c", net=net)).hosts] == ["a", "c"]
