"""From a Scenario to the runtime's setup: nothing is lost on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobsim.controllers.jobset.gates import Gates
from jobsim.hardware.failures.plans import Fault
from jobsim.laws import Exponential, Fixed
from jobsim.runtime.setup import (
    Action,
    ClientLimits,
    CrashFault,
    ErrorFault,
    Failure,
    Faults,
    Setup,
    StaleFault,
    WatchLag,
    When,
)
from jobsim.scenario import Scenario
from jobsim.scenario.build import build
from jobsim.scenario.table.control import COMPONENTS
from jobsim.units import DAY, MINUTE, SECOND
from jobsim.workload.checkpoint import Checkpoint
from jobsim.workload.training import Workload

POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}


def setup_of(**sections: Any) -> Setup:
    return build(Scenario(**sections), strict=False, check_invariants=False)[0]


def test_head_and_switches() -> None:
    scenario = Scenario(seed=7, until="1h", jobset={"version": "main", "gates": {"RestartJob": True}})
    setup, notes = build(scenario, strict=True, check_invariants=True)
    assert (setup.seed, setup.until, setup.until_max) == (7, 60 * MINUTE, 30 * DAY)
    assert setup.gates == Gates(version="main", restart_job=True)
    assert (setup.strict, setup.check_invariants, notes) == (True, True, ())


def test_manifests_in_the_order_of_time() -> None:
    later = {"at": "5m", "object": {**POD, "metadata": {"name": "late"}}}
    setup, notes = build(Scenario(manifests=[later, POD, POD]), strict=False, check_invariants=False)
    assert [(s.at // MINUTE, s.doc["metadata"]["name"]) for s in setup.submissions] == [
        (0, "p"),
        (0, "p"),
        (5, "late"),
    ]
    assert [note.partition(":")[0] for note in notes] == ["no fleet given"]
    assert len(setup.nodes) == 1


WORKLOADS = [
    ({"step": "2s", "steps": 10}, Workload(jobset="a", step_ns=2 * SECOND, steps=10)),
    ({"step": "7s", "useful": "1m"}, Workload(jobset="a", step_ns=7 * SECOND, steps=9)),
    ({"step": {"uniform": ["1s", "2s"]}}, Workload(jobset="a", step_ns=3 * SECOND // 2, steps=0)),
    (
        {"step": 1, "init": "3s", "checkpoint": {"every": "15m", "write": "30s", "load": "2m"}},
        Workload(
            jobset="a",
            step_ns=SECOND,
            steps=0,
            init=Fixed(value=3 * SECOND),
            levels=(
                Checkpoint(
                    every_ns=15 * MINUTE, write=Fixed(value=30 * SECOND), load=Fixed(value=2 * MINUTE)
                ),
            ),
        ),
    ),
    (
        {"step": 1, "checkpoint": {"every": {"steps": 5}, "mode": "async", "persist": "1s"}},
        Workload(
            jobset="a",
            step_ns=SECOND,
            steps=0,
            levels=(Checkpoint(every_steps=5, mode="async", persist=Fixed(value=SECOND)),),
        ),
    ),
    (
        {
            "step": 1,
            "checkpoint": {
                "onTermination": True,
                "levels": [{"name": "memory", "every": "1m", "survives": 0.9}, {"every": "1h", "write": 9}],
            },
        },
        Workload(
            jobset="a",
            step_ns=SECOND,
            steps=0,
            on_termination=True,
            levels=(
                Checkpoint(name="memory", every_ns=MINUTE, survives=0.9),
                Checkpoint(every_ns=60 * MINUTE, write=Fixed(value=9 * SECOND)),
            ),
        ),
    ),
]


@pytest.mark.parametrize(("section", "expected"), WORKLOADS)
def test_workloads(section: dict[str, Any], expected: Workload) -> None:
    assert setup_of(workloads=[{"match": {"jobset": "a"}, **section}]).workloads == (expected,)


MERGE = {"spec": {"suspend": True}}
PATCH = [{"op": "remove", "path": "/spec/suspend"}]
ACTIONS = [
    (
        {"at": 5, "patch": "jobset/a", "merge": MERGE},
        Action(verb="patch", kind="JobSet", name="a", patch=MERGE),
    ),
    (
        {"at": 5, "patch": "js/a", "json": PATCH, "namespace": "n", "status": True},
        Action(verb="json-patch", kind="JobSet", namespace="n", name="a", patch=PATCH, status=True),
    ),
    (
        {"at": 5, "delete": "po/a", "propagation": "Orphan"},
        Action(verb="delete", kind="Pod", name="a", propagation="Orphan"),
    ),
    ({"at": 5, "drain": "n-1"}, Action(verb="drain", kind="Node", name="n-1")),
]


@pytest.mark.parametrize(("section", "expected"), ACTIONS)
def test_actions(section: dict[str, Any], expected: Action) -> None:
    (made,) = setup_of(actions=[section]).actions
    assert made.at == 5 * SECOND
    fields = [name for name in Action.__struct_fields__ if name != "at"]
    assert [getattr(made, name) for name in fields] == [getattr(expected, name) for name in fields]


def test_an_action_that_waits_and_one_that_applies(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n")
    when = {"jobset": "a", "condition": "Completed"}
    setup = setup_of(
        actions=[{"when": when, "after": "10s", "delete": "js/a"}, {"at": 9, "apply": "p.yaml"}],
        folder=tmp_path,
    )
    waits, applies = setup.actions
    assert (waits.at, waits.when, waits.after) == (None, When(jobset="a", condition="Completed"), 10 * SECOND)
    assert [(doc.doc["metadata"], doc.at, doc.line) for doc in applies.docs] == [
        ({"name": "p"}, 9 * SECOND, 1)
    ]


FAILURES = [
    (
        {"at": 6, "pod": "a-0", "exitCode": 137},
        Failure(at=6 * SECOND, pod="a-0", fault=Fault(effect="pod-fails", cause="scripted", exit_code=137)),
    ),
    (
        {"at": 6, "node": "n", "effect": "lose", "repair": "30m", "detect": {"exponential": {"mean": 5}}},
        Failure(
            at=6 * SECOND,
            node="n",
            fault=Fault(
                effect="lose",
                cause="scripted",
                repair=Fixed(value=30 * MINUTE),
                detect=Exponential(mean=5 * SECOND),
            ),
        ),
    ),
]


@pytest.mark.parametrize(("section", "expected"), FAILURES)
def test_failures(section: dict[str, Any], expected: Failure) -> None:
    assert setup_of(failures=[section]).failures == (expected,)


def test_faults() -> None:
    on = {"component": "job", "verb": "create", "kind": "Pod", "namespace": "n", "name": "a"}
    setup = setup_of(
        faults=[
            {"error": "Timeout", "on": on, "nth": 3, "applied": True},
            {"error": "Conflict", "probability": 0.5},
            {"stale": {"component": "jobset", "kind": "Job", "at": 5, "for": "2s"}},
            {"crash": {"component": "scheduler", "afterWrite": 3, "down": "15s"}},
            {"crash": {"component": "kubelet", "at": 7}},
        ]
    )
    assert setup.faults == Faults(
        errors=(
            ErrorFault(error="Timeout", nth=3, applied=True, **on),
            ErrorFault(error="Conflict", probability=0.5),
        ),
        stale=(StaleFault(component="jobset", kind="Job", at=5 * SECOND, duration=2 * SECOND),),
        crashes=(
            CrashFault(component="scheduler", after_write=3, down=15 * SECOND),
            CrashFault(component="kubelet", at=7 * SECOND),
        ),
    )


@pytest.mark.parametrize("component", COMPONENTS)
def test_every_component_that_can_be_named_has_limits(component: str) -> None:
    control = setup_of(control={"api": {component: {"qps": 5, "burst": 6}}}).control
    assert control.limits == {component: ClientLimits(qps=5, burst=6)}


def test_control() -> None:
    control = setup_of(
        control={
            "watchLag": {"jobset": {"Pod": 1}, "job": 2},
            "api": {"latency": 3, "jobset": {"qps": 0}, "job": {"burst": 5}},
            "scheduler": {"podsPerSecond": 300},
            "nodeMonitorGracePeriod": "40s",
            "controllers": {"jobset": "builtin"},
        }
    ).control
    assert control.watch_lag == (
        WatchLag(law=Fixed(value=SECOND), component="jobset", kind="Pod"),
        WatchLag(law=Fixed(value=2 * SECOND), component="job"),
    )
    assert control.latency == Fixed(value=3 * SECOND)
    assert control.limits == {"jobset": ClientLimits(qps=0, burst=500), "job": ClientLimits(qps=20, burst=5)}
    assert (control.pods_per_second, control.timing.node_monitor_grace_ns) == (300, 40 * SECOND)
    assert control.controllers == {"jobset": "builtin"}
    assert setup_of().control.timing.node_monitor_grace_ns == 50 * SECOND
