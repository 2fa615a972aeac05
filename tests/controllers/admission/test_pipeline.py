"""The path of documents and objects through admission: order of the checks, and their words."""

from __future__ import annotations

import time
from typing import Any

import pytest

from jobsim.api import codec
from jobsim.api.batch import Job
from jobsim.api.core import Namespace, Node
from jobsim.api.jobset import JobSet
from jobsim.api.meta import ObjectMeta, Unstructured
from jobsim.api.pod import Pod
from jobsim.apiserver.schema_errors import ClientError, problems
from jobsim.apiserver.table import ObjectTable
from jobsim.controllers.admission.pipeline import Admission
from jobsim.controllers.jobset import Gates
from jobsim.e2e.forms import ALL_FORMS
from jobsim.errors import ApiError
from jobsim.testing.conformance import run_files

EMPTY = ObjectTable()


def admission(*, strict: bool = False, **gates: Any) -> Admission:
    return Admission(Gates(**gates), strict=strict, suffix=lambda: "abcde")


def rjob(name: str = "w", **fields: Any) -> dict[str, Any]:
    pod = {"spec": {"containers": [{"name": "c", "image": "i"}]}}
    return {"name": name, "template": {"spec": {"template": pod}}, **fields}


def jobset(*rjobs: dict[str, Any], name: str = "a", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": {"name": name},
        "spec": {"replicatedJobs": list(rjobs or (rjob(),)), **spec},
    }


def job(**spec: Any) -> dict[str, Any]:
    pod = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}
    spec = {"template": pod, **spec}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": spec}


def refusal(doc: Any, reader: ObjectTable = EMPTY, **options: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        admission(**options).admit_manifest(doc, reader)
    return caught.value


def test_recorded_answers(shared_path: Any) -> None:
    """All recorded answers of a real API server, the first child Job's fate included."""
    report = run_files([shared_path("conformance", "admission.jsonl.gz")], forms=ALL_FORMS)
    assert report.failed == []
    assert report.total.passed >= 370


# --- JobSets -----------------------------------------------------------------------------------

#: One fault per stage, from the last stage to the first: each hides those above it.
STAGES: list[tuple[str, dict[str, Any], int, str]] = [
    ("validating webhook", {"network": {"subdomain": "A"}}, 422, 'webhook "vjobset.kb.io" denied'),
    ("CEL", {"startupPolicy": {"startupPolicyOrder": "InOrder"}}, 422, "mutually exclusive"),
    ("schema", {"successPolicy": {"operator": "None"}}, 422, 'Unsupported value: "None"'),
    ("mutating webhook", {"suspend": "yes"}, 400, "mjobset.kb.io"),
    ("strict decoding", {"bogus": 1}, 400, 'strict decoding error: unknown field "spec.bogus"'),
]


@pytest.mark.parametrize("stage", range(len(STAGES)), ids=[stage[0] for stage in STAGES])
def test_each_stage_hides_the_later_ones(stage: int) -> None:
    """C-WHK-03 and its erratum: decoding, mutating webhook, schema, rules, validating webhook."""
    dependent = rjob("x", dependsOn=[{"name": "w", "status": "Ready"}])
    spec: dict[str, Any] = {}
    for _, fault, _, _ in STAGES[: stage + 1]:
        spec |= fault
    error = refusal(jobset(rjob(), dependent, **spec))
    assert error.code == STAGES[stage][2]
    assert STAGES[stage][3] in error.message


def test_metadata_that_does_not_decode_comes_before_everything() -> None:
    doc = jobset(bogus=1)
    doc["metadata"]["labels"] = {"a": 1}
    assert refusal(doc).message == (
        'JobSet in version "v1alpha2" cannot be handled as a JobSet: json: cannot unmarshal number into Go '
        "struct field ObjectMeta.labels of type string"
    )


def test_a_jobset_gets_defaults_and_go_zeros() -> None:
    doc = jobset(rjob(replicas=0), failurePolicy={"maxRestarts": 0, "rules": [{"action": "FailJobSet"}]})
    doc["metadata"] |= {"uid": "mine", "resourceVersion": "7", "labels": None}
    doc["status"] = {"restarts": 3}
    stored = admission().create_document(doc, EMPTY)
    assert stored["metadata"] == {"name": "a", "namespace": "default"}
    assert "status" not in stored
    assert stored["spec"]["replicatedJobs"][0]["replicas"] == 0
    assert stored["spec"]["failurePolicy"] == {
        "maxRestarts": 0,
        "restartStrategy": "Recreate",
        "rules": [{"action": "FailJobSet", "name": "failurePolicyRule0"}],
    }
    assert stored["spec"]["network"] == {"enableDNSHostnames": True, "publishNotReadyAddresses": True}


def test_what_is_admitted_is_admitted_again_unchanged() -> None:
    """So a user's JobSet may pass twice: once as a document, once as the object it became."""
    chain = admission()
    once = chain.admit_manifest(jobset(rjob(dependsOn=None)), EMPTY)
    assert isinstance(once, JobSet)
    assert chain.admit_create(once, EMPTY) == once
    assert chain.admit_update(once, once, EMPTY) == once


def test_generated_names_are_expanded_before_the_validating_webhook() -> None:
    """C-VAL-02, erratum."""
    doc = jobset()
    doc["metadata"] = {"generateName": "g" * 60 + "-"}
    assert f'"{"g" * 58}abcde" is invalid' in refusal(doc).message
    doc["metadata"] = {"generateName": "gen-"}
    assert admission().admit_manifest(doc, EMPTY).name == "gen-abcde"


def test_keys_given_twice_are_told() -> None:
    """JSON texts only: the loader hands in where."""
    with pytest.raises(ApiError) as caught:
        admission().admit_manifest(jobset(bogus=1), EMPTY, repeated=[("spec", "suspend")])
    assert 'duplicate field "spec.suspend", unknown field "spec.bogus"' in caught.value.message
    assert [path for path, _ in problems(caught.value)] == [("spec", "suspend"), ("spec", "bogus")]


def test_complaints_say_where() -> None:
    bad = jobset(rjob(replicas="3"))
    assert problems(refusal(bad))[0][0] == ("spec", "replicatedJobs", 0, "replicas")
    bad = jobset(rjob("W"), rjob("X"))
    assert [p for p, _ in problems(refusal(bad))] == [
        ("spec", "replicatedJobs", 0, "name"),
        ("spec", "replicatedJobs", 1, "name"),
    ]
    assert problems(refusal({"kind": "JobSet"}))[0][0] == ()


def test_a_document_of_another_jobset_of_that_name_is_a_conflict() -> None:
    """A PUT with a UID means that very object; what else is wrong with it is not looked at."""
    chain = admission()
    old = chain.create_document(jobset(), EMPTY)
    old = {**old, "metadata": {**old["metadata"], "uid": "is"}}
    new = {**old, "metadata": {**old["metadata"], "uid": "was"}, "spec": {"replicatedJobs": []}}
    with pytest.raises(ApiError) as caught:
        chain.update_document(new, old)
    name, namespace = old["metadata"]["name"], old["metadata"]["namespace"]
    assert caught.value.code == 409
    assert caught.value.message == (
        f'Operation cannot be fulfilled on jobsets.jobset.x-k8s.io "{name}": StorageError: invalid object, '
        f"Code: 4, Key: /jobset.x-k8s.io/jobsets/{namespace}/{name}, ResourceVersion: 0, AdditionalErrorMsg: "
        "Precondition failed: UID in precondition: was, UID in object meta: is"
    )


def test_lists_as_bad_values_are_printed_as_go_prints_them() -> None:
    """C-UPD-01: zeros without omitempty are there, the field order is Go's."""
    chain = admission()
    old = chain.create_document(jobset(), EMPTY)
    new = codec.prune_nulls(old)
    new = {**new, "spec": {**new["spec"], "replicatedJobs": []}}
    with pytest.raises(ApiError) as caught:
        chain.update_document(new, old)
    assert caught.value.message.endswith("spec.replicatedJobs: Invalid value: []: field is immutable") or (
        caught.value.message.endswith("spec.replicatedJobs: Invalid value: null: field is immutable")
    )
    changed = {**old, "spec": {**old["spec"], "replicatedJobs": [rjob("<x>")]}}
    with pytest.raises(ApiError) as caught:
        chain.update_document(changed, old)
    assert (
        '[{"name":"\\u003cx\\u003e","groupName":"default","template":{"metadata":{},"spec":'
        '{"template":{"metadata":{},'
        '"spec":{"containers":[{"name":"c","image":"i","resources":{}}]}}}},"replicas":1}]'
    ) in caught.value.message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"suspend": True}, ""),
        ({"ttlSecondsAfterFinished": -1}, "in body should be greater than or equal to 0"),
        ({"network": {"subdomain": "x"}}, "spec.network: Invalid value: Value is immutable"),
        ({"suspend": "no"}, 'spec.suspend in body must be of type boolean: "string"'),
        ({"managedBy": "a.b/c"}, 'spec.managedBy: Invalid value: "a.b/c": field is immutable'),
        ({"coordinator": {"replicatedJob": "w", "jobIndex": 10**20}}, "type integer (default format)"),
    ],
)
def test_updates(change: dict[str, Any], message: str) -> None:
    """C-UPD-01..11; on update a type error is the schema's (C-WHK-04, erratum)."""
    chain = admission()
    old = chain.create_document(jobset(), EMPTY)
    new = {**old, "spec": {**old["spec"], **change}}
    if not message:
        assert chain.update_document(new, old)["spec"]["suspend"] is True
        return
    with pytest.raises(ApiError) as caught:
        chain.update_document(new, old)
    assert caught.value.code == 422
    assert message in caught.value.message


def test_a_status_in_an_update_is_not_looked_at() -> None:
    chain = admission()
    old = {**chain.create_document(jobset(), EMPTY), "status": {"restarts": 1}}
    new = {**old, "status": {"restarts": 9}}
    assert chain.update_document(new, old)["status"] == {"restarts": 1}


def test_gates_and_version_reach_the_webhooks() -> None:
    doc = jobset(failurePolicy={"rules": [{"action": "RestartJob"}]})
    assert "RestartJob feature gate is disabled" in refusal(doc).message
    assert admission(restart_job=True).admit_manifest(doc, EMPTY).name == "a"


# --- other kinds -------------------------------------------------------------------------------


def test_jobs_and_pods_come_back_as_decoded() -> None:
    """What the server adds needs the UID of a creation; the check is a dry run."""
    admitted = admission().admit_manifest(job(), EMPTY)
    assert isinstance(admitted, Job)
    assert admitted.spec.selector is None
    assert admitted.spec.backoff_limit is None


def test_a_stored_job_document() -> None:
    """K-JOB-01, K-JOB-02."""
    stored = admission(strict=True).create_document(job(), EMPTY, uid="u-1")
    assert stored["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": "u-1"}}
    assert stored["spec"]["backoffLimit"] == 6


@pytest.mark.parametrize(
    ("doc", "message"),
    [
        ([], "invalid object to validate"),
        ({"kind": "Job"}, "apiVersion not set"),
        ({"apiVersion": "batch/v1"}, "kind not set"),
        ({"apiVersion": "batch/v1", "kind": 1}, "kind must be a string"),
        ({"apiVersion": "batch/v2", "kind": "Job"}, 'no matches for kind "Job" in version "batch/v2"'),
        ({"apiVersion": "", "kind": "ConfigMap"}, 'no matches for kind "ConfigMap" in version ""'),
    ],
)
def test_what_kubectl_refuses(doc: Any, message: str) -> None:
    error = refusal(doc)
    assert isinstance(error, ClientError)
    assert message in error.message


def test_unknown_kinds_are_kept_whole() -> None:
    doc = {"apiVersion": "x.y/v1", "kind": "Queue", "metadata": {"name": "q"}, "spec": {"any": [1]}}
    obj = admission().admit_manifest(doc, EMPTY)
    assert isinstance(obj, Unstructured)
    assert obj.content == {"spec": {"any": [1]}}
    bad = {**doc, "metadata": {"name": "Q", "bogus": 1}}
    assert 'unknown field "metadata.bogus"' in refusal(bad).message
    assert 'Queue "Q" is invalid: metadata.name' in refusal({**doc, "metadata": {"name": "Q"}}).message


def test_core_kinds_are_checked_against_their_types() -> None:
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}, "spec": {"taint": []}}
    assert refusal(node).message.endswith('strict decoding error: unknown field "spec.taint"')
    node["spec"] = {"taints": [{"key": "k", "effect": "NoSchedule"}]}
    assert isinstance(admission().admit_manifest(node, EMPTY), Node)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a": 1}}
    assert (
        "of type []uint8" in refusal(secret).message or "cannot unmarshal number" in refusal(secret).message
    )


def test_namespaces() -> None:
    doc = jobset()
    doc["metadata"]["namespace"] = "team"
    chain = admission()
    assert chain.admit_manifest(doc, EMPTY).namespace == "team"
    assert chain.assumed == ['Namespace "team"']
    error = refusal(doc, strict=True)
    assert (error.code, error.message) == (404, 'namespaces "team" not found')
    there = ObjectTable()
    there.put(Namespace(metadata=ObjectMeta(name="team")))
    assert admission(strict=True).admit_manifest(doc, there).namespace == "team"
    with pytest.raises(ApiError, match="does not match the namespace sent"):
        chain.admit_manifest(doc, EMPTY, namespace="default")


def test_a_queue_is_taken_as_existing() -> None:
    doc = jobset()
    doc["metadata"]["labels"] = {"kueue.x-k8s.io/queue-name": "q"}
    chain = admission()
    made = chain.admit_manifest(doc, EMPTY)
    chain.admit_create(made, EMPTY)
    assert chain.assumed == ['LocalQueue "q"']


def test_other_objects_are_checked_for_their_metadata() -> None:
    node = Node(metadata=ObjectMeta(name="N"))
    with pytest.raises(ApiError, match='Node "N" is invalid'):
        admission().admit_create(node, EMPTY)
    good = Node(metadata=ObjectMeta(name="n", uid="u"))
    assert admission().admit_create(good, EMPTY) == good
    with pytest.raises(ApiError, match=r"metadata\.name: Invalid value"):
        admission().admit_update(good.with_meta(name="m"), good, EMPTY)
    assert admission().admit_update(good.with_meta(labels={"a": "b"}), good, EMPTY).metadata.labels == {
        "a": "b"
    }


def test_status_writes_of_other_kinds_pass() -> None:
    admission().admit_status(Pod(), Pod())


# --- hostile input -----------------------------------------------------------------------------


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"x": value}
    return value


HUGE = "x" * 10**6
UNTYPED = {"apiVersion": "a/b", "kind": "C", "metadata": {"name": "a"}, "x": nested(10_000)}
BIG_CPU = {"name": "c", "resources": {"limits": {"cpu": "9" * 10**6 + "x"}}}


def template(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": list(containers)}}, **spec}}


HOSTILE: list[tuple[str, dict[str, Any]]] = [
    ("a name of a million characters", jobset(name=HUGE)),
    ("a replicated job's name of a million", jobset(rjob(HUGE))),
    ("an unknown field of a million", jobset(**{HUGE: 1})),
    ("control characters", jobset(rjob("\x00\x1b[31m\x7f"))),
    ("a lone surrogate", jobset(rjob("\ud800"))),
    ("a lone surrogate as a key", jobset(**{"\udfff": 1})),
    ("an integer of 5000 digits", jobset(rjob(replicas=10**5000))),
    ("no number", jobset(rjob(replicas=float("nan")))),
    ("endless replicas", jobset(rjob(replicas=float("inf")))),
    ("deep unknown data", jobset(bogus=nested(10_000))),
    ("deep known data", jobset(network=nested(10_000))),
    ("deep data of a kind without schema", UNTYPED),
    ("too many pods", jobset(rjob(replicas=10**9, template=template(parallelism=10**9)))),
    ("a label of a million", job() | {"metadata": {"name": "j", "labels": {HUGE: HUGE}}}),
    ("a list where a map is wanted", jobset() | {"metadata": [1]}),
    ("a quantity of a million digits", job(template={"spec": {"containers": [BIG_CPU]}})),
]


@pytest.mark.parametrize("doc", [c[1] for c in HOSTILE], ids=[c[0] for c in HOSTILE])
def test_hostile_documents_are_refused_in_time(doc: dict[str, Any]) -> None:
    start = time.process_time()
    error = refusal(doc)
    assert error.message
    assert "\ud800" not in error.message
    assert time.process_time() - start < 1.0


def test_a_billion_replicas_are_no_problem_as_such() -> None:
    big = rjob(replicas=10**9, template=template({"name": "c"}, parallelism=1))
    assert isinstance(admission().admit_manifest(jobset(big), EMPTY), JobSet)
