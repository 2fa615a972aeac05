"""What changed from one object to the next, as the part of a row of the log that says it.

Fields go by their wire names in the order of their type.  Most of a log is about a few changes; for them one
comparison says that nothing else changed, five times faster than a look at every field.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import compress
from operator import is_not, ne
from typing import Any

from jobsim.api._struct import Struct, astuple, replace
from jobsim.api.meta import ObjectMeta
from jobsim.api.pod import PodSpec, PodStatus

#: Positions of fields; no type has more.
_POSITIONS = tuple(range(64))

#: Changes by wire name.
Changes = dict[str, Any]


def put_changes(changes: Changes, old: Struct, new: Struct, first: int = 0) -> None:
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
            nested: Changes = {}
            put_changes(nested, x, y)
            if nested:
                changes[names[i]] = nested
        elif x != y:
            changes[names[i]] = y


def birth_changes(a: ObjectMeta, b: ObjectMeta) -> Changes:
    """Return what a new object's metadata has that its sibling's has not: names, uid, place in the Job."""
    changes: Changes = {}
    created, owners, labels, annotations = (
        b.creation_timestamp,
        b.owner_references,
        b.labels,
        b.annotations,
    )
    rest = replace(
        a,
        name=b.name,
        generate_name=b.generate_name,
        uid=b.uid,
        resource_version=b.resource_version,
        creation_timestamp=created,
        labels=labels,
        annotations=annotations,
        owner_references=owners,
    )
    if rest != b:
        put_changes(changes, a, b)
        changes.pop("resourceVersion", None)
        return changes
    if a.name != b.name:
        changes["name"] = b.name
    if a.generate_name != b.generate_name:
        changes["generateName"] = b.generate_name
    if a.uid != b.uid:
        changes["uid"] = b.uid
    if a.creation_timestamp != created:
        changes["creationTimestamp"] = created
    if a.labels is not labels and (entries := _map_changes(a.labels, labels)):
        changes["labels"] = entries
    if a.annotations is not annotations and (entries := _map_changes(a.annotations, annotations)):
        changes["annotations"] = entries
    if a.owner_references != owners:
        changes["ownerReferences"] = owners
    return changes


def metadata_changes(a: ObjectMeta, b: ObjectMeta) -> Changes:
    """Return what changed but for resourceVersion: usually finalizers, or that a delete was asked for."""
    changes: Changes = {}
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
        put_changes(changes, a, b)
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


def pod_spec_changes(a: PodSpec, b: PodSpec) -> Changes:
    """Return what changed of a spec: usually nodeName; hostname among siblings."""
    changes: Changes = {}
    node_name, hostname = b.node_name, b.hostname
    if replace(a, node_name=node_name, hostname=hostname) != b:
        put_changes(changes, a, b)
        return changes
    if a.node_name != node_name:
        changes["nodeName"] = node_name
    if a.hostname != hostname:
        changes["hostname"] = hostname
    return changes


def pod_status_changes(a: PodStatus, b: PodStatus) -> Changes:
    """Return what changed of a status: usually a step of the pod's life."""
    changes: Changes = {}
    phase, conditions, start_time, containers = b.phase, b.conditions, b.start_time, b.container_statuses
    rest = replace(
        a, phase=phase, conditions=conditions, start_time=start_time, container_statuses=containers
    )
    if rest != b:
        put_changes(changes, a, b)
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


def _map_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    if list(old) == list(new):
        return dict(compress(new.items(), map(ne, old.values(), new.values())))
    changes = {key: value for key, value in new.items() if key not in old or old[key] != value}
    for key in old:
        if key not in new:
            changes[key] = None
    return changes
