"""The child Job that is made of a replicated job."""

from __future__ import annotations

import hashlib

import pytest

from jobsim.api._struct import replace
from jobsim.api.batch import Job
from jobsim.api.jobset import Coordinator, JobSet, JobSetStatus, Network, VolumeClaimPolicy
from jobsim.api.meta import ObjectMeta
from jobsim.api.pod import Container, PodSpec, PodTemplateSpec, Toleration, Volume, VolumeMount
from jobsim.api.volume import PersistentVolumeClaim
from jobsim.controllers.jobset.construct import JobBuilder
from jobsim.testing import make_jobset, make_replicated_job

PREFIX = "jobset.sigs.k8s.io/"
TOPOLOGY = "alpha.jobset.sigs.k8s.io/exclusive-topology"
NODE_SELECTOR = "alpha.jobset.sigs.k8s.io/node-selector"
RJOBS = [
    make_replicated_job("driver", 1, group_name="a"),
    make_replicated_job("w", 2, group_name="b"),
    make_replicated_job("x", 3, group_name="a"),
]


def build(jobset: JobSet, position: int = 0, index: int = 0, restarts: tuple[int, ...] | None = None) -> Job:
    return JobBuilder(jobset, jobset.spec.replicated_jobs[position], restarts).build(index)


def test_name_owner_and_mode() -> None:
    """C-JOB-01, C-CRE-05, C-JOB-23."""
    job = build(make_jobset("train", namespace="team-a", suspend=True))
    assert (job.name, job.namespace, job.spec.suspend) == ("train-w-0", "team-a", True)
    (owner,) = job.metadata.owner_references
    assert (owner.kind, owner.api_version, owner.name) == ("JobSet", "jobset.x-k8s.io/v1alpha2", "train")
    assert (owner.controller, owner.block_owner_deletion, owner.uid) == (True, True, "jobset-train")


def test_replicated_jobs_of_one_name_are_counted_from_the_first_of_it() -> None:
    """C-JOB-03: the index among all is looked up by name, the one in the group by name in the group."""
    twice = [
        make_replicated_job("w", 1, group_name="a"),
        make_replicated_job("x", 3, group_name="b"),
        make_replicated_job("w", 2, group_name="b"),
    ]
    labels = build(make_jobset("train", replicated_jobs=twice), position=2, index=1).metadata.labels
    assert (labels[PREFIX + "job-global-index"], labels[PREFIX + "job-group-index"]) == ("1", "4")


@pytest.mark.parametrize("suspend", [None, False])
def test_suspend_is_explicit_and_overrides_the_template(suspend: bool | None) -> None:
    """C-CRE-09."""
    rjob = make_replicated_job("w")
    spec = replace(rjob.template.spec, suspend=True)
    rjob = replace(rjob, template=replace(rjob.template, spec=spec))
    assert build(make_jobset("train", replicated_jobs=[rjob], suspend=suspend)).spec.suspend is False


@pytest.mark.parametrize(
    ("position", "index", "global_index", "group", "group_replicas", "group_index"),
    [(0, 0, "0", "a", "4", "0"), (1, 1, "2", "b", "2", "1"), (2, 2, "5", "a", "4", "3")],
)
def test_the_labels(
    position: int, index: int, global_index: str, group: str, group_replicas: str, group_index: str
) -> None:
    """C-JOB-03..05: the same keys as labels and annotations, on the Job and on its pods."""
    train = make_jobset("train", replicated_jobs=RJOBS, status=JobSetStatus(restarts=4))
    job = build(train, position, index)
    name = RJOBS[position].name
    key = hashlib.sha1(f"default/train-{name}-{index}".encode()).hexdigest()
    expected = {
        "jobset-name": "train",
        "jobset-uid": "jobset-train",
        "replicatedjob-name": name,
        "restart-attempt": "4",
        "replicatedjob-replicas": str(RJOBS[position].replicas),
        "global-replicas": "6",
        "job-index": str(index),
        "job-key": key,
        "job-global-index": global_index,
        "group-name": group,
        "group-replicas": group_replicas,
        "job-group-index": group_index,
    }
    pods = job.spec.template.metadata
    for written in (job.metadata.labels, job.metadata.annotations, pods.labels, pods.annotations):
        assert written == {PREFIX + word: value for word, value in expected.items()}


def test_the_individual_attempt_is_there_with_its_gate_only() -> None:
    """C-JOB-04."""
    train = make_jobset("train", replicated_jobs=RJOBS)
    assert PREFIX + "job-restart-attempt" not in build(train).metadata.labels
    job = build(train, 1, 1, restarts=(0, 7))
    assert job.metadata.labels[PREFIX + "job-restart-attempt"] == "7"
    assert job.spec.template.metadata.annotations[PREFIX + "job-restart-attempt"] == "7"


def test_template_metadata_stays_and_loses_to_ours() -> None:
    """C-JOB-02, C-JOB-03; what a JobSet itself carries is not inherited."""
    pod = PodTemplateSpec(
        metadata=ObjectMeta(labels={"p": "1", PREFIX + "job-index": "9"}, finalizers=("f",))
    )
    rjob = make_replicated_job("w", labels={"j": "2"}, annotations={PREFIX + "jobset-name": "no"}, pod=pod)
    job = build(make_jobset("train", replicated_jobs=[rjob], labels={"s": "3"}, annotations={"t": "4"}))
    pods = job.spec.template.metadata
    assert (job.metadata.labels["j"], pods.labels["p"]) == ("2", "1")
    assert (pods.labels[PREFIX + "job-index"], job.metadata.annotations[PREFIX + "jobset-name"]) == (
        "0",
        "train",
    )
    assert "s" not in job.metadata.labels
    assert "t" not in job.metadata.annotations
    assert "j" not in pods.labels
    assert pods.finalizers == ("f",)


@pytest.mark.parametrize(
    ("network", "pods_subdomain", "endpoint"),
    [
        (Network(enable_dns_hostnames=True), "train", "train-w-0-3.train"),
        (Network(enable_dns_hostnames=True, subdomain="sub"), "sub", "train-w-0-3.sub"),
        (Network(enable_dns_hostnames=False, subdomain="sub"), "", "train-w-0-3.sub"),
        (Network(), "", "train-w-0-3.train"),
        (None, "", "train-w-0-3.train"),
    ],
)
def test_subdomain_and_coordinator(network: Network | None, pods_subdomain: str, endpoint: str) -> None:
    """C-JOB-17, C-JOB-20."""
    coordinator = Coordinator(replicated_job="w", job_index=0, pod_index=3)
    job = build(make_jobset("train", network=network, coordinator=coordinator))
    assert job.spec.template.spec.subdomain == pods_subdomain
    assert job.metadata.labels[PREFIX + "coordinator"] == endpoint
    assert job.spec.template.metadata.annotations[PREFIX + "coordinator"] == endpoint


@pytest.mark.parametrize(
    ("outer", "inner", "job_gets", "pods_get", "selects"),
    [
        ({}, {}, {}, {}, False),
        ({TOPOLOGY: "rack"}, {}, {TOPOLOGY: "rack"}, {TOPOLOGY: "rack"}, False),
        ({NODE_SELECTOR: "x"}, {}, {}, {}, False),
        (
            {TOPOLOGY: "rack", NODE_SELECTOR: "x"},
            {},
            {TOPOLOGY: "rack", NODE_SELECTOR: "x"},
            {TOPOLOGY: "rack", NODE_SELECTOR: "x"},
            True,
        ),
        ({TOPOLOGY: "rack"}, {TOPOLOGY: "zone"}, {TOPOLOGY: "zone"}, {TOPOLOGY: "zone"}, False),
        (
            {TOPOLOGY: "rack", NODE_SELECTOR: "x"},
            {TOPOLOGY: "zone"},
            {TOPOLOGY: "zone", NODE_SELECTOR: "x"},
            {TOPOLOGY: "zone", NODE_SELECTOR: "x"},
            True,
        ),
        # C-JOB-22: the Job selects nodes, its pods do not know.
        (
            {TOPOLOGY: "rack"},
            {NODE_SELECTOR: "y"},
            {TOPOLOGY: "rack", NODE_SELECTOR: "y"},
            {TOPOLOGY: "rack"},
            True,
        ),
        ({}, {NODE_SELECTOR: "y"}, {NODE_SELECTOR: "y"}, {}, False),
    ],
)
def test_exclusive_placement(
    outer: dict[str, str],
    inner: dict[str, str],
    job_gets: dict[str, str],
    pods_get: dict[str, str],
    selects: bool,
) -> None:
    """C-EXC-01, C-JOB-18, C-JOB-19, C-JOB-21, C-JOB-22: annotations only, never labels."""
    rjob = make_replicated_job("w", annotations=inner)
    job = build(make_jobset("train", replicated_jobs=[rjob], annotations=outer))
    pods = job.spec.template

    def placement(annotations: object) -> dict[str, str]:
        assert isinstance(annotations, dict)
        return {k: v for k, v in annotations.items() if k in (TOPOLOGY, NODE_SELECTOR)}

    assert placement(job.metadata.annotations) == job_gets
    assert placement(pods.metadata.annotations) == pods_get
    assert placement(job.metadata.labels) == {}
    namespaced = {"alpha.jobset.sigs.k8s.io/namespaced-job": "default_train-w-0"}
    assert pods.spec.node_selector == (namespaced if selects else {})
    toleration = Toleration(
        key="alpha.jobset.sigs.k8s.io/no-schedule", operator="Exists", effect="NoSchedule"
    )
    assert pods.spec.tolerations == ((toleration,) if selects else ())


def claims(*names: str) -> VolumeClaimPolicy:
    return VolumeClaimPolicy(
        templates=tuple(PersistentVolumeClaim(metadata=ObjectMeta(name=name)) for name in names)
    )


def test_mounted_claims_become_volumes_in_policy_order() -> None:
    """C-JOB-24."""
    containers = (Container(name="a", volume_mounts=(VolumeMount(name="data"),)),)
    init = (Container(name="i", volume_mounts=(VolumeMount(name="ckpt"),)),)
    spec = PodSpec(containers=containers, init_containers=init, volumes=(Volume(name="mine"),))
    rjobs = [make_replicated_job("w", pod=PodTemplateSpec(spec=spec)), make_replicated_job("x")]
    train = make_jobset(
        "train", replicated_jobs=rjobs, volume_claim_policies=[claims("ckpt", "unused"), claims("data")]
    )
    volumes = build(train).spec.template.spec.volumes
    named = [
        (v.name, v.persistent_volume_claim.claim_name if v.persistent_volume_claim else "") for v in volumes
    ]
    assert named == [("mine", ""), ("ckpt", "ckpt-train"), ("data", "data-train")]
    assert build(train, 1).spec.template.spec.volumes == ()


def test_negative_replicas_poison_the_sums() -> None:
    """C-DIF-01, v0.12.0."""
    train = make_jobset("train", replicated_jobs={"a": -3, "w": 2})
    labels = build(train, 1, 1).metadata.labels
    assert labels[PREFIX + "global-replicas"] == "-1"
    assert labels[PREFIX + "job-global-index"] == "-2"
