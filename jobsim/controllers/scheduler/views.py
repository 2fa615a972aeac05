"""What the scheduler wants to know of a pod, worked out once.

Source: kubernetes pkg/scheduler/framework/types.go PodInfo.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobsim.api._struct import Struct, replace
from jobsim.api.meta import Labels
from jobsim.api.pod import Pod, PodAffinity, PodAffinityTerm, WeightedPodAffinityTerm
from jobsim.controllers.scheduler.requests import Request
from jobsim.controllers.scheduler.terms import Question, all_terms_questions, term_question

#: A pod counts as started so late when its status has no start time.
NOT_STARTED = 2**63 - 1


class Weighted(Struct):
    question: Question
    weight: int


class PodView(Struct):
    """A pod as filters and scores see it.

    ``affinity`` are required terms as one question per topology key (who matches all of them);
    ``anti_affinity`` the required ones, term by term; ``liked`` and ``disliked`` the preferred ones.
    ``attracts`` is how strongly the pod, once placed, draws those that match: its required
    affinity (hardPodAffinityWeight 1) and its preferred affinity.
    """

    pod: Pod
    uid: str
    namespace: str
    labels: Labels
    request: Request
    priority: int = 0
    terminating: bool = False
    affinity: tuple[Question, ...] = ()
    anti_affinity: tuple[Question, ...] = ()
    liked: tuple[Weighted, ...] = ()
    disliked: tuple[Weighted, ...] = ()
    attracts: tuple[Weighted, ...] = ()


def identity(pod: Pod) -> str:
    """Return the UID, or the key where a pod has none (tests)."""
    return pod.metadata.uid or f"{pod.metadata.namespace}/{pod.metadata.name}"


def view_of(pod: Pod, request: Request) -> PodView:
    """Return a pod's view, given what it asks for (``request_of``)."""
    meta, spec = pod.metadata, pod.spec
    view = PodView(
        pod=pod,
        uid=identity(pod),
        namespace=meta.namespace,
        labels=meta.labels,
        request=request,
        priority=spec.priority or 0,
        terminating=meta.deletion_timestamp is not None,
    )
    affinity = spec.affinity
    if affinity is None or (affinity.pod_affinity is None and affinity.pod_anti_affinity is None):
        return view
    return _with_affinity(
        view, affinity.pod_affinity or PodAffinity(), affinity.pod_anti_affinity or PodAffinity()
    )


def _with_affinity(view: PodView, near: PodAffinity, far: PodAffinity) -> PodView:
    namespace = view.namespace
    required = near.required_during_scheduling_ignored_during_execution
    liked = _weighted(near.preferred_during_scheduling_ignored_during_execution, namespace)
    drawn = [Weighted(question=term_question(term, namespace), weight=1) for term in required]
    return replace(
        view,
        affinity=all_terms_questions(required, namespace),
        anti_affinity=_questions(far.required_during_scheduling_ignored_during_execution, namespace),
        liked=liked,
        disliked=_weighted(far.preferred_during_scheduling_ignored_during_execution, namespace),
        attracts=(*drawn, *liked),
    )


def _questions(terms: Sequence[PodAffinityTerm], namespace: str) -> tuple[Question, ...]:
    return tuple([term_question(term, namespace) for term in terms])


def _weighted(terms: Sequence[WeightedPodAffinityTerm], namespace: str) -> tuple[Weighted, ...]:
    return tuple(
        [
            Weighted(question=term_question(t.pod_affinity_term, namespace), weight=t.weight)
            for t in terms
            if t.weight
        ]
    )
