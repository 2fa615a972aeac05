"""The secondary indexes of stores and caches: by what components look objects up.

An index is a function from an object to the value it is filed under ("" = not filed).
Source of the JobSet ones: C-KEY-04.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jobsim.api.jobset import EXCLUSIVE_TOPOLOGY, JOB_KEY, JOBSET_NAME
from jobsim.api.meta import Object
from jobsim.api.pod import Pod

IndexFunction = Callable[[Object], str]

OWNER_UID = "owner-uid"
NODE = "node"
JOBSET = "jobset"
POD_JOB_KEY = "pod-job-key"
POD_NAME = "pod-name"
ORPHAN = "orphan"


def owner_uid(obj: Object) -> str:
    """File under the UID of the controller owner."""
    for ref in obj.metadata.owner_references:
        if ref.controller:
            return ref.uid
    return ""


def _node(obj: Object) -> str:
    return obj.spec.node_name if isinstance(obj, Pod) else ""


def _jobset(obj: Object) -> str:
    name = obj.metadata.labels.get(JOBSET_NAME, "")
    return f"{obj.metadata.namespace}/{name}" if name else ""


def _job_key(obj: Object) -> str:
    meta = obj.metadata
    if EXCLUSIVE_TOPOLOGY not in meta.annotations:
        return ""
    key = meta.labels.get(JOB_KEY, "")
    return f"{meta.namespace}/{key}" if key else ""


def _pod_name(obj: Object) -> str:
    """File exclusive pods under their name without the random suffix (at least 5 parts)."""
    meta = obj.metadata
    if EXCLUSIVE_TOPOLOGY not in meta.annotations or meta.name.count("-") < 4:
        return ""
    return f"{meta.namespace}/{meta.name.rpartition('-')[0]}"


def _orphan(obj: Object) -> str:
    """File pods that nobody controls under their namespace."""
    return "" if owner_uid(obj) else obj.metadata.namespace


#: The indexes that look at the spec; all others look at metadata alone.
SPEC_INDEXES = (NODE,)

#: By kind, then by index name.  Namespaced values are written ``namespace/value``.
INDEXES: Mapping[str, Mapping[str, IndexFunction]] = {
    "Job": {OWNER_UID: owner_uid},
    "Pod": {
        OWNER_UID: owner_uid,
        NODE: _node,
        JOBSET: _jobset,
        POD_JOB_KEY: _job_key,
        POD_NAME: _pod_name,
        ORPHAN: _orphan,
    },
}
