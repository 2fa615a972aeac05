"""Object metadata: what is wrong with names, labels, owners, and what an update may not touch."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api._struct import Time, replace
from jobsim.api.core import Node, Service
from jobsim.api.meta import LabelSelector, LabelSelectorRequirement, ObjectMeta, OwnerReference
from jobsim.api.pod import Pod
from jobsim.apiserver.schema_meta import (
    Known,
    check_meta,
    check_meta_update,
    check_selector,
    filled_update,
    finalizer_warnings,
    with_name,
)

GOOD = ObjectMeta(name="a", namespace="default", uid="u")
LONG = "x" * 64
OWNER = OwnerReference(api_version="v1", kind="Node", name="n", uid="x", controller=True)


def texts(kind: str = "Pod", **changes: Any) -> list[str]:
    return [error.text for error in check_meta(replace(GOOD, **changes), kind, Known())]


@pytest.mark.parametrize(
    ("changes", "starts"),
    [
        ({}, []),
        ({"name": ""}, ["metadata.name: Required value: name or generateName is required"]),
        ({"name": "A"}, ['metadata.name: Invalid value: "A": a lowercase RFC 1123 subdomain must']),
        ({"generate_name": "a-"}, []),
        ({"generate_name": "a."}, ['metadata.generateName: Invalid value: "a."']),
        ({"namespace": ""}, ["metadata.namespace: Required value"]),
        ({"namespace": "a.b"}, ['metadata.namespace: Invalid value: "a.b": must not contain dots']),
        ({"generation": -1}, ["metadata.generation: Invalid value: -1: must be greater than or equal"]),
        ({"labels": {"a b": ""}}, ['metadata.labels: Invalid value: "a b": name part must consist']),
        ({"labels": {"a": LONG}}, [f'metadata.labels: Invalid value: "{LONG}": must be no more than 63 b']),
        ({"annotations": {"A/B": "any text"}}, []),
        (
            {"annotations": {"": ""}},
            [
                'metadata.annotations: Invalid value: "": name part must be non-empty',
                'metadata.annotations: Invalid value: "": name part must consist of',
            ],
        ),
        (
            {"annotations": {"a": "é" * 2**17}},
            ["metadata.annotations: Too long: may not be more than 262144"],
        ),
        ({"annotations": {"a": "x" * (2**18 - 1)}}, []),
        ({"finalizers": ("a b",)}, ['metadata.finalizers: Invalid value: "a b": name part must consist']),
        (
            {"finalizers": ("orphan", "foregroundDeletion")},
            ['metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer foregr'],
        ),
        (
            {"owner_references": (OwnerReference(api_version="", kind="", name="", uid=""),)},
            [
                'metadata.ownerReferences.apiVersion: Invalid value: "": version must not be empty',
                'metadata.ownerReferences.kind: Invalid value: "": must not be empty',
                'metadata.ownerReferences.name: Invalid value: "": must not be empty',
                'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
            ],
        ),
        (
            {"owner_references": (OWNER, replace(OWNER, name="m"))},
            ["metadata.ownerReferences: Invalid value: ["],
        ),
    ],
)
def test_new_objects(changes: dict[str, Any], starts: list[str]) -> None:
    found = texts(**changes)
    assert len(found) == len(starts)
    assert all(text.startswith(start) for text, start in zip(found, starts, strict=True)), found


def test_kinds_differ_in_names_and_scope() -> None:
    assert texts(Service.KIND, name="1a")[0].startswith(
        'metadata.name: Invalid value: "1a": a DNS-1035 label'
    )
    assert texts("Namespace", namespace="", name="a.b") == [
        'metadata.name: Invalid value: "a.b": must not contain dots'
    ]
    assert texts(Node.KIND) == ["metadata.namespace: Forbidden: not allowed on this type"]


def test_a_remembered_fault_is_still_a_fault() -> None:
    """The memory of good metadata changes no answer, whatever was seen before."""
    known = Known()
    metas = [
        replace(GOOD, labels={"a": "b"}, annotations={"k": ""}),
        replace(GOOD, labels={"a": "b", "c": "!"}, annotations={"k": "", "!": ""}),
        replace(GOOD, labels={"a": "!"}, generation=-1),
        replace(GOOD, labels={"a": "b"}, annotations={"k": "x" * 2**19}),
        GOOD,
    ]
    for meta in metas * 3:
        assert check_meta(meta, "Pod", known) == check_meta(meta, "Pod", Known())


def test_generated_names_keep_58_characters() -> None:
    pod = Pod(metadata=ObjectMeta(generate_name="p" * 70))
    assert with_name(pod, lambda: "abcde").name == "p" * 58 + "abcde"
    assert with_name(Pod(metadata=GOOD), lambda: "abcde").name == "a"


# --- updates -----------------------------------------------------------------------------------

OLD = replace(GOOD, generation=3, creation_timestamp=Time(0), deletion_timestamp=Time(5), finalizers=("a/b",))


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, []),
        ({"generation": 2}, ["metadata.generation: Invalid value: 2: must not be decremented"]),
        ({"name": "b"}, ['metadata.name: Invalid value: "b": field is immutable']),
        ({"uid": "v"}, ['metadata.uid: Invalid value: "v": field is immutable']),
        (
            {"deletion_timestamp": None},
            ["metadata.deletionTimestamp: Invalid value: null: field is immutable"],
        ),
        (
            {"finalizers": ("a/b", "c/d", "b/c")},
            [
                "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being "
                'deleted, found new finalizers []string{"b/c", "c/d"}'
            ],
        ),
        ({"finalizers": ()}, []),
    ],
)
def test_what_an_update_may_not_change(changes: dict[str, Any], found: list[str]) -> None:
    new = replace(OLD, **changes)
    assert [e.text for e in check_meta_update(new, OLD, "Pod", Known())] == found


def test_an_update_may_leave_system_fields_out() -> None:
    bare = ObjectMeta(name="a", labels={"x": "y"}, finalizers=("a/b",))
    filled = filled_update(bare, OLD)
    assert check_meta_update(filled, OLD, "Pod", Known()) == []
    assert filled.labels == {"x": "y"}


# --- selectors and finalizers ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operator", "values", "found"),
    [
        ("In", ("a",), []),
        ("In", (), ["values: Required value: must be specified when `operator` is 'In' or 'NotIn'"]),
        (
            "Exists",
            ("a",),
            ["values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'"],
        ),
        ("Gt", ("1",), ['operator: Invalid value: "Gt": not a valid selector operator']),
    ],
)
def test_selectors(operator: str, values: tuple[str, ...], found: list[str]) -> None:
    term = LabelSelectorRequirement(key="k", operator=operator, values=values)
    errors = check_selector(LabelSelector(match_expressions=(term,)), "s")
    assert [e.text for e in errors] == [f"s.matchExpressions[0].{text}" for text in found]


def test_selectors_have_good_labels() -> None:
    term = LabelSelectorRequirement(key="k k", operator="In", values=("v v",))
    found = check_selector(LabelSelector(match_labels={"a": "b b"}, match_expressions=(term,)), "s")
    assert [e.path for e in found] == [
        "s.matchLabels",
        "s.matchExpressions[0].key",
        "s.matchExpressions[0].values[0]",
    ]
    assert check_selector(None, "s") == []


def test_finalizers_without_a_domain_are_warned_about() -> None:
    prefer = "prefer a domain-qualified finalizer name"
    assert finalizer_warnings(["orphan", "a.b/c"]) == []
    [dotted, plain] = finalizer_warnings(["plain", "a.b"])
    assert dotted.startswith(f'metadata.finalizers: "a.b": {prefer} including a path (/) to avoid')
    assert plain.startswith(f'metadata.finalizers: "plain": {prefer} to avoid')
