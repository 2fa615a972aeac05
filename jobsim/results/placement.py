"""What a placement costs, in words: from the rows ``placement`` of a summary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jobsim.units import SECOND, short_duration

TITLE = "What the placement costs (of the least that would do)"
HEADER = ("NAME", "MACHINES", "RANKS", "SWITCHES", "RING CROSSINGS", "ALL-REDUCE", "HERE", "BEST", "RANDOM")


def lines(row: Mapping[str, Any]) -> list[str]:
    """Return what ``explain`` says of a JobSet's placement.

    Parameters
    ----------
    row : mapping
        As ``hardware.price.Score.row``.
    """
    found = [f"placement: {_count(row['machines'], 'machine')}, {_count(row['ranks'], 'rank')}"]
    for tier in row["tiers"]:
        name = tier["tier"]
        found.append(
            f"  {name}s: {tier['switches']} ({tier['least']} would do); the ring of its ranks leaves "
            f"a {name} {_times(tier['crossings'])} (at best {tier['leastCrossings']})"
        )
    price = row["allReduce"]
    if price is not None:
        found.append(
            f"  all-reduce of {_size(price['bytes'])} on {row['fabric']}: {time(price['here_s'])} here "
            f"({price['algorithm']}, bound by {price['bottleneck']}), {time(price['best_s'])} at best, "
            f"{time(price['random_s'])} at random"
        )
    return found


def cells(rows: Iterable[Mapping[str, Any]]) -> list[list[object]]:
    """Return header and cells of the table of placements: JobSets that have something to exchange."""
    found: list[list[object]] = [[*HEADER]]
    for row in rows:
        placed = row.get("placement")
        if not placed or placed["allReduce"] is None or placed["domains"] < 2:
            continue
        price = placed["allReduce"]
        tiers = [tier for tier in placed["tiers"] if tier["switches"] > 1]
        found.append(
            [
                row["name"],
                placed["machines"],
                placed["ranks"],
                ", ".join(f"{_count(t['switches'], t['tier'])} of {t['least']}" for t in tiers) or "-",
                ", ".join(f"{t['crossings']} of {t['leastCrossings']}" for t in tiers) or "-",
                _size(price["bytes"]),
                *(time(price[key]) for key in ("here_s", "best_s", "random_s")),
            ]
        )
    return found


def time(seconds: float) -> str:
    """Return seconds in three digits and a unit."""
    return short_duration(round(seconds * SECOND))


def _size(nbytes: float) -> str:
    """Return bytes as Kubernetes writes them."""
    for power, suffix in ((4, "Ti"), (3, "Gi"), (2, "Mi"), (1, "Ki")):
        if nbytes >= 1024**power:
            return f"{nbytes / 1024**power:.4g}{suffix}"
    return f"{nbytes:g}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _times(number: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(number, f"{number} times")
