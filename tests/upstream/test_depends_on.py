"""Counterparts of upstream's cases about dependsOn: whether a dependant's Jobs are created (C-DEP-*)."""

from __future__ import annotations

import pytest

from jobsim.api.batch import Job
from jobsim.testing import make_job, make_jobset, make_replicated_job
from tests.upstream.kit import Pass, cases, ready_job

case = cases("pkg/controllers/depends_on_test.go", "TestDependencyReachedStatus")


def jobs(name: str, states: str) -> list[Job]:
    """Return the Jobs of a replicated job: (r)eady, (s)ucceeded, or only there (.)."""
    makers = {"r": ready_job, "s": lambda n: make_job(n, succeeded=True), ".": make_job}
    return [makers[state](f"train-{name}-{i}") for i, state in enumerate(states)]


@pytest.mark.parametrize(
    ("depends_on", "there", "created"),
    [
        case("ReplicatedJob doesn't have any dependencies", None, {}, True),
        case("status for ReplicatedJob is nil", [("ghost", "Complete")], {"data": "ss"}, False),
        case("rJobStatuses is nil", [("data", "Ready")], {}, False),
        case(
            "depends on ReplicatedJob reaches complete status", [("data", "Complete")], {"data": "ss"}, True
        ),
        case(
            "one depends on ReplicatedJob doesn't reach complete status",
            [("data", "Complete"), ("model", "Complete")],
            {"data": "ss", "model": "r"},
            False,
        ),
        case(
            "two depends on ReplicatedJob doesn't reach complete status",
            [("data", "Complete"), ("model", "Complete")],
            {"data": "sr", "model": "r"},
            False,
        ),
        case("depends on ReplicatedJob reaches ready status", [("data", "Ready")], {"data": "rs"}, True),
        case(
            "one depends on ReplicatedJob doesn't reach ready status",
            [("data", "Ready"), ("model", "Ready")],
            {"data": "r.", "model": "r"},
            False,
        ),
        case(
            "two depends on ReplicatedJobs doesn't reach ready status",
            [("data", "Ready"), ("model", "Ready")],
            {"data": "..", "model": "."},
            False,
        ),
    ],
)
def test_a_dependant_waits_for_its_dependencies(
    depends_on: list[tuple[str, str]] | None, there: dict[str, str], created: bool
) -> None:
    """C-DEP-01: every item must hold, by exact counts; one without a status entry never does."""
    rjobs = [
        make_replicated_job("data", 2),
        make_replicated_job("model"),
        make_replicated_job("trainer", depends_on=depends_on),
    ]
    children = [job for name, states in there.items() for job in jobs(name, states)]
    done = Pass(make_jobset("train", replicated_jobs=rjobs), *children)
    assert ("train-trainer-0" in done.created) == created
