"""The defaulting webhook of JobSets."""

from __future__ import annotations

import pytest

from jobsim.api import codec
from jobsim.api.jobset import JobSet
from jobsim.controllers.admission.jobset_default import default


def defaulted(**spec: object) -> dict[str, object]:
    obj = codec.from_dict(
        {"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet", "metadata": {"name": "a"}, "spec": spec}
    )
    assert isinstance(obj, JobSet)
    before = codec.encode(obj)
    result = default(obj)
    assert codec.encode(obj) == before
    assert default(result) == result
    data: dict[str, object] = codec.normal_form(codec.to_dict(result))["spec"]
    return data


ALWAYS = {
    "successPolicy": {"operator": "All"},
    "startupPolicy": {"startupPolicyOrder": "AnyOrder"},
    "network": {"enableDNSHostnames": True, "publishNotReadyAddresses": True},
}


def test_an_empty_spec() -> None:
    """C-DEF-01, C-DEF-02, C-DEF-04, C-DEF-07: no failure policy, no sizes, no subdomain."""
    assert defaulted() == ALWAYS


@pytest.mark.parametrize(
    ("given", "changed"),
    [
        ({"successPolicy": {"operator": "Any"}}, {}),
        ({"startupPolicy": {"startupPolicyOrder": "InOrder"}}, {}),
        (
            {"network": {"enableDNSHostnames": False, "subdomain": "s"}},
            {"network": {"enableDNSHostnames": False, "publishNotReadyAddresses": True, "subdomain": "s"}},
        ),
        (
            {"network": {"publishNotReadyAddresses": False}},
            {"network": {"enableDNSHostnames": True, "publishNotReadyAddresses": False}},
        ),
        (
            {
                "failurePolicy": {
                    "rules": [{"action": "FailJobSet"}, {"action": "x", "name": "n"}, {"action": "y"}]
                }
            },
            {
                "failurePolicy": {
                    "rules": [
                        {"action": "FailJobSet", "name": "failurePolicyRule0"},
                        {"action": "x", "name": "n"},
                        {"action": "y", "name": "failurePolicyRule2"},
                    ]
                }
            },
        ),
        (
            {"volumeClaimPolicies": [{}, {"retentionPolicy": {"whenDeleted": "Retain"}}]},
            {
                "volumeClaimPolicies": [
                    {"retentionPolicy": {"whenDeleted": "Delete"}},
                    {"retentionPolicy": {"whenDeleted": "Retain"}},
                ]
            },
        ),
    ],
)
def test_what_is_given_stays(given: dict[str, object], changed: dict[str, object]) -> None:
    """C-DEF-01 to C-DEF-06, C-DEF-05 among them."""
    assert defaulted(**given) == {**ALWAYS, **given, **changed}


@pytest.mark.parametrize(
    ("job", "pod", "mode", "policy"),
    [
        ({}, {}, "Indexed", "OnFailure"),
        ({"completionMode": "NonIndexed"}, {}, "NonIndexed", "OnFailure"),
        ({}, {"restartPolicy": "Never"}, "Indexed", "Never"),
    ],
)
def test_replicated_jobs(job: dict[str, object], pod: dict[str, object], mode: str, policy: str) -> None:
    """C-DEF-03, C-DEF-07."""
    template = {"spec": {**job, "template": {"spec": pod}}}
    spec = defaulted(replicatedJobs=[{"name": "w", "template": template}])
    (rjob,) = spec["replicatedJobs"]  # type: ignore[misc]
    assert rjob == {  # type: ignore[has-type]
        "name": "w",
        "groupName": "default",
        "replicas": 1,
        "template": {"spec": {"completionMode": mode, "template": {"spec": {"restartPolicy": policy}}}},
    }
