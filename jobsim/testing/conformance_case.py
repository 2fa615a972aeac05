"""What the runners of all forms share: a case's cache as a Reader, its gates, its objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from jobsim.api import codec
from jobsim.api.meta import Object
from jobsim.apiserver.table import ObjectTable
from jobsim.controllers.jobset import Gates

Case = Mapping[str, Any]

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


def gates_of(case: Case) -> Gates:
    """Return a case's feature gates and version."""
    switched = {GATES[name]: on for name, on in case.get("gates", {}).items() if name in GATES}
    return Gates(version="main" if case.get("upstream") == "main" else "v0.12.0", **switched)


def reader_of(documents: Sequence[Mapping[str, Any]]) -> ObjectTable:
    """Return a Reader over a recorded cache."""
    table = ObjectTable()
    for document in documents:
        table.put(object_of(document))
    return table


def object_of(document: Mapping[str, Any]) -> Object:
    """Return a recorded object.

    Recorded objects are what a Go client decodes, so an explicit empty list is kept (``dependsOn``).
    """
    return codec.from_dict(document)


def sent_object(document: Mapping[str, Any]) -> Any:
    """Return the object of a write in normal form, without what is not compared."""
    metadata = {k: v for k, v in document.get("metadata", {}).items() if k not in _NOT_COMPARED}
    return codec.normal_form({**document, "metadata": metadata})
