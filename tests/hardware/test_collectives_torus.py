"""TPU slices: the free checks of models of collectives 1.2, and the two measured points."""

from __future__ import annotations

import math

import pytest

from jobsim.api._struct import replace
from jobsim.errors import InputError
from jobsim.hardware.catalogue import fabric
from jobsim.hardware.collectives import bus_bandwidth, collective_time
from jobsim.hardware.collectives_torus import Torus, torus

BIG = 1e15


@pytest.mark.parametrize(
    ("name", "chips", "shape", "wrapped"),
    [
        ("tpu_v5e", 256, (16, 16), True),
        ("tpu_v5e", 128, (8, 16), None),
        ("tpu_v5e", 16, (4, 4), False),
        ("tpu_v6e", 8, (2, 4), False),
        ("tpu_v4", 4096, (16, 16, 16), True),
        ("tpu_v4", 64, (4, 4, 4), True),
        ("tpu_v4", 32, (2, 4, 4), False),
        ("tpu_v4", 4, (1, 2, 2), False),
        ("tpu_v5p", 8960, (16, 20, 28), True),
        ("tpu_v5p", 6144, (16, 16, 24), True),
        ("tpu_v5p", 256, (4, 8, 8), True),
    ],
)
def test_usual_slices(name: str, chips: int, shape: tuple[int, ...], wrapped: bool | None) -> None:
    found = torus(fabric(name), chips)
    assert found.shape == shape
    assert set(found.wraps) == ({wrapped} if wrapped is not None else {True, False})
    assert found.chips == chips


@pytest.mark.parametrize(
    ("name", "chips", "pod_tb_s", "bisection_tb_s"),
    [("tpu_v5e", 256, 51.2, 1.6), ("tpu_v6e", 256, 102.4, 3.2), ("tpu_v4", 4096, 1228.8, 25.6)],
)
def test_pod_bandwidths(name: str, chips: int, pod_tb_s: float, bisection_tb_s: float) -> None:
    """The vendor's pod figures at full link rate: all-reduce bandwidth, and the bisection of an all-to-all.

    v4's links are 45 to 50 GB/s, its page says 1.1 PB/s and 24 TB/s: 47 GB/s (next test).
    """
    whole = replace(fabric(name), eff_link=1.0)
    reduce = collective_time("all-reduce", BIG, ranks=chips, fabric=whole)
    pod = chips * bus_bandwidth("all-reduce", BIG, chips, reduce.seconds) / 1e12
    assert pod == pytest.approx(pod_tb_s, rel=1e-3)
    every = collective_time("all-to-all", BIG, ranks=chips, fabric=whole)
    # Half of the chips send half of their bytes across, one way.
    assert chips / 2 * BIG / 2 / every.seconds / 1e12 == pytest.approx(bisection_tb_s, rel=1e-3)


def test_pod_bandwidths_of_v4_at_47_gb_s() -> None:
    at_47 = replace(fabric("tpu_v4"), eff_link=0.94)
    every = collective_time("all-to-all", BIG, ranks=4096, fabric=at_47)
    assert 4096 * BIG / 4 / every.seconds / 1e12 == pytest.approx(24.064, rel=1e-3)


def test_measured_all_gather_without_wrap() -> None:
    """Scaling book: axis of 4, 2048x8192 bf16 in 680 us, 560 us ideal at 45 GB/s; tiny ones about 8 us."""
    v5e = fabric("tpu_v5e")
    big = collective_time("all-gather", 2048 * 8192 * 2, ranks=(4,), fabric=v5e)
    assert big.seconds == pytest.approx(680e-6, rel=0.1)
    ideal = collective_time("all-gather", 2048 * 8192 * 2, ranks=(4,), fabric=replace(v5e, eff_link=0.9))
    assert ideal.bandwidth_s == pytest.approx(560e-6, rel=0.01)
    tiny = collective_time("all-gather", 1, ranks=(4,), fabric=v5e)
    assert tiny.seconds == pytest.approx(8e-6, rel=0.2)
    assert tiny.bottleneck == "latency"


def test_an_all_to_all_on_a_ring_is_a_quarter_of_an_all_gather() -> None:
    """Scaling book: of the same total array, on a ring with both directions."""
    ring = Torus(shape=(16,), wraps=(True,))
    v5e = fabric("tpu_v5e")
    every = collective_time("all-to-all", BIG, placement=ring, fabric=v5e)
    gather = collective_time("all-gather", 16 * BIG, placement=ring, fabric=v5e)
    assert every.seconds == pytest.approx(gather.seconds / 4 * 16 / 15, rel=1e-6)


def test_without_wrap_an_axis_has_half_the_bandwidth() -> None:
    v4 = fabric("tpu_v4")
    costs = [
        collective_time(
            "all-gather", BIG, placement=Torus(shape=(4, 4, 4), wraps=(wrap,) * 3), fabric=v4
        ).seconds
        for wrap in (True, False)
    ]
    assert costs[1] == pytest.approx(2 * costs[0])


@pytest.mark.parametrize(
    ("op", "shape", "wrap", "hops"),
    [
        ("all-gather", (4, 4), False, 6),
        ("all-gather", (16, 16), True, 16),
        ("all-reduce", (4, 4), False, 12),
        ("all-reduce", (1, 4), False, 6),
        ("all-to-all", (4, 4), False, 6),
    ],
)
def test_hops(op: str, shape: tuple[int, ...], wrap: bool, hops: int) -> None:
    """A microsecond each, there and (for the all-reduce) back, beside four of launching."""
    at = Torus(shape=shape, wraps=(wrap,) * len(shape))
    cost = collective_time(op, 1, placement=at, fabric="tpu_v5e")
    assert cost.latency_s == pytest.approx((4 + hops) * 1e-6)


def test_latency_between_slices() -> None:
    """A ring of slices: one step fewer than slices, twice for the all-reduce; an all-to-all likewise once."""
    v5e = fabric("tpu_v5e")
    for op, times in (("all-reduce", 2), ("all-gather", 1), ("all-to-all", 1)):
        one, four = (collective_time(op, 1, placement=torus(v5e, 256, n), fabric=v5e) for n in (1, 4))
        assert four.latency_s - one.latency_s == pytest.approx(times * 3 * v5e.a_hop * 1e-6)


def test_an_all_to_all_over_slices_leaves_the_others_shares_to_the_network() -> None:
    """A quarter of what a chip sends stays inside, three quarters go over its part of the host's adapter."""
    v5e = fabric("tpu_v5e")
    inside = collective_time("all-to-all", BIG, placement=torus(v5e, 256), fabric=v5e)
    four = collective_time("all-to-all", BIG, placement=torus(v5e, 256, 4), fabric=v5e)
    between = 0.75 * BIG / (v5e.dcn / v5e.host_chips * 1e9)
    assert four.bandwidth_s == pytest.approx(inside.bandwidth_s / 4 + between)


def test_slices_meet_over_the_data_centre_network() -> None:
    """Two v5p pods of 128 chips: each chip's share goes over a quarter of its host's 25 GB/s."""
    v5p = fabric("tpu_v5p")
    inside = collective_time("all-reduce", 1e12, placement=torus(v5p, 128), fabric=v5p)
    two = collective_time("all-reduce", 1e12, placement=torus(v5p, 128, slices=2), fabric=v5p)
    assert two.algorithm == "hierarchical"
    assert two.bandwidth_s - inside.bandwidth_s == pytest.approx(1e12 / 128 / 6.25e9)
    assert two.bottleneck == "link"
    half = collective_time("all-reduce", 1e12, placement=torus(v5p, 128, slices=2), fabric=v5p, share=0.5)
    assert half.bandwidth_s - inside.bandwidth_s == pytest.approx(2e12 / 128 / 6.25e9)
    assert collective_time("send-recv", 1e9, placement=torus(v5p, 64, 2), fabric=v5p).bottleneck == "dcn"


def test_more_than_a_pod_is_several() -> None:
    assert torus(fabric("tpu_v5e"), 1024) == Torus(shape=(16, 16), wraps=(True, True), slices=4)


@pytest.mark.parametrize("op", ["all-reduce", "all-gather", "all-to-all", "broadcast"])
def test_more_chips_of_the_same_links_never_cost_less(op: str) -> None:
    """Whole cubes: the axes stay three and wrapped."""
    costs = [
        collective_time(op, 2**30, ranks=4**3 * 2**i, fabric="tpu_v4").seconds
        for i in range(int(math.log2(64)) + 1)
    ]
    assert costs == sorted(costs)


def test_wrong_slices() -> None:
    with pytest.raises(InputError, match="0 slices"):
        torus(fabric("tpu_v5e"), 16, slices=0)
    for wrong, text in (
        (Torus(shape=(4, 4), wraps=(True,)), "1 wraps of 2 axes"),
        (Torus(shape=(2, 2, 2), wraps=(True,) * 3), "a slice of 2x2x2"),
        (Torus(shape=(), wraps=()), "a slice of  "),
        (Torus(shape=(4,), wraps=(False,), slices=0), "0 slices"),
    ):
        with pytest.raises(InputError, match=text):
            collective_time("all-reduce", 1, placement=wrong, fabric="tpu_v5e")
    with pytest.raises(InputError, match="ib_h100 is no torus"):
        collective_time("all-reduce", 1, placement=Torus(shape=(4,), wraps=(True,)), fabric="ib_h100")
