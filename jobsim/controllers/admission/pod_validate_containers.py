"""Validation of a pod's volumes and containers: names, images, ports, mounts, resources.

Source: kubernetes pkg/apis/core/validation/validation.go 1.36.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from jobsim.api import names, quantity
from jobsim.api._struct import replace
from jobsim.api.field import (
    FieldError,
    duplicate,
    forbidden,
    invalid,
    not_found,
    not_supported,
    required,
    too_many,
)
from jobsim.api.pod import (
    Container,
    ContainerPort,
    EnvVar,
    PodSpec,
    ResourceRequirements,
    VolumeMount,
)
from jobsim.controllers.admission.pod_validate_handlers import (
    PORT_RANGE,
    lifecycle_errors,
    port_name_problems,
    probe_errors,
)
from jobsim.controllers.admission.pod_validate_sources import (
    env_source_errors,
    volume_source_errors,
)

_CONTAINER_RESOURCES = ("cpu", "memory", "ephemeral-storage")
_QUOTA_RESOURCES = frozenset(
    {
        *(f"{kind}.{name}" for kind in ("requests", "limits") for name in _CONTAINER_RESOURCES),
        "configmaps",
        "persistentvolumeclaims",
        "pods",
        "replicationcontrollers",
        "requests.storage",
        "resourcequotas",
        "secrets",
        "services",
        "services.loadbalancers",
        "services.nodeports",
        "storage",
    }
)


def choice(value: str, allowed: Sequence[str], path: str) -> list[FieldError]:
    """Return the error of a value that is missing or outside a closed set."""
    if not value:
        return [required(path)]
    return [] if value in allowed else [not_supported(path, value, allowed)]


def formed(value: str, problems: Iterable[str], path: str) -> list[FieldError]:
    """Return the errors of a value with problems of form."""
    return [invalid(path, value, problem) for problem in problems]


def volume_errors(spec: PodSpec, path: str) -> list[FieldError]:
    """Return what is wrong with a pod's volumes."""
    errors: list[FieldError] = []
    seen: set[str] = set()
    for i, volume in enumerate(spec.volumes):
        at = f"{path}[{i}].name"
        if not volume.name:
            errors.append(required(at))
        elif problems := names.dns1123_label_errors(volume.name):
            errors += formed(volume.name, problems, at)
        elif volume.name in seen:
            errors.append(duplicate(at, volume.name))
        seen.add(volume.name)
        errors += volume_source_errors(volume, f"{path}[{i}]")
    return errors


def containers_errors(spec: PodSpec, volumes: set[str], path: str) -> list[FieldError]:
    """Return what is wrong with a pod's containers."""
    containers = spec.containers
    if not containers:
        return [required(path)]
    errors: list[FieldError] = []
    claims = claim_names(spec)
    seen: set[str] = set()
    for i, container in enumerate(containers):
        at = f"{path}[{i}]"
        errors += _container_errors(container, volumes, claims, at)
        if container.name in seen:
            errors.append(duplicate(f"{at}.name", container.name))
        seen.add(container.name)
        errors += _probe_errors(container, at)
        errors += _restart_rule_errors(container, at)
    return errors + _host_port_errors(containers, path)


def init_errors(spec: PodSpec, volumes: set[str], path: str) -> list[FieldError]:
    """Return what is wrong with a pod's init containers, sidecars among them."""
    errors: list[FieldError] = []
    claims = claim_names(spec)
    seen = {container.name for container in spec.containers}
    for i, container in enumerate(spec.init_containers):
        at = f"{path}[{i}]"
        errors += _container_errors(container, volumes, claims, at)
        sidecar = container.restart_policy == "Always"
        errors += _restart_rule_errors(container, at)
        if container.name in seen:
            errors.append(duplicate(f"{at}.name", container.name))
        elif container.name:
            seen.add(container.name)
        errors += _host_port_errors((container,), path)
        if sidecar:
            errors += _probe_errors(container, at)
        else:
            why = "may not be set for init containers without restartPolicy=Always"
            for field, value in (
                ("lifecycle", container.lifecycle),
                ("livenessProbe", container.liveness_probe),
                ("readinessProbe", container.readiness_probe),
                ("startupProbe", container.startup_probe),
            ):
                if value is not None:
                    errors.append(forbidden(f"{at}.{field}", why))
    return errors


def _probe_errors(container: Container, path: str) -> list[FieldError]:
    return [
        *lifecycle_errors(container.lifecycle, f"{path}.lifecycle"),
        *probe_errors(container.liveness_probe, f"{path}.livenessProbe", once=True),
        *probe_errors(container.readiness_probe, f"{path}.readinessProbe", once=False),
        *probe_errors(container.startup_probe, f"{path}.startupProbe", once=True),
    ]


def _container_errors(
    container: Container, volumes: set[str], claims: set[str], path: str
) -> list[FieldError]:
    errors: list[FieldError] = []
    if not container.name:
        errors.append(required(f"{path}.name"))
    else:
        errors += formed(container.name, names.dns1123_label_errors(container.name), f"{path}.name")
    if not container.image:
        errors.append(required(f"{path}.image"))
    allowed = ("File", "FallbackToLogsOnError")
    errors += choice(container.termination_message_policy, allowed, f"{path}.terminationMessagePolicy")
    errors += _port_errors(container.ports, f"{path}.ports")
    errors += _env_errors(container.env, f"{path}.env")
    errors += _mount_errors(container.volume_mounts, volumes, f"{path}.volumeMounts")
    pulls = ("Always", "IfNotPresent", "Never")
    errors += choice(container.image_pull_policy, pulls, f"{path}.imagePullPolicy")
    return errors + resource_errors(container.resources, claims, f"{path}.resources", _resource_name_errors)


def _port_errors(ports: Sequence[ContainerPort], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[str] = set()
    for i, port in enumerate(ports):
        at = f"{path}[{i}]"
        if port.name:
            if problems := port_name_problems(port.name):
                errors += formed(port.name, problems, f"{at}.name")
            elif port.name in seen:
                errors.append(duplicate(f"{at}.name", port.name))
            seen.add(port.name)
        if not port.container_port:
            errors.append(required(f"{at}.containerPort"))
        for field, number in (("containerPort", port.container_port), ("hostPort", port.host_port)):
            if number and not 1 <= number <= 65535:
                errors.append(invalid(f"{at}.{field}", number, PORT_RANGE))
        errors += choice(port.protocol, ("SCTP", "TCP", "UDP"), f"{at}.protocol")
    return errors


def claim_names(spec: PodSpec) -> set[str]:
    """Return the names of a pod's resource claims."""
    return {claim.get("name", "") for claim in spec.resource_claims}


def host_network_errors(spec: PodSpec, path: str) -> list[FieldError]:
    """Return ports that differ from their host's, which on the host's network they cannot."""
    if not spec.host_network:
        return []
    why = "must match `containerPort` when `hostNetwork` is true"
    return [
        invalid(f"{path}.{field}[{i}].ports[{k}].hostPort", port.host_port, why)
        for field, containers in (("containers", spec.containers), ("initContainers", spec.init_containers))
        for i, container in enumerate(containers)
        for k, port in enumerate(container.ports)
        if port.host_port not in (0, port.container_port)
    ]


def _host_port_errors(containers: Sequence[Container], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[str] = set()
    for i, container in enumerate(containers):
        for k, port in enumerate(container.ports):
            if not port.host_port:
                continue
            key = f"{port.protocol}/{port.host_ip}/{port.host_port}"
            if key in seen:
                errors.append(duplicate(f"{path}[{i}].ports[{k}].hostPort", key))
            seen.add(key)
    return errors


def _env_errors(env: Sequence[EnvVar], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for i, variable in enumerate(env):
        at = f"{path}[{i}].name"
        name = variable.name
        if not name:
            errors.append(required(at))
        elif not name.isascii() or not name.isprintable() or "=" in name:
            why = (
                "a valid environment variable name must consist only of printable ASCII characters other "
                "than '='"
            )
            errors.append(invalid(at, name, why))
        errors += env_source_errors(variable, f"{path}[{i}].valueFrom")
    return errors


def _mount_errors(mounts: Sequence[VolumeMount], volumes: set[str], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[str] = set()
    for i, mount in enumerate(mounts):
        at = f"{path}[{i}]"
        if not mount.name:
            errors.append(required(f"{at}.name"))
        if mount.name not in volumes:
            errors.append(not_found(f"{at}.name", mount.name))
        if not mount.mount_path:
            errors.append(required(f"{at}.mountPath"))
        if mount.mount_path in seen:
            errors.append(invalid(f"{at}.mountPath", mount.mount_path, "must be unique"))
        seen.add(mount.mount_path)
    return errors


def _restart_rule_errors(container: Container, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    if container.restart_policy is not None:
        allowed = ("Always", "Never", "OnFailure")
        errors += choice(container.restart_policy, allowed, f"{path}.restartPolicy")
    elif container.restart_policy_rules:
        why = "must specify restartPolicy when restart rules are used"
        errors.append(required(f"{path}.restartPolicy", why))
    rules = container.restart_policy_rules
    if len(rules) > 20:
        errors.append(too_many(f"{path}.restartPolicyRules", len(rules), 20))
    for i, rule in enumerate(rules):
        at = f"{path}.restartPolicyRules[{i}]"
        if rule.action not in ("Restart", "RestartAllContainers"):
            errors.append(not_supported(f"{at}.action", rule.action, ("Restart", "RestartAllContainers")))
        if rule.exit_codes is None:
            errors.append(required(f"{at}.exitCodes", "must be specified"))
        elif rule.exit_codes.operator not in ("In", "NotIn"):
            operator = rule.exit_codes.operator
            errors.append(not_supported(f"{at}.exitCodes.operator", operator, ("In", "NotIn")))
    return errors


# --- resources ---------------------------------------------------------------------------------


def resource_errors(
    resources: ResourceRequirements,
    claims: set[str],
    path: str,
    name_errors: Callable[[str, str], list[FieldError]],
) -> list[FieldError]:
    """Return what is wrong with requests and limits.

    Parameters
    ----------
    name_errors : callable
        ``(resource, path)``: what is wrong with a resource's name.
    """
    errors: list[FieldError] = []
    for field, amounts in (("limits", resources.limits), ("requests", resources.requests)):
        for name, amount in amounts.items():
            at = f"{path}.{field}[{name}]"
            errors += name_errors(name, at)
            errors += quantity_errors(name, amount, at)
            if field == "requests":
                errors += _against_limit(resources, name, amount, path)
    used = {*resources.limits, *resources.requests}
    huge = any(name.startswith("hugepages-") for name in used)
    if huge and not used & {"cpu", "memory"}:
        errors.append(forbidden(path, "HugePages require cpu or memory"))
    return errors + _claim_errors(resources, claims, f"{path}.claims")


def _claim_errors(resources: ResourceRequirements, claims: set[str], path: str) -> list[FieldError]:
    errors = []
    seen: set[str] = set()
    for i, claim in enumerate(resources.claims):
        name = claim.get("name", "")
        if not name:
            errors.append(required(f"{path}[{i}]"))
        elif name in seen:
            errors.append(duplicate(f"{path}[{i}]", name))
        if name and name not in claims:
            why = "must be one of the names in pod.spec.resourceClaims"
            why += "" if claims else " which is empty"
            errors.append(replace(not_found(f"{path}[{i}]", name), detail=why))
        seen.add(name)
    return errors


def _resource_name_errors(name: str, path: str) -> list[FieldError]:
    problems = unknown_resource(name)
    if "/" not in name:
        if name not in _CONTAINER_RESOURCES and not name.startswith("hugepages-"):
            problems.append("must be a standard resource for containers")
    elif "kubernetes.io/" not in name and not extended(name):
        problems.append("doesn't follow extended resource name standard")
    return formed(name, problems, path)


def unknown_resource(name: str) -> list[str]:
    """Return what keeps a text from being the name of any resource."""
    problems = names.qualified_name_errors(name)
    if not problems and "/" not in name and not _standard(name):
        problems.append("must be a standard resource type or fully qualified")
    return problems


def _standard(name: str) -> bool:
    return name in _CONTAINER_RESOURCES or name in _QUOTA_RESOURCES or name.startswith("hugepages-")


def quantity_errors(name: str, amount: str | int | float, path: str) -> list[FieldError]:
    """Return what is wrong with an amount of a resource."""
    try:
        nano, shown = quantity.parse(amount), quantity.canonical(amount)
    except quantity.QuantityError as err:
        return [invalid(path, str(amount), str(err))]
    errors = []
    if nano < 0:
        errors.append(invalid(path, shown, "must be greater than or equal to 0"))
    if extended(name) and nano % quantity.NANO:
        errors.append(invalid(path, shown, "must be an integer"))
    return errors


def extended(name: str) -> bool:
    """Tell whether a resource is one of a device: counted whole, never overcommitted."""
    if "/" not in name or "kubernetes.io/" in name or name.startswith("requests."):
        return False
    return not names.qualified_name_errors(f"requests.{name}")


def _against_limit(
    resources: ResourceRequirements, name: str, amount: str | int | float, path: str
) -> list[FieldError]:
    overcommittable = not extended(name) and not name.startswith("hugepages-")
    limit = resources.limits.get(name)
    if limit is None:
        if overcommittable:
            return []
        return [required(f"{path}.limits", "Limit must be set for non overcommitable resources")]
    try:
        wanted, allowed = quantity.parse(amount), quantity.parse(limit)
    except quantity.QuantityError:
        return []
    shown = quantity.canonical(amount)
    if not overcommittable and wanted != allowed:
        why = f"must be equal to {name} limit of {quantity.canonical(limit)}"
        return [invalid(f"{path}.requests", shown, why)]
    if wanted > allowed:
        why = f"must be less than or equal to {name} limit of {quantity.canonical(limit)}"
        return [invalid(f"{path}.requests", shown, why)]
    return []
