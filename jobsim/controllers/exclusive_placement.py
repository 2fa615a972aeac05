"""Exclusive placement: the pod reconciler, and what leaders and followers are.

A leader whose followers select another topology domain gets its followers evicted, so that they
are created again beside it.  Source: jobset pkg/controllers/pod_controller.go,
pkg/util/placement/placement.go @08dfbdfd; C-PRC-*, C-EXC-03.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobsim.api._struct import Struct, Time, replace
from jobsim.api.core import Node
from jobsim.api.gofmt import quote
from jobsim.api.jobset import EXCLUSIVE_TOPOLOGY, JOB_KEY
from jobsim.api.meta import Condition
from jobsim.api.plan import NOTHING, Chain, Plan, Step
from jobsim.api.pod import Pod
from jobsim.api.reader import Reader
from jobsim.api.watch import Wake, WatchEvent
from jobsim.api.writes import Delete, UpdateStatus, Write
from jobsim.apiserver import index
from jobsim.controllers.jobset.gates import Gates
from jobsim.units import floor_second

COMPLETION_INDEX = "batch.kubernetes.io/job-completion-index"
PARALLEL_WRITES_MAX = 50
DISRUPTION_TARGET = "DisruptionTarget"


class Seen(Struct, kw_only=False):
    """What one decision about a leader pod depends on.

    Parameters
    ----------
    leader : Pod
    pods : sequence of Pod
        The exclusive pods of the leader's namespace with its job key and its controller's UID (C-PRC-03).
    node : Node or None
        The leader's node, if it exists.
    """

    leader: Pod
    pods: Sequence[Pod] = ()
    node: Node | None = None


def is_leader(pod: Pod) -> bool:
    """Tell whether a pod leads its Job's pods: completion index 0 (C-EXC-03)."""
    return pod.metadata.annotations.get(COMPLETION_INDEX) == "0"


def wakes(event: WatchEvent, reader: Reader) -> list[Wake]:
    """Return the leader that a pod event concerns (C-PRC-01): itself, if it is bound and exclusive."""
    pod = event.obj
    if not isinstance(pod, Pod) or EXCLUSIVE_TOPOLOGY not in pod.metadata.annotations:
        return []
    watched = pod.spec.node_name and is_leader(pod) and not pod.terminating
    return [Wake(namespace=pod.namespace, name=pod.name)] if watched else []


def observe(reader: Reader, namespace: str, name: str) -> Seen | None:
    """Return what a decision about one pod reads, or None when it is gone (C-PRC-02)."""
    leader = reader.get(Pod, namespace, name)
    if leader is None:
        return None
    owner = leader.controller()
    job_key = leader.metadata.labels.get(JOB_KEY)
    pods: tuple[Pod, ...] = ()
    if owner is not None and job_key is not None:
        pods = tuple(
            pod
            for pod in reader.by_index(Pod, index.POD_JOB_KEY, f"{namespace}/{job_key}")
            if index.owner_uid(pod) == owner.uid
        )
    return Seen(leader, pods, reader.get(Node, "", leader.spec.node_name))


def reconcile(seen: Seen, now: int, gates: Gates) -> Plan:
    """Evict all followers if any is placed wrongly (C-PRC-05..08).

    Parameters
    ----------
    seen : Seen
    now : int
        Virtual time, ns.
    gates : Gates
        v0.12.0 ends with an error where main evicts (C-PRC-07).
    """
    leader = seen.leader
    if JOB_KEY not in leader.metadata.labels:
        return Plan(error=f"job key label not found on leader pod: {quote(leader.name)}")
    if leader.controller() is None:
        return Plan(error=f"leader pod {quote(leader.name)} has no controller owner")
    key = leader.metadata.annotations.get(EXCLUSIVE_TOPOLOGY, "")
    topology = ""
    if seen.node is not None:
        if key not in seen.node.metadata.labels:
            return Plan(error=f"node does not have topology label: {key}")
        topology = seen.node.metadata.labels[key]
    followers = [pod for pod in seen.pods if not is_leader(pod)]
    violation = _first_violation(followers, key, topology)
    if violation is None:
        return NOTHING
    if gates.version == "v0.12.0":
        return Plan(error=violation)
    if not topology:
        return Plan(error="leader topology is unknown (node not found)")
    chains = tuple(_eviction(pod, now) for pod in followers)
    return Plan(steps=(Step(chains=chains, max_parallel=PARALLEL_WRITES_MAX),))


def _first_violation(followers: Sequence[Pod], key: str, topology: str) -> str | None:
    """Return what is wrong with the first follower that does not select the leader's domain."""
    for pod in followers:
        selector = pod.spec.node_selector
        if not selector:
            return f"pod {pod.name} nodeSelector is nil"
        if key not in selector:
            return f"pod {pod.name} nodeSelector is missing key: {key}"
        if selector[key] != topology:
            return f"follower topology {quote(selector[key])} != leader topology {quote(topology)}"
    return None


def _eviction(pod: Pod, now: int) -> Chain:
    """Return the writes that mark a follower as disrupted and delete it (C-PRC-08)."""
    delete = Delete(kind="Pod", namespace=pod.namespace, name=pod.name, propagation="Background")
    conditions = _disrupted(pod.status.conditions, Time(floor_second(now)))
    if conditions is None:
        return Chain(writes=(delete,), ignore_last=("NotFound",))
    marked = replace(pod, status=replace(pod.status, conditions=conditions))
    writes: tuple[Write, ...] = (UpdateStatus(obj=marked), delete)
    # Only the delete may find the pod gone; a status update that does is an error (erratum).
    return Chain(writes=writes, ignore_last=("NotFound",))


def _disrupted(conditions: tuple[Condition, ...], now: Time) -> tuple[Condition, ...] | None:
    """Return conditions with DisruptionTarget=True, or None where the first of the type says so already."""
    new = Condition(
        type=DISRUPTION_TARGET,
        status="True",
        reason="ExclusivePlacementViolation",
        message="Pod violated JobSet exclusive placement policy",
        last_transition_time=now,
    )
    for position, old in enumerate(conditions):
        if old.type == DISRUPTION_TARGET:
            if old.status == "True":
                return None
            return (*conditions[:position], new, *conditions[position + 1 :])
    return (*conditions, new)
