"""The table of constants: complete, sourced, and in agreement with what is published about it."""

from __future__ import annotations

import re

import pytest

from jobsim.api import timing
from jobsim.units import SECOND


@pytest.mark.parametrize("row", timing.TABLE, ids=lambda row: row.name)
def test_each_constant_has_a_value_a_clause_and_a_source(row: timing.Constant) -> None:
    assert getattr(timing, row.name) == row.value
    assert re.fullmatch(r"K-(JOB|POD|SCH|TIM)-\d+", row.clause)
    assert row.source
    # A duration that is no whole number of milliseconds was written in the wrong unit.
    assert not row.name.endswith("_NS") or row.value % (SECOND // 1000) == 0


def test_names_are_unique() -> None:
    assert len({row.name for row in timing.TABLE}) == len(timing.TABLE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JOB_SYNC_WINDOW_NS", 1 * SECOND),
        ("JOB_BACKOFF_CAP_NS", 600 * SECOND),
        ("CRASH_LOOP_CAP_NS", 300 * SECOND),
        ("NODE_MONITOR_GRACE_NS", 50 * SECOND),
        ("POD_GC_QUARANTINE_NS", 40 * SECOND),
        ("EVICTION_QPS", 0.1),
        ("DEFAULT_TOLERATION_S", 300),
    ],
)
def test_values(name: str, value: float) -> None:
    """K-TIM-01."""
    assert getattr(timing, name) == value


def test_client_limits() -> None:
    """K-TIM-02, K-JOB-125."""
    limits = {name: (limit.qps, limit.burst) for name, limit in timing.CLIENTS.items()}
    assert limits["job"] == (20, 30)
    assert limits["garbage-collector"] == (40, 30)
    assert limits["jobset"] == (500, 500)
    assert limits["scheduler"] == (50, 100)


@pytest.mark.parametrize("field", timing.Timing.__struct_fields__)
def test_what_a_scenario_may_change_is_in_the_table(field: str) -> None:
    """K-TIM-01: one table; ``control.timing`` has no number of its own."""
    (row,) = [row for row in timing.TABLE if row.name.lower() == field]
    assert getattr(timing.REAL, field) == row.value
