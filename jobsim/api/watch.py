"""WatchEvent: one entry of the ordered watch log."""

from __future__ import annotations

from typing import Literal

from jobsim.api._struct import Struct
from jobsim.api.meta import Object

#: What a write of an existing object may have changed; sums of these are sets of them.
METADATA, SPEC, STATUS = 1, 2, 4
ANYTHING = METADATA | SPEC | STATUS


class WatchEvent(Struct):
    """One change of one object.

    Parameters
    ----------
    type : {"ADDED", "MODIFIED", "DELETED"}
    obj : Object
        The object after the change (for DELETED: as it was last).
    old : Object or None
        The object before the change; None for ADDED.
    revision : int
        Position in the log, from 1, without gaps.
    time : int
        Virtual time of the change, ns.
    changed : int
        What of an existing object may have changed (``METADATA``, ``SPEC``, ``STATUS``); the rest is equal.
    """

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    obj: Object
    old: Object | None
    revision: int
    time: int
    changed: int = ANYTHING


class Wake(Struct):
    """A component's wish to look at a key, ``delay_ns`` after it saw an event."""

    namespace: str
    name: str
    delay_ns: int = 0
