"""What a kubelet checks before it runs a pod that no scheduler gave it (``spec.nodeName`` in the manifest).

A pod that does not fit is Failed at once, with a reason and without DisruptionTarget, and a Job counts it.

Source: pkg/kubelet/lifecycle/predicate.go; clause K-POD-07.
Differs: checked only for pods that come with their node, since the scheduler checked the others.
"""

from __future__ import annotations

from collections.abc import Iterable

from jobsim.api.core import Node
from jobsim.api.pod import Pod
from jobsim.api.quantity import parse
from jobsim.controllers.scheduler.requests import PODS, request_of, round_up

Refusal = tuple[str, str]


def refusal(pod: Pod, node: Node, others: Iterable[Pod]) -> Refusal | None:
    """Return why a node's kubelet refuses a pod: reason and message, as in its status; None: it does not.

    Parameters
    ----------
    others : iterable of Pod
        What the kubelet runs already; terminal pods take nothing.
    """
    used: dict[str, int] = {}
    count = 0
    for other in others:
        if not other.terminal:
            count += 1
            for resource, amount in request_of(other, parse).amounts:
                used[resource] = used.get(resource, 0) + amount
    room = {name: round_up(name, parse(quantity)) for name, quantity in node.status.allocatable.items()}
    if PODS in room and count + 1 > room[PODS]:
        return _short(PODS, 1, count, room[PODS])
    for resource, amount in request_of(pod, parse).amounts:
        # Extended resources that the node does not know are left to device plugins.
        if resource not in room and "/" in resource:
            continue
        if amount > room.get(resource, 0) - used.get(resource, 0):
            return _short(resource, amount, used.get(resource, 0), room.get(resource, 0))
    wanted = pod.spec.node_selector
    if any(node.metadata.labels.get(key) != value for key, value in wanted.items()):
        return "NodeAffinity", "Predicate NodeAffinity failed"
    return None


def _short(resource: str, requested: int, used: int, capacity: int) -> Refusal:
    """Return the refusal for a resource; cpu in thousandths, as the kubelet prints it."""
    amounts = f"requested: {requested}, used: {used}, capacity: {capacity}"
    return f"OutOf{resource}", f"Node didn't have enough resource: {resource}, {amounts}"
