"""A cluster whose nodes fall silent, with the node lifecycle and the taint eviction controllers."""

from __future__ import annotations

from jobsim.api._struct import Time, replace
from jobsim.api.core import Node
from jobsim.api.meta import Condition, ObjectMeta, condition
from jobsim.api.plan import Plan
from jobsim.api.pod import Pod, PodSpec, PodStatus, Toleration
from jobsim.controllers import kubelet_node, node_lifecycle, taint_eviction
from jobsim.controllers.node_lifecycle import (
    MONITOR,
    NOT_READY,
    UNREACHABLE,
)
from jobsim.units import SECOND
from tests.controllers.loop import Loop

READY = Condition(type="Ready", status="True", last_transition_time=Time(0))


def make_node(name: str, zone: str = "", status: str = "True") -> Node:
    labels = {"topology.kubernetes.io/zone": zone} if zone else {}
    node = Node(metadata=ObjectMeta(name=name, uid=f"uid-{name}", labels=labels))
    return replace(node, status=replace(node.status, conditions=(replace(READY, status=status),)))


def default_tolerations(seconds_: int | None = 300) -> tuple[Toleration, ...]:
    return tuple(
        Toleration(key=key, operator="Exists", effect="NoExecute", toleration_seconds=seconds_)
        for key in (NOT_READY, UNREACHABLE)
    )


def make_pod(name: str, node: str, tolerations: tuple[Toleration, ...] | None = None) -> Pod:
    return Pod(
        metadata=ObjectMeta(name=name, namespace="ns", uid=f"uid-{name}"),
        spec=PodSpec(
            node_name=node,
            tolerations=default_tolerations() if tolerations is None else tolerations,
            termination_grace_period_seconds=30,
        ),
        status=PodStatus(phase="Running", conditions=(READY,)),
    )


class Cluster(Loop):
    """Nodes, some of them silent, with the two controllers."""

    def __init__(self, *objects: Node | Pod) -> None:
        self.silent: dict[str, int] = {}
        super().__init__(
            (node_lifecycle.wakes, self._monitor), (taint_eviction.wakes, self._evict), objects=objects
        )

    def _monitor(self, reader, namespace, name, memory, now) -> Plan | None:
        seen = node_lifecycle.observe(reader, name, dict(self.silent), memory)
        return None if seen is None else node_lifecycle.reconcile(seen, now)

    def _evict(self, reader, namespace, name, memory, now) -> Plan | None:
        seen = taint_eviction.observe(reader, name, memory)
        return None if seen is None else taint_eviction.reconcile(seen, now)

    def crash(self, *names: str) -> Cluster:
        for name in names:
            self.silent[name] = kubelet_node.last_renewal(self.now)
        self.wake(0, MONITOR)
        return self

    def repair(self, name: str) -> Cluster:
        self.silent.pop(name, None)
        write = kubelet_node.healthy(self.node(name), self.now)
        assert write is not None
        assert self.send(write).error is None
        return self

    def node(self, name: str) -> Node:
        node = self.store.get(Node, "", name)
        assert node is not None
        return node

    def pod(self, name: str) -> Pod:
        pod = self.store.get(Pod, "ns", name)
        assert pod is not None
        return pod

    def taints(self, name: str) -> list[str]:
        return [f"{t.key.rpartition('/')[2]}:{t.effect}" for t in self.node(name).spec.taints]

    def times(self, what: str) -> dict[str, float]:
        """When each node first had a taint (``key:effect``) or Ready=Unknown."""
        found: dict[str, float] = {}
        for event in self.log:
            node = event.obj
            if not isinstance(node, Node):
                continue
            ready = condition(node.status.conditions, "Ready")
            have = [f"{t.key.rpartition('/')[2]}:{t.effect}" for t in node.spec.taints]
            have.append(f"Ready={ready.status if ready else None}")
            if what in have:
                found.setdefault(node.name, event.time / SECOND)
        return found


def cluster_of(n: int, *pods: Pod, zone: str = "") -> Cluster:
    return Cluster(*(make_node(f"n{i}", zone) for i in range(n)), *pods)
