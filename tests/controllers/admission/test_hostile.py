"""Bad input everywhere: each field of each document holds, one after the other, what nobody should send.

The answer is the API server's, yes or no: never another exception, never a text that cannot be printed,
never after more than a second's work.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from jobsim.api import codec
from jobsim.api.core import Node
from jobsim.api.jobset import JobSet
from jobsim.api.meta import ObjectMeta
from jobsim.api.pod import Pod
from jobsim.apiserver.table import ObjectTable
from jobsim.controllers.admission import jobset_default, jobset_update, jobset_validate, pod_webhook
from jobsim.controllers.admission.pipeline import Admission
from jobsim.controllers.jobset import Gates
from jobsim.errors import ApiError
from tests.controllers.admission.hostile import FOLLOWER, HOSTILE, JOB, JOBSET, Path, paths, put

EMPTY = ObjectTable()
GATES = Gates(restart_job=True, elastic_jobset=True, in_place_restart=True)
#: Every path gets every n-th value, each path another first one; the suite does a part of them.
EVERY = 16
ANSWERS = {400, 403, 404, 422}
SECONDS_MAX = 1.0


def chain() -> Admission:
    return Admission(GATES, strict=False, suffix=lambda: "abcde")


def spoilt(doc: dict[str, Any], start: int) -> Iterator[tuple[Path, str, Any]]:
    """Yield a document spoilt in one place, for each place by some of the values."""
    kinds = list(HOSTILE)
    for number, path in enumerate(paths(doc)):
        for kind in kinds[(number + start) % EVERY :: EVERY]:
            yield path, kind, put(doc, path, HOSTILE[kind])


def answer(act: Callable[[], object], what: object) -> bool:
    """Tell whether a request is granted; fail if the answer is not one."""
    began = time.process_time()
    refusal: ApiError | None = None
    try:
        act()
    except ApiError as err:
        refusal = err
    assert time.process_time() - began < SECONDS_MAX, what
    assert refusal is None or (refusal.code in ANSWERS and refusal.message.encode()), (what, refusal)
    return refusal is None


@pytest.mark.slow
@pytest.mark.parametrize("doc", [JOBSET, JOB, FOLLOWER], ids=lambda doc: str(doc["kind"]))
def test_every_field_of_a_new_document(doc: dict[str, Any]) -> None:
    assert answer(lambda: chain().admit_manifest(doc, EMPTY), "as it is")
    given = [
        answer(partial(chain().admit_manifest, bad, EMPTY), (path, kind))
        for path, kind, bad in spoilt(doc, 0)
    ]
    assert True in given
    assert False in given


@pytest.mark.slow
def test_every_field_of_a_changed_document() -> None:
    stored = chain().create_document(JOBSET, EMPTY)
    assert answer(lambda: chain().update_document(stored, stored), "as it is")
    for path, kind, bad in spoilt(stored, 3):
        answer(partial(chain().update_document, bad, stored), (path, kind))


@pytest.mark.parametrize("value", [HOSTILE[kind] for kind in HOSTILE], ids=list(HOSTILE))
def test_a_document_that_is_none(value: object) -> None:
    assert not answer(lambda: chain().admit_manifest(value, EMPTY), "alone")  # type: ignore[arg-type]
    assert not answer(lambda: chain().update_document(value, JOBSET), "alone")  # type: ignore[arg-type]


TEXTS = [value for value in HOSTILE.values() if isinstance(value, str)]
NUMBERS = [value for value in HOSTILE.values() if type(value) is int and value.bit_length() < 1024]


def decoded(doc: dict[str, Any], kind: type[Any]) -> Any:
    """Return a spoilt document as an object, or None if it is none."""
    try:
        obj = codec.from_dict(doc)
    except codec.DecodeError:
        return None
    return obj if isinstance(obj, kind) else None


@pytest.mark.slow
def test_the_jobset_webhooks_alone() -> None:
    """Without the schema in front of them: whatever decodes is answered by lists of errors."""
    old = codec.from_dict(JOBSET)
    assert isinstance(old, JobSet)
    asked = 0
    for number, path in enumerate(paths(JOBSET)):
        for value in (TEXTS + NUMBERS)[number % 6 :: 6]:
            new = decoded(put(JOBSET, path, value), JobSet)
            if new is None:
                continue
            asked += 1
            began = time.process_time()
            for obj in (new, jobset_default.default(new)):
                if obj.spec.success_policy is not None:
                    jobset_validate.create_errors(obj, EMPTY, GATES)
                jobset_update.update_errors(obj, old, GATES)
                jobset_update.update_errors(old, obj, GATES)
            assert time.process_time() - began < SECONDS_MAX, (path, value)
    assert asked > 300


def leader(**changes: Any) -> Pod:
    meta = FOLLOWER["metadata"]
    annotations = {**meta["annotations"], "batch.kubernetes.io/job-completion-index": "0"}
    doc = {**FOLLOWER, "metadata": {**meta, "name": "t-w-0-0-abcde", "annotations": annotations}}
    pod = codec.from_dict({**doc, "spec": {**doc["spec"], "nodeName": "n"}})
    assert isinstance(pod, Pod)
    return pod.with_meta(**changes)


def test_the_pod_webhooks_alone() -> None:
    """Followers, leaders and nodes with hostile names, labels and annotations (C-EXC-04..16)."""
    asked = 0
    for path in paths(FOLLOWER["metadata"]):
        for text in TEXTS:
            assert isinstance(text, str)
            follower = decoded(put(FOLLOWER, ("metadata", *path), text), Pod)
            if follower is None:
                continue
            table = ObjectTable()
            table.put(leader(labels=follower.metadata.labels))
            table.put(Node(metadata=ObjectMeta(name="n", labels={"rack": text})))
            for reader in (EMPTY, table):
                for gates in (GATES, Gates(version="main")):
                    asked += 1
                    answer(partial(pod_webhook.mutate, follower, reader, gates), (path, text[:9]))
                    refusal = pod_webhook.validate(follower, reader, gates)
                    assert refusal is None or refusal
    assert asked > 200
