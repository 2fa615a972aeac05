"""Creating and changing Jobs: defaults, generated selector, validation; fast for Jobs of one template.

The Jobs of one JobSet share their pod spec, so its defaults and its errors are worked out once and
remembered on the object.

Source: kubernetes pkg/registry/batch/job/strategy.go.
"""

from __future__ import annotations

from typing import NamedTuple

from jobsim.api._struct import replace
from jobsim.api.batch import Job, JobStatus
from jobsim.api.field import FieldError
from jobsim.api.pod import PodSpec
from jobsim.apiserver.schema_errors import invalid_object
from jobsim.apiserver.schema_meta import Known, check_meta, check_meta_update
from jobsim.controllers.admission.job import defaulted, with_labels, with_selector
from jobsim.controllers.admission.job_validate import create_errors
from jobsim.controllers.admission.job_validate_update import update_errors
from jobsim.controllers.admission.pod import template_defaults
from jobsim.controllers.admission.pod_validate import template_meta_errors, template_spec_errors

_OWNERS_MAX = 1_000
_TEMPLATE = "spec.template"


class _Prepared(NamedTuple):
    """What one pod spec leads to."""

    asked: PodSpec
    spec: PodSpec
    errors: tuple[FieldError, ...]


class JobAdmission:
    """The admission of Jobs; ``known`` remembers good labels."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._prepared: dict[str, _Prepared] = {}

    def create(self, job: Job) -> Job:
        """Return a new Job as it is to be stored.

        Raises
        ------
        ApiError
            422, in the server's words.
        """
        ready = self._prepare(job)
        template = replace(job.spec.template, spec=ready.spec)
        job = with_selector(defaulted(replace(job, spec=replace(job.spec, template=template))))
        in_template = [*template_meta_errors(job.spec.template, _TEMPLATE, self._known), *ready.errors]
        errors = check_meta(job.metadata, "Job", self._known) + create_errors(job, in_template)
        if errors:
            raise invalid_object("Job", job.name, errors)
        return replace(with_labels(job), status=JobStatus())

    def update(self, new: Job, old: Job) -> Job:
        """Return a changed Job as it is to be stored.

        Raises
        ------
        ApiError
            422, in the server's words.
        """
        errors = check_meta_update(new.metadata, old.metadata, "Job", self._known)
        if new.spec != old.spec:
            template, in_template = new.spec.template, []
            if template != old.spec.template:
                template = replace(template, spec=template_defaults(template.spec))
                in_template = template_meta_errors(template, _TEMPLATE, self._known)
                in_template += template_spec_errors(template.spec, f"{_TEMPLATE}.spec")
            new = defaulted(replace(new, spec=replace(new.spec, template=template)))
            errors += update_errors(new, old, in_template)
        if errors:
            raise invalid_object("Job", new.name, errors)
        return new

    def _prepare(self, job: Job) -> _Prepared:
        asked = job.spec.template.spec
        owners = job.metadata.owner_references
        owner = owners[0].uid if owners else ""
        ready = self._prepared.get(owner)
        if ready is not None and ready.asked == asked:
            return ready
        if len(self._prepared) >= _OWNERS_MAX:
            self._prepared.clear()
        spec = template_defaults(asked)
        errors = tuple(template_spec_errors(spec, f"{_TEMPLATE}.spec"))
        ready = self._prepared[owner] = _Prepared(asked, spec, errors)
        return ready
