"""An API server with real admission and the JobSet controller; a test plays everybody else.

There is no Job controller: a test says what becomes of Jobs, as upstream's integration tests do.
Jobs are called by their name without the JobSet's: ``w-0``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jobsim.api._struct import Time, replace
from jobsim.api.batch import Job
from jobsim.api.jobset import JobSet, JobSetSpec, JobSetStatus, ReplicatedJobStatus
from jobsim.api.meta import Object, condition
from jobsim.api.plan import EventRecord, WriteResult
from jobsim.api.watch import Wake, WatchEvent
from jobsim.api.writes import Create, Delete, Update, UpdateStatus, Write
from jobsim.apiserver.executor import Shell, drive
from jobsim.apiserver.server import Server
from jobsim.apiserver.store import Store
from jobsim.controllers import jobset
from jobsim.controllers.admission.pipeline import Admission
from jobsim.rng import NameSource
from jobsim.testing import make_condition
from jobsim.units import seconds
from tests.upstream.kit import gates

PASSES_MAX = 200


class World:
    """A cluster in which one JobSet lives.

    Parameters
    ----------
    train : JobSet
        Created, and left to the controller until it rests.
    others : sequence of Object
        What is there before; UIDs are as given.
    on : bool
        Feature gates.
    """

    def __init__(self, train: JobSet, *, others: Sequence[Object] = (), **on: bool) -> None:
        self.gates = gates(**on)
        self.store = Store()
        names = NameSource(0)
        admission = Admission(self.gates, strict=False, suffix=names.suffix)
        self.server = Server(self.store, admission, names)
        self.now = 0
        self.due: dict[tuple[str, str], int] = {}
        self.events: list[EventRecord] = []
        self.errors: list[str] = []
        self.writes: list[Write] = []
        #: While it is true the controller sees nothing.
        self.away = False
        self.store.subscribe(self._hear)
        for other in others:
            self.store.create(other, 0)
        self.name = self.server.create(train, 0).name
        self.settle()

    # -- the controller --------------------------------------------------------------------------------

    def _hear(self, event: WatchEvent) -> None:
        for wake in jobset.wakes(event, self.store, self.gates):
            self._wake(wake)

    def _wake(self, wake: Wake) -> None:
        key = (wake.namespace, wake.name)
        at = self.now + wake.delay_ns
        self.due[key] = min(self.due.get(key, at), at)

    def settle(self) -> World:
        """Let the controller work until it rests; what ends in an error is tried again next time."""
        if self.away:
            return self
        again: list[tuple[str, str]] = []
        for _ in range(PASSES_MAX):
            key = min((key for key, at in self.due.items() if at <= self.now), default=None)
            if key is None:
                self.due.update(dict.fromkeys(again, self.now))
                return self
            del self.due[key]
            seen = jobset.observe(self.store, *key, self.gates)
            if seen is None:
                continue
            shell = Shell(record=self.events.append, remember=lambda _: None, count=lambda _: None)
            finish = drive(jobset.reconcile(seen, self.now, self.gates), self._send, shell)
            if finish.error is not None:
                self.errors.append(finish.error)
                self.due.pop(key, None)
                again.append(key)
            elif finish.requeue_after_ns is not None:
                self.due[key] = self.now + finish.requeue_after_ns
        raise AssertionError("the controller never rests")

    def _send(self, write: Write) -> WriteResult:
        self.writes.append(write)
        return self.server.request(write, self.now)

    # -- what a test does ------------------------------------------------------------------------------

    def tick(self, after_s: float) -> World:
        self.now += seconds(after_s)
        return self.settle()

    def request(self, write: Write) -> str | None:
        """Ask for something as a user; return the refusal, if it is one."""
        error = self.server.request(write, self.now).error
        self.settle()
        return None if error is None else error.message

    def edit(self, **fields: Any) -> str | None:
        """Change fields of the JobSet's spec."""
        train = self.train
        spec: JobSetSpec = replace(train.spec, **fields)
        return self.request(Update(obj=replace(train, spec=spec)))

    def delete(self, kind: str, name: str) -> None:
        assert self.request(Delete(kind=kind, namespace="default", name=name)) is None

    def create(self, obj: Object) -> None:
        assert self.request(Create(obj=obj)) is None

    def _report(self, names: Sequence[str], **changes: Any) -> World:
        self.now += seconds(1)
        for name in names:
            job = self.job(name)
            status = replace(job.status, start_time=job.status.start_time or Time(self.now), **changes)
            assert self.server.request(UpdateStatus(obj=replace(job, status=status)), self.now).error is None
        return self.settle()

    def run(self, *names: str) -> World:
        """Let pods of Jobs run without being ready."""
        return self._report(names, active=1, ready=0)

    def ready(self, *names: str) -> World:
        """Let the pods of Jobs (of one pod) be ready."""
        return self._report(names, active=1, ready=1)

    def succeed(self, *names: str) -> World:
        ends = tuple(make_condition(t, at=self.now + seconds(1)) for t in ("SuccessCriteriaMet", "Complete"))
        at = Time(self.now + seconds(1))
        return self._report(names, active=0, ready=0, succeeded=1, conditions=ends, completion_time=at)

    def fail(self, *names: str, reason: str = "BackoffLimitExceeded", message: str = "too many") -> World:
        ends = tuple(
            make_condition(type_, at=self.now + seconds(1), reason=reason, message=message)
            for type_ in ("FailureTarget", "Failed")
        )
        return self._report(names, active=0, ready=0, failed=1, conditions=ends)

    def collect(self, *names: str) -> World:
        """Let Jobs that are being deleted go, all of them without names."""
        for job in self.store.list(Job):
            if job.terminating and (not names or self._short(job.name) in names):
                self.server.apply(Update(obj=job.with_meta(finalizers=())), self.now)
        return self.settle()

    # -- what a test looks at --------------------------------------------------------------------------

    @property
    def train(self) -> JobSet:
        found = self.store.get(JobSet, "default", self.name)
        assert found is not None
        return found

    @property
    def status(self) -> JobSetStatus:
        return self.train.status

    @property
    def state(self) -> str:
        """``Completed``, ``Failed`` or nothing; the condition agrees."""
        state = self.status.terminal_state
        for type_ in ("Completed", "Failed"):
            found = condition(self.status.conditions, type_)
            assert (found is not None and found.status == "True") == (type_ == state)
        return state

    def says(self, type_: str) -> tuple[str, str] | None:
        """Return status and reason of a condition."""
        found = condition(self.status.conditions, type_)
        return None if found is None else (found.status, found.reason)

    def message(self, type_: str) -> str:
        found = condition(self.status.conditions, type_)
        assert found is not None
        return found.message

    def counts(self, name: str) -> ReplicatedJobStatus:
        return next(s for s in self.status.replicated_jobs_status if s.name == name)

    def _short(self, name: str) -> str:
        return name.removeprefix(f"{self.name}-")

    def job(self, name: str) -> Job:
        found = self.store.get(Job, "default", f"{self.name}-{name}")
        assert found is not None, f"there is no Job {name}"
        return found

    def jobs(self, **is_: bool) -> list[str]:
        """Return the Jobs that are not being deleted (``terminating=True``: that are)."""
        gone = is_.get("terminating", False)
        return [self._short(job.name) for job in self.store.list(Job) if job.terminating == gone]

    @property
    def suspended(self) -> list[str]:
        return [self._short(job.name) for job in self.store.list(Job) if job.spec.suspend]

    def attempt(self, name: str) -> tuple[str, str | None]:
        """Return a Job's labels of restart attempts, of the JobSet's and of its own."""
        labels = self.job(name).metadata.labels
        own = labels.get("jobset.sigs.k8s.io/job-restart-attempt")
        return labels["jobset.sigs.k8s.io/restart-attempt"], own

    @property
    def reasons(self) -> list[str]:
        return [event.reason for event in self.events]
