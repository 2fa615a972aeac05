"""ElasticJobSet: active Jobs take on a changed parallelism and completions.

Source: jobset pkg/controllers/jobset_controller.go syncJobScaling @08dfbdfd; C-ELA-*.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobsim.api.batch import Job, JobSpec
from jobsim.api.gofmt import quote
from jobsim.api.jobset import REPLICATED_JOB_NAME
from jobsim.api.plan import Chain, Outcome, Step
from jobsim.api.writes import Patch
from jobsim.controllers.jobset.draft import Draft


def scale_step(draft: Draft, active: Sequence[Job]) -> Step | None:
    """Return the patches that bring active Jobs to their template's size (C-ELA-01), if any."""
    wanted = {rjob.name: rjob.template.spec for rjob in draft.jobset.spec.replicated_jobs}
    chains = []
    for job in active:
        labels = job.metadata.labels
        spec = wanted.get(labels[REPLICATED_JOB_NAME]) if REPLICATED_JOB_NAME in labels else None
        change = None if spec is None else _change(job.spec, spec)
        if not change:
            continue
        patch = Patch(kind="Job", namespace=job.namespace, name=job.name, patch={"spec": change})
        chains.append(
            Chain(
                writes=(patch,),
                error_format=f"failed to patch job {quote(job.name)} for scaling: {{}}",
            )
        )
    return Step(chains=tuple(chains)) if chains else None


def _change(mine: JobSpec, wanted: JobSpec) -> dict[str, int | None]:
    """Return the fields that differ, or none where the template has unequal sizes (C-ELA-03)."""
    if wanted.parallelism != wanted.completions:
        return {}
    change: dict[str, int | None] = {}
    if mine.completions != wanted.completions:
        change["completions"] = wanted.completions
    if mine.parallelism != wanted.parallelism:
        change["parallelism"] = wanted.parallelism
    return change


def as_stored(active: Sequence[Job], outcome: Outcome, step: int) -> list[Job]:
    """Return the active Jobs with the server's answers in place of those that were patched."""
    answers = {result.obj.key: result.obj for result in outcome.results(step) if result.obj is not None}
    jobs = []
    for job in active:
        answer = answers.get(job.key)
        jobs.append(answer if isinstance(answer, Job) else job)
    return jobs
