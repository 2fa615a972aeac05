"""Moment: the cluster of a run at one virtual time, as a fold over the run's log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from jobsim.api._struct import Time, replace
from jobsim.api.core import Event, Namespace, NamespaceStatus, ObjectReference
from jobsim.api.kinds import find_kind
from jobsim.api.meta import Object, ObjectMeta
from jobsim.apiserver.table import ObjectTable
from jobsim.controllers.admission.namespace import NAME_LABEL
from jobsim.controllers.admission.pipeline import NAMESPACES
from jobsim.results import describe as describing
from jobsim.results import printers
from jobsim.results.log import Row
from jobsim.results.log_fold import Fold
from jobsim.results.printers import event_times
from jobsim.units import floor_second

#: Kinds that manifests often bring and that are only stored, with kubectl's short names.
STORED = {
    "ClusterQueue": "cq",
    "ClusterRole": "",
    "ClusterRoleBinding": "",
    "ConfigMap": "cm",
    "CronJob": "cj",
    "CustomResourceDefinition": "crd",
    "DaemonSet": "ds",
    "Deployment": "deploy",
    "LocalQueue": "queue",
    "PersistentVolume": "pv",
    "ReplicaSet": "rs",
    "ResourceClaim": "",
    "ResourceClaimTemplate": "",
    "ResourceFlavor": "rf",
    "Role": "",
    "RoleBinding": "",
    "Secret": "",
    "ServiceAccount": "sa",
    "StatefulSet": "sts",
    "StorageClass": "sc",
}
#: What ``get all`` lists, in kubectl's order; JobSets besides.
ALL = ("Pod", "Service", "Job", "JobSet")


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
        objects = [o for o in self.objects(self.kind(word), namespace) if name in ("", o.name)]
        return Listing(objects, self.now)

    def objects(self, kind: str, namespace: str | None = None) -> list[Object]:
        """Return the objects of a kind by (namespace, name); Events by the time they were last seen."""
        objects: list[Object] = list(self.reader.list_kind(kind, namespace))
        if kind == Namespace.KIND:
            return self._namespaces(objects)
        if kind == "Event":
            objects.sort(key=lambda event: event_times(event)[1] or 0)  # type: ignore[arg-type]
        return objects

    def _namespaces(self, written: list[Object]) -> list[Object]:
        """Return the namespaces that there are: also those of every cluster, and those taken as existing."""
        names = {obj.namespace for obj in self.reader if obj.namespace and obj.kind != Event.KIND}
        known = {obj.name: obj for obj in written}
        active = NamespaceStatus(phase="Active")
        for name in (*NAMESPACES, *names):
            meta = ObjectMeta(name=name, creation_timestamp=Time(0), labels={NAME_LABEL: name})
            known.setdefault(name, Namespace(metadata=meta, status=active))
        return [known[name] for name in sorted(known)]

    def kind(self, word: str) -> str:
        """Return the kind that a word means; "" if the cluster has none such."""
        info = find_kind(word)
        if info is not None:
            return info.kind
        lowered = word.lower().partition(".")[0]
        for kind in (*self.reader.kinds(), *STORED):
            if lowered in (kind.lower(), _plural(kind), STORED.get(kind) or kind.lower()):
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


def _plural(kind: str) -> str:
    """Return the plural that an API gives a kind (controller-gen's guess)."""
    word = kind.lower()
    if word.endswith(("s", "x", "ch", "sh")):
        return word + "es"
    return word[:-1] + "ies" if word.endswith("y") and word[-2] not in "aeiou" else word + "s"


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
