"""Numbers at which an answer turns: what is just allowed, and what is one too many."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.apiserver.table import ObjectTable
from jobsim.controllers.admission.pipeline import Admission
from jobsim.controllers.jobset import Gates
from jobsim.errors import ApiError

EMPTY = ObjectTable()
POD = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}


def answer(doc: dict[str, Any]) -> str:
    try:
        Admission(Gates(), strict=False, suffix=lambda: "abcde").admit_manifest(doc, EMPTY)
    except ApiError as err:
        return err.message
    return ""


def job(**spec: Any) -> dict[str, Any]:
    doc = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}}
    return {**doc, "spec": {"template": POD, **spec}}


def indexed(**spec: Any) -> dict[str, Any]:
    return job(**{"completionMode": "Indexed", "completions": 5, "parallelism": 5, **spec})


def per_index(completions: int, **spec: Any) -> dict[str, Any]:
    return indexed(**{"completions": completions, "backoffLimitPerIndex": 1, "maxFailedIndexes": 1, **spec})


def on_exit(*values: int) -> dict[str, Any]:
    rule = {"action": "FailJob", "onExitCodes": {"operator": "In", "values": list(values)}}
    return job(podFailurePolicy={"rules": [rule]})


def on_conditions(number: int) -> dict[str, Any]:
    conditions = [{"type": f"t{i}", "status": "True"} for i in range(number)]
    return job(podFailurePolicy={"rules": [{"action": "Ignore", "onPodConditions": conditions}]})


def failure_rules(number: int) -> dict[str, Any]:
    rule = {"action": "Ignore", "onPodConditions": [{"type": "t", "status": "True"}]}
    return job(podFailurePolicy={"rules": [rule] * number})


def success_rules(number: int) -> dict[str, Any]:
    return indexed(successPolicy={"rules": [{"succeededCount": 1}] * number})


def chosen(indexes: str) -> dict[str, Any]:
    rules = [{"succeededIndexes": indexes}]
    return indexed(completions=100_000, parallelism=1, successPolicy={"rules": rules})


#: As long as it may be: 10,922 numbers of five digits with their commas, and one of four.
LONG = ",".join(map(str, [1000, *range(10_000, 20_922)]))


def pod(**container: Any) -> dict[str, Any]:
    doc = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}
    return {**doc, "spec": {"containers": [{"name": "c", "image": "i", **container}]}}


def probe(**fields: Any) -> dict[str, Any]:
    return pod(livenessProbe={"exec": {"command": ["x"]}, **fields})


def restarts(number: int) -> dict[str, Any]:
    rule = {"action": "Restart", "exitCodes": {"operator": "In", "values": [1]}}
    return pod(restartPolicy="Never", restartPolicyRules=[rule] * number)


def until(seconds: int) -> dict[str, Any]:
    doc = pod()
    doc["spec"]["activeDeadlineSeconds"] = seconds
    return doc


def port(**fields: Any) -> dict[str, Any]:
    return pod(ports=[{"containerPort": 80, **fields}])


HIGH = "when completions are above 100000 and used with backoff limit per index"
LIMITS: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    (
        "parallelism of indexed Jobs",
        indexed(parallelism=100_000),
        indexed(parallelism=100_001),
        "spec.parallelism: Invalid value: 100001: must be less than or equal to 100000 when completion mode",
    ),
    (
        "failed indexes",
        per_index(100_000, maxFailedIndexes=100_000),
        per_index(100_000, maxFailedIndexes=100_001),
        "spec.maxFailedIndexes: Invalid value: 100001: must be less than or equal to 100000",
    ),
    (
        "many completions need a limit of failed indexes",
        indexed(completions=100_000, backoffLimitPerIndex=1),
        indexed(completions=100_001, backoffLimitPerIndex=1),
        "spec.maxFailedIndexes: Required value: must be specified when completions is above 100000",
    ),
    (
        "parallelism of many completions",
        per_index(100_001, parallelism=10_000),
        per_index(100_001, parallelism=10_001),
        f"spec.parallelism: Invalid value: 10001: must be less than or equal to 10000 {HIGH}",
    ),
    (
        "failed indexes of many completions",
        per_index(100_001, maxFailedIndexes=10_000),
        per_index(100_001, maxFailedIndexes=10_001),
        f"spec.maxFailedIndexes: Invalid value: 10001: must be less than or equal to 10000 {HIGH}",
    ),
    (
        "managedBy",
        job(managedBy="a.b/" + "c" * 59),
        job(managedBy="a.b/" + "c" * 60),
        "spec.managedBy: Too long: may not be more than 63 bytes",
    ),
    (
        "rules of a failure policy",
        failure_rules(20),
        failure_rules(21),
        "rules: Too many: 21: must have at most 20",
    ),
    (
        "rules of a success policy",
        success_rules(20),
        success_rules(21),
        "rules: Too many: 21: must have at most 20",
    ),
    (
        "exit codes",
        on_exit(*range(1, 256)),
        on_exit(*range(1, 257)),
        "values: Too many: 256: must have at most 255",
    ),
    (
        "conditions",
        on_conditions(20),
        on_conditions(21),
        "onPodConditions: Too many: 21: must have at most 20",
    ),
    (
        "text of indexes",
        chosen(LONG[-65_536:]),
        chosen("1" + LONG[-65_536:]),
        "Too long: may not be more than 65536",
    ),
    ("ports", port(containerPort=65535), port(containerPort=65536), "must be between 1 and 65535, inclusive"),
    ("ports of hosts", port(hostPort=65535), port(hostPort=65536), "must be between 1 and 65535, inclusive"),
    ("names of ports", port(name="a" * 15), port(name="a" * 16), "must be no more than 15 characters"),
    (
        "grace of a probe",
        probe(terminationGracePeriodSeconds=1),
        probe(terminationGracePeriodSeconds=0),
        "livenessProbe.terminationGracePeriodSeconds: Invalid value: 0: must be greater than 0",
    ),
    (
        "delay of a probe",
        probe(initialDelaySeconds=0),
        probe(initialDelaySeconds=-1),
        "initialDelaySeconds: Invalid",
    ),
    (
        "time of a probe",
        probe(timeoutSeconds=0),
        probe(timeoutSeconds=-1),
        "livenessProbe.timeoutSeconds: Invalid",
    ),
    (
        "period of a probe",
        probe(periodSeconds=0),
        probe(periodSeconds=-1),
        "livenessProbe.periodSeconds: Invalid",
    ),
    (
        "successes",
        probe(successThreshold=1),
        probe(successThreshold=-1),
        "livenessProbe.successThreshold: Invalid",
    ),
    (
        "failures",
        probe(failureThreshold=1),
        probe(failureThreshold=-1),
        "livenessProbe.failureThreshold: Invalid",
    ),
]


@pytest.mark.parametrize(("good", "bad", "text"), [limit[1:] for limit in LIMITS], ids=[x[0] for x in LIMITS])
def test_the_last_that_is_allowed(good: dict[str, Any], bad: dict[str, Any], text: str) -> None:
    assert answer(good) == ""
    assert text in answer(bad)


@pytest.mark.parametrize("policy", ["Always", ""])
def test_jobs_say_how_their_pods_restart(policy: str) -> None:
    pods = {"spec": {**POD["spec"], "restartPolicy": policy}}
    valid = 'valid values: "OnFailure", "Never"'
    told = answer(job(template=pods))
    assert valid in told
    assert ("Required value" in told) == (policy in ("", "Always"))


@pytest.mark.parametrize("class_name", ["system-node-critical", "system-cluster-critical"])
def test_classes_that_every_cluster_has(class_name: str) -> None:
    chain = Admission(Gates(), strict=True, suffix=lambda: "abcde")
    doc = pod()
    doc["spec"]["priorityClassName"] = class_name
    made = chain.create_document(doc, EMPTY)
    values = {"system-node-critical": 2_000_001_000, "system-cluster-critical": 2_000_000_000}
    assert made["spec"]["priority"] == values[class_name]
    assert chain.assumed == []
