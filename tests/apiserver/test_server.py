"""The server: names, uids, patches, and each verb's way to the store."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsim.api._struct import replace
from jobsim.api.batch import Job, JobSpec, JobStatus
from jobsim.api.meta import Object, ObjectMeta
from jobsim.api.pod import Pod, PodSpec, PodStatus
from jobsim.api.reader import Reader
from jobsim.api.writes import (
    Bind,
    Create,
    Delete,
    Evict,
    Patch,
    PatchFinalizers,
    PatchPodStatus,
    PatchStatus,
    Update,
    UpdateStatus,
)
from jobsim.apiserver.server import OpenAdmission, Server, merge_patch
from jobsim.apiserver.store import Store
from jobsim.errors import ApiError
from jobsim.rng import NameSource
from jobsim.units import SECOND, seconds


@pytest.fixture
def server() -> Server:
    return Server(Store(), OpenAdmission(), NameSource(1))


def job(name: str = "a", **more: object) -> Job:
    return Job(metadata=ObjectMeta(name=name, namespace="ns", **more), spec=JobSpec(parallelism=1))


def test_created_objects_get_what_only_the_server_gives(server: Server) -> None:
    got = server.apply(Create(obj=job(resource_version="99", uid="mine", generation=7)), seconds(3.9))
    meta = got.metadata
    assert (meta.creation_timestamp, meta.generation, meta.resource_version) == (3 * SECOND, 1, "1")
    assert meta.uid != "mine"


def test_generated_names(server: Server) -> None:
    prefix = "p" * 70 + "-"
    names = [
        server.create(job("").with_meta(generate_name=g), 0).name
        for g in ("train-w-0-3-", "train-w-0-3-", prefix)
    ]
    assert names[0] != names[1]
    assert names[0].startswith("train-w-0-3-")
    assert len(names[0]) == len("train-w-0-3-") + 5
    assert len(names[2]) == 63


def test_merge_patches(server: Server) -> None:
    server.apply(Create(obj=job(labels={"a": "1", "b": "2"})), 0)
    patch = {
        "metadata": {"labels": {"a": None, "c": "3"}},
        "spec": {"suspend": True},
        "status": {"active": 5},
    }
    got = server.apply(Patch(kind="Job", namespace="ns", name="a", patch=patch), 1)
    assert isinstance(got, Job)
    assert got.metadata.labels == {"b": "2", "c": "3"}
    assert (got.spec.suspend, got.status.active) == (True, 0)
    status = {"status": {"active": 5}, "spec": {"suspend": False}}
    got = server.apply(PatchStatus(kind="Job", namespace="ns", name="a", patch=status), 2)
    assert isinstance(got, Job)
    assert (got.spec.suspend, got.status.active) == (True, 5)


@pytest.mark.parametrize(
    "annotations",
    [{"a": "1"}, {"new": "x", "a": "2"}, {"a": None}, {"a": "3", "b": None}, {}, None, [1], {"a": 1}],
)
@pytest.mark.parametrize("more", [{}, {"spec": {}}, {"metadata": {"labels": {"l": "v"}}}])
def test_patches_of_annotations(server: Server, annotations: object, more: dict[str, object]) -> None:
    """The short way of a patch that sets annotations and nothing else gives what the long way does."""
    server.store.create(job(annotations={"a": "0", "b": "0"}), 0)
    patch = {"metadata": {"annotations": annotations, **more.get("metadata", {})}}  # type: ignore[dict-item]
    write = Patch(kind="Job", namespace="ns", name="a", patch={**more, **patch})
    want = merge_patch({"annotations": {"a": "0", "b": "0"}}, patch["metadata"])
    if isinstance(annotations, list) or annotations == {"a": 1}:
        with pytest.raises(ApiError) as refused:
            server.apply(write, 0)
        assert refused.value.reason == "Invalid"
        return
    got = server.apply(write, 0).metadata
    assert dict(got.annotations) == want.get("annotations", {})
    assert dict(got.labels) == want.get("labels", {})


@pytest.mark.parametrize(
    ("patch", "reason"),
    [
        ({"spec": {"parallelism": "many"}}, "Invalid"),
        ({"kind": "Pod"}, "BadRequest"),
        ({"spec": {"x": 1}}, "Invalid"),
    ],
)
def test_patches_of_the_wrong_shape(server: Server, patch: dict[str, object], reason: str) -> None:
    server.apply(Create(obj=job()), 0)
    result = server.request(Patch(kind="Job", namespace="ns", name="a", patch=patch), 1)
    assert result.error is not None
    assert result.error.reason == reason


@pytest.mark.parametrize(
    "write",
    [
        Update(obj=job("x")),
        UpdateStatus(obj=job("x")),
        Delete(kind="Job", namespace="ns", name="x"),
        Patch(kind="Job", namespace="ns", name="x", patch={}),
        PatchStatus(kind="Job", namespace="ns", name="x", patch={}),
        PatchFinalizers(kind="Job", namespace="ns", name="x", finalizer="f"),
        PatchPodStatus(kind="Pod", namespace="ns", name="x", status=PodStatus()),
        Bind(namespace="ns", name="x", node="n"),
        Evict(namespace="ns", name="x"),
    ],
)
def test_what_is_not_there(server: Server, write: object) -> None:
    result = server.request(write, 0)  # type: ignore[arg-type]
    assert result.error is not None
    assert (result.error.reason, result.error.code) == ("NotFound", 404)


def test_every_verb_reaches_the_store(server: Server) -> None:
    server.apply(Create(obj=job(finalizers=("f",))), 0)
    pod = Pod(metadata=ObjectMeta(name="p", namespace="ns"), spec=PodSpec())
    server.apply(Create(obj=pod), 0)
    current = server.apply(UpdateStatus(obj=replace(job(), status=JobStatus(active=1))), 1)
    updated = server.apply(Update(obj=current.with_meta(labels={"x": "y"})), 2)
    assert updated.metadata.labels == {"x": "y"}
    server.apply(PatchFinalizers(kind="Job", namespace="ns", name="a", finalizer="f"), 3)
    server.apply(Bind(namespace="ns", name="p", node="n"), 4)
    running = PatchPodStatus(kind="Pod", namespace="ns", name="p", status=PodStatus(phase="Running"))
    server.apply(running, 5)
    evicted = server.apply(Evict(namespace="ns", name="p", grace_s=4), 6)
    assert evicted.metadata.deletion_grace_period_seconds == 4
    server.apply(Delete(kind="Job", namespace="ns", name="a"), 7)
    assert [o.name for o in server.store] == ["p"]


def test_a_stale_update_is_refused_before_admission() -> None:
    asked: list[str] = []

    class Counting(OpenAdmission):
        def admit_update(self, new: Object, old: Object, reader: Reader) -> Object:
            asked.append(new.name)
            return new

        def admit_create(self, obj: Object, reader: Reader) -> Object:
            if obj.name == "bad":
                raise ApiError("Forbidden", "no")
            return obj

    server = Server(Store(), Counting(), NameSource(1))
    stale = server.create(job(), 0)
    server.apply(UpdateStatus(obj=replace(job(), status=JobStatus(active=1))), 1)
    assert server.request(Update(obj=stale), 2).error is not None
    assert asked == []
    refused = server.request(Create(obj=job("bad")), 3)
    assert refused.error is not None
    assert refused.error.code == 403
    assert server.store.get(Job, "ns", "bad") is None


values = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(target=values, patch=values)
def test_merge_patch_is_idempotent(target: object, patch: object) -> None:
    once = merge_patch(target, patch)
    assert merge_patch(once, patch) == once


def test_merge_patch_of_the_rfc() -> None:
    """RFC 7386, appendix A (a selection)."""
    assert merge_patch({"a": "b"}, {"a": ["c"]}) == {"a": ["c"]}
    assert merge_patch({"a": [{"b": "c"}]}, {"a": [1]}) == {"a": [1]}
    assert merge_patch(["a", "b"], {"a": "c"}) == {"a": "c"}
    assert merge_patch({}, {"a": {"bb": {"ccc": None}}}) == {"a": {"bb": {}}}
