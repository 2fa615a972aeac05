"""The pod webhooks of exclusive placement: leaders get affinities, followers the leader's domain.

Source: jobset pkg/webhooks/pod_webhook.go @08dfbdfd; C-EXC-04..16.
"""

from __future__ import annotations

from jobsim.api._struct import replace
from jobsim.api.core import Node
from jobsim.api.gofmt import quote
from jobsim.api.jobset import (
    EXCLUSIVE_TOPOLOGY,
    JOB_INDEX,
    JOB_KEY,
    JOBSET_NAME,
    NODE_SELECTOR_STRATEGY,
    PRIORITY,
    REPLICATED_JOB_NAME,
)
from jobsim.api.meta import LabelSelector, LabelSelectorRequirement
from jobsim.api.pod import Affinity, Pod, PodAffinity, PodAffinityTerm
from jobsim.api.reader import Reader
from jobsim.apiserver import index
from jobsim.controllers.exclusive_placement import is_leader
from jobsim.controllers.jobset.gates import Gates
from jobsim.errors import ApiError

_TRANSIENT = "this is an expected, transient error"


class _LeaderError(Exception):
    """The leader of a follower cannot be told; the text says why."""


def selected(pod: Pod) -> bool:
    """Tell whether the webhooks are called at all: by label, as they are shipped (C-EXC-04, erratum)."""
    return JOBSET_NAME in pod.metadata.labels


def mutate(pod: Pod, reader: Reader, gates: Gates) -> Pod:
    """Return a new pod with priority label and exclusive placement (C-EXC-05..09).

    Raises
    ------
    ApiError
        The leader's node is gone or has no label of the topology: creation is refused.
    """
    annotations = pod.metadata.annotations
    if JOBSET_NAME not in annotations or NODE_SELECTOR_STRATEGY in annotations:
        return pod
    if pod.spec.priority is not None:
        pod = pod.with_meta(labels={**pod.metadata.labels, PRIORITY: str(pod.spec.priority)})
    if EXCLUSIVE_TOPOLOGY not in annotations:
        return pod
    return _with_affinities(pod) if is_leader(pod) else _with_domain(pod, reader, gates)


def validate(pod: Pod, reader: Reader, gates: Gates) -> str | None:
    """Return why a new pod is refused, or None (C-EXC-13, C-EXC-14)."""
    annotations = pod.metadata.annotations
    if JOBSET_NAME not in annotations or NODE_SELECTOR_STRATEGY in annotations:
        return None
    if EXCLUSIVE_TOPOLOGY not in annotations or is_leader(pod):
        return None
    selector, key = pod.spec.node_selector, annotations[EXCLUSIVE_TOPOLOGY]
    if not selector:
        return "follower pod node selector not set"
    if key not in selector:
        return f"follower pod node selector for topology domain not found. missing selector: {key}"
    try:
        leader = _leader_of(pod, reader, gates)
    except _LeaderError as err:
        return str(err)
    if not leader.spec.node_name:
        return f"leader pod not yet scheduled, not creating follower pod. {_TRANSIENT}"
    return None


def _with_affinities(pod: Pod) -> Pod:
    """Return a leader that wants its Job's pods beside it and others of its priority away (C-EXC-06)."""
    labels = pod.metadata.labels
    own = (labels.get(JOB_KEY, ""),)
    beside = _term(pod, LabelSelectorRequirement(key=JOB_KEY, operator="In", values=own))
    away = _term(
        pod,
        LabelSelectorRequirement(key=JOB_KEY, operator="Exists"),
        LabelSelectorRequirement(key=JOB_KEY, operator="NotIn", values=own),
        LabelSelectorRequirement(key=PRIORITY, operator="In", values=(labels.get(PRIORITY, ""),)),
    )
    affinity = pod.spec.affinity or Affinity()
    affinity = replace(
        affinity,
        pod_affinity=_with_term(affinity.pod_affinity, beside),
        pod_anti_affinity=_with_term(affinity.pod_anti_affinity, away),
    )
    return replace(pod, spec=replace(pod.spec, affinity=affinity))


def _term(pod: Pod, *requirements: LabelSelectorRequirement) -> PodAffinityTerm:
    """Return a term over all namespaces with the pod's topology."""
    return PodAffinityTerm(
        label_selector=LabelSelector(match_expressions=requirements),
        topology_key=pod.metadata.annotations[EXCLUSIVE_TOPOLOGY],
        namespace_selector=LabelSelector(),
    )


def _with_term(affinity: PodAffinity | None, term: PodAffinityTerm) -> PodAffinity:
    """Return (anti-)affinity with a required term appended."""
    affinity = affinity or PodAffinity()
    required = (*affinity.required_during_scheduling_ignored_during_execution, term)
    return replace(affinity, required_during_scheduling_ignored_during_execution=required)


def _with_domain(pod: Pod, reader: Reader, gates: Gates) -> Pod:
    """Return a follower that selects its leader's domain, or as it is without a bound leader (C-EXC-08)."""
    try:
        leader = _leader_of(pod, reader, gates)
    except _LeaderError:
        return pod
    if not leader.spec.node_name:
        return pod
    key = pod.metadata.annotations[EXCLUSIVE_TOPOLOGY]
    node = reader.get(Node, "", leader.spec.node_name)
    if node is None:
        # A cache's error names the kind, not the resource (erratum).
        raise ApiError("NotFound", f"Node {quote(leader.spec.node_name)} not found")
    domain = node.metadata.labels.get(key)
    if domain is None:
        raise ApiError("Forbidden", f"node does not have topology label: {key}")
    selector = {**pod.spec.node_selector, key: domain}
    return replace(pod, spec=replace(pod.spec, node_selector=selector))


def _leader_of(pod: Pod, reader: Reader, gates: Gates) -> Pod:
    """Return the one leader of a follower (C-EXC-10).

    Raises
    ------
    _LeaderError
    """
    name = _leader_name(pod)
    leaders = [
        leader
        for leader in reader.by_index(Pod, index.POD_NAME, f"{pod.namespace}/{name}")
        if not leader.terminating and not (gates.version == "main" and leader.terminal)
    ]
    if len(leaders) != 1:
        raise _LeaderError(f"expected 1 leader pod ({name}), but got {len(leaders)}. {_TRANSIENT}")
    _check_owners(leaders[0], pod)
    return leaders[0]


def _leader_name(pod: Pod) -> str:
    """Return the name, less its random suffix, that the pod's labels give its leader."""
    labels = pod.metadata.labels
    for key in (JOBSET_NAME, REPLICATED_JOB_NAME, JOB_INDEX):
        if key not in labels:
            raise _LeaderError(f"pod missing label: {key}")
    return f"{labels[JOBSET_NAME]}-{labels[REPLICATED_JOB_NAME]}-{labels[JOB_INDEX]}-0"


def _check_owners(leader: Pod, follower: Pod) -> None:
    """Refuse a leader of another Job, such as one of an earlier attempt."""
    mine, theirs = follower.controller(), leader.controller()
    if mine is None:
        raise _LeaderError("follower pod has no owner reference")
    if theirs is None:
        raise _LeaderError(f"leader pod {quote(leader.name)} has no owner reference")
    if mine.uid != theirs.uid:
        raise _LeaderError(f"follower pod owner UID ({mine.uid}) != leader pod owner UID ({theirs.uid})")
