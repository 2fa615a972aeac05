"""What a Scenario may ask for, and is checked, but is not simulated yet: delete a line when it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from jobsim.errors import InputError, NotYetError
from jobsim.scenario import model
from jobsim.scenario.check import path_text
from jobsim.scenario.compose import Where

if TYPE_CHECKING:
    from jobsim.scenario.load import Scenario


def not_yet(scenario: Scenario) -> list[InputError]:
    """Return an error for each thing in a Scenario that this version cannot simulate."""
    wishes = [*_workloads(scenario), *_failures(scenario)]
    return [
        NotYetError(
            f"{what} not simulated yet", file=scenario.file, line=scenario.line_of(path), path=path_text(path)
        )
        for path, what in wishes
    ]


def _workloads(scenario: Scenario) -> Iterator[tuple[Where, str]]:
    for i, workload in enumerate(scenario.workloads):
        at = ("workloads", i)
        if workload.collectives:
            yield (*at, "collectives"), "collectives are"
        if isinstance(workload.step, model.StepModel):
            yield (*at, "step", "model"), "a step from a model is"
        checkpoint = workload.checkpoint
        if checkpoint is not None and checkpoint.levels:
            yield (*at, "checkpoint", "levels"), "checkpoint levels are"
        if checkpoint is not None and checkpoint.survives < 1:
            yield (*at, "checkpoint", "survives"), "checkpoints that do not survive are"
        if checkpoint is not None and checkpoint.on_termination:
            yield (*at, "checkpoint", "onTermination"), "checkpoints on termination are"


def _failures(scenario: Scenario) -> Iterator[tuple[Where, str]]:
    names = {
        model.FailureTrace: ("trace", "traces are"),
        model.Maintenance: ("maintenance", "maintenance is"),
        model.Spot: ("spot", "spot capacity is"),
        model.Stragglers: ("stragglers", "stragglers are"),
    }
    for i, failure in enumerate(scenario.failures):
        at = ("failures", i)
        if isinstance(failure, model.FailureProcess):
            key = "domain" if failure.domain else "component"
            yield (*at, key), f"failures of a {key} are"
        elif type(failure) in names:
            key, what = names[type(failure)]
            yield (*at, key), what
        elif isinstance(failure, model.NodeFailure) and failure.effect == "degrade":
            yield (*at, "effect"), "degraded nodes are"
