"""What a run waits for in vain when it ends, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from jobsim.api._struct import Struct
from jobsim.api.core import Namespace
from jobsim.api.meta import Object, condition
from jobsim.api.pod import Pod


class Stall(Struct):
    """Something that will not go on by itself.

    Parameters
    ----------
    what : str
        ``drain``, ``controller``, ``terminating``, ``pending``, ``namespace`` or ``deletion``.
    name : str
        The node that is drained; the controller; the node that nobody hears of; the first pod; the namespace.
    since : int
        ns.
    message : str
        What holds it up.
    """

    what: str
    name: str
    since: int
    message: str


def stuck_on_dead_nodes(pods: Iterable[Pod], is_dead: Callable[[str], bool]) -> list[Stall]:
    """Return a stall for each node whose kubelet is gone and left pods terminating (K-POD-50)."""
    by_node: dict[str, list[Pod]] = {}
    for pod in pods:
        node = pod.spec.node_name
        # With a grace period of 0 only finalizers hold it, and no kubelet is needed.
        if node and pod.metadata.deletion_grace_period_seconds and is_dead(node):
            by_node.setdefault(node, []).append(pod)
    return [_stuck(node, found) for node, found in by_node.items()]


def _stuck(node: str, pods: list[Pod]) -> Stall:
    first = pods[0]
    grace_ns = (first.metadata.deletion_grace_period_seconds or 0) * 1_000_000_000
    return Stall(
        what="terminating",
        name=node,
        since=(first.metadata.deletion_timestamp or 0) - grace_ns,
        message=f"pod {_label(pods)} cannot end without the node's kubelet "
        "(until the node is back, deleted or tainted out-of-service, or the pods are deleted by force)",
    )


def stuck_namespaces(namespaces: Iterable[Namespace]) -> list[Stall]:
    """Return a stall for each namespace that is being deleted and is not empty."""
    return [
        Stall(
            what="namespace",
            name=namespace.name,
            since=namespace.metadata.deletion_timestamp or 0,
            message=". ".join(c.message for c in namespace.status.conditions if c.status == "True"),
        )
        for namespace in namespaces
        if namespace.metadata.deletion_timestamp is not None
    ]


def held_deletions(objects: Iterable[Object]) -> list[Stall]:
    """Return a stall for each kind and set of finalizers that hold objects which are being deleted."""
    held: dict[tuple[str, tuple[str, ...]], list[Object]] = {}
    for obj in objects:
        meta = obj.metadata
        if meta.deletion_timestamp is not None and meta.finalizers:
            held.setdefault((obj.kind, meta.finalizers), []).append(obj)
    return [
        Stall(
            what="deletion",
            name=f"{kind.lower()} {_label(found)}",
            since=found[0].metadata.deletion_timestamp or 0,
            message=f"held by finalizers: {', '.join(finalizers)}",
        )
        for (kind, finalizers), found in held.items()
    ]


def _label(objects: Sequence[Object]) -> str:
    first = objects[0]
    name = f"{first.namespace}/{first.name}" if first.namespace else first.name
    return f"{name} and {len(objects) - 1} more" if len(objects) > 1 else name


def pending(pods: Iterable[Pod]) -> list[Stall]:
    """Return a stall for each reason why pods have no node."""
    by_reason: dict[str, list[Pod]] = {}
    for pod in pods:
        scheduled = condition(pod.status.conditions, "PodScheduled")
        if scheduled is None or scheduled.status == "True" or pod.spec.node_name or pod.terminating:
            continue
        by_reason.setdefault(scheduled.message or scheduled.reason, []).append(pod)
    return [_unplaced(reason, found) for reason, found in by_reason.items()]


def _unplaced(reason: str, pods: list[Pod]) -> Stall:
    pods = sorted(pods, key=_created)
    return Stall(what="pending", name=_label(pods), since=_created(pods[0]), message=reason)


def _created(pod: Pod) -> int:
    return pod.metadata.creation_timestamp or 0
