"""What collectives cost: by hand, by law, with wrong questions (models of collectives, sections 2 and 4)."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jobsim
from jobsim.hardware.catalogue import Fabric, Tier, fabrics
from jobsim.hardware.collectives import bus_bandwidth, collective_time, group_of
from jobsim.hardware.collectives_formulas import ALGORITHMS, OPS, bus_factor
from jobsim.hardware.collectives_switched import BY_NAME

GIB = 2**30
#: Round numbers, so that costs can be added up in the head: 100 GB/s inside, 10 GB/s a rank outside.
PLAIN = Fabric(
    name="plain", g=4, nvl=100, nic=10, eff_net=1, eff_a2a=1, a_nvl=1, a_net=10, a_hop=100, a_peer=2, a_a2a=50
)
SWITCHED = [name for name, fabric in fabrics().items() if fabric.kind == "switched"]
ALL = list(fabrics())


@pytest.mark.parametrize(
    ("op", "ranks", "algorithm", "latency_us", "bandwidth_s"),
    [
        ("all-reduce", 2, "ring", 2, 1e9 / 100e9),
        ("all-reduce", 4, "ring", 6, 1.5e9 / 100e9),
        ("all-gather", 4, "ring", 3, 0.75e9 / 100e9),
        # 8 ranks: 14 steps, 2 of them outside; a domain has four rails, 40 GB/s.
        ("all-reduce", 8, "ring", 12 + 20, 1.75e9 / 40e9),
        ("reduce-scatter", 8, "ring", 6 + 10, 0.875e9 / 40e9),
        # Two domains send the buffer once: 1e9 / 40e9 outside, 1.5e9 / 100e9 inside, hidden.
        ("all-reduce", (2, 4), "tree", 6 + 200, 1e9 / 40e9),
        ("all-to-all", 4, "pairwise", 1, 0.75e9 / 100e9),
        ("all-to-all", 8, "pairwise", 50 + 4 * 2, 0.5e9 / 10e9),
        ("broadcast", 4, "chain", 3, 1e9 / 100e9),
        ("broadcast", 8, "chain", 6 + 10, 1e9 / 40e9),
        ("send-recv", 2, "direct", 1, 1e9 / 100e9),
        ("send-recv", (2, 1), "direct", 10, 1e9 / 10e9),
        ("send-recv", (2, 4), "direct", 10, 1e9 / 10e9),
        ("all-reduce", (8, 1), "ring", 140, 1.75e9 / 10e9),
        ("all-reduce", (4, 4), "hierarchical", 2 * 3 + 2 * 3 * 10, 1.5e9 / 40e9),
        ("all-reduce", (4, 4), "halving-doubling", 2 * 2 + 2 * 2 * 10, 1.5e9 / 100e9 + 1.5e9 / 40e9),
        ("all-reduce", 4, "direct", 2, 1.5e9 / 100e9),
        ("all-reduce", (2, 4), "direct", 20, 2 * 0.5e9 / 10e9),
    ],
)
def test_by_hand(op: str, ranks: Any, algorithm: str, latency_us: float, bandwidth_s: float) -> None:
    cost = collective_time(op, 1e9, ranks=ranks, fabric=PLAIN, algorithm=algorithm)
    assert cost.algorithm == algorithm
    assert cost.latency_s == pytest.approx(latency_us * 1e-6)
    assert cost.bandwidth_s == pytest.approx(bandwidth_s)
    assert cost.seconds == cost.latency_s + cost.bandwidth_s


@pytest.mark.parametrize(("domains", "carried"), [(2, 1), (3, 4 / 3), (4, 2), (64, 2)])
def test_tree_of_few_domains(domains: int, carried: float) -> None:
    cost = collective_time("all-reduce", 1e9, ranks=(domains, 4), fabric=PLAIN, algorithm="tree")
    assert cost.bandwidth_s == pytest.approx(carried * 1e9 / 40e9)
    assert cost.latency_s == pytest.approx((6 + 200 * math.log2(domains)) * 1e-6)


@pytest.mark.parametrize(("ranks", "busbw"), [(5, 414), (6, 436), (7, 460), (8, 473)])
def test_in_network_reduction_of_a_part_of_the_domain(ranks: int, busbw: float) -> None:
    """Measured on H200 (stas00): the switch makes smaller groups slower, as 2 (m-1)/(m+1) says."""
    cost = collective_time("all-reduce", 8 * GIB, ranks=ranks, fabric="ib_h100")
    assert cost.algorithm == "nvls"
    assert bus_bandwidth("all-reduce", 8 * GIB, ranks, cost.seconds) / 1e9 == pytest.approx(busbw, rel=0.02)


def test_small_groups_have_no_in_network_reduction() -> None:
    assert collective_time("all-reduce", GIB, ranks=4, fabric="ib_h100").algorithm == "ring"
    assert collective_time("all-reduce", GIB, ranks=(4, 4), fabric="ib_h100").algorithm == "ring"
    assert collective_time("all-reduce", 1, ranks=(64, 4), fabric="ib_h100").algorithm == "tree"
    assert collective_time("all-reduce", 1, ranks=(64, 5), fabric="ib_h100").algorithm == "nvls-tree"


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("fabric", ALL)
def test_alone_it_costs_nothing(op: str, fabric: str) -> None:
    assert collective_time(op, GIB, ranks=1, fabric=fabric) == (0.0, "none", 0.0, 0.0, "none")


def test_two_accelerators_reach_the_wire() -> None:
    """n=2: both directions of one link; the bus bandwidth is the link's rate."""
    for op in OPS[:4]:
        cost = collective_time(op, 1e15, ranks=2, fabric=PLAIN)
        assert bus_bandwidth(op, 1e15, 2, cost.seconds) == pytest.approx(100e9, rel=1e-3)


@pytest.mark.parametrize(
    ("op", "factor"),
    [("all-reduce", 1.75), ("all-gather", 0.875), ("reduce-scatter", 0.875), ("all-to-all", 0.875)]
    + [(op, 1.0) for op in OPS[4:]],
)
def test_bus_factors(op: str, factor: float) -> None:
    assert bus_factor(op, 8) == factor


@pytest.mark.parametrize("name", ["ring", "halving-doubling", "direct"])
def test_what_each_rank_must_send_is_the_bus_factor(name: str) -> None:
    algorithm, ops = ALGORITHMS[name]
    for op in ops[:3]:
        assert algorithm(op, 16).share == bus_factor(op, 16)


def test_what_bounds_it() -> None:
    def bottleneck(op: str, nbytes: float, **who: Any) -> str:
        return collective_time(op, nbytes, **who).bottleneck

    racks = Tier(name="rack", domains=4, oversubscription=4)
    spread = jobsim.Placement(["a", "b"] * 4, ranks=4, tiers=[racks])
    assert bottleneck("all-reduce", 100, fabric=PLAIN, ranks=64) == "latency"
    assert bottleneck("all-reduce", GIB, fabric=PLAIN, ranks=4) == "scale-up"
    assert bottleneck("all-reduce", GIB, fabric=PLAIN, ranks=8) == "nic"
    assert bottleneck("all-reduce", GIB, fabric=PLAIN, placement=spread) == "rack"
    assert bottleneck("all-to-all", GIB, fabric=PLAIN, placement=spread) == "rack"
    assert bottleneck("all-reduce", GIB, fabric="tpu_v5e", ranks=256) == "link"
    assert bottleneck("all-to-all", GIB, fabric="tpu_v5e", ranks=256) == "bisection"
    assert bottleneck("all-to-all", GIB, fabric="tpu_v5e", ranks=1024) == "dcn"


def test_latency_is_the_bottleneck_where_it_is_more_than_half() -> None:
    even = 6e-6 * 100e9 / 1.5  # Bytes at which a ring of four takes as long as its six steps.
    found = [
        collective_time("all-reduce", even * part, ranks=4, fabric=PLAIN).bottleneck for part in (0.9, 1.1)
    ]
    assert found == ["latency", "scale-up"]


sizes = st.floats(0, 2**40)
ops = st.sampled_from(OPS)
names = st.sampled_from(ALL)


@given(ops, st.sampled_from(SWITCHED), sizes, sizes, st.integers(1, 300))
def test_more_bytes_never_cost_less(op: str, fabric: str, a: float, b: float, domains: int) -> None:
    ranks = domains * fabrics()[fabric].g if domains * 72 <= 4096 else 8 * fabrics()[fabric].g
    few, many = (collective_time(op, n, ranks=ranks, fabric=fabric).seconds for n in sorted((a, b)))
    assert few <= many


@given(ops, st.sampled_from(SWITCHED), sizes, st.integers(1, 50), st.integers(1, 50))
def test_more_domains_never_cost_less(op: str, fabric: str, nbytes: float, a: int, b: int) -> None:
    if op == "all-to-all":
        a, b = max(a, 2), max(b, 2)  # One domain has no fixed cost of going outside, and another rate.
    g = fabrics()[fabric].g
    few, many = (collective_time(op, nbytes, ranks=n * g, fabric=fabric).seconds for n in sorted((a, b)))
    assert few <= many * (1 + 1e-12)


@given(ops, sizes, st.integers(2, 8), st.integers(2, 8))
def test_more_ranks_of_one_domain_never_cost_less(op: str, nbytes: float, a: int, b: int) -> None:
    """Without in-network reduction, which is faster for larger groups."""
    few, many = (collective_time(op, nbytes, ranks=n, fabric="ib_a100").seconds for n in sorted((a, b)))
    assert few <= many * (1 + 1e-12)


@given(ops, names, sizes, st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_larger_share_never_costs_more(op: str, fabric: str, nbytes: float, a: float, b: float) -> None:
    ranks = 4 * fabrics()[fabric].g if fabric.startswith("tpu") else 144
    less, more = (
        collective_time(op, nbytes, ranks=ranks, fabric=fabric, share=s).seconds for s in sorted((a, b))
    )
    assert more <= less


@given(ops, st.sampled_from(SWITCHED), st.floats(1, 2**38), st.integers(1, 64))
def test_the_cheapest_of_its_choice_is_taken(op: str, fabric: str, nbytes: float, domains: int) -> None:
    g = fabrics()[fabric].g
    best = collective_time(op, nbytes, ranks=(domains, g), fabric=fabric)
    for name in ("ring", "tree", "nvls", "nvls-tree", "pairwise", "chain"):
        if name in BY_NAME[op] and (name != "tree" or best.algorithm != "nvls-tree"):
            try:
                other = collective_time(op, nbytes, ranks=(domains, g), fabric=fabric, algorithm=name)
            except jobsim.InputError:
                continue
            assert name == "tree" or best.seconds <= other.seconds


@given(ops, names, st.lists(st.floats(0, 2**36), min_size=1, max_size=5), st.floats(0.1, 1))
def test_arrays_say_what_single_questions_say(
    op: str, fabric: str, nbytes: list[float], share: float
) -> None:
    g = fabrics()[fabric].g
    ranks = np.array([1, 2, g, 2 * g])
    found = jobsim.collective_times(
        op, np.array(nbytes)[:, None], fabric=fabric, ranks=ranks, share=np.array(share)
    )
    wanted = [
        [collective_time(op, n, fabric=fabric, ranks=int(r), share=share).seconds for r in ranks]
        for n in nbytes
    ]
    assert found.tolist() == wanted


def test_arrays_with_one_group_and_many_shares() -> None:
    shares = np.linspace(0.1, 1, 10)
    for who in ({"ranks": (4, 8)}, {"placement": ["a", "b"] * 2}):
        found = jobsim.collective_times("all-reduce", GIB, fabric="ib_h100", share=shares, **who)
        wanted = [
            collective_time("all-reduce", GIB, fabric="ib_h100", share=s, **who).seconds
            for s in shares.tolist()
        ]
        assert found.tolist() == wanted
    assert jobsim.collective_times("all-gather", [1.0, 2.0], fabric="ib_h100", ranks=1).tolist() == [0, 0]


def test_order_of_questions_changes_no_answer() -> None:
    asked = [("all-reduce", float(n), ranks) for n in range(0, 3000, 100) for ranks in (1, 8, 64)]
    first = [collective_time(op, n, ranks=r, fabric="efa_h100") for op, n, r in asked]
    again = [collective_time(op, n, ranks=r, fabric="efa_h100") for op, n, r in reversed(asked)]
    assert first == again[::-1]


def test_spellings() -> None:
    whole = collective_time("all-reduce", GIB, ranks=16, fabric="ib_h100")
    assert collective_time("all-reduce", np.float64(GIB), ranks=np.int64(16), fabric="ib_h100") == whole
    assert collective_time("all-reduce", GIB, ranks=[2, 8], fabric="ib_h100") == whole
    assert collective_time("ALL_REDUCE", GIB, ranks=16, fabric="ib_h100") == collective_time(
        "all-reduce", GIB, ranks=(2, 8), fabric=fabrics()["ib_h100"]
    )


@pytest.mark.parametrize(
    ("question", "text"),
    [
        (
            {"op": "allreduce"},
            'op: no collective "allreduce" (did you mean all-reduce? there are all-reduce, ',
        ),
        ({"fabric": "ib_h10"}, 'fabric: no fabric "ib_h10" (did you mean ib_h100? there are ib_h100, '),
        ({"fabric": None}, "fabric: None is no fabric (a name of the catalogue, or a Fabric)"),
        ({"fabric": 7}, "fabric: 7 is no fabric"),
        ({"ranks": 12}, "ranks: 12 ranks do not divide into domains of 8 ("),
        ({"ranks": 0}, "ranks: 0 ranks (a whole number above 0)"),
        ({"ranks": 2.5}, "ranks: 2.5 ranks (a whole number above 0)"),
        ({"ranks": (2, 9)}, "ranks: 9 ranks in a domain (at most 8 on ib_h100)"),
        ({"ranks": (2, 8, 1)}, "ranks: (2, 8, 1) (domains, and ranks in each"),
        ({"ranks": None}, "ranks: either ranks or a placement"),
        ({"placement": ["a"]}, "ranks: either ranks or a placement"),
        ({"ranks": "many"}, "ranks: many ranks (a whole number above 0)"),
        ({"ranks": (2, 0)}, "ranks: 0 ranks (a whole number above 0)"),
        ({"nbytes": -1}, "nbytes: -1 bytes (one number, 0 or more)"),
        ({"nbytes": math.nan}, "nbytes: nan bytes (one number"),
        ({"nbytes": math.inf}, "nbytes: inf bytes (one number"),
        ({"nbytes": "1Gi"}, "nbytes: 1Gi bytes (one number"),
        ({"nbytes": np.ones(2)}, "nbytes: [1. 1.] bytes (one number"),
        ({"share": "half"}, "share: a share of half (above 0, at most 1)"),
        ({"op": 7}, 'op: no collective "7"'),
        ({"share": 0}, "share: a share of 0 (above 0, at most 1)"),
        ({"share": 1.5}, "share: a share of 1.5 ("),
        ({"order": "best"}, '"best" is no order of ranks (rank, rack, random)'),
        ({"algorithm": "rong"}, 'algorithm: no algorithm "rong" for all-reduce (ring, nvls, '),
        ({"algorithm": "nvls"}, "algorithm: nvls is not for 2 domains of 8 on ib_h100 (ring, tree, "),
        ({"fabric": PLAIN, "ranks": 10}, "ranks: 10 ranks do not divide into domains of 4"),
        ({"fabric": "meta_roce_24k", "ranks": 32768}, "ranks: 32768 ranks (meta_roce_24k has 24576)"),
        ({"fabric": "tpu_v5e", "ranks": 300}, "ranks: 300 chips are no whole number of pods"),
        ({"fabric": "tpu_v5e", "ranks": 48}, "ranks: no slice of tpu_v5e has 48 chips (powers of two)"),
        (
            {"fabric": "tpu_v4", "ranks": 96},
            "ranks: no slice of tpu_v4 has 96 chips (powers of two, multiples",
        ),
        ({"fabric": "tpu_v5e", "ranks": (2, 2, 2)}, "ranks: a slice of 2x2x2 (tpu_v5e has 2 axes"),
        ({"fabric": "tpu_v5e", "algorithm": "ring"}, 'algorithm: "ring" (a torus does all-reduce by bucket)'),
        ({"fabric": "tpu_v5e", "ranks": None, "placement": ["a"]}, "placement: tpu_v5e is a torus"),
        ({"ranks": None, "placement": []}, "[] places no domain"),
        (
            {"ranks": None, "placement": jobsim.Placement(["a"], ranks=9)},
            "placement: 9 ranks in a domain (at most 8 on ib_h100)",
        ),
        (
            {"ranks": None, "placement": jobsim.Placement(["a"], ranks=8), "order": "random"},
            'order: "random" beside a Placement',
        ),
        (
            {"ranks": None, "placement": jobsim.Placement(["a"], ranks=9), "fabric": "tpu_v5e"},
            "placement: tpu_v5e is a torus",
        ),
    ],
)
def test_wrong_questions(question: dict[str, Any], text: str) -> None:
    right = {"op": "all-reduce", "nbytes": GIB, "ranks": 16, "fabric": "ib_h100"}
    with pytest.raises(jobsim.InputError) as caught:
        collective_time(**{**right, **question})
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("nic", 0, "fabric.nic: 0 is not positive (a switched fabric needs one above 0)"),
        ("nvl", -370, "fabric.nvl: -370 is not positive"),
        ("nvls", -1, "fabric.nvls: -1 is negative (0 or more)"),
        ("eff_net", 1.2, "fabric.effNet: 1.2 is more than the whole (at most 1)"),
        ("a0", math.nan, "fabric.a0: nan is not a number"),
        ("tiers", (Tier(name="rack", domains=0),), "fabric.tiers[0].domains: 0 domains (at least 1"),
        ("tiers", (Tier(name="r", domains=1, oversubscription=0),), "fabric.tiers[0].oversubscription: 0 ("),
    ],
)
def test_impossible_fabrics(field: str, value: Any, text: str) -> None:
    wrong = jobsim.Fabric(**{"name": "x", "nvl": 1, "nic": 1, "eff_net": 1, "eff_a2a": 1, field: value})
    with pytest.raises(jobsim.InputError) as caught:
        collective_time("all-reduce", GIB, ranks=8, fabric=wrong)
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ({"nbytes": [1, -1]}, "nbytes: bytes that are negative"),
        ({"share": [0.5, 0]}, "share: a share outside of"),
        ({"ranks": [8, 12]}, "ranks: 12 ranks do not divide"),
        ({"ranks": [8.0]}, "ranks: ranks that are no whole numbers"),
        ({"ranks": None}, "ranks: either ranks or a placement"),
    ],
)
def test_wrong_arrays(question: dict[str, Any], text: str) -> None:
    right = {"op": "all-reduce", "nbytes": GIB, "ranks": [8], "fabric": "ib_h100"}
    with pytest.raises(jobsim.InputError) as caught:
        jobsim.collective_times(**{**right, **question})
    assert str(caught.value).startswith(text)


def test_a_group_counts_its_ranks() -> None:
    assert group_of(PLAIN, 12, None).size == 12
    assert group_of(fabrics()["tpu_v5e"], 1024, None).size == 1024


def test_the_question_needs_no_heavy_package() -> None:
    code = (
        "import sys, jobsim; jobsim.collective_time('all-reduce', 1, ranks=8, fabric='ib_h100');"
        "print({'numpy', 'simpy', 'networkx', 'yaml'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
