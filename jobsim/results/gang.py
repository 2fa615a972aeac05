"""The gang of a JobSet, as the API shows it: which of its Jobs and pods are there and run.

Facts only; ``results.ledger`` makes time of them and ``results.restarts`` instants.  All counts move
by one per change, so a change costs the same with 10 pods and with 100,000.

- A Job is *current* when its restart-attempt is the JobSet's (or greater), as the controller reads it
  (C-BKT-03).
- A pod *runs* in phase Running without a deletionTimestamp, unless a barrier holds it back
  (``results.in_place``).
- A Job is *whole* when it is Complete, or when it is neither Failed nor being deleted and as many pods run
  as it can still use: min(parallelism, completions - succeeded pods - failed indexes).  Finished pods count
  as run.
- A ReplicatedJob is *due* unless it dependsOn another one's status Complete and that is not complete, or on
  one that is not due.  Waiting for Ready (dependsOn or InOrder) is part of a start, waiting for Complete is
  another phase.
- The gang is *whole* when each due ReplicatedJob has all its replicas as whole current Jobs.
"""

from __future__ import annotations

from operator import sub
from typing import Protocol

from jobsim.api import devices
from jobsim.api.batch import Job
from jobsim.api.jobset import JobSet, ReplicatedJob
from jobsim.api.meta import Condition
from jobsim.api.watch import WatchEvent
from jobsim.results.in_place import Barrier, attempt_begun
from jobsim.results.lives import NEVER, PodLife
from jobsim.results.tracks import JobTrack, RjobTrack


class RestartClock(Protocol):
    """What ``results.restarts`` wants to hear."""

    @property
    def open(self) -> object | None:
        """The record that waits for a step, if one does."""

    def opened(self, kind: str, time: int) -> None:
        """A start or resume begins."""

    def restarted(self, kind: str, gang: Gang, cause: JobTrack | None, time: int) -> None:
        """The JobSet counted a restart (of itself, or of one Job)."""

    def restarted_in_place(self, attempt: int, gang: Gang, cause: JobTrack, time: int) -> bool:
        """Pods restart in place into an attempt; tell whether that begins here."""

    def pod(self, life: PodLife, time: int) -> None:
        """A pod of a current Job changed."""

    def job_gone(self, job: JobTrack, time: int) -> None:
        """A Job that was to be replaced is gone."""

    def closed(self, outcome: str, time: int, lacks: str) -> None:
        """What was open ends without a step, for want of the part named."""


class Ledger(Protocol):
    """What ``results.ledger`` wants to hear."""

    def settle(self, time: int) -> None:
        """Book the time so far; a step that began in it ends the open record."""

    def update(self, gang: Gang, time: int) -> None:
        """Something about the gang changed."""

    def restarted(self, time: int) -> None:
        """The JobSet starts over: its step time is undone."""

    def close(self, time: int) -> None:
        """The JobSet's time is over."""


class Gang:
    """One JobSet with its Jobs and pods."""

    def __init__(self, jobset: JobSet, time: int, clock: RestartClock, ledger: Ledger) -> None:
        self.namespace, self.name, self.uid = jobset.namespace, jobset.name, jobset.uid
        self.created, self.finished = time, NEVER
        self.last = jobset
        self.suspended = bool(jobset.spec.suspend)
        self.jobs: dict[str, JobTrack] = {}
        self.rjobs: dict[str, RjobTrack] = {}
        self.waiting = self.unready = 0
        self.growing = False
        self._missing = 0
        self.barrier = Barrier()
        self._clock, self._ledger = clock, ledger
        self._read_spec(jobset)
        if not self.suspended:
            clock.opened("start", time)
        ledger.update(self, time)

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def restarts(self) -> int:
        return self.last.status.restarts

    @property
    def whole(self) -> bool:
        """Whether each due ReplicatedJob has all its Jobs whole."""
        return self._missing == 0

    # -- JobSet --------------------------------------------------------------------------------

    def jobset(self, event: WatchEvent) -> None:
        """Take in a change of the JobSet."""
        jobset, old, time = event.obj, self.last, event.time
        assert isinstance(jobset, JobSet)
        self.last = jobset
        if self.finished >= 0:
            return
        self._ledger.settle(time)
        if jobset.status.terminal_state or event.type == "DELETED":
            self.finished = time
            self._ledger.close(time)
            self._clock.closed("ended", time, self.lacks())
            return
        if jobset.spec is not old.spec:
            self._read_spec(jobset)
            self._suspend_or_resume(bool(jobset.spec.suspend), time)
        if jobset.status.restarts > old.status.restarts:
            self._restart(time)
        elif _job_restarts(jobset) > _job_restarts(old):
            self._clock.restarted("job", self, self._cause(), time)
        elif (attempt := attempt_begun(old.status, jobset.status)) is not None:
            self._restart_in_place(attempt, time)
        for life, track in self.barrier.move(jobset.status):
            self.pod(life, track, time)
        self._ledger.update(self, time)

    def _read_spec(self, jobset: JobSet) -> None:
        self.accelerators = sum(
            rjob.replicas * _pods_of(rjob) * devices.of_pod(rjob.template.spec.template.spec)
            for rjob in jobset.spec.replicated_jobs
        )
        before = self.rjobs
        self.rjobs = {}
        for spec in jobset.spec.replicated_jobs:
            rjob = self.rjobs[spec.name] = RjobTrack(spec.replicas)
            for item in spec.depends_on or ():
                (rjob.after_complete if item.status == "Complete" else rjob.after_ready).append(item.name)
            if spec.name in before:
                rjob.whole, rjob.complete = before[spec.name].whole, before[spec.name].complete
        self._find_due()

    def _suspend_or_resume(self, suspended: bool, time: int) -> None:
        if suspended == self.suspended:
            return
        self.suspended = suspended
        self.growing = False
        if suspended:
            self._clock.closed("suspended", time, self.lacks())
        else:
            self._clock.opened("resume", time)

    def _restart(self, time: int) -> None:
        """All Jobs are of a past attempt from now on."""
        self._ledger.restarted(time)
        self._clock.restarted("jobset", self, self._cause(), time)
        for rjob in self.rjobs.values():
            rjob.whole = rjob.complete = 0
        self.waiting = self.unready = 0
        for job in self.jobs.values():
            if self.is_current(job):
                self._count_job(job, 1)
        self._find_due()
        self.growing = False

    def _restart_in_place(self, attempt: int, time: int) -> None:
        """The pods that are left behind restart into an attempt, where they are."""
        lost = [job for job in self.jobs.values() if job.lost_at >= 0 and self.is_current(job)]
        cause = min(lost, key=lambda job: job.lost_at, default=None)
        if cause is not None and self._clock.restarted_in_place(attempt, self, cause, time):
            self._ledger.restarted(time)

    def _cause(self) -> JobTrack | None:
        """Return the failed Job that the JobSet's condition names, else the one that failed first."""
        failed = [job for job in self.jobs.values() if job.failed_at >= 0]
        for condition in self.last.status.conditions:
            if condition.type == "RestartingJobSet" and condition.status == "True":
                name = condition.message.rpartition("(first failed job: ")[2].removesuffix(")")
                named = [job for job in failed if job.name == name]
                failed = named or failed
        return min(failed, key=lambda job: job.failed_at, default=None)

    def is_current(self, job: JobTrack) -> bool:
        """Whether a Job belongs to the JobSet's current attempt."""
        return job.attempt >= self.last.status.restarts

    # -- Jobs ----------------------------------------------------------------------------------

    def job(self, event: WatchEvent) -> None:
        """Take in a change of one of its Jobs."""
        job, time = event.obj, event.time
        assert isinstance(job, Job)
        self._ledger.settle(time)
        track = self.jobs.get(job.uid)
        if track is None:
            track = self.jobs[job.uid] = JobTrack(self, job)
        if event.type == "DELETED":
            del self.jobs[job.uid]
            track.terminating = True
            if self.is_current(track):
                self._count_job(track, -1)
            track.attempt = NEVER
            self._clock.job_gone(track, time)
            self._refresh(track, time)
            return
        spec = job.spec
        track.parallelism = 1 if spec.parallelism is None else spec.parallelism
        track.completions = spec.completions
        track.terminating = job.metadata.deletion_timestamp is not None
        track.failed_indexes = _count_indexes(job.status.failed_indexes)
        for condition in job.status.conditions:
            if condition.status == "True":
                self._job_condition(track, condition, time)
        self._refresh(track, time)

    def _job_condition(self, track: JobTrack, condition: Condition, time: int) -> None:
        if condition.type == "FailureTarget" and track.failure_target_at < 0:
            track.failure_target_at = time
        elif condition.type == "Failed" and not track.failed:
            track.failed, track.failed_at, track.failure = True, time, condition
        elif condition.type == "Complete" and not track.complete:
            track.complete = True
            rjob = self.rjobs.get(track.rjob)
            if rjob is not None and self.is_current(track):
                rjob.complete += 1
                self._find_due()

    def _count_job(self, track: JobTrack, sign: int) -> None:
        """Add what a current Job counts for, or take it away."""
        rjob = self.rjobs.get(track.rjob)
        if rjob is not None:
            rjob.whole += sign * track.whole
            rjob.complete += sign * track.complete
        if sign < 0:
            track.whole = False
            self._find_due()
        self.waiting += sign * track.waiting
        self.unready += sign * track.unready

    def _refresh(self, track: JobTrack, time: int) -> None:
        """Find out whether a Job is whole, and tell the ledger."""
        whole = track.uid in self.jobs and track.is_whole()
        if whole:
            track.lost_at, track.lost_pod = NEVER, None
        if whole != track.whole:
            track.whole = whole
            rjob = self.rjobs.get(track.rjob)
            if rjob is not None and self.is_current(track):
                was_whole = rjob.is_whole
                rjob.whole += 1 if whole else -1
                if rjob.due and rjob.is_whole != was_whole:
                    self._missing += 1 if was_whole else -1
                    self.growing = self.growing and not was_whole and self._missing > 0
        if self.finished < 0:
            self._ledger.update(self, time)

    def _find_due(self) -> None:
        """Recount which ReplicatedJobs must run (a Job completed, or the spec or attempt changed)."""
        for rjob in self.rjobs.values():
            due = all(self._met(name) for name in rjob.after_complete)
            due = due and all(r.due for name in rjob.after_ready if (r := self.rjobs.get(name)) is not None)
            if due and not rjob.due and self._missing == 0:
                self.growing = True
            rjob.due = due
        self._missing = sum(rjob.due and not rjob.is_whole for rjob in self.rjobs.values())

    def _met(self, name: str) -> bool:
        rjob = self.rjobs.get(name)
        return rjob is not None and rjob.due and rjob.complete >= rjob.replicas

    def lacks(self) -> str:
        """Return the part of a start that is not over: create, place, start or restore."""
        current = [job for job in self.jobs.values() if self.is_current(job) and not job.complete]
        if self.waiting:
            return "place"
        for name, rjob in self.rjobs.items():
            there = sum(job.rjob == name for job in current) + rjob.complete
            if rjob.due and there < rjob.replicas:
                return "create"
        if any(job.there < job.wanted() for job in current):
            return "create"
        if any(job.bound < job.there for job in current):
            return "place"
        return "start" if any(job.running < job.bound for job in current) else "restore"

    # -- pods ----------------------------------------------------------------------------------

    def pod(self, life: PodLife, track: JobTrack, time: int) -> None:
        """Take in a change of a pod of one of its Jobs."""
        current = track.attempt >= self.last.status.restarts
        clock = self._clock
        self.barrier.look(life, track, time)
        if current and clock.open is not None:
            self._ledger.settle(time)
            clock.pod(life, time)
        was, now = life.counted, life.counts()
        if now == was:
            return
        life.counted = now
        running, waiting, unready, succeeded, failed, there, bound = map(sub, now, was)
        track.there += there
        track.bound += bound
        look = waiting or unready
        if look:
            track.waiting += waiting
            track.unready += unready
            if current:
                self.waiting += waiting
                self.unready += unready
        if running or succeeded or failed:
            track.running += running
            track.succeeded += succeeded
            whole = track.is_whole()
            if track.lost_at < 0 and not whole and (failed or (running < 0 and not succeeded)):
                track.lost_at, track.lost_pod = time, life
            look = look or whole != track.whole
        if look:
            self._refresh(track, time)


def _pods_of(rjob: ReplicatedJob) -> int:
    """Return how many pods one of its Jobs has at once."""
    spec = rjob.template.spec
    parallelism = 1 if spec.parallelism is None else spec.parallelism
    return parallelism if spec.completions is None else min(parallelism, spec.completions)


def _job_restarts(jobset: JobSet) -> int:
    return sum(sum(status.job_restarts) for status in jobset.status.replicated_jobs_status)


def _count_indexes(text: str | None) -> int:
    """Return how many indexes ``"1,3-5"`` names."""
    if not text:
        return 0
    count = 0
    for part in text.split(","):
        first, _, last = part.partition("-")
        count += int(last) - int(first) + 1 if last else 1
    return count
