"""What a patch of a pod's status makes of it: conditions merge by type, the rest by field.

Source: k8s.io/api core/v1 types.go (patchStrategy of PodStatus), kubernetes pkg/api/v1/pod util.go.
"""

from __future__ import annotations

from itertools import compress
from operator import is_not
from typing import cast

from jobsim.api._struct import Time, astuple, replace
from jobsim.api.meta import Condition
from jobsim.api.pod import PodStatus

_STATUS_FIELDS = PodStatus.__struct_fields__
_STATUS_POSITIONS = range(len(_STATUS_FIELDS))
_NO_STATUS = astuple(PodStatus())


def merge_pod_status(old: PodStatus, patch: PodStatus) -> PodStatus:
    """Return a status with the fields set in ``patch`` replaced and conditions merged by type.

    Order of conditions: those there first, new ones after them.  A condition whose status does
    not change keeps its lastTransitionTime.
    """
    changes: dict[str, object] = {}
    # A patch sets three or four of 20 fields: no Python code runs for one that has its default.
    values = astuple(patch)
    for i in compress(_STATUS_POSITIONS, map(is_not, values, _NO_STATUS)):
        name, value = _STATUS_FIELDS[i], values[i]
        # Time 0 is an instant like any other.
        if (value or type(value) is Time) and name != "conditions" and value != getattr(old, name):
            changes[name] = value
    if patch.conditions:
        conditions = merge_conditions(old.conditions, patch.conditions)
        if conditions != old.conditions:
            changes["conditions"] = conditions
    return replace(old, **changes) if changes else old


def merge_conditions(old: tuple[Condition, ...], patch: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """Return conditions with those of the same type replaced and new ones appended."""
    merged = {c.type: c for c in old}
    for new in patch:
        was = merged.get(new.type)
        if was is not None and was.status == new.status and was.last_transition_time is not None:
            new = replace(new, last_transition_time=was.last_transition_time)
        merged[new.type] = new
    return cast("tuple[Condition, ...]", tuple(merged.values()))
