"""What the validating webhook says of a changed JobSet."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from jobsim.api._struct import replace
from jobsim.api.batch import JobSpec
from jobsim.api.jobset import (
    Coordinator,
    FailurePolicy,
    JobSet,
    JobSetStatus,
    ReplicatedJob,
    SuccessPolicy,
)
from jobsim.api.pod import (
    Affinity,
    Container,
    PodSchedulingGate,
    PodSpec,
    ResourceRequirements,
    Toleration,
)
from jobsim.controllers.admission.jobset_update import update_errors
from jobsim.controllers.admission.jobset_validate import validate_update
from jobsim.controllers.jobset import Gates
from jobsim.testing import make_condition, make_jobset, make_replicated_job

IMMUTABLE = "spec.replicatedJobs: Invalid value: …: field is immutable"
ELASTIC = Gates(elastic_jobset=True)


def errors(new: JobSet, old: JobSet, gates: Gates = Gates()) -> list[str]:  # noqa: B008
    return [error.short_text for error in update_errors(new, old, gates)]


def with_job(rjob: ReplicatedJob, **changes: object) -> ReplicatedJob:
    spec: JobSpec = replace(rjob.template.spec, **changes)
    return replace(rjob, template=replace(rjob.template, spec=spec))


def with_pod(rjob: ReplicatedJob, **changes: object) -> ReplicatedJob:
    pods = rjob.template.spec.template
    return with_job(rjob, template=replace(pods, spec=replace(pods.spec, **changes)))


def with_pod_meta(rjob: ReplicatedJob, **changes: Mapping[str, str]) -> ReplicatedJob:
    pods = rjob.template.spec.template
    return with_job(rjob, template=replace(pods, metadata=replace(pods.metadata, **changes)))


W = make_replicated_job("w")
OLD = make_jobset("train", replicated_jobs=[W])


def changed(*rjobs: ReplicatedJob, suspend: bool | None = None) -> JobSet:
    return make_jobset("train", replicated_jobs=rjobs, suspend=suspend)


@pytest.mark.parametrize(
    "new",
    [
        OLD,
        make_jobset("train", replicated_jobs=[W], suspend=True),
        make_jobset("train", replicated_jobs=[W], ttl_s=5, labels={"a": "b"}, annotations={"c": "d"}),
        # C-UPD-11: where it points is not looked at.
        make_jobset("train", replicated_jobs=[W], coordinator=Coordinator(replicated_job="nowhere")),
        # C-UPD-10: the holes.
        replace(OLD, spec=replace(OLD.spec, network=None, success_policy=None, startup_policy=None)),
        replace(OLD, spec=replace(OLD.spec, failure_policy=FailurePolicy(max_restarts=3))),
        replace(OLD, spec=replace(OLD.spec, success_policy=SuccessPolicy(operator="Any"))),
    ],
)
def test_what_may_change(new: JobSet) -> None:
    """C-UPD-01, C-UPD-02, C-UPD-03, C-UPD-10."""
    assert errors(new, OLD) == []


@pytest.mark.parametrize(
    "rjob",
    [
        make_replicated_job("x"),
        make_replicated_job("w", 2),
        make_replicated_job("w", group_name="g"),
        make_replicated_job("w", labels={"a": "b"}),
        with_job(W, parallelism=2),
        with_job(W, backoff_limit=1),
        with_pod(W, node_selector={"a": "b"}),
        with_pod(W, containers=(Container(name="main", image="other"),)),
    ],
)
def test_replicated_jobs_are_immutable(rjob: ReplicatedJob) -> None:
    """C-UPD-01."""
    assert errors(changed(rjob), OLD) == [IMMUTABLE]


def test_order_and_number_count() -> None:
    """C-UPD-04."""
    two = make_jobset("train", replicated_jobs={"a": 1, "b": 1}, suspend=True)
    turned = make_jobset("train", replicated_jobs={"b": 1, "a": 1}, suspend=True)
    more = make_jobset("train", replicated_jobs={"a": 1, "b": 1, "c": 1}, suspend=True)
    none = make_jobset("train", replicated_jobs=[])
    assert errors(turned, two) == errors(more, two) == errors(two, more) == [IMMUTABLE]
    assert errors(none, two) == ["spec.replicatedJobs: Invalid value: null: field is immutable"]


def test_the_whole_text_shows_the_list() -> None:
    (text,) = validate_update(changed(make_replicated_job("x")), OLD, Gates())
    assert text.startswith('spec.replicatedJobs: Invalid value: [{"name":"x","groupName":"default",')
    assert text.endswith("]: field is immutable")


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [(None, "a/b", '"a/b"'), ("a/b", None, "null"), ("a/b", "a/c", '"a/c"')],
)
def test_the_manager_is_immutable(before: str | None, after: str | None, shown: str) -> None:
    """C-UPD-01."""
    old, new = (make_jobset("train", managed_by=manager) for manager in (before, after))
    assert errors(new, old) == [f"spec.managedBy: Invalid value: {shown}: field is immutable"]


MASKED = [
    with_pod(W, node_selector={"zone": "a"}),
    with_pod(W, tolerations=(Toleration(key="x"),)),
    with_pod(W, scheduling_gates=(PodSchedulingGate(name="g"),)),
    with_pod_meta(W, labels={"a": "b"}),
    with_pod_meta(W, annotations={"a": "b"}),
]
NOT_MASKED = [
    make_replicated_job("w", labels={"a": "b"}),
    make_replicated_job("w", 2),
    with_job(W, parallelism=2),
    with_job(W, backoff_limit=2),
    with_pod(W, affinity=Affinity()),
    with_pod(W, priority_class_name="high"),
    with_pod(W, containers=(Container(name="main", image="new"),)),
]


@pytest.mark.parametrize(("before", "after"), [(True, True), (True, False), (False, True), (None, True)])
@pytest.mark.parametrize("rjob", MASKED)
def test_scheduling_may_change_while_suspended(
    rjob: ReplicatedJob, before: bool | None, after: bool | None
) -> None:
    """C-UPD-05, C-KUE-01: also in the request that suspends or resumes."""
    assert errors(changed(rjob, suspend=after), changed(W, suspend=before)) == []
    assert errors(changed(W, suspend=after), changed(rjob, suspend=before)) == []
    assert errors(changed(rjob), changed(W)) == [IMMUTABLE]


@pytest.mark.parametrize("rjob", NOT_MASKED)
def test_nothing_else_may_change_while_suspended(rjob: ReplicatedJob) -> None:
    """C-UPD-06."""
    assert errors(changed(rjob, suspend=True), changed(W, suspend=True)) == [IMMUTABLE]


def resources(**requests: str) -> ReplicatedJob:
    container = Container(name="main", image="img", resources=ResourceRequirements(requests=requests))
    return with_pod(W, containers=(container,))


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        (resources(cpu="1000m"), resources(cpu="1"), True),
        (resources(memory="1Gi"), resources(memory="1024Mi"), True),
        (resources(cpu="1"), resources(cpu="2"), False),
        (resources(cpu="odd"), resources(cpu="odd"), True),
        (resources(cpu="odd"), resources(cpu="other"), False),
        (W, replace(W, depends_on=()), True),
        (with_pod(W, security_context={}), with_pod(W, security_context=None), False),
        (with_pod(W, security_context={"sysctls": []}), with_pod(W, security_context={}), True),
        (
            with_pod(W, ephemeral_containers=({"resources": {"limits": {"cpu": "1"}}},)),
            with_pod(W, ephemeral_containers=({"resources": {"limits": {"cpu": "1000m"}}},)),
            True,
        ),
    ],
)
def test_equality_is_semantic(before: ReplicatedJob, after: ReplicatedJob, same: bool) -> None:
    """C-UPD-01 (erratum): amounts by value, nothing equals empty."""
    assert (errors(changed(after), changed(before)) == []) == same


# -- elastic (C-UPD-07, C-UPD-08) --------------------------------------------------------------------

FIELD = "spec.replicatedJobs[0].template.spec"
UNEQUAL = "completions must be equal to parallelism for Elastic Indexed Jobs"


@pytest.mark.parametrize(
    ("size", "texts"),
    [
        ((1, 1), []),
        ((5, 5), []),
        (
            (0, 0),
            [
                f"{FIELD}.parallelism: Invalid value: 0: parallelism must be >= 1",
                f"{FIELD}.completions: Invalid value: 0: completions must be >= 1",
            ],
        ),
        ((2, 1), [f"{FIELD}.completions: Invalid value: 1: {UNEQUAL}"]),
        (
            (-1, 1),
            [
                f"{FIELD}.parallelism: Invalid value: -1: parallelism must be >= 1",
                f"{FIELD}.completions: Invalid value: 1: {UNEQUAL}",
            ],
        ),
        # C-UPD-08: nothing is said, and nothing will happen (C-ELA-03).
        ((None, 1), []),
        ((3, None), []),
        ((None, None), []),
    ],
)
def test_sizes_of_indexed_jobs(size: tuple[int | None, int | None], texts: list[str]) -> None:
    """C-UPD-07: never also an immutable field."""
    rjob = with_job(W, parallelism=size[0], completions=size[1])
    assert errors(changed(rjob), OLD, ELASTIC) == texts


def test_only_indexed_jobs_of_one_name_are_elastic() -> None:
    """C-UPD-08; a renamed one is not masked (C-UPD-04)."""
    plain = with_job(W, completion_mode="NonIndexed")
    assert errors(changed(with_job(plain, parallelism=2)), changed(plain), ELASTIC) == [IMMUTABLE]
    other = with_job(make_replicated_job("x"), parallelism=2, completions=2)
    assert errors(changed(other), OLD, ELASTIC) == [IMMUTABLE]
    assert errors(changed(make_replicated_job("w", 2)), OLD, ELASTIC) == [IMMUTABLE]
    unset = with_job(W, completion_mode=None)
    assert errors(changed(with_job(unset, parallelism=2)), changed(unset), ELASTIC) == [IMMUTABLE]


@pytest.mark.parametrize("terminal", ["Completed", "Failed"])
def test_a_finished_jobset_is_not_elastic(terminal: str) -> None:
    """C-UPD-07."""
    old = replace(OLD, status=JobSetStatus(restarts=0, conditions=(make_condition(terminal),)))
    text = "Cannot mutate parallelism or completions when JobSet is in a terminal state (Completed or Failed)"
    new = changed(with_job(W, parallelism=0, completions=0))
    assert errors(new, old, ELASTIC) == [f"{FIELD}: Forbidden: {text}"]
    assert errors(OLD, old, ELASTIC) == []
    twice = (make_condition(terminal, "False"), make_condition(terminal))
    first = replace(OLD, status=JobSetStatus(restarts=0, conditions=twice))
    assert errors(changed(with_job(W, parallelism=2, completions=2)), first, ELASTIC) == []
    undone = replace(OLD, status=JobSetStatus(restarts=0, conditions=(make_condition(terminal, "False"),)))
    assert errors(changed(with_job(W, parallelism=2, completions=2)), undone, ELASTIC) == []


def test_old_objects_are_not_changed() -> None:
    pods = PodSpec(node_selector={"a": "b"})
    rjob = with_job(W, template=replace(W.template.spec.template, spec=pods))
    new, old = changed(rjob, suspend=True), changed(W)
    update_errors(new, old, ELASTIC)
    assert new == changed(rjob, suspend=True)
    assert old == changed(W)
