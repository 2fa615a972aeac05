"""Server: writes in, answers out: names, admission, then the store.

What kube-apiserver does around its storage: expands generateName, gives uid and creation time,
asks admission (``controllers.admission``, handed in, because decisions lie a layer above), and
turns each write of the vocabulary into a store call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from jobsim.api import codec
from jobsim.api._struct import Time, replace
from jobsim.api.kinds import KINDS
from jobsim.api.meta import Object
from jobsim.api.plan import WriteResult
from jobsim.api.reader import Reader
from jobsim.api.writes import (
    Bind,
    Create,
    Delete,
    Evict,
    Patch,
    PatchFinalizers,
    PatchPodStatus,
    PatchStatus,
    Update,
    UpdateStatus,
    Write,
)
from jobsim.apiserver import messages
from jobsim.apiserver.store import Store
from jobsim.errors import ApiError
from jobsim.units import floor_second

#: What a generated name keeps of its prefix: 63 less the suffix (apiserver names/generate.go).
PREFIX_LENGTH_MAX = 58


class Admission(Protocol):
    """What stands between a request and the store; each may raise ``ApiError``."""

    def admit_manifest(self, doc: Mapping[str, Any], reader: Reader) -> Object:
        """Return the object that a user's document asks for, accepted by the whole chain."""
        ...

    def admit_create(self, obj: Object, reader: Reader) -> Object:
        """Return the object to store: defaulted, mutated, validated."""
        ...

    def admit_update(self, new: Object, old: Object, reader: Reader) -> Object:
        """Return the object to store in place of ``old``."""
        ...

    def admit_status(self, new: Object, old: Object) -> None:
        """Refuse a status that the API server would refuse."""
        ...

    def admit_delete(self, write: Delete) -> None:
        """Refuse the deletion of what every cluster needs."""
        ...

    def evict(self, write: Evict, reader: Reader, now: int) -> tuple[Write, ...]:
        """Return the writes of an eviction; refuse one that a PodDisruptionBudget forbids."""
        ...


class Names(Protocol):
    """Where generated parts come from (``rng.NameSource``)."""

    def suffix(self) -> str:
        """Return the random suffix of a generated name."""
        ...

    def uid(self) -> str:
        """Return a new UID."""
        ...


class OpenAdmission:
    """Admission that lets everything pass as it is: for tests of what lies behind it."""

    def admit_manifest(self, doc: Mapping[str, Any], reader: Reader) -> Object:
        """Return the document as an object."""
        return codec.from_dict(doc)

    def admit_create(self, obj: Object, reader: Reader) -> Object:
        """Return the object."""
        return obj

    def admit_update(self, new: Object, old: Object, reader: Reader) -> Object:
        """Return the new object."""
        return new

    def admit_status(self, new: Object, old: Object) -> None:
        """Refuse nothing."""

    def admit_delete(self, write: Delete) -> None:
        """Refuse nothing."""

    def evict(self, write: Evict, reader: Reader, now: int) -> tuple[Write, ...]:
        """Return the deletion that an eviction is."""
        return (Delete(kind="Pod", namespace=write.namespace, name=write.name, grace_s=write.grace_s),)


class Server:
    """The in-memory API server.

    Parameters
    ----------
    store : Store
    admission : Admission
    names : Names
    """

    def __init__(self, store: Store, admission: Admission, names: Names) -> None:
        self.store = store
        self.admission = admission
        self.names = names
        self._handlers: dict[type[Write], Callable[[Any, int], Object]] = {
            Create: lambda write, now: self.create(write.obj, now),
            Update: lambda write, now: self._update(write.obj, now),
            UpdateStatus: lambda write, now: self._update_status(write.obj, now),
            Patch: self._patch,
            PatchStatus: self._patch_status,
            PatchPodStatus: store.patch_pod_status,
            PatchFinalizers: store.patch_finalizers,
            Delete: self._delete,
            Bind: store.bind,
            Evict: self._evict,
        }

    def request(self, write: Write, now: int) -> WriteResult:
        """Apply a write and return the object as stored, or the error."""
        try:
            return WriteResult(write=write, obj=self._handlers[type(write)](write, now), at=now)
        except ApiError as err:
            return WriteResult(write=write, error=err, at=now)

    def apply(self, write: Write, now: int) -> Object:
        """Apply a write and return the object as stored.

        Raises
        ------
        ApiError
            What a real API server would answer.
        """
        return self._handlers[type(write)](write, now)

    def create(self, obj: Object, now: int) -> Object:
        """Create an object: name, uid and times first, then admission, then the store."""
        return self.store.create(self.admission.admit_create(self._stamped(obj, now), self.store), now)

    def _stamped(self, obj: Object, now: int) -> Object:
        """Return a new object with what only the server gives."""
        meta = obj.metadata
        name = meta.name
        if not name and meta.generate_name:
            name = meta.generate_name[:PREFIX_LENGTH_MAX] + self.names.suffix()
        meta = replace(
            meta,
            name=name,
            uid=self.names.uid(),
            creation_timestamp=Time(floor_second(now)),
            generation=1 if hasattr(obj, "spec") and obj.kind != "Namespace" else 0,
            resource_version="",
            deletion_timestamp=None,
            deletion_grace_period_seconds=None,
        )
        return replace(obj, metadata=meta)

    def submit(self, doc: Mapping[str, Any], now: int) -> Object:
        """Take in a user's document as ``kubectl apply`` does: create it, or merge it into what is there.

        Raises
        ------
        ApiError
            What a real API server would answer.
        """
        obj = self.admission.admit_manifest(doc, self.store)
        old = self.store.find(obj.kind, obj.namespace, obj.name)
        if old is None and obj.kind == "JobSet":
            # Its admission does not depend on the uid, so it has been through all of it.
            return self.store.create(self._stamped(obj, now), now)
        if old is None:
            return self.create(obj, now)
        patch = {key: value for key, value in doc.items() if key != "status"}
        patch["metadata"] = {"labels": {}, "annotations": {}, **doc.get("metadata", {})}
        patch["metadata"].pop("generateName", None)
        write = Patch(kind=obj.kind, namespace=obj.namespace, name=obj.name, patch=patch)
        return self._patch(write, now)

    def _update(self, new: Object, now: int) -> Object:
        old = self.store.find(new.kind, new.namespace, new.name)
        if old is None:
            raise messages.not_found(new.kind, new.name)
        version = new.metadata.resource_version
        if version and version != old.metadata.resource_version:
            raise messages.conflict(new.kind, new.name)
        return self.store.update(self.admission.admit_update(new, old, self.store), now)

    def _update_status(self, new: Object, now: int) -> Object:
        old = self.store.find(new.kind, new.namespace, new.name)
        version = new.metadata.resource_version
        # A stale write is refused as such, whatever else is wrong with it.
        if old is not None and version in ("", old.metadata.resource_version):
            self.admission.admit_status(new, old)
        return self.store.update_status(new, now)

    def _patch(self, write: Patch, now: int) -> Object:
        """Merge a JSON merge patch into the main resource (status in it is not looked at)."""
        old = self.store.find(write.kind, write.namespace, write.name)
        if old is None:
            raise messages.not_found(write.kind, write.name)
        patch = {key: value for key, value in write.patch.items() if key != "status"}
        return self._update(_patched(old, patch), now)

    def _patch_status(self, write: PatchStatus, now: int) -> Object:
        old = self.store.find(write.kind, write.namespace, write.name)
        if old is None:
            raise messages.not_found(write.kind, write.name)
        return self._update_status(_patched(old, {"status": write.patch.get("status")}), now)

    def _delete(self, write: Delete, now: int) -> Object:
        if write.kind == "Namespace":
            self.admission.admit_delete(write)
        return self.store.delete(write, now)

    def _evict(self, write: Evict, now: int) -> Object:
        """Carry out what admission makes of an eviction; the last write is the pod's deletion."""
        obj: Object | None = None
        for each in self.admission.evict(write, self.store, now):
            obj = self.apply(each, now)
        assert obj is not None, "an eviction deletes or is refused"
        return obj


def _patched(old: Object, patch: Mapping[str, Any]) -> Object:
    """Return an object with a merge patch applied; a patch of the wrong shape is an Invalid."""
    if (annotations := _only_annotations(patch)) is not None:
        return old.with_meta(annotations={**old.metadata.annotations, **annotations})
    merged = merge_patch(codec.to_dict(old), patch)
    if merged.get("apiVersion") != old.api_version or merged.get("kind") != old.kind:
        raise ApiError("BadRequest", "the kind of an object cannot be patched")
    try:
        return codec.from_dict(merged)
    except codec.DecodeError as err:
        info = KINDS.get(old.kind)
        group = f"{old.kind}.{info.group}" if info and info.group else old.kind
        raise ApiError("Invalid", f'{group} "{old.name}" is invalid: patch: Invalid value: {err}') from None


def _only_annotations(patch: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the annotations that a patch sets if it does nothing else: agents ask for that in masses."""
    if list(patch) != ["metadata"] or not isinstance(patch["metadata"], Mapping):
        return None
    if list(patch["metadata"]) != ["annotations"]:
        return None
    annotations = patch["metadata"]["annotations"]
    if not isinstance(annotations, dict) or not all(type(text) is str for text in annotations.values()):
        return None
    return annotations


def merge_patch(target: Any, patch: Any) -> Any:
    """Return RFC 7386's MergePatch(target, patch); nulls remove.

    Examples
    --------
    >>> merge_patch({"a": 1, "b": {"c": 2}}, {"a": None, "b": {"d": 3}})
    {'b': {'c': 2, 'd': 3}}
    """
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged
