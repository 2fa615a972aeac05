"""Validation of what volumes and variables are made from: exactly one source, its own fields.

Differs: of volume sources only claims, ConfigMaps, Secrets, hostPath and emptyDir are looked into.

Source: kubernetes pkg/apis/core/validation/validation.go 1.36.
"""

from __future__ import annotations

from typing import Any

from jobsim.api import names, quantity
from jobsim.api._struct import Json
from jobsim.api.field import FieldError, duplicate, forbidden, invalid, not_supported, required
from jobsim.api.pod import EnvVar, PodSpec, Volume
from jobsim.apiserver.schema_errors import invalid_data

NONNEGATIVE = "must be greater than or equal to 0"
#: In the order in which upstream counts them: the first is looked into, later ones are too many.
_VOLUME_SOURCES = (
    "empty_dir",
    "host_path",
    "git_repo",
    "gce_persistent_disk",
    "aws_elastic_block_store",
    "secret",
    "nfs",
    "iscsi",
    "glusterfs",
    "persistent_volume_claim",
    "rbd",
    "cinder",
    "cephfs",
    "flocker",
    "downward_api",
    "fc",
    "flex_volume",
    "config_map",
    "azure_file",
    "vsphere_volume",
    "photon_persistent_disk",
    "portworx_volume",
    "azure_disk",
    "storageos",
    "projected",
    "scale_io",
    "csi",
    "ephemeral",
    "image",
)
_WIRE = {"downward_api": "downwardAPI", "scale_io": "scaleIO"}
_HOST_PATH_TYPES = (
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
)
#: Fields of a pod that a variable may show.
_POD_FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
_ENV_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")


def volume_source_errors(volume: Volume, path: str) -> list[FieldError]:
    """Return what is wrong with a volume's source."""
    errors: list[FieldError] = []
    found = False
    for source in _VOLUME_SOURCES:
        value = getattr(volume, source)
        if value is None:
            continue
        at = f"{path}.{_WIRE.get(source) or _camel(source)}"
        if found:
            errors.append(forbidden(at, "may not specify more than 1 volume type"))
        else:
            errors += _source_errors(source, value, at)
        found = True
    return errors


def _camel(word: str) -> str:
    first, *rest = word.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _source_errors(source: str, value: Any, path: str) -> list[FieldError]:
    if source == "persistent_volume_claim":
        return [] if value.claim_name else [required(f"{path}.claimName")]
    if source == "config_map":
        return [] if value.get("name") else [required(f"{path}.name")]
    if source == "secret":
        return [] if value.get("secretName") else [required(f"{path}.secretName")]
    if source == "host_path":
        return _host_path_errors(value, path)
    if source == "empty_dir" and value.get("sizeLimit") is not None and _negative(value["sizeLimit"]):
        return [forbidden(f"{path}.sizeLimit", "SizeLimit field must be a valid resource quantity")]
    return []


def _negative(amount: str) -> bool:
    try:
        return quantity.parse(amount) < 0
    except quantity.QuantityError:
        return True


def _host_path_errors(value: Json, path: str) -> list[FieldError]:
    where, kind = value.get("path", ""), value.get("type")
    if not where:
        return [required(f"{path}.path")]
    errors = []
    if ".." in where.split("/"):
        errors.append(invalid(f"{path}.path", where, "must not contain '..'"))
    if kind is not None and kind not in _HOST_PATH_TYPES:
        errors.append(not_supported(f"{path}.type", kind, _HOST_PATH_TYPES))
    return errors


def resource_claim_errors(spec: PodSpec, path: str) -> list[FieldError]:
    """Return what is wrong with a pod's resource claims: each comes from one claim or template."""
    errors: list[FieldError] = []
    seen: set[str] = set()
    for i, claim in enumerate(spec.resource_claims):
        name, given = claim.get("name", ""), claim.get("resourceClaimName")
        template = claim.get("resourceClaimTemplateName")
        at = f"{path}[{i}]"
        if not name:
            errors.append(required(f"{at}.name"))
        elif name in seen:
            errors.append(duplicate(f"{at}.name", name))
        else:
            errors += [invalid(f"{at}.name", name, p) for p in names.dns1123_label_errors(name)]
        seen.add(name)
        shown = {"Name": name, "ResourceClaimName": given, "ResourceClaimTemplateName": template}
        if given is not None and template is not None:
            why = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
            errors.append(invalid_data(at, shown, why, sort=False))
        if given is None and template is None:
            why = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"
            errors.append(invalid_data(at, shown, why, sort=False))
    return errors


# --- variables ---------------------------------------------------------------------------------


def env_source_errors(variable: EnvVar, path: str) -> list[FieldError]:
    """Return what is wrong with where a variable gets its value from."""
    source = variable.value_from
    if source is None:
        return []
    errors: list[FieldError] = []
    given = [name for name in _ENV_SOURCES if source.get(name) is not None]
    for name in given:
        at = f"{path}.{name}"
        if name == "fieldRef":
            errors += _field_ref_errors(source[name], at)
        elif name in ("configMapKeyRef", "secretKeyRef"):
            wanted = source[name].get("name", "")
            problems = names.dns1123_subdomain_errors(wanted)
            errors += [invalid(f"{at}.name", wanted, problem) for problem in problems]
            errors += [] if source[name].get("key") else [required(f"{at}.key")]
    if not given:
        listed = ", ".join(f"`{name}`" for name in _ENV_SOURCES[:-1])
        errors.append(invalid(path, "", f"must specify one of: {listed} or `{_ENV_SOURCES[-1]}`"))
    elif variable.value:
        errors.append(invalid(path, "", "may not be specified when `value` is not empty"))
    elif len(given) > 1:
        errors.append(invalid(path, "", "may not have more than one field specified at a time"))
    return errors


def _field_ref_errors(ref: Json, path: str) -> list[FieldError]:
    field = ref.get("fieldPath", "")
    if not field:
        return [required(f"{path}.fieldPath")]
    if field in _POD_FIELDS:
        return []
    for maps in ("metadata.labels", "metadata.annotations"):
        if field.startswith(f"{maps}['") and field.endswith("']"):
            key = field[len(maps) + 2 : -2]
            key = key.lower() if maps == "metadata.annotations" else key
            return [invalid(path, key, problem) for problem in names.qualified_name_errors(key)]
    why = f"error converting fieldPath: field label not supported: {field}"
    return [invalid(f"{path}.fieldPath", field, why)]
