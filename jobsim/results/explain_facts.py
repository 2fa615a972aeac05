"""The facts of an explanation: what one pass over a log leaves that bears on an object."""

from __future__ import annotations

from collections.abc import Iterator

from jobsim.api.batch import Job
from jobsim.api.jobset import JobSet
from jobsim.api.meta import Object, condition
from jobsim.api.pod import Pod
from jobsim.api.watch import WatchEvent
from jobsim.results.lives import PodLife
from jobsim.results.log import Row
from jobsim.results.recorder import JobSetRecord, Recorder
from jobsim.units import HOUR, MINUTE, SECOND

#: Length of a generated name's suffix with its dash.
SUFFIX = 6


def clock(ns: int) -> str:
    """Return a time or duration as ``1h2m3.5s``, to the millisecond.

    Examples
    --------
    >>> clock(0), clock(90_500_000_000), clock(3600 * SECOND), clock(1_000_000)
    ('0s', '1m30.5s', '1h0m0s', '0.001s')
    """
    hours, rest = divmod(ns, HOUR)
    minutes, rest = divmod(rest, MINUTE)
    seconds = f"{rest / SECOND:.3f}".rstrip("0").rstrip(".")
    if hours:
        return f"{hours}h{minutes}m{seconds}s"
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"


class Facts:
    """What is known when the pass is over.

    Attributes
    ----------
    subject : Object or None
        The object asked for as it was last; None if it never was there.
    gone : bool
        Whether it is there no more.
    earlier : list of str
        Other pods of the same name but for the suffix, oldest first.
    recorder : Recorder
        Lives, gangs, ledgers, restarts of the whole run.
    """

    def __init__(self, kind: str, name: str, namespace: str | None) -> None:
        self.kind, self.name, self.namespace = kind, name, namespace
        self.recorder = Recorder(keep_log=False)
        self.subject: Object | None = None
        self.gone = False
        self.earlier: list[str] = []
        self.jobs: dict[tuple[str, str], Job] = {}
        self.failures: list[Row] = []
        self.now = 0
        self._events: dict[tuple[str, str, str], list[Row]] = {}
        self._bindings: dict[tuple[str, str], Row] = {}
        self._refusals: dict[tuple[str, str], str] = {}

    # -- the pass ------------------------------------------------------------------------------

    def watch(self, event: WatchEvent) -> None:
        """Take in a change."""
        self.recorder.watch(event)
        obj = event.obj
        self.now = event.time
        if isinstance(obj, Job):
            self.jobs[obj.key] = obj
        elif isinstance(obj, Pod) and not obj.spec.node_name:
            scheduled = condition(obj.status.conditions, "PodScheduled")
            if scheduled is not None and scheduled.status == "False":
                self._refusals[obj.key] = scheduled.message or scheduled.reason
        if self._is_meant(obj):
            self._point_at(obj)
            self.gone = event.type == "DELETED"

    def note(self, row: Row) -> None:
        """Take in a note."""
        kind = row["note"]
        self.now = row["time"]
        fields = {key: value for key, value in row.items() if key not in ("note", "time")}
        self.recorder.note(row["time"], kind, **fields)
        if kind == "event":
            about = row["about"]
            key = (about["kind"], about.get("namespace", ""), about["name"])
            self._events.setdefault(key, []).append(row)
        elif kind == "failure":
            self.failures.append(row)
        elif kind == "binding":
            self._bindings[(row.get("namespace", ""), row.get("pod", ""))] = row

    def _is_meant(self, obj: Object) -> bool:
        if obj.kind != self.kind or (
            self.namespace is not None and obj.namespace not in ("", self.namespace)
        ):
            return False
        if obj.name == self.name:
            return True
        suffixed = len(obj.name) == len(self.name) + SUFFIX and obj.name.startswith(self.name + "-")
        return self.kind == "Pod" and suffixed

    def _point_at(self, obj: Object) -> None:
        """Take an object as the one that was asked for; the latest of a name wins."""
        before = self.subject
        if before is not None and before.uid != obj.uid:
            if obj.name in self.earlier or obj.metadata.creation_timestamp is None:
                return
            if before.name != obj.name:
                self.earlier.append(before.name)
        self.subject = obj

    # -- questions -----------------------------------------------------------------------------

    def events(self, obj: Object, reason: str = "") -> list[Row]:
        """Return the Events about an object, of one reason if given."""
        rows = self._events.get((obj.kind, obj.namespace, obj.name), [])
        return [row for row in rows if not reason or row["reason"] == reason]

    def scheduling_message(self, life: PodLife) -> str:
        """Return why the scheduler found no place for a pod, as it said last; empty if it never did."""
        rows = self._events.get(("Pod", life.namespace, life.name), [])
        said = [row["message"] for row in rows if row["reason"] == "FailedScheduling"]
        return said[-1] if said else self._refusals.get((life.namespace, life.name), "")

    def binding(self, pod: Object) -> Row | None:
        """Return the note on why a pod was bound where it was."""
        return self._bindings.get((pod.namespace, pod.name))

    def jobset(self, namespace: str, name: str) -> JobSetRecord | None:
        """Return the JobSet of a name."""
        return self.recorder.find_jobset(namespace, name)

    def lives(self, namespace: str, *, job: str = "", jobset: str = "") -> Iterator[PodLife]:
        """Yield the lives of the pods of a Job or JobSet, in the order of creation."""
        for life in self.recorder.pods:
            if life.namespace == namespace and job in ("", life.job) and jobset in ("", life.jobset):
                yield life

    def life(self, namespace: str, name: str) -> PodLife | None:
        """Return the life of one pod."""
        return next((life for life in self.lives(namespace) if life.name == name), None)

    def planned_by(self) -> tuple[JobSet, str] | None:
        """Return the JobSet and ReplicatedJob that would make the Job asked for, if it never was there."""
        if self.kind != "Job":
            return None
        for record in self.recorder.jobsets.values():
            jobset = record.jobset
            if self.namespace not in (None, jobset.namespace):
                continue
            for rjob in jobset.spec.replicated_jobs:
                stem, _, index = self.name.rpartition("-")
                if stem == f"{jobset.name}-{rjob.name}" and index.isdecimal() and int(index) < rjob.replicas:
                    return jobset, rjob.name
        return None
