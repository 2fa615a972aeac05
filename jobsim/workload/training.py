"""Training: what a gang of pods does between interruptions, in closed form.

A gang steps only while it is whole.  Between two checkpoints nothing happens that anybody could
see, so a run of steps is one interval: its length, and how many whole steps fit before a given
instant, are arithmetic.  Work done survives in the last *usable* checkpoint.

Source: the Scenario file's section *workloads*; Young 1974 and Daly 2006 for the words
(interval, write cost, restart cost, rework).
"""

from __future__ import annotations

from typing import Literal

from jobsim.api._struct import Struct
from jobsim.laws import ZERO, Law


class Checkpoint(Struct):
    """How a gang saves its work.

    Parameters
    ----------
    every_ns : int
        Useful time between two writes; rounded to whole steps, at least one.
    every_steps : int
        The same in steps; used when it is not 0.
    write : Law
        Time that a write blocks the steps.
    load : Law
        Time to read the last usable checkpoint after an interruption.
    mode : {"blocking", "async"}
        When a write counts: at its end, or ``persist`` later.
    persist : Law
    """

    every_ns: int = 0
    every_steps: int = 0
    write: Law = ZERO
    load: Law = ZERO
    mode: Literal["blocking", "async"] = "blocking"
    persist: Law = ZERO


class Workload(Struct):
    """The training that the gang of some replicated Jobs of a JobSet does.

    Parameters
    ----------
    jobset : str
    replicated_jobs : tuple of str
        Empty: all of the JobSet.
    step_ns : int
        Time of one step on nominal hardware (of a law: its mean, since only sums over many steps
        are visible).
    steps : int
        Steps until the work is done; 0: never done.
    init : Law
        Rendezvous, after the last pod of the gang is ready.
    checkpoint : Checkpoint or None
        None: an interruption loses everything.
    """

    jobset: str
    step_ns: int
    steps: int
    namespace: str = "default"
    replicated_jobs: tuple[str, ...] = ()
    init: Law = ZERO
    checkpoint: Checkpoint | None = None

    @property
    def interval_steps(self) -> int:
        """Steps between two checkpoint writes; 0 without checkpoints."""
        if self.checkpoint is None:
            return 0
        if self.checkpoint.every_steps:
            return self.checkpoint.every_steps
        return max(1, round(self.checkpoint.every_ns / self.step_ns))


class Progress(Struct):
    """How far a gang is.

    Parameters
    ----------
    steps : int
        Steps done and not undone.
    written : int
        Steps at the last checkpoint write (the interval counts from there).
    usable : int
        Steps that an interruption leaves.
    """

    steps: int = 0
    written: int = 0
    usable: int = 0


def steps_ahead(workload: Workload, progress: Progress) -> int | None:
    """Return how many steps come before something happens (a write or the end); None: nothing ever."""
    left = workload.steps - progress.steps if workload.steps else None
    interval = workload.interval_steps
    if not interval:
        return left
    to_write = interval - (progress.steps - progress.written)
    return to_write if left is None else min(left, to_write)


def is_done(workload: Workload, progress: Progress) -> bool:
    """Tell whether all steps are made."""
    return bool(workload.steps) and progress.steps >= workload.steps


class Interruption(Struct):
    """What an interruption leaves and costs.

    Parameters
    ----------
    progress : Progress
        Where the gang starts from when it is whole again.
    undone_ns : int
        Step time lost: whole steps since the last usable checkpoint and the broken one.
    """

    progress: Progress
    undone_ns: int


def interrupt(workload: Workload, progress: Progress, stepping_ns: int | None) -> Interruption:
    """Return the effect of losing a pod.

    Parameters
    ----------
    workload, progress :
        ``progress`` as it was when the present interval of steps began.
    stepping_ns : int or None
        How long the gang has been stepping since then; None when it was not stepping.
    """
    whole, broken = divmod(stepping_ns, workload.step_ns) if stepping_ns is not None else (0, 0)
    lost = progress.steps + whole - progress.usable
    usable = progress.usable
    return Interruption(
        progress=Progress(steps=usable, written=usable, usable=usable),
        undone_ns=lost * workload.step_ns + broken,
    )
