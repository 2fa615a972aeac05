"""What a pod asks for as a whole: its names, its amounts, and that its containers fit into them.

Source: kubernetes pkg/apis/core/validation/validation.go validatePodResources.
"""

from __future__ import annotations

from jobsim.api import quantity
from jobsim.api.field import FieldError, forbidden, invalid, not_supported
from jobsim.api.pod import Container, PodSpec, Resources
from jobsim.controllers.admission.pod_validate_containers import (
    claim_names,
    formed,
    resource_errors,
    unknown_resource,
)
from jobsim.controllers.scheduler.requests import container_requests, formatted_request, is_pod_level

_SUPPORTED = ("cpu", "hugepages-", "memory")


def pod_resource_errors(spec: PodSpec, path: str) -> list[FieldError]:
    """Return what is wrong with a pod's own resources (with defaults)."""
    whole = spec.resources
    if whole is None:
        return []
    errors = []
    if whole.claims:
        why = "claims may not be set for Resources at pod-level"
        errors.append(forbidden(f"{path}.claims", why))
    errors += resource_errors(whole, claim_names(spec), path, _name_errors)
    try:
        return errors + _requests_errors(spec, whole.requests, path) + _limit_errors(spec, whole.limits, path)
    except quantity.QuantityError:
        # It is told where it stands.
        return errors


def _name_errors(name: str, path: str) -> list[FieldError]:
    errors = formed(name, unknown_resource(name), path)
    if not errors and not is_pod_level(name):
        errors.append(not_supported(path, name, _SUPPORTED))
    return errors


def _requests_errors(spec: PodSpec, requests: Resources, path: str) -> list[FieldError]:
    errors = []
    for name, nano in container_requests(spec, quantity.parse).items():
        if name in requests and nano > quantity.parse(requests[name]):
            asked = formatted_request(spec, name, nano)
            why = f"must be greater than or equal to aggregate container requests of {asked}"
            errors.append(invalid(f"{path}.requests[{name}]", quantity.canonical(requests[name]), why))
    return errors


def _limit_errors(spec: PodSpec, limits: Resources, path: str) -> list[FieldError]:
    errors = []
    for i, container in enumerate(spec.containers):
        for name, limit in _over(container, limits).items():
            why = f"must be less than or equal to pod limits of {quantity.canonical(limits[name])}"
            errors.append(invalid(f"{path}.containers[{i}][{name}].limits", quantity.canonical(limit), why))
    return errors


def _over(container: Container, limits: Resources) -> Resources:
    own = container.resources.limits
    return {
        name: limit
        for name, limit in own.items()
        if name in limits and quantity.parse(limit) > quantity.parse(limits[name])
    }
