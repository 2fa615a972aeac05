"""matchLabelKeys and mismatchLabelKeys: the API server writes them out when a pod is made.

The selectors of affinity terms and spread constraints get one requirement for each key that the pod
has; a term without a selector matches nothing and stays as it is.

Source: kubernetes pkg/registry/core/pod/strategy.go mutatePodAffinity, mutateTopologySpreadConstraints.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobsim.api._struct import replace
from jobsim.api.meta import Labels, LabelSelector, LabelSelectorRequirement
from jobsim.api.pod import Affinity, PodAffinity, PodAffinityTerm, PodSpec


def asks_by_label_keys(spec: PodSpec) -> bool:
    """Tell whether a pod has any such keys."""
    return any(c.match_label_keys for c in spec.topology_spread_constraints) or any(
        term.match_label_keys or term.mismatch_label_keys for term in _terms(spec.affinity)
    )


def with_label_keys(spec: PodSpec, labels: Labels) -> PodSpec:
    """Return a pod's spec with the keys written out for its own labels."""
    affinity = spec.affinity
    if affinity is not None:
        affinity = replace(
            affinity,
            pod_affinity=_near(affinity.pod_affinity, labels),
            pod_anti_affinity=_near(affinity.pod_anti_affinity, labels),
        )
    spreads = tuple(
        replace(c, label_selector=_merged(c.label_selector, c.match_label_keys, (), labels))
        for c in spec.topology_spread_constraints
    )
    return replace(spec, affinity=affinity, topology_spread_constraints=spreads)


def _terms(affinity: Affinity | None) -> list[PodAffinityTerm]:
    found: list[PodAffinityTerm] = []
    for side in (affinity.pod_affinity, affinity.pod_anti_affinity) if affinity is not None else ():
        if side is not None:
            found += side.required_during_scheduling_ignored_during_execution
            found += (t.pod_affinity_term for t in side.preferred_during_scheduling_ignored_during_execution)
    return found


def _near(side: PodAffinity | None, labels: Labels) -> PodAffinity | None:
    if side is None:
        return None
    required = tuple(_term(t, labels) for t in side.required_during_scheduling_ignored_during_execution)
    preferred = tuple(
        replace(weighted, pod_affinity_term=_term(weighted.pod_affinity_term, labels))
        for weighted in side.preferred_during_scheduling_ignored_during_execution
    )
    return PodAffinity(
        required_during_scheduling_ignored_during_execution=required,
        preferred_during_scheduling_ignored_during_execution=preferred,
    )


def _term(term: PodAffinityTerm, labels: Labels) -> PodAffinityTerm:
    selector = _merged(term.label_selector, term.match_label_keys, term.mismatch_label_keys, labels)
    return replace(term, label_selector=selector)


def _merged(
    selector: LabelSelector | None, same: Sequence[str], other: Sequence[str], labels: Labels
) -> LabelSelector | None:
    if selector is None:
        return None
    more = [
        LabelSelectorRequirement(key=key, operator=operator, values=(labels[key],))
        for operator, keys in (("In", same), ("NotIn", other))
        for key in keys
        if key in labels
    ]
    return replace(selector, match_expressions=(*selector.match_expressions, *more)) if more else selector
