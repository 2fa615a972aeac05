"""What the validating webhook says of failure policy rules."""

from __future__ import annotations

import pytest

from jobsim.api.jobset import FailurePolicyRule, JobSet
from jobsim.apiserver.table import ObjectTable
from jobsim.controllers.admission.jobset_default import default
from jobsim.controllers.admission.jobset_validate import validate_create
from jobsim.controllers.jobset import Gates
from jobsim.testing import make_jobset

INTERNAL = "<nil>: Internal error: "


def errors(jobset: JobSet, gates: Gates = Gates()) -> list[str]:  # noqa: B008
    return validate_create(jobset, ObjectTable(), gates)


def rule(name: str = "r", action: str = "FailJobSet", **fields: tuple[str, ...]) -> FailurePolicyRule:
    return FailurePolicyRule(name=name, action=action, **fields)


LENGTH = (
    "invalid failure policy rule name of length {}, "
    "the rule name must be at least 1 characters long and at most 128 characters long"
)
FORM = (
    "invalid failure policy rule name '{}', a failure policy rule name must start with "
    "an alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', "
    "and must end with an alphanumeric character or '_'"
)


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("r", []),
        ("Ab_,:9", []),
        ("r" * 128, []),
        ("r" * 129, [LENGTH.format(129)]),
        ("", [LENGTH.format(0), FORM.format("")]),
        ("9a", [FORM.format("9a")]),
        ("a:", [FORM.format("a:")]),
        ("a-b", [FORM.format("a-b")]),
        ("a\n", [FORM.format("a\n")]),
        ("é" * 64, [FORM.format("é" * 64)]),
        ("é" * 65, [LENGTH.format(130), FORM.format("é" * 65)]),
    ],
)
def test_rule_names(name: str, texts: list[str]) -> None:
    """C-VAL-15: length in bytes."""
    assert errors(make_jobset("train", rules=[rule(name)])) == [INTERNAL + text for text in texts]


def test_rule_targets_and_reasons() -> None:
    """C-VAL-15."""
    bad = rule(target_replicated_jobs=("w", "x"), on_job_failure_reasons=("DeadlineExceeded", "Bogus"))
    assert errors(make_jobset("train", rules=[bad])) == [
        INTERNAL + "invalid replicatedJob name 'x' in failure policy does not appear in .spec.ReplicatedJobs",
        INTERNAL
        + "invalid job failure reason 'Bogus' in failure policy is not a recognized job failure reason",
    ]


def test_rule_names_are_unique() -> None:
    """C-VAL-16, C-VAL-17: also those that defaulting has given."""
    rules = [rule("failurePolicyRule1"), rule(""), rule("b"), rule("b"), rule("b")]
    jobset = default(make_jobset("train", rules=rules))
    text = "rule names are not unique, rules with indices {} all have the same name '{}'"
    assert errors(jobset) == [
        INTERNAL + text.format("[0 1]", "failurePolicyRule1"),
        INTERNAL + text.format("[2 3 4]", "b"),
    ]


@pytest.mark.parametrize("action", ["RestartJob", "RestartJobAndIgnoreMaxRestarts"])
def test_single_restarts(action: str) -> None:
    """C-VAL-13, C-VAL-14: without the gate the rest of the policy is not looked at."""
    rules = [rule("-"), rule("ok", action)]
    assert errors(make_jobset("t", rules=rules)) == [
        INTERNAL + "RestartJob and RestartJobAndIgnoreMaxRestarts failure policy actions "
        "are not allowed when RestartJob feature gate is disabled"
    ]
    gates = Gates(restart_job=True)
    assert errors(make_jobset("t", rules=rules), gates) == [INTERNAL + FORM.format("-")]
    many = make_jobset("t", replicated_jobs={"a": 1025, "b": 1025}, rules=rules[1:])
    assert errors(many, gates) == [
        INTERNAL + "JobSet cannot have a failure policy rule with RestartJob or "
        "RestartJobAndIgnoreMaxRestarts action and a replicated job with replicas > 1024"
    ]
    assert errors(make_jobset("t", replicated_jobs={"a": 1024}, rules=rules[1:]), gates) == []
