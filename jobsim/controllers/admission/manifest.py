"""The path of a user's document: strict decoding, schema defaults, webhooks, schema and rules.

Order for a JobSet: decoding (400) → schema defaults → the mutating webhook with Go's own decoding
(400) → schema, list maps, metadata, CEL (422) → the validating webhook (422).  Documents stay plain data
here; what the store gets is made of the last one.

Source: kube-apiserver endpoints/handlers create.go, update.go; apiextensions-apiserver
customresource strategy.go; C-WHK-01..04, C-API-03.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jobsim.api import codec
from jobsim.api.field import FieldError
from jobsim.api.jobset import JobSet
from jobsim.api.kinds import KINDS, namespaced
from jobsim.api.meta import Object
from jobsim.api.reader import Reader
from jobsim.apiserver import schema_crd, schema_go
from jobsim.apiserver.jobset_schema import CRDS, JOBSET, TYPES
from jobsim.apiserver.schema_errors import (
    ClientError,
    DocumentError,
    Path,
    cannot_handle,
    denied,
    go_json,
    invalid_object,
)
from jobsim.apiserver.schema_go import GoError
from jobsim.apiserver.schema_meta import Known, check_meta, check_meta_update, filled_update, with_name
from jobsim.apiserver.schema_strict import path_text, pruned_fields, unknown_fields
from jobsim.apiserver.schema_types import Type
from jobsim.controllers.admission import jobset_default, jobset_update, jobset_validate
from jobsim.controllers.jobset.gates import Gates
from jobsim.errors import ApiError

MUTATING = denied("mjobset.kb.io")
VALIDATING = denied("vjobset.kb.io")
DEPTH_MAX = 200
#: Beyond these a whole number is no float64 either, which is what Go makes of one beyond int64.
_NUMBER_BITS_MAX = 1024
_SURROGATE = re.compile("[\ud800-\udfff]")
DEFAULT_NAMESPACE = "default"
#: Set by the server; what a request says of them is dropped on create.
_SYSTEM_META = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "selfLink",
)
_TYPE_NAMES = {
    "Pod": "core.Pod",
    "Job": "batch.Job",
    "Node": "core.Node",
    "Service": "core.Service",
    "PersistentVolumeClaim": "core.PersistentVolumeClaim",
    "PriorityClass": "scheduling.PriorityClass",
    "PodDisruptionBudget": "policy.PodDisruptionBudget",
    "Event": "core.Event",
    "Namespace": "core.Namespace",
    "ConfigMap": "core.ConfigMap",
    "Secret": "core.Secret",
    "ServiceAccount": "core.ServiceAccount",
}
_CORE = ("ConfigMap", "Secret", "ServiceAccount")

Document = Mapping[str, Any]


def type_of(kind: str, group_version: str) -> Type | None:
    """Return the type of a kind's documents, None where the kind has no schema here."""
    info = KINDS.get(kind)
    if info is not None and group_version == info.type.API_VERSION:
        return JOBSET if kind == "JobSet" else TYPES.get(_TYPE_NAMES[kind])
    if kind in _CORE and group_version == "v1":
        return TYPES.get(_TYPE_NAMES[kind])
    return None


# --- decoding ----------------------------------------------------------------------------------


def decode(doc: Any, namespace: str | None, repeated: Sequence[Path]) -> dict[str, Any]:
    """Return a document as the server has it once decoded: nulls gone, schema defaults in.

    Parameters
    ----------
    doc : plain JSON data
    namespace : str or None
        Of the request; None: what the document says, else ``default``.
    repeated : sequence of paths
        Keys that the text gave twice.

    Raises
    ------
    ApiError
        400, or what kubectl refuses before it sends anything.
    """
    doc = _plain(doc)
    _check_client(doc)
    kind, group_version = doc["kind"], doc["apiVersion"]
    type_ = type_of(kind, group_version)
    if type_ is JOBSET:
        doc = _decode_custom(doc, repeated)
    else:
        doc = _decode_core(doc, type_, repeated)
    return _in_namespace(doc, namespace)


def _plain(doc: Any) -> Any:
    """Return data that Go reads from JSON: no lone surrogates, no NaN, no endless number, not too deep."""
    if not isinstance(doc, Mapping):
        raise ClientError("error validating data: invalid object to validate")
    clean = True
    level: list[Any] = [doc]
    for _ in range(DEPTH_MAX):
        below: list[Any] = []
        for node in level:
            if isinstance(node, Mapping):
                below += [*node.keys(), *node.values()]
            elif isinstance(node, list | tuple):
                below += node
            elif isinstance(node, str):
                clean = clean and (node.isascii() or _SURROGATE.search(node) is None)
            elif isinstance(node, float) and not math.isfinite(node):
                shown = "NaN" if math.isnan(node) else "+Inf" if node > 0 else "-Inf"
                raise ClientError(f"error converting YAML to JSON: json: unsupported value: {shown}")
            elif isinstance(node, int) and node.bit_length() > _NUMBER_BITS_MAX:
                raise ApiError("BadRequest", "json: cannot unmarshal number into Go value of type float64")
        level = below
        if not level:
            return doc if clean else _replaced(doc)
    raise ApiError("BadRequest", "the object provided is unrecognized: exceeded max depth")


def _replaced(value: Any) -> Any:
    """Return data with lone surrogates replaced, as JSON decoders of Go do."""
    if isinstance(value, Mapping):
        return {_replaced(key): _replaced(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(item) for item in value]
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    return value


def _check_client(doc: Document) -> None:
    """Refuse what kubectl refuses: no kind, no version, a version that nobody serves."""
    for field in ("apiVersion", "kind"):
        if not isinstance(doc.get(field, ""), str):
            raise ClientError(f"unable to decode: {field} must be a string")
        if field not in doc:
            raise ClientError(f"error validating data: {field} not set")
    kind, group_version = doc["kind"], doc["apiVersion"]
    info = KINDS.get(kind)
    known = info is None or group_version == info.type.API_VERSION
    if kind and known and (group_version or kind not in _CORE):
        return
    if kind == "Event" and group_version == "events.k8s.io/v1":
        return
    meta = doc.get("metadata")
    name = meta.get("name", "") if isinstance(meta, Mapping) else ""
    space = meta.get("namespace", "") if isinstance(meta, Mapping) else ""
    raise ClientError(
        f'resource mapping not found for name: "{name}" namespace: "{space}": no matches for kind "{kind}" '
        f'in version "{group_version}"\nensure CRDs are installed first'
    )


def _strict(doc: Document, found: Sequence[tuple[Path, str]]) -> None:
    if found:
        texts = ", ".join(dict.fromkeys(text for _, text in found))
        problem = f"strict decoding error: {texts}"
        raise DocumentError(cannot_handle(doc["kind"], doc["apiVersion"], problem), found)


def _unknown(paths: Sequence[Path]) -> list[tuple[Path, str]]:
    return [(path, f'unknown field "{path_text(path)}"') for path in paths]


def _duplicate(paths: Sequence[Path]) -> list[tuple[Path, str]]:
    return [(path, f'duplicate field "{path_text(path)}"') for path in paths]


def _undecodable(doc: Document, err: GoError, *under: str) -> DocumentError:
    problem = cannot_handle(doc["kind"], doc["apiVersion"], str(err))
    return DocumentError(problem, [((*under, *err.path), str(err))])


def _decode_meta(doc: Document) -> tuple[dict[str, Any], list[Path]]:
    """Return a document's metadata decoded, and the fields of it that nobody knows."""
    meta_type = TYPES.get("meta.ObjectMeta")
    meta = doc.get("metadata")
    try:
        decoded = schema_go.decode({} if meta is None else meta, meta_type)
    except GoError as err:
        raise _undecodable(doc, err, "metadata") from None
    return decoded, [("metadata", *path) for path in unknown_fields(meta, meta_type)]


def _decode_custom(doc: Document, repeated: Sequence[Path]) -> dict[str, Any]:
    meta, unknown_meta = _decode_meta(doc)
    _strict(doc, [*_duplicate(repeated), *_unknown(unknown_meta), *_unknown(pruned_fields(doc, JOBSET))])
    body = {key: value for key, value in doc.items() if key != "metadata"}
    body = schema_crd.defaulted(schema_crd.without_nulls(body, JOBSET), JOBSET)
    return {**body, "metadata": meta}


def _decode_core(doc: Document, type_: Type | None, repeated: Sequence[Path]) -> dict[str, Any]:
    """Decode a document of a kind that Go types; without a type only its metadata is looked at."""
    if type_ is None:
        meta, unknown_meta = _decode_meta(doc)
        _strict(doc, [*_duplicate(repeated), *_unknown(unknown_meta)])
        return {**doc, "metadata": meta}
    try:
        decoded = schema_go.decode(doc, type_)
    except GoError as err:
        raise _undecodable(doc, err) from None
    _strict(doc, [*_duplicate(repeated), *_unknown(unknown_fields(doc, type_))])
    assert isinstance(decoded, dict)
    return decoded


def _in_namespace(doc: dict[str, Any], namespace: str | None) -> dict[str, Any]:
    meta = dict(doc.get("metadata") or {})
    if namespaced(doc["kind"]):
        given = meta.get("namespace", "")
        if namespace is not None and given and given != namespace:
            raise ApiError(
                "BadRequest",
                "the namespace of the provided object does not match the namespace sent on the request",
            )
        meta["namespace"] = given or namespace or DEFAULT_NAMESPACE
    return {**doc, "metadata": meta}


def without_system_meta(doc: Document) -> dict[str, Any]:
    """Return a document without the metadata that only the server sets."""
    meta = {key: value for key, value in doc["metadata"].items() if key not in _SYSTEM_META}
    return {**doc, "metadata": meta}


def as_object(doc: Document) -> Object:
    """Return a decoded document as a typed object.

    Raises
    ------
    ApiError
        400, should our types ask more than Go's.
    """
    try:
        return codec.from_dict(doc)
    except codec.DecodeError as err:
        raise ApiError("BadRequest", cannot_handle(doc["kind"], doc["apiVersion"], str(err))) from None


# --- JobSet ------------------------------------------------------------------------------------


def create_jobset(doc: Document, reader: Reader, gates: Gates, suffix: Callable[[], str]) -> dict[str, Any]:
    """Return a new JobSet's document (decoded) as the server would store it.

    Raises
    ------
    ApiError
        400 or 422, in the server's words.
    """
    doc = _mutated(doc)
    doc = {key: value for key, value in without_system_meta(doc).items() if key != "status"}
    jobset = with_name(as_object(doc), suffix)
    doc["metadata"]["name"] = jobset.name
    errors = check_meta(jobset.metadata, "JobSet", Known())
    errors += schema_crd.check(doc, CRDS[gates.version])
    errors += schema_crd.check_rules(doc, JOBSET, errors)
    if errors:
        raise invalid_object("JobSet", jobset.name, errors)
    assert isinstance(jobset, JobSet)
    errors = jobset_validate.create_errors(jobset, reader, gates)
    if errors:
        raise _refused(jobset.name, errors)
    return doc


def _mutated(doc: Document) -> dict[str, Any]:
    """Return a document as the mutating webhook leaves it: Go's round trip, and its defaults.

    The patch keeps what Go alone would leave out (``maxRestarts: 0``); fields without omitempty
    appear with their zero, quantities in canonical form.
    """
    try:
        decoded = schema_go.decode(doc, JOBSET, ordered=False)
    except GoError as err:
        raise DocumentError(MUTATING + str(err), [(err.path, str(err))], reason="") from None
    jobset = as_object(_merged(doc, decoded))
    assert isinstance(jobset, JobSet)
    before, after = codec.to_dict(jobset), codec.to_dict(jobset_default.default(jobset))
    changed = _overlaid(_merged(doc, decoded), before, after)
    return {**schema_crd.defaulted(changed, JOBSET), "metadata": doc["metadata"]}


def _overlaid(data: Any, before: Any, after: Any) -> Any:
    """Return data with the difference between two typed forms of it applied.

    Typed forms leave empty lists out, which matter in the data; so only differences are taken over.
    """
    if before == after:
        return data
    if isinstance(data, Mapping) and isinstance(after, Mapping):
        was = before if isinstance(before, Mapping) else {}
        return {**data, **{k: _overlaid(data.get(k), was.get(k), item) for k, item in after.items()}}
    if isinstance(data, list) and isinstance(before, list | tuple) and len(data) == len(before):
        return [_overlaid(*items) for items in zip(data, before, after, strict=True)]
    return after


def _merged(raw: Any, new: Any) -> Any:
    """Return new data with what only the raw data has kept."""
    if isinstance(raw, Mapping) and isinstance(new, Mapping):
        mixed = {key: _merged(value, new[key]) if key in new else value for key, value in raw.items()}
        return {**mixed, **{key: value for key, value in new.items() if key not in raw}}
    if isinstance(raw, list) and isinstance(new, list) and len(raw) == len(new):
        return [_merged(before, after) for before, after in zip(raw, new, strict=True)]
    return new


def update_jobset(doc: Document, old: Document, gates: Gates) -> dict[str, Any]:
    """Return a changed JobSet's document (decoded) as the server would store it over an old one.

    Defaults of the webhook are for creates only (C-WHK-02), so nothing is round-tripped here.

    Raises
    ------
    ApiError
        400 or 422, in the server's words.
    """
    doc = {key: value for key, value in doc.items() if key != "status"}
    if "status" in old:
        doc["status"] = old["status"]
    name = doc["metadata"].get("name", "")
    before = as_object({**old, "spec": {}})
    after = as_object({**doc, "spec": {}})
    after = after.with_meta(**_filled(after, before))
    errors = check_meta_update(after.metadata, before.metadata, "JobSet", Known())
    errors += schema_crd.check(doc, CRDS[gates.version], old)
    errors += schema_crd.check_rules(doc, JOBSET, errors, old)
    if errors:
        raise invalid_object("JobSet", name, errors)
    new, was = _go_object(doc), _go_object(old)
    errors = jobset_update.update_errors(new, was, gates)
    if errors:
        raise _refused(name, errors)
    return doc


def jobset_status_errors(new: JobSet, old: JobSet, gates: Gates) -> list[FieldError]:
    """Return what the schema has against a new status (C-API-50); what is as it was is not looked at."""
    after, before = ({"status": codec.to_data(jobset.status)} for jobset in (new, old))
    errors = schema_crd.check(after, CRDS[gates.version], before)
    return [error for error in errors if error.kind != "Required value"]  # Go sends its empty texts.


def _filled(after: Object, before: Object) -> dict[str, Any]:
    meta = filled_update(after.metadata, before.metadata)
    return {field: getattr(meta, field) for field in meta.__struct_fields__}


def _go_object(doc: Document) -> JobSet:
    """Return a JobSet as the validating webhook decodes it."""
    try:
        decoded = schema_go.decode(doc, JOBSET, ordered=False)
    except GoError as err:
        raise DocumentError(VALIDATING + str(err), [(err.path, str(err))], reason="") from None
    jobset = as_object(_merged(doc, decoded))
    assert isinstance(jobset, JobSet)
    return jobset


def _refused(name: str, errors: Sequence[FieldError]) -> ApiError:
    """Return the validating webhook's refusal, with lists and objects printed as Go prints them."""
    shown = [_as_go_prints(error) for error in errors]
    return invalid_object("JobSet", name, shown, prefix=VALIDATING)


def _as_go_prints(error: FieldError) -> FieldError:
    if not error.composite or error.path != "spec.replicatedJobs" or error.value is None:
        return error
    decoded = schema_go.decode(json.loads(error.value), TYPES.get("[]jobset.ReplicatedJob"))
    value = go_json(decoded, sort=False) if decoded else "null"
    return FieldError(path=error.path, kind=error.kind, detail=error.detail, value=value, composite=True)
