"""``failures``: what breaks, when, and how it shows."""

from __future__ import annotations

from typing import Any

from jobsim import laws
from jobsim.hardware.failures import catalogue
from jobsim.hardware.failures.plans import SLOWING
from jobsim.laws import Exponential
from jobsim.scenario.check import Either, Forms, Key, Leaf, Record, Schema, shown
from jobsim.scenario.leaves import (
    DURATION,
    LABEL_KEY,
    LAW,
    LAW_FORMS,
    NAME,
    POSITIVE,
    SHARE,
    choice,
    fixed,
    number,
    text,
    whole,
)
from jobsim.scenario.model import (
    FailureProcess,
    FailureTrace,
    LemonPlan,
    Maintenance,
    MaintenancePlan,
    NodeFailure,
    PodFailure,
    Spot,
    SpotPlan,
    StragglerPlan,
    Stragglers,
)
from jobsim.scenario.table.pods import EXIT_CODE

_FACTOR = number(0, 1, above=True)
_COMMON = {
    "detect": Key(LAW, "from the fault to its visible effect [0s]"),
    "inPlace": Key(
        SHARE,
        "share that a container restart cures, of a node: of its pods' containers; the rest fails pods for "
        "good [pods: 1, nodes: 0]",
    ),
}
_POOL = Key(NAME, "only in this pool of the fleet")


def _never(raw: Any) -> Any:
    return None if raw == "never" else fixed(raw)


_SCHEMA: Schema = {"anyOf": [{"const": "never"}, DURATION.schema()]}
#: A law, or never (None).
_REPAIR = Either(
    allowed=f"{LAW.allowed}, or never", scalar=Leaf("a law, or never", _never, _SCHEMA), map=LAW_FORMS
)


class _Effect:
    """A word, or ``{degrade: {factor: 0.7}}``, or as much of links; becomes (effect, factor)."""

    def __init__(self, *words: str) -> None:
        self._word = choice(*words)
        factor = Record(lambda factor: factor, {"factor": Key(_FACTOR, required=True)})
        self._map = Record(
            lambda **slow: next(iter(slow.items())),
            {effect: Key(factor, field=effect) for effect in SLOWING},
            one_of=(SLOWING,),
        )
        self.allowed = self._word.allowed + ", or {degrade: {factor: 0.7}}"

    def read(self, raw: Any, at: Any) -> Any:
        """Return the effect and the factor, where it is given here."""
        if isinstance(raw, dict):
            return self._map.read(raw, at)
        word = self._word.read(raw, at)
        return (word, None) if isinstance(word, str) else word

    def schema(self) -> Schema:
        """Return both forms."""
        return {"anyOf": [self._word.schema(), self._map.schema()]}


_DEGRADE = {
    "degrade": Key(Record(lambda factor: factor, {"factor": Key(_FACTOR, required=True)}), field="factor"),
    "factor": Key(_FACTOR, "speed that is left, of effect degrade; of degrade-link: share of the line rate"),
}


def _with_effect(fields: dict[str, Any], make: type, default: str) -> Any:
    effect, factor = fields.pop("effect", (default, None))
    if factor is None:
        factor = fields.pop("factor", None)
    if (effect in SLOWING) != (factor is not None):
        what = "factor is missing" if factor is None else f"a factor has no meaning for {effect}"
        slow = effect if effect in SLOWING else "degrade"
        raise ValueError(f"{what} (effect {slow} has a factor, others have none)")
    return make(effect=effect, factor=1.0 if factor is None else factor, **fields)


def _node_failure(**fields: Any) -> NodeFailure:
    made: NodeFailure = _with_effect(fields, NodeFailure, "crash")
    return made


def _stands_still(law: laws.Law) -> bool:
    """Tell whether a law is zero, or so often zero that a thousand in a row come to pass."""
    return laws.mean(law) < 1 or not any(laws.quantile(law, (i + 0.5) / 200) for i in range(198))


def _process(**fields: Any) -> FailureProcess:
    default = "pod-fails" if "component" in fields else "crash"
    if "mtbf" in fields and "law" in fields:
        raise ValueError("both mtbf and law are given (one of them)")
    if "mtbf" in fields:
        fields["law"] = Exponential(mean=fields.pop("mtbf"))
    if "law" not in fields:
        _look_up(fields)
    if "component" in fields and "per" not in fields:
        raise ValueError("per is missing (one of accelerator, node, rack, block, link)")
    if _stands_still(fields["law"]):
        raise ValueError("its law leaves no time between failures (a mean above zero; few draws of zero)")
    if fields.get("per") == "link" and fields.get("effect", ("", None))[0] == "degrade":
        fields["effect"] = ("degrade-link", fields["effect"][1])
    made: FailureProcess = _with_effect(fields, FailureProcess, default)
    return made


_NODE_EFFECTS = (
    *("crash", "lose", "drain", *SLOWING, "shutdown"),
    *("memory-pressure", "disk-pressure", "pid-pressure"),
)


def _look_up(fields: dict[str, Any]) -> None:
    """Take what the catalogue says of a component, where the Scenario says nothing."""
    name = fields.get("component", "")
    found = catalogue.component(name) if name else ""
    if isinstance(found, str):
        known = f" of a component of the catalogue such as {found}" if name else ""
        raise ValueError(f"mtbf is missing (exactly one of mtbf, law is needed; or the name{known})")
    if fields.setdefault("per", found.per) != found.per:
        raise ValueError(f"{name} is counted per {found.per} (leave per out)")
    fields["law"] = found.law
    fields.setdefault("repair", found.repair)
    fields.setdefault("detect", found.detect)


_EFFECTS = ("pod-fails", "crash", "lose", "drain", *SLOWING)
_PROCESS = {
    "mtbf": Key(POSITIVE, "mean time between failures of one entity"),
    "law": Key(LAW, "instead of mtbf"),
    "effect": Key(_Effect(*_EFFECTS)),
    **_DEGRADE,
    "exitCode": Key(EXIT_CODE, "[1]"),
    "repair": Key(_REPAIR, "until it works again [0s]"),
    "clock": Key(choice("calendar", "exposure"), "exposure: only while a pod runs there"),
    "pool": _POOL,
    "lemons": Key(
        Record(
            LemonPlan,
            {
                "share": Key(SHARE, "of the nodes", required=True),
                "factor": Key(number(0, above=True), "times as often", required=True),
            },
        ),
        "nodes that fail more often",
    ),
    **_COMMON,
}
_RATE = (("mtbf", "law"),)


def _domain(raw: Any) -> str:
    if isinstance(raw, str) and raw in ("node", "rack", "block"):
        return raw
    if isinstance(raw, str) and "/" in raw:
        key: str = LABEL_KEY.parse(raw)
        return key
    raise ValueError(f"{shown(raw)} is unknown")


_DOMAIN = Leaf(
    "one of node, rack, block, or a node label key such as example.com/power-feed",
    _domain,
    {"type": "string"},
)


def _trace(**fields: Any) -> FailureTrace:
    made: FailureTrace = _with_effect(fields, FailureTrace, "crash")
    return made


def _spot(**fields: Any) -> SpotPlan:
    if "mtbf" in fields:
        fields["law"] = Exponential(mean=fields.pop("mtbf"))
    if _stands_still(fields["law"]):
        raise ValueError("its law leaves no time between two reclaims (a mean above zero; few draws of zero)")
    return SpotPlan(**fields)


_MAINTENANCE = Record(
    MaintenancePlan,
    {
        "every": Key(POSITIVE, required=True),
        "duration": Key(DURATION, required=True),
        "nodes": Key(whole(1), "at once [1]"),
        "notice": Key(DURATION, "[0s]"),
        "pool": _POOL,
    },
)
_SPOT = Record(
    _spot,
    {
        "pool": Key(NAME, required=True),
        "mtbf": Key(POSITIVE, "mean time between two reclaims"),
        "law": Key(LAW, "instead of mtbf"),
        "share": Key(SHARE, "of the pool at once [1]"),
        "notice": Key(DURATION, "[0s]"),
        "back": Key(_REPAIR, "until the machines are there again [never]"),
    },
    one_of=_RATE,
)
_STRAGGLERS = Record(
    StragglerPlan,
    {
        "share": Key(SHARE, required=True),
        "factor": Key(number(1), "of the step time", required=True),
        "pool": _POOL,
    },
)

FAILURE = Forms(
    {
        "pod": Record(
            PodFailure,
            {
                "at": Key(DURATION, required=True),
                "pod": Key(NAME, "name without the random suffix", required=True),
                "exitCode": Key(EXIT_CODE, "[1]"),
                "reason": Key(text("a reason such as OOMKilled")),
                **_COMMON,
            },
        ),
        "node": Record(
            _node_failure,
            {
                "at": Key(DURATION, required=True),
                "node": Key(NAME, required=True),
                "effect": Key(_Effect(*_NODE_EFFECTS), "[crash]"),
                **_DEGRADE,
                "repair": Key(_REPAIR, "[never]"),
                **_COMMON,
            },
        ),
        "component": Record(
            _process,
            {
                "component": Key(text("a part such as gpu"), required=True),
                "per": Key(choice("accelerator", "node", "rack", "block", "link"), "[the catalogue's]"),
                **_PROCESS,
            },
        ),
        "domain": Record(
            _process,
            {
                "domain": Key(_DOMAIN, "all inside fail together", required=True),
                **_PROCESS,
            },
            one_of=_RATE,
        ),
        "trace": Record(
            _trace,
            {
                "trace": Key(text("a path")),
                "effect": Key(_Effect(*_EFFECTS), "of rows that say none [crash]"),
                **_DEGRADE,
                **_COMMON,
            },
        ),
        "maintenance": Record(Maintenance, {"maintenance": Key(_MAINTENANCE), **_COMMON}),
        "spot": Record(Spot, {"spot": Key(_SPOT), **_COMMON}),
        "stragglers": Record(Stragglers, {"stragglers": Key(_STRAGGLERS), **_COMMON}),
    }
)
