"""In-place restart, the controller's side: which attempt the pods are in, and which they must reach.

Source: jobset pkg/controllers/in_place_restart.go @08dfbdfd; C-IPR-*.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobsim.api.gofmt import atoi, int32
from jobsim.api.jobset import IN_PLACE_RESTART_ATTEMPT, FailurePolicy, JobSet
from jobsim.api.pod import Pod
from jobsim.controllers.jobset.conditions import fail
from jobsim.controllers.jobset.draft import Draft, PassError


def uses_in_place_restart(jobset: JobSet) -> bool:
    """Tell whether the JobSet's restart strategy is InPlaceRestart."""
    policy = jobset.spec.failure_policy
    return policy is not None and policy.restart_strategy == "InPlaceRestart"


def restart_in_place(draft: Draft, policy: FailurePolicy, pods: Sequence[Pod]) -> None:
    """Move the attempts on, or fail when restarts are used up (C-IPR-03..10).

    Raises
    ------
    PassError
        An attempt is no number, or the pods cannot be counted.
    """
    if _restart_count_max(pods) > policy.max_restarts:
        _fail_for_restarts(draft)
        return
    attempts = _attempts(pods)
    uncounted = int32(draft.restarts - draft.restarts_count_towards_max)
    if int32(max(attempts, default=0) - uncounted) > policy.max_restarts:
        _fail_for_restarts(draft)
        return
    expected = _expected_pods(draft.jobset)
    if attempts and len(attempts) == expected and min(attempts) == max(attempts):
        if draft.current_attempt != attempts[0]:
            draft.current_attempt = attempts[0]
            draft.dirty = True
        return
    if not attempts or max(attempts) == 0:
        return
    outdated = max(attempts) - 1
    if draft.previous_attempt is None or outdated > draft.previous_attempt:
        draft.previous_attempt = outdated
        draft.dirty = True


def _fail_for_restarts(draft: Draft) -> None:
    """Set Failed; here the message names no Job (C-IPR-04, C-IPR-06)."""
    fail(draft, "ReachedMaxRestarts", "jobset failed due to reaching max number of restarts")


def _restart_count_max(pods: Sequence[Pod]) -> int:
    """Return the highest restart count of any container of any pod (C-IPR-03)."""
    return max(
        (
            container.restart_count
            for pod in pods
            for statuses in (pod.status.init_container_statuses, pod.status.container_statuses)
            for container in statuses
        ),
        default=0,
    )


def _attempts(pods: Sequence[Pod]) -> list[int]:
    """Return the attempts that the pods' agents have announced (C-IPR-05)."""
    attempts = []
    for pod in pods:
        text = pod.metadata.annotations.get(IN_PLACE_RESTART_ATTEMPT)
        if text is None or pod.status.phase == "Failed":
            continue
        attempt = atoi(text)
        if attempt is None or attempt < 0:
            raise PassError(
                f"invalid value for annotation {IN_PLACE_RESTART_ATTEMPT}, must be non-negative integer"
            )
        attempts.append(int32(attempt))
    return attempts


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
