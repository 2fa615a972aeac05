"""The per-Job restart counters of the RestartJob gate.

Source: jobset pkg/controllers/failure_policy.go getJobRestarts and kin @08dfbdfd; C-FAI-16, C-FAI-17.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobsim.api.gofmt import int32
from jobsim.api.jobset import JobSet, ReplicatedJobStatus
from jobsim.controllers.jobset.draft import panic


def job_restarts(jobset: JobSet, statuses: Sequence[ReplicatedJobStatus], name: str) -> tuple[int, ...]:
    """Return the individual restarts of a replicated job's Jobs: as stored, else zeros."""
    stored = next((status.job_restarts for status in statuses if status.name == name), ())
    return stored or _zeros(jobset, name)


def counted_job_restarts(
    jobset: JobSet, statuses: Sequence[ReplicatedJobStatus], name: str
) -> tuple[int, ...]:
    """Return the individual restarts that count towards maxRestarts: as stored, else zeros."""
    stored = next((status.job_restarts_count_towards_max for status in statuses if status.name == name), ())
    return stored or _zeros(jobset, name)


def sum_counted(statuses: Sequence[ReplicatedJobStatus]) -> int:
    """Return all counted individual restarts, as an int32 sum."""
    return int32(sum(n for status in statuses for n in status.job_restarts_count_towards_max))


def _zeros(jobset: JobSet, name: str) -> tuple[int, ...]:
    replicas = next((rjob.replicas for rjob in jobset.spec.replicated_jobs if rjob.name == name), 0)
    if replicas < 0:
        panic("makeslice: len out of range")  # C-DIF-01, v0.12.0.
    return (0,) * replicas
