"""A JobSet's document on its way: the mutating webhook, schema and rules, the validating webhook.

Source: kube-apiserver endpoints/handlers create.go, update.go; apiextensions-apiserver
customresource strategy.go, status_strategy.go; C-WHK-01..04, C-API-50.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jobsim.api import codec
from jobsim.api._struct import replace
from jobsim.api.field import FieldError
from jobsim.api.jobset import JobSet, JobSetStatus
from jobsim.api.meta import Object
from jobsim.api.reader import Reader
from jobsim.apiserver import messages, schema_crd, schema_go
from jobsim.apiserver.jobset_schema import CRDS, JOBSET, TYPES
from jobsim.apiserver.schema_errors import DocumentError, denied, go_json, invalid_object
from jobsim.apiserver.schema_go import GoError
from jobsim.apiserver.schema_meta import Known, check_meta, check_meta_update, filled_update, with_name
from jobsim.controllers.admission import jobset_default, jobset_update, jobset_validate
from jobsim.controllers.admission.manifest import Document, as_object, without_system_meta
from jobsim.controllers.jobset.gates import Gates
from jobsim.errors import ApiError

#: int32: what a count in a status may be.
_COUNT_MAX = 2**31 - 1
MUTATING = denied("mjobset.kb.io")
VALIDATING = denied("vjobset.kb.io")


def create_jobset(doc: Document, reader: Reader, gates: Gates, suffix: Callable[[], str]) -> dict[str, Any]:
    """Return a new JobSet's document (decoded) as the server would store it.

    Raises
    ------
    ApiError
        400 or 422, in the server's words.
    """
    doc = _mutated(doc)
    doc = {key: value for key, value in without_system_meta(doc).items() if key != "status"}
    meta = with_name(as_object({**doc, "spec": {}}), suffix).metadata
    doc["metadata"]["name"] = meta.name
    errors = check_meta(meta, "JobSet", Known())
    errors += schema_crd.check(doc, CRDS[gates.version])
    errors += schema_crd.check_rules(doc, JOBSET, errors)
    if errors:
        raise invalid_object("JobSet", meta.name, errors)
    errors = jobset_validate.create_errors(_go_object(doc).with_meta(namespace=meta.namespace), reader, gates)
    if errors:
        raise _refused(doc, meta.name, errors)
    return doc


def _mutated(doc: Document) -> dict[str, Any]:
    """Return a document as the mutating webhook leaves it: Go's round trip, and its defaults.

    The patch keeps what Go alone would leave out (``maxRestarts: 0``); fields without omitempty
    appear with their zero, quantities in canonical form.  There is no patch, and so nothing of that,
    when every default is there already (controller-runtime pkg/webhook/admission/defaulter_custom.go).
    """
    try:
        decoded = schema_go.decode(doc, JOBSET, ordered=False)
    except GoError as err:
        raise DocumentError(MUTATING + str(err), [(err.path, str(err))], reason="") from None
    jobset = as_object(_merged(doc, decoded))
    assert isinstance(jobset, JobSet)
    before, after = codec.to_dict(jobset), codec.to_dict(jobset_default.default(jobset))
    changed = doc if before == after else _overlaid(_merged(doc, decoded), before, after)
    return {**schema_crd.defaulted(changed, JOBSET), "metadata": doc["metadata"]}


def _overlaid(data: Any, before: Any, after: Any) -> Any:
    """Return data with the difference between two typed forms of it applied.

    Typed forms leave empty lists out, which matter in the data; so only differences are taken over.
    """
    if before == after:
        return data
    if isinstance(data, Mapping) and isinstance(after, Mapping):
        was = before if isinstance(before, Mapping) else {}
        return {**data, **{k: _overlaid(data.get(k), was.get(k), item) for k, item in after.items()}}
    if isinstance(data, list) and isinstance(before, list | tuple) and len(data) == len(before):
        return [_overlaid(*items) for items in zip(data, before, after, strict=True)]
    return after


def _merged(raw: Any, new: Any) -> Any:
    """Return new data with what only the raw data has kept."""
    if isinstance(raw, Mapping) and isinstance(new, Mapping):
        mixed = {key: _merged(value, new[key]) if key in new else value for key, value in raw.items()}
        return {**mixed, **{key: value for key, value in new.items() if key not in raw}}
    if isinstance(raw, list) and isinstance(new, list) and len(raw) == len(new):
        return [_merged(before, after) for before, after in zip(raw, new, strict=True)]
    return new


def update_jobset(doc: Document, old: Document, gates: Gates) -> dict[str, Any]:
    """Return a changed JobSet's document (decoded) as the server would store it over an old one.

    Defaults of the webhook are for creates only (C-WHK-02), so nothing is round-tripped here.

    Raises
    ------
    ApiError
        400, 409 or 422, in the server's words.
    """
    doc = {key: value for key, value in doc.items() if key != "status"}
    if "status" in old:
        doc["status"] = old["status"]
    name = doc["metadata"].get("name", "")
    wanted, found = doc["metadata"].get("uid"), old["metadata"].get("uid", "")
    if wanted and wanted != found:
        raise messages.replaced_conflict("JobSet", old["metadata"].get("namespace", ""), name, wanted, found)
    before = as_object({**old, "spec": {}})
    after = as_object({**doc, "spec": {}})
    after = after.with_meta(**_filled(after, before))
    errors = check_meta_update(after.metadata, before.metadata, "JobSet", Known())
    errors += schema_crd.check(doc, CRDS[gates.version], old)
    errors += schema_crd.check_rules(doc, JOBSET, errors, old)
    if errors:
        raise invalid_object("JobSet", name, errors)
    new, was = _go_object(doc), _go_object(old)
    errors = jobset_update.update_errors(new, was, gates)
    if errors:
        raise _refused(doc, name, errors)
    return doc


class StatusSchema:
    """The schema held against statuses of JobSets (C-API-50).

    What it found good is remembered apart from its numbers: most writes change nothing else.
    """

    def __init__(self, gates: Gates) -> None:
        self._type = CRDS[gates.version]
        self._good: object = None

    def errors(self, new: JobSet, old: JobSet) -> list[FieldError]:
        """Return what the schema has against a new status; what is as it was is not looked at."""
        shape = _without_numbers(new.status)
        if shape is not None and shape == self._good:
            return []
        after, before = ({"status": codec.to_data(jobset.status)} for jobset in (new, old))
        if shape is not None and not self._check(after):
            self._good = shape
            return []
        return self._check(after, before)

    def _check(self, *documents: Document) -> list[FieldError]:
        errors = schema_crd.check(documents[0], self._type, *documents[1:])
        return [error for error in errors if error.kind != "Required value"]  # Go sends its empty texts.


def _without_numbers(status: JobSetStatus) -> object:
    """Return all of a status but its numbers, None if one of these is no count."""
    numbers = [status.restarts, status.restarts_count_towards_max]
    numbers += [status.previous_in_place_restart_attempt or 0, status.current_in_place_restart_attempt or 0]
    kept = []
    for one in status.replicated_jobs_status:
        restarts, counted = one.job_restarts, one.job_restarts_count_towards_max
        numbers += (one.ready, one.succeeded, one.failed, one.active, one.suspended, *restarts, *counted)
        kept.append((one.name, len(restarts), len(counted)))
    if min(numbers) < 0 or max(numbers) > _COUNT_MAX:
        return None
    return status.conditions, status.terminal_state, kept


def _filled(after: Object, before: Object) -> dict[str, Any]:
    meta = filled_update(after.metadata, before.metadata)
    return {field: getattr(meta, field) for field in meta.__struct_fields__}


def _go_object(doc: Document) -> JobSet:
    """Return a JobSet as the validating webhook decodes it."""
    try:
        decoded = schema_go.decode(doc, JOBSET, ordered=False)
    except GoError as err:
        raise DocumentError(VALIDATING + str(err), [(err.path, str(err))], reason="") from None
    jobset = as_object(_merged(doc, decoded))
    assert isinstance(jobset, JobSet)
    return jobset


def _refused(doc: Document, name: str, errors: Sequence[FieldError]) -> ApiError:
    """Return the validating webhook's refusal, with lists and objects printed as Go prints them."""
    given = doc.get("spec", {}).get("replicatedJobs")
    shown = [_as_go_prints(error, given) for error in errors]
    return invalid_object("JobSet", name, shown, prefix=VALIDATING)


def _as_go_prints(error: FieldError, given: Any) -> FieldError:
    if error.path != "spec.replicatedJobs" or error.value is None:
        return error
    decoded = schema_go.decode(json.loads(error.value), TYPES.get("[]jobset.ReplicatedJob"), ordered=False)
    value = go_json(_with_empty_lists(decoded or None, given), sort=False)
    return replace(error, value=value)


def _with_empty_lists(printed: Any, given: Any) -> Any:
    """Return data as Go prints it with the lists that were given empty; typed forms leave these out."""
    if printed is None and given == []:
        return []
    if isinstance(printed, dict) and isinstance(given, Mapping):
        return {key: _with_empty_lists(item, given.get(key)) for key, item in printed.items()}
    if isinstance(printed, list) and isinstance(given, list) and len(printed) == len(given):
        return [_with_empty_lists(*items) for items in zip(printed, given, strict=True)]
    return printed
