"""What objects refer to without bringing it along: claims, ConfigMaps, accounts, queues.

A real cluster leaves a pod waiting for most of these (for some it refuses the pod: see
``pod_admission``); the simulator may take them as existing and say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal, NamedTuple

from jobsim.api.meta import Object
from jobsim.api.pod import Container, Pod, PodSpec
from jobsim.api.reader import Reader
from jobsim.api.volume import PersistentVolumeClaim

QUEUE_LABEL = "kueue.x-k8s.io/queue-name"


class ServiceAccount(Object):
    """Names of kinds that the store keeps untyped, for look-ups."""

    KIND: ClassVar[str] = "ServiceAccount"


class ConfigMap(Object):
    KIND: ClassVar[str] = "ConfigMap"


class Secret(Object):
    KIND: ClassVar[str] = "Secret"


class RuntimeClass(Object):
    KIND: ClassVar[str] = "RuntimeClass"


class LocalQueue(Object):
    KIND: ClassVar[str] = "LocalQueue"


class ResourceClaim(Object):
    KIND: ClassVar[str] = "ResourceClaim"


class ResourceClaimTemplate(Object):
    KIND: ClassVar[str] = "ResourceClaimTemplate"


#: What a pod cannot do without the thing: be scheduled, have its volumes mounted, start a container.
Need = Literal["schedule", "mount", "start"]


class Reference(NamedTuple):
    """Something that has to be there, by kind and name."""

    type: type[Object]
    name: str
    need: Need

    @property
    def text(self) -> str:
        """The thing as users are told of it."""
        return f'{self.type.KIND} "{self.name}"'


def missing_references(pod: Pod, reader: Reader) -> list[Reference]:
    """Return what a pod waits for because it is not in its namespace, in the order of the spec."""
    return [ref for ref in references(pod.spec) if reader.get(ref.type, pod.namespace, ref.name) is None]


def references(spec: PodSpec) -> list[Reference]:
    """Return what a pod's spec refers to, each once, optional things left out."""
    found = [*_claims(spec), *_volumes(spec)]
    for container in (*spec.init_containers, *spec.containers):
        found += _environment(container)
    return list(dict.fromkeys(found))


def _claims(spec: PodSpec) -> Iterator[Reference]:
    for volume in spec.volumes:
        if volume.persistent_volume_claim is not None:
            yield Reference(PersistentVolumeClaim, volume.persistent_volume_claim.claim_name, "schedule")
    for claim in spec.resource_claims:
        if claim.get("resourceClaimName"):
            yield Reference(ResourceClaim, claim["resourceClaimName"], "schedule")
        if claim.get("resourceClaimTemplateName"):
            yield Reference(ResourceClaimTemplate, claim["resourceClaimTemplateName"], "schedule")


def _volumes(spec: PodSpec) -> Iterator[Reference]:
    for volume in spec.volumes:
        if volume.secret is not None:
            yield from _named(Secret, volume.secret, "secretName", "mount")
        if volume.config_map is not None:
            yield from _named(ConfigMap, volume.config_map, "name", "mount")
        for source in (volume.projected or {}).get("sources") or ():
            yield from _named(Secret, source.get("secret"), "name", "mount")
            # Every namespace has the cluster's certificates, from a controller of its own.
            if (source.get("configMap") or {}).get("name") != "kube-root-ca.crt":
                yield from _named(ConfigMap, source.get("configMap"), "name", "mount")


def _environment(container: Container) -> Iterator[Reference]:
    for source in container.env_from:
        yield from _named(ConfigMap, source.get("configMapRef"), "name", "start")
        yield from _named(Secret, source.get("secretRef"), "name", "start")
    for variable in container.env:
        if variable.value_from is not None:
            yield from _named(ConfigMap, variable.value_from.get("configMapKeyRef"), "name", "start")
            yield from _named(Secret, variable.value_from.get("secretKeyRef"), "name", "start")


def _named(type_: type[Object], source: Any, key: str, need: Need) -> Iterator[Reference]:
    if isinstance(source, Mapping) and source.get(key) and not source.get("optional"):
        yield Reference(type_, source[key], need)
