"""The order of a pass, and that it is a pure decision."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Callable

import pytest

from jobsim.api import codec
from jobsim.api._struct import replace
from jobsim.api.batch import Job, JobStatus
from jobsim.api.jobset import FailurePolicyRule, JobSet, JobSetStatus, RetentionPolicy, VolumeClaimPolicy
from jobsim.api.meta import ObjectMeta
from jobsim.api.plan import NOTHING
from jobsim.api.volume import PersistentVolumeClaim
from jobsim.controllers import jobset
from jobsim.controllers.jobset import Gates, Seen, reconcile
from jobsim.errors import ApiError
from jobsim.testing import carry_out, make_condition, make_job, make_jobset
from jobsim.units import seconds

ALL_GATES = Gates(in_place_restart=True, restart_job=True, elastic_jobset=True)
CLAIMS = VolumeClaimPolicy(
    templates=(PersistentVolumeClaim(metadata=ObjectMeta(name="data")),),
    retention_policy=RetentionPolicy(when_deleted="Delete"),
)
READY = JobStatus(ready=1, active=1)


def busy() -> Seen:
    """A JobSet in the middle of a restart, with something to do in every step."""
    train = make_jobset(
        "train",
        replicated_jobs={"a": 3, "b": 1},
        max_restarts=5,
        volume_claim_policies=[CLAIMS],
        status=JobSetStatus(restarts=1, conditions=(make_condition("Suspended"),)),
    )
    children = [
        make_job("train-a-0", restart_attempt=0),
        make_job("train-a-1", restart_attempt=1, suspend=True),
    ]
    return Seen(train, children)


def restarting() -> Seen:
    rules = [FailurePolicyRule(name="r", action="RestartJobSet", on_job_failure_message_patterns=("limit",))]
    train = make_jobset("train", replicated_jobs={"w": 3}, max_restarts=2, rules=rules)
    return Seen(train, [make_job(f"train-w-{i}", failed=i > 0, at=i) for i in range(3)])


def completing() -> Seen:
    return Seen(make_jobset("train"), [make_job("train-w-0", succeeded=True)])


def expired() -> Seen:
    status = JobSetStatus(restarts=0, conditions=(make_condition("Completed"),))
    return Seen(make_jobset("train", ttl_s=1, status=status), [make_job("train-w-0")])


def broken() -> Seen:
    return Seen(make_jobset("train", network=None), [make_job("train-w-0")])


def elastic() -> Seen:
    train = make_jobset("train", suspend=True)
    return Seen(train, [make_job("train-w-0", parallelism=2, completions=2)], service_exists=True)


CASES = [busy, restarting, completing, expired, broken, elastic]


def test_the_order_of_writes() -> None:
    """C-CCH-07."""
    assert carry_out(reconcile(busy(), 0, Gates())).calls == [
        "delete Job train-a-0",
        "create Service train",
        "create PersistentVolumeClaim data-train",
        "create Job train-a-2",
        "create Job train-b-0",
        "update Job train-a-1",
        "update-status JobSet train",
    ]


@pytest.mark.parametrize("failing", range(1, 8))
def test_nothing_follows_an_error(failing: int) -> None:
    """C-REC-17, appendix B 3: no later step, no status, none of the queued events."""
    plan = reconcile(busy(), 0, Gates())
    calls = carry_out(plan).calls
    done = carry_out(plan, {failing: ApiError("InternalError", "down")})
    assert done.calls == calls[:failing]
    assert (done.finish.error or "").endswith("down")
    assert "ResumeJobs" not in done.reasons


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("gates", [Gates(), ALL_GATES, Gates(version="main")])
def test_a_decision_is_repeatable_and_changes_nothing(case: Callable[[], Seen], gates: Gates) -> None:
    seen = case()
    before = codec.encode(seen.jobset), [codec.encode(job) for job in seen.children]
    first, second = reconcile(seen, seconds(9), gates), reconcile(seen, seconds(9), gates)
    assert first == second
    assert first == reconcile(copy.deepcopy(seen), seconds(9), gates)
    assert carry_out(first) == carry_out(second)
    assert (codec.encode(seen.jobset), [codec.encode(job) for job in seen.children]) == before


@pytest.mark.parametrize("case", CASES)
def test_the_order_of_labels_and_annotations_does_not_matter(case: Callable[[], Seen]) -> None:
    """Maps have no order: a decision sees their entries alone."""

    def turned(job: Job) -> Job:
        meta = job.metadata
        return job.with_meta(
            labels=dict(reversed(list(meta.labels.items()))),
            annotations=dict(reversed(list(meta.annotations.items()))),
        )

    seen = case()
    other = replace(seen, children=[turned(job) for job in seen.children])
    assert carry_out(reconcile(seen, 0, ALL_GATES)) == carry_out(reconcile(other, 0, ALL_GATES))


@pytest.mark.parametrize(
    "train",
    [
        make_jobset("train", deleted_at=0),
        make_jobset("train", managed_by="example.com/other"),
        make_jobset("train", managed_by=""),
    ],
)
def test_jobsets_that_are_left_alone(train: JobSet) -> None:
    """C-REC-02, C-REC-03, C-MGD-01, C-MGD-04."""
    assert reconcile(Seen(train, [make_job("train-w-0", failed=True)]), 0, Gates()) is NOTHING


def test_our_own_manager_is_named_or_not() -> None:
    """C-MGD-01."""
    train = make_jobset("train", managed_by="jobset.sigs.k8s.io/jobset-controller")
    assert carry_out(reconcile(Seen(train), 0, Gates())).writes


@pytest.mark.parametrize(
    ("suspend", "ready", "set_false"), [(False, 2, True), (False, 1, False), (True, 2, False)]
)
def test_a_restart_is_over_when_all_jobs_are_ready(suspend: bool, ready: int, set_false: bool) -> None:
    """C-REC-08, C-CND-06, C-CND-17."""
    status = JobSetStatus(restarts=0, conditions=(make_condition("RestartingJobSet", reason="x"),))
    train = make_jobset("train", replicated_jobs={"a": 1, "b": 1}, suspend=suspend, status=status)
    children = [
        make_job("train-a-0", status=READY, suspend=suspend),
        make_job("train-b-0", status=READY if ready == 2 else JobStatus(), suspend=suspend),
    ]
    done = carry_out(reconcile(Seen(train, children, service_exists=True), 0, Gates()))
    assert ("JobsReady" in done.reasons) == set_false


def test_ready_jobs_and_a_failed_one_are_told_together() -> None:
    """C-REC-08 comes before C-REC-09; strays can make both true at once (C-SUC-09)."""
    status = JobSetStatus(restarts=0, conditions=(make_condition("RestartingJobSet", reason="x"),))
    train = make_jobset("train", max_restarts=1, status=status)
    children = [make_job("train-w-0", status=READY), make_job("train-w-1", failed=True)]
    done = carry_out(reconcile(Seen(train, children), 0, Gates()))
    assert done.reasons == ["JobsReady", "DefaultFailurePolicy", "RestartJobSetFailurePolicyAction"]


def test_a_steady_state_does_nothing() -> None:
    """C-REC-16: a second look at what the first has written writes nothing."""
    children = [make_job("train-w-0", status=READY)]
    plan = reconcile(Seen(make_jobset("train"), children, service_exists=True), 0, Gates())
    assert plan.status is not None
    assert isinstance(plan.status.obj, JobSet)
    again = reconcile(Seen(plan.status.obj, children, service_exists=True), seconds(60), Gates())
    assert again == NOTHING


def test_the_status_write_carries_the_version_that_was_read() -> None:
    """C-CCH-02, C-CCH-03."""
    train = make_jobset("train").with_meta(resource_version="41")
    plan = reconcile(Seen(train), 0, Gates())
    assert plan.status is not None
    assert plan.status.obj.metadata.resource_version == "41"
    assert plan.status.obj.spec is train.spec  # type: ignore[attr-defined]


def test_a_restart_spreads_over_passes() -> None:
    """C-CCH-05, appendix B 4: bump, delete, recreate each name when it is free."""
    train = make_jobset("train", replicated_jobs={"w": 2}, max_restarts=1)
    failed, other = make_job("train-w-0", failed=True), make_job("train-w-1", status=READY)
    bump = reconcile(Seen(train, [failed, other], service_exists=True), 0, Gates())
    assert carry_out(bump).calls == ["update-status JobSet train"]
    assert bump.status is not None
    assert isinstance(bump.status.obj, JobSet)
    train = bump.status.obj
    delete = reconcile(Seen(train, [failed, other], service_exists=True), 0, Gates())
    assert carry_out(delete).calls[:2] == ["delete Job train-w-0", "delete Job train-w-1"]
    left = [make_job("train-w-1", deleted_at=0)]
    recreate = reconcile(Seen(train, left, service_exists=True), 0, Gates())
    assert [call for call in carry_out(recreate).calls if "Job " in call] == ["create Job train-w-0"]


def test_the_public_example() -> None:
    """Design 5.1, word for word."""
    seen = jobset.Seen(make_jobset("train", max_restarts=3), children=[make_job("train-w-0", failed=True)])
    plan = jobset.reconcile(seen, now=seconds(100), gates=jobset.Gates())
    assert plan.status is not None
    assert plan.status.obj.status.restarts == 1  # type: ignore[attr-defined]


def test_importing_the_controller_is_cheap() -> None:
    """Neither numpy nor the pattern library nor a simulation comes with it."""
    code = "import sys, jobsim.controllers.jobset; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert {"re2", "numpy", "simpy"}.isdisjoint(loaded.stdout.split())
