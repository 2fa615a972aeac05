"""The JobSet's own types and what its CRD demands of them (C-API-10 to C-API-56).

The table has the form of the generated one (``schema_generate``); below it are the constraints of
the CRD and its CEL rules as predicates.  C-DIF-01: main alone has a minimum for ``replicas``.

Source: jobset api/jobset/v1alpha2 jobset_types.go, config/components/crd @v0.12.0 and @08dfbdfd.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from jobsim.apiserver.schema_types import CelError, Field, Rule, Type, Types, load_core

STRUCTS: Mapping[str, tuple[str, ...]] = {
    "jobset.JobSet": (
        "kind string o",
        "apiVersion string o",
        "metadata meta.ObjectMeta o",
        "spec jobset.JobSetSpec o",
        "status jobset.JobSetStatus o",
    ),
    "jobset.JobSetSpec": (
        "replicatedJobs []jobset.ReplicatedJob o map=name",
        "network *jobset.Network o",
        "successPolicy *jobset.SuccessPolicy o",
        "failurePolicy *jobset.FailurePolicy o",
        "startupPolicy *jobset.StartupPolicy o",
        "suspend *bool o",
        "coordinator *jobset.Coordinator o",
        "managedBy *string o",
        "ttlSecondsAfterFinished *int32 o",
        "volumeClaimPolicies []jobset.VolumeClaimPolicy o",
    ),
    "jobset.ReplicatedJob": (
        "name string r",
        'groupName string o default="default"',
        "template batch.JobTemplateSpec r",
        "replicas int32 o default=1",
        "dependsOn []jobset.DependsOn o map=name",
    ),
    "jobset.DependsOn": ("name string r", "status jobset.DependsOnStatus r"),
    "jobset.Network": (
        "enableDNSHostnames *bool o",
        "subdomain string o",
        "publishNotReadyAddresses *bool o",
    ),
    "jobset.SuccessPolicy": ("operator jobset.Operator r", "targetReplicatedJobs []string o"),
    "jobset.FailurePolicyRule": (
        "name string r",
        "action jobset.FailurePolicyAction r",
        "onJobFailureReasons []string o",
        "onJobFailureMessagePatterns []string o",
        "targetReplicatedJobs []string o",
    ),
    "jobset.FailurePolicy": (
        "maxRestarts int32 o",
        'restartStrategy jobset.JobSetRestartStrategy o default="Recreate"',
        "rules []jobset.FailurePolicyRule o",
    ),
    "jobset.StartupPolicy": ("startupPolicyOrder jobset.StartupPolicyOptions r",),
    "jobset.Coordinator": ("replicatedJob string r", "jobIndex int o", "podIndex int o"),
    "jobset.VolumeClaimPolicy": (
        "templates []core.PersistentVolumeClaim o",
        "retentionPolicy *jobset.VolumeRetentionPolicy o",
    ),
    "jobset.VolumeRetentionPolicy": ('whenDeleted *jobset.RetentionPolicyType o default="Delete"',),
    "jobset.JobSetStatus": (
        "conditions []meta.Condition o map=type",
        "restarts int32",
        "restartsCountTowardsMax int32 o",
        "terminalState string o",
        "replicatedJobsStatus []jobset.ReplicatedJobStatus o map=name",
        "previousInPlaceRestartAttempt *int32 o",
        "currentInPlaceRestartAttempt *int32 o",
    ),
    "jobset.ReplicatedJobStatus": (
        "name string r",
        "ready int32 r",
        "succeeded int32 r",
        "failed int32 r",
        "active int32 r",
        "suspended int32 r",
        "jobRestarts []int32 o",
        "jobRestartsCountTowardsMax []int32 o",
    ),
}
NAMED: Mapping[str, str] = {
    "jobset.DependsOnStatus": "string",
    "jobset.Operator": "string",
    "jobset.FailurePolicyAction": "string",
    "jobset.JobSetRestartStrategy": "string",
    "jobset.StartupPolicyOptions": "string",
    "jobset.RetentionPolicyType": "string",
}

ACTIONS = (
    "FailJobSet",
    "RestartJobSet",
    "RestartJobSetAndIgnoreMaxRestarts",
    "RestartJob",
    "RestartJobAndIgnoreMaxRestarts",
)
#: What the CRD demands beyond types, by struct and field.
CONSTRAINTS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "jobset.JobSetSpec": {"ttlSecondsAfterFinished": {"minimum": 0}, "volumeClaimPolicies": {"maxItems": 50}},
    "jobset.ReplicatedJob": {"dependsOn": {"maxItems": 5}},
    "jobset.DependsOn": {"status": {"enum": ("Ready", "Complete")}},
    "jobset.SuccessPolicy": {"operator": {"enum": ("All", "Any")}},
    "jobset.FailurePolicyRule": {"action": {"enum": ACTIONS}},
    "jobset.FailurePolicy": {"restartStrategy": {"enum": ("Recreate", "BlockingRecreate", "InPlaceRestart")}},
    "jobset.StartupPolicy": {"startupPolicyOrder": {"enum": ("AnyOrder", "InOrder")}},
    "jobset.VolumeClaimPolicy": {"templates": {"maxItems": 50}},
    "jobset.VolumeRetentionPolicy": {"whenDeleted": {"enum": ("Delete", "Retain")}},
    "jobset.JobSetStatus": {
        "previousInPlaceRestartAttempt": {"minimum": 0},
        "currentInPlaceRestartAttempt": {"minimum": 0},
    },
    "jobset.ReplicatedJobStatus": {
        "jobRestarts": {"maxItems": 1024},
        "jobRestartsCountTowardsMax": {"maxItems": 1024},
    },
    "meta.Condition": {
        "status": {"enum": ("True", "False", "Unknown")},
        "reason": {"pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$", "maxLength": 1024},
        "message": {"maxLength": 32768},
    },
}

#: Metadata of a template: these survive, the rest is dropped (C-API-03).
EMBEDDED_META = ("annotations", "finalizers", "labels", "name", "namespace")
_WITH_METADATA = (
    "core.PodTemplateSpec",
    "batch.JobTemplateSpec",
    "core.PersistentVolumeClaim",
    "core.PersistentVolumeClaimTemplate",
)


# --- CEL ---------------------------------------------------------------------------------------


def _immutable(value: Any, old: Any) -> str | None:
    """Check ``self == oldSelf``."""
    return None if value == old else "Value is immutable"


def _one_ordering(spec: Any, _old: Any) -> str | None:
    """Check that InOrder and dependsOn do not meet (C-API-42)."""
    why = "StartupPolicy and DependsOn APIs are mutually exclusive"
    if (spec.get("startupPolicy") or {}).get("startupPolicyOrder") != "InOrder":
        return None
    if "replicatedJobs" not in spec:
        raise CelError(f"no such key: replicatedJobs evaluating rule: {why}")
    return why if any("dependsOn" in job for job in spec["replicatedJobs"]) else None


def _no_namespace(policy: Any, _old: Any) -> str | None:
    """Check that no claim template names a namespace (C-API-39).

    ``all`` swallows the error of one item where another item is false.
    """
    why = "namespace cannot be set for VolumeClaimPolicies templates"
    if "templates" not in policy:
        raise CelError(f"no such key: templates evaluating rule: {why}")
    metas = [template.get("metadata") for template in policy["templates"]]
    if any(meta.get("namespace") for meta in metas if meta is not None):
        return why
    if None in metas:
        raise CelError(f"no such key: metadata evaluating rule: {why}")
    return None


_SAME = Rule(_immutable, transition=True)
RULES: Mapping[str, Mapping[str, Mapping[Literal["value", "item"], Rule]]] = {
    "jobset.JobSet": {"spec": {"value": Rule(_one_ordering)}},
    "jobset.JobSetSpec": {
        "network": {"value": _SAME},
        "successPolicy": {"value": _SAME},
        "failurePolicy": {"value": _SAME},
        "startupPolicy": {"value": _SAME},
        "volumeClaimPolicies": {"value": _SAME, "item": Rule(_no_namespace)},
    },
    "jobset.ReplicatedJob": {"dependsOn": {"value": _SAME}},
}


def _crd_fields(types: Types) -> None:
    """Give the structs the view that the CRD has of them."""
    meta = types.get("meta.ObjectMeta")
    embedded = Type("struct", meta.go)
    embedded.fields = meta.fields
    embedded.crd_fields = {name: _plain(meta.fields[name]) for name in EMBEDDED_META}
    for name in _WITH_METADATA:
        struct = types.get(name)
        old = struct.fields["metadata"]
        field = Field("metadata", embedded, ["o"], pointer=old.pointer)
        struct.crd_fields = {**struct.fields, "metadata": field}
    for name, specs in CONSTRAINTS.items():
        for field_name, spec in specs.items():
            types.get(name).fields[field_name].spec = spec
    for name, rules in RULES.items():
        for field_name, by_place in rules.items():
            types.get(name).fields[field_name].rules = by_place


def _plain(field: Field) -> Field:
    """Return a field without set and map semantics (embedded finalizers may repeat)."""
    return Field(field.name, field.type, ["o"] if field.omitempty else [], pointer=field.pointer)


def _load() -> Types:
    types = load_core()
    types.add(STRUCTS, NAMED)
    _crd_fields(types)
    return types


TYPES = _load()
JOBSET = TYPES.get("jobset.JobSet")


def _load_main() -> Types:
    """Return the types as main's CRD has them: no negative replicas (C-DIF-01)."""
    types = _load()
    types.get("jobset.ReplicatedJob").fields["replicas"].spec = {"minimum": 0}
    return types


#: What the CRD of each version checks documents against.
CRDS: Mapping[str, Type] = {"v0.12.0": JOBSET, "main": _load_main().get("jobset.JobSet")}
