"""Types, Go's decoding, strictness, and what the JobSet CRD demands."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsim.apiserver import schema_crd, schema_go
from jobsim.apiserver.jobset_schema import JOBSET, TYPES
from jobsim.apiserver.schema_errors import aggregate, go_json, number_text, parse_path
from jobsim.apiserver.schema_go import GoError, time_problem
from jobsim.apiserver.schema_strict import path_text, pruned_fields, unknown_fields

POD = TYPES.get("core.Pod")
JOB = TYPES.get("batch.Job")


def jobset(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": {"name": "a"},
        "spec": spec,
    }


def with_container(**fields: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "c", "image": "i", **fields}]}}


# --- Go ----------------------------------------------------------------------------------------


def cannot(found: str, field: str, wanted: str) -> str:
    place = f"Go struct field {field}" if "." in field else "Go value"
    return f"json: cannot unmarshal {found} into {place} of type {wanted}"


NOON = 'parsing time "noon" as "2006-01-02T15:04:05Z07:00": cannot parse "noon" as "2006"'
RULES = "PodFailurePolicy.spec.podFailurePolicy.rules"
BIG = "number 100000000000000000000"
TYPE_ERRORS = [
    (POD, {"spec": 1}, cannot("number", "Pod.spec", "v1.PodSpec")),
    (POD, [], cannot("array", "", "v1.Pod")),
    (POD, with_container(name=True), cannot("bool", "Container.spec.containers.name", "string")),
    (POD, with_container(command=[1]), cannot("number", "Container.spec.containers.command", "string")),
    (POD, with_container(env=[{"value": 3}]), cannot("number", "EnvVar.spec.containers.env.value", "string")),
    (POD, {"spec": {"nodeSelector": {"a": 1}}}, cannot("number", "PodSpec.spec.nodeSelector", "string")),
    (
        POD,
        {"spec": {"nodeSelector": "a"}},
        cannot("string", "PodSpec.spec.nodeSelector", "map[string]string"),
    ),
    (POD, {"spec": {"priority": 2**31}}, cannot("number 2147483648", "PodSpec.spec.priority", "int32")),
    (POD, {"spec": {"priority": 1.5}}, cannot("number 1.5", "PodSpec.spec.priority", "int32")),
    (POD, {"metadata": {"generation": 1e20}}, cannot(BIG, "ObjectMeta.metadata.generation", "int64")),
    (
        POD,
        {"spec": {"tolerations": [{"effect": 1}]}},
        cannot("number", "Toleration.spec.tolerations.effect", "v1.TaintEffect"),
    ),
    (POD, {"metadata": {"creationTimestamp": "noon"}}, NOON),
    (POD, {"metadata": {"creationTimestamp": 5}}, cannot("number", "", "string")),
    (
        JOB,
        {"spec": {"completionMode": 1}},
        cannot("number", "JobSpec.spec.completionMode", "v1.CompletionMode"),
    ),
    (
        JOB,
        {"spec": {"podFailurePolicy": {"rules": {}}}},
        cannot("object", RULES, "[]v1.PodFailurePolicyRule"),
    ),
    (POD, with_container(livenessProbe={"httpGet": {"port": True}}), cannot("bool", "", "int32")),
    (
        POD,
        with_container(livenessProbe={"httpGet": {"port": 2**31}}),
        cannot("number 2147483648", "", "int32"),
    ),
]


@pytest.mark.parametrize(("type_", "doc", "text"), TYPE_ERRORS)
def test_type_errors_are_gos(type_: Any, doc: Any, text: str) -> None:
    with pytest.raises(GoError) as caught:
        schema_go.decode(doc, type_)
    assert str(caught.value) == text


def test_the_first_type_error_counts_and_says_where() -> None:
    doc = {"spec": {"containers": [{"name": "c"}, {"image": 1}], "hostname": 2}}
    with pytest.raises(GoError, match="image of type string") as caught:
        schema_go.decode(doc, POD)
    assert caught.value.path == ("spec", "containers", 1, "image")


def test_sorted_decoding_meets_keys_as_go_writes_them() -> None:
    doc = {"spec": {"hostname": 2, "containers": 1}}
    with pytest.raises(GoError, match="containers"):
        schema_go.decode(doc, POD, ordered=False)


def test_a_quantity_stops_decoding_and_so_hides_an_earlier_type_error() -> None:
    doc = with_container(image=1, resources={"limits": {"cpu": "many"}})
    with pytest.raises(GoError, match="quantities must match the regular expression"):
        schema_go.decode(doc, POD)


@pytest.mark.parametrize("bad", [True, {}, [], "", "1 Gi", "one"])
def test_bad_quantities(bad: Any) -> None:
    with pytest.raises(GoError, match="quantities must match"):
        schema_go.decode(with_container(resources={"limits": {"cpu": bad}}), POD)


def test_what_go_writes_back() -> None:
    """Zeros appear without omitempty and vanish with it; quantities get their canonical form."""
    doc = with_container(
        stdin=False, command=[], resources={"limits": {"cpu": 0.5, "memory": None}}, ports=[{}]
    )
    container = schema_go.decode({**doc, "bogus": 1}, POD)["spec"]["containers"][0]
    assert container == {
        "name": "c",
        "image": "i",
        "ports": [{"containerPort": 0}],
        "resources": {"limits": {"cpu": "500m", "memory": "0"}},
    }
    assert schema_go.decode({"spec": None}, POD)["spec"] == {"containers": None}
    assert (
        schema_go.decode({"replicas": 2.0, "name": "w", "template": {}}, TYPES.get("jobset.ReplicatedJob"))[
            "replicas"
        ]
        == 2
    )


def test_time_texts() -> None:
    assert time_problem("2026-01-05T00:00:00Z") == ""
    assert time_problem("2026-01-05T00:00:00.25+02:00") == ""
    assert time_problem("2026-13-05T00:00:00Z").endswith("day out of range")
    assert time_problem("2026-01-05T00:00:00Zz").endswith('extra text: "z"')
    assert time_problem("2026-01-05").endswith('cannot parse "" as "T"')


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        (-1.5, "-1.5"),
        (2.0, "2"),
        (1e21, "1e+21"),
        (1e-7, "1e-7"),
        (1.5e-6, "0.0000015"),
        (10**30, "1e+30"),
    ],
)
def test_numbers_as_go_writes_them(value: float, text: str) -> None:
    assert number_text(value) == text


def test_a_number_of_any_length_is_written() -> None:
    assert number_text(10**5000) == "1e+300"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_as_go_writes_it_is_the_number(value: float) -> None:
    assert float(number_text(value)) == value


def test_go_json() -> None:
    assert go_json({"b": 1.0, "a": ["<&>", None, True]}) == '{"a":["\\u003c\\u0026\\u003e",null,true],"b":1}'


# --- strictness --------------------------------------------------------------------------------


def test_unknown_fields_come_in_the_documents_order() -> None:
    doc = {"zz": 1, "spec": {"containers": [{"nme": "c", "resources": {"limit": {}}}], "aa": {"deep": [1]}}}
    found = [path_text(path) for path in unknown_fields(doc, POD)]
    assert found == ["zz", "spec.containers[0].nme", "spec.containers[0].resources.limit", "spec.aa"]


def test_a_custom_resources_unknown_fields_are_sorted() -> None:
    """C-API-03: of a template's metadata five keys survive; an object in place of a number is unknown."""
    doc = jobset(
        zz=1, replicatedJobs=[{"aa": 1, "replicas": {"x": 1}, "template": {"metadata": {"uid": "u"}}}]
    )
    assert [path_text(path) for path in pruned_fields(doc, JOBSET)] == [
        "spec.replicatedJobs[0].aa",
        "spec.replicatedJobs[0].replicas.x",
        "spec.replicatedJobs[0].template.metadata.uid",
        "spec.zz",
    ]
    assert pruned_fields({"metadata": {"anything": 1}}, JOBSET) == []
    stray = jobset(suspend=[[{"x": 1}], {"y": 2}])
    assert {path_text(p) for p in pruned_fields(stray, JOBSET)} == {
        "spec.suspend[0][0].x",
        "spec.suspend[1].y",
    }


def test_paths_read_back() -> None:
    assert parse_path("spec.containers[0].resources.limits[cpu]") == (
        "spec", "containers", 0, "resources", "limits", "cpu",
    )  # fmt: skip
    assert parse_path("<nil>") == ()


def test_one_error_stands_alone_and_repeats_are_told_once() -> None:
    assert aggregate(["a", "a"]) == "a"
    assert aggregate(["a", "b", "a"]) == "[a, b]"


# --- hostile -----------------------------------------------------------------------------------

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)
KEYS = st.sampled_from(
    [
        "spec",
        "replicatedJobs",
        "template",
        "network",
        "name",
        "containers",
        "replicas",
        "failurePolicy",
        "rules",
    ]
)
SHAPED = st.recursive(
    JSON, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=20
)


@given(SHAPED)
def test_any_json_is_answered(value: Any) -> None:
    """No document makes a walker fail; what Go accepts, decoding again leaves as it is."""
    doc = {**jobset(), "spec": value}
    schema_crd.defaulted(schema_crd.without_nulls(doc, JOBSET), JOBSET)
    errors = schema_crd.check(doc, JOBSET)
    json.dumps([error.text for error in [*errors, *schema_crd.check_rules(doc, JOBSET, errors)]])
    pruned_fields(doc, JOBSET)
    try:
        once = schema_go.decode(doc, JOBSET)
    except GoError:
        return
    assert schema_go.decode(once, JOBSET) == once
