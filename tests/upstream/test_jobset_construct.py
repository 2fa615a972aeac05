"""Counterparts of upstream's cases about the Jobs that the JobSet controller constructs."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from jobsim.api.batch import Job
from jobsim.api.jobset import (
    COORDINATOR,
    EXCLUSIVE_TOPOLOGY,
    JOB_RESTART_ATTEMPT,
    JOBSET_NAME,
    NAMESPACED_JOB,
    NO_SCHEDULE_TAINT,
    NODE_SELECTOR_STRATEGY,
    PREFIX,
    Coordinator,
    JobSet,
    JobSetStatus,
    Network,
    RetentionPolicy,
    VolumeClaimPolicy,
)
from jobsim.api.meta import Labels, ObjectMeta
from jobsim.api.pod import Container, PodSpec, PodTemplateSpec, Toleration, VolumeMount
from jobsim.api.volume import PersistentVolumeClaim
from jobsim.testing import make_job, make_jobset, make_replicated_job
from tests.upstream.kit import MAIN, Pass, cases, entry, gates, ready_job, upstream, with_pod_meta

FILE, FUNC = "pkg/controllers/jobset_controller_test.go", "TestConstructJobsFromTemplate"
case = cases(FILE, FUNC)
TWO = {"w": 2}
NAMES = ["train-w-0", "train-w-1"]


@pytest.mark.parametrize(
    ("replicas", "children", "restarts", "strategy", "created"),
    [
        case("no jobs created", TWO, [make_job(n) for n in NAMES], 0, "Recreate", []),
        case("all jobs created", TWO, [], 0, "Recreate", NAMES),
        case(
            "one job created, one job not created (already active)",
            TWO,
            [ready_job("train-w-0")],
            0,
            "Recreate",
            ["train-w-1"],
        ),
        case(
            "one job created, one job not created (already succeeded)",
            TWO,
            [make_job("train-w-1", succeeded=True)],
            0,
            "Recreate",
            ["train-w-0"],
        ),
        # A failure of this attempt ends the pass; one of an earlier attempt only holds its name.
        case(
            "one job created, one job not created (already failed)",
            TWO,
            [make_job("train-w-0", failed=True)],
            1,
            "Recreate",
            ["train-w-1"],
        ),
        case(
            "one job created, one job not created (marked for deletion)",
            TWO,
            [make_job("train-w-0", deleted_at=0)],
            1,
            "Recreate",
            ["train-w-1"],
        ),
        case(
            "job creation blocked until all previous jobs no longer exist",
            TWO,
            [make_job("train-w-0", deleted_at=0)],
            1,
            "BlockingRecreate",
            [],
        ),
        case(
            "multiple replicated jobs",
            {"b": 1, "w": 2, "a": 1},
            [],
            0,
            "Recreate",
            ["train-b-0", *NAMES, "train-a-0"],
        ),
    ],
)
def test_which_jobs_are_created(
    replicas: dict[str, int], children: list[Job], restarts: int, strategy: str, created: list[str]
) -> None:
    """C-CRE-01..03, C-JOB-01."""
    status = JobSetStatus(restarts=restarts)
    train = make_jobset(
        "train", replicated_jobs=replicas, max_restarts=9, restart_strategy=strategy, status=status
    )
    done = Pass(train, *children)
    assert done.created == created
    assert {job.metadata.labels[PREFIX + "restart-attempt"] for job in done.made(Job)} <= {str(restarts)}


@upstream(FILE, FUNC, "all jobs/pods created with labels and annotations")
def test_labels_and_annotations() -> None:
    """C-JOB-02, C-JOB-03, C-JOB-05: the same keys on Job and pods, as labels and as annotations."""
    rjob = make_replicated_job("w", 2, labels={"job": "l"}, annotations={"job": "a"})
    rjob = with_pod_meta(rjob, labels={"pod": "l", JOBSET_NAME: "mine"}, annotations={"pod": "a"})
    other = make_replicated_job("eval", 3, group_name="side")
    train = make_jobset(
        "train", replicated_jobs=[other, rjob], labels={"top": "l"}, status=JobSetStatus(restarts=4)
    )
    job = next(job for job in Pass(train).made(Job) if job.name == "train-w-1")
    ours = {
        "jobset-name": "train",
        "jobset-uid": train.uid,
        "replicatedjob-name": "w",
        "restart-attempt": "4",
        "replicatedjob-replicas": "2",
        "global-replicas": "5",
        "job-index": "1",
        "job-key": hashlib.sha1(b"default/train-w-1").hexdigest(),
        "job-global-index": "4",
        "group-name": "default",
        "group-replicas": "2",
        "job-group-index": "1",
    }
    ours = {PREFIX + key: value for key, value in ours.items()}
    pods = job.spec.template.metadata
    assert job.metadata.labels == {"job": "l", **ours}
    assert job.metadata.annotations == {"job": "a", **ours}
    assert pods.labels == {"pod": "l", **ours}
    assert pods.annotations == {"pod": "a", **ours}
    assert job.namespace == "default"


# -- exclusive placement ------------------------------------------------------------------------------

RACK = {EXCLUSIVE_TOPOLOGY: "example.com/rack"}
BY_SELECTOR = {**RACK, NODE_SELECTOR_STRATEGY: "true"}


@pytest.mark.parametrize(
    ("above", "own", "expected"),
    [
        case("exclusive placement for a ReplicatedJob", {}, RACK, (RACK, {})),
        case(
            "exclusive placement using nodeSelectorStrategy for a ReplicatedJob",
            {},
            BY_SELECTOR,
            (BY_SELECTOR, {}),
        ),
        case("exclusive placement for entire JobSet", RACK, {}, (RACK, RACK)),
        case(
            "exclusive placement using nodeSelectorStrategy for entire JobSet",
            BY_SELECTOR,
            {},
            (BY_SELECTOR, BY_SELECTOR),
        ),
    ],
)
def test_exclusive_placement(above: Labels, own: Labels, expected: tuple[Labels, Labels]) -> None:
    """C-JOB-18, C-JOB-19, C-JOB-21, C-JOB-26: annotations, no labels and no affinity."""
    rjobs = [make_replicated_job("w", annotations=own), make_replicated_job("eval")]
    jobs = Pass(make_jobset("train", replicated_jobs=rjobs, annotations=above)).made(Job)
    for job, placed in zip(jobs, expected, strict=True):
        for meta in (job.metadata, job.spec.template.metadata):
            assert {k: v for k, v in meta.annotations.items() if k in BY_SELECTOR} == placed
            assert not BY_SELECTOR.keys() & meta.labels.keys()
        selects = NODE_SELECTOR_STRATEGY in placed
        pods = job.spec.template.spec
        assert pods.node_selector == ({NAMESPACED_JOB: f"default_{job.name}"} if selects else {})
        assert len(pods.tolerations) == int(selects)
        assert pods.affinity is None


@upstream(FILE, FUNC, "node selector exclusive placement strategy enabled")
def test_the_node_selector_strategy_adds_to_the_pods() -> None:
    """C-JOB-21, C-NSS-01: what the pod template selects and tolerates stays."""
    mine = Toleration(key="gpu", operator="Exists")
    spec = PodSpec(containers=(Container(name="c"),), node_selector={"pool": "h100"}, tolerations=(mine,))
    rjob = make_replicated_job("w", pod=PodTemplateSpec(spec=spec))
    (job,) = Pass(make_jobset("train", replicated_jobs=[rjob], annotations=BY_SELECTOR)).made(Job)
    pods = job.spec.template.spec
    assert pods.node_selector == {"pool": "h100", NAMESPACED_JOB: "default_train-w-0"}
    added = Toleration(key=NO_SCHEDULE_TAINT, operator="Exists", effect="NoSchedule")
    assert pods.tolerations == (mine, added)


# -- network, suspend, coordinator, order, volumes, restarts ------------------------------------------


def built(gates: Any = MAIN, **fields: Any) -> list[Job]:
    train: JobSet = make_jobset("train", replicated_jobs={"w": 2, "eval": 1}, **fields)
    return Pass(train, gates=gates).made(Job)


@pytest.mark.parametrize(
    ("network", "subdomain"),
    [
        case("pod dns hostnames enabled", Network(enable_dns_hostnames=True), "train"),
        (Network(enable_dns_hostnames=True, subdomain="ring"), "ring"),
        (Network(enable_dns_hostnames=False, subdomain="ring"), ""),
    ],
)
def test_the_subdomain_of_the_pods(network: Network, subdomain: str) -> None:
    """C-JOB-20."""
    assert {job.spec.template.spec.subdomain for job in built(network=network)} == {subdomain}


@pytest.mark.parametrize(
    ("suspend", "created"),
    [case("suspend job set", True, True), case("resume job set", False, False), (None, False)],
)
def test_jobs_are_created_as_suspended_as_the_jobset(suspend: bool | None, created: bool) -> None:
    """C-CRE-09, C-JOB-23: said explicitly."""
    assert [job.spec.suspend for job in built(suspend=suspend)] == [created] * 3


@upstream(FILE, FUNC, "coordinator")
def test_the_coordinator_is_told_to_all() -> None:
    """C-JOB-17."""
    jobs = built(coordinator=Coordinator(replicated_job="w", job_index=1, pod_index=0))
    for job in jobs:
        for meta in (job.metadata, job.spec.template.metadata):
            assert meta.labels[COORDINATOR] == meta.annotations[COORDINATOR] == "train-w-1-0.train"
    assert not any(COORDINATOR in job.metadata.labels for job in built())


@upstream(FILE, FUNC, "startup-policy")
def test_in_order_the_first_jobs_are_as_ever() -> None:
    """C-STA-02: the policy changes when Jobs are made, not what they are."""
    ordered, at_once = built(in_order=True), built()
    assert [job.name for job in ordered] == NAMES
    assert ordered == at_once[:2]


@upstream(FILE, FUNC, "volume-claim-policies")
def test_claims_become_volumes() -> None:
    """C-JOB-24: of the replicated jobs whose containers mount them."""
    mount = VolumeMount(name="data", mount_path="/data")
    spec = PodSpec(containers=(Container(name="c", volume_mounts=(mount,)),))
    rjobs = [make_replicated_job("w", pod=PodTemplateSpec(spec=spec)), make_replicated_job("eval")]
    claim = PersistentVolumeClaim(metadata=ObjectMeta(name="data"))
    policy = VolumeClaimPolicy(templates=(claim,), retention_policy=RetentionPolicy(when_deleted="Delete"))
    jobs = Pass(make_jobset("train", replicated_jobs=rjobs, volume_claim_policies=[policy])).made(Job)
    sources = [[v.persistent_volume_claim for v in job.spec.template.spec.volumes] for job in jobs]
    assert [[source and source.claim_name for source in each] for each in sources] == [["data-train"], []]


@pytest.mark.parametrize(
    ("on", "attempts"),
    [
        case("JobRestartAttempt based on ReplicatedJobsStatus", True, ["7", "2", "0"]),
        case("JobRestartAttempt not added when RestartJob feature is disabled", False, [None] * 3),
    ],
)
def test_the_attempt_of_a_single_job(on: bool, attempts: list[str | None]) -> None:
    """C-JOB-03, C-FAI-17: zeros where nothing is stored."""
    status = JobSetStatus(restarts=1, replicated_jobs_status=(entry("w", job_restarts=(7, 2)),))
    jobs = built(gates(restart_job=on), status=status)
    assert [job.metadata.labels.get(JOB_RESTART_ATTEMPT) for job in jobs] == attempts
    assert [job.spec.template.metadata.annotations.get(JOB_RESTART_ATTEMPT) for job in jobs] == attempts
