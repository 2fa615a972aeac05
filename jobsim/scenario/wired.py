"""Pools that stand on the network of a real cluster, as a topology file says it."""

from __future__ import annotations

from pathlib import Path

from jobsim.api._struct import replace
from jobsim.hardware.topology.file import read
from jobsim.scenario.model import Pool

#: Tiers of switches that nodes have labels for; what is further out counts as one.
TIERS = 3


def wired(pool: Pool, file: Path) -> Pool:
    """Return a pool with the racks and blocks of its topology file; nodes are numbered rack by rack.

    Switches are numbered in the order of the file, those of a file with one tier stand in one block.

    Raises
    ------
    InputErrors
        With all that is wrong in the file.
    """
    wiring = read(file)
    numbers: dict[tuple[str, ...], int] = {}
    seen = [0] * TIERS
    places = []
    for path in wiring.paths:
        for tier in range(min(len(path), TIERS)):
            if path[tier:] not in numbers:
                numbers[path[tier:]] = seen[tier]
                seen[tier] += 1
        place = tuple(numbers[path[tier:]] for tier in range(min(len(path), TIERS)))
        places.append(place if len(place) > 1 else (*place, 0))
    up = tuple(
        (tuple(numbers[path[tier:]] for tier in range(min(len(path), TIERS))), gbs)
        for path, gbs in wiring.up.items()
    )
    return replace(pool, wired=tuple(sorted(places, key=lambda place: place[::-1])), up=up)
