"""Counterparts of upstream's cases about the numbers that Jobs carry: global and by group (C-JOB-03)."""

from __future__ import annotations

import pytest

from jobsim.api.batch import Job
from jobsim.api.jobset import (
    GLOBAL_REPLICAS,
    GROUP_NAME,
    GROUP_REPLICAS,
    JOB_GLOBAL_INDEX,
    JOB_GROUP_INDEX,
    JobSetStatus,
)
from jobsim.testing import make_condition, make_job, make_jobset, make_replicated_job
from tests.upstream.kit import Pass, cases, ready_job

FILE = "pkg/controllers/jobset_controller_test.go"
#: Replicated jobs as (name, replicas, group).
Spec = list[tuple[str, int, str]]
ONE: Spec = [("w", 3, "default")]
SOME: Spec = [("ps", 2, "core"), ("eval", 1, "side"), ("w", 3, "core"), ("log", 2, "side")]


def labels(spec: Spec, key: str, *stray: Job) -> dict[str, str]:
    """Return a label of the Jobs that are made, by the Job's name without the JobSet's."""
    rjobs = [make_replicated_job(name, replicas, group_name=group) for name, replicas, group in spec]
    made = Pass(make_jobset("train", replicated_jobs=rjobs), *stray).made(Job)
    assert all(job.metadata.labels[key] == job.spec.template.metadata.labels[key] for job in made)
    return {job.name.removeprefix("train-"): job.metadata.labels[key] for job in made}


def stray(name: str, group: str = "default") -> Job:
    """Return an owned Job of a replicated job that the spec does not have."""
    return make_job(f"train-{name}", labels={GROUP_NAME: group})


def numbered(name: str, numbers: range) -> dict[str, str]:
    return {f"{name}-{i}": str(number) for i, number in enumerate(numbers)}


ALL_NUMBERED = {
    **numbered("ps", range(2)),
    **numbered("eval", range(2, 3)),
    **numbered("w", range(3, 6)),
    **numbered("log", range(6, 8)),
}
index = cases(FILE, "TestGlobalJobIndex")


@pytest.mark.parametrize(
    ("spec", "strays", "indexes"),
    [
        index("single replicated job", ONE, [], numbered("w", range(3))),
        index("multiple replicated jobs", SOME, [], ALL_NUMBERED),
        # A Job that no replicated job stands for has no number, and shifts none.
        index("replicated job not found", SOME, [stray("a-0"), stray("zz-9")], ALL_NUMBERED),
    ],
)
def test_the_number_among_all_jobs(spec: Spec, strays: list[Job], indexes: dict[str, str]) -> None:
    assert labels(spec, JOB_GLOBAL_INDEX, *strays) == indexes


replicas = cases(FILE, "TestGlobalReplicas")


@pytest.mark.parametrize(
    ("spec", "total"),
    [
        replicas("empty jobset", [], None),
        replicas("single replicated job", ONE, "3"),
        replicas("multiple replicated jobs", SOME, "8"),
    ],
)
def test_how_many_jobs_there_are(spec: Spec, total: str | None) -> None:
    """Without replicated jobs no Job tells it, and 0 of 0 Jobs are ready (C-REC-08)."""
    found = labels(spec, GLOBAL_REPLICAS)
    assert set(found.values()) == (set() if total is None else {total})
    assert len(found) == int(total or 0)
    status = JobSetStatus(restarts=0, conditions=(make_condition("RestartingJobSet"),))
    train = make_jobset("train", replicated_jobs={name: n for name, n, _ in spec}, status=status)
    jobs = [ready_job(f"train-{name}") for name in found]
    assert Pass(train, *jobs).says("RestartingJobSet") == ("False", "JobsReady", "all jobs are ready")
    if jobs:
        assert Pass(train, *jobs[1:]).condition("RestartingJobSet") == status.conditions[0]


GROUPED = {
    **numbered("ps", range(2)),
    **numbered("eval", range(1)),
    **numbered("w", range(2, 5)),
    **numbered("log", range(1, 3)),
}
group_index = cases(FILE, "TestGroupJobIndex")


@pytest.mark.parametrize(
    ("spec", "strays", "indexes"),
    [
        group_index("single replicated job in group", ONE, [], numbered("w", range(3))),
        group_index("multiple replicated jobs in group", SOME, [], GROUPED),
        # "eval" lies between two of "core" and is not counted there.
        group_index(
            "replicated job not found in group",
            [("ps", 1, "core"), ("eval", 5, "side"), ("w", 1, "core")],
            [],
            {**numbered("ps", range(1)), **numbered("eval", range(5)), **numbered("w", range(1, 2))},
        ),
        group_index("replicated job doesn't exist", SOME, [stray("a-0", "core")], GROUPED),
        group_index("group doesn't exit", SOME, [stray("a-0", "nobodys"), stray("ps-2", "nobodys")], GROUPED),
    ],
)
def test_the_number_within_a_group(spec: Spec, strays: list[Job], indexes: dict[str, str]) -> None:
    assert labels(spec, JOB_GROUP_INDEX, *strays) == indexes


group_replicas = cases(FILE, "TestGroupReplicas")


@pytest.mark.parametrize(
    ("spec", "totals"),
    [
        group_replicas("empty jobset", [], {}),
        group_replicas("single replicated job in group", ONE, {"w": "3"}),
        group_replicas(
            "multiple replicated jobs in group", [("a", 2, "g"), ("b", 5, "g")], {"a": "7", "b": "7"}
        ),
        group_replicas(
            "multiple groups, replicas in target group", SOME, {"ps": "5", "w": "5", "eval": "3", "log": "3"}
        ),
        group_replicas(
            "multiple groups, no replicas in target group",
            [("a", 0, "g"), ("b", 4, "h"), ("c", 0, "g")],
            {"b": "4"},
        ),
    ],
)
def test_how_many_jobs_a_group_has(spec: Spec, totals: dict[str, str]) -> None:
    found = labels(spec, GROUP_REPLICAS)
    assert {name.rpartition("-")[0]: total for name, total in found.items()} == totals
