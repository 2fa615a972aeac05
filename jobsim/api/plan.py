"""Plan: what a controller decided, as data; and the vocabulary of its outcome.

The five execution rules (design section 1), carried out by ``apiserver.executor`` alone:

1. Steps run in order.  Chains of a step run concurrently, at most ``max_parallel``.  Writes of a
   chain run in order and hand the new resourceVersion on.
2. An error whose reason is in ``ignore`` is success.  A chain stops at its first other error.
3. After a step with an error nothing later runs: not the status, not the events.  ``on_error``
   is recorded at once.
4. ``status`` is written once, last; ``events`` are recorded only if it succeeds.
5. A crash between any two writes leaves the prefix applied.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from jobsim.api._struct import Struct
from jobsim.api.core import ObjectReference
from jobsim.api.meta import Object
from jobsim.api.writes import UpdateStatus, Write
from jobsim.errors import ApiError

#: Chains are tried only until one fails (a Go loop that returns), or all are tried (errors joined).
Mode = Literal["all", "first-error"]


class EventRecord(Struct):
    """An event that a component wants recorded about an object."""

    about: ObjectReference
    type: str
    reason: str
    message: str


def reference(obj: Object) -> ObjectReference:
    """Return the reference to an object that its events carry."""
    meta = obj.metadata
    return ObjectReference(
        kind=obj.kind, namespace=meta.namespace, name=meta.name, uid=meta.uid, api_version=obj.api_version
    )


class OnError(Struct):
    """What is recorded when a step fails: a Warning, its message the chains' error texts by newline.

    With ``each`` every failed chain has an event of its own.  With ``printf`` the message passes
    through Go's ``fmt`` as a format string, which garbles ``%`` (C-EVT-05).
    """

    about: ObjectReference
    reason: str
    each: bool = False
    printf: bool = False


class Chain(Struct):
    """Writes that run one after the other.

    ``error_format`` shapes the text of an error of this chain; ``{}`` stands for the server's text.
    ``ignore_last`` adds to what the step ignores, for the last write alone.
    """

    writes: tuple[Write, ...]
    error_format: str = "{}"
    ignore_last: tuple[str, ...] = ()


class Step(Struct):
    """Chains that run side by side, at most ``max_parallel`` at a time.

    In mode ``first-error`` no chain is begun after one has failed.
    """

    chains: tuple[Chain, ...]
    max_parallel: int = 1
    ignore: tuple[str, ...] = ()
    on_error: OnError | None = None
    mode: Mode = "all"


class WriteResult(Struct):
    """What became of one write: the object as stored, or the error.

    ``at`` is the virtual time of the answer where a shell lets time pass, else None.
    """

    write: Write
    obj: Object | None = None
    error: ApiError | None = None
    at: int | None = None


class Outcome(Struct):
    """What became of the steps of a plan that were begun: per step, per chain, the writes tried."""

    steps: tuple[tuple[tuple[WriteResult, ...], ...], ...]

    def results(self, step: int) -> tuple[WriteResult, ...]:
        """Return the results of all writes tried in a step, in chain order; empty if it was not begun."""
        if step >= len(self.steps):
            return ()
        return tuple(result for chain in self.steps[step] for result in chain)

    @property
    def error(self) -> ApiError | None:
        """The first error in step and chain order, if any."""
        for step in self.steps:
            for chain in step:
                for result in chain:
                    if result.error is not None:
                        return result.error
        return None


class Plan(Struct):
    """All that one reconcile decided.

    Parameters
    ----------
    steps : tuple of Step
    status : UpdateStatus or None
        The last write.
    events : tuple of EventRecord
        Recorded if the status write succeeded, or if there was none to make.
    requeue_after_ns : int or None
        Ask for another look that much later; ignored next to an error.
    requeue_always : bool
        The wish holds next to an error too (the Job controller queues it before it fails).
    error : str or None
        The pass ends with this error after its steps (bad label, panic, ...): no status, no events.
    then : callable or None
        Pure continuation for a decision that depends on which writes succeeded (the Job
        controller counts what it really created): ``then(outcome) -> Plan`` is executed after the
        steps *whatever their errors*, in place of status and events.  A step that failed still
        stops the steps after it.
    notices : tuple of EventRecord
        Recorded at once, before the steps, whatever follows (``Created pod: ...`` in a continuation).
    memory : Struct or None
        What the controller wants to remember for this key (expectations, back-off record).  The
        runtime keeps it from the moment this part of the plan is reached; None changes nothing.
    metrics : tuple of str
        Names of counters that go up by one when this part's steps have succeeded, whatever becomes
        of the status (C-MET-02).
    """

    steps: tuple[Step, ...] = ()
    status: UpdateStatus | None = None
    events: tuple[EventRecord, ...] = ()
    requeue_after_ns: int | None = None
    requeue_always: bool = False
    error: str | None = None
    then: Callable[[Outcome], Plan] | None = None
    notices: tuple[EventRecord, ...] = ()
    memory: Struct | None = None
    metrics: tuple[str, ...] = ()


NOTHING = Plan()


def single(write: Write, *, ignore: tuple[str, ...] = ()) -> Step:
    """Return a step of one write."""
    return Step(chains=(Chain(writes=(write,)),), ignore=ignore)


def parallel(writes: list[Write], *, max_parallel: int, ignore: tuple[str, ...] = ()) -> Step:
    """Return a step of independent writes."""
    return Step(chains=tuple(Chain(writes=(w,)) for w in writes), max_parallel=max_parallel, ignore=ignore)
