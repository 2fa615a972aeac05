"""A recorded run as it lies in its file: what it was made of, what was done to it, what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jobsim.api import codec
from jobsim.api._struct import Struct
from jobsim.api.core import Node
from jobsim.api.meta import Condition
from jobsim.controllers.jobset.gates import Gates
from jobsim.e2e.match import PodMatch
from jobsim.errors import InputError
from jobsim.testing.conformance_case import GATES
from jobsim.units import SECOND

#: Forms of a step's ``when`` and of its ``do``, by the key that tells them apart, in order.
WHENS = (
    *("at", "after", "stable", "condition", "restarts", "ready", "succeeded", "pods", "event", "gone"),
    *("jobCondition", "terminal"),
)
DEEDS = (
    *("suspend", "patch", "create", "deletePods", "evictPods", "finishPods", "annotatePods", "deleteJobSet"),
    *("deleteJob", "deleteNodeOf", "deleteNode", "taintNodeOf", "createNode", "note"),
)


class Ending(Struct):
    """How containers of a pod end: the code of the first (or the named) one, and what is said along."""

    exit: int = 0
    container: str = ""
    conditions: tuple[Condition, ...] = ()


class Rule(Struct):
    """What becomes of the pods that match, ``after`` ns from when they are Running.

    Without ``ending`` and ``restarts`` they run until they are deleted.
    """

    match: PodMatch
    after: int = 0
    ending: Ending | None = None
    restarts: int = 0


class When(Struct):
    """A moment: its form, what it asks for, and how long to wait from then on, ns."""

    form: str
    asked: Mapping[str, Any]
    plus: int = 0


class Step(Struct):
    """One step of the script."""

    when: When
    form: str
    do: Mapping[str, Any]


class RunCase(Struct):
    """A recorded run."""

    name: str
    gates: Gates
    nodes: tuple[Node, ...]
    manifests: tuple[Mapping[str, Any], ...]
    rules: tuple[Rule, ...]
    script: tuple[Step, ...]
    until: When
    settle: int
    topology_key: str
    truth: Mapping[str, Any]
    unstable: tuple[str, ...]


def is_run(document: object) -> bool:
    """Tell whether a JSON document is a recorded run."""
    return isinstance(document, Mapping) and "id" in document and "truth" in document


def parse(document: Mapping[str, Any]) -> RunCase:
    """Return a recorded run from its document.

    Raises
    ------
    InputError
        The document cannot be read; the text says where and what is allowed.
    """
    name = str(document.get("id", "?"))
    try:
        for part in (document["truth"], *(document.get("manifests") or ())):
            dict(part)
        return RunCase(
            name=name,
            gates=_gates(document),
            nodes=tuple([codec.convert(_body(node), Node) for node in document.get("nodes") or ()]),
            manifests=tuple(document.get("manifests") or ()),
            rules=tuple([_rule(rule) for rule in document.get("behaviour") or ()]),
            script=tuple([_step(step) for step in document.get("script") or ()]),
            until=when_of(document["until"]),
            settle=nanoseconds(document.get("settle", 4)),
            topology_key=document.get("topologyKey") or "",
            truth=document["truth"],
            unstable=tuple(document.get("unstable") or ()),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as err:
        text = f"no {err}" if isinstance(err, KeyError) else str(err)
        raise InputError(f"run {name} cannot be read: {text}") from None


def nanoseconds(seconds: float) -> int:
    """Return a number of seconds as ns."""
    return round(float(seconds) * SECOND)


def when_of(asked: Mapping[str, Any]) -> When:
    """Return the moment that a ``when`` or an ``until`` describes.

    Raises
    ------
    ValueError
        None of the forms.
    """
    form = _form(asked, WHENS)
    if form in ("at", "after", "stable"):
        nanoseconds(asked[form])
    elif form == "pods":
        PodMatch(asked["pods"])
    elif form in ("ready", "succeeded"):
        dict(asked[form])
    return When(form=form, asked=asked, plus=nanoseconds(asked.get("plus", 0)))


def _form(asked: Mapping[str, Any], forms: Sequence[str]) -> str:
    for form in forms:
        if form in asked:
            return form
    raise ValueError(f"{dict(asked)} is of no known form (allowed: {', '.join(forms)})")


def _gates(document: Mapping[str, Any]) -> Gates:
    on = {GATES[name]: bool(value) for name, value in (document.get("gates") or {}).items() if name in GATES}
    main = (document.get("upstream") or {}).get("jobset") == "main"
    return Gates(version="main" if main else "v0.12.0", **on)


def _body(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an object without the two fields that say its kind."""
    return {key: value for key, value in document.items() if key not in ("apiVersion", "kind")}


def _rule(rule: Mapping[str, Any]) -> Rule:
    match = PodMatch(rule.get("match") or {})
    after = nanoseconds(rule.get("after", 0))
    if rule.get("never"):
        return Rule(match=match)
    if rule.get("containerRestart"):
        return Rule(match=match, after=after, restarts=rule.get("times", 1))
    return Rule(match=match, after=after, ending=ending_of(rule))


def ending_of(asked: Mapping[str, Any]) -> Ending:
    """Return how the pods of a rule or a step end."""
    return Ending(
        exit=asked.get("exit", 0),
        container=asked.get("container") or "",
        conditions=tuple([codec.convert(c, Condition) for c in asked.get("conditions") or ()]),
    )


def _step(step: Mapping[str, Any]) -> Step:
    when = when_of(step["when"])
    if "plus" in step:
        when = When(form=when.form, asked=when.asked, plus=nanoseconds(step["plus"]))
    return Step(when=when, form=_form(step["do"], DEEDS), do=step["do"])
