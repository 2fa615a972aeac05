"""What a recorded case looks like, form by form: whatever has another shape is told where it differs.

Only what the runners take for granted is written down; objects are checked when they are decoded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobsim.api import codec
from jobsim.api._struct import Json, Struct
from jobsim.errors import InputError


class _Shape(Struct, forbid_unknown_fields=False):
    """Part of a case; what it does not name may be anything."""


class _Object(_Shape):
    """An object, or a template of one."""

    metadata: Json = {}


class _Common(_Shape):
    gates: Mapping[str, bool] | None = None
    cache: tuple[Json, ...] | None = None
    upstream: str = ""


# --- one call of Reconcile ---------------------------------------------------------------------


class _Request(_Shape):
    namespace: str
    name: str


class _Fault(_Shape):
    write: int
    error: str
    message: str = ""


class _Write(_Shape):
    verb: str
    kind: str
    name: str
    object: _Object | None = None


class _Reconciled(_Shape):
    error: bool
    writes: tuple[_Write, ...] | None = None
    events: tuple[Json, ...] | None = None


class _Reconcile(_Common, kw_only=True):
    now: str
    request: _Request
    expect: _Reconciled
    faults: tuple[_Fault, ...] | None = None


# --- webhooks and admission --------------------------------------------------------------------


class _Errors(_Shape):
    errors: tuple[str, ...] | None = None
    warnings: tuple[str, ...] | None = None


class _Validate(_Common, kw_only=True):
    operation: str
    object: _Object
    expect: _Errors
    old: _Object | None = None


class _Changed(_Shape):
    object: _Object


class _Default(_Common, kw_only=True):
    object: _Object
    expect: _Changed


class _Pod(_Common, kw_only=True):
    object: _Object
    expect: Json


class _Admission(_Common, kw_only=True):
    manifest: str
    operation: str
    expect: Json
    namespace: str = ""


# --- the Job controller over time; the scheduler -----------------------------------------------


class _Meta(_Shape):
    uid: str
    name: str
    namespace: str


class _Template(_Shape):
    spec: Json


class _JobSpec(_Shape):
    template: _Template


class _Job(_Shape):
    metadata: _Meta
    spec: _JobSpec


class _At(_Shape):
    at: float
    pod: int = 0
    pod_delete: int = 0
    pod_gone: int = 0
    job: Json = {}
    job_status: Json = {}
    node_name: str = ""


class _Entry(_Shape):
    t: float
    do: str
    status: Json = {}


class _Timeline(_Shape):
    timeline: tuple[_Entry, ...]


class _Episode(_Shape):
    job: _Job
    script: tuple[_At, ...]
    until: float
    expect: _Timeline
    create_at: float = 0
    watch_lag_seconds: float = 0
    faults: tuple[Json, ...] = ()


class _Cycle(_Shape):
    pod: _Object
    expect: Json
    nodes: tuple[Json, ...] | None = None
    pods: tuple[Json, ...] | None = None
    pdbs: tuple[Json, ...] | None = None


class _Named(_Shape):
    case: str
    of: str


_SHAPES: Mapping[str, type[Struct]] = {
    "jobset-reconcile": _Reconcile,
    "pod-reconcile": _Reconcile,
    "jobset-default": _Default,
    "jobset-validate": _Validate,
    "pod-mutate": _Pod,
    "pod-validate": _Pod,
    "admission": _Admission,
    "job-episode": _Episode,
    "scheduler-cycle": _Cycle,
}
#: What a step of an episode may do.
_STEPS = frozenset(
    {"pod", "podDelete", "podGone", "podCreate", "job", "jobStatus", "jobDelete", "jobCreate"}
    | {"controllerRestart"}
)


def check_shape(case: Mapping[str, Any]) -> None:
    """Refuse a case that does not look like one of its form.

    Raises
    ------
    InputError
        It says where, and what belongs there.
    """
    for shape in (_Named, _SHAPES.get(case["of"]) if isinstance(case["of"], str) else None):
        if shape is None:
            continue
        try:
            codec.convert(case, shape)
        except codec.DecodeError as err:
            raise InputError(f"case {case['case']}: {err}") from None
    for i, step in enumerate(case["script"] if case["of"] == "job-episode" else ()):
        if not _STEPS & step.keys():
            raise InputError(f"case {case['case']}: script[{i}] has none of {', '.join(sorted(_STEPS))}")
