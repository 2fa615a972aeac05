"""The log: what a row says, that a fold over rows is the cluster, that bytes depend on content alone."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsim.api._struct import Time, replace
from jobsim.api.core import Node, NodeStatus
from jobsim.api.meta import Condition, Object, ObjectMeta, Unstructured
from jobsim.api.pod import ContainerStatus, Pod
from jobsim.api.watch import ANYTHING, WatchEvent
from jobsim.results.log import CHUNK_NBYTES, Log, RowEncoder, decode
from jobsim.results.log_fold import Fold, events
from tests.results.story import Story, rjob


def encoded(story: Story) -> list[bytes]:
    encoder = RowEncoder()
    return [encoder.watch(event) for event in story.events]


def one_restart() -> Story:
    """Two Jobs of two pods start, one pod fails, everything is made anew."""
    story = Story()
    jobset = story.jobset()
    for attempt in range(2):
        jobs = [story.job(jobset, "workers", i) for i in range(2)]
        story.at(10 * attempt + 1)
        pods = [pod for job in jobs for pod in story.up(job)]
        if attempt:
            break
        story.at(5).end(pods[1], 1)
        story.condition(jobs[0], "FailureTarget")
        for pod in pods:
            story.remove(pod)
        story.at(6).condition(jobs[0], "Failed", message="it failed")
        story.restart(jobset)
        for job in jobs:
            story.remove(job)
    story.at(60).finish(jobset)
    return story


def test_rows_say_only_what_changed() -> None:
    story = Story()
    jobset = story.jobset()
    job = story.job(jobset)
    first, second = story.pods(job)
    story.at(1.5).bind(second, "node-7")
    story.delete(second)
    story.remove(second)
    rows = [decode(line) for line in encoded(story)]
    assert "like" not in rows[2]
    assert rows[3] == {
        "revision": 4,
        "time": 0,
        "type": "ADDED",
        "kind": "Pod",
        "namespace": "default",
        "name": second.name,
        "like": "Pod/" + job.uid,
        "metadata": {
            "name": second.name,
            "uid": second.uid,
            "labels": {"batch.kubernetes.io/job-completion-index": "1"},
            "annotations": {"batch.kubernetes.io/job-completion-index": "1"},
        },
        "spec": {"hostname": "train-workers-0-1"},
    }
    bound, deleted, gone = rows[4:]
    assert bound["time"] == 1_500_000_000
    assert bound["spec"] == {"nodeName": "node-7"}
    assert list(bound["status"]) == ["conditions"]
    assert deleted["metadata"] == {
        "deletionTimestamp": "2026-01-05T00:00:31Z",
        "deletionGracePeriodSeconds": 30,
    }
    assert {"metadata", "spec", "status"}.isdisjoint(gone)
    assert first.name != second.name


def test_fold_gives_the_live_objects_at_every_revision() -> None:
    story = one_restart()
    live: dict[tuple[str, str, str], Object] = {}
    fold = Fold()
    for event, line in zip(story.events, encoded(story), strict=True):
        key = (event.obj.kind, event.obj.namespace, event.obj.name)
        if event.type == "DELETED":
            del live[key]
        else:
            live[key] = event.obj
        read = fold.apply(decode(line))
        # A log does not say what a write may have changed: it says what did.
        assert read == replace(event, changed=ANYTHING)
        assert fold.objects == live


def test_fold_stops_at_a_time() -> None:
    story = one_restart()
    rows = [decode(line) for line in encoded(story)]
    at_5 = Fold(rows, until_ns=5_000_000_000).objects
    assert sorted(kind for kind, _, _ in at_5) == ["Job", "Job", "JobSet"]
    assert len(Fold(rows).objects) == 1 + 2 + 4


MAPS = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["", "1", "2"]), max_size=3)


@given(
    st.lists(
        st.tuples(MAPS, MAPS, st.sampled_from(["", "x"]), st.lists(st.sampled_from("pq"), max_size=2)),
        max_size=8,
    )
)
def test_any_change_of_maps_lists_and_untyped_content_survives(steps: list) -> None:
    story = Story()
    story.create(Node(metadata=ObjectMeta(name="n")))
    story.create(Unstructured(metadata=ObjectMeta(name="u"), type_name="Thing", group_version="x/v1"))
    for labels, content, phase, finalizers in steps:
        for kind in ("Node", "Thing"):
            obj = story.store.find(kind, "", "n" if kind == "Node" else "u")
            assert obj is not None
            new = obj.with_meta(labels=labels, finalizers=tuple(finalizers))
            if isinstance(new, Node):
                new = replace(new, status=NodeStatus(phase=phase, capacity=dict(content)))
            elif isinstance(new, Unstructured):
                new = replace(new, content={"data": content, **content})
            story.store._commit("MODIFIED", new, obj, story.now)
    fold = Fold(map(decode, encoded(story)))
    assert list(fold.objects.values()) == list(story.store)


META_CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "finalizers": st.sampled_from([(), ("f",)]),
        "generation": st.integers(1, 2),
        "deletion_timestamp": st.sampled_from([None, Time(0), Time(10**9)]),
        "labels": st.sampled_from([{}, {"a": "1"}, {"a": "2"}, {"b": "1", "a": "2"}]),
    },
)
SPEC_CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "node_name": st.sampled_from(["", "n"]),
        "hostname": st.sampled_from(["", "h"]),
        "priority": st.sampled_from([None, 0, 1]),
        "node_selector": st.sampled_from([{}, {"a": "1"}]),
    },
)
STATUS_CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "phase": st.sampled_from(["", "Pending", "Running"]),
        "conditions": st.sampled_from([(), (Condition(type="Ready"),)]),
        "start_time": st.sampled_from([None, Time(0)]),
        "container_statuses": st.sampled_from([(), (ContainerStatus(name="main"),)]),
        "message": st.sampled_from(["", "m"]),
    },
)


@given(st.lists(st.tuples(META_CHANGES, SPEC_CHANGES, STATUS_CHANGES), max_size=6))
def test_any_change_of_a_pod_survives_and_its_row_has_no_more(steps: list[tuple[dict, dict, dict]]) -> None:
    pod = Pod(metadata=ObjectMeta(name="p", namespace="default", resource_version="1"))
    encoder, fold = RowEncoder(), Fold()
    old = None
    for revision, (meta, spec, status) in enumerate(([({}, {}, {}), *steps]), start=1):
        new = replace(pod, spec=replace(pod.spec, **spec), status=replace(pod.status, **status))
        new = new.with_meta(**meta, resource_version=str(revision))
        type_ = "MODIFIED" if old else "ADDED"
        row = decode(encoder.watch(WatchEvent(type=type_, obj=new, old=old, revision=revision, time=0)))
        read = fold.apply(row)
        assert read is not None
        assert read.obj == new
        for part in ("metadata", "spec", "status") if old else ():
            a, b = getattr(old, part), getattr(new, part)
            wire = zip(b.__struct_encode_fields__, b.__struct_fields__, strict=True)
            changed = [name for name, field in wire if getattr(a, field) != getattr(b, field)]
            assert list(row.get(part, {})) == [name for name in changed if name != "resourceVersion"]
        pod = old = new


def test_rows_depend_on_values_not_on_sharing() -> None:
    story = one_restart()
    shared = encoded(story)
    encoder = RowEncoder()
    unshared = [encoder.watch(event) for event, _ in events(map(decode, shared)) if event is not None]
    assert unshared == shared


def test_notes_stand_between_the_changes() -> None:
    log = Log()
    log.put({"note": "event", "time": 5, "reason": "Hello", "message": "a\nb"})
    (line,) = log.lines()
    assert line == b'{"note":"event","time":5,"reason":"Hello","message":"a\\nb"}'
    assert Fold().apply(decode(line)) is None


@pytest.mark.parametrize("count", [0, 1, 3, 3000])
def test_written_logs_are_read_back(tmp_path: Path, count: int) -> None:
    log = Log()
    lines = [b'{"note":"n","time":%d,"x":"%s"}' % (n, b"y" * 50) for n in range(count)]
    for line in lines:
        log.append(line)
    assert count < 3000 or sum(map(len, lines)) > 2 * CHUNK_NBYTES
    digest = log.digest
    log.write(tmp_path / "log.jsonl.gz")
    again = Log.read(tmp_path / "log.jsonl.gz")
    again.write(tmp_path / "again.jsonl.gz")
    assert list(log.lines()) == lines
    assert list(again.lines()) == lines
    assert again.digest == log.digest == digest
    written = (tmp_path / "log.jsonl.gz").read_bytes()
    assert written == (tmp_path / "again.jsonl.gz").read_bytes()
    assert gzip.decompress(written) == b"".join(line + b"\n" for line in lines)


def test_digest_is_the_hash_of_the_lines() -> None:
    log = Log()
    log.append(b"a")
    assert log.digest == "87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7"  # sha256("a\n")
    log.append(b"b")
    assert log.digest != "87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7"


def test_rows_and_their_lines_make_the_same_log() -> None:
    story = one_restart()
    by_row, by_line = Log(), Log()
    encoder = RowEncoder()
    for event, line in zip(story.events, encoded(story), strict=True):
        by_row.put(encoder.row(event))
        by_line.append(line)
    assert list(by_row.lines()) == list(by_line.lines())
    assert by_row.digest == by_line.digest


def test_a_truncated_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    log = Log()
    log.append(b"x" * 1000)
    path = tmp_path / "log.jsonl.gz"
    log.write(path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match=r"^log\.jsonl\.gz is no complete"):
        Log.read(path)


def test_families_share_rows() -> None:
    """The first pod of a Job refers to the last Job's pods; 1,000 pods take little space."""
    story = Story()
    jobset = story.jobset("train", rjob("workers", replicas=4, pods=250))
    for i in range(4):
        story.up(story.job(jobset, "workers", i))
    lines = encoded(story)
    assert sum(map(len, lines)) / len(lines) < 350
