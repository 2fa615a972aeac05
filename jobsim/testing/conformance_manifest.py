"""Form ``admission``: a manifest's whole path through a real API server, CRD and webhooks.

The server's random parts are drawn as fixed words and written as the recording writes them.  Go walks
maps in random order, so several complaints in one message are compared as a set.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jobsim.api import codec
from jobsim.api.batch import Job
from jobsim.api.field import FieldError
from jobsim.api.gofmt import quote, sprintf
from jobsim.api.jobset import JOB_KEY, JobSet
from jobsim.api.kinds import KINDS
from jobsim.api.writes import Create
from jobsim.apiserver.schema_errors import ClientError, InvalidError, aggregate
from jobsim.controllers.admission.pipeline import Admission
from jobsim.controllers.jobset import Seen, reconcile
from jobsim.errors import ApiError, InputErrors
from jobsim.testing.conformance_case import Case, Verdict, gates_of, need, reader_of
from jobsim.units import parse_rfc3339

SUFFIX = "zq7v2"
UID = "8d8d8d8d-0000-4000-8000-0000000000d8"
#: A longer note makes the API server refuse the event (C-CRE-06, erratum).
EVENT_NOTE_LENGTH_MAX = 1024
_NOT_COMPARED = ("managedFields", "uid", "creationTimestamp", "resourceVersion", "generation", "selfLink")


#: Reads a text's documents as kubectl does (``scenario.yaml.load_documents``): handed in, because the
#: package that reads files lies beside this one.
Load = Callable[[str, str], Sequence[Any]]


def run_admission(case: Case, *, load: Load) -> Verdict:
    """Run a case: decode the text as kubectl does, send it through admission, compare the answer."""
    expect = dict(need(case, "expect"))
    expect.pop("note", None)
    got = _answer(case, load)
    if "client" in expect and expect["client"] == "kubectl" and "client" in got:
        got["client"] = "kubectl"
    if "then" in case:
        expect["then"] = _normal(case["then"])
    return Verdict(expected=_unordered(expect), got=_unordered(_recorded_words(got)))


def _normal(then: Any) -> Any:
    """Return what became of a JobSet's first Job in normal form, without what only its store sets.

    The job key is a hash over the namespace, and the recording's was another than it says.
    """
    job = then.get("job")
    return {"job": _stored(_without_key(job))} if job is not None else then


def _without_key(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _without_key(v) for k, v in value.items() if k != JOB_KEY}
    return value


def _child(case: Case, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what becomes of the first child Job of an accepted JobSet: stored, refused, or silence."""
    jobset = codec.from_dict({**document, "metadata": {**document["metadata"], "uid": UID}})
    assert isinstance(jobset, JobSet)
    gates = gates_of(case)
    plan = reconcile(Seen(jobset), parse_rfc3339("2026-01-05T00:00:00Z"), gates)
    creates = [
        w for step in plan.steps for chain in step.chains for w in chain.writes if isinstance(w, Create)
    ]
    job = next(write.obj for write in creates if isinstance(write.obj, Job))
    admission = Admission(gates, strict=True, suffix=lambda: SUFFIX)
    try:
        stored = admission.admit_create(job.with_meta(uid=UID), reader_of(case))
    except ApiError as err:
        message = sprintf(f"job {quote(job.name)} creation failed with error: {err.message}")
        if len(message) > EVENT_NOTE_LENGTH_MAX:
            return {"nothing": True}
        event = {
            "action": "Reconciling",
            "message": message,
            "reason": "JobCreationFailed",
            "type": "Warning",
        }
        return {"event": event}
    data = codec.to_dict(stored)
    return {"job": {"metadata": data["metadata"], "spec": data["spec"]}}


def _answer(case: Case, load: Load) -> dict[str, Any]:
    try:
        documents = load(need(case, "manifest"), "")
    except InputErrors as err:
        return {"client": err.errors[0].text}
    if not documents:
        return {"client": "no objects passed to create"}
    first = documents[0]
    repeated = [duplicate.path for duplicate in first.duplicates] if first.is_json else []
    admission = Admission(gates_of(case), strict=True, suffix=lambda: SUFFIX)
    namespace = case.get("namespace", "default")
    try:
        if case["operation"] == "update":
            document = admission.update_document(
                first.data, _old(case, load), namespace=namespace, repeated=repeated
            )
        else:
            document = admission.create_document(
                first.data, reader_of(case), namespace=namespace, repeated=repeated, uid=UID
            )
    except ClientError as err:
        return {"client": err.message}
    except ApiError as err:
        return _refusal(err, first.data)
    if case["operation"] == "update":
        document = {key: value for key, value in document.items() if key != "status"}
        return {"code": 200, "object": _stored(document)}
    answer = {"code": 201, "object": _stored(document)}
    return {**answer, "then": _normal(_child(case, document))} if "then" in case else answer


def _old(case: Case, load: Load) -> Mapping[str, Any]:
    old = need(case, "old")
    return old if isinstance(old, Mapping) else dict(load(old, "")[0].data)


def _stored(document: Mapping[str, Any]) -> Any:
    meta = {key: value for key, value in document["metadata"].items() if key not in _NOT_COMPARED}
    return codec.normal_form({**document, "metadata": meta})


def _refusal(err: ApiError, doc: Mapping[str, Any]) -> dict[str, Any]:
    got: dict[str, Any] = {"code": err.code, "reason": err.reason or None, "message": err.message}
    info = KINDS.get(doc.get("kind", ""))
    meta = doc.get("metadata")
    name = meta.get("name") if isinstance(meta, Mapping) else None
    if isinstance(err, InvalidError):
        quoted = err.message.partition(" is invalid: ")[0].rpartition(" ")[2]
        name = name or json.loads(quoted)
        causes = [_cause(error) for error in err.fields]
        got["details"] = {"kind": doc["kind"], "causes": causes}
        if info is not None and info.group:
            got["details"]["group"] = info.group
    elif err.reason == "Forbidden" and info is not None:
        got["details"] = {"kind": info.plural}
    if name and "details" in got:
        got["details"]["name"] = name
    return got


def _cause(error: FieldError) -> dict[str, Any]:
    return {"field": error.path, "message": error.body, "reason": error.reason}


def _recorded_words(value: Any) -> Any:
    text = json.dumps(value).replace(SUFFIX, "*****").replace(UID, "<uid>")
    return json.loads(text)


def _unordered(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer with the causes of a refusal, and so its message, in one order."""
    answer = dict(answer)
    if "object" in answer:
        answer["object"] = codec.normal_form(_timeless(answer["object"]))
    details = answer.get("details")
    if not isinstance(details, Mapping) or len(details.get("causes", ())) < 2:
        return answer
    causes = sorted(details["causes"], key=lambda cause: (cause["field"], cause["message"]))
    answer["details"] = {**details, "causes": causes}
    texts = [f"{cause['field']}: {cause['message']}" for cause in details["causes"]]
    ordered = [f"{cause['field']}: {cause['message']}" for cause in causes]
    answer["message"] = answer["message"].replace(aggregate(texts), aggregate(ordered))
    return answer


def _timeless(value: Any) -> Any:
    """Return data without the wall-clock times that the recording left in."""
    if isinstance(value, Mapping):
        return {k: _timeless(v) for k, v in value.items() if k != "lastTransitionTime"}
    return [_timeless(v) for v in value] if isinstance(value, list) else value
