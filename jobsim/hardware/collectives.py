"""What a collective costs on a fabric: the public question, its answer, and the memo of answers.

The cost is affine in the bytes for each algorithm, and the cheapest algorithm is taken.  No answer depends on
an earlier one: the memo of this module only saves time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from operator import index
from typing import Any, NamedTuple

from jobsim.errors import InputError
from jobsim.hardware.catalogue.fabric import Fabric, fabrics, faults
from jobsim.hardware.catalogue.names import UnknownName, unknown
from jobsim.hardware.collectives_formulas import OPS, bus_factor
from jobsim.hardware.collectives_line import Choose, Line
from jobsim.hardware.collectives_placement import FREE, Limits, Order, Place, Placement, contiguous, depth
from jobsim.hardware.collectives_switched import BY_NAME, ask, choice, switched_lines
from jobsim.hardware.collectives_torus import Torus, check_torus, torus, torus_line

#: Answers that are kept; then all are forgotten.
_KEPT = 50_000


class Cost(NamedTuple):
    """What one collective costs.

    Parameters
    ----------
    seconds : float
        ``latency_s + bandwidth_s``.
    algorithm : str
        The cheapest one.
    latency_s, bandwidth_s : float
        What does not depend on the bytes, and what is proportional to them.
    bottleneck : str
        ``latency``, or the link that takes longest: ``scale-up``, ``nic``, a tier's name, ``link``,
        ``bisection``, ``dcn``; ``none`` for a rank alone.
    """

    seconds: float
    algorithm: str
    latency_s: float
    bandwidth_s: float
    bottleneck: str


class Group(NamedTuple):
    """Who takes part: so many scale-up domains with so many ranks each, or a torus."""

    domains: int
    ranks: int
    limits: Limits = FREE
    torus: Torus | None = None

    @property
    def size(self) -> int:
        """Return the number of all ranks."""
        return self.domains * self.ranks


def collective_time(
    op: str,
    nbytes: float,
    *,
    fabric: str | Fabric,
    ranks: int | tuple[int, ...] | None = None,
    placement: Placement | Torus | Sequence[Place] | None = None,
    order: Order = "rank",
    share: float = 1.0,
    algorithm: str | None = None,
) -> Cost:
    """Return what a collective costs.

    Parameters
    ----------
    op : str
        ``all-reduce``, ``all-gather``, ``reduce-scatter``, ``all-to-all``, ``broadcast``, ``reduce`` or
        ``send-recv`` (also with underscores).
    nbytes : float
        The whole buffer, bytes: the gathered one of an all-gather, the one before a reduce-scatter, what
        each rank sends in an all-to-all.
    fabric : str or Fabric
        A name of the catalogue, or a fabric of one's own.
    ranks : int or tuple of int
        Accelerators, which fill switch after switch; or (domains, ranks in each); on a torus the
        chips or the slice's shape.
    placement : Placement, Torus or sequence
        Instead: where they are.  A sequence names the switch of each (full) domain, in rank order.
    order : {"rank", "rack", "random"}
        As placed, sorted by switch, or the expectation over all orders.
    share : float
        Share of its scale-out rate that a domain sustains beside other jobs, in (0, 1].
    algorithm : str, optional
        This one instead of the cheapest: also ``hierarchical``, ``halving-doubling`` and ``direct``.

    Raises
    ------
    InputError
        For unknown names, ranks that do not divide, impossible numbers.

    Examples
    --------
    >>> cost = collective_time("all-reduce", 2**30, ranks=64, fabric="ib_h100")
    >>> f"{cost.seconds * 1e3:.2f} ms, {cost.algorithm}, bound by {cost.bottleneck}"
    '5.81 ms, nvls-tree, bound by nic'
    >>> collective_time("all-reduce", 2**30, ranks=1, fabric="ib_h100").seconds
    0.0
    """
    key = (op, nbytes, ranks, placement, fabric, order, share, algorithm)
    try:
        cost = _MEMO.costs.get(key)
    except TypeError:  # A list is no key.
        return _price(_choice(op, ranks, placement, fabric, order, share, algorithm), nbytes)
    if cost is not None:
        return cost
    return _MEMO.keep(key, nbytes)


class _Memo:
    """Answers given, and the catalogue, read once."""

    def __init__(self) -> None:
        self.costs: dict[object, Cost] = {}
        self.choices: dict[object, list[Line]] = {}
        self.catalogue: Mapping[str, Fabric] = {}
        self.checked: dict[Fabric, None] = {}

    def keep(self, key: tuple[Any, ...], nbytes: float) -> Cost:
        """Return the answer to a new question; sizes of one group share what there is to choose from."""
        asked = (key[0], *key[2:])
        found = self.choices.get(asked)
        if found is None:
            found = self.choices[asked] = _choice(*asked)
        if len(self.costs) >= _KEPT:
            self.costs.clear()
            self.choices.clear()
            self.checked.clear()
        cost = self.costs[key] = _price(found, nbytes)
        return cost


_MEMO = _Memo()


def _choice(
    op: str,
    ranks: int | tuple[int, ...] | None,
    placement: Placement | Torus | Sequence[Place] | None,
    fabric: str | Fabric,
    order: Order,
    share: float,
    algorithm: str | None,
) -> list[Line]:
    """Return what there is to choose from; nothing for a rank alone."""
    op = known_op(op)
    check_share(share)
    fabric = known_fabric(fabric)
    group = group_of(fabric, ranks, placement, order)
    return lines(op, fabric, group, share, algorithm) if group.domains * group.ranks > 1 else []


def _price(found: Sequence[Line], nbytes: float) -> Cost:
    """Return what the cheapest costs at a size."""
    if not _between(nbytes, 0, math.inf):
        raise InputError(f"{nbytes} bytes (one number, 0 or more)", path="nbytes")
    if not found:
        return Cost(0.0, "none", 0.0, 0.0, "none")
    best = cheapest(found, nbytes)
    bandwidth_s = best.per_byte_s * nbytes
    name = "latency" if best.latency_s > bandwidth_s else slowest_link(best)
    return Cost(best.latency_s + bandwidth_s, best.algorithm, best.latency_s, bandwidth_s, name)


def slowest_link(line: Line) -> str:
    """Return the name of the link that takes longest; of equal ones the first."""
    name, longest = line.parts[0]
    for other, cost in line.parts[1:]:
        if cost > longest:
            name, longest = other, cost
    return name


def cheapest(found: Sequence[Line], nbytes: float) -> Line:
    """Return the line that is lowest at a size; of equal ones the first."""
    best = found[0]
    if len(found) > 1:
        cost = best.latency_s + best.per_byte_s * nbytes
        for line in found[1:]:
            other = line.latency_s + line.per_byte_s * nbytes
            if other < cost:
                best, cost = line, other
    return best


def lines(
    op: str,
    fabric: Fabric,
    group: Group,
    share: float,
    algorithm: str | None = None,
    bounds: tuple[Choose, Choose] = (min, max),
) -> list[Line]:
    """Return what there is to choose from; ``share`` may be an array, with numpy's bounds."""
    if group.torus is not None:
        line = torus_line(fabric, op, group.torus, share)
        if algorithm not in (None, line.algorithm):
            raise InputError(f'"{algorithm}" (a torus does {op} by {line.algorithm})', path="algorithm")
        return [line]
    query = ask(fabric, op, (group.domains, group.ranks), group.limits, share, bounds)
    if algorithm is None:
        return switched_lines(query, choice(query))
    if algorithm not in BY_NAME[op]:
        text = f'no algorithm "{algorithm}" for {op} ({", ".join(BY_NAME[op])})'
        raise InputError(text, path="algorithm")
    found = switched_lines(query, (algorithm,))
    if not found:
        text = f"{algorithm} is not for {group.domains} domains of {group.ranks} on {fabric.name}"
        usable = [line.algorithm for line in switched_lines(query, BY_NAME[op])]
        raise InputError(f"{text} ({', '.join(usable)})", path="algorithm")
    return found


def group_of(
    fabric: Fabric,
    ranks: int | tuple[int, ...] | None,
    placement: Placement | Torus | Sequence[Place] | None,
    order: Order = "rank",
) -> Group:
    """Return who takes part; raises ``InputError`` when ranks do not divide over domains."""
    if (ranks is None) == (placement is None):
        raise InputError("either ranks or a placement (one of the two)", path="ranks")
    if fabric.kind == "torus":
        if placement is not None and not isinstance(placement, Torus):
            raise InputError(f"{fabric.name} is a torus (a Torus, or ranks)", path="placement")
        at = placement or torus(fabric, _positive(ranks))
        check_torus(at, fabric)
        return Group(at.slices, at.chips, FREE, at)
    if isinstance(placement, Torus):
        raise InputError(f"{fabric.name} is no torus (a Placement, or names of switches)", path="placement")
    if isinstance(placement, Placement):
        _check_domain(fabric, placement.ranks, "placement")
        if order != "rank":
            raise InputError(f'"{order}" beside a Placement (it has an order of its own)', path="order")
        return Group(placement.domains, placement.ranks, placement.limits)
    if placement is not None:
        placed = Placement(placement, ranks=fabric.g, tiers=fabric.tiers[: depth(placement)], order=order)
        return Group(placed.domains, placed.ranks, placed.limits)
    domains, each = _split(fabric, _positive(ranks))
    if fabric.size and isinstance(ranks, int) and ranks > fabric.size:
        raise InputError(f"{ranks} ranks ({fabric.name} has {fabric.size})", path="ranks")
    return Group(domains, each, contiguous(domains, fabric.tiers, order) if domains > 1 else FREE)


def _positive(ranks: int | tuple[int, ...] | None) -> int | tuple[int, ...]:
    """Return ranks that are whole numbers above 0."""
    if type(ranks) is int and ranks > 0:
        return ranks
    found = []
    for number in ranks if isinstance(ranks, tuple | list) else (ranks,):
        try:
            whole = index(number)  # type: ignore[arg-type]
        except TypeError:
            whole = 0
        if whole < 1:
            raise InputError(f"{number} ranks (a whole number above 0)", path="ranks")
        found.append(whole)
    return tuple(found) if isinstance(ranks, tuple | list) else found[0]


def _check_domain(fabric: Fabric, ranks: int, path: str) -> None:
    """Raise ``InputError`` when a domain has fewer accelerators."""
    if ranks > fabric.g:
        raise InputError(f"{ranks} ranks in a domain (at most {fabric.g} on {fabric.name})", path=path)


def _split(fabric: Fabric, ranks: int | tuple[int, ...]) -> tuple[int, int]:
    """Return the domains that so many ranks fill, and the ranks in each."""
    if isinstance(ranks, tuple):
        if len(ranks) != 2:
            raise InputError(f"{ranks} (domains, and ranks in each)", path="ranks")
        _check_domain(fabric, ranks[1], "ranks")
        return ranks
    if ranks <= fabric.g:
        return 1, ranks
    if ranks % fabric.g:
        text = f"{ranks} ranks do not divide into domains of {fabric.g} ((domains, ranks in each) says how)"
        raise InputError(text, path="ranks")
    return ranks // fabric.g, fabric.g


def known_op(op: str) -> str:
    """Return an operation's own spelling; raises ``InputError`` with all that there are."""
    name = str(op).replace("_", "-").lower()
    if name not in OPS:
        raise InputError(str(unknown("collective", str(op), OPS)), path="op")
    return name


def known_fabric(fabric: str | Fabric) -> Fabric:
    """Return a fabric whose numbers are possible; raises ``InputError``."""
    if not isinstance(fabric, str):
        if not isinstance(fabric, Fabric):
            raise InputError(f"{fabric!r} is no fabric (a name of the catalogue, or a Fabric)", path="fabric")
        if fabric not in _MEMO.checked:
            for name, text in faults(fabric):
                raise InputError(text, path=f"fabric.{name}")
            _MEMO.checked[fabric] = None
        return fabric
    if not _MEMO.catalogue:
        _MEMO.catalogue = fabrics()
    try:
        return _MEMO.catalogue[fabric]
    except KeyError:
        pass
    error: UnknownName = unknown("fabric", fabric, _MEMO.catalogue)
    raise InputError(str(error), path="fabric")


def check_share(share: float) -> None:
    """Raise ``InputError`` unless a share is in (0, 1]."""
    if not (_between(share, 0, 1) and share > 0):
        raise InputError(f"a share of {share} (above 0, at most 1)", path="share")


def _between(number: float, low: float, high: float) -> bool:
    """Tell whether something is one finite number in a range."""
    try:
        return bool(low <= number <= high) and number != math.inf
    except (TypeError, ValueError):
        return False


def bus_bandwidth(op: str, nbytes: float, ranks: int, seconds: float) -> float:
    """Return nccl-tests' bus bandwidth, bytes a second."""
    return bus_factor(known_op(op), ranks) * nbytes / seconds
