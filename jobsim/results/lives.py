"""Lives of pods: one record of instants per pod, packed into columns when the pod is gone.

What pictures, counts and ledgers know of a pod: when it was created, found unschedulable, bound, running,
ready, told to stop, finished, gone; and how it ended.  An instant that did not come is ``NEVER``.  Each
instant is the first of its kind: a pod that turns ready twice became ready once (``unready`` tells now).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from jobsim.api.jobset import JOB_INDEX, JOBSET_NAME, REPLICATED_JOB_NAME, RESTART_ATTEMPT
from jobsim.api.pod import Pod, PodStatus
from jobsim.api.watch import WatchEvent

if TYPE_CHECKING:
    from jobsim.results.gang import JobTrack

NEVER = -1
NOTHING = (False,) * 7
COMPLETION_INDEX = "batch.kubernetes.io/job-completion-index"

#: The instants, in the order of a life without trouble.
INSTANTS = ("created", "unschedulable", "bound", "running", "ready", "terminating", "finished", "gone")
_TEXTS = ("namespace", "name", "jobset", "rjob", "job", "node", "outcome", "reason")
_NUMBERS = ("serial", "index", "job_index", "attempt", "exit_code")


class PodLife:
    """What is known of one pod; ``is_*`` tell of now, the rest of then."""

    __slots__ = (
        *INSTANTS,
        *_TEXTS,
        *_NUMBERS,
        "counted",
        "is_running",
        "is_unready",
        "is_waiting",
        "owner_uid",
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
    owner_uid: str
    is_running: bool
    is_unready: bool
    is_waiting: bool
    counted: tuple[bool, ...]
    track: JobTrack | None

    def __init__(self) -> None:
        for name in INSTANTS:
            setattr(self, name, NEVER)
        self.node = self.outcome = self.reason = ""
        self.exit_code = 0
        self.is_running = self.is_unready = self.is_waiting = False
        self.counted = NOTHING
        self.track = None

    def counts(self) -> tuple[bool, ...]:
        """Return what it counts for in its Job: running, waiting, unready, succeeded, failed, there, bound.

        A pod is there until it is over or told to stop.
        """
        outcome = self.outcome
        there = not outcome and self.terminating < 0 and self.gone < 0
        return (
            self.is_running,
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

    def __len__(self) -> int:
        return self._serial

    def watch(self, event: WatchEvent) -> PodLife:
        """Take in one change of a pod; return its life (for the last time if it is gone)."""
        pod = event.obj
        assert isinstance(pod, Pod)
        if event.type == "ADDED":
            self._serial += 1
            life = self.living[pod.metadata.uid] = _born(pod, self._serial, event.time)
            _update_status(life, pod.status, event.time)
        else:
            life = self.living[pod.metadata.uid]
        if life.terminating < 0 and pod.metadata.deletion_timestamp is not None:
            life.terminating = event.time
        old = event.old
        if isinstance(old, Pod) and old.status is not pod.status:
            _update_status(life, pod.status, event.time)
        if life.bound < 0 and pod.spec.node_name:
            life.bound = event.time
            life.node = pod.spec.node_name
        if event.type == "DELETED":
            life.gone = event.time
            self._pack(self.living.pop(pod.metadata.uid))
        if life.terminating >= 0 or life.gone >= 0:
            life.is_running = life.is_waiting = life.is_unready = False
        elif life.bound >= 0:
            life.is_waiting = False
        return life

    def _pack(self, life: PodLife) -> None:
        """Move a life into the columns; texts that repeat are kept once."""
        for name, column in self._numbers.items():
            column.append(getattr(life, name))
        share = self._shared.setdefault
        for name, texts in self._texts.items():
            text = getattr(life, name)
            texts.append(text if name == "name" else share(text, text))

    def __iter__(self) -> Iterator[PodLife]:
        """Yield all lives in the order of creation; gone ones as copies."""
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
            yield life
        while coming is not None:
            yield coming
            coming = next(living, None)


def _update_status(life: PodLife, status: PodStatus, time: int) -> None:
    phase = status.phase
    if phase == "Running":
        if life.running < 0:
            life.running = time
        life.is_running = True
    elif phase in ("Succeeded", "Failed"):
        life.is_running = False
        if life.finished < 0:
            life.finished = time
            life.outcome = phase
            _note_exit(life, status)
    waiting = unready = False
    for condition in status.conditions:
        if condition.type == "Ready":
            if condition.status != "True":
                unready = life.ready >= 0
            elif life.ready < 0:
                life.ready = time
        elif condition.type == "PodScheduled" and condition.status == "False":
            waiting = True
            if life.unschedulable < 0:
                life.unschedulable = time
    life.is_waiting = waiting and life.bound < 0
    life.is_unready = unready and life.is_running


def _note_exit(life: PodLife, status: PodStatus) -> None:
    """Keep the exit code and reason of the container that failed first in the list."""
    life.reason = status.reason
    for container in status.container_statuses:
        ended = container.state.terminated
        if ended is not None and ended.exit_code:
            life.exit_code = ended.exit_code
            life.reason = life.reason or ended.reason
            return
