"""In-place restart, the controller's side: which attempt the pods are in, and which they must reach.

Source: jobset pkg/controllers/in_place_restart.go @08dfbdfd; C-IPR-*.
"""

from __future__ import annotations

from jobsim.api.gofmt import int32
from jobsim.api.jobset import IN_PLACE_RESTART_ATTEMPT, FailurePolicy, JobSet
from jobsim.controllers.jobset.conditions import fail
from jobsim.controllers.jobset.draft import Draft, PassError
from jobsim.controllers.jobset.in_place_pods import PodSummary


def uses_in_place_restart(jobset: JobSet) -> bool:
    """Tell whether the JobSet's restart strategy is InPlaceRestart."""
    policy = jobset.spec.failure_policy
    return policy is not None and policy.restart_strategy == "InPlaceRestart"


def restart_in_place(draft: Draft, policy: FailurePolicy, pods: PodSummary) -> None:
    """Move the attempts on, or fail when restarts are used up (C-IPR-03..10).

    Raises
    ------
    PassError
        An attempt is no number, or the pods cannot be counted.
    """
    if pods.restarts_max > policy.max_restarts:
        _fail_for_restarts(draft)
        return
    if pods.bad:
        raise PassError(
            f"invalid value for annotation {IN_PLACE_RESTART_ATTEMPT}, must be non-negative integer"
        )
    uncounted = int32(draft.restarts - draft.restarts_count_towards_max)
    if int32(pods.highest - uncounted) > policy.max_restarts:
        _fail_for_restarts(draft)
        return
    expected = _expected_pods(draft.jobset)
    if pods.count and pods.count == expected and pods.lowest == pods.highest:
        if draft.current_attempt != pods.highest:
            draft.current_attempt = pods.highest
            draft.dirty = True
        return
    if not pods.count or pods.highest == 0:
        return
    outdated = pods.highest - 1
    if draft.previous_attempt is None or outdated > draft.previous_attempt:
        draft.previous_attempt = outdated
        draft.dirty = True


def _fail_for_restarts(draft: Draft) -> None:
    """Set Failed; here the message names no Job (C-IPR-04, C-IPR-06)."""
    fail(draft, "ReachedMaxRestarts", "jobset failed due to reaching max number of restarts")


def _expected_pods(jobset: JobSet) -> int:
    """Return how many pods the JobSet has (C-IPR-07)."""
    total = 0
    for rjob in jobset.spec.replicated_jobs:
        spec = rjob.template.spec
        if spec.parallelism is None or spec.completions != spec.parallelism:
            raise PassError(
                f"{rjob.name}: in-place restart requires "
                "jobTemplate.spec.completions == jobTemplate.spec.parallelism != nil"
            )
        total += int32(rjob.replicas * spec.parallelism)
    return total
