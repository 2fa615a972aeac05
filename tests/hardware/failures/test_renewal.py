"""Renewal clocks: laws, exposure, and streams that nobody else moves (models/reliability section 2.1)."""

from __future__ import annotations

import math

import pytest

from jobsim.hardware.failures.places import Entity, Machine, entities, speedup
from jobsim.hardware.failures.plans import Fault, Process
from jobsim.hardware.failures.renewal import SAME_INSTANT_MAX, Renewals, StandsStillError
from jobsim.laws import Empirical, Exponential, Fixed, Gamma, Law, Weibull, mean
from jobsim.units import DAY, HOUR

FAULT = Fault(effect="pod-fails")


def fleet(nodes: int, racks: int = 1, accelerators: int = 8) -> list[Machine]:
    size = nodes // racks
    return [
        Machine(f"n-{i}", {"topology.jobsim/rack": f"n-r{i // size}", "power": f"p{i % 2}"}, accelerators)
        for i in range(nodes)
    ]


def process(law: Law, *, key: str = "gpu/node", per: str = "node", **more: object) -> Process:
    return Process(key=key, per=per, law=law, fault=FAULT, **more)  # type: ignore[arg-type]


def failures(renewals: Renewals, until: int, repair_ns: int = 0) -> list[tuple[int, str]]:
    """Let all clocks run; each entity is repaired after the same time."""
    found, broken = [], []
    while True:
        due = renewals.due()
        back = min(broken, default=None)
        if back is not None and (due is None or back[0] <= due):
            broken.remove(back)
            renewals.renew(back[1], back[0])
            continue
        if due is None or due > until:
            return found
        i = renewals.take(due)
        assert i is not None
        found.append((due, renewals.entities[i].name))
        broken.append((due + repair_ns, i))


@pytest.mark.parametrize(
    ("per", "count", "first"),
    [
        ("accelerator", 48, Entity("n-0/0", ("n-0",), 0)),
        ("node", 6, Entity("n-0", ("n-0",))),
        ("link", 6, Entity("n-0", ("n-0",))),
        ("rack", 3, Entity("n-r0", ("n-0", "n-1"))),
        ("power", 2, Entity("p0", ("n-0", "n-2", "n-4"))),
        ("block", 0, None),
    ],
)
def test_entities(per: str, count: int, first: Entity | None) -> None:
    found = entities(per, fleet(6, racks=3))
    assert len(found) == count
    assert next(iter(found), None) == first


@pytest.mark.parametrize(
    "law",
    [
        Exponential(mean=10 * DAY),
        Weibull(scale=10 * DAY, shape=0.7),
        Gamma(mean=10 * DAY, shape=3.0),
        Empirical(values=(DAY, 5 * DAY, 24 * DAY)),
    ],
)
def test_the_mean_of_many_times_is_the_laws(law: Law) -> None:
    renewals = Renewals(3, process(law), entities("node", fleet(40)))
    drawn = [renewals.draw(i, n) for i in range(40) for n in range(50)]
    expected = mean(law)
    spread = math.sqrt(sum((x - expected) ** 2 for x in drawn) / len(drawn) / len(drawn))
    assert abs(sum(drawn) / len(drawn) - expected) < 4 * spread


def test_a_renewal_is_not_a_poisson_process_of_the_same_rate() -> None:
    """A4: the first of 128 new Weibull nodes comes eight times as early."""
    law = Weibull(scale=round(153.846 * DAY / math.gamma(1 + 1 / 0.7)), shape=0.7)
    firsts = [
        failures(Renewals(seed, process(law), entities("node", fleet(128))), 90 * DAY)[0][0]
        for seed in range(60)
    ]
    average = sum(firsts) / len(firsts) / HOUR
    # 3.606 h; a Weibull minimum of shape 0.7 has a standard deviation of 1.46 times its mean.
    assert abs(average - 3.606) < 4 * 1.46 * 3.606 / math.sqrt(60)


def test_nothing_moves_anothers_draws() -> None:
    """A process, a node, an accelerator or a repair more: the failures of the others stay."""
    law = Exponential(mean=20 * DAY)
    alone = failures(Renewals(7, process(law), entities("node", fleet(6))), 100 * DAY)
    assert len(alone) > 10
    more_nodes = failures(Renewals(7, process(law), entities("node", fleet(9))), 100 * DAY)
    assert [row for row in more_nodes if row[1] in {f"n-{i}" for i in range(6)}] == alone
    beside = Renewals(7, process(law, key="nic/node"), entities("node", fleet(6)))
    assert failures(beside, 100 * DAY) != alone
    assert failures(Renewals(7, process(law), entities("node", fleet(6))), 100 * DAY) == alone
    assert failures(Renewals(8, process(law), entities("node", fleet(6))), 100 * DAY) != alone


def test_an_entity_is_down_until_it_is_repaired() -> None:
    found = failures(Renewals(1, process(Fixed(value=HOUR)), entities("node", fleet(1))), 10 * HOUR, HOUR)
    assert [time // HOUR for time, _ in found] == [1, 3, 5, 7, 9]


def test_an_exposure_clock_counts_only_while_a_pod_runs() -> None:
    renewals = Renewals(1, process(Fixed(value=10 * HOUR), clock="exposure"), entities("node", fleet(1)))
    assert renewals.due() is None
    renewals.expose(0, HOUR)
    renewals.expose(0, 2 * HOUR)
    assert renewals.due() == 11 * HOUR
    renewals.conceal(0, 3 * HOUR)
    renewals.conceal(0, 5 * HOUR)
    assert renewals.due() is None
    renewals.expose(0, 50 * HOUR)
    assert renewals.due() == 56 * HOUR
    assert renewals.take(55 * HOUR) is None
    assert renewals.take(56 * HOUR) == 0
    renewals.conceal(0, 57 * HOUR)
    renewals.renew(0, 60 * HOUR)
    assert renewals.due() is None


def test_lemons_fail_more_often() -> None:
    law = Exponential(mean=100 * DAY)
    spec = process(law, lemon_share=0.3, lemon_factor=15.0)
    nodes = entities("node", fleet(200))
    lemons = [i for i, entity in enumerate(nodes) if speedup(5, spec, entity) > 1]
    assert 40 < len(lemons) < 80
    plain, spoilt = Renewals(5, process(law), nodes), Renewals(5, spec, nodes)
    for i in range(200):
        factor = 15 if i in lemons else 1
        assert spoilt.draw(i, 0) == pytest.approx(plain.draw(i, 0) / factor, abs=1)


def test_a_law_without_time_is_named() -> None:
    renewals = Renewals(1, process(Empirical(values=(0, 0))), entities("node", fleet(1)))
    with pytest.raises(StandsStillError, match=f"n-0 fails {SAME_INSTANT_MAX} times at one instant"):
        failures(renewals, HOUR)


def test_longer_than_any_run() -> None:
    renewals = Renewals(1, process(Fixed(value=2**63 - 1)), entities("node", fleet(2)))
    assert renewals.due() is None
