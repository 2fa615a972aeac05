"""Pods with an in-place restart agent on their node: its barrier, its exit, its startup probe."""

from __future__ import annotations

import pytest

from jobsim.api._struct import replace
from jobsim.api.meta import is_true
from jobsim.api.pod import Container, ContainerRestartRule, EnvVar, ExitCodes, Pod, Probe
from jobsim.controllers import kubelet
from jobsim.controllers.kubelet_siblings import Siblings
from jobsim.workload.behaviour import PodRule
from tests.controllers.kubelet_shell import Node, S, law, make_pod, sleeper

ENV = (EnvVar(name="JOBSET_NAME", value="train"), EnvVar(name="POD_NAME", value="p"))


def _rules(action: str) -> tuple[ContainerRestartRule, ...]:
    return (ContainerRestartRule(action=action, exit_codes=ExitCodes(operator="NotIn", values=(0,))),)


AGENT = Container(
    name="in-place-restart-agent",
    restart_policy="Always",
    restart_policy_rules=_rules("RestartAllContainers"),
    startup_probe=Probe(http_get={"port": 8081}, failure_threshold=600, period_seconds=1),
    env=ENV,
)
WORKER = sleeper(
    "worker", "sleep 20", restart_policy="Never", restart_policy_rules=_rules("RestartAllContainers")
)
MAIN = Container(
    name="in-place-restart-agent",
    restart_policy="Never",
    restart_policy_rules=_rules("Restart"),
    env=(*ENV, EnvVar(name="WORKER_COMMAND", value="sleep 20; exit 3")),
)


def sidecar(agent: Container = AGENT) -> Pod:
    return make_pod("Never", WORKER, init_containers=(agent,))


def lift(node: Node) -> Node:
    node.carry_out(kubelet.lift_barrier(node.seen(), node.now))
    return node


def _init(node: Node) -> tuple[str, int, bool | None]:
    pod = node.pod
    assert pod is not None
    (status,) = pod.status.init_container_statuses
    state = "running" if status.state.running else "ended" if status.state.terminated else "waiting"
    return state, status.restart_count, is_true(pod.status.conditions, "Initialized")


def test_the_worker_waits_for_the_barrier() -> None:
    """C-AGT-06, K-POD-03: Pending until the startup probe finds the barrier down."""
    node = Node(sidecar()).run(300)
    assert node.status == ("Pending", False, [("PodInitializing", 0)])
    assert _init(node) == ("running", 0, False)
    node.run(300.5)
    lift(node).run(300.9)
    assert node.status[0] == "Pending"
    node.run(301)
    assert node.status == ("Running", True, [("running", 0)])
    assert kubelet.lift_barrier(node.seen(), node.now) is None
    assert node.run(321).status == ("Succeeded", False, [("exit 0", 0)])
    # C-AGT-07: it ends as soon as it is told to.
    assert _init(node)[0] == "ended"
    assert node.pod.status.init_container_statuses[0].state.terminated.exit_code == 143


@pytest.mark.parametrize(
    ("probe", "lifted", "running"),
    [
        ({"period_seconds": 1}, 1.0, 2.0),
        ({"period_seconds": 1}, 1.2, 2.0),
        ({"period_seconds": 1}, 2.0, 2.0),
        ({"period_seconds": 5}, 1.2, 5.0),
        ({"period_seconds": 5, "initial_delay_seconds": 7}, 1.2, 10.0),
        ({}, 9.0, 10.0),
        ({}, 10.5, 20.0),
    ],
)
def test_the_probe_ticks(probe: dict[str, int], lifted: float, running: float) -> None:
    """K-POD-05: every 10 s unless said otherwise, counted from the pod's admission."""
    agent = replace(AGENT, startup_probe=Probe(failure_threshold=600, **probe))
    node = lift(Node(sidecar(agent)).run(lifted)).run(running - 0.01)
    assert node.status[0] == "Pending"
    assert node.run(running).status[0] == "Running"


def test_a_barrier_that_nobody_looks_at_holds_nothing_back() -> None:
    """C-VAL-11: that there is a startup probe is not validated."""
    node = Node(sidecar(replace(AGENT, startup_probe=None))).run(1)
    assert node.status == ("Running", True, [("running", 0)])
    assert lift(node).run(2).status == ("Running", True, [("running", 0)])


@pytest.mark.parametrize(("threshold", "gives_up"), [(3, 4), (600, 601), (0, 4)])
def test_the_probe_gives_up(threshold: int, gives_up: int) -> None:
    """K-POD-05, C-AGT-07: the agent is told to stop, exits 143, and its rule restarts all."""
    agent = replace(AGENT, startup_probe=Probe(failure_threshold=threshold, period_seconds=1))
    node = Node(sidecar(agent)).run(gives_up - 0.01)
    assert _init(node) == ("running", 0, False)
    assert _init(node.run(gives_up))[0] == "ended"
    assert _init(node.run(gives_up + 1)) == ("running", 1, False)


def test_an_agent_that_exits_restarts_its_pod() -> None:
    """C-AGT-05, K-POD-31: a second at least, two when the worker does not end by itself."""
    for stop, took in ((0.5, 1), (30, 2)):
        node = lift(Node(sidecar(), PodRule(stop=law(stop))).run(1.5)).run(10)
        node.carry_out(kubelet.exit_agent(node.seen(), node.now))
        assert _init(node)[0] == "ended"
        assert node.status == ("Running", False, [("running", 0)])
        assert kubelet.exit_agent(node.seen(), node.now) is None
        assert kubelet.agent_run(node.behaviour, node.sandbox) is None
        node.run(10 + took)
        assert node.status == ("Pending", False, [("PodInitializing", 1)])
        assert kubelet.agent_run(node.behaviour, node.sandbox) == 1


def test_a_worker_that_fails_restarts_its_pod() -> None:
    node = lift(Node(sidecar()).run(1.5)).run(10)
    node.carry_out(kubelet.fail_container(node.seen(), node.now, 7))
    assert node.status == ("Running", False, [("exit 7", 0)])
    assert kubelet.fail_container(node.seen(), node.now, 7) is None
    assert node.run(11).status == ("Pending", False, [("PodInitializing", 1)])


def test_a_worker_inside_the_agent() -> None:
    """C-AGT-06, K-POD-30: its container is ready behind the barrier, and exits with the worker's code."""
    node = Node(make_pod("Never", MAIN)).run(100)
    assert node.status == ("Running", True, [("running", 0)])
    lift(node).run(119.9)
    assert node.status == ("Running", True, [("running", 0)])
    assert node.run(120).status == ("Running", True, [("running", 1)])
    assert node.pod.status.container_statuses[0].last_state.terminated.exit_code == 3
    # The worker of the second run waits again; nobody lifts its barrier.
    assert node.run(1000).status == ("Running", True, [("running", 1)])
    lift(node).run(1020)
    # K-POD-21: more than 600 s after the last restart there is no back-off.
    assert node.status == ("Running", True, [("running", 2)])
    lift(node).run(1041)
    assert node.status == ("Running", False, [("CrashLoopBackOff", 2)])


def test_a_broken_agent_never_rests() -> None:
    """C-AGT-01, K-POD-32: it exits 1 at once; restarting all has no back-off but takes time."""
    node = Node(sidecar(replace(AGENT, env=()))).run(11)
    assert node.status[0] == "Pending"
    assert _init(node)[1] == 10
    node = Node(make_pod("Never", replace(MAIN, env=()))).run(10.9)
    assert node.status == ("Running", False, [("CrashLoopBackOff", 1)])


@pytest.mark.parametrize("pod", [sidecar(), make_pod("Never", MAIN, sleeper("other", "sleep 500"))])
def test_a_pod_that_fails_for_good(pod: Pod) -> None:
    """No rule restarts it; the others are told to stop (K-POD-42)."""
    node = lift(Node(pod, PodRule(stop=law(0.5))).run(1.5)).run(10)
    node.carry_out(kubelet.fail_pod(node.seen(), node.now, 9))
    assert node.status[2][0] == ("exit 9", 0)
    node.run(10.5)
    assert node.status[0] == "Failed"
    assert kubelet.fail_pod(node.seen(), node.now, 9) is None
    assert node.pod.metadata.deletion_timestamp is None


def test_a_pod_that_is_not_up_cannot_fail_for_good() -> None:
    node = Node(sidecar())
    assert kubelet.fail_pod(node.seen(), 0, 1) is None
    node.run(5)
    assert kubelet.fail_pod(node.seen(), node.now, 1) is None
    lift(node).run(7).delete(20)
    stage = kubelet.next_stage(node.seen(), node.now)
    node.carry_out(stage)
    node.carry_out(kubelet.fail_pod(node.seen(), node.now, 4))
    assert node.run(8).pod is None


def test_others_have_no_agent() -> None:
    node = Node(make_pod()).run(5)
    for decide in (kubelet.exit_agent, kubelet.lift_barrier):
        assert decide(node.seen(), node.now) is None
    assert kubelet.agent_run(node.behaviour, node.sandbox) is None
    assert node.now == 5 * S


def test_siblings_lift_and_exit_alike() -> None:
    """What their agents do in one instant is worked out once; a pod of another name gets its own writes."""
    siblings, first, second = Siblings(), Node(sidecar()).run(1.5), Node(sidecar()).run(1.5)
    second.sandbox, second.behaviour = first.sandbox, first.behaviour
    other = second.seen()
    other = replace(other, pod=other.pod.with_meta(name="q", uid="u2"))
    for decide, writes in ((kubelet.lift_barrier, 0), (kubelet.exit_agent, 1)):
        stages = [siblings.ask(decide, seen, first.now) for seen in (first.seen(), other)]
        assert stages == [decide(first.seen(), first.now), decide(other, first.now)]
        assert stages[0] is not None
        assert stages[1] is not None
        assert stages[0].sandbox is stages[1].sandbox
        assert [write.name for stage in stages for write in stage.writes] == ["p", "q"][: 2 * writes]
