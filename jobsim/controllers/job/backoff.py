"""Back-off before failed pods are replaced: the Job-wide record and the finish time of a pod.

Source: kubernetes pkg/controller/job/backoff_utils.go; clauses K-JOB-50..53, K-JOB-56.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobsim.api._struct import Struct
from jobsim.api.pod import ContainerStatus, Pod
from jobsim.api.timing import REAL, Timing
from jobsim.units import SECOND


class Backoff(Struct):
    """Failures since the last success, and when the last of them happened.

    Parameters
    ----------
    failures : int
    last_failure : int or None
        Virtual time, ns; None without a failure.
    """

    failures: int = 0
    last_failure: int | None = None


def record(old: Backoff, succeeded: Sequence[int], failed: Sequence[int]) -> Backoff:
    """Return the record after pods finished at these times (K-JOB-50)."""
    if not failed:
        return Backoff() if succeeded else old
    if not succeeded:
        return Backoff(failures=old.failures + len(failed), last_failure=max(failed))
    last_success = max(succeeded)
    later = [time for time in failed if time > last_success]
    return Backoff(failures=len(later), last_failure=max(later) if later else None)


def remaining_ns(backoff: Backoff, now: int, timing: Timing = REAL) -> int:
    """Return how long creation still has to wait, ns; 0 = no longer (K-JOB-51)."""
    if backoff.last_failure is None or backoff.failures == 0:
        return 0
    # 2**30 is past any cap already; more doublings would only make bigger ints.
    delay = min(timing.job_backoff_base_ns << min(backoff.failures - 1, 30), timing.job_backoff_cap_ns)
    return max(0, backoff.last_failure + delay - now)


def finish_time(pod: Pod) -> int:
    """Return when a pod finished, as far as its status tells (K-JOB-52), ns."""
    time = _containers_finished(pod)
    if time is not None:
        return time
    for condition in pod.status.conditions:
        if condition.type == "Ready":
            if condition.status == "False" and condition.last_transition_time is not None:
                return condition.last_transition_time
            break
    meta = pod.metadata
    if meta.deletion_timestamp is not None:
        return meta.deletion_timestamp - (meta.deletion_grace_period_seconds or 0) * SECOND
    return meta.creation_timestamp or 0


def _containers_finished(pod: Pod) -> int | None:
    """Return the latest finish of the containers, None if one of the last group looked at still runs.

    App containers and sidecars are looked at one group after the other, and a sidecar's time is
    taken even where an app container has none.
    """
    time = _latest(None, pod.status.container_statuses)
    sidecars = {c.name for c in pod.spec.init_containers if c.restart_policy == "Always"}
    if not sidecars:
        return time
    return _latest(time, [s for s in pod.status.init_container_statuses if s.name in sidecars])


def _latest(time: int | None, statuses: Sequence[ContainerStatus]) -> int | None:
    for status in statuses:
        ended = status.state.terminated
        if ended is None or ended.finished_at is None:
            return None
        if time is None or time < ended.finished_at:
            time = ended.finished_at
    return time
