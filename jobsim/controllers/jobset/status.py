"""replicatedJobsStatus: what each replicated job's current Jobs are doing.

Source: jobset pkg/controllers/jobset_controller.go calculateReplicatedJobStatuses @08dfbdfd; C-STS-*.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter

from jobsim.api.jobset import ReplicatedJobStatus
from jobsim.controllers.jobset.children import Buckets
from jobsim.controllers.jobset.draft import Draft, panic

Statuses = Mapping[str, ReplicatedJobStatus]


def update_replicated_jobs_status(draft: Draft, buckets: Buckets) -> Statuses:
    """Compute the list, put it into the draft if it differs (C-REC-05), return it by name.

    The list is kept in descending order of names, which alone never causes a write (C-STS-06).
    """
    counts = _counts(draft, buckets)
    stored = draft.jobset.status.replicated_jobs_status
    kept = {status.name: status for status in reversed(stored)} if draft.gates.restart_job else {}
    computed = []
    for name in sorted(counts, reverse=True):
        ready, succeeded, failed, active, suspended = counts[name]
        before = kept.get(name)
        computed.append(
            ReplicatedJobStatus(
                name=name,
                ready=ready,
                succeeded=succeeded,
                failed=failed,
                active=active,
                suspended=suspended,
                job_restarts=before.job_restarts if before else (),
                job_restarts_count_towards_max=before.job_restarts_count_towards_max if before else (),
            )
        )
    draft.replicated_jobs_status = tuple(computed)
    if draft.replicated_jobs_status != tuple(sorted(stored, key=attrgetter("name"), reverse=True)):
        draft.dirty = True
    return {status.name: status for status in computed}


def _counts(draft: Draft, buckets: Buckets) -> dict[str, list[int]]:
    """Count the current Jobs of each replicated job (C-STS-01..05)."""
    counts = {rjob.name: [0, 0, 0, 0, 0] for rjob in draft.jobset.spec.replicated_jobs}
    # Of a thousand Jobs only a few differ in what they add.
    for share, number in buckets.shares.items():
        # A Job without the label belongs to none, even if some replicated job has an empty name.
        count = counts.get(share.replicated_job) if share.replicated_job else None
        if count is None:
            continue
        if share.counts is None:
            panic()
        for place, counted in enumerate(share.counts):
            count[place] += counted * number
    return counts


def started(status: ReplicatedJobStatus) -> int:
    """Return how many Jobs of a replicated job have started: failed, ready or succeeded (C-STA-01)."""
    return status.failed + status.ready + status.succeeded
