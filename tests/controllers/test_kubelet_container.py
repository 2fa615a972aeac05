"""Containers that end and come back: policies, rules, back-off, restart of all."""

from __future__ import annotations

import pytest

from jobsim.api.meta import condition
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


def _restarts_all(name: str, script: str, *codes: int) -> Container:
    return sleeper(name, script, restart_policy_rules=_rules("RestartAllContainers", "In", *codes))


def _condition(node: Node, type_: str = "AllContainersRestarting") -> tuple[str, str, str]:
    found = condition(node.pod.status.conditions, type_)
    assert found is not None
    return found.status, found.reason, found.message


def test_restart_all_containers() -> None:
    """K-POD-31: from the first init container on; the pod object stays."""
    init = sleeper("init", "sleep 2")
    pod = make_pod(
        "Never",
        _restarts_all("worker", "sleep 20; exit 9", 9),
        sleeper("other", "sleep 1000"),
        init_containers=(init,),
    )
    node = Node(pod, PodRule(stop=law(1.5))).run(22.9)
    assert (node.status[:2], _condition(node)) == (("Running", True), ("False", "", ""))
    node.run(23)
    assert node.status == ("Running", False, [("exit 9", 0), ("running", 0)])
    started = ("True", "RestartAllContainersStarted", "container exited with restart policy rule")
    assert _condition(node) == started
    assert _condition(node, "Initialized")[0] == "True"
    assert node.run(24.4).status[2] == [("exit 9", 0), ("running", 0)]
    node.run(24.5)
    assert node.status == ("Pending", False, [("PodInitializing", 1), ("PodInitializing", 1)])
    assert _condition(node) == ("False", "", "")
    assert _condition(node, "Initialized")[1] == "ContainersNotInitialized"
    got = node.run(26.5).pod
    assert got is not None
    assert node.status == ("Running", True, [("running", 1), ("running", 1)])
    assert got.metadata.uid == pod.metadata.uid
    assert got.status.init_container_statuses[0].restart_count == 1
    for container in (*got.status.init_container_statuses, *got.status.container_statuses):
        last = container.last_state.terminated
        assert last is not None
        assert (last.exit_code, last.reason, last.finished_at) == (137, "RestartingAllContainers", None)


@pytest.mark.parametrize(("stop", "took"), [(0, 1), (0.3, 1), (0.9, 1.8), (1.5, 3), (60, 4)])
def test_all_are_killed_one_after_the_other(stop: float, took: float) -> None:
    """K-POD-31: the runtime's floor of 2 s each, no grace of the pod's; K-POD-08: seen after up to 1 s."""
    others = (sleeper("a", "sleep 99"), sleeper("b", "sleep 99"))
    node = Node(make_pod("Never", _restarts_all("w", "sleep 5; exit 9", 9), *others), PodRule(stop=law(stop)))
    start, begun = _first_restart(node)
    assert (start - begun) / S == took


def _first_restart(node: Node) -> tuple[int, int]:
    begun = 0
    while True:
        stage = kubelet.next_stage(node.seen(), node.now)
        node.carry_out(stage)
        if not begun and node.status[2] and _condition(node)[0] == "True":
            begun = node.now
        if node.status[2] and node.status[2][0][1]:
            return node.now, begun


def test_restart_of_all_has_no_back_off() -> None:
    """K-POD-32."""
    node = Node(make_pod("Never", _restarts_all("worker", "sleep 5; exit 9", 9))).run(1 + 6 * 20)
    assert node.status == ("Running", True, [("running", 20)])


def test_a_restart_that_all_share_leaves_containers_alone_that_never_ran() -> None:
    """K-POD-31: an init container may ask for it while the app containers still wait."""
    first = _restarts_all("first", "sleep 3; exit 9", 9)
    node = Node(make_pod("Never", init_containers=(first,))).run(4)
    assert node.status == ("Pending", False, [("PodInitializing", 0)])
    assert _condition(node)[0] == "True"
    assert _condition(node, "Initialized")[0] == "False"
    node.run(10)
    assert node.status == ("Pending", False, [("PodInitializing", 0)])
    assert node.pod.status.init_container_statuses[0].restart_count == 2


def test_a_pod_that_never_rests_takes_time() -> None:
    """K-POD-32: no back-off, but a container that fails at once does not stop the clock."""
    node = Node(make_pod("Never", _restarts_all("worker", "exit 9", 9))).run(61)
    assert node.status[2][0][1] == 60


@pytest.mark.parametrize("code", [0, 7])
def test_a_deletion_ends_a_restart_of_all(code: int) -> None:
    """K-POD-42: what was stopped to start again is stopped for good."""
    worker = _restarts_all("worker", f"sleep 20; exit {code}", code)
    node = Node(make_pod("Never", worker, sleeper("other", "sleep 1000")), PodRule(stop=law(3))).run(21.5)
    assert _condition(node)[0] == "True"
    node.delete(10).run(24.4)
    assert node.status == ("Running", False, [(f"exit {code}", 0), ("running", 0)])
    statuses = []
    node.store.subscribe(lambda event: statuses.append(event.obj))
    node.run(24.5)
    assert node.pod is None
    assert statuses[0].status.phase == "Failed"
    assert condition(statuses[0].status.conditions, "AllContainersRestarting").reason == "PodFailed"


def test_a_reboot_during_a_restart_of_all() -> None:
    """K-POD-54: the restart goes on; a pod that was deleted meanwhile does not come back."""
    for deleted in (False, True):
        node = Node(make_pod("Never", _restarts_all("worker", "sleep 20; exit 9", 9))).run(21.2)
        node.up = False
        if deleted:
            node.delete(10)
        node.run(100)
        node.up = True
        stage = kubelet.reboot(node.seen(), node.now)
        node.carry_out(stage)
        node.run(101)
        assert (node.pod is None) is deleted
        if not deleted:
            assert node.status == ("Running", True, [("running", 1)])
