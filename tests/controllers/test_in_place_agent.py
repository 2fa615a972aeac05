"""The in-place restart agent: the 14 cases of upstream's TestReconcile, and what they leave open."""

from __future__ import annotations

import pytest

from jobsim.api._struct import replace
from jobsim.api.jobset import JobSet, JobSetStatus
from jobsim.controllers.in_place_agent import Act, Process, Seen, reconcile
from jobsim.testing import make_jobset

DISABLED = {"jobset.sigs.k8s.io/disable-in-place-restart": ""}
KEY = "jobset.sigs.k8s.io/in-place-restart-attempt"


def jobset(current: int | None, previous: int | None, **more: object) -> JobSet:
    options = {"restart_strategy": "InPlaceRestart", **more}
    made = make_jobset("train", max_restarts=3, **options)  # type: ignore[arg-type]
    status = JobSetStatus(
        restarts=0, current_in_place_restart_attempt=current, previous_in_place_restart_attempt=previous
    )
    return replace(made, status=status)


def look(
    current: int | None, previous: int | None, attempt: int | None = None, up: bool = True, **more: object
) -> Act:
    process = Process(attempt=attempt, barrier_up=up)
    return reconcile(Seen(jobset(current, previous, **more), process, "ns", "p"))


def announced(act: Act) -> str | None:
    if act.announce is None:
        return None
    assert (act.announce.kind, act.announce.namespace, act.announce.name) == ("Pod", "ns", "p")
    ((key, text),) = act.announce.patch["metadata"]["annotations"].items()
    assert key == KEY
    return str(text)


@pytest.mark.parametrize(
    ("current", "previous", "attempt", "up", "announces", "exits", "lifts"),
    [
        # C-AGT-04: the first look of a process: the first start, after its own failure, after it was told to.
        (None, None, None, True, "0", False, False),
        (0, None, None, True, "1", False, False),
        (1, 0, None, True, "2", False, False),
        (0, 0, None, True, "1", False, False),
        # C-AGT-05: outdated.
        (0, 0, 0, True, None, True, False),
        # C-AGT-06: all are in sync.
        (0, None, 0, True, None, False, True),
        (1, 0, 1, True, None, False, True),
        # Nothing to do, its barrier is down.
        (0, None, 0, False, None, False, False),
        (1, 0, 1, False, None, False, False),
        # Beyond upstream's cases: outdated also while the worker runs, by any distance.
        (1, 1, 1, False, None, True, False),
        (7, 5, 2, False, None, True, False),
        # The first look of a late process may exit at once; one look may not lift what it announces.
        (0, 4, None, True, "1", True, False),
        # Waiting: its attempt is not current yet.
        (0, 0, 1, True, None, False, False),
        (2**31 - 1, None, None, True, str(-(2**31)), False, False),
    ],
)
def test_one_look(
    current: int | None,
    previous: int | None,
    attempt: int | None,
    up: bool,
    announces: str | None,
    exits: bool,
    lifts: bool,
) -> None:
    act = look(current, previous, attempt, up)
    assert (announced(act), act.exits, act.lifts) == (announces, exits, lifts)
    after = act.process
    assert after.attempt == (int(announces) if announces is not None else attempt)
    assert after.barrier_up == (up and not lifts)


@pytest.mark.parametrize(
    "more",
    [
        {"annotations": DISABLED},
        {"restart_strategy": "Recreate"},
        {"restart_strategy": ""},
        {"restart_strategy": "BlockingRecreate"},
    ],
)
@pytest.mark.parametrize("attempt", [None, 0])
def test_the_barrier_is_bypassed(more: dict[str, object], attempt: int | None) -> None:
    """C-AGT-03: no attempt is written, nothing is outdated, the worker runs."""
    first = look(3, 2, attempt, **more)
    assert (first.announce, first.exits, first.lifts) == (None, False, True)
    assert first.process == Process(attempt=attempt, barrier_up=False)
    again = reconcile(Seen(jobset(3, 2, **more), first.process))
    assert again == Act(process=first.process)


def test_without_its_jobset_it_does_nothing() -> None:
    assert reconcile(Seen(None, Process())) == Act(process=Process())


def test_without_the_controller_the_barrier_stays_up() -> None:
    """C-AGT-09: current stays empty where the gate is off, and attempt 0 never equals it."""
    first = look(None, None)
    assert reconcile(Seen(jobset(None, None), first.process)) == Act(process=first.process)


def test_a_process_remembers_its_attempt_and_a_new_one_does_not() -> None:
    """C-AGT-02: the state is the process': it announces once, whatever moves on meanwhile."""
    first = look(1, 0)
    assert (announced(first), first.process) == ("2", Process(attempt=2, barrier_up=True))
    second = reconcile(Seen(jobset(2, 1), first.process, "ns", "p"))
    assert (second.announce, second.lifts) == (None, True)
    assert second.process == Process(attempt=2, barrier_up=False)
    assert reconcile(Seen(jobset(2, 1), second.process)) == Act(process=second.process)
    # Its successor in the same pod knows nothing of that.
    assert Process() == Process(attempt=None, barrier_up=True)
    assert announced(look(2, 1)) == "3"
