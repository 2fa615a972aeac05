"""The closed forms that the validation prints: a quick one of each kind stays within 4 standard errors."""

from __future__ import annotations

import pytest

from benchmarks.validation import reliability
from benchmarks.validation.reliability_runs import ring_s

#: Cheap ones; ``python -m benchmarks.validation reliability`` has all.
QUICK = (
    *("A2", "A3", "A4", "A5", "B1 98k-like, none", "B6", "B9 ETTR, noticed after 600"),
    *(
        "C7",
        "D1 nodes down of 2,048, repair 1 h",
        "D4",
        "D5",
        "D6",
        "D9 1,024",
        "E1 job failures a day, 256",
    ),
    *("F2 3,750 pods bound at 266", "Q11"),
)


@pytest.mark.parametrize(
    "case", [c for c in reliability.cases() if c.name.startswith(QUICK)], ids=lambda c: c.name
)
def test_closed_forms(case: reliability.Case) -> None:
    assert float(reliability.measured(case)["apart"]) <= 4


def test_what_a_restart_costs_beside_the_times_given() -> None:
    """The Job controller's window of a second after the pod failed; nothing else takes time here."""
    assert ring_s() == 1.0


def test_forms_without_runs_say_why() -> None:
    silent = [case for case in reliability.cases() if case.simulate is None]
    assert silent
    assert all(case.note for case in silent)
    assert reliability.measured(silent[0])["apart"] == "-"


def test_every_group_of_forms_is_there() -> None:
    found = {case.name[0] for case in reliability.cases()}
    assert found == set(reliability.GROUPS)


@pytest.mark.parametrize(
    ("found", "sd", "apart"),
    [([1.0], 0.0, "0.0"), ([1.1], 0.0, "inf"), ([1.0, 3.0], 0.0, "1.0"), ([1.5, 2.5], 4.0, "0.4")],
)
def test_how_far_apart(found: list[float], sd: float, apart: str) -> None:
    """Exact forms are met exactly; a deviation that the form gives goes before that of a few runs."""
    assert reliability.measured(reliability.Case("x", 1.0, lambda: found, sd=sd))["apart"] == apart
