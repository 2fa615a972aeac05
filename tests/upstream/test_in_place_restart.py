"""Counterparts of upstream's cases about in-place restart: what counts, and the two attempts (C-IPR-*)."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api.jobset import IN_PLACE_RESTART_ATTEMPT, JOBSET_NAME, JobSetStatus, ReplicatedJob
from jobsim.api.pod import ContainerStatus, Phase, Pod, PodStatus
from jobsim.controllers import jobset
from jobsim.testing import make_jobset, make_pod, make_replicated_job
from tests.upstream.kit import Pass, cases, entry, gates, table

FILE = "pkg/controllers/in_place_restart_test.go"
GATES = gates(in_place_restart=True)
INVALID = f"invalid value for annotation {IN_PLACE_RESTART_ATTEMPT}, must be non-negative integer"


def pod(
    attempt: str | int | None = None,
    *,
    restarts: tuple[int, ...] = (),
    init: tuple[int, ...] = (),
    phase: Phase = "Running",
    name: str = "train-w-0-0-abcde",
    jobset: str = "train",
) -> Pod:
    """Return a worker pod: what its agent announced, and how often its containers restarted."""

    def statuses(counts: tuple[int, ...]) -> tuple[ContainerStatus, ...]:
        return tuple(ContainerStatus(name=f"c{i}", restart_count=n) for i, n in enumerate(counts))

    status = PodStatus(container_statuses=statuses(restarts), init_container_statuses=statuses(init))
    annotations = {} if attempt is None else {IN_PLACE_RESTART_ATTEMPT: str(attempt)}
    labels = {JOBSET_NAME: jobset}
    return make_pod(name, phase=phase, labels=labels, annotations=annotations, status=status)


def run(
    pods: list[Pod],
    *,
    workers: int = 2,
    rjobs: list[ReplicatedJob] | None = None,
    maximum: int = 5,
    previous: int | None = None,
    current: int | None = None,
    restarts: int = 0,
    counted: int = 0,
    strategy: str = "InPlaceRestart",
) -> Pass:
    rjobs = rjobs or [make_replicated_job("w", parallelism=workers, completions=workers)]
    names = sorted((rjob.name for rjob in rjobs), reverse=True)
    status = JobSetStatus(
        restarts=restarts,
        restarts_count_towards_max=counted,
        replicated_jobs_status=tuple(entry(name) for name in names),
        previous_in_place_restart_attempt=previous,
        current_in_place_restart_attempt=current,
    )
    train = make_jobset(
        "train", replicated_jobs=rjobs, max_restarts=maximum, restart_strategy=strategy, status=status
    )
    return Pass(train, gates=GATES, pods=pods)


def attempts(done: Pass) -> tuple[int | None, int | None]:
    """Return the attempts, previous and current."""
    return done.status.previous_in_place_restart_attempt, done.status.current_in_place_restart_attempt


def fails(done: Pass) -> bool:
    if done.status.terminal_state == "Failed":
        text = "jobset failed due to reaching max number of restarts"
        assert done.says("Failed") == ("True", "ReachedMaxRestarts", text)
        return True
    return False


strategy_case = cases(FILE, "TestIsInPlaceRestartStrategy")


@pytest.mark.parametrize(
    ("strategy", "after"),
    [
        strategy_case("in-place restart strategy", "InPlaceRestart", (None, 0)),
        strategy_case("recreate strategy", "Recreate", (None, None)),
    ],
)
def test_the_strategy_decides(strategy: str, after: tuple[int | None, int | None]) -> None:
    """C-RST-03, C-IPR-01."""
    assert attempts(run([pod(0), pod(0)], strategy=strategy)) == after


count_case = cases(FILE, "TestGetMaxContainerRestartCount")


@pytest.mark.parametrize(
    ("pods", "highest"),
    [
        count_case("single pod single container", [pod(restarts=(4,))], 4),
        count_case("multiple pods multiple containers", [pod(restarts=(1, 6)), pod(restarts=(2, 3))], 6),
        count_case("init containers", [pod(restarts=(2,), init=(1, 5)), pod(init=(3,))], 5),
        count_case("no pods", [], 0),
    ],
)
def test_the_highest_restart_count_of_a_container(pods: list[Pod], highest: int) -> None:
    """C-IPR-03, C-IPR-04: allowed up to maxRestarts."""
    assert not fails(run(pods, maximum=highest))
    assert fails(run(pods, maximum=highest - 1))


announced = cases(FILE, "TestGetInPlaceRestartAttempts")


@pytest.mark.parametrize(
    ("pods", "workers", "after", "error"),
    [
        announced("pods with valid annotations", [pod(3), pod("+3")], 2, (None, 3), None),
        announced("pods with missing annotations", [pod(1), pod()], 1, (None, 1), None),
        announced("pods with invalid integer annotations", [pod(1), pod("two")], 2, (None, None), INVALID),
        announced("pods with negative integer annotations", [pod(-1), pod(1)], 2, (None, None), INVALID),
        announced("failed pod is skipped", [pod(4, phase="Failed"), pod(2)], 1, (None, 2), None),
        announced("no pods", [], 1, (None, None), None),
    ],
)
def test_the_attempts_that_are_announced(
    pods: list[Pod], workers: int, after: tuple[int | None, int | None], error: str | None
) -> None:
    """C-IPR-05: the JobSet moves to an attempt that as many pods as it has announce, no more, no fewer."""
    done = run(pods, workers=workers)
    assert done.error == error
    assert attempts(done) == after


limit = cases(FILE, "TestExceededMaxRestarts")


@pytest.mark.parametrize(
    ("attempt", "maximum", "restarts", "counted", "exceeded"),
    [
        limit("max restarts exceeded with 0 job recreations", 4, 3, 0, 0, True),
        limit("max restarts not exceeded with 0 job recreations", 3, 3, 0, 0, False),
        limit("max restarts exceeded with 1 job recreation", 4, 3, 1, 1, True),
        limit("max restarts not exceeded with 1 job recreation", 3, 3, 1, 1, False),
        limit("max restarts exceeded with uncounted restarts", 6, 3, 3, 1, True),
        limit("max restarts not exceeded with uncounted restarts", 5, 3, 3, 1, False),
    ],
)
def test_restarts_are_used_up(
    attempt: int, maximum: int, restarts: int, counted: int, exceeded: bool
) -> None:
    """C-IPR-06: a recreation raises the attempt as well; one that does not count is taken off."""
    pods = [pod(attempt), pod(attempt)]
    assert fails(run(pods, maximum=maximum, restarts=restarts, counted=counted)) == exceeded


def rjob(name: str, replicas: int, parallelism: int | None, completions: int | None) -> ReplicatedJob:
    return make_replicated_job(name, replicas, parallelism=parallelism, completions=completions)


REQUIRES = "in-place restart requires jobTemplate.spec.completions == jobTemplate.spec.parallelism != nil"
total = cases(FILE, "TestGetTotalNumberOfPods")


@pytest.mark.parametrize(
    ("rjobs", "count", "error"),
    [
        total("valid replicated jobs", [rjob("a", 2, 3, 3), rjob("b", 1, 4, 4)], 10, None),
        total(
            "invalid replicated job (completions != parallelism)",
            [rjob("a", 1, 1, 1), rjob("b", 1, 4, 5)],
            None,
            f"b: {REQUIRES}",
        ),
        total(
            "invalid replicated job (nil completions)",
            [rjob("a", 1, 1, None), rjob("b", 1, 1, 1)],
            None,
            f"a: {REQUIRES}",
        ),
    ],
)
def test_how_many_pods_are_expected(rjobs: list[ReplicatedJob], count: int | None, error: str | None) -> None:
    """C-IPR-07."""
    for there in range(8, 12):
        done = run([pod(1)] * there, rjobs=rjobs)
        assert done.error == error
        assert attempts(done) == ((None, None) if error else (None, 1) if there == count else (0, None))


equal = cases(FILE, "TestAllEqual")


@pytest.mark.parametrize(
    ("announced", "after"),
    [
        equal("empty slice", [], (None, None)),
        equal("single value", [7], (None, 7)),
        equal("all equal values", [5, 5, 5], (None, 5)),
        equal("different values", [5, 5, 4], (4, None)),
    ],
)
def test_all_pods_in_one_attempt(announced: list[int], after: tuple[int | None, int | None]) -> None:
    """C-IPR-08, C-IPR-10."""
    done = run([pod(n) for n in announced], workers=len(announced) or 1, maximum=9)
    assert attempts(done) == after


associated = cases(FILE, "TestGetAssociatedPods")


@pytest.mark.parametrize(
    ("pods", "found"),
    [
        associated("pods associated with jobset", [pod(name="b"), pod(name="a")], ["a", "b"]),
        associated(
            "some pods not associated with jobset",
            [pod(name="a"), pod(name="b", jobset="eval"), make_pod("c")],
            ["a"],
        ),
        associated("no pods", [], []),
    ],
)
def test_the_pods_of_a_jobset(pods: list[Pod], found: list[str]) -> None:
    """C-IPR-02: told by label and namespace alone."""
    train: Any = make_jobset("train", restart_strategy="InPlaceRestart")
    elsewhere = make_pod("d", namespace="elsewhere", labels={JOBSET_NAME: "train"})
    seen = jobset.observe(table(train, elsewhere, *pods), "default", "train", GATES)
    assert seen is not None
    assert [found.name for found in seen.pods] == found


current_case = cases(FILE, "TestUpdateCurrentInPlaceRestartAttempt")
previous_case = cases(FILE, "TestUpdatePreviousInPlaceRestartAttempt")


@pytest.mark.parametrize(
    ("announced", "before", "after"),
    [
        current_case("update status", [2, 2], (1, 1), (1, 2)),
        current_case("no update needed", [2, 2], (1, 2), None),
        current_case(
            "nil current attempt (all attempts 0) (JobSet synced for the first time since creation)",
            [0, 0],
            (None, None),
            (None, 0),
        ),
        previous_case("update status (max - 1 > current)", [1, 3], (1, 1), (2, 1)),
        previous_case("no update needed (max - 1 == current)", [1, 2], (1, 1), None),
        previous_case("no update needed (max - 1 < current)", [1, 2], (3, 3), None),
        previous_case("empty attempts", [], (1, 2), None),
        previous_case("empty previous attempt (first restart)", [0, 1], (None, 0), (0, 0)),
    ],
)
def test_the_attempts_move_on(
    announced: list[int], before: tuple[int | None, int | None], after: tuple[int | None, int | None] | None
) -> None:
    """C-IPR-08..10; where nothing moves nothing is written."""
    done = run([pod(n) for n in announced], previous=before[0], current=before[1])
    assert attempts(done) == (after or before)
    assert (done.plan.status is None) == (after is None)


whole = cases(FILE, "TestReconcileInPlaceRestart")
WAITING = (
    "No need to fail JobSet or update status (JobSet just got created and is waiting for Pods to become in "
    "sync)"
)
ONE_RESTARTED = (
    "Updated previous in-place restart attempt because all Pods were in sync but one of them just restarted"
)
IN_SYNC = "Current in-place restart attempt was updated because all Pods are in sync "


@pytest.mark.parametrize(
    ("pods", "before", "after", "failed"),
    [
        whole(
            "JobSet failed because a container exceeded max restarts",
            [pod(0, restarts=(0, 6)), pod(0)],
            (None, None),
            (None, None),
            True,
        ),
        whole(
            "JobSet failed because a Pod in-place restart attempt exceeded max restarts",
            [pod(5), pod(6)],
            (4, 5),
            (4, 5),
            True,
        ),
        whole(
            f"{IN_SYNC}(Pod synced for the first time ever)",
            [pod(0), pod(0)],
            (None, None),
            (None, 0),
            False,
        ),
        whole(
            f"{IN_SYNC}(Pod just finished syncing after the first restart)",
            [pod(1, restarts=(1,)), pod(1, restarts=(1,))],
            (0, 0),
            (0, 1),
            False,
        ),
        whole(WAITING, [], (None, None), (None, None), False),
        whole(WAITING, [pod()], (None, None), (None, None), False),
        whole(WAITING, [pod(), pod(0)], (None, None), (None, None), False),
        whole(WAITING, [pod(0)], (None, None), (None, None), False),
        whole(ONE_RESTARTED, [pod(0), pod(1, restarts=(1,))], (None, 0), (0, 0), False),
        whole(ONE_RESTARTED, [pod(2, restarts=(2,)), pod(1)], (0, 1), (1, 1), False),
    ],
)
def test_a_whole_pass(
    pods: list[Pod],
    before: tuple[int | None, int | None],
    after: tuple[int | None, int | None],
    failed: bool,
) -> None:
    """C-IPR-03..10, C-IPR-11: the attempts are plain status, without condition or event."""
    done = run(pods, previous=before[0], current=before[1])
    assert attempts(done) == after
    assert fails(done) == failed
    assert (done.plan.status is not None) == (failed or after != before)
    assert done.reasons == (["ReachedMaxRestarts"] if failed else [])
