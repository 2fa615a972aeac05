"""Validation of changed Jobs, in the API server's words (K-JOB-05, K-JOB-81, K-JOB-85).

Source: kubernetes pkg/apis/batch/validation/validation.go ValidateJobSpecUpdate 1.36.
"""

from __future__ import annotations

from jobsim.api import codec
from jobsim.api._struct import replace
from jobsim.api.batch import Job, JobSpec
from jobsim.api.field import FieldError, invalid
from jobsim.api.meta import is_true
from jobsim.api.pod import Affinity, Container, PodTemplateSpec
from jobsim.apiserver.schema_errors import go_json
from jobsim.apiserver.schema_meta import IMMUTABLE
from jobsim.controllers.admission.job_validate import spec_errors
from jobsim.controllers.admission.semantic import semantic_form


def update_errors(new: Job, old: Job, in_template: list[FieldError]) -> list[FieldError]:
    """Return what is wrong with a changed Job, metadata not looked at.

    ``in_template`` is what is wrong with its pod template; one that did not change was valid.
    Whether the template may change is decided by the old Job, so one write may change it and resume.
    """
    errors = spec_errors(new.spec, in_template)
    errors += _completions_errors(new.spec, old.spec)
    errors += _immutable("selector", new.spec.selector, old.spec.selector)
    errors += _template_errors(new, old)
    for field in ("completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"):
        attribute = _ATTRIBUTES[field]
        errors += _immutable(field, getattr(new.spec, attribute), getattr(old.spec, attribute))
    return errors


_ATTRIBUTES = {
    "completionMode": "completion_mode",
    "podFailurePolicy": "pod_failure_policy",
    "backoffLimitPerIndex": "backoff_limit_per_index",
    "managedBy": "managed_by",
    "successPolicy": "success_policy",
}


def _immutable(field: str, new: object, old: object) -> list[FieldError]:
    if new == old or semantic_form(new) == semantic_form(old):
        return []
    data = codec.to_data(new)
    if data is None or isinstance(data, str | int):
        return [invalid(f"spec.{field}", data, IMMUTABLE)]
    shown = go_json(data, sort=False)
    return [
        FieldError(path=f"spec.{field}", kind="Invalid value", detail=IMMUTABLE, value=shown, composite=True)
    ]


def _completions_errors(new: JobSpec, old: JobSpec) -> list[FieldError]:
    """Check K-JOB-85: completions change only together with parallelism, and only when Indexed."""
    if new.completion_mode != "Indexed":
        return _immutable("completions", new.completions, old.completions)
    if new.completions in (old.completions, None) or new.completions == new.parallelism:
        return []
    why = "can only be modified in tandem with spec.parallelism"
    return [invalid("spec.completions", new.completions, why)]


def _template_errors(new: Job, old: Job) -> list[FieldError]:
    template, before = new.spec.template, old.spec.template
    if template == before:
        return []
    field = "template"
    if template_mutable(old):
        before = _with_directives(before, template)
        # What is compared then is the pod spec alone: labels and annotations are directives too.
        before = replace(before, spec=_with_resources(before, template))
        field = "template.spec"
        return _immutable(field, template.spec, before.spec)
    return _immutable(field, template, before)


def template_mutable(old: Job) -> bool:
    """Tell whether a Job's template may change: suspended, and no pods of it active (K-JOB-81)."""
    status = old.status
    stopped = status.start_time is None or is_true(status.conditions, "Suspended")
    return bool(old.spec.suspend) and stopped and status.active == 0


def _with_directives(old: PodTemplateSpec, new: PodTemplateSpec) -> PodTemplateSpec:
    """Return the old template with the new one's scheduling directives, which hides their change."""
    meta = replace(old.metadata, labels=new.metadata.labels, annotations=new.metadata.annotations)
    spec = replace(
        old.spec,
        node_selector=new.spec.node_selector,
        tolerations=new.spec.tolerations,
        scheduling_gates=new.spec.scheduling_gates,
        affinity=_with_node_affinity(old.spec.affinity, new.spec.affinity),
    )
    return replace(old, metadata=meta, spec=spec)


def _with_node_affinity(old: Affinity | None, new: Affinity | None) -> Affinity | None:
    """Return the old affinity with the new node affinity; nothing left of it counts as none."""
    if old is None and new is None:
        return None
    mixed = replace(old or Affinity(), node_affinity=new.node_affinity if new is not None else None)
    return None if new is None and mixed == Affinity() else mixed


def _with_resources(old: PodTemplateSpec, new: PodTemplateSpec) -> object:
    """Return the old pod spec with the new containers' resources."""
    return replace(
        old.spec,
        containers=_resourced(old.spec.containers, new.spec.containers),
        init_containers=_resourced(old.spec.init_containers, new.spec.init_containers),
    )


def _resourced(old: tuple[Container, ...], new: tuple[Container, ...]) -> tuple[Container, ...]:
    if len(old) != len(new):
        return old
    return tuple(
        replace(was, resources=now.resources) if was.name == now.name else was
        for was, now in zip(old, new, strict=True)
    )
