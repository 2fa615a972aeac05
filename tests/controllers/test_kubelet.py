"""The kubelet's stages, played by a shell of a few lines over a real store."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsim.api._struct import Time, replace
from jobsim.api.meta import Condition, ObjectMeta, condition, is_true
from jobsim.api.pod import Container, ContainerRestartRule, ExitCodes, Pod, PodSpec, Probe
from jobsim.api.writes import Bind, Delete, PatchPodStatus
from jobsim.apiserver.store import Store
from jobsim.controllers import kubelet
from jobsim.controllers.kubelet import Sandbox, Seen, Stage
from jobsim.errors import ApiError
from jobsim.rng import uniform
from jobsim.units import MILLISECOND, SECOND, seconds
from jobsim.workload.behaviour import ExitShare, PodRule, PodRules
from jobsim.workload.laws import Fixed, Uniform

S = SECOND
NO_RULE = PodRule()


def _law(value: float) -> Fixed:
    return Fixed(value=seconds(value))


class Node:
    """A shell: one pod, one node, virtual time, the store's own rules."""

    def __init__(self, pod: Pod, rule: PodRule = NO_RULE, **options: object) -> None:
        self.store = Store()
        self.store.create(pod, 0)
        self.store.bind(Bind(namespace="ns", name="p", node="n0"), 0)
        self.store.subscribe(lambda event: self.log.append((event.time, event.type)))
        self.log: list[tuple[int, str]] = []
        self.behaviour = PodRules((rule,)).resolve(pod)
        self.sandbox: Sandbox | None = None
        self.options = options
        self.images: dict[str, int] = {}
        self.events: list[str] = []
        self.now = 0
        self.up = True

    @property
    def pod(self) -> Pod | None:
        return self.store.get(Pod, "ns", "p")

    @property
    def status(self) -> tuple[str, bool, list[tuple[str, int]]]:
        """Phase, Ready, and each app container's state with its restarts."""
        pod = self.pod
        assert pod is not None, "the pod is gone"
        rows = []
        for c in pod.status.container_statuses:
            state = c.state
            word = (
                "running"
                if state.running
                else f"exit {state.terminated.exit_code}"
                if state.terminated
                else state.waiting.reason
                if state.waiting
                else "-"
            )
            rows.append((word, c.restart_count))
        return pod.status.phase, is_true(pod.status.conditions, "Ready"), rows

    def seen(self) -> Seen:
        pod = self.pod
        assert pod is not None
        return Seen(
            pod=pod,
            sandbox=self.sandbox,
            behaviour=self.behaviour,
            draw=lambda *key: uniform(1, *key),
            images=self.images,
            up=self.up,
            **self.options,
        )

    def carry_out(self, stage: Stage | None) -> None:
        assert stage is not None
        self.now, self.sandbox = stage.at, stage.sandbox
        self.images.update(stage.pulled)
        self.events += [f"{e.type} {e.reason} {e.message}" for e in stage.events]
        for write in stage.writes:
            if isinstance(write, PatchPodStatus):
                self.store.patch_pod_status(write, self.now)
            else:
                assert isinstance(write, Delete)
                self.store.delete(write, self.now)

    def run(self, until: float) -> Node:
        """Carry out all stages up to an instant, s."""
        for _ in range(1000):
            if self.pod is None:
                break
            stage = kubelet.next_stage(self.seen(), self.now)
            if stage is None or stage.at > seconds(until):
                break
            # A stage that was not carried out left no trace: asking again gives the same.
            assert kubelet.next_stage(self.seen(), self.now) == stage
            assert stage.at >= self.now
            self.carry_out(stage)
        else:
            raise AssertionError("the kubelet never rests")
        self.now = max(self.now, seconds(until))
        return self

    def delete(self, grace_s: int | None = None) -> Node:
        self.store.delete(Delete(kind="Pod", namespace="ns", name="p", grace_s=grace_s), self.now)
        return self


def _pod(policy: str = "Never", *containers: Container, **spec: object) -> Pod:
    return Pod(
        metadata=ObjectMeta(name="p", namespace="ns", uid="u1"),
        spec=PodSpec(
            containers=containers or (Container(name="main", image="img"),),
            restart_policy=policy,
            **spec,
        ),
    )


def _sleeper(name: str, script: str, **more: object) -> Container:
    return Container(name=name, image="img", command=("sh", "-c", script), **more)


# -- the usual life --------------------------------------------------------------------------------


def test_default_life() -> None:
    node = Node(_pod())
    assert node.run(0.999).status == ("", False, [])
    assert node.run(1).status == ("Running", True, [("running", 0)])
    assert node.run(60.9).status[0] == "Running"
    assert node.run(61).status == ("Succeeded", False, [("exit 0", 0)])
    assert node.log == [(1 * S, "MODIFIED"), (61 * S, "MODIFIED")]
    assert kubelet.next_stage(node.seen(), node.now) is None


def test_times_are_whole_seconds_and_stages_are_not() -> None:
    """K-POD-08."""
    node = Node(_pod(), PodRule(start=_law(1.6), run=_law(2.7)))
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
    node = Node(_pod(), PodRule(run=_law(5), exit=(ExitShare(code=137, reason="OOMKilled"),))).run(10)
    pod = node.pod
    assert pod is not None
    assert node.status == ("Failed", False, [("exit 137", 0)])
    assert pod.status.container_statuses[0].state.terminated.reason == "OOMKilled"
    assert condition(pod.status.conditions, "Ready").reason == "PodFailed"


def test_a_long_start_is_reported_first() -> None:
    node = Node(_pod(), PodRule(start=_law(30))).run(0)
    assert node.status == ("Pending", False, [("ContainerCreating", 0)])
    assert not is_true(node.pod.status.conditions, "PodReadyToStartContainers")
    assert node.run(30).status[0] == "Running"


def test_images_are_pulled_once_one_after_the_other() -> None:
    """K-POD-06."""
    pod = _pod(
        "Never",
        Container(name="a", image="x"),
        Container(name="b", image="y"),
        Container(name="c", image="x"),
    )
    node = Node(pod, PodRule(pull=_law(10)))
    node.images = {"z": 5 * S}  # another pod's pull is under way
    assert node.run(25.9).status[0] == "Pending"
    assert node.run(26).status[0] == "Running"
    assert node.images == {"z": 5 * S, "x": 15 * S, "y": 25 * S}
    again = Node(pod, PodRule(pull=_law(10)))
    again.images = {"x": 1 * S, "y": 3 * S}
    assert again.run(3.9).status[0] == "Pending"
    assert again.run(4).status[0] == "Running"


def test_ready_waits_for_the_law_and_the_probes() -> None:
    """K-POD-05."""
    slow = Container(
        name="a", startup_probe=Probe(initial_delay_seconds=3), readiness_probe=Probe(initial_delay_seconds=4)
    )
    node = Node(_pod("Never", slow, Container(name="b")), PodRule(ready=_law(2)))
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
    containers = [_sleeper(f"c{i}", script) for i, script in enumerate(scripts)]
    assert Node(_pod("Never", *containers)).run(when).status == expected


def test_exit_codes_are_drawn() -> None:
    rule = PodRule(
        exit=(ExitShare(code=0, share=0.25), ExitShare(code=7, share=0.75)), run=Uniform(low=S, high=9 * S)
    )
    ends = []
    for uid in range(200):
        pod = _pod().with_meta(uid=f"u{uid}")
        node = Node(pod, rule).run(20)
        ends.append(node.status[2][0][0])
        assert 2 * S <= node.log[-1][0] <= 10 * S
    assert set(ends) == {"exit 0", "exit 7"}
    assert 25 <= ends.count("exit 0") <= 75


def test_containers_under_one_rule_end_together() -> None:
    node = Node(
        _pod("Never", Container(name="a"), Container(name="b")), PodRule(run=Uniform(low=S, high=99 * S))
    )
    assert len(node.run(200).log) == 2


# -- restarts --------------------------------------------------------------------------------------


def _restart_times(policy: str, rule: PodRule, until: float) -> list[float]:
    node = Node(_pod(policy), rule)
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
    """K-POD-21, K-POD-23: restarts at +0, 10, 30, 70, 150, 310, then every 300 s."""
    rule = PodRule(run=_law(0), exit=(ExitShare(code=1),))
    assert _restart_times("OnFailure", rule, 920) == [1, 11, 31, 71, 151, 311, 611, 911]


def test_crash_loop_starts_anew_after_ten_minutes() -> None:
    """K-POD-21: the delay is counted from the finish; more than 600 s after the restart it is forgotten."""
    rule = PodRule(run=_law(600), exit=(ExitShare(code=1),))
    assert _restart_times("OnFailure", rule, 1900) == [601, 1211, 1831]
    rule = PodRule(run=_law(601), exit=(ExitShare(code=1),))
    assert _restart_times("OnFailure", rule, 1900) == [602, 1203, 1804]


def test_waiting_for_a_restart() -> None:
    node = Node(_pod("OnFailure"), PodRule(run=_law(0), exit=(ExitShare(code=3),))).run(5)
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
    node = Node(_pod("OnFailure"), PodRule(run=_law(5), exit=(ExitShare(code=3),))).run(7)
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
    node = Node(_pod(policy, container), PodRule(run=_law(5), exit=(ExitShare(code=code),))).run(7)
    assert (node.status[2][0] == ("running", 1)) is restarted


def test_restart_all_containers() -> None:
    """K-POD-31: from the first init container on; the pod object stays."""
    worker = _sleeper(
        "worker", "sleep 20; exit 9", restart_policy_rules=_rules("RestartAllContainers", "In", 9)
    )
    pod = _pod(
        "Never", worker, _sleeper("other", "sleep 100"), init_containers=(_sleeper("init", "sleep 2"),)
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


# -- init containers and sidecars --------------------------------------------------------------------


def test_init_containers_run_in_order() -> None:
    pod = _pod("Never", init_containers=(_sleeper("one", "sleep 3"), _sleeper("two", "sleep 4")))
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
    pod = _pod(policy, init_containers=(_sleeper("one", "sleep 3; exit 1"),))
    node = Node(pod).run(5)
    assert node.status == (phase, False, [("PodInitializing", 0)])
    assert node.pod.status.init_container_statuses[0].restart_count == restarts


def _with_sidecar(policy: str = "Never", **probes: object) -> Pod:
    sidecar = Container(name="side", image="img", restart_policy="Always", **probes)
    return _pod(
        policy, _sleeper("main", "sleep 10"), init_containers=(sidecar,), termination_grace_period_seconds=5
    )


def test_sidecars_start_first_and_end_last() -> None:
    """K-POD-04: the terminal phase waits for them; their exit code decides nothing."""
    node = Node(_with_sidecar(startup_probe=Probe(initial_delay_seconds=2)), PodRule(stop=_law(3)))
    assert node.run(2.9).status[0] == "Pending"
    assert node.run(3).status == ("Running", True, [("running", 0)])
    assert node.run(15.9).status == ("Running", False, [("exit 0", 0)])
    assert node.run(16).status[0] == "Succeeded"
    side = node.pod.status.init_container_statuses[0]
    assert side.state.terminated.exit_code == 143


def test_a_sidecar_may_use_the_whole_grace_period() -> None:
    node = Node(_with_sidecar(), PodRule(stop=_law(99))).run(16)
    assert (node.now, node.status[0]) == (16 * S, "Succeeded")
    assert node.pod.status.init_container_statuses[0].state.terminated.exit_code == 137


def test_deletion_stops_sidecars_after_the_app() -> None:
    node = Node(_with_sidecar(), PodRule(stop=_law(2))).run(3).delete().run(5)
    assert node.status == ("Running", False, [("exit 143", 0)])
    assert node.run(7).pod is None


# -- deletion ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "grace_s", "gone_at", "phase", "code"),
    [
        (PodRule(), None, 10.5, "Failed", 143),  # K-POD-41
        (PodRule(stop=_law(4)), None, 14, "Failed", 143),
        (PodRule(stop=_law(99)), None, 40, "Failed", 137),
        (PodRule(stop=_law(99)), 5, 15, "Failed", 137),
        (PodRule(stop=_law(99)), 1, 12, "Failed", 137),  # K-POD-40: at least 2 s
        (PodRule(stop=_law(4), run=_law(11)), None, 12, "Succeeded", 0),  # ends by itself first
        (PodRule(stop=_law(4), run=_law(11), exit=(ExitShare(code=3),)), None, 12, "Failed", 3),
    ],
)
def test_graceful_deletion(rule: PodRule, grace_s: int | None, gone_at: float, phase: str, code: int) -> None:
    pod = _pod("OnFailure").with_meta(finalizers=("keep",))
    node = Node(pod, rule).run(10).delete(grace_s)
    assert node.run(gone_at - 0.001).status == ("Running", True, [("running", 0)])
    assert node.run(gone_at).status == (phase, False, [(f"exit {code}", 0)])
    left = node.pod
    assert left is not None
    assert left.metadata.deletion_grace_period_seconds == 0, "the final DELETE was sent"
    assert kubelet.next_stage(node.seen(), node.now) is None


def test_without_finalizers_the_pod_is_gone() -> None:
    assert Node(_pod()).run(10).delete().run(10.5).pod is None


def test_a_later_request_may_shorten_the_grace_period() -> None:
    node = Node(_pod(), PodRule(stop=_law(99))).run(10).delete().run(15).delete(3)
    assert node.run(17.9).pod is not None
    assert node.run(18).pod is None


@pytest.mark.parametrize("deleted_at", [0, 5])
def test_deletion_before_the_start(deleted_at: float) -> None:
    """A pod that never ran is Failed at once; its containers never start."""
    pod = _pod().with_meta(finalizers=("keep",))
    node = (
        Node(pod, PodRule(start=_law(30))).run(deleted_at)
        if deleted_at
        else Node(pod, PodRule(start=_law(30)))
    )
    node.delete().run(deleted_at)
    assert node.status[0] == "Failed"
    assert node.run(100).log[-1][0] == deleted_at * S


def test_deletion_during_init_stops_the_init_container() -> None:
    pod = _pod(init_containers=(_sleeper("one", "sleep 30"),)).with_meta(finalizers=("keep",))
    node = Node(pod).run(10).delete().run(10.5)
    assert node.status[0] == "Failed"
    got = node.pod.status.init_container_statuses[0].state.terminated
    assert got is not None
    assert got.exit_code == 143


def test_a_pod_that_ended_while_it_was_being_deleted_gets_its_final_delete() -> None:
    """K-POD-50's last sentence: without it the object stays for ever."""
    node = Node(_pod(), PodRule(run=_law(5)))
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
        _pod("OnFailure").with_meta(finalizers=("k",)), PodRule(run=_law(0), exit=(ExitShare(code=1),))
    )
    node.run(5).delete().run(5)
    assert node.status == ("Failed", False, [("exit 1", 1)])


def test_pre_stop_sleep_comes_before_the_signal() -> None:
    hook = Container(name="main", lifecycle={"preStop": {"sleep": {"seconds": 4}}})
    assert Node(_pod("Never", hook)).run(10).delete().run(14.4).pod is not None
    assert Node(_pod("Never", hook)).run(10).delete().run(14.5).pod is None


# -- from outside --------------------------------------------------------------------------------------


def test_active_deadline() -> None:
    node = Node(_pod("OnFailure", active_deadline_seconds=20), PodRule(stop=_law(2))).run(21.9)
    assert node.status[0] == "Running"
    pod = node.run(22).pod
    assert pod is not None
    assert (pod.status.phase, pod.status.reason) == ("Failed", "DeadlineExceeded")
    assert pod.status.message == "Pod was active on the node longer than the specified deadline"
    assert not pod.terminating


def test_scripted_failure() -> None:
    node = Node(_pod()).run(10)
    node.carry_out(kubelet.fail_container(node.seen(), node.now, 9, reason="OOMKilled"))
    assert node.status == ("Failed", False, [("exit 9", 0)])
    assert kubelet.fail_container(node.seen(), node.now, 9) is None


def test_scripted_failure_is_restarted() -> None:
    node = Node(_pod("OnFailure", Container(name="a"), Container(name="b"))).run(10)
    node.carry_out(kubelet.fail_container(node.seen(), node.now, 9, container="b"))
    assert node.status == ("Running", True, [("running", 0), ("running", 1)])


def test_nothing_to_fail() -> None:
    node = Node(_pod())
    assert kubelet.fail_container(node.seen(), 0, 1) is None
    node.run(0.5)
    assert kubelet.fail_container(node.seen(), node.now, 1) is None
    assert kubelet.finish(node.seen(), node.now, 0) is None
    assert kubelet.restart_containers(node.seen(), node.now) is None
    node.run(2)
    assert kubelet.fail_container(node.seen(), node.now, 1, container="other") is None


def test_finish_ends_all_containers_without_restart() -> None:
    node = Node(_pod("OnFailure", Container(name="a"), Container(name="b")), PodRule(run="workload")).run(
        1000
    )
    assert node.status[0] == "Running"
    extra = (Condition(type="DisruptionTarget", status="True", last_transition_time=Time(0)),)
    node.carry_out(kubelet.finish(node.seen(), node.now, 4, container="b", conditions=extra))
    assert node.status == ("Failed", False, [("exit 0", 0), ("exit 4", 0)])
    assert is_true(node.pod.status.conditions, "DisruptionTarget")


def test_restart_containers_counts_and_stays_ready() -> None:
    node = Node(_pod("OnFailure")).run(10)
    node.carry_out(kubelet.restart_containers(node.seen(), node.now))
    assert node.status == ("Running", True, [("running", 1)])


@pytest.mark.parametrize("verdict", [kubelet.evicted("memory"), kubelet.SHUTDOWN])
def test_termination_by_the_kubelet(verdict: kubelet.Verdict) -> None:
    """K-POD-04, K-POD-45: DisruptionTarget comes with the terminal phase; the object stays."""
    node = Node(_pod("OnFailure")).run(10)
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
    node = Node(_pod())
    node.carry_out(kubelet.reject(node.seen().pod, 0, "OutOfcpu", "Node didn't have enough resource: cpu"))
    pod = node.run(100).pod
    assert pod is not None
    assert (pod.status.phase, pod.status.reason) == ("Failed", "OutOfcpu")
    assert pod.status.message == "Pod was rejected: Node didn't have enough resource: cpu"
    assert not is_true(pod.status.conditions, "DisruptionTarget")


# -- dark nodes --------------------------------------------------------------------------------------


def test_a_dark_node_does_nothing() -> None:
    """K-POD-50: the pod stays as the API last heard of it."""
    node = Node(_pod()).run(10).delete()
    node.up = False
    assert node.run(1000).status == ("Running", True, [("running", 0)])
    assert kubelet.fail_container(node.seen(), node.now, 1) is None


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("Never", ("Failed", False, [("exit 255", 0)])), ("OnFailure", ("Running", True, [("running", 1)]))],
)
def test_reboot_finds_the_containers_dead(policy: str, expected: object) -> None:
    """K-POD-54."""
    node = Node(_pod(policy)).run(10)
    node.carry_out(kubelet.reboot(node.seen(), node.now))
    assert node.status == expected
    assert not is_true(node.pod.status.conditions, "DisruptionTarget")


def test_reboot_finishes_a_deletion() -> None:
    node = Node(_pod("OnFailure")).run(10).delete()
    node.carry_out(kubelet.reboot(node.seen(), node.now))
    assert node.pod is None


def test_reboot_before_the_start_starts_anew() -> None:
    node = Node(_pod(), PodRule(start=_law(1))).run(0)
    node.now = 50 * S
    node.carry_out(kubelet.reboot(node.seen(), node.now))
    assert node.run(50.9).status[0] == ""
    assert node.run(51).status[0] == "Running"
    assert kubelet.reboot(node.run(200).seen(), node.now) is None


# -- the simulated agents of recorded clusters ---------------------------------------------------------


def test_instant_profile() -> None:
    """conformance/e2e/README.md, the simulated node agents."""
    side = Container(name="side", restart_policy="Always")
    pod = _pod("OnFailure", init_containers=(side, _sleeper("one", "sleep 9"))).with_meta(finalizers=("k",))
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
    pod = _pod("OnFailure", init_containers=(Container(name="side", restart_policy="Always"),))
    node = Node(pod, PodRule(run="forever"), profile=kubelet.INSTANT).run(5)
    node.carry_out(kubelet.finish(node.seen(), node.now, 1))
    assert node.status == ("Failed", False, [("exit 1", 0)])
    assert node.delete().pod is None


def test_instant_profile_a_pod_that_never_ran_just_goes() -> None:
    node = Node(_pod(), PodRule(run="forever"), profile=kubelet.INSTANT).delete().run(0)
    assert node.pod is None
    assert [kind for _, kind in node.log] == ["MODIFIED", "DELETED"]


def test_unbound_and_finished_pods_have_no_stage() -> None:
    pod = _pod()
    seen = Node(pod).seen()
    assert kubelet.next_stage(replace(seen, pod=pod), 0) is None
    done = replace(seen.pod, status=replace(pod.status, phase="Failed"))
    assert kubelet.next_stage(replace(seen, pod=done), 0) is None


# -- properties ----------------------------------------------------------------------------------------


@st.composite
def _lives(draw: st.DrawFn) -> tuple[Node, list[tuple[float, str]]]:
    tenths = st.integers(0, 400).map(lambda n: n / 10)
    container = st.builds(
        lambda name, script, policy: _sleeper(name, script, restart_policy=policy),
        st.sampled_from(["a", "b"]),
        st.sampled_from(["sleep 3", "sleep 7; exit 2", "exit 1", "sleep infinity"]),
        st.sampled_from([None, "Never", "OnFailure"]),
    )
    init = st.builds(
        lambda script, policy: _sleeper("i", script, restart_policy=policy),
        st.sampled_from(["sleep 3", "exit 1", "echo"]),
        st.sampled_from([None, "Always"]),
    )
    pod = _pod(
        draw(st.sampled_from(["Never", "OnFailure", "Always"])),
        *draw(st.lists(container, min_size=1, max_size=2)),
        init_containers=tuple(draw(st.lists(init, max_size=2))),
        active_deadline_seconds=draw(st.none() | st.integers(1, 60)),
    ).with_meta(finalizers=("keep",))
    rule = PodRule(start=_law(draw(tenths)), ready=_law(draw(tenths)), stop=_law(draw(tenths)))
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
    node = Node(_pod())
    stage = kubelet.next_stage(node.seen(), 0)
    node.carry_out(stage)
    stale = kubelet.next_stage(node.seen(), 0)
    assert stale is not None
    node.store.delete(Delete(kind="Pod", namespace="ns", name="p", grace_s=0), 0)
    node.store.create(_pod().with_meta(uid="u2"), 0)
    with pytest.raises(ApiError) as caught:
        node.carry_out(stale)
    assert caught.value.reason == "Conflict"
