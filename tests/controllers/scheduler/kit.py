"""Nodes, pods and clusters for the scheduler's tests."""

from __future__ import annotations

from jobsim.api.core import Node, NodeStatus
from jobsim.api.meta import Labels, LabelSelector, LabelSelectorRequirement, ObjectMeta
from jobsim.api.pod import (
    Affinity,
    Container,
    Pod,
    PodAffinity,
    PodAffinityTerm,
    PodSpec,
    PodStatus,
    ResourceRequirements,
)
from jobsim.api.watch import WatchEvent
from jobsim.controllers.scheduler.cycle import cycle
from jobsim.controllers.scheduler.snapshot import Snapshot

RACK = "rack"


def make_node(
    name: str, *, cpu: int = 4, pods: int = 110, labels: Labels | None = None, **more: object
) -> Node:
    amounts = {"cpu": cpu, "memory": "16Gi", "pods": pods, **more}
    meta = ObjectMeta(name=name, labels={"kubernetes.io/hostname": name, **(labels or {})})
    return Node(metadata=meta, status=NodeStatus(allocatable=amounts))  # type: ignore[arg-type]


def make_pod(
    name: str,
    node: str = "",
    *,
    cpu: object = 1,
    labels: Labels | None = None,
    affinity: Affinity | None = None,
    phase: str = "Pending",
    **spec: object,
) -> Pod:
    requests = {"cpu": cpu, "memory": "1Gi"} if cpu else {}
    asked = ResourceRequirements(requests=requests)  # type: ignore[arg-type]
    container = Container(name="c", resources=asked)
    return Pod(
        metadata=ObjectMeta(name=name, namespace="default", uid=f"uid-{name}", labels=labels or {}),
        spec=PodSpec(
            node_name=node,
            containers=(container,),
            affinity=affinity,
            scheduler_name="default-scheduler",
            **spec,  # type: ignore[arg-type]
        ),
        status=PodStatus(phase=phase),  # type: ignore[arg-type]
    )


def cluster(*nodes: Node, pods: tuple[Pod, ...] = ()) -> Snapshot:
    snapshot = Snapshot()
    for node in nodes:
        snapshot.add_node(node)
    for pod in pods:
        snapshot.add_pod(pod)
    return snapshot


def leader(job: str, priority: str = "0") -> Pod:
    """Return a leader as the pod webhook makes it (C-EXC-06)."""

    def term(*reqs: tuple[str, str, tuple[str, ...]]) -> PodAffinityTerm:
        expressions = tuple(LabelSelectorRequirement(key=k, operator=o, values=v) for k, o, v in reqs)
        return PodAffinityTerm(
            topology_key=RACK,
            label_selector=LabelSelector(match_expressions=expressions),
            namespace_selector=LabelSelector(),
        )

    near = term(("job-key", "In", (job,)))
    far = term(("job-key", "Exists", ()), ("job-key", "NotIn", (job,)), ("priority", "In", (priority,)))
    affinity = Affinity(
        pod_affinity=PodAffinity(required_during_scheduling_ignored_during_execution=(near,)),
        pod_anti_affinity=PodAffinity(required_during_scheduling_ignored_during_execution=(far,)),
    )
    return make_pod(f"{job}-0", labels={"job-key": job, "priority": priority}, affinity=affinity)


def racks(count: int, size: int = 2) -> list[Node]:
    return [make_node(f"n{r}{i}", labels={RACK: f"r{r}"}) for r in range(count) for i in range(size)]


def place(snapshot: Snapshot, pod: Pod) -> str:
    decision = cycle(snapshot, pod)
    if decision.node:
        snapshot.assume(pod, decision.node)
    return decision.node


def changed(new: Pod | Node, old: Pod | Node | None = None, *, gone: bool = False) -> WatchEvent:
    """Return a watch event."""
    type_ = "DELETED" if gone else "ADDED" if old is None else "MODIFIED"
    return WatchEvent(type=type_, obj=new, old=old, revision=1, time=0)  # type: ignore[arg-type]
