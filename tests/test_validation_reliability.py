"""The closed forms that the validation prints: a quick one of each kind stays within 4 standard errors."""

from __future__ import annotations

import pytest

from benchmarks.validation import reliability
from benchmarks.validation.reliability_runs import ring_s

#: Cheap ones; ``python -m benchmarks.validation reliability`` has all.
QUICK = ("A2", "A3", "A4", "A5", "B1 98k-like, none", "B9 ETTR, noticed after 600", "D1", "E1")


@pytest.mark.parametrize(
    "case", [c for c in reliability.cases() if c.name.startswith(QUICK)], ids=lambda c: c.name
)
def test_closed_forms(case: reliability.Case) -> None:
    assert float(reliability.measured(case)["apart"]) <= 4


def test_what_a_restart_costs_beside_the_times_given() -> None:
    """The Job controller's window of a second after the pod failed; nothing else takes time here."""
    assert ring_s() == 1.0
