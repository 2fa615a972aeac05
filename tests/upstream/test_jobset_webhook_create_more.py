"""Counterparts of upstream's cases about the create webhook: dependsOn, volume claims, in-place restart."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api.jobset import JobSet, ReplicatedJob, RetentionPolicy, VolumeClaimPolicy
from jobsim.api.meta import ObjectMeta
from jobsim.api.pod import Container, PodSpec, PodTemplateSpec, Volume, VolumeMount
from jobsim.api.volume import PersistentVolumeClaim, PersistentVolumeClaimSpec
from jobsim.controllers.admission.jobset_validate import create_errors
from jobsim.controllers.jobset import Gates
from jobsim.testing import make_jobset, make_replicated_job
from tests.upstream.kit import MAIN, cases, gates, table, with_job

case = cases("pkg/webhooks/jobset_webhook_test.go", "TestValidateCreate")
INTERNAL = "<nil>: Internal error: "


def errors(jobset: JobSet, gates: Gates = MAIN, *existing: PersistentVolumeClaim) -> list[str]:
    return [error.short_text for error in create_errors(jobset, table(*existing), gates)]


def cannot(name: str, dependency: str) -> str:
    return f"{INTERNAL}replicatedJob: {name} cannot depend on replicatedJob: {dependency}"


@pytest.mark.parametrize(
    ("graph", "wanted"),
    [
        case(
            "DependsOn is valid since job-2 depends on job-1 and job-3 depends on job-1",
            {"job-1": None, "job-2": ["job-1"], "job-3": ["job-1"]},
            [],
        ),
        case(
            "DependsOn is valid since job-2 depends on job-1 and job-3 depends on job-2",
            {"job-1": None, "job-2": ["job-1"], "job-3": ["job-2"]},
            [],
        ),
        case(
            "DependsOn is valid since job-3 depends on job-1 and job-2",
            {"job-1": None, "job-2": None, "job-3": ["job-1", "job-2"]},
            [],
        ),
        case(
            "DependsOn is invalid since job-2 depends on job-3",
            {"job-1": None, "job-2": ["job-3"], "job-3": None},
            [cannot("job-2", "job-3")],
        ),
        case(
            "DependsOn is invalid since job-2 depends on job-3 and job-1",
            {"job-1": None, "job-2": ["job-3", "job-1"], "job-3": None},
            [cannot("job-2", "job-3")],
        ),
        case(
            "job-2 depends on invalid ReplicatedJob",
            {"job-1": None, "job-2": ["job-9"]},
            [cannot("job-2", "job-9")],
        ),
        case("dependsOn should not fail if there are no replicated jobs", {}, []),
        case(
            "dependsOn cannot be set for first replicated job",
            {"job-1": [], "job-2": ["job-1"]},
            [f"{INTERNAL}DependsOn can't be set for the first ReplicatedJob"],
        ),
    ],
)
def test_depends_on(graph: dict[str, list[str] | None], wanted: list[str]) -> None:
    """C-VAL-05, C-VAL-10: only what stands before."""
    rjobs = [
        make_replicated_job(name, depends_on=None if on is None else [(n, "Complete") for n in on])
        for name, on in graph.items()
    ]
    assert errors(make_jobset("train", replicated_jobs=rjobs)) == wanted


# -- volume claim policies -----------------------------------------------------------------------------

SPEC = PersistentVolumeClaimSpec(access_modes=("ReadWriteOnce",), storage_class_name="fast")
OTHER = PersistentVolumeClaimSpec(access_modes=("ReadWriteMany",), storage_class_name="fast")
PATH = "spec.volumeClaimPolicies[{}]"
TEMPLATE = PATH + ".template[{}]"


def policy(*names: str, when: str = "Delete") -> VolumeClaimPolicy:
    templates = tuple(PersistentVolumeClaim(metadata=ObjectMeta(name=name), spec=SPEC) for name in names)
    return VolumeClaimPolicy(templates=templates, retention_policy=RetentionPolicy(when_deleted=when))


def pods(*mounted: str, init: tuple[str, ...] = (), volumes: tuple[str, ...] = ()) -> ReplicatedJob:
    def container(names: tuple[str, ...]) -> tuple[Container, ...]:
        return (Container(name="c", volume_mounts=tuple(VolumeMount(name=name) for name in names)),)

    spec = PodSpec(
        containers=container(mounted),
        init_containers=container(init),
        volumes=tuple(Volume(name=name) for name in volumes),
    )
    return make_replicated_job("w", pod=PodTemplateSpec(spec=spec))


def stored(spec: PersistentVolumeClaimSpec) -> PersistentVolumeClaim:
    return PersistentVolumeClaim(metadata=ObjectMeta(name="data-train", namespace="default"), spec=spec)


LONG = "d" * 58


@pytest.mark.parametrize(
    ("policies", "rjob", "existing", "wanted"),
    [
        case(
            "volumeClaimPolicy is valid since volume exists in the container",
            [policy("data")],
            pods("data"),
            [],
            [],
        ),
        case(
            "volumeClaimPolicy is valid since volume exists in the initContainer",
            [policy("data")],
            pods("logs", init=("data",)),
            [],
            [],
        ),
        case(
            "volumeClaimPolicy is invalid since template names are not unique",
            [policy("data", "logs"), policy("data", when="Retain")],
            pods("data", "logs"),
            [],
            [
                f'{TEMPLATE.format(1, 0)}.name: Invalid value: "data": '
                "names must be unique for VolumeClaimPolicies template"
            ],
        ),
        case(
            "volumeClaimPolicy is invalid since template name has uppercase letters",
            [policy("Data")],
            pods("Data"),
            [],
            [f'{TEMPLATE.format(0, 0)}.name: Invalid value: "Data": a lowercase RFC 1123 subdomain'],
        ),
        case(
            "volumeClaimPolicy is invalid since template name is too long",
            [policy(LONG[:57], LONG)],
            pods(LONG[:57], LONG),
            [],
            [
                f'{TEMPLATE.format(0, 1)}.name: Invalid value: "{LONG}": '
                "VolumeClaimPolicies template name is too long"
            ],
        ),
        case(
            "volumeClaimPolicy is invalid since no matching volumeMount in containers",
            [policy("data")],
            pods("logs"),
            [],
            [
                "spec.replicatedJobs: Invalid value: …: "
                "replicatedJob containers don't have a matching volumeMount: data from VolumeClaimPolicies"
            ],
        ),
        case(
            "volumeClaimPolicy is invalid since volume name conflicts with existing volume",
            [policy("data")],
            pods("data", volumes=("tmp", "data")),
            [],
            [
                'spec.replicatedJobs[0].template.spec.template.spec.volumes[1].name: Invalid value: "data": '
                "volume name conflicts with VolumeClaimPolicy template name: data"
            ],
        ),
        case(
            "volumeClaimPolicy is valid when existing PVC matches template spec",
            [policy("data", when="Retain")],
            pods("data"),
            [stored(SPEC)],
            [],
        ),
        case(
            "volumeClaimPolicy retention policy must be retain for existing PVC",
            [policy("data")],
            pods("data"),
            [stored(SPEC)],
            [
                f'{PATH.format(0)}.retentionPolicy.whenDeleted: Invalid value: "Delete": '
                "retentionPolicy must be retain when PVC exists"
            ],
        ),
        case(
            "volumeClaimPolicy is invalid when existing PVC does not match template spec",
            [policy("data", when="Retain")],
            pods("data"),
            [stored(OTHER)],
            [
                f"{TEMPLATE.format(0, 0)}.spec: Invalid value: …: "
                "spec does not match existing PVC data-train in namespace default"
            ],
        ),
    ],
)
def test_volume_claim_policies(
    policies: list[VolumeClaimPolicy],
    rjob: ReplicatedJob,
    existing: list[PersistentVolumeClaim],
    wanted: list[str],
) -> None:
    """C-VAL-20, C-VAL-21."""
    train = make_jobset("train", replicated_jobs=[rjob], volume_claim_policies=policies)
    got = errors(train, MAIN, *existing)
    assert len(got) == len(wanted), got
    assert all(text.startswith(start) for text, start in zip(got, wanted, strict=True)), got


# -- in-place restart ----------------------------------------------------------------------------------

AS_NEEDED = {
    "backoff_limit": 2**31 - 1,
    "pod_replacement_policy": "Failed",
    "parallelism": 2,
    "completions": 2,
}
EQUAL = "completions and parallelism must be set and equal to each other"
WHEN_ENABLED = "when in-place restart is enabled"
JOB = "spec.replicatedJobs[0].template.spec"


@pytest.mark.parametrize(
    ("changes", "on", "wanted"),
    [
        case(
            "InPlaceRestart restart strategy cannot be set when InPlaceRestart feature gate is disabled",
            {"backoff_limit": 6},
            False,
            [
                f"{INTERNAL}InPlaceRestart restart strategy cannot be set when InPlaceRestart feature gate "
                "is disabled"
            ],
        ),
        case(
            "InPlaceRestart restart strategy can be set when InPlaceRestart feature gate is enabled",
            {},
            True,
            [],
        ),
        case(
            "InPlaceRestart enabled: backoffLimit is not MaxInt32",
            {"backoff_limit": 6},
            True,
            [
                f"{JOB}.backoffLimit: Invalid value: 6: replicatedJob w: must be set to 2147483647 "
                f"(MaxInt32) {WHEN_ENABLED}"
            ],
        ),
        case(
            "InPlaceRestart enabled: podReplacementPolicy is not Failed",
            {"pod_replacement_policy": "TerminatingOrFailed"},
            True,
            [
                f'{JOB}.podReplacementPolicy: Invalid value: "TerminatingOrFailed": replicatedJob w: must be '
                f"set to Failed {WHEN_ENABLED}"
            ],
        ),
        case(
            "InPlaceRestart enabled: completions != parallelism",
            {"completions": 3},
            True,
            [f"{JOB}.completions: Invalid value: 3: replicatedJob w: {EQUAL} {WHEN_ENABLED}"],
        ),
        case(
            "InPlaceRestart enabled: completions is nil",
            {"completions": None},
            True,
            [f"{JOB}.completions: Invalid value: null: replicatedJob w: {EQUAL} {WHEN_ENABLED}"],
        ),
        case(
            "InPlaceRestart enabled: parallelism is nil",
            {"parallelism": None},
            True,
            [f"{JOB}.completions: Invalid value: 2: replicatedJob w: {EQUAL} {WHEN_ENABLED}"],
        ),
    ],
)
def test_in_place_restart(changes: dict[str, Any], on: bool, wanted: list[str]) -> None:
    """C-VAL-03, C-VAL-11."""
    rjob = with_job(make_replicated_job("w"), **{**AS_NEEDED, **changes})
    train = make_jobset("train", replicated_jobs=[rjob], max_restarts=1, restart_strategy="InPlaceRestart")
    assert errors(train, gates(in_place_restart=on)) == wanted


@pytest.mark.parametrize(
    ("prefix", "wanted"),
    [
        case(
            "generateName that produces overlong PVC names is rejected",
            "g" * 40 + "-",
            [
                f'{TEMPLATE.format(0, 1)}.name: Invalid value: "{LONG[:17]}": '
                "VolumeClaimPolicies template name is too long"
            ],
        ),
        ("g" * 39 + "-", []),
    ],
)
def test_claims_of_a_jobset_without_a_name(prefix: str, wanted: list[str]) -> None:
    """C-VAL-02, C-VAL-20: with the random part the name must still fit."""
    policies = [policy("data", LONG[:17])]
    rjobs = [pods("data", LONG[:17])]
    train = make_jobset("", replicated_jobs=rjobs, volume_claim_policies=policies)
    assert errors(train.with_meta(generate_name=prefix)) == wanted
