"""The one place that knows msgspec: the base of every API type.

Rules of the file: a type is frozen (store, log and every cache share one reference), its fields
are Kubernetes' in snake_case, camelCase lives on the wire only.  Nothing refers back to a store
or a process, so the cyclic garbage collector need not look (``gc=False``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

import msgspec
from msgspec import UNSET, UnsetType, field

__all__ = [
    "UNSET",
    "IntOrString",
    "Json",
    "Quantity",
    "Struct",
    "Time",
    "UnsetType",
    "astuple",
    "field",
    "replace",
]


if TYPE_CHECKING:
    # mypy reads ``frozen=True`` only on the class that says it; this says it for all subclasses.
    @dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
    class _Frozen:
        __struct_fields__: tuple[str, ...]
        __struct_encode_fields__: tuple[str, ...]

        def __init_subclass__(cls, **options: object) -> None: ...

    _T = TypeVar("_T", bound="Struct")

    def replace(value: _T, /, **changes: Any) -> _T: ...

    def astuple(value: Struct, /) -> tuple[Any, ...]: ...

else:
    from msgspec.structs import astuple, replace

    _Frozen = msgspec.Struct


class Struct(
    _Frozen,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    rename="camel",
    gc=False,
):
    """Base of all API types; ``replace(obj, field=value)`` makes a changed copy."""


class Time(int):
    """A point in virtual time: int nanoseconds since ``units.EPOCH``; RFC 3339 on the wire.

    Kubernetes stores whole seconds in most places; who writes such a field floors it
    (``units.floor_second``).  Arithmetic gives a plain int: wrap the result again.
    """

    __slots__ = ()


#: A part of an object that no decision looks at: kept, compared and printed as it came.
#: The one ``Any`` outside the codec: msgspec has no word for "any JSON value".
Json = Mapping[str, Any]
#: A resource quantity as written (``"500m"``, ``8``); meaning: ``api.quantity``.
Quantity = str | int | float
IntOrString = int | str
