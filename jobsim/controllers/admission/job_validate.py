"""Validation of new Jobs, in the API server's words (K-JOB-04).

Source: kubernetes pkg/apis/batch/validation/validation.go 1.36.
"""

from __future__ import annotations

from jobsim.api import codec, names
from jobsim.api.batch import Job, JobSpec
from jobsim.api.field import FieldError, invalid, not_supported, required, too_long
from jobsim.api.meta import Labels
from jobsim.api.selectors import matches
from jobsim.apiserver.schema_meta import check_selector
from jobsim.controllers.admission.job import (
    CONTROLLER_UID,
    JOB_NAME,
    LEGACY_CONTROLLER_UID,
    LEGACY_JOB_NAME,
)
from jobsim.controllers.admission.job_validate_policies import policy_errors

INDEXED_PARALLELISM_MAX = 100_000
FAILED_INDEXES_MAX = 100_000
#: With more completions than this, backoffLimitPerIndex brings tighter limits.
COMPLETIONS_SOFT_LIMIT = 100_000
HIGH_COMPLETIONS_MAX = 10_000
MANAGED_BY_BYTES_MAX = 63


def create_errors(job: Job, in_template: list[FieldError]) -> list[FieldError]:
    """Return what is wrong with a new Job (with defaults and selector), metadata not looked at.

    ``in_template`` is what is wrong with its pod template.
    """
    errors = [] if job.spec.manual_selector else _label_errors(job)
    errors += spec_errors(job.spec, in_template)
    completions = job.spec.completions
    if job.spec.completion_mode == "Indexed" and completions is not None and completions > 0:
        hostname = f"{job.name}-{completions - 1}"
        if names.dns1123_label_errors(hostname):
            why = f"will not able to create pod with invalid DNS label: {hostname}"
            errors.append(invalid("metadata.name", job.name, why))
    return errors


def _label_errors(job: Job) -> list[FieldError]:
    """Check that generated labels are as generated: the user may have set other ones."""
    labels = job.spec.template.metadata.labels
    wanted = {
        LEGACY_CONTROLLER_UID: job.uid,
        LEGACY_JOB_NAME: job.name,
        CONTROLLER_UID: job.uid,
        JOB_NAME: job.name,
    }
    path = "spec.template.metadata.labels"
    errors = []
    for key, value in wanted.items():
        if key not in labels:
            errors.append(required(f"{path}[{key}]", f"must be '{value}'"))
        elif labels[key] != value:
            errors.append(invalid(f"{path}[{key}]", _shown_labels(labels), f"must be '{value}'"))
    if not matches(job.spec.selector, wanted):
        selector = codec.to_data(job.spec.selector)
        errors.append(invalid("spec.selector", selector, "`selector` not auto-generated"))
    return errors


def _shown_labels(labels: Labels) -> Labels | None:
    return dict(sorted(labels.items())) or None


def spec_errors(spec: JobSpec, in_template: list[FieldError]) -> list[FieldError]:
    """Return what is wrong with a Job's spec, in upstream's order."""
    errors = _number_errors(spec)
    errors += _mode_errors(spec)
    errors += policy_errors(spec)
    errors += in_template
    errors += _restart_policy_errors(spec)
    if spec.selector is None:
        errors.append(required("spec.selector"))
    errors += check_selector(spec.selector, "spec.selector")
    labels = spec.template.metadata.labels
    if not matches(spec.selector, labels):
        why = "`selector` does not match template `labels`"
        errors.append(invalid("spec.template.metadata.labels", _shown_labels(labels), why))
    return errors


def _number_errors(spec: JobSpec) -> list[FieldError]:
    errors = []
    for field, value in (
        ("parallelism", spec.parallelism),
        ("completions", spec.completions),
        ("activeDeadlineSeconds", spec.active_deadline_seconds),
        ("backoffLimit", spec.backoff_limit),
        ("ttlSecondsAfterFinished", spec.ttl_seconds_after_finished),
        ("backoffLimitPerIndex", spec.backoff_limit_per_index),
        ("maxFailedIndexes", spec.max_failed_indexes),
    ):
        if value is not None and value < 0:
            errors.append(invalid(f"spec.{field}", value, "must be greater than or equal to 0"))
    if spec.max_failed_indexes is not None and spec.backoff_limit_per_index is None:
        errors.append(required("spec.backoffLimitPerIndex", "when maxFailedIndexes is specified"))
    if spec.managed_by is not None:
        errors += names.domain_prefixed_path_errors("spec.managedBy", spec.managed_by)
        if names.byte_length(spec.managed_by) > MANAGED_BY_BYTES_MAX:
            errors.append(too_long("spec.managedBy", MANAGED_BY_BYTES_MAX))
    return errors


def _mode_errors(spec: JobSpec) -> list[FieldError]:
    mode = spec.completion_mode
    if mode == "Indexed":
        return _indexed_errors(spec)
    errors = []
    if mode not in (None, "NonIndexed"):
        return [not_supported("spec.completionMode", mode, ("NonIndexed", "Indexed"))]
    for field, value in (
        ("backoffLimitPerIndex", spec.backoff_limit_per_index),
        ("maxFailedIndexes", spec.max_failed_indexes),
    ):
        if value is not None:
            errors.append(invalid(f"spec.{field}", value, "requires indexed completion mode"))
    return errors


def _indexed_errors(spec: JobSpec) -> list[FieldError]:
    errors = []
    parallelism, completions, failed = spec.parallelism, spec.completions, spec.max_failed_indexes
    if completions is None:
        errors.append(required("spec.completions", "when completion mode is Indexed"))
    if parallelism is not None and parallelism > INDEXED_PARALLELISM_MAX:
        why = f"must be less than or equal to {INDEXED_PARALLELISM_MAX} when completion mode is Indexed"
        errors.append(invalid("spec.parallelism", parallelism, why))
    if completions is not None and failed is not None and failed > completions:
        errors.append(invalid("spec.maxFailedIndexes", failed, "must be less than or equal to completions"))
    if failed is not None and failed > FAILED_INDEXES_MAX:
        why = f"must be less than or equal to {FAILED_INDEXES_MAX}"
        errors.append(invalid("spec.maxFailedIndexes", failed, why))
    if (completions or 0) > COMPLETIONS_SOFT_LIMIT and spec.backoff_limit_per_index is not None:
        errors += _high_completions_errors(spec)
    return errors


def _high_completions_errors(spec: JobSpec) -> list[FieldError]:
    above = f"when completions are above {COMPLETIONS_SOFT_LIMIT} and used with backoff limit per index"
    why = f"must be less than or equal to {HIGH_COMPLETIONS_MAX} {above}"
    parallelism, failed = spec.parallelism, spec.max_failed_indexes
    errors = []
    if failed is None:
        text = f"must be specified when completions is above {COMPLETIONS_SOFT_LIMIT}"
        errors.append(required("spec.maxFailedIndexes", text))
    if parallelism is not None and parallelism > HIGH_COMPLETIONS_MAX:
        errors.append(invalid("spec.parallelism", parallelism, why))
    if failed is not None and failed > HIGH_COMPLETIONS_MAX:
        errors.append(invalid("spec.maxFailedIndexes", failed, why))
    return errors


def _restart_policy_errors(spec: JobSpec) -> list[FieldError]:
    path = "spec.template.spec.restartPolicy"
    policy = spec.template.spec.restart_policy
    if policy in ("", "Always"):
        return [required(path, 'valid values: "OnFailure", "Never"')]
    if policy not in ("OnFailure", "Never"):
        return [not_supported(path, policy, ("OnFailure", "Never"))]
    if spec.pod_failure_policy is not None and policy != "Never":
        return [invalid(path, policy, 'only "Never" is supported when podFailurePolicy is specified')]
    return []
