"""The server's answers to updates, to evictions, and to whoever asks while the webhooks are down."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api import codec
from jobsim.api.batch import Job
from jobsim.api.writes import Evict
from jobsim.apiserver.table import ObjectTable
from jobsim.errors import ApiError
from jobsim.testing import make_pod
from jobsim.units import SECOND
from tests.controllers.admission.hostile import FOLLOWER, JOB, JOBSET, put
from tests.controllers.admission.test_answers import EMPTY, admission
from tests.controllers.admission.test_answers_more import refusal

C = {"name": "c", "image": "i"}
POD = {"restartPolicy": "Never", "containers": [C]}
MANIFESTS = [
    (FOLLOWER, "mpod.kb.io", "mutate--v1-pod"),
    (JOBSET, "mjobset.kb.io", "mutate-jobset-x-k8s-io-v1alpha2-jobset"),
]


@pytest.mark.parametrize(("doc", "name", "path"), MANIFESTS)
def test_webhooks_that_nobody_serves(doc: dict[str, Any], name: str, path: str) -> None:
    """C-EXC-04, C-WHK-01: failurePolicy Fail, for documents and for objects; Jobs have no webhook."""
    chain = admission()
    made = chain.admit_manifest(doc, EMPTY)
    chain.serve(up=False)
    for act in (
        lambda: chain.admit_manifest(doc, EMPTY),
        lambda: chain.create_document(doc, EMPTY),
        lambda: chain.admit_create(made, EMPTY),
    ):
        with pytest.raises(ApiError) as caught:
            act()
        assert caught.value.code == 500
        assert caught.value.message == (
            f'Internal error occurred: failed calling webhook "{name}": failed to call webhook: Post '
            f'"https://jobset-webhook-service.jobset-system.svc:443/{path}?timeout=10s": '
            'no endpoints available for service "jobset-webhook-service"'
        )
    chain.admit_manifest(JOB, EMPTY)
    chain.serve(up=True)
    chain.admit_manifest(doc, EMPTY)


def test_updates_ask_the_webhook_of_jobsets() -> None:
    chain = admission()
    made = chain.admit_manifest(JOBSET, EMPTY)
    chain.serve(up=False)
    where = r'calling webhook "vjobset.kb.io".*/validate-jobset-x-k8s-io-v1alpha2-jobset\?'
    with pytest.raises(ApiError, match=where):
        chain.admit_update(made, made, EMPTY)
    with pytest.raises(ApiError, match=where):
        chain.update_document(JOBSET, JOBSET)


def test_an_eviction_is_made_of_writes() -> None:
    """K-POD-45: the condition first, then the delete, at the time given."""
    table = ObjectTable()
    table.put(make_pod("p", phase="Running"))
    status, delete = admission().evict(Evict(namespace="default", name="p", grace_s=3), table, 7 * SECOND)
    assert (status.VERB, delete.VERB) == ("patch-status", "delete")
    with pytest.raises(ApiError, match='pods "q" not found'):
        admission().evict(Evict(namespace="default", name="q"), table, 0)


def test_what_an_update_is_not() -> None:
    """In the server's words where the server would see it, in the client's where it would not."""
    stored = admission().create_document(JOBSET, EMPTY)
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": stored["metadata"], "spec": None}
    for doc, message in (
        (job, 'JobSet.jobset.x-k8s.io "a" is invalid: kind: Invalid value: "Job": must be JobSet'),
        ({**stored, "x": 10**5000}, "json: cannot unmarshal number into Go value of type float64"),
        ({**stored, "x": float("nan")}, "error converting YAML to JSON: json: unsupported value: NaN"),
        ({**stored, "x": float("-inf")}, "error converting YAML to JSON: json: unsupported value: -Inf"),
        ({**stored, "kind": 1}, "unable to decode: kind must be a string"),
    ):
        with pytest.raises(ApiError) as caught:
            admission().update_document(doc, stored)
        assert caught.value.message == message


def test_faults_of_a_template_in_an_update_are_told_together() -> None:
    """Of its metadata and of its spec; and where they are."""
    made = admission().admit_create(codec.from_dict(JOB).with_meta(uid="u"), EMPTY)
    assert isinstance(made, Job)
    document = codec.to_dict(made)
    at = ("spec", "template")
    document = put(document, (*at, "metadata", "annotations"), {"-": "x"})
    document = put(document, (*at, "spec", "activeDeadlineSeconds"), 0)
    document = put(document, (*at, "spec", "containers", 0, "image"), "")
    with pytest.raises(ApiError) as caught:
        admission().admit_update(codec.from_dict(document), made, EMPTY)
    places = {cause.partition(": ")[0] for cause in caught.value.causes}
    assert {
        "spec.template.annotations",
        "spec.template.spec.activeDeadlineSeconds",
        "spec.template.spec.containers[0].image",
    } <= places


def test_a_selector_of_ones_own() -> None:
    """K-JOB-03: with manualSelector it is the user's, and looked at."""
    labels = {"mine": "yes"}
    pod = {
        "metadata": {"labels": labels},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]},
    }
    good = {"manualSelector": True, "selector": {"matchLabels": labels}, "template": pod}
    assert refusal(put(JOB, ("spec",), good)) == []
    bad = {**good, "selector": {"matchExpressions": [{"key": "mine", "operator": "Perhaps"}]}}
    [text] = [text for text in refusal(put(JOB, ("spec",), bad)) if "operator" in text]
    assert text.startswith("spec.selector.matchExpressions[0].operator: Invalid value")
    other = {**good, "selector": {"matchLabels": {"mine": "no"}}}
    assert any(
        "`selector` does not match template `labels`" in text for text in refusal(put(JOB, ("spec",), other))
    )


def in_template(**spec: Any) -> list[str]:
    return refusal(put(JOB, ("spec",), {"template": {"spec": {**POD, **spec}}}))


@pytest.mark.parametrize("field", ["hostname", "subdomain"])
def test_names_in_a_jobs_template(field: str) -> None:
    assert in_template(**{field: "good"}) == []
    assert in_template(**{field: "Bad"})[0].startswith(
        f'spec.template.spec.{field}: Invalid value: "Bad": a lower'
    )


def test_readiness_gates_are_all_told() -> None:
    gates = [{"conditionType": "-"}, {"conditionType": "+"}, {"conditionType": "a.b/c"}]
    told = in_template(readinessGates=gates)
    at = "spec.template.spec.readinessGates"
    assert {text.partition(": ")[0] for text in told} == {f"{at}[{i}].conditionType" for i in range(2)}


def from_where(**source: Any) -> list[str]:
    container = {**C, "env": [{"name": "A", "valueFrom": source}]}
    return [
        text.removeprefix("spec.template.spec.containers[0].env[0].")
        for text in in_template(containers=[container])
    ]


@pytest.mark.parametrize("kind", ["configMapKeyRef", "secretKeyRef"])
def test_variables_from_elsewhere(kind: str) -> None:
    assert from_where(**{kind: {"name": "a", "key": "k"}}) == []
    [name, key] = from_where(**{kind: {"name": "-"}})
    assert name.startswith(f'valueFrom.{kind}.name: Invalid value: "-": a lowercase RFC 1123 subdomain')
    assert key == f"valueFrom.{kind}.key: Required value"


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("metadata.name", ""),
        ("metadata.labels['a']", ""),
        ("metadata.annotations['A.b/c']", ""),
        ("metadata.labels['-']", 'valueFrom.fieldRef: Invalid value: "-": name part must consist of'),
        ("metadata.labels['a", "field label not supported: metadata.labels['a"),
        ("metadata.other['a']", "field label not supported: metadata.other['a']"),
        ("", "valueFrom.fieldRef.fieldPath: Required value"),
    ],
)
def test_variables_from_fields(field: str, text: str) -> None:
    told = from_where(fieldRef={"fieldPath": field})
    assert text in told[0] if text else told == []


PORTS = "must be between 1 and 65535, inclusive"


@pytest.mark.parametrize(
    ("handlers", "text"),
    [
        ({"grpc": {"port": 1}}, ""),
        ({"httpGet": {"port": "name", "path": "/"}}, ""),
        ({"httpGet": {"port": 65535, "scheme": "HTTPS"}}, ""),
        (
            {"grpc": {"port": 1}, "exec": {"command": ["x"]}},
            "grpc: Forbidden: may not specify more than 1 handler",
        ),
        ({"exec": {"command": []}}, "exec.command: Required value"),
        ({"tcpSocket": {"port": 0}}, f"tcpSocket.port: Invalid value: 0: {PORTS}"),
        ({"tcpSocket": {}}, f"tcpSocket.port: Invalid value: 0: {PORTS}"),
        (
            {"tcpSocket": {"port": "8080"}},
            'tcpSocket.port: Invalid value: "8080": must contain at least one letter',
        ),
        ({"httpGet": {"port": 65536}}, f"httpGet.port: Invalid value: 65536: {PORTS}"),
        (
            {"httpGet": {"port": 1, "scheme": "http"}},
            'httpGet.scheme: Unsupported value: "http": supported values',
        ),
    ],
)
def test_handlers(handlers: dict[str, Any], text: str) -> None:
    """Of probes, and of what runs after the start and before the stop of a container."""
    for field, value, at in (
        ("livenessProbe", handlers, "livenessProbe"),
        ("lifecycle", {"preStop": handlers}, "lifecycle.preStop"),
        ("lifecycle", {"postStart": handlers}, "lifecycle.postStart"),
    ):
        if "grpc" in handlers and field == "lifecycle":
            continue  # No field of a hook.
        told = in_template(containers=[{**C, field: value}])
        assert told[0].startswith(f"spec.template.spec.containers[0].{at}.{text}") if text else told == []


def test_hooks_have_a_handler() -> None:
    told = in_template(
        containers=[{**C, "lifecycle": {"preStop": {}, "postStart": {"sleep": {"seconds": 1}}}}]
    )
    at = "spec.template.spec.containers[0].lifecycle"
    assert told == [f"{at}.preStop: Required value: must specify a handler type"]
