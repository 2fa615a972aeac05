"""dependsOn: whether a replicated job's turn has come.

Source: jobset pkg/controllers/depends_on.go @08dfbdfd; C-DEP-*.
"""

from __future__ import annotations

from collections.abc import Mapping

from jobsim.api.jobset import ReplicatedJob
from jobsim.controllers.jobset.status import Statuses, started


def dependencies_met(rjob: ReplicatedJob, replicas: Mapping[str, int], statuses: Statuses) -> bool:
    """Tell whether every dependency has reached its status (C-DEP-01).

    Parameters
    ----------
    replicas : mapping
        Replicas of the replicated jobs up to this one in spec order; another's count as 0 (C-DEP-02).
    """
    for dependency in rjob.depends_on or ():
        status = statuses.get(dependency.name)
        if status is None:
            return False
        wanted = replicas.get(dependency.name, 0)
        if dependency.status == "Complete" and wanted != status.succeeded:
            return False
        if dependency.status == "Ready" and wanted != started(status):
            return False
    return True
