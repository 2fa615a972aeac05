"""Scalars of the Scenario file: text, numbers, shares, durations, quantities, laws."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from jobsim import laws
from jobsim.api import quantity
from jobsim.api.kinds import KINDS, find_kind
from jobsim.laws import LONGEST_NS
from jobsim.scenario.check import Either, Forms, Key, Leaf, ListOf, Named, Record, Type, nearest, shown
from jobsim.scenario.model import Target
from jobsim.units import parse_duration

#: No count in a Scenario is larger: Go's int32.
INT32 = 2**31 - 1

_DURATION = "a duration such as 500ms, 90s, 1h30m or 54d, or a number of seconds, not negative"
_GO_DURATION = r"^(0|([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h|d))+$"
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")


def text(allowed: str = "text", pattern: str = "") -> Leaf:
    """Return the type of text that is not empty and matches a pattern from end to end."""
    compiled = re.compile(pattern or r"(?s).+")

    def parse(raw: Any) -> str:
        if not isinstance(raw, str):
            raise ValueError(f"{shown(raw)} is no text")
        if not compiled.fullmatch(raw):
            raise ValueError(f"{shown(raw)} is wrong")
        return raw

    schema: dict[str, Any] = {"type": "string", "minLength": 1}
    return Leaf(allowed, parse, {**schema, "pattern": f"^({pattern})$"} if pattern else schema)


def choice(*words: str) -> Leaf:
    """Return the type of one of some words."""

    def parse(raw: Any) -> str:
        if raw in words and isinstance(raw, str):
            return raw
        hint = nearest(raw, words) if isinstance(raw, str) else ""
        raise ValueError(f"{shown(raw)} is unknown" + (f", did you mean {hint}?" if hint else ""))

    return Leaf("one of " + ", ".join(word or '""' for word in words), parse, {"enum": list(words)})


def _boolean(raw: Any) -> bool:
    if not isinstance(raw, bool):
        raise ValueError(f"{shown(raw)} is neither")
    return raw


BOOLEAN = Leaf("true or false", _boolean, {"type": "boolean"})


def whole(low: int = 0, high: int = INT32) -> Leaf:
    """Return the type of whole numbers within bounds."""

    def parse(raw: Any) -> int:
        if isinstance(raw, bool) or not isinstance(raw, int):
            raise ValueError(f"{shown(raw)} is no whole number")
        if not low <= raw <= high:
            raise ValueError(f"{shown(raw)} is too {'small' if raw < low else 'big'}")
        return raw

    allowed = f"a whole number from {low} to {high}"
    return Leaf(allowed, parse, {"type": "integer", "minimum": low, "maximum": high})


def number(low: float = 0.0, high: float = math.inf, *, above: bool = False) -> Leaf:
    """Return the type of finite numbers within bounds; ``above``: the lower bound itself is out."""
    bound = f"above {low:g}" if above else f"at least {low:g}"
    allowed = f"a number {bound}" + ("" if math.isinf(high) else f" and at most {high:g}")

    def parse(raw: Any) -> float:
        if isinstance(raw, bool) or not isinstance(raw, int | float):
            raise ValueError(f"{shown(raw)} is no number")
        value = float(raw)
        if not math.isfinite(value):
            raise ValueError(f"{shown(raw)} is no number")
        if value < low or value > high or (above and value == low):
            raise ValueError(f"{shown(raw)} is out of range")
        return value

    schema: dict[str, Any] = {"type": "number", "exclusiveMinimum" if above else "minimum": low}
    if not math.isinf(high):
        schema["maximum"] = high
    return Leaf(allowed, parse, schema)


SHARE = number(0, 1)
SHARE.allowed = "a share from 0 to 1"


def duration(*, positive: bool = False) -> Leaf:
    """Return the type of durations: int nanoseconds."""

    def parse(raw: Any) -> int:
        if isinstance(raw, bool) or not isinstance(raw, int | float | str):
            raise ValueError(f"{shown(raw)} is no duration")
        if isinstance(raw, float) and not math.isfinite(raw):
            raise ValueError(f"{shown(raw)} is no duration")
        if isinstance(raw, str) and (raw.startswith("-") or len(raw) > 100):
            raise ValueError(f"{shown(raw)} is {'negative' if raw.startswith('-') else 'no duration'}")
        try:
            value = parse_duration(raw)
        except ValueError:
            negative = not isinstance(raw, str) and raw < 0
            raise ValueError(f"{shown(raw)} is {'negative' if negative else 'no duration'}") from None
        if value > LONGEST_NS:
            raise ValueError(f"{shown(raw)} is longer than {LONGEST_NS // 10**9} s")
        if positive and value == 0:
            raise ValueError("is zero")
        return value

    least = {"exclusiveMinimum": 0} if positive else {"minimum": 0}
    schema = {"anyOf": [{"type": "string", "pattern": _GO_DURATION}, {"type": "number", **least}]}
    allowed = _DURATION.replace("not negative", "above zero") if positive else _DURATION
    return Leaf(allowed, parse, schema)


DURATION = duration()
POSITIVE = duration(positive=True)


def _quantity(raw: Any) -> str | int | float:
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        raise ValueError(f"{shown(raw)} is no quantity")
    if isinstance(raw, float) and not math.isfinite(raw):
        raise ValueError(f"{shown(raw)} is no quantity")
    try:
        amount = quantity.parse(raw)
    except ValueError:
        raise ValueError(f"{shown(raw)} is no quantity") from None
    if amount < 0:
        raise ValueError(f"{shown(raw)} is negative")
    return raw


QUANTITY = Leaf(
    "a Kubernetes quantity such as 192, 500m or 2Ti",
    _quantity,
    {"anyOf": [{"type": "string", "pattern": r"^\+?[0-9.]+([numkKMGTPE]i?|[eE][-+]?[0-9]+)?$"},
               {"type": "number", "minimum": 0}]},
)  # fmt: skip


def _name(raw: Any) -> str:
    if not isinstance(raw, str) or len(raw) > 253:
        raise ValueError(f"{shown(raw)} is no name")
    if not all(_DNS_LABEL.fullmatch(part) for part in raw.split(".")):
        raise ValueError(f"{shown(raw)} is no name")
    return raw


NAME = Leaf("a Kubernetes name: a-z, 0-9, - and .", _name, {"type": "string", "maxLength": 253})


def _label_key(raw: Any) -> str:
    if not isinstance(raw, str):
        raise ValueError(f"{shown(raw)} is no label key")
    prefix, slash, name = raw.rpartition("/")
    domain_ok = not slash or (len(prefix) <= 253 and all(map(_DNS_LABEL.fullmatch, prefix.split("."))))
    if not domain_ok or len(name) > 63 or not _LABEL_NAME.fullmatch(name):
        raise ValueError(f"{shown(raw)} is no label key")
    return raw


LABEL_KEY = Leaf("a label key such as example.com/rack", _label_key, {"type": "string", "maxLength": 317})


def _label_value(raw: Any) -> str:
    if not isinstance(raw, str) or len(raw) > 63 or (raw and not _LABEL_NAME.fullmatch(raw)):
        hint = " (put it in quotes)" if isinstance(raw, bool | int | float) else ""
        raise ValueError(f"{shown(raw)} is no label value{hint}")
    return raw


LABEL_VALUE = Leaf(
    "text of at most 63 letters, digits, -, _ and .", _label_value, {"type": "string", "maxLength": 63}
)


def one_key(forms: Mapping[str, tuple[Type, Callable[[Any], Any]]], allowed: str) -> Forms:
    """Return the type of maps with a single key that says what the value is."""

    def record(name: str) -> Record:
        type_, make = forms[name]
        return Record(lambda value: make(value), {name: Key(type_, field="value", required=True)})

    return Forms({name: record(name) for name in forms}, allowed)


_SHAPE = number(0, above=True)
_PAIR = ListOf(DURATION, least=2, most=2)
_PAIR.allowed = "[shortest, longest]"


def _uniform(pair: tuple[int, int]) -> laws.Law:
    if pair[0] > pair[1]:
        raise ValueError("the first is longer than the second (uniform: [shortest, longest])")
    return laws.Uniform(low=pair[0], high=pair[1])


def _mixture(parts: tuple[laws.MixturePart, ...]) -> laws.Law:
    if math.fsum(part.weight for part in parts) <= 0:
        raise ValueError("the weights are all 0 (one at least must be above 0)")
    return laws.Mixture(parts=parts)


def _law_forms() -> Forms:
    part = Record(laws.MixturePart, {"weight": Key(number(), required=True), "law": Key(LAW, required=True)})
    return one_key(
        {
            "fixed": (DURATION, lambda value: laws.Fixed(value=value)),
            "uniform": (_PAIR, _uniform),
            "exponential": (Record(laws.Exponential, {"mean": Key(DURATION, required=True)}), _same),
            "lognormal": (
                Record(
                    laws.Lognormal,
                    {"median": Key(DURATION, required=True), "sigma": Key(number(0, 100), required=True)},
                ),
                _same,
            ),
            "weibull": (
                Record(
                    laws.Weibull, {"scale": Key(DURATION, required=True), "shape": Key(_SHAPE, required=True)}
                ),
                _same,
            ),
            "gamma": (
                Record(
                    laws.Gamma, {"mean": Key(DURATION, required=True), "shape": Key(_SHAPE, required=True)}
                ),
                _same,
            ),
            "empirical": (ListOf(DURATION, least=1), laws.empirical),
            "mixture": (ListOf(part, least=1), _mixture),
        },
        _LAW_ALLOWED,
    )


def _same(value: laws.Law) -> laws.Law:
    return value


def fixed(raw: Any) -> laws.Law:
    """Return a duration as the law that always gives it."""
    return laws.Fixed(value=DURATION.parse(raw))


_LAW_ALLOWED = (
    "a duration, or one of fixed, uniform, exponential, lognormal, weibull, gamma, empirical, mixture"
)
LAW = Named("law", _LAW_ALLOWED, lambda: _LAW)
#: The laws that are maps.
LAW_FORMS = _law_forms()
_LAW: Type = Either(
    allowed=_LAW_ALLOWED,
    scalar=Leaf(_LAW_ALLOWED, fixed, DURATION.schema()),
    map=LAW_FORMS,
)


def kind_name() -> Leaf:
    """Return the type of kinds that are simulated, by any word that kubectl takes for them."""

    def parse(raw: Any) -> str:
        info = find_kind(raw) if isinstance(raw, str) else None
        if info is None:
            hint = nearest(raw, list(KINDS)) if isinstance(raw, str) else ""
            raise ValueError(f"{shown(raw)} is no kind" + (f", did you mean {hint}?" if hint else ""))
        return info.kind

    return Leaf("one of " + ", ".join(KINDS), parse, {"type": "string"})


def target() -> Leaf:
    """Return the type of ``kind/name``."""
    kind = kind_name()

    def parse(raw: Any) -> Target:
        if not isinstance(raw, str) or raw.count("/") != 1:
            raise ValueError(f"{shown(raw)} is no kind/name")
        word, _, name = raw.partition("/")
        return Target(kind=kind.parse(word), name=NAME.parse(name))

    return Leaf(f"kind/name such as jobset/train, the kind {kind.allowed}", parse, {"type": "string"})
