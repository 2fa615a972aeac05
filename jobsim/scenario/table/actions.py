"""``actions`` and ``faults``: what people do, and what the API does wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jobsim.scenario.check import Anything, Forms, Key, Leaf, ListOf, Object, Record, Type, shown
from jobsim.scenario.leaves import (
    BOOLEAN,
    DURATION,
    NAME,
    SHARE,
    choice,
    kind_name,
    target,
    text,
    whole,
)
from jobsim.scenario.model import ActionSpec, Call, CrashFault, ErrorFault, Moment, StaleFault, Target
from jobsim.scenario.table.control import COMPONENT
from jobsim.scenario.table.fleet import TAINT

CONDITIONS = (
    "Completed",
    "Failed",
    "Suspended",
    "StartupPolicyInProgress",
    "StartupPolicyCompleted",
    "Restarting",
)

_WHEN = Record(
    Moment,
    {
        "jobset": Key(NAME, required=True),
        "namespace": Key(NAME),
        "condition": Key(text("a condition type such as Completed", "[A-Za-z]+"), required=True),
    },
)


def _action(verb: str, value_field: str, keys: dict[str, Key], value: Key) -> Record:
    """Return the record of one verb; all verbs have a time or a moment."""

    def make(**fields: Any) -> ActionSpec:
        if "after" in fields and "when" not in fields:
            raise ValueError("after needs when (at says the time itself)")
        return ActionSpec(verb=verb, **fields)  # type: ignore[arg-type]

    timing = {
        "at": Key(DURATION, "when, since the start"),
        "when": Key(_WHEN, "when a condition of a JobSet is true for the first time"),
        "after": Key(DURATION, "after `when` [0s]"),
    }
    named = {verb: value._replace(field=value_field, required=True)}
    return Record(make, {**timing, **named, **keys}, one_of=(("at", "when"),))


def _node(raw: Any) -> Target:
    return Target(kind="Node", name=NAME.parse(raw))


_NODE = Leaf("a node's name", _node, NAME.schema())
_TARGET = target()


def _pod(raw: Any) -> Target:
    if not isinstance(raw, str) or not raw.startswith(("pod/", "pods/", "po/")):
        raise ValueError(f"{shown(raw)} is no pod/name")
    found: Target = _TARGET.parse(raw)
    return found


_POD = Leaf("a pod such as pod/train-w-0-1", _pod, {"type": "string"})
_GRACE = {
    "gracePeriodSeconds": Key(whole(0), "0: by force, without the kubelet [the pod's own]", field="grace_s")
}
_NAMESPACE = {"namespace": Key(NAME, "[default]")}


def _patched(record: Record) -> Record:
    record.one_of = (*record.one_of, ("merge", "json"))
    return record


def _tainted(node: Target, taints: tuple[Any, ...]) -> tuple[Target, tuple[Any, ...]]:
    return node, taints


def _taint_action(record: Record) -> Record:
    make: Callable[..., ActionSpec] = record.make

    def unpacked(*, target: tuple[Target, tuple[Any, ...]], **fields: Any) -> ActionSpec:
        return make(target=target[0], taints=target[1], **fields)

    record.make = unpacked
    return record


_JSON_PATCH = ListOf(
    Record(
        dict,
        {
            "op": Key(choice("add", "remove", "replace", "move", "copy", "test"), required=True),
            "path": Key(Leaf("a JSON pointer", str, {"type": "string"}), required=True),
            "from": Key(Leaf("a JSON pointer", str, {"type": "string"})),
            "value": Key(Anything()),
        },
    )
)

ACTION = Forms(
    {
        "patch": _patched(
            _action(
                "patch",
                "target",
                {
                    "merge": Key(Object("a merge patch")),
                    "json": Key(_JSON_PATCH, "a JSON patch"),
                    "status": Key(BOOLEAN, "of the status subresource"),
                    **_NAMESPACE,
                },
                Key(_TARGET),
            )
        ),
        "delete": _action(
            "delete",
            "target",
            {
                "propagation": Key(choice("Foreground", "Background", "Orphan"), "[Background]"),
                **_GRACE,
                **_NAMESPACE,
            },
            Key(_TARGET),
        ),
        "evict": _action("evict", "target", {**_GRACE, **_NAMESPACE}, Key(_POD)),
        "apply": _action("apply", "file", {}, Key(text("a path"))),
        **{verb: _action(verb, "target", {}, Key(_NODE)) for verb in ("cordon", "uncordon", "drain")},
        "taint": _taint_action(
            _action(
                "taint",
                "target",
                {},
                Key(
                    Record(
                        _tainted,
                        {
                            "node": Key(_NODE, required=True),
                            "taints": Key(ListOf(TAINT, least=1), required=True),
                        },
                    )
                ),
            )
        ),
    }
)

# ---- faults

ERRORS = (
    "Conflict",
    "NotFound",
    "AlreadyExists",
    "InternalError",
    "TooManyRequests",
    "Timeout",
)
VERBS = ("create", "update", "update-status", "patch", "patch-status", "delete", "bind", "evict")
_KIND: Type = kind_name()


def _error(**fields: Any) -> ErrorFault:
    if fields.get("applied") and fields["error"] != "Timeout":
        raise ValueError(
            f"applied has no meaning for {fields['error']} (only a Timeout may have been applied)"
        )
    return ErrorFault(**fields)


FAULT = Forms(
    {
        "error": Record(
            _error,
            {
                "error": Key(choice(*ERRORS), required=True),
                "on": Key(
                    Record(
                        Call,
                        {
                            "component": Key(COMPONENT),
                            "verb": Key(choice(*VERBS)),
                            "kind": Key(_KIND),
                            "namespace": Key(NAME),
                            "name": Key(NAME),
                        },
                    ),
                    "which calls [all]",
                ),
                "probability": Key(SHARE, "of each such call"),
                "nth": Key(whole(1), "only this call, counted from 1"),
                "applied": Key(BOOLEAN, "of a Timeout: the write happened all the same [false]"),
            },
            one_of=(("probability", "nth"),),
        ),
        "stale": Record(
            lambda stale: stale,
            {
                "stale": Key(
                    Record(
                        StaleFault,
                        {
                            "component": Key(COMPONENT, required=True),
                            "kind": Key(_KIND, required=True),
                            "at": Key(DURATION, required=True),
                            "for": Key(DURATION, field="duration", required=True),
                        },
                    ),
                    "a cache that hears nothing for a while",
                )
            },
        ),
        "crash": Record(
            lambda crash: crash,
            {
                "crash": Key(
                    Record(
                        CrashFault,
                        {
                            "component": Key(COMPONENT, required=True),
                            "at": Key(DURATION),
                            "afterWrite": Key(whole(1), "of one reconcile"),
                            "down": Key(DURATION, "[0s]"),
                        },
                        one_of=(("at", "afterWrite"),),
                    ),
                    "a component that stops and starts again",
                )
            },
        ),
    }
)
