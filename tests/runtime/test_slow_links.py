"""Links that carry less than they should, and slow machines: which part of a step each of them stretches.

All gangs are hand-solved: racks of four DGX H100 send 8 x 50 GB/s each, 1600 GB/s in all; at 4:1 a rack
has 400 GB/s upwards, which one ring across fills.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsim.api._struct import replace
from jobsim.hardware.step_model import StepModel, training_step
from jobsim.scenario.build import build
from jobsim.scenario.load import Scenario
from tests.runtime.lab import Lab
from tests.runtime.test_network import LLAMA, gang, ledger, run, step_s, work

#: Steps begin after 10 s; 100 of them are made.
BEGUN_S, STEPS = 10.0, 100


def slow(at: float, node: str, factor: float, **more: Any) -> dict[str, Any]:
    return {"at": at, "node": node, "effect": {"degrade-link": {"factor": factor}}, **more}


def causes(lab: Lab, name: str) -> dict[str, float]:
    record = lab.recorder.find_jobset("default", name)
    assert record is not None
    return {cause: ns / 1e9 for cause, ns in record.ledger.losses.degraded.items()}


def beyond(since_s: float, pace_s: float, nominal_s: float, until_s: float | None = None) -> float:
    """Return the degraded time of steps at another pace since an instant, to another or to the end."""
    made = (since_s - BEGUN_S) / nominal_s
    steps = STEPS - made if until_s is None else (until_s - since_s) / pace_s
    return steps * (pace_s - nominal_s)


def test_all_wait_for_the_slowest_link_of_a_machine() -> None:
    lab = run(gang("a", "n-r0"), workloads=[work("a")], failures=[slow(50, "n-1", 0.25, repair="40s")])
    nominal, there = step_s(1.0, domains=2), step_s(0.25, domains=2)
    found = ledger(lab, "a")
    assert found["useful"] == pytest.approx(STEPS * nominal, abs=1e-6)
    assert found["degraded"] == pytest.approx(beyond(50, there, nominal, until_s=90), rel=1e-6)
    assert causes(lab, "a") == {"scripted": pytest.approx(found["degraded"])}


def test_links_of_one_machine_multiply_and_the_worst_is_blamed() -> None:
    failures = [slow(50, "n-0", 0.5), slow(60, "n-0", 0.4, repair="20s")]
    lab = run(gang("a", "n-r0"), workloads=[work("a")], failures=failures)
    paces = [row["pace"][1] / 1e9 for row in lab.rows if row.get("state") == "stepping" and row.get("pace")]
    assert paces == pytest.approx([step_s(share, domains=2) for share in (0.5, 0.2, 0.5)], rel=1e-6)


@pytest.mark.parametrize(
    ("racks", "node"),
    [(("n-r0",), "n-7"), (("n-r1",), "n-0")],
    ids=["other rack", "other gang's machine"],
)
def test_who_does_not_use_a_link_does_not_wait(racks: tuple[str, ...], node: str) -> None:
    lab = run(gang("a", *racks), workloads=[work("a")], failures=[slow(20, node, 0.1)])
    assert "degraded" not in ledger(lab, "a")


def test_a_gang_inside_one_machine_needs_no_link() -> None:
    lab = run(gang("a", "n-r0", pods=1), workloads=[work("a")], failures=[slow(20, "n-0", 0.1)])
    assert "degraded" not in ledger(lab, "a")


def trace(tmp_path: Any, *rows: str) -> dict[str, Any]:
    path = tmp_path / "links.csv"
    path.write_text("time,entity,effect,until,factor,cause\n" + "".join(f"{row}\n" for row in rows))
    return {"trace": str(path)}


def test_up_links_of_a_rack_are_shared_as_they_are_left(tmp_path: Any) -> None:
    # At 2:1 a rack has 800 GB/s: two rings of 400 fit.  With half of it left each has half.
    failure = trace(tmp_path, "50s,n-r0,degrade-link,90s,0.5,cable")
    lab = run(
        gang("a", "n-r0", "n-r1"),
        gang("b", "n-r0", "n-r1"),
        over=2.0,
        workloads=[work("a"), work("b")],
        failures=[failure],
    )
    nominal, there = step_s(1.0), step_s(0.5)
    for name in "ab":
        found = ledger(lab, name)
        assert found["degraded"] == pytest.approx(beyond(50, there, nominal, until_s=90), rel=1e-6)
        assert causes(lab, name) == {"cable": pytest.approx(found["degraded"])}


def test_what_a_slow_machine_leaves_of_an_up_link_its_neighbour_has() -> None:
    # At 4:1 both share 400 GB/s, half each; when a cannot use more than a quarter, b has three.
    lab = run(
        gang("a", "n-r0", "n-r1"),
        gang("b", "n-r0", "n-r1"),
        workloads=[work("a"), work("b")],
        failures=[slow(50, "n-0", 0.25)],
    )
    where = {pod.name.rpartition("-")[0]: pod.spec.node_name for pod in lab.pods()}
    on_slow = {name[0] for name, node in where.items() if node == "n-0"}
    [hit] = on_slow
    other = "b" if hit == "a" else "a"
    nominal, half = step_s(1.0), step_s(0.5)
    shares = {hit: 0.25, other: 0.75}
    made = (50 - BEGUN_S) / half
    end_of_other = 50 + (STEPS - made) * step_s(0.75)
    found = {name: ledger(lab, name) for name in "ab"}
    first = made * (half - nominal)
    assert found[other]["degraded"] == pytest.approx(
        first + (STEPS - made) * (step_s(shares[other]) - nominal), rel=1e-5
    )
    # The one on the slow machine cannot go faster when it is alone.
    assert found[hit]["degraded"] == pytest.approx(
        first + (STEPS - made) * (step_s(shares[hit]) - nominal), rel=1e-5
    )
    assert end_of_other < lab.stop.at / 1e9


def test_links_fail_by_chance_and_are_mended() -> None:
    nic = {"component": "nic", "per": "link", "mtbf": "300s", "repair": "20s"}
    lab = run(
        gang("a", "n-r0"),
        workloads=[work("a", steps=400)],
        failures=[{**nic, "effect": "degrade", "factor": 0.5}],
    )
    found = ledger(lab, "a")
    assert found["useful"] == pytest.approx(400 * step_s(1.0, domains=2), abs=1e-6)
    assert causes(lab, "a") == {"nic": pytest.approx(found["degraded"])}
    assert found["degraded"] > 0


def test_a_slow_machine_stretches_only_what_machines_do() -> None:
    part = {"at": "10s", "node": "n-0", "effect": "degrade", "factor": 0.5}
    lab = run(gang("a", "n-r0"), workloads=[work("a")], failures=[part])
    found = ledger(lab, "a")
    # A second of computing becomes two; the collectives take what they took.
    assert found["useful"] == pytest.approx(STEPS * step_s(1.0, domains=2), abs=1e-6)
    assert found["degraded"] == pytest.approx(STEPS * 1.0, rel=1e-6)


@pytest.mark.parametrize("slowest", [1.0, 1.25, 2.0])
def test_a_slow_machine_under_a_model_is_its_slowest(slowest: float) -> None:
    shape = {**LLAMA, "tensor": 8, "data": 4, "slowest": slowest}
    stragglers = {"stragglers": {"share": 1, "factor": 1.5}}
    lab = run(
        gang("a", "n-r0", "n-r1"),
        workloads=[{**work("a"), "step": {"model": shape}, "collectives": None}],
        failures=[stragglers],
    )
    model = StepModel(**{**shape, "peak_tflops": 989})  # type: ignore[arg-type]
    nominal = training_step(model, fabric="ib_h100").seconds
    there = training_step(replace(model, slowest=max(slowest, 1.5)), fabric="ib_h100").seconds
    found = ledger(lab, "a")
    assert found["useful"] == pytest.approx(STEPS * nominal, abs=1e-6)
    assert found.get("degraded", 0.0) == pytest.approx(STEPS * (there - nominal), abs=1e-6)


def test_both_are_blamed_by_what_they_cost() -> None:
    # The link costs far more than the machine: until it is mended the steps are the link's.
    failures = [
        {"at": "10s", "node": "n-0", "effect": "degrade", "factor": 0.9},
        slow(50, "n-1", 0.05, repair="100s"),
    ]
    lab = run(gang("a", "n-r0"), workloads=[work("a", steps=200)], failures=failures)
    rows = [row for row in lab.rows if row.get("state") == "stepping" and row.get("pace")]
    assert [row["pace"][1] / 1e9 for row in rows] == pytest.approx(
        [1 / 0.9 - 1 + step_s(share, domains=2) for share in (1.0, 0.05, 1.0)], rel=1e-6
    )
    assert sum(causes(lab, "a").values()) == pytest.approx(ledger(lab, "a")["degraded"])


def test_without_anybody_who_sends_it_is_said() -> None:
    lab = Scenario(
        manifests=[gang("a", "n-r0")],
        fleet=[{"pool": "n", "shape": "dgx-h100", "racks": 2, "nodesPerRack": 2}],
        pods=[{"match": {}, "run": "workload"}],
        workloads=[{"match": {"jobset": "a"}, "step": "1s", "steps": 10}],
        failures=[slow(5, "n-0", 0.5)],
    )
    _, notes = build(lab, strict=False, check_invariants=True)
    assert any("failures[0]: a slow link, but no workload says what it sends" in note for note in notes)


SLOW = st.tuples(
    st.integers(12, 60),
    st.sampled_from(["n-0", "n-1", "n-4", "n-r0", "n-r1"]),
    st.sampled_from(["degrade", "degrade-link"]),
    st.sampled_from([1.0, 7.0, 40.0]),
    st.sampled_from([0.9, 0.5, 0.03]),
)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.sampled_from([("n-r0",), ("n-r0", "n-r1"), ("n-r1", "n-r0")]), min_size=1, max_size=3),
    st.lists(SLOW, max_size=5),
    st.sampled_from([1.0, 4.0]),
)
def test_whatever_is_slow_useful_is_steps_at_nominal_pace(
    gangs: list[tuple[str, ...]], slows: list[tuple[int, str, str, float, float]], over: float
) -> None:
    with TemporaryDirectory() as folder:
        rows = [
            f"{at},{what},{effect},{at + lasts},{left}" for at, what, effect, lasts, left in sorted(slows)
        ]
        path = Path(folder) / "slow.csv"
        path.write_text("\n".join(["time,entity,effect,until,factor", *rows]))
        lab = run(
            *(gang(f"g{i}", *racks, pods=1) for i, racks in enumerate(gangs)),
            over=over,
            workloads=[
                work(f"g{i}", 50, checkpoint={"every": "7s", "write": "1s", "load": "2s"})
                for i in range(len(gangs))
            ],
            failures=[{"trace": str(path)}, {"at": 40, "pod": "g0-w0-0-0", "exitCode": 1}],
        )
    for i, racks in enumerate(gangs):
        assert lab.js(f"g{i}").status.terminal_state == "Completed"
        found = ledger(lab, f"g{i}")
        assert found["useful"] == pytest.approx(50 * step_s(1.0, domains=len(racks)), abs=1e-6)
        assert sum(causes(lab, f"g{i}").values()) >= found.get("degraded", 0.0) - 1e-6


@pytest.mark.parametrize(("left", "cause"), [(0.5, "network"), (0.4, "scripted")])
def test_what_would_not_help_is_not_blamed(left: float, cause: str) -> None:
    # Ranks that go to and fro get half of the up-links whatever their own links carry.
    lab = run(
        gang("a", "n-r0", "n-r1", "n-r0", "n-r1", pods=1),
        workloads=[work("a")],
        failures=[slow(10, "n-0", left)],
    )
    assert set(causes(lab, "a")) == {cause}
