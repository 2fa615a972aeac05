"""A pod in the scheduling queue: where it is, what it has been through, how long it backs off.

Source: kubernetes pkg/scheduler/framework/types.go QueuedPodInfo; backend/queue/backoff_queue.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from jobsim.api.pod import Pod
from jobsim.api.timing import REAL, Timing
from jobsim.controllers.scheduler.views import PodView

Place = Literal["active", "backoff", "error-backoff", "pool", "gated", "in-flight"]
#: Returns why a pod must not enter, "" if it may.
PreEnqueue = Callable[[Pod], str]


class Queued:
    """A pod in the queue with its history."""

    __slots__ = (
        "attempts",
        "entered",
        "errors",
        "expires",
        "first_attempt",
        "place",
        "plugins",
        "pod",
        "rejections",
        "seen_events",
        "sequence",
        "view",
    )

    def __init__(self, pod: Pod, now: int) -> None:
        self.pod = pod
        self.place: Place = "active"
        #: When it last (re-)entered the queue.
        self.entered = now
        self.attempts = 0
        self.first_attempt: int | None = None
        #: Unschedulable outcomes, and errors in a row: each sets its own back-off.
        self.rejections = 0
        self.errors = 0
        #: End of the back-off, a whole second.
        self.expires = 0
        self.plugins: tuple[str, ...] = ()
        #: How many events there had been when it was popped.
        self.seen_events = 0
        #: Which entry of a heap is the valid one.
        self.sequence = 0
        self.view: PodView | None = None

    @property
    def priority(self) -> int:
        """The pod's priority."""
        return self.pod.spec.priority or 0


def gate_of(pod: Pod) -> str:
    """Return the name of the first scheduling gate, "" if the pod is free (K-SCH-03)."""
    gates = pod.spec.scheduling_gates
    return gates[0].name if gates else ""


def backoff(failures: int, timing: Timing = REAL) -> int:
    """Return the delay after so many failures, ns: 1 s doubling to 10 s.

    Examples
    --------
    >>> from jobsim.units import SECOND
    >>> [backoff(n) // SECOND for n in range(7)]
    [0, 1, 2, 4, 8, 10, 10]
    """
    if not failures:
        return 0
    return min(timing.scheduler_backoff_base_ns << min(failures - 1, 30), timing.scheduler_backoff_cap_ns)
