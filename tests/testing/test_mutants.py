"""The drawn histories find what is wrong on purpose, and make it small."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from jobsim.testing import machine
from jobsim.testing.machine_course import BrokenError
from jobsim.testing.replay import replay, token
from jobsim.testing.shrink import broken_laws, shrink
from tests.testing.mutants import MUTANTS, Mutant

#: As many as it takes, and more steps a history; Hypothesis does not shrink, `shrink` does.
SEARCH = settings(
    max_examples=1_000,
    report_multiple_bugs=False,
    stateful_step_count=30,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_found_and_made_small(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutant.owner, mutant.attribute, mutant.wrong)
    with pytest.raises(BrokenError) as err:
        run_state_machine_as_test(machine.Storm, settings=SEARCH)
    assert not set(mutant.laws).isdisjoint(err.value.laws)
    history = err.value.history
    assert history is not None
    small = shrink(history, tries_max=250)
    assert broken_laws(small)
    # Hypothesis draws otherwise in a process that has imported other modules, so no draw's length is told.
    assert len(small["steps"]) < 10
    assert len(small["steps"]) <= len(history["steps"])
    assert len(str(small["manifests"])) <= len(str(history["manifests"]))
    with pytest.raises(BrokenError):
        replay(token(small))
    monkeypatch.undo()
    assert not broken_laws(small)
