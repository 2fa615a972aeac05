"""Restarts, taken apart: how long each part of the walk (design, section 7) took.

One record per start, per resume from suspension, per restart of the JobSet, per restart of one Job
(gate RestartJob), and per restart in place (gate InPlaceRestart).  A record runs from its trigger to the
next step of the gang, and its eight parts sum to that exactly:

========  ===============================================================  ==============
part      ends with                                                        rows of the walk
========  ===============================================================  ==============
(begin)   a failure stops the gang, noticed or not; else the pod is lost:  0, 1
          it failed, or was told to stop, in the Job that the restart is
          blamed on, since that Job was last whole
detect    that Job's condition FailureTarget=True                          2
drain     that Job's condition Failed=True (all its pods are terminal)     3, 4
decide    the JobSet's status counts the restart                           5
teardown  the last Job to be replaced is gone                              6, 7
create    the last pod of a current Job is created                         8, 9
place     the last pod of a current Job is bound                           10
start     the last pod of a current Job runs and is Ready (the first time) 11, 12
restore   the gang steps (``results.ledger``)                              13
========  ===============================================================  ==============

Of a restart in place: *detect* ends when the first agent announces the next attempt (of a pod that
restarted, or of one that took the place of a failed one), *decide* with the JobSet's status, *teardown* when
the last pod's containers are restarted, *start* when the barrier lets the last pod go on.

A boundary that was not seen, or that came before the one ahead of it, takes that one's instant; none lies
beyond the end: a gang that steps before its last pod is Ready has a start that ends with the step.  A Job
that fails without losing a pod (its deadline) begins at FailureTarget; one that is Failed without it was
detected then.  First starts and resumes begin with creation or resumption and have no first four parts.

A record that does not reach a step has its rest of time in the part that was not over.  It ends otherwise:
``superseded`` by the next restart (where that begins), ``suspended``, ``ended`` (the JobSet is finished or
deleted), ``open`` (so far, when the run ended).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from jobsim.results.lives import NEVER, PodLife
from jobsim.results.table import Table, table
from jobsim.units import MINUTE

if TYPE_CHECKING:
    from jobsim.results.gang import Gang
    from jobsim.results.tracks import JobTrack

PARTS = ("detect", "drain", "decide", "teardown", "create", "place", "start", "restore")
#: Positions of the boundaries: part i runs from boundary i to i + 1.
_BEGIN, _DETECTED, _DRAINED, _DECIDED, _TORN_DOWN, _CREATED, _PLACED, _STARTED, _STEPPED = range(9)


class Restart:
    """One start or restart: its boundaries, and what it is blamed on.

    Attributes
    ----------
    kind : {"start", "resume", "jobset", "job", "in-place"}
    number : int
        The JobSet's restarts after it (for ``job``: restarts of its Jobs; for ``in-place``: the attempt).
    outcome : {"stepped", "superseded", "suspended", "ended", "open"}
    job, pod, node, reason, message : str
        The failed Job, the pod that it lost first and that pod's node, the Job's failure.
    rule, action_message : str
        Reason and message of the JobSet's condition RestartingJobSet.
    exit_code : int
        Of the pod; 0 when it was not a container that failed.
    """

    def __init__(self, kind: str, number: int, begin: int) -> None:
        self.kind, self.number = kind, number
        self.outcome = "open"
        self.job = self.pod = self.node = self.reason = self.message = ""
        self.rule = self.action_message = ""
        self.exit_code = 0
        self.pods_created = 0
        self._serial = 0
        self._seen = [NEVER] * 9
        self._seen[_BEGIN] = begin
        self._replaced: set[str] = set()
        #: Step time that it undid, ns, and what is to blame (``results.losses``).
        self.rework_ns = 0
        self.cause = ""
        #: The part that was not over when the record ended without a step.
        self.lacks = ""

    @property
    def begin(self) -> int:
        return self._seen[_BEGIN]

    @property
    def end(self) -> int:
        """When it ended; ``NEVER`` while it is open."""
        return self._seen[_STEPPED]

    def see(self, boundary: int, time: int) -> None:
        """Note the latest instant of a boundary; an ended record keeps what it has."""
        if self.end < 0:
            self._seen[boundary] = time

    def boundaries(self, now: int) -> list[int]:
        """Return the nine instants in order, an open record's end being ``now``."""
        end = now if self.end < 0 else self.end
        instants = [self.begin]
        unfinished = PARTS.index(self.lacks) if self.lacks else len(PARTS)
        for part, seen in enumerate(self._seen[1:-1]):
            instants.append(end if part >= unfinished else min(max(seen, instants[-1]), end))
        return [*instants, max(end, instants[-1])]

    def parts(self, now: int) -> dict[str, int]:
        """Return the durations by name, ns."""
        instants = self.boundaries(now)
        return {name: instants[i + 1] - instants[i] for i, name in enumerate(PARTS)}

    def blame(self, cause: JobTrack, gang: Gang) -> None:
        """Take over when and why a Job failed."""
        self.job = cause.name
        if cause.failure is not None:
            self.reason, self.message = cause.failure.reason, cause.failure.message
        lost = cause.lost_pod
        if lost is not None:
            self.pod, self.node, self.exit_code = lost.name, lost.node, lost.exit_code
        detected = cause.failure_target_at
        self._seen[_DETECTED] = cause.failed_at if detected < 0 else detected
        self._seen[_DRAINED] = cause.failed_at
        for condition in gang.last.status.conditions:
            if condition.type == "RestartingJobSet" and condition.status == "True":
                self.rule, self.action_message = condition.reason, condition.message


class RestartClock:
    """Keeps the records of one JobSet; the open one is the last."""

    def __init__(self) -> None:
        self.records: list[Restart] = []
        #: The record that waits for a step, if one does.
        self.open: Restart | None = None
        self._undone = 0
        self._cause = ""
        #: When the last failure hit it while it stepped, and since when it does not step.
        self._hit_at = self._stopped_at = NEVER

    def _begin(self, record: Restart) -> None:
        if record.kind not in ("start", "resume"):
            record.rework_ns, self._undone = self._undone, 0
            record.cause = self._cause
        self.records.append(record)
        self.open = record

    def look(self, lacks: str) -> None:
        """Note what the open record waits for, before it is looked at."""
        if self.open is not None:
            self.open.lacks = _lacks(self.open, lacks)

    def opened(self, kind: str, time: int) -> None:
        """Begin a start or resume."""
        self._begin(Restart(kind, 0, time))

    def restarted(self, kind: str, gang: Gang, cause: JobTrack | None, time: int) -> None:
        """Begin a restart where the Job that it is blamed on got into trouble."""
        begin = time
        if cause is not None:
            troubled = (cause.lost_at, cause.failure_target_at, cause.failed_at)
            begin = min((t for t in troubled if t >= 0), default=time)
        begin = self._since_the_fault(begin)
        before = self.open
        if before is not None:
            begin = max(begin, before.begin)
            self.closed("superseded", begin, "restore")
        if kind == "jobset":
            number = gang.restarts
            replaced = {job.uid for job in gang.jobs.values() if not gang.is_current(job)}
        else:
            number = sum(sum(status.job_restarts) for status in gang.last.status.replicated_jobs_status)
            replaced = {job.uid for job in gang.jobs.values() if job.failed}
        record = Restart(kind, number, begin)
        record._replaced = replaced
        if cause is not None:
            record.blame(cause, gang)
        record.see(_DECIDED, time)
        self._begin(record)

    def restarted_in_place(self, attempt: int, gang: Gang, cause: JobTrack, time: int) -> bool:
        """Begin a restart in place where the gang lost a pod; tell whether it is one of its own.

        One that is part of what is open already (new pods that meet in their first attempt) is not.
        """
        before = self.open
        begin = self._since_the_fault(cause.lost_at)
        if before is not None:
            if before.kind != "in-place" or attempt <= before.number:
                return False
            begin = time
            self.closed("superseded", time, "start")
        record = Restart("in-place", attempt, begin)
        record.blame(cause, gang)
        record.see(_DETECTED, gang.barrier.ahead_since)
        record.see(_DECIDED, time)
        self._begin(record)
        return True

    def pod(self, life: PodLife, time: int) -> None:
        """Take in a change of a pod of a current Job."""
        record = self.open
        if record is None:
            return
        seen = record._seen
        if time < seen[_BEGIN]:
            return
        if life.created == time:
            seen[_CREATED] = time
            if life.serial > record._serial:
                record._serial = life.serial
                record.pods_created += 1
        if life.bound == time:
            seen[_PLACED] = time
        if record.kind == "in-place" and life.restarted == time:
            seen[_TORN_DOWN] = time
        if life.ready == time or life.running == time or life.released == time:
            seen[_STARTED] = time

    def job_gone(self, job: JobTrack, time: int) -> None:
        """Take in that a Job is gone."""
        record = self.open
        if record is not None and job.uid in record._replaced:
            record.see(_TORN_DOWN, time)
            record._replaced.discard(job.uid)

    def step(self, time: int) -> None:
        """The gang has stepped since ``time``."""
        self._undone, self._cause = 0, ""
        self._hit_at = self._stopped_at = NEVER
        self.closed("stepped", time, "")

    def undone(self, ns: int) -> None:
        """Step time was lost: the restart that follows has undone it."""
        self._undone += ns

    def hit(self, cause: str, time: int) -> None:
        """A failure of some cause hit the JobSet."""
        self._cause = cause
        if self._stopped_at < 0:
            self._hit_at = time

    def stopped(self, time: int) -> None:
        """The gang has not stepped since ``time``."""
        self._stopped_at = time

    def _since_the_fault(self, lost: int) -> int:
        """Return when a failure stopped the gang, where that was before it lost a pod; else that."""
        hit, stopped = self._hit_at, self._stopped_at
        if 0 <= hit <= stopped <= hit + MINUTE:
            return min(lost, stopped)
        return lost

    def closed(self, outcome: str, time: int, lacks: str) -> None:
        """End the open record, if there is one; ``lacks``: the part that was not over."""
        record = self.open
        if record is not None:
            record._seen[_STEPPED] = max(time, record.begin)
            record.outcome = outcome
            record.lacks = _lacks(record, lacks) if lacks else ""
            self.open = None


def _lacks(record: Restart, part: str) -> str:
    return "teardown" if record._replaced else part


def restarts_table(jobsets: Iterable[tuple[str, str, RestartClock]], now: int) -> Table:
    """Return all records of all JobSets as a table, one row each.

    Parameters
    ----------
    jobsets : iterable of (namespace, name, RestartClock)
    now : int
        End of the run, ns.

    Returns
    -------
    Table
        namespace, name, kind, number, outcome, job, pod, node, exit_code, reason, rule, cause: as in
        ``Restart``; begin_ns, total_ns, one column ``<part>_ns`` per part, and rework_ns, the step time that
        it undid (before its begin, so not in its total): int64, ns.
    """
    texts = ("kind", "outcome", "job", "pod", "node", "reason", "rule", "cause")
    rows = []
    for namespace, name, clock in jobsets:
        for record in clock.records:
            instants = record.boundaries(now)
            rows.append(
                (
                    namespace,
                    name,
                    *(getattr(record, text) for text in texts),
                    record.number,
                    record.exit_code,
                    record.begin,
                    instants[-1] - record.begin,
                    *record.parts(now).values(),
                    record.rework_ns,
                )
            )
    numbers = ("number", "exit_code", "begin_ns", "total_ns", *(f"{part}_ns" for part in PARTS), "rework_ns")
    return table(("namespace", "name", *texts), numbers, rows)
