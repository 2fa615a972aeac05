"""Elastic JobSets: active Jobs take on the template's size."""

from __future__ import annotations

import pytest

from jobsim.api._struct import replace
from jobsim.api.batch import Job
from jobsim.api.jobset import JOB_INDEX, JobSetStatus
from jobsim.api.plan import Plan
from jobsim.api.writes import Patch, Update
from jobsim.controllers import jobset
from jobsim.errors import ApiError
from jobsim.testing import carry_out, make_job, make_jobset, make_replicated_job

GATES = jobset.Gates(elastic_jobset=True)


def decide(
    size: tuple[int | None, int | None], *children: Job, gates: jobset.Gates = GATES, **more: object
) -> Plan:
    rjobs = [make_replicated_job("w", len(children), parallelism=size[0], completions=size[1])]
    train = make_jobset("train", replicated_jobs=rjobs, **more)  # type: ignore[arg-type]
    return jobset.reconcile(jobset.Seen(train, children, service_exists=True), 0, gates)


def patches(plan: Plan) -> list[object]:
    return [write.patch for write in carry_out(plan).writes if isinstance(write, Patch)]


@pytest.mark.parametrize(
    ("template", "job", "patch"),
    [
        ((3, 3), (1, 1), {"parallelism": 3, "completions": 3}),
        ((3, 3), (1, 3), {"parallelism": 3}),
        ((3, 3), (3, 1), {"completions": 3}),
        ((3, 3), (3, None), {"completions": 3}),
        ((3, 3), (3, 3), None),
        # C-ELA-03: sizes that differ are no valid wish.
        ((3, 2), (1, 1), None),
        ((3, None), (1, 1), None),
        ((None, 3), (1, 1), None),
        # C-ELA-04, C-BUG-47.
        ((None, None), (1, 1), {"parallelism": None, "completions": None}),
    ],
)
def test_the_patch_holds_what_differs(
    template: tuple[int | None, int | None],
    job: tuple[int | None, int | None],
    patch: dict[str, int | None] | None,
) -> None:
    """C-ELA-01 (erratum)."""
    plan = decide(template, make_job("train-w-0", parallelism=job[0], completions=job[1]))
    assert patches(plan) == ([] if patch is None else [{"spec": patch}])


def test_only_with_the_gate() -> None:
    """C-GAT-03."""
    assert patches(decide((3, 3), make_job("train-w-0"), gates=jobset.Gates())) == []


def test_only_active_jobs_of_known_replicated_jobs() -> None:
    """C-ELA-02."""
    old = make_job("train-w-0", restart_attempt=0)
    stranger = make_job("train-w-2", restart_attempt=1, replicated_job="x")
    bare = make_job("train-w-3", restart_attempt=1)
    bare = bare.with_meta(labels={"jobset.sigs.k8s.io/restart-attempt": "1", JOB_INDEX: "3"})
    mine = make_job("train-w-1", restart_attempt=1)
    plan = decide((3, 3), old, mine, stranger, bare, status=JobSetStatus(restarts=1))
    assert [w.name for w in carry_out(plan).writes if isinstance(w, Patch)] == ["train-w-1"]


def test_errors_are_joined_and_end_the_pass() -> None:
    """C-ELA-01: all are tried."""
    plan = decide((3, 3), make_job("train-w-0"), make_job("train-w-1"), make_job("train-w-2"))
    done = carry_out(plan, {1: ApiError("Conflict", "changed"), 3: ApiError("NotFound", "gone")})
    assert done.calls == ["patch Job train-w-0", "patch Job train-w-1", "patch Job train-w-2"]
    assert (done.finish.error or "").split("\n") == [
        'failed to patch job "train-w-0" for scaling: changed',
        'failed to patch job "train-w-2" for scaling: gone',
    ]


def test_later_updates_start_from_the_servers_answer() -> None:
    """C-ELA-04 (erratum): also its resourceVersion."""
    child = make_job("train-w-0", suspend=True)
    other = make_job("train-w-1", suspend=True, parallelism=3, completions=3)
    answer = replace(child, spec=replace(child.spec, parallelism=3, completions=3)).with_meta(
        resource_version="9"
    )
    plan = decide((3, 3), child, other)
    done = carry_out(plan, {1: answer})
    assert done.calls == [
        "patch Job train-w-0",
        "update Job train-w-0",
        "update Job train-w-1",
        "update-status JobSet train",
    ]
    update = done.writes[1]
    assert isinstance(update, Update)
    assert isinstance(update.obj, Job)
    assert (update.obj.spec.parallelism, update.obj.metadata.resource_version) == (3, "9")


def test_the_rest_of_the_pass_follows_the_patches() -> None:
    """C-CCH-07: patches before creates, and the conditions found before them are kept."""
    rjobs = [make_replicated_job("w", 2, parallelism=3, completions=3)]
    train = make_jobset("train", replicated_jobs=rjobs, in_order=True)
    plan = jobset.reconcile(jobset.Seen(train, [make_job("train-w-0")], service_exists=False), 0, GATES)
    done = carry_out(plan)
    assert done.calls == [
        "create Service train",
        "patch Job train-w-0",
        "create Job train-w-1",
        "update-status JobSet train",
    ]
    assert done.reasons == ["InOrderStartupPolicyInProgress"]


def test_an_error_after_the_patches_ends_the_pass_there() -> None:
    gates = jobset.Gates(elastic_jobset=True, in_place_restart=True)
    rjobs = [
        make_replicated_job("w", 1, parallelism=3, completions=3),
        make_replicated_job("x", 0, completions=None),
    ]
    train = make_jobset("train", replicated_jobs=rjobs, max_restarts=1, restart_strategy="InPlaceRestart")
    plan = jobset.reconcile(jobset.Seen(train, [make_job("train-w-0")], service_exists=True), 0, gates)
    done = carry_out(plan)
    assert done.calls == ["patch Job train-w-0"]
    assert (done.finish.error or "").startswith("x: in-place restart requires")


def test_the_continuation_is_a_value() -> None:
    """Two decisions about the same things are equal, patches and all."""
    children = [make_job("train-w-0", suspend=True)]
    assert decide((3, 3), *children) == decide((3, 3), *children)
