"""``kubectl describe node``: conditions, capacity, and who uses how much of it.

Source: kubectl pkg/describe describe.go describeNode (v1.32), component-helpers resource PodRequests.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from jobsim.api.core import Event, Node, Taint
from jobsim.api.pod import Pod
from jobsim.api.quantity import NANO, canonical, parse
from jobsim.api.reader import Reader
from jobsim.results.page import Page, about, date
from jobsim.results.printers import node_roles, since

_FACTS = (
    ("Machine ID", "machineID"),
    ("System UUID", "systemUUID"),
    ("Boot ID", "bootID"),
    ("Kernel Version", "kernelVersion"),
    ("OS Image", "osImage"),
    ("Operating System", "operatingSystem"),
    ("Architecture", "architecture"),
    ("Container Runtime Version", "containerRuntimeVersion"),
    ("Kubelet Version", "kubeletVersion"),
    ("Kube-Proxy Version", "kubeProxyVersion"),
)


def describe_node(node: Node, reader: Reader, events: Iterable[Event], now: int) -> str:
    """Return what ``kubectl describe node`` shows."""
    page, spec, status = Page(), node.spec, node.status
    page.field("Name", node.name)
    page.field("Roles", node_roles(node))
    page.labels("Labels", node.metadata.labels)
    page.annotations("Annotations", node.metadata.annotations)
    page.field("CreationTimestamp", date(node.metadata.creation_timestamp))
    page.several("Taints", map(_taint, sorted(spec.taints, key=lambda t: (t.effect, t.key))))
    page.field("Unschedulable", str(spec.unschedulable).lower())
    if status.conditions:
        page.line("Conditions:")
        page.line("Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage", 1)
        page.line("----\t------\t-----------------\t------------------\t------\t-------", 1)
    for c in status.conditions:
        times = f"{date(c.last_heartbeat_time)} \t{date(c.last_transition_time)}"
        page.line(f"{c.type} \t{c.status} \t{times} \t{c.reason} \t{c.message}", 1)
    page.line("Addresses:")
    for address in status.addresses:
        page.field(str(address.get("type")), address.get("address"), 1)
    page.resources("Capacity", status.capacity, 0)
    page.resources("Allocatable", status.allocatable, 0)
    page.line("System Info:")
    for label, key in _FACTS:
        page.field(label, status.node_info.get(key, ""), 1)
    page.optional("PodCIDR", spec.pod_cidr)
    page.optional("PodCIDRs", ",".join(spec.pod_cidrs))
    page.optional("ProviderID", spec.provider_id)
    pods = [pod for pod in reader.list(Pod) if pod.spec.node_name == node.name and not pod.terminal]
    _pods(page, node, pods, now)
    _totals(page, node, pods)
    page.events(about(node, events), now)
    return page.text()


def _taint(taint: Taint) -> str:
    return f"{taint.key}{'=' + taint.value if taint.value else ''}:{taint.effect}"


def _pods(page: Page, node: Node, pods: Sequence[Pod], now: int) -> None:
    page.field("Non-terminated Pods", f"({len(pods)} in total)")
    columns = ("CPU Requests", "CPU Limits", "Memory Requests", "Memory Limits", "Age")
    page.line("Namespace\tName\t\t" + "\t".join(columns), 1)
    page.line("---------\t----\t\t" + "\t".join("-" * max(len(c), 3) for c in columns), 1)
    for pod in pods:
        shares = [
            _share([pod], node, name, kind) for name in ("cpu", "memory") for kind in ("requests", "limits")
        ]
        age = since(pod.metadata.creation_timestamp, now)
        page.line("\t".join((pod.namespace, pod.name, "", *shares, age)), 1)


def _totals(page: Page, node: Node, pods: Sequence[Pod]) -> None:
    page.line("Allocated resources:")
    page.line("(Total limits may be over 100 percent, i.e., overcommitted.)", 1)
    page.line("Resource\tRequests\tLimits", 1)
    page.line("--------\t--------\t------", 1)
    huge = [name for name in sorted(node.status.allocatable) if name.startswith("hugepages-")]
    for name in ("cpu", "memory", "ephemeral-storage", *huge):
        page.line(f"{name}\t{_share(pods, node, name, 'requests')}\t{_share(pods, node, name, 'limits')}", 1)
    for name in sorted(node.status.allocatable):
        if name not in ("cpu", "memory", "ephemeral-storage", "pods", *huge):
            page.line(f"{name}\t{_amount(pods, name, 'requests')[1]}\t{_amount(pods, name, 'limits')[1]}", 1)


def _share(pods: Sequence[Pod], node: Node, name: str, kind: str) -> str:
    """Return ``500m (0%)``: an amount and what part of the node's allocatable it is."""
    amount, text = _amount(pods, name, kind)
    whole = parse(node.status.allocatable.get(name, 0))
    return f"{text} ({amount * 100 // whole if whole else 0}%)"


def _amount(pods: Sequence[Pod], name: str, kind: str) -> tuple[int, str]:
    """Return what pods ask for of a resource, as ``quantity.parse`` counts, and as text.

    The text keeps the suffixes of the first quantity, binary or decimal, as Go's sum does.
    """
    total, texts = 0, []
    for pod in pods:
        running, peak = parse(pod.spec.overhead.get(name, 0)), 0
        for init in pod.spec.init_containers:
            asked = getattr(init.resources, kind).get(name, 0)
            texts.append(str(asked))
            if init.restart_policy == "Always":
                running += parse(asked)
                peak = max(peak, running)
            else:
                peak = max(peak, running + parse(asked))
        for container in pod.spec.containers:
            asked = getattr(container.resources, kind).get(name, 0)
            texts.append(str(asked))
            running += parse(asked)
        total += max(running, peak)
    binary = next((text for text in texts if text != "0"), "").endswith("i") and not total % (1024 * NANO)
    return total, canonical(f"{total // (1024 * NANO)}Ki" if binary else f"{total}n")
