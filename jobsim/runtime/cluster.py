"""Cluster: a run's parts put together, and run to its end.

The only place that knows all components.  They do not know each other: each has the store's log,
a client, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from jobsim.api._struct import Struct, replace
from jobsim.api.jobset import JobSet
from jobsim.api.meta import Object
from jobsim.api.plan import EventRecord
from jobsim.api.pod import Pod
from jobsim.api.watch import WatchEvent
from jobsim.apiserver.server import Server
from jobsim.apiserver.store import Store
from jobsim.controllers.admission.pipeline import Admission
from jobsim.controllers.kubelet_node import healthy
from jobsim.errors import ApiError
from jobsim.laws import ZERO, quantile
from jobsim.rng import NameSource, uniform
from jobsim.runtime import components
from jobsim.runtime.actions import Actor
from jobsim.runtime.chaos import Chaos
from jobsim.runtime.client import Client, WriteCounts
from jobsim.runtime.controller import Controller, Core
from jobsim.runtime.engine import Engine
from jobsim.runtime.guard import Guard, Story
from jobsim.runtime.informer import LagOf
from jobsim.runtime.kubelet import Kubelets
from jobsim.runtime.nodes import Nodes
from jobsim.runtime.scheduler import Scheduler
from jobsim.runtime.setup import CLIENT_LIMITS, Setup, Submission
from jobsim.runtime.stall import Stall, pending, stuck_on_dead_nodes
from jobsim.runtime.training import Training
from jobsim.units import HOUR
from jobsim.workload.behaviour import PodRules

#: How often a caller is told of progress, timers.
PROGRESS_TIMERS = 20_000
#: Without a change for so long every retry has been made at its longest interval (1000 s) thrice.
STALL_NS = HOUR


class Recorder(Protocol):
    """Who keeps the log of a run (``results``)."""

    @property
    def log(self) -> Story:
        """What was kept so far."""
        ...

    def watch(self, event: WatchEvent) -> None:
        """Take one change."""
        ...

    def event(self, time: int, component: str, event: EventRecord) -> None:
        """Take one Kubernetes Event."""
        ...

    def note(self, time: int, kind: str, **fields: Any) -> None:
        """Take something that is no change of an object."""
        ...

    def progress(
        self, time: int, namespace: str, name: str, state: str, pace: tuple[int, int] | None = None
    ) -> None:
        """Take a change of a gang's state."""
        ...

    def undone(self, time: int, namespace: str, name: str, ns: int, beyond_ns: int = 0) -> None:
        """Take step time that a failure undid."""
        ...


class Hopeful(Protocol):
    """A part that may still make something happen by itself."""

    def hopeful(self) -> bool:
        """Tell whether it will."""
        ...


class Stop(Struct):
    """Why and when a run ended.

    Parameters
    ----------
    at : int
        Virtual time, ns.
    reason : str
        ``finished`` (nothing is left to happen), ``until`` (the time asked for), ``stalled`` (only
        retries are left, and they changed nothing for an hour) or ``limit`` (the longest time that
        is simulated without being asked for).
    stalls : tuple of Stall
        What waits in vain.
    """

    at: int
    reason: str
    stalls: tuple[Stall, ...] = ()


class Cluster:
    """An in-memory Kubernetes that runs JobSets.

    Parameters
    ----------
    setup : Setup
    recorder : Recorder
    """

    def __init__(self, setup: Setup, recorder: Recorder) -> None:
        self.setup = setup
        self.recorder = recorder
        self.engine = Engine()
        self.store = Store()
        self.writes = WriteCounts(accepted={}, refused={})
        self.metrics: dict[str, int] = {}
        self._pending_submissions = 0
        names = NameSource(setup.seed)
        self.admission = Admission(setup.gates, strict=setup.strict, suffix=names.suffix)
        self.server = Server(self.store, self.admission, names)
        self.store.subscribe(recorder.watch)
        if setup.check_invariants:
            calm = all(lag.law == ZERO for lag in setup.control.watch_lag)
            self.store.subscribe(Guard(self.store, setup.gates, recorder.log, calm=calm).watch)
        self._controllers = [self._controller(core) for core in self._cores()]
        self._build_nodes_and_pods()
        self._user = Actor(self.engine, self.store, self._client("user"), self.submit, self.warn)
        self._chaos = Chaos(
            self.engine,
            self.store,
            self._kubelets,
            self._nodes,
            self._user,
            setup.seed,
            recorder,
            self.warn,
        )

    def _cores(self) -> list[Core]:
        gates = self.setup.gates
        return [
            components.jobset_core(gates),
            components.pod_core(gates),
            components.job_core(),
            components.orphan_core(),
            components.ttl_core(),
            components.garbage_collector_core(),
            components.taint_core(),
            components.pod_gc_core(),
            components.disruption_core(),
        ]

    def _build_nodes_and_pods(self) -> None:
        """Make the components that are no plain controllers."""
        setup, engine, store = self.setup, self.engine, self.store
        self._scheduler = Scheduler(
            engine,
            store,
            self._client("scheduler"),
            setup.control.pods_per_second,
            self.record,
            self._lag("scheduler"),
        )
        self._kubelets = Kubelets(
            engine,
            store,
            self._client("kubelet"),
            PodRules(setup.rules),
            setup.seed,
            self.record,
            setup.kubelet,
            self._lag("kubelet"),
        )
        silent: dict[str, int] = {}
        monitor = self._controller(components.node_core(silent, setup.control.node_monitor_grace_ns))
        self._controllers.append(monitor)
        self._nodes = Nodes(
            engine, store, self._kubelets, self._client("kubelet"), self._client("user"), monitor, silent
        )
        self._training = Training(
            engine,
            store,
            setup.workloads,
            setup.seed,
            self.recorder,
            lambda pod, code: self._finish(pod, code),
        )

    def _finish(self, pod: Any, code: int) -> None:
        self._kubelets.finish(pod, code)

    # -- parts ---------------------------------------------------------------------------------

    @property
    def kubelets(self) -> Kubelets:
        """The kubelets of all nodes."""
        return self._kubelets

    @property
    def training(self) -> Training:
        """The training of all gangs."""
        return self._training

    def _controller(self, core: Core) -> Controller:
        client = self._client(core.name)
        lag = self._lag(core.name)
        return Controller(self.engine, self.store, core, client, self.record, self.metrics, lag)

    def _client(self, component: str) -> Client:
        control = self.setup.control
        # JobSet's two controllers share a client, as they share a process; buckets are per name here.
        name = component.partition("-pod")[0] if component == "jobset-pod" else component
        limits = control.limits.get(name, CLIENT_LIMITS[name])
        latency: Callable[[], int] | None = None
        if control.latency != ZERO and component != "user":
            latency = _sampler(partial(quantile, control.latency), self.setup.seed, "latency", component)
        return Client(self.engine, self.server, limits, latency, self.writes)

    def _lag(self, component: str) -> LagOf | None:
        """Return how late a component hears of changes, or None if it never is."""
        rules = [r for r in self.setup.control.watch_lag if r.component in ("", component) and r.law != ZERO]
        if not rules:
            return None
        samplers = [
            (r.kind, _sampler(partial(quantile, r.law), self.setup.seed, "watch-lag", component, r.kind))
            for r in rules
        ]

        def lag(event: WatchEvent) -> int:
            for kind, sample in samplers:
                if kind in ("", event.obj.kind):
                    return sample()
            return 0

        return lag

    # -- what components and the user say ------------------------------------------------------

    def record(self, component: str, event: EventRecord) -> None:
        """Keep a Kubernetes Event."""
        self.recorder.event(self.engine.now, component, event)

    def warn(self, text: str) -> None:
        """Keep something that the user should know of."""
        self.recorder.note(self.engine.now, "warning", text=text)

    def submit(self, submission: Submission) -> Object:
        """Apply a user's document: create it, or change what is there (kubectl apply).

        Raises
        ------
        ApiError
            In the API server's words.
        """
        return self.server.submit(submission.doc, self.engine.now)

    # -- running -------------------------------------------------------------------------------

    def start(self) -> list[tuple[Submission, ApiError]]:
        """Make the nodes and submit what is due at time 0; return what was refused."""
        for node in self.setup.nodes:
            reported = healthy(node, 0)
            self.server.create(node if reported is None else reported.obj, 0)
        refused = []
        for submission in self.setup.submissions:
            if submission.at:
                self._pending_submissions += 1
                self.engine.at(submission.at, self._submit_later, submission)
                continue
            try:
                self.submit(submission)
            except ApiError as err:
                refused.append((submission, err))
        self._user.schedule(self.setup.actions)
        self._chaos.schedule(self.setup.failures)
        return refused

    def _submit_later(self, submission: Submission) -> None:
        self._pending_submissions -= 1
        try:
            self.submit(submission)
        except ApiError as err:
            place = f"{submission.file}:{submission.line}: " if submission.file else ""
            self.warn(f"{place}{err.message}")

    def run(self, progress: Callable[[int, int], None] | None = None) -> Stop:
        """Let everything happen.

        Parameters
        ----------
        progress : callable or None
            ``(virtual ns, timers fired)``, called now and then.
        """
        stop = self._run(progress)
        ended = stop.reason in ("finished", "stalled")
        stalls = [*self._user.drains.stalls()]
        for controller in self._controllers:
            stalls += controller.stalls()
        if ended:
            pods = self.store.list(Pod)
            stalls += [*stuck_on_dead_nodes(pods, self._kubelets.is_dark), *pending(pods)]
        reason = "stalled" if ended and stalls else stop.reason
        return replace(stop, reason=reason, stalls=tuple(stalls))

    def _run(self, progress: Callable[[int, int], None] | None) -> Stop:
        until = self.setup.until
        limit = self.setup.until_max if until is None else until
        engine, store = self.engine, self.store
        revision, look_at = -1, 0
        while (upcoming := engine.peek()) is not None and upcoming <= limit:
            engine.run(min(limit, max(look_at, upcoming)), PROGRESS_TIMERS)
            if progress is not None:
                progress(engine.now, engine.fired)
            if store.revision != revision:
                revision, look_at = store.revision, engine.now + STALL_NS
            elif engine.now >= look_at:
                if not self._hopeful():
                    return Stop(at=engine.now if until is None else until, reason="stalled")
                look_at = engine.now + STALL_NS
        if upcoming is not None:
            return Stop(at=limit, reason="limit" if until is None else "until")
        if until is not None and self._unfinished():
            return Stop(at=until, reason="until")
        return Stop(at=engine.now, reason="finished")

    def _hopeful(self) -> bool:
        """Tell whether anything but a retry of what failed before is left to happen."""
        others: tuple[Hopeful, ...] = (self._kubelets, self._training, self._user, self._chaos)
        return (
            self._pending_submissions > 0
            or any(controller.hopeful() for controller in self._controllers)
            or any(part.hopeful() for part in others)
        )

    def _unfinished(self) -> bool:
        """Tell whether a JobSet is still there without a terminal state."""
        return any(not jobset.status.terminal_state for jobset in self.store.list(JobSet))


def _sampler(draw: Callable[[float], int], seed: int, *key: str) -> Callable[[], int]:
    """Return a function that gives one draw after the other of a stream of its own."""
    count = 0

    def sample() -> int:
        nonlocal count
        count += 1
        return draw(uniform(seed, *key, count))

    return sample
