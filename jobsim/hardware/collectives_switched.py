"""Collectives among scale-up domains (NVLink islands) joined by a switched network of NICs.

``domains`` times ``ranks`` each.  Inside a domain the rate is ``nvl``, outside it ``nic`` a rank, on as many
rails as the domain has ranks.  A domain sends at most ``nic_cap``.  Phases inside and outside are pipelined;
``serial`` of the shorter one shows.

Sources: models of collectives, sections 2 and 4 (Hockney; the constants and the choice are NCCL's,
``src/graph/tuning.cc``); in-network reduction moves ``1 + 1/n`` of the buffer, not ``2 (n-1)/n``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from jobsim.api._struct import Struct
from jobsim.hardware.catalogue.fabric import Fabric
from jobsim.hardware.collectives_formulas import ALGORITHMS, in_network_wire, tree_bytes
from jobsim.hardware.collectives_line import GB, US, Choose, Line
from jobsim.hardware.collectives_placement import Limits

#: What can be asked for by name.
BY_NAME: Mapping[str, tuple[str, ...]] = {
    "all-reduce": ("ring", "nvls", "tree", "nvls-tree", "hierarchical", "halving-doubling", "direct"),
    "all-gather": ("ring", "hierarchical", "halving-doubling", "direct"),
    "reduce-scatter": ("ring", "hierarchical", "halving-doubling", "direct"),
    "all-to-all": ("pairwise",),
    "broadcast": ("chain", "tree"),
    "reduce": ("chain", "tree"),
    "send-recv": ("direct",),
}


def choice(query: Query) -> tuple[str, ...]:
    """Return what the library chooses from: the cheapest of these is taken.

    Source: models of collectives, section 4.2 (NCCL's own choice is a table of each release).
    """
    if query.op != "all-reduce":
        return ("chain", "tree") if query.op in ("broadcast", "reduce") else BY_NAME[query.op][:1]
    if query.domains == 1:
        return ("ring", "nvls") if query.wire else ("ring",)
    return ("ring", "nvls-tree") if query.wire else ("ring", "tree")


class Query(Struct, kw_only=False):
    """One question: who takes part, and what the network leaves them.

    Parameters
    ----------
    fabric : Fabric
    op : str
    domains, ranks : int
        Scale-up domains, and ranks in each.
    limits : Limits
        What the placement leaves.
    share : float
        What other jobs leave (or an array).
    low, high : callable
        ``min`` and ``max``, or numpy's.
    net : float
        What a byte costs that a domain sends round a ring, on all its rails, s.
    net_name : str
        What sets that.
    wire : float
        Link rate of the in-network reduction, GB/s; 0 where the group has none.
    """

    fabric: Fabric
    op: str
    domains: int
    ranks: int
    limits: Limits
    share: float
    low: Choose
    high: Choose
    net: float
    net_name: str
    wire: float


def ask(
    fabric: Fabric,
    op: str,
    size: tuple[int, int],
    limits: Limits,
    share: float,
    bounds: tuple[Choose, Choose] = (min, max),
) -> Query:
    """Return a question about ``(domains, ranks in each)``; ``share`` may be an array with numpy's bounds."""
    domains, ranks = size
    low, high = bounds
    limit = limits.ring
    net = _net(fabric, ranks, limit.share, share, low) if domains > 1 else 0.0
    wire = 0.0
    if fabric.nvls and ranks >= max(fabric.nvls_min, 2):
        wire = in_network_wire(fabric.nvls, fabric.g)
    return Query(fabric, op, domains, ranks, limits, share, low, high, net, limit.tier or "nic", wire)


def switched_lines(query: Query, names: tuple[str, ...]) -> list[Line]:
    """Return the cost of each named algorithm that this group can use."""
    found = []
    for name in names:
        line = _MAKERS[name](query)
        if line is not None:
            found.append(line)
    return found


def _net(fabric: Fabric, ranks: int, limit: float, share: float, low: Choose) -> float:
    """Return the cost of a byte that a domain sends to others, on all its rails, s."""
    rate = ranks * fabric.nic * fabric.eff_net * low(share, limit)
    if fabric.nic_cap:
        rate = low(rate, fabric.nic_cap)
    return 1 / (rate * GB)


def _spread(query: Query) -> float:
    """Return the cost of a byte that one rank sends to all others, s: many flows, one rail."""
    fabric = query.fabric
    rate = fabric.nic * (fabric.eff_a2a if query.op == "all-to-all" else fabric.eff_net)
    return 1 / (rate * query.low(query.share, query.limits.spread.share) * GB)


def _latency(query: Query, times: int, outside: int) -> float:
    """Return the latency of a ring that is gone round so many times, each with steps outside."""
    fabric, n = query.fabric, query.domains * query.ranks
    steps, out = times * (n - 1), times * outside
    return (fabric.a0 + (steps - out) * fabric.a_nvl + out * fabric.a_net) * US


def _ring(query: Query) -> Line:
    """Ring through all ranks; it enters and leaves each domain once on every rail."""
    n = query.domains * query.ranks
    times = 2 if query.op == "all-reduce" else 1
    share = times * (n - 1) / n
    latency = _latency(query, times, query.domains - 1)
    inside = share / (query.fabric.nvl * GB)
    if query.domains == 1:
        return Line("ring", latency, inside, (("scale-up", inside),))
    outside = share * query.net
    if query.ranks == 1:
        return Line("ring", latency, outside, ((query.net_name, outside),))
    parts = (("scale-up", inside), (query.net_name, outside))
    return Line("ring", latency, query.high(inside, outside), parts)


def _nvls(query: Query) -> Line | None:
    if not query.wire or query.domains > 1:
        return None
    cost = (1 + 1 / query.ranks) / (query.wire * GB)
    return Line("nvls", (query.fabric.a0 + query.fabric.a_nvls) * US, cost, (("scale-up", cost),))


def _tree(query: Query) -> Line | None:
    """Double binary tree over domains, a chain inside each."""
    fabric = query.fabric
    if query.domains == 1:
        return None
    times = 1 if query.op in ("broadcast", "reduce") else 2
    levels = times * math.log2(query.domains)
    latency = (fabric.a0 + times * (query.ranks - 1) * fabric.a_nvl + levels * fabric.a_hop) * US
    if times == 1:
        return _overlapped(query, "tree", latency, 1 / (fabric.nvl * GB), 1.0)
    share = 2 * (query.ranks - 1) / query.ranks
    return _overlapped(query, "tree", latency, share / (fabric.nvl * GB), tree_bytes(query.domains))


def _nvls_tree(query: Query) -> Line | None:
    """In-network reduction inside each domain, a double binary tree over them."""
    if not query.wire or query.domains == 1:
        return None
    fabric = query.fabric
    latency = (fabric.a0 + fabric.a_nvls + 2 * math.log2(query.domains) * fabric.a_hop) * US
    inside = (1 + 1 / query.ranks) / (query.wire * GB)
    return _overlapped(query, "nvls-tree", latency, inside, tree_bytes(query.domains))


def _overlapped(query: Query, name: str, latency_s: float, inside: float, carried: float) -> Line:
    """Return the line of two pipelined phases, inside the domains and between them."""
    if query.ranks == 1:
        inside = 0.0
    outside = carried * query.net
    cost = query.high(inside, outside)
    if query.fabric.serial:
        cost = cost + query.fabric.serial * query.low(inside, outside)
    return Line(name, latency_s, cost, (("scale-up", inside), (query.net_name, outside)))


def _hierarchical(query: Query) -> Line | None:
    """Reduce-scatter inside, the collective between domains on every rail, all-gather inside."""
    fabric, k, g = query.fabric, query.domains, query.ranks
    if k == 1 or g == 1:
        return None
    times = 2 if query.op == "all-reduce" else 1
    latency = (fabric.a0 + times * ((g - 1) * fabric.a_nvl + (k - 1) * fabric.a_net)) * US
    inside = times * (g - 1) / g / (fabric.nvl * GB)
    return _overlapped(query, "hierarchical", latency, inside, times * (k - 1) / k)


def _halving_doubling(query: Query) -> Line | None:
    """Recursive halving and doubling, inside the domains first, so that little goes outside."""
    fabric, k, g = query.fabric, query.domains, query.ranks
    if k & (k - 1) or g & (g - 1):
        return None
    algorithm = ALGORITHMS["halving-doubling"][0]
    near, far = algorithm(query.op, g), algorithm(query.op, k)
    latency = (fabric.a0 + near.steps * fabric.a_nvl + far.steps * fabric.a_net) * US
    inside = near.share / (fabric.nvl * GB)
    if k == 1:
        return Line("halving-doubling", latency, inside, (("scale-up", inside),))
    outside = far.share * _spread(query) / g
    # Each exchange ends before the next begins: nothing overlaps.
    parts = (("scale-up", inside), (query.limits.spread.tier or "nic", outside))
    return Line("halving-doubling", latency, inside + outside, parts)


def _direct(query: Query) -> Line | None:
    """Everybody to everybody at once; one message for send-recv."""
    fabric, k, g = query.fabric, query.domains, query.ranks
    alpha = (fabric.a_net if k > 1 else fabric.a_nvl) * US
    if query.op == "send-recv":
        # One rank has one NIC, whatever its domain has.
        cost = query.net * g if k > 1 else 1 / (fabric.nvl * GB)
        name = query.net_name if k > 1 else "scale-up"
        return Line("direct", fabric.a0 * US + alpha, cost, ((name, cost),))
    n = k * g
    times = ALGORITHMS["direct"][0](query.op, n).steps
    return _exchange(query, "direct", fabric.a0 * US + times * alpha, times)


def _pairwise(query: Query) -> Line:
    """All-to-all: to each peer in turn, inside and outside at the same time."""
    fabric, outside = query.fabric, query.domains * query.ranks - query.ranks
    fixed = fabric.a_a2a + fabric.a_peer * outside if outside else fabric.a_nvl
    return _exchange(query, "pairwise", (fabric.a0 + fixed) * US, 1)


def _exchange(query: Query, name: str, latency_s: float, times: float) -> Line:
    """Return the line of an exchange among all pairs, each 1/n of the buffer."""
    k, g = query.domains, query.ranks
    n = k * g
    inside = times * (g - 1) / n / (query.fabric.nvl * GB)
    if k == 1:
        return Line(name, latency_s, inside, (("scale-up", inside),))
    outside = times * (n - g) / n * _spread(query)
    parts = (("scale-up", inside), (query.limits.spread.tier or "nic", outside))
    return Line(name, latency_s, query.high(inside, outside), parts)


def _chain(query: Query) -> Line:
    """Broadcast and reduce: a pipeline through all ranks."""
    latency = _latency(query, 1, query.domains - 1)
    inside = 1 / (query.fabric.nvl * GB)
    if query.domains == 1:
        return Line("chain", latency, inside, (("scale-up", inside),))
    parts = (("scale-up", inside if query.ranks > 1 else 0.0), (query.net_name, query.net))
    return Line("chain", latency, query.high(parts[0][1], query.net), parts)


_MAKERS: Mapping[str, Callable[[Query], Line | None]] = {
    "ring": _ring,
    "tree": _tree,
    "nvls": _nvls,
    "nvls-tree": _nvls_tree,
    "hierarchical": _hierarchical,
    "halving-doubling": _halving_doubling,
    "direct": _direct,
    "pairwise": _pairwise,
    "chain": _chain,
}
