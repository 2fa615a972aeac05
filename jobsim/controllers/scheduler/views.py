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

    While it is to be placed: ``affinity`` are required terms as one question per topology key (who matches
    all of them); ``shuns`` the required anti-affinity, term by term; ``likes`` and ``dislikes`` the preferred
    terms.  Once it is placed: ``anti_affinity`` is whom it keeps away, ``repels`` and ``attracts`` how
    strongly it is against or for those that match; required affinity draws, too (hardPodAffinityWeight 1).
    """

    pod: Pod
    uid: str
    namespace: str
    labels: Labels
    request: Request
    priority: int = 0
    terminating: bool = False
    affinity: tuple[Question, ...] = ()
    shuns: tuple[Question, ...] = ()
    likes: tuple[Weighted, ...] = ()
    dislikes: tuple[Weighted, ...] = ()
    anti_affinity: tuple[Question, ...] = ()
    repels: tuple[Weighted, ...] = ()
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
    liked = near.preferred_during_scheduling_ignored_during_execution
    disliked = far.preferred_during_scheduling_ignored_during_execution
    apart = far.required_during_scheduling_ignored_during_execution
    drawn = [Weighted(question=term_question(term, namespace), weight=1) for term in required]
    return replace(
        view,
        affinity=all_terms_questions(required, namespace),
        shuns=_questions(apart, namespace, incoming=True),
        likes=_weighted(liked, namespace, incoming=True),
        dislikes=_weighted(disliked, namespace, incoming=True),
        anti_affinity=_questions(apart, namespace, incoming=False),
        repels=_weighted(disliked, namespace, incoming=False),
        attracts=(*drawn, *_weighted(liked, namespace, incoming=False)),
    )


def _questions(terms: Sequence[PodAffinityTerm], namespace: str, *, incoming: bool) -> tuple[Question, ...]:
    return tuple([term_question(term, namespace, incoming=incoming) for term in terms])


def _weighted(
    terms: Sequence[WeightedPodAffinityTerm], namespace: str, *, incoming: bool
) -> tuple[Weighted, ...]:
    return tuple(
        [
            Weighted(
                question=term_question(t.pod_affinity_term, namespace, incoming=incoming), weight=t.weight
            )
            for t in terms
            if t.weight
        ]
    )
