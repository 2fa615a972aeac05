"""Which pods belong to a Job: those it controls, orphans to adopt, others to release.

Source: kubernetes pkg/controller/controller_ref_manager.go ClaimPods; clause K-JOB-20.7.
Differs: upstream reads the Job once more, uncached, before it adopts.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobsim.api._struct import Struct, replace
from jobsim.api.batch import Job
from jobsim.api.codec import to_data
from jobsim.api.meta import LabelSelector
from jobsim.api.pod import Pod
from jobsim.api.selectors import matches
from jobsim.api.writes import Patch
from jobsim.controllers.job.constants import TRACKING_FINALIZER
from jobsim.controllers.job.pod_template import owner_reference


class Claims(Struct):
    """What becomes of the pods a Job may have a say in.

    Parameters
    ----------
    kept : tuple of Pod
        Controlled by the Job, with labels that match its selector.
    release : tuple of Pod
        Controlled by the Job, but their labels do not match.
    adopt : tuple of Pod
        Controlled by nobody, with labels that match.
    """

    kept: Sequence[Pod]
    release: tuple[Pod, ...] = ()
    adopt: tuple[Pod, ...] = ()


def sort(job: Job, owned: Sequence[Pod], orphans: Sequence[Pod]) -> Claims:
    """Return what becomes of a Job's pods and of its namespace's orphans.

    A Job that is being deleted neither adopts nor releases.
    """
    selector = job.spec.selector
    strangers = _strangers(selector, owned)
    kept = owned
    if strangers:
        kept = tuple(pod for pod in owned if matches(selector, pod.metadata.labels))
    if job.terminating:
        return Claims(kept=kept)
    adopt = tuple([pod for pod in orphans if not pod.terminating and matches(selector, pod.metadata.labels)])
    return Claims(kept=kept, release=tuple(strangers), adopt=adopt)


def _strangers(selector: LabelSelector | None, pods: Sequence[Pod]) -> list[Pod]:
    """Return the pods whose labels do not match; nearly always none of very many."""
    if selector is not None and len(selector.match_labels) == 1 and not selector.match_expressions:
        # The selector that the API server generates.
        ((key, value),) = selector.match_labels.items()
        return [pod for pod in pods if pod.metadata.labels.get(key) != value]
    return [pod for pod in pods if not matches(selector, pod.metadata.labels)]


def adoption(job: Job, pod: Pod) -> Patch:
    """Return the write that makes a Job the controller of an orphan."""
    meta = pod.metadata
    owners = [to_data(ref) for ref in (*meta.owner_references, owner_reference(job))]
    finalizers = [*meta.finalizers]
    if TRACKING_FINALIZER not in finalizers:
        finalizers.append(TRACKING_FINALIZER)
    patch = {"metadata": {"uid": pod.uid, "ownerReferences": owners, "finalizers": finalizers}}
    return Patch(kind="Pod", namespace=pod.namespace, name=pod.name, patch=patch)


def release(job: Job, pod: Pod) -> Patch:
    """Return the write that frees a pod from a Job's control."""
    meta = pod.metadata
    owners = [to_data(ref) for ref in meta.owner_references if ref.uid != job.uid]
    finalizers = [f for f in meta.finalizers if f != TRACKING_FINALIZER]
    patch = {
        "metadata": {"uid": pod.uid, "ownerReferences": owners or None, "finalizers": finalizers or None}
    }
    return Patch(kind="Pod", namespace=pod.namespace, name=pod.name, patch=patch)


def as_adopted(pod: Pod) -> Pod:
    """Return an adopted pod as the rest of the sync sees it: with the tracking finalizer."""
    finalizers = pod.metadata.finalizers
    if TRACKING_FINALIZER in finalizers:
        return pod
    return replace(pod, metadata=replace(pod.metadata, finalizers=(*finalizers, TRACKING_FINALIZER)))
