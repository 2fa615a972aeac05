"""Continuations of a plan, as comparable values."""

from __future__ import annotations

from jobsim.api._struct import Struct
from jobsim.api.plan import NOTHING, Outcome, Plan


class AfterSuccess(Struct):
    """Go on with a plan if all writes so far succeeded."""

    plan: Plan

    def __call__(self, outcome: Outcome) -> Plan:
        """Return the plan, or nothing after an error."""
        return self.plan if outcome.error is None else NOTHING
