"""``expect``: what must be true in the end."""

from __future__ import annotations

from typing import Any

from jobsim.scenario.check import Either, Forms, Key, Leaf, MapOf, Record
from jobsim.scenario.leaves import NAME, choice, number
from jobsim.scenario.model import Bounds, JobSetExpectation, PodsExpectation


def _bounds(at_least: float | None = None, at_most: float | None = None) -> Bounds:
    if at_least is None and at_most is None:
        raise ValueError("is empty (atLeast, atMost, or both)")
    if at_least is not None and at_most is not None and at_least > at_most:
        raise ValueError("atLeast is above atMost")
    return Bounds(at_least=at_least, at_most=at_most)


def bounds(of: Leaf) -> Either:
    """Return the type of a number that must come out, or of bounds for it."""
    return Either(
        allowed=f"{of.allowed}, or {{atLeast, atMost}}",
        scalar=Leaf(of.allowed, lambda raw: Bounds(equal=of.parse(raw)), of.schema()),
        map=Record(_bounds, {"atLeast": Key(of), "atMost": Key(of)}),
    )


_COUNT = bounds(number(0))
POD_COUNTS = ("created", "succeeded", "failed", "deleted")


def _pods(pods: dict[str, Any]) -> PodsExpectation:
    return PodsExpectation(pods=tuple(pods.items()))


EXPECTATION = Forms(
    {
        "jobset": Record(
            JobSetExpectation,
            {
                "jobset": Key(NAME, required=True),
                "namespace": Key(NAME),
                "terminalState": Key(choice("Completed", "Failed", ""), "empty: it has not ended"),
                "restarts": Key(_COUNT),
                "restartsCountTowardsMax": Key(_COUNT),
                "ettr": Key(bounds(number(0, 1)), "useful time over elapsed time"),
            },
        ),
        "pods": Record(_pods, {"pods": Key(MapOf(choice(*POD_COUNTS), _COUNT, least=1), required=True)}),
    }
)
