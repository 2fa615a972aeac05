"""The pods of a Job: its template, with what the controller puts on each of them.

Rules of the file: all that is equal between the pods of one sync is one object: containers,
volumes, owner references, finalizers; NonIndexed also labels and spec.  A run has 100,000 of them.

Source: kubernetes pkg/controller/controller_utils.go GetPodFromTemplate,
pkg/controller/job/indexed_job_utils.go; clauses K-JOB-35, K-JOB-41, K-JOB-55.
"""

from __future__ import annotations

from jobsim.api._struct import Struct, replace
from jobsim.api.batch import Job
from jobsim.api.meta import ObjectMeta, OwnerReference
from jobsim.api.pod import Container, EnvVar, Pod
from jobsim.controllers.job.constants import (
    COMPLETION_INDEX,
    COMPLETION_INDEX_ENV,
    INDEX_FAILURE_COUNT,
    INDEX_IGNORED_FAILURE_COUNT,
    TRACKING_FINALIZER,
)
from jobsim.controllers.job.pod_tally import LastFailure
from jobsim.controllers.job.pods import indexed

#: What the API server keeps of a name's generated prefix.
PREFIX_LENGTH_MAX = 58

_INDEX_ENV = EnvVar(
    name=COMPLETION_INDEX_ENV,
    value_from={"fieldRef": {"fieldPath": f"metadata.labels['{COMPLETION_INDEX}']"}},
)


class PodTemplate(Struct):
    """A Job's pod without what differs from pod to pod.

    Parameters
    ----------
    job_name : str
    base : Pod
    per_index : bool
        Whether failures are counted by index (backoffLimitPerIndex).
    """

    job_name: str
    base: Pod
    per_index: bool


def owner_reference(job: Job) -> OwnerReference:
    """Return the reference that makes a Job the controller of a pod."""
    return OwnerReference(
        api_version="batch/v1",
        kind="Job",
        name=job.name,
        uid=job.uid,
        controller=True,
        block_owner_deletion=True,
    )


def template(job: Job) -> PodTemplate:
    """Return the template of the pods that one sync creates."""
    source = job.spec.template
    finalizers = source.metadata.finalizers
    if TRACKING_FINALIZER not in finalizers:
        finalizers = (*finalizers, TRACKING_FINALIZER)
    meta = ObjectMeta(
        generate_name=f"{job.name}-",
        namespace=job.namespace,
        labels=source.metadata.labels,
        annotations=source.metadata.annotations,
        finalizers=finalizers,
        owner_references=(owner_reference(job),),
    )
    spec = source.spec
    if indexed(job):
        spec = replace(
            spec,
            containers=tuple(_with_index_env(c) for c in spec.containers),
            init_containers=tuple(_with_index_env(c) for c in spec.init_containers),
        )
    per_index = job.spec.backoff_limit_per_index is not None
    return PodTemplate(job_name=job.name, base=Pod(metadata=meta, spec=spec), per_index=per_index)


def indexed_pod(source: PodTemplate, index: int, replaced: LastFailure | None) -> Pod:
    """Return the pod of a completion index.

    Parameters
    ----------
    source : PodTemplate
    index : int
    replaced : LastFailure or None
        The failed pod that it replaces, if failures are counted by index.
    """
    base = source.base
    text = str(index)
    annotations = {**base.metadata.annotations, COMPLETION_INDEX: text}
    if source.per_index:
        failures, ignored = _failure_counts(replaced)
        annotations[INDEX_FAILURE_COUNT] = str(failures)
        if ignored:
            annotations[INDEX_IGNORED_FAILURE_COUNT] = str(ignored)
    meta = replace(
        base.metadata,
        generate_name=name_prefix(source.job_name, index),
        labels={**base.metadata.labels, COMPLETION_INDEX: text},
        annotations=annotations,
    )
    return Pod(metadata=meta, spec=replace(base.spec, hostname=f"{source.job_name}-{text}"))


def name_prefix(job_name: str, index: int) -> str:
    """Return the generated-name prefix of an index: a long Job name is cut, the index never.

    Examples
    --------
    >>> name_prefix("train", 7)
    'train-7-'
    """
    tail = f"-{index}-"
    return job_name[: PREFIX_LENGTH_MAX - len(tail)] + tail


def _with_index_env(container: Container) -> Container:
    if any(env.name == COMPLETION_INDEX_ENV for env in container.env):
        return container
    return replace(container, env=(*container.env, _INDEX_ENV))


def _failure_counts(replaced: LastFailure | None) -> tuple[int, int]:
    """Return the counted and the ignored failures of an index, that of the replaced pod included."""
    if replaced is None:
        return 0, 0
    if replaced.counts:
        return replaced.failures + 1, replaced.ignored_failures
    return replaced.failures, replaced.ignored_failures + 1
