"""Laws of what a JobSet creates: a smallest child that breaks each."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api._struct import replace
from jobsim.api.batch import Job
from jobsim.api.core import Service, ServiceSpec
from jobsim.api.jobset import (
    GROUP_NAME,
    JOB_INDEX,
    JOB_KEY,
    JOB_RESTART_ATTEMPT,
    JOBSET_NAME,
    JOBSET_UID,
    REPLICATED_JOB_NAME,
    RESTART_ATTEMPT,
    FailurePolicy,
    JobSet,
    JobSetStatus,
    ReplicatedJob,
    RetentionPolicy,
    VolumeClaimPolicy,
)
from jobsim.api.meta import Object, ObjectMeta
from jobsim.api.volume import PersistentVolumeClaim
from jobsim.controllers.jobset.construct import JobBuilder, owner_reference
from jobsim.testing import make_condition, make_job, make_jobset, make_replicated_job
from jobsim.testing.builders import POD_TEMPLATE
from tests.controllers.laws import Broken, laws_broken

RETAIN = VolumeClaimPolicy(
    templates=(PersistentVolumeClaim(metadata=ObjectMeta(name="data")),),
    retention_policy=RetentionPolicy(when_deleted="Retain"),
)
PARENT = make_jobset(
    "js",
    replicated_jobs={"w": 2},
    volume_claim_policies=[RETAIN],
    status=JobSetStatus(restarts=1),
    max_restarts=3,
)
FIRST = PARENT.spec.replicated_jobs[0]


def child(parent: JobSet = PARENT, rjob: ReplicatedJob = FIRST, index: int = 0, **labels: str) -> Job:
    """Return a child Job as the controller creates it, but for some labels."""
    job = JobBuilder(parent, rjob, [0, 0]).build(index).with_meta(uid="child", resource_version="1")
    pods = job.spec.template
    metadata = pods.metadata
    for place in ("labels", "annotations"):
        job = job.with_meta(**{place: {**getattr(job.metadata, place), **labels}})
        metadata = replace(metadata, **{place: {**getattr(metadata, place), **labels}})
    return replace(job, spec=replace(job.spec, template=replace(pods, metadata=metadata)))


def _unlabelled() -> Job:
    """A child without the label that gate RestartJob asks for."""
    job = child()
    labels = {key: value for key, value in job.metadata.labels.items() if key != JOB_RESTART_ATTEMPT}
    return job.with_meta(labels=labels)


def child_row(law: str, job: Job, parent: JobSet = PARENT, *others: Object) -> Broken:
    return Broken(law, None, job, (parent, *others))


BLOCK = FailurePolicy(max_restarts=3, restart_strategy="BlockingRecreate")
BLOCKING = replace(PARENT, spec=replace(PARENT.spec, failure_policy=BLOCK))
CHAIN = make_jobset(
    "js",
    replicated_jobs=[
        make_replicated_job("a"),
        make_replicated_job("b", depends_on=[("a", "Complete")]),
    ],
)
ENDED = make_jobset("js", status=JobSetStatus(restarts=0, conditions=(make_condition("Failed"),)))
ALIEN = make_jobset("js", managed_by="a.b/c")
SPEC = child().spec
OWNED: dict[str, Any] = {"owner_references": (owner_reference(PARENT),), "namespace": "default"}
HEADLESS = ServiceSpec(cluster_ip="None", selector={JOBSET_NAME: "js"})

ROWS = (
    child_row("child-has-place", child(**{REPLICATED_JOB_NAME: "x"})),
    child_row("child-has-place", child(**{JOB_INDEX: "2"})),
    child_row("child-has-place", child().with_meta(name="js-w-9")),
    child_row("child-has-place", child(**{JOB_KEY: "0"})),
    child_row("child-labelled", child().with_meta(labels={**child().metadata.labels, GROUP_NAME: "x"})),
    child_row("child-labelled", child(**{JOBSET_UID: "another"})),
    child_row("child-labelled", _unlabelled()),
    child_row(
        "child-labelled",
        replace(child(), spec=replace(SPEC, template=replace(SPEC.template, metadata=ObjectMeta()))),
    ),
    child_row("child-attempt-known", child(**{RESTART_ATTEMPT: "2"})),
    child_row("child-attempt-current", child(**{RESTART_ATTEMPT: "0"})),
    child_row("blocked-while-old", child(), BLOCKING, make_job("js-w-1", restart_attempt=0)),
    child_row(
        "child-owned",
        child().with_meta(owner_references=(replace(owner_reference(PARENT), block_owner_deletion=None),)),
    ),
    child_row("child-suspend-said", replace(child(), spec=replace(SPEC, suspend=None))),
    child_row(
        "child-in-subdomain",
        replace(child(), spec=replace(SPEC, template=replace(SPEC.template, spec=POD_TEMPLATE.spec))),
    ),
    child_row("child-of-unfinished", child(ENDED), ENDED),
    child_row("child-of-ours", child(ALIEN), ALIEN),
    child_row("dependency-complete", child(CHAIN, CHAIN.spec.replicated_jobs[1]), CHAIN, make_job("js-a-0")),
    Broken("child-labels-for-life", child(), child(**{RESTART_ATTEMPT: "2"}), (PARENT,)),
    Broken("service-headless", None, Service(metadata=ObjectMeta(name="js", **OWNED)), (PARENT,)),
    Broken(
        "service-headless", None, Service(metadata=ObjectMeta(name="x", **OWNED), spec=HEADLESS), (PARENT,)
    ),
    Broken(
        "claim-labelled", None, PersistentVolumeClaim(metadata=ObjectMeta(name="data-js", **OWNED)), (PARENT,)
    ),
    Broken(
        "claim-labelled",
        None,
        PersistentVolumeClaim(metadata=ObjectMeta(name="data-js", labels={JOBSET_NAME: "js"}, **OWNED)),
        (PARENT,),
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.law)
def test_broken(row: Broken) -> None:
    assert row.law in laws_broken(row)


HEALTHY = (
    child_row("", child()),
    child_row("", child(BLOCKING), BLOCKING, make_job("js-w-1", restart_attempt=1)),
    child_row("", child(BLOCKING), BLOCKING, make_job("js-w-1", restart_attempt=None)),
    child_row("", child(CHAIN, CHAIN.spec.replicated_jobs[1]), CHAIN, make_job("js-a-0", succeeded=True)),
    # Somebody may have deleted it since the decision.
    child_row("", child(CHAIN, CHAIN.spec.replicated_jobs[1]), CHAIN),
    # Its JobSet is gone: the garbage collector comes for it.
    Broken("", None, child()),
    Broken("", None, child(), (PARENT.with_meta(uid="a namesake"),)),
    Broken("", child(), child().with_meta(labels={**child().metadata.labels, "my": "own"}), (PARENT,)),
    Broken("", None, Service(metadata=ObjectMeta(name="js", **OWNED), spec=HEADLESS), (PARENT,)),
    Broken("", None, Service(metadata=ObjectMeta(name="mine"))),
    Broken("", None, PersistentVolumeClaim(metadata=ObjectMeta(name="data-js"))),
    Broken(
        "",
        None,
        PersistentVolumeClaim(metadata=ObjectMeta(name="more-js", labels={JOBSET_NAME: "js"}, **OWNED)),
        (PARENT,),
    ),
)


@pytest.mark.parametrize("row", HEALTHY)
def test_healthy(row: Broken) -> None:
    assert not laws_broken(row)
