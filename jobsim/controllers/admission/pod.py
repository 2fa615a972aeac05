"""What the API server makes of a pod: defaults, and what the built-in admission plugins add.

``template_defaults`` is the part that a Job's pod template gets too; ``pod_defaults`` adds what only
a Pod gets.  Both return the same object when there is nothing to change, and depend on the spec
alone, so a caller may remember the result for a shared template.

Source: kubernetes pkg/apis/core/v1/defaults.go; plugin/pkg/admission defaulttolerationseconds,
priority, serviceaccount.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jobsim.api import quantity
from jobsim.api._struct import Json, Quantity, replace
from jobsim.api.meta import Condition
from jobsim.api.pod import (
    Container,
    Pod,
    PodSpec,
    PodStatus,
    Probe,
    ResourceRequirements,
    Resources,
    Toleration,
    Volume,
    VolumeMount,
)
from jobsim.api.timing import DEFAULT_GRACE_S, DEFAULT_TOLERATION_S
from jobsim.controllers.scheduler.requests import container_requests, formatted_request, is_pod_level

DEFAULT_SCHEDULER = "default-scheduler"
DEFAULT_SERVICE_ACCOUNT = "default"
#: 0644, what files of projected volumes get.
FILE_MODE = 420
_NOT_READY = "node.kubernetes.io/not-ready"
_UNREACHABLE = "node.kubernetes.io/unreachable"
_LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_PART = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
#: distribution/reference regexp.go ReferenceRegexp, and the 64 hexadecimal digits that are none.
_REFERENCE = re.compile(
    rf"(?:(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?/)?{_PART}(?:/{_PART})*"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?"
    r"(?:@(?P<digest>[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?",
    re.ASCII,
)
_IDENTIFIER = re.compile("[a-f0-9]{64}")
_TOKEN_MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


def template_defaults(spec: PodSpec) -> PodSpec:
    """Return a pod spec with the defaults that pods and pod templates share."""
    changes: dict[str, Any] = {}
    if not spec.dns_policy:
        changes["dns_policy"] = "ClusterFirst"
    if not spec.restart_policy:
        changes["restart_policy"] = "Always"
    if spec.security_context is None:
        changes["security_context"] = {}
    if spec.termination_grace_period_seconds is None:
        changes["termination_grace_period_seconds"] = DEFAULT_GRACE_S
    if not spec.scheduler_name:
        changes["scheduler_name"] = DEFAULT_SCHEDULER
    if spec.service_account_name and not spec.service_account:
        changes["service_account"] = spec.service_account_name
    for field in ("containers", "init_containers"):
        before: tuple[Container, ...] = getattr(spec, field)
        after = tuple(_container(c) for c in before)
        if after != before:
            changes[field] = after
    if spec.resources is not None:
        changes["resources"] = _resources(spec.resources)
    volumes = tuple(_volume(v) for v in spec.volumes)
    if volumes != spec.volumes:
        changes["volumes"] = volumes
    return replace(spec, **changes) if changes else spec


def _container(container: Container) -> Container:
    changes: dict[str, Any] = {}
    if not container.image_pull_policy:
        changes["image_pull_policy"] = "Always" if _tag(container.image) == "latest" else "IfNotPresent"
    if not container.termination_message_path:
        changes["termination_message_path"] = "/dev/termination-log"
    if not container.termination_message_policy:
        changes["termination_message_policy"] = "File"
    ports = tuple(p if p.protocol else replace(p, protocol="TCP") for p in container.ports)
    if ports != container.ports:
        changes["ports"] = ports
    for field in ("liveness_probe", "readiness_probe", "startup_probe"):
        probe: Probe | None = getattr(container, field)
        if probe is not None:
            changes[field] = _probe(probe)
    env = tuple(
        replace(e, value_from=_with_field_version(e.value_from)) if e.value_from is not None else e
        for e in container.env
    )
    if env != container.env:
        changes["env"] = env
    resources = _resources(container.resources)
    if resources is not container.resources:
        changes["resources"] = resources
    return replace(container, **changes) if changes else container


def _tag(image: str) -> str:
    """Return an image's tag; no tag and no digest means latest, and what is no reference has no tag."""
    match = _REFERENCE.fullmatch(image)
    if match is None or _IDENTIFIER.fullmatch(image) is not None:
        return ""
    return match["tag"] or ("" if match["digest"] else "latest")


def _probe(probe: Probe) -> Probe:
    http = probe.http_get
    if http is not None:
        http = {"path": "/", "scheme": "HTTP", **{k: v for k, v in http.items() if v != ""}}
    return replace(
        probe,
        http_get=http,
        timeout_seconds=probe.timeout_seconds or 1,
        period_seconds=probe.period_seconds or 10,
        success_threshold=probe.success_threshold or 1,
        failure_threshold=probe.failure_threshold or 3,
    )


def _with_field_version(source: Json) -> Json:
    ref = source.get("fieldRef")
    if not isinstance(ref, Mapping) or ref.get("apiVersion"):
        return source
    return {**source, "fieldRef": {"apiVersion": "v1", **{k: v for k, v in ref.items() if v != ""}}}


def _resources(resources: ResourceRequirements) -> ResourceRequirements:
    limits, requests = _rounded(resources.limits), _rounded(resources.requests)
    if limits is resources.limits and requests is resources.requests:
        return resources
    return replace(resources, limits=limits, requests=requests)


def _rounded(amounts: Resources) -> Resources:
    """Return amounts in the API server's spelling, rounded up to thousandths."""
    out = {name: _amount(value) for name, value in amounts.items()}
    return amounts if out == amounts else out


def _amount(value: str | int | float) -> str | int | float:
    try:
        text = quantity.canonical(value)
        if quantity.parse(text) % quantity.MILLI:
            return quantity.format_milli(quantity.milli(text))
    except quantity.QuantityError:
        return value
    return text


_VOLUME_SOURCES = tuple(name for name in Volume.__struct_fields__ if name != "name")
_WITH_MODE = ("secret", "config_map", "downward_api", "projected")


def _volume(volume: Volume) -> Volume:
    if all(getattr(volume, source) is None for source in _VOLUME_SOURCES):
        return replace(volume, empty_dir={})
    for source in _WITH_MODE:
        data = getattr(volume, source)
        if data is not None and data.get("defaultMode") is None:
            volume = replace(volume, **{source: {**data, "defaultMode": FILE_MODE}})
    if volume.host_path is not None and volume.host_path.get("type") is None:
        volume = replace(volume, host_path={**volume.host_path, "type": ""})
    return volume


# --- only for pods -----------------------------------------------------------------------------


def pod_defaults(spec: PodSpec, toleration_s: int = DEFAULT_TOLERATION_S) -> PodSpec:
    """Return a pod's spec (with ``template_defaults``) with what only pods get.

    Requests from limits, the default service account, and tolerations of a lost node for
    300 s (K-POD-50).
    """
    changes: dict[str, Any] = {
        "containers": tuple(_in_pod(c, host_network=spec.host_network) for c in spec.containers),
        "init_containers": tuple(_in_pod(c, host_network=spec.host_network) for c in spec.init_containers),
        "tolerations": with_default_tolerations(spec.tolerations, toleration_s),
    }
    if spec.resources is not None and (spec.resources.limits or spec.resources.requests):
        changes["resources"] = _whole(spec.resources, changes["containers"], changes["init_containers"])
    if (spec.termination_grace_period_seconds or 0) < 0:
        changes["termination_grace_period_seconds"] = 1
    if spec.enable_service_links is None:
        changes["enable_service_links"] = True
    if not spec.service_account_name:
        changes["service_account_name"] = changes["service_account"] = DEFAULT_SERVICE_ACCOUNT
    return replace(spec, **changes)


def _in_pod(container: Container, *, host_network: bool) -> Container:
    """Return a container with requests from limits, and its ports on the host's network."""
    resources = container.resources
    missing = {name: v for name, v in resources.limits.items() if name not in resources.requests}
    if missing:
        resources = replace(resources, requests={**resources.requests, **missing})
        container = replace(container, resources=resources)
    if not host_network or all(port.host_port for port in container.ports):
        return container
    ports = tuple(p if p.host_port else replace(p, host_port=p.container_port) for p in container.ports)
    return replace(container, ports=ports)


def _whole(
    resources: ResourceRequirements, containers: tuple[Container, ...], first: tuple[Container, ...]
) -> ResourceRequirements:
    """Return what a pod asks for as a whole: what its containers ask for, else what it has limits for.

    Huge pages of containers, which are limits and requests in one, are its limits too.

    Source: kubernetes pkg/apis/core/v1/defaults.go defaultHugePagePodLimits, defaultPodRequests.
    """
    huge = _sums(tuple(map(_by_limits, containers)), tuple(map(_by_limits, first)), "hugepages-")
    limits = {**{n: v for n, v in huge.items() if n not in resources.requests}, **resources.limits}
    if not limits:
        return resources
    asked = _sums(containers, first, "cpu", "memory")
    known = {name: v for name, v in limits.items() if is_pod_level(name)}
    return replace(resources, limits=limits, requests={**known, **asked, **resources.requests})


def _by_limits(container: Container) -> Container:
    return replace(container, resources=replace(container.resources, requests=container.resources.limits))


def _sums(
    containers: tuple[Container, ...], first: tuple[Container, ...], *prefixes: str
) -> dict[str, Quantity]:
    """Return what containers ask for together, of the resources that begin in one of some ways."""
    spec = PodSpec(containers=containers, init_containers=first)
    return {
        name: formatted_request(spec, name, nano)
        for name, nano in container_requests(spec, quantity.parse).items()
        if name.startswith(prefixes)
    }


def with_default_tolerations(
    tolerations: tuple[Toleration, ...], toleration_s: int = DEFAULT_TOLERATION_S
) -> tuple[Toleration, ...]:
    """Return tolerations with those of a node not ready or unreachable, where they are missing."""
    for key in (_NOT_READY, _UNREACHABLE):
        if not any((t.key == key or not t.key) and t.effect in ("NoExecute", "") for t in tolerations):
            added = Toleration(
                key=key, operator="Exists", effect="NoExecute", toleration_seconds=toleration_s
            )
            tolerations = (*tolerations, added)
    return tolerations


def with_token(spec: PodSpec, suffix: str) -> PodSpec:
    """Return a pod's spec with the volume of its service account's token, mounted everywhere.

    Source: kubernetes plugin/pkg/admission/serviceaccount mountServiceAccountToken.
    """
    name = f"kube-api-access-{suffix}"
    mount = VolumeMount(name=name, mount_path=_TOKEN_MOUNT, read_only=True)

    def mounted(container: Container) -> Container:
        if any(m.mount_path == _TOKEN_MOUNT for m in container.volume_mounts):
            return container
        return replace(container, volume_mounts=(*container.volume_mounts, mount))

    field = {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}, "path": "namespace"}
    sources: list[Json] = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"items": [{"key": "ca.crt", "path": "ca.crt"}], "name": "kube-root-ca.crt"}},
        {"downwardAPI": {"items": [field]}},
    ]
    volume = Volume(name=name, projected={"defaultMode": FILE_MODE, "sources": sources})
    return replace(
        spec,
        volumes=(*spec.volumes, volume),
        containers=tuple(mounted(c) for c in spec.containers),
        init_containers=tuple(mounted(c) for c in spec.init_containers),
    )


def qos_class(spec: PodSpec) -> str:
    """Return the quality-of-service class of a pod.

    Source: kubernetes pkg/apis/core/v1/helper/qos ComputePodQOS.
    """
    containers = (*spec.containers, *spec.init_containers)
    if spec.resources is not None:
        containers = (Container(resources=spec.resources),)
    any_set = False
    guaranteed = True
    for container in containers:
        limits, requests = container.resources.limits, container.resources.requests
        for name in ("cpu", "memory"):
            limit, request = _nano(limits, name), _nano(requests, name)
            any_set = any_set or bool(limit or request)
            guaranteed = guaranteed and bool(limit) and request in (0, limit)
    if not any_set:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


def _nano(amounts: Resources, name: str) -> int:
    return quantity.parse(amounts[name]) if name in amounts else 0


def new_status(pod: Pod) -> PodStatus:
    """Return the status that a pod starts with; a gated one says so from the start."""
    gated = Condition(
        type="PodScheduled",
        status="False",
        last_transition_time=pod.metadata.creation_timestamp,
        reason="SchedulingGated",
        message="Scheduling is blocked due to non-empty scheduling gates",
    )
    conditions = (gated,) if pod.spec.scheduling_gates else ()
    return PodStatus(phase="Pending", qos_class=qos_class(pod.spec), conditions=conditions)
