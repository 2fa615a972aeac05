"""Counterparts of upstream's cases about volume claim policies (C-PVC-*, C-JOB-24)."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api.batch import Job
from jobsim.api.jobset import JOBSET_NAME, JobSet, RetentionPolicy, VolumeClaimPolicy
from jobsim.api.meta import ObjectMeta
from jobsim.api.pod import Container, PodSpec, PodTemplateSpec, ResourceRequirements, VolumeMount
from jobsim.api.volume import PersistentVolumeClaim, PersistentVolumeClaimSpec
from jobsim.errors import ApiError
from jobsim.testing import make_jobset, make_replicated_job
from tests.upstream.kit import Pass, cases, upstream

FILE = "pkg/controllers/volume_claim_policy_test.go"
SPEC = PersistentVolumeClaimSpec(
    access_modes=("ReadWriteMany",), resources=ResourceRequirements(requests={"storage": "20Gi"})
)
EXISTS = ApiError("AlreadyExists", 'persistentvolumeclaims "data-train" already exists')


def claim(name: str, **meta: Any) -> PersistentVolumeClaim:
    return PersistentVolumeClaim(metadata=ObjectMeta(name=name, **meta), spec=SPEC)


def policy(*templates: PersistentVolumeClaim, when: str = "Delete") -> VolumeClaimPolicy:
    return VolumeClaimPolicy(templates=templates, retention_policy=RetentionPolicy(when_deleted=when))


def mounts(*names: str) -> tuple[VolumeMount, ...]:
    return tuple(VolumeMount(name=name, mount_path=f"/mnt/{name}") for name in names)


def jobset(*policies: VolumeClaimPolicy, pod: PodSpec | None = None) -> JobSet:
    rjob = make_replicated_job("w", pod=None if pod is None else PodTemplateSpec(spec=pod))
    return make_jobset("train", replicated_jobs=[rjob], volume_claim_policies=policies)


@upstream(
    FILE,
    "TestReconcileVolumeClaimPolicies",
    "create multiple PVCs with different retention policies and custom labels/annotations",
)
def test_claims_of_each_policy() -> None:
    """C-PVC-02, C-PVC-03: only what goes with the JobSet is owned by it."""
    kept = claim("checkpoints", labels={"team": "llm"}, annotations={"note": "keep"})
    done = Pass(jobset(policy(claim("data"), claim("cache")), policy(kept, when="Retain")))
    claims = done.made(PersistentVolumeClaim)
    assert [c.name for c in claims] == ["data-train", "cache-train", "checkpoints-train"]
    assert all(c.spec == SPEC and c.namespace == "default" for c in claims)
    assert [c.metadata.labels for c in claims] == [
        {JOBSET_NAME: "train"},
        {JOBSET_NAME: "train"},
        {"team": "llm", JOBSET_NAME: "train"},
    ]
    assert [c.metadata.annotations for c in claims] == [{}, {}, {"note": "keep"}]
    owners = [[(o.kind, o.name, o.controller) for o in c.metadata.owner_references] for c in claims]
    assert owners == [[("JobSet", "train", True)], [("JobSet", "train", True)], []]


@pytest.mark.parametrize(
    ("answer", "error", "made"),
    [
        cases(FILE, "TestReconcileVolumeClaimPolicies")(
            "PVC already exists and should not be created again", EXISTS, None, ["train-w-0"]
        ),
        cases(FILE, "TestReconcileVolumeClaimPolicies")(
            "PVC creation fails with unexpected error",
            ApiError("InternalError", "no storage left"),
            "no storage left",
            [],
        ),
    ],
)
def test_a_claim_that_cannot_be_created(answer: ApiError, error: str | None, made: list[str]) -> None:
    """C-PVC-01, C-PVC-04: what exists is taken as it is; any other answer ends the pass with an event."""
    done = Pass(jobset(policy(claim("data"), claim("cache"))), answers={1: answer})
    assert done.error == error
    tried = [c.name for c in done.made(PersistentVolumeClaim)]
    assert tried == (["data-train"] if error else ["data-train", "cache-train"])
    assert done.created == made
    assert done.reasons == (["PVCCreationFailed"] if error else [])


volumes = cases(FILE, "TestAddVolumes")
DATA, MODEL = policy(claim("data")), policy(claim("model"), claim("logs"), when="Retain")


@pytest.mark.parametrize(
    ("containers", "inits", "added"),
    [
        volumes(
            "add volumes for matching volumeMounts", ["data", "model", "logs"], [], ["data", "model", "logs"]
        ),
        volumes("do not add volumes when volumeMounts are missing", [], [], []),
        volumes(
            "add only matching volumes when some volumeMounts exist", ["scratch", "model"], [], ["model"]
        ),
        volumes(
            "add volumes from multiple VolumeClaimPolicies with initContainer",
            ["data"],
            ["logs"],
            ["data", "logs"],
        ),
    ],
)
def test_volumes_of_the_claims_that_are_mounted(
    containers: list[str], inits: list[str], added: list[str]
) -> None:
    """C-JOB-24: by name, over containers and init containers; mounts are never added."""
    pod = PodSpec(
        containers=(
            Container(name="main", image="img", volume_mounts=mounts(*containers)),
            Container(name="side"),
        ),
        init_containers=(Container(name="prepare", volume_mounts=mounts(*inits)),),
    )
    (job,) = Pass(jobset(DATA, MODEL, pod=pod)).made(Job)
    spec = job.spec.template.spec
    claims = [
        (v.name, v.persistent_volume_claim.claim_name) for v in spec.volumes if v.persistent_volume_claim
    ]
    assert claims == [(name, f"{name}-train") for name in added]
    assert len(spec.volumes) == len(added)
    assert spec.containers == pod.containers
    assert spec.init_containers == pod.init_containers
