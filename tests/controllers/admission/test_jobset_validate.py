"""What the validating webhook says of a new JobSet."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from jobsim.api._struct import replace
from jobsim.api.jobset import (
    Coordinator,
    FailurePolicyRule,
    JobSet,
    Network,
    ReplicatedJob,
    SuccessPolicy,
)
from jobsim.apiserver.table import ObjectTable
from jobsim.controllers.admission.jobset_validate import validate_create
from jobsim.controllers.jobset import Gates
from jobsim.testing import make_jobset, make_replicated_job

INTERNAL = "<nil>: Internal error: "
DNS1035 = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
    "character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', "
    "regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
)
JOB_TOO_LONG = "JobSet name is too long, job names generated for this JobSet will exceed 63 characters"
POD_TOO_LONG = "JobSet name is too long, pod names generated for this JobSet will exceed 63 characters"


def errors(jobset: JobSet, gates: Gates = Gates()) -> list[str]:  # noqa: B008
    return validate_create(jobset, ObjectTable(), gates)


def sized(name: str = "w", replicas: int = 1, **spec: object) -> ReplicatedJob:
    rjob = make_replicated_job(name, replicas)
    return replace(rjob, template=replace(rjob.template, spec=replace(rjob.template.spec, **spec)))


def test_a_plain_jobset_is_accepted() -> None:
    assert errors(make_jobset("train", max_restarts=3)) == []
    assert errors(make_jobset("train", replicated_jobs=[])) == []


# -- names (C-VAL-02, C-VAL-08, C-VAL-09) ----------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "rjob", "texts"),
    [
        ("a" * 59, sized(completions=None), []),
        ("a" * 60, sized(completions=None), [f'"{"a" * 60}-w-0": {JOB_TOO_LONG}']),
        ("a" * 51, sized(), []),
        ("a" * 52, sized(), [f'"{"a" * 52}-w-0": {POD_TOO_LONG}']),
        ("a" * 52, sized(completion_mode="NonIndexed"), []),
        ("a" * 51, sized(completions=11), [f'"{"a" * 51}-w-0": {POD_TOO_LONG}']),
        ("a" * 58, sized(replicas=11, completions=None), []),
        ("a" * 59, sized(replicas=11, completions=None), [f'"{"a" * 59}-w-10": {JOB_TOO_LONG}']),
        # C-VAL-08.3: without replicas the name ends in --1.
        ("a" * 58, sized(replicas=0, completions=None), []),
        ("a" * 59, sized(replicas=0, completions=None), [f'"{"a" * 59}-w--1": {JOB_TOO_LONG}']),
        ("Train", sized(completions=None), [f'"Train-w-0": {DNS1035}']),
        ("train", sized("W"), [f'"train-W-0": {DNS1035}'] * 2),
        ("1", sized(), [f'"1-w-0": {DNS1035}'] * 2),
        (
            "é" * 30,
            sized(completions=None),
            [f'"{"é" * 30}-w-0": {JOB_TOO_LONG}', f'"{"é" * 30}-w-0": {DNS1035}'],
        ),
    ],
)
def test_generated_names(name: str, rjob: ReplicatedJob, texts: list[str]) -> None:
    got = errors(make_jobset(name, replicated_jobs=[rjob]))
    assert got == [f"spec.replicatedJobs[0].name: Invalid value: {text}" for text in texts]


@pytest.mark.parametrize(
    ("prefix", "on_main"),
    [("train-", []), ("a" * 80, [POD_TOO_LONG, POD_TOO_LONG])],
)
def test_a_name_to_be_generated(prefix: str, on_main: list[str]) -> None:
    """C-VAL-02, C-DIF-04, C-BUG-18 (erratum): the release checks an empty name and always refuses."""
    jobset = make_jobset("").with_meta(generate_name=prefix)
    release = errors(jobset)
    assert release == [f'spec.replicatedJobs[0].name: Invalid value: "-w-0": {DNS1035}'] * 2
    assert errors(replace(jobset, spec=replace(jobset.spec, replicated_jobs=()))) == []
    main = errors(jobset, Gates(version="main"))
    if on_main:
        assert [text.rpartition(": ")[2] for text in main] == [JOB_TOO_LONG, POD_TOO_LONG]
        assert f'"{"a" * 58}xxxxx-w-0"' in main[0]
    else:
        assert main == []
    assert errors(make_jobset(""), Gates(version="main")) == release


@pytest.mark.parametrize(
    ("group", "text"),
    [
        ("g" * 63, None),
        ("g" * 64, ".spec.replicatedJob[].groupName is too long, must be less than 63 characters"),
        ("", DNS1035),
        ("G", DNS1035),
    ],
)
def test_group_names(group: str, text: str | None) -> None:
    """C-VAL-08.2."""
    got = errors(make_jobset("train", replicated_jobs=[make_replicated_job("w", group_name=group)]))
    path = "spec.replicatedJobs[0].groupName"
    assert got == ([] if text is None else [f'{path}: Invalid value: "{group}": {text}'])


@pytest.mark.parametrize(
    ("replicas", "parallelism", "refused"),
    [(2**31 - 1, 1, False), (2, 2**30, True), (2**16, 2**15, True), (-5, 2**31 - 1, False), (1, None, False)],
)
def test_too_many_pods(replicas: int, parallelism: int | None, refused: bool) -> None:
    """C-VAL-08.1."""
    got = errors(make_jobset("t", replicated_jobs=[sized(replicas=replicas, parallelism=parallelism)]))
    text = "the product of replicas and parallelism must not exceed 2147483647 for replicatedJob 'w'"
    assert (INTERNAL + text in got) == refused


# -- order, network, manager (C-VAL-03..07, C-VAL-10) ------------------------------------------------


@pytest.mark.parametrize("depends_on", [[], [("w", "Ready")]])
def test_the_first_depends_on_nothing(depends_on: Sequence[tuple[str, str]]) -> None:
    """C-VAL-05: not even an empty list."""
    jobset = make_jobset("train", replicated_jobs=[make_replicated_job("w", depends_on=depends_on)])
    assert errors(jobset) == [INTERNAL + "DependsOn can't be set for the first ReplicatedJob"]


@pytest.mark.parametrize(("dependency", "refused"), [("a", False), ("b", False), ("c", True), ("", True)])
def test_dependencies_point_backwards_or_to_oneself(dependency: str, refused: bool) -> None:
    """C-VAL-10, C-BUG-30."""
    rjobs = [
        make_replicated_job("a"),
        make_replicated_job("b", depends_on=[("a", "Ready"), (dependency, "Ready")]),
        make_replicated_job("c"),
    ]
    text = f"replicatedJob: b cannot depend on replicatedJob: {dependency}"
    assert errors(make_jobset("train", replicated_jobs=rjobs)) == ([INTERNAL + text] if refused else [])


@pytest.mark.parametrize(
    ("subdomain", "starts"),
    [
        ("", []),
        ("s" * 63, []),
        ("s" * 64, [".spec.network.subdomain is too long, must be less than 63 characters"]),
        ("a.b", ["a DNS-1035 label"]),
        ("1a", ["a DNS-1035 label"]),
        ("-", ["a lowercase RFC 1123 subdomain", "a DNS-1035 label"]),
        (
            "S" * 254,
            [
                "must be no more than 253 characters",
                "a lowercase RFC 1123 subdomain",
                ".spec.network.subdomain is too long",
                "a DNS-1035 label",
            ],
        ),
    ],
)
def test_subdomains(subdomain: str, starts: list[str]) -> None:
    """C-VAL-06."""
    got = errors(make_jobset("train", network=Network(subdomain=subdomain)))
    head = f'spec.network.subdomain: Invalid value: "{subdomain}": '
    assert len(got) == len(starts)
    assert all(text.startswith(head + start) for text, start in zip(got, starts, strict=True))


@pytest.mark.parametrize(
    ("manager", "texts"),
    [
        (None, []),
        ("kueue.x-k8s.io/multikueue", []),
        ("", ["spec.managedBy: Required value"]),
        ("x", ['spec.managedBy: Invalid value: "x": must be a domain-prefixed path (such as "acme.io/foo")']),
        ("a/" + "x" * 61, []),
        ("a/" + "x" * 62, ["spec.managedBy: Too long: may not be more than 63 bytes"]),
    ],
)
def test_managers(manager: str | None, texts: list[str]) -> None:
    """C-VAL-07 (erratum)."""
    assert errors(make_jobset("train", managed_by=manager)) == texts


# -- policies (C-VAL-03, C-VAL-11..17) ---------------------------------------------------------------


@pytest.mark.parametrize(("targets", "unknown"), [((), []), (("w",), []), (("x", "w", ""), ["x", ""])])
def test_success_targets_exist(targets: tuple[str, ...], unknown: list[str]) -> None:
    """C-VAL-12."""
    policy = SuccessPolicy(operator="All", target_replicated_jobs=targets)
    assert errors(make_jobset("train", success_policy=policy)) == [
        f"{INTERNAL}invalid replicatedJob name '{name}' does not appear in .spec.ReplicatedJobs"
        for name in unknown
    ]


EQUAL = "completions and parallelism must be set and equal to each other"
IN_PLACE = {"backoff_limit": 2**31 - 1, "pod_replacement_policy": "Failed"}


@pytest.mark.parametrize(
    ("spec", "texts"),
    [
        ({}, []),
        ({"backoff_limit": 6}, ["backoffLimit: Invalid value: 6: {}: must be set to 2147483647 (MaxInt32)"]),
        (
            {"backoff_limit": None},
            ["backoffLimit: Invalid value: null: {}: must be set to 2147483647 (MaxInt32)"],
        ),
        (
            {"pod_replacement_policy": "TerminatingOrFailed"},
            ['podReplacementPolicy: Invalid value: "TerminatingOrFailed": {}: must be set to Failed'],
        ),
        (
            {"pod_replacement_policy": None},
            ["podReplacementPolicy: Invalid value: null: {}: must be set to Failed"],
        ),
        (
            {"completions": 2},
            [f"completions: Invalid value: 2: {{}}: {EQUAL}"],
        ),
        (
            {"completions": None, "parallelism": None},
            [f"completions: Invalid value: null: {{}}: {EQUAL}"],
        ),
    ],
)
def test_in_place_restart_has_its_price(spec: dict[str, object], texts: list[str]) -> None:
    """C-VAL-11."""
    path = "spec.replicatedJobs[0].template.spec"
    rjob = sized(**{**IN_PLACE, **spec})
    jobset = make_jobset("t", replicated_jobs=[rjob], max_restarts=1, restart_strategy="InPlaceRestart")
    assert errors(jobset, Gates(in_place_restart=True)) == [
        f"{path}.{text.format('replicatedJob w')} when in-place restart is enabled" for text in texts
    ]


def test_in_place_restart_needs_its_gate() -> None:
    """C-VAL-03: then its price is not looked at."""
    jobset = make_jobset("t", max_restarts=1, restart_strategy="InPlaceRestart")
    text = "InPlaceRestart restart strategy cannot be set when InPlaceRestart feature gate is disabled"
    assert errors(jobset) == [INTERNAL + text]
    assert errors(make_jobset("t", max_restarts=1), Gates(in_place_restart=True)) == []


# -- coordinator (C-VAL-18, C-VAL-19) ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("coordinator", "rjob", "text"),
    [
        (("w", 1, 2), sized(replicas=2, completions=3), None),
        (("w", 0, 0), sized(), None),
        (
            ("w", 0, -1),
            sized(),
            "coordinator pod index -1 is invalid for replicatedJob w job index 0",
        ),
        (("x", 0, 0), sized(), "coordinator replicatedJob x does not exist"),
        (("w", 2, 0), sized(replicas=2), "coordinator job index 2 is invalid for replicatedJob w"),
        (("w", -1, 0), sized(replicas=2), "coordinator job index -1 is invalid for replicatedJob w"),
        (
            ("w", 0, 0),
            sized(completions=None),
            "job for coordinator pod must be indexed completion mode, and completions number must be set",
        ),
        (
            ("w", 0, 0),
            sized(completion_mode="NonIndexed"),
            "job for coordinator pod must be indexed completion mode, and completions number must be set",
        ),
        (
            ("w", 0, 3),
            sized(completions=3),
            "coordinator pod index 3 is invalid for replicatedJob w job index 0",
        ),
    ],
)
def test_coordinators(coordinator: tuple[str, int, int], rjob: ReplicatedJob, text: str | None) -> None:
    where = Coordinator(replicated_job=coordinator[0], job_index=coordinator[1], pod_index=coordinator[2])
    got = errors(make_jobset("train", replicated_jobs=[rjob], coordinator=where))
    assert got == ([] if text is None else [INTERNAL + text])


def test_the_coordinators_address_is_a_label_value() -> None:
    """C-VAL-19: besides C-VAL-18."""
    where = Coordinator(replicated_job="x")
    got = errors(make_jobset("train", coordinator=where, network=Network(subdomain="s" * 60)))
    value = f"train-x-0-0.{'s' * 60}"
    assert got == [
        INTERNAL + "coordinator replicatedJob x does not exist",
        f'{INTERNAL}spec will lead to invalid label value "{value}" for coordinator label '
        '"jobset.sigs.k8s.io/coordinator" (long JobSet / ReplicatedJob / SubDomain name?): '
        "must be no more than 63 bytes",
    ]


def test_everything_is_told_at_once() -> None:
    """C-WHK-04."""
    jobset = make_jobset(
        "Train",
        managed_by="",
        network=Network(subdomain="-"),
        rules=[FailurePolicyRule(name="-", action="FailJobSet")],
        success_policy=SuccessPolicy(operator="All", target_replicated_jobs=("x",)),
    )
    paths = [text.partition(": ")[0] for text in errors(jobset)]
    assert paths == [
        "spec.network.subdomain",
        "spec.network.subdomain",
        "spec.managedBy",
        "spec.replicatedJobs[0].name",
        "spec.replicatedJobs[0].name",
        "<nil>",
        "<nil>",
    ]


@pytest.mark.parametrize("text", ["x" * 10**6, "\x00\x1b", "\ud800", "\u202eabc", "a\n" * 1000])
def test_hostile_texts_are_answered(text: str) -> None:
    rjobs = [make_replicated_job(text, group_name=text), make_replicated_job("b", depends_on=[(text, text)])]
    jobset = make_jobset(
        text,
        replicated_jobs=rjobs,
        network=Network(subdomain=text),
        managed_by=text,
        rules=[FailurePolicyRule(name=text, action=text, on_job_failure_reasons=(text,))],
        coordinator=Coordinator(replicated_job=text, job_index=2**70, pod_index=-(2**70)),
    )
    assert len(errors(jobset)) > 5
