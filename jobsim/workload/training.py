"""Training: what a gang of pods does between interruptions, in closed form.

A gang steps only while it is whole.  Between two checkpoints nothing happens that anybody could
see, so a run of steps is one interval: its length, and how many whole steps fit before a given
instant, are arithmetic.  Work done survives in the last *usable* checkpoint.

Source: the Scenario file's section *workloads*; ``workload.checkpoint`` for how work is saved.
"""

from __future__ import annotations

from jobsim.api._struct import Struct, replace
from jobsim.laws import ZERO, Law
from jobsim.workload.checkpoint import Checkpoint, Save, keep, restore


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
    levels : tuple of Checkpoint
        Empty: an interruption loses everything.
    on_termination : bool
        Whether a gang that is told to end (SIGTERM) writes to its safest level first, if that fits
        into the grace period.
    """

    jobset: str
    step_ns: int
    steps: int
    namespace: str = "default"
    replicated_jobs: tuple[str, ...] = ()
    init: Law = ZERO
    levels: tuple[Checkpoint, ...] = ()
    on_termination: bool = False

    def interval_steps(self, level: int) -> int:
        """Return the steps between two writes to a level."""
        saved = self.levels[level]
        return saved.every_steps or max(1, round(saved.every_ns / self.step_ns))


class Progress(Struct):
    """How far a gang is.

    Parameters
    ----------
    steps : int
        Steps done and not undone.
    ns : int
        What they took, with the begun part of a step whose pace changed.
    saves : tuple of Save
        One for each level that something was written to, or lost from.
    """

    steps: int = 0
    ns: int = 0
    saves: tuple[Save, ...] = ()

    def save(self, level: int) -> Save:
        """Return what a level holds."""
        return self.saves[level] if level < len(self.saves) else Save()


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
    ahead = [workload.steps - progress.steps] if workload.steps else []
    for level in range(len(workload.levels)):
        ahead.append(workload.interval_steps(level) - (progress.steps - progress.save(level).written))
    return max(0, min(ahead)) if ahead else None


def due_levels(workload: Workload, progress: Progress) -> list[int]:
    """Return the levels that are to be written now, in their order."""
    return [
        level
        for level in range(len(workload.levels))
        if progress.steps - progress.save(level).written >= workload.interval_steps(level)
    ]


def is_done(workload: Workload, progress: Progress) -> bool:
    """Tell whether all steps are made."""
    return bool(workload.steps) and progress.steps >= workload.steps


def written(progress: Progress, workload: Workload, level: int, *, usable: bool) -> Progress:
    """Return the progress after a write to a level; not ``usable``: it still has to persist."""
    saves = keep(progress.saves, len(workload.levels))
    return replace(progress, saves=restated(saves, level, progress.steps, progress.ns, usable=usable))


def restated(saves: tuple[Save, ...], level: int, steps: int, ns: int, *, usable: bool) -> tuple[Save, ...]:
    """Return what the levels hold after a write of some steps to one of them."""
    save = replace(saves[level], written=max(steps, saves[level].written))
    if usable and steps >= save.usable:
        save = replace(save, usable=steps, usable_ns=ns)
    return (*saves[:level], save, *saves[level + 1 :])


def persisted(progress: Progress, workload: Workload, level: int, steps: int, ns: int) -> Progress:
    """Return the progress when what was written to a level some time ago can be used."""
    saves = keep(progress.saves, len(workload.levels))
    return replace(progress, saves=restated(saves, level, steps, ns, usable=True))


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
    level : int
        Which level it starts from; -1: from nothing.
    """

    progress: Progress
    undone_ns: int
    beyond_ns: int = 0
    level: int = -1


def break_off(workload: Workload, progress: Progress, stretch: Stretch, elapsed_ns: int) -> Interruption:
    """Return the effect of ending a stretch in the middle of a step: only that step is lost."""
    whole, broken = stretch.steps(elapsed_ns)
    # What was begun at another pace counts as this pace has it, and never more than there is.
    undone = min(broken, progress.ns + elapsed_ns)
    kept = replace(progress, steps=progress.steps + whole, ns=progress.ns + elapsed_ns - undone)
    beyond = undone - broken * workload.step_ns // stretch.step_ns
    return Interruption(progress=kept, undone_ns=undone, beyond_ns=max(0, beyond))


def interrupt(
    workload: Workload,
    progress: Progress,
    stretch: Stretch | None = None,
    elapsed_ns: int = 0,
    u: float = 0.0,
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
    u : float
        In [0, 1): which levels survive, those whose share is above it.
    """
    whole, broken, step_ns = 0, 0, 1
    if stretch is not None:
        whole, broken = stretch.steps(elapsed_ns)
        step_ns = stretch.step_ns
    level, saves = restore(workload.levels, progress.saves, u)
    left = saves[level] if level >= 0 else Save()
    lost = progress.steps + whole - left.usable
    undone = progress.ns + elapsed_ns - left.usable_ns
    nominal = lost * workload.step_ns + broken * workload.step_ns // step_ns
    return Interruption(
        progress=Progress(steps=left.usable, ns=left.usable_ns, saves=saves),
        undone_ns=undone,
        beyond_ns=max(0, undone - nominal),
        level=level,
    )
