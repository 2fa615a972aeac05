"""The JobSet's API field by field: default, constraint, mutability (C-API-10 to C-API-57)."""

from __future__ import annotations

import typing
from functools import partial
from typing import Any

import pytest

from jobsim.api import codec
from jobsim.api._struct import replace
from jobsim.api.jobset import JobSet, JobSetStatus, ReplicatedJobStatus
from jobsim.api.meta import Condition
from jobsim.apiserver.table import ObjectTable
from jobsim.controllers.admission.pipeline import Admission
from jobsim.controllers.jobset import Gates, conditions
from jobsim.errors import ApiError
from jobsim.testing import make_jobset

EMPTY = ObjectTable()
ACCEPTED = ""


def admission(version: Any = "v0.12.0") -> Admission:
    return Admission(Gates(restart_job=True, version=version), strict=False, suffix=lambda: "abcde")


def template(**job: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}, **job}}


def rjob(name: str = "w", **fields: Any) -> dict[str, Any]:
    return {"name": name, "template": template(), **fields}


def document(**spec: Any) -> dict[str, Any]:
    spec.setdefault("replicatedJobs", [rjob(), rjob("x")])
    head = {"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet", "metadata": {"name": "a"}}
    return {**head, "spec": spec}


def answer(act: Any) -> str:
    try:
        act()
    except ApiError as err:
        return err.message
    return ACCEPTED


def rules(**rule: Any) -> dict[str, Any]:
    return {"failurePolicy": {"rules": [{"name": "r", "action": "FailJobSet", **rule}]}}


def depends(*names: str, status: str = "Ready") -> dict[str, Any]:
    return {"replicatedJobs": [rjob(), rjob("x", dependsOn=[{"name": n, "status": status} for n in names])]}


REASONS = (
    *("BackoffLimitExceeded", "DeadlineExceeded", "FailedIndexes", "MaxFailedIndexesExceeded"),
    "PodFailurePolicy",
)
CREATED: list[tuple[str, dict[str, Any], str]] = [
    ("C-API-10", {"replicatedJobs": []}, ACCEPTED),
    ("C-API-10", {"replicatedJobs": None}, ACCEPTED),
    ("C-API-12", {"replicatedJobs": [rjob(groupName="1")]}, "spec.replicatedJobs[0].groupName: Invalid"),
    ("C-API-14", {"replicatedJobs": [rjob(replicas=2**31)]}, "of type int32"),
    ("C-API-14", {"replicatedJobs": [rjob(replicas=0)]}, ACCEPTED),
    ("C-API-15", depends(*"wwwwww"), "must have at most 5 items"),
    ("C-API-15", depends("w", status="Started"), 'supported values: "Ready", "Complete"'),
    ("C-API-15", depends("w", status="Complete"), ACCEPTED),
    ("C-API-18", {"network": {"subdomain": "-"}}, "spec.network.subdomain: Invalid value"),
    ("C-API-21", {"successPolicy": {"operator": "Most"}}, 'supported values: "All", "Any"'),
    (
        "C-API-22",
        {"successPolicy": {"operator": "Any", "targetReplicatedJobs": ["no"]}},
        "does not appear in",
    ),
    ("C-API-22", {"successPolicy": {"operator": "Any", "targetReplicatedJobs": ["w", "w"]}}, ACCEPTED),
    ("C-API-23", {"failurePolicy": None}, ACCEPTED),
    ("C-API-24", {"failurePolicy": {"maxRestarts": -7}}, ACCEPTED),
    ("C-API-25", {"failurePolicy": {"restartStrategy": "Never"}}, '"Recreate", "BlockingRecreate"'),
    ("C-API-26", {"failurePolicy": {"rules": []}}, ACCEPTED),
    ("C-API-27", rules(name="a" * 129), "rule name of length 129"),
    ("C-API-27", rules(name="1"), "must start with an alphabetic character"),
    ("C-API-27", rules(name="a_b,c:d9"), ACCEPTED),
    ("C-API-28", rules(action="Retry"), "Unsupported value"),
    ("C-API-29", rules(onJobFailureReasons=[*REASONS, REASONS[0]]), ACCEPTED),
    ("C-API-29", rules(onJobFailureReasons=["Bored"]), "invalid job failure reason 'Bored'"),
    ("C-API-30", rules(onJobFailureMessagePatterns=["("]), ACCEPTED),
    ("C-API-31", rules(targetReplicatedJobs=["w"]), ACCEPTED),
    ("C-API-31", rules(targetReplicatedJobs=["no"]), "invalid replicatedJob name 'no' in failure policy"),
    ("C-API-32", {"startupPolicy": None}, ACCEPTED),
    ("C-API-33", {"startupPolicy": {"startupPolicyOrder": "Random"}}, '"AnyOrder", "InOrder"'),
    ("C-API-34", {"suspend": None}, ACCEPTED),
    ("C-API-35", {"coordinator": {"replicatedJob": "no"}}, "coordinator replicatedJob no does not exist"),
    ("C-API-36", {"managedBy": "me"}, "must be a domain-prefixed path"),
    ("C-API-37", {"ttlSecondsAfterFinished": -1}, "should be greater than or equal to 0"),
    ("C-API-44", {"activeDeadlineSeconds": 5}, 'unknown field "spec.activeDeadlineSeconds"'),
    ("C-API-44", {"priority": 5}, 'unknown field "spec.priority"'),
    ("C-API-44", {"queueName": "q"}, 'unknown field "spec.queueName"'),
]


@pytest.mark.parametrize(
    ("clause", "spec", "text"), CREATED, ids=[f"{c}-{i}" for i, (c, _, _) in enumerate(CREATED)]
)
def test_what_a_new_jobset_may_say(clause: str, spec: dict[str, Any], text: str) -> None:
    said = answer(lambda: admission().create_document(document(**spec), EMPTY))
    assert text in said if text else said == ACCEPTED, clause


def test_defaults_of_a_new_jobset() -> None:
    """C-API-12, C-API-14, C-API-17, C-API-19, C-API-21, C-API-25, C-API-27, C-API-33."""
    stored = admission().create_document(document(failurePolicy={"rules": [{"action": "FailJobSet"}]}), EMPTY)
    spec = stored["spec"]
    assert [(r["groupName"], r["replicas"]) for r in spec["replicatedJobs"]] == [("default", 1)] * 2
    assert spec["network"] == {"enableDNSHostnames": True, "publishNotReadyAddresses": True}
    assert spec["successPolicy"] == {"operator": "All"}
    assert spec["startupPolicy"] == {"startupPolicyOrder": "AnyOrder"}
    assert spec["failurePolicy"] == {
        "restartStrategy": "Recreate",
        "rules": [{"action": "FailJobSet", "name": "failurePolicyRule0"}],
    }
    absent = {"suspend", "coordinator", "managedBy", "ttlSecondsAfterFinished", "volumeClaimPolicies"}
    assert not absent & set(spec)
    assert "failurePolicy" not in admission().create_document(document(), EMPTY)["spec"]


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ({}, {"whenDeleted": "Delete"}),
        ({"retentionPolicy": None}, {"whenDeleted": "Delete"}),
        ({"retentionPolicy": {}}, {"whenDeleted": "Delete"}),
        ({"retentionPolicy": {"whenDeleted": "Retain"}}, {"whenDeleted": "Retain"}),
    ],
)
def test_defaults_of_a_claim_policy(given: dict[str, Any], stored: dict[str, Any]) -> None:
    """C-API-38, C-API-40, C-API-41, C-DEF-06: of the webhook, of the CRD where it is empty."""
    mounting = {"name": "c", "image": "i", "volumeMounts": [{"name": "data", "mountPath": "/d"}]}
    job = {"spec": {"template": {"spec": {"containers": [mounting]}}}}
    policy = {"templates": [{"metadata": {"name": "data"}, "spec": {}}], **given}
    doc = document(replicatedJobs=[rjob(template=job)], volumeClaimPolicies=[policy])
    spec = admission().create_document(doc, EMPTY)["spec"]
    assert spec["volumeClaimPolicies"][0]["retentionPolicy"] == stored


FULL = {
    "failurePolicy": {"maxRestarts": 2},
    "coordinator": {"replicatedJob": "w"},
    "managedBy": "a.b/c",
    "replicatedJobs": [rjob(template=template(completionMode="Indexed", completions=2)), rjob("x")],
}
IMMUTABLE = "Value is immutable"
#: What an update changes, and what is said to it (C-UPD-03, C-UPD-10, C-API-43).
CHANGED: list[tuple[str, dict[str, Any], str]] = [
    ("C-API-10", {"replicatedJobs": [rjob()]}, "spec.replicatedJobs: Invalid value"),
    ("C-API-16", {"network": {"enableDNSHostnames": False}}, IMMUTABLE),
    ("C-API-20", {"successPolicy": {"operator": "Any"}}, IMMUTABLE),
    ("C-API-23", {"failurePolicy": {"maxRestarts": 3}}, IMMUTABLE),
    ("C-API-32", {"startupPolicy": {"startupPolicyOrder": "InOrder"}}, IMMUTABLE),
    ("C-API-34", {"suspend": True}, ACCEPTED),
    ("C-API-35", {"coordinator": {"replicatedJob": "nobody", "jobIndex": -3}}, ACCEPTED),
    ("C-API-36", {"managedBy": "a.b/d"}, "spec.managedBy: Invalid value"),
    ("C-API-37", {"ttlSecondsAfterFinished": 9}, ACCEPTED),
    ("C-API-43", {"network": None}, ACCEPTED),
    ("C-API-43", {"successPolicy": None}, ACCEPTED),
    ("C-API-43", {"failurePolicy": None}, ACCEPTED),
    ("C-API-43", {"startupPolicy": None}, ACCEPTED),
    ("C-API-43", {"volumeClaimPolicies": [{"templates": []}]}, ACCEPTED),
]


@pytest.mark.parametrize(
    ("clause", "change", "text"), CHANGED, ids=[f"{c}-{i}" for i, (c, _, _) in enumerate(CHANGED)]
)
def test_what_an_update_may_change(clause: str, change: dict[str, Any], text: str) -> None:
    stored = admission().create_document(document(**FULL), EMPTY)
    new = {**stored, "spec": {**stored["spec"], **change}}
    said = answer(lambda: admission().update_document(codec.prune_nulls(new), stored))
    assert text in said if text else said == ACCEPTED, clause


def test_create_rules_are_not_asked_again() -> None:
    """C-VAL-01, C-WHK-02: an update adds what a create may not say, and gets no default."""
    stored = admission().create_document(document(), EMPTY)
    bad = {"rules": [{"name": "has-a-dash", "action": "RestartJob", "targetReplicatedJobs": ["nobody"]}]}
    assert "has-a-dash" in answer(lambda: admission().create_document(document(failurePolicy=bad), EMPTY))
    new = admission().update_document(
        {
            **stored,
            "spec": {**stored["spec"], "failurePolicy": bad, "volumeClaimPolicies": [{"templates": []}]},
        },
        stored,
    )
    assert new["spec"]["failurePolicy"] == {**bad, "restartStrategy": "Recreate"}  # The CRD's default.
    assert new["spec"]["volumeClaimPolicies"] == [{"templates": []}]


def test_a_status_write_is_not_shown_to_the_webhooks() -> None:
    """C-WHK-01: nor the spec to who writes a status."""
    odd = make_jobset("a", success_policy=None, network=None, managed_by="me")
    admission().admit_status(replace(odd, status=JobSetStatus(restarts=1)), odd)


def with_status(**fields: Any) -> JobSet:
    return make_jobset("a", status=JobSetStatus(restarts=0, **fields))


def condition(**fields: Any) -> JobSet:
    return with_status(conditions=(Condition(**{"type": "RestartingJobSet", "status": "True", **fields}),))


WORKER = ReplicatedJobStatus(name="w", ready=0, succeeded=0, failed=0, active=0, suspended=0)
STATUSES: list[tuple[str, JobSet, str]] = [
    ("C-API-50", condition(reason="FailurePolicy_a"), ACCEPTED),
    (
        "C-API-50",
        condition(reason="FailurePolicy_has-a-dash"),
        'JobSet.jobset.x-k8s.io "a" is invalid: status.conditions[0].reason: Invalid value: '
        '"FailurePolicy_has-a-dash": status.conditions[0].reason in body should match '
        "'^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$'",
    ),
    ("C-API-50", condition(reason="a\n"), "should match"),
    ("C-API-50", condition(reason="a" * 1024), ACCEPTED),
    ("C-API-50", condition(reason="a" * 1025), "reason: Too long: may not be more than 1024 bytes"),
    ("C-API-50", condition(reason="a", message="m" * 32_769), "message: Too long"),
    ("C-API-50", condition(reason="a", status="Perhaps"), 'Unsupported value: "Perhaps"'),
    ("C-API-04", with_status(replicated_jobs_status=(WORKER, WORKER)), "Duplicate value"),
    ("C-API-55", with_status(replicated_jobs_status=(replace(WORKER, job_restarts=(0,) * 1024),)), ACCEPTED),
    (
        "C-API-55",
        with_status(replicated_jobs_status=(replace(WORKER, job_restarts=(0,) * 1025),)),
        "must have at most 1024 items",
    ),
    ("C-API-56", with_status(current_in_place_restart_attempt=0), ACCEPTED),
    ("C-API-56", with_status(previous_in_place_restart_attempt=-1), "greater than or equal to 0"),
]


@pytest.mark.parametrize(
    ("clause", "new", "text"), STATUSES, ids=[f"{c}-{i}" for i, (c, _, _) in enumerate(STATUSES)]
)
def test_what_a_status_may_say(clause: str, new: JobSet, text: str) -> None:
    said = answer(lambda: admission().admit_status(new, make_jobset("a")))
    assert text in said if text else said == ACCEPTED, clause
    # What is there already is not looked at again.
    assert answer(lambda: admission().admit_status(replace(new, metadata=new.metadata), new)) == ACCEPTED


def test_statuses_that_were_good_change_no_answer() -> None:
    """C-API-50: each status after each, and with other numbers."""
    checks, old = admission(), make_jobset("a")
    for _, first, _ in STATUSES:
        for _, then, text in STATUSES:
            answer(partial(checks.admit_status, first, old))
            said = answer(partial(checks.admit_status, then, old))
            assert text in said if text else said == ACCEPTED
    for restarts, fine in ((0, True), (7, True), (2**31 - 1, True), (2**31, False)):
        new = replace(old, status=replace(old.status, restarts=restarts))
        said = answer(partial(checks.admit_status, new, old))
        assert (said == ACCEPTED) is fine


def test_counters_are_always_written() -> None:
    """C-API-51 to C-API-54."""
    status = codec.to_dict(with_status(replicated_jobs_status=(WORKER,)))["status"]
    zeros = {"name": "w", "ready": 0, "succeeded": 0, "failed": 0, "active": 0, "suspended": 0}
    assert status == {"restarts": 0, "replicatedJobsStatus": [zeros]}


def test_the_types_of_conditions() -> None:
    """C-API-57."""
    assert {
        conditions.COMPLETED,
        conditions.FAILED,
        conditions.SUSPENDED,
        conditions.RESTARTING,
        conditions.STARTUP_IN_PROGRESS,
        conditions.STARTUP_COMPLETED,
    } == {
        *("Completed", "Failed", "Suspended", "RestartingJobSet"),
        *("StartupPolicyInProgress", "StartupPolicyCompleted"),
    }


def test_the_gates() -> None:
    """C-GAT-01 to C-GAT-03: off by default in both versions; C-GAT-05: and there are no others."""
    gates = Gates()
    assert (gates.in_place_restart, gates.restart_job, gates.elastic_jobset) == (False, False, False)
    assert set(Gates.__struct_fields__) == {"in_place_restart", "restart_job", "elastic_jobset", "version"}
    assert typing.get_type_hints(Gates)["version"] == typing.Literal["v0.12.0", "main"]
