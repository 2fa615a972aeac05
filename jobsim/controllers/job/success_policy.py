"""successPolicy: when enough indexes of an Indexed Job have succeeded.

Source: kubernetes pkg/controller/job/success_policy.go; clause K-JOB-65.
"""

from __future__ import annotations

from jobsim.api.batch import JobSuccessPolicy
from jobsim.controllers.job import indexes
from jobsim.controllers.job.indexes import Intervals


def met(policy: JobSuccessPolicy | None, completions: int, succeeded: Intervals) -> str:
    """Return the message of the first rule that is met; "" if none is."""
    if policy is None or not succeeded:
        return ""
    for number, rule in enumerate(policy.rules):
        count = rule.succeeded_count
        if rule.succeeded_indexes is not None:
            wanted = indexes.parse(rule.succeeded_indexes, completions)
            have = indexes.overlap(wanted, succeeded)
            holds = bool(wanted) and (have == indexes.total(wanted) or (count is not None and have >= count))
        else:
            holds = count is not None and indexes.total(succeeded) >= count
        if holds:
            return f"Matched rules at index {number}"
    return ""
