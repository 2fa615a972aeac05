"""Laws of JobSets: what a write of one may change (contract sections 1, 3, 5-8).

A status write carries the resourceVersion that was read, so old status, spec and new status belong
together exactly, however stale the children were (C-CCH-02, C-CCH-03).
"""

from __future__ import annotations

from jobsim.api.jobset import JobSet, ReplicatedJobStatus
from jobsim.api.meta import Condition, condition, is_true
from jobsim.controllers.invariants_law import Law, Scene, finished
from jobsim.controllers.jobset.in_place_restart import uses_in_place_restart

_TYPES = (
    *("Completed", "Failed", "Suspended", "RestartingJobSet"),
    *("StartupPolicyInProgress", "StartupPolicyCompleted"),
)


def restarts_never_fall(old: JobSet, new: JobSet, scene: Scene) -> str:
    """Restarts grow by one at most, the counted ones no more than all (C-FAI-09, C-FAI-10, C-CCH-03)."""
    was, now = old.status, new.status
    grown = now.restarts - was.restarts
    counted = now.restarts_count_towards_max - was.restarts_count_towards_max
    if grown in (0, 1) and counted in (0, grown):
        return ""
    return f"restarts grew by {grown}, counted ones by {counted}"


def counted_within_restarts(old: JobSet, new: JobSet, scene: Scene) -> str:
    """Restarts that count are restarts (C-FAI-15)."""
    counted, restarts = new.status.restarts_count_towards_max, new.status.restarts
    return f"{counted} of {restarts} restarts count" if counted > restarts else ""


def budget_kept(old: JobSet, new: JobSet, scene: Scene) -> str:
    """No restart is counted beyond maxRestarts (C-FAI-09, C-FAI-14)."""
    if new.status.restarts_count_towards_max <= old.status.restarts_count_towards_max:
        return ""
    policy = new.spec.failure_policy
    if policy is None:
        return "restarted without a failurePolicy"
    counted = new.status.restarts_count_towards_max + (_alone(new) if scene.gates.restart_job else 0)
    return f"{counted} of {policy.max_restarts} restarts" if counted > policy.max_restarts else ""


def finished_restarts_no_more(old: JobSet, new: JobSet, scene: Scene) -> str:
    """A finished JobSet does not restart, whole or in part (C-REC-06)."""
    if not finished(old):
        return ""
    was, now = old.status, new.status
    if (was.restarts, _job_restarts(old)) != (now.restarts, _job_restarts(new)):
        return "restarted after its end"
    return ""


def terminal_exclusive(old: JobSet, new: JobSet, scene: Scene) -> str:
    """Completed and Failed are never both True (C-CND-13)."""
    conditions = new.status.conditions
    both = is_true(conditions, "Completed") and is_true(conditions, "Failed")
    return "Completed and Failed" if both else ""


def terminal_final(old: JobSet, new: JobSet, scene: Scene) -> str:
    """A terminal condition stays as it is (C-CND-20)."""
    for was in old.status.conditions:
        if was.type in ("Completed", "Failed") and was.status == "True":
            now = condition(new.status.conditions, was.type)
            if now != was:
                return f"{was.type} was taken back or rewritten"
    return ""


def terminal_state_agrees(old: JobSet, new: JobSet, scene: Scene) -> str:
    """terminalState is the type of the terminal condition, and is never cleared (C-CND-19)."""
    state = new.status.terminal_state
    conditions = new.status.conditions
    for type_ in ("Completed", "Failed"):
        if is_true(conditions, type_) != (state == type_):
            return f"terminalState {state!r} beside {type_}={is_true(conditions, type_)}"
    return "" if state == old.status.terminal_state or not old.status.terminal_state else f"became {state!r}"


def conditions_known(old: JobSet, new: JobSet, scene: Scene) -> str:
    """Conditions are of the six types, one of each (C-API-04, C-API-57)."""
    types = [c.type for c in new.status.conditions]
    if len(set(types)) == len(types) and all(t in _TYPES for t in types):
        return ""
    return f"conditions {types}"


def conditions_in_order(old: JobSet, new: JobSet, scene: Scene) -> str:
    """Conditions stay in the order of first appearance, and none goes (C-CND-14)."""
    was = [c.type for c in old.status.conditions]
    now = [c.type for c in new.status.conditions]
    return "" if now[: len(was)] == was else f"{was} became {now}"


def false_never_born(old: JobSet, new: JobSet, scene: Scene) -> str:
    """A condition appears as True (C-CND-12 d)."""
    known = {c.type for c in old.status.conditions}
    born = [c.type for c in new.status.conditions if c.type not in known and c.status != "True"]
    return f"{born} appeared as False" if born else ""


def transition_times(old: JobSet, new: JobSet, scene: Scene) -> str:
    """The time of transition moves only when the status flips (C-CND-12 b)."""
    for now in new.status.conditions:
        was = condition(old.status.conditions, now.type)
        if was is None or was is now or was.status != now.status:
            continue
        if was.last_transition_time != now.last_transition_time:
            return f"{now.type} stayed {now.status}, its time moved"
    return ""


def startup_exclusive(old: JobSet, new: JobSet, scene: Scene) -> str:
    """The start-up is in progress or completed, not both (C-STA-04)."""
    conditions = new.status.conditions
    both = is_true(conditions, "StartupPolicyInProgress") and is_true(conditions, "StartupPolicyCompleted")
    return "start-up in progress and completed" if both else ""


def startup_in_order(old: JobSet, new: JobSet, scene: Scene) -> str:
    """Only InOrder brings start-up conditions (C-STA-08)."""
    policy = new.spec.startup_policy
    if policy is not None and policy.startup_policy_order == "InOrder":
        return ""
    for type_ in ("StartupPolicyInProgress", "StartupPolicyCompleted"):
        if _turned(old, new, type_):
            return f"{type_} without InOrder"
    return ""


def suspended_as_asked(old: JobSet, new: JobSet, scene: Scene) -> str:
    """Suspended follows spec.suspend (C-SUS-02, C-SUS-04)."""
    now = _turned(old, new, "Suspended")
    if now is None or (now.status == "True") == bool(new.spec.suspend):
        return ""
    return f"Suspended={now.status} while suspend is {new.spec.suspend}"


def completed_earned(old: JobSet, new: JobSet, scene: Scene) -> str:
    """Completed comes with the successes that the policy asks for, in the same write (C-SUC-02, C-SUC-04)."""
    now = _turned(old, new, "Completed")
    policy = new.spec.success_policy
    if now is None or now.status != "True" or policy is None:
        return ""
    targets = policy.target_replicated_jobs
    statuses = new.status.replicated_jobs_status
    succeeded = sum(s.succeeded for s in statuses if not targets or s.name in targets)
    rjobs = new.spec.replicated_jobs
    wanted = sum(rjob.replicas for rjob in rjobs if not targets or rjob.name in targets)
    if policy.operator == "Any":
        wanted = 1
    return f"Completed with {succeeded} successes of {wanted}" if succeeded < wanted else ""


def failure_has_grounds(old: JobSet, new: JobSet, scene: Scene) -> str:
    """Failed says why truly: no policy, or no restart left (C-FAI-02, C-FAI-09)."""
    now = _turned(old, new, "Failed")
    if now is None or now.status != "True":
        return ""
    policy = new.spec.failure_policy
    if now.reason == "FailedJobs":
        return "" if policy is None else "FailedJobs beside a failurePolicy"
    if policy is None:
        return f"{now.reason} without a failurePolicy"
    if now.reason == "ReachedMaxRestarts" and not uses_in_place_restart(new):
        counted = new.status.restarts_count_towards_max + (_alone(new) if scene.gates.restart_job else 0)
        return f"after {counted} of {policy.max_restarts} restarts" if counted < policy.max_restarts else ""
    return ""


def ready_earned(old: JobSet, new: JobSet, scene: Scene) -> str:
    """JobsReady is said when every Job is ready or succeeded (C-REC-08)."""
    now = condition(new.status.conditions, "RestartingJobSet")
    if now is None or now.reason != "JobsReady" or now in old.status.conditions:
        return ""
    up = sum(s.ready + s.succeeded for s in new.status.replicated_jobs_status)
    wanted = sum(rjob.replicas for rjob in new.spec.replicated_jobs)
    return "" if up == wanted else f"JobsReady with {up} of {wanted} Jobs"


def statuses_by_spec(old: JobSet, new: JobSet, scene: Scene) -> str:
    """replicatedJobsStatus has each replicated job once, names descending, counts from 0 (C-STS-01)."""
    statuses = new.status.replicated_jobs_status
    names = [s.name for s in statuses]
    wanted = sorted((rjob.name for rjob in new.spec.replicated_jobs), reverse=True)
    if names != wanted:
        return f"replicatedJobsStatus is about {names}, not {wanted}"
    negative = [s.name for s in statuses if min(s.ready, s.succeeded, s.failed, s.active, s.suspended) < 0]
    return f"negative counts of {negative}" if negative else ""


def job_restarts_never_fall(old: JobSet, new: JobSet, scene: Scene) -> str:
    """Restarts of single Jobs never fall, not even by a restart of all (C-FAI-16, C-API-55).

    Without the gate they are wiped (C-STS-07).
    """
    if not scene.gates.restart_job:
        return ""
    for status in new.status.replicated_jobs_status:
        alone, counted = status.job_restarts, status.job_restarts_count_towards_max
        was = _status_of(old, status.name)
        if was is not None and (
            _fell(was.job_restarts, alone) or _fell(was.job_restarts_count_towards_max, counted)
        ):
            return f"restarts of single Jobs of {status.name} fell"
        if any(c > all_ for c, all_ in zip(counted, alone, strict=False)):
            return f"more restarts of {status.name} count than there were"
    return ""


def in_place_attempt_never_falls(old: JobSet, new: JobSet, scene: Scene) -> str:
    """previousInPlaceRestartAttempt never falls (C-IPR-10)."""
    was, now = old.status.previous_in_place_restart_attempt, new.status.previous_in_place_restart_attempt
    return f"{was} became {now}" if was is not None and (now is None or now < was) else ""


def untouched_when_deleted(old: JobSet, new: JobSet, scene: Scene) -> str:
    """The status of a JobSet on its way out is not written (C-REC-02, C-TTL-07)."""
    return "status written after the deletion mark" if old.terminating else ""


def spec_fixed(old: JobSet, new: JobSet, scene: Scene) -> str:
    """Replicated jobs, their replicas and managedBy are never edited (C-UPD-01, C-UPD-06)."""
    was = [(rjob.name, rjob.replicas) for rjob in old.spec.replicated_jobs]
    now = [(rjob.name, rjob.replicas) for rjob in new.spec.replicated_jobs]
    if was != now:
        return f"replicated jobs {was} became {now}"
    return "" if old.spec.managed_by == new.spec.managed_by else "managedBy changed"


def _turned(old: JobSet, new: JobSet, type_: str) -> Condition | None:
    """Return a condition whose status is new."""
    now = condition(new.status.conditions, type_)
    was = condition(old.status.conditions, type_)
    return now if now is not None and now.status != (was.status if was is not None else "") else None


def _alone(jobset: JobSet) -> int:
    return sum(n for s in jobset.status.replicated_jobs_status for n in s.job_restarts_count_towards_max)


def _job_restarts(jobset: JobSet) -> list[tuple[int, ...]]:
    return [s.job_restarts for s in jobset.status.replicated_jobs_status if s.job_restarts]


def _status_of(jobset: JobSet, name: str) -> ReplicatedJobStatus | None:
    return next((s for s in jobset.status.replicated_jobs_status if s.name == name), None)


def _fell(was: tuple[int, ...], now: tuple[int, ...]) -> bool:
    return len(now) < len(was) or any(b < a for a, b in zip(was, now, strict=False))


LAWS: tuple[Law, ...] = (
    Law("restarts-never-fall", "C-CCH-03", restarts_never_fall),
    Law("counted-within-restarts", "C-FAI-15", counted_within_restarts),
    Law("budget-kept", "C-FAI-14", budget_kept),
    Law("finished-restarts-no-more", "C-REC-06", finished_restarts_no_more),
    Law("terminal-exclusive", "C-CND-13", terminal_exclusive),
    Law("terminal-final", "C-CND-20", terminal_final),
    Law("terminal-state-agrees", "C-CND-19", terminal_state_agrees),
    Law("conditions-known", "C-API-57", conditions_known),
    Law("conditions-in-order", "C-CND-14", conditions_in_order),
    Law("false-never-born", "C-CND-12", false_never_born),
    Law("transition-times", "C-CND-12", transition_times),
    Law("startup-exclusive", "C-STA-04", startup_exclusive),
    Law("startup-in-order", "C-STA-08", startup_in_order),
    Law("suspended-as-asked", "C-SUS-02", suspended_as_asked),
    Law("completed-earned", "C-SUC-04", completed_earned),
    Law("failure-has-grounds", "C-FAI-09", failure_has_grounds),
    Law("ready-earned", "C-REC-08", ready_earned),
    Law("statuses-by-spec", "C-STS-01", statuses_by_spec),
    Law("job-restarts-never-fall", "C-FAI-16", job_restarts_never_fall),
    Law("in-place-attempt-never-falls", "C-IPR-10", in_place_attempt_never_falls),
    Law("untouched-when-deleted", "C-REC-02", untouched_when_deleted),
    Law("spec-fixed", "C-UPD-01", spec_fixed, "spec"),
)
