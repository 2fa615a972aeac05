"""The scheduler in time: pods are popped one by one, bound without waiting (``controllers.scheduler``).

Source: kubernetes pkg/scheduler/schedule_one.go; clauses K-SCH-01, K-SCH-07, K-SCH-09.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator
from functools import partial

from jobsim.api.plan import EventRecord, Plan, single
from jobsim.api.pod import Pod
from jobsim.api.timing import REAL, Timing
from jobsim.api.watch import STATUS, WatchEvent
from jobsim.apiserver.executor import Finish, Send, Shell, drive, execute
from jobsim.apiserver.store import Store
from jobsim.controllers.scheduler.decide import Action, binding_failed, cycles, decide, settle
from jobsim.controllers.scheduler.gang import Key, PodGroups, group_of
from jobsim.controllers.scheduler.group import decide_group
from jobsim.controllers.scheduler.queue import SchedulingQueue
from jobsim.controllers.scheduler.queued import gate_of
from jobsim.controllers.scheduler.snapshot import Snapshot
from jobsim.runtime.client import Client, Wait
from jobsim.runtime.engine import Engine, Stopped, Task, Timer
from jobsim.runtime.informer import Informer, LagOf
from jobsim.units import SECOND

COMPONENT = "default-scheduler"
#: Gates of Kubernetes 1.36 that it knows; both alpha, and off.
GANG_SCHEDULING = "GangScheduling"
TOPOLOGY_AWARE = "TopologyAwareWorkloadScheduling"
#: What its filters, scores and hints look at.
_KINDS = ("Pod", "Node", "Service", "PersistentVolumeClaim", "PodDisruptionBudget", "Namespace", "PodGroup")


def _nothing(_: object) -> None:
    """Remember or count nothing: the scheduler's plans do neither."""


class Scheduler:
    """kube-scheduler.

    Parameters
    ----------
    engine, store, client :
    pods_per_second : float
        How many ordinary pods it tries a second (``decide.cycles``); 0: trying takes no time.
    record : callable
        Takes the events.
    lag : callable or None
    """

    def __init__(
        self,
        engine: Engine,
        store: Store,
        client: Client,
        pods_per_second: float,
        record: Callable[[str, EventRecord], None],
        lag: LagOf | None = None,
        timing: Timing = REAL,
        features: Collection[str] = (),
    ) -> None:
        self._timing = timing
        self._groups = PodGroups() if GANG_SCHEDULING in features else None
        self._topology = TOPOLOGY_AWARE in features
        self._engine = engine
        self._client = client
        self._cycle_ns = round(SECOND / pods_per_second) if pods_per_second else 0
        self._snapshot = Snapshot()
        self._queue = self._new_queue()
        self._armed: Timer | None = None
        self._free_at = 0
        self._down = False
        #: Attempts whose writes are under way.
        self._tasks: dict[str, Task] = {}
        self._shell = Shell(record=partial(record, COMPONENT), remember=_nothing, count=_nothing)
        self._informer = Informer(engine, store, self._hear, _KINDS, lag)

    def _new_queue(self) -> SchedulingQueue:
        groups = self._groups
        return SchedulingQueue(
            pre_enqueue=gate_of if groups is None else groups.pre_enqueue, timing=self._timing
        )

    # -- hearing -------------------------------------------------------------------------------

    def _hear(self, event: WatchEvent) -> None:
        if self._down:
            return
        pod = event.obj
        if isinstance(pod, Pod) and event.type == "MODIFIED" and _is_life_on_a_node(event, pod):
            if _has_begun(pod, event.old):
                # When it began decides who is preempted (K-SCH-30); it is no news to pods that wait.
                self._snapshot.apply(event)
            return
        now = self._engine.now
        self._snapshot.apply(event)
        complete = self._groups is not None and self._groups.apply(event)
        if isinstance(pod, Pod) and not pod.spec.node_name:
            if event.type == "DELETED" or pod.terminal:
                self._queue.delete(pod)
            elif not pod.terminating:
                self._queue.add(pod, now)
        self._queue.on_event(event, now)
        if complete:
            self._queue.activate(now)
        self._arm()

    def _arm(self) -> None:
        if self._down:
            return
        ready = self._queue.next_ready(self._engine.now)
        if ready is None:
            return
        ready = max(ready, self._free_at)
        if self._armed is not None:
            if self._armed.time <= ready:
                return
            self._armed.cancel()
        self._armed = self._engine.at(ready, self._drain)

    # -- cycles --------------------------------------------------------------------------------

    def _drain(self) -> None:
        """Try pods until none is ready, or until the next cycle would take time."""
        self._armed = None
        now = self._engine.now
        while not self._down and (pod := self._queue.pop(now)) is not None:
            if self._cycle_ns:
                self._free_at = now + round(self._cycle_ns * cycles(pod, self._timing.affinity_cycles))
            self._try(pod, now)
            if self._cycle_ns:
                break
        self._arm()

    def _try(self, pod: Pod, now: int) -> None:
        key = group_of(pod) if self._groups is not None else None
        if self._groups is not None and key is not None and self._groups.get(key) is not None:
            self._try_group(self._groups, key, pod, now)
            return
        action = decide(self._snapshot, pod, now)
        settle(self._snapshot, self._queue, pod, action, now)
        self._carry_out(pod, action)

    def _try_group(self, groups: PodGroups, key: Key, first: Pod, now: int) -> None:
        """Try all members that wait, on one snapshot (K-SCH-42)."""
        members = [first, *self._queue.pop_group(lambda pod: group_of(pod) == key, now)]
        decided = decide_group(self._snapshot, groups, key, members, now, topology=self._topology)
        for pod, action in decided.actions:
            settle(self._snapshot, self._queue, pod, action, now)
        for pod, action in decided.actions:
            self._carry_out(pod, action)
        if decided.condition is not None:
            self._write(Plan(steps=(single(decided.condition, ignore=("NotFound",)),)))

    def _write(self, plan: Plan) -> None:
        """Carry out a plan that nobody waits for."""
        send = self._client.begin()
        if self._client.immediate:
            drive(plan, send, self._shell)
        else:
            Task(self._engine, self._perform(plan, send), _nothing)

    def _carry_out(self, pod: Pod, action: Action) -> None:
        send = self._client.begin()
        if self._client.immediate:
            try:
                finish = drive(action.plan, send, self._shell)
            except Stopped:
                return
            self._done(pod, action, finish)
            return
        work = self._perform(action.plan, send)
        task = Task(self._engine, work, lambda finish: self._done(pod, action, finish))
        if task.alive:
            self._tasks[pod.uid] = task

    def _perform(self, plan: Plan, send: Send) -> Generator[Wait, None, Finish]:
        """Execute a plan through the client; yields waits."""
        running = execute(plan, self._shell)
        try:
            step = next(running)
            while True:
                step = running.send((yield from self._client.run_step(step, send)))
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]

    def _done(self, pod: Pod, action: Action, finish: Finish) -> None:
        self._tasks.pop(pod.uid, None)
        if action.outcome == "bind" and finish.error is not None:
            current = self._informer.reader.get(Pod, pod.namespace, pod.name)
            binding_failed(self._snapshot, self._queue, pod, self._engine.now, current)
            self._arm()

    # -- crashing ------------------------------------------------------------------------------

    def crash(self) -> None:
        """Stop between two writes: the queue, its back-offs and what was assumed are lost."""
        self._down = True
        for task in list(self._tasks.values()):
            task.kill()
        self._tasks.clear()
        if self._armed is not None:
            self._armed.cancel()
            self._armed = None

    def restart(self) -> None:
        """Start again: list everything; every pod without a node is new."""
        self._down = False
        self._snapshot, self._queue = Snapshot(), self._new_queue()
        events = self._informer.relist()
        # Pods come after the nodes that they are on; none is tried before all is known.
        for event in sorted(events, key=lambda event: isinstance(event.obj, Pod)):
            self._snapshot.apply(event)
        for event in events:
            pod = event.obj
            if isinstance(pod, Pod) and not (pod.spec.node_name or pod.terminal or pod.terminating):
                self._queue.add(pod, self._engine.now)
        self._arm()


def _is_life_on_a_node(event: WatchEvent, pod: Pod) -> bool:
    """Tell whether a bound pod only started, got ready and the like: nothing that makes or takes room."""
    old = event.old
    if not pod.spec.node_name or not isinstance(old, Pod):
        return False
    if pod.terminal and not old.terminal:
        return False
    return event.changed == STATUS or (
        old.spec is pod.spec
        and old.metadata.labels is pod.metadata.labels
        and old.metadata.deletion_timestamp is pod.metadata.deletion_timestamp
    )


def _has_begun(pod: Pod, old: object) -> bool:
    """Tell whether a pod got its start time."""
    return isinstance(old, Pod) and old.status.start_time != pod.status.start_time
