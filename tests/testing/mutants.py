"""Cores that are wrong on purpose: what the drawn histories must find.

Each mutant takes the place of one function of the product; ``law`` is what it breaks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

from jobsim.api._struct import replace
from jobsim.api.jobset import JobSet
from jobsim.api.plan import Outcome, Plan
from jobsim.api.writes import Delete, UpdateStatus
from jobsim.controllers import garbage_collector, jobset
from jobsim.controllers.job import indexes, manage, tracking
from jobsim.controllers.job.pods import ObjectTally
from jobsim.controllers.job.sync import Sync
from jobsim.controllers.jobset import Gates, Seen
from jobsim.controllers.jobset.reconcile import reconcile

track = tracking.track
owner_state = garbage_collector._owner_state


class Mutant(NamedTuple):
    """A wrong function, where the right one is, and the laws of which it breaks one."""

    name: str
    owner: object
    attribute: str
    wrong: Callable[..., Any]
    laws: tuple[str, ...]


def _restarts(grow: Callable[[int], int], seen: Seen, now: int, gates: Gates) -> Plan:
    """Decide as the JobSet controller does, but let restarts grow otherwise."""
    plan = reconcile(seen, now, gates)
    written = None if plan.status is None else plan.status.obj
    was = seen.jobset.status.restarts
    if not isinstance(written, JobSet) or written.status.restarts == was:
        return plan
    status = replace(written.status, restarts=grow(was))
    return replace(plan, status=UpdateStatus(obj=replace(written, status=status)))


def _without_deletions(seen: Seen, now: int, gates: Gates) -> Plan:
    """Leave old Jobs alone."""
    plan = reconcile(seen, now, gates)
    kept = [s for s in plan.steps if not any(isinstance(c.writes[0], Delete) for c in s.chains)]
    return replace(plan, steps=tuple(kept))


def _hasty(sync: Sync) -> Plan:
    """Take the finalizers off before the status tells of the pods."""
    plan = track(sync)
    names = [pod.name for pod in sync.tally.tracked(all_pods=False)]
    first = manage.untrack(sync, names) if plan.steps and plan.then is not None else ()
    if not first or not isinstance(plan.steps[0].chains[0].writes[0], UpdateStatus):
        return plan
    rest = plan.then
    assert rest is not None

    def then(outcome: Outcome) -> Plan:
        # Empty when a finalizer's write was refused: the status was not tried.
        steps = outcome.steps[len(first) :]
        return rest(Outcome(steps=steps)) if steps else Plan()

    return replace(plan, steps=(*first, *plan.steps), then=then)


def _any_index(sync: Sync, count: int) -> list[int]:
    """Choose indexes without a look at those that have a pod."""
    taken = indexes.union(sync.succeeded_indexes, sync.failed_indexes or ())
    return indexes.first_free(taken, count, sync.job.spec.completions or 0)


def _eager(obj: Any, ref: Any, reader: Any) -> str:
    """Take a JobSet that has restarted for one that is gone."""
    state = owner_state(obj, ref, reader)
    found = garbage_collector._find_owner(obj, ref, reader)
    return "dangling" if found is not None and ref.kind == "JobSet" and found.status.restarts else state


MUTANTS = (
    Mutant(
        "restart not counted",
        jobset,
        "reconcile",
        partial(_restarts, lambda n: n),
        ("restarts-never-fall", "counted-within-restarts", "waits-for-something", "liveness", "rest"),
    ),
    Mutant(
        "restart counted twice",
        jobset,
        "reconcile",
        partial(_restarts, lambda n: n + 2),
        ("restarts-never-fall",),
    ),
    Mutant(
        "old Jobs stay",
        jobset,
        "reconcile",
        _without_deletions,
        ("old-children-gone", "finished-has-no-active"),
    ),
    Mutant(
        "finalizer off before the count",
        import_module("jobsim.controllers.job.reconcile"),
        "track",
        _hasty,
        ("announced-when-let-go", "announced-when-gone", "counted-once"),
    ),
    Mutant("an index twice", manage, "_pending_indexes", _any_index, ("index-free", "rest")),
    Mutant(
        "counted while held",
        ObjectTally,
        "held_uids",
        lambda self, uids: set(),
        ("announced-when-let-go", "announced-when-gone", "counted-once"),
    ),
    Mutant(
        "children of the living",
        garbage_collector,
        "_owner_state",
        _eager,
        ("deleted-without-owner",),
    ),
)
