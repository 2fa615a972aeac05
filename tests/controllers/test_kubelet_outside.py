"""What happens to pods from outside: scripted ends, evictions, dark nodes, instant agents."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsim.api._struct import Time, replace
from jobsim.api.meta import Condition, condition, is_true
from jobsim.api.pod import Container
from jobsim.api.writes import Delete
from jobsim.controllers import kubelet
from jobsim.errors import ApiError
from jobsim.workload.behaviour import PodRule
from tests.controllers.kubelet_shell import Node, S, law, make_pod, sleeper

# -- from outside --------------------------------------------------------------------------------------


def test_active_deadline() -> None:
    node = Node(make_pod("OnFailure", active_deadline_seconds=20), PodRule(stop=law(2))).run(21.9)
    assert node.status[0] == "Running"
    pod = node.run(22).pod
    assert pod is not None
    assert (pod.status.phase, pod.status.reason) == ("Failed", "DeadlineExceeded")
    assert pod.status.message == "Pod was active on the node longer than the specified deadline"
    assert not pod.terminating


def test_scripted_failure() -> None:
    node = Node(make_pod()).run(10)
    node.carry_out(kubelet.fail_container(node.seen(), node.now, 9, reason="OOMKilled"))
    assert node.status == ("Failed", False, [("exit 9", 0)])
    assert kubelet.fail_container(node.seen(), node.now, 9) is None


def test_scripted_failure_is_restarted() -> None:
    node = Node(make_pod("OnFailure", Container(name="a"), Container(name="b"))).run(10)
    node.carry_out(kubelet.fail_container(node.seen(), node.now, 9, container="b"))
    assert node.status == ("Running", True, [("running", 0), ("running", 1)])


def test_nothing_to_fail() -> None:
    node = Node(make_pod())
    assert kubelet.fail_container(node.seen(), 0, 1) is None
    node.run(0.5)
    assert kubelet.fail_container(node.seen(), node.now, 1) is None
    assert kubelet.finish(node.seen(), node.now, 0) is None
    assert kubelet.restart_containers(node.seen(), node.now) is None
    node.run(2)
    assert kubelet.fail_container(node.seen(), node.now, 1, container="other") is None


def test_finish_ends_all_containers_without_restart() -> None:
    node = Node(make_pod("OnFailure", Container(name="a"), Container(name="b")), PodRule(run="workload")).run(
        1000
    )
    assert node.status[0] == "Running"
    extra = (Condition(type="DisruptionTarget", status="True", last_transition_time=Time(0)),)
    node.carry_out(kubelet.finish(node.seen(), node.now, 4, container="b", conditions=extra))
    assert node.status == ("Failed", False, [("exit 0", 0), ("exit 4", 0)])
    assert is_true(node.pod.status.conditions, "DisruptionTarget")


def test_restart_containers_counts_and_stays_ready() -> None:
    node = Node(make_pod("OnFailure")).run(10)
    node.carry_out(kubelet.restart_containers(node.seen(), node.now))
    assert node.status == ("Running", True, [("running", 1)])


@pytest.mark.parametrize("verdict", [kubelet.evicted("memory"), kubelet.SHUTDOWN])
def test_termination_by_the_kubelet(verdict: kubelet.Verdict) -> None:
    """K-POD-04, K-POD-45: DisruptionTarget comes with the terminal phase; the object stays."""
    node = Node(make_pod("OnFailure")).run(10)
    node.carry_out(kubelet.terminate(node.seen(), node.now, verdict, 2))
    assert node.status[0] == "Running"
    pod = node.run(10.5).pod
    assert pod is not None
    target = condition(pod.status.conditions, "DisruptionTarget")
    assert target is not None
    assert (pod.status.phase, pod.status.reason, target.reason) == (
        "Failed",
        verdict.reason,
        "TerminationByKubelet",
    )
    assert not pod.terminating
    assert kubelet.terminate(node.seen(), node.now, verdict, 2) is None


def test_rejected_at_admission() -> None:
    """K-POD-07."""
    node = Node(make_pod())
    node.carry_out(kubelet.reject(node.seen().pod, 0, "OutOfcpu", "Node didn't have enough resource: cpu"))
    pod = node.run(100).pod
    assert pod is not None
    assert (pod.status.phase, pod.status.reason) == ("Failed", "OutOfcpu")
    assert pod.status.message == "Pod was rejected: Node didn't have enough resource: cpu"
    assert not is_true(pod.status.conditions, "DisruptionTarget")


# -- dark nodes --------------------------------------------------------------------------------------


def test_a_dark_node_does_nothing() -> None:
    """K-POD-50: the pod stays as the API last heard of it."""
    node = Node(make_pod()).run(10).delete()
    node.up = False
    assert node.run(1000).status == ("Running", True, [("running", 0)])
    assert kubelet.fail_container(node.seen(), node.now, 1) is None


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("Never", ("Failed", False, [("exit 255", 0)])), ("OnFailure", ("Running", True, [("running", 1)]))],
)
def test_reboot_finds_the_containers_dead(policy: str, expected: object) -> None:
    """K-POD-54."""
    node = Node(make_pod(policy)).run(10)
    node.carry_out(kubelet.reboot(node.seen(), node.now))
    assert node.status == expected
    assert not is_true(node.pod.status.conditions, "DisruptionTarget")


def test_reboot_finishes_a_deletion() -> None:
    node = Node(make_pod("OnFailure")).run(10).delete()
    node.carry_out(kubelet.reboot(node.seen(), node.now))
    assert node.pod is None


def test_reboot_before_the_start_starts_anew() -> None:
    node = Node(make_pod(), PodRule(start=law(1))).run(0)
    node.now = 50 * S
    node.carry_out(kubelet.reboot(node.seen(), node.now))
    assert node.run(50.9).status[0] == ""
    assert node.run(51).status[0] == "Running"
    assert kubelet.reboot(node.run(200).seen(), node.now) is None


# -- the simulated agents of recorded clusters ---------------------------------------------------------


def test_instant_profile() -> None:
    """conformance/e2e/README.md, the simulated node agents."""
    side = Container(name="side", restart_policy="Always")
    pod = make_pod("OnFailure", init_containers=(side, sleeper("one", "sleep 9"))).with_meta(
        finalizers=("k",)
    )
    node = Node(pod, PodRule(run="forever"), profile=kubelet.INSTANT).run(0)
    assert node.status == ("Running", True, [("running", 0)])
    assert len(node.log) == 1
    got = node.pod
    assert got is not None
    assert got.status.init_container_statuses[1].state.terminated.exit_code == 0
    assert node.run(500).status[0] == "Running"
    node.delete().run(500)
    assert node.status == ("Failed", False, [("exit 143", 0)])
    assert [c.state.terminated.exit_code for c in node.pod.status.init_container_statuses] == [143, 0]
    assert node.pod.metadata.deletion_grace_period_seconds == 0


def test_instant_profile_finish_and_late_delete() -> None:
    pod = make_pod("OnFailure", init_containers=(Container(name="side", restart_policy="Always"),))
    node = Node(pod, PodRule(run="forever"), profile=kubelet.INSTANT).run(5)
    node.carry_out(kubelet.finish(node.seen(), node.now, 1))
    assert node.status == ("Failed", False, [("exit 1", 0)])
    assert node.delete().pod is None


def test_instant_profile_a_pod_that_never_ran_just_goes() -> None:
    node = Node(make_pod(), PodRule(run="forever"), profile=kubelet.INSTANT).delete().run(0)
    assert node.pod is None
    assert [kind for _, kind in node.log] == ["MODIFIED", "DELETED"]


def test_unbound_and_finished_pods_have_no_stage() -> None:
    pod = make_pod()
    seen = Node(pod).seen()
    assert kubelet.next_stage(replace(seen, pod=pod), 0) is None
    done = replace(seen.pod, status=replace(pod.status, phase="Failed"))
    assert kubelet.next_stage(replace(seen, pod=done), 0) is None


# -- properties ----------------------------------------------------------------------------------------


@st.composite
def _lives(draw: st.DrawFn) -> tuple[Node, list[tuple[float, str]]]:
    tenths = st.integers(0, 400).map(lambda n: n / 10)
    container = st.builds(
        lambda name, script, policy: sleeper(name, script, restart_policy=policy),
        st.sampled_from(["a", "b"]),
        st.sampled_from(["sleep 3", "sleep 7; exit 2", "exit 1", "sleep infinity"]),
        st.sampled_from([None, "Never", "OnFailure"]),
    )
    init = st.builds(
        lambda script, policy: sleeper("i", script, restart_policy=policy),
        st.sampled_from(["sleep 3", "exit 1", "echo"]),
        st.sampled_from([None, "Always"]),
    )
    pod = make_pod(
        draw(st.sampled_from(["Never", "OnFailure", "Always"])),
        *draw(st.lists(container, min_size=1, max_size=2)),
        init_containers=tuple(draw(st.lists(init, max_size=2))),
        active_deadline_seconds=draw(st.none() | st.integers(1, 60)),
    ).with_meta(finalizers=("keep",))
    rule = PodRule(start=law(draw(tenths)), ready=law(draw(tenths)), stop=law(draw(tenths)))
    steps = draw(
        st.lists(
            st.tuples(tenths, st.sampled_from(["delete", "fail", "finish", "reboot", "short"])), max_size=4
        )
    )
    return Node(pod, rule), sorted(steps)


@given(_lives())
def test_phases_are_monotone_and_a_deleted_pod_ends(life: tuple[Node, list[tuple[float, str]]]) -> None:
    node, steps = life
    phases: list[str] = []
    node.store.subscribe(lambda event: phases.append(event.obj.status.phase))
    for at, what in [*steps, (100.0, "delete")]:
        node.run(at)
        if what in ("delete", "short"):
            node.delete(None if what == "delete" else 1)
            continue
        decide = {
            "fail": lambda: kubelet.fail_container(node.seen(), node.now, 5),
            "finish": lambda: kubelet.finish(node.seen(), node.now, 0),
            "reboot": lambda: kubelet.reboot(node.seen(), node.now),
        }[what]
        stage = decide()
        if stage is not None:
            node.carry_out(stage)
    node.run(200)
    pod = node.pod
    assert pod is not None
    assert pod.terminal
    assert pod.metadata.deletion_grace_period_seconds == 0
    first_terminal = next(i for i, p in enumerate(phases) if p in ("Succeeded", "Failed"))
    assert len(set(phases[first_terminal:])) == 1, "a terminal phase never changes"
    assert not any(c.state.running for c in pod.status.container_statuses)


def test_store_errors_are_not_hidden_by_the_shell() -> None:
    """The writes name the pod's uid: a stage for a pod that was replaced is refused."""
    node = Node(make_pod())
    stage = kubelet.next_stage(node.seen(), 0)
    node.carry_out(stage)
    stale = kubelet.next_stage(node.seen(), 0)
    assert stale is not None
    node.store.delete(Delete(kind="Pod", namespace="ns", name="p", grace_s=0), 0)
    node.store.create(make_pod().with_meta(uid="u2"), 0)
    with pytest.raises(ApiError) as caught:
        node.carry_out(stale)
    assert caught.value.reason == "Conflict"
