"""Training: what a gang of pods does between interruptions, in closed form.

A gang steps only while it is whole.  Between two checkpoints nothing happens that anybody could
see, so a run of steps is one interval: its length, and how many whole steps fit before a given
instant, are arithmetic.  Work done survives in the last *usable* checkpoint.

Source: the Scenario file's section *workloads*; Young 1974 and Daly 2006 for the words
(interval, write cost, restart cost, rework).
"""

from __future__ import annotations

from typing import Literal

from jobsim.api._struct import Struct, replace
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
        Time of one step on nominal hardware, with nothing in its way (of a law: its mean, since only
        sums over many steps are visible).
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
    ns, written_ns, usable_ns : int
        What those steps took; ``ns`` with the begun part of a step whose pace changed.
    """

    steps: int = 0
    written: int = 0
    usable: int = 0
    ns: int = 0
    written_ns: int = 0
    usable_ns: int = 0


class Stretch(Struct):
    """Steps at one pace, without a stop.

    Parameters
    ----------
    step_ns : int
        One step, as things are.
    begun_ns : int
        How much of its first step was done before, in time of this pace.
    """

    step_ns: int
    begun_ns: int = 0

    def length_ns(self, steps: int) -> int:
        """Return how long it takes to the end of so many steps."""
        return steps * self.step_ns - self.begun_ns

    def steps(self, elapsed_ns: int) -> tuple[int, int]:
        """Return the steps that are done after a time, and the time spent in a broken one."""
        return divmod(self.begun_ns + elapsed_ns, self.step_ns)


def advance(progress: Progress, stretch: Stretch, elapsed_ns: int) -> Progress:
    """Return the progress after some time of a stretch."""
    whole, _ = stretch.steps(elapsed_ns)
    return replace(progress, steps=progress.steps + whole, ns=progress.ns + elapsed_ns)


def repace(stretch: Stretch, elapsed_ns: int, step_ns: int) -> Stretch:
    """Return the stretch that goes on at another pace: the share of the begun step is kept."""
    _, broken = stretch.steps(elapsed_ns)
    return Stretch(step_ns=step_ns, begun_ns=broken * step_ns // stretch.step_ns)


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
    beyond_ns : int
        What of it was beyond nominal step time.
    """

    progress: Progress
    undone_ns: int
    beyond_ns: int = 0


def interrupt(
    workload: Workload, progress: Progress, stretch: Stretch | None = None, elapsed_ns: int = 0
) -> Interruption:
    """Return the effect of losing a pod.

    Parameters
    ----------
    workload, progress :
        ``progress`` as it was when the present stretch of steps began.
    stretch : Stretch or None
        None when the gang was not stepping.
    elapsed_ns : int
        How long it has been stepping since then.
    """
    whole, broken, step_ns = 0, 0, 1
    if stretch is not None:
        whole, broken = stretch.steps(elapsed_ns)
        step_ns = stretch.step_ns
    lost = progress.steps + whole - progress.usable
    undone = progress.ns + elapsed_ns - progress.usable_ns
    nominal = lost * workload.step_ns + broken * workload.step_ns // step_ns
    kept = {"steps": progress.usable, "ns": progress.usable_ns}
    return Interruption(
        progress=replace(progress, **kept, written=progress.usable, written_ns=progress.usable_ns),
        undone_ns=undone,
        beyond_ns=max(0, undone - nominal),
    )
