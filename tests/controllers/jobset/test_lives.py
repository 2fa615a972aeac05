"""JobSets over several passes: what is remembered, what is not, what stays out of it.

The world of the upstream cases: real admission, the JobSet controller, and a test that plays the rest.
"""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api._struct import replace
from jobsim.api.batch import Job
from jobsim.api.core import Service
from jobsim.api.jobset import (
    FailurePolicy,
    FailurePolicyRule,
    JobSet,
    JobSetStatus,
    Network,
    StartupPolicy,
    SuccessPolicy,
    VolumeClaimPolicy,
)
from jobsim.api.meta import ObjectMeta
from jobsim.api.pod import Container, PodSpec, PodTemplateSpec, VolumeMount
from jobsim.api.volume import PersistentVolumeClaim
from jobsim.api.writes import Create, Update, UpdateStatus
from jobsim.testing import make_jobset, make_replicated_job
from tests.upstream.world import World

RACK = "alpha.jobset.sigs.k8s.io/exclusive-topology"


def world(*, rjobs: Any = None, on: dict[str, bool] | None = None, **fields: Any) -> World:
    return World(make_jobset("train", replicated_jobs=rjobs or {"w": 2}, **fields), **(on or {}))


def events_since(w: World, number: int) -> list[str]:
    return [event.reason for event in w.events[number:]]


# --- Jobs that vanish ---------------------------------------------------------------------------


def test_a_vanished_job_is_made_again_as_it_was() -> None:
    """C-CRE-10: same attempt, no restart, no event."""
    w = world(max_restarts=3).ready("w-0", "w-1")
    before = len(w.events)
    w.delete("Job", "train-w-0")
    w.collect("w-0")
    assert w.jobs() == ["w-0", "w-1"]
    assert w.attempt("w-0") == ("0", None)
    assert (w.status.restarts, events_since(w, before)) == (0, [])
    assert w.counts("w").ready == 1


def test_a_finished_job_that_vanishes_is_run_again() -> None:
    """C-BUG-13, C-CRE-10, C-STA-09: its own TTL takes it, and its success is forgotten."""
    w = world(in_order=True, rjobs={"a": 1, "b": 1}).succeed("a-0")
    assert w.jobs() == ["a-0", "b-0"]
    w.delete("Job", "train-a-0")
    w.collect("a-0")
    assert w.counts("a").succeeded == 0
    assert w.says("StartupPolicyInProgress") == ("True", "InOrderStartupPolicyInProgress")
    assert w.ready("b-0").state == ""
    # Only when it has succeeded again, together with the other, is all done.
    assert w.succeed("b-0").state == ""
    assert w.succeed("a-0").state == "Completed"


def test_finished_jobs_stay_finished_over_a_suspension() -> None:
    """C-BUG-09: after a partial success and a suspension only the rest runs again."""
    w = world().succeed("w-0")
    w.edit(suspend=True)
    assert w.suspended == ["w-1"]
    w.edit(suspend=False)
    assert w.counts("w").succeeded == 1
    assert w.suspended == []
    assert w.succeed("w-1").state == "Completed"


def test_a_job_suspended_on_its_own_is_resumed_at_once() -> None:
    """C-BUG-11."""
    w = world().ready("w-0", "w-1")
    job = w.job("w-0")
    assert w.request(Update(obj=replace(job, spec=replace(job.spec, suspend=True)))) is None
    assert w.suspended == []
    assert w.says("Suspended") is None


# --- restarts -------------------------------------------------------------------------------------


def test_a_restart_begins_the_order_anew() -> None:
    """C-DEP-08: dependencies run again, complete ones too; C-CCH-06: labels and status say what is old."""
    w = world(
        rjobs=(make_replicated_job("a"), make_replicated_job("b", depends_on=[("a", "Complete")])),
        max_restarts=2,
    )
    w.succeed("a-0")
    assert w.jobs() == ["a-0", "b-0"]
    w.fail("b-0")
    assert w.jobs(terminating=True) == ["a-0", "b-0"]
    w.collect()
    assert w.jobs() == ["a-0"]
    assert w.attempt("a-0") == ("1", None)
    assert w.succeed("a-0").jobs() == ["a-0", "b-0"]


def test_one_restarted_job_does_not_stop_those_that_depend_on_it() -> None:
    """C-DEP-09: a dependency that is run again alone; the dependants that exist go on."""
    rule = FailurePolicyRule(name="one", action="RestartJob")
    w = world(
        rjobs=(make_replicated_job("a", 2), make_replicated_job("b", depends_on=[("a", "Ready")])),
        max_restarts=5,
        rules=[rule],
        on={"restart_job": True},
    )
    w.ready("a-0", "a-1")
    w.ready("b-0").fail("a-0")
    w.collect()
    assert w.jobs() == ["a-0", "a-1", "b-0"]
    assert (w.attempt("a-0"), w.attempt("b-0")) == (("0", "1"), ("0", "0"))
    assert w.counts("b").ready == 1
    assert w.counts("a").ready == 1


def test_what_a_restart_leaves_alone() -> None:
    """C-RST-04, C-RST-05, C-RST-06, C-PVC-06: one claim for all, the Service, no back-off, no annotation."""
    claim = PersistentVolumeClaim(metadata=ObjectMeta(name="data"))
    mount = Container(name="c", image="i", volume_mounts=(VolumeMount(name="data", mount_path="/d"),))
    pod = PodTemplateSpec(spec=PodSpec(containers=(mount,), restart_policy="Never"))
    w = world(
        rjobs=(make_replicated_job("w", 3, pod=pod),),
        max_restarts=3,
        volume_claim_policies=[VolumeClaimPolicy(templates=(claim,))],
    )
    service = w.store.get(Service, "default", "train")
    [claim] = w.store.list(PersistentVolumeClaim)
    assert claim.name == "data-train"
    for attempt in (1, 2, 3):
        w.fail("w-1")
        at = w.now
        w.collect()
        assert w.now == at
        assert w.attempt("w-1") == (str(attempt), None)
        assert "jobset.sigs.k8s.io/restart" not in w.job("w-0").metadata.annotations
    assert w.store.get(Service, "default", "train") == service
    assert list(w.store.list(PersistentVolumeClaim)) == [claim]
    assert all(v.persistent_volume_claim for j in w.store.list(Job) for v in j.spec.template.spec.volumes)


def test_labels_of_existing_jobs_are_never_refreshed() -> None:
    """C-JOB-07, C-BUG-48: an annotation of the JobSet reaches only Jobs made after it (C-UPD-03)."""
    w = world(max_restarts=1)
    train = w.train
    annotated = train.with_meta(annotations={RACK: "rack"})
    assert w.request(Update(obj=annotated)) is None
    assert RACK not in w.job("w-0").metadata.annotations
    w.delete("Job", "train-w-1")
    w.collect("w-1")
    assert [RACK in w.job(name).metadata.annotations for name in ("w-0", "w-1")] == [False, True]
    w.fail("w-0").collect()
    assert all(RACK in job.metadata.annotations for job in w.store.list(Job))


# --- ends -----------------------------------------------------------------------------------------


def test_an_end_can_be_taken_back_from_outside() -> None:
    """C-CND-20: the controller never does; whoever edits the status sets it going again."""
    w = world(rjobs={"w": 1}).succeed("w-0")
    assert w.state == "Completed"
    assert w.tick(3600).state == "Completed"
    train = w.train
    reopened = JobSetStatus(restarts=0, replicated_jobs_status=train.status.replicated_jobs_status)
    w.delete("Job", "train-w-0")
    w.collect("w-0")
    assert w.jobs() == []
    assert w.request(UpdateStatus(obj=replace(w.train, status=reopened))) is None
    assert w.jobs() == ["w-0"]


def test_a_time_to_live_may_come_late_and_change() -> None:
    """C-TTL-06: the update is looked at; C-QUE-05: nothing else asks for a later look."""
    w = world(rjobs={"w": 1}).succeed("w-0")
    assert w.due == {}
    w.edit(ttl_seconds_after_finished=1000)
    w.tick(10)
    w.edit(ttl_seconds_after_finished=None)
    w.tick(2000)
    assert not w.train.terminating
    w.edit(ttl_seconds_after_finished=5)
    assert all(found.terminating for found in w.store.list(JobSet))


def test_deleting_and_a_changed_status_conflict() -> None:
    """C-TTL-07, C-BUG-17: the delete raises the resourceVersion; the error does no harm."""
    w = world(success_policy=SuccessPolicy(operator="Any"), ttl_s=5).succeed("w-0")
    assert w.jobs(terminating=True) == ["w-1"]
    w.away = True
    w.run("w-1")
    w.away = False
    w.errors.clear()
    w.tick(10)
    assert w.train.terminating
    assert len(w.errors) == 1
    assert "the object has been modified" in w.errors[0]
    assert w.tick(10).due == {}


# --- what is written, and what is not -----------------------------------------------------------------


def test_events_are_told_for_conditions_and_actions_only() -> None:
    """C-EVT-01, C-EVT-02, C-EVT-04, C-EVT-07: about the JobSet; none for deletes, Jobs or counts."""
    w = world(max_restarts=1)
    w.ready("w-0", "w-1")
    assert w.reasons == []
    w.fail("w-0").collect()
    w.ready("w-0", "w-1")
    w.edit(suspend=True)
    w.edit(suspend=False)
    w.fail("w-1")
    assert w.reasons == [
        *("DefaultFailurePolicy", "RestartJobSetFailurePolicyAction", "JobsReady"),
        *("SuspendedJobs", "JobSetSuspended", "JobsReady", "ResumeJobs"),
        *("ReachedMaxRestarts", "JobSetFailed"),
    ]
    assert {(event.about.kind, event.about.name) for event in w.events} == {("JobSet", "train")}
    warned = [event.reason for event in w.events if event.type == "Warning"]
    assert warned == ["DefaultFailurePolicy", "RestartJobSetFailurePolicyAction", "ReachedMaxRestarts"]


def test_waiting_for_a_dependency_is_not_told() -> None:
    """C-DEP-07."""
    w = world(rjobs=(make_replicated_job("a"), make_replicated_job("b", depends_on=[("a", "Ready")])))
    assert w.jobs() == ["a-0"]
    assert (w.reasons, w.status.conditions) == ([], ())


def test_replicas_are_not_elastic() -> None:
    """C-ELA-06: refused with the gate too; no condition tells of scaling."""
    w = world(on={"elastic_jobset": True})
    [rjob] = w.train.spec.replicated_jobs
    assert "field is immutable" in str(w.edit(replicated_jobs=(replace(rjob, replicas=3),)))
    spec = replace(rjob.template.spec, parallelism=3, completions=3)
    bigger = replace(rjob, template=replace(rjob.template, spec=spec))
    assert w.edit(replicated_jobs=(bigger,)) is None
    assert [w.job(name).spec.parallelism for name in ("w-0", "w-1")] == [3, 3]
    assert w.status.conditions == ()
    assert w.job("w-0").metadata.labels["jobset.sigs.k8s.io/global-replicas"] == "2"


def test_webhooks_act_for_foreign_managers_too() -> None:
    """C-MGD-02: the JobSet is defaulted and validated though nobody here runs it."""
    w = World(make_jobset("train", success_policy=None, managed_by="a.b/c"))
    assert w.train.spec.success_policy is not None
    assert (w.jobs(), w.writes) == ([], [])
    assert "field is immutable" in str(w.edit(managed_by="a.b/d"))


# --- loops ------------------------------------------------------------------------------------------


def test_templates_that_are_no_jobs_loop_without_a_status() -> None:
    """C-BUG-40, C-REC-04 to C-REC-17: the create is refused each time, the status is never written."""
    w = world(rjobs=(make_replicated_job("a"), make_replicated_job("w", parallelism=1, completions=None)))
    assert w.jobs() == ["a-0"]
    for _ in range(3):
        w.tick(1)
    assert w.reasons == ["JobCreationFailed"] * 4
    assert w.status == JobSetStatus(restarts=0)
    assert "spec.completions: Required value" in w.errors[-1]


def test_a_status_that_is_refused_is_tried_for_ever() -> None:
    """C-API-50, C-UPD-10: a policy added by an update with a name that no reason may have."""
    w = world()
    rules = (FailurePolicyRule(name="has-a-dash", action="RestartJobSet"),)
    assert w.edit(failure_policy=FailurePolicy(max_restarts=9, rules=rules)) is None
    w.fail("w-0")
    w.tick(1).tick(1)
    assert len(w.errors) == 3
    assert "status.conditions[1].reason" in w.errors[0] or "status.conditions[0].reason" in w.errors[0]
    assert (w.status.restarts, w.events) == (0, [])
    assert w.jobs() == ["w-0", "w-1"]


def test_percent_signs_of_an_error_garble_its_event() -> None:
    """C-BUG-45: not the error itself."""
    w = world(rjobs=(make_replicated_job("w", labels={"a": "50% off"}),))
    assert "50% off" in w.errors[0]
    assert w.reasons == ["JobCreationFailed"]
    assert "50%!o(MISSING)ff" in w.events[0].message


def test_a_shared_subdomain_belongs_to_who_came_first() -> None:
    """C-BUG-44, C-SVC-06: its selector, its owner, its end."""
    net = Network(subdomain="net", enable_dns_hostnames=True, publish_not_ready_addresses=True)
    w = World(make_jobset("train", network=net))
    later = make_jobset("later", network=net).with_meta(uid="")
    assert w.request(Create(obj=later)) is None

    def owners() -> list[str]:
        return [service.metadata.owner_references[0].name for service in w.store.list(Service)]

    service = w.store.get(Service, "default", "net")
    assert service is not None
    assert service.spec.selector == {"jobset.sigs.k8s.io/jobset-name": "train"}
    w.delete("Service", "net")
    assert owners() == ["train"]
    w.delete("JobSet", "train")
    w.delete("Service", "net")
    assert owners() == []
    found = w.store.get(JobSet, "default", "later")
    assert found is not None
    assert w.request(Update(obj=found.with_meta(labels={"a": "b"}))) is None
    assert owners() == ["later"]


@pytest.mark.parametrize("order", ["AnyOrder", "InOrder"])
def test_a_removed_start_up_policy_is_any_order(order: str) -> None:
    """C-UPD-10."""
    w = world(rjobs={"a": 1, "b": 1}, in_order=order == "InOrder")
    assert w.jobs() == (["a-0"] if order == "InOrder" else ["a-0", "b-0"])
    assert w.edit(startup_policy=None) is None
    assert w.jobs() == ["a-0", "b-0"]
    assert w.train.spec.startup_policy != StartupPolicy(startup_policy_order="InOrder")
