"""The validating webhook of JobSets on update: what may change.

Source: jobset pkg/webhooks/jobset_webhook.go ValidateUpdate @08dfbdfd; C-UPD-01..11.
"""

from __future__ import annotations

from collections.abc import Mapping

from jobsim.api._struct import replace
from jobsim.api.field import FieldError, forbidden, invalid
from jobsim.api.jobset import JobSet, ReplicatedJob
from jobsim.api.meta import condition
from jobsim.controllers.admission.semantic import same_replicated_jobs
from jobsim.controllers.jobset.gates import Gates

IMMUTABLE = "field is immutable"


def update_errors(new: JobSet, old: JobSet, gates: Gates) -> list[FieldError]:
    """Return all field errors of a changed JobSet, in upstream's order."""
    # Of two replicated jobs of one name the last one counts, as in a Go map.
    before = {rjob.name: rjob for rjob in old.spec.replicated_jobs}
    errors: list[FieldError] = []
    masked = new.spec.replicated_jobs
    if gates.elastic_jobset:
        errors += _scaling_errors(new, old, before)
        masked = tuple(_with_size(rjob, before.get(rjob.name)) for rjob in masked)
    if old.spec.suspend or new.spec.suspend:
        masked = tuple(_with_directives(rjob, before.get(rjob.name)) for rjob in masked)
    if not same_replicated_jobs(masked, old.spec.replicated_jobs):
        errors.append(invalid("spec.replicatedJobs", masked or None, IMMUTABLE))
    if new.spec.managed_by != old.spec.managed_by:
        errors.append(invalid("spec.managedBy", new.spec.managed_by, IMMUTABLE))
    return errors


def _scaling_errors(new: JobSet, old: JobSet, before: Mapping[str, ReplicatedJob]) -> list[FieldError]:
    """Return what forbids changed sizes of Indexed Jobs (C-UPD-07)."""
    ends = (condition(old.status.conditions, type_) for type_ in ("Completed", "Failed"))
    over = any(end is not None and end.status == "True" for end in ends)
    errors: list[FieldError] = []
    for position, rjob in enumerate(new.spec.replicated_jobs):
        was = before.get(rjob.name)
        if was is None or rjob.template.spec.completion_mode != "Indexed":
            continue
        path = f"spec.replicatedJobs[{position}].template.spec"
        size, old_size = _size(rjob), _size(was)
        if size == old_size:
            continue
        if over:
            text = "Cannot mutate parallelism or completions when JobSet is in a terminal state"
            errors.append(forbidden(path, f"{text} (Completed or Failed)"))
        else:
            errors += _size_errors(size, old_size, path)
    return errors


def _size(rjob: ReplicatedJob) -> tuple[int | None, int | None]:
    return rjob.template.spec.parallelism, rjob.template.spec.completions


def _size_errors(
    size: tuple[int | None, int | None], old_size: tuple[int | None, int | None], path: str
) -> list[FieldError]:
    """Return what is wrong with a changed size."""
    errors = []
    for field, value, was in zip(("parallelism", "completions"), size, old_size, strict=True):
        if value is not None and value != was and value < 1:
            errors.append(invalid(f"{path}.{field}", value, f"{field} must be >= 1"))
    parallelism, completions = size
    if parallelism is not None and completions is not None and parallelism != completions:
        text = "completions must be equal to parallelism for Elastic Indexed Jobs"
        errors.append(invalid(f"{path}.completions", completions, text))
    return errors


def _with_size(rjob: ReplicatedJob, was: ReplicatedJob | None) -> ReplicatedJob:
    """Return an Indexed replicated job with its old size, which hides a change (C-UPD-07)."""
    if was is None or rjob.template.spec.completion_mode != "Indexed":
        return rjob
    parallelism, completions = _size(was)
    spec = replace(rjob.template.spec, parallelism=parallelism, completions=completions)
    return replace(rjob, template=replace(rjob.template, spec=spec))


def _with_directives(rjob: ReplicatedJob, was: ReplicatedJob | None) -> ReplicatedJob:
    """Return a replicated job with the old parts that may change while suspended (C-UPD-05)."""
    if was is None:
        return rjob
    old = was.template.spec.template
    job = rjob.template.spec
    pods = replace(
        job.template,
        metadata=replace(
            job.template.metadata, annotations=old.metadata.annotations, labels=old.metadata.labels
        ),
        spec=replace(
            job.template.spec,
            node_selector=old.spec.node_selector,
            tolerations=old.spec.tolerations,
            scheduling_gates=old.spec.scheduling_gates,
        ),
    )
    return replace(rjob, template=replace(rjob.template, spec=replace(job, template=pods)))
