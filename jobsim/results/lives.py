"""Lives of pods: one record of instants per pod, packed into columns when the pod is gone.

What pictures, counts and ledgers know of a pod: when it was created, found unschedulable, bound, running,
ready, told to stop, finished, gone; and how it ended.  An instant that did not come is ``NEVER``.  Each
instant is the first of its kind: a pod that turns ready twice became ready once (``unready`` tells now).
Only ``restarted`` and ``released`` are the last: of a restart of its app containers (``restarts`` counts
them), and of a barrier of in-place restart that held it back (``in_place``: the attempt that it announced;
``held``: when it was held back and let go, in turn).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING

from jobsim.api.jobset import (
    IN_PLACE_RESTART_ATTEMPT,
    JOB_INDEX,
    JOBSET_NAME,
    REPLICATED_JOB_NAME,
    RESTART_ATTEMPT,
)
from jobsim.api.meta import Labels
from jobsim.api.pod import Pod, PodStatus
from jobsim.api.watch import WatchEvent

if TYPE_CHECKING:
    from jobsim.results.tracks import JobTrack

NEVER = -1
NOTHING = (False,) * 7
#: What a change said of a pod: nothing that is kept, something, that it came to its end just now.
NO_NEWS, NEWS, ENDED = range(3)
COMPLETION_INDEX = "batch.kubernetes.io/job-completion-index"

#: The instants, in the order of a life without trouble.
INSTANTS = ("created", "unschedulable", "bound", "running", "ready", "terminating", "finished", "gone")
_TEXTS = ("namespace", "name", "jobset", "rjob", "job", "node", "outcome", "reason")
_NUMBERS = ("serial", "index", "job_index", "attempt", "exit_code", "restarts", "in_place")
#: Gone pods are packed so many at once.
_PACKED = 512


class PodLife:
    """What is known of one pod; ``is_*`` tell of now, the rest of then."""

    __slots__ = (
        *INSTANTS,
        *_TEXTS,
        *_NUMBERS,
        "counted",
        "held",
        "is_between",
        "is_done",
        "is_held",
        "is_ready",
        "is_running",
        "is_unready",
        "is_waiting",
        "news",
        "owner_uid",
        "released",
        "restarted",
        "track",
    )

    created: int
    unschedulable: int
    bound: int
    running: int
    ready: int
    terminating: int
    finished: int
    gone: int
    namespace: str
    name: str
    jobset: str
    rjob: str
    job: str
    node: str
    outcome: str
    reason: str
    serial: int
    index: int
    job_index: int
    attempt: int
    exit_code: int
    restarts: int
    in_place: int
    owner_uid: str
    held: array[int] | None
    is_between: bool
    is_done: bool
    is_held: bool
    is_ready: bool
    is_running: bool
    is_unready: bool
    is_waiting: bool
    news: int
    released: int
    restarted: int
    counted: tuple[bool, ...]
    track: JobTrack | None

    def __init__(self) -> None:
        self.created = self.unschedulable = self.bound = self.running = NEVER
        self.ready = self.terminating = self.finished = self.gone = NEVER
        self.node = self.outcome = self.reason = ""
        self.exit_code = self.restarts = 0
        self.in_place = self.released = self.restarted = NEVER
        self.is_running = self.is_unready = self.is_waiting = False
        self.is_between = self.is_done = self.is_held = self.is_ready = False
        self.held = None
        self.news = NEWS
        self.counted = NOTHING
        self.track = None

    def counts(self) -> tuple[bool, ...]:
        """Return what it counts for in its Job: running, waiting, unready, succeeded, failed, there, bound.

        A pod is there until it is over or told to stop.  One that a barrier holds back does not run.
        """
        outcome = self.outcome
        there = not outcome and self.terminating < 0 and self.gone < 0
        return (
            self.is_running and not self.is_held,
            self.is_waiting,
            self.is_unready,
            outcome == "Succeeded",
            outcome == "Failed",
            there,
            there and self.bound >= 0,
        )


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else NEVER


def _born(pod: Pod, serial: int, time: int) -> PodLife:
    meta, labels = pod.metadata, pod.metadata.labels
    life = PodLife()
    life.created = time
    life.serial = serial
    life.namespace, life.name = meta.namespace, meta.name
    life.jobset = labels.get(JOBSET_NAME, "")
    life.rjob = labels.get(REPLICATED_JOB_NAME, "")
    owner = pod.controller()
    life.job, life.owner_uid = (owner.name, owner.uid) if owner else ("", "")
    life.index = _number(labels.get(COMPLETION_INDEX) or meta.annotations.get(COMPLETION_INDEX, ""))
    life.job_index = _number(labels.get(JOB_INDEX, ""))
    life.attempt = _number(labels.get(RESTART_ATTEMPT, ""))
    return life


class PodLives:
    """All pods of a run: living ones by uid, gone ones as columns."""

    def __init__(self) -> None:
        self.living: dict[str, PodLife] = {}
        self._serial = 0
        self._numbers = {name: array("q") for name in (*INSTANTS, *_NUMBERS)}
        self._texts: dict[str, list[str]] = {name: [] for name in _TEXTS}
        self._shared: dict[str, str] = {}
        self._held: dict[int, array[int]] = {}
        self._gone: list[PodLife] = []

    def __len__(self) -> int:
        return self._serial

    def watch(self, event: WatchEvent, pod: Pod) -> PodLife:
        """Take in one change of a pod; return its life (for the last time if it is gone)."""
        meta, old, time = pod.metadata, event.old, event.time
        if old is None:
            self._serial += 1
            life = self.living[meta.uid] = _born(pod, self._serial, time)
            news = NEWS
        else:
            life = self.living[meta.uid]
            news = NO_NEWS
        if meta.deletion_timestamp is not None and life.terminating < 0:
            life.terminating = time
            news = NEWS
        if not isinstance(old, Pod) or old.status is not pod.status:
            news = _update_status(life, pod.status, time)
        if old is None or old.metadata.annotations is not meta.annotations:
            news = _note_attempt(life, meta.annotations) or news
        if life.bound < 0 and pod.spec.node_name:
            life.bound = time
            life.node = pod.spec.node_name
            news = news or NEWS
        if event.type == "DELETED":
            life.gone = time
            news = news or NEWS
            self._gone.append(self.living.pop(meta.uid))
            if len(self._gone) == _PACKED:
                self._pack()
        life.news = news
        if life.terminating >= 0 or life.gone >= 0:
            life.is_running = life.is_waiting = life.is_unready = False
        elif life.bound >= 0:
            life.is_waiting = False
        return life

    def _pack(self) -> None:
        """Move the gone lives into the columns; texts that repeat are kept once."""
        for name, column in self._numbers.items():
            column.extend(map(attrgetter(name), self._gone))
        share = self._shared.setdefault
        for name, texts in self._texts.items():
            found = list(map(attrgetter(name), self._gone))
            texts.extend(found if name == "name" else map(share, found, found))
        for life in self._gone:
            if life.held is not None:
                self._held[life.serial] = life.held
        self._gone.clear()

    def __iter__(self) -> Iterator[PodLife]:
        """Yield all lives in the order of creation; gone ones as copies."""
        self._pack()
        columns: dict[str, Sequence[object]] = {**self._numbers, **self._texts}
        packed = sorted(range(len(self._numbers["serial"])), key=self._numbers["serial"].__getitem__)
        living = iter(self.living.values())
        coming = next(living, None)
        for i in packed:
            while coming is not None and coming.serial < self._numbers["serial"][i]:
                yield coming
                coming = next(living, None)
            life = PodLife()
            for name, column in columns.items():
                setattr(life, name, column[i])
            life.held = self._held.get(life.serial)
            yield life
        while coming is not None:
            yield coming
            coming = next(living, None)


def _update_status(life: PodLife, status: PodStatus, time: int) -> int:
    """Take in a new status; return ``ENDED`` or ``NEWS``."""
    news = NEWS
    phase = status.phase
    if phase == "Running":
        if life.running < 0:
            life.running = time
        life.is_running = True
        _note_restarts(life, status, time)
    elif phase == "Pending":
        # All its containers start again (K-POD-31).
        life.is_running = False
        _note_restarts(life, status, time)
    elif phase in ("Succeeded", "Failed"):
        life.is_running = False
        if life.finished < 0:
            life.finished = time
            life.outcome = phase
            _note_exit(life, status)
            news = ENDED
    waiting = unready = False
    for condition in status.conditions:
        type_ = condition.type
        if type_ == "Ready":
            life.is_ready = condition.status == "True"
            if not life.is_ready:
                unready = life.ready >= 0
            elif life.ready < 0:
                life.ready = time
        elif type_ == "PodScheduled" and condition.status == "False":
            waiting = True
            if life.unschedulable < 0:
                life.unschedulable = time
    life.is_waiting = waiting and life.bound < 0
    life.is_unready = unready and life.is_running
    return news


def _note_restarts(life: PodLife, status: PodStatus, time: int) -> None:
    """Keep how often its app containers were restarted, and the exit code of one that failed."""
    restarts, done = 0, bool(status.container_statuses)
    for container in status.container_statuses:
        restarts += container.restart_count
        over = container.state.terminated
        done = done and over is not None and not over.exit_code
        ended = over or container.last_state.terminated
        if ended is not None and ended.exit_code and ended.reason != "RestartingAllContainers":
            life.exit_code = ended.exit_code
    life.is_done = done
    if restarts > life.restarts:
        life.restarts, life.restarted = restarts, time
        life.is_between = True


def _note_attempt(life: PodLife, annotations: Labels) -> int:
    """Keep the attempt that the pod's agent announced; return ``NEWS`` if there is one."""
    text = annotations.get(IN_PLACE_RESTART_ATTEMPT)
    attempt = NEVER if text is None else _number(text)
    if attempt == life.in_place:
        return NO_NEWS
    life.in_place = attempt
    life.is_between = False
    return NEWS


def _note_exit(life: PodLife, status: PodStatus) -> None:
    """Keep the exit code and reason of the container that failed first in the list."""
    life.exit_code, life.reason = 0, status.reason
    for container in status.container_statuses:
        ended = container.state.terminated
        if ended is not None and ended.exit_code:
            life.exit_code = ended.exit_code
            life.reason = life.reason or ended.reason
            return
