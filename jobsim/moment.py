"""Moment: the cluster of a run at one virtual time, as a fold over the run's log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from jobsim.api._struct import Time, replace
from jobsim.api.core import Event, ObjectReference
from jobsim.api.kinds import find_kind
from jobsim.api.meta import Object, ObjectMeta
from jobsim.apiserver.table import ObjectTable
from jobsim.results import describe as describing
from jobsim.results import printers
from jobsim.results.log import Row
from jobsim.results.log_fold import Fold
from jobsim.units import floor_second


class Listing(Sequence[Object]):
    """Objects of one or more kinds at a time; prints as ``kubectl get`` does."""

    def __init__(self, objects: Sequence[Object], now: int) -> None:
        self._objects = tuple(objects)
        self._now = now

    def __len__(self) -> int:
        return len(self._objects)

    def __getitem__(self, index: Any) -> Any:
        return self._objects[index]

    def __repr__(self) -> str:
        return printers.get(self._objects, self._now)


class Moment:
    """All objects and events as they were at a time.

    Parameters
    ----------
    rows : iterable of dict
        The rows of a run's log.
    now : int
        Virtual time, ns; changes at this very instant are in.
    """

    def __init__(self, rows: Iterable[Row], now: int) -> None:
        self.now = now
        fold = Fold()
        series: dict[tuple[str, ...], Event] = {}
        for row in rows:
            if row["time"] > now:
                break
            if row.get("note") == "event":
                _add_event(series, row)
            else:
                fold.apply(row)
        self.reader = ObjectTable()
        for obj in fold.objects.values():
            self.reader.put(obj)
        for event in series.values():
            self.reader.put(event)

    def get(self, word: str, name: str = "", namespace: str | None = None) -> Listing:
        """Return objects by kubectl's word for a kind (``pods``, ``js``, ...), by (namespace, name).

        Parameters
        ----------
        word : str
            Kind, plural, singular or short name; any other kind by its own word.
        name : str
            Only the object of this name.
        namespace : str or None
            None: all namespaces.
        """
        objects = self.reader.list_kind(self.kind(word), namespace)
        return Listing([o for o in objects if name in ("", o.name)], self.now)

    def kind(self, word: str) -> str:
        """Return the kind that a word means; "" if the cluster has none such."""
        info = find_kind(word)
        if info is not None:
            return info.kind
        lowered = word.lower()
        for kind in self.reader.kinds():
            if lowered in (kind.lower(), kind.lower() + "s"):
                return kind
        return ""

    def events_about(self, obj: Object) -> list[Event]:
        """Return the events about an object, oldest first."""
        found = [
            e
            for e in self.reader.list(Event)
            if (e.involved_object.kind, e.involved_object.namespace, e.involved_object.name)
            == (obj.kind, obj.namespace, obj.name)
        ]
        return sorted(found, key=lambda e: (e.last_timestamp or 0, e.name))

    def describe(self, obj: Object) -> str:
        """Return what ``kubectl describe`` would print."""
        return describing.describe(obj, self.reader, self.events_about(obj), self.now)


def _add_event(series: dict[tuple[str, ...], Event], row: Row) -> None:
    """Add an event row to its series: same object, reason and message (client-go's correlator)."""
    about = row["about"]
    key = (about["kind"], about["namespace"], about["name"], row["type"], row["reason"], row["message"])
    time = Time(floor_second(row["time"]))
    known = series.get(key)
    if known is not None:
        series[key] = replace(known, count=known.count + 1, last_timestamp=time)
        return
    namespace = about["namespace"] or "default"
    series[key] = Event(
        metadata=ObjectMeta(
            name=f"{about['name']}.{len(series):08x}", namespace=namespace, creation_timestamp=time
        ),
        involved_object=ObjectReference(kind=about["kind"], namespace=about["namespace"], name=about["name"]),
        type=row["type"],
        reason=row["reason"],
        message=row["message"],
        source={"component": row["component"]},
        reporting_component=row["component"],
        first_timestamp=time,
        last_timestamp=time,
        count=1,
    )
