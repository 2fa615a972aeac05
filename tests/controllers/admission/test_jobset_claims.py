"""What the validating webhook says of volume claim policies."""

from __future__ import annotations

import pytest

from jobsim.api.jobset import RetentionPolicy, VolumeClaimPolicy
from jobsim.api.meta import ObjectMeta
from jobsim.api.pod import Container, PodSpec, PodTemplateSpec, Volume, VolumeMount
from jobsim.api.volume import PersistentVolumeClaim, PersistentVolumeClaimSpec
from jobsim.apiserver.table import ObjectTable
from jobsim.controllers.admission.jobset_validate import create_errors
from jobsim.controllers.jobset import Gates
from jobsim.testing import make_jobset, make_replicated_job

SPEC = PersistentVolumeClaimSpec(access_modes=("ReadWriteOnce",))
PATH = "spec.volumeClaimPolicies"


def policy(*names: str, when_deleted: str | None = "Delete") -> VolumeClaimPolicy:
    return VolumeClaimPolicy(
        templates=tuple(PersistentVolumeClaim(metadata=ObjectMeta(name=n), spec=SPEC) for n in names),
        retention_policy=None if when_deleted is None else RetentionPolicy(when_deleted=when_deleted),
    )


def pods(*mounted: str, init: tuple[str, ...] = (), volumes: tuple[str, ...] = ()) -> PodTemplateSpec:
    def containers(names: tuple[str, ...]) -> tuple[Container, ...]:
        return (Container(name="c", volume_mounts=tuple(VolumeMount(name=n) for n in names)),)

    spec = PodSpec(
        containers=containers(mounted),
        init_containers=containers(init),
        volumes=tuple(Volume(name=n) for n in volumes),
    )
    return PodTemplateSpec(spec=spec)


def errors(
    *policies: VolumeClaimPolicy,
    pod: PodTemplateSpec | None = None,
    existing: PersistentVolumeClaim | None = None,
) -> list[str]:
    reader = ObjectTable()
    if existing is not None:
        reader.put(existing)
    rjobs = [make_replicated_job("first"), make_replicated_job("w", pod=pod or pods("data"))]
    jobset = make_jobset("train", replicated_jobs=rjobs, volume_claim_policies=policies)
    return [error.short_text for error in create_errors(jobset, reader, Gates())]


UNMOUNTED = (
    "spec.replicatedJobs: Invalid value: …: "
    "replicatedJob containers don't have a matching volumeMount: {} from VolumeClaimPolicies"
)


@pytest.mark.parametrize("pod", [pods("data"), pods(init=("data",)), pods("x", "data", volumes=("x",))])
def test_one_container_somewhere_mounts_it(pod: PodTemplateSpec) -> None:
    """C-VAL-20."""
    assert errors(policy("data"), pod=pod) == []


def test_nobody_mounts_it() -> None:
    """C-VAL-20."""
    assert errors(policy("other")) == [UNMOUNTED.format("other")]


def test_the_value_of_an_empty_list_is_null() -> None:
    jobset = make_jobset("train", replicated_jobs=[], volume_claim_policies=[policy("data")])
    (error,) = create_errors(jobset, ObjectTable(), Gates())
    assert error.text.startswith("spec.replicatedJobs: Invalid value: null: replicatedJob containers")


def test_names_are_unique_over_all_policies() -> None:
    """C-VAL-20: the path says template, not templates."""
    text = '.name: Invalid value: "data": names must be unique for VolumeClaimPolicies template'
    assert errors(policy("data", "data"), policy("data")) == [
        f"{PATH}[0].template[1]{text}",
        f"{PATH}[1].template[0]{text}",
    ]


@pytest.mark.parametrize(
    ("name", "starts"),
    [
        ("d" * 57, []),
        ("d" * 58, ["VolumeClaimPolicies template name is too long"]),
        ("Data", ["a lowercase RFC 1123 subdomain"]),
        ("", ["a lowercase RFC 1123 subdomain"]),
        ("d" * 254, ["must be no more than 253 characters", "VolumeClaimPolicies template name is too long"]),
    ],
)
def test_template_names(name: str, starts: list[str]) -> None:
    """C-VAL-20."""
    got = errors(policy(name), pod=pods(name))
    head = f'{PATH}[0].template[0].name: Invalid value: "{name}": '
    assert len(got) == len(starts)
    assert all(text.startswith(head + start) for text, start in zip(got, starts, strict=True))


def test_a_volume_of_the_same_name_clashes() -> None:
    """C-VAL-20."""
    assert errors(policy("data"), pod=pods("data", volumes=("x", "data"))) == [
        "spec.replicatedJobs[1].template.spec.template.spec.volumes[1].name: Invalid value: "
        '"data": volume name conflicts with VolumeClaimPolicy template name: data'
    ]


def claim(spec: PersistentVolumeClaimSpec = SPEC, namespace: str = "default") -> PersistentVolumeClaim:
    return PersistentVolumeClaim(metadata=ObjectMeta(name="data-train", namespace=namespace), spec=spec)


MISMATCH = (
    f"{PATH}[0].template[0].spec: Invalid value: …: "
    "spec does not match existing PVC data-train in namespace default"
)
RETAIN = (
    f'{PATH}[0].retentionPolicy.whenDeleted: Invalid value: "Delete": '
    "retentionPolicy must be retain when PVC exists"
)


@pytest.mark.parametrize(
    ("when_deleted", "existing", "texts"),
    [
        ("Retain", claim(), []),
        ("Delete", claim(), [RETAIN]),
        ("Delete", claim(namespace="other"), []),
        # C-BUG-08: a bound claim has a volume's name and differs.
        (
            "Retain",
            claim(PersistentVolumeClaimSpec(access_modes=("ReadWriteOnce",), volume_name="v")),
            [MISMATCH],
        ),
        ("Delete", claim(PersistentVolumeClaimSpec()), [MISMATCH, RETAIN]),
        (None, claim(), []),
    ],
)
def test_claims_that_exist(
    when_deleted: str | None, existing: PersistentVolumeClaim, texts: list[str]
) -> None:
    """C-VAL-21."""
    assert errors(policy("data", when_deleted=when_deleted), existing=existing) == texts
