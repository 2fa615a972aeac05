"""When a step of a script is due: the forms of ``when`` and ``until``, asked of a Watcher."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jobsim.api.jobset import ReplicatedJobStatus
from jobsim.e2e.case import When, nanoseconds
from jobsim.e2e.match import PodMatch
from jobsim.e2e.watcher import SeenJobSet, Watcher


class Clock:
    """What the forms that speak of time count from, ns."""

    def __init__(self, start: int) -> None:
        self.start = start
        self.step = start
        self.now = start


def holds(when: When, watcher: Watcher, clock: Clock) -> bool:
    """Tell whether a moment has come."""
    time = time_of(when, watcher, clock)
    if time is not None:
        return clock.now >= time
    return _FORMS[when.form](when.asked, watcher)


def time_of(when: When, watcher: Watcher, clock: Clock) -> int | None:
    """Return when a moment comes if nothing more happens; None if it is no matter of time."""
    match when.form:
        case "at":
            return clock.start + nanoseconds(when.asked["at"])
        case "after":
            return clock.step + nanoseconds(when.asked["after"])
        case "stable":
            return watcher.changed_at + nanoseconds(when.asked["stable"])
    return None


def _jobset(asked: Mapping[str, Any], watcher: Watcher) -> SeenJobSet | None:
    """Return the JobSet that is meant, the first one by default, if it is there."""
    seen = watcher.jobsets.get(asked.get("jobset") or watcher.first_jobset())
    return seen if seen is not None and seen.exists else None


def _condition(asked: Mapping[str, Any], watcher: Watcher) -> bool:
    seen = _jobset(asked, watcher)
    wanted = (asked["condition"], asked.get("status", "True"))
    return seen is not None and any((c.type, c.status) == wanted for c in seen.jobset.status.conditions)


def _restarts(asked: Mapping[str, Any], watcher: Watcher) -> bool:
    seen = _jobset(asked, watcher)
    return seen is not None and bool(seen.jobset.status.restarts >= asked["restarts"])


def _jobs(
    count: str, of: Callable[[ReplicatedJobStatus], int]
) -> Callable[[Mapping[str, Any], Watcher], bool]:
    """Return the form that asks for so many Jobs of each replicated Job."""

    def form(asked: Mapping[str, Any], watcher: Watcher) -> bool:
        seen = _jobset(asked, watcher)
        if seen is None:
            return False
        have = {status.name: of(status) for status in seen.jobset.status.replicated_jobs_status}
        return all(have.get(name, 0) >= number for name, number in asked[count].items())

    return form


def _pods(asked: Mapping[str, Any], watcher: Watcher) -> bool:
    match, phase = PodMatch(asked["pods"]), asked.get("phase")
    found = sum(
        match(seen.facts) and phase in (None, seen.pod.status.phase or "Pending") for seen in watcher.living()
    )
    return bool(found >= asked.get("count", 1))


def _event(asked: Mapping[str, Any], watcher: Watcher) -> bool:
    return any(event.reason == asked["event"] for event in watcher.events)


def _gone(asked: Mapping[str, Any], watcher: Watcher) -> bool:
    seen = watcher.jobsets.get(asked.get("jobset") or watcher.first_jobset())
    return seen is not None and not seen.exists


def _job_condition(asked: Mapping[str, Any], watcher: Watcher) -> bool:
    """Tell whether a Job of the name (any Job without one) that is there has a condition."""
    wanted, name = (asked["jobCondition"], asked.get("status", "True")), asked.get("job")
    return any(
        (c.type, c.status) == wanted
        for seen in watcher.jobs.values()
        if not seen.deleted and name in (None, seen.job.name)
        for c in seen.job.status.conditions
    )


def _terminal(asked: Mapping[str, Any], watcher: Watcher) -> bool:
    seen = watcher.jobsets.values()
    return all(bool(s.jobset.status.terminal_state) or not s.exists for s in seen)


_FORMS: Mapping[str, Callable[[Mapping[str, Any], Watcher], bool]] = {
    "condition": _condition,
    "restarts": _restarts,
    "ready": _jobs("ready", lambda status: status.ready),
    "succeeded": _jobs("succeeded", lambda status: status.succeeded),
    "pods": _pods,
    "event": _event,
    "gone": _gone,
    "jobCondition": _job_condition,
    "terminal": _terminal,
}
