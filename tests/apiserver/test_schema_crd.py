"""What the JobSet CRD demands of a document, in the API server's words."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api.field import FieldError
from jobsim.apiserver import schema_crd
from jobsim.apiserver.jobset_schema import JOBSET


def jobset(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": {"name": "a"},
        "spec": spec,
    }


def rjob(**fields: Any) -> dict[str, Any]:
    pod = {"spec": {"containers": [{"name": "c", "image": "i"}]}}
    return {"name": "w", "template": {"spec": {"template": pod}}, **fields}


def checked(doc: dict[str, Any], old: Any = schema_crd.ABSENT) -> list[str]:
    errors: list[FieldError] = schema_crd.check(doc, JOBSET, old)
    errors += schema_crd.check_rules(doc, JOBSET, errors, old)
    return [error.text for error in errors]


UNCHECKED = (
    "<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation"
)
R0 = "spec.replicatedJobs[0]"
POLICY = "spec.volumeClaimPolicies[0]"
EXCLUSIVE = "StartupPolicy and DependsOn APIs are mutually exclusive"
NO_NAMESPACE = "namespace cannot be set for VolumeClaimPolicies templates"
IN_ORDER = {"startupPolicyOrder": "InOrder"}


def mistyped(path: str, wanted: str, found: str) -> str:
    return f'{path}: Invalid value: "{found}": {path} in body must be of type {wanted}: "{found}"'


def out_of_range(path: str, how: str) -> str:
    return f'<nil>: Invalid value: "": Checked value must be of type integer {how} in {path}'


def no_key(path: str, key: str, message: str) -> str:
    return f'{path}: Invalid value: "object": no such key: {key} evaluating rule: {message}'


def with_cpu(amount: str) -> dict[str, Any]:
    pod = {"spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": amount}}}]}}
    return rjob(template={"spec": {"template": pod}})


CPU = f"{R0}.template.spec.template.spec.containers[0].resources.limits.cpu"
SIX = [{"name": str(i), "status": "Ready"} for i in range(6)]
CRD_ERRORS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("a good one", {"replicatedJobs": [rjob()]}, []),
    (
        "C-API-37 minimum",
        {"ttlSecondsAfterFinished": -1},
        [
            "spec.ttlSecondsAfterFinished: Invalid value: -1: spec.ttlSecondsAfterFinished in body should "
            "be greater than or equal to 0"
        ],
    ),
    (
        "C-API-15 maxItems",
        {"replicatedJobs": [rjob(dependsOn=SIX)]},
        [f"{R0}.dependsOn: Too many: 6: must have at most 5 items", UNCHECKED],
    ),
    (
        "C-API-38 maxItems",
        {"volumeClaimPolicies": [{"templates": []}] * 51},
        ["spec.volumeClaimPolicies: Too many: 51: must have at most 50 items", UNCHECKED],
    ),
    (
        "C-API-21 enum",
        {"successPolicy": {"operator": "Some"}},
        [
            'spec.successPolicy.operator: Unsupported value: "Some": supported values: "All", "Any"',
            UNCHECKED,
        ],
    ),
    (
        "C-API-11 required",
        {"replicatedJobs": [{"template": {"spec": {"template": {}}}}]},
        [f"{R0}.name: Required value", UNCHECKED],
    ),
    (
        "C-API-13 required deep down",
        {"replicatedJobs": [rjob(template={"spec": {"template": {"spec": {}}}})]},
        [f"{R0}.template.spec.template.spec.containers: Required value", UNCHECKED],
    ),
    (
        "no text",
        {"replicatedJobs": [rjob(name=False)]},
        [mistyped(f"{R0}.name", "string", "boolean"), UNCHECKED],
    ),
    (
        "text for int32",
        {"replicatedJobs": [rjob(replicas="3")]},
        [mistyped(f"{R0}.replicas", "integer", "string"), UNCHECKED],
    ),
    (
        "object for int32",
        {"replicatedJobs": [rjob(replicas={})]},
        [mistyped(f"{R0}.replicas", "int32", ""), UNCHECKED],
    ),
    (
        "fraction for int32",
        {"replicatedJobs": [rjob(replicas=1.5)]},
        [
            mistyped(f"{R0}.replicas", "int32", "float64"),
            out_of_range(f"{R0}.replicas", "with format int32"),
            UNCHECKED,
        ],
    ),
    (
        "int32 overflow",
        {"replicatedJobs": [rjob(replicas=2**31)]},
        [out_of_range(f"{R0}.replicas", "with format int32")],
    ),
    (
        "plain integer overflow",
        {"coordinator": {"replicatedJob": "w", "jobIndex": 1e20}},
        [
            mistyped("spec.coordinator.jobIndex", "integer", "number"),
            out_of_range("spec.coordinator.jobIndex", "(default format)"),
            UNCHECKED,
        ],
    ),
    ("the last whole float", {"coordinator": {"replicatedJob": "w", "jobIndex": 2.0**53 - 1}}, []),
    (
        "beyond the last whole float",
        {"coordinator": {"replicatedJob": "w", "jobIndex": 2.0**53}},
        [mistyped("spec.coordinator.jobIndex", "integer", "number"), UNCHECKED],
    ),
    (
        "null for a list",
        {"replicatedJobs": None},
        [mistyped("spec.replicatedJobs", "array", "null"), UNCHECKED],
    ),
    (
        "C-API-04 list map",
        {"replicatedJobs": [rjob(), rjob(), rjob()]},
        ['spec.replicatedJobs[1]: Duplicate value: {"name":"w"}'],
    ),
    (
        "a quantity's form",
        {"replicatedJobs": [with_cpu("x")]},
        [f"{CPU}: Invalid value: \"x\": {CPU} in body should match '{schema_crd.QUANTITY_PATTERN}'"],
    ),
    ("a good quantity", {"replicatedJobs": [with_cpu("1e3")]}, []),
    (
        "C-API-42",
        {"startupPolicy": IN_ORDER, "replicatedJobs": [rjob(dependsOn=[])]},
        [f"spec: Invalid value: {EXCLUSIVE}"],
    ),
    (
        "C-API-42 without jobs",
        {"startupPolicy": IN_ORDER},
        [no_key("spec", "replicatedJobs", EXCLUSIVE)],
    ),
    (
        "C-API-39 namespace",
        {"volumeClaimPolicies": [{"templates": [{"metadata": {"namespace": "n"}}, {}]}]},
        [f"{POLICY}: Invalid value: {NO_NAMESPACE}"],
    ),
    (
        "C-API-39 no templates",
        {"volumeClaimPolicies": [{}]},
        [no_key(POLICY, "templates", NO_NAMESPACE)],
    ),
    (
        "C-API-39 no metadata",
        {"volumeClaimPolicies": [{"templates": [{}]}]},
        [no_key(POLICY, "metadata", NO_NAMESPACE)],
    ),
]


@pytest.mark.parametrize(("spec", "texts"), [c[1:] for c in CRD_ERRORS], ids=[c[0] for c in CRD_ERRORS])
def test_the_crd_in_the_servers_words(spec: dict[str, Any], texts: list[str]) -> None:
    assert checked(jobset(**spec)) == texts


def test_list_maps_inside_the_pod_template() -> None:
    """Errata, C-API-04: containers, volumes and gates of a Job template are list maps too."""
    pod = {
        "containers": [{"name": "c", "ports": [{"containerPort": 1, "protocol": "TCP"}] * 2}, {"name": "c"}],
        "schedulingGates": [{"name": "g"}, {"name": "g"}],
    }
    job = {
        "template": {"spec": pod},
        "podFailurePolicy": {
            "rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [1, 2, 1]}}]
        },
    }
    texts = checked(jobset(replicatedJobs=[{"name": "w", "template": {"spec": job}}]))
    at = f"{R0}.template.spec"
    assert texts == [
        f"{at}.podFailurePolicy.rules[0].onExitCodes.values[2]: Duplicate value: 1",
        f'{at}.template.spec.containers[1]: Duplicate value: {{"name":"c"}}',
        f'{at}.template.spec.containers[0].ports[1]: Duplicate value: {{"containerPort":1,"protocol":"TCP"}}',
        f'{at}.template.spec.schedulingGates[1]: Duplicate value: {{"name":"g"}}',
    ]


def test_nulls_go_and_defaults_come() -> None:
    """C-API-12, 14, 25, 41; a null where a default is known gives way to it."""
    doc = jobset(
        suspend=None,
        failurePolicy={"rules": None},
        replicatedJobs=[rjob(replicas=None, dependsOn=None)],
        volumeClaimPolicies=[{"templates": [], "retentionPolicy": {}}],
    )
    spec = schema_crd.defaulted(schema_crd.without_nulls(doc, JOBSET), JOBSET)["spec"]
    assert spec["failurePolicy"] == {"restartStrategy": "Recreate"}
    assert {k: v for k, v in spec["replicatedJobs"][0].items() if k != "template"} == {
        "name": "w", "replicas": 1, "groupName": "default",
    }  # fmt: skip
    assert spec["volumeClaimPolicies"][0]["retentionPolicy"] == {"whenDeleted": "Delete"}
    assert "suspend" not in spec


# --- updates -----------------------------------------------------------------------------------


def changed(path: str) -> str:
    return f"{path}: Invalid value: Value is immutable"


@pytest.mark.parametrize(
    ("old", "new", "texts"),
    [
        ({"network": {"subdomain": "a"}}, {"network": {"subdomain": "b"}}, [changed("spec.network")]),
        ({"network": {}}, {}, []),
        ({}, {"failurePolicy": {"maxRestarts": 1}}, []),
        (
            {"volumeClaimPolicies": [{"templates": []}]},
            {"volumeClaimPolicies": []},
            [changed("spec.volumeClaimPolicies")],
        ),
        (
            {"replicatedJobs": [rjob(dependsOn=[{"name": "l", "status": "Ready"}])]},
            {"replicatedJobs": [rjob(dependsOn=[])]},
            [changed(f"{R0}.dependsOn")],
        ),
    ],
)  # fmt: skip
def test_immutable_where_both_sides_have_the_field(old: Any, new: Any, texts: list[str]) -> None:
    """C-UPD-10: transition rules are asked only where there is an old value and a new one."""
    assert checked(jobset(**new), jobset(**old)) == texts


def test_what_did_not_change_is_not_complained_about_again() -> None:
    """Ratcheting: an old fault in a replicated job of the same name stays allowed."""
    bad = rjob(replicas="3")
    assert checked(jobset(replicatedJobs=[bad, rjob(name="x")]), jobset(replicatedJobs=[bad])) == []
    assert (
        checked(
            jobset(replicatedJobs=[rjob(), rjob()], suspend=True), jobset(replicatedJobs=[rjob(), rjob()])
        )
        == []
    )
    changed = rjob(replicas="4")
    assert len(checked(jobset(replicatedJobs=[changed]), jobset(replicatedJobs=[bad]))) == 2
