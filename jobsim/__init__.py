"""What would my JobSet do?  A deterministic simulator of Kubernetes JobSet semantics.

>>> import jobsim
>>> run = jobsim.run("scenarios/ttl.yaml", seed=7)
>>> run.jobsets()[0]["terminalState"]
'Completed'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobsim.errors import ApiError, InputError, InputErrors, JobsimError
    from jobsim.hardware.catalogue import Fabric
    from jobsim.hardware.collectives import Cost, collective_time
    from jobsim.hardware.collectives_placement import Placement
    from jobsim.hardware.collectives_sweep import collective_times
    from jobsim.hardware.step_model import StepModel, training_step
    from jobsim.moment import Listing, Moment
    from jobsim.scenario.expect import Verdict
    from jobsim.scenario.load import Scenario, load_files
    from jobsim.simulate import Rejected, Run, RunData, open_run, run, validate

    __version__: str

#: Where the names of the public surface live; each is imported when it is first asked for, so that
#: ``import jobsim`` and ``jobsim --help`` cost nothing.
_HOMES = {
    "jobsim.errors": ("ApiError", "InputError", "InputErrors", "JobsimError"),
    "jobsim.hardware.catalogue": ("Fabric",),
    "jobsim.hardware.collectives": ("Cost", "collective_time"),
    "jobsim.hardware.collectives_placement": ("Placement",),
    "jobsim.hardware.collectives_sweep": ("collective_times",),
    "jobsim.hardware.step_model": ("StepModel", "training_step"),
    "jobsim.moment": ("Listing", "Moment"),
    "jobsim.scenario.expect": ("Verdict",),
    "jobsim.scenario.load": ("Scenario", "load_files"),
    "jobsim.simulate": ("Rejected", "Run", "RunData", "open_run", "run", "validate"),
}

__all__ = [
    "ApiError",
    "Cost",
    "Fabric",
    "InputError",
    "InputErrors",
    "JobsimError",
    "Listing",
    "Moment",
    "Placement",
    "Rejected",
    "Run",
    "RunData",
    "Scenario",
    "StepModel",
    "Verdict",
    "collective_time",
    "collective_times",
    "load_files",
    "open_run",
    "run",
    "training_step",
    "validate",
]


if not TYPE_CHECKING:  # or every name would be thought to be there

    def __getattr__(name: str) -> Any:
        from importlib import import_module, metadata

        if name == "__version__":
            return metadata.version("jobsim")
        for home, names in _HOMES.items():
            if name in names:
                return getattr(import_module(home), name)
        raise AttributeError(f"module 'jobsim' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__", *globals()])
