"""Memos of a snapshot: what holds for many pods, brought up to date node by node.

Results never depend on them: a memo computes rows with the same function, all of them or only those that
changed since it last looked.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_LOG_MAX = 100_000
_MEMOS_MAX = 512

M = TypeVar("M")


class ChangeLog:
    """Numbers of nodes in the order in which they changed."""

    __slots__ = ("_base", "_log")

    def __init__(self) -> None:
        self._log: list[int] = []
        self._base = 0

    def add(self, node: int) -> None:
        """Note a change."""
        if len(self._log) >= _LOG_MAX:
            self._base += len(self._log)
            self._log.clear()
        self._log.append(node)

    @property
    def position(self) -> int:
        """Where the log ends now."""
        return self._base + len(self._log)

    def since(self, position: int) -> list[int] | None:
        """Return the nodes changed since a position; None when that is too long ago."""
        if position < self._base:
            return None
        return self._log[position - self._base :]


class Tracked(Generic[M]):
    """A value of columns that follows a change log."""

    __slots__ = ("_log", "_position", "_size", "_update", "value")

    def __init__(self, value: M, log: ChangeLog, update: Callable[[M, list[int] | None], None]) -> None:
        self.value = value
        self._log = log
        self._update = update
        self._position = -1
        self._size = -1

    def current(self, size: int) -> M:
        """Return the value brought up to date for ``size`` node numbers."""
        position = self._log.position
        if position == self._position and size == self._size:
            return self.value
        changed = self._log.since(self._position) if size == self._size else None
        if changed is None or len(changed) * 2 > size:
            self._update(self.value, None)
        elif changed:
            self._update(self.value, changed)
        self._position = position
        self._size = size
        return self.value


class Memos:
    """Tracked values by key; the oldest goes when there are too many."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, object] = {}

    def get(self, key: Hashable, make: Callable[[], M]) -> M:
        """Return the memo of a key, made when absent.  A key must say its maker (first element)."""
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) >= _MEMOS_MAX:
                del self._kept[next(iter(self._kept))]
            found = self._kept[key] = make()
        return found  # type: ignore[return-value]
