"""PVCs of a JobSet."""

from __future__ import annotations

import pytest

from jobsim.api.jobset import RetentionPolicy, VolumeClaimPolicy
from jobsim.api.meta import ObjectMeta
from jobsim.api.plan import Plan
from jobsim.api.volume import PersistentVolumeClaim, PersistentVolumeClaimSpec
from jobsim.api.writes import Create
from jobsim.controllers import jobset
from jobsim.errors import ApiError
from jobsim.testing import carry_out, make_jobset

SPEC = PersistentVolumeClaimSpec(access_modes=("ReadWriteMany",))


def policy(*names: str, when_deleted: str | None = "Delete", retention: bool = True) -> VolumeClaimPolicy:
    metas = [
        ObjectMeta(name=n, labels={"a": "1"}, annotations={"b": "2"}, finalizers=("f",), namespace="no")
        for n in names
    ]
    return VolumeClaimPolicy(
        templates=tuple(PersistentVolumeClaim(metadata=meta, spec=SPEC) for meta in metas),
        retention_policy=RetentionPolicy(when_deleted=when_deleted) if retention else None,
    )


def decide(*policies: VolumeClaimPolicy, suspend: bool = False) -> Plan:
    train = make_jobset("train", replicated_jobs=[], volume_claim_policies=policies, suspend=suspend)
    return jobset.reconcile(jobset.Seen(train, service_exists=True), 0, jobset.Gates())


@pytest.mark.parametrize(
    ("claims", "owned"),
    [
        (policy("data"), True),
        (policy("data", when_deleted="Retain"), False),
        (policy("data", retention=False), False),
    ],
)
def test_the_claim(claims: VolumeClaimPolicy, owned: bool) -> None:
    """C-PVC-02, C-PVC-03."""
    (write,) = [w for w in carry_out(decide(claims)).writes if isinstance(w, Create)]
    claim = write.obj
    assert isinstance(claim, PersistentVolumeClaim)
    assert (claim.name, claim.namespace, claim.spec) == ("data-train", "default", SPEC)
    assert claim.metadata.labels == {"a": "1", "jobset.sigs.k8s.io/jobset-name": "train"}
    assert claim.metadata.annotations == {"b": "2"}
    assert claim.metadata.finalizers == ()
    assert [ref.name for ref in claim.metadata.owner_references] == (["train"] if owned else [])


@pytest.mark.parametrize("suspend", [True, False])
def test_claims_are_asked_for_on_every_pass(suspend: bool) -> None:
    """C-PVC-01, C-PVC-05: one that exists is fine."""
    plan = decide(policy("a", "b"), policy("c"), suspend=suspend)
    exists = ApiError("AlreadyExists", "there")
    done = carry_out(plan, {1: exists, 2: exists, 3: exists})
    assert done.calls[:3] == [f"create PersistentVolumeClaim {n}-train" for n in "abc"]
    assert done.finish.error is None
    assert "PVCCreationFailed" not in done.reasons


def test_a_policy_stops_at_its_error_the_others_go_on() -> None:
    """C-PVC-04: an event for each, the errors joined, no status."""
    plan = decide(policy("a", "b"), policy("c"), policy("d", "e"), suspend=True)
    done = carry_out(plan, {1: ApiError("Forbidden", "quota 100%"), 3: ApiError("InternalError", "down")})
    assert done.calls == [f"create PersistentVolumeClaim {n}-train" for n in "acd"]
    assert done.finish.error == "quota 100%\ndown"
    assert {(e.about.kind, e.about.name) for e in done.events} == {("JobSet", "train")}
    assert [(e.type, e.reason, e.message) for e in done.events] == [
        ("Warning", "PVCCreationFailed", "quota 100%!(NOVERB)"),
        ("Warning", "PVCCreationFailed", "down"),
    ]


def test_a_retention_policy_without_a_word_is_a_nil_dereference() -> None:
    """C-PVC-03, C-BUG-19: after the policies before it."""
    done = carry_out(decide(policy("a"), policy("b", when_deleted=None), policy("c")))
    assert done.calls == ["create PersistentVolumeClaim a-train"]
    assert "nil pointer" in (done.finish.error or "")
    assert decide(policy(when_deleted=None)).error is None
