"""startupPolicy InOrder: which replicated jobs have started.

Source: jobset pkg/controllers/startup_policy.go @08dfbdfd; C-STA-*.
"""

from __future__ import annotations

from jobsim.api.jobset import JobSet, ReplicatedJob
from jobsim.controllers.jobset.status import Statuses, started


def in_order(jobset: JobSet) -> bool:
    """Tell whether replicated jobs start one after the other."""
    policy = jobset.spec.startup_policy
    return policy is not None and policy.startup_policy_order == "InOrder"


def all_started(rjob: ReplicatedJob, statuses: Statuses) -> bool:
    """Tell whether exactly as many Jobs as replicas have started (C-STA-01)."""
    return rjob.replicas == started(statuses[rjob.name])
