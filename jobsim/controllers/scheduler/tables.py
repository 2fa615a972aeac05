"""The tables of counts that answer affinity and spreading for all pods at once.

Two kinds.  *Pod tables* count placed pods that match a question of a pod to come; a table is made when its
shape is first asked about and kept up from then on.  *Term tables* count the terms that placed
pods carry, for the symmetric rules (K-SCH-23): their anti-affinity keeps others out, their affinity
and preferences draw others near.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from jobsim.api.meta import Labels
from jobsim.controllers.scheduler.columns import IntArray
from jobsim.controllers.scheduler.terms import Question, Shape, Table, coordinates, suits
from jobsim.controllers.scheduler.views import PodView, Weighted

#: Stands for "each node is its own domain" where a topology key is expected.
EACH_NODE = ""

DomainOf = Callable[[str, int], int]
DomainCount = Callable[[str], int]


class AffinityTables:
    """Counts of placed pods and of their terms by topology domain.

    Parameters
    ----------
    domain_of : callable
        (topology key, node number) to the domain's number, -1 if the node lacks the label.
    domain_count : callable
        Topology key to how many domains are numbered.
    placed : callable
        Iterates over (view, node number) of all placed pods: a new pod table starts from them.
    """

    def __init__(
        self,
        domain_of: DomainOf,
        domain_count: DomainCount,
        placed: Callable[[], Iterable[tuple[PodView, int]]],
    ) -> None:
        self._domain_of = domain_of
        self._domain_count = domain_count
        self._placed = placed
        self.namespaces: dict[str, Labels] = {}
        self._pods: dict[Shape, Table] = {}
        self._repels: dict[Shape, Table] = {}
        self._attracts: dict[Shape, Table] = {}
        self._dislikes: dict[Shape, Table] = {}

    def add(self, view: PodView, node: int, amount: int) -> None:
        """Count a pod on a node (-1 takes it back)."""
        for table in self._pods.values():
            self._add_pod(table, view, node, amount)
        for question in view.anti_affinity:
            self._add_term(self._repels, question, node, amount)
        for term in view.attracts:
            self._add_term(self._attracts, term.question, node, amount * term.weight)
        for term in view.repels:
            self._add_term(self._dislikes, term.question, node, amount * term.weight)

    @property
    def terms(self) -> bool:
        """Whether a placed pod may carry any term."""
        return bool(self._repels or self._attracts or self._dislikes)

    def _add_pod(self, table: Table, view: PodView, node: int, amount: int) -> None:
        shape = table.shape
        if view.terminating and not shape.terminating:
            return
        values = coordinates(shape, view.namespace, view.labels)
        if values is None or not suits(shape, view.namespace, view.labels, self.namespaces):
            return
        domain = self._domain(shape.topology_key, node)
        if domain >= 0:
            not_value = None if shape.not_key is None else view.labels.get(shape.not_key)
            table.add(values, not_value, domain, amount)

    def _add_term(self, tables: dict[Shape, Table], question: Question, node: int, amount: int) -> None:
        if question.values is None:
            return
        domain = self._domain(question.shape.topology_key, node)
        if domain < 0:
            return
        table = tables.get(question.shape)
        if table is None:
            table = tables[question.shape] = Table(question.shape)
        table.add(question.values, question.not_value, domain, amount)

    def _domain(self, topology_key: str, node: int) -> int:
        return node if topology_key == EACH_NODE else self._domain_of(topology_key, node)

    def set_namespace(self, name: str, labels: Labels) -> None:
        """Note a namespace's labels; tables that look at them are made anew when next asked."""
        if self.namespaces.get(name) != labels:
            self.namespaces[name] = labels
            self._pods = {shape: table for shape, table in self._pods.items() if not shape.scopes}

    def counts(self, question: Question) -> IntArray | None:
        """Return per domain how many placed pods match (a zero added at the end); None: none anywhere."""
        if question.values is None:
            return None
        shape = question.shape
        table = self._pods.get(shape)
        if table is None:
            table = self._pods[shape] = Table(shape)
            for view, node in self._placed():
                self._add_pod(table, view, node, 1)
        return table.counts(question.values, question.not_value, self._size(shape.topology_key))

    def _size(self, topology_key: str) -> int:
        return self._domain_count(topology_key)

    def repelling(self, view: PodView) -> Iterator[tuple[str, IntArray]]:
        """Yield (topology key, counts by domain) of placed pods' required anti-affinity against a pod."""
        return self._matching(self._repels, view)

    def attracting(self, view: PodView) -> Iterator[tuple[str, IntArray]]:
        """Yield the same for affinity and preferences of placed pods that a pod matches, weighted."""
        return self._matching(self._attracts, view)

    def disliking(self, view: PodView) -> Iterator[tuple[str, IntArray]]:
        """Yield the same for placed pods' preferred anti-affinity, weighted."""
        return self._matching(self._dislikes, view)

    def _matching(self, tables: Mapping[Shape, Table], view: PodView) -> Iterator[tuple[str, IntArray]]:
        for shape, table in tables.items():
            if not table.cells:
                continue
            values = coordinates(shape, view.namespace, view.labels)
            if values is None or not suits(shape, view.namespace, view.labels, self.namespaces):
                continue
            not_value = None if shape.not_key is None else view.labels.get(shape.not_key)
            counts = table.counts(values, not_value, self._size(shape.topology_key))
            if counts is not None:
                yield shape.topology_key, counts

    def preferred(self, terms: Iterable[Weighted]) -> Iterator[tuple[str, IntArray]]:
        """Yield (topology key, weighted counts) of placed pods that match a pod's preferred terms."""
        for term in terms:
            counts = self.counts(term.question)
            if counts is not None:
                yield term.question.shape.topology_key, counts * term.weight
