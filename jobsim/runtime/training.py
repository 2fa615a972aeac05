"""Training in time: gangs step, save, are interrupted, start again, and end.

One timer a run of steps: at the next checkpoint write or at the end.  What happens in between is
arithmetic (``workload.training``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from jobsim.api.jobset import JOBSET_NAME, REPLICATED_JOB_NAME, RESTART_ATTEMPT, JobSet
from jobsim.api.meta import is_true
from jobsim.api.pod import Pod
from jobsim.api.watch import WatchEvent
from jobsim.apiserver.store import Store
from jobsim.laws import Law, quantile
from jobsim.rng import uniform
from jobsim.runtime.engine import Engine
from jobsim.runtime.gang import Gang, Key, Ledger, Member, Pace, Saving
from jobsim.runtime.network import Congestion
from jobsim.units import SECOND
from jobsim.workload.checkpoint import safest
from jobsim.workload.training import (
    Stretch,
    Workload,
    advance,
    break_off,
    due_levels,
    interrupt,
    is_done,
    persisted,
    repace,
    steps_ahead,
    written,
)


def _sound(_: str) -> tuple[float, str]:
    return 1.0, ""


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

    Attributes
    ----------
    slowness : callable
        ``node -> (how many times as long a step takes there, what is to blame)``.
    network : Congestion or None
        Sets the pace of gangs whose steps wait for the network.
    """

    def __init__(
        self,
        engine: Engine,
        store: Store,
        workloads: tuple[Workload, ...],
        seed: int,
        ledger: Ledger,
        exit_pod: Callable[[Pod, int], object],
    ) -> None:
        self._engine = engine
        self._store = store
        self._workloads = {(w.namespace, w.jobset): w for w in workloads}
        self._seed = seed
        self._ledger = ledger
        self._exit_pod = exit_pod
        self._gangs: dict[Key, Gang] = {}
        self._held: dict[str, None] = {}
        #: Of the JobSets of workloads, the replicated Jobs that they ever had.
        self.met: dict[Key, dict[str, None]] = {}
        self.slowness: Callable[[str], tuple[float, str]] = _sound
        self.network: Congestion | None = None
        if workloads:
            store.subscribe(self._hear, ("Pod", "JobSet"))

    def hopeful(self) -> bool:
        """Tell whether a gang is on its way to something."""
        return any(gang.timer is not None for gang in self._gangs.values())

    # -- from outside --------------------------------------------------------------------------

    def set_pace(self, key: Key, pace: Pace) -> None:
        """Let a gang's steps take another time from now on, those that are under way too."""
        gang = self._gangs.get(key)
        if gang is not None and gang.pace != pace:
            gang.pace = pace
            self._repace(gang)

    def slow(self, node: str) -> None:
        """Take in that a node's speed changed."""
        for gang in self._gangs.values():
            if gang.able and any(member.node == node for member in gang.ready.values()):
                self._look_for_slow_nodes(gang)
                self._repace(gang)

    def hang(self, uids: Iterable[str]) -> None:
        """Take in that some pods stop, though nothing in the API says so yet."""
        for uid in uids:
            for gang in self._gangs.values():
                if uid in gang.ready:
                    gang.hanging[uid] = None
                    self._review(gang)

    def linger_ns(self, pod: Pod) -> int:
        """Return how long a pod that is told to end has to stay for the gang's last write."""
        gang = self._gangs.get((pod.namespace, pod.metadata.labels.get(JOBSET_NAME, "")))
        if gang is None:
            return 0
        if gang.saving is not None:
            return max(0, gang.saving.until - self._engine.now) if pod.uid in gang.saving.pods else 0
        return self._last_write_ns(gang, pod) or 0 if pod.uid in gang.ready else 0

    def _repace(self, gang: Gang) -> None:
        """Go on at the pace that holds now."""
        stretch, step_ns = gang.stretch, gang.step_ns
        if stretch is None or (stretch.step_ns == step_ns and gang.blamed == gang.cause):
            return
        elapsed = self._engine.now - gang.stretch_since
        gang.progress = advance(gang.progress, stretch, elapsed)
        self._stop_timer(gang)
        self._go(gang, repace(stretch, elapsed, step_ns))

    def _look_for_slow_nodes(self, gang: Gang) -> None:
        """The slowest node sets the pace of all."""
        nodes = dict.fromkeys(member.node for member in gang.ready.values())
        found = [self.slowness(node) for node in nodes]
        gang.slowness, gang.blame = max(found, key=lambda pair: pair[0], default=(1.0, ""))

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
        self.met.setdefault(jobset.key, {}).update({rjob.name: None for rjob in jobset.spec.replicated_jobs})
        if gone:
            if gang is not None:
                self._stop_timer(gang)
                self._off_network(gang)
                del self._gangs[jobset.key]
            return
        if gang is None:
            gang = self._gangs[jobset.key] = Gang(workload, jobset)
            self._ledger.progress(self._engine.now, *gang.key, "waiting")
        gang.read(jobset)
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
        runs = not gone and pod.status.phase == "Running"
        ready = runs and not pod.terminating and pod.uid not in self._held
        if ready and is_true(pod.status.conditions, "Ready"):
            member = Member(labels.get(RESTART_ATTEMPT, "0"), pod.spec.node_name, _restarts(pod))
            known = gang.ready.get(pod.uid)
            if known == member:
                return
            if known is not None:
                # A container came back in the instant in which it ended: the work is lost all the same.
                gang.leave(pod.uid)
                self._review(gang)
            gang.join(pod.uid, member)
            self._review(gang)
            return
        left = gang.leave(pod.uid)
        if gang.saving is not None:
            if not runs and pod.uid in gang.saving.pods:
                self._cut_short(gang)
        elif left and runs and pod.terminating:
            self._save_last(gang, pod)
        if left:
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

    def _review(self, gang: Gang) -> None:
        if gang.done or gang.saving is not None:
            return
        whole, was_whole = gang.is_whole, gang.whole
        able, was_able = whole and not gang.hanging, gang.able
        gang.whole, gang.able = whole, able
        if able and not was_able:
            self._begin(gang)
        elif was_able and not able:
            self._lose(gang)
        elif was_whole and not whole:
            self._ledger.progress(self._engine.now, *gang.key, "waiting")

    # -- stepping ------------------------------------------------------------------------------

    def _draw(self, law: Law, purpose: str, gang: Gang, *number: int) -> int:
        return quantile(law, uniform(self._seed, purpose, *gang.key, *number))

    def _begin(self, gang: Gang) -> None:
        """The gang is whole: rendezvous, then load what there is, then step."""
        self._ledger.progress(self._engine.now, *gang.key, "initialising")
        self._look_for_slow_nodes(gang)
        if self.network is not None:
            self.network.settle(gang)
        wait = self._draw(gang.workload.init, "init", gang, gang.starts)
        gang.starts += 1
        gang.timer = self._engine.at(self._engine.now + wait, self._load, gang)

    def _load(self, gang: Gang) -> None:
        gang.timer = None
        if gang.restored < 0:
            self._step(gang)
            return
        self._ledger.progress(self._engine.now, *gang.key, "loading")
        law = gang.workload.levels[gang.restored].load
        gang.timer = self._engine.at(
            self._engine.now + self._draw(law, "load", gang, gang.starts), self._step, gang
        )

    def _step(self, gang: Gang) -> None:
        """Step until a checkpoint is due or the work is done."""
        gang.writing = False
        if self.network is not None:
            self.network.enter(gang)
        self._go(gang, Stretch(step_ns=gang.step_ns))

    def _go(self, gang: Gang, stretch: Stretch) -> None:
        now, nominal = self._engine.now, gang.workload.step_ns
        gang.blamed = gang.cause
        if stretch.step_ns == nominal:
            self._ledger.progress(now, *gang.key, "stepping")
        else:
            self._ledger.progress(now, *gang.key, "stepping", (nominal, stretch.step_ns), gang.blamed)
        gang.timer = None
        gang.stretch, gang.stretch_since = stretch, now
        gang.paced = gang.paced or stretch.step_ns != nominal
        ahead = steps_ahead(gang.workload, gang.progress)
        if ahead is not None:
            gang.timer = self._engine.at(now + stretch.length_ns(ahead), self._stepped, gang)

    def _halt(self, gang: Gang) -> None:
        """End a stretch of steps here and keep the whole ones."""
        assert gang.stretch is not None
        gang.progress = advance(gang.progress, gang.stretch, self._engine.now - gang.stretch_since)
        gang.stretch = None

    def _stepped(self, gang: Gang) -> None:
        gang.timer = None
        self._halt(gang)
        if is_done(gang.workload, gang.progress):
            self._end(gang)
        else:
            gang.writing = True
            self._ledger.progress(self._engine.now, *gang.key, "checkpointing", useful_ns=gang.useful_ns)
            self._write(gang, due_levels(gang.workload, gang.progress))

    def _write(self, gang: Gang, levels: list[int]) -> None:
        """Write to the levels that are due, one after the other."""
        gang.timer = None
        if not levels:
            self._step(gang)
            return
        wait = self._draw(gang.workload.levels[levels[0]].write, "checkpoint", gang, gang.writes)
        gang.writes += 1
        gang.timer = self._engine.at(self._engine.now + wait, self._written, gang, levels)

    def _written(self, gang: Gang, levels: list[int]) -> None:
        level, now = levels[0], self._engine.now
        saved = gang.workload.levels[level]
        blocking = saved.mode == "blocking"
        gang.progress = written(gang.progress, gang.workload, level, usable=blocking)
        if not blocking:
            wait = self._draw(saved.persist, "persist", gang, gang.writes)
            steps, ns = gang.progress.steps, gang.progress.ns
            # A write in flight is lost with the gang: ``starts`` tells whether it is still this one.
            self._engine.at(now + wait, self._persisted, gang, level, steps, ns, gang.starts)
        self._write(gang, levels[1:])

    def _persisted(self, gang: Gang, level: int, steps: int, ns: int, start: int) -> None:
        if gang.able and gang.starts == start:
            gang.progress = persisted(gang.progress, gang.workload, level, steps, ns)

    # -- interruptions -------------------------------------------------------------------------

    def _last_write_ns(self, gang: Gang, pod: Pod) -> int | None:
        """Return how long the write on termination takes; None: there is none, or it does not fit."""
        grace_ns = (pod.metadata.deletion_grace_period_seconds or 0) * SECOND
        at_work = gang.stretch is not None or gang.writing
        if not (gang.workload.on_termination and gang.workload.levels and at_work):
            return None
        law = gang.workload.levels[safest(gang.workload.levels)].write
        wait = self._draw(law, "termination", gang, gang.starts)
        return wait if wait <= grace_ns else None

    def _save_last(self, gang: Gang, pod: Pod) -> None:
        """A pod of a gang that steps, or writes, was told to end: write once more while it can."""
        wait = self._last_write_ns(gang, pod)
        if wait is None:
            return
        self._stop_timer(gang)
        now = self._engine.now
        if gang.stretch is not None:
            effect = break_off(gang.workload, gang.progress, gang.stretch, self._elapsed(gang))
            gang.progress, gang.stretch = effect.progress, None
            if effect.undone_ns:
                self._ledger.undone(now, *gang.key, effect.undone_ns, effect.beyond_ns)
        self._ledger.progress(now, *gang.key, "checkpointing")
        gang.whole = gang.able = gang.writing = False
        pods = frozenset((*gang.ready, pod.uid))
        gang.saving = Saving(safest(gang.workload.levels), now + wait, pods)
        gang.timer = self._engine.at(now + wait, self._saved, gang)

    def _saved(self, gang: Gang) -> None:
        assert gang.saving is not None
        now = gang.progress
        gang.progress = persisted(now, gang.workload, gang.saving.level, now.steps, now.ns)
        self._lose(gang)
        self._review(gang)

    def _cut_short(self, gang: Gang) -> None:
        """A pod ended under the last write, or with it."""
        assert gang.saving is not None
        if self._engine.now >= gang.saving.until:
            self._saved(gang)
        else:
            self._lose(gang)

    def _elapsed(self, gang: Gang) -> int:
        return 0 if gang.stretch is None else self._engine.now - gang.stretch_since

    def _lose(self, gang: Gang) -> None:
        """The gang lost a pod, or hangs: what was not saved is undone."""
        self._stop_timer(gang)
        self._off_network(gang)
        gang.saving, gang.writing = None, False
        now = self._engine.now
        u = uniform(self._seed, "survives", *gang.key, gang.losses)
        gang.losses += 1
        effect = interrupt(gang.workload, gang.progress, gang.stretch, self._elapsed(gang), u)
        gang.stretch = None
        gang.progress, gang.restored = effect.progress, effect.level
        self._ledger.progress(now, *gang.key, "stalled" if gang.whole else "waiting")
        if effect.undone_ns:
            self._ledger.undone(now, *gang.key, effect.undone_ns, effect.beyond_ns)

    def _end(self, gang: Gang) -> None:
        """The work is done: the gang's pods exit 0."""
        gang.done = True
        self._off_network(gang)
        self._ledger.progress(self._engine.now, *gang.key, "done", useful_ns=gang.useful_ns)
        for pod in self._store.by_index(Pod, "jobset", f"{gang.key[0]}/{gang.key[1]}"):
            if pod.uid in gang.ready:
                self._exit_pod(pod, 0)

    def _off_network(self, gang: Gang) -> None:
        if self.network is not None:
            self.network.leave(gang.key)

    def _stop_timer(self, gang: Gang) -> None:
        if gang.timer is not None:
            gang.timer.cancel()
            gang.timer = None
