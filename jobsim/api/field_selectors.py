"""Field selectors: kubectl's ``--field-selector status.phase=Running``.

Source: apimachinery pkg/fields/selector.go; kubernetes pkg/apis/core/v1/conversion.go (which fields).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from jobsim.api._struct import Struct
from jobsim.api.core import Node
from jobsim.api.meta import Object
from jobsim.api.pod import Pod
from jobsim.api.selectors import SelectorError

_META_FIELDS: Mapping[str, Callable[[Object], str]] = {
    "metadata.name": lambda obj: obj.metadata.name,
    "metadata.namespace": lambda obj: obj.metadata.namespace,
}


def _pod_field(read: Callable[[Pod], str]) -> Callable[[Object], str]:
    return lambda obj: read(obj) if isinstance(obj, Pod) else ""


#: By kind, the fields that the API server can select by besides name and namespace.
_FIELDS: Mapping[str, Mapping[str, Callable[[Object], str]]] = {
    "Pod": {
        "spec.nodeName": _pod_field(lambda pod: pod.spec.node_name),
        "spec.restartPolicy": _pod_field(lambda pod: pod.spec.restart_policy),
        "spec.schedulerName": _pod_field(lambda pod: pod.spec.scheduler_name),
        "spec.serviceAccountName": _pod_field(lambda pod: pod.spec.service_account_name),
        "spec.hostNetwork": _pod_field(lambda pod: str(pod.spec.host_network).lower()),
        "status.phase": _pod_field(lambda pod: pod.status.phase),
        "status.podIP": _pod_field(lambda pod: pod.status.pod_ip),
        "status.nominatedNodeName": _pod_field(lambda pod: pod.status.nominated_node_name),
    },
    "Node": {
        "spec.unschedulable": lambda obj: str(isinstance(obj, Node) and obj.spec.unschedulable).lower(),
    },
}


class FieldTerm(Struct):
    field: str
    value: str
    equal: bool = True


class FieldSelector(Struct):
    """A parsed field query: all terms must hold."""

    terms: tuple[FieldTerm, ...] = ()

    def matches(self, obj: Object) -> bool:
        """Tell whether an object meets all terms.

        Raises
        ------
        SelectorError
            When the kind cannot be selected by one of the fields.
        """
        return all((field_of(obj, term.field) == term.value) == term.equal for term in self.terms)


def check_fields(selector: FieldSelector, kind: str) -> None:
    """Raise SelectorError when a kind cannot be selected by one of the fields."""
    for term in selector.terms:
        if term.field not in _META_FIELDS and term.field not in _FIELDS.get(kind, {}):
            raise SelectorError(f"field label not supported: {term.field}")


def field_of(obj: Object, name: str) -> str:
    """Return the text of a selectable field of an object."""
    read = _META_FIELDS.get(name) or _FIELDS.get(obj.kind, {}).get(name)
    if read is None:
        raise SelectorError(f"field label not supported: {name}")
    return read(obj)


def parse_fields(text: str) -> FieldSelector:
    """Return the selector that kubectl's ``--field-selector`` text means.

    A backslash escapes ``\\``, ``,`` and ``=`` in values.

    Raises
    ------
    SelectorError
        With the API server's words.

    Examples
    --------
    >>> parse_fields("status.phase!=Running,spec.nodeName=n1").terms[0].equal
    False
    """
    terms = []
    for part in re.findall(r"(?:[^,\\]|\\.|\\$)+", text):
        match = re.match(r"((?:[^=!\\]|\\.)*?)(!=|==|=)(.*)", part, re.DOTALL)
        if match is None:
            raise SelectorError(f"invalid selector: '{text}'; can't understand '{part}'")
        field, operator, value = match.groups()
        terms.append(FieldTerm(field=field, value=_unescaped(value), equal=operator != "!="))
    return FieldSelector(terms=tuple(terms))


def _unescaped(value: str) -> str:
    bad = re.search(r"(?:^|[^\\])(?:\\\\)*(\\(?![\\,=])|[,=])", value)
    if bad is not None:
        raise SelectorError(f"invalid field selector: invalid escape sequence or character in '{value}'")
    return re.sub(r"\\([\\,=])", r"\1", value)
