"""The Eviction API's answers, the budgets' status, stale DisruptionTarget conditions."""

from __future__ import annotations

import pytest

from jobsim.api._struct import Time, replace
from jobsim.api.core import PodDisruptionBudget, PodDisruptionBudgetSpec, PodDisruptionBudgetStatus
from jobsim.api.meta import (
    Condition,
    LabelSelector,
    LabelSelectorRequirement,
    ObjectMeta,
    OwnerReference,
    Unstructured,
    condition,
    is_true,
)
from jobsim.api.plan import Plan
from jobsim.api.pod import Phase, Pod, PodSpec, PodStatus
from jobsim.api.writes import Create, Delete, Evict, PatchPodStatus, UpdateStatus
from jobsim.controllers import disruption
from jobsim.errors import ApiError
from jobsim.units import SECOND
from tests.controllers.loop import Loop

READY = Condition(type="Ready", status="True")
WEB = LabelSelector(match_labels={"app": "web"})


def _pod(
    name: str, *, ready: bool = True, phase: Phase = "Running", owner: OwnerReference | None = None
) -> Pod:
    return Pod(
        metadata=ObjectMeta(
            name=name,
            namespace="ns",
            uid=f"uid-{name}",
            labels={"app": "web"},
            owner_references=(owner,) if owner else (),
        ),
        spec=PodSpec(node_name="n0", termination_grace_period_seconds=30),
        status=PodStatus(phase=phase, conditions=(READY,) if ready else ()),
    )


def _budget(name: str = "b", selector: LabelSelector | None = WEB, **spec: object) -> PodDisruptionBudget:
    return PodDisruptionBudget(
        metadata=ObjectMeta(name=name, namespace="ns", uid=f"uid-{name}", generation=1),
        spec=PodDisruptionBudgetSpec(selector=selector, **spec),
    )


def _decide(reader, namespace, name, memory, now) -> Plan | None:
    seen = disruption.observe(reader, namespace, name)
    return None if seen is None else disruption.reconcile(seen, now)


class World(Loop):
    def __init__(self, *objects: Pod | PodDisruptionBudget | Unstructured) -> None:
        super().__init__((disruption.wakes, _decide), objects=objects)

    def evict(self, name: str, grace_s: int | None = None) -> World:
        """Evict as the API server would; raises its answer."""
        for write in disruption.evict(
            Evict(namespace="ns", name=name, grace_s=grace_s), self.store, self.now
        ):
            assert self.send(write).error is None
        return self

    @property
    def status(self) -> PodDisruptionBudgetStatus:
        budget = self.store.get(PodDisruptionBudget, "ns", "b")
        assert budget is not None
        return budget.status

    def pod(self, name: str) -> Pod:
        pod = self.store.get(Pod, "ns", name)
        assert pod is not None
        return pod


def _refusal(world: World, name: str = "p0") -> tuple[str, str, tuple[str, ...]]:
    with pytest.raises(ApiError) as caught:
        world.evict(name)
    return caught.value.reason, caught.value.message, caught.value.causes


FORBIDDEN = 'poddisruptionbudget.policy "b" is forbidden:'
NO = "Cannot evict pod as it would violate the pod's disruption budget."


# -- the Eviction API --------------------------------------------------------------------------------


def test_eviction_without_a_budget() -> None:
    """K-POD-45."""
    world = World(_pod("p0")).run(5).evict("p0")
    pod = world.pod("p0")
    target = condition(pod.status.conditions, "DisruptionTarget")
    assert target is not None
    assert (target.reason, target.message) == ("EvictionByEvictionAPI", "Eviction API: evicting")
    assert pod.metadata.deletion_timestamp == 35 * SECOND
    assert [e.type for e in world.log[-2:]] == ["MODIFIED", "MODIFIED"], "the condition is there first"


def test_eviction_with_its_own_grace_period() -> None:
    assert World(_pod("p0")).evict("p0", grace_s=7).pod("p0").metadata.deletion_grace_period_seconds == 7


def test_eviction_of_nobody() -> None:
    assert _refusal(World(), "ghost") == ("NotFound", 'pods "ghost" not found', ())


def test_a_budget_is_used_up_and_refilled() -> None:
    world = World(*(_pod(f"p{i}") for i in range(3)), _budget(min_available=2)).run(1)
    assert (world.status.disruptions_allowed, world.status.current_healthy) == (1, 3)
    world.evict("p0")
    assert world.status.disruptions_allowed == 0
    assert list(world.status.disrupted_pods) == ["p0"]
    world.run(2)
    assert world.status.disrupted_pods == {}, "the deletion shows"
    assert _refusal(world, "p1") == (
        "TooManyRequests",
        NO,
        ("The disruption budget b needs 2 healthy pods and has 2 currently",),
    )
    world.send(Create(obj=_pod("p3")))
    world.run(3).evict("p1")
    assert world.pod("p1").terminating


@pytest.mark.parametrize("phase", ["Pending", "Succeeded", "Failed"])
def test_pods_that_run_nothing_need_no_budget(phase: Phase) -> None:
    world = World(_pod("p0", phase=phase, ready=False), _budget(min_available=5)).run(1).evict("p0")
    pod = world.store.get(Pod, "ns", "p0")
    assert pod is None or pod.terminating


def test_a_pod_that_is_going_needs_no_budget() -> None:
    world = World(_pod("p0"), _budget(min_available=5)).run(1)
    world.send(Delete(kind="Pod", namespace="ns", name="p0"))
    world.run(1).evict("p0", grace_s=3)
    assert world.pod("p0").metadata.deletion_grace_period_seconds == 3


@pytest.mark.parametrize(
    ("policy", "healthy", "allowed"),
    [(None, 2, True), (None, 1, False), ("IfHealthyBudget", 2, True), ("AlwaysAllow", 0, True)],
)
def test_unready_pods(policy: str | None, healthy: int, allowed: bool) -> None:
    pods = [_pod(f"h{i}") for i in range(healthy)]
    budget = _budget(min_available=2, unhealthy_pod_eviction_policy=policy)
    world = World(_pod("sick", ready=False), *pods, budget).run(1)
    if allowed:
        assert world.evict("sick").pod("sick").terminating
    else:
        assert _refusal(world, "sick")[0] == "TooManyRequests"


def test_two_budgets_are_one_too_many() -> None:
    world = World(_pod("p0"), _budget("a", min_available=0), _budget("b", min_available=0)).run(1)
    reason, message, _ = _refusal(world)
    assert reason == "InternalError"
    assert message == (
        "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
    )


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (
            PodDisruptionBudgetStatus(),
            ("TooManyRequests", NO, ("The disruption budget b is still being processed by the server.",)),
        ),
        (
            PodDisruptionBudgetStatus(observed_generation=1, disruptions_allowed=-1),
            ("Forbidden", f"{FORBIDDEN} pdb disruptions allowed is negative", ()),
        ),
        (
            PodDisruptionBudgetStatus(
                observed_generation=1,
                disruptions_allowed=1,
                disrupted_pods={str(i): "2026-01-05T00:00:00Z" for i in range(2001)},
            ),
            (
                "Forbidden",
                f"{FORBIDDEN} DisruptedPods map too big - too many evictions not confirmed by PDB controller",
                (),
            ),
        ),
        (
            PodDisruptionBudgetStatus(
                observed_generation=1,
                conditions=(
                    Condition(type="DisruptionAllowed", status="False", reason="SyncFailed", message="why"),
                ),
            ),
            (
                "TooManyRequests",
                NO,
                (
                    "The disruption budget b does not allow evicting pods currently "
                    "because it failed sync: why",
                ),
            ),
        ),
        (
            PodDisruptionBudgetStatus(
                observed_generation=1,
                current_healthy=4,
                desired_healthy=3,
                conditions=(Condition(type="DisruptionAllowed", status="False", reason="r", message="why"),),
            ),
            (
                "TooManyRequests",
                NO,
                ("The disruption budget b does not allow evicting pods currently (r): why",),
            ),
        ),
        (
            PodDisruptionBudgetStatus(observed_generation=1, current_healthy=4, desired_healthy=3),
            ("TooManyRequests", NO, ("The disruption budget b does not allow evicting pods currently",)),
        ),
    ],
)
def test_the_words_of_a_refusal(
    status: PodDisruptionBudgetStatus, answer: tuple[str, str, tuple[str, ...]]
) -> None:
    assert _refusal(World(_pod("p0"), replace(_budget(), status=status))) == answer


# -- the controller ------------------------------------------------------------------------------------


def _owner(kind: str, version: str) -> OwnerReference:
    return OwnerReference(api_version=version, kind=kind, name="owner", uid="uid-owner", controller=True)


STATEFUL = Unstructured(
    metadata=ObjectMeta(name="owner", namespace="ns", uid="uid-owner"),
    type_name="StatefulSet",
    group_version="apps/v1",
    content={"spec": {"replicas": 5}},
)


@pytest.mark.parametrize(
    ("spec", "expected", "desired", "allowed"),
    [
        ({"min_available": 1}, 3, 1, 2),
        ({"min_available": 9}, 3, 9, 0),
        ({"min_available": "50%"}, 5, 3, 0),
        ({"max_unavailable": 3}, 5, 2, 1),
        ({"max_unavailable": "30%"}, 5, 3, 0),
        ({"max_unavailable": 9}, 5, 0, 3),
        ({}, 0, 0, 0),
    ],
)
def test_counts(spec: dict[str, object], expected: int, desired: int, allowed: int) -> None:
    pods = [_pod(f"p{i}", owner=_owner("StatefulSet", "apps/v1")) for i in range(3)]
    world = World(STATEFUL, *pods, _budget(**spec)).run(1)
    status = world.status
    assert (status.expected_pods, status.desired_healthy, status.disruptions_allowed) == (
        expected,
        desired,
        allowed,
    )
    assert (status.current_healthy, status.observed_generation) == (3, 1)
    got = condition(status.conditions, "DisruptionAllowed")
    assert got is not None
    assert (got.status, got.reason) == (
        ("True", "SufficientPods") if allowed else ("False", "InsufficientPods")
    )


@pytest.mark.parametrize(
    ("kind", "version", "resource"),
    [("Job", "batch/v1", "jobs.batch"), ("Sandbox", "x.dev/v1", "sandboxs.x.dev"), ("Thing", "v1", "things")],
)
def test_owners_without_a_scale_fail_safe(kind: str, version: str, resource: str) -> None:
    """A percentage over a Job's pods is the classic budget that blocks every drain."""
    world = World(_pod("p0", owner=_owner(kind, version)), _budget(max_unavailable="50%")).run(1)
    got = condition(world.status.conditions, "DisruptionAllowed")
    assert got is not None
    text = f"{resource} does not implement the scale subresource"
    assert (got.status, got.reason, got.message) == ("False", "SyncFailed", text)
    assert world.events[0][1].message == f"Failed to calculate the number of expected pods: {text}"
    # The status never becomes current, so evictions are told to wait.
    assert _refusal(world)[2] == ("The disruption budget b is still being processed by the server.",)


def test_pods_without_a_controller_do_not_count_for_percentages() -> None:
    assert World(_pod("p0"), _budget(max_unavailable="50%")).run(1).status.expected_pods == 0


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        (WEB, 1),
        (None, 0),
        (LabelSelector(), 1),
        (LabelSelector(match_labels={"app": "db"}), 0),
        (
            LabelSelector(
                match_expressions=(LabelSelectorRequirement(key="app", operator="NotIn", values=("db",)),)
            ),
            1,
        ),
    ],
)
def test_selectors(selector: LabelSelector | None, selected: int) -> None:
    world = World(_pod("p0"), _budget(selector=selector, min_available=0)).run(1)
    assert world.status.expected_pods == selected
    assert [e.reason for _, e in world.events] == ([] if selected else ["NoPods"])


def test_status_follows_the_pods() -> None:
    world = World(_pod("p0"), _pod("p1", ready=False), _budget(min_available=1)).run(1)
    assert world.status.disruptions_allowed == 0
    world.send(PatchPodStatus(kind="Pod", namespace="ns", name="p1", status=PodStatus(conditions=(READY,))))
    assert world.run(2).status.disruptions_allowed == 1
    world.send(Delete(kind="Pod", namespace="ns", name="p0", grace_s=0))
    assert world.run(3).status.disruptions_allowed == 0
    before = len(world.log)
    world.run(100)
    assert len(world.log) == before, "a status that is right is not written again"


def test_an_eviction_that_is_never_confirmed_is_forgotten() -> None:
    world = World(_pod("p0"), _pod("p1"), _budget(min_available=1)).run(1)
    budget = world.store.get(PodDisruptionBudget, "ns", "b")
    approved = replace(budget.status, disruptions_allowed=0, disrupted_pods={"p0": "2026-01-05T00:00:01Z"})
    world.send(UpdateStatus(obj=replace(budget, status=approved)))
    world.send(PatchPodStatus(kind="Pod", namespace="ns", name="p1", status=PodStatus(message="touched")))
    assert world.run(120).status.current_healthy == 1
    assert world.run(122).status.current_healthy == 2
    assert world.status.disrupted_pods == {}


def test_deleted_budgets_are_forgotten() -> None:
    world = World(_budget(min_available=1))
    world.send(Delete(kind="PodDisruptionBudget", namespace="ns", name="b"))
    assert world.run(10).events == []


# -- stale conditions ----------------------------------------------------------------------------------


def _target(reason: str = "EvictionByEvictionAPI", at: float = 3) -> Condition:
    time = Time(round(at * SECOND))
    return Condition(type="DisruptionTarget", status="True", reason=reason, last_transition_time=time)


def _mark(world: World, target: Condition) -> World:
    world.send(PatchPodStatus(kind="Pod", namespace="ns", name="p0", status=PodStatus(conditions=(target,))))
    return world


def test_a_disruption_that_did_not_come_is_taken_back() -> None:
    """K-POD-45."""
    world = _mark(World(_pod("p0")).run(3), _target())
    assert is_true(world.run(122).pod("p0").status.conditions, "DisruptionTarget")
    reset = condition(world.run(123).pod("p0").status.conditions, "DisruptionTarget")
    assert reset is not None
    assert (reset.status, reset.reason, reset.last_transition_time) == ("False", "", 123 * SECOND)
    assert world.due == {}


def test_a_kubelets_word_is_never_stale() -> None:
    world = _mark(World(_pod("p0")).run(3), _target("TerminationByKubelet")).run(500)
    assert is_true(world.pod("p0").status.conditions, "DisruptionTarget")


@pytest.mark.parametrize("deleted", [True, False])
def test_pods_that_go_keep_their_condition(deleted: bool) -> None:
    world = _mark(World(_pod("p0")).run(3), _target()).run(60)
    if deleted:
        world.send(Delete(kind="Pod", namespace="ns", name="p0"))
    else:
        world.send(PatchPodStatus(kind="Pod", namespace="ns", name="p0", status=PodStatus(phase="Failed")))
    assert is_true(world.run(500).pod("p0").status.conditions, "DisruptionTarget")


def test_a_newer_disruption_has_its_own_two_minutes() -> None:
    world = _mark(World(_pod("p0")).run(3), _target())
    world.run(100)
    _mark(world, Condition(type="DisruptionTarget", status="False"))
    _mark(world, _target(at=100))
    assert is_true(world.run(219).pod("p0").status.conditions, "DisruptionTarget")
    assert not is_true(world.run(220).pod("p0").status.conditions, "DisruptionTarget")


def test_pods_that_are_gone() -> None:
    world = _mark(World(_pod("p0")).run(3), _target())
    world.send(Delete(kind="Pod", namespace="ns", name="p0", grace_s=0))
    assert world.run(500).due == {}
