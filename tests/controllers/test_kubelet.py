"""The kubelet's stages: start, init containers, end, deletion."""

from __future__ import annotations

import pytest

from jobsim.api.meta import condition, is_true
from jobsim.api.pod import Container, Pod, Probe
from jobsim.controllers import kubelet
from jobsim.laws import Uniform
from jobsim.units import MILLISECOND
from jobsim.workload.behaviour import ExitShare, PodRule
from tests.controllers.kubelet_shell import Node, S, law, make_pod, sleeper

# -- the usual life --------------------------------------------------------------------------------


def test_default_life() -> None:
    node = Node(make_pod())
    assert node.run(0.999).status == ("", False, [])
    assert node.run(1).status == ("Running", True, [("running", 0)])
    assert node.run(60.9).status[0] == "Running"
    assert node.run(61).status == ("Succeeded", False, [("exit 0", 0)])
    assert node.log == [(1 * S, "MODIFIED"), (61 * S, "MODIFIED")]
    assert kubelet.next_stage(node.seen(), node.now) is None


def test_times_are_whole_seconds_and_stages_are_not() -> None:
    """K-POD-02, K-POD-08."""
    node = Node(make_pod(), PodRule(start=law(1.6), run=law(2.7)))
    node.run(10)
    assert [t for t, _ in node.log] == [1600 * MILLISECOND, 4300 * MILLISECOND]
    status = node.pod.status
    ended = status.container_statuses[0].state.terminated
    assert ended is not None
    assert (ended.started_at, ended.finished_at) == (1 * S, 4 * S)
    assert ended.reason == "Completed"
    assert status.start_time == 0
    assert {c.type: (c.status, c.last_transition_time, c.reason) for c in status.conditions} == {
        "PodScheduled": ("True", 0, ""),
        "PodReadyToStartContainers": ("False", 4 * S, ""),
        "Initialized": ("True", 1 * S, "PodCompleted"),
        "Ready": ("False", 4 * S, "PodCompleted"),
        "ContainersReady": ("False", 4 * S, "PodCompleted"),
    }


def test_failure() -> None:
    node = Node(make_pod(), PodRule(run=law(5), exit=(ExitShare(code=137, reason="OOMKilled"),))).run(10)
    pod = node.pod
    assert pod is not None
    assert node.status == ("Failed", False, [("exit 137", 0)])
    assert pod.status.container_statuses[0].state.terminated.reason == "OOMKilled"
    assert condition(pod.status.conditions, "Ready").reason == "PodFailed"


def test_a_short_start_is_reported_by_its_end() -> None:
    assert Node(make_pod(), PodRule(start=law(9.9))).run(9).log == []


def test_a_long_start_is_reported_first() -> None:
    node = Node(make_pod(), PodRule(start=law(30))).run(0)
    assert node.status == ("Pending", False, [("ContainerCreating", 0)])
    assert not is_true(node.pod.status.conditions, "PodReadyToStartContainers")
    assert node.run(30).status[0] == "Running"


def test_images_are_pulled_once_one_after_the_other() -> None:
    """K-POD-06."""
    pod = make_pod(
        "Never",
        Container(name="a", image="x"),
        Container(name="b", image="y"),
        Container(name="c", image="x"),
    )
    node = Node(pod, PodRule(pull=law(10)))
    node.images = {"z": 5 * S}  # another pod's pull is under way
    assert node.run(25.9).status[0] == "Pending"
    assert node.run(26).status[0] == "Running"
    assert node.images == {"z": 5 * S, "x": 15 * S, "y": 25 * S}
    again = Node(pod, PodRule(pull=law(10)))
    again.images = {"x": 1 * S, "y": 3 * S}
    assert again.run(3.9).log == []
    assert again.run(4).status[0] == "Running"


def test_ready_waits_for_the_law_and_the_probes() -> None:
    """K-POD-05."""
    slow = Container(
        name="a", startup_probe=Probe(initial_delay_seconds=3), readiness_probe=Probe(initial_delay_seconds=4)
    )
    node = Node(make_pod("Never", slow, Container(name="b")), PodRule(ready=law(2)))
    assert node.run(1).status[:2] == ("Running", False)
    pod = node.run(9.5).pod
    assert pod is not None
    assert [c.ready for c in pod.status.container_statuses] == [False, True]
    unready = condition(pod.status.conditions, "Ready")
    assert unready is not None
    assert (unready.reason, unready.message) == ("ContainersNotReady", "containers with unready status: [a]")
    assert node.run(10).status[:2] == ("Running", True)


@pytest.mark.parametrize(
    ("scripts", "when", "expected"),
    [
        # K-POD-04: one container's failure does not stop the others.
        (("sleep 5; exit 1", "sleep 9"), 7, ("Running", False, [("exit 1", 0), ("running", 0)])),
        (("sleep 5; exit 1", "sleep 9"), 10, ("Failed", False, [("exit 1", 0), ("exit 0", 0)])),
        (("sleep 5", "sleep 9"), 10, ("Succeeded", False, [("exit 0", 0), ("exit 0", 0)])),
    ],
)
def test_several_containers(scripts: tuple[str, ...], when: float, expected: object) -> None:
    containers = [sleeper(f"c{i}", script) for i, script in enumerate(scripts)]
    assert Node(make_pod("Never", *containers)).run(when).status == expected


def test_exit_codes_are_drawn() -> None:
    rule = PodRule(
        exit=(ExitShare(code=0, share=0.25), ExitShare(code=7, share=0.75)), run=Uniform(low=S, high=9 * S)
    )
    ends = []
    for uid in range(200):
        pod = make_pod().with_meta(uid=f"u{uid}")
        node = Node(pod, rule).run(20)
        ends.append(node.status[2][0][0])
        assert 2 * S <= node.log[-1][0] <= 10 * S
    assert set(ends) == {"exit 0", "exit 7"}
    assert 25 <= ends.count("exit 0") <= 75


def test_containers_under_one_rule_end_together() -> None:
    node = Node(
        make_pod("Never", Container(name="a"), Container(name="b")), PodRule(run=Uniform(low=S, high=99 * S))
    )
    assert len(node.run(200).log) == 2


# -- init containers and sidecars --------------------------------------------------------------------


def test_init_containers_run_in_order() -> None:
    pod = make_pod("Never", init_containers=(sleeper("one", "sleep 3"), sleeper("two", "sleep 4")))
    node = Node(pod).run(2)
    got = node.pod
    assert got is not None
    assert node.status == ("Pending", False, [("PodInitializing", 0)])
    initialized = condition(got.status.conditions, "Initialized")
    assert initialized is not None
    assert (initialized.reason, initialized.message) == (
        "ContainersNotInitialized",
        "containers with incomplete status: [one two]",
    )
    assert is_true(got.status.conditions, "PodReadyToStartContainers")
    assert node.run(7.9).status[0] == "Pending"
    assert node.run(8).status == ("Running", True, [("running", 0)])
    assert is_true(node.pod.status.conditions, "Initialized")


@pytest.mark.parametrize(
    ("policy", "phase", "restarts"), [("Never", "Failed", 0), ("OnFailure", "Pending", 1)]
)
def test_failing_init_container(policy: str, phase: str, restarts: int) -> None:
    """K-POD-03."""
    pod = make_pod(policy, init_containers=(sleeper("one", "sleep 3; exit 1"),))
    node = Node(pod).run(5)
    assert node.status == (phase, False, [("PodInitializing", 0)])
    assert node.pod.status.init_container_statuses[0].restart_count == restarts


def _with_sidecar(policy: str = "Never", **probes: object) -> Pod:
    sidecar = Container(name="side", image="img", restart_policy="Always", **probes)
    return make_pod(
        policy, sleeper("main", "sleep 10"), init_containers=(sidecar,), termination_grace_period_seconds=5
    )


def test_sidecars_start_first_and_end_last() -> None:
    """K-POD-04: the terminal phase waits for them; their exit code decides nothing."""
    node = Node(_with_sidecar(startup_probe=Probe(initial_delay_seconds=2)), PodRule(stop=law(3)))
    assert node.run(2.9).status[0] == "Pending"
    assert node.run(3).status == ("Running", True, [("running", 0)])
    assert node.run(15.9).status == ("Running", False, [("exit 0", 0)])
    assert node.run(16).status[0] == "Succeeded"
    side = node.pod.status.init_container_statuses[0]
    assert side.state.terminated.exit_code == 143


def test_a_sidecar_may_use_the_whole_grace_period() -> None:
    node = Node(_with_sidecar(), PodRule(stop=law(99))).run(16)
    assert (node.now, node.status[0]) == (16 * S, "Succeeded")
    assert node.pod.status.init_container_statuses[0].state.terminated.exit_code == 137


def test_deletion_stops_sidecars_after_the_app() -> None:
    node = Node(_with_sidecar(), PodRule(stop=law(2))).run(3).delete().run(5)
    assert node.status == ("Running", False, [("exit 143", 0)])
    assert node.run(7).pod is None


def test_what_follows_a_sidecar_waits_for_its_start_not_for_its_readiness() -> None:
    """K-POD-05: a readiness probe holds back the pod's Ready alone, a startup probe all that comes after."""
    probes = {
        "startup_probe": Probe(initial_delay_seconds=2),
        "readiness_probe": Probe(initial_delay_seconds=5, period_seconds=4, success_threshold=2),
    }
    node = Node(_with_sidecar(**probes)).run(2.9)
    assert node.pod.status.init_container_statuses[0].started is False
    assert node.status[0] == "Pending"
    assert node.run(3).status == ("Running", False, [("running", 0)])
    side = node.pod.status.init_container_statuses[0]
    assert (side.started, side.ready) == (True, False)
    # 1 s to start, 2 s for the startup probe, 5 s and one more period for the readiness probe.
    assert node.run(11.9).status[1] is False
    assert node.run(12).status[1] is True


@pytest.mark.parametrize(
    ("grace_s", "ends"),
    [(30, [11, 8, 5]), (4, [8, 7, 5]), (3, [7, 7, 5])],
    ids=["enough", "cut", "the runtime's least grace for each"],
)
def test_sidecars_stop_one_after_the_other_the_last_first(grace_s: int, ends: list[int]) -> None:
    """K-POD-04: within what is left of the grace period."""
    sidecars = tuple(Container(name=f"s{i}", image="img", restart_policy="Always") for i in range(3))
    pod = make_pod(
        "Never",
        sleeper("main", "exit 0"),
        init_containers=sidecars,
        termination_grace_period_seconds=grace_s,
    )
    node = Node(pod, PodRule(start=law(2), stop=law(3))).run(40)
    statuses = node.pod.status.init_container_statuses
    assert [s.state.terminated.finished_at - statuses[2].state.terminated.started_at for s in statuses] == [
        (end - 2) * S for end in ends
    ]
    assert node.status[0] == "Succeeded"


# -- deletion ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "grace_s", "gone_at", "phase", "code"),
    [
        (PodRule(), None, 10.5, "Failed", 143),  # K-POD-41
        (PodRule(stop=law(4)), None, 14, "Failed", 143),
        (PodRule(stop=law(99)), None, 40, "Failed", 137),
        (PodRule(stop=law(99)), 5, 15, "Failed", 137),
        (PodRule(stop=law(99)), 1, 12, "Failed", 137),  # K-POD-40: at least 2 s
        (PodRule(stop=law(4), run=law(11)), None, 12, "Succeeded", 0),  # ends by itself first
        (PodRule(stop=law(4), run=law(11), exit=(ExitShare(code=3),)), None, 12, "Failed", 3),
    ],
)
def test_graceful_deletion(rule: PodRule, grace_s: int | None, gone_at: float, phase: str, code: int) -> None:
    pod = make_pod("OnFailure").with_meta(finalizers=("keep",))
    node = Node(pod, rule).run(10).delete(grace_s)
    assert node.run(gone_at - 0.001).status == ("Running", True, [("running", 0)])
    assert node.run(gone_at).status == (phase, False, [(f"exit {code}", 0)])
    left = node.pod
    assert left is not None
    assert left.metadata.deletion_grace_period_seconds == 0, "the final DELETE was sent"
    assert kubelet.next_stage(node.seen(), node.now) is None


def test_without_finalizers_the_pod_is_gone() -> None:
    """K-JOB-124."""
    assert Node(make_pod()).run(10).delete().run(10.5).pod is None


def test_a_later_request_may_shorten_the_grace_period() -> None:
    node = Node(make_pod(), PodRule(stop=law(99))).run(10).delete().run(15).delete(3)
    assert node.run(17.9).pod is not None
    assert node.run(18).pod is None


@pytest.mark.parametrize("deleted_at", [0, 5])
def test_deletion_before_the_start(deleted_at: float) -> None:
    """A pod that never ran is Failed at once; its containers never start."""
    pod = make_pod().with_meta(finalizers=("keep",))
    node = (
        Node(pod, PodRule(start=law(30))).run(deleted_at) if deleted_at else Node(pod, PodRule(start=law(30)))
    )
    node.delete().run(deleted_at)
    assert node.status[0] == "Failed"
    assert node.run(100).log[-1][0] == deleted_at * S


def test_deletion_during_init_stops_the_init_container() -> None:
    pod = make_pod(init_containers=(sleeper("one", "sleep 30"),)).with_meta(finalizers=("keep",))
    node = Node(pod).run(10).delete().run(10.5)
    assert node.status[0] == "Failed"
    got = node.pod.status.init_container_statuses[0].state.terminated
    assert got is not None
    assert got.exit_code == 143


def test_a_pod_that_ended_while_it_was_being_deleted_gets_its_final_delete() -> None:
    """K-POD-50's last sentence: without it the object stays for ever."""
    node = Node(make_pod(), PodRule(run=law(5)))
    node.run(5)
    seen = node.seen()
    node.delete()
    # The shell carries out the stage decided before the mark was seen.
    stage = kubelet.next_stage(seen, node.now)
    node.carry_out(stage)
    assert node.status[0] == "Succeeded"
    assert node.run(6).pod is None


def test_a_waiting_container_is_not_restarted_under_a_deletion_mark() -> None:
    """K-POD-42."""
    node = Node(
        make_pod("OnFailure").with_meta(finalizers=("k",)), PodRule(run=law(0), exit=(ExitShare(code=1),))
    )
    node.run(5).delete().run(5)
    assert node.status == ("Failed", False, [("exit 1", 1)])


def test_pre_stop_sleep_comes_before_the_signal() -> None:
    hook = Container(name="main", lifecycle={"preStop": {"sleep": {"seconds": 4}}})
    assert Node(make_pod("Never", hook)).run(10).delete().run(14.4).pod is not None
    assert Node(make_pod("Never", hook)).run(10).delete().run(14.5).pod is None


def test_readiness_is_looked_at_while_the_pod_stops() -> None:
    """K-POD-43."""
    node = Node(make_pod(), PodRule(ready=law(10), stop=law(20))).run(5).delete()
    assert node.run(10.9).status[:2] == ("Running", False)
    assert node.run(11).status[:2] == ("Running", True)
    assert node.run(25).pod is None


def test_a_shorter_grace_leaves_containers_alone_that_end_sooner() -> None:
    pod = make_pod("Never", sleeper("a", "sleep 12"), sleeper("b", "sleep infinity"))
    node = Node(pod.with_meta(finalizers=("k",)), PodRule(stop=law(99))).run(10).delete().run(11).delete(5)
    assert node.run(16).status == ("Failed", False, [("exit 0", 0), ("exit 137", 0)])
