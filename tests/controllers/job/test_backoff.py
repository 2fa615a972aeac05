"""When failed pods are replaced: the record, the delay, the time at which a pod finished."""

from __future__ import annotations

import pytest

from jobsim.api._struct import Time
from jobsim.api.meta import Condition, ObjectMeta
from jobsim.api.pod import (
    Container,
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStatus,
    Pod,
    PodSpec,
    PodStatus,
)
from jobsim.controllers.job.backoff import Backoff, finish_time, record, remaining_ns
from jobsim.units import SECOND

OLD = Backoff(failures=2, last_failure=5)


@pytest.mark.parametrize(
    ("succeeded", "failed", "expected"),
    [
        pytest.param([], [], OLD, id="none"),
        pytest.param([], [9, 7], Backoff(failures=4, last_failure=9), id="failed"),
        pytest.param([6], [], Backoff(), id="succeeded"),
        pytest.param([6, 8], [7, 8, 9, 12], Backoff(failures=2, last_failure=12), id="both"),
        pytest.param([8], [8], Backoff(), id="at-once"),
    ],
)
def test_record(succeeded: list[int], failed: list[int], expected: Backoff) -> None:
    """K-JOB-50: after a success only later failures count."""
    assert record(OLD, succeeded, failed) == expected


@pytest.mark.parametrize(
    ("failures", "delay_s"),
    [(0, 0), (1, 10), (2, 20), (3, 40), (4, 80), (5, 160), (6, 320), (7, 600), (8, 600), (5000, 600)],
)
def test_delay(failures: int, delay_s: int) -> None:
    """K-JOB-51."""
    assert remaining_ns(Backoff(failures=failures, last_failure=3 * SECOND), 3 * SECOND) == delay_s * SECOND


def test_the_delay_runs_from_the_last_failure() -> None:
    backoff = Backoff(failures=1, last_failure=3 * SECOND)
    assert [remaining_ns(backoff, at * SECOND) for at in (9, 13, 99)] == [4 * SECOND, 0, 0]
    assert remaining_ns(Backoff(), 0) == 0


def state(at: int | None) -> ContainerState:
    """Return a container's state: ended at a second, or running."""
    if at is None:
        return ContainerState(running=ContainerStateRunning())
    return ContainerState(terminated=ContainerStateTerminated(exit_code=1, finished_at=Time(at)))


def pod(
    apps: tuple[int | None, ...],
    *,
    sidecar: int | None = None,
    conditions: tuple[Condition, ...] = (),
    deleted: int | None = None,
) -> Pod:
    """Return a pod whose containers ended at these times; ``sidecar`` 0 means it has none."""
    meta = ObjectMeta(name="p", creation_timestamp=Time(1))
    if deleted is not None:
        meta = ObjectMeta(
            name="p",
            creation_timestamp=Time(1),
            deletion_timestamp=Time(deleted + 30 * SECOND),
            deletion_grace_period_seconds=30,
        )
    init = () if sidecar == 0 else (Container(name="s", restart_policy="Always"), Container(name="i"))
    statuses = (
        ()
        if sidecar == 0
        else (
            ContainerStatus(name="s", state=state(sidecar)),
            ContainerStatus(name="i", state=state(999)),
        )
    )
    status = PodStatus(
        container_statuses=tuple(ContainerStatus(name="a", state=state(at)) for at in apps),
        init_container_statuses=statuses,
        conditions=conditions,
    )
    return Pod(metadata=meta, spec=PodSpec(init_containers=init), status=status)


UNREADY = Condition(type="Ready", status="False", last_transition_time=Time(50))
READY = Condition(type="Ready", status="True", last_transition_time=Time(50))
OTHER = Condition(type="PodScheduled", status="False", last_transition_time=Time(60))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(pod((7, 9), sidecar=0), 9, id="latest-container"),
        pytest.param(pod((7, 9), sidecar=12), 12, id="sidecar-ends-last"),
        pytest.param(pod((None,), sidecar=12), 12, id="sidecar-although-an-app-runs"),
        pytest.param(pod((7,), sidecar=None, conditions=(OTHER, UNREADY)), 50, id="a-sidecar-runs"),
        pytest.param(pod((7, None), sidecar=0, conditions=(UNREADY,)), 50, id="unready-since"),
        pytest.param(pod((None,), sidecar=0, conditions=(READY,), deleted=20), 20, id="deleted-at"),
        pytest.param(pod((), sidecar=0), 1, id="created-at"),
    ],
)
def test_finish_time(given: Pod, expected: int) -> None:
    """K-JOB-52."""
    assert finish_time(given) == expected
