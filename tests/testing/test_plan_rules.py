"""The five plan rules in the recorded cases with faults: what each of those cases puts to the test.

The cases themselves must pass (``test_conformance``); here it is counted which rule each of them would
break if the executor did not keep it.  Rules: ``api.plan``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from jobsim.api.plan import EventRecord, Plan, Step, WriteResult
from jobsim.api.writes import UpdateStatus, Write
from jobsim.apiserver import executor
from jobsim.apiserver.executor import Finish, Send, Shell, StepResults
from jobsim.testing import conformance_reconcile
from jobsim.testing.conformance import run_case
from jobsim.testing.faults import Crash
from tests.testing.recorded import cases, spread

FAULTED = ("jobset_reconcile", "jobset_main")


class Trace(NamedTuple):
    """One pass: its plan, what became of its steps (the status write is the last), its events."""

    plan: Plan
    steps: list[tuple[Step, StepResults]]
    answers: list[WriteResult]
    events: list[EventRecord]
    finish: list[Finish]


@pytest.fixture
def trace(monkeypatch: pytest.MonkeyPatch) -> list[Trace]:
    """Return where the passes of cases are traced, one by one."""
    traces: list[Trace] = []
    drive, drive_step = executor.drive, executor.drive_step

    def traced_step(step: Step, send: Send) -> StepResults:
        results = drive_step(step, send)
        traces[-1].steps.append((step, results))
        return results

    def traced(plan: Plan, send: Send, shell: Shell) -> Finish:
        now = Trace(plan, [], [], [], [])
        traces.append(now)

        def answered(write: Write) -> WriteResult:
            now.answers.append(send(write))
            return now.answers[-1]

        def recorded(event: EventRecord) -> None:
            now.events.append(event)
            shell.record(event)

        finish = drive(plan, answered, Shell(record=recorded, remember=shell.remember, count=shell.count))
        now.finish.append(finish)
        return finish

    monkeypatch.setattr(executor, "drive_step", traced_step)
    monkeypatch.setattr(conformance_reconcile, "drive", traced)
    return traces


def failed(results: StepResults) -> bool:
    return any(result.error is not None for chain in results for result in chain)


def other_chains_are_tried(trace: Trace) -> bool:
    """Rule 1: of a step's chains one fails, and the others run all the same."""
    return any(
        step.mode == "all" and failed(results[:-1]) and len(results) == len(step.chains)
        for step, results in trace.steps
    )


def a_chain_goes_on_in_order(trace: Trace) -> bool:
    """Rule 1: a chain's first write has succeeded, so its second is sent."""
    return any(len(chain) > 1 for _, results in trace.steps for chain in results)


def an_ignored_error_is_success(trace: Trace) -> bool:
    """Rule 2: the server answered with an error, and no step has one."""
    refused = sum(answer.error is not None for answer in trace.answers)
    return refused > sum(r.error is not None for _, step in trace.steps for chain in step for r in chain)


def a_chain_stops_at_its_error(trace: Trace) -> bool:
    """Rule 2: writes of a chain are left over."""
    return any(
        len(done) < len(chain.writes)
        for step, results in trace.steps
        for chain, done in zip(step.chains, results, strict=False)
    )


def nothing_later_runs(trace: Trace) -> bool:
    """Rule 3: a step fails, and there was more to do: steps, the status, or events."""
    begun, plan = len(trace.steps), trace.plan
    if not 0 < begun <= len(plan.steps) or not failed(trace.steps[-1][1]):
        return False
    return begun < len(plan.steps) or plan.status is not None or bool(plan.events)


def the_failure_is_recorded(trace: Trace) -> bool:
    """Rule 3: the step that fails has an event for that."""
    return any(step.on_error is not None and failed(results) for step, results in trace.steps)


def the_status_is_written_once(trace: Trace) -> bool:
    """Rule 4: all steps succeed, the status write does not, and that is the end of the pass."""
    last = trace.answers[-1]
    written = [a for a in trace.answers if isinstance(a.write, UpdateStatus) and a.write.kind == "JobSet"]
    return last.error is not None and written == [last]


def a_failed_status_takes_the_events_along(trace: Trace) -> bool:
    """Rule 4: and there were events to record."""
    return the_status_is_written_once(trace) and bool(trace.plan.events)


def a_prefix_stays(trace: Trace) -> bool:
    """Rule 5: writes were applied before the pass came to its early end."""
    return trace.finish[0].error is not None and trace.answers[0].error is None


HITS: dict[int, tuple[Callable[[Trace], bool], ...]] = {
    1: (other_chains_are_tried, a_chain_goes_on_in_order),
    2: (an_ignored_error_is_success, a_chain_stops_at_its_error),
    3: (nothing_later_runs, the_failure_is_recorded),
    4: (
        the_status_is_written_once,
        a_failed_status_takes_the_events_along,
    ),
    5: (a_prefix_stays,),
}


def faulted() -> Iterator[dict[str, Any]]:
    """Yield the recorded cases in which a write is refused."""
    for file in FAULTED:
        yield from (case for case in cases(file) if case.get("faults"))


@pytest.mark.slow
def test_each_rule_is_put_to_the_test(trace: list[Trace]) -> None:
    """Each aspect of each rule is met by a recorded case."""
    hits: Counter[str] = Counter()
    for case in faulted():
        assert run_case(case).passed, case["case"]
        hits.update(look.__name__ for looks in HITS.values() for look in looks if look(trace[-1]))
    assert [look.__name__ for looks in HITS.values() for look in looks if not hits[look.__name__]] == []


@pytest.mark.slow
def test_a_crash_leaves_the_prefix(trace: list[Trace], monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule 5, actively: a pass that dies at its n-th write has done the first n - 1, and no other."""
    left = [0]
    send = conformance_reconcile._Recorder.send

    def dying(recorder: Any, write: Write) -> WriteResult:
        left[0] -= 1
        if left[0] == 0:
            raise Crash
        return send(recorder, write)

    monkeypatch.setattr(conformance_reconcile._Recorder, "send", dying)
    crashes = 0
    for case in spread()[::4]:
        if not case["of"].endswith("-reconcile"):
            continue
        run_case(case)
        whole = [answer.write for answer in trace[-1].answers]
        for n in range(1, len(whole) + 1):
            left[0] = n
            with pytest.raises(Crash):
                run_case(case)
            assert [answer.write for answer in trace[-1].answers] == whole[: n - 1], case["case"]
            crashes += 1
        left[0] = 0
    assert crashes > 200
