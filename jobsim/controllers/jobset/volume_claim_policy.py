"""volumeClaimPolicies: one PVC per template, created on every pass.

Source: jobset pkg/controllers/volume_claim_policy.go @08dfbdfd; C-PVC-*.
"""

from __future__ import annotations

from jobsim.api.jobset import JOBSET_NAME, VolumeClaimPolicy
from jobsim.api.meta import ObjectMeta
from jobsim.api.plan import Chain, OnError, Step
from jobsim.api.volume import PersistentVolumeClaim
from jobsim.api.writes import Create
from jobsim.controllers.jobset.construct import claim_name, owner_reference
from jobsim.controllers.jobset.draft import Draft, panic


def create_claims(draft: Draft) -> None:
    """Create the PVC of every template; one that exists is fine (C-PVC-01).

    A policy stops at its first error, the others go on; each such error has its event (C-PVC-04).
    """
    chains: list[Chain] = []
    on_error = OnError(about=draft.about, reason="PVCCreationFailed", each=True, printf=True)
    crashed = False
    for policy in draft.jobset.spec.volume_claim_policies:
        retention = policy.retention_policy
        if policy.templates and retention is not None and retention.when_deleted is None:
            crashed = True  # C-PVC-03: a nil dereference, after what came before it.
            break
        chains.append(Chain(writes=tuple(Create(obj=claim) for claim in _claims(draft, policy))))
    chains = [chain for chain in chains if chain.writes]
    if chains:
        draft.steps.append(Step(chains=tuple(chains), ignore=("AlreadyExists",), on_error=on_error))
    if crashed:
        panic()


def _claims(draft: Draft, policy: VolumeClaimPolicy) -> list[PersistentVolumeClaim]:
    """Return the PVCs of one policy (C-PVC-02, C-PVC-03)."""
    jobset = draft.jobset
    retention = policy.retention_policy
    deleted = retention is not None and retention.when_deleted == "Delete"
    owners = (owner_reference(jobset),) if deleted else ()
    return [
        PersistentVolumeClaim(
            metadata=ObjectMeta(
                name=claim_name(template.metadata.name, jobset.metadata.name),
                namespace=jobset.metadata.namespace,
                labels={**template.metadata.labels, JOBSET_NAME: jobset.metadata.name},
                annotations=template.metadata.annotations,
                owner_references=owners,
            ),
            spec=template.spec,
        )
        for template in policy.templates
    ]
