"""Closed forms of what ASTRA-sim's analytical backends compute: an oracle; nothing is fitted.

A message takes ``hops * latency + bytes / bandwidth``; a switch is two hops, a ring's neighbour and a full
mesh one.  The congestion-aware backend stores and forwards, so a switch also costs the bytes twice.  Several
dimensions: reduce-scatter up, all-reduce on the last, all-gather down (``localBWAware``), or a whole
collective on each in turn (``baseline``).  Splits run one after another.

Source: models of collectives, section 5 (behaviour of astra-sim's system and network layers).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from jobsim.api._struct import Struct, field
from jobsim.hardware.collectives_formulas import ALGORITHMS

_HOPS: Mapping[str, int] = {"Ring": 1, "FullyConnected": 1, "Switch": 2}
_ALGORITHMS: Mapping[str, str] = {
    "ring": "ring",
    "halvingDoubling": "halving-doubling",
    "direct": "direct-mesh",
}


class System(Struct, kw_only=True, forbid_unknown_fields=False):
    """How the system layer was set."""

    splits: int = 1
    active: int = 1
    endpoint_delay: float = field(default=1, name="endpoint_delay")
    opt: str = "localBWAware"


class Vector(Struct, kw_only=True, forbid_unknown_fields=False):
    """One run of ASTRA-sim: bytes are each rank's own, for an all-gather too; GiB/s, ns."""

    backend: str
    topology: tuple[str, ...]
    npus: tuple[int, ...]
    bw: tuple[float, ...] = field(name="bw_GiBps")
    latency: tuple[float, ...] = field(name="lat_ns")
    collective: str
    nbytes: float = field(name="bytes")
    impl: tuple[str, ...]
    system: System = System()
    time_ns: float = field(name="time_ns")
    closed_form_ns: float | None = field(default=-1.0, name="closed_form_ns")

    @property
    def name(self) -> str:
        """Return what tells it from others."""
        shape = "-".join(f"{t}[{n}]" for t, n in zip(self.topology, self.npus, strict=True))
        parts = [self.backend, shape, self.collective, "+".join(self.impl), f"{self.nbytes:g}"]
        return " ".join([*parts, f"x{self.system.splits}", self.system.opt])


def faults(vector: Vector) -> str:
    """Return what is impossible about a vector, or nothing."""
    dims = len(vector.topology)
    if not dims or any(len(each) != dims for each in (vector.npus, vector.bw, vector.latency, vector.impl)):
        return "topology, npus, bw_GiBps, lat_ns and impl differ in length (one entry for each dimension)"
    if min(vector.npus) < 2:
        return f"npus {min(vector.npus)} (2 or more)"
    if min(vector.bw) <= 0 or min(vector.latency) < 0:
        return "bw_GiBps or lat_ns (bandwidths above 0, latencies 0 or more)"
    if not (0 < vector.time_ns < math.inf and 0 <= vector.nbytes < math.inf and vector.system.splits > 0):
        return "bytes, splits or time_ns (above 0)"
    return ""


def covered(vector: Vector) -> bool:
    """Tell whether there is a closed form: not for double binary trees, nor for splits in flight together."""
    return (
        vector.closed_form_ns is not None
        and vector.collective in ("all_reduce", "all_gather", "reduce_scatter", "all_to_all")
        and vector.system.active == 1
        and vector.system.endpoint_delay <= 1
        and all(_known(vector, i) for i in range(len(vector.impl)))
    )


def _known(vector: Vector, i: int) -> bool:
    """Tell whether one dimension has a closed form."""
    impl, topology = vector.impl[i], vector.topology[i]
    if impl not in _ALGORITHMS or topology not in _HOPS:
        return False
    if impl == "ring":
        return True
    if topology == "Ring":
        return False  # Messages to all share the ring's links.
    if impl == "halvingDoubling":
        return vector.collective != "all_to_all" and vector.npus[i] & (vector.npus[i] - 1) == 0
    # Through a switch that queues, only an all-to-all was run.
    queues = vector.backend == "congestion_aware" and topology == "Switch"
    return not queues or vector.collective == "all_to_all"


def predict_ns(vector: Vector) -> float:
    """Return the closed form of a run, ns."""
    op, last = vector.collective.replace("_", "-"), len(vector.npus) - 1
    size = vector.nbytes * (math.prod(vector.npus) if op == "all-gather" else 1) / vector.system.splits
    if op == "all-to-all" or (op == "all-reduce" and vector.system.opt == "baseline"):
        total = sum(_phase(vector, i, op, size) for i in range(last + 1))
    elif op == "all-reduce":
        total = 0.0
        for i in range(last):
            total += 2 * _phase(vector, i, "reduce-scatter", size)
            size /= vector.npus[i]
        total += _phase(vector, last, op, size)
    else:
        total = 0.0
        for i, n in enumerate(vector.npus):
            total += _phase(vector, i, op, size)
            size /= n
    return total * vector.system.splits


def _phase(vector: Vector, i: int, op: str, size: float) -> float:
    """Return one collective on one dimension, ns."""
    n, hops, impl = vector.npus[i], _HOPS[vector.topology[i]], vector.impl[i]
    aware = vector.backend == "congestion_aware"
    steps, share = ALGORITHMS[_ALGORITHMS[impl]][0](op, n)
    times = hops if aware else 1
    if impl == "direct" and aware and hops == 2:
        # All n - 1 messages queue on the sender's one link, the last then crosses the switch.
        share, times = share * n, 1
    return steps * hops * vector.latency[i] + share * times * size / (vector.bw[i] * 2**30) * 1e9
