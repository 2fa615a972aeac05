"""What the API server makes of a Job: defaults, generated selector and labels (K-JOB-01, K-JOB-02).

Source: kubernetes pkg/apis/batch/v1/defaults.go, pkg/registry/batch/job/strategy.go.
"""

from __future__ import annotations

from typing import Any

from jobsim.api._struct import replace
from jobsim.api.batch import Job, JobSpec
from jobsim.api.meta import Labels, LabelSelector

INT32_MAX = 2**31 - 1
JOB_NAME = "batch.kubernetes.io/job-name"
CONTROLLER_UID = "batch.kubernetes.io/controller-uid"
LEGACY_JOB_NAME = "job-name"
LEGACY_CONTROLLER_UID = "controller-uid"


def defaulted(job: Job) -> Job:
    """Return a Job with the server's defaults, those of its pod template left to ``pod``."""
    spec = job.spec
    changes: dict[str, Any] = {}
    if spec.parallelism is None:
        changes["parallelism"] = 1
        if spec.completions is None:
            changes["completions"] = 1
    if spec.backoff_limit is None:
        changes["backoff_limit"] = 6 if spec.backoff_limit_per_index is None else INT32_MAX
    if spec.completion_mode is None:
        changes["completion_mode"] = "NonIndexed"
    if spec.suspend is None:
        changes["suspend"] = False
    if spec.manual_selector is None:
        changes["manual_selector"] = False
    if spec.pod_replacement_policy is None:
        policy = "TerminatingOrFailed" if spec.pod_failure_policy is None else "Failed"
        changes["pod_replacement_policy"] = policy
    if spec.pod_failure_policy is not None:
        changes["pod_failure_policy"] = _with_statuses(spec)
    return replace(job, spec=replace(spec, **changes)) if changes else job


def _with_statuses(spec: JobSpec) -> Any:
    """Return the pod failure policy with True as status of conditions that name none."""
    assert spec.pod_failure_policy is not None
    rules = tuple(
        replace(
            rule,
            on_pod_conditions=tuple(
                pattern if pattern.status else replace(pattern, status="True")
                for pattern in rule.on_pod_conditions
            ),
        )
        for rule in spec.pod_failure_policy.rules
    )
    return replace(spec.pod_failure_policy, rules=rules)


def with_selector(job: Job) -> Job:
    """Return a Job whose template carries its name and UID as labels, and whose selector asks for them.

    Labels and a selector that the user gave stay; where they clash, validation refuses (K-JOB-02).
    """
    spec = job.spec
    template = spec.template
    if not spec.manual_selector:
        labels = _generated_labels(job)
        template = replace(template, metadata=replace(template.metadata, labels=labels))
        selector = spec.selector or LabelSelector()
        if CONTROLLER_UID not in selector.match_labels:
            wanted = {**selector.match_labels, CONTROLLER_UID: job.uid}
            selector = replace(selector, match_labels=wanted)
        spec = replace(spec, template=template, selector=selector)
    meta = job.metadata
    if not meta.labels and job.spec.template.metadata.labels:
        # Upstream shares the map here, so that what is generated turns up in both.
        meta = replace(meta, labels=template.metadata.labels)
    return replace(job, metadata=meta, spec=spec)


def with_labels(job: Job) -> Job:
    """Return a valid Job with its template's labels, if it has none of its own.

    Upstream's default, which a Job without template labels gets only when it is read back.
    """
    if job.metadata.labels:
        return job
    return job.with_meta(labels=job.spec.template.metadata.labels)


def _generated_labels(job: Job) -> Labels:
    generated = {
        LEGACY_JOB_NAME: job.name,
        JOB_NAME: job.name,
        LEGACY_CONTROLLER_UID: job.uid,
        CONTROLLER_UID: job.uid,
    }
    return {**generated, **job.spec.template.metadata.labels}
