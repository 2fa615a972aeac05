"""All laws: each is broken by some row, each cites its clause; a cluster at rest, and why JobSets stay."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api._struct import Time, replace
from jobsim.api.batch import Job, JobStatus
from jobsim.api.jobset import EXCLUSIVE_TOPOLOGY, JobSet, JobSetStatus, ReplicatedJobStatus, SuccessPolicy
from jobsim.api.meta import Object
from jobsim.api.pod import PodSchedulingGate, PodStatus
from jobsim.apiserver.table import ObjectTable
from jobsim.controllers.invariants import LAWS, SETTLED, check, check_all, stable, why_unfinished
from jobsim.controllers.job.constants import TRACKING_FINALIZER
from jobsim.controllers.jobset.gates import Gates
from jobsim.testing import make_condition, make_job, make_jobset, make_node, make_pod, make_replicated_job
from tests.controllers import (
    laws,
    test_invariants_child,
    test_invariants_job,
    test_invariants_jobset,
    test_invariants_object,
    test_invariants_pod,
)

ROWS = (
    *test_invariants_object.ROWS,
    *test_invariants_jobset.ROWS,
    *test_invariants_job.ROWS,
    *test_invariants_child.ROWS,
    *test_invariants_pod.ROWS,
)
EVERY = [law for laws_of_kind in (*LAWS.values(), *SETTLED.values()) for law in laws_of_kind]


def table(*objects: Object) -> ObjectTable:
    made = ObjectTable()
    for obj in objects:
        made.put(obj)
    return made


def test_every_law_is_shown_to_break() -> None:
    shown = {row.law for row in ROWS} | {law for law, _ in UNSETTLED}
    assert shown == {law.name for law in EVERY}
    assert len(EVERY) >= 25


@pytest.mark.parametrize("law", EVERY, ids=lambda law: law.name)
def test_every_law_cites_its_clause(law: Any) -> None:
    assert law.clause in law.check.__doc__


def test_a_violation_says_who_and_how() -> None:
    (row,) = [row for row in ROWS if row.law == "never-stolen"]
    assert row.new is not None
    (violation,) = check(laws.event(row.old, row.new.with_meta(resource_version="2"), 2), table())
    assert str(violation) == (
        "Job default/js-w-0: went from JobSet jobset-js to JobSet jobset-other [never-stolen, C-BKT-01]"
    )


@pytest.mark.parametrize(
    ("calm", "honest", "asked"),
    [(True, True, ["", "calm", "honest"]), (False, True, ["", "honest"]), (False, False, [""])],
)
def test_what_laws_need(calm: bool, honest: bool, asked: list[str]) -> None:
    """C-CCH-01: where caches lag or answers get lost, laws that need better are not asked."""
    rows = {law.name: law.needs for laws_of_kind in LAWS.values() for law in laws_of_kind if law.needs}
    wanted = {name for name, needs in rows.items() if needs in asked}
    found = {law for row in ROWS for law in laws.laws_broken(row, calm=calm, honest=honest)}
    assert found & rows.keys() == wanted


# -- at rest ----------------------------------------------------------------------------------------


def status(**counts: int) -> JobSetStatus:
    numbers = {**dict.fromkeys(("ready", "succeeded", "failed", "active", "suspended"), 0), **counts}
    return JobSetStatus(restarts=1, replicated_jobs_status=(ReplicatedJobStatus(name="w", **numbers),))


def alone(*restarts: int) -> JobSetStatus:
    """Return a status after restarts of single Jobs."""
    told = status()
    return replace(
        told, replicated_jobs_status=(replace(told.replicated_jobs_status[0], job_restarts=restarts),)
    )


def jobset(told: JobSetStatus, *conditions: str, **spec: Any) -> JobSet:
    given = tuple(make_condition(type_) for type_ in conditions)
    return make_jobset("js", status=replace(told, conditions=given), **spec)


def child(told: JobStatus = JobStatus(), **words: Any) -> Job:  # noqa: B008
    words = {"restart_attempt": 1, "status": told, **words}
    return make_job("js-w-0", **words)


ACTIVE = JobStatus(active=1, ready=0, start_time=Time(0))
PENDING = make_pod("js-w-0-0-a", job="js-w-0", index=0)
TRACKED = PENDING.with_meta(finalizers=(TRACKING_FINALIZER,))
WAITING = make_jobset("js", deleted_at=0).with_meta(finalizers=("foregroundDeletion",))
CROWDED = make_node("n", allocatable={"cpu": "1", "pods": "1"})
RESTING = (jobset(status(active=1)), child(ACTIVE), PENDING)

UNSETTLED: tuple[tuple[str, tuple[Object, ...]], ...] = (
    ("owner-is-there", (child(),)),
    ("owner-is-there", (PENDING, child().with_meta(uid="a namesake"), jobset(status()))),
    ("waits-for-something", (WAITING,)),
    ("counts-of-children", (jobset(status()), child(ACTIVE), PENDING)),
    ("old-children-gone", (jobset(status()), child(restart_attempt=0))),
    ("old-children-gone", (jobset(alone(1)), child(job_restart_attempt=0))),
    ("finished-has-no-active", (jobset(status(active=1), "Failed"), child(ACTIVE), PENDING)),
    ("suspended-as-a-whole", (jobset(status(active=1), suspend=True), child(ACTIVE), PENDING)),
    ("resumed-as-a-whole", (jobset(status(suspended=1)), child(suspend=True))),
    ("resumed-as-a-whole", (jobset(status(active=1), "Suspended"), child(ACTIVE), PENDING)),
    ("counts-of-pods", (jobset(status(active=1)), child(ACTIVE))),
    ("suspended-has-no-pods", (jobset(status(active=1, suspended=1)), child(ACTIVE, suspend=True), PENDING)),
    ("finished-untracked", (jobset(status(failed=1)), child(failed=True), TRACKED)),
    ("one-pod-an-index", (*RESTING, PENDING.with_meta(name="js-w-0-0-b"))),
    ("tracked-by-somebody", (TRACKED,)),
    ("node-has-room", (CROWDED, make_pod("a", node="n"), make_pod("b", node="n"))),
)


@pytest.mark.parametrize(
    ("law", "objects"), UNSETTLED, ids=lambda value: value if isinstance(value, str) else ""
)
def test_unsettled(law: str, objects: tuple[Object, ...]) -> None:
    assert law in {violation.law for violation in check_all(table(*objects))}


SETTLED_CASES: tuple[tuple[Object, ...], ...] = (
    RESTING,
    (jobset(status(suspended=1), "Suspended", suspend=True), child(suspend=True)),
    (
        jobset(status(succeeded=1), "Completed"),
        child(succeeded=True),
        child(restart_attempt=0).with_meta(name="js-w-1"),
    ),
    (
        jobset(status(failed=1), "Failed"),
        child(failed=True),
        replace(PENDING, status=PodStatus(phase="Failed")),
    ),
    # Another's Job has the name: every pass fails before the status (C-CRE-08).
    (jobset(status(active=9)), child().with_meta(owner_references=())),
    (jobset(alone(1)), child(job_restart_attempt=1)),
    (jobset(alone()), child(job_restart_attempt=0)),
    # Another controller's (C-MGD-03).
    (jobset(status(active=9), managed_by="a.b/c"), child()),
    (WAITING, child(ACTIVE).with_meta(), PENDING),
    # InOrder and dependsOn: it waits for its turn (C-SUS-04).
    (jobset(status(suspended=1), "Suspended", in_order=True), child(suspend=True)),
    (CROWDED, make_pod("a", node="n"), make_pod("b", node="n", phase="Failed")),
)


@pytest.mark.parametrize("objects", SETTLED_CASES)
def test_settled(objects: tuple[Object, ...]) -> None:
    assert not check_all(table(*objects))


def test_a_pod_that_a_node_would_take_does_not_wait_at_rest() -> None:
    """K-SCH-04: nothing is left to happen, so nobody will look at it again."""
    big, gated = make_pod("b", requests={"cpu": 9}), PodSchedulingGate(name="g")
    waiting = make_pod("c")
    waiting = replace(waiting, spec=replace(waiting.spec, scheduling_gates=(gated,)))
    (violation,) = check_all(table(make_node("n"), make_pod("a"), big, waiting))
    assert str(violation) == "Pod default/a: fits node n, and waits [feasible-pod-bound, K-SCH-04]"
    assert not check_all(table(make_node("n", unschedulable=True), make_pod("a")))


# -- liveness ---------------------------------------------------------------------------------------

EXCLUSIVE = {EXCLUSIVE_TOPOLOGY: "rack"}
ANY_OF_NONE = SuccessPolicy(operator="Any", target_replicated_jobs=("z",))
DONE_LEADER = replace(PENDING, status=PodStatus(phase="Succeeded"))


def exclusive(told: JobStatus = JobStatus(), **spec: Any) -> Job:  # noqa: B008
    job = child(told)
    template = job.spec.template
    template = replace(template, metadata=replace(template.metadata, annotations=EXCLUSIVE))
    return replace(job, spec=replace(job.spec, template=template, **spec))


def only(**rjob: Any) -> list[Any]:
    return [make_replicated_job("w", **rjob)]


WHY: tuple[tuple[str, tuple[Object, ...]], ...] = (
    ("C-MGD-01", (jobset(status(), managed_by="a.b/c"),)),
    ("K-JOB-122", (WAITING,)),
    ("C-SUS-01", (jobset(status(), suspend=True),)),
    ("C-SUC-05", (jobset(status(), replicated_jobs={"w": 0}),)),
    ("C-DIF-02", (jobset(status(), network=None),)),
    ("C-UPD-10", (jobset(status(), success_policy=None),)),
    ("C-SUC-05", (jobset(status(), success_policy=ANY_OF_NONE), child(succeeded=True))),
    ("C-CRE-08", (jobset(status(), replicated_jobs=only(completions=None)),)),
    ("C-VAL-10", (jobset(status(), replicated_jobs=only(depends_on=[("w", "Ready")])),)),
    ("C-CRE-07", (jobset(status()), child().with_meta(owner_references=()))),
    ("not done", (jobset(status()), child(), PENDING)),
    ("K-JOB-90", (jobset(status()), replace(child(), spec=replace(child().spec, managed_by="a.b/c")))),
    ("K-JOB-30", (jobset(status()), child(parallelism=0))),
    ("C-EXC-18", (jobset(status()), exclusive(completion_mode="NonIndexed"))),
    ("C-EXC-11", (jobset(status()), exclusive(), DONE_LEADER)),
    ("C-EXC-12", (jobset(status()), exclusive(JobStatus(completed_indexes="0")))),
    ("C-SUS-04", (jobset(status(), in_order=True), child(suspend=True))),
    ("", (jobset(status()),)),
    ("", (jobset(status()), child())),
    ("", (jobset(status()), child(failed=True))),
    ("", (jobset(status()), exclusive())),
    ("", (jobset(status()), child(suspend=True))),
    ("", (make_jobset("js", deleted_at=0),)),
)


@pytest.mark.parametrize(("why", "objects"), WHY)
def test_why_a_jobset_stays(why: str, objects: tuple[Object, ...]) -> None:
    reader = table(*objects)
    (found,) = reader.list(JobSet)
    told = why_unfinished(found, reader, Gates())
    assert why in told
    assert bool(stable(reader)) == (not why) == (not told)


def test_a_finished_jobset_needs_no_reason() -> None:
    assert not stable(table(jobset(status(), "Completed")))
