"""Semantic equality of API values, as apimachinery compares specs.

An absent list or map equals an empty one, quantities compare by amount, everything else exactly.
Source: apimachinery pkg/api/equality Semantic; C-UPD-01.
"""

from __future__ import annotations

from collections.abc import Mapping

from jobsim.api import quantity
from jobsim.api._struct import Struct
from jobsim.api.jobset import ReplicatedJob

#: Fields whose value, or whose values by resource name, are quantities.
_QUANTITIES = frozenset({"limits", "requests", "overhead", "sizeLimit", "divisor", "capacity"})


def semantic_form(value: object, field: str = "") -> object:
    """Return a value such that two values are semantically equal exactly if their forms are equal."""
    if isinstance(value, Struct):
        return (type(value), *(semantic_form(getattr(value, f), f) for f in value.__struct_fields__))
    if field in _QUANTITIES:
        return _amounts(value)
    if isinstance(value, Mapping):
        return {key: form for key, v in value.items() if (form := semantic_form(v, key)) != ()}
    if isinstance(value, tuple | list):
        return tuple(semantic_form(item) for item in value)
    # Only ``dependsOn`` tells an absent list from an empty one, and only on create (C-VAL-05).
    return () if value is None and field == "depends_on" else value


def _amounts(value: object) -> object:
    """Return a quantity, or a map of them, as amounts."""
    if isinstance(value, Mapping):
        return {name: _amounts(amount) for name, amount in value.items()}
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            return quantity.parse(value)
        except quantity.QuantityError:
            return value
    return value


def same_replicated_jobs(a: tuple[ReplicatedJob, ...], b: tuple[ReplicatedJob, ...]) -> bool:
    """Tell whether two lists of replicated jobs are semantically equal, order included."""
    return a == b or semantic_form(a) == semantic_form(b)
