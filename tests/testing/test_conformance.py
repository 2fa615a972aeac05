"""Recorded decisions run through our cores: the reference's, and a few of our own making."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobsim.errors import InputError
from jobsim.testing import conformance
from jobsim.testing.conformance import run_case, run_files

OWNER = {
    "apiVersion": "jobset.x-k8s.io/v1alpha2",
    "kind": "JobSet",
    "name": "t",
    "uid": "u",
    "controller": True,
    "blockOwnerDeletion": True,
}
META = {
    "name": "t",
    "namespace": "ns",
    "uid": "u",
    "resourceVersion": "7",
    "creationTimestamp": "2026-01-05T00:00:00Z",
}
TEMPLATE = {
    "spec": {"parallelism": 2, "completions": 2, "template": {"spec": {"containers": [{"name": "c"}]}}}
}
SPEC = {"replicatedJobs": [{"name": "w", "groupName": "default", "replicas": 1, "template": TEMPLATE}]}
ZEROS = {"active": 0, "failed": 0, "ready": 0, "succeeded": 0, "suspended": 0}
RACK = "alpha.jobset.sigs.k8s.io/exclusive-topology"


def jobset(**changes: Any) -> dict[str, Any]:
    base = {"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet", "metadata": META, "spec": SPEC}
    return {**base, "status": {"restarts": 0}, **changes}


def job(size: int, suspend: bool = False) -> dict[str, Any]:
    labels = {"replicatedjob-name": "w", "restart-attempt": "0", "job-index": "0"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": "t-w-0",
            "namespace": "ns",
            "labels": {f"jobset.sigs.k8s.io/{k}": v for k, v in labels.items()},
            "ownerReferences": [OWNER],
        },
        "spec": {"parallelism": size, "completions": size, "suspend": suspend, "template": {"spec": {}}},
    }


def status_write(**status: Any) -> dict[str, Any]:
    document = jobset(metadata={"name": "t", "namespace": "ns"})
    document["status"] = {"restarts": 0, "replicatedJobsStatus": [{"name": "w", **ZEROS}], **status}
    return {"verb": "update-status", "kind": "JobSet", "name": "t", "object": document}


def reconcile_case(*cache: dict[str, Any], expect: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "case": "ours",
        "of": "jobset-reconcile",
        "upstream": "main",
        "gates": {},
        "now": "2026-01-05T00:00:10.5Z",
        "request": {"namespace": "ns", "name": "t"},
        "cache": list(cache),
        "expect": {"requeueAfterSeconds": None, "error": False, **expect},
        **more,
    }


def gone() -> dict[str, Any]:
    return reconcile_case(expect={})


def panicking() -> dict[str, Any]:
    return reconcile_case(jobset(), expect={"error": True}, upstream="v0.12.0")


def waiting_for_its_end() -> dict[str, Any]:
    done = {"type": "Completed", "status": "True", "lastTransitionTime": "2026-01-05T00:00:00Z"}
    spec = {"replicatedJobs": [], "ttlSecondsAfterFinished": 30}
    finished = jobset(spec=spec, status={"restarts": 0, "conditions": [done]})
    return reconcile_case(finished, expect={"requeueAfterSeconds": 19.5})


def waiting_part_of_a_second() -> dict[str, Any]:
    """Go adds the fraction to the whole seconds: 7 + 0.613, which is not 7.613."""
    case = waiting_for_its_end()
    return {
        **case,
        "now": "2026-01-05T00:00:22.387Z",
        "expect": {**case["expect"], "requeueAfterSeconds": 7 + 0.613},
    }


def suspending() -> dict[str, Any]:
    suspended = {**job(2, suspend=True)}
    return reconcile_case(
        jobset(spec={**SPEC, "suspend": True}, status=status_write()["object"]["status"]),
        job(2),
        faults=[{"write": 1, "error": "Conflict", "message": "try again"}],
        expect={
            "error": True,
            "errorText": "try again",
            "writes": [
                {"verb": "update", "kind": "Job", "name": "t-w-0", "object": suspended, "error": "Conflict"}
            ],
        },
    )


def scaling() -> dict[str, Any]:
    resumed = job(2, suspend=False)
    status = status_write(replicatedJobsStatus=[{"name": "w", **ZEROS, "suspended": 1}])
    patch = {"spec": {"completions": 2, "parallelism": 2}}
    return reconcile_case(
        jobset(),
        job(1, suspend=True),
        gates={"ElasticJobSet": True},
        expect={
            "writes": [
                {"verb": "patch", "kind": "Job", "name": "t-w-0", "object": patch},
                {"verb": "update", "kind": "Job", "name": "t-w-0", "object": resumed},
                status,
            ]
        },
    )


def scaling_to_nothing() -> dict[str, Any]:
    template = {"spec": {"template": {"spec": {"containers": [{"name": "c"}]}}}}
    spec = {"replicatedJobs": [{"name": "w", "groupName": "default", "replicas": 1, "template": template}]}
    status = status_write()
    status["object"]["spec"] = spec
    patch = {"spec": {"completions": None, "parallelism": None}}
    return reconcile_case(
        jobset(spec=spec),
        job(1),
        gates={"ElasticJobSet": True},
        expect={"writes": [{"verb": "patch", "kind": "Job", "name": "t-w-0", "object": patch}, status]},
    )


def failing() -> dict[str, Any]:
    failed = job(2)
    failed["status"] = {"conditions": [{"type": "Failed", "status": "True"}]}
    message = "jobset failed due to one or more job failures (first failed job: t-w-0)"
    condition = {
        "type": "Failed",
        "status": "True",
        "reason": "FailedJobs",
        "message": message,
        "lastTransitionTime": "2026-01-05T00:00:10Z",
    }
    write = status_write(
        conditions=[condition],
        terminalState="Failed",
        replicatedJobsStatus=[{"name": "w", **ZEROS, "failed": 1}],
    )
    event = {"type": "Warning", "reason": "FailedJobs", "message": message, "about": "JobSet/t"}
    return reconcile_case(jobset(), failed, expect={"writes": [write], "events": [event]})


def pod(name: str, index: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "ns",
            "labels": {"jobset.sigs.k8s.io/job-key": "k"},
            "annotations": {RACK: "rack", "batch.kubernetes.io/job-completion-index": index},
            "ownerReferences": [{**OWNER, "kind": "Job", "apiVersion": "batch/v1"}],
        },
        "spec": spec,
        "status": {"phase": "Running", "conditions": [{"type": "DisruptionTarget", "status": "True"}]},
    }


def evicting() -> dict[str, Any]:
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n", "labels": {"rack": "r1"}}}
    return {
        **reconcile_case(
            pod("lead", "0", nodeName="n"),
            pod("follow", "1", nodeSelector={"rack": "r2"}),
            node,
            expect={
                "writes": [
                    {
                        "verb": "delete",
                        "kind": "Pod",
                        "name": "follow",
                        "options": {"propagationPolicy": "Background"},
                    }
                ]
            },
        ),
        "of": "pod-reconcile",
        "request": {"namespace": "ns", "name": "lead"},
    }


def no_pod() -> dict[str, Any]:
    return {**reconcile_case(expect={}), "of": "pod-reconcile"}


def defaulting() -> dict[str, Any]:
    spec = {
        "network": {"enableDNSHostnames": True, "publishNotReadyAddresses": True},
        "startupPolicy": {"startupPolicyOrder": "AnyOrder"},
        "successPolicy": {"operator": "All"},
    }
    expect = {"object": jobset(spec=spec)}
    return {"case": "ours", "of": "jobset-default", "object": jobset(spec={}), "expect": expect}


def creating() -> dict[str, Any]:
    text = "spec.managedBy: Required value"
    bad = jobset(spec={**SPEC, "managedBy": "", "successPolicy": {"operator": "All"}})
    expect = {"errors": [text]}
    return {"case": "ours", "of": "jobset-validate", "operation": "create", "object": bad, "expect": expect}


def updating() -> dict[str, Any]:
    expect = {"errors": ["spec.replicatedJobs: Invalid value: …: field is immutable"]}
    return {
        **creating(),
        "operation": "update",
        "object": jobset(),
        "old": jobset(spec={}),
        "expect": expect,
    }


def follower() -> dict[str, Any]:
    document = pod("f", "1", priority=3)
    document["metadata"]["annotations"]["jobset.sigs.k8s.io/jobset-name"] = "t"
    return document


def mutating() -> dict[str, Any]:
    changed = follower()
    changed["metadata"]["labels"]["jobset.sigs.k8s.io/priority"] = "3"
    return {"case": "ours", "of": "pod-mutate", "object": follower(), "expect": {"object": changed}}


def refusing() -> dict[str, Any]:
    lead = pod("t-w-0-0-aaaaa", "0", nodeName="n")
    document = follower()
    for key, value in (("jobset-name", "t"), ("replicatedjob-name", "w"), ("job-index", "0")):
        document["metadata"]["labels"][f"jobset.sigs.k8s.io/{key}"] = value
    expect = {"allowed": False, "message": 'Node "n" not found'}
    return {"case": "ours", "of": "pod-mutate", "object": document, "cache": [lead], "expect": expect}


def letting_in() -> dict[str, Any]:
    return {"case": "ours", "of": "pod-validate", "object": pod("p", "0"), "expect": {"allowed": True}}


def keeping_out() -> dict[str, Any]:
    expect = {"allowed": False, "message": "follower pod node selector not set"}
    return {"case": "ours", "of": "pod-validate", "object": follower(), "expect": expect}


OURS: list[Callable[[], dict[str, Any]]] = [
    gone,
    panicking,
    waiting_for_its_end,
    waiting_part_of_a_second,
    suspending,
    scaling,
    scaling_to_nothing,
    failing,
    evicting,
    no_pod,
    defaulting,
    creating,
    updating,
    mutating,
    refusing,
    letting_in,
    keeping_out,
]


@pytest.mark.parametrize("make", OURS)
def test_a_right_expectation_passes(make: Callable[[], dict[str, Any]]) -> None:
    result = run_case(make())
    assert result.got == result.expected
    assert result.passed
    assert not result.skipped


@pytest.mark.parametrize("make", OURS)
def test_a_wrong_expectation_fails(make: Callable[[], dict[str, Any]]) -> None:
    case = make()
    wrong: dict[str, Any] = {
        "jobset-reconcile": {"error": not case["expect"].get("error")},
        "pod-reconcile": {"requeueAfterSeconds": 1.0},
        "jobset-default": {"object": jobset(spec={"ttlSecondsAfterFinished": 1})},
        "jobset-validate": {"warnings": ["none was given"]},
        "pod-mutate": {"object": pod("other", "9")},
        "pod-validate": {"message": "other"},
    }[case["of"]]
    assert not run_case({**case, "expect": {**case["expect"], **wrong}}).passed


def test_what_is_not_compared_is_not_compared() -> None:
    """The server's own metadata of a written object, and the text of an error where none is recorded."""
    case = failing()
    case["expect"]["writes"][0]["object"]["metadata"]["resourceVersion"] = "999"
    case["expect"]["errorTextInfo"] = "anything"
    assert run_case(case).passed


@pytest.mark.parametrize("part", ["message", "writes", "name"])
def test_every_part_of_a_reconcile_is_compared(part: str) -> None:
    case = failing()
    if part == "message":
        case["expect"]["events"][0]["message"] = "other"
    elif part == "writes":
        case["expect"]["writes"].append({"verb": "delete", "kind": "Job", "name": "t-w-0"})
    else:
        case["expect"]["writes"][0]["name"] = "other"
    assert not run_case(case).passed


def test_an_unknown_form_is_skipped_and_named() -> None:
    result = run_case({"case": "x", "of": "unheard-of", "expect": {}})
    assert (result.form, result.skipped, result.passed) == ("unheard-of", True, False)


@pytest.mark.parametrize(
    ("case", "text"),
    [
        ({}, "has no case"),
        ({"case": "x", "of": "jobset-reconcile"}, "case x has no expect"),
        ({"case": "x", "of": ["y"], "expect": {}}, "case x: Expected `str`, got `array` - at `$.of`"),
        ({**gone(), "request": {"name": "t"}}, "missing required field `namespace` - at `$.request`"),
        ({**gone(), "request": None}, "Expected `object`, got `null` - at `$.request`"),
        ({**gone(), "gates": "all"}, "Expected `object | null`, got `str` - at `$.gates`"),
        ({**gone(), "faults": [{"write": "1"}]}, "Expected `int`, got `str` - at `$.faults[0].write`"),
        ({**gone(), "cache": [{**jobset(), "apiVersion": ""}]}, "JobSet is of jobset.x-k8s.io/v1alpha2, not"),
        ({**gone(), "of": "job-episode"}, "missing required field"),
        ({**gone(), "of": "scheduler-cycle", "pod": 1}, "Expected `object`, got `int` - at `$.pod`"),
        ({**gone(), "now": "noon"}, "now is no RFC 3339 time: 'noon'"),
        ({**gone(), "now": 7}, "Expected `str`, got `int` - at `$.now`"),
        ({**gone(), "cache": ["x"]}, "Expected `object`, got `str` - at `$.cache[0]`"),
        ({**gone(), "cache": [jobset(spec=3)]}, "case ours: JobSet: Expected `object`"),
        ({**gone(), "expect": {}}, "missing required field `error` - at `$.expect`"),
        ({**defaulting(), "object": pod("p", "0")}, "Pod where JobSet is expected"),
        ({**creating(), "operation": "update"}, "case ours has no old"),
    ],
)
def test_a_case_that_cannot_be_read_is_an_input_error(case: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match="case") as caught:
        run_case(case)
    assert text in caught.value.text


FORMS = {
    "jobset-reconcile",
    "pod-reconcile",
    "jobset-default",
    "jobset-validate",
    "pod-mutate",
    "pod-validate",
}


@pytest.mark.slow
@pytest.mark.parametrize("file", ["jobset_reconcile", "jobset_main", "pod_reconcile", "webhooks"])
def test_the_recorded_decisions(file: str, shared_path: Callable[..., Path]) -> None:
    """Every recorded decision of the real controller and webhooks is ours too."""
    report = run_files([shared_path("conformance", f"{file}.jsonl.gz")])
    assert report.failed == []
    assert set(report.forms) <= FORMS
    assert report.total.passed > 300
    assert report.total.skipped == 0


def test_every_form_has_a_runner() -> None:
    assert set(conformance.FORMS) >= FORMS
