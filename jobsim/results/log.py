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
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from jobsim.api._struct import Time, replace
from jobsim.api.jobset import JOBSET_NAME, REPLICATED_JOB_NAME
from jobsim.api.meta import Object, Unstructured
from jobsim.api.pod import Pod, PodStatus
from jobsim.api.watch import METADATA, WatchEvent
from jobsim.results.log_changes import (
    Changes,
    birth_changes,
    metadata_changes,
    pod_spec_changes,
    pod_status_changes,
    put_changes,
)
from jobsim.units import rfc3339

#: Uncompressed bytes of a chunk; a chunk is hashed and, sooner or later, compressed as a whole.
CHUNK_NBYTES = 1 << 16
#: Chunks that stay as they are until the log is written: a short run never waits for zlib.
_LOOSE_MAX = 256
#: Distinct times whose text is remembered.
_TIMES_MAX = 4096
#: zlib's fastest: three times faster than its default here, for 15 % more bytes.
_LEVEL = 1

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
        self._last_changes: deque[tuple[PodStatus, PodStatus, Changes]] = deque(maxlen=4)

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
        if type_ == "ADDED":
            if changes := birth_changes(old.metadata, meta):
                row["metadata"] = changes
        elif (
            event.changed & METADATA and replace(old.metadata, resource_version=meta.resource_version) != meta
        ):
            row["metadata"] = metadata_changes(old.metadata, meta)
        if type(obj) is Pod and type(old) is Pod:
            self._put_pod_changes(row, old, obj)
        else:
            put_changes(row, old, obj, 1)
        return row

    def _put_pod_changes(self, row: Row, old: Pod, new: Pod) -> None:
        """Put what changed of a pod into a row; siblings go from one status to one other together."""
        changes = self._status_changes(old.status, new.status) if new.status is not old.status else None
        if new.spec is not old.spec:
            spec_changes = pod_spec_changes(old.spec, new.spec)
            if spec_changes:
                row["spec"] = spec_changes
        if changes:
            row["status"] = changes

    def _status_changes(self, before: PodStatus, after: PodStatus) -> Changes:
        for last_before, last_after, changes in self._last_changes:
            if last_before is before and last_after is after:
                return changes
        changes = pod_status_changes(before, after)
        self._last_changes.appendleft((before, after, changes))
        return changes


def blank(obj: Object) -> Object:
    """Return the object that a first ADDED row is a change of."""
    if isinstance(obj, Unstructured):
        return Unstructured(type_name=obj.type_name)
    return type(obj)()


class Log:
    """The lines of a run, hashed and compressed as they come.

    Chunks are gzip members: a file is their concatenation, and writing one costs no second pass.
    """

    def __init__(self) -> None:
        self._open = bytearray()
        self._chunks: list[bytes] = []
        self._loose: deque[bytes] = deque()
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
            self._loose.append(bytes(self._open))
            self._open.clear()
            if len(self._loose) > _LOOSE_MAX:
                self._chunks.append(_gzip_member(self._loose.popleft()))

    @property
    def digest(self) -> str:
        """Hex SHA-256 of all lines so far, each with its newline."""
        tail = self._hash.copy()
        tail.update(self._open)
        return tail.hexdigest()

    @property
    def nbytes(self) -> int:
        """Bytes held in memory."""
        return sum(map(len, self._chunks)) + sum(map(len, self._loose)) + len(self._open)

    def lines(self) -> Iterator[bytes]:
        """Yield all lines in order, without their newlines."""
        for chunk in self._chunks:
            yield from zlib.decompress(chunk, wbits=31).split(b"\n")[:-1]
        for loose in (*self._loose, bytes(self._open)):
            yield from loose.split(b"\n")[:-1]

    def rows(self) -> Iterator[Row]:
        """Yield all rows in order, decoded."""
        decode_line = msgspec.json.Decoder(dict[str, Any]).decode
        for line in self.lines():
            yield decode_line(line)

    def write(self, path: Path) -> None:
        """Write the log as ``.jsonl.gz``: the same rows give the same bytes."""
        self._close_chunk()
        while self._loose:
            self._chunks.append(_gzip_member(self._loose.popleft()))
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
