"""The server's answers in full: each field of a Job and of a Pod is changed, and every refusal is kept.

A document that uses nearly every field is spoilt in one place after the other; ``tests/golden`` holds what
is said to it.  A change of these files is a change of behaviour: understand it, then ``pytest --rewrite``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import pytest

from jobsim.api import codec
from jobsim.api._struct import replace
from jobsim.api.batch import Job, JobStatus
from jobsim.apiserver.table import ObjectTable
from jobsim.controllers.admission.pipeline import Admission
from jobsim.controllers.jobset import Gates
from jobsim.errors import ApiError
from jobsim.testing import make_condition
from tests.controllers.admission.hostile import FOLLOWER, JOB, JOBSET, Path, paths, put

EMPTY = ObjectTable()
NAME = "A" * 254
GONE = object()
_PREFIX = re.compile(r'^(Pod|Job\.batch) "\w*" is invalid: ')
Golden = Callable[[str, str], None]


def admission(*, strict: bool = False) -> Admission:
    return Admission(Gates(restart_job=True), strict=strict, suffix=lambda: "abcde")


def variants(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield other values of a value's type, by how they are called in the golden file."""
    yield "absent", GONE
    if isinstance(value, bool):
        yield "flipped", not value
    elif isinstance(value, int):
        yield from ((str(n), n) for n in (-1, 0, 1, 65536, 100_001))
    elif isinstance(value, str):
        yield from ((repr(text), text) for text in ("", "other", "a/b/c", "0"))
        yield "long", NAME
    elif isinstance(value, list):
        yield from (("empty", []), ("twice", [*value, *value]), ("many", value * 300))
    elif isinstance(value, dict):
        yield "empty", {}


def without(doc: Any, path: Path) -> Any:
    """Return a document without what is at a path."""
    if len(path) > 1:
        if isinstance(doc, list):
            return [without(item, path[1:]) if i == path[0] else item for i, item in enumerate(doc)]
        return {**doc, path[0]: without(doc[path[0]], path[1:])}
    if isinstance(doc, list):
        return [item for i, item in enumerate(doc) if i != path[0]]
    return {key: item for key, item in doc.items() if key != path[0]}


def look_up(doc: Any, path: Path) -> Any:
    for key in path:
        doc = doc[key]
    return doc


def changed(doc: dict[str, Any], at: Path = (), most: int = 99) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a document changed in one place below a path in so many ways, by place and change."""
    for path in paths(doc):
        if path[: len(at)] != at:
            continue
        for name, value in islice(variants(look_up(doc, path)), most):
            new = without(doc, path) if value is GONE else put(doc, path, value)
            yield f"{'.'.join(map(str, path))} {name}", new


def short(message: str) -> str:
    """Return an answer without what is long in it, and still as its own."""
    text = _PREFIX.sub("", message)
    text = text.replace(NAME, "<long>").replace("\n", "\\n")
    return text if len(text) < 180 else f"{text[:140]}… {hashlib.sha1(text.encode()).hexdigest()[:8]}"


def answers(asked: Iterator[tuple[str, Callable[[], object]]]) -> str:
    """Return the refusals among the answers, one a line, and how many were granted."""
    lines, granted = [], 0
    for name, act in asked:
        try:
            act()
        except ApiError as err:
            lines.append(f"{name}: {err.code} {short(err.message)}")
        else:
            granted += 1
    return "\n".join([*lines, f"granted: {granted}"])


def creates(docs: Iterator[tuple[str, dict[str, Any]]]) -> Iterator[tuple[str, Callable[[], object]]]:
    for name, doc in docs:
        yield name, lambda doc=doc: admission().create_document(doc, EMPTY)


@pytest.mark.slow
def test_new_pods(golden: Golden) -> None:
    golden("admission-pod", answers(creates(changed(FOLLOWER))))


@pytest.mark.slow
def test_new_jobs(golden: Golden) -> None:
    """Without the pod template, of which ``test_new_pods`` speaks."""
    spec = {
        **JOB["spec"],
        "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}},
    }
    golden("admission-job", answers(creates(changed({**JOB, "spec": spec}))))


def updates(old: Job) -> Iterator[tuple[str, Callable[[], object]]]:
    for name, doc in changed(codec.to_dict(old), ("spec",), most=2):
        if {"containers", "volumes", "affinity", "initContainers"} & set(
            name.split(".")
        ) and "resources" not in name:
            continue
        try:
            new = codec.from_dict(doc)
        except codec.DecodeError:
            continue
        yield name, lambda new=new: admission().admit_update(new, old, EMPTY)


@pytest.mark.slow
@pytest.mark.parametrize("state", ["running", "suspended"])
def test_changed_jobs(golden: Golden, state: str) -> None:
    """K-JOB-05, K-JOB-81: what may change depends on whether pods run."""
    created = admission().admit_create(codec.from_dict(JOB).with_meta(uid="u"), EMPTY)
    assert isinstance(created, Job)
    stopped = JobStatus(conditions=(make_condition("Suspended"),))
    old = replace(
        created,
        spec=replace(created.spec, suspend=state == "suspended"),
        status=stopped if state == "suspended" else JobStatus(active=1),
    )
    golden(f"admission-job-{state}", answers(updates(old)))


def test_what_documents_refer_to(golden: Golden) -> None:
    """Taken as existing and named, or (strict) as missing as it is."""
    lines = []
    for doc in (FOLLOWER, JOB, JOBSET):
        chain = admission()
        chain.admit_manifest(doc, EMPTY)
        lines += [f"{doc['kind']}: {name}" for name in chain.assumed]
        try:
            admission(strict=True).admit_manifest(doc, EMPTY)
        except ApiError as err:
            lines.append(f"{doc['kind']}, strict: {err.message}")
    golden("admission-assumed", "\n".join(lines))


def test_a_change_anywhere_shows() -> None:
    names = [name for name, _ in changed({"a": [{"b": 1}], "c": True})]
    assert names[:4] == ["a absent", "a empty", "a twice", "a many"]
    assert names[-2:] == ["c absent", "c flipped"]
    assert without({"a": [1, 2]}, ("a", 0)) == {"a": [2]}
    assert "granted: 1" in answers(iter([("x", lambda: None)]))
