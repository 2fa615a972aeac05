"""What the server says to JobSets that have every default already, and to odd values in them.

Checked against a kube-apiserver 1.36.3 with the CRD and the webhooks of v0.12.0.
"""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api import codec
from jobsim.api.jobset import JobSet
from jobsim.apiserver.schema_errors import InvalidError
from jobsim.errors import ApiError
from tests.controllers.admission.hostile import Path, put
from tests.controllers.admission.test_answers import EMPTY, admission, without

CONTAINER = "spec.replicatedJobs[0].template.spec.template.spec.containers[0]"
TEMPLATE: Path = ("spec", "replicatedJobs", 0, "template", "spec")
POD: Path = (*TEMPLATE, "template", "spec")
FIRST: Path = (*POD, "containers", 0)
UNCHECKED = (
    "<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation"
)


def jobset() -> dict[str, Any]:
    """Return a JobSet that lacks no default."""
    probe = {"httpGet": {"port": 80}}
    container = {"name": "c", "image": "i", "resources": {"limits": {"cpu": "1"}}, "livenessProbe": probe}
    pod = {"metadata": {"labels": {"b": "1", "a": "2"}}, "spec": {"restartPolicy": "Never"}}
    pod["spec"]["containers"] = [container]  # type: ignore[assignment]
    job = {"completionMode": "Indexed", "parallelism": 1, "template": pod}
    rjob = {"name": "w", "groupName": "default", "replicas": 1, "template": {"spec": job}}
    return {
        "apiVersion": JobSet.API_VERSION,
        "kind": "JobSet",
        "metadata": {"name": "a"},
        "spec": {
            "suspend": True,
            "network": {"enableDNSHostnames": True, "publishNotReadyAddresses": True},
            "startupPolicy": {"startupPolicyOrder": "AnyOrder"},
            "successPolicy": {"operator": "All"},
            "replicatedJobs": [rjob],
        },
    }


def refused(doc: Any, old: Any = None) -> list[str]:
    """Return what is said to a new document, or to one that is to replace another."""
    chain = admission(strict=True)
    with pytest.raises(ApiError) as caught:
        chain.create_document(doc, EMPTY) if old is None else chain.update_document(doc, old)
    assert isinstance(caught.value, InvalidError), caught.value.message
    return [error.text for error in caught.value.fields]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        (("spec", "replicatedJobs", 0, "name"), "spec.replicatedJobs[0].name"),
        ((*FIRST, "name"), f"{CONTAINER}.name"),
        (("spec", "successPolicy", "operator"), "spec.successPolicy.operator"),
    ],
)
def test_the_webhook_fills_nothing_in_when_there_is_nothing_to_default(path: Path, field: str) -> None:
    """C-WHK-03: no default is missing, so there is no patch, and required is required after all."""
    assert sorted(refused(without(jobset(), path))) == sorted([f"{field}: Required value", UNCHECKED])


def test_quantities_stay_as_written_when_there_is_nothing_to_default() -> None:
    path: Path = (*FIRST, "resources", "limits", "cpu")
    full = put(jobset(), path, "1000m")
    made = admission().create_document(full, EMPTY)
    assert made["spec"] == full["spec"]
    patched = admission().create_document(without(full, ("spec", "network")), EMPTY)
    pod = patched["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["resources"]["limits"]["cpu"] == "1"


@pytest.mark.parametrize(
    ("value", "found"),
    [(1.5, "number"), (1e300, "number"), (2**63, "number"), (True, "boolean"), ([1], "array")],
)
@pytest.mark.parametrize("field", ["resources.limits.cpu", "livenessProbe.httpGet.port"])
def test_what_is_neither_an_integer_nor_a_text(field: str, value: Any, found: str) -> None:
    """An int-or-string: both halves of the schema's anyOf have their say."""
    where = f"{CONTAINER}.{field}"
    wrong = f'{where}: Invalid value: "{found}": {where} in body must be of type'
    expected = [
        f'{wrong} integer,string: "{found}"',
        f'<nil>: Invalid value: "": "{where}" must validate at least one schema (anyOf)',
        f'{wrong} integer: "{found}"',
    ]
    if found == "number":
        text = f"Checked value must be of type integer (default format) in {where}"
        expected.append(f'<nil>: Invalid value: "": {text}')
    doc = put(jobset(), (*FIRST, *field.split(".")), value)
    assert refused(doc, old=jobset()) == [*expected, UNCHECKED]


@pytest.mark.parametrize("value", [1e20, 10**20])
def test_whole_numbers_that_are_no_integers(value: float) -> None:
    where = "spec.replicatedJobs[0].template.spec.parallelism"
    doc = put(jobset(), (*TEMPLATE, "parallelism"), value)
    assert refused(doc, old=jobset()) == [
        f'{where}: Invalid value: "float64": {where} in body must be of type int32: "float64"',
        f'<nil>: Invalid value: "": Checked value must be of type integer with format int32 in {where}',
        UNCHECKED,
    ]


def test_one_is_not_true() -> None:
    """Ratcheting: what did not change is not looked at; a number in place of a boolean did."""
    where = "spec.network.enableDNSHostnames"
    doc = put(jobset(), tuple(where.split(".")), 1)
    text = f'{where}: Invalid value: "integer": {where} in body must be of type boolean: "integer"'
    assert refused(doc, old=jobset()) == [text, UNCHECKED]


def test_lists_are_printed_as_given_and_maps_sorted() -> None:
    """C-UPD-01: an empty list is not null in a message."""
    doc = put(jobset(), (*POD, "containers"), [])
    printed = (
        '[{"name":"w","groupName":"default","template":{"metadata":{},"spec":{"parallelism":1,"template":'
        '{"metadata":{"labels":{"a":"2","b":"1"}},"spec":{"containers":[],"restartPolicy":"Never"}},'
        '"completionMode":"Indexed"}},"replicas":1}]'
    )
    assert refused(doc, old=jobset()) == [
        f"spec.replicatedJobs: Invalid value: {printed}: field is immutable",
    ]
    none = put(jobset(), ("spec", "replicatedJobs"), [])
    assert refused(none, old=jobset()) == ["spec.replicatedJobs: Invalid value: []: field is immutable"]
    gone = without(jobset(), ("spec", "replicatedJobs"))
    assert refused(gone, old=jobset()) == ["spec.replicatedJobs: Invalid value: null: field is immutable"]


def test_metadata_is_decoded_in_the_order_of_its_names() -> None:
    doc = put(put(jobset(), ("metadata", "name"), 0), ("metadata", "annotations"), 1)
    with pytest.raises(ApiError, match=r"Go struct field ObjectMeta\.annotations of type map"):
        admission().create_document(doc, EMPTY)


def test_a_claim_template_may_say_what_it_is() -> None:
    """C-API-39: apiVersion and kind of a claim are fields of the CRD."""
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": {}}
    doc = put(jobset(), ("spec", "volumeClaimPolicies"), [{"templates": [claim]}])
    doc = put(doc, (*FIRST, "volumeMounts"), [{"name": "data", "mountPath": "/d"}])
    stored = admission().create_document(doc, EMPTY)
    assert stored["spec"]["volumeClaimPolicies"][0]["templates"][0]["kind"] == "PersistentVolumeClaim"
    typed = codec.from_dict(stored)
    assert isinstance(typed, JobSet)
    assert typed.spec.volume_claim_policies[0].templates[0].name == "data"
