"""Ring crossings and spreading: the table of models of collectives 2.2, by hand and by counting."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsim.errors import InputError
from jobsim.hardware.catalogue import Tier, fabrics
from jobsim.hardware.collectives import collective_time
from jobsim.hardware.collectives_placement import Placement, contiguous, expected_crossings, ring_crossings

RACKS = [rack for rack in range(8) for _ in range(8)]
GIB = 2**30


def rack(oversubscription: float, domains: int = 8) -> Tier:
    return Tier(name="rack", domains=domains, oversubscription=oversubscription)


@pytest.mark.parametrize(
    ("oversubscription", "in_order", "scattered", "all_to_all"),
    [(1, 1.00, 1.00, 1.00), (2, 1.00, 0.50, 0.56), (4, 1.00, 0.25, 0.28), (7, 1.00, 0.14, 0.16)],
)
def test_the_table_of_64_hosts(
    oversubscription: float, in_order: float, scattered: float, all_to_all: float
) -> None:
    """8 racks of 8: in rack order, round robin, and everybody with everybody."""
    tiers = [rack(oversubscription)]
    ordered = Placement(RACKS, ranks=8, tiers=tiers).limits
    round_robin = Placement(RACKS[::8] * 8, ranks=8, tiers=tiers).limits
    random = Placement(RACKS, ranks=8, tiers=tiers, order="random").limits
    assert round(ordered.ring.share, 2) == in_order
    assert round(round_robin.ring.share, 2) == scattered
    assert round(ordered.spread.share, 2) == round(round_robin.spread.share, 2) == all_to_all
    assert round(random.ring.share, 2) == all_to_all
    assert contiguous(64, tiers, "rank") == contiguous(64, tiers, "rack") == ordered
    assert contiguous(64, tiers, "random") == random


@given(st.lists(st.integers(0, 2), min_size=2, max_size=6))
def test_expected_crossings_are_the_mean_over_all_orders(groups: list[int]) -> None:
    orders = list(permutations(groups))
    for group in sorted(set(groups)):
        mean = sum(ring_crossings(order)[group] for order in orders) / len(orders)
        assert mean == pytest.approx(expected_crossings(groups.count(group), len(groups)))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=20), st.floats(0.5, 16))
def test_no_order_is_better_than_by_rack(groups: list[int], oversubscription: float) -> None:
    tiers = [rack(oversubscription, 20)]
    given_, sorted_ = (Placement(groups, ranks=8, tiers=tiers, order=o).limits for o in ("rank", "rack"))
    assert given_.ring.share <= sorted_.ring.share
    assert given_.spread == sorted_.spread


@given(st.permutations(RACKS[:32]), st.integers(2, 8))
def test_names_do_not_matter(groups: list[int], oversubscription: int) -> None:
    tiers = [rack(oversubscription)]
    one = Placement(groups, ranks=8, tiers=tiers).limits
    other = Placement([f"rack-{g}" for g in groups], ranks=8, tiers=tiers).limits
    turned = Placement(groups[5:] + groups[:5], ranks=8, tiers=tiers).limits
    assert one == other == turned


@given(st.integers(1, 200), st.integers(1, 16), st.floats(1, 8), st.sampled_from(["rank", "rack", "random"]))
def test_filling_switch_after_switch(domains: int, below: int, oversubscription: float, order: str) -> None:
    tiers = [rack(oversubscription, below), Tier(name="pod", domains=below * 4, oversubscription=3)]
    places = [(str(i // below), str(i // (below * 4))) for i in range(domains)]
    counted = Placement(places, ranks=8, tiers=tiers, order=order).limits
    quick = contiguous(domains, tiers, order)
    for one, other in zip(counted, quick, strict=True):
        assert one.share == pytest.approx(other.share)


def test_two_tiers_name_the_one_that_binds() -> None:
    tiers = [rack(1, 2), Tier(name="pod", domains=4, oversubscription=7)]
    # r0 of p0 is not r0 of p1.
    places = [("r0", "p0"), ("r0", "p1")] * 2 + [("r1", "p0"), ("r1", "p1")] * 2
    limits = Placement(places, ranks=8, tiers=tiers).limits
    assert limits.ring == (pytest.approx(4 / 7 / 4), "pod")
    assert Placement(places, ranks=8, tiers=[rack(8, 2), tiers[1]]).limits.ring == (0.125, "rack")


def test_oversubscription_costs_what_the_share_says() -> None:
    free = collective_time("all-gather", GIB, ranks=(64, 8), fabric="ib_h100")
    placed = Placement(RACKS[::8] * 8, ranks=8, tiers=[rack(4)])
    bound = collective_time("all-gather", GIB, placement=placed, fabric="ib_h100")
    assert bound.latency_s == free.latency_s
    inside = fabrics()["ib_h100"]
    assert bound.bandwidth_s == pytest.approx(511 / 512 * GIB / (8 * 50e9 * inside.eff_net / 4))


def test_an_all_to_all_goes_everywhere_in_any_order() -> None:
    """In rack order a ring keeps its whole rate, and an all-to-all the share of the table."""
    placed = Placement(RACKS, ranks=8, oversubscription=4)
    costs = {
        op: [
            collective_time(op, GIB, fabric="ib_h100", **who).bandwidth_s
            for who in ({"placement": placed}, {"ranks": (64, 8)})
        ]
        for op in ("all-gather", "all-to-all")
    }
    assert costs["all-gather"][0] == costs["all-gather"][1]
    assert costs["all-to-all"][0] == pytest.approx(costs["all-to-all"][1] * 4 * 56 / 63)


def test_other_jobs_and_ones_own_order_do_not_add_up() -> None:
    """The share of a rate that other jobs leave is of the same up-link: the smaller one holds."""
    placed = Placement(RACKS[::8] * 8, ranks=8, tiers=[rack(4)])
    costs = [
        collective_time("all-reduce", GIB, placement=placed, fabric="ib_h100", share=share).seconds
        for share in (1.0, 0.5, 0.25, 0.125)
    ]
    assert costs[0] == costs[1] == costs[2] < costs[3]


@given(st.permutations([0, 1, 2, 3] * 4), st.permutations([0, 1, 2, 3] * 4), st.sampled_from([1, 2, 4, 7]))
def test_a_placement_that_is_bound_to_be_better_ranks_better(
    one: list[int], other: list[int], oversubscription: int
) -> None:
    """Where the up-link's bound differs by more than 15 %, the cost says the same (large buffers)."""
    tiers = [rack(oversubscription, 4)]
    # Seconds a byte, in those of the NIC: never less than 1.
    bounds = [max(ring_crossings(order).values()) * oversubscription / 4 for order in (one, other)]
    bounds = [max(1.0, bound) for bound in bounds]
    costs = [
        collective_time(
            "all-reduce", 64 * GIB, placement=Placement(order, ranks=8, tiers=tiers), fabric="ib_h100"
        ).seconds
        for order in (one, other)
    ]
    if bounds[0] > 1.15 * bounds[1]:
        assert costs[0] > costs[1]


def test_names_of_switches_alone() -> None:
    """A fabric whose tiers are known takes plain names; one whose are not has no up-link to fill."""
    names = [f"r{i % 4}" for i in range(8)]
    assert collective_time("all-reduce", GIB, placement=names, fabric="ib_h100") == collective_time(
        "all-reduce", GIB, ranks=64, fabric="ib_h100"
    )
    two = [(f"r{i % 500}", f"p{i % 500 % 3}") for i in range(1000)]
    far = collective_time("all-reduce", GIB, placement=two, fabric="meta_roce_24k")
    assert far.bottleneck == "pod"
    assert far.seconds > collective_time("all-reduce", GIB, ranks=8000, fabric="meta_roce_24k").seconds


def test_racks_as_large_as_the_fullest() -> None:
    for order in (RACKS, RACKS[::8] * 8):
        one = Placement(order, ranks=8, oversubscription=4).limits
        assert one == Placement(order, ranks=8, tiers=[rack(4)]).limits
    with pytest.raises(InputError, match="oversubscription: 0 "):
        Placement(["a"], ranks=8, oversubscription=0)
    with pytest.raises(InputError, match="oversubscription beside tiers"):
        Placement(["a"], ranks=8, tiers=[rack(4)], oversubscription=4)


def test_arrays_and_lists_are_places_too() -> None:
    names = [("r0", "p0"), ("r1", "p1"), ("r2", "p0")]
    wanted = collective_time("all-reduce", GIB, placement=names, fabric="meta_roce_24k")
    for same in ([list(path) for path in names], np.array(names)[:, 0], [0, 1, 2]):
        assert collective_time("all-reduce", GIB, placement=same, fabric="meta_roce_24k") == wanted


@pytest.mark.parametrize(
    ("places", "ranks", "order", "text"),
    [
        ([], 8, "rank", "[] places no domain (one place for each scale-up domain)"),
        ("abc", 8, "rank", "'abc' places no domain"),
        (["a"], 0, "rank", "0 ranks in a domain (1 or more)"),
        (["a"], 8, "odd", '"odd" is no order of ranks (rank, rack, random)'),
        (["a"] * 9, 8, "rank", "9 domains in rack a (it has 8)"),
        ([("a", "b")], 8, "rank", "place ('a', 'b') names 2 switches (one of each tier: rack)"),
    ],
)
def test_wrong_placements(places: list[str], ranks: int, order: str, text: str) -> None:
    with pytest.raises(InputError) as caught:
        Placement(places, ranks=ranks, tiers=[rack(2)], order=order)
    assert str(caught.value).startswith(text)
