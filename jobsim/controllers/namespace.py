"""The namespace controller: empties a namespace that is being deleted, pods first, then lets it go.

Source: pkg/controller/namespace/namespace_controller.go, deletion/namespaced_resources_deleter.go,
deletion/status_condition_utils.go (feature OrderedNamespaceDeletion, locked on since 1.34).
Differs: one DELETE an object, where upstream sends one a kind; discovery never fails.
"""

from __future__ import annotations

from collections.abc import Iterable

from jobsim.api._struct import Struct, Time, replace
from jobsim.api.core import Namespace
from jobsim.api.kinds import KINDS
from jobsim.api.meta import Condition, Object, condition
from jobsim.api.plan import Plan, Step, parallel, single
from jobsim.api.pod import Pod
from jobsim.api.reader import Reader
from jobsim.api.timing import (
    DEFAULT_GRACE_S,
    NAMESPACE_DELAY_NS,
    NAMESPACE_FINALIZER_WAIT_S,
)
from jobsim.api.watch import Wake, WatchEvent
from jobsim.api.writes import Delete, Patch, UpdateStatus, Write
from jobsim.controllers.admission.namespace import KUBERNETES
from jobsim.units import SECOND, floor_second

#: Finalizers that a deletion with background propagation takes off.
_CASCADING = ("foregroundDeletion", "orphan")


class Seen(Struct):
    """A namespace that is being deleted, and all that is in it."""

    namespace: Namespace
    contents: tuple[Object, ...] = ()


def wakes(event: WatchEvent, reader: Reader, delay_ns: int = NAMESPACE_DELAY_NS) -> list[Wake]:
    """Return a namespace that is being deleted, some seconds after each change of it."""
    obj = event.obj
    if not isinstance(obj, Namespace) or event.type == "DELETED" or obj.metadata.deletion_timestamp is None:
        return []
    return [Wake(namespace="", name=obj.name, delay_ns=delay_ns)]


def observe(reader: Reader, name: str) -> Seen | None:
    """Return a namespace with its contents; None when there is nothing to do for it.

    The reader must show the present: upstream asks the server.
    """
    found = reader.get(Namespace, "", name)
    if found is None or found.metadata.deletion_timestamp is None or KUBERNETES not in found.spec.finalizers:
        return None
    return Seen(namespace=found, contents=tuple(reader.in_namespace(name)))


def reconcile(seen: Seen, now: int) -> Plan:
    """Return the deletions, the namespace's conditions, and when to look again; at last its release."""
    pods = [obj for obj in seen.contents if isinstance(obj, Pod)]
    others = [obj for obj in seen.contents if not isinstance(obj, Pod)]
    steps = _deletions(pods)
    remaining: list[Object] = [pod for pod in pods if _stays(pod)]
    if not remaining:
        steps += _deletions(others)
        remaining = [obj for obj in others if _stays(obj)]
    status = _status(seen.namespace, remaining, now)
    if remaining:
        wait_s = _estimate_s(remaining) // 2 + 1
        return Plan(steps=tuple(steps), status=status, requeue_after_ns=wait_s * SECOND)
    if status is not None:
        steps.append(single(status))
    left = [name for name in seen.namespace.spec.finalizers if name != KUBERNETES]
    release = Patch(
        kind="Namespace",
        namespace="",
        name=seen.namespace.name,
        patch={"metadata": {"uid": seen.namespace.uid}, "spec": {"finalizers": left or None}},
    )
    return Plan(steps=(*steps, single(release, ignore=("NotFound",))))


def _deletions(objects: Iterable[Object]) -> list[Step]:
    """Return the step that deletes what is not going yet."""
    writes: list[Write] = [
        Delete(kind=o.kind, namespace=o.namespace, name=o.name, propagation="Background", uid=o.uid)
        for o in objects
        if o.metadata.deletion_timestamp is None
    ]
    return [parallel(writes, max_parallel=len(writes), ignore=("NotFound",))] if writes else []


def _stays(obj: Object) -> bool:
    """Tell whether an object is still there after it was deleted: finalizers, or a kubelet, hold it."""
    if isinstance(obj, Pod) and obj.spec.node_name and not _lets_go(obj):
        return True
    return any(name not in _CASCADING for name in obj.metadata.finalizers)


def _lets_go(pod: Pod) -> bool:
    """Tell whether no kubelet has to say its last word about a bound pod."""
    return pod.terminal and not pod.metadata.deletion_grace_period_seconds


def _estimate_s(remaining: list[Object]) -> int:
    """Return how long the rest may take: the longest grace period of a pod, or a guess for finalizers."""
    grace_s = 0
    for obj in remaining:
        if isinstance(obj, Pod) and not obj.terminal:
            own = obj.spec.termination_grace_period_seconds
            grace_s = max(grace_s, DEFAULT_GRACE_S if own is None else own)
    return grace_s or NAMESPACE_FINALIZER_WAIT_S


# -- conditions ---------------------------------------------------------------------------------------

_FINE = (
    ("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "All resources successfully discovered"),
    (
        "NamespaceDeletionGroupVersionParsingFailure",
        "ParsedGroupVersions",
        "All legacy kube types successfully parsed",
    ),
    (
        "NamespaceDeletionContentFailure",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
)


def _status(namespace: Namespace, remaining: list[Object], now: int) -> UpdateStatus | None:
    """Return the write of the five conditions; None if they are so already."""
    kinds: dict[str, int] = {}
    finalizers: dict[str, int] = {}
    for obj in remaining:
        kinds[_resource(obj)] = kinds.get(_resource(obj), 0) + 1
        for name in obj.metadata.finalizers:
            finalizers[name] = finalizers.get(name, 0) + 1
    told = [Condition(type=type_, status="False", reason=r, message=m) for type_, r, m in _FINE]
    told.append(
        _condition(
            "NamespaceContentRemaining",
            ("SomeResourcesRemain", "Some resources are remaining: "),
            ("ContentRemoved", "All content successfully removed"),
            [f"{name} has {count} resource instances" for name, count in kinds.items()],
        )
    )
    told.append(
        _condition(
            "NamespaceFinalizersRemaining",
            ("SomeFinalizersRemain", "Some content in the namespace has finalizers remaining: "),
            ("ContentHasNoFinalizers", "All content-preserving finalizers finished"),
            [f"{name} in {count} resource instances" for name, count in finalizers.items()],
        )
    )
    dated = tuple(_dated(new, condition(namespace.status.conditions, new.type), now) for new in told)
    if dated == namespace.status.conditions:
        return None
    return UpdateStatus(obj=replace(namespace, status=replace(namespace.status, conditions=dated)))


def _condition(type_: str, some: tuple[str, str], none: tuple[str, str], parts: list[str]) -> Condition:
    if parts:
        return Condition(
            type=type_, status="True", reason=some[0], message=some[1] + ", ".join(sorted(parts))
        )
    return Condition(type=type_, status="False", reason=none[0], message=none[1])


def _dated(new: Condition, old: Condition | None, now: int) -> Condition:
    same = old is not None and (old.status, old.reason, old.message) == (new.status, new.reason, new.message)
    at = old.last_transition_time if same and old is not None else Time(floor_second(now))
    return replace(new, last_transition_time=at)


def _resource(obj: Object) -> str:
    """Return resource and group as they are printed: ``pods.``, ``jobs.batch``."""
    info = KINDS.get(obj.kind)
    plural = info.plural if info is not None else obj.kind.lower() + "s"
    return f"{plural}.{obj.api_version.rpartition('/')[0]}"
