"""Draft: the in-memory JobSet of one pass, and the writes and events it has asked for so far.

Upstream edits a copy of the JobSet while it goes through its steps and writes the status once, at
the end.  A ``Draft`` is that copy; it lives inside one ``reconcile`` call and never leaves it.
"""

from __future__ import annotations

from typing import NoReturn

from jobsim.api._struct import replace
from jobsim.api.core import ObjectReference
from jobsim.api.gofmt import sprintf
from jobsim.api.jobset import JobSet, ReplicatedJobStatus
from jobsim.api.meta import Condition
from jobsim.api.plan import EventRecord, Plan, Step, reference
from jobsim.api.writes import UpdateStatus
from jobsim.controllers.jobset.gates import Gates

NIL_DEREFERENCE = "invalid memory address or nil pointer dereference"
#: Parallel API writes of one batch (C-KEY-04).
PARALLEL_WRITES_MAX = 50


class PassError(Exception):
    """The pass ends here with this error: no status, no queued events (C-REC-17)."""


def panic(what: str = NIL_DEREFERENCE) -> NoReturn:
    """End the pass as a panic does that controller-runtime recovers."""
    raise PassError(f"panic: runtime error: {what} [recovered]")


def check_index(position: int, length: int) -> None:
    """Panic as Go does where an index is outside a slice."""
    if position < 0:
        panic(f"index out of range [{position}]")
    if position >= length:
        panic(f"index out of range [{position}] with length {length}")


class Draft:
    """The state of one pass.

    Attributes hold the status as edited so far; ``dirty`` tells whether it must be written.
    """

    def __init__(self, jobset: JobSet, now: int, gates: Gates) -> None:
        status = jobset.status
        self.jobset = jobset
        self.now = now
        self.gates = gates
        self.about: ObjectReference = reference(jobset)
        self.conditions: list[Condition] = list(status.conditions)
        self.restarts = status.restarts
        self.restarts_count_towards_max = status.restarts_count_towards_max
        self.terminal_state = status.terminal_state
        self.replicated_jobs_status: tuple[ReplicatedJobStatus, ...] = status.replicated_jobs_status
        self.previous_attempt = status.previous_in_place_restart_attempt
        self.current_attempt = status.current_in_place_restart_attempt
        self.dirty = False
        self.steps: list[Step] = []
        self.events: list[EventRecord] = []
        self.metrics: list[str] = []
        self.requeue_after_ns: int | None = None

    def queue_event(self, type_: str, reason: str, message: str) -> None:
        """Ask for an event that is recorded only if the status write succeeds (C-EVT-02)."""
        self.events.append(EventRecord(about=self.about, type=type_, reason=reason, message=sprintf(message)))

    def failed_plan(self, error: str) -> Plan:
        """Return the plan of a pass that ends with an error: the writes made until then, no more."""
        return Plan(steps=tuple(self.steps), error=error)

    def plan(self) -> Plan:
        """Return the plan of the whole pass."""
        return Plan(
            steps=tuple(self.steps),
            status=self._status_write() if self.dirty else None,
            events=tuple(self.events) if self.dirty else (),
            requeue_after_ns=self.requeue_after_ns,
            metrics=tuple(self.metrics),
        )

    def _status_write(self) -> UpdateStatus:
        """Return the one status write of the pass (C-REC-16)."""
        status = replace(
            self.jobset.status,
            conditions=tuple(self.conditions),
            restarts=self.restarts,
            restarts_count_towards_max=self.restarts_count_towards_max,
            terminal_state=self.terminal_state,
            replicated_jobs_status=self.replicated_jobs_status,
            previous_in_place_restart_attempt=self.previous_attempt,
            current_in_place_restart_attempt=self.current_attempt,
        )
        return UpdateStatus(obj=replace(self.jobset, status=status))
