"""Zones of nodes: how sick one is, and how fast its nodes may be emptied (K-POD-49).

Source: pkg/controller/nodelifecycle/node_lifecycle_controller.go ComputeZoneState, setLimiterInZone.
"""

from __future__ import annotations

from typing import Literal

from jobsim.api._struct import Struct, replace
from jobsim.api.core import Node
from jobsim.api.timing import EVICTION_QPS, REAL, UNHEALTHY_ZONE_NODES_MIN, Timing
from jobsim.units import SECOND

_ZONE_LABELS = ("topology.kubernetes.io/region", "topology.kubernetes.io/zone")
ZoneState = Literal["Initial", "Normal", "PartialDisruption", "FullDisruption"]


class Zone(Struct):
    """A zone's limiter: a token bucket of one; ``qps`` 0 lets nothing pass."""

    state: ZoneState = "Initial"
    qps: float = EVICTION_QPS
    next_token_at: int = 0


def zone_of(node: Node) -> str:
    """Return the zone that a node's evictions are limited in; "" when it has no zone labels."""
    region, zone = (node.metadata.labels.get(key, "") for key in _ZONE_LABELS)
    return f"{region}:{zone}" if region or zone else ""


def zone_state(ready: int, not_ready: int, timing: Timing = REAL) -> ZoneState:
    """Return a zone's state from its counts of nodes (K-POD-49)."""
    if ready == 0 and not_ready > 0:
        return "FullDisruption"
    share = not_ready / max(ready + not_ready, 1)
    if not_ready >= UNHEALTHY_ZONE_NODES_MIN and share >= timing.unhealthy_zone_share:
        return "PartialDisruption"
    return "Normal"


def qps_of(state: ZoneState, size: int, timing: Timing) -> float:
    """Return how many nodes of a zone may be tainted a second; 0: none."""
    if state != "PartialDisruption":
        return timing.eviction_qps
    return timing.eviction_qps_unhealthy if size > timing.large_zone_nodes else 0.0


def swap_limiter(zone: Zone, qps: float, now: int) -> Zone:
    """Change a limiter's rate; one that is empty now stays empty for one period of the new rate."""
    if qps == zone.qps:
        return zone
    empty = zone.qps == 0 or now < zone.next_token_at
    return replace(zone, qps=qps, next_token_at=now + period_ns(qps) if empty and qps else 0)


def period_ns(qps: float) -> int:
    """Return the time between two tokens, ns."""
    return round(SECOND / qps)
