"""Forms of the webhooks: ``jobset-default``, ``jobset-validate``, ``pod-mutate``, ``pod-validate``."""

from __future__ import annotations

from typing import Any

from jobsim.api import codec
from jobsim.api.jobset import JobSet
from jobsim.api.pod import Pod
from jobsim.controllers.admission import jobset_default, jobset_update, jobset_validate, pod_webhook
from jobsim.errors import ApiError
from jobsim.testing.conformance_case import Case, Verdict, gates_of, need, object_of, reader_of


def run_default(case: Case) -> Verdict:
    """Run a case of the defaulting webhook."""
    got = jobset_default.default(object_of(case, "object", JobSet))
    return Verdict(
        expected=codec.normal_form(need(case, "expect", "object")), got=codec.normal_form(codec.to_dict(got))
    )


def run_validate(case: Case) -> Verdict:
    """Run a case of the validating webhook; lists and objects as bad values are cut to ``…``."""
    new, gates = object_of(case, "object", JobSet), gates_of(case)
    if need(case, "operation") == "update":
        errors = jobset_update.update_errors(new, object_of(case, "old", JobSet), gates)
    else:
        errors = jobset_validate.create_errors(new, reader_of(case), gates)
    expect = case["expect"]
    expected = {"errors": list(expect.get("errors") or []), "warnings": list(expect.get("warnings") or [])}
    return Verdict(expected=expected, got={"errors": [e.short_text for e in errors], "warnings": []})


def run_pod_mutate(case: Case) -> Verdict:
    """Run a case of the mutating pod webhook."""
    reader = reader_of(case)
    got: dict[str, Any]
    try:
        pod = pod_webhook.mutate(object_of(case, "object", Pod), reader, gates_of(case))
    except ApiError as err:
        got = {"allowed": False, "message": err.message}
    else:
        got = {"object": codec.normal_form(codec.to_dict(pod))}
    expect = case["expect"]
    expected = {"object": codec.normal_form(expect["object"])} if "object" in expect else dict(expect)
    return Verdict(expected=expected, got=got)


def run_pod_validate(case: Case) -> Verdict:
    """Run a case of the validating pod webhook."""
    reader = reader_of(case)
    refusal = pod_webhook.validate(object_of(case, "object", Pod), reader, gates_of(case))
    got = {"allowed": True} if refusal is None else {"allowed": False, "message": refusal}
    return Verdict(expected=dict(case["expect"]), got=got)
