"""Pod rules: matching, first match wins key by key, defaults read from commands."""

from __future__ import annotations

import pytest

from jobsim.api._struct import replace
from jobsim.api.meta import ObjectMeta
from jobsim.api.pod import Container, Pod, PodSpec
from jobsim.laws import Fixed
from jobsim.units import MILLISECOND, SECOND
from jobsim.workload.behaviour import (
    COMPLETION_INDEX,
    ExitShare,
    PodMatch,
    PodRule,
    PodRules,
    parse_ranges,
    resolve,
)

LABELS = {
    "jobset.sigs.k8s.io/jobset-name": "train",
    "jobset.sigs.k8s.io/replicatedjob-name": "workers",
    "jobset.sigs.k8s.io/job-index": "2",
    "jobset.sigs.k8s.io/restart-attempt": "1",
    COMPLETION_INDEX: "7",
    "role": "ps",
}


def _sleep(n: int) -> Fixed:
    return Fixed(value=n * SECOND)


def _pod(*commands: str, init: tuple[str, ...] = (), labels: dict[str, str] = LABELS) -> Pod:
    def containers(texts: tuple[str, ...]) -> tuple[Container, ...]:
        return tuple(
            Container(name=f"c{i}", command=tuple(text.split(" ", 2))) for i, text in enumerate(texts)
        )

    return Pod(
        metadata=ObjectMeta(name="p", labels=labels),
        spec=PodSpec(containers=containers(commands or ("python",)), init_containers=containers(init)),
    )


@pytest.mark.parametrize(
    ("match", "hit"),
    [
        (PodMatch(), True),
        (PodMatch(jobset="train", replicated_job="workers"), True),
        (PodMatch(jobset="other"), False),
        (PodMatch(replicated_job="driver"), False),
        (PodMatch(job_index=((0, 3),)), True),
        (PodMatch(job_index=((0, 1), (3, 9))), False),
        (PodMatch(index=((7, 7),)), True),
        (PodMatch(index=((0, 10**12),)), True),
        (PodMatch(index=((8, 10**12),)), False),
        (PodMatch(attempt=((1, 1),)), True),
        (PodMatch(attempt=((0, 0),)), False),
        (PodMatch(labels={"role": "ps"}), True),
        (PodMatch(labels={"role": "ps", "tier": ""}), False),
    ],
)
def test_match(match: PodMatch, hit: bool) -> None:
    behaviour = resolve((PodRule(match=match, start=_sleep(9)),), _pod())
    assert (behaviour.start == _sleep(9)) is hit


def test_pod_of_no_jobset_is_in_attempt_0_and_has_no_index() -> None:
    pod = _pod(labels={})
    assert resolve((PodRule(match=PodMatch(attempt=((0, 0),)), start=_sleep(9)),), pod).start == _sleep(9)
    assert resolve((PodRule(match=PodMatch(index=((0, 10**9),)), start=_sleep(9)),), pod).start == _sleep(1)


def test_first_match_wins_key_by_key() -> None:
    rules = (
        PodRule(match=PodMatch(job_index=((2, 2),)), run=_sleep(5)),
        PodRule(match=PodMatch(jobset="other"), run=_sleep(6), stop=_sleep(6)),
        PodRule(run="forever", exit=(ExitShare(code=3),), ready=_sleep(7), pull=_sleep(8)),
    )
    got = resolve(rules, _pod())
    assert (got.run, got.programs[0].exit, got.ready, got.pull) == (
        _sleep(5),
        (ExitShare(code=3),),
        _sleep(7),
        _sleep(8),
    )
    assert (got.start, got.stop) == (_sleep(1), Fixed(value=500 * MILLISECOND))


@pytest.mark.parametrize(
    ("commands", "runs", "codes"),
    [
        (("python",), [_sleep(60)], [0]),
        (("sleep 100",), [_sleep(100)], [0]),
        (("sleep infinity",), ["forever"], [0]),
        (("sh -c sleep 5; exit 4", "sleep 20"), [_sleep(5), _sleep(20)], [4, 0]),
        (("python", "sleep 20"), [_sleep(20), _sleep(20)], [0, 0]),
        (("python", "sleep infinity"), ["forever", "forever"], [0, 0]),
    ],
)
def test_without_a_run_rule_each_container_follows_its_command(
    commands: tuple[str, ...], runs: list[object], codes: list[int]
) -> None:
    got = resolve((), _pod(*commands))
    assert [p.run for p in got.programs] == runs
    assert [p.exit[0].code for p in got.programs] == codes
    assert not got.shared_run


def test_rules_speak_of_all_containers_run_and_of_the_first_ones_exit() -> None:
    rule = PodRule(run="workload", exit=(ExitShare(code=1),))
    got = resolve((rule,), _pod("python", "sh -c exit 9"))
    assert [p.run for p in got.programs] == ["workload", "workload"]
    assert [p.exit[0].code for p in got.programs] == [1, 9]
    assert got.shared_run


def test_init_containers_follow_their_command_or_take_no_time() -> None:
    got = resolve((PodRule(run=_sleep(5)),), _pod(init=("sh -c sleep 3; exit 2", "fetch")))
    assert [(p.run, p.exit[0].code) for p in got.init_programs] == [(_sleep(3), 2), (_sleep(0), 0)]


def test_pods_that_behave_alike_share_one_object() -> None:
    rules = PodRules((PodRule(match=PodMatch(index=((3, 3),)), start=_sleep(2)),))
    a, b = _pod("sleep 5"), _pod("sleep 5", labels={**LABELS, COMPLETION_INDEX: "8"})
    assert rules.resolve(a) is rules.resolve(b)
    other = replace(a, metadata=replace(a.metadata, labels={**LABELS, COMPLETION_INDEX: "3"}))
    assert rules.resolve(other).start == _sleep(2)
    # The same commands, split otherwise between init and app containers.
    assert len(rules.resolve(_pod("sleep 5", "sleep 5")).programs) == 2
    assert len(rules.resolve(_pod("sleep 5", init=("sleep 5",))).programs) == 1


@pytest.mark.parametrize(
    ("value", "ranges"),
    [(3, ((3, 3),)), ("4", ((4, 4),)), ("0-3", ((0, 3),)), ("0-3, 7", ((0, 3), (7, 7)))],
)
def test_parse_ranges(value: int | str, ranges: tuple[tuple[int, int], ...]) -> None:
    assert parse_ranges(value) == ranges


@pytest.mark.parametrize("value", [-1, True, "", "3-", "-3", "5-2", "a", "1,,2", "9" * 30, 1.5, None])
def test_parse_ranges_refuses(value: object) -> None:
    with pytest.raises(ValueError, match="allowed"):
        parse_ranges(value)  # type: ignore[arg-type]
