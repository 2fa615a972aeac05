"""Validation of pod specs and templates, in the API server's words.

Covered is what decides whether a pod can run or be scheduled and what people get wrong: names,
images, ports, mounts, volumes, resources, selectors, affinity, tolerations, spreading, policies.
Differs: volume sources, probes, life-cycle hooks, DNS and security contexts are not checked.

Source: kubernetes pkg/apis/core/validation/validation.go 1.36.
"""

from __future__ import annotations

from jobsim.api import names
from jobsim.api.field import FieldError, duplicate, forbidden, invalid, required
from jobsim.api.pod import PodSpec, PodTemplateSpec
from jobsim.apiserver.schema_meta import Known, check_labels
from jobsim.controllers.admission.pod_validate_containers import (
    choice,
    containers_errors,
    formed,
    host_network_errors,
    init_errors,
    volume_errors,
)
from jobsim.controllers.admission.pod_validate_resources import pod_resource_errors
from jobsim.controllers.admission.pod_validate_scheduling import (
    affinity_errors,
    spread_errors,
    toleration_errors,
)
from jobsim.controllers.admission.pod_validate_sources import resource_claim_errors

INT32_MAX = 2**31 - 1


def template_meta_errors(template: PodTemplateSpec, path: str, known: Known) -> list[FieldError]:
    """Return what is wrong with a pod template's labels and annotations."""
    meta = template.metadata
    errors = known.label_errors(meta.labels, f"{path}.labels")
    return errors + known.annotation_errors(meta.annotations, f"{path}.annotations")


def template_spec_errors(spec: PodSpec, path: str) -> list[FieldError]:
    """Return what is wrong with a pod template's spec (with defaults)."""
    errors = spec_errors(spec, path)
    if spec.ephemeral_containers:
        why = "ephemeral containers not allowed in pod template"
        errors.append(forbidden(f"{path}.ephemeralContainers", why))
    return errors


def pod_errors(spec: PodSpec) -> list[FieldError]:
    """Return what is wrong with a pod's spec, beyond what a template is checked for too."""
    errors = spec_errors(spec, "spec")
    if spec.ephemeral_containers:
        why = "cannot be set on create"
        errors.append(forbidden("spec.ephemeralContainers", why))
    if spec.node_name and spec.scheduling_gates:
        why = "cannot be set until all schedulingGates have been cleared"
        errors.append(forbidden("spec.nodeName", why))
    for field, containers in (("containers", spec.containers), ("initContainers", spec.init_containers)):
        for i, container in enumerate(containers):
            # A template may have it: then each of its pods is refused.
            if container.image != container.image.strip():
                why = "must not have leading or trailing whitespace"
                errors.append(invalid(f"spec.{field}[{i}].image", container.image, why))
    return errors


def spec_errors(spec: PodSpec, path: str) -> list[FieldError]:
    """Return what is wrong with a pod spec (with defaults), in upstream's order."""
    volumes = {volume.name for volume in spec.volumes}
    errors = volume_errors(spec, f"{path}.volumes")
    errors += resource_claim_errors(spec, f"{path}.resourceClaims")
    errors += containers_errors(spec, volumes, f"{path}.containers")
    errors += init_errors(spec, volumes, f"{path}.initContainers")
    errors += pod_resource_errors(spec, f"{path}.resources")
    errors += host_network_errors(spec, path)
    errors += choice(spec.restart_policy, ("Always", "OnFailure", "Never"), f"{path}.restartPolicy")
    policies = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
    errors += choice(spec.dns_policy, policies, f"{path}.dnsPolicy")
    errors += check_labels(spec.node_selector, f"{path}.nodeSelector")
    if spec.share_process_namespace and spec.host_pid:
        why = "ShareProcessNamespace and HostPID cannot both be enabled"
        errors.append(invalid(f"{path}.securityContext.shareProcessNamespace", value=True, detail=why))
    if spec.affinity is not None:
        errors += affinity_errors(spec.affinity, f"{path}.affinity")
    if spec.dns_policy == "None" and not (spec.dns_config or {}).get("nameservers"):
        if spec.dns_config is None:
            why = "must provide `dnsConfig` when `dnsPolicy` is None"
            errors.append(required(f"{path}.dnsConfig", why))
        else:
            why = "must provide at least one DNS nameserver when `dnsPolicy` is None"
            errors.append(required(f"{path}.dnsConfig.nameservers", why))
    for i, gate in enumerate(spec.readiness_gates):
        type_ = gate.get("conditionType", "")
        at = f"{path}.readinessGates[{i}].conditionType"
        errors += formed(type_, names.qualified_name_errors(type_), at)
    errors += _gate_errors(spec, f"{path}.schedulingGates")
    errors += spread_errors(spec.topology_spread_constraints, f"{path}.topologySpreadConstraints")
    errors += _name_errors(spec, path)
    errors += toleration_errors(spec.tolerations, f"{path}.tolerations")
    errors += _class_errors(spec, path)
    return errors


def _name_errors(spec: PodSpec, path: str) -> list[FieldError]:
    """Check names of accounts and hosts, and the deadline between them, in upstream's order."""
    errors: list[FieldError] = []
    for field, value in (("serviceAccountName", spec.service_account_name), ("nodeName", spec.node_name)):
        if value:
            errors += formed(value, names.dns1123_subdomain_errors(value), f"{path}.{field}")
    deadline = spec.active_deadline_seconds
    if deadline is not None and not 1 <= deadline <= INT32_MAX:
        why = f"must be between 1 and {INT32_MAX}, inclusive"
        errors.append(invalid(f"{path}.activeDeadlineSeconds", deadline, why))
    for field, value in (("hostname", spec.hostname), ("subdomain", spec.subdomain)):
        if value:
            errors += formed(value, names.dns1123_label_errors(value), f"{path}.{field}")
    return errors


def _class_errors(spec: PodSpec, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for field, value in (
        ("priorityClassName", spec.priority_class_name),
        ("runtimeClassName", spec.runtime_class_name),
    ):
        if value:
            errors += formed(value, names.dns1123_subdomain_errors(value), f"{path}.{field}")
    if spec.preemption_policy is not None:
        allowed = ("PreemptLowerPriority", "Never")
        errors += choice(spec.preemption_policy, allowed, f"{path}.preemptionPolicy")
    return errors


def _gate_errors(spec: PodSpec, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[str] = set()
    for i, gate in enumerate(spec.scheduling_gates):
        errors += formed(gate.name, names.qualified_name_errors(gate.name), f"{path}[{i}]")
        if gate.name in seen:
            errors.append(duplicate(f"{path}[{i}]", gate.name))
        seen.add(gate.name)
    return errors
