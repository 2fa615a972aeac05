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
from operator import is_not
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import astuple

from jobsim.api._struct import Struct, Time, replace
from jobsim.api.jobset import JOBSET_NAME, REPLICATED_JOB_NAME
from jobsim.api.meta import Object, Unstructured
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

    def find(self, obj: Object) -> tuple[str, Object | None]:
        """Return the nearest sibling of an object and its name, or ("", None)."""
        owner = _owner_key(obj)
        if not owner:
            return "", None
        found = self._by_owner.get(owner)
        if found is not None:
            return owner, found
        family = _family_key(obj)
        found = self._by_family.get(family)
        return (family, found) if found is not None else ("", None)

    def get(self, name: str) -> Object:
        """Return the sibling that a row names."""
        found = self._by_owner.get(name)
        return self._by_family[name] if found is None else found

    def add(self, obj: Object) -> None:
        """Remember a new object if it is the first of its owner."""
        owner = _owner_key(obj)
        if owner and owner not in self._by_owner:
            self._by_owner[owner] = self._by_family[_family_key(obj)] = obj

    def forget(self, owner: Object) -> None:
        """Drop the children of an owner that is gone."""
        if owner.kind in ("Job", "JobSet"):
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


class RowEncoder:
    """Makes lines from changes and notes; keeps the siblings that rows refer to."""

    def __init__(self) -> None:
        self._prototypes = Prototypes()
        self._times: dict[int, str] = {}
        self._encode = msgspec.json.Encoder(enc_hook=self._hook).encode

    def watch(self, event: WatchEvent) -> bytes:
        """Return the line of one change, without its newline."""
        obj = event.obj
        meta = obj.metadata
        row: Row = {
            "revision": event.revision,
            "time": event.time,
            "type": event.type,
            "kind": obj.kind,
            "namespace": meta.namespace,
            "name": meta.name,
        }
        old = event.old
        if old is None:
            name, old = self._prototypes.find(obj)
            if old is None:
                old = blank(obj)
            else:
                row["like"] = name
            self._prototypes.add(obj)
        elif event.type == "DELETED":
            self._prototypes.forget(obj)
        _object_changes(old, obj, row)
        return self._encode(row)

    def note(self, time: int, kind: str, fields: dict[str, Any]) -> bytes:
        """Return the line of something that is no change of an object."""
        return self._encode({"note": kind, "time": time, **fields})

    def _hook(self, value: Any) -> Any:
        """Write a Time as RFC 3339; most rows of an instant share it."""
        if isinstance(value, Time):
            text = self._times.get(value)
            if text is None:
                if len(self._times) >= _TIMES_MAX:
                    self._times.clear()
                text = self._times[value] = rfc3339(value)
            return text
        raise NotImplementedError(type(value))


def blank(obj: Object) -> Object:
    """Return the object that a first ADDED row is a change of."""
    if isinstance(obj, Unstructured):
        return Unstructured(type_name=obj.type_name)
    return type(obj)()


def _object_changes(old: Object, new: Object, row: Row) -> None:
    """Put the changed fields of an object into its row."""
    for name, a, b in _unshared(old, new):
        if name != "metadata":
            _put_change(row, name, a, b)
        # Nearly every write leaves metadata alone but for resourceVersion: five times faster to ask so.
        elif replace(a, resource_version=b.resource_version) != b:
            changes: Row = {}
            for field, x, y in _unshared(a, b):
                if field != "resourceVersion":
                    _put_change(changes, field, x, y)
            row[name] = changes


def _unshared(old: Struct, new: Struct) -> list[tuple[str, Any, Any]]:
    """Return wire name, old and new value of the fields that are not one object."""
    a, b = astuple(old), astuple(new)  # type: ignore[arg-type]
    names = new.__struct_encode_fields__
    # No Python code runs for a shared field: most of the 40 fields of a pod are.
    return [(names[i], a[i], b[i]) for i in compress(_POSITIONS, map(is_not, a, b))]


def _put_change(changes: Row, name: str, a: Any, b: Any) -> None:
    """Add one field to ``changes`` if its value changed."""
    if isinstance(b, Struct) and type(a) is type(b):
        nested: Row = {}
        for field, x, y in _unshared(a, b):
            _put_change(nested, field, x, y)
        if nested:
            changes[name] = nested
    elif a != b:
        changes[name] = _map_changes(a, b) if type(b) is dict and type(a) is dict else b


def _map_changes(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
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
        self._open: list[bytes] = []
        self._open_nbytes = 0
        self._chunks: list[bytes] = []
        self._hash = hashlib.sha256()

    def append(self, line: bytes) -> None:
        """Add one line (without its newline)."""
        self._open.append(line)
        self._open_nbytes += len(line)
        if self._open_nbytes >= CHUNK_NBYTES:
            self._close_chunk()

    def _close_chunk(self) -> None:
        if not self._open:
            return
        self._open.append(b"")
        chunk = b"\n".join(self._open)
        self._open = []
        self._open_nbytes = 0
        self._hash.update(chunk)
        self._chunks.append(_gzip_member(chunk))

    @property
    def digest(self) -> str:
        """Hex SHA-256 of all lines so far, each with its newline."""
        tail = self._hash.copy()
        for line in self._open:
            tail.update(line)
            tail.update(b"\n")
        return tail.hexdigest()

    @property
    def nbytes(self) -> int:
        """Bytes held in memory."""
        return sum(map(len, self._chunks)) + self._open_nbytes

    def lines(self) -> Iterator[bytes]:
        """Yield all lines in order, without their newlines."""
        for chunk in self._chunks:
            yield from zlib.decompress(chunk, wbits=31).split(b"\n")[:-1]
        yield from self._open

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


def _gzip_member(data: bytes) -> bytes:
    """Compress with a header that has neither time nor name."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()


def decode(line: bytes) -> Row:
    """Return the row of a line."""
    row: Row = msgspec.json.decode(line, type=dict[str, Any])
    return row
