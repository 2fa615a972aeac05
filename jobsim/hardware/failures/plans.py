"""Plans of failures: what happens again and again to the machines of a fleet.

Times are int nanoseconds.  ``key`` names a plan for its random streams: it is made from what the plan
says it is about, never from its place in a list, so that a plan more or less moves no other draw.
"""

from __future__ import annotations

from typing import Literal

from jobsim.api._struct import Struct
from jobsim.laws import ZERO, Law

Effect = Literal[
    "pod-fails",
    "crash",
    "lose",
    "drain",
    "shutdown",
    "memory-pressure",
    "disk-pressure",
    "pid-pressure",
    "degrade",
    "degrade-link",
]
#: Effects with a factor: what is slow goes on, and nobody has to notice.
SLOWING = ("degrade", "degrade-link")
Clock = Literal["calendar", "exposure"]


class Fault(Struct, kw_only=True):
    """How a failure shows.

    Parameters
    ----------
    effect : Effect
        pod-fails: containers end; crash: the node goes dark; lose: its Node object goes; drain: it is
        cordoned and its pods are evicted; degrade: it computes more slowly; degrade-link: its links
        upwards carry less; shutdown: it goes dark with notice;
        memory-, disk-, pid-pressure: its kubelet evicts a pod.
    cause : str
        What a result blames.
    factor : float
        Of degrade: speed that is left (0.7: what machines do in a step takes 1/0.7 as long); of
        degrade-link: the share of the line rate.
    exit_code, reason :
        Of pod-fails.
    detect : Law
        From the fault to its effect; meanwhile the gang hangs (not before drain and degrade).
    repair : Law or None
        From the effect until the entity works again; None: never.  Of pod-fails: a node is cordoned
        until then.
    in_place : float or None
        Share that a restart of the containers cures: a curable fault of a node fails the containers of its
        pods instead; one of pods that is not fails them for good.  None: those of pods are all curable,
        those of nodes are not.
    """

    effect: Effect
    cause: str = ""
    factor: float = 1.0
    exit_code: int = 1
    reason: str = ""
    detect: Law = ZERO
    repair: Law | None = None
    in_place: float | None = None


class Process(Struct, kw_only=True):
    """Every entity of a kind fails, is repaired and fails again.

    Parameters
    ----------
    key : str
    per : str
        accelerator, node, link, rack, block, or the key of a node label whose values are the entities.
    law : Law
        From the start, or from the last repair, to the next failure of one entity.
    clock : {"calendar", "exposure"}
        exposure: the time counts only while a pod runs there.
    pool : str
        Only nodes of this pool; "" means all.
    lemon_share, lemon_factor : float
        That share of the nodes fails so many times as often.
    """

    key: str
    per: str
    law: Law
    fault: Fault
    clock: Clock = "calendar"
    pool: str = ""
    lemon_share: float = 0.0
    lemon_factor: float = 1.0


class Maintenance(Struct, kw_only=True):
    """Every so often the next nodes of a pool are cordoned, drained after a notice, and given back."""

    key: str
    every: int
    duration: int
    nodes: int = 1
    notice: int = 0
    pool: str = ""


class Spot(Struct, kw_only=True):
    """From time to time a share of a pool is reclaimed: notice and drain, then the nodes are gone."""

    key: str
    pool: str
    law: Law
    share: float = 1.0
    notice: int = 0
    back: Law | None = None


class Stragglers(Struct, kw_only=True):
    """A share of the nodes takes so many times as long for a step, from the beginning."""

    share: float
    factor: float
    pool: str = ""


class TracedFault(Struct, kw_only=True):
    """One row of a trace: a fault of an entity at a time, and when it was over (None: never).

    ``entity`` is the name of a node, rack or block, or a number: the n-th node of the fleet.
    """

    at: int
    entity: str | int
    fault: Fault
    until: int | None = None


Plan = Process | Maintenance | Spot | Stragglers
