"""Drawn histories: all controllers in any order, with and without faults; every law after every write."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from jobsim.controllers.jobset import Gates
from jobsim.testing import machine
from jobsim.testing.machine_world import Case, Step
from jobsim.testing.strategies import jobsets

QUICK = settings(max_examples=25, stateful_step_count=30, deadline=None)

TestCalm = machine.Calm.TestCase
TestCalm.settings = QUICK
TestStorm = machine.Storm.TestCase
TestStorm.settings = QUICK


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_passing_faults_do_not_change_the_end(data: st.DataObject) -> None:
    """C-CCH-03: a restart is never counted twice, whatever is lost on the way."""
    gates = Gates()
    case = Case(
        manifest=data.draw(jobsets(gates)),
        gates=gates,
        calm=False,
        honest=True,
        script=data.draw(machine.SCRIPTS),
    )
    steps: list[Step] = data.draw(machine.disturbances())
    machine.same_end(case, steps)
    assert case.honest
