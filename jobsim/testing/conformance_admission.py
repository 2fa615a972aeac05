"""Forms of the webhooks: ``jobset-default``, ``jobset-validate``, ``pod-mutate``, ``pod-validate``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobsim.api import codec
from jobsim.api.jobset import JobSet
from jobsim.api.pod import Pod
from jobsim.controllers.admission import jobset_default, jobset_update, jobset_validate, pod_webhook
from jobsim.errors import ApiError
from jobsim.testing.conformance_case import Case, Verdict, gates_of, object_of, reader_of


def run_default(case: Case) -> Verdict:
    """Run a case of the defaulting webhook."""
    got = jobset_default.default(_jobset(case["object"]))
    return Verdict(
        expected=codec.normal_form(case["expect"]["object"]), got=codec.normal_form(codec.to_dict(got))
    )


def run_validate(case: Case) -> Verdict:
    """Run a case of the validating webhook; lists and objects as bad values are cut to ``…``."""
    new, gates = _jobset(case["object"]), gates_of(case)
    if case["operation"] == "update":
        errors = jobset_update.update_errors(new, _jobset(case["old"]), gates)
    else:
        errors = jobset_validate.create_errors(new, reader_of(case.get("cache") or []), gates)
    expect = case["expect"]
    expected = {"errors": list(expect.get("errors") or []), "warnings": list(expect.get("warnings") or [])}
    return Verdict(expected=expected, got={"errors": [e.short_text for e in errors], "warnings": []})


def run_pod_mutate(case: Case) -> Verdict:
    """Run a case of the mutating pod webhook."""
    reader = reader_of(case.get("cache") or [])
    got: dict[str, Any]
    try:
        pod = pod_webhook.mutate(_pod(case["object"]), reader, gates_of(case))
    except ApiError as err:
        got = {"allowed": False, "message": err.message}
    else:
        got = {"object": codec.normal_form(codec.to_dict(pod))}
    expect = case["expect"]
    expected = {"object": codec.normal_form(expect["object"])} if "object" in expect else dict(expect)
    return Verdict(expected=expected, got=got)


def run_pod_validate(case: Case) -> Verdict:
    """Run a case of the validating pod webhook."""
    reader = reader_of(case.get("cache") or [])
    refusal = pod_webhook.validate(_pod(case["object"]), reader, gates_of(case))
    got = {"allowed": True} if refusal is None else {"allowed": False, "message": refusal}
    return Verdict(expected=dict(case["expect"]), got=got)


def _jobset(document: Mapping[str, Any]) -> JobSet:
    obj = object_of(document)
    assert isinstance(obj, JobSet)
    return obj


def _pod(document: Mapping[str, Any]) -> Pod:
    obj = object_of(document)
    assert isinstance(obj, Pod)
    return obj
