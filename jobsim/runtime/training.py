"""Training in time: gangs step, save, are interrupted, start again, and end.

One timer a run of steps: at the next checkpoint write or at the end.  What happens in between is
arithmetic (``workload.training``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from jobsim.api._struct import replace
from jobsim.api.jobset import JOBSET_NAME, REPLICATED_JOB_NAME, RESTART_ATTEMPT, JobSet
from jobsim.api.meta import is_true
from jobsim.api.pod import Pod
from jobsim.api.watch import WatchEvent
from jobsim.apiserver.store import Store
from jobsim.laws import Law, quantile
from jobsim.rng import uniform
from jobsim.runtime.engine import Engine, Timer
from jobsim.workload.training import (
    Progress,
    Stretch,
    Workload,
    advance,
    interrupt,
    is_done,
    repace,
    steps_ahead,
)

Key = tuple[str, str]


class Ledger(Protocol):
    """Who accounts for a gang's time (``results.ledger``)."""

    def progress(
        self, time: int, namespace: str, name: str, state: str, pace: tuple[int, int] | None = None
    ) -> None:
        """Take note that a gang's state changed; ``pace``: nominal and present step time, if they differ."""
        ...

    def undone(self, time: int, namespace: str, name: str, ns: int, beyond_ns: int = 0) -> None:
        """Take note that a failure undid step time, some of it beyond nominal."""
        ...


def wanted_pods(jobset: JobSet, replicated_jobs: tuple[str, ...]) -> int:
    """Return how many pods make a gang whole."""
    total = 0
    for rjob in jobset.spec.replicated_jobs:
        if replicated_jobs and rjob.name not in replicated_jobs:
            continue
        spec = rjob.template.spec
        parallelism = 1 if spec.parallelism is None else spec.parallelism
        completions = parallelism if spec.completions is None else spec.completions
        total += rjob.replicas * min(parallelism, completions)
    return total


class _Gang:
    """One workload on one JobSet object."""

    def __init__(self, workload: Workload, jobset: JobSet) -> None:
        self.workload = workload
        self.key = jobset.key
        self.uid = jobset.uid
        self.wanted = wanted_pods(jobset, workload.replicated_jobs)
        self.attempt = str(jobset.status.restarts)
        #: Ready pods by uid: the JobSet's attempt that they are of, and restarts of their containers.
        self.ready: dict[str, tuple[str, int]] = {}
        self.progress = Progress()
        self.whole = False
        self.done = False
        self.starts = 0
        self.writes = 0
        #: Time of one step as things are (``workload.step_ns`` is the nominal one).
        self.step_ns = workload.step_ns
        self.stretch: Stretch | None = None
        self.stretch_since = 0
        self.timer: Timer | None = None

    @property
    def ready_now(self) -> int:
        """Number of ready pods of the current attempt."""
        return sum(1 for attempt, _ in self.ready.values() if attempt == self.attempt)


def _restarts(pod: Pod) -> int:
    """Return how often a pod's app containers have been restarted."""
    return sum(container.restart_count for container in pod.status.container_statuses)


class Training:
    """All gangs of a run.

    Parameters
    ----------
    engine, store, workloads, seed :
    ledger : Ledger
    exit_pod : callable
        ``(pod, code)``: lets a pod's containers end.
    """

    def __init__(
        self,
        engine: Engine,
        store: Store,
        workloads: tuple[Workload, ...],
        seed: int,
        ledger: Ledger,
        exit_pod: Callable[[Pod, int], None],
    ) -> None:
        self._engine = engine
        self._store = store
        self._workloads = {(w.namespace, w.jobset): w for w in workloads}
        self._seed = seed
        self._ledger = ledger
        self._exit_pod = exit_pod
        self._gangs: dict[Key, _Gang] = {}
        self._held: dict[str, None] = {}
        if workloads:
            store.subscribe(self._hear, ("Pod", "JobSet"))

    def hopeful(self) -> bool:
        """Tell whether a gang is on its way to something."""
        return any(gang.timer is not None for gang in self._gangs.values())

    def set_pace(self, key: Key, step_ns: int) -> None:
        """Let a gang's steps take another time from now on, those that are under way too."""
        gang = self._gangs.get(key)
        if gang is None or gang.step_ns == step_ns:
            return
        gang.step_ns = step_ns
        if gang.stretch is None:
            return
        elapsed = self._engine.now - gang.stretch_since
        gang.progress = advance(gang.progress, gang.stretch, elapsed)
        self._stop_timer(gang)
        self._go(gang, repace(gang.stretch, elapsed, step_ns))

    # -- membership ----------------------------------------------------------------------------

    def _hear(self, event: WatchEvent) -> None:
        obj = event.obj
        if isinstance(obj, Pod):
            self._hear_pod(obj, gone=event.type == "DELETED")
        elif isinstance(obj, JobSet):
            self._hear_jobset(obj, gone=event.type == "DELETED")

    def _hear_jobset(self, jobset: JobSet, *, gone: bool) -> None:
        workload = self._workloads.get(jobset.key)
        if workload is None:
            return
        gang = self._gangs.get(jobset.key)
        if gone:
            if gang is not None:
                self._stop_timer(gang)
                del self._gangs[jobset.key]
            return
        if gang is None:
            gang = self._gangs[jobset.key] = _Gang(workload, jobset)
            self._ledger.progress(self._engine.now, *gang.key, "waiting")
        gang.attempt = str(jobset.status.restarts)
        gang.wanted = wanted_pods(jobset, workload.replicated_jobs)
        self._review(gang)

    def _hear_pod(self, pod: Pod, *, gone: bool) -> None:
        labels = pod.metadata.labels
        gang = self._gangs.get((pod.namespace, labels.get(JOBSET_NAME, "")))
        if gang is None:
            return
        rjobs = gang.workload.replicated_jobs
        if rjobs and labels.get(REPLICATED_JOB_NAME) not in rjobs:
            return
        if gone:
            self._held.pop(pod.uid, None)
        ready = not gone and not pod.terminating and pod.status.phase == "Running"
        if ready and pod.uid not in self._held and is_true(pod.status.conditions, "Ready"):
            member = (labels.get(RESTART_ATTEMPT, "0"), _restarts(pod))
            known = gang.ready.get(pod.uid)
            if known == member:
                return
            if known is not None:
                # A container came back in the instant in which it ended: the work is lost all the same.
                del gang.ready[pod.uid]
                self._review(gang)
            gang.ready[pod.uid] = member
        elif gang.ready.pop(pod.uid, None) is None:
            return
        self._review(gang)

    def hold(self, pod: Pod, up: bool) -> None:
        """Take in that a barrier holds back the worker of a running pod, or does no more."""
        if not self._workloads:
            return
        if up:
            self._held[pod.uid] = None
        else:
            self._held.pop(pod.uid, None)
        now = self._store.get(Pod, pod.namespace, pod.name)
        if now is not None and now.uid == pod.uid:
            self._hear_pod(now, gone=False)

    def _review(self, gang: _Gang) -> None:
        whole = gang.ready_now == gang.wanted > 0
        if whole == gang.whole or gang.done:
            return
        gang.whole = whole
        if whole:
            self._begin(gang)
        else:
            self._interrupt(gang)

    # -- stepping ------------------------------------------------------------------------------

    def _draw(self, law: Law, purpose: str, gang: _Gang, number: int) -> int:
        return quantile(law, uniform(self._seed, purpose, *gang.key, number))

    def _begin(self, gang: _Gang) -> None:
        """The gang is whole: rendezvous, then load what there is, then step."""
        self._ledger.progress(self._engine.now, *gang.key, "initialising")
        wait = self._draw(gang.workload.init, "init", gang, gang.starts)
        gang.starts += 1
        gang.timer = self._engine.at(self._engine.now + wait, self._load, gang)

    def _load(self, gang: _Gang) -> None:
        gang.timer = None
        checkpoint = gang.workload.checkpoint
        if checkpoint is None or gang.progress.steps == 0:
            self._step(gang)
            return
        self._ledger.progress(self._engine.now, *gang.key, "loading")
        wait = self._draw(checkpoint.load, "load", gang, gang.starts)
        gang.timer = self._engine.at(self._engine.now + wait, self._step, gang)

    def _step(self, gang: _Gang) -> None:
        """Step until a checkpoint is due or the work is done."""
        self._go(gang, Stretch(step_ns=gang.step_ns))

    def _go(self, gang: _Gang, stretch: Stretch) -> None:
        now, nominal = self._engine.now, gang.workload.step_ns
        pace = None if stretch.step_ns == nominal else (nominal, stretch.step_ns)
        self._ledger.progress(now, *gang.key, "stepping", pace)
        gang.timer = None
        gang.stretch, gang.stretch_since = stretch, now
        ahead = steps_ahead(gang.workload, gang.progress)
        if ahead is not None:
            gang.timer = self._engine.at(now + stretch.length_ns(ahead), self._stepped, gang)

    def _stepped(self, gang: _Gang) -> None:
        gang.timer = None
        assert gang.stretch is not None
        gang.progress = advance(gang.progress, gang.stretch, self._engine.now - gang.stretch_since)
        gang.stretch = None
        if is_done(gang.workload, gang.progress):
            self._end(gang)
            return
        checkpoint = gang.workload.checkpoint
        assert checkpoint is not None, "steps end at a checkpoint or at the last step"
        self._ledger.progress(self._engine.now, *gang.key, "checkpointing")
        wait = self._draw(checkpoint.write, "checkpoint", gang, gang.writes)
        gang.writes += 1
        gang.timer = self._engine.at(self._engine.now + wait, self._written, gang)

    def _written(self, gang: _Gang) -> None:
        gang.timer = None
        checkpoint = gang.workload.checkpoint
        assert checkpoint is not None
        steps, ns = gang.progress.steps, gang.progress.ns
        gang.progress = replace(gang.progress, written=steps, written_ns=ns)
        if checkpoint.mode == "blocking":
            gang.progress = replace(gang.progress, usable=steps, usable_ns=ns)
        else:
            wait = self._draw(checkpoint.persist, "persist", gang, gang.writes)
            # A write in flight is lost with the gang: ``starts`` tells whether it is still this one.
            self._engine.at(self._engine.now + wait, self._persisted, gang, steps, ns, gang.starts)
        self._step(gang)

    def _persisted(self, gang: _Gang, steps: int, ns: int, start: int) -> None:
        if gang.whole and gang.starts == start and steps > gang.progress.usable:
            gang.progress = replace(gang.progress, usable=steps, usable_ns=ns)

    def _interrupt(self, gang: _Gang) -> None:
        """The gang lost a pod: what was not saved is undone."""
        self._stop_timer(gang)
        now = self._engine.now
        elapsed = 0 if gang.stretch is None else now - gang.stretch_since
        effect = interrupt(gang.workload, gang.progress, gang.stretch, elapsed)
        gang.stretch = None
        gang.progress = effect.progress
        self._ledger.progress(now, *gang.key, "waiting")
        if effect.undone_ns:
            self._ledger.undone(now, *gang.key, effect.undone_ns, effect.beyond_ns)

    def _end(self, gang: _Gang) -> None:
        """The work is done: the gang's pods exit 0."""
        gang.done = True
        self._ledger.progress(self._engine.now, *gang.key, "done")
        for pod in self._store.by_index(Pod, "jobset", f"{gang.key[0]}/{gang.key[1]}"):
            if pod.uid in gang.ready:
                self._exit_pod(pod, 0)

    def _stop_timer(self, gang: _Gang) -> None:
        if gang.timer is not None:
            gang.timer.cancel()
            gang.timer = None
