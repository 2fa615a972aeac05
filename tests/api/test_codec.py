"""Objects to JSON and back."""

from __future__ import annotations

import functools
import json

import pytest

from jobsim.api import codec
from jobsim.api._struct import Time, replace
from jobsim.api.jobset import JobSet, JobSetStatus
from jobsim.api.kinds import KINDS, find_kind, namespaced, resource_of
from jobsim.api.meta import Condition, ObjectMeta, Unstructured, condition, is_true
from jobsim.api.pod import Pod
from jobsim.units import SECOND

DOC = {
    "apiVersion": "jobset.x-k8s.io/v1alpha2",
    "kind": "JobSet",
    "metadata": {"name": "a", "creationTimestamp": "2026-01-05T00:00:10Z", "labels": {"x": "y"}},
    "spec": {
        "network": {"enableDNSHostnames": False},
        "replicatedJobs": [
            {"name": "w", "dependsOn": [], "template": {"spec": {"template": {"spec": None}}}}
        ],
    },
}


def test_names_are_kubernetes_own() -> None:
    obj = codec.from_dict(DOC)
    assert isinstance(obj, JobSet)
    assert obj.metadata.creation_timestamp == 10 * SECOND
    assert obj.spec.network is not None
    assert obj.spec.network.enable_dns_hostnames is False
    assert obj.spec.replicated_jobs[0].depends_on == ()
    out = codec.to_dict(obj)
    assert list(out)[:2] == ["apiVersion", "kind"]
    assert out["spec"]["network"] == {"enableDNSHostnames": False}
    assert out["metadata"]["creationTimestamp"] == "2026-01-05T00:00:10Z"


def test_a_status_that_was_never_written_is_absent() -> None:
    obj = codec.from_dict(DOC)
    assert "status" not in codec.to_dict(obj)
    written = replace(obj, status=JobSetStatus(restarts=0))
    assert codec.to_dict(written)["status"] == {"restarts": 0}


def test_conditions_of_a_jobset_always_say_why() -> None:
    """C-API-50: reason and message are required, so a Go client writes them empty too."""
    told = {"type": "Suspended", "status": "True", "reason": "x", "message": ""}
    obj = codec.from_dict({**DOC, "status": {"restarts": 0, "conditions": [told]}})
    assert codec.to_dict(obj)["status"]["conditions"] == [told]


def test_other_kinds_are_kept_as_they_came() -> None:
    doc = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"k": "v"}}
    obj = codec.from_dict(doc)
    assert isinstance(obj, Unstructured)
    assert (obj.kind, obj.api_version, obj.name) == ("ConfigMap", "v1", "c")
    assert codec.to_dict(obj) == doc


def test_a_known_kind_of_another_group_is_not_ours() -> None:
    doc = {"apiVersion": "example.com/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"anything": 1}}
    obj = codec.from_dict(doc)
    assert isinstance(obj, Unstructured)
    assert codec.to_dict(obj) == doc


@pytest.mark.parametrize(
    ("doc", "text"),
    [
        ({"apiVersion": "v1", "kind": "Pod", "spec": 3}, "Expected `object`, got `int` - at `$.spec`"),
        ({"apiVersion": "v1", "kind": "Pod", "spec": {"no": 1}}, "contains unknown field `no`"),
        ({"apiVersion": "v1", "kind": "Pod", "metadata": {"creationTimestamp": "x"}}, "no RFC 3339 time"),
        ({"apiVersion": "v1", "kind": "Pod", "metadata": {"creationTimestamp": 3}}, "3 is no time"),
    ],
)
def test_what_does_not_fit(doc: dict[str, object], text: str) -> None:
    with pytest.raises(codec.DecodeError) as caught:
        codec.from_dict(doc)
    assert text in str(caught.value)


def test_normal_form() -> None:
    assert codec.normal_form({"a": None, "b": {"c": {}}, "d": [[], {"e": []}, 0, "", False]}) == {
        "d": [0, "", False]
    }


def test_bytes_are_compact_json() -> None:
    pod = Pod(metadata=ObjectMeta(name="p", creation_timestamp=Time(0)))
    assert json.loads(codec.encode(pod)) == codec.to_data(pod)
    with pytest.raises(NotImplementedError):
        codec.encode(object())


def test_conditions() -> None:
    conditions = (Condition(type="A", status="False"), Condition(type="B", status="True"))
    assert is_true(conditions, "B")
    assert not is_true(conditions, "A")
    assert condition(conditions, "A") is conditions[0]
    assert condition(conditions, "C") is None


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("js", "JobSet"),
        ("pods", "Pod"),
        ("Pod", "Pod"),
        ("po", "Pod"),
        ("jobs.batch", "Job"),
        ("NODE", "Node"),
    ],
)
def test_kubectl_words(word: str, kind: str) -> None:
    info = find_kind(word)
    assert info is not None
    assert info.kind == kind


def test_kinds_table() -> None:
    assert find_kind("nothing") is None
    assert resource_of("JobSet") == "jobsets.jobset.x-k8s.io"
    assert resource_of("Pod") == "pods"
    assert resource_of("Widget") == "widgets"
    assert not namespaced("Node")
    assert namespaced("Widget")
    assert all(info.namespaced == namespaced(kind) for kind, info in KINDS.items())


def test_lists_are_lists() -> None:
    """So what reads plain data need not know of tuples: schemas, rules, JSON patches."""
    once = codec.to_dict(codec.from_dict(DOC))
    assert once == json.loads(json.dumps(once))
    assert once["spec"]["replicatedJobs"][0]["name"] == "w"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"kind": 1}, "kind and apiVersion are text"),
        ({"apiVersion": ["v1"]}, "kind and apiVersion are text"),
        ({"spec": {"nodeName": "\ud800", "hostname": 1}}, "Expected `str`"),
        ({"status": {"phase": "\ud800"}}, "lone surrogate"),
        ({"spec": functools.reduce(lambda inner, _: {"x": inner}, range(10_000), {})}, "nested too deep"),
    ],
)
def test_what_no_kind_looks_like(change: dict[str, object], text: str) -> None:
    document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, **change}
    with pytest.raises(codec.DecodeError, match=text):
        codec.from_dict(document)
