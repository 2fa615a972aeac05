"""What a run asks of others: who keeps what happens, and who may still make something happen."""

from __future__ import annotations

from typing import Any, Protocol

from jobsim.api.plan import EventRecord
from jobsim.api.watch import WatchEvent
from jobsim.runtime.guard import Story


class Recorder(Protocol):
    """Who keeps the log of a run (``results``)."""

    @property
    def log(self) -> Story:
        """What was kept so far."""
        ...

    def watch(self, event: WatchEvent) -> None:
        """Take one change."""
        ...

    def event(self, time: int, component: str, event: EventRecord) -> None:
        """Take one Kubernetes Event."""
        ...

    def note(self, time: int, kind: str, **fields: Any) -> None:
        """Take something that is no change of an object."""
        ...

    def progress(
        self,
        time: int,
        namespace: str,
        name: str,
        state: str,
        pace: tuple[int, int] | None = None,
        blame: str = "",
        useful_ns: int | None = None,
    ) -> None:
        """Take a change of a gang's state."""
        ...

    def undone(self, time: int, namespace: str, name: str, ns: int, beyond_ns: int = 0) -> None:
        """Take step time that a failure undid."""
        ...


class Hopeful(Protocol):
    """A part that may still make something happen by itself."""

    def hopeful(self) -> bool:
        """Tell whether it will."""
        ...
