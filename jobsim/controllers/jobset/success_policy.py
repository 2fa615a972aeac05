"""successPolicy: when enough Jobs have succeeded.

Source: jobset pkg/controllers/success_policy.go @08dfbdfd; C-SUC-*.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobsim.api.batch import Job
from jobsim.api.jobset import REPLICATED_JOB_NAME, JobSet, SuccessPolicy
from jobsim.controllers.jobset.conditions import ALL_COMPLETED, RESTART_COMPLETED, finish
from jobsim.controllers.jobset.draft import Draft, panic


def complete_if_successful(draft: Draft, successful: Sequence[Job]) -> bool:
    """Set Completed if the policy is satisfied; return whether it is (C-SUC-04)."""
    policy = draft.jobset.spec.success_policy
    if policy is None:
        panic()  # C-UPD-10: the policy was removed by an update.
    matching = len(successful)
    if policy.target_replicated_jobs:
        matching = sum(
            _targets(policy, job.metadata.labels.get(REPLICATED_JOB_NAME, "")) for job in successful
        )
    if matching < _threshold(draft.jobset, policy):
        return False
    finish(draft, ALL_COMPLETED, RESTART_COMPLETED)
    return True


def _targets(policy: SuccessPolicy, name: str) -> bool:
    """Tell whether the policy counts Jobs of a replicated job (C-SUC-02)."""
    return not policy.target_replicated_jobs or name in policy.target_replicated_jobs


def _threshold(jobset: JobSet, policy: SuccessPolicy) -> int:
    """Return how many Jobs must succeed (C-SUC-03); an unknown operator asks for none."""
    if policy.operator == "Any":
        return 1
    if policy.operator == "All":
        return sum(r.replicas for r in jobset.spec.replicated_jobs if _targets(policy, r.name))
    return 0
