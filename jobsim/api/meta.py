"""Object metadata, owner references, selectors, conditions: what all kinds share.

Source: k8s.io/apimachinery pkg/apis/meta/v1/types.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

from jobsim.api._struct import Json, Struct, Time, field, replace

Labels = Mapping[str, str]


class OwnerReference(Struct):
    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class ObjectMeta(Struct):
    """Metadata of a stored object or of a template (then only a few fields are set)."""

    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    deletion_grace_period_seconds: int | None = None
    labels: Labels = {}
    annotations: Labels = {}
    owner_references: tuple[OwnerReference, ...] = ()
    finalizers: tuple[str, ...] = ()
    managed_fields: tuple[Json, ...] = ()
    self_link: str = ""


class Object(Struct):
    """Base of the kinds: an object with metadata, living in the store under (namespace, name)."""

    KIND: ClassVar[str] = ""
    API_VERSION: ClassVar[str] = ""

    metadata: ObjectMeta = field(default_factory=ObjectMeta)

    @property
    def kind(self) -> str:
        return self.KIND

    @property
    def api_version(self) -> str:
        return self.API_VERSION

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def namespace(self) -> str:
        return self.metadata.namespace

    @property
    def uid(self) -> str:
        return self.metadata.uid

    @property
    def key(self) -> tuple[str, str]:
        return (self.metadata.namespace, self.metadata.name)

    @property
    def terminating(self) -> bool:
        """Whether a delete was asked for (deletionTimestamp is set)."""
        return self.metadata.deletion_timestamp is not None

    def with_meta(self, **changes: object) -> Self:
        """Return a copy with some metadata fields changed."""
        return replace(self, metadata=replace(self.metadata, **changes))

    def controller(self) -> OwnerReference | None:
        """Return the owner reference that is marked as controller, if any."""
        for ref in self.metadata.owner_references:
            if ref.controller:
                return ref
        return None


class Unstructured(Object):
    """An object of a kind that is stored and listed but not simulated (ConfigMap, RBAC, CRs)."""

    type_name: str = ""
    group_version: str = ""
    content: Json = {}

    @property
    def kind(self) -> str:
        return self.type_name

    @property
    def api_version(self) -> str:
        return self.group_version


class Condition(Struct):
    """metav1.Condition and its older kin of Jobs, Pods and Nodes in one type."""

    type: str
    status: str = ""
    observed_generation: int = 0
    last_probe_time: Time | None = None
    last_heartbeat_time: Time | None = None
    last_transition_time: Time | None = None
    reason: str = ""
    message: str = ""


class LabelSelectorRequirement(Struct):
    key: str
    operator: str
    values: tuple[str, ...] = ()


class LabelSelector(Struct):
    match_labels: Labels = {}
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()


def condition(conditions: tuple[Condition, ...], type_: str) -> Condition | None:
    """Return the first condition of a type, or None."""
    for item in conditions:
        if item.type == type_:
            return item
    return None


def is_true(conditions: tuple[Condition, ...], type_: str) -> bool:
    """Tell whether a condition of this type is present with status True."""
    # A generator would cost more than the few conditions there are.
    for item in conditions:  # noqa: SIM110
        if item.type == type_ and item.status == "True":
            return True
    return False
