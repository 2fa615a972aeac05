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
    return [
        NotYetError(
            f"{what} not simulated yet", file=scenario.file, line=scenario.line_of(path), path=path_text(path)
        )
        for path, what in _workloads(scenario)
    ]


def _workloads(scenario: Scenario) -> Iterator[tuple[Where, str]]:
    for i, workload in enumerate(scenario.workloads):
        at = ("workloads", i)
        if workload.collectives:
            yield (*at, "collectives"), "collectives are"
        if isinstance(workload.step, model.StepModel):
            yield (*at, "step", "model"), "a step from a model is"
