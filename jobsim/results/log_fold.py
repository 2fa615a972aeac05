"""Reading the log back: from rows to objects, to changes, to the state at any time.

The mirror of ``results.log``: what is said there about rows is undone here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, TypeVar, cast, get_type_hints

from jobsim.api import codec
from jobsim.api._struct import Struct, replace
from jobsim.api.kinds import KINDS
from jobsim.api.meta import Object, Unstructured
from jobsim.api.watch import WatchEvent
from jobsim.results.log import Prototypes, Row

S = TypeVar("S", bound=Struct)
Key = tuple[str, str, str]

#: What a row says about itself; every other key is a part of the object.
_HEAD = frozenset({"revision", "time", "type", "kind", "namespace", "name", "like"})


class Fold:
    """The objects of a run at some point of its log, by (kind, namespace, name).

    Parameters
    ----------
    rows : iterable of dict, optional
        Applied at once.
    until_ns : int, optional
        Stop before the first row after this time.
    """

    def __init__(self, rows: Iterable[Row] = (), *, until_ns: int | None = None) -> None:
        self.objects: dict[Key, Object] = {}
        self._prototypes = Prototypes()
        self._types: dict[type[Struct], dict[str, tuple[str, Any]]] = {}
        for row in rows:
            if until_ns is not None and row["time"] > until_ns:
                break
            self.apply(row)

    def apply(self, row: Row) -> WatchEvent | None:
        """Take in the next row; return the change it stands for, None for a note."""
        if "note" in row:
            return None
        type_ = cast('Literal["ADDED", "MODIFIED", "DELETED"]', row["type"])
        key = (row["kind"], row["namespace"], row["name"])
        old = None if type_ == "ADDED" else self.objects[key]
        new = self._changed(self._base(row) if old is None else old, row)
        if type_ == "DELETED":
            del self.objects[key]
            self._prototypes.forget(new)
        else:
            self.objects[key] = new
            if old is None:
                self._prototypes.add(new)
        return WatchEvent(type=type_, obj=new, old=old, revision=row["revision"], time=row["time"])

    def _base(self, row: Row) -> Object:
        """Return what an ADDED row is a change of."""
        name = row.get("like")
        if name is not None:
            return self._prototypes.get(name)
        kind = row["kind"]
        if kind not in KINDS or "groupVersion" in row:
            return Unstructured(type_name=kind)
        return KINDS[kind].type()

    def _changed(self, base: Object, row: Row) -> Object:
        parts = {name: value for name, value in row.items() if name not in _HEAD}
        return self._merged(base, parts).with_meta(resource_version=str(row["revision"]))

    def _merged(self, base: S, changes: Row) -> S:
        """Return a value with the changes of a row applied."""
        fields = self._fields(type(base))
        new: dict[str, Any] = {}
        for name, value in changes.items():
            attribute, hint = fields[name]
            old = getattr(base, attribute)
            if value is None:
                new[attribute] = None
            elif isinstance(old, Struct):
                new[attribute] = self._merged(old, value)
            elif isinstance(old, dict) and isinstance(value, dict):
                new[attribute] = {k: v for k, v in {**old, **value}.items() if v is not None}
            else:
                new[attribute] = codec.convert(value, hint)
        return replace(base, **new) if new else base

    def _fields(self, type_: type[Struct]) -> dict[str, tuple[str, Any]]:
        """Return attribute and type of the fields of a type, by wire name."""
        fields = self._types.get(type_)
        if fields is None:
            hints = get_type_hints(type_)
            names = zip(type_.__struct_encode_fields__, type_.__struct_fields__, strict=True)
            fields = {wire: (attribute, hints[attribute]) for wire, attribute in names}
            self._types[type_] = fields
        return fields


def events(rows: Iterable[Row]) -> Iterator[tuple[WatchEvent | None, Row]]:
    """Yield each row with the change that it stands for (None for a note)."""
    fold = Fold()
    for row in rows:
        yield fold.apply(row), row
