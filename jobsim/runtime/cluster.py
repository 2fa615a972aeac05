"""Cluster: a run's parts put together, and run to its end.

The only place that knows all components.  They do not know each other: each has the store's log,
a client, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable

from jobsim.api._struct import Struct, replace
from jobsim.api.core import Namespace
from jobsim.api.jobset import JobSet
from jobsim.api.meta import Object
from jobsim.api.plan import EventRecord
from jobsim.api.pod import Pod
from jobsim.apiserver.server import Server
from jobsim.apiserver.store import Store
from jobsim.controllers.admission.pipeline import Admission
from jobsim.controllers.kubelet_node import healthy
from jobsim.errors import ApiError
from jobsim.laws import ZERO
from jobsim.rng import NameSource
from jobsim.runtime import components
from jobsim.runtime.actions import Actor
from jobsim.runtime.agents import Agents
from jobsim.runtime.chaos import Chaos
from jobsim.runtime.client import Client, WriteCounts
from jobsim.runtime.controller import Controller, Core
from jobsim.runtime.engine import Engine
from jobsim.runtime.faults import FaultyClient, Trouble
from jobsim.runtime.gang import gangless, unmet
from jobsim.runtime.guard import Guard
from jobsim.runtime.informer import Informer, LagOf
from jobsim.runtime.kubelet import Kubelets
from jobsim.runtime.lag import is_recent, lag_of, process_of, sampler
from jobsim.runtime.network import Congestion
from jobsim.runtime.nodes import Nodes
from jobsim.runtime.recording import Hopeful, Recorder
from jobsim.runtime.scheduler import Scheduler
from jobsim.runtime.setup import CLIENT_LIMITS, Faults, Setup, Submission
from jobsim.runtime.stall import Stall, held_deletions, pending, stuck_namespaces, stuck_on_dead_nodes
from jobsim.runtime.training import Training
from jobsim.units import HOUR
from jobsim.workload.behaviour import PodRules

#: How often a caller is told of progress, timers.
PROGRESS_TIMERS = 20_000
#: Without a change for so long every retry has been made at its longest interval (1000 s) thrice.
STALL_NS = HOUR


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
        self.admission = Admission(
            setup.gates,
            strict=setup.strict,
            suffix=names.suffix,
            toleration_s=setup.control.timing.default_toleration_s,
        )
        self.server = Server(self.store, self.admission, names)
        self.store.subscribe(recorder.watch)
        self._guard = self._watchman() if setup.check_invariants else None
        self._trouble = Trouble(self.engine, setup.faults, setup.seed, recorder)
        self._give_webhooks_a_cache()
        self._controllers = [self._controller(core) for core in self._cores()]
        self._rules = PodRules(setup.rules)
        self._build_nodes_and_pods()
        self._user = Actor(
            self.engine, self.store, self._client("user"), self.submit, self.warn, setup.control.timing
        )
        self._chaos = Chaos(
            self.engine,
            self.store,
            self._kubelets,
            self._nodes,
            self._user,
            self._training,
            setup,
            recorder,
            self.warn,
        )

    def _watchman(self) -> Guard:
        """Return who asks the laws after every write."""
        control, faults = self.setup.control, self.setup.faults
        calm = faults == Faults() and all(lag.law == ZERO for lag in control.watch_lag)
        honest = is_recent(control.watch_lag, faults.stale) and not any(f.applied for f in faults.errors)
        guard = Guard(self.store, self.setup.gates, self.recorder.log, calm=calm, honest=honest)
        self.store.subscribe(guard.watch)
        return guard

    def _give_webhooks_a_cache(self) -> None:
        """Let the webhooks see what JobSet's manager sees, whose process serves them."""
        lag = self._lag("jobset")
        if lag is not None:
            cache = Informer(self.engine, self.store, lambda event: None, (), lag).reader
            self.admission.read_through(cache)

    def _cores(self) -> list[Core]:
        gates, timing = self.setup.gates, self.setup.control.timing
        return [
            components.jobset_core(gates),
            components.pod_core(gates),
            components.job_core(timing),
            components.orphan_core(timing),
            components.ttl_core(timing),
            components.garbage_collector_core(timing),
            components.taint_core(),
            components.pod_gc_core(timing),
            components.disruption_core(timing),
            components.namespace_core(self.store, timing),
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
            setup.control.timing,
            setup.control.features,
        )
        self._kubelets = Kubelets(
            engine,
            store,
            self._client("kubelet"),
            self._rules,
            setup.seed,
            self.record,
            replace(setup.kubelet, timing=setup.control.timing),
            self._lag("kubelet"),
        )
        silent: dict[str, int] = {}
        monitor = self._controller(components.node_core(silent, setup.control.timing))
        self._controllers.append(monitor)
        self._nodes = Nodes(
            engine,
            store,
            self._kubelets,
            self._client("kubelet"),
            self._client("user"),
            monitor,
            silent,
            setup.control.timing,
        )
        trouble, admission = self._trouble, self.admission
        trouble.add("scheduler", self._scheduler.crash, self._scheduler.restart)
        trouble.add("kubelet", self._nodes.stop, self._nodes.start)
        # The webhooks are served by the process that runs JobSet's controllers.
        trouble.add("jobset", lambda: admission.serve(up=False), lambda: admission.serve(up=True))
        self._training = self._make_training()
        Agents(
            engine,
            store,
            self._client("in-place-restart-agent"),
            self._kubelets,
            self._training.hold,
            self._lag("in-place-restart-agent"),
        )
        if any(workload.on_termination for workload in setup.workloads):
            self._kubelets.linger_ns = self._training.linger_ns

    def _make_training(self) -> Training:
        """Make the gangs, and the network under those whose steps wait for it."""
        setup, store = self.setup, self.store
        training = Training(
            self.engine, store, setup.workloads, setup.seed, self.recorder, self._kubelets.finish
        )
        if setup.exchanging:
            training.network = Congestion(
                setup.network, setup.exchanging, store, training.set_pace, self.warn
            )
        return training

    # -- parts ---------------------------------------------------------------------------------

    @property
    def kubelets(self) -> Kubelets:
        """The kubelets of all nodes."""
        return self._kubelets

    @property
    def training(self) -> Training:
        """The training of all gangs."""
        return self._training

    @property
    def faults(self) -> dict[str, int]:
        """How often each thing went wrong, by a short text."""
        return self._trouble.counts

    def _controller(self, core: Core) -> Controller:
        client = self._client(core.name)
        lag = self._lag(core.name)
        controller = Controller(self.engine, self.store, core, client, self.record, self.metrics, lag)
        self._trouble.add(process_of(core.name), controller.crash, controller.restart)
        return controller

    def _client(self, component: str) -> Client:
        control = self.setup.control
        # JobSet's two controllers share a client, as they share a process; buckets are per name here.
        name = process_of(component)
        limits = control.limits.get(name, CLIENT_LIMITS[name])
        latency: Callable[[], int] | None = None
        if control.latency != ZERO and component != "user":
            latency = sampler(control.latency, self.setup.seed, "latency", component)
        ring = (self.engine, self.server, limits, latency, self.writes)
        if component != "user" and self._trouble.concerns(name):
            return FaultyClient(*ring, self._trouble, name)
        return Client(*ring)

    def _lag(self, component: str) -> LagOf | None:
        """Return how late a component hears of changes, or None if it never is."""
        setup = self.setup
        return lag_of(component, setup.control.watch_lag, setup.faults.stale, self.engine, setup.seed)

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
        self._chaos.start()
        self._trouble.schedule()
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

        Raises
        ------
        BrokenLawError
            When invariants are checked, and one does not hold.
        """
        stop = self._run(progress)
        for text in (*self._trouble.without_effect(), *self._in_vain()):
            self.warn(text)
        ended = stop.reason in ("finished", "stalled")
        stalls = [*self._user.drains.stalls()]
        for controller in self._controllers:
            stalls += controller.stalls()
        if ended:
            pods = self.store.list(Pod)
            stalls += [*stuck_on_dead_nodes(pods, self._kubelets.is_dark), *pending(pods)]
            stalls += [*stuck_namespaces(self.store.list(Namespace)), *held_deletions(self.store)]
        if self._guard is not None and stop.reason == "finished":
            self._guard.end(stop.at)
        reason = "stalled" if ended and stalls else stop.reason
        return replace(stop, reason=reason, stalls=tuple(stalls))

    def _run(self, progress: Callable[[int, int], None] | None) -> Stop:
        until = self.setup.until
        limit = self.setup.until_max if until is None else until
        engine, store = self.engine, self.store
        revision, look_at = -1, 0
        while (upcoming := engine.peek()) is not None and upcoming <= limit:
            background = self._chaos.hazards.next()
            if background is not None and upcoming >= background and self._over():
                return Stop(at=engine.now, reason="finished")
            pause = look_at if background is None else min(look_at, background - 1)
            engine.run(min(limit, max(pause, upcoming)), PROGRESS_TIMERS)
            if progress is not None:
                progress(engine.now, engine.fired)
            if store.revision != revision:
                revision, look_at = store.revision, engine.now + STALL_NS
            elif engine.now >= look_at:
                if not self._hopeful():
                    return Stop(at=engine.now if until is None else until, reason="stalled")
                look_at = engine.now + STALL_NS
        if upcoming is not None and not (upcoming == self._chaos.hazards.next() and self._over()):
            return Stop(at=limit, reason="limit" if until is None else "until")
        if until is not None and self._unfinished():
            return Stop(at=until, reason="until")
        return Stop(at=engine.now, reason="finished")

    def _in_vain(self) -> list[str]:
        """Return what the scenario says of pods, gangs and moments that there never were."""
        workloads, resolve = self.setup.workloads, self._rules.resolve
        rules = [f"pods[{n}]: its match met no pod that got a node" for n in self._rules.unused()]
        rules += unmet(workloads, self._training.met)
        rules += gangless(self.store.list(Pod), lambda pod: resolve(pod).run == "workload", workloads)
        return rules + [
            f"an action waited in vain for {when.condition} of jobset {when.namespace}/{when.jobset}"
            for when in self._user.waiting()
        ]

    def _hopeful(self) -> bool:
        """Tell whether anything but a retry of what failed before is left to happen."""
        others: tuple[Hopeful, ...] = (
            *(self._kubelets, self._training, self._user, self._chaos, self._trouble),
        )
        return (
            self._pending_submissions > 0
            or any(controller.hopeful() for controller in self._controllers)
            or any(part.hopeful() for part in others)
        )

    def _over(self) -> bool:
        """Tell whether all is done that anybody wanted, so that what may still break does not count."""
        if self._unfinished() or self._pending_submissions or self._chaos.scripted():
            return False
        if self.setup.until is not None and not self.setup.submissions:
            return False  # A fleet by itself, to watch it break.
        if any(pod.status.phase in ("", "Pending", "Running") for pod in self.store.list(Pod)):
            return False
        others: tuple[Hopeful, ...] = (*self._controllers, self._kubelets, self._user)
        return not any(part.hopeful() for part in others)

    def _unfinished(self) -> bool:
        """Tell whether a JobSet is still there without a terminal state."""
        return any(not jobset.status.terminal_state for jobset in self.store.list(JobSet))
