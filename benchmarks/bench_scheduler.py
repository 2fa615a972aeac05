"""The scheduler alone: queue, cycle, assumption and the watch events of its own bindings.

Pods of Jobs, spread by their headless Service as JobSet's are; with ``exclusive``, one leader per Job
claims a rack by affinity and its followers carry the rack's node selector.  CPU time, not wall time.
"""

from __future__ import annotations

from collections.abc import Iterator
from time import process_time
from typing import Any

from jobsim.api._struct import replace
from jobsim.api.core import Node, NodeStatus, Service, ServiceSpec
from jobsim.api.meta import Labels, LabelSelector, LabelSelectorRequirement, ObjectMeta
from jobsim.api.pod import (
    Affinity,
    Container,
    Pod,
    PodAffinity,
    PodAffinityTerm,
    PodSpec,
    ResourceRequirements,
    Toleration,
)
from jobsim.api.watch import WatchEvent
from jobsim.controllers.scheduler.decide import decide, settle
from jobsim.controllers.scheduler.queue import SchedulingQueue
from jobsim.controllers.scheduler.snapshot import Snapshot

RACK = "rack"
NODES_PER_RACK = 50
_CONTAINERS = (
    Container(
        name="main",
        resources=ResourceRequirements(requests={"cpu": "4", "memory": "16Gi", "nvidia.com/gpu": "1"}),
    ),
)
_TOLERATIONS = tuple(
    Toleration(key=f"node.kubernetes.io/{key}", operator="Exists", effect="NoExecute", toleration_seconds=300)
    for key in ("not-ready", "unreachable")
)


def scheduler(
    nodes: int = 5_000, jobs: int = 100, pods: int = 125, *, exclusive: bool = False
) -> dict[str, Any]:
    """Bind all pods; return how long a pod took.

    Parameters
    ----------
    nodes, jobs, pods : int
        Nodes (50 to a rack, 8 devices each), Jobs, and pods (of one device) in each Job.
    exclusive : bool
        One rack per Job.
    """
    snapshot, queue = cluster(nodes), SchedulingQueue()
    start = process_time()
    bound = 0
    for job in range(jobs):
        rack = ""
        for pod in job_pods(job, pods, exclusive=exclusive):
            if rack:
                pod = replace(pod, spec=replace(pod.spec, node_selector={RACK: rack}))
            queue.add(pod, 0)
            node = _bind_next(snapshot, queue)
            bound += bool(node)
            if exclusive and not rack:
                rack = node.metadata.labels[RACK]
    seconds = process_time() - start
    assert bound == jobs * pods, "the cluster is too small"
    return {
        "scheduler": "exclusive" if exclusive else "plain",
        "nodes": nodes,
        "pods": bound,
        "seconds": round(seconds, 2),
        "us per pod": round(seconds / bound * 1e6),
    }


def _bind_next(snapshot: Snapshot, queue: SchedulingQueue) -> Node:
    pod = queue.pop(0)
    assert pod is not None
    action = decide(snapshot, pod, 0)
    settle(snapshot, queue, pod, action, 0)
    name = action.decision.node
    seen = replace(pod, spec=replace(pod.spec, node_name=name))
    event = WatchEvent(type="MODIFIED", obj=seen, old=pod, revision=1, time=0)
    snapshot.apply(event)
    queue.on_event(event, 0)
    node = snapshot.nodes[snapshot.numbers[name]]
    assert node is not None
    return node


def cluster(nodes: int) -> Snapshot:
    """Return a snapshot of empty nodes and the Service that selects all pods."""
    snapshot = Snapshot()
    amounts = {"cpu": "64", "memory": "256Gi", "nvidia.com/gpu": "8", "pods": "110"}
    for i in range(nodes):
        labels = {"kubernetes.io/hostname": f"n{i}", RACK: f"r{i // NODES_PER_RACK}"}
        meta = ObjectMeta(name=f"n{i}", labels=labels)
        snapshot.add_node(Node(metadata=meta, status=NodeStatus(allocatable=amounts)))
    snapshot.services.set(
        Service(metadata=ObjectMeta(name="s", namespace="x"), spec=ServiceSpec(selector={"jobset": "s"}))
    )
    return snapshot


def job_pods(job: int, pods: int, *, exclusive: bool) -> Iterator[Pod]:
    """Yield a Job's pods; with ``exclusive`` the first is a leader (C-EXC-06)."""
    labels: Labels = {"jobset": "s", "job-key": f"k{job}", "priority": "0"}
    for index in range(pods):
        yield Pod(
            metadata=ObjectMeta(
                name=f"j{job}-{index}",
                namespace="x",
                uid=f"{job}-{index}",
                labels={**labels, "index": str(index)},
            ),
            spec=PodSpec(
                containers=_CONTAINERS,
                tolerations=_TOLERATIONS,
                affinity=_leader_affinity(f"k{job}") if exclusive and not index else None,
            ),
        )


def _leader_affinity(key: str) -> Affinity:
    near = (LabelSelectorRequirement(key="job-key", operator="In", values=(key,)),)
    far = (
        LabelSelectorRequirement(key="job-key", operator="Exists"),
        LabelSelectorRequirement(key="job-key", operator="NotIn", values=(key,)),
        LabelSelectorRequirement(key="priority", operator="In", values=("0",)),
    )
    sides = [
        PodAffinity(
            required_during_scheduling_ignored_during_execution=(
                PodAffinityTerm(
                    topology_key=RACK,
                    label_selector=LabelSelector(match_expressions=expressions),
                    namespace_selector=LabelSelector(),
                ),
            )
        )
        for expressions in (near, far)
    ]
    return Affinity(pod_affinity=sides[0], pod_anti_affinity=sides[1])
