"""Counterparts of upstream's integration cases of the controller: success, suspension, what is kept up."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api._struct import replace
from jobsim.api.batch import Job
from jobsim.api.core import Service
from jobsim.api.jobset import (
    JOBSET_NAME,
    JobSet,
    JobSetStatus,
    Network,
    RetentionPolicy,
    SuccessPolicy,
    VolumeClaimPolicy,
)
from jobsim.api.meta import ObjectMeta
from jobsim.api.pod import Container, PodSpec, PodTemplateSpec, ResourceRequirements, VolumeMount
from jobsim.api.volume import PersistentVolumeClaim, PersistentVolumeClaimSpec
from jobsim.api.writes import UpdateStatus
from jobsim.testing import make_condition, make_job, make_jobset, make_replicated_job
from tests.upstream.kit import cases, entry, upstream, with_job, with_pod
from tests.upstream.world import World

FILE = "test/integration/controller/jobset_controller_test.go"
SERIES = "jobset is created and its jobs go through a series of updates"
case = cases(FILE, SERIES)
TWO = {"ps": 1, "w": 2}
ALL = ("ps-0", "w-0", "w-1")


def jobset(**fields: Any) -> JobSet:
    return make_jobset("train", **{"replicated_jobs": TWO, **fields})


@upstream(FILE, "JobSet validation during creation and updates", "setting suspend is allowed")
def test_suspend_may_be_set() -> None:
    """C-UPD-03."""
    world = World(jobset())
    assert world.edit(suspend=True) is None
    assert world.train.spec.suspend is True


@upstream(FILE, SERIES, "jobset should successfully create jobs")
def test_jobs_are_created() -> None:
    world = World(jobset())
    assert world.jobs() == list(ALL)
    owners = [world.job(name).controller() for name in ALL]
    assert [(o.kind, o.name, o.uid) for o in owners if o] == [("JobSet", "train", world.train.uid)] * 3
    assert world.errors == []


# -- success -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "rounds"),
    [
        case(
            "jobset should succeed after all jobs succeed",
            None,
            [(["w-0", "ps-0"], ""), (["w-1"], "Completed")],
        ),
        case("jobset should not succeed if any job is not completed", None, [(["ps-0", "w-1"], "")]),
        case(
            "success policy 'all' with empty replicated jobs list",
            SuccessPolicy(operator="All"),
            [(["w-0", "w-1"], ""), (["ps-0"], "Completed")],
        ),
        case(
            "success policy 'all' with replicated jobs specified",
            SuccessPolicy(operator="All", target_replicated_jobs=("w",)),
            [(["ps-0", "w-0"], ""), (["w-1"], "Completed")],
        ),
        case(
            "success policy 'any' with replicated job specified",
            SuccessPolicy(operator="Any", target_replicated_jobs=("w",)),
            [(["ps-0"], ""), (["w-1"], "Completed")],
        ),
        case(
            "success policy 'any' without replicated job specified",
            SuccessPolicy(operator="Any"),
            [(["ps-0"], "Completed")],
        ),
        case("succeeds from first run", None, [(list(ALL), "Completed")]),
    ],
)
def test_when_a_jobset_succeeds(policy: SuccessPolicy | None, rounds: list[tuple[list[str], str]]) -> None:
    """C-SUC-01..06: no policy is All."""
    world = World(jobset(success_policy=policy)).run(*ALL)
    for names, state in rounds:
        assert world.succeed(*names).state == state
    done = state == "Completed"
    assert world.says("Completed") == (("True", "AllJobsCompleted") if done else None)
    assert world.status.restarts == 0


@upstream(FILE, SERIES, "jobset should ignore jobs with same owner name but different owner UID")
def test_jobs_of_a_namesake_are_not_ours() -> None:
    """C-BKT-01: neither their end nor their being there counts."""
    foreign = make_job("train-old-0", replicated_job="w", failed=True)
    world = World(jobset(), others=[foreign]).run(*ALL)
    owner = foreign.controller()
    assert owner is not None
    assert owner.name == "train"
    assert owner.uid != world.train.uid
    assert world.state == ""
    assert world.counts("w") == entry("w", active=2)
    assert world.succeed(*ALL).state == "Completed"
    assert "train-old-0" in [job.name for job in world.store.list(Job)]


@upstream(FILE, SERIES, "active jobs are deleted after jobset succeeds")
def test_the_rest_is_deleted_after_success() -> None:
    """C-SUC-04, C-REC-06: in a later pass, and only what is active."""
    world = World(jobset(success_policy=SuccessPolicy(operator="Any"))).run(*ALL).succeed("w-0")
    assert world.state == "Completed"
    assert world.jobs() == ["w-0"]
    assert world.jobs(terminating=True) == ["ps-0", "w-1"]
    assert world.collect().jobs() == ["w-0"]
    assert world.counts("ps") == entry("ps")


# -- network -------------------------------------------------------------------------------------------


@upstream(
    FILE,
    SERIES,
    "jobset with DNS hostnames enabled should created 1 headless service per job and succeed when all jobs "
    "succeed",
)
def test_one_service_for_the_jobset() -> None:
    """C-SVC-01..03: one in all."""
    world = World(jobset(network=Network(enable_dns_hostnames=True)))
    (service,) = world.store.list(Service)
    assert (service.name, service.spec.cluster_ip) == ("train", "None")
    assert service.spec.selector == {JOBSET_NAME: "train"}
    assert {world.job(name).spec.template.spec.subdomain for name in ALL} == {"train"}
    assert world.run(*ALL).succeed(*ALL).state == "Completed"
    assert len(world.store.list(Service)) == 1


@upstream(FILE, SERIES, "service deleted")
def test_a_deleted_service_comes_back() -> None:
    """C-SVC-05."""
    world = World(jobset(network=Network(enable_dns_hostnames=True, subdomain="ring")))
    (service,) = world.store.list(Service)
    world.delete("Service", "ring")
    (again,) = world.store.list(Service)
    assert again.name == "ring"
    assert again.uid != service.uid


@upstream(
    FILE,
    SERIES,
    "jobset using generateName with enableDNSHostnames should have headless service name set to the jobset "
    "name",
)
def test_the_service_of_a_generated_name() -> None:
    """C-DEF-04, C-SVC-02."""
    world = World(make_jobset("", network=Network(enable_dns_hostnames=True)).with_meta(generate_name="run-"))
    assert world.name.startswith("run-")
    assert len(world.name) == len("run-") + 5
    assert [service.name for service in world.store.list(Service)] == [world.name]
    assert world.job("w-0").spec.template.spec.subdomain == world.name


# -- suspension ----------------------------------------------------------------------------------------


@upstream(FILE, SERIES, "jobset created in suspended state")
def test_created_suspended() -> None:
    """C-SUS-01, C-CRE-09, C-SVC-05."""
    world = World(jobset(suspend=True))
    assert world.suspended == list(ALL)
    assert world.says("Suspended") == ("True", "SuspendedJobs")
    assert len(world.store.list(Service)) == 1
    assert [world.counts(name).suspended for name in TWO] == [1, 2]


@upstream(FILE, SERIES, "resume a suspended jobset")
def test_resumed() -> None:
    """C-SUS-04..06, C-UPD-05: with what was put into the pod template meanwhile."""
    world = World(jobset(suspend=True))
    rjobs = [with_pod(rjob, node_selector={"pool": "a"}) for rjob in world.train.spec.replicated_jobs]
    assert world.edit(suspend=False, replicated_jobs=tuple(rjobs)) is None
    assert world.suspended == []
    assert world.says("Suspended") == ("False", "ResumeJobs")
    assert [world.job(name).spec.template.spec.node_selector for name in ALL] == [{"pool": "a"}] * 3
    assert world.run(*ALL).succeed(*ALL).state == "Completed"


@upstream(FILE, SERIES, "suspend a running jobset")
def test_suspended_while_running() -> None:
    """C-SUS-02, C-SUS-03: Jobs stay; a finished one is not touched."""
    world = World(jobset()).run(*ALL).succeed("ps-0")
    assert world.says("Suspended") is None
    assert world.edit(suspend=True) is None
    assert world.suspended == ["w-0", "w-1"]
    assert world.jobs() == list(ALL)
    assert world.says("Suspended") == ("True", "SuspendedJobs")
    assert "SuspendedJobs" in world.reasons


# -- volume claims -------------------------------------------------------------------------------------

DISK = PersistentVolumeClaimSpec(
    access_modes=("ReadWriteOnce",), resources=ResourceRequirements(requests={"storage": "1Gi"})
)


def claiming(**fields: Any) -> JobSet:
    names = ("data", "model")
    mounts = tuple(VolumeMount(name=name, mount_path=f"/{name}") for name in names)
    pod = PodSpec(containers=(Container(name="c", image="i", volume_mounts=mounts),), restart_policy="Never")
    policies = [
        VolumeClaimPolicy(
            templates=(PersistentVolumeClaim(metadata=ObjectMeta(name=name), spec=DISK),),
            retention_policy=RetentionPolicy(when_deleted=when),
        )
        for name, when in zip(names, ("Delete", "Retain"), strict=True)
    ]
    rjob = make_replicated_job("w", pod=PodTemplateSpec(spec=pod))
    return make_jobset("train", replicated_jobs=[rjob], volume_claim_policies=policies, **fields)


@pytest.mark.parametrize(
    "suspend",
    [
        case("jobset with VolumeClaimPolicies should create two PVC with Delete and Retain policies", None),
        case("suspended jobset with VolumeClaimPolicies should create PVCs", True),
    ],
)
def test_volume_claims(suspend: bool | None) -> None:
    """C-PVC-01..03, C-PVC-05, C-JOB-24."""
    world = World(claiming(suspend=suspend))
    claims = world.store.list(PersistentVolumeClaim)
    assert [(claim.name, claim.controller() is not None) for claim in claims] == [
        ("data-train", True),
        ("model-train", False),
    ]
    volumes = world.job("w-0").spec.template.spec.volumes
    sources = [v.persistent_volume_claim for v in volumes]
    assert [s.claim_name for s in sources if s] == ["data-train", "model-train"]
    assert world.suspended == (["w-0"] if suspend else [])


# -- status --------------------------------------------------------------------------------------------


@upstream(FILE, SERIES, "update replicatedJobsStatuses after all jobs succeed")
def test_counts_after_success() -> None:
    """C-STS-05, C-CND-21."""
    world = World(jobset()).run(*ALL).succeed(*ALL)
    assert world.status.replicated_jobs_status == (entry("w", succeeded=2), entry("ps", succeeded=1))


@upstream(FILE, SERIES, "jobset replicatedJobsStatuses should create and update")
def test_counts_follow_the_jobs() -> None:
    """C-STS-01..06."""
    world = World(jobset())
    assert world.status.replicated_jobs_status == (entry("w"), entry("ps"))
    assert world.run("w-0").counts("w") == entry("w", active=1)
    assert world.ready("w-0", "w-1").counts("w") == entry("w", active=2, ready=2)
    assert world.succeed("w-0").counts("w") == entry("w", active=1, ready=1, succeeded=1)
    assert world.fail("w-1").counts("w") == entry("w", succeeded=1, failed=1)
    assert world.counts("ps") == entry("ps")


# -- other managers, the end, elasticity ------------------------------------------------------------------

MANAGED = cases(FILE, "A JobSet is managed by another controller")


@pytest.mark.parametrize(
    "suspend",
    [
        MANAGED("Should not create any jobs for it, while suspended", True),
        MANAGED("Should not create any jobs for it, when unsuspended", False),
    ],
)
def test_another_manager_creates_the_jobs(suspend: bool) -> None:
    """C-REC-03, C-MGD-01."""
    world = World(jobset(managed_by="example.com/other", suspend=True))
    if not suspend:
        assert world.edit(suspend=False) is None
    assert world.jobs() == []
    assert list(world.store.list(Service)) == []
    assert world.writes == []


@upstream(FILE, "A JobSet is managed by another controller", "Updates to its status are preserved")
def test_another_manager_owns_the_status() -> None:
    """C-MGD-03."""
    world = World(jobset(managed_by="example.com/other"))
    theirs = JobSetStatus(
        restarts=7,
        conditions=(make_condition("Completed", reason="ByOther"),),
        replicated_jobs_status=(entry("w", ready=1),),
    )
    assert world.request(UpdateStatus(obj=replace(world.train, status=theirs))) is None
    assert world.tick(60).status == theirs
    assert world.writes == []


@upstream(
    FILE,
    "A JobSet is created with TTLSecondsAfterFinished configured and reaches terminal state",
    "JobSet controller should delete it after configured ttl duration passes",
)
def test_a_finished_jobset_goes_after_its_time() -> None:
    """C-TTL-01..04."""
    world = World(jobset(ttl_s=30)).run(*ALL).succeed(*ALL)
    assert world.state == "Completed"
    assert not world.tick(29).train.terminating
    assert world.tick(1).train.terminating
    assert world.train.metadata.finalizers == ("foregroundDeletion",)


@upstream(FILE, "a JobSet is created with an invalid Job template", "should emit a warning event")
def test_a_job_template_that_no_job_can_have() -> None:
    """C-CRE-06, C-CRE-08, C-VAL-22: nothing but the event tells it."""
    world = World(
        make_jobset("train", replicated_jobs=[with_job(make_replicated_job("w"), backoff_limit=-1)])
    )
    (event,) = world.events
    assert (event.type, event.reason) == ("Warning", "JobCreationFailed")
    assert event.message.startswith(
        'job "train-w-0" creation failed with error: Job.batch "train-w-0" is invalid'
    )
    assert "spec.backoffLimit" in event.message
    assert world.jobs() == []
    assert world.status.replicated_jobs_status == ()


@upstream(
    FILE,
    "Elastic scaling behavior",
    "dynamic horizontal pod scaling propagates parallelism and completions to child jobs",
)
def test_a_new_size_reaches_the_jobs() -> None:
    """C-ELA-01, C-ELA-07."""
    world = World(jobset(), elastic_jobset=True)
    rjobs = tuple(with_job(rjob, parallelism=3, completions=3) for rjob in world.train.spec.replicated_jobs)
    assert world.edit(replicated_jobs=rjobs) is None
    assert {(job.spec.parallelism, job.spec.completions) for job in world.store.list(Job)} == {(3, 3)}
    assert world.jobs() == list(ALL)
    assert world.errors == []


@upstream(FILE, "Elastic scaling behavior is blocked", "rejects updates to parallelism and completions")
def test_without_the_gate_no_new_size() -> None:
    """C-UPD-01, C-GAT-03."""
    world = World(jobset())
    rjobs = tuple(with_job(rjob, parallelism=3, completions=3) for rjob in world.train.spec.replicated_jobs)
    refused = world.edit(replicated_jobs=rjobs)
    assert refused is not None
    assert "spec.replicatedJobs: Invalid value" in refused
    assert {(job.spec.parallelism, job.spec.completions) for job in world.store.list(Job)} == {(1, 1)}
