"""The feature gates and the version of the simulated JobSet.  Source: C-GAT-01..03, C-DIF-*."""

from __future__ import annotations

from typing import Literal

from jobsim.api._struct import Struct

Version = Literal["v0.12.0", "main"]


class Gates(Struct):
    """What is switched on; ``version`` chooses between the listed differences of section 0.

    Parameters
    ----------
    in_place_restart : bool
        Allows restartStrategy InPlaceRestart, watches pods, runs C-IPR.
    restart_job : bool
        Allows the two RestartJob actions and adds ``job-restart-attempt``.
    elastic_jobset : bool
        Allows updates of parallelism and completions and patches children.
    version : {"v0.12.0", "main"}
    """

    in_place_restart: bool = False
    restart_job: bool = False
    elastic_jobset: bool = False
    version: Version = "v0.12.0"
