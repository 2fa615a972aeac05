"""PersistentVolumeClaim (core/v1): claims are objects here, storage is not simulated."""

from __future__ import annotations

from typing import ClassVar

from jobsim.api._struct import Json, Struct, field
from jobsim.api.meta import Condition, LabelSelector, Object
from jobsim.api.pod import ResourceRequirements, Resources


class PersistentVolumeClaimSpec(Struct):
    access_modes: tuple[str, ...] = ()
    selector: LabelSelector | None = None
    resources: ResourceRequirements = field(default_factory=ResourceRequirements)
    volume_name: str = ""
    storage_class_name: str | None = None
    volume_mode: str | None = None
    data_source: Json | None = None
    data_source_ref: Json | None = None
    volume_attributes_class_name: str | None = None


class PersistentVolumeClaimStatus(Struct):
    phase: str = ""
    access_modes: tuple[str, ...] = ()
    capacity: Resources = {}
    conditions: tuple[Condition, ...] = ()
    allocated_resources: Resources = {}
    allocated_resource_statuses: Json = {}
    current_volume_attributes_class_name: str | None = None
    modify_volume_status: Json | None = None


class PersistentVolumeClaim(Object):
    KIND: ClassVar[str] = "PersistentVolumeClaim"
    API_VERSION: ClassVar[str] = "v1"

    spec: PersistentVolumeClaimSpec = field(default_factory=PersistentVolumeClaimSpec)
    status: PersistentVolumeClaimStatus = field(default_factory=PersistentVolumeClaimStatus)
