"""ttlSecondsAfterFinished: the end of a finished JobSet.

Source: jobset pkg/controllers/ttl_after_finished.go @08dfbdfd; C-TTL-*.
"""

from __future__ import annotations

from jobsim.api.meta import Condition
from jobsim.api.plan import single
from jobsim.api.writes import Delete
from jobsim.controllers.jobset.draft import Draft, PassError
from jobsim.units import SECOND


def apply_ttl(draft: Draft, finish: Condition) -> None:
    """Delete the JobSet when its time is over, else ask for another look then (C-TTL-02..04).

    Raises
    ------
    PassError
        The condition has no time.
    """
    ttl_s = draft.jobset.spec.ttl_seconds_after_finished
    if ttl_s is None:
        return
    if finish.last_transition_time is None:
        meta = draft.jobset.metadata
        raise PassError(
            "error checking if ttl expired: "
            f"unable to find the time when the JobSet {meta.namespace}/{meta.name} finished"
        )
    left_ns = finish.last_transition_time + ttl_s * SECOND - draft.now
    if left_ns > 0:
        draft.requeue_after_ns = left_ns
        return
    meta = draft.jobset.metadata
    draft.steps.append(
        single(Delete(kind="JobSet", namespace=meta.namespace, name=meta.name, propagation="Foreground"))
    )
