"""Store: the API server's objects and its ordered watch log; deterministic, without a clock.

What etcd and the generic registry do: resourceVersion, optimistic conflicts, generation, the
status subresource, finalizers, graceful and cascading deletion.  Admission and name generation lie
in front (``apiserver.server``), deletion of dependents behind (``controllers.garbage_collector``).

Source: apiserver pkg/registry/generic/registry/store.go, pkg/registry/rest/delete.go;
clauses C-API-01, C-ENV-01, K-JOB-03, K-JOB-120..124, K-POD-40.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from jobsim.api._struct import Time, replace
from jobsim.api.core import Namespace
from jobsim.api.meta import Condition, Object, ObjectMeta, Unstructured
from jobsim.api.pod import Pod, PodStatus
from jobsim.api.timing import DEFAULT_GRACE_S
from jobsim.api.watch import ANYTHING, METADATA, SPEC, STATUS, WatchEvent
from jobsim.api.writes import Bind, Delete, PatchFinalizers, PatchPodStatus
from jobsim.apiserver import messages
from jobsim.apiserver.pod_status import merge_pod_status
from jobsim.apiserver.table import ObjectTable
from jobsim.units import SECOND, floor_second

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"


Subscriber = Callable[[WatchEvent], None]
#: Of a kind (``*``: any), the changes that a subscriber wants to hear of.
Minds = Mapping[str, int]


class Store(ObjectTable):
    """All objects of the cluster.

    Every change appends one ``WatchEvent`` and hands it to the subscribers, in the order in which
    they subscribed, before the call returns.
    """

    def __init__(self) -> None:
        super().__init__()
        self.revision = 0
        self._subscribers: list[tuple[Subscriber, frozenset[str] | None, Minds]] = []
        #: Who hears of a change of a kind, in the order in which they subscribed; made when first asked.
        self._hearing: dict[tuple[str, int], tuple[Subscriber, ...]] = {}
        self._telling = False
        self._untold: deque[tuple[tuple[str, int], WatchEvent]] = deque()
        #: The last merges of pods' statuses (siblings are bound and admitted by turns), and the patch of the
        #: last binding with its time.
        self._merges: deque[tuple[PodStatus, PodStatus, PodStatus]] = deque(maxlen=4)
        self._scheduled = (-1, PodStatus())

    def subscribe(
        self, subscriber: Subscriber, kinds: Iterable[str] | None = None, minds: Minds | None = None
    ) -> None:
        """Send every later WatchEvent (of some kinds) to a callable.

        Parameters
        ----------
        minds : mapping of str to int
            By kind, which changes of an existing object it wants to hear of (``api.watch.METADATA``,
            ``SPEC``, ``STATUS``); of kinds not named any.  Spares calls, and no more than that.
        """
        self._subscribers.append((subscriber, None if kinds is None else frozenset(kinds), minds or {}))
        self._hearing.clear()

    # -- verbs ---------------------------------------------------------------------------------

    def create(self, obj: Object, now: int) -> Object:
        """Store a new object (admitted, named, with its uid).

        Raises
        ------
        ApiError
            AlreadyExists.
        """
        if self.find(obj.kind, obj.namespace, obj.name) is not None:
            raise messages.already_exists(obj.kind, obj.name)
        return self._commit("ADDED", obj, None, now)

    def update(self, new: Object, now: int) -> Object:
        """Replace the main resource; status, uid and timestamps stay as stored.

        An update that changes nothing writes nothing.  Taking the last finalizer off an object
        that is being deleted removes it.

        Raises
        ------
        ApiError
            NotFound, Conflict.
        """
        old = self._current(new)
        meta = _system_fields(new.metadata, old.metadata)
        merged = replace(new, metadata=meta)
        if hasattr(old, "status"):
            merged = replace(merged, status=old.status)
        if merged == old:
            return old
        if getattr(new, "spec", None) != getattr(old, "spec", None):
            merged = merged.with_meta(generation=old.metadata.generation + 1)
        return self._commit_or_remove(merged, old, now)

    def update_status(self, new: Object, now: int) -> Object:
        """Replace the status; everything else stays as stored.

        Raises
        ------
        ApiError
            NotFound, Conflict.
        """
        old = self._current(new)
        if isinstance(old, Unstructured) and isinstance(new, Unstructured):
            return self._update_untyped_status(new, old, now)
        status = new.status  # type: ignore[attr-defined]
        if status == old.status:  # type: ignore[attr-defined]
            return old
        return self._change(old, now, STATUS, status=status)

    def _update_untyped_status(self, new: Unstructured, old: Unstructured, now: int) -> Object:
        status = new.content.get("status")
        if status == old.content.get("status"):
            return old
        return self._commit("MODIFIED", replace(old, content={**old.content, "status": status}), old, now)

    def patch_pod_status(self, write: PatchPodStatus, now: int) -> Object:
        """Merge a status patch into a pod: conditions by type, the rest by field."""
        old = self._existing(write.kind, write.namespace, write.name, write.uid)
        assert isinstance(old, Pod)
        status = self._merged(old.status, write.status)
        if status is old.status:
            return old
        return self._change(old, now, STATUS, status=status)

    def _merged(self, old: PodStatus, patch: PodStatus) -> PodStatus:
        """Return a merged status; for pods that share theirs and get one patch, the same object."""
        for last_old, last_patch, merged in self._merges:
            if last_old is old and last_patch is patch:
                return merged
        merged = merge_pod_status(old, patch)
        self._merges.appendleft((old, patch, merged))
        return merged

    def patch_finalizers(self, write: PatchFinalizers, now: int) -> Object:
        """Take one finalizer off an object, or put it on."""
        old = self._existing(write.kind, write.namespace, write.name, write.uid)
        held = old.metadata.finalizers
        if write.add == (write.finalizer in held):
            return old
        if write.add:
            return self._change(old, now, METADATA, {"finalizers": (*held, write.finalizer)})
        left = tuple([f for f in held if f != write.finalizer])
        if not left and _waits_for_finalizers(old):
            return self._remove(old, now, finalizers=left)
        return self._change(old, now, METADATA, {"finalizers": left})

    def bind(self, write: Bind, now: int) -> Object:
        """Give an unbound pod its node and PodScheduled=True, in one write (K-POD-01)."""
        old = self._existing("Pod", write.namespace, write.name, write.uid)
        assert isinstance(old, Pod)
        if old.terminating:
            why = f"pod {write.name} is being deleted, cannot be assigned to a host"
            raise messages.conflict("Pod", write.name, why)
        if old.spec.node_name:
            why = f'pod {write.name} is already assigned to node "{old.spec.node_name}"'
            raise messages.conflict("Pod", write.name, why)
        at, scheduled = self._scheduled
        if at != now:
            scheduled = PodStatus(
                conditions=(
                    Condition(
                        type="PodScheduled", status="True", last_transition_time=Time(floor_second(now))
                    ),
                )
            )
            self._scheduled = (now, scheduled)
        status = self._merged(old.status, scheduled)
        spec = replace(old.spec, node_name=write.node)
        return self._change(old, now, SPEC | STATUS, spec=spec, status=status)

    def delete(self, write: Delete, now: int) -> Object:
        """Ask for the deletion of an object; return it as it was last (removed) or is now (waiting).

        Raises
        ------
        ApiError
            NotFound, Conflict (uid precondition).
        """
        old = self._existing(write.kind, write.namespace, write.name, write.uid)
        finalizers = _deletion_finalizers(old.metadata.finalizers, write.propagation)
        meta = old.metadata
        grace = _grace_s(old, write.grace_s) if isinstance(old, Pod) else 0
        if isinstance(old, Namespace) and old.spec.finalizers:
            return self._begin_namespace_deletion(old, now)
        if not finalizers and grace == 0:
            return self._remove(old, now, finalizers=())
        if meta.deletion_timestamp is not None:
            held = meta.deletion_grace_period_seconds or 0
            if finalizers == meta.finalizers and grace >= held:
                return old
            changes: dict[str, object] = {"finalizers": finalizers}
            if grace < held:
                # A shorter grace period still counts from the first request (rest/delete.go).
                end = Time(meta.deletion_timestamp + (grace - held) * SECOND)
                changes |= {"deletion_timestamp": end, "deletion_grace_period_seconds": grace}
            return self._change(old, now, METADATA, changes)
        marked = {
            "finalizers": finalizers,
            "deletion_timestamp": Time(floor_second(now + grace * SECOND)),
            "deletion_grace_period_seconds": grace,
            "generation": meta.generation + 1 if meta.generation else 0,
        }
        return self._change(old, now, METADATA, marked)

    def _begin_namespace_deletion(self, old: Namespace, now: int) -> Object:
        """Mark a namespace; its controller empties it and takes its finalizers off."""
        if old.metadata.deletion_timestamp is not None:
            return old
        new = old.with_meta(deletion_timestamp=Time(floor_second(now)), deletion_grace_period_seconds=0)
        status = replace(old.status, phase="Terminating")
        return self._commit("MODIFIED", replace(new, status=status), old, now)

    # -- inside --------------------------------------------------------------------------------

    def _existing(self, kind: str, namespace: str, name: str, uid: str = "") -> Object:
        old = self.find(kind, namespace, name)
        if old is None:
            raise messages.not_found(kind, name)
        if uid and old.metadata.uid != uid:
            raise messages.uid_conflict(kind, name, uid, old.metadata.uid)
        return old

    def _current(self, new: Object) -> Object:
        """Return the stored object if the write's preconditions hold."""
        old = self._existing(new.kind, new.namespace, new.name, new.metadata.uid)
        version = new.metadata.resource_version
        if version and version != old.metadata.resource_version:
            raise messages.conflict(new.kind, new.name)
        return old

    def _commit_or_remove(self, new: Object, old: Object, now: int) -> Object:
        if not new.metadata.finalizers and _waits_for_finalizers(new):
            return self._remove(new, now, old)
        return self._commit("MODIFIED", new, old, now)

    def _commit(
        self, type_: Literal["ADDED", "MODIFIED"], obj: Object, old: Object | None, now: int
    ) -> Object:
        self.revision += 1
        obj = replace(obj, metadata=replace(obj.metadata, resource_version=str(self.revision)))
        return self._keep(type_, obj, old, now, ANYTHING)

    def _change(
        self, old: Object, now: int, changed: int, meta: Mapping[str, object] | None = None, **parts: object
    ) -> Object:
        """Store a copy of an object with some parts, and some of its metadata, changed."""
        self.revision += 1
        metadata = replace(old.metadata, resource_version=str(self.revision), **(meta or {}))
        return self._keep("MODIFIED", replace(old, metadata=metadata, **parts), old, now, changed)

    def _keep(
        self, type_: Literal["ADDED", "MODIFIED"], obj: Object, old: Object | None, now: int, changed: int
    ) -> Object:
        kind, meta = obj.kind, obj.metadata
        if changed == STATUS:
            self._exchange(kind, (meta.namespace, meta.name), obj)
        else:
            self._file(kind, (meta.namespace, meta.name), obj, old)
        event = WatchEvent(type=type_, obj=obj, old=old, revision=self.revision, time=now, changed=changed)
        self._publish((kind, changed), event)
        return obj

    def _remove(self, obj: Object, now: int, old: Object | None = None, **meta: object) -> Object:
        """Remove an object; ``old``: as it is stored, where that is not the object itself."""
        old = obj if old is None else old
        self.revision += 1
        obj = replace(obj, metadata=replace(obj.metadata, resource_version=str(self.revision), **meta))
        self.remove(old)
        event = WatchEvent(type="DELETED", obj=obj, old=old, revision=self.revision, time=now)
        self._publish((obj.kind, ANYTHING), event)
        return obj

    def _publish(self, change: tuple[str, int], event: WatchEvent) -> None:
        """Tell all subscribers; what they write meanwhile is told afterwards, so all hear the log's order."""
        if self._telling:
            self._untold.append((change, event))
            return
        self._telling = True
        try:
            for subscriber in self._hearing.get(change) or self._listeners(change):
                subscriber(event)
            while self._untold:
                change, event = self._untold.popleft()
                for subscriber in self._hearing.get(change) or self._listeners(change):
                    subscriber(event)
        finally:
            self._telling = False

    def _listeners(self, change: tuple[str, int]) -> tuple[Subscriber, ...]:
        """Return who hears of a change of a kind, remembered until somebody else subscribes."""
        kind, changed = change
        found = tuple(
            [
                subscriber
                for subscriber, kinds, minds in self._subscribers
                if (kinds is None or kind in kinds) and minds.get(kind, minds.get("*", ANYTHING)) & changed
            ]
        )
        self._hearing[change] = found
        return found


def _system_fields(new: ObjectMeta, old: ObjectMeta) -> ObjectMeta:
    """Return metadata as written, with what only the server may change taken from the stored object."""
    return replace(
        new,
        uid=old.uid,
        resource_version=old.resource_version,
        generation=old.generation,
        creation_timestamp=old.creation_timestamp,
        deletion_timestamp=old.deletion_timestamp,
        deletion_grace_period_seconds=old.deletion_grace_period_seconds,
    )


def _waits_for_finalizers(obj: Object) -> bool:
    """Tell whether finalizers are all that an object that is being deleted waits for."""
    meta = obj.metadata
    return (
        meta.deletion_timestamp is not None
        and not meta.deletion_grace_period_seconds
        and not (isinstance(obj, Namespace) and obj.spec.finalizers)
    )


def _deletion_finalizers(held: tuple[str, ...], propagation: str) -> tuple[str, ...]:
    """Return an object's finalizers after a delete request with a propagation policy.

    Without a policy those that stand decide (``shouldOrphanDependents``, ``shouldDeleteDependents``).
    """
    if not propagation:
        return held
    own = tuple(f for f in held if f not in (FOREGROUND, ORPHAN))
    if propagation == "Foreground":
        return (*own, FOREGROUND)
    if propagation == "Orphan":
        return (*own, ORPHAN)
    return own


def _grace_s(pod: Pod, asked: int | None) -> int:
    """Return a pod's grace period for a delete request, s (K-JOB-124, K-POD-40)."""
    held = pod.metadata.deletion_grace_period_seconds
    if asked is None and held is not None:
        # A pod that is being deleted keeps its grace period, even when it is terminal by now.
        return held
    if not pod.spec.node_name or pod.terminal:
        return 0
    if asked is not None:
        return max(asked, 0)
    own = pod.spec.termination_grace_period_seconds
    return DEFAULT_GRACE_S if own is None else own
