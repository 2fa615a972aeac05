"""A plan carried out without a cluster: what would be sent, recorded and returned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from jobsim.api._struct import Struct
from jobsim.api.meta import Object
from jobsim.api.plan import EventRecord, Plan, WriteResult
from jobsim.api.writes import Create, Update, UpdateStatus, Write
from jobsim.apiserver.executor import Finish, Shell, drive
from jobsim.errors import ApiError


class Carried(NamedTuple):
    """What became of a plan, in order."""

    writes: list[Write]
    events: list[EventRecord]
    finish: Finish
    counters: list[str]
    memory: list[Struct]

    @property
    def calls(self) -> list[str]:
        """The writes as ``verb Kind name``."""
        return [f"{write.VERB} {write.kind} {write.name}" for write in self.writes]

    @property
    def reasons(self) -> list[str]:
        """The reasons of the events."""
        return [event.reason for event in self.events]


def carry_out(plan: Plan, answers: Mapping[int, ApiError | Object] | None = None) -> Carried:
    """Execute a plan against a server that agrees to everything.

    Parameters
    ----------
    plan : Plan
    answers : mapping, optional
        By number of the write, from 1: the error or the object to answer with instead.
    """
    carried = Carried([], [], Finish(), [], [])

    def send(write: Write) -> WriteResult:
        carried.writes.append(write)
        answer = (answers or {}).get(len(carried.writes))
        if isinstance(answer, ApiError):
            return WriteResult(write=write, error=answer)
        if answer is None and isinstance(write, Create | Update | UpdateStatus):
            answer = write.obj
        return WriteResult(write=write, obj=answer)

    shell = Shell(record=carried.events.append, remember=carried.memory.append, count=carried.counters.append)
    return carried._replace(finish=drive(plan, send, shell))
