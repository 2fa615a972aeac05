"""The path of a user's document: what kubectl refuses, and strict decoding.

Order for a JobSet: decoding (400) → schema defaults → then ``manifest_jobset``: the mutating webhook with
Go's own decoding (400) → schema, list maps, metadata, CEL (422) → the validating webhook (422).  Documents
stay plain data here; what the store gets is made of the last one.

Source: kube-apiserver endpoints/handlers create.go, update.go; C-WHK-03, C-API-03.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from jobsim.api import codec
from jobsim.api.kinds import KINDS, namespaced
from jobsim.api.meta import Object
from jobsim.apiserver import schema_crd, schema_go
from jobsim.apiserver.jobset_schema import JOBSET, TYPES
from jobsim.apiserver.schema_errors import (
    ClientError,
    DocumentError,
    Path,
    cannot_handle,
)
from jobsim.apiserver.schema_go import GoError
from jobsim.apiserver.schema_strict import path_text, pruned_fields, unknown_fields
from jobsim.apiserver.schema_types import Type
from jobsim.errors import ApiError

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
    """Return a document's metadata decoded, and the fields of it that nobody knows.

    The server decodes it from a map that it has printed again, so its fields come sorted.
    """
    meta_type = TYPES.get("meta.ObjectMeta")
    meta = doc.get("metadata")
    try:
        decoded = schema_go.decode({} if meta is None else meta, meta_type, ordered=False)
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
