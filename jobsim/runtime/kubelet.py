"""Kubelets in time: one timer a pod, set for its next stage (``controllers.kubelet``).

One component plays the kubelets of all nodes.  A node that is *dark* has none: its pods stay as
the API last heard of them, until the node is back.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from jobsim.api.core import Node
from jobsim.api.meta import Condition
from jobsim.api.plan import Chain, EventRecord, Step, reference
from jobsim.api.pod import Pod
from jobsim.api.watch import WatchEvent
from jobsim.api.writes import Write
from jobsim.apiserver.store import Store
from jobsim.controllers import kubelet
from jobsim.controllers.kubelet import KubeletProfile, Sandbox, Stage
from jobsim.controllers.kubelet_admission import refusal
from jobsim.controllers.kubelet_node import eviction_order
from jobsim.rng import uniform
from jobsim.runtime.client import Client
from jobsim.runtime.engine import Engine, Task, Timer
from jobsim.runtime.informer import Informer, LagOf
from jobsim.workload.behaviour import PodBehaviour, PodRules

#: A pod that is gone, or another of its name, ends a chain and is no error.
_IGNORED = ("NotFound", "Conflict")


class _PodState:
    """What the kubelets keep of one pod."""

    __slots__ = ("behaviour", "busy", "pod", "sandbox", "stage", "timer")

    def __init__(self, pod: Pod, behaviour: PodBehaviour) -> None:
        self.pod = pod
        self.behaviour = behaviour
        self.sandbox: Sandbox | None = None
        self.stage: Stage | None = None
        self.timer: Timer | None = None
        self.busy = False


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
                del self._pods[pod.metadata.uid]
            return
        if state is None:
            self._take_in(pod, given=event.type == "ADDED")
            return
        was, state.pod = state.pod, pod
        if not state.busy and (
            was.metadata.deletion_timestamp != pod.metadata.deletion_timestamp
            or was.metadata.deletion_grace_period_seconds != pod.metadata.deletion_grace_period_seconds
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
        )

    # -- stages --------------------------------------------------------------------------------

    def _review(self, state: _PodState) -> None:
        """Ask what happens next to a pod and set its timer; stages of this instant happen now."""
        while True:
            _disarm(state)
            now = self._engine.now
            stage = kubelet.next_stage(self._seen(state), now)
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
        if stage.pulled:
            self._images.setdefault(state.pod.spec.node_name, {}).update(stage.pulled)
        if stage.writes:
            self._write(state, stage.writes)
        for event in stage.events:
            self._record("kubelet", event)
        return not state.busy and state.pod.metadata.uid in self._pods

    def _write(self, state: _PodState, writes: tuple[Write, ...]) -> None:
        """Send the writes of a stage; the pod's own echoes do not call for another look."""
        state.busy = True
        if self._client.immediate:
            for write in writes:
                error = self._client.send(write).error
                if error is not None and error.reason not in _IGNORED:
                    break
            state.busy = False
            return
        step = Step(chains=(Chain(writes=writes),), ignore=_IGNORED)
        Task(self._engine, self._client.run_step(step), lambda _: self._written(state))

    def _written(self, state: _PodState) -> None:
        """Go on after writes that took time."""
        state.busy = False
        if state.pod.metadata.uid in self._pods:
            self._engine.after(0, self._review, state)

    # -- from outside --------------------------------------------------------------------------

    def fail(self, pod: Pod, exit_code: int, reason: str = "") -> bool:
        """End a pod's first app container now; tell whether one was running."""
        return self._intervene(
            pod, lambda seen, now: kubelet.fail_container(seen, now, exit_code, reason=reason)
        )

    def finish(
        self, pod: Pod, exit_code: int, container: str = "", conditions: tuple[Condition, ...] = ()
    ) -> bool:
        """End all app containers of a pod now, without restart; tell whether they were running."""
        return self._intervene(
            pod,
            lambda seen, now: kubelet.finish(
                seen, now, exit_code, container=container, conditions=conditions
            ),
        )

    def restart_containers(self, pod: Pod) -> bool:
        """Restart all app containers of a pod in no time; tell whether they were running."""
        return self._intervene(pod, kubelet.restart_containers)

    def _intervene(self, pod: Pod, decide: Callable[[kubelet.Seen, int], Stage | None]) -> bool:
        state = self._pods.get(pod.metadata.uid)
        if state is None or state.busy:
            return False
        stage = decide(self._seen(state), self._engine.now)
        if stage is None:
            return False
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
            if self._intervene(state.pod, end):
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
            self._intervene(state.pod, partial(kubelet.terminate, verdict=kubelet.SHUTDOWN, grace_s=grace))

    def crash(self, node: str) -> None:
        """Let a node go dark: nothing on it is heard of any more."""
        self._dark[node] = None
        for state in self._on(node):
            _disarm(state)

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
