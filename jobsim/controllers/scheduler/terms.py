"""Questions about pods, counted by topology domain.

"Which domains hold a pod that matches this selector?" and "which domains hold a pod whose
anti-affinity matches this pod?" are asked for every pod that is scheduled.  Upstream visits all pods; here
both are tables of counts that change when a pod comes or goes.

A selector is cut in two: its *shape* (which keys it looks at and how) and its *coordinates* (the single
values it compares with).  All Jobs of an exclusive placement ask the same shape with other values,
so there is one table for all of them and a question is one look-up:

* coordinates of ``key In [value]`` (and of the namespace) choose a cell;
* one ``key NotIn [value]`` subtracts: cell total minus the part filed under the value.

Anything else (``Exists``, several values, ``Gt``, namespace selectors) stays in the shape and is checked
pod by pod.

Source: kubernetes pkg/scheduler/framework/plugins/interpodaffinity/filtering.go (what is counted).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from jobsim.api._struct import Struct
from jobsim.api.meta import Labels, LabelSelector
from jobsim.api.pod import PodAffinityTerm
from jobsim.api.selectors import meets
from jobsim.controllers.scheduler.columns import Column, IntArray

#: (key, operator, values): one requirement in canonical form.
Req = tuple[str, str, tuple[str, ...]]
#: The namespace stands among the labels under the one key that no label can have.
NAMESPACE = ""
_DENSE_FROM = 24


class Scope(Struct):
    """The namespaces a term looks in: named ones, and those whose labels meet ``reqs``."""

    names: tuple[str, ...] = ()
    reqs: tuple[Req, ...] | None = None

    def holds(self, namespace: str, labels: Labels) -> bool:
        """Tell whether a namespace (with these labels) is in the scope."""
        if namespace in self.names:
            return True
        return self.reqs is not None and meet_all(self.reqs, labels)


class Shape(Struct):
    """What a question looks at, without the single values it compares with."""

    topology_key: str
    in_keys: tuple[str, ...] = ()
    not_key: str | None = None
    residual: tuple[Req, ...] = ()
    scopes: tuple[Scope, ...] = ()
    #: Whether pods with a deletionTimestamp count (they do for affinity, not for spreading).
    terminating: bool = True


class Question(Struct):
    """A shape with its coordinates; ``values`` None: nothing can match."""

    shape: Shape
    values: tuple[str, ...] | None = ()
    not_value: str | None = None


def meet_all(reqs: Sequence[Req], labels: Labels) -> bool:
    """Tell whether labels meet all requirements."""
    return all(meets(labels.get(key), operator, values) for key, operator, values in reqs)


def requirements(selector: LabelSelector) -> list[Req]:
    """Return a label selector's requirements in canonical form."""
    reqs: list[Req] = [(key, "In", (value,)) for key, value in selector.match_labels.items()]
    reqs += [(e.key, e.operator, tuple(sorted(set(e.values)))) for e in selector.match_expressions]
    return reqs


def with_label_keys(reqs: list[Req], same: Sequence[str], labels: Labels) -> list[Req]:
    """Return requirements with matchLabelKeys of the asking pod written out."""
    if not same:
        return reqs
    more: list[Req] = [(key, "In", (labels[key],)) for key in same if key in labels]
    return reqs + [req for req in more if req not in reqs]


def ask(
    topology_key: str, reqs: Sequence[Req] | None, scopes: Sequence[Scope], *, terminating: bool = True
) -> Question:
    """Return the question for pods that meet ``reqs`` (None: for none) in all ``scopes``."""
    if reqs is None:
        return Question(shape=Shape(topology_key=topology_key), values=None)
    wanted: dict[str, str] = {}
    not_req: Req | None = None
    residual: list[Req] = []
    for req in reqs:
        key, operator, values = req
        if operator == "In" and len(values) == 1 and key not in wanted:
            wanted[key] = values[0]
        elif operator == "NotIn" and len(values) == 1 and not_req is None:
            not_req = req
        else:
            residual.append(req)
    wide: list[Scope] = []
    for scope in scopes:
        if len(scope.names) == 1 and scope.reqs is None and NAMESPACE not in wanted:
            wanted[NAMESPACE] = scope.names[0]
        elif scope.reqs != ():
            wide.append(scope)
    keys = tuple(sorted(wanted))
    shape = Shape(
        topology_key=topology_key,
        in_keys=keys,
        not_key=not_req[0] if not_req else None,
        residual=tuple(sorted(residual)),
        scopes=tuple(wide),
        terminating=terminating,
    )
    values = tuple([wanted[key] for key in keys])
    return Question(shape=shape, values=values, not_value=not_req[2][0] if not_req else None)


def scope_of(term: PodAffinityTerm, namespace: str, *, incoming: bool = False) -> Scope:
    """Return where an affinity term of a pod in ``namespace`` looks.

    ``incoming``: the term is the pod's that is to be placed.  Upstream lists the namespaces that its selector
    means, then means to drop the selector but does so in a copy (mergeAffinityTermNamespacesIfNotEmpty), and
    asks it about a namespace without labels: one that holds there (NotIn, DoesNotExist) means all.
    """
    if term.namespace_selector is None:
        return Scope(names=tuple(sorted(set(term.namespaces))) or (namespace,))
    reqs = tuple(sorted(requirements(term.namespace_selector)))
    if incoming and meet_all(reqs, {}):
        return Scope(reqs=())
    return Scope(names=tuple(sorted(set(term.namespaces))), reqs=reqs)


def term_reqs(term: PodAffinityTerm) -> list[Req] | None:
    """Return the label requirements of an affinity term; None: matches nothing."""
    if term.label_selector is None:
        return None
    # Its matchLabelKeys are in the selector: the API server merged them when the pod was made.
    return requirements(term.label_selector)


def term_question(term: PodAffinityTerm, namespace: str, *, incoming: bool = False) -> Question:
    """Return one affinity term of a pod as a question (``scope_of``)."""
    return ask(term.topology_key, term_reqs(term), [scope_of(term, namespace, incoming=incoming)])


def all_terms_questions(terms: Sequence[PodAffinityTerm], namespace: str) -> tuple[Question, ...]:
    """Return required affinity: for each topology key, who matches *all* the terms (K-SCH-20)."""
    reqs: list[Req] = []
    scopes: list[Scope] = []
    for term in terms:
        own = term_reqs(term)
        if own is None:
            return tuple(ask(t.topology_key, None, ()) for t in terms)
        reqs += [req for req in own if req not in reqs]
        scope = scope_of(term, namespace, incoming=True)
        if scope not in scopes:
            scopes.append(scope)
    return tuple(ask(key, reqs, scopes) for key in dict.fromkeys(t.topology_key for t in terms))


class Counts:
    """Counts by domain number: a dict while few domains have any, then an array."""

    __slots__ = ("_dense", "_sparse", "used")

    def __init__(self) -> None:
        self._sparse: dict[int, int] = {}
        self._dense: Column[np.int64] | None = None
        #: How many domains have a count other than zero.
        self.used = 0

    def add(self, domain: int, amount: int) -> None:
        """Add to one domain's count."""
        dense = self._dense
        if dense is not None:
            if domain >= len(dense):
                dense.resize(domain + 1)
            before = dense[domain]
            dense[domain] = before + amount
            self.used += (before + amount != 0) - (before != 0)
            return
        after = self._sparse.get(domain, 0) + amount
        if after:
            self._sparse[domain] = after
        else:
            del self._sparse[domain]
        self.used = len(self._sparse)
        if self.used > _DENSE_FROM:
            dense = self._dense = Column(np.int64, 0)
            dense.resize(max(self._sparse) + 1)
            for known, count in self._sparse.items():
                dense[known] = count
            self._sparse = {}

    def array(self, size: int) -> IntArray:
        """Return counts of domains 0 ... size - 1 (all there are), and a zero after them (index -1)."""
        dense = self._dense
        if dense is not None:
            dense.resize(size + 1)
            return dense.view()[: size + 1]
        out = np.zeros(size + 1, dtype=np.int64)
        for domain, count in self._sparse.items():
            out[domain] = count
        return out


class Cell:
    """Counts of one coordinate: the total, and what is filed under each value that NotIn may name."""

    __slots__ = ("by_not", "total")

    def __init__(self) -> None:
        self.total = Counts()
        self.by_not: dict[str, Counts] = {}

    def add(self, not_value: str | None, domain: int, amount: int) -> None:
        """Count under a NotIn coordinate (None: no such label, so never subtracted)."""
        self.total.add(domain, amount)
        if not_value is not None:
            part = self.by_not.get(not_value)
            if part is None:
                part = self.by_not[not_value] = Counts()
            part.add(domain, amount)
            if not part.used:
                del self.by_not[not_value]

    def counts(self, not_value: str | None, size: int) -> IntArray | None:
        """Return counts by domain without those filed under ``not_value``; None when all are zero."""
        if not self.total.used:
            return None
        part = self.by_not.get(not_value) if not_value is not None else None
        if part is None:
            return self.total.array(size)
        left = self.total.array(size) - part.array(size)
        return left if left.any() else None


class Table:
    """All counts of one shape."""

    __slots__ = ("cells", "shape")

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.cells: dict[tuple[str, ...], Cell] = {}

    def add(self, values: tuple[str, ...], not_value: str | None, domain: int, amount: int) -> None:
        """Count one thing with these coordinates in a domain (a negative amount takes it back)."""
        cell = self.cells.get(values)
        if cell is None:
            cell = self.cells[values] = Cell()
        cell.add(not_value, domain, amount)
        if not cell.total.used:
            del self.cells[values]

    def counts(self, values: tuple[str, ...] | None, not_value: str | None, size: int) -> IntArray | None:
        """Return counts by domain for coordinates; None when all are zero."""
        if values is None:
            return None
        cell = self.cells.get(values)
        return None if cell is None else cell.counts(not_value, size)


def coordinates(shape: Shape, namespace: str, labels: Labels) -> tuple[str, ...] | None:
    """Return the values that a pod has at a shape's keys; None when it lacks one."""
    values = []
    for key in shape.in_keys:
        value = labels.get(key) if key else namespace
        if value is None:
            return None
        values.append(value)
    return tuple(values)


def suits(shape: Shape, namespace: str, labels: Labels, namespace_labels: Mapping[str, Labels]) -> bool:
    """Tell whether a pod meets the part of a shape that is not in its coordinates."""
    if shape.residual and not meet_all(shape.residual, labels):
        return False
    return all(scope.holds(namespace, namespace_labels.get(namespace, {})) for scope in shape.scopes)


def matches(
    question: Question, namespace: str, labels: Labels, namespace_labels: Mapping[str, Labels]
) -> bool:
    """Tell whether one pod matches a question."""
    shape = question.shape
    if question.values is None or coordinates(shape, namespace, labels) != question.values:
        return False
    if question.not_value is not None and labels.get(shape.not_key or "") == question.not_value:
        return False
    return suits(shape, namespace, labels, namespace_labels)
