"""Counterparts of upstream's cases about the create webhook of JobSets: names, sizes, policies (C-VAL-*)."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api._struct import replace
from jobsim.api.jobset import CONTROLLER_NAME, Coordinator, FailurePolicyRule, JobSet, Network, SuccessPolicy
from jobsim.apiserver.table import ObjectTable
from jobsim.controllers.admission.jobset_validate import checked_name, create_errors
from jobsim.controllers.jobset import Gates
from jobsim.testing import make_jobset, make_replicated_job
from tests.upstream.kit import MAIN, cases, gates, with_job

FILE = "pkg/webhooks/jobset_webhook_test.go"
case = cases(FILE, "TestValidateCreate")
INTERNAL = "<nil>: Internal error: "
JOB_LONG = "JobSet name is too long, job names generated for this JobSet will exceed 63 characters"
POD_LONG = "JobSet name is too long, pod names generated for this JobSet will exceed 63 characters"
NO_LABEL = "a DNS-1035 label must consist of"
NAME = "spec.replicatedJobs[0].name"


def errors(jobset: JobSet, gates: Gates = MAIN) -> list[str]:
    return [error.short_text for error in create_errors(jobset, ObjectTable(), gates)]


def found(got: list[str], wanted: list[str]) -> bool:
    """Tell whether each text has its wanted part, in order, and none is left over."""
    return len(got) == len(wanted) and all(part in text for text, part in zip(got, wanted, strict=True))


def generated(prefix: str, **fields: Any) -> JobSet:
    return make_jobset("", **fields).with_meta(generate_name=prefix)


def sized(replicas: int, **spec: Any) -> JobSet:
    return make_jobset("train", replicated_jobs=[with_job(make_replicated_job("w", replicas), **spec)])


@pytest.mark.parametrize(
    ("jobset", "wanted"),
    [
        case(
            "generateName that produces overlong child job names is rejected",
            generated("x" * 58, replicated_jobs=[make_replicated_job("w", completions=None)]),
            [f'{NAME}: Invalid value: "{"x" * 58}xxxxx-w-0": {JOB_LONG}'],
        ),
        case(
            "number of pods exceeds the limit",
            sized(2**16, parallelism=2**15),
            ["must not exceed 2147483647"],
        ),
        case("number of pods within the limit", sized(2**16, parallelism=2**15 - 1), []),
        case(
            "success policy has non matching replicated job",
            make_jobset(
                "train", success_policy=SuccessPolicy(operator="Any", target_replicated_jobs=("w", "ps"))
            ),
            [f"{INTERNAL}invalid replicatedJob name 'ps' does not appear in .spec.ReplicatedJobs"],
        ),
        case(
            "network has invalid dns name",
            make_jobset("train", network=Network(subdomain=f"{'n' * 63}o.")),
            [
                "spec.network.subdomain: Invalid value",
                ".spec.network.subdomain is too long, must be less than 63 characters",
                NO_LABEL,
            ],
        ),
        case("jobset name with invalid character", make_jobset("my.train"), [f"{NAME}: Invalid value"] * 2),
        case(
            "group name is not DNS 1035 compliant",
            make_jobset("train", replicated_jobs=[make_replicated_job("w", group_name="1st_group")]),
            [f'spec.replicatedJobs[0].groupName: Invalid value: "1st_group": {NO_LABEL}'],
        ),
        case(
            "jobset name will result in job name being too long",
            make_jobset("t" * 59, replicated_jobs=[make_replicated_job("w", 11, completions=None)]),
            [f'"{"t" * 59}-w-10": {JOB_LONG}'],
        ),
        case(
            "jobset name will result in a pod name being too long",
            make_jobset("t" * 51, replicated_jobs=[make_replicated_job("w", 1, completions=11)]),
            [f'"{"t" * 51}-w-0": {POD_LONG}'],
        ),
        case(
            "jobset controller name is not a domain-prefixed path",
            make_jobset("train", managed_by="my controller"),
            ["spec.managedBy: Invalid value"],
        ),
        case(
            "jobset controller name is too long",
            make_jobset("train", managed_by=f"example.com/{'c' * 52}"),
            ["spec.managedBy: Too long: may not be more than 63 bytes"],
        ),
        case("jobset controller name is set and valid", make_jobset("train", managed_by=CONTROLLER_NAME), []),
        case("jobset controller name is unset", make_jobset("train", managed_by=None), []),
    ],
)
def test_names_and_sizes(jobset: JobSet, wanted: list[str]) -> None:
    """C-VAL-02, C-VAL-06..09, C-VAL-12."""
    got = errors(jobset)
    assert found(got, wanted), got


name_case = cases(FILE, "TestGetJobSetNameForValidation")


@pytest.mark.parametrize(
    ("jobset", "name"),
    [
        name_case("name is used directly", make_jobset("train").with_meta(generate_name="other-"), "train"),
        name_case("generateName uses apiserver truncation rules", generated("y" * 70), "y" * 58 + "xxxxx"),
        name_case("empty metadata returns empty name", make_jobset(""), ""),
    ],
)
def test_the_name_that_generated_names_are_checked_with(jobset: JobSet, name: str) -> None:
    """C-VAL-02: only the length of the random part is known."""
    assert checked_name(jobset, MAIN) == name


# -- failure policy ------------------------------------------------------------------------------------


def rule(name: str = "rule", action: str = "FailJobSet", **fields: tuple[str, ...]) -> FailurePolicyRule:
    return FailurePolicyRule(name=name, action=action, **fields)


def bad_name(name: str) -> str:
    return f"{INTERNAL}invalid failure policy rule name '{name}', a failure policy rule name must start"


LENGTH = "invalid failure policy rule name of length {}, the rule name must be at least 1 characters long and"


@pytest.mark.parametrize(
    ("rules", "wanted"),
    [
        case("failure policy rule name is valid", [rule("Host_down:2,again")], []),
        case(
            "jobset failure policy has an invalid on job failure reason",
            [rule(on_job_failure_reasons=("PodFailurePolicy", "OutOfLuck"))],
            [f"{INTERNAL}invalid job failure reason 'OutOfLuck' in failure policy is not a recognized job"],
        ),
        case(
            "jobset failure policy has an invalid replicated job",
            [rule(target_replicated_jobs=("w", "ps"))],
            [f"{INTERNAL}invalid replicatedJob name 'ps' in failure policy does not appear in"],
        ),
        case(
            "jobset failure policy rule name is 0 characters long a.k.a unset",
            [rule("")],
            [LENGTH.format(0), bad_name("")],
        ),
        case(
            "jobset failure policy rule name is greater than 128 characters long",
            [rule("r" * 128), rule("s" * 129)],
            [LENGTH.format(129)],
        ),
        case(
            "there are two failure policy rules with the same name",
            [rule("lost"), rule("other"), rule("lost")],
            [f"{INTERNAL}rule names are not unique, rules with indices [0 2] all have the same name 'lost'"],
        ),
        case(
            "failure policy rule name does not start with an alphabetic character",
            [rule("_lost")],
            [bad_name("_lost")],
        ),
        case(
            "failure policy rule name does not end with an alphanumeric nor '_'",
            [rule("lost_"), rule("lost:")],
            [bad_name("lost:")],
        ),
    ],
)
def test_failure_policy_rules(rules: list[FailurePolicyRule], wanted: list[str]) -> None:
    """C-VAL-15, C-VAL-16."""
    got = errors(make_jobset("train", rules=rules))
    assert found(got, wanted), got


NOT_ALLOWED = "RestartJob and RestartJobAndIgnoreMaxRestarts failure policy actions are not allowed when"


@pytest.mark.parametrize(
    ("action", "replicas", "on", "wanted"),
    [
        case(
            "jobset failure policy rule has RestartJob action and a replicated job with replicas > 1024",
            "RestartJob",
            1025,
            True,
            ["and a replicated job with replicas > 1024"],
        ),
        case(
            "jobset failure policy rule has RestartJobAndIgnoreMaxRestarts action and a replicated job with "
            "replicas > 1024",
            "RestartJobAndIgnoreMaxRestarts",
            1025,
            True,
            ["and a replicated job with replicas > 1024"],
        ),
        case(
            "jobset failure policy rule has RestartJob action and RestartJob feature gate is disabled",
            "RestartJob",
            1024,
            False,
            [INTERNAL + NOT_ALLOWED],
        ),
        case(
            "jobset failure policy rule has RestartJobAndIgnoreMaxRestarts action and RestartJob feature "
            "gate is disabled",
            "RestartJobAndIgnoreMaxRestarts",
            1024,
            False,
            [INTERNAL + NOT_ALLOWED],
        ),
        ("RestartJob", 1024, True, []),
        ("RestartJobSet", 1025, False, []),
    ],
)
def test_restarts_of_single_jobs(action: str, replicas: int, on: bool, wanted: list[str]) -> None:
    """C-VAL-14."""
    jobset = make_jobset("train", replicated_jobs={"w": 1, "x": replicas}, rules=[rule(action=action)])
    got = errors(jobset, gates(restart_job=on))
    assert found(got, wanted), got


# -- coordinator ---------------------------------------------------------------------------------------

AT = "is invalid for replicatedJob w"
LONG = "spec will lead to invalid label value"
INDEXED = "job for coordinator pod must be indexed completion mode, and completions number must be set"


@pytest.mark.parametrize(
    ("where", "jobset", "wanted"),
    [
        case(
            "coordinator replicated job does not exist",
            ("ps", 0, 0),
            sized(2),
            "coordinator replicatedJob ps does not exist",
        ),
        case(
            "coordinator replicated job missing completions", ("w", 0, 0), sized(2, completions=None), INDEXED
        ),
        case("coordinator job index invalid", ("w", 2, 0), sized(2), f"coordinator job index 2 {AT}"),
        case(
            "coordinator pod index invalid",
            ("w", 1, 1),
            sized(2),
            f"coordinator pod index 1 {AT} job index 1",
        ),
        case(
            "coordinator label value is too long due to long JobSet name",
            ("w", 0, 0),
            make_jobset("j" * 29, replicated_jobs=[make_replicated_job("w")]),
            LONG,
        ),
        case(
            "coordinator label value is too long due to long ReplicatedJob name",
            ("r" * 44, 0, 0),
            make_jobset("train", replicated_jobs={"r" * 44: 1}, network=Network(subdomain="trainings")),
            LONG,
        ),
        case(
            "coordinator label value is too long due to long SubDomain",
            ("w", 0, 0),
            make_jobset("train", network=Network(subdomain="s" * 52)),
            LONG,
        ),
        (("w", 1, 0), sized(2), None),
        (("w", 0, 0), make_jobset("j" * 28), None),
        (("r" * 44, 0, 0), make_jobset("train", replicated_jobs={"r" * 44: 1}), None),
        (("w", 0, 0), make_jobset("train", network=Network(subdomain="s" * 51)), None),
    ],
)
def test_where_the_coordinator_is(where: tuple[str, int, int], jobset: JobSet, wanted: str | None) -> None:
    """C-VAL-18, C-VAL-19: and one character less is fine."""
    rjob, job_index, pod_index = where
    coordinator = Coordinator(replicated_job=rjob, job_index=job_index, pod_index=pod_index)
    jobset = replace(jobset, spec=replace(jobset.spec, coordinator=coordinator))
    got = errors(jobset)
    assert found(got, [] if wanted is None else [INTERNAL + wanted]), got
