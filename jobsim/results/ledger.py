"""The ledger: each nanosecond of a JobSet, from creation to its end, in exactly one account.

Accounts, first rule that holds (definitions of the design, section 5.4):

With a training workload, which reports its state (``progress``) and what failures undid (``undone``):

- ``stepping``: *useful*, of which the reported share is *degraded* (step time beyond nominal).
- ``checkpointing``: *checkpoint* (a write that blocks the steps).
- ``done``, and ``stalled`` while the gang is whole: *stalled*: it is there and has nothing to step, or
  cannot.
- ``waiting``, ``initialising``, ``loading``: as a gang that is not whole, below.
- ``undone`` moves step time that is lost to *rework*: from *degraded* what was beyond nominal, the rest
  from *useful* (then *degraded*).

Without one a step is "all current pods run": while the gang is whole (``results.gang``) time is *useful*,
or *stalled* while one of its running pods has been ready and is not any more.  A restart of the JobSet
undoes all step time since the restart before it: *rework*.

While the gang does not step:

- *queued*: the JobSet is suspended (whatever the gang does), or a pod of it is unbound and known to be
  unschedulable (PodScheduled=False: no capacity, or gated).
- *starting*: before the first step, and from the completion of a ReplicatedJob that others depend on until
  those run.
- *restarting*: otherwise, from the instant the gang lost a pod to the next step.

A JobSet's time ends with its terminalState, its deletion, or the run.  A step of no length is no step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from jobsim.results.lives import NEVER
from jobsim.results.losses import Losses

if TYPE_CHECKING:
    from jobsim.results.gang import Gang

ACCOUNTS = (
    "useful",
    "queued",
    "starting",
    "restarting",
    "rework",
    "checkpoint",
    "stalled",
    "degraded",
)
#: States that a workload may report.
STATES = ("waiting", "initialising", "loading", "stepping", "checkpointing", "stalled", "done")
_STEPS = ("useful", "checkpoint")


class StepClock(Protocol):
    """Who wants to hear of steps (``results.restarts``)."""

    def step(self, time: int) -> None:
        """The gang has stepped since ``time``."""

    def undone(self, ns: int) -> None:
        """Step time was lost."""

    def hit(self, cause: str, time: int) -> None:
        """A failure hit the JobSet."""

    def stopped(self, time: int) -> None:
        """The gang has not stepped since ``time``."""


class Ledger:
    """The accounts of one JobSet, ns.

    Parameters
    ----------
    created : int
        When its time begins.
    clock : StepClock
        Told the instant of the first step after a time without, and what was undone.
    """

    def __init__(self, created: int, clock: StepClock) -> None:
        self.accounts = dict.fromkeys(ACCOUNTS, 0)
        self.created = created
        self.ended = NEVER
        self._account = "starting"
        self._since = created
        self._clock = clock
        self.losses = Losses()
        self._blame = ""
        self._stepped = False
        self._stepping = False
        self._work = ""
        self._nominal = self._step = 1
        self._carry = 0
        self._undoable = 0
        #: Stretches of one account each, for pictures: (from, account); each lasts to the next.
        self.stretches: list[tuple[int, str]] = []

    # -- what happens --------------------------------------------------------------------------

    def settle(self, time: int) -> None:
        """Book the time since the last change."""
        if self.ended >= 0:
            return
        span, account = time - self._since, self._account
        if span <= 0:
            return
        if not self.stretches or self.stretches[-1][1] != account:
            self.stretches.append((self._since, account))
        if account in _STEPS:
            if not self._stepping:
                self._clock.step(self._since)
            self._stepping = self._stepped = True
            self.losses.stepped(self._since, time)
        else:
            if self._stepping and self._work != "done":
                self.losses.stopped(self._since)
                self._clock.stopped(self._since)
            self._stepping = False
            self.losses.idle(span)
        if account == "useful":
            # What is less than a nanosecond is carried on, so that looking at a ledger never changes it.
            beyond = self._step - self._nominal
            degraded, self._carry = divmod(span * beyond + self._carry, self._step)
            self.accounts["degraded"] += degraded
            self.losses.slowed(degraded, self._blame)
            span -= degraded
            self._undoable += span
        self.accounts[account] += span
        self._since = time

    def update(self, gang: Gang, time: int) -> None:
        """Look at the gang again: something about it changed."""
        if self.ended >= 0:
            return
        self.settle(time)
        self._account = self._judge(gang)

    def hit(self, time: int, cause: str) -> None:
        """Take in that a failure of some cause hit it."""
        if self.ended < 0:
            self.settle(time)
            self.losses.blame(time, cause)
            self._clock.hit(cause, time)

    def progress(
        self, gang: Gang, time: int, state: str, pace: tuple[int, int] | None = None, blame: str = ""
    ) -> None:
        """Take in what the training workload reports of itself.

        Parameters
        ----------
        state : str
            One of ``STATES``.
        pace : (int, int) or None
            While stepping: nominal and present time of a step, ns; None: they are the same.
        blame : str
            What makes them differ.
        """
        assert state in STATES, state
        if self.ended >= 0:
            return
        self.settle(time)
        self._work, self._blame = state, blame
        nominal, step = (1, 1) if pace is None else pace
        self._nominal, self._step, self._carry = min(nominal, step), step, 0
        self._account = self._judge(gang)

    def correct(self, useful_ns: int | None) -> None:
        """Take out what rounding at changes of pace left: useful is the nominal time of whole steps."""
        if useful_ns is not None and self.ended < 0:
            rest = self.accounts["useful"] - useful_ns
            if -self.accounts["degraded"] <= rest:
                self.accounts["useful"] -= rest
                self.accounts["degraded"] += rest

    def undone(self, time: int, ns: int, beyond_ns: int) -> None:
        """Move step time that a failure undid to rework, ``beyond_ns`` of it from degraded."""
        if self.ended < 0:
            self.settle(time)
            self._clock.undone(ns)
            self.losses.undone(ns)
            for account, most in (("degraded", min(beyond_ns, ns)), ("useful", ns), ("degraded", ns)):
                moved = min(ns, most, self.accounts[account])
                self.accounts[account] -= moved
                self.accounts["rework"] += moved
                ns -= moved

    def restarted(self, time: int) -> None:
        """Begin a new attempt: without a workload all step time of the last one is undone."""
        if self.ended < 0:
            self.settle(time)
            if not self._work and self._undoable:
                self._clock.undone(self._undoable)
                self.losses.undone(self._undoable)
                self.accounts["useful"] -= self._undoable
                self.accounts["rework"] += self._undoable
            self._undoable = 0
            # Even one that takes no time ends with a step of its own.
            self._stepping = False

    def close(self, time: int) -> None:
        """End the JobSet's time."""
        if self.ended < 0:
            self.settle(time)
            self.ended = time

    # -- what it comes to ----------------------------------------------------------------------

    def total(self, now: int) -> dict[str, int]:
        """Return all accounts as of a time not before the last change; they sum to the elapsed time."""
        self.settle(now)
        return dict(self.accounts)

    def elapsed(self, now: int) -> int:
        """Return the JobSet's time so far."""
        return (now if self.ended < 0 else self.ended) - self.created

    # -- inside --------------------------------------------------------------------------------

    def _judge(self, gang: Gang) -> str:
        """Return the account that time goes to from now on."""
        if gang.suspended:
            return "queued"
        work = self._work
        if work == "stepping":
            return "useful"
        if work == "checkpointing":
            return "checkpoint"
        if gang.whole and not work:
            return "stalled" if gang.unready else "useful"
        if work == "done" or (work == "stalled" and gang.whole):
            return "stalled"
        if gang.waiting:
            return "queued"
        return "starting" if gang.growing or not self._stepped else "restarting"
