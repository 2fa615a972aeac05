"""Laws of Jobs: what a write of one may change (batch/v1, clauses K-JOB-*)."""

from __future__ import annotations

from jobsim.api._struct import replace
from jobsim.api.batch import Job, JobSpec, UncountedTerminatedPods
from jobsim.api.meta import condition, is_true
from jobsim.controllers.invariants_law import Law, Scene, finished
from jobsim.controllers.job import indexes

_NONE_UNCOUNTED = UncountedTerminatedPods()
_FINAL = ("Complete", "Failed", "SuccessCriteriaMet", "FailureTarget")
_NEVER_BOTH = (
    ("Complete", "Failed"),
    ("Complete", "FailureTarget"),
    ("SuccessCriteriaMet", "Failed"),
    ("SuccessCriteriaMet", "FailureTarget"),
)
#: What of a Job's spec may be edited (K-JOB-05), the template apart.
_EDITABLE = {
    "parallelism": None,
    "completions": None,
    "suspend": None,
    "active_deadline_seconds": None,
    "backoff_limit": None,
    "ttl_seconds_after_finished": None,
    "max_failed_indexes": None,
    "pod_replacement_policy": None,
}


def failures_never_shrink(old: Job, new: Job, scene: Scene) -> str:
    """Counted failures stay counted (K-JOB-06, K-JOB-85)."""
    was, now = old.status.failed, new.status.failed
    return f"failed fell from {was} to {now}" if now < was else ""


def successes_never_shrink(old: Job, new: Job, scene: Scene) -> str:
    """Successes stay, but those of indexes that a smaller completions cut off (K-JOB-06, K-JOB-85)."""
    was, now = old.status.succeeded, new.status.succeeded
    if now >= was or (_is_indexed(new) and now >= indexes.total(_completed(old, new.spec))):
        return ""
    return f"succeeded fell from {was} to {now}"


def indexes_stay_completed(old: Job, new: Job, scene: Scene) -> str:
    """An index that succeeded stays so while there is such an index (K-JOB-43, K-JOB-85)."""
    if not _is_indexed(new) or old.status.completed_indexes == new.status.completed_indexes:
        return ""
    was, now = _completed(old, new.spec), _completed(new, new.spec)
    return "" if indexes.union(was, now) == now else f"{indexes.as_text(was)} became {indexes.as_text(now)}"


def indexes_canonical(old: Job, new: Job, scene: Scene) -> str:
    """completedIndexes is canonical text, and succeeded is its size (K-JOB-42)."""
    was, now = old.status, new.status
    if not _is_indexed(new) or (was.completed_indexes, was.succeeded) == (
        now.completed_indexes,
        now.succeeded,
    ):
        return ""
    found = _completed(new, new.spec)
    if indexes.as_text(found) != now.completed_indexes or indexes.total(found) != now.succeeded:
        return f"succeeded is {now.succeeded}, completedIndexes {now.completed_indexes!r}"
    return ""


def failed_indexes_apart(old: Job, new: Job, scene: Scene) -> str:
    """failedIndexes is canonical, apart from completedIndexes; None without a limit by index (K-JOB-55)."""
    text = new.status.failed_indexes
    if text == old.status.failed_indexes:
        return ""
    if new.spec.backoff_limit_per_index is None or text is None:
        return f"failedIndexes is {text!r}"
    failed = indexes.parse(text, new.spec.completions or 0)
    if indexes.as_text(failed) != text:
        return f"failedIndexes is {text!r}"
    both = indexes.overlap(failed, _completed(new, new.spec))
    return f"{both} indexes failed and succeeded" if both else ""


def active_within_parallelism(old: Job, new: Job, scene: Scene) -> str:
    """active does not grow beyond parallelism (K-JOB-30, K-JOB-32).

    Where the answer to a creation is lost upstream makes another pod, and deletes one later (K-JOB-37).
    """
    limit = 1 if new.spec.parallelism is None else new.spec.parallelism
    active = new.status.active
    return f"{active} active pods of {limit}" if active > max(limit, old.status.active) else ""


def ready_within_active(old: Job, new: Job, scene: Scene) -> str:
    """ready is a part of active (K-JOB-06)."""
    ready, active = new.status.ready or 0, new.status.active
    return f"{ready} ready of {active} active pods" if ready > active else ""


def end_announced(old: Job, new: Job, scene: Scene) -> str:
    """Complete follows SuccessCriteriaMet, Failed follows FailureTarget (K-JOB-06, K-JOB-110)."""
    conditions = new.status.conditions
    for final, announced in (("Complete", "SuccessCriteriaMet"), ("Failed", "FailureTarget")):
        if is_true(conditions, final) and not is_true(conditions, announced):
            return f"{final} without {announced}"
    return ""


def end_exclusive(old: Job, new: Job, scene: Scene) -> str:
    """A Job succeeds or fails (K-JOB-06)."""
    conditions = new.status.conditions
    for one, other in _NEVER_BOTH:
        if is_true(conditions, one) and is_true(conditions, other):
            return f"{one} and {other}"
    return ""


def end_final(old: Job, new: Job, scene: Scene) -> str:
    """What announces or says the end is never taken back (K-JOB-06)."""
    for type_ in _FINAL:
        if is_true(old.status.conditions, type_) and not is_true(new.status.conditions, type_):
            return f"{type_} was taken back"
    return ""


def finished_is_idle(old: Job, new: Job, scene: Scene) -> str:
    """A finished Job has no pod active, terminating or uncounted (K-JOB-06, K-JOB-102, K-JOB-111)."""
    if not finished(new):
        return ""
    status = new.status
    uncounted = status.uncounted_terminated_pods or _NONE_UNCOUNTED
    if not status.active and not status.terminating and not uncounted.succeeded and not uncounted.failed:
        return ""
    return f"finished with {status.active} active, {status.terminating} terminating, {uncounted}"


def finished_is_frozen(old: Job, new: Job, scene: Scene) -> str:
    """The status of a finished Job is not written again (K-JOB-13, K-JOB-20)."""
    return "status written after the end" if finished(old) else ""


def completion_time_agrees(old: Job, new: Job, scene: Scene) -> str:
    """completionTime comes with Complete and stays (K-JOB-06, K-JOB-66)."""
    time = new.status.completion_time
    if (time is not None) != is_true(new.status.conditions, "Complete"):
        return f"completionTime {time} beside Complete={time is None}"
    was = old.status.completion_time
    return "completionTime moved" if was is not None and was != time else ""


def started_when_active(old: Job, new: Job, scene: Scene) -> str:
    """A running Job has a startTime (K-JOB-20, K-JOB-82)."""
    running = new.status.active > 0 and not new.spec.suspend
    return "active without startTime" if running and new.status.start_time is None else ""


def uncounted_once(old: Job, new: Job, scene: Scene) -> str:
    """No pod is about to be counted twice (K-JOB-100)."""
    uncounted = new.status.uncounted_terminated_pods
    if uncounted is None:
        return ""
    uids = (*uncounted.succeeded, *uncounted.failed)
    return "a pod is uncounted twice" if len(set(uids)) < len(uids) else ""


def turned(old: Job, new: Job) -> tuple[list[str], list[str]]:
    """Return the UIDs of pods, succeeded and failed, that a write turns into counts."""
    was, now = (job.status.uncounted_terminated_pods or _NONE_UNCOUNTED for job in (old, new))
    if was is now:
        return [], []
    left = (*now.succeeded, *now.failed)
    return [uid for uid in was.succeeded if uid not in left], [uid for uid in was.failed if uid not in left]


def counted_as_announced(old: Job, new: Job, scene: Scene) -> str:
    """A count grows by the pods that were announced and are no more (K-JOB-100).

    Successes of an Indexed Job are counted by index.
    """
    succeeded, failed = turned(old, new)
    was, now = old.status, new.status
    if now.failed - was.failed != len(failed):
        return f"failed grew by {now.failed - was.failed}, {len(failed)} announced pods are no more"
    if not _is_indexed(new) and now.succeeded - was.succeeded != len(succeeded):
        grown = now.succeeded - was.succeeded
        return f"succeeded grew by {grown}, {len(succeeded)} announced pods are no more"
    return ""


def counted_once(old: Job, new: Job, scene: Scene) -> str:
    """A pod that has been counted is never announced again (K-JOB-100)."""
    uncounted = new.status.uncounted_terminated_pods
    if uncounted is None or uncounted is old.status.uncounted_terminated_pods:
        return ""
    counted = scene.counted.get(new.uid, ())
    again = [uid for uid in (*uncounted.succeeded, *uncounted.failed) if uid in counted]
    return f"pod {again[0]} is to be counted again" if again else ""


def suspension_as_asked(old: Job, new: Job, scene: Scene) -> str:
    """Suspended turns as spec.suspend says, and a first False is never written (K-JOB-80, K-JOB-82)."""
    was = condition(old.status.conditions, "Suspended")
    now = condition(new.status.conditions, "Suspended")
    if now is None or (was is not None and was.status == now.status):
        return ""
    if was is None and now.status == "False":
        return "Suspended appeared as False"
    agrees = (now.status == "True") == bool(new.spec.suspend)
    return "" if agrees else f"Suspended={now.status} while suspend is {new.spec.suspend}"


def job_spec_fixed(old: Job, new: Job, scene: Scene) -> str:
    """Few fields can be edited; the template while suspended; completions with parallelism (K-JOB-05)."""
    was, now = old.spec, new.spec
    template = now.template
    if replace(was, template=template, **_EDITABLE) != replace(now, **_EDITABLE):
        return "an immutable field was edited"
    if was.template != template and not was.suspend:
        return "the template was edited while the Job ran (K-JOB-81)"
    if was.completions != now.completions and (not _is_indexed(new) or now.completions != now.parallelism):
        return "completions was edited without parallelism (K-JOB-85)"
    return ""


def _is_indexed(job: Job) -> bool:
    return job.spec.completion_mode == "Indexed" and job.spec.completions is not None


def _completed(job: Job, spec: JobSpec) -> indexes.Intervals:
    """Return the indexes that a status calls completed, those of a spec."""
    return indexes.parse(job.status.completed_indexes, spec.completions or 0)


LAWS: tuple[Law, ...] = (
    Law("failures-never-shrink", "K-JOB-06", failures_never_shrink),
    Law("successes-never-shrink", "K-JOB-85", successes_never_shrink),
    Law("indexes-stay-completed", "K-JOB-43", indexes_stay_completed),
    Law("indexes-canonical", "K-JOB-42", indexes_canonical),
    Law("failed-indexes-apart", "K-JOB-55", failed_indexes_apart),
    Law("active-within-parallelism", "K-JOB-32", active_within_parallelism, needs="honest"),
    Law("ready-within-active", "K-JOB-06", ready_within_active),
    Law("end-announced", "K-JOB-110", end_announced),
    Law("end-exclusive", "K-JOB-06", end_exclusive),
    Law("end-final", "K-JOB-06", end_final),
    Law("finished-is-idle", "K-JOB-111", finished_is_idle),
    Law("finished-is-frozen", "K-JOB-13", finished_is_frozen),
    Law("completion-time-agrees", "K-JOB-66", completion_time_agrees),
    Law("started-when-active", "K-JOB-20", started_when_active),
    Law("uncounted-once", "K-JOB-100", uncounted_once),
    Law("counted-as-announced", "K-JOB-100", counted_as_announced),
    Law("counted-once", "K-JOB-100", counted_once),
    Law("suspension-as-asked", "K-JOB-80", suspension_as_asked),
    Law("job-spec-fixed", "K-JOB-05", job_spec_fixed, "spec"),
)
