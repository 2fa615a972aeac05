"""What tests of laws share: a row breaks one law by its last change."""

from __future__ import annotations

from typing import Any, NamedTuple

from jobsim.api.meta import Object
from jobsim.api.watch import WatchEvent
from jobsim.apiserver.table import ObjectTable
from jobsim.controllers.invariants import Checker
from jobsim.controllers.jobset.gates import Gates

GATES = Gates(restart_job=True, in_place_restart=True)


class Broken(NamedTuple):
    """A change (``new`` None: the end of ``old``) that breaks a law, after others that break none."""

    law: str
    old: Object | None
    new: Object | None
    others: tuple[Object, ...] = ()
    before: tuple[tuple[Object | None, Object], ...] = ()


def event(old: Object | None, new: Object | None, revision: int) -> WatchEvent:
    assert new is not None or old is not None
    obj = new if new is not None else old
    assert obj is not None
    type_: Any = "DELETED" if new is None else "ADDED" if old is None else "MODIFIED"
    return WatchEvent(type=type_, obj=obj, old=old, revision=revision, time=0)


def laws_broken(row: Broken, *, calm: bool = True, honest: bool = True) -> set[str]:
    """Return the laws that the last change of a row breaks."""
    table = ObjectTable()
    for obj in row.others:
        table.put(obj)
    checker = Checker(table, GATES, calm=calm, honest=honest)
    found: set[str] = set()
    for old, new in (*row.before, (row.old, row.new)):
        # Same version as in the table: what is stored is what is told.
        if old is not None and new is not None and row.law != "revision-grows":
            new = new.with_meta(resource_version="2")
        change = event(old, new, 2)
        if old is not None:
            table.put(old)
        table.apply(change)
        found = {violation.law for violation in checker.check(change)}
    return found
