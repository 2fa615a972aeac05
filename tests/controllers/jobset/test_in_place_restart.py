"""In-place restart, the controller's side."""

from __future__ import annotations

import pytest

from jobsim.api._struct import replace
from jobsim.api.jobset import IN_PLACE_RESTART_ATTEMPT, JobSetStatus
from jobsim.api.plan import Plan
from jobsim.api.pod import ContainerStatus, Pod, PodStatus
from jobsim.controllers import jobset
from jobsim.errors import ApiError
from jobsim.testing import carry_out, make_condition, make_job, make_jobset, make_pod, make_replicated_job

GATES = jobset.Gates(in_place_restart=True)
FULL = [make_replicated_job("w", 2, parallelism=2, completions=2)]


def pods(*attempts: str | None, **status: object) -> list[Pod]:
    return [
        make_pod(
            f"train-w-0-{i}-abcde",
            phase="Running",
            annotations={} if attempt is None else {IN_PLACE_RESTART_ATTEMPT: attempt},
            status=PodStatus(**status),  # type: ignore[arg-type]
        )
        for i, attempt in enumerate(attempts)
    ]


def decide(
    seen_pods: list[Pod],
    *,
    gates: jobset.Gates = GATES,
    max_restarts: int = 3,
    status: JobSetStatus | None = None,
    **more: object,
) -> Plan:
    base = status or JobSetStatus(restarts=0)
    children = [
        make_job(f"train-w-{i}", restart_attempt=base.restarts, parallelism=2, completions=2)
        for i in range(2)
    ]
    train = make_jobset(
        "train",
        **{"replicated_jobs": FULL, **more},  # type: ignore[arg-type]
        max_restarts=max_restarts,
        restart_strategy="InPlaceRestart",
        status=base,
    )
    seen = jobset.Seen(train, children, service_exists=True, pods=seen_pods)
    return jobset.reconcile(seen, 0, gates)


def attempts_of(plan: Plan) -> tuple[int | None, int | None]:
    assert plan.status is not None
    status: JobSetStatus = plan.status.obj.status  # type: ignore[attr-defined]
    return status.previous_in_place_restart_attempt, status.current_in_place_restart_attempt


def stored(previous: int | None = None, current: int | None = None, **more: int) -> JobSetStatus:
    return JobSetStatus(
        **{"restarts": 0, **more},  # type: ignore[arg-type]
        previous_in_place_restart_attempt=previous,
        current_in_place_restart_attempt=current,
    )


@pytest.mark.parametrize(
    ("attempts", "before", "after"),
    [
        # C-IPR-08: all there and equal.
        (("0", "0", "0", "0"), (None, None), (None, 0)),
        (("2", "+2", "02", "2"), (1, 1), (1, 2)),
        (("1", "1", "1", "1"), (None, 5), (None, 1)),
        # C-IPR-09: nothing to say yet.
        ((), (None, None), (None, None)),
        (("0", "0"), (None, None), (None, None)),
        ((None, None, "0", None), (None, 0), (None, 0)),
        # C-IPR-10: some are ahead.
        (("1", "0", "0", "0"), (None, 0), (0, 0)),
        (("3", "1", "1"), (0, 1), (2, 1)),
        (("1", "0"), (4, 1), (4, 1)),
        (("5", "5", "5", "5", "5"), (None, 1), (4, 1)),
    ],
)
def test_attempts_move_on(
    attempts: tuple[str | None, ...],
    before: tuple[int | None, int | None],
    after: tuple[int | None, int | None],
) -> None:
    plan = decide(pods(*attempts), max_restarts=9, status=stored(*before))
    assert attempts_of(plan) == after
    assert carry_out(plan).reasons == []


def test_an_unchanged_attempt_writes_nothing() -> None:
    """C-IPR-11."""
    first = decide(pods("1", "1", "1", "1"), status=stored(0, 1))
    assert first.status is not None
    again = decide(pods("1", "1", "1", "1"), status=first.status.obj.status)  # type: ignore[attr-defined]
    assert again.status is None


@pytest.mark.parametrize("where", ["container_statuses", "init_container_statuses"])
@pytest.mark.parametrize(
    ("count", "phase", "fails"), [(3, "Running", False), (4, "Running", True), (4, "Failed", True)]
)
def test_a_container_that_restarts_too_often_fails_the_jobset(
    where: str, count: int, phase: str, fails: bool
) -> None:
    """C-IPR-03, C-IPR-04: the message names no Job."""
    pod = make_pod(
        "p", phase=phase, status=PodStatus(**{where: (ContainerStatus(name="c", restart_count=count),)})
    )  # type: ignore[arg-type]
    plan = decide([pod])
    assert plan.status is not None
    assert carry_out(plan).reasons == (["ReachedMaxRestarts"] if fails else [])
    if fails:
        (condition,) = plan.status.obj.status.conditions  # type: ignore[attr-defined]
        assert condition.message == "jobset failed due to reaching max number of restarts"
        assert carry_out(plan).counters == ["jobset_failed_total"]


@pytest.mark.parametrize(
    ("attempt", "restarts", "counted", "fails"),
    [("3", 0, 0, False), ("4", 0, 0, True), ("4", 1, 1, True), ("4", 1, 0, False), ("6", 2, 0, True)],
)
def test_too_many_attempts_fail_the_jobset(attempt: str, restarts: int, counted: int, fails: bool) -> None:
    """C-IPR-06: uncounted restarts are subtracted."""
    status = JobSetStatus(restarts=restarts, restarts_count_towards_max=counted)
    done = carry_out(decide(pods(attempt), status=status))
    assert done.reasons == (["ReachedMaxRestarts"] if fails else [])


@pytest.mark.parametrize("text", ["x", "-1", "1.0", "", "1_0"])
def test_a_bad_attempt_is_an_error(text: str) -> None:
    """C-IPR-05: also where everything else would have been fine."""
    plan = decide(pods("0", "0", "0", text))
    assert plan.error == (
        "invalid value for annotation jobset.sigs.k8s.io/in-place-restart-attempt, "
        "must be non-negative integer"
    )
    assert plan.status is None


def test_failed_pods_do_not_take_part() -> None:
    """C-IPR-05: their copies may be there already."""
    failed = replace(pods("x")[0], status=PodStatus(phase="Failed"))
    plan = decide([failed, *pods("0", "0", "0", "0")])
    assert attempts_of(plan) == (None, 0)


@pytest.mark.parametrize(("parallelism", "completions"), [(None, None), (2, None), (None, 2), (2, 3)])
def test_pods_that_cannot_be_counted_are_an_error(parallelism: int | None, completions: int | None) -> None:
    """C-IPR-07."""
    rjobs = [make_replicated_job("w", 2, parallelism=parallelism, completions=completions)]
    plan = decide([], replicated_jobs=rjobs)
    assert plan.error == (
        "w: in-place restart requires jobTemplate.spec.completions == jobTemplate.spec.parallelism != nil"
    )


def test_without_the_gate_nothing_of_it_happens() -> None:
    """C-REC-15, C-AGT-09, C-BUG-42."""
    plan = decide(pods("7", "7", "7", "7"), gates=jobset.Gates())
    assert attempts_of(plan) == (None, None)


def test_it_runs_while_suspended_and_after_the_writes() -> None:
    """C-IPR-01, C-MET-02: a failed write keeps the counter where it is."""
    plan = decide(pods("9"), suspend=True)
    done = carry_out(plan)
    assert done.calls[-1] == "update-status JobSet train"
    assert done.counters == ["jobset_failed_total"]
    failed = carry_out(plan, {1: ApiError("Conflict", "changed")})
    assert (failed.counters, failed.finish.error) == ([], "changed")


def test_failing_in_place_ends_the_restart() -> None:
    """C-CND-16."""
    condition = make_condition("RestartingJobSet", reason="x")
    done = carry_out(decide(pods("9"), status=JobSetStatus(restarts=0, conditions=(condition,))))
    assert done.reasons == ["ReachedMaxRestarts", "JobSetFailed"]
