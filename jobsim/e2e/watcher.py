"""What somebody who watches a run sees: objects as they were last, changes of conditions, events."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from jobsim.api.batch import Job
from jobsim.api.jobset import JobSet
from jobsim.api.meta import Condition
from jobsim.api.plan import EventRecord
from jobsim.api.pod import Pod
from jobsim.api.watch import WatchEvent
from jobsim.e2e.match import completion_index, facts_of
from jobsim.results.log import Log

#: Events about other kinds (nodes, ...) are not part of a recording.
KINDS = ("JobSet", "Job", "Pod")
_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class SeenCondition(NamedTuple):
    """A condition when it changed."""

    time: int
    condition: Condition


class Conditions:
    """The changes of an object's conditions, in order; of one write in the order of its list."""

    def __init__(self) -> None:
        self.changes: list[SeenCondition] = []
        self._last: dict[str, tuple[str, str, str]] = {}

    def look(self, conditions: Iterable[Condition], time: int) -> list[Condition]:
        """Take in an object's conditions; return those that changed."""
        changed = []
        for condition in conditions:
            now = (condition.status, condition.reason, condition.message)
            if self._last.get(condition.type) != now:
                self._last[condition.type] = now
                self.changes.append(SeenCondition(time, condition))
                changed.append(condition)
        return changed


class SeenJobSet:
    """The JobSets of one name."""

    def __init__(self) -> None:
        self.jobset = JobSet()
        self.exists = True
        self.conditions = Conditions()
        self.restarts: list[tuple[int, int, int]] = []


class SeenJob:
    """One Job object."""

    def __init__(self, key: str, job: Job) -> None:
        self.key = key
        self.job = job
        self.created_suspended = bool(job.spec.suspend)
        self.deleted = False
        self.conditions = Conditions()
        self.pods_created = 0
        self.pods_deleted = 0


class SeenPod:
    """One Pod object."""

    def __init__(self, pod: Pod, owner: str, attempt: int) -> None:
        self.pod = pod
        self.owner = owner
        self.facts = facts_of(pod, attempt)
        self.deleted = False


class SeenEvent(NamedTuple):
    """One Event, with random parts of names written as the recording writes them."""

    time: int
    about: str
    type: str
    reason: str
    note: str


class Watcher:
    """Hears of every change and every Event of a cluster (a ``Recorder``)."""

    def __init__(self) -> None:
        self.jobsets: dict[str, SeenJobSet] = {}
        self.jobs: dict[str, SeenJob] = {}
        self.pods: dict[str, SeenPod] = {}
        self.events: list[SeenEvent] = []
        self.timeline: list[dict[str, Any]] = []
        #: Nothing is kept in it: what counts is folded as it comes.
        self.log = Log()
        #: When a JobSet, Job or Pod changed last.
        self.changed_at = 0
        self._job_count: dict[str, int] = {}
        self._pod_count: dict[tuple[str, int], int] = {}
        self._stems: dict[str, str] = {}

    # -- changes -------------------------------------------------------------------------------

    def watch(self, event: WatchEvent) -> None:
        """Take in one change of one object."""
        obj = event.obj
        if isinstance(obj, JobSet):
            self._jobset(event, obj)
        elif isinstance(obj, Job):
            self._job(event, obj)
        elif isinstance(obj, Pod):
            self._pod(event, obj)
        else:
            return
        self.changed_at = event.time

    def _jobset(self, event: WatchEvent, jobset: JobSet) -> None:
        seen = self.jobsets.get(jobset.name)
        if seen is None:
            seen = self.jobsets[jobset.name] = SeenJobSet()
        time, status = event.time, jobset.status
        seen.jobset, seen.exists = jobset, event.type != "DELETED"
        if event.type == "ADDED":
            self._tell(time, "jobset-created", name=jobset.name)
        for c in seen.conditions.look(status.conditions, time):
            self._tell(
                time, "jobset-condition", name=jobset.name, type=c.type, status=c.status, reason=c.reason
            )
        restarts = (status.restarts, status.restarts_count_towards_max)
        if not seen.restarts or seen.restarts[-1][1:] != restarts:
            if seen.restarts:
                self._tell(time, "jobset-restarts", name=jobset.name, restarts=status.restarts)
            seen.restarts.append((time, *restarts))
        if event.type == "DELETED":
            self._tell(time, "jobset-deleted", name=jobset.name)

    def _job(self, event: WatchEvent, job: Job) -> None:
        seen = self.jobs.get(job.uid)
        time = event.time
        if seen is None:
            number = self._job_count.get(job.name, 0)
            self._job_count[job.name] = number + 1
            seen = self.jobs[job.uid] = SeenJob(f"{job.name}#{number}", job)
            self._tell(time, "job-created", job=seen.key)
        seen.job = job
        for c in seen.conditions.look(job.status.conditions, time):
            self._tell(time, "job-condition", job=seen.key, type=c.type, status=c.status, reason=c.reason)
        if event.type == "DELETED":
            seen.deleted = True
            self._tell(time, "job-deleted", job=seen.key)

    def _pod(self, event: WatchEvent, pod: Pod) -> None:
        seen = self.pods.get(pod.uid)
        if seen is None:
            ref = pod.controller()
            owner = ref.uid if ref is not None else ""
            place = (owner, completion_index(pod))
            attempt = self._pod_count.get(place, 0)
            self._pod_count[place] = attempt + 1
            seen = self.pods[pod.uid] = SeenPod(pod, owner, attempt)
            if pod.metadata.generate_name:
                self._stems[pod.name] = pod.metadata.generate_name + "*"
            if owner in self.jobs:
                self.jobs[owner].pods_created += 1
        seen.pod = pod
        if event.type == "DELETED":
            seen.deleted = True
            if seen.owner in self.jobs:
                self.jobs[seen.owner].pods_deleted += 1

    def _tell(self, time: int, do: str, **fields: Any) -> None:
        self.timeline.append({"t": seconds(time), "do": do, **fields})

    # -- what is said --------------------------------------------------------------------------

    def event(self, time: int, component: str, event: EventRecord) -> None:
        """Take in an Event."""
        about = event.about
        if about.kind not in KINDS or event.reason == "Scheduled":
            return
        name = about.name
        if about.kind == "Job":
            job = self.jobs.get(about.uid)
            name = job.key if job is not None else name
        elif about.kind == "Pod":
            name = self._stems.get(name, name)
        row = SeenEvent(time, f"{about.kind}/{name}", event.type, event.reason, self.words(event.message))
        self.events.append(row)

    def words(self, text: str) -> str:
        """Return a text with random suffixes of names as ``*`` and UIDs as ``<uid>``."""
        text = _UID.sub("<uid>", text)
        for word in re.findall(r"[a-z0-9][-a-z0-9]*[a-z0-9]", text):
            if word in self._stems:
                text = text.replace(word, self._stems[word])
        return text

    def note(self, time: int, kind: str, **fields: Any) -> None:
        """Take no notice of what is no change."""

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
        """Take no notice of training: nothing trains here."""

    def undone(self, time: int, namespace: str, name: str, ns: int, beyond_ns: int = 0) -> None:
        """Take no notice of training: nothing trains here."""

    # -- what is there -------------------------------------------------------------------------

    def living(self) -> list[SeenPod]:
        """Return the pods that are there, in the order of their names."""
        found = [seen for seen in self.pods.values() if not seen.deleted]
        return sorted(found, key=lambda seen: seen.pod.key)

    def first_jobset(self) -> str:
        """Return the name of the first JobSet."""
        return next(iter(self.jobsets), "")


def seconds(time: int) -> float:
    """Return a time as seconds to a tenth, as the recording writes it."""
    return round(time / 1e9, 1)
