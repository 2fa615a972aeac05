"""The mutating webhook of JobSets: defaults, on create only.

Source: jobset pkg/webhooks/jobset_webhook.go Default @08dfbdfd; C-DEF-01..07, C-WHK-02.
"""

from __future__ import annotations

from jobsim.api._struct import replace
from jobsim.api.jobset import (
    FailurePolicy,
    JobSet,
    Network,
    ReplicatedJob,
    RetentionPolicy,
    StartupPolicy,
    SuccessPolicy,
    VolumeClaimPolicy,
)


def default(jobset: JobSet) -> JobSet:
    """Return a new JobSet with the webhook's defaults set."""
    spec = jobset.spec
    changes: dict[str, object] = {
        "success_policy": spec.success_policy or SuccessPolicy(operator="All"),
        "startup_policy": spec.startup_policy or StartupPolicy(startup_policy_order="AnyOrder"),
        "replicated_jobs": tuple(_replicated_job(rjob) for rjob in spec.replicated_jobs),
        "network": _network(spec.network or Network()),
        "volume_claim_policies": tuple(_claim_policy(policy) for policy in spec.volume_claim_policies),
    }
    if spec.failure_policy is not None:
        changes["failure_policy"] = _failure_policy(spec.failure_policy)
    return replace(jobset, spec=replace(spec, **changes))


def _replicated_job(rjob: ReplicatedJob) -> ReplicatedJob:
    """Default completionMode and restartPolicy (C-DEF-03)."""
    job = rjob.template.spec
    pod = job.template.spec
    if job.completion_mode is None:
        job = replace(job, completion_mode="Indexed")
    if not pod.restart_policy:
        job = replace(job, template=replace(job.template, spec=replace(pod, restart_policy="OnFailure")))
    return replace(rjob, template=replace(rjob.template, spec=job))


def _network(network: Network) -> Network:
    """Default hostnames and their publication to on (C-DEF-04)."""
    if network.enable_dns_hostnames is None:
        network = replace(network, enable_dns_hostnames=True)
    if network.publish_not_ready_addresses is None:
        network = replace(network, publish_not_ready_addresses=True)
    return network


def _failure_policy(policy: FailurePolicy) -> FailurePolicy:
    """Name nameless rules by their position (C-DEF-05)."""
    rules = tuple(
        rule if rule.name else replace(rule, name=f"failurePolicyRule{position}")
        for position, rule in enumerate(policy.rules)
    )
    return replace(policy, rules=rules)


def _claim_policy(policy: VolumeClaimPolicy) -> VolumeClaimPolicy:
    """Default a missing retention policy to Delete (C-DEF-06)."""
    if policy.retention_policy is not None:
        return policy
    return replace(policy, retention_policy=RetentionPolicy(when_deleted="Delete"))
