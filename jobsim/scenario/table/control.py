"""``control``: the control plane's own time."""

from __future__ import annotations

import re
from typing import Any

from jobsim.api.timing import REAL, TABLE, Timing
from jobsim.laws import Law
from jobsim.scenario.check import BAD, At, Bad, Key, Leaf, MapOf, Record, Schema, Type, shown
from jobsim.scenario.leaves import (
    BOOLEAN,
    DURATION,
    LAW,
    LAW_FORMS,
    POSITIVE,
    choice,
    kind_name,
    number,
    whole,
)
from jobsim.scenario.model import ControlSpec, LagSpec, Limits
from jobsim.units import format_duration

#: The parts of the control plane that have a client or a cache of their own.
COMPONENTS = (
    "jobset",
    "job",
    "scheduler",
    "kubelet",
    "garbage-collector",
    "node-controller",
    "taint-eviction-controller",
    "disruption-controller",
    "pod-gc",
    "ttl-after-finished",
    "namespace-controller",
)
COMPONENT = choice(*COMPONENTS)
#: What of Kubernetes may be switched on.  (Upstream GangScheduling wants GenericWorkload.)
GANG_SCHEDULING = "GangScheduling"
GATES = ("GenericWorkload", GANG_SCHEDULING, "TopologyAwareWorkloadScheduling")


def _api(latency: Law | None = None, **limits: Limits) -> tuple[Law | None, Any]:
    return latency, tuple((name.replace("_", "-"), value) for name, value in limits.items())


_LIMITS = Record(Limits, {"qps": Key(number(0, 1e9), "0 = unlimited"), "burst": Key(whole(0))})
_API = Record(
    _api,
    {"latency": Key(LAW, "of a call [0s]")}
    | {name: Key(_LIMITS, field=name.replace("-", "_")) for name in COMPONENTS},
)


def _plugin(raw: Any) -> str:
    if not isinstance(raw, str):
        raise ValueError(f"{shown(raw)} is no controller")
    package, colon, attribute = raw.partition(":")
    words = [*package.split("."), *(attribute.split(".") if colon else ["x"])]
    if raw != "builtin" and not (colon and all(word.isidentifier() for word in words)):
        raise ValueError(f"{shown(raw)} is no controller")
    return raw


class _WatchLag:
    """A law for everybody, or laws by component, or by component and kind."""

    allowed = f"{LAW.allowed}; or by component, or by component and kind"
    _by_kind = MapOf(kind_name(), LAW, least=1)

    def read(self, raw: Any, at: At) -> tuple[LagSpec, ...] | Bad:
        """Return one entry for each component and kind that is named."""
        if not isinstance(raw, dict) or not any(key in COMPONENTS for key in raw):
            law = LAW.read(raw, at)
            return law if isinstance(law, Bad) else (LagSpec(law=law),)
        before, lags = len(at.findings), []
        for component, value in raw.items():
            here = at.child(component)
            COMPONENT.read(component, here)
            if isinstance(value, dict) and not any(key in LAW_FORMS.forms for key in value):
                laws = self._by_kind.read(value, here)
            else:
                laws = {"": LAW.read(value, here)}
            if isinstance(laws, dict):
                lags += [LagSpec(law=law, component=component, kind=kind) for kind, law in laws.items()]
        return tuple(lags) if len(at.findings) == before else BAD

    def schema(self) -> Schema:
        """Return the three forms."""
        by_kind = {"anyOf": [LAW.schema(), self._by_kind.schema()]}
        by_component = {
            "type": "object",
            "properties": dict.fromkeys(COMPONENTS, by_kind),
            "additionalProperties": False,
        }
        return {"anyOf": [LAW.schema(), by_component]}


def _control(api: tuple[Law | None, Any] = (None, ()), scheduler: float = 0.0, **fields: Any) -> ControlSpec:
    latency, limits = api
    if latency is not None:
        fields["latency"] = latency
    return ControlSpec(limits=limits, pods_per_second=scheduler, **fields)


def timing_key(field: str) -> str:
    """Return the key of a constant: ``crash_loop_cap_ns`` is ``crashLoopCap``.

    Examples
    --------
    >>> timing_key("crash_loop_cap_ns"), timing_key("job_workers")
    ('crashLoopCap', 'jobWorkers')
    """
    head, *rest = re.sub("_s$", "_seconds", field.removesuffix("_ns")).split("_")
    return head + "".join(word.capitalize() for word in rest)


def _timing_type(field: str, default: float) -> Type:
    if field.endswith("_ns"):
        return POSITIVE
    if field.endswith("_s"):
        return whole(0)
    return number(0, 1e6, above=True) if isinstance(default, float) else whole(1)


def _timing_keys() -> dict[str, Key]:
    """Return a key for each constant that may be changed, with its default and its source."""
    source = {row.name.lower(): row for row in TABLE}
    keys = {}
    for field in Timing.__struct_fields__:
        default = getattr(REAL, field)
        shown_default = format_duration(default) if field.endswith("_ns") else f"{default:g}"
        text = f"[{shown_default}] {source[field].clause}, {source[field].source}"
        keys[timing_key(field)] = Key(_timing_type(field, default), text, field=field)
    return keys


_TIMING = Record(lambda **fields: tuple(fields.items()), _timing_keys())

CONTROL = Record(
    _control,
    {
        "watchLag": Key(_WatchLag(), "how late caches see changes [0s]"),
        "api": Key(_API, "latency, and client limits by component"),
        "scheduler": Key(
            Record(
                lambda pods_per_second=0.0: pods_per_second,
                {"podsPerSecond": Key(number(0), "ordinary pods; 0 = takes no time")},
            )
        ),
        "nodeMonitorGracePeriod": Key(DURATION, "[50s]"),
        "timing": Key(_TIMING, "constants of upstream's components, each with its default and source"),
        "featureGates": Key(
            Record(lambda **gates: tuple(gates.items()), {name: Key(BOOLEAN, field=name) for name in GATES}),
            "of Kubernetes, alpha and off by default",
        ),
        "controllers": Key(
            MapOf(
                COMPONENT,
                Leaf("builtin, or package.module:attribute of your own", _plugin, {"type": "string"}),
            )
        ),
    },
)
