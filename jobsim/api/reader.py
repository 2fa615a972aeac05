"""Reader: how every component looks at the cluster, be it the store itself or a lagging cache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from jobsim.api.meta import Object

O = TypeVar("O", bound=Object)


class Reader(Protocol):
    """Read-only view of objects; lists come in the order of (namespace, name)."""

    def get(self, kind: type[O], namespace: str, name: str) -> O | None:
        """Return one object, or None."""
        ...

    def list(self, kind: type[O], namespace: str | None = None) -> Sequence[O]:
        """Return all objects of a kind (in one namespace), in the order of (namespace, name)."""
        ...

    def by_index(self, kind: type[O], index: str, value: str) -> Sequence[O]:
        """Return the objects that an index of ``apiserver.index`` files under a value, in the same order."""
        ...

    def dependents(self, uid: str) -> Sequence[Object]:
        """Return objects of any kind with an owner reference to this UID, by (kind, namespace, name)."""
        ...

    def in_namespace(self, namespace: str) -> Sequence[Object]:
        """Return all objects of a namespace, of any kind, by (kind, name)."""
        ...

    def find(self, kind: str, namespace: str, name: str) -> Object | None:
        """Return one object by the kind's word (also kinds that are not typed), or None."""
        ...

    def has_blocking_dependent(self, uid: str) -> bool:
        """Tell whether an object with blockOwnerDeletion refers to this UID; cheap while one does."""
        ...

    def count(self, kind: type[O]) -> int:
        """Return how many objects of a kind there are, without listing them."""
        ...
