"""Counterparts of upstream's cases about the defaulting webhook of JobSets (C-DEF-*)."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api._struct import replace
from jobsim.api.jobset import (
    CONTROLLER_NAME,
    FailurePolicy,
    FailurePolicyRule,
    JobSet,
    Network,
    ReplicatedJob,
    RetentionPolicy,
    StartupPolicy,
    SuccessPolicy,
    VolumeClaimPolicy,
)
from jobsim.api.meta import ObjectMeta
from jobsim.api.volume import PersistentVolumeClaim
from jobsim.controllers.admission.jobset_default import default
from jobsim.testing import make_jobset, make_replicated_job
from tests.upstream.kit import cases, with_job, with_pod

case = cases("pkg/webhooks/jobset_webhook_test.go", "TestJobSetDefaulting")
W = make_replicated_job("w")
#: With nothing left to default.
WHOLE = make_jobset("train", replicated_jobs=[W])
CLAIM = PersistentVolumeClaim(metadata=ObjectMeta(name="data"))


def changed(**fields: Any) -> JobSet:
    return replace(WHOLE, spec=replace(WHOLE.spec, **fields))


def with_rjob(rjob: ReplicatedJob) -> JobSet:
    return changed(replicated_jobs=(rjob,))


def with_rules(*names: str) -> JobSet:
    rules = tuple(FailurePolicyRule(name=name, action="FailJobSet") for name in names)
    return changed(failure_policy=FailurePolicy(max_restarts=1, rules=rules))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        case("job completion mode is unset", with_rjob(with_job(W, completion_mode=None)), WHOLE),
        case(
            "job completion mode is set to non-indexed",
            with_rjob(with_job(W, completion_mode="NonIndexed")),
            None,
        ),
        case(
            "enableDNSHostnames is unset",
            changed(network=Network(subdomain="ring", publish_not_ready_addresses=True)),
            changed(
                network=Network(subdomain="ring", enable_dns_hostnames=True, publish_not_ready_addresses=True)
            ),
        ),
        case(
            "enableDNSHostnames is false",
            changed(network=Network(enable_dns_hostnames=False, publish_not_ready_addresses=True)),
            None,
        ),
        case(
            "PublishNotReadyNetworkAddresess is false",
            changed(network=Network(enable_dns_hostnames=True, publish_not_ready_addresses=False)),
            None,
        ),
        case(
            "PublishNotReadyNetworkAddresess is true",
            changed(network=Network(enable_dns_hostnames=False, publish_not_ready_addresses=True)),
            None,
        ),
        case("pod restart policy unset", with_rjob(with_pod(W, restart_policy="")), WHOLE),
        case("pod restart policy set", with_rjob(with_pod(W, restart_policy="Never")), None),
        case("success policy unset", changed(success_policy=None), WHOLE),
        case(
            "success policy operator set, replicatedJobNames unset",
            changed(success_policy=SuccessPolicy(operator="Any")),
            None,
        ),
        case(
            "startup policy order InOrder set",
            changed(startup_policy=StartupPolicy(startup_policy_order="InOrder")),
            None,
        ),
        case("managedBy field is left nil", changed(startup_policy=None, managed_by=None), WHOLE),
        case("when provided, managedBy field is preserved", changed(managed_by=CONTROLLER_NAME), None),
        case(
            "failure policy rule name is defaulted when: there is one rule and it does not have a name",
            with_rules(""),
            with_rules("failurePolicyRule0"),
        ),
        case(
            "failure policy rule name is defaulted when: there are two rules, the first rule has a name, the "
            "second rule does not have a name",
            with_rules("hostDown", ""),
            with_rules("hostDown", "failurePolicyRule1"),
        ),
        case(
            "volumeClaimPolicy retentionPolicy is defaulted to Delete when nil",
            changed(volume_claim_policies=(VolumeClaimPolicy(templates=(CLAIM,)),)),
            changed(
                volume_claim_policies=(
                    VolumeClaimPolicy(
                        templates=(CLAIM,), retention_policy=RetentionPolicy(when_deleted="Delete")
                    ),
                )
            ),
        ),
    ],
)
def test_what_is_left_out_is_filled_in(before: JobSet, after: JobSet | None) -> None:
    """C-DEF-01..07: and what is said stays (``after`` None)."""
    given = before
    assert default(before) == (before if after is None else after)
    assert before == given
    assert default(default(before)) == default(before)
