"""What in-place restart asks of a JobSet's pods: how often they were restarted, and their attempts.

A decision needs four numbers of all pods together.  ``summarise`` looks at each; a ``PodTally`` is told of
each change and has them at hand, which is what a controller remembers that looks after every change of a
thousand pods.

Source: jobset pkg/controllers/in_place_restart.go getMaxContainerRestartCount, getPodInPlaceRestartAttempts
@08dfbdfd; clauses C-IPR-02, C-IPR-03, C-IPR-05.
"""

from __future__ import annotations

from collections.abc import Iterable

from jobsim.api._struct import Struct
from jobsim.api.gofmt import atoi, int32
from jobsim.api.jobset import IN_PLACE_RESTART_ATTEMPT, JOBSET_NAME
from jobsim.api.pod import Pod
from jobsim.api.watch import WatchEvent

#: Attempt of a pod that takes no part, and of one whose annotation is no attempt: beyond all 32 bits.
_NONE, _BAD = 2**40, 2**41


class PodSummary(Struct):
    """All pods of a JobSet together.

    Parameters
    ----------
    restarts_max : int
        Highest restart count of any container of any pod.
    count : int
        Pods that take part: not Failed, with an attempt.
    lowest, highest : int
        Of their attempts; 0 when there are none.
    bad : bool
        A pod's annotation is no attempt.
    """

    restarts_max: int = 0
    count: int = 0
    lowest: int = 0
    highest: int = 0
    bad: bool = False


class PodTally:
    """Counts of pods by restart count and by attempt, kept up to date pod by pod."""

    __slots__ = ("_attempts", "_pods", "_restarts")

    def __init__(self) -> None:
        self._pods: dict[str, tuple[int, int]] = {}
        self._restarts: dict[int, int] = {}
        self._attempts: dict[int, int] = {}

    def put(self, pod: Pod) -> None:
        """Take in a pod as it is now."""
        uid, now = pod.metadata.uid, _told(pod)
        was = self._pods.get(uid)
        if was == now:
            return
        if was is not None:
            self._count(was, -1)
        self._pods[uid] = now
        self._count(now, 1)

    def drop(self, pod: Pod) -> None:
        """Forget a pod."""
        was = self._pods.pop(pod.metadata.uid, None)
        if was is not None:
            self._count(was, -1)

    def _count(self, told: tuple[int, int], by: int) -> None:
        for counts, value in zip((self._restarts, self._attempts), told, strict=True):
            counts[value] = counts.get(value, 0) + by
            if not counts[value]:
                del counts[value]

    def __len__(self) -> int:
        return len(self._pods)

    def summary(self) -> PodSummary:
        """Return what a decision needs."""
        taking_part = [attempt for attempt in self._attempts if attempt not in (_NONE, _BAD)]
        return PodSummary(
            restarts_max=max(self._restarts, default=0),
            count=sum(self._attempts[attempt] for attempt in taking_part),
            lowest=min(taking_part, default=0),
            highest=max(taking_part, default=0),
            bad=_BAD in self._attempts,
        )


def summarise(pods: Iterable[Pod]) -> PodSummary:
    """Return what a decision needs, from the pods themselves."""
    tally = PodTally()
    for pod in pods:
        tally._count(_told(pod), 1)
    return tally.summary()


def memory_of(event: WatchEvent) -> tuple[str, str] | None:
    """Return the JobSet whose pods an event concerns (C-IPR-02), if any."""
    if not isinstance(event.obj, Pod):
        return None
    meta = event.obj.metadata
    name = meta.labels.get(JOBSET_NAME)
    return None if name is None else (meta.namespace, name)


def note(event: WatchEvent, memory: PodTally | None) -> PodTally | None:
    """Return the tally after a change of one of the pods; None when there are none."""
    pod = event.obj
    assert isinstance(pod, Pod)
    tally = PodTally() if memory is None else memory
    if event.type == "DELETED":
        tally.drop(pod)
    else:
        tally.put(pod)
    return tally if len(tally) else None


def _told(pod: Pod) -> tuple[int, int]:
    """Return what one pod adds: its restarts, its attempt."""
    return _restarts(pod), _attempt(pod)


def _restarts(pod: Pod) -> int:
    """Return the highest restart count of a pod's containers, init containers too (C-IPR-03)."""
    most = 0
    for statuses in (pod.status.init_container_statuses, pod.status.container_statuses):
        for container in statuses:
            most = max(most, container.restart_count)
    return most


def _attempt(pod: Pod) -> int:
    """Return the attempt that a pod's agent has announced (C-IPR-05)."""
    text = pod.metadata.annotations.get(IN_PLACE_RESTART_ATTEMPT)
    if text is None or pod.status.phase == "Failed":
        return _NONE
    attempt = atoi(text)
    return _BAD if attempt is None or attempt < 0 else int32(attempt)
