"""The garbage collector: what becomes of objects whose owners go, and of owners that wait for them.

- *Background*: an object whose owners are all gone (by UID) is deleted.
- *Foreground*: an owner with finalizer foregroundDeletion waits until no dependent with
  blockOwnerDeletion is left; the dependents are deleted meanwhile.
- *Orphan*: an owner with finalizer orphan goes after its dependents have lost their reference.

Nothing is remembered: every answer is read from the owner references that stand.  Upstream keeps a
graph and asks the server before it acts, so its reader must show the present, never a lagging cache.

Source: pkg/controller/garbagecollector garbagecollector.go attemptToDeleteItem,
processDeletingDependentsItem, attemptToOrphan; graph_builder.go processTransitions;
clauses K-JOB-120..125, C-ENV-01.
Differs: an owner of a kind that is neither simulated nor stored counts as existing (upstream: the
item is retried for ever).
"""

from __future__ import annotations

from collections.abc import Container
from typing import Literal

from jobsim.api import codec
from jobsim.api._struct import Json, Struct, replace
from jobsim.api.kinds import KINDS, namespaced
from jobsim.api.meta import Object, OwnerReference
from jobsim.api.plan import NOTHING, Plan, parallel, single
from jobsim.api.reader import Reader
from jobsim.api.timing import GC_WORKERS
from jobsim.api.watch import Wake, WatchEvent
from jobsim.api.writes import Delete, Patch, PatchFinalizers, Propagation

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"

#: What an owner reference leads to: a live owner; nothing, or another UID; an owner that waits.
OwnerState = Literal["solid", "dangling", "waiting"]


class Seen(Struct):
    """One object as the collector looks at it.

    Parameters
    ----------
    obj : Object
    owners : tuple of OwnerState
        One for each owner reference.
    dependents : tuple of Object
        Read only where the decision needs them: an orphaning owner, or an object whose owner waits.
    blocked : bool
        A dependent with blockOwnerDeletion is left (read for a waiting owner).
    """

    obj: Object
    owners: tuple[OwnerState, ...] = ()
    dependents: tuple[Object, ...] = ()
    blocked: bool = False


def key_of(obj: Object) -> Wake:
    """Return the collector's key of an object: the name carries the kind."""
    return Wake(namespace=obj.metadata.namespace, name=f"{obj.kind}/{obj.metadata.name}")


def wakes(event: WatchEvent, reader: Reader) -> list[Wake]:
    """Return the objects to look at after a change; [] at once for all but deletions and new owners."""
    obj = event.obj
    meta = obj.metadata
    if event.type == "DELETED":
        woken = [key_of(dependent) for dependent in reader.dependents(meta.uid)]
        return woken + _unblocked(obj, meta.owner_references, reader)
    if event.type == "MODIFIED" and event.old is not None:
        old = event.old.metadata
        woken = []
        same_owners = meta.owner_references is old.owner_references
        if meta.deletion_timestamp is None and same_owners:
            return woken
        if not same_owners and meta.owner_references != old.owner_references:
            woken = [key_of(obj), *_unblocked(obj, old.owner_references, reader)]
        if meta.deletion_timestamp is None or not _cascades(meta.finalizers):
            return woken
        if old.deletion_timestamp is not None and _cascades(old.finalizers):
            return woken
        return woken + _begin(obj, reader)
    if meta.deletion_timestamp is not None and _cascades(meta.finalizers):
        return _begin(obj, reader)
    for ref in meta.owner_references:
        if _owner_state(obj, ref, reader) != "solid":
            return [key_of(obj)]
    return []


def observe(reader: Reader, namespace: str, name: str) -> Seen | None:
    """Return what a decision about an object needs; None: nothing to decide."""
    kind, _, own_name = name.partition("/")
    obj = reader.find(kind, namespace, own_name)
    if obj is None:
        return None
    meta = obj.metadata
    if meta.deletion_timestamp is not None:
        if ORPHAN in meta.finalizers:
            return Seen(obj=obj, dependents=tuple(reader.dependents(meta.uid)))
        if FOREGROUND in meta.finalizers:
            return Seen(obj=obj, blocked=reader.has_blocking_dependent(meta.uid))
        return None
    owners = tuple(_owner_state(obj, ref, reader) for ref in meta.owner_references)
    if all(state == "solid" for state in owners):
        return None
    waits = "waiting" in owners and "solid" not in owners
    return Seen(obj=obj, owners=owners, dependents=tuple(reader.dependents(meta.uid)) if waits else ())


def requests(reader: Reader, namespace: str, name: str, absent: Container[str]) -> tuple[int, list[str]]:
    """Return how often the server is asked for a look at an object, and which owners prove to be absent.

    Once for the object, once for each owner that is not known to be absent, once more before an owner
    that has waited is let go.

    Parameters
    ----------
    absent : container of str
        UIDs of owners that were not there before.

    Source: garbagecollector.go attemptToDeleteItem, isDangling, operations.go removeFinalizer.
    """
    kind, _, own_name = name.partition("/")
    obj = reader.find(kind, namespace, own_name)
    if obj is None:
        return 1, []
    meta = obj.metadata
    if meta.deletion_timestamp is not None:
        if ORPHAN in meta.finalizers:
            return 1, []
        if FOREGROUND in meta.finalizers:
            return 1 if reader.has_blocking_dependent(meta.uid) else 2, []
        return 0, []
    asked = [ref for ref in meta.owner_references if ref.uid not in absent]
    missing = [ref.uid for ref in asked if _owner_state(obj, ref, reader) == "dangling"]
    return 1 + len(asked), missing


def reconcile(seen: Seen, now: int) -> Plan:
    """Return the writes that collect an object, or that let it go."""
    finalizers = seen.obj.metadata.finalizers
    if seen.obj.metadata.deletion_timestamp is not None:
        if ORPHAN in finalizers:
            return _orphan(seen)
        return NOTHING if seen.blocked else Plan(steps=(single(_without(seen.obj, FOREGROUND)),))
    if "solid" in seen.owners:
        return _drop_owners(seen)
    if "waiting" in seen.owners and seen.dependents:
        return _delete_in_foreground(seen)
    policy: Propagation = "Background"
    if ORPHAN in finalizers:
        policy = "Orphan"
    elif FOREGROUND in finalizers:
        policy = "Foreground"
    return Plan(steps=(single(_delete(seen.obj, policy), ignore=("NotFound",)),))


def _orphan(seen: Seen) -> Plan:
    """Take this owner out of its dependents, then let it go."""
    uid = seen.obj.metadata.uid
    patches = [
        _patch_owners(d, tuple(ref for ref in d.metadata.owner_references if ref.uid != uid))
        for d in seen.dependents
    ]
    release = single(_without(seen.obj, ORPHAN))
    if not patches:
        return Plan(steps=(release,))
    return Plan(steps=(parallel(list(patches), max_parallel=GC_WORKERS, ignore=("NotFound",)), release))


def _drop_owners(seen: Seen) -> Plan:
    """An object with a live owner stays, without its references to owners that are gone or going."""
    refs = seen.obj.metadata.owner_references
    kept = tuple(ref for ref, state in zip(refs, seen.owners, strict=True) if state == "solid")
    return Plan(steps=(single(_patch_owners(seen.obj, kept), ignore=("NotFound",)),))


def _delete_in_foreground(seen: Seen) -> Plan:
    """An owner waits for this object, which has dependents of its own: they go first.

    If one of them is itself waiting (a circle), this object stops blocking its owners.
    """
    steps = [single(_delete(seen.obj, "Foreground"), ignore=("NotFound",))]
    if any(_is_waiting(dependent) for dependent in seen.dependents):
        refs = seen.obj.metadata.owner_references
        freed = tuple(replace(r, block_owner_deletion=False) if r.block_owner_deletion else r for r in refs)
        steps.insert(0, single(_patch_owners(seen.obj, freed), ignore=("NotFound",)))
    return Plan(steps=tuple(steps))


# -- reading ---------------------------------------------------------------------------------------


def _cascades(finalizers: tuple[str, ...]) -> bool:
    return FOREGROUND in finalizers or ORPHAN in finalizers


def _is_waiting(obj: Object) -> bool:
    return obj.metadata.deletion_timestamp is not None and FOREGROUND in obj.metadata.finalizers


def _begin(obj: Object, reader: Reader) -> list[Wake]:
    """An object begins to wait (or to orphan): look at it, and at what blocks it."""
    uid = obj.metadata.uid
    woken = [key_of(obj)]
    if FOREGROUND in obj.metadata.finalizers:
        woken += [
            key_of(dependent)
            for dependent in reader.dependents(uid)
            if any(r.uid == uid and r.block_owner_deletion for r in dependent.metadata.owner_references)
        ]
    return woken


def _unblocked(obj: Object, refs: tuple[OwnerReference, ...], reader: Reader) -> list[Wake]:
    """Return the waiting owners that an object blocked."""
    woken = []
    for ref in refs:
        if ref.block_owner_deletion:
            owner = _find_owner(obj, ref, reader)
            if owner is not None and owner.metadata.uid == ref.uid and _is_waiting(owner):
                woken.append(key_of(owner))
    return woken


def _find_owner(obj: Object, ref: OwnerReference, reader: Reader) -> Object | None:
    namespace = obj.metadata.namespace if namespaced(ref.kind) else ""
    return reader.find(ref.kind, namespace, ref.name)


def _owner_state(obj: Object, ref: OwnerReference, reader: Reader) -> OwnerState:
    owner = _find_owner(obj, ref, reader)
    if owner is None:
        return "dangling" if ref.kind in KINDS else "solid"
    if owner.metadata.uid != ref.uid:
        return "dangling"
    return "waiting" if _is_waiting(owner) else "solid"


# -- writing ---------------------------------------------------------------------------------------


def _delete(obj: Object, propagation: Propagation) -> Delete:
    meta = obj.metadata
    return Delete(
        kind=obj.kind, namespace=meta.namespace, name=meta.name, propagation=propagation, uid=meta.uid
    )


def _without(obj: Object, finalizer: str) -> PatchFinalizers:
    meta = obj.metadata
    return PatchFinalizers(
        kind=obj.kind, namespace=meta.namespace, name=meta.name, finalizer=finalizer, uid=meta.uid
    )


def _patch_owners(obj: Object, refs: tuple[OwnerReference, ...]) -> Patch:
    meta = obj.metadata
    patch: Json = {"metadata": {"uid": meta.uid, "ownerReferences": codec.to_data(refs) or None}}
    return Patch(kind=obj.kind, namespace=meta.namespace, name=meta.name, patch=patch)
