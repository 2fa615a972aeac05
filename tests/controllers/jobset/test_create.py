"""Which missing Jobs are created, in which order: existence, blocking, dependsOn, InOrder."""

from __future__ import annotations

import pytest

from jobsim.api.batch import Job, JobStatus
from jobsim.api.jobset import JobSet, JobSetStatus
from jobsim.api.plan import Plan
from jobsim.api.writes import Create
from jobsim.controllers import jobset
from jobsim.errors import ApiError
from jobsim.testing import carry_out, make_condition, make_job, make_jobset, make_replicated_job

GATES = jobset.Gates()
READY = JobStatus(ready=1, active=1)


def decide(train: JobSet, children: list[Job] | None = None, gates: jobset.Gates = GATES) -> Plan:
    return jobset.reconcile(jobset.Seen(train, children or [], service_exists=True), 0, gates)


def created(plan: Plan) -> list[str]:
    return [write.name for write in carry_out(plan).writes if write.VERB == "create"]


def condition_of(plan: Plan, type_: str) -> str | None:
    assert plan.status is not None
    assert isinstance(plan.status.obj, JobSet)
    found = [c.status for c in plan.status.obj.status.conditions if c.type == type_]
    return found[0] if found else None


def test_replicated_jobs_in_spec_order_indexes_ascending() -> None:
    """C-CRE-01, C-CRE-04: one step of at most 50 at a time per replicated job."""
    plan = decide(make_jobset("train", replicated_jobs={"b": 2, "a": 1}))
    assert created(plan) == ["train-b-0", "train-b-1", "train-a-0"]
    assert [(len(step.chains), step.max_parallel, step.mode) for step in plan.steps] == [
        (2, 50, "all"),
        (1, 50, "all"),
    ]


def test_a_job_of_any_bucket_blocks_its_name() -> None:
    """C-CRE-02, C-DEL-04, C-CCH-05."""
    train = make_jobset("train", replicated_jobs={"w": 5}, status=JobSetStatus(restarts=1))
    children = [
        make_job("train-w-0", restart_attempt=0),
        make_job("train-w-1", restart_attempt=0, deleted_at=0),
        make_job("train-w-2", restart_attempt=1),
        make_job("train-w-3", restart_attempt=1, succeeded=True),
    ]
    assert created(decide(train, children)) == ["train-w-4"]


@pytest.mark.parametrize("replicas", [0, -2])
def test_no_replicas_no_jobs(replicas: int) -> None:
    """C-DIF-01."""
    assert created(decide(make_jobset("train", replicated_jobs={"w": replicas}))) == []


@pytest.mark.parametrize(
    ("strategy", "made"), [("Recreate", 2), ("InPlaceRestart", 2), ("BlockingRecreate", 0)]
)
def test_blocking_recreate_waits_for_all_old_jobs(strategy: str, made: int) -> None:
    """C-CRE-03, C-RST-01..03: one previous Job of any replicated job blocks all."""
    train = make_jobset(
        "train",
        replicated_jobs={"a": 1, "b": 2},
        max_restarts=3,
        restart_strategy=strategy,
        status=JobSetStatus(restarts=1),
    )
    old = make_job("train-a-0", restart_attempt=0, deleted_at=0)
    assert len(created(decide(train, [old]))) == made
    current = make_job("train-a-0", restart_attempt=1, deleted_at=0)
    assert len(created(decide(train, [current]))) == 2


def test_all_creates_are_tried_and_their_errors_joined() -> None:
    """C-CRE-06, C-CRE-07, C-REC-17: the event is out at once, the status is not."""
    train = make_jobset("train", replicated_jobs={"w": 3, "x": 1})
    exists = ApiError("AlreadyExists", 'jobs.batch "train-w-0" already exists')
    done = carry_out(decide(train), {1: exists, 3: ApiError("InternalError", "disk 100% full")})
    assert done.calls == ["create Job train-w-0", "create Job train-w-1", "create Job train-w-2"]
    first = 'job "train-w-0" creation failed with error: jobs.batch "train-w-0" already exists'
    second = 'job "train-w-2" creation failed with error: disk 100'
    assert done.finish.error == f"{first}\n{second}% full"
    (event,) = done.events
    # C-EVT-05: only the event is garbled.
    assert (event.type, event.reason) == ("Warning", "JobCreationFailed")
    assert event.message == f"{first}\n{second}%!f(MISSING)ull"


@pytest.mark.parametrize(
    ("replicas", "error"),
    [(1, None), (3, "panic: runtime error: index out of range [1] with length 1 [recovered]")],
)
def test_with_restart_job_the_counters_reach_the_labels(replicas: int, error: str | None) -> None:
    """C-JOB-04; counters that are too few for a new Job are a panic, after the deletes."""
    from jobsim.api.jobset import ReplicatedJobStatus

    entry = ReplicatedJobStatus(
        name="w", ready=0, succeeded=0, failed=0, active=0, suspended=0, job_restarts=(4,)
    )
    status = JobSetStatus(restarts=0, replicated_jobs_status=(entry,))
    train = make_jobset("train", replicated_jobs={"w": replicas}, status=status)
    plan = decide(train, gates=jobset.Gates(restart_job=True))
    if error is None:
        (write,) = carry_out(plan).writes
        assert isinstance(write, Create)
        label = write.obj.metadata.labels["jobset.sigs.k8s.io/job-restart-attempt"]
        assert label == "4"
    else:
        assert plan.error == error


# -- InOrder -----------------------------------------------------------------------------------


def test_in_order_creates_one_replicated_job_at_a_time() -> None:
    """C-STA-02."""
    train = make_jobset("train", replicated_jobs={"driver": 1, "w": 2}, in_order=True)
    plan = decide(train)
    assert created(plan) == ["train-driver-0"]
    assert condition_of(plan, "StartupPolicyInProgress") == "True"
    later = decide(train, [make_job("train-driver-0", status=READY)])
    assert created(later) == ["train-w-0", "train-w-1"]


def test_in_order_completes_when_all_have_started() -> None:
    """C-STA-01, C-STA-03: ready, or done, or nothing to start."""
    train = make_jobset("train", replicated_jobs={"a": 1, "none": 0, "b": 1}, in_order=True)
    plan = decide(train, [make_job("train-a-0", succeeded=True), make_job("train-b-0", status=READY)])
    assert condition_of(plan, "StartupPolicyCompleted") == "True"
    assert condition_of(plan, "StartupPolicyInProgress") is None


def test_in_order_goes_back_when_a_job_is_ready_no_more() -> None:
    """C-STA-05."""
    status = JobSetStatus(restarts=0, conditions=(make_condition("StartupPolicyCompleted"),))
    train = make_jobset("train", replicated_jobs={"a": 1, "b": 1}, in_order=True, status=status)
    plan = decide(train, [make_job("train-a-0")])
    assert created(plan) == []
    assert condition_of(plan, "StartupPolicyCompleted") == "False"
    assert condition_of(plan, "StartupPolicyInProgress") == "True"


def test_suspended_in_order_creates_everything_at_once() -> None:
    """C-SUS-13, C-STA-07."""
    plan = decide(make_jobset("train", replicated_jobs={"a": 1, "b": 1}, in_order=True, suspend=True))
    assert created(plan) == ["train-a-0", "train-b-0"]
    assert condition_of(plan, "StartupPolicyInProgress") is None


def test_negative_replicas_never_start() -> None:
    """C-DIF-01 (erratum)."""
    plan = decide(make_jobset("train", replicated_jobs={"a": -1, "b": 1}, in_order=True))
    assert created(plan) == []
    assert condition_of(plan, "StartupPolicyInProgress") == "True"


def test_a_missing_startup_policy_is_any_order() -> None:
    """C-UPD-10."""
    from jobsim.api._struct import replace

    train = make_jobset("train", replicated_jobs={"a": 1, "b": 1}, in_order=True)
    train = replace(train, spec=replace(train.spec, startup_policy=None))
    assert created(decide(train)) == ["train-a-0", "train-b-0"]


# -- dependsOn ---------------------------------------------------------------------------------


def chain(status: str, replicas: int = 1, dependency: str = "a", **more: object) -> JobSet:
    rjobs = [
        make_replicated_job("a", replicas),
        make_replicated_job("b", depends_on=[(dependency, status)]),
        make_replicated_job("c"),
    ]
    return make_jobset("train", replicated_jobs=rjobs, **more)  # type: ignore[arg-type]


DONE = make_job("train-a-0", succeeded=True)
UP = make_job("train-a-0", status=READY)
PENDING = make_job("train-a-0")


@pytest.mark.parametrize(
    ("status", "children", "met"),
    [
        ("Ready", [], False),
        ("Ready", [PENDING], False),
        ("Ready", [UP], True),
        ("Ready", [DONE], True),
        ("Complete", [UP], False),
        ("Complete", [DONE], True),
        ("Other", [], True),
    ],
)
def test_a_dependant_waits_for_its_dependency(status: str, children: list[Job], met: bool) -> None:
    """C-DEP-01, C-DEP-03: what does not depend is not held up."""
    made = created(decide(chain(status), children))
    assert ("train-b-0" in made) == met
    assert "train-c-0" in made


@pytest.mark.parametrize(("replicas", "met"), [(0, True), (-1, False)])
@pytest.mark.parametrize("status", ["Ready", "Complete"])
def test_a_dependency_without_replicas(status: str, replicas: int, met: bool) -> None:
    """C-DEP-06; C-DIF-01 (erratum): a negative number is never reached."""
    assert ("train-b-0" in created(decide(chain(status, replicas)))) == met


def test_a_dependency_on_itself_is_never_met() -> None:
    """C-VAL-10, C-BUG-30."""
    assert created(decide(chain("Ready", dependency="b"))) == ["train-a-0", "train-c-0"]


@pytest.mark.parametrize(("dependency", "met"), [("unknown", False), ("c", True)])
def test_dependencies_that_validation_refuses(dependency: str, met: bool) -> None:
    """C-DEP-01, C-DEP-02: one without status is unmet; one later in the list counts as of no replicas."""
    assert ("train-b-0" in created(decide(chain("Complete", dependency=dependency)))) == met


def test_every_dependency_must_hold() -> None:
    """C-DEP-01."""
    rjobs = [
        make_replicated_job("a"),
        make_replicated_job("b"),
        make_replicated_job("c", depends_on=[("a", "Complete"), ("b", "Ready")]),
    ]
    train = make_jobset("train", replicated_jobs=rjobs)
    assert "train-c-0" not in created(decide(train, [DONE, make_job("train-b-0")]))
    assert "train-c-0" in created(decide(train, [DONE, make_job("train-b-0", status=READY)]))


def test_a_suspended_jobset_withholds_dependants() -> None:
    """C-SUS-13."""
    assert created(decide(chain("Ready", suspend=True))) == ["train-a-0", "train-c-0"]


def test_a_running_dependant_is_left_alone_but_not_recreated() -> None:
    """C-DEP-04, C-DEP-05."""
    running = make_job("train-b-0", status=READY)
    done = carry_out(decide(chain("Ready"), [PENDING, running]))
    assert [call for call in done.calls if "train-b" in call] == []
