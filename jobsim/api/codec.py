"""Objects to and from Kubernetes JSON: the only place where camelCase and untyped data live."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from jobsim.api._struct import Struct, Time
from jobsim.api.jobset import JobSet
from jobsim.api.kinds import KINDS
from jobsim.api.meta import Object, ObjectMeta, Unstructured
from jobsim.units import parse_rfc3339, rfc3339

S = TypeVar("S", bound=Struct)


class DecodeError(ValueError):
    """A document does not have the shape of its kind."""


def _decode_hook(type_: type, value: Any) -> Any:
    if type_ is Time:
        if not isinstance(value, str):
            raise ValueError(f"{value!r} is no time")
        return Time(parse_rfc3339(value))
    raise NotImplementedError(type_)


def _encode_hook(value: Any) -> Any:
    if isinstance(value, Time):
        return rfc3339(value)
    raise NotImplementedError(type(value))


_JSON = msgspec.json.Encoder(enc_hook=_encode_hook)


def convert(data: Any, type_: type[S]) -> S:
    """Return plain data (as from JSON) as a typed value.

    Raises
    ------
    DecodeError
        With msgspec's text and path.
    """
    try:
        return msgspec.convert(data, type_, dec_hook=_decode_hook)
    except msgspec.ValidationError as err:
        raise DecodeError(str(err)) from None
    except UnicodeEncodeError:
        raise DecodeError("a text has a lone surrogate") from None
    except RecursionError:
        raise DecodeError("nested too deep") from None


def to_data(value: object) -> Any:
    """Return any value of the API types as plain dicts, lists, strings and numbers."""
    return _with_lists(msgspec.to_builtins(value, enc_hook=_encode_hook))


def _with_lists(data: Any) -> Any:
    """Return new plain data with its tuples made lists: schemas and JSON patches know nothing else."""
    if type(data) is dict:
        for key, item in data.items():
            if type(item) is tuple or type(item) is dict:
                data[key] = _with_lists(item)
        return data
    return [_with_lists(item) for item in data] if type(data) is tuple else data


def encode(value: object) -> bytes:
    """Return any value of the API types as compact JSON bytes, keys in field order."""
    return _JSON.encode(value)


#: What ends most recursions; an exact type is told ten times faster than an abstract one.
_SCALARS = (str, int, bool, float)


def prune_nulls(data: Any) -> Any:
    """Return data without mapping entries that are null (the API server drops them)."""
    if type(data) in _SCALARS:
        return data
    if isinstance(data, Mapping):
        return {k: prune_nulls(v) for k, v in data.items() if v is not None}
    if isinstance(data, list):
        return [prune_nulls(v) for v in data if v is not None]
    return data


def from_dict(doc: Mapping[str, Any]) -> Object:
    """Return the object that a Kubernetes document (apiVersion, kind, ...) describes.

    A kind that is not typed becomes an ``Unstructured``.

    Raises
    ------
    DecodeError
        When the document does not have the kind's shape.
    """
    kind = doc.get("kind", "")
    group_version = doc.get("apiVersion", "")
    if not isinstance(kind, str) or not isinstance(group_version, str):
        raise DecodeError("kind and apiVersion are text")
    try:
        body = prune_nulls({k: v for k, v in doc.items() if k not in ("kind", "apiVersion")})
    except RecursionError:
        raise DecodeError("nested too deep") from None
    info = KINDS.get(kind)
    if info is not None and info.type.API_VERSION.rpartition("/")[0] == group_version.rpartition("/")[0]:
        return convert(_without_type_meta(body) if info.type is JobSet else body, info.type)
    meta = convert(body.pop("metadata", {}), ObjectMeta)
    return Unstructured(metadata=meta, type_name=kind, group_version=group_version, content=body)


def _without_type_meta(body: Any) -> Any:
    """Return a JobSet's body whose claim templates do not say of what kind they are: their type knows."""
    policies = body["spec"].get("volumeClaimPolicies") if isinstance(body.get("spec"), dict) else None
    if not isinstance(policies, list):
        return body
    for policy in policies:
        claims = policy.get("templates") if isinstance(policy, dict) else None
        for claim in claims if isinstance(claims, list) else ():
            if isinstance(claim, dict):
                claim.pop("apiVersion", None)
                claim.pop("kind", None)
    return body


def to_dict(obj: Object) -> dict[str, Any]:
    """Return an object as Kubernetes JSON data, apiVersion and kind first."""
    head: dict[str, Any] = {"apiVersion": obj.api_version, "kind": obj.kind}
    if isinstance(obj, Unstructured):
        return {**head, "metadata": to_data(obj.metadata), **to_data(obj.content)}
    data = {**head, **to_data(obj)}
    if isinstance(obj, JobSet):
        # Theirs are metav1.Conditions, which always say why, if only with an empty text.
        for condition in data.get("status", {}).get("conditions", ()):
            condition.setdefault("reason", "")
            condition.setdefault("message", "")
    return data


def normal_form(data: Any) -> Any:
    """Return data without null, ``{}`` and ``[]``, recursively until nothing changes.

    The normal form of ``conformance/README.md``: both sides of a comparison go through it.
    """
    if type(data) in _SCALARS:
        return data
    if isinstance(data, Mapping):
        return {k: w for k, v in data.items() if not _is_nothing(w := normal_form(v))}
    if isinstance(data, list | tuple):
        return [w for v in data if not _is_nothing(w := normal_form(v))]
    return data


def _is_nothing(value: Any) -> bool:
    """Tell whether a value is null, an empty mapping or an empty list."""
    return not value and (value is None or value == {} or value == [])
