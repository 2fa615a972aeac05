"""Checks of volumeClaimPolicies on create.

Source: jobset pkg/webhooks/jobset_webhook.go validateVolumeClaimPolicies @08dfbdfd; C-VAL-20, C-VAL-21.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobsim.api import names
from jobsim.api.field import FieldError, invalid
from jobsim.api.jobset import JobSet, ReplicatedJob, VolumeClaimPolicy
from jobsim.api.reader import Reader
from jobsim.api.volume import PersistentVolumeClaim
from jobsim.controllers.jobset.construct import claim_name

CLAIM_NAME_LENGTH_MAX = 63


def claim_errors(jobset: JobSet, name: str, reader: Reader) -> list[FieldError]:
    """Return what is wrong with the templates, in order.

    Parameters
    ----------
    name : str
        The JobSet's name, or what stands for it (C-VAL-02).
    reader : Reader
        Where PVCs that exist already are looked up.
    """
    errors: list[FieldError] = []
    rjobs = jobset.spec.replicated_jobs
    seen: set[str] = set()
    for position, policy in enumerate(jobset.spec.volume_claim_policies):
        path = f"spec.volumeClaimPolicies[{position}]"
        for index, template in enumerate(policy.templates):
            own_path = f"{path}.template[{index}]"
            claim = template.metadata.name
            errors += _name_errors(claim, name, f"{own_path}.name", repeated=claim in seen)
            errors += _mount_errors(rjobs, claim)
            key = (jobset.metadata.namespace, claim_name(claim, name))
            existing = reader.get(PersistentVolumeClaim, *key)
            if existing is not None:
                errors += _existing_errors(existing, template, policy, own_path, path)
            seen.add(claim)
    return errors


def _name_errors(claim: str, jobset: str, path: str, *, repeated: bool) -> list[FieldError]:
    """Return what is wrong with a template's name."""
    errors = []
    if repeated:
        errors.append(invalid(path, claim, "names must be unique for VolumeClaimPolicies template"))
    errors += [invalid(path, claim, text) for text in names.dns1123_subdomain_errors(claim)]
    if names.byte_length(claim_name(claim, jobset)) > CLAIM_NAME_LENGTH_MAX:
        errors.append(invalid(path, claim, "VolumeClaimPolicies template name is too long"))
    return errors


def _mount_errors(rjobs: Sequence[ReplicatedJob], claim: str) -> list[FieldError]:
    """Return volumes that clash with a template, and the error of a template that none mounts."""
    errors = []
    mounted = False
    for position, rjob in enumerate(rjobs):
        pod = rjob.template.spec.template.spec
        path = f"spec.replicatedJobs[{position}].template.spec.template.spec.volumes"
        text = f"volume name conflicts with VolumeClaimPolicy template name: {claim}"
        errors += [
            invalid(f"{path}[{index}].name", volume.name, text)
            for index, volume in enumerate(pod.volumes)
            if volume.name == claim
        ]
        mounted = mounted or any(
            mount.name == claim
            for container in (*pod.init_containers, *pod.containers)
            for mount in container.volume_mounts
        )
    if not mounted:
        what = "replicatedJob containers don't have a matching volumeMount"
        value = tuple(rjobs) or None
        errors.append(invalid("spec.replicatedJobs", value, f"{what}: {claim} from VolumeClaimPolicies"))
    return errors


def _existing_errors(
    existing: PersistentVolumeClaim,
    template: PersistentVolumeClaim,
    policy: VolumeClaimPolicy,
    path: str,
    policy_path: str,
) -> list[FieldError]:
    """Return what forbids the use of a PVC that is there already (C-VAL-21)."""
    errors = []
    if existing.spec != template.spec:
        where = f"{existing.metadata.name} in namespace {existing.metadata.namespace}"
        errors.append(invalid(f"{path}.spec", template.spec, f"spec does not match existing PVC {where}"))
    retention = policy.retention_policy
    if retention is not None and retention.when_deleted != "Retain":
        text = "retentionPolicy must be retain when PVC exists"
        errors.append(invalid(f"{policy_path}.retentionPolicy.whenDeleted", retention.when_deleted, text))
    return errors
