"""Laws asked while a run goes on: by default in tests; a broken one is named in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import jobsim
from jobsim.api._struct import replace
from jobsim.api.jobset import JobSet
from jobsim.api.plan import Plan
from jobsim.api.writes import UpdateStatus
from jobsim.cli import cli
from jobsim.controllers.jobset import Gates, Seen
from jobsim.controllers.jobset.reconcile import reconcile
from jobsim.runtime.guard import BrokenLawError
from jobsim.simulate import run

SCENARIO = Path(__file__).resolve().parents[2] / "scenarios/restarts-exhausted.yaml"
TARGET = "jobsim.controllers.jobset.reconcile"


def eager(seen: Seen, now: int, gates: Gates) -> Plan:
    """Decide as the JobSet controller does, and count each restart twice."""
    plan = reconcile(seen, now, gates)
    jobset = None if plan.status is None else plan.status.obj
    if not isinstance(jobset, JobSet) or jobset.status.restarts == seen.jobset.status.restarts:
        return plan
    status = replace(jobset.status, restarts=jobset.status.restarts + 1)
    return replace(plan, status=UpdateStatus(obj=replace(jobset, status=status)))


def idle(seen: Seen, now: int, gates: Gates) -> Plan:
    """Decide as the JobSet controller does, but leave old Jobs alone."""
    plan = reconcile(seen, now, gates)
    return Plan() if seen.jobset.status.restarts else plan


def test_a_broken_law_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TARGET, eager)
    with pytest.raises(BrokenLawError) as err:
        run(SCENARIO)
    head, second, *story = str(err.value).splitlines()
    assert head.startswith("law restarts-never-fall (C-CCH-03) is broken at 62s, after write ")
    assert head.endswith(": JobSet default/flaky restarts grew by 2, counted ones by 1")
    assert second == "what the log has of JobSet default/flaky, latest last:"
    assert all("'kind': 'JobSet'" in row for row in story)


def test_what_is_wrong_at_rest_is_told_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TARGET, idle)
    with pytest.raises(
        BrokenLawError, match=r"law old-children-gone \(C-REC-07\) is broken at .*nothing left"
    ):
        run(SCENARIO)


def test_nobody_asks_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TARGET, eager)
    monkeypatch.delenv("JOBSIM_CHECK_INVARIANTS")
    assert run(SCENARIO).jobsets()[0]["restarts"] == 4
    assert jobsim.run(SCENARIO, check_invariants=False).jobsets()
    with pytest.raises(BrokenLawError):
        run(SCENARIO, check_invariants=True)


def test_the_command_says_it_and_exits_1(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["run", str(SCENARIO), "--check-invariants"]
    runner = CliRunner(env={"JOBSIM_CHECK_INVARIANTS": None})
    assert runner.invoke(cli, words).exit_code == 0
    monkeypatch.setattr(TARGET, eager)
    result = runner.invoke(cli, words)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "\nerror: law restarts-never-fall (C-CCH-03) is broken at 62s" in "\n" + result.stderr
