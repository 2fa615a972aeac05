"""The catalogue of components agrees with the tables that it was made from (models/reliability 1.1, 1.2)."""

from __future__ import annotations

import pytest

from jobsim.hardware.failures.catalogue import component, components, lognormal
from jobsim.laws import Lognormal, mean
from jobsim.units import DAY, HOUR


def rate_per_day(name: str, entities: int) -> float:
    found = component(name)
    assert not isinstance(found, str)
    return entities * DAY / found.mtbf


def test_llama_3_adds_up() -> None:
    """419 unexpected interruptions in 54 days of 16,384 accelerators in 2,048 nodes."""
    parts = [c for c in components().values() if c.name.startswith("llama3/") and c.name != "llama3/node"]
    total = sum(54 * rate_per_day(c.name, 16384 if c.per == "accelerator" else 2048) for c in parts)
    assert total == pytest.approx(419, rel=1e-5)
    assert 54 * rate_per_day("llama3/node", 2048) == pytest.approx(419, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "per_1000"), [("rsc-1/node", 6.5), ("rsc-2/node", 2.34), ("fthsdp/node", 2.3)]
)
def test_rates_per_1000_node_days(name: str, per_1000: float) -> None:
    assert rate_per_day(name, 1000) == pytest.approx(per_1000, rel=1e-5)


def test_every_component_has_a_source_and_a_law() -> None:
    for name, found in components().items():
        assert found.name == name
        assert len(found.source) > 30
        assert found.mtbf > DAY
        assert found.per in ("accelerator", "node", "rack", "link")


def test_repair_has_the_median_and_mean_of_the_trace() -> None:
    law = lognormal(16.79, 155.4)
    assert isinstance(law, Lognormal)
    assert law.median == pytest.approx(16.79 * HOUR)
    assert mean(law) == pytest.approx(155.4 * HOUR)


def test_an_unknown_name_is_answered_with_near_ones() -> None:
    near = component("llama3/gpu")
    assert isinstance(near, str)
    assert "llama3/faulty-gpu" in near
