"""The writes of a start and a full restart are those of a real control plane (benchmarks/peer.py)."""

from __future__ import annotations

import pytest

from benchmarks import peer


@pytest.mark.parametrize("name", peer.PEERS)
def test_writes_are_within_a_tenth_of_a_real_control_planes(name: str) -> None:
    for phase, what, theirs, ours in peer.pairs(name):
        if what == "seconds":
            assert abs(ours - theirs) <= 0.2 * theirs, phase
        else:
            tolerance = 0.3 if what in peer.EXPLAINED else 0.1
            assert abs(ours - theirs) <= tolerance * theirs, (phase, what)
