"""Kubelets in time: one timer a pod, set for its next stage (``controllers.kubelet``).

One component plays the kubelets of all nodes.  A node that is *dark* has none: its pods stay as
the API last heard of them, until the node is back.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial

from jobsim.api.core import Node
from jobsim.api.meta import Condition
from jobsim.api.plan import EventRecord, WriteResult, reference, single
from jobsim.api.pod import Pod
from jobsim.api.timing import STATUS_RESYNC_NS
from jobsim.api.watch import STATUS, WatchEvent
from jobsim.api.writes import Write
from jobsim.apiserver.store import Store
from jobsim.controllers import kubelet
from jobsim.controllers.kubelet import KubeletProfile, Sandbox, Stage
from jobsim.controllers.kubelet_admission import refusal
from jobsim.controllers.kubelet_node import eviction_order
from jobsim.controllers.kubelet_siblings import Siblings
from jobsim.rng import uniform
from jobsim.runtime.client import Client, Wait
from jobsim.runtime.engine import Engine, Stopped, Task, Timer
from jobsim.runtime.informer import Informer, LagOf
from jobsim.workload.behaviour import PodBehaviour, PodRules

#: What becomes of a pod when something happens to it from outside; None: nothing.
Decide = Callable[[kubelet.Seen, int], Stage | None]
#: Told which run of its container the agent of a pod is in; None: it does not run.
AgentRuns = Callable[[Pod, PodBehaviour, int | None], None]


class _PodState:
    """What the kubelets keep of one pod."""

    __slots__ = ("behaviour", "busy", "later", "pod", "retry", "sandbox", "stage", "task", "timer", "unsent")

    def __init__(self, pod: Pod, behaviour: PodBehaviour) -> None:
        self.pod = pod
        self.behaviour = behaviour
        self.sandbox: Sandbox | None = None
        self.stage: Stage | None = None
        self.timer: Timer | None = None
        self.busy = False
        #: Reports that the API server has not taken yet, the timer of the next try, the try under way.
        self.unsent: list[Write] = []
        self.retry: Timer | None = None
        self.task: Task | None = None
        #: What happened to the pod while a report was under way.
        self.later: list[Decide] = []


class Kubelets:
    """The kubelets of all nodes.

    Parameters
    ----------
    engine, store, client, rules, seed, profile, lag :
    record : callable
        Takes the events.
    """

    def __init__(
        self,
        engine: Engine,
        store: Store,
        client: Client,
        rules: PodRules,
        seed: int,
        record: Callable[[str, EventRecord], None],
        profile: KubeletProfile = kubelet.REAL,
        lag: LagOf | None = None,
    ) -> None:
        self._engine = engine
        self._store = store
        self._client = client
        self._rules = rules
        self._draw = partial(uniform, seed)
        self._record = record
        self._profile = profile
        self._pods: dict[str, _PodState] = {}
        self._images: dict[str, dict[str, int]] = {}
        self._dark: dict[str, None] = {}
        self._down = False
        self._siblings = Siblings()
        self._agent_runs: AgentRuns | None = None
        #: How long a pod that is told to end has to stay, ns (``Training.linger_ns``).
        self.linger_ns: Callable[[Pod], int] | None = None
        self._informer = Informer(engine, store, self._hear, ("Pod",), lag)

    # -- hearing -------------------------------------------------------------------------------

    def _hear(self, event: WatchEvent) -> None:
        pod = event.obj
        assert isinstance(pod, Pod)
        if not pod.spec.node_name:
            return
        state = self._pods.get(pod.metadata.uid)
        if event.type == "DELETED":
            if state is not None:
                _disarm(state)
                _keep_silent(state)
                del self._pods[pod.metadata.uid]
                self._tell_agents(state, None)
            return
        if state is None:
            self._take_in(pod, given=event.type == "ADDED")
            return
        was, state.pod = state.pod, pod
        if (
            event.changed != STATUS
            and not state.busy
            and (
                was.metadata.deletion_timestamp != pod.metadata.deletion_timestamp
                or was.metadata.deletion_grace_period_seconds != pod.metadata.deletion_grace_period_seconds
            )
        ):
            self._review(state)

    def _take_in(self, pod: Pod, *, given: bool) -> None:
        """Begin with a pod; one that came with its node is admitted first, for no scheduler looked at it."""
        node = self._store.get(Node, "", pod.spec.node_name) if given else None
        if given and node is None:
            # Nobody runs it; the pod garbage collector will find it.
            return
        state = self._pods[pod.metadata.uid] = _PodState(pod, self._rules.resolve(pod))
        if node is not None and not pod.terminal:
            others = [other.pod for other in self._on(node.name) if other is not state]
            refused = refusal(pod, node, others)
            if refused is not None:
                self._perform(state, kubelet.reject(pod, self._engine.now, *refused))
                return
        self._review(state)

    def adopt(self, node: str) -> None:
        """Take in the pods that were given to a node before there was one."""
        for pod in self._store.by_index(Pod, "node", node):
            if pod.metadata.uid not in self._pods:
                self._take_in(pod, given=True)

    def _seen(self, state: _PodState) -> kubelet.Seen:
        node = state.pod.spec.node_name
        return kubelet.Seen(
            pod=state.pod,
            sandbox=state.sandbox,
            behaviour=state.behaviour,
            draw=self._draw,
            images=self._images.get(node, {}),
            profile=self._profile,
            up=node not in self._dark,
            linger_ns=self.linger_ns(state.pod) if self.linger_ns and state.pod.terminating else 0,
        )

    def tell_agents(self, hear: AgentRuns) -> None:
        """Tell of what becomes of pods that have an in-place restart agent."""
        self._agent_runs = hear

    def _tell_agents(self, state: _PodState, run: int | None) -> None:
        if state.behaviour.agent is not None and self._agent_runs is not None:
            self._agent_runs(state.pod, state.behaviour, run)

    # -- stages --------------------------------------------------------------------------------

    def _review(self, state: _PodState) -> None:
        """Ask what happens next to a pod and set its timer; stages of this instant happen now."""
        while not self._down:
            _disarm(state)
            now = self._engine.now
            stage = self._siblings.next_stage(self._seen(state), now)
            if stage is None:
                return
            if stage.at > now:
                state.stage = stage
                state.timer = self._engine.at(stage.at, self._fire, state)
                return
            if not self._perform(state, stage):
                return

    def _fire(self, state: _PodState) -> None:
        state.timer = None
        stage = state.stage
        if stage is not None and self._perform(state, stage):
            self._review(state)

    def _perform(self, state: _PodState, stage: Stage) -> bool:
        """Carry out a stage; tell whether the pod is ready for its next one."""
        state.stage = None
        state.sandbox = stage.sandbox
        if state.behaviour.agent is not None:
            self._tell_agents(state, kubelet.agent_run(state.behaviour, stage.sandbox))
        if stage.pulled:
            self._images.setdefault(state.pod.spec.node_name, {}).update(stage.pulled)
        if stage.writes:
            self._write(state, stage.writes)
        for event in stage.events:
            self._record("kubelet", event)
        return not state.busy and state.pod.metadata.uid in self._pods

    def _write(self, state: _PodState, writes: tuple[Write, ...]) -> None:
        """Send the writes of a stage; the pod's own echoes do not call for another look."""
        state.unsent += writes
        if self._down:
            return
        state.busy = True
        if not self._client.immediate:
            state.task = Task(self._engine, self._sending(state), lambda _: self._written(state))
            return
        send = self._client.begin()
        try:
            while state.unsent and self._is_told(state, send(state.unsent[0])):
                pass
        except Stopped:
            return
        state.busy = False

    def _sending(self, state: _PodState) -> Generator[Wait, None, None]:
        """Send the reports of a pod one after the other, until one is not taken."""
        send = self._client.begin()
        while state.unsent:
            ((result,),) = yield from self._client.run_step(single(state.unsent[0]), send)
            if not self._is_told(state, result):
                return

    def _is_told(self, state: _PodState, result: WriteResult) -> bool:
        """Take the answer to a report; one that was not taken waits for the next try."""
        pod = state.pod.metadata
        if result.error is not None and pod.uid in self._pods and not self._is_gone(state):
            if state.retry is None:
                state.retry = self._engine.at(self._engine.now + STATUS_RESYNC_NS, self._retry, state)
            return False
        del state.unsent[:1]
        return True

    def _is_gone(self, state: _PodState) -> bool:
        """Tell whether the API server has no such pod any more."""
        there = self._store.get(Pod, state.pod.namespace, state.pod.name)
        return there is None or there.uid != state.pod.uid

    def _retry(self, state: _PodState) -> None:
        """Report again what was not taken."""
        state.retry = None
        if not self._down and not state.busy and state.unsent:
            self._write(state, ())

    def _written(self, state: _PodState) -> None:
        """Go on after writes that took time, first with what happened meanwhile."""
        state.busy, state.task = False, None
        if state.pod.metadata.uid not in self._pods:
            return
        while state.later and not state.busy:
            self.intervene(state.pod, state.later.pop(0))
        if not state.busy:
            self._engine.after(0, self._review, state)

    # -- from outside --------------------------------------------------------------------------

    def fail(self, pod: Pod, exit_code: int, reason: str = "", *, curable: bool = True) -> bool:
        """End a pod's first app container now (not ``curable``: for good); tell whether one was running."""
        decide = kubelet.fail_container if curable else kubelet.fail_pod
        return self.intervene(pod, lambda seen, now: decide(seen, now, exit_code, reason=reason))

    def runs(self, pod: Pod) -> bool:
        """Tell whether a pod's first app container runs, and its kubelet lives."""
        state = self._pods.get(pod.metadata.uid)
        seen = None if state is None or state.busy else self._seen(state)
        return seen is not None and kubelet.fail_container(seen, self._engine.now, 1) is not None

    def finish(
        self, pod: Pod, exit_code: int, container: str = "", conditions: tuple[Condition, ...] = ()
    ) -> bool:
        """End all app containers of a pod now, without restart; tell whether they were running."""
        return self.intervene(
            pod,
            lambda seen, now: kubelet.finish(
                seen, now, exit_code, container=container, conditions=conditions
            ),
        )

    def restart_containers(self, pod: Pod) -> bool:
        """Restart all app containers of a pod in no time; tell whether they were running."""
        return self.intervene(pod, kubelet.restart_containers)

    def intervene(self, pod: Pod, decide: Decide) -> bool:
        """Let something happen to a pod now; tell whether it did."""
        state = self._pods.get(pod.metadata.uid)
        if state is None:
            return False
        stage = self._siblings.ask(decide, self._seen(state), self._engine.now)
        if stage is None:
            return False
        if state.busy:
            state.later.append(decide)
            return True
        _disarm(state)
        if self._perform(state, stage):
            self._review(state)
        return True

    def evict(self, node: str, resource: str) -> None:
        """Let a node under pressure end the pod that it ranks first (K-POD-45)."""
        running = [state for state in self._on(node) if not state.pod.terminal]
        verdict = kubelet.evicted(resource)
        end = partial(kubelet.terminate, verdict=verdict, grace_s=0)
        for state in sorted(running, key=lambda state: eviction_order(state.pod)):
            if self.intervene(state.pod, end):
                about, text = reference(state.pod), verdict.message
                self._record(
                    "kubelet", EventRecord(about=about, type="Warning", reason="Evicted", message=text)
                )
                return

    def shut_down(self, node: str, grace_s: int) -> None:
        """Let a node that is shut down end its pods, each within its own grace period (K-POD-45)."""
        for state in self._on(node):
            own = state.pod.spec.termination_grace_period_seconds
            grace = grace_s if own is None else min(own, grace_s)
            self.intervene(state.pod, partial(kubelet.terminate, verdict=kubelet.SHUTDOWN, grace_s=grace))

    def crash(self, node: str) -> None:
        """Let a node go dark: nothing on it is heard of any more."""
        self._dark[node] = None
        for state in self._on(node):
            _disarm(state)
            _keep_silent(state)
            self._tell_agents(state, None)

    def recover(self, node: str) -> None:
        """Bring a dark node back: the kubelet finds its containers dead (K-POD-54)."""
        if node not in self._dark:
            return
        del self._dark[node]
        for state in self._on(node):
            stage = kubelet.reboot(self._seen(state), self._engine.now)
            if stage is None or self._perform(state, stage):
                self._review(state)

    def hopeful(self) -> bool:
        """Tell whether something will happen to a pod by itself."""
        return any(state.timer is not None for state in self._pods.values())

    def stop(self) -> None:
        """Stop all kubelets between two writes; containers run on, and nobody reports what they do."""
        self._down = True
        for state in self._pods.values():
            _disarm(state)
            _cut(state)

    def start(self) -> None:
        """Start all kubelets again: they look at their containers and report what they missed."""
        self._down = False
        there = {event.obj.metadata.uid: event for event in self._informer.relist()}
        for uid, state in list(self._pods.items()):
            if uid not in there:
                _keep_silent(state)
                del self._pods[uid]
        for event in there.values():
            self._hear(event)
        for state in list(self._pods.values()):
            if state.unsent:
                self._write(state, ())
            if not state.busy:
                self._review(state)

    def is_dark(self, node: str) -> bool:
        """Tell whether a node has no living kubelet."""
        return node in self._dark

    def _on(self, node: str) -> list[_PodState]:
        return [state for state in self._pods.values() if state.pod.spec.node_name == node]


def _disarm(state: _PodState) -> None:
    """Forget the stage that a pod waits for."""
    state.stage = None
    if state.timer is not None:
        state.timer.cancel()
        state.timer = None


def _cut(state: _PodState) -> None:
    """End a try to report in the middle; what it was about is still to be reported."""
    if state.retry is not None:
        state.retry.cancel()
        state.retry = None
    if state.task is not None:
        state.task.kill()
        state.task = None
    state.busy = False


def _keep_silent(state: _PodState) -> None:
    """Report nothing more: there is nobody to do it, or nothing to report on."""
    _cut(state)
    state.unsent.clear()
