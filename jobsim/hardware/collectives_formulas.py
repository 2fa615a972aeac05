"""Textbook costs of collectives: how many steps, and how many bytes a rank sends, for n equal ranks.

An algorithm takes ``steps * alpha + share * nbytes / rate``: Hockney's model, which is LogGP with
alpha = L + 2o and 1 / rate = G.  ``nbytes`` is the whole buffer: the gathered one of an all-gather, the one
before a reduce-scatter, what a rank sends in an all-to-all (nccl-tests' "size").

Sources: Thakur, Rabenseifner, Gropp, Optimization of Collective Communication Operations in MPICH (2005);
Sanders, Speck, Träff, Two-tree algorithms for full bandwidth broadcast, reduction and scan (2009);
bus-bandwidth factors: nccl-tests doc/PERFORMANCE.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

OPS = (
    "all-reduce",
    "all-gather",
    "reduce-scatter",
    "all-to-all",
    "broadcast",
    "reduce",
    "send-recv",
)


class Steps(NamedTuple):
    """What one rank does.

    Parameters
    ----------
    steps : float
        Messages one after another.
    share : float
        Bytes that it sends, as a share of the buffer.
    """

    steps: float
    share: float


def ring(op: str, n: int) -> Steps:
    """Return the cost of a ring of n ranks; an all-to-all passes every block on, neighbour by neighbour."""
    if op == "all-reduce":
        return Steps(2 * (n - 1), 2 * (n - 1) / n)
    if op == "all-to-all":
        return Steps(n * (n - 1) / 2, (n - 1) / 2)
    return Steps(n - 1, (n - 1) / n)


def halving_doubling(op: str, n: int) -> Steps:
    """Return the cost of recursive halving and doubling; n is a power of two."""
    rounds = math.log2(n)
    if op == "all-reduce":
        return Steps(2 * rounds, 2 * (n - 1) / n)
    return Steps(rounds, (n - 1) / n)


def direct(op: str, n: int) -> Steps:
    """Return the cost of everybody sending to everybody at once, over one port each."""
    times = 2 if op == "all-reduce" else 1
    return Steps(times, times * (n - 1) / n)


def direct_mesh(op: str, n: int) -> Steps:
    """Return the cost of ``direct`` where every pair has a link of its own."""
    times = 2 if op == "all-reduce" else 1
    return Steps(times, times / n)


#: By name; which operations each knows.
ALGORITHMS: Mapping[str, tuple[Callable[[str, int], Steps], tuple[str, ...]]] = {
    "ring": (ring, OPS[:4]),
    "halving-doubling": (halving_doubling, OPS[:3]),
    "direct": (direct, OPS[:4]),
    "direct-mesh": (direct_mesh, OPS[:4]),
}


_FEW = (0.0, 0.0, 1.0, 4 / 3)


def tree_bytes(domains: int) -> float:
    """Return what a domain's network carries in a double binary tree all-reduce, as a share of the buffer.

    With two domains each sends the buffer once, with three 4/3 times, with more twice: up and down.

    Source: models of collectives, section 2; two hosts reach more than the wire's rate because of it.
    """
    return 2.0 if domains > 3 else _FEW[domains]


def in_network_wire(busbw: float, domain: int) -> float:
    """Return the rate of an accelerator's link that an in-network all-reduce of a whole domain implies.

    The switch reduces, so a rank moves only ``nbytes * (1 + 1/n)`` each way: a group of m of the domain
    reaches the bus bandwidth ``2 (m-1)/(m+1) * wire``.
    """
    return busbw * (domain + 1) / (2 * (domain - 1))


def bus_factor(op: str, n: int) -> float:
    """Return bus bandwidth over algorithm bandwidth (``nbytes / seconds``) for n ranks.

    Examples
    --------
    >>> bus_factor("all-reduce", 8), bus_factor("all-gather", 8), bus_factor("broadcast", 8)
    (1.75, 0.875, 1.0)
    """
    if op == "all-reduce":
        return 2 * (n - 1) / n
    return (n - 1) / n if op in OPS[1:4] else 1.0
