"""Counterparts of upstream's cases about the update webhook of JobSets (C-UPD-*)."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api._struct import replace
from jobsim.api.jobset import JobSet, JobSetStatus, ReplicatedJob
from jobsim.api.pod import Container, PodSchedulingGate, Toleration
from jobsim.controllers.admission.jobset_update import update_errors
from jobsim.testing import make_condition, make_jobset, make_replicated_job
from tests.upstream.kit import MAIN, cases, gates, with_job, with_pod, with_pod_meta

case = cases("pkg/webhooks/jobset_webhook_test.go", "TestValidateUpdate")
ELASTIC = gates(elastic_jobset=True)
IMMUTABLE = "spec.replicatedJobs: Invalid value: …: field is immutable"
W, PS = make_replicated_job("w"), make_replicated_job("ps")
PLACED = with_pod_meta(
    with_pod(W, node_selector={"pool": "a"}, tolerations=(Toleration(key="gpu", operator="Exists"),)),
    labels={"queue": "q"},
    annotations={"admitted": "yes"},
)
GATED = with_pod(W, scheduling_gates=(PodSchedulingGate(name="example.com/quota"),))


def old(*rjobs: ReplicatedJob, status: JobSetStatus | None = None, **fields: Any) -> JobSet:
    more = {} if status is None else {"status": status}
    return make_jobset("train", replicated_jobs=rjobs or (W,), **more, **fields)


new = old


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        case("update suspend", old(suspend=True), new(suspend=False), []),
        case("update labels", old(), new(labels={"team": "llm"}), []),
        case(
            "managedBy is immutable",
            old(managed_by="example.com/one"),
            new(managed_by="example.com/two"),
            ['spec.managedBy: Invalid value: "example.com/two": field is immutable'],
        ),
        case(
            "replicated job pod template can be updated for suspended jobset",
            old(suspend=True),
            new(PLACED, suspend=True),
            [],
        ),
        case(
            "replicated job pod template can be updated for jobset getting suspended",
            old(PLACED, suspend=False),
            new(W, suspend=True),
            [],
        ),
        case(
            "replicated job pod template cannot be updated for running jobset",
            old(suspend=False),
            new(PLACED, suspend=False),
            [IMMUTABLE],
        ),
        case(
            "schedulingGates for pod template can be updated for suspended JobSet",
            old(suspend=True),
            new(GATED, suspend=True),
            [],
        ),
        case(
            "schedulingGates for pod template cannot be updated for unsuspended JobSet",
            old(GATED),
            new(W),
            [IMMUTABLE],
        ),
        case("replicated job name cannot be updated", old(suspend=True), new(PS, suspend=True), [IMMUTABLE]),
        case(
            "adding a new ReplicatedJob while suspended does not panic and is rejected",
            old(W, suspend=True),
            new(W, PS, suspend=True),
            [IMMUTABLE],
        ),
    ],
)
def test_what_may_change(before: JobSet, after: JobSet, wanted: list[str]) -> None:
    """C-UPD-01..06; the gate of elastic JobSets takes nothing away and adds nothing here."""
    for each in (MAIN, ELASTIC):
        assert [error.short_text for error in update_errors(after, before, each)] == wanted


SIZE = "spec.replicatedJobs[{}].template.spec"
UNEQUAL = "completions must be equal to parallelism for Elastic Indexed Jobs"
OVER = "Cannot mutate parallelism or completions when JobSet is in a terminal state (Completed or Failed)"


def sized(
    parallelism: int | None, completions: int | None, rjob: ReplicatedJob = W, **more: Any
) -> ReplicatedJob:
    return with_job(rjob, parallelism=parallelism, completions=completions, **more)


def ended(type_: str) -> JobSetStatus:
    return JobSetStatus(restarts=0, conditions=(make_condition(type_),), terminal_state=type_)


OTHER_IMAGE = with_pod(sized(4, 4), containers=(Container(name="main", image="other"),))


@pytest.mark.parametrize(
    ("before", "after", "on", "wanted"),
    [
        case(
            "valid scaling of parallelism and completions",
            old(sized(2, 2), PS),
            new(sized(6, 6), PS),
            True,
            [],
        ),
        case(
            "invalid scaling of parallelism to < 1",
            old(sized(2, 2)),
            new(sized(0, 2)),
            True,
            [
                f"{SIZE.format(0)}.parallelism: Invalid value: 0: parallelism must be >= 1",
                f"{SIZE.format(0)}.completions: Invalid value: 2: {UNEQUAL}",
            ],
        ),
        case(
            "invalid scaling of completions to < 1",
            old(sized(2, 2)),
            new(sized(2, 0)),
            True,
            [
                f"{SIZE.format(0)}.completions: Invalid value: 0: completions must be >= 1",
                f"{SIZE.format(0)}.completions: Invalid value: 0: {UNEQUAL}",
            ],
        ),
        case(
            "cannot scale parallelism if JobSet is Completed",
            old(sized(2, 2), status=ended("Completed")),
            new(sized(3, 2)),
            True,
            [f"{SIZE.format(0)}: Forbidden: {OVER}"],
        ),
        case(
            "cannot scale completions if JobSet is Failed",
            old(PS, sized(2, 2), status=ended("Failed")),
            new(PS, sized(2, 3)),
            True,
            [f"{SIZE.format(1)}: Forbidden: {OVER}"],
        ),
        case(
            "immutability still enforced for other fields during valid scale",
            old(sized(2, 2)),
            new(OTHER_IMAGE),
            True,
            [IMMUTABLE],
        ),
        case(
            "invalid scaling of parallelism and completions when feature gate is disabled",
            old(sized(2, 2)),
            new(sized(3, 3)),
            False,
            [IMMUTABLE],
        ),
        case(
            "invalid scaling: parallelism and completions must be equal",
            old(sized(2, 2)),
            new(sized(3, 4)),
            True,
            [f"{SIZE.format(0)}.completions: Invalid value: 4: {UNEQUAL}"],
        ),
        # By name the sizes are 1 -> 1 and 5 -> 5: no scaling error although each place changed.
        case(
            "reordering ReplicatedJobs evaluates ElasticJobSet scaling correctly by name",
            old(sized(5, 5), sized(1, 1, PS), status=ended("Completed")),
            new(sized(1, 1, PS), sized(5, 5)),
            True,
            [IMMUTABLE],
        ),
        case(
            "invalid scaling: immutability enforced for NonIndexed jobs even when ElasticJobSet is enabled",
            old(sized(2, 2, completion_mode="NonIndexed")),
            new(sized(3, 3, completion_mode="NonIndexed")),
            True,
            [IMMUTABLE],
        ),
    ],
)
def test_sizes_of_an_elastic_jobset(before: JobSet, after: JobSet, on: bool, wanted: list[str]) -> None:
    """C-UPD-07, C-UPD-08."""
    after = replace(after, status=before.status)
    errors = update_errors(after, before, ELASTIC if on else MAIN)
    assert [error.short_text for error in errors] == wanted
