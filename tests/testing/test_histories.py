"""Drawn histories: all controllers in any order, with and without faults; every law after every write."""

from __future__ import annotations

from hypothesis import given, settings

from jobsim.api._struct import replace
from jobsim.testing import machine
from jobsim.testing.machine_world import Case, Step
from jobsim.testing.strategies import scripted

QUICK = settings(max_examples=25, stateful_step_count=30, deadline=None)

TestCalm = machine.Calm.TestCase
TestCalm.settings = QUICK
TestStorm = machine.Storm.TestCase
TestStorm.settings = QUICK


@settings(max_examples=40, deadline=None)
@given(case=scripted(), steps=machine.disturbances())
def test_passing_faults_do_not_change_the_end(case: Case, steps: list[Step]) -> None:
    """C-CCH-03: a restart is never counted twice, whatever is lost on the way."""
    machine.same_end(replace(case, honest=True), steps)
