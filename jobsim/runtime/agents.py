"""In-place restart agents in time: one process for each run of an agent's container.

A process starts and ends with its container (the kubelet tells), looks at its JobSet when that changes, and
acts: writes its pod's attempt, exits, lifts its barrier (``controllers.in_place_agent``).

Differs: the agents share one watch, so a lag of it is the same for all; starting up takes them no time.
Source: controller-runtime pkg/internal/controller (retries); clauses C-AGT-02..07.
"""

from __future__ import annotations

from collections.abc import Callable

from jobsim.api.jobset import JobSet
from jobsim.api.plan import WriteResult, single
from jobsim.api.pod import Pod
from jobsim.api.timing import RETRY_BASE_NS, RETRY_CAP_NS
from jobsim.api.watch import WatchEvent
from jobsim.apiserver.executor import StepResults
from jobsim.apiserver.store import Store
from jobsim.apiserver.workqueue import ItemBackoff
from jobsim.controllers import in_place_agent, kubelet
from jobsim.controllers.in_place_agent import Act, Process
from jobsim.runtime.client import Client
from jobsim.runtime.engine import Engine, Task
from jobsim.runtime.informer import Informer, LagOf
from jobsim.runtime.kubelet import Kubelets
from jobsim.workload.agent import agent_names
from jobsim.workload.behaviour import PodBehaviour

Key = tuple[str, str]


class _Agent:
    """One process."""

    __slots__ = ("alive", "busy", "jobset", "memory", "missed", "pod", "pod_name", "run")

    def __init__(self, pod: Pod, jobset: Key, pod_name: str, run: int) -> None:
        self.pod = pod
        self.jobset = jobset
        self.pod_name = pod_name
        self.run = run
        self.memory = Process()
        self.alive = True
        self.busy = False
        #: Its JobSet changed while a write was under way.
        self.missed = False


class Agents:
    """The agents of all pods.

    Parameters
    ----------
    engine, store, client, kubelets, lag :
    held : callable
        ``(pod, up)``: told when a pod's worker is held back by a barrier, and when no more.
    """

    def __init__(
        self,
        engine: Engine,
        store: Store,
        client: Client,
        kubelets: Kubelets,
        held: Callable[[Pod, bool], None],
        lag: LagOf | None = None,
    ) -> None:
        self._engine = engine
        self._client = client
        self._kubelets = kubelets
        self._held = held
        self._agents: dict[str, _Agent] = {}
        self._by_jobset: dict[Key, dict[str, _Agent]] = {}
        self._told: dict[Key, tuple[object, ...]] = {}
        self._backoff = ItemBackoff[str](RETRY_BASE_NS, RETRY_CAP_NS)
        self._informer = Informer(engine, store, self._hear, ("JobSet",), lag)
        kubelets.tell_agents(self._watch_pod)

    # -- processes -----------------------------------------------------------------------------

    def _watch_pod(self, pod: Pod, behaviour: PodBehaviour, run: int | None) -> None:
        """Take in which run of its container a pod's agent is in."""
        agent = self._agents.get(pod.metadata.uid)
        if agent is not None and agent.run != run:
            self._end(agent)
            agent = None
        if agent is None and run is not None:
            self._start(pod, behaviour, run)

    def _start(self, pod: Pod, behaviour: PodBehaviour, run: int) -> None:
        number = behaviour.agent
        assert number is not None
        container = pod.spec.containers[number] if number >= 0 else pod.spec.init_containers[~number]
        name, pod_name = agent_names(pod, container)
        agent = _Agent(pod, (pod.namespace, name), pod_name, run)
        self._agents[pod.metadata.uid] = agent
        self._by_jobset.setdefault(agent.jobset, {})[pod.metadata.uid] = agent
        self._held(pod, True)
        self._engine.after(0, self._look, agent)

    def _end(self, agent: _Agent) -> None:
        agent.alive = False
        uid = agent.pod.metadata.uid
        del self._agents[uid]
        del self._by_jobset[agent.jobset][uid]
        self._backoff.forget(uid)

    # -- looking -------------------------------------------------------------------------------

    def _hear(self, event: WatchEvent) -> None:
        jobset = event.obj
        assert isinstance(jobset, JobSet)
        key = jobset.key
        if event.type == "DELETED":
            self._told.pop(key, None)
            return
        status = jobset.status
        news = (
            jobset.uid,
            status.current_in_place_restart_attempt,
            status.previous_in_place_restart_attempt,
            in_place_agent.bypassed(jobset),
        )
        # Nothing else of a JobSet changes what an agent does.
        if self._told.get(key) != news:
            self._told[key] = news
            if self._by_jobset.get(key):
                self._engine.after(0, self._look_all, key)

    def _look_all(self, key: Key) -> None:
        for agent in list(self._by_jobset.get(key, {}).values()):
            self._look(agent)

    def _look(self, agent: _Agent) -> None:
        """Let one process look at its JobSet and act."""
        if not agent.alive:
            return
        if agent.busy:
            agent.missed = True
            return
        jobset = self._informer.reader.get(JobSet, *agent.jobset)
        namespace = agent.jobset[0]
        act = in_place_agent.reconcile(
            in_place_agent.Seen(jobset, agent.memory, namespace=namespace, pod_name=agent.pod_name)
        )
        if act.announce is None:
            self._act(agent, act)
        elif self._client.immediate:
            self._announced(agent, act, self._client.send(act.announce))
        else:
            agent.busy = True
            step = single(act.announce)
            Task(self._engine, self._client.run_step(step), lambda results: self._answer(agent, act, results))

    def _answer(self, agent: _Agent, act: Act, results: StepResults) -> None:
        """Take the answer to a write that took time, and then what came meanwhile."""
        agent.busy = False
        self._announced(agent, act, results[0][0])
        if agent.missed:
            agent.missed = False
            self._look(agent)

    def _announced(self, agent: _Agent, act: Act, result: WriteResult) -> None:
        if not agent.alive:
            return
        uid = agent.pod.metadata.uid
        if result.error is not None:
            self._engine.after(self._backoff.next(uid), self._look, agent)
            return
        self._backoff.forget(uid)
        self._act(agent, act)

    def _act(self, agent: _Agent, act: Act) -> None:
        agent.memory = act.process
        if act.exits:
            self._kubelets.intervene(agent.pod, kubelet.exit_agent)
        elif act.lifts:
            self._kubelets.intervene(agent.pod, kubelet.lift_barrier)
            self._held(agent.pod, False)
