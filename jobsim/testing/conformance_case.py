"""What the runners of all forms share: a case's cache as a Reader, its gates, its objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

from jobsim.api import codec
from jobsim.api.kinds import KINDS
from jobsim.api.meta import Object, Unstructured
from jobsim.apiserver.table import ObjectTable
from jobsim.controllers.jobset import Gates
from jobsim.errors import InputError
from jobsim.units import parse_rfc3339

Case = Mapping[str, Any]
K = TypeVar("K", bound=Object)

#: Names of feature gates in cases, on the command line, in the Gates struct.
GATES = {
    "InPlaceRestart": "in_place_restart",
    "RestartJob": "restart_job",
    "ElasticJobSet": "elastic_jobset",
}
#: Metadata that is left out of the objects of recorded writes.
_NOT_COMPARED = ("resourceVersion", "uid", "creationTimestamp", "generation", "managedFields")


class Verdict(NamedTuple):
    """Both sides of a comparison, as plain data in normal form."""

    expected: object
    got: object


def need(case: Case, *keys: str) -> Any:
    """Return a value that a case of this form must have, by its path.

    Raises
    ------
    InputError
        It is not there.
    """
    value: Any = case
    for key in keys:
        if not isinstance(value, Mapping) or key not in value:
            raise InputError(f"case {case.get('case', '?')} has no {'.'.join(keys)}")
        value = value[key]
    return value


def gates_of(case: Case) -> Gates:
    """Return a case's feature gates and version."""
    switched = {GATES[name]: bool(on) for name, on in (case.get("gates") or {}).items() if name in GATES}
    return Gates(version="main" if case.get("upstream") == "main" else "v0.12.0", **switched)


def now_of(case: Case) -> int:
    """Return the virtual time of a case, ns."""
    text = need(case, "now")
    try:
        return parse_rfc3339(text)
    except (TypeError, ValueError):
        raise InputError(f"case {case['case']}: now is no RFC 3339 time: {text!r}") from None


def reader_of(case: Case) -> ObjectTable:
    """Return a Reader over a case's cache (an empty one without it)."""
    table = ObjectTable()
    for document in case.get("cache") or []:
        table.put(_object(case, document, Object))
    return table


def object_of(case: Case, key: str, kind: type[K]) -> K:
    """Return the object of a kind that a case has under a key.

    Recorded objects are what a Go client decodes, so an explicit empty list is kept (``dependsOn``).

    Raises
    ------
    InputError
    """
    return _object(case, need(case, key), kind)


def _object(case: Case, document: object, kind: type[K]) -> K:
    if not isinstance(document, Mapping):
        raise InputError(f"case {case['case']}: an object is no mapping")
    try:
        obj = codec.from_dict(document)
    except codec.DecodeError as err:
        raise InputError(f"case {case['case']}: {document.get('kind', 'an object')}: {err}") from None
    if isinstance(obj, Unstructured) and obj.kind in KINDS:
        version = KINDS[obj.kind].type.API_VERSION
        raise InputError(f"case {case['case']}: {obj.kind} is of {version}, not of {obj.api_version!r}")
    if not isinstance(obj, kind):
        raise InputError(f"case {case['case']}: {obj.kind} where {kind.KIND} is expected")
    return obj


def sent_object(document: Mapping[str, Any]) -> Any:
    """Return the object of a write in normal form, without what is not compared."""
    metadata = {k: v for k, v in document.get("metadata", {}).items() if k not in _NOT_COMPARED}
    return codec.normal_form({**document, "metadata": metadata})
