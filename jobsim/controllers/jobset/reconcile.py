"""One decision about one JobSet: the order of the steps.

Source: jobset pkg/controllers/jobset_controller.go Reconcile, reconcile @08dfbdfd; C-REC-01..17.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobsim.api._struct import Struct
from jobsim.api.batch import Job
from jobsim.api.jobset import CONTROLLER_NAME, JobSet
from jobsim.api.plan import NOTHING, Outcome, Plan, Step
from jobsim.controllers.jobset import conditions, elastic
from jobsim.controllers.jobset.child import Children
from jobsim.controllers.jobset.children import Buckets, bucket, delete_jobs
from jobsim.controllers.jobset.create import create_missing_jobs
from jobsim.controllers.jobset.draft import Draft, PassError
from jobsim.controllers.jobset.failure_policy import apply_failure_policy
from jobsim.controllers.jobset.gates import Gates
from jobsim.controllers.jobset.in_place_restart import restart_in_place, uses_in_place_restart
from jobsim.controllers.jobset.observe import Seen
from jobsim.controllers.jobset.service import create_service
from jobsim.controllers.jobset.status import Statuses, update_replicated_jobs_status
from jobsim.controllers.jobset.success_policy import complete_if_successful
from jobsim.controllers.jobset.suspend import resume_jobs, suspend_jobs
from jobsim.controllers.jobset.ttl_after_finished import apply_ttl
from jobsim.controllers.jobset.volume_claim_policy import create_claims


def reconcile(seen: Seen, now: int, gates: Gates) -> Plan:
    """Decide what to do about a JobSet.

    Parameters
    ----------
    seen : Seen
        What ``observe`` read, or what a test made up.
    now : int
        Virtual time, ns.
    gates : Gates

    Returns
    -------
    Plan
        Deletes of previous Jobs, Service, PVCs, elastic patches, Job creates, suspend or resume
        updates, then the status and the events (C-CCH-07).
    """
    jobset = seen.jobset
    if jobset.terminating or _managed_elsewhere(jobset):
        return NOTHING
    draft = Draft(jobset, now, gates)
    children = seen.looked_at()
    try:
        buckets = bucket(children, draft)
        statuses = update_replicated_jobs_status(draft, buckets)
        if not _finished(draft, buckets) and not _decided(draft, buckets, statuses):
            create_service(draft, exists=seen.service_exists)
            create_claims(draft)
            step = elastic.scale_step(draft, buckets.active) if gates.elastic_jobset else None
            if step is not None:
                steps: tuple[Step, ...] = (*draft.steps, step)
                return Plan(steps=steps, then=_AfterScaling(seen=seen, now=now, gates=gates))
            _run_children(draft, seen, children, buckets, statuses, buckets.active)
    except PassError as err:
        return draft.failed_plan(str(err))
    return draft.plan()


def _managed_elsewhere(jobset: JobSet) -> bool:
    """Tell whether another controller manages the JobSet (C-REC-03, C-MGD-01)."""
    return jobset.spec.managed_by not in (None, CONTROLLER_NAME)


def _finished(draft: Draft, buckets: Buckets) -> bool:
    """Clean up after a finished JobSet (C-REC-06); return whether it is finished."""
    condition = conditions.finished(draft)
    if condition is None:
        return False
    delete_jobs(buckets.active, draft)
    apply_ttl(draft, condition)
    return True


def _decided(draft: Draft, buckets: Buckets, statuses: Statuses) -> bool:
    """Let the failure and the success policy decide (C-REC-07..10); return whether one did."""
    delete_jobs(buckets.previous, draft)
    spec = draft.jobset.spec
    if not spec.suspend:
        up = sum(status.ready + status.succeeded for status in statuses.values())
        if up == sum(rjob.replicas for rjob in spec.replicated_jobs):
            conditions.set_condition(draft, conditions.JOBS_READY)
    if buckets.failed:
        apply_failure_policy(draft, buckets.failed)
        return True
    return bool(buckets.successful) and complete_if_successful(draft, buckets.successful)


def _run_children(
    draft: Draft,
    seen: Seen,
    children: Children,
    buckets: Buckets,
    statuses: Statuses,
    active: Sequence[Job],
) -> None:
    """Create, suspend, resume and restart in place (C-REC-14, C-REC-15)."""
    create_missing_jobs(draft, children, statuses, previous_left=bool(buckets.previous))
    if seen.jobset.spec.suspend:
        suspend_jobs(draft, active)
    else:
        resume_jobs(draft, active, statuses)
    policy = seen.jobset.spec.failure_policy
    if policy is not None and draft.gates.in_place_restart and uses_in_place_restart(seen.jobset):
        restart_in_place(draft, policy, seen.summary())


class _AfterScaling(Struct):
    """The rest of a pass that has patched Jobs: later updates start from the server's answers.

    The pass up to there is computed again, which keeps this a plain value.
    """

    seen: Seen
    now: int
    gates: Gates

    def __call__(self, outcome: Outcome) -> Plan:
        if outcome.error is not None:
            return NOTHING
        draft = Draft(self.seen.jobset, self.now, self.gates)
        children = self.seen.looked_at()
        buckets = bucket(children, draft)
        statuses = update_replicated_jobs_status(draft, buckets)
        _decided(draft, buckets, statuses)
        draft.steps.clear()  # Done by now.
        active = elastic.as_stored(buckets.active, outcome, len(outcome.steps) - 1)
        try:
            _run_children(draft, self.seen, children, buckets, statuses, active)
        except PassError as err:
            return draft.failed_plan(str(err))
        return draft.plan()
