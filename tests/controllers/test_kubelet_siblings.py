"""What pods of one template do is worked out once: the answers are those of the kubelet itself."""

from __future__ import annotations

from functools import partial

import pytest

from jobsim.api._struct import Time, replace
from jobsim.api.meta import ObjectMeta
from jobsim.api.pod import Container, Pod, PodSpec, PodStatus
from jobsim.controllers import kubelet
from jobsim.controllers.kubelet import Sandbox, Seen
from jobsim.controllers.kubelet_siblings import Siblings
from jobsim.controllers.kubelet_stage import INSTANT, KWOK_FAST, REAL
from jobsim.laws import Law, Uniform
from jobsim.rng import uniform
from jobsim.units import SECOND
from jobsim.workload.behaviour import ExitShare, PodRule, PodRules
from tests.controllers.kubelet_shell import law

GANG = 4
NO_TIME, SOON, LATER = law(0), law(1), law(60)
DRAWN = Uniform(low=SECOND, high=9 * SECOND)


def gang(policy: str, finalizers: tuple[str, ...] = ()) -> list[Pod]:
    """Pods of one template, as a Job makes them; the last one asks for another image."""
    containers = (Container(name="main", image="a"), Container(name="helper", image="b"))
    spec = PodSpec(restart_policy=policy, containers=containers, node_name="n0", active_deadline_seconds=500)
    pods = [
        Pod(
            metadata=ObjectMeta(name=f"p{i}", namespace="ns", uid=f"u{i}", finalizers=finalizers),
            spec=spec,
            status=PodStatus(phase="Pending"),
        )
        for i in range(GANG)
    ]
    other = replace(spec, containers=(containers[0],))
    return [*pods, replace(pods[0], metadata=replace(pods[0].metadata, name="q", uid="q"), spec=other)]


def rule(*, start: Law = SOON, run: Law = LATER, code: int = 0, pull: Law = NO_TIME) -> PodRule:
    return PodRule(start=start, run=run, exit=(ExitShare(code=code),), pull=pull, stop=law(2))


@pytest.mark.parametrize("profile", [REAL, INSTANT, KWOK_FAST], ids=["real", "instant", "kwok"])
@pytest.mark.parametrize(
    ("policy", "behaves"),
    [
        ("Never", rule()),
        ("Never", rule(code=3)),
        ("OnFailure", rule(run=law(5), code=1)),
        ("Always", rule(run=law(5))),
        ("Never", rule(start=DRAWN)),
        ("Never", rule(pull=law(4))),
        ("Never", rule(run=law(400))),
    ],
    ids=["succeeds", "fails", "crash-loops", "always", "drawn", "pulled", "is-stopped"],
)
@pytest.mark.parametrize("finalizers", [(), ("example.com/f",)], ids=["bare", "held"])
def test_the_answers_are_the_kubelets_own(
    profile: kubelet.KubeletProfile, policy: str, behaves: PodRule, finalizers: tuple[str, ...]
) -> None:
    siblings, rules = Siblings(), PodRules((behaves,))
    pods, boxes, now = gang(policy, finalizers), [None] * (GANG + 1), 0
    shared: list[Sandbox | None] = list(boxes)
    answered = 0
    for step in range(40):
        times = set()
        stopped = step >= (3 if behaves.run == law(400) else 12)
        for i, pod in enumerate(pods):
            if stopped:
                # One by one they are told to stop, with other grace periods.
                meta = replace(
                    pod.metadata, deletion_timestamp=Time(now), deletion_grace_period_seconds=30 + i % 2
                )
                pod = replace(pod, metadata=meta)
            seen = Seen(
                pod=pod,
                sandbox=shared[i],
                behaviour=rules.resolve(pod),
                draw=partial(uniform, 1),
                profile=profile,
                linger_ns=i // 2 * 5 * SECOND if stopped else 0,
            )
            stage = siblings.next_stage(seen, now)
            assert stage == kubelet.next_stage(seen, now)
            if stage is None:
                continue
            answered += 1
            times.add(stage.at)
            if stage.at <= now:
                shared[i] = stage.sandbox
        if times and min(times) > now:
            now = min(times)
    assert answered > 10


def test_all_that_is_seen_is_compared() -> None:
    """Who lets a kubelet see more must say here, and in ``_traits``, whether siblings may differ in it."""
    compared = {"pod", "sandbox", "behaviour", "linger_ns", "up"}
    same_for_all = {"draw", "profile"}
    of_no_use_where_nothing_is_pulled = {"images"}
    assert set(Seen.__struct_fields__) == compared | same_for_all | of_no_use_where_nothing_is_pulled


def test_one_state_is_one_object() -> None:
    siblings, rules = Siblings(), PodRules((rule(),))
    stages = [
        siblings.next_stage(
            Seen(pod=pod, sandbox=None, behaviour=rules.resolve(pod), draw=partial(uniform, 1)), 0
        )
        for pod in gang("Never")
    ]
    assert len({id(stage.sandbox) for stage in stages[:GANG] if stage is not None}) == 1
