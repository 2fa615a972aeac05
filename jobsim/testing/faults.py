"""What can go wrong between a component and the API server, one write at a time.

A fault stands for one answer.  ``answer`` gives it; whether the write took place is part of the fault.
A crash is no answer: the component is gone, what it wrote stays (rule 5 of ``api.plan``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

from jobsim.api.meta import Object
from jobsim.api.plan import WriteResult
from jobsim.api.writes import Write
from jobsim.apiserver import messages
from jobsim.apiserver.executor import result_of
from jobsim.errors import ApiError

Fault = Literal[
    "conflict",
    "timeout-lost",
    "timeout-applied",
    "too-many-requests",
    "internal-error",
    "crash-before",
    "crash-after",
]
#: All faults, in a fixed order.
FAULTS: tuple[Fault, ...] = get_args(Fault)
#: Faults that leave the component alive.
ERRORS: tuple[Fault, ...] = FAULTS[:5]


class Crash(Exception):
    """The component that wrote is gone."""


def answer(fault: Fault | None, write: Write, apply: Callable[[Write], Object]) -> WriteResult:
    """Return what a component is told about a write.

    Parameters
    ----------
    fault : Fault or None
    write : Write
    apply : callable
        Applies the write; returns the object as stored or raises ``ApiError``.

    Raises
    ------
    Crash
        The component does not live to hear the answer.
    """
    if fault is None:
        return result_of(write, lambda: apply(write))
    if fault in ("timeout-applied", "crash-after"):
        result_of(write, lambda: apply(write))
    if fault in ("crash-before", "crash-after"):
        raise Crash(fault)
    return WriteResult(write=write, error=error_of(fault, write))


def error_of(fault: Fault, write: Write) -> ApiError:
    """Return the error that a fault answers with."""
    if fault == "conflict":
        return messages.conflict(write.kind, write.name)
    if fault == "too-many-requests":
        return messages.too_many_requests()
    if fault == "internal-error":
        return messages.internal_error("etcdserver: leader changed")
    return messages.timeout()
