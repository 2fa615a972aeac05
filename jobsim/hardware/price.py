"""What a job's collectives cost where it is: here, packed as well as can be, and anywhere.

The fabric gives rates and latencies, the topology the share of the line rate that shared up-links leave.

Source: models of networks, sections 2.2 and 4.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from jobsim.api._struct import replace
from jobsim.hardware.collectives import Cost, collective_time, known_fabric
from jobsim.hardware.collectives_torus import Torus
from jobsim.hardware.contention import alone
from jobsim.hardware.slices import wraps
from jobsim.hardware.topology import Topology, placement
from jobsim.hardware.topology.placement import Footprint, Loads
from jobsim.rng import stream

#: Size of the all-reduce that placements are compared by, when a job does not say its own.
USUAL_BYTES = 2**30
#: Random placements that are drawn, the same ones for every job of a size.
DRAWS = 16


class Exchange(NamedTuple):
    """One collective of each step.

    Parameters
    ----------
    op : str
    nbytes : float
        As ``collectives.collective_time``.
    overlap : float
        Share of it that hides behind computing.
    """

    op: str
    nbytes: float
    overlap: float = 0.0


def cost(op: str, nbytes: float, where: Footprint, share: float) -> Cost:
    """Return what a collective of a job costs at a share of its line rate."""
    fabric = known_fabric(where.machine.fabric)
    if fabric.tiers:
        # What its switches leave is in the share: they are the topology's.
        fabric = replace(fabric, tiers=())
    if fabric.kind == "torus":
        return collective_time(op, nbytes, fabric=fabric, placement=_torus(where, fabric.axes), share=share)
    return collective_time(op, nbytes, fabric=fabric, ranks=_group(where, fabric.g), share=share)


def _group(where: Footprint, size: int) -> tuple[int, int]:
    """Return domains and ranks in each; a machine larger than the fabric's domain is several of them."""
    each = next(n for n in range(min(size, where.ranks), 0, -1) if where.ranks % n == 0)
    return where.domains * (where.ranks // each), each


def _torus(where: Footprint, axes: int) -> Torus:
    """Return the slices of a job; part of a slice is a line of chips, which is the worst part to have."""
    shape = where.machine.torus
    if not 0 < len(shape) <= axes or where.ranks != where.machine.domain:
        shape = (where.ranks,)
    return Torus(shape=shape, wraps=wraps(shape), slices=where.domains)


def exposed_s(exchanges: Sequence[Exchange], where: Footprint, share: float) -> float:
    """Return what collectives add to a step, seconds: what no computing hides."""
    return sum((1 - each.overlap) * cost(each.op, each.nbytes, where, share).seconds for each in exchanges)


def demands(topology: Topology, where: Footprint, exchanges: Sequence[Exchange]) -> Loads:
    """Return what a job's collectives put on each up-link at its full rate, GB/s: the most of any."""
    found: Loads = {}
    patterns = dict.fromkeys(each.op == "all-to-all" for each in exchanges)
    for everybody in patterns:
        for link, load in placement.loads(topology, where, everybody=everybody).items():
            found[link] = max(load, found.get(link, 0.0))
    return found


def most(where: Footprint) -> float:
    """Return the share of its line rate that a job's domains can use; below 1 where the fabric caps it."""
    cap = known_fabric(where.machine.fabric).nic_cap if where.machine.fabric else 0.0
    return min(1.0, cap / where.rate) if cap and where.rate else 1.0


class Tier(NamedTuple):
    """What a placement touches of one tier of switches, and the least that it could."""

    name: str
    switches: int
    least: int
    crossings: int
    least_crossings: int


class Score(NamedTuple):
    """What a placement costs.

    Parameters
    ----------
    machines, domains, ranks : int
        Machines, scale-up domains, and ranks in all.
    tiers : tuple of Tier
        From the racks outwards; those with one switch say nothing and are left out.
    fabric : str
        Empty: unknown, then there are no times.
    nbytes : float
        Size of the all-reduce.
    here_s, best_s, random_s : float
        It here, with the job packed into few switches in rank order, and on the mean of random placements.
    algorithm, bottleneck : str
        Of the one here.
    """

    machines: int
    domains: int
    ranks: int
    tiers: tuple[Tier, ...]
    fabric: str = ""
    nbytes: float = 0.0
    here_s: float = 0.0
    best_s: float = 0.0
    random_s: float = 0.0
    algorithm: str = ""
    bottleneck: str = ""

    def row(self) -> Mapping[str, Any]:
        """Return it as plain data."""
        times: dict[str, Any] | None = None
        if self.fabric:
            times = {
                "bytes": int(self.nbytes),
                "here_s": self.here_s,
                "best_s": self.best_s,
                "random_s": self.random_s,
                "algorithm": self.algorithm,
                "bottleneck": self.bottleneck,
            }
        return {
            "machines": self.machines,
            "domains": self.domains,
            "ranks": self.ranks,
            "tiers": [
                {
                    "tier": tier.name,
                    "switches": tier.switches,
                    "least": tier.least,
                    "crossings": tier.crossings,
                    "leastCrossings": tier.least_crossings,
                }
                for tier in self.tiers
            ],
            "fabric": self.fabric,
            "allReduce": times,
        }


def score(topology: Topology, where: Footprint, nbytes: float = USUAL_BYTES) -> Score:
    """Return what a placement costs, alone on the network."""
    packed = placement.best(topology, where)
    found = Score(
        machines=where.machines,
        domains=where.domains,
        ranks=where.total,
        tiers=tuple(_tiers(topology, where, packed)),
    )
    if not where.machine.fabric:
        return found

    def price(at: Footprint, loads: Loads) -> Cost:
        return cost("all-reduce", nbytes, at, alone(loads, topology.links, most(at)))

    here = price(where, placement.loads(topology, where))
    best = price(packed, placement.loads(topology, packed))
    drawn = (placement.anywhere(topology, where, stream(0, "placement", i).permutation) for i in range(DRAWS))
    anywhere = [price(at, placement.loads(topology, at)).seconds for at in drawn]
    return found._replace(
        fabric=known_fabric(where.machine.fabric).name,
        nbytes=nbytes,
        here_s=here.seconds,
        best_s=min(best.seconds, here.seconds),
        random_s=sum(anywhere) / DRAWS,
        algorithm=here.algorithm,
        bottleneck=_bottleneck(topology, where, here),
    )


def _bottleneck(topology: Topology, where: Footprint, here: Cost) -> str:
    """Return what takes longest: the tier whose up-links hold the adapters back, where one does."""
    asked = placement.loads(topology, where)
    share, link = min(((float(topology.links[n]) / load, n) for n, load in asked.items()), default=(1.0, 0))
    if here.bottleneck not in ("nic", "dcn") or share >= most(where):
        return here.bottleneck
    for level in topology.levels:
        if link < len(level.names):
            break
        link -= len(level.names)
    return level.name


def _tiers(topology: Topology, where: Footprint, packed: Footprint) -> list[Tier]:
    found = []
    for level in topology.levels:
        if len(level.names) > 1:
            touched = [len(set(level.of_host[each.hosts].tolist())) for each in (where, packed)]
            crossed = [int(placement.crossings(level, each.hosts).sum()) for each in (where, packed)]
            found.append(Tier(level.name, touched[0], touched[1], crossed[0], crossed[1]))
    return found
