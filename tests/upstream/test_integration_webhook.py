"""Counterparts of upstream's integration cases of the JobSet webhooks: through the whole admission chain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jobsim.api import codec
from jobsim.api._struct import replace
from jobsim.api.jobset import (
    Coordinator,
    FailurePolicy,
    FailurePolicyRule,
    JobSet,
    JobSetSpec,
    Network,
    ReplicatedJob,
    RetentionPolicy,
    StartupPolicy,
    SuccessPolicy,
    VolumeClaimPolicy,
)
from jobsim.api.meta import ObjectMeta
from jobsim.api.pod import VolumeMount
from jobsim.api.volume import PersistentVolumeClaim
from jobsim.apiserver.table import ObjectTable
from jobsim.controllers.admission.pipeline import Admission
from jobsim.controllers.jobset import Gates
from jobsim.errors import ApiError
from jobsim.testing import make_replicated_job
from jobsim.testing.builders import CONTAINER
from tests.upstream.kit import MAIN, cases, gates, with_job, with_pod

case = cases("test/integration/webhook/jobset_webhook_test.go", "jobset webhook tests")
W = make_replicated_job("w")
ELASTIC = gates(elastic_jobset=True)
Change = Callable[[JobSetSpec], Any]


def chain(gates: Gates) -> Admission:
    return Admission(gates, strict=False, suffix=lambda: "abcde")


def new(*rjobs: ReplicatedJob, name: str = "train", **fields: Any) -> JobSet:
    """Return a JobSet as a user writes it: nothing but what is said, and one replicated job."""
    spec = JobSetSpec(**{"replicated_jobs": rjobs or (W,), **fields})
    return JobSet(metadata=ObjectMeta(name=name, namespace="default"), spec=spec)


def create(jobset: JobSet, gates: Gates = MAIN) -> JobSet:
    created = chain(gates).admit_manifest(codec.to_dict(jobset), ObjectTable())
    assert isinstance(created, JobSet)
    return created


def text_of(ask: Callable[[], object]) -> str | None:
    """Return the server's refusal, which is always about what is in the object."""
    try:
        ask()
    except ApiError as err:
        return err.message if err.code == 422 else f"{err.code}: {err.message}"
    return None


def refusal(jobset: JobSet, gates: Gates = MAIN) -> str | None:
    return text_of(lambda: create(jobset, gates))


def changed(before: JobSet, gates: Gates, **fields: Any) -> str | None:
    """Create a JobSet, change its spec, return the refusal of the change."""
    old = create(before, gates)
    after = replace(old, spec=replace(old.spec, **fields))
    return text_of(lambda: chain(gates).admit_update(after, old, ObjectTable()))


def holds(text: str | None, part: str | None) -> bool:
    return text is None if part is None else text is not None and part in text


# -- defaults ------------------------------------------------------------------------------------------


def first(spec: JobSetSpec) -> Any:
    return spec.replicated_jobs[0].template.spec


def network(spec: JobSetSpec) -> Network:
    assert spec.network is not None
    return spec.network


def rules(spec: JobSetSpec) -> Any:
    policy = spec.failure_policy
    assert policy is not None
    return policy.max_restarts, policy.restart_strategy, [rule.name for rule in policy.rules]


DATA = PersistentVolumeClaim(metadata=ObjectMeta(name="data"))
MOUNT = VolumeMount(name="data", mount_path="/data")
MOUNTED = with_pod(W, containers=(replace(CONTAINER, volume_mounts=(MOUNT,)),))


@pytest.mark.parametrize(
    ("jobset", "read", "value"),
    [
        case(
            "job.spec.completionMode defaults to indexed if unset",
            new(with_job(W, completion_mode=None)),
            lambda spec: first(spec).completion_mode,
            "Indexed",
        ),
        case(
            "job.spec.completionMode unchanged if already set",
            new(with_job(W, completion_mode="NonIndexed")),
            lambda spec: first(spec).completion_mode,
            "NonIndexed",
        ),
        case(
            "enableDNSHostnames defaults to true if unset",
            new(network=Network(subdomain="ring")),
            lambda spec: (network(spec).enable_dns_hostnames, network(spec).subdomain),
            (True, "ring"),
        ),
        case(
            "publishNotReadyAddresses defaults to true if unset",
            new(),
            lambda spec: network(spec).publish_not_ready_addresses,
            True,
        ),
        case(
            "pod restart policy defaults to OnFailure if unset",
            new(with_pod(W, restart_policy="")),
            lambda spec: first(spec).template.spec.restart_policy,
            "OnFailure",
        ),
        case(
            "success policy defaults to all",
            new(),
            lambda spec: spec.success_policy,
            SuccessPolicy(operator="All"),
        ),
        case(
            "FailurePolicy defaults are applied when empty",
            new(failure_policy=FailurePolicy(rules=(FailurePolicyRule(action="FailJobSet"),))),
            rules,
            (0, "Recreate", ["failurePolicyRule0"]),
        ),
        case(
            "VolumeClaimPolicies defaults are applied when empty",
            new(MOUNTED, volume_claim_policies=(VolumeClaimPolicy(templates=(DATA,)),)),
            lambda spec: [policy.retention_policy for policy in spec.volume_claim_policies],
            [RetentionPolicy(when_deleted="Delete")],
        ),
        case(
            "JobSet can create with no replicated jobs",
            new(replicated_jobs=()),
            lambda spec: spec.replicated_jobs,
            (),
        ),
    ],
)
def test_what_is_stored(jobset: JobSet, read: Change, value: Any) -> None:
    """C-DEF-01 to C-DEF-06, C-API-25."""
    assert read(create(jobset).spec) == value


# -- creates -------------------------------------------------------------------------------------------


def claims(count: int, **meta: Any) -> tuple[PersistentVolumeClaim, ...]:
    return tuple(PersistentVolumeClaim(metadata=ObjectMeta(name=f"data-{i}", **meta)) for i in range(count))


def mounting(names: tuple[PersistentVolumeClaim, ...]) -> ReplicatedJob:
    mounts = tuple(VolumeMount(name=c.metadata.name, mount_path=f"/{c.metadata.name}") for c in names)
    return with_pod(W, containers=(replace(CONTAINER, volume_mounts=mounts),))


def one_each(count: int) -> tuple[VolumeClaimPolicy, ...]:
    return tuple(VolumeClaimPolicy(templates=(claim,)) for claim in claims(count))


def all_in_one(count: int) -> tuple[VolumeClaimPolicy, ...]:
    return (VolumeClaimPolicy(templates=claims(count)),)


LATER = make_replicated_job("x", depends_on=[("w", "Ready")])
IN_ORDER, ANY_ORDER = (StartupPolicy(startup_policy_order=f"{word}Order") for word in ("In", "Any"))


@pytest.mark.parametrize(
    ("jobset", "refused"),
    [
        case(
            "success policy with invalid replicatedJob name is rejected",
            new(success_policy=SuccessPolicy(operator="All", target_replicated_jobs=("ghost",))),
            "invalid replicatedJob name 'ghost' does not appear in .spec.ReplicatedJobs",
        ),
        case(
            "negative replicated job replicas are rejected",
            new(make_replicated_job("w", -1)),
            "spec.replicatedJobs[0].replicas: Invalid value: -1: spec.replicatedJobs[0].replicas in body "
            "should be greater than or equal to 0",
        ),
        case("zero replicated job replicas are accepted", new(make_replicated_job("w", 0)), None),
        case(
            "DependsOn and StartupPolicy: AnyOrder can be set together",
            new(W, LATER, startup_policy=ANY_ORDER),
            None,
        ),
        case(
            "DependsOn and StartupPolicy: InOrder can't be set together",
            new(W, LATER, startup_policy=IN_ORDER),
            "StartupPolicy and DependsOn APIs are mutually exclusive",
        ),
        case(
            "DependsOn can't be set for the first ReplicatedJob",
            new(make_replicated_job("w", depends_on=[("w", "Ready")]), LATER),
            "DependsOn can't be set for the first ReplicatedJob",
        ),
        case(
            "DependsOn list must contain valid ReplicatedJob status",
            new(W, make_replicated_job("x", depends_on=[("w", "Started")])),
            'spec.replicatedJobs[1].dependsOn[0].status: Unsupported value: "Started"',
        ),
        case(
            "spec that will lead to invalid coordinator label value (in this case too long due to long "
            "JobSet name) should be rejected",
            new(name="j" * 40, coordinator=Coordinator(replicated_job="w")),
            'for coordinator label "jobset.sigs.k8s.io/coordinator"',
        ),
        case(
            "VolumeClaimPolicies template with namespace should be rejected",
            new(
                MOUNTED, volume_claim_policies=(VolumeClaimPolicy(templates=claims(1, namespace="default")),)
            ),
            "namespace cannot be set for VolumeClaimPolicies templates",
        ),
        case(
            "VolumeClaimPolicies exceeding MaxItems=50 should be rejected",
            new(mounting(claims(51)), volume_claim_policies=one_each(51)),
            "spec.volumeClaimPolicies: Too many: 51: must have at most 50 items",
        ),
        case(
            "VolumeClaimPolicies templates exceeding MaxItems=50 should be rejected",
            new(mounting(claims(51)), volume_claim_policies=all_in_one(51)),
            "spec.volumeClaimPolicies[0].templates: Too many: 51: must have at most 50 items",
        ),
        (new(mounting(claims(50)), volume_claim_policies=all_in_one(50)), None),
        (new(mounting(claims(50)), volume_claim_policies=one_each(50)), None),
        (new(name="j" * 28, coordinator=Coordinator(replicated_job="w")), None),
    ],
)
def test_what_may_be_created(jobset: JobSet, refused: str | None) -> None:
    """C-API-14..16, C-API-38..42, C-VAL-05, C-VAL-12, C-VAL-19."""
    assert holds(refusal(jobset), refused)


def test_the_release_takes_negative_replicas() -> None:
    """C-DIF-01, also on update: only main's CRD has a minimum."""
    negative = make_replicated_job("w", -1)
    assert refusal(new(negative), Gates()) is None
    assert holds(changed(new(), MAIN, replicated_jobs=(negative,)), "should be greater than or equal to 0")
    assert holds(changed(new(), Gates(), replicated_jobs=(negative,)), "spec.replicatedJobs: Invalid value")


# -- updates -------------------------------------------------------------------------------------------

SELECTING = with_pod(W, node_selector={"pool": "a"})
OTHER_IMAGE = with_pod(W, containers=(replace(CONTAINER, image="other"),))
IMMUTABLE = ": field is immutable"
CEL = "Value is immutable"
ANY = SuccessPolicy(operator="Any")


@pytest.mark.parametrize(
    ("before", "fields", "refused"),
    [
        case(
            "validate jobSet should not fail on NodeSelectors Update when jobset is suspended",
            new(suspend=True),
            {"replicated_jobs": (SELECTING,)},
            None,
        ),
        case(
            "validate jobSet should fail on NodeSelectors Update",
            new(),
            {"replicated_jobs": (SELECTING,)},
            IMMUTABLE,
        ),
        case(
            "validate jobSet immutable for fields over than NodeSelector when jobSet is not suspended",
            new(),
            {"replicated_jobs": (with_job(W, backoff_limit=9),)},
            "spec.replicatedJobs: Invalid value: ",
        ),
        case("suspend jobset", new(), {"suspend": True}, None),
        case("resume jobset", new(suspend=True), {"suspend": False}, None),
        case(
            "SuccessPolicy should be immutable",
            new(),
            {"success_policy": ANY},
            f"spec.successPolicy: Invalid value: {CEL}",
        ),
        case(
            "FailurePolicy should be immutable",
            new(failure_policy=FailurePolicy(max_restarts=1)),
            {"failure_policy": FailurePolicy(max_restarts=2, restart_strategy="Recreate")},
            f"spec.failurePolicy: Invalid value: {CEL}",
        ),
        case(
            "validate jobSet immutable for managedBy field",
            new(managed_by="example.com/one"),
            {"managed_by": "example.com/two"},
            'spec.managedBy: Invalid value: "example.com/two": field is immutable',
        ),
        case(
            "updating pod template in suspended jobset is allowed",
            new(suspend=True),
            {"replicated_jobs": (SELECTING,), "suspend": False},
            None,
        ),
        case(
            "updating pod template in running jobset is not allowed",
            new(suspend=False),
            {"replicated_jobs": (OTHER_IMAGE,)},
            IMMUTABLE,
        ),
        case(
            "DependsOn must be immutable",
            new(W, LATER),
            {"replicated_jobs": (W, make_replicated_job("x", depends_on=[("w", "Complete")]))},
            f"spec.replicatedJobs[1].dependsOn: Invalid value: {CEL}",
        ),
        case(
            "VolumeClaimPolicies must be immutable",
            new(MOUNTED, volume_claim_policies=(VolumeClaimPolicy(templates=(DATA,)),)),
            {
                "volume_claim_policies": (
                    VolumeClaimPolicy(
                        templates=(DATA,), retention_policy=RetentionPolicy(when_deleted="Retain")
                    ),
                )
            },
            f"spec.volumeClaimPolicies: Invalid value: {CEL}",
        ),
    ],
)
def test_what_may_be_changed(before: JobSet, fields: dict[str, Any], refused: str | None) -> None:
    """C-API-15..20, C-UPD-01..06."""
    assert holds(changed(before, MAIN, **fields), refused)


def sized(parallelism: int, completions: int, **more: Any) -> ReplicatedJob:
    return with_job(W, parallelism=parallelism, completions=completions, **more)


UPDATING = "validate updating parallelism and completions "


@pytest.mark.parametrize(
    ("before", "after", "on", "refused"),
    [
        case(f"{UPDATING}is ALLOWED when ElasticJobSet is enabled", sized(2, 2), sized(5, 5), ELASTIC, None),
        case(
            f"{UPDATING}FAILS when values are not equal",
            sized(2, 2),
            sized(5, 4),
            ELASTIC,
            "completions must be equal to parallelism for Elastic Indexed Jobs",
        ),
        case(
            f"{UPDATING}FAILS for NonIndexed jobs",
            sized(2, 2, completion_mode="NonIndexed"),
            sized(5, 5, completion_mode="NonIndexed"),
            ELASTIC,
            IMMUTABLE,
        ),
        case(
            f"{UPDATING}FAILS when scaling to < 1",
            sized(2, 2),
            sized(0, 0),
            ELASTIC,
            "parallelism must be >= 1",
        ),
        case(f"{UPDATING}FAILS when ElasticJobSet is disabled", sized(2, 2), sized(5, 5), MAIN, IMMUTABLE),
    ],
)
def test_sizes_may_be_changed(
    before: ReplicatedJob, after: ReplicatedJob, on: Gates, refused: str | None
) -> None:
    """C-UPD-07, C-UPD-08."""
    assert holds(changed(new(before), on, replicated_jobs=(after,)), refused)
