"""Selectors: which objects a query means.

Label selectors come as API objects (``LabelSelector``, node selector terms) and as kubectl's text
(``-l a=b,c in (d,e),!f``).  An API object is matched as it is, without being compiled first; a text is
parsed once into a ``Selector`` and matched many times.  Field selectors: ``api.field_selectors``.

Source: apimachinery pkg/labels/selector.go, pkg/apis/meta/v1 LabelSelectorAsSelector;
component-helpers scheduling/corev1/nodeaffinity.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from jobsim.api._struct import Struct
from jobsim.api.meta import Labels, LabelSelector, LabelSelectorRequirement
from jobsim.api.pod import NodeSelectorRequirement


class SelectorError(ValueError):
    """A selector is not valid; the message is the API server's."""


class Requirement(Struct):
    """One condition: Operator is In, NotIn, Exists, DoesNotExist, Gt or Lt."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Labels) -> bool:
        """Tell whether labels meet this condition."""
        return meets(labels.get(self.key), self.operator, self.values)


class Selector(Struct):
    """A parsed label query: all requirements must hold; no requirement matches everything."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Labels) -> bool:
        """Tell whether labels meet all requirements."""
        return all(r.matches(labels) for r in self.requirements)


EVERYTHING = Selector()


def meets(label: str | None, operator: str, values: Sequence[str]) -> bool:
    """Tell whether a label's value (None: no such label) meets an operator.

    NotIn holds when the label is absent; Gt and Lt compare integers, and anything else fails them.
    """
    if operator == "In":
        return label is not None and label in values
    if operator == "NotIn":
        return label is None or label not in values
    if operator == "Exists":
        return label is not None
    if operator == "DoesNotExist":
        return label is None
    if operator in ("Gt", "Lt") and label is not None and len(values) == 1:
        have, limit = _integer(label), _integer(values[0])
        if have is not None and limit is not None:
            return have > limit if operator == "Gt" else have < limit
    return False


def matches(selector: LabelSelector | None, labels: Labels) -> bool:
    """Tell whether an API label selector selects labels: None selects nothing, an empty one everything.

    Examples
    --------
    >>> matches(LabelSelector(match_labels={"a": "b"}), {"a": "b", "c": "d"}), matches(None, {})
    (True, False)
    """
    if selector is None:
        return False
    for key, wanted in selector.match_labels.items():
        if labels.get(key) != wanted:
            return False
    return all(meets(labels.get(e.key), e.operator, e.values) for e in selector.match_expressions)


def matches_map(wanted: Labels, labels: Labels) -> bool:
    """Tell whether labels carry all wanted pairs (a Service's selector, a pod's nodeSelector)."""
    return all(labels.get(key) == value for key, value in wanted.items())


def matches_expressions(
    expressions: Sequence[LabelSelectorRequirement | NodeSelectorRequirement], labels: Labels
) -> bool:
    """Tell whether labels meet all of a list of expressions."""
    return all(meets(labels.get(e.key), e.operator, e.values) for e in expressions)


def as_selector(selector: LabelSelector | None) -> Selector | None:
    """Return an API label selector as a ``Selector``; None (select nothing) stays None."""
    if selector is None:
        return None
    pairs = tuple(
        Requirement(key=key, operator="In", values=(value,)) for key, value in selector.match_labels.items()
    )
    rest = tuple(
        Requirement(key=e.key, operator=e.operator, values=e.values) for e in selector.match_expressions
    )
    return Selector(requirements=pairs + rest)


def format_selector(selector: LabelSelector | None) -> str:
    """Return a label selector as kubectl prints it.

    Source: apimachinery pkg/apis/meta/v1 FormatLabelSelector.

    Examples
    --------
    >>> format_selector(LabelSelector(match_labels={"a": "b"}))
    'a=b'
    """
    parsed = as_selector(selector)
    if parsed is None or not parsed.requirements:
        return "<none>"
    ordered = sorted(parsed.requirements, key=lambda r: r.key)
    return ",".join(_print(r) for r in ordered)


def _print(requirement: Requirement) -> str:
    key, operator, values = requirement.key, requirement.operator, requirement.values
    if operator == "Exists":
        return key
    if operator == "DoesNotExist":
        return f"!{key}"
    if operator in ("Gt", "Lt"):
        return f"{key}{'>' if operator == 'Gt' else '<'}{values[0]}"
    if operator == "In" and len(values) == 1:
        return f"{key}={values[0]}"
    return f"{key} {operator.lower()} ({','.join(sorted(values))})"


def _integer(text: str) -> int | None:
    """Return an int64 as Go's ParseInt reads it, or None."""
    if re.fullmatch(r"[+-]?[0-9]{1,30}", text, re.ASCII) is None:
        return None
    number = int(text)
    return number if -(2**63) <= number < 2**63 else None


# --- kubectl's text --------------------------------------------------------------------------

_TOKEN = re.compile(r"[ \t\r\n]*(==|!=|[(),=!<>]|[^ \t\r\n(),=!<>]+|$)")
_SYMBOLS = frozenset(("(", ")", ",", "=", "==", "!", "!=", "<", ">", ""))
_OPERATORS: Mapping[str, str] = {
    "in": "In",
    "notin": "NotIn",
    "=": "In",
    "==": "In",
    "!=": "NotIn",
    ">": "Gt",
    "<": "Lt",
}
_BINARY = "in, notin, =, ==, !=, gt, lt"


def parse_labels(text: str) -> Selector:
    """Return the selector that kubectl's ``-l`` text means.

    Raises
    ------
    SelectorError
        With the API server's words.

    Examples
    --------
    >>> parse_labels("a=b, c in (d,e), !f").matches({"a": "b", "c": "e"})
    True
    """
    tokens = _Tokens(text)
    found: list[Requirement] = []
    while True:
        token = tokens.peek()
        if token == "":
            break
        if token in _SYMBOLS and token != "!":
            raise SelectorError(f"found '{token}', expected: !, identifier, or 'end of string'")
        try:
            found.append(_requirement(tokens))
        except SelectorError as err:
            raise SelectorError(f"unable to parse requirement: {err}") from None
        token = tokens.take()
        if token == "":
            break
        if token != ",":
            raise SelectorError(f"found '{token}', expected: ',' or 'end of string'")
        follows = tokens.peek()
        if follows in _SYMBOLS and follows != "!":
            raise SelectorError(f"found '{follows}', expected: identifier after ','")
    # Upstream sorts by key, so errors of matching and printing come in that order.
    return Selector(requirements=tuple(sorted(found, key=lambda r: r.key)))


class _Tokens:
    """The words and symbols of a selector text; "" is its end."""

    def __init__(self, text: str) -> None:
        self._tokens = _TOKEN.findall(text)
        self._at = 0

    def peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self._at += 1
        return token


def _requirement(tokens: _Tokens) -> Requirement:
    """Parse ``key``, ``!key`` or ``key op values``."""
    key = tokens.take()
    absent = key == "!"
    if absent:
        key = tokens.take()
    if key in _SYMBOLS:
        raise SelectorError(f"found '{key}', expected: identifier")
    _check_key(key)
    if absent:
        return Requirement(key=key, operator="DoesNotExist")
    if tokens.peek() in ("", ","):
        return Requirement(key=key, operator="Exists")
    word = tokens.take()
    if word not in _OPERATORS:
        raise SelectorError(f"found '{word}', expected: {_BINARY}")
    values = _value_set(tokens) if word in ("in", "notin") else _exact_value(tokens)
    operator = _OPERATORS[word]
    if operator in ("Gt", "Lt") and _integer(values[0]) is None:
        problem = "for 'Gt', 'Lt' operators, the value must be an integer"
        raise SelectorError(f'values[0]: Invalid value: "{values[0]}": {problem}')
    for value in values:
        _check_value(key, value)
    return Requirement(key=key, operator=operator, values=values)


def _exact_value(tokens: _Tokens) -> tuple[str, ...]:
    if tokens.peek() in ("", ","):
        return ("",)
    token = tokens.take()
    if token in _SYMBOLS:
        raise SelectorError(f"found '{token}', expected: identifier")
    return (token,)


def _value_set(tokens: _Tokens) -> tuple[str, ...]:
    """Parse ``(a,b,...)``; an empty place is the empty value."""
    token = tokens.take()
    if token != "(":
        raise SelectorError(f"found '{token}' expected: '('")
    if tokens.peek() == ")":
        raise SelectorError(
            "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty"
        )
    values = [""]
    while True:
        token = tokens.take()
        if token == ")":
            return tuple(dict.fromkeys(values))
        if token == ",":
            values.append("")
        elif token in _SYMBOLS or values[-1]:
            raise SelectorError(f"found '{token}', expected: ',' or ')'")
        else:
            values[-1] = token


_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]", re.ASCII)
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", re.ASCII)
_BAD_NAME = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_BAD_VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used "
    "for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


def _check_key(key: str) -> None:
    prefix, slash, name = key.rpartition("/")
    good_prefix = not slash or (len(prefix) <= 253 and _SUBDOMAIN.fullmatch(prefix) is not None)
    if not good_prefix or len(name) > 63 or _NAME.fullmatch(name) is None:
        raise SelectorError(f'key: Invalid value: "{key}": {_BAD_NAME}')


def _check_value(key: str, value: str) -> None:
    if not value:
        return
    problem = ""
    if len(value) > 63:
        problem = "must be no more than 63 bytes"
    elif _NAME.fullmatch(value) is None:
        problem = _BAD_VALUE
    if problem:
        raise SelectorError(f'values[0][{key}]: Invalid value: "{value}": {problem}')


def go_text(selector: LabelSelector | None) -> str:
    """Return a selector as Go prints a pointer to one."""
    if selector is None:
        return "nil"
    labels = "".join(f"{key}: {value}," for key, value in sorted(selector.match_labels.items()))
    expressions = "".join(
        f"LabelSelectorRequirement{{Key:{e.key},Operator:{e.operator},Values:[{' '.join(e.values)}],}},"
        for e in selector.match_expressions
    )
    return (
        f"&LabelSelector{{MatchLabels:map[string]string{{{labels}}},"
        f"MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}"
    )
