"""Suspending and resuming children."""

from __future__ import annotations

import pytest

from jobsim.api._struct import Time, replace
from jobsim.api.batch import Job, JobStatus
from jobsim.api.jobset import JobSet, JobSetStatus
from jobsim.api.meta import ObjectMeta
from jobsim.api.plan import Plan
from jobsim.api.pod import PodSchedulingGate, PodSpec, PodTemplateSpec, Toleration
from jobsim.api.writes import Update, UpdateStatus
from jobsim.controllers import jobset
from jobsim.errors import ApiError
from jobsim.testing import carry_out, make_condition, make_job, make_jobset, make_replicated_job

READY = JobStatus(ready=1, active=1)
SUSPENDED = JobSetStatus(restarts=0, conditions=(make_condition("Suspended", reason="SuspendedJobs"),))


def decide(train: JobSet, children: list[Job]) -> Plan:
    return jobset.reconcile(jobset.Seen(train, children, service_exists=True), 0, jobset.Gates())


def conditions_of(plan: Plan) -> dict[str, tuple[str, str]]:
    assert plan.status is not None
    assert isinstance(plan.status.obj, JobSet)
    return {c.type: (c.status, c.reason) for c in plan.status.obj.status.conditions}


def test_suspending_updates_running_jobs_one_by_one() -> None:
    """C-SUS-02: the first error ends the pass."""
    train = make_jobset("train", replicated_jobs={"w": 4}, suspend=True)
    children = [make_job(f"train-w-{i}", suspend=[False, True, None, False][i]) for i in range(4)]
    plan = decide(train, children)
    done = carry_out(plan)
    assert done.calls == [
        "update Job train-w-0",
        "update Job train-w-2",
        "update Job train-w-3",
        "update-status JobSet train",
    ]
    assert all(w.obj.spec.suspend for w in done.writes if isinstance(w, Update))  # type: ignore[attr-defined]
    assert conditions_of(plan) == {"Suspended": ("True", "SuspendedJobs")}
    failed = carry_out(plan, {2: ApiError("Conflict", "changed")})
    assert failed.calls == ["update Job train-w-0", "update Job train-w-2"]
    assert (failed.finish.error, failed.events) == ("changed", [])


def test_suspending_ends_a_restart_that_was_under_way() -> None:
    """C-SUS-02, C-CND-09."""
    status = JobSetStatus(restarts=0, conditions=(make_condition("RestartingJobSet", reason="x"),))
    plan = decide(make_jobset("train", suspend=True, status=status), [make_job("train-w-0", suspend=True)])
    assert conditions_of(plan)["RestartingJobSet"] == ("False", "JobSetSuspended")
    assert carry_out(plan).reasons == ["SuspendedJobs", "JobSetSuspended"]


def test_finished_jobs_are_not_touched() -> None:
    """C-SUS-03: neither on suspension nor on resumption."""
    train = make_jobset("train", replicated_jobs={"w": 2}, suspend=True)
    children = [make_job("train-w-0", succeeded=True), make_job("train-w-1", suspend=True)]
    assert carry_out(decide(train, children)).calls == ["update-status JobSet train"]


def test_resuming_clears_start_time_before_the_update() -> None:
    """C-SUS-06: status first, and the update carries the answer's version."""
    started = make_job("train-w-0", suspend=True, status=JobStatus(start_time=Time(5)))
    plan = decide(make_jobset("train", status=SUSPENDED), [started])
    done = carry_out(plan, {1: started.with_meta(resource_version="77")})
    first, second, last = done.writes
    assert isinstance(first, UpdateStatus)
    assert first.obj.status.start_time is None  # type: ignore[attr-defined]
    assert isinstance(second, Update)
    assert second.obj.metadata.resource_version == "77"
    assert second.obj.spec.suspend is False  # type: ignore[attr-defined]
    assert last.VERB == "update-status"
    assert conditions_of(plan) == {"Suspended": ("False", "ResumeJobs")}
    assert done.reasons == ["ResumeJobs"]


def test_resuming_stops_at_the_first_error() -> None:
    """C-SUS-06."""
    children = [
        make_job(f"train-w-{i}", suspend=True, status=JobStatus(start_time=Time(5))) for i in range(2)
    ]
    plan = decide(make_jobset("train", replicated_jobs={"w": 2}), children)
    done = carry_out(plan, {1: ApiError("NotFound", "gone")})
    assert done.calls == ["update-status Job train-w-0"]
    assert done.finish.error == "gone"


def test_no_suspended_condition_is_made_by_resuming() -> None:
    """C-SUS-04, C-SUS-12: a child suspended by someone else is resumed."""
    plan = decide(make_jobset("train"), [make_job("train-w-0", suspend=True)])
    assert "update Job train-w-0" in carry_out(plan).calls
    assert conditions_of(plan) == {}


GATE_A, GATE_B = PodSchedulingGate(name="a"), PodSchedulingGate(name="b")
PLAIN, OTHER = Toleration(key="x", operator="Exists"), Toleration(key="y", operator="Exists")
TIMED = Toleration(key="z", operator="Exists", toleration_seconds=5)


def template(**fields: object) -> PodTemplateSpec:
    labels, annotations = fields.pop("labels", {}), fields.pop("annotations", {})
    metadata = ObjectMeta(labels=labels, annotations=annotations)  # type: ignore[arg-type]
    return PodTemplateSpec(metadata=metadata, spec=PodSpec(**fields))  # type: ignore[arg-type]


def test_resuming_merges_the_template_and_removes_nothing() -> None:
    """C-SUS-06, C-SUS-07, C-BUG-04, C-BUG-43."""
    wanted = template(
        labels={"a": "new", "b": "1"},
        annotations={"c": "1"},
        node_selector={"zone": "b"},
        tolerations=(OTHER, PLAIN, TIMED),
        scheduling_gates=(GATE_B, GATE_A),
        service_account_name="ignored",
    )
    held = template(
        labels={"a": "old", "mine": "1"},
        annotations={"d": "1"},
        node_selector={"zone": "a", "pool": "p"},
        tolerations=(PLAIN, TIMED, PLAIN),
        scheduling_gates=(GATE_A, GATE_A),
    )
    train = make_jobset("train", replicated_jobs=[make_replicated_job("w", pod=wanted)])
    done = carry_out(decide(train, [make_job("train-w-0", suspend=True, pod=held)]))
    (update,) = [w for w in done.writes if isinstance(w, Update)]
    assert isinstance(update.obj, Job)
    merged = update.obj.spec.template
    assert merged.metadata.labels == {"a": "new", "b": "1", "mine": "1"}
    assert merged.metadata.annotations == {"c": "1", "d": "1"}
    assert merged.spec.node_selector == {"zone": "b", "pool": "p"}
    assert merged.spec.tolerations == (PLAIN, TIMED, OTHER, TIMED)
    assert merged.spec.scheduling_gates == (GATE_A, GATE_B)
    assert merged.spec.service_account_name == ""


def test_suspension_and_template_changes_while_suspended_do_not_touch_children() -> None:
    """C-SUS-09."""
    wanted = template(node_selector={"zone": "b"})
    train = make_jobset("train", replicated_jobs=[make_replicated_job("w", pod=wanted)], suspend=True)
    assert "update Job train-w-0" not in carry_out(decide(train, [make_job("train-w-0", suspend=True)])).calls


@pytest.mark.parametrize("label", ["", "unknown"])
def test_a_job_of_no_replicated_job_stays_suspended(label: str) -> None:
    """C-SUS-08 (erratum): and the condition turns False all the same."""
    child = make_job("train-w-0", suspend=True, replicated_job=label)
    plan = decide(make_jobset("train", status=SUSPENDED), [child])
    assert carry_out(plan).calls == ["update-status JobSet train"]
    assert conditions_of(plan) == {"Suspended": ("False", "ResumeJobs")}


def test_in_order_resume_stops_at_the_first_that_has_not_started() -> None:
    """C-SUS-04, C-SUS-15: the Suspended condition stays True meanwhile."""
    train = make_jobset("train", replicated_jobs={"a": 1, "b": 1}, in_order=True, status=SUSPENDED)
    children = [make_job("train-a-0", suspend=True), make_job("train-b-0", suspend=True)]
    plan = decide(train, children)
    assert carry_out(plan).calls == ["update Job train-a-0", "update-status JobSet train"]
    assert conditions_of(plan) == {
        "Suspended": ("True", "SuspendedJobs"),
        "StartupPolicyInProgress": ("True", "InOrderStartupPolicyInProgress"),
    }
    up = [make_job("train-a-0", status=READY), children[1]]
    assert carry_out(decide(train, up)).calls == ["update Job train-b-0", "update-status JobSet train"]
    all_up = [make_job("train-a-0", status=READY), make_job("train-b-0", status=READY)]
    assert conditions_of(decide(train, all_up))["Suspended"] == ("False", "ResumeJobs")


def test_a_dependant_stays_suspended_until_its_turn() -> None:
    """C-SUS-16."""
    rjobs = [make_replicated_job("a"), make_replicated_job("b", depends_on=[("a", "Ready")])]
    train = make_jobset("train", replicated_jobs=rjobs, status=SUSPENDED)
    children = [make_job("train-a-0", suspend=True), make_job("train-b-0", suspend=True)]
    plan = decide(train, children)
    assert carry_out(plan).calls == ["update Job train-a-0", "update-status JobSet train"]
    assert conditions_of(plan)["Suspended"] == ("False", "ResumeJobs")


def test_jobs_created_in_this_pass_are_not_updated() -> None:
    """C-REC-14: suspend and resume act on the Jobs that were listed."""
    train = make_jobset("train", replicated_jobs={"w": 2}, suspend=True)
    done = carry_out(decide(train, [make_job("train-w-0")]))
    assert done.calls == ["create Job train-w-1", "update Job train-w-0", "update-status JobSet train"]


def test_failures_while_suspended_still_restart() -> None:
    """C-SUS-17."""
    train = make_jobset("train", suspend=True, max_restarts=1)
    plan = decide(train, [make_job("train-w-0", failed=True)])
    assert conditions_of(plan) == {"RestartingJobSet": ("True", "DefaultFailurePolicy")}


def test_two_replicated_jobs_of_one_name_resume_their_jobs_once() -> None:
    rjobs = [make_replicated_job("w"), replace(make_replicated_job("w"), group_name="x")]
    train = make_jobset("train", replicated_jobs=rjobs)
    done = carry_out(decide(train, [make_job("train-w-0", suspend=True)]))
    assert done.calls.count("update Job train-w-0") == 1


def test_a_replicated_job_without_a_name_gives_nothing_to_merge() -> None:
    """C-SUS-08: the branch that only a nameless replicated job reaches."""
    rjob = make_replicated_job("", pod=template(node_selector={"zone": "b"}))
    child = make_job("train--0", jobset="train", replicated_job="", suspend=True)
    done = carry_out(decide(make_jobset("train", replicated_jobs=[rjob]), [child]))
    (update,) = [w for w in done.writes if isinstance(w, Update)]
    assert isinstance(update.obj, Job)
    assert (update.obj.spec.suspend, update.obj.spec.template.spec.node_selector) == (False, {})


@pytest.mark.parametrize(("ready", "resumed"), [(1, []), (2, ["update Job train-x-0"])])
def test_a_dependant_is_resumed_when_its_dependency_is_there(ready: int, resumed: list[str]) -> None:
    """C-SUS-04, C-SUS-16, C-DEP-01."""
    rjobs = (make_replicated_job("w", 2), make_replicated_job("x", depends_on=[("w", "Ready")]))
    children = [make_job(f"train-w-{i}", status=READY if i < ready else None) for i in range(2)]
    children.append(make_job("train-x-0", suspend=True))
    done = carry_out(decide(make_jobset("train", replicated_jobs=rjobs), children))
    assert [call for call in done.calls if "Job train-" in call] == resumed
