"""Containers that end and come back: policies, rules, back-off, restart of all."""

from __future__ import annotations

import pytest

from jobsim.api.pod import Container, ContainerRestartRule, ExitCodes
from jobsim.controllers import kubelet
from jobsim.units import seconds
from jobsim.workload.behaviour import ExitShare, PodRule
from tests.controllers.kubelet_shell import Node, S, law, make_pod, sleeper

# -- restarts --------------------------------------------------------------------------------------


def _restart_times(policy: str, rule: PodRule, until: float) -> list[float]:
    node = Node(make_pod(policy), rule)
    times, count = [], 0
    while node.now <= seconds(until):
        stage = kubelet.next_stage(node.seen(), node.now)
        if stage is None or stage.at > seconds(until):
            break
        node.carry_out(stage)
        now_count = node.status[2][0][1] if node.status[2] else 0
        times += [node.now / S] * (now_count - count)
        count = now_count
    return times


def test_crash_loop() -> None:
    """K-POD-21, K-POD-22, K-POD-23: restarts at +0, 10, 30, 70, 150, 310, then every 300 s."""
    rule = PodRule(run=law(0), exit=(ExitShare(code=1),))
    assert _restart_times("OnFailure", rule, 920) == [1, 11, 31, 71, 151, 311, 611, 911]


def test_crash_loop_starts_anew_after_ten_minutes() -> None:
    """K-POD-21: the delay is counted from the finish; more than 600 s after the restart it is forgotten."""
    rule = PodRule(run=law(600), exit=(ExitShare(code=1),))
    assert _restart_times("OnFailure", rule, 1900) == [601, 1211, 1831]
    rule = PodRule(run=law(601), exit=(ExitShare(code=1),))
    assert _restart_times("OnFailure", rule, 1900) == [602, 1203, 1804]


def test_waiting_for_a_restart() -> None:
    node = Node(make_pod("OnFailure"), PodRule(run=law(0), exit=(ExitShare(code=3),))).run(5)
    assert node.status == ("Running", False, [("CrashLoopBackOff", 1)])
    pod = node.pod
    assert pod is not None
    status = pod.status.container_statuses[0]
    assert status.last_state.terminated.exit_code == 3
    assert status.state.waiting.message == "back-off 10s restarting failed container=main pod=p_ns(u1)"
    assert node.events == ["Warning BackOff Back-off restarting failed container main in pod p_ns(u1)"]
    node.run(200)
    assert node.pod.status.container_statuses[0].state.waiting.message.startswith("back-off 2m40s ")


def test_a_restarted_container_remembers_how_it_ended() -> None:
    node = Node(make_pod("OnFailure"), PodRule(run=law(5), exit=(ExitShare(code=3),))).run(7)
    assert node.status == ("Running", True, [("running", 1)])
    assert node.pod.status.container_statuses[0].last_state.terminated.exit_code == 3


def _rules(action: str, operator: str, *values: int) -> tuple[ContainerRestartRule, ...]:
    return (ContainerRestartRule(action=action, exit_codes=ExitCodes(operator=operator, values=values)),)


@pytest.mark.parametrize(
    ("policy", "container", "code", "restarted"),
    [
        ("Never", Container(name="m"), 1, False),
        ("OnFailure", Container(name="m"), 1, True),
        ("OnFailure", Container(name="m"), 0, False),
        ("Always", Container(name="m"), 0, True),
        ("", Container(name="m"), 0, True),
        # K-POD-30: container-level policy and rules come first.
        ("Never", Container(name="m", restart_policy="OnFailure"), 1, True),
        ("OnFailure", Container(name="m", restart_policy="Never"), 1, False),
        ("Never", Container(name="m", restart_policy_rules=_rules("Restart", "In", 42)), 42, True),
        ("Never", Container(name="m", restart_policy_rules=_rules("Restart", "In", 42)), 43, False),
        ("Never", Container(name="m", restart_policy_rules=_rules("Restart", "NotIn", 42)), 43, True),
    ],
)
def test_who_is_restarted(policy: str, container: Container, code: int, restarted: bool) -> None:
    """K-POD-20, K-POD-30."""
    node = Node(make_pod(policy, container), PodRule(run=law(5), exit=(ExitShare(code=code),))).run(7)
    assert (node.status[2][0] == ("running", 1)) is restarted


def test_restart_all_containers() -> None:
    """K-POD-31: from the first init container on; the pod object stays."""
    worker = sleeper(
        "worker", "sleep 20; exit 9", restart_policy_rules=_rules("RestartAllContainers", "In", 9)
    )
    pod = make_pod(
        "Never", worker, sleeper("other", "sleep 100"), init_containers=(sleeper("init", "sleep 2"),)
    )
    node = Node(pod).run(22.9)
    assert node.status[0] == "Running"
    assert node.run(23).status == ("Pending", False, [("PodInitializing", 1), ("PodInitializing", 1)])
    got = node.run(25).pod
    assert got is not None
    assert node.status == ("Running", True, [("running", 1), ("running", 1)])
    assert got.status.init_container_statuses[0].restart_count == 1
    other = got.status.container_statuses[1].last_state.terminated
    assert other is not None
    assert (other.exit_code, other.reason) == (137, "RestartingAllContainers")


def test_restart_of_all_has_no_back_off() -> None:
    """K-POD-32."""
    worker = sleeper(
        "worker", "sleep 5; exit 9", restart_policy_rules=_rules("RestartAllContainers", "In", 9)
    )
    node = Node(make_pod("Never", worker)).run(1 + 5 * 20)
    assert node.status == ("Running", True, [("running", 20)])


def test_a_restart_that_all_share_leaves_containers_alone_that_never_ran() -> None:
    """K-POD-31: an init container may ask for it while the app containers still wait."""
    first = sleeper("first", "sleep 3; exit 9", restart_policy_rules=_rules("RestartAllContainers", "In", 9))
    node = Node(make_pod("Never", init_containers=(first,))).run(8)
    assert node.status == ("Pending", False, [("PodInitializing", 0)])
    assert node.pod.status.init_container_statuses[0].restart_count == 2
