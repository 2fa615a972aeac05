"""The log of a run: one JSON line per change, one per note; its hash is the run's digest.

A row of a change has ``revision, time`` (ns)``, type, kind, namespace, name`` and then only what
changed, field by field: of the old object for MODIFIED and DELETED, for ADDED of a blank object or, with
``like``, of an earlier sibling (the pods of a Job differ in name, uid and index alone).  Maps are changed
key by key, null takes a field or a key away, lists are given whole.  resourceVersion is not written: the
revision says it.  Comparison is by identity first (objects share what did not change) and by value
second, so the bytes depend on the content alone.

A row of a note has ``note`` (its kind), ``time`` and the note's own fields.

``results.log_fold`` reads the rows back into objects: state at any time is a fold over the log.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from itertools import compress
from operator import is_not, ne
from pathlib import Path
from typing import Any

import msgspec

from jobsim.api._struct import Struct, Time, astuple, replace
from jobsim.api.jobset import JOBSET_NAME, REPLICATED_JOB_NAME
from jobsim.api.meta import Object, ObjectMeta, Unstructured
from jobsim.api.pod import Pod, PodStatus
from jobsim.api.watch import WatchEvent
from jobsim.units import rfc3339

#: Uncompressed bytes of a chunk; a chunk is hashed, compressed and forgotten as a whole.
CHUNK_NBYTES = 1 << 16
#: Distinct times whose text is remembered.
_TIMES_MAX = 4096
#: zlib's fastest: three times faster than its default here, for 15 % more bytes.
_LEVEL = 1
#: Positions of fields; no type has more.
_POSITIONS = tuple(range(64))

Row = dict[str, Any]


class Prototypes:
    """Earlier siblings that an ADDED row may refer to: per owner, and per family of owners.

    Writer and reader of a log keep them by the same rules, so a row only has to name one.
    """

    def __init__(self) -> None:
        self._by_owner: dict[str, Object] = {}
        self._by_family: dict[str, Object] = {}

    def add(self, obj: Object) -> tuple[str, Object | None]:
        """Return the nearest sibling of a new object and its name, or ("", None); remember a first one."""
        owner = _owner_key(obj)
        if not owner:
            return "", None
        found = self._by_owner.get(owner)
        if found is not None:
            return owner, found
        family = _family_key(obj)
        found = self._by_family.get(family)
        self._by_owner[owner] = self._by_family[family] = obj
        return (family, found) if found is not None else ("", None)

    def get(self, name: str) -> Object:
        """Return the sibling that a row names."""
        found = self._by_owner.get(name)
        return self._by_family[name] if found is None else found

    def forget(self, owner: Object) -> None:
        """Drop the children of an owner that is gone."""
        if owner.KIND in ("Job", "JobSet"):
            self._by_owner.pop("Pod/" + owner.uid, None)


def _owner_key(obj: Object) -> str:
    """Return ``Pod/<uid of its Job>``; for a Job ``Job/<its family>``; empty for all else."""
    kind = obj.KIND
    if kind == "Pod":
        for ref in obj.metadata.owner_references:
            if ref.controller:
                return "Pod/" + ref.uid
        return ""
    return _family_key(obj) if kind == "Job" else ""


def _family_key(obj: Object) -> str:
    """Return ``Kind/namespace/JobSet/ReplicatedJob``."""
    meta = obj.metadata
    labels = meta.labels
    jobset = labels.get(JOBSET_NAME, "")
    return f"{obj.KIND}/{meta.namespace}/{jobset}/{labels.get(REPLICATED_JOB_NAME, '')}"


class _Times(dict[int, str]):
    """RFC 3339 by time; most rows of an instant share it."""

    def __missing__(self, value: object) -> str:
        if not isinstance(value, Time):
            raise NotImplementedError(type(value))
        if len(self) >= _TIMES_MAX:
            self.clear()
        text = self[value] = rfc3339(value)
        return text


def _json() -> msgspec.json.Encoder:
    # A look-up in a dict as hook: no Python code runs for a time that was seen.
    return msgspec.json.Encoder(enc_hook=_Times().__getitem__)


class RowEncoder:
    """Makes rows and lines from changes; keeps the siblings that rows refer to."""

    def __init__(self) -> None:
        self._prototypes = Prototypes()
        self._encode = _json().encode

    def watch(self, event: WatchEvent) -> bytes:
        """Return the line of one change, without its newline."""
        return self._encode(self.row(event))

    def row(self, event: WatchEvent) -> Row:
        """Return the row of one change; its values are parts of the object."""
        obj, old, type_ = event.obj, event.old, event.type
        meta = obj.metadata
        row: Row = {
            "revision": event.revision,
            "time": event.time,
            "type": type_,
            "kind": obj.KIND or obj.kind,
            "namespace": meta.namespace,
            "name": meta.name,
        }
        if old is None:
            name, old = self._prototypes.add(obj)
            if old is None:
                old = blank(obj)
            else:
                row["like"] = name
        elif type_ == "DELETED":
            self._prototypes.forget(obj)
        if replace(old.metadata, resource_version=meta.resource_version) != meta:
            row["metadata"] = _metadata_changes(old.metadata, meta)
        if type(obj) is Pod and type(old) is Pod:
            _put_pod_changes(row, old, obj)
        else:
            _put_changes(row, old, obj, 1)
        return row


def blank(obj: Object) -> Object:
    """Return the object that a first ADDED row is a change of."""
    if isinstance(obj, Unstructured):
        return Unstructured(type_name=obj.type_name)
    return type(obj)()


def _put_changes(changes: Row, old: Struct, new: Struct, first: int = 0) -> None:
    """Add the fields from position ``first`` on whose values changed, by their wire names."""
    a, b = astuple(old), astuple(new)
    names = new.__struct_encode_fields__
    # No Python code runs for a shared field: most of the 40 fields of a pod are.
    for i in compress(_POSITIONS, map(is_not, a, b)):
        if i < first:
            continue
        x, y = a[i], b[i]
        kind = type(y)
        if kind is not type(x) or kind is tuple or kind is str or kind is int:
            if x != y:
                changes[names[i]] = y
        elif kind is dict:
            if entries := _map_changes(x, y):
                changes[names[i]] = entries
        elif isinstance(y, Struct):
            nested: Row = {}
            _put_changes(nested, x, y)
            if nested:
                changes[names[i]] = nested
        elif x != y:
            changes[names[i]] = y


# What most rows are about is known: one comparison says that nothing else changed, five times faster than a
# look at every field.


def _metadata_changes(a: ObjectMeta, b: ObjectMeta) -> Row:
    """Return what changed but for resourceVersion: usually finalizers, or that a delete was asked for."""
    changes: Row = {}
    generation, deleted, finalizers = b.generation, b.deletion_timestamp, b.finalizers
    grace = b.deletion_grace_period_seconds
    rest = replace(
        a,
        resource_version=b.resource_version,
        generation=generation,
        deletion_timestamp=deleted,
        deletion_grace_period_seconds=grace,
        finalizers=finalizers,
    )
    if rest != b:
        _put_changes(changes, a, b)
        changes.pop("resourceVersion", None)
        return changes
    if a.generation != generation:
        changes["generation"] = generation
    if a.deletion_timestamp != deleted:
        changes["deletionTimestamp"] = deleted
    if a.deletion_grace_period_seconds != grace:
        changes["deletionGracePeriodSeconds"] = grace
    if a.finalizers != finalizers:
        changes["finalizers"] = finalizers
    return changes


def _put_pod_changes(row: Row, old: Pod, new: Pod) -> None:
    """Put what changed of spec (usually nodeName; hostname among siblings) and status into a row."""
    if new.spec is not old.spec:
        a, b = old.spec, new.spec
        changes: Row = {}
        node_name, hostname = b.node_name, b.hostname
        if replace(a, node_name=node_name, hostname=hostname) != b:
            _put_changes(changes, a, b)
        else:
            if a.node_name != node_name:
                changes["nodeName"] = node_name
            if a.hostname != hostname:
                changes["hostname"] = hostname
        if changes:
            row["spec"] = changes
    if new.status is not old.status:
        changes = _pod_status_changes(old.status, new.status)
        if changes:
            row["status"] = changes


def _pod_status_changes(a: PodStatus, b: PodStatus) -> Row:
    """Return what changed of a status: usually a step of the pod's life."""
    changes: Row = {}
    phase, conditions, start_time, containers = b.phase, b.conditions, b.start_time, b.container_statuses
    rest = replace(
        a, phase=phase, conditions=conditions, start_time=start_time, container_statuses=containers
    )
    if rest != b:
        _put_changes(changes, a, b)
        return changes
    if a.phase != phase:
        changes["phase"] = phase
    if a.conditions != conditions:
        changes["conditions"] = conditions
    if a.start_time != start_time:
        changes["startTime"] = start_time
    if a.container_statuses != containers:
        changes["containerStatuses"] = containers
    return changes


def _map_changes(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    if list(old) == list(new):
        return dict(compress(new.items(), map(ne, old.values(), new.values())))
    changes = {key: value for key, value in new.items() if key not in old or old[key] != value}
    for key in old:
        if key not in new:
            changes[key] = None
    return changes


class Log:
    """The lines of a run, hashed and compressed as they come.

    Chunks are gzip members: a file is their concatenation, and writing one costs no second pass.
    """

    def __init__(self) -> None:
        self._open = bytearray()
        self._chunks: list[bytes] = []
        self._hash = hashlib.sha256()
        self._encode_into = _json().encode_into

    def append(self, line: bytes) -> None:
        """Add one line (without its newline)."""
        self._open += line
        self._open += b"\n"
        if len(self._open) >= CHUNK_NBYTES:
            self._close_chunk()

    def put(self, row: Row) -> None:
        """Add one row of JSON values and parts of objects."""
        lines = self._open
        self._encode_into(row, lines, len(lines))
        lines += b"\n"
        if len(lines) >= CHUNK_NBYTES:
            self._close_chunk()

    def _close_chunk(self) -> None:
        if self._open:
            self._hash.update(self._open)
            self._chunks.append(_gzip_member(self._open))
            self._open.clear()

    @property
    def digest(self) -> str:
        """Hex SHA-256 of all lines so far, each with its newline."""
        tail = self._hash.copy()
        tail.update(self._open)
        return tail.hexdigest()

    @property
    def nbytes(self) -> int:
        """Bytes held in memory."""
        return sum(map(len, self._chunks)) + len(self._open)

    def lines(self) -> Iterator[bytes]:
        """Yield all lines in order, without their newlines."""
        for chunk in self._chunks:
            yield from zlib.decompress(chunk, wbits=31).split(b"\n")[:-1]
        yield from bytes(self._open).split(b"\n")[:-1]

    def rows(self) -> Iterator[Row]:
        """Yield all rows in order, decoded."""
        decode_line = msgspec.json.Decoder(dict[str, Any]).decode
        for line in self.lines():
            yield decode_line(line)

    def write(self, path: Path) -> None:
        """Write the log as ``.jsonl.gz``: the same rows give the same bytes."""
        self._close_chunk()
        with path.open("wb") as file:
            file.writelines(self._chunks or [_gzip_member(b"")])

    @classmethod
    def read(cls, path: Path) -> Log:
        """Return a log that was written to a file.

        Raises
        ------
        ValueError
            When the file is no such log.
        """
        log = cls()
        try:
            with gzip.open(path, "rb") as file:
                for line in file:
                    log.append(line.rstrip(b"\n"))
        except (EOFError, zlib.error, gzip.BadGzipFile) as err:
            raise ValueError(f"{path.name} is no complete jsonl.gz file: {err}") from None
        return log


def _gzip_member(data: bytes | bytearray) -> bytes:
    """Compress with a header that has neither time nor name."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()


def decode(line: bytes) -> Row:
    """Return the row of a line."""
    row: Row = msgspec.json.decode(line, type=dict[str, Any])
    return row
