"""Recorder: everything a run means, gathered while it runs, one change at a time.

The runtime hands it each change and note once, in order.  It keeps the log and folds each change into the
lives of pods, the gangs of JobSets, their ledgers and restarts; no second pass is ever made.  ``replay``
does the same from the rows of a log, so whatever reads a recorder also works on a saved run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from jobsim.api.batch import Job
from jobsim.api.core import Node
from jobsim.api.jobset import JobSet
from jobsim.api.plan import EventRecord
from jobsim.api.pod import Pod
from jobsim.api.watch import WatchEvent
from jobsim.results import goodput, restarts
from jobsim.results.counts import PodCounts
from jobsim.results.gang import Gang
from jobsim.results.ledger import Ledger
from jobsim.results.lives import ENDED, PodLives
from jobsim.results.log import Log, Row, RowEncoder
from jobsim.results.log_fold import events
from jobsim.results.restarts import RestartClock
from jobsim.results.table import Table


class Blow(NamedTuple):
    """A fault or failure that hit pods of JobSets.

    Attributes
    ----------
    kind : {"fault", "failure"}
        A fault is not noticed yet; its failure follows.
    entity : str
        A pod, a node, one of its accelerators (``NODE/3``), a rack, ...
    slow : bool
        It makes something slow, and stops nobody.
    jobsets : tuple of str
        As namespace/name.
    """

    time: int
    kind: str
    entity: str
    cause: str
    slow: bool
    jobsets: tuple[str, ...]


class JobSetRecord:
    """One JobSet of the run: its gang, its ledger, its restarts, its conditions in order of appearance."""

    def __init__(self, jobset: JobSet, time: int) -> None:
        self.clock = RestartClock()
        self.ledger = Ledger(time, self.clock)
        self.gang = Gang(jobset, time, self.clock, self.ledger)
        self.deleted = False
        #: Changes of conditions: (time, type, status).
        self.transitions: list[tuple[int, str, str]] = []
        self._status_of: dict[str, str] = {}
        self.watch_conditions(jobset, time)

    @property
    def jobset(self) -> JobSet:
        """The JobSet as it was last."""
        return self.gang.last

    def watch_conditions(self, jobset: JobSet, time: int) -> None:
        """Keep when a condition's status changed, and the order of first appearance."""
        for condition in jobset.status.conditions:
            if self._status_of.get(condition.type) != condition.status:
                self._status_of[condition.type] = condition.status
                self.transitions.append((time, condition.type, condition.status))

    def settle(self, now: int) -> None:
        """Bring ledger and restarts up to a time not before the last change."""
        self.ledger.settle(now)
        self.clock.look(self.gang.lacks())

    def condition_types(self) -> list[str]:
        """Return the types of its conditions in the order of first appearance."""
        return list(self._status_of)


class Recorder:
    """What a run has come to so far.

    Parameters
    ----------
    keep_log : bool
        False when the rows come from a log already.
    """

    def __init__(self, *, keep_log: bool = True) -> None:
        self.log = Log()
        self.pods = PodLives()
        self.counts = PodCounts()
        self.jobsets: dict[str, JobSetRecord] = {}
        self.nodes: dict[str, dict[str, str]] = {}
        self.warnings: list[str] = []
        #: What hit JobSets, in order of time.
        self.blows: list[Blow] = []
        self.time = 0
        self._encoder = RowEncoder() if keep_log else None
        self._by_name: dict[str, JobSetRecord] = {}
        self._by_job: dict[str, JobSetRecord] = {}

    # -- what comes in -------------------------------------------------------------------------

    def watch(self, event: WatchEvent) -> None:
        """Take in one change of one object."""
        if self._encoder is not None:
            self.log.put(self._encoder.row(event))
        self.time = event.time
        obj = event.obj
        if isinstance(obj, Pod):
            self._pod(event, obj)
        elif isinstance(obj, Job):
            self._job(event, obj)
        elif isinstance(obj, JobSet):
            self._jobset(event, obj)
        elif isinstance(obj, Node) and event.type == "ADDED":
            self.nodes[obj.name] = dict(obj.metadata.labels)

    def note(self, time: int, kind: str, **fields: Any) -> None:
        """Take in something that is no change of an object.

        Parameters
        ----------
        kind : str
            ``event``, ``progress``, ``undone`` and ``warning`` have methods of their own that say their
            fields; any other (``failure``, ``binding``, ...) is only kept in the log.
        **fields
            JSON values.
        """
        if self._encoder is not None:
            self.log.put({"note": kind, "time": time, **fields})
        self.time = time
        if kind == "progress":
            record = self._by_name.get(f"{fields['namespace']}/{fields['name']}")
            if record is not None:
                record.ledger.progress(
                    record.gang, time, fields["state"], _pace(fields.get("pace")), fields.get("blame", "")
                )
                record.ledger.correct(fields.get("useful"))
        elif kind == "undone":
            record = self._by_name.get(f"{fields['namespace']}/{fields['name']}")
            if record is not None:
                record.ledger.undone(time, fields["ns"], fields.get("beyond", 0))
        elif kind in ("failure", "fault"):
            if fields.get("jobsets"):
                told = (fields["entity"], fields.get("cause", ""), "factor" in fields)
                self.blows.append(Blow(time, kind, *told, tuple(fields["jobsets"])))
            for name in fields.get("jobsets", ()):
                record = self._by_name.get(name)
                # What leaves a factor of something is slow, and stops nobody.
                if record is not None and "factor" not in fields:
                    record.ledger.hit(time, fields.get("cause", "scripted"))
        elif kind == "warning":
            self.warnings.append(fields["text"])

    def event(self, time: int, component: str, event: EventRecord) -> None:
        """Take in an Event that a component recorded."""
        self.time = time
        if self._encoder is not None:
            about = event.about
            self.log.put(
                {
                    "note": "event",
                    "time": time,
                    "component": component,
                    "type": event.type,
                    "reason": event.reason,
                    "message": event.message,
                    "about": {"kind": about.kind, "namespace": about.namespace, "name": about.name},
                }
            )

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
        """Take in that the training of a JobSet is in a state from now on (``ledger.STATES``).

        ``pace``: nominal and present time of a step, ns, where they differ; ``blame``: what is to blame.
        ``useful_ns``: nominal time of all steps that count, where the pace has changed.
        """
        extra: dict[str, Any] = {} if pace is None else {"pace": list(pace)}
        if blame:
            extra["blame"] = blame
        if useful_ns is not None:
            extra["useful"] = useful_ns
        self.note(time, "progress", namespace=namespace, name=name, state=state, **extra)

    def undone(self, time: int, namespace: str, name: str, ns: int, beyond_ns: int = 0) -> None:
        """Take in that a failure undid some step time of a JobSet, some of it beyond nominal."""
        extra = {"beyond": beyond_ns} if beyond_ns else {}
        self.note(time, "undone", namespace=namespace, name=name, ns=ns, **extra)

    def warning(self, time: int, text: str) -> None:
        """Take in something that the user should know; it comes out in the summary."""
        self.note(time, "warning", text=text)

    # -- what comes out ------------------------------------------------------------------------

    @property
    def digest(self) -> str:
        """Hash of the log so far."""
        return self.log.digest

    def restarts(self, now: int | None = None) -> Table:
        """Return the restarts of all JobSets (``restarts.restarts_table``)."""
        records = ((r.gang.namespace, r.gang.name, r.clock) for r in self.jobsets.values())
        return restarts.restarts_table(records, self._settled(now))

    def goodput(self, now: int | None = None) -> Table:
        """Return the ledgers of all JobSets (``goodput.goodput_table``)."""
        records = ((r.gang.namespace, r.gang.name, r.ledger) for r in self.jobsets.values())
        return goodput.goodput_table(records, self._settled(now))

    def find_jobset(self, namespace: str, name: str) -> JobSetRecord | None:
        """Return the latest JobSet of a name."""
        return self._by_name.get(f"{namespace}/{name}")

    def _settled(self, now: int | None) -> int:
        """Bring all ledgers up to a time (default: of the last change); return it."""
        now = self.time if now is None else now
        for record in self.jobsets.values():
            record.settle(now)
        return now

    # -- inside --------------------------------------------------------------------------------

    def _jobset(self, event: WatchEvent, jobset: JobSet) -> None:
        if event.type == "ADDED":
            record = JobSetRecord(jobset, event.time)
            self.jobsets[jobset.uid] = self._by_name[record.gang.key] = record
            return
        record = self.jobsets[jobset.uid]
        record.deleted = event.type == "DELETED"
        record.gang.jobset(event)
        record.watch_conditions(jobset, event.time)

    def _job(self, event: WatchEvent, job: Job) -> None:
        record = self._by_job.get(job.uid)
        if record is None:
            owner = job.controller()
            record = self.jobsets.get(owner.uid) if owner is not None else None
            if record is None:
                return
            self._by_job[job.uid] = record
        record.gang.job(event)
        if event.type == "DELETED":
            del self._by_job[job.uid]

    def _pod(self, event: WatchEvent, pod: Pod) -> None:
        life = self.pods.watch(event, pod)
        if not life.news:
            return
        if life.news == ENDED:
            self.counts.ended(life)
        if event.old is None:
            self.counts.created += 1
            record = self._by_job.get(life.owner_uid)
            if record is not None:
                life.track = record.gang.jobs[life.owner_uid]
        elif event.type == "DELETED":
            self.counts.deleted += 1
        track = life.track
        if track is not None:
            track.gang.pod(life, track, event.time)


def _pace(pair: Sequence[int] | None) -> tuple[int, int] | None:
    return None if pair is None else (pair[0], pair[1])


def replay(rows: Iterable[Row]) -> Recorder:
    """Return the recorder of a run from the rows of its log (without a log of its own)."""
    recorder = Recorder(keep_log=False)
    for event, row in events(rows):
        if event is not None:
            recorder.watch(event)
        else:
            fields = {key: value for key, value in row.items() if key not in ("note", "time")}
            recorder.note(row["time"], row["note"], **fields)
    return recorder
