"""``kubectl describe pod``, and the pod template inside ``describe job``.

Source: kubectl pkg/describe describe.go describePod, describeContainers (v1.32).  Differs: volume
sources that are not listed in ``_VOLUMES`` show their fields as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jobsim.api.codec import to_data
from jobsim.api.core import Event
from jobsim.api.pod import (
    Container,
    ContainerState,
    ContainerStatus,
    EnvVar,
    Pod,
    PodTemplateSpec,
    Probe,
    Volume,
)
from jobsim.api.quantity import parse, value
from jobsim.results.page import Page, about, controlled_by, date
from jobsim.results.printers import NONE, since


def describe_pod(pod: Pod, events: Iterable[Event], now: int) -> str:
    """Return what ``kubectl describe pod`` shows."""
    page, spec, status = Page(), pod.spec, pod.status
    page.field("Name", pod.name)
    page.field("Namespace", pod.namespace)
    page.optional("Priority", spec.priority)
    page.optional("Priority Class Name", spec.priority_class_name)
    page.optional("Runtime Class Name", spec.runtime_class_name)
    page.optional("Service Account", spec.service_account_name)
    page.field("Node", f"{spec.node_name}/{status.host_ip}" if spec.node_name else NONE)
    if status.start_time is not None:
        page.field("Start Time", date(status.start_time))
    page.labels("Labels", pod.metadata.labels)
    page.annotations("Annotations", pod.metadata.annotations)
    _phase(page, pod, now)
    page.field("IP", status.pod_ip)
    _addresses(page, pod)
    controlled_by(page, pod)
    page.optional("NominatedNodeName", status.nominated_node_name)
    found = {s.name: s for s in (*status.init_container_statuses, *status.container_statuses)}
    if spec.init_containers:
        _containers(page, "Init Containers", spec.init_containers, found, pod)
    _containers(page, "Containers", spec.containers, found, pod)
    if status.conditions:
        page.line("Conditions:")
        page.line("Type\tStatus", 1)
        for condition in status.conditions:
            page.line(f"{condition.type} \t{condition.status} ", 1)
    _volumes(page, spec.volumes)
    page.field("QoS Class", status.qos_class or qos_class(pod))
    page.labels("Node-Selectors", spec.node_selector)
    page.tolerations("Tolerations", spec.tolerations)
    page.spread("Topology Spread Constraints", spec.topology_spread_constraints)
    page.events(about(pod, events), now)
    return page.text()


def _phase(page: Page, pod: Pod, now: int) -> None:
    """Add the phase, or since when the pod terminates, with the pod's own reason and message."""
    meta = pod.metadata
    if meta.deletion_timestamp is None:
        page.field("Status", pod.status.phase)
    else:
        page.field("Status", f"Terminating (lasts {since(meta.deletion_timestamp, now)})")
        page.field("Termination Grace Period", f"{meta.deletion_grace_period_seconds or 0}s")
    page.optional("Reason", pod.status.reason)
    page.optional("Message", pod.status.message)


def _addresses(page: Page, pod: Pod) -> None:
    if not pod.status.pod_ips:
        return page.field("IPs", NONE)
    page.line("IPs:")
    for entry in pod.status.pod_ips:
        page.field("IP", entry["ip"], 1)
    return None


def describe_template(page: Page, template: PodTemplateSpec) -> None:
    """Add a pod template, indented, as ``describe job`` shows it."""
    spec = template.spec
    page.line("Pod Template:")
    page.labels("Labels", template.metadata.labels, 1)
    if template.metadata.annotations:
        page.annotations("Annotations", template.metadata.annotations, 1)
    page.optional("Service Account", spec.service_account_name, 1)
    if spec.init_containers:
        _containers(page, "Init Containers", spec.init_containers, {}, None)
    _containers(page, "Containers", spec.containers, {}, None)
    _volumes(page, spec.volumes, template=True)
    page.spread("Topology Spread Constraints", spec.topology_spread_constraints, 1)
    page.optional("Priority Class Name", spec.priority_class_name, 1)
    page.labels("Node-Selectors", spec.node_selector, 1)
    page.tolerations("Tolerations", spec.tolerations, 1)


def qos_class(pod: Pod) -> str:
    """Return a pod's quality of service class from its containers' cpu and memory."""
    containers = (*pod.spec.init_containers, *pod.spec.containers)
    guaranteed, best_effort = True, True
    for container in containers:
        for name in ("cpu", "memory"):
            limit = parse(container.resources.limits.get(name, 0))
            request = parse(container.resources.requests.get(name, 0))
            best_effort &= not limit and not request
            guaranteed &= limit > 0 and request == limit
    return "BestEffort" if best_effort else "Guaranteed" if guaranteed else "Burstable"


def _containers(
    page: Page,
    title: str,
    containers: Sequence[Container],
    found: Mapping[str, ContainerStatus],
    pod: Pod | None,
) -> None:
    """Add containers with what became of them; without a pod they are a template's."""
    page.line(f"{title}:" if containers else f"{title}: {NONE}", 0 if pod else 1)
    for container in containers:
        status = found.get(container.name)
        page.line(f"{'' if pod else ' '}{container.name}:", 1)
        if status is not None:
            page.field("Container ID", status.container_id, 2)
        page.field("Image", container.image, 2)
        if status is not None:
            page.field("Image ID", status.image_id, 2)
        _ports(page, container)
        for label, words in (("Command", container.command), ("Args", container.args)):
            if words:
                page.line(f"{label}:", 2)
            for word in words:
                for line in word.split("\n"):
                    page.line(line.replace("\t", " ").replace("\x1b", "^["), 3)
        if status is not None:
            _states(page, status)
        page.resources("Limits", container.resources.limits, 2)
        page.resources("Requests", container.resources.requests, 2)
        probes = (container.liveness_probe, container.readiness_probe, container.startup_probe)
        for label, probe in zip(("Liveness", "Readiness", "Startup"), probes, strict=True):
            if probe is not None:
                page.field(label, _probe(probe), 2)
        _environment(page, container, pod)
        _mounts(page, container)


def _ports(page: Page, container: Container) -> None:
    many = "s" if len(container.ports) > 1 else ""
    inside = ", ".join(f"{p.container_port}/{p.protocol or 'TCP'}" for p in container.ports)
    outside = ", ".join(f"{p.host_port}/{p.protocol or 'TCP'}" for p in container.ports)
    page.field(f"Port{many}", inside or NONE, 2)
    page.field(f"Host Port{many}", outside or NONE, 2)


def _states(page: Page, status: ContainerStatus) -> None:
    _state(page, "State", status.state)
    if status.last_state.terminated is not None:
        _state(page, "Last State", status.last_state)
    page.field("Ready", status.ready, 2)
    page.field("Restart Count", status.restart_count, 2)


def _state(page: Page, label: str, state: ContainerState) -> None:
    if state.running is not None:
        page.field(label, "Running", 2)
        page.field("Started", date(state.running.started_at), 3)
    elif state.terminated is not None:
        ended = state.terminated
        page.field(label, "Terminated", 2)
        page.optional("Reason", ended.reason, 3)
        page.optional("Message", ended.message, 3)
        page.field("Exit Code", ended.exit_code, 3)
        page.optional("Signal", ended.signal or None, 3)
        page.field("Started", date(ended.started_at), 3)
        page.field("Finished", date(ended.finished_at), 3)
    else:
        page.field(label, "Waiting", 2)
        page.optional("Reason", state.waiting.reason if state.waiting else "", 3)


def _probe(probe: Probe) -> str:
    tail = (
        f"delay={probe.initial_delay_seconds}s timeout={probe.timeout_seconds}s"
        f" period={probe.period_seconds}s #success={probe.success_threshold}"
        f" #failure={probe.failure_threshold}"
    )
    if probe.exec is not None:
        return f"exec [{' '.join(probe.exec.get('command', ()))}] {tail}"
    if probe.http_get is not None:
        get = probe.http_get
        scheme = get.get("scheme", "HTTP").lower()
        return f"http-get {scheme}://{get.get('host', '')}:{get.get('port')}{get.get('path', '')} {tail}"
    if probe.tcp_socket is not None:
        return f"tcp-socket {probe.tcp_socket.get('host', '')}:{probe.tcp_socket.get('port')} {tail}"
    if probe.grpc is not None:
        return f"grpc <pod>:{probe.grpc.get('port')} {probe.grpc.get('service', '')} {tail}"
    return f"unknown {tail}"


def _environment(page: Page, container: Container, pod: Pod | None) -> None:
    if container.env_from:
        page.line("Environment Variables from:", 2)
    for source in container.env_from:
        kind = "ConfigMap" if "configMapRef" in source else "Secret"
        ref = source.get("configMapRef") or source.get("secretRef") or {}
        prefix = f" with prefix '{source['prefix']}'" if source.get("prefix") else ""
        optional = str(bool(ref.get("optional"))).lower()
        page.line(f"{ref.get('name', '')}\t{kind}{prefix}\tOptional: {optional}", 3)
    if not container.env:
        return page.field("Environment", NONE, 2)
    page.line("Environment:", 2)
    for variable in container.env:
        first, *rest = _value(variable, container, pod).split("\n")
        page.line(f"{variable.name}:\t{first}", 3)
        for line in rest:
            page.line(f"\t{line}", 3)
    return None


def _value(variable: EnvVar, container: Container, pod: Pod | None) -> str:
    """Return what is shown for a variable: its value, or where that comes from."""
    source: Mapping[str, Any] = variable.value_from or {}
    if "fieldRef" in source:
        ref = source["fieldRef"]
        # kubectl resolves these two paths and no other.
        known = {"metadata.name": pod.name, "metadata.namespace": pod.namespace} if pod else {}
        return f"{known.get(ref['fieldPath'], '')} ({ref.get('apiVersion', 'v1')}:{ref['fieldPath']})"
    if "resourceFieldRef" in source:
        resource = source["resourceFieldRef"]["resource"]
        which, _, name = resource.partition(".")
        held = container.resources.limits if which == "limits" else container.resources.requests
        return f"{value(held[name]) if name in held else 'node allocatable'} ({resource})"
    for key, text in (("secretKeyRef", "in secret"), ("configMapKeyRef", "of config map")):
        if key in source:
            ref = source[key]
            optional = str(bool(ref.get("optional"))).lower()
            return f"<set to the key '{ref.get('key')}' {text} '{ref.get('name')}'>\tOptional: {optional}"
    return variable.value.replace("\t", " ").replace("\x1b", "^[")


def _mounts(page: Page, container: Container) -> None:
    if not container.volume_mounts:
        page.field("Mounts", NONE, 2)
    else:
        page.line("Mounts:", 2)
    for mount in sorted(container.volume_mounts, key=lambda m: m.mount_path):
        flags = ("ro" if mount.read_only else "rw") + (f',path="{mount.sub_path}"' if mount.sub_path else "")
        page.line(f"{mount.mount_path} from {mount.name} ({flags})", 3)
    if container.volume_devices:
        page.line("Devices:", 2)
    for device in container.volume_devices:
        page.line(f"{device.get('devicePath')} from {device.get('name')}", 3)


#: Volume source, its description, and (label, key, what is shown when the key is absent).
_VOLUMES: Mapping[str, tuple[str, tuple[tuple[str, str, str], ...]]] = {
    "persistentVolumeClaim": (
        "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)",
        (("ClaimName", "claimName", ""), ("ReadOnly", "readOnly", "false")),
    ),
    "emptyDir": (
        "EmptyDir (a temporary directory that shares a pod's lifetime)",
        (("Medium", "medium", ""), ("SizeLimit", "sizeLimit", "<unset>")),
    ),
    "configMap": (
        "ConfigMap (a volume populated by a ConfigMap)",
        (("Name", "name", ""), ("Optional", "optional", "false")),
    ),
    "secret": (
        "Secret (a volume populated by a Secret)",
        (("SecretName", "secretName", ""), ("Optional", "optional", "false")),
    ),
    "hostPath": (
        "HostPath (bare host directory volume)",
        (("Path", "path", ""), ("HostPathType", "type", "")),
    ),
    "nfs": (
        "NFS (an NFS mount that lasts the lifetime of a pod)",
        (("Server", "server", ""), ("Path", "path", ""), ("ReadOnly", "readOnly", "false")),
    ),
}


def _volumes(page: Page, volumes: Sequence[Volume], *, template: bool = False) -> None:
    if not volumes:
        return page.field("Volumes", NONE, int(template))
    page.line("Volumes:", int(template))
    for volume in volumes:
        data = to_data(volume)
        name = data.pop("name")
        page.line(f"{' ' if template else ''}{name}:", 1)
        for kind, fields in data.items():
            text, shown = _VOLUMES.get(kind, (kind[0].upper() + kind[1:], tuple((k, k, "") for k in fields)))
            page.field("Type", text, 2)
            for label, key, absent in shown:
                value = fields.get(key, absent)
                page.field(label, str(value).lower() if isinstance(value, bool) else value, 2)
    return None
