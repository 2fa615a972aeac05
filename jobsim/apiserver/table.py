"""ObjectTable: objects by kind and key with their indexes; the body of the store and of every cache.

Rules of the file: buckets hold keys, never objects, so a write that changes neither labels,
annotations, owners nor spec (a status write: most writes of a run) touches no index.  Lists come
in the order of (namespace, name), whatever the order of insertion.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar, cast

from jobsim.api.meta import Object
from jobsim.api.watch import WatchEvent
from jobsim.apiserver.index import INDEXES, SPEC_INDEXES, IndexFunction

O = TypeVar("O", bound=Object)
Key = tuple[str, str]


class _Bucket:
    """Keys in order: appended as they come, sorted when next read."""

    __slots__ = ("_members", "_ordered", "_sorted")

    def __init__(self) -> None:
        self._members: dict[tuple[str, ...], None] = {}
        self._ordered: list[tuple[str, ...]] = []
        self._sorted = True

    def add(self, key: tuple[str, ...]) -> None:
        self._members[key] = None
        if self._sorted and (not self._ordered or self._ordered[-1] < key):
            self._ordered.append(key)
        else:
            self._sorted = False

    def discard(self, key: tuple[str, ...]) -> None:
        if self._members.pop(key, 0) is None:
            self._sorted = False

    def __len__(self) -> int:
        return len(self._members)

    def members(self) -> Iterator[tuple[str, ...]]:
        return iter(self._members)

    def ordered(self) -> list[tuple[str, ...]]:
        if not self._sorted:
            self._ordered = sorted(self._members)
            self._sorted = True
        return self._ordered


class _KindTable:
    """The objects of one kind."""

    __slots__ = ("buckets", "functions", "namespaces", "objects", "order")

    def __init__(self, kind: str) -> None:
        self.objects: dict[Key, Object] = {}
        self.order = _Bucket()
        self.namespaces: dict[str, _Bucket] = {}
        self.functions: tuple[tuple[str, IndexFunction], ...] = tuple(INDEXES.get(kind, {}).items())
        self.buckets: dict[str, dict[str, _Bucket]] = {name: {} for name, _ in self.functions}

    def file(self, obj: Object, key: Key) -> None:
        for name, function in self.functions:
            self._add(name, function(obj), key)

    def unfile(self, obj: Object, key: Key) -> None:
        for name, function in self.functions:
            self._discard(name, function(obj), key)

    def refile(self, old: Object, new: Object, key: Key) -> None:
        """Move an object whose spec alone changed: a binding, most often."""
        for name, function in self.functions:
            if name in SPEC_INDEXES:
                was, is_now = function(old), function(new)
                if was != is_now:
                    self._discard(name, was, key)
                    self._add(name, is_now, key)

    def _add(self, name: str, value: str, key: Key) -> None:
        if value:
            table = self.buckets[name]
            bucket = table.get(value)
            if bucket is None:
                bucket = table[value] = _Bucket()
            bucket.add(key)

    def _discard(self, name: str, value: str, key: Key) -> None:
        if value:
            table = self.buckets[name]
            bucket = table.get(value)
            if bucket is not None:
                bucket.discard(key)
                if not len(bucket):
                    del table[value]


def _same_names(old: Object, new: Object) -> bool:
    """Tell whether labels, annotations and owners are the same objects."""
    a, b = old.metadata, new.metadata
    return (
        a.labels is b.labels and a.annotations is b.annotations and a.owner_references is b.owner_references
    )


class ObjectTable:
    """A Reader over objects that are put and removed one by one."""

    def __init__(self) -> None:
        self._kinds: dict[str, _KindTable] = {}
        self._dependents: dict[str, _Bucket] = {}

    # -- reading -------------------------------------------------------------------------------

    def get(self, kind: type[O], namespace: str, name: str) -> O | None:
        """Return one object, or None."""
        table = self._kinds.get(kind.KIND)
        return None if table is None else cast("O | None", table.objects.get((namespace, name)))

    def find(self, kind: str, namespace: str, name: str) -> Object | None:
        """Return one object by the kind's word (also kinds that are not typed), or None."""
        table = self._kinds.get(kind)
        return None if table is None else table.objects.get((namespace, name))

    def list(self, kind: type[O], namespace: str | None = None) -> Sequence[O]:
        """Return all objects of a kind (in one namespace), by (namespace, name)."""
        return cast("Sequence[O]", self.list_kind(kind.KIND, namespace))

    def list_kind(self, kind: str, namespace: str | None = None) -> Sequence[Object]:
        """Return all objects of a kind by its word, by (namespace, name)."""
        table = self._kinds.get(kind)
        if table is None:
            return ()
        bucket = table.order if namespace is None else table.namespaces.get(namespace)
        return () if bucket is None else _objects(table, bucket)

    def by_index(self, kind: type[O], index: str, value: str) -> Sequence[O]:
        """Return the objects that an index files under a value, by (namespace, name)."""
        table = self._kinds.get(kind.KIND)
        bucket = None if table is None else table.buckets[index].get(value)
        if table is None or bucket is None:
            return ()
        return cast("Sequence[O]", _objects(table, bucket))

    def count(self, kind: type[O]) -> int:
        """Return how many objects of a kind there are, without listing them."""
        table = self._kinds.get(kind.KIND)
        return 0 if table is None else len(table.objects)

    def dependents(self, uid: str) -> Sequence[Object]:
        """Return objects of any kind with an owner reference to this UID."""
        bucket = self._dependents.get(uid)
        if bucket is None:
            return ()
        return [self._kinds[kind].objects[(namespace, name)] for kind, namespace, name in bucket.ordered()]

    def has_blocking_dependent(self, uid: str) -> bool:
        """Tell whether an object with blockOwnerDeletion refers to this UID.

        Looks at members in no order and stops at the first: the answer does not depend on it, and
        an owner whose thousands of pods vanish one by one must not sort them each time.
        """
        bucket = self._dependents.get(uid)
        if bucket is None:
            return False
        for kind, namespace, name in bucket.members():
            for ref in self._kinds[kind].objects[(namespace, name)].metadata.owner_references:
                if ref.uid == uid and ref.block_owner_deletion:
                    return True
        return False

    def in_namespace(self, namespace: str) -> Sequence[Object]:
        """Return all objects of a namespace, of any kind, by (kind, name)."""
        return [obj for kind in self.kinds() for obj in self.list_kind(kind, namespace)]

    def kinds(self) -> Sequence[str]:
        """Return the words of all kinds that ever had an object, in alphabetical order."""
        return sorted(self._kinds)

    def __iter__(self) -> Iterator[Object]:
        """Yield all objects, by (kind, namespace, name)."""
        for kind in self.kinds():
            yield from self.list_kind(kind)

    # -- changing ------------------------------------------------------------------------------

    def put(self, obj: Object) -> Object | None:
        """Store an object under its key; return what was there before."""
        kind, key = obj.kind, obj.key
        old = self.find(kind, *key)
        self._file(kind, key, obj, old)
        return old

    def _file(self, kind: str, key: Key, obj: Object, old: Object | None) -> None:
        """Store an object in place of an old one that is known."""
        table = self._kinds.get(kind)
        if table is None:
            table = self._kinds[kind] = _KindTable(kind)
        table.objects[key] = obj
        if old is None:
            table.order.add(key)
            namespace = table.namespaces.get(key[0])
            if namespace is None:
                namespace = table.namespaces[key[0]] = _Bucket()
            namespace.add(key)
        elif _same_names(old, obj):
            if getattr(old, "spec", None) is not getattr(obj, "spec", None):
                table.refile(old, obj, key)
            return
        else:
            self._unfile(table, old, key)
        table.file(obj, key)
        for ref in obj.metadata.owner_references:
            bucket = self._dependents.get(ref.uid)
            if bucket is None:
                bucket = self._dependents[ref.uid] = _Bucket()
            bucket.add((kind, *key))

    def _exchange(self, kind: str, key: Key, obj: Object) -> None:
        """Store an object in place of one that is filed under the same values."""
        self._kinds[kind].objects[key] = obj

    def remove(self, obj: Object) -> None:
        """Forget an object."""
        table = self._kinds[obj.kind]
        key = obj.key
        old = table.objects.pop(key, None)
        if old is None:
            return
        table.order.discard(key)
        table.namespaces[key[0]].discard(key)
        self._unfile(table, old, key)

    def _unfile(self, table: _KindTable, old: Object, key: Key) -> None:
        table.unfile(old, key)
        for ref in old.metadata.owner_references:
            bucket = self._dependents.get(ref.uid)
            if bucket is not None:
                bucket.discard((old.kind, *key))
                if not len(bucket):
                    del self._dependents[ref.uid]

    def apply(self, event: WatchEvent) -> None:
        """Bring the table up to date with one entry of the watch log."""
        if event.type == "DELETED":
            self.remove(event.obj)
        else:
            self.put(event.obj)


def _objects(table: _KindTable, bucket: _Bucket) -> list[Object]:
    objects = table.objects
    return [objects[key] for key in bucket.ordered()]  # type: ignore[index]
