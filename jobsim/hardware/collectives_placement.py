"""What a placement leaves of the network's rate: ring crossings and spreading over up-links.

A tier's switch has ``domains`` scale-up domains below it and an up-link of ``domains / oversubscription``
times a domain's own rate.  What a job sends through it depends on the order of its ranks:

- a ring crosses a switch's up-link once for each ring edge that leaves it: once in rack order, about once
  per domain in random order;
- all-to-all, and whatever pays no heed to racks, sends from h of k domains ``h (k - h) / (k - 1)``.

So the share of its rate that a domain sustains is the up-link over that load, at most 1.

Source: models of collectives, section 2.2.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

from jobsim.errors import InputError
from jobsim.hardware.catalogue.fabric import Tier

Order = Literal["rank", "rack", "random"]
ORDERS: tuple[Order, ...] = ("rank", "rack", "random")
#: The name of a domain's place: its switch of the lowest tier, or one name a tier from the bottom up.
Place = str | int | tuple[str | int, ...]


class Limit(NamedTuple):
    """The share of its scale-out rate that each domain sustains, and the tier that sets it."""

    share: float
    tier: str


class Limits(NamedTuple):
    """Limits by pattern: neighbours in a ring, and everybody with everybody."""

    ring: Limit
    spread: Limit


FREE = Limits(Limit(1.0, ""), Limit(1.0, ""))


class Placement:
    """Where the scale-up domains of a job are, in the order of its ranks.

    Parameters
    ----------
    places : sequence of str, int or tuple
        For each domain its switch of the lowest tier (its rack), or one name per tier, bottom up.
    ranks : int
        Ranks in each domain.
    tiers : sequence of Tier
        The switches, bottom up; as many as the places name.
    oversubscription : float, optional
        Instead of tiers: racks that are as large as the fullest of these, so oversubscribed.
    order : {"rank", "rack", "random"}
        ``rank`` as given; ``rack`` sorted by switch, the best order; ``random`` the expectation over
        all orders.

    Raises
    ------
    InputError
        When there is no domain, a place does not name one switch a tier, or a switch has fewer domains.

    Examples
    --------
    Four racks of two hosts, 2:1 oversubscribed, in turn and in rack order:

    >>> Placement(["a", "b", "a", "b"], ranks=8, oversubscription=2).limits.ring
    Limit(share=0.5, tier='rack')
    >>> Placement(["a", "a", "b", "b"], ranks=8, oversubscription=2).limits.ring
    Limit(share=1.0, tier='')
    """

    __slots__ = ("domains", "limits", "ranks")

    def __init__(
        self,
        places: Sequence[Place],
        *,
        ranks: int,
        tiers: Sequence[Tier] = (),
        oversubscription: float | None = None,
        order: Order = "rank",
    ) -> None:
        if isinstance(places, str) or len(places) == 0:
            raise InputError(f"{places!r} places no domain (one place for each scale-up domain)")
        if ranks < 1:
            raise InputError(f"{ranks} ranks in a domain (1 or more)")
        check_order(order)
        if oversubscription is not None:
            tiers = [_rack(places, tiers, oversubscription)]
        columns = _columns(places, tiers)
        self.domains = len(places)
        self.ranks = ranks
        ring = spread = FREE.ring
        for tier, groups in zip(tiers, columns, strict=True):
            sizes = Counter(groups)
            fullest, most = sizes.most_common(1)[0]
            if most > tier.domains:
                raise InputError(f"{most} domains in {tier.name} {_name(fullest)} (it has {tier.domains})")
            if len(sizes) < 2:
                continue
            uplink = tier.domains / tier.oversubscription
            spreads = {group: expected_crossings(h, self.domains) for group, h in sizes.items()}
            rings = spreads if order == "random" else ring_crossings(_sorted(groups, order))
            ring = min(ring, Limit(uplink / max(rings.values()), tier.name))
            spread = min(spread, Limit(uplink / max(spreads.values()), tier.name))
        self.limits = Limits(ring, spread)


def _rack(places: Sequence[Place], tiers: Sequence[Tier], oversubscription: float) -> Tier:
    """Return racks as large as the fullest that is named."""
    if tiers:
        raise InputError("oversubscription beside tiers (each tier has its own)", path="oversubscription")
    if not 0 < oversubscription < math.inf:
        raise InputError(f"{oversubscription} (above 0; 1 does not block)", path="oversubscription")
    fullest = max(Counter(map(str, places)).values())
    return Tier(name="rack", domains=fullest, oversubscription=oversubscription)


def contiguous(domains: int, tiers: Sequence[Tier], order: Order) -> Limits:
    """Return the limits of a job that fills switch after switch, in O(tiers)."""
    check_order(order)
    ring = spread = FREE.ring
    for tier in tiers:
        if domains <= tier.domains:
            break
        uplink = tier.domains / tier.oversubscription
        # A switch that is filled in part has never more of a load than a full one.
        most = expected_crossings(tier.domains, domains)
        ring = min(ring, Limit(uplink / (most if order == "random" else 1), tier.name))
        spread = min(spread, Limit(uplink / most, tier.name))
    return Limits(ring, spread)


def ring_crossings(groups: Sequence[Place]) -> dict[Place, int]:
    """Return how many edges of the ring through all domains leave each group.

    Examples
    --------
    >>> ring_crossings(["a", "a", "b", "a", "b"])
    {'a': 2, 'b': 2}
    """
    found = dict.fromkeys(groups, 0)
    for i, group in enumerate(groups):
        found[group] += group != groups[(i + 1) % len(groups)]
    return found


def expected_crossings(h: int, domains: int) -> float:
    """Return the expected number of ring edges that leave a group of h of the domains, in random order.

    It is also the load of an all-to-all on the group's up-link, in rates of one domain.
    """
    return h * (domains - h) / (domains - 1) if domains > 1 else 0.0


def depth(places: Sequence[Place]) -> int:
    """Return how many tiers places name, by the first of them."""
    return len(places[0]) if len(places) and isinstance(places[0], tuple | list) else 1


def check_order(order: str) -> None:
    """Raise ``InputError`` unless the order is one that exists."""
    if order not in ORDERS:
        raise InputError(f'"{order}" is no order of ranks ({", ".join(ORDERS)})')


def _columns(places: Sequence[Place], tiers: Sequence[Tier]) -> list[tuple[Place, ...]]:
    """Return the groups of each tier; a switch's name counts below its own switch only."""
    paths = [tuple(place) if isinstance(place, tuple | list) else (place,) for place in places]
    if not tiers:
        return []
    for place, path in zip(places, paths, strict=True):
        if len(path) != len(tiers):
            wanted = ", ".join(tier.name for tier in tiers)
            raise InputError(f"place {place!r} names {len(path)} switches (one of each tier: {wanted})")
    return [tuple(path[i:] for path in paths) for i in range(len(tiers))]


def _name(group: Place) -> str:
    return str(group[0]) if isinstance(group, tuple) else str(group)


def _sorted(groups: Sequence[Place], order: Order) -> Sequence[Place]:
    if order == "rank":
        return groups
    return [group for group, count in Counter(groups).items() for _ in range(count)]
