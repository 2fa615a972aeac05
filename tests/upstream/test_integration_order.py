"""Counterparts of upstream's integration cases of the controller: who starts when (C-STA-*, C-DEP-*)."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api.jobset import COORDINATOR, Coordinator
from jobsim.testing import make_jobset, make_replicated_job
from tests.upstream.kit import cases, upstream
from tests.upstream.world import World

FILE = "test/integration/controller/jobset_controller_test.go"
SERIES = "jobset is created and its jobs go through a series of updates"
case = cases(FILE, SERIES)
A, B = ["a-0"], ["b-0", "b-1"]
IN_PROGRESS = ("True", "InOrderStartupPolicyInProgress")
COMPLETED = ("True", "InOrderStartupPolicyCompleted")


def world(in_order: bool, **fields: Any) -> World:
    return World(make_jobset("train", replicated_jobs={"a": 1, "b": 2}, in_order=in_order, **fields))


@pytest.mark.parametrize(
    "in_order",
    [
        case("startupPolicy with InOrder; suspend should keep jobs suspended", True),
        case("startupPolicy with AnyOrder; suspend should keep jobs suspended", False),
    ],
)
def test_suspended_all_jobs_are_there(in_order: bool) -> None:
    """C-SUS-13, C-STA-07."""
    w = world(in_order, suspend=True)
    assert w.jobs() == w.suspended == A + B
    assert w.says("Suspended") == ("True", "SuspendedJobs")
    assert w.says("StartupPolicyInProgress") is None
    assert w.tick(60).suspended == A + B


@upstream(FILE, SERIES, "startupPolicy with AnyOrder; resume suspended JobSet")
def test_resumed_in_any_order() -> None:
    """C-SUS-04, C-STA-08."""
    w = world(False, suspend=True)
    assert w.edit(suspend=False) is None
    assert w.suspended == []
    assert w.says("Suspended") == ("False", "ResumeJobs")
    assert w.says("StartupPolicyInProgress") is None
    assert w.says("StartupPolicyCompleted") is None


@upstream(FILE, SERIES, "startupPolicy with InOrder; resume suspended JobSet")
def test_resumed_in_order() -> None:
    """C-SUS-04, C-SUS-15: suspended until the last replicated job has started."""
    w = world(True, suspend=True)
    assert w.edit(suspend=False) is None
    assert w.suspended == B
    assert w.says("StartupPolicyInProgress") == IN_PROGRESS
    assert w.ready(*A).suspended == []
    assert w.says("Suspended") == ("True", "SuspendedJobs")
    w.ready(*B)
    assert w.says("Suspended") == ("False", "ResumeJobs")
    assert w.says("StartupPolicyCompleted") == COMPLETED
    assert w.says("StartupPolicyInProgress") == ("False", IN_PROGRESS[1])


@upstream(
    FILE, SERIES, "startupPolicy InOrder; replicated-job-a not ready then replicated-job-b should not run"
)
def test_the_second_waits_for_the_first() -> None:
    """C-STA-01, C-STA-02: running is not enough."""
    w = world(True).run(*A)
    assert w.tick(60).jobs() == A
    assert w.says("StartupPolicyInProgress") == IN_PROGRESS
    assert w.ready(*A).jobs() == A + B


@upstream(
    FILE,
    SERIES,
    "startupPolicy with InOrder; success policy restart; replicated-job-a ready than replicated-job-b "
    "should run",
)
def test_the_order_holds_after_a_restart() -> None:
    """C-STA-07, C-STA-04: the conditions turn back, and then again."""
    w = world(True, max_restarts=1).ready(*A).ready(*B)
    assert w.says("StartupPolicyCompleted") == COMPLETED
    w.fail("b-1").collect()
    assert w.jobs() == A
    assert w.says("StartupPolicyInProgress") == IN_PROGRESS
    assert w.says("StartupPolicyCompleted") == ("False", COMPLETED[1])
    assert w.ready(*A).jobs() == A + B
    w.ready(*B)
    assert w.says("StartupPolicyCompleted") == COMPLETED
    assert w.succeed(*A, *B).state == "Completed"


@upstream(FILE, SERIES, "jobset with coordinator set should have annotation and label set on all jobs")
def test_all_know_the_coordinator() -> None:
    """C-JOB-17."""
    w = world(False, coordinator=Coordinator(replicated_job="b", job_index=1))
    for name in A + B:
        job = w.job(name)
        for meta in (job.metadata, job.spec.template.metadata):
            assert meta.labels[COORDINATOR] == meta.annotations[COORDINATOR] == "train-b-1-0.train"


# -- dependsOn -----------------------------------------------------------------------------------------

Dependencies = dict[str, list[tuple[str, str]] | None]


def depending(graph: Dependencies, **fields: Any) -> World:
    """Return replicated jobs of two Jobs each (``a-0``, ``a-1``, ...) with their dependencies."""
    rjobs = [make_replicated_job(name, 2, depends_on=on) for name, on in graph.items()]
    return World(make_jobset("train", replicated_jobs=rjobs, **fields))


def both(*names: str) -> list[str]:
    return [f"{name}-{i}" for name in names for i in range(2)]


@pytest.mark.parametrize(
    ("graph", "story"),
    [
        case(
            "DependsOn: rjob-b depends on ready status of rjob-a",
            {"a": None, "b": [("a", "Ready")]},
            [("ready", ["a-0"], both("a")), ("ready", ["a-1"], both("a", "b"))],
        ),
        case(
            "DependsOn: rjob-b depends on complete status of rjob-a, and rjob-c depends on ready status of "
            "rjob-b",
            {"a": None, "b": [("a", "Complete")], "c": [("b", "Ready")]},
            [
                ("ready", both("a"), both("a")),
                ("succeed", ["a-1"], both("a")),
                ("succeed", ["a-0"], both("a", "b")),
                ("run", both("b"), both("a", "b")),
                ("ready", both("b"), both("a", "b", "c")),
            ],
        ),
        case(
            "DependsOn: rjob-c depends on complete status of rjob-a and rjob-b",
            {"a": None, "b": None, "c": [("a", "Complete"), ("b", "Complete")]},
            [
                ("succeed", both("b"), both("a", "b")),
                ("succeed", ["a-0"], both("a", "b")),
                ("succeed", ["a-1"], both("a", "b", "c")),
            ],
        ),
        case(
            "DependsOn: rjob-c depends on ready status of rjob-a and complete status of rjob-b",
            {"a": None, "b": None, "c": [("a", "Ready"), ("b", "Complete")]},
            [
                ("ready", both("a"), both("a", "b")),
                ("ready", both("b"), both("a", "b")),
                ("succeed", both("b"), both("a", "b", "c")),
            ],
        ),
    ],
)
def test_dependants_wait(graph: Dependencies, story: list[tuple[str, list[str], list[str]]]) -> None:
    """C-DEP-01, C-DEP-03, C-DEP-04: what happens to which Jobs, and which are there after it."""
    w = depending(graph)
    assert w.jobs() == both(*[name for name, on in graph.items() if on is None])
    for happens, names, there in story:
        getattr(w, happens)(*names)
        assert w.jobs() == there
    everything = both(*graph)
    w.succeed(*[name for name in everything if not w.job(name).status.succeeded])
    assert w.state == "Completed"


@upstream(FILE, SERIES, "DependsOn: resume suspended JobSet when rjob-b depends on ready status of rjob-a")
def test_dependants_are_not_even_created_while_suspended() -> None:
    """C-SUS-13, C-SUS-16."""
    w = depending({"a": None, "b": [("a", "Ready")]}, suspend=True)
    assert w.jobs() == w.suspended == both("a")
    assert w.edit(suspend=False) is None
    assert (w.jobs(), w.suspended) == (both("a"), [])
    assert w.says("Suspended") == ("False", "ResumeJobs")
    assert w.ready(*both("a")).jobs() == both("a", "b")
    assert w.suspended == []
