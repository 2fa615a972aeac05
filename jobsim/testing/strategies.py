"""Hypothesis strategies: JobSets of every feature, near misses, and what a decision may see.

Small on purpose: at most three replicated jobs of two Jobs of two pods; what goes wrong with many goes wrong
with two.  ``jobsets`` are manifests as a user writes them; ``near_misses`` have one flaw that the API server
names; ``sights`` are what the JobSet controller may find in its cache.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from jobsim.api._struct import replace
from jobsim.api.batch import Job, JobStatus
from jobsim.api.jobset import (
    EXCLUSIVE_TOPOLOGY,
    RESTART_ATTEMPT,
    FailurePolicyRule,
    JobSetStatus,
    ReplicatedJobStatus,
    SuccessPolicy,
)
from jobsim.controllers.jobset import Gates, Seen
from jobsim.testing.builders import make_job, make_jobset, make_replicated_job
from jobsim.testing.machine_course import Case

Document = dict[str, Any]
NAMES = ("a", "b", "c")
NO_GATES = Gates()
_REASONS = (
    *("BackoffLimitExceeded", "DeadlineExceeded", "FailedIndexes"),
    *("MaxFailedIndexesExceeded", "PodFailurePolicy"),
)
_ACTIONS = ("FailJobSet", "RestartJobSet", "RestartJobSetAndIgnoreMaxRestarts")
_ACTIONS_ALONE = ("RestartJob", "RestartJobAndIgnoreMaxRestarts")
_MAX_INT32 = 2**31 - 1


_USUAL: Mapping[str, SearchStrategy[Any]] = {
    "elastic_jobset": st.booleans(),
    "version": st.sampled_from(["v0.12.0", "main"]),
}


def all_gates() -> SearchStrategy[Gates]:
    """Return every combination of gates and versions."""
    return st.builds(Gates, in_place_restart=st.booleans(), restart_job=st.booleans(), **_USUAL)


def usual_gates() -> SearchStrategy[Gates]:
    """Return gates without those by which a restart may go on for ever: alone, or with no agent in pods."""
    return st.builds(Gates, **_USUAL)


@st.composite
def jobsets(draw: DrawFn, gates: Gates = NO_GATES, name: str = "js") -> Document:
    """Draw the manifest of a JobSet that the API server accepts under these gates."""
    names = NAMES[: draw(st.sampled_from([1, 1, 2, 2, 3]))]
    policy = draw(_failure_policies(names, gates))
    in_place = policy is not None and policy.get("restartStrategy") == "InPlaceRestart"
    order = draw(st.sampled_from(["", "", "AnyOrder", "InOrder", "dependsOn"]))
    rjobs = [
        draw(_replicated_jobs(names, position, in_place=in_place, chained=order == "dependsOn"))
        for position in range(len(names))
    ]
    spec: Document = {"replicatedJobs": rjobs}
    if draw(_rarely):
        retention = draw(st.sampled_from(["Delete", "Retain"]))
        claims = {"templates": [_CLAIM], "retentionPolicy": {"whenDeleted": retention}}
        spec["volumeClaimPolicies"] = [claims]
        container = rjobs[0]["template"]["spec"]["template"]["spec"]["containers"][0]
        container["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    if policy is not None:
        spec["failurePolicy"] = policy
    if order.endswith("Order"):
        spec["startupPolicy"] = {"startupPolicyOrder": order}
    spec |= draw(_options(names))
    if _may_have_coordinator(rjobs[0]) and draw(_rarely):
        spec["coordinator"] = {"replicatedJob": names[0]}
    metadata: Document = {"name": name}
    if draw(_rarely):
        metadata["annotations"] = {EXCLUSIVE_TOPOLOGY: "rack"}
    return {"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet", "metadata": metadata, "spec": spec}


#: One in six.
_rarely = st.integers(0, 5).map(lambda n: n == 5)


def _may_have_coordinator(rjob: Document) -> bool:
    job = rjob["template"]["spec"]
    return bool(rjob["replicas"] and job["completions"] and job.get("completionMode") != "NonIndexed")


@st.composite
def _options(draw: DrawFn, names: tuple[str, ...]) -> Document:
    """Draw the parts of a spec that depend on nothing else."""
    spec: Document = {}
    if draw(st.booleans()):
        spec["successPolicy"] = {
            "operator": draw(st.sampled_from(["All", "Any"])),
            "targetReplicatedJobs": draw(st.lists(st.sampled_from(names), unique=True, max_size=2)),
        }
    if draw(_rarely):
        spec["suspend"] = draw(st.booleans())
    if draw(_rarely):
        spec["ttlSecondsAfterFinished"] = draw(st.sampled_from([0, 5, 100]))
    if draw(_rarely):
        spec["network"] = {"enableDNSHostnames": draw(st.booleans())}
    return spec


_CLAIM: Document = {
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}


@st.composite
def _failure_policies(draw: DrawFn, names: tuple[str, ...], gates: Gates) -> Document | None:
    if draw(st.integers(0, 3)) == 0:
        return None
    policy: Document = {"maxRestarts": draw(st.integers(0, 3))}
    strategies = ["Recreate", "BlockingRecreate", *(["InPlaceRestart"] if gates.in_place_restart else [])]
    policy["restartStrategy"] = draw(st.sampled_from(strategies))
    actions = (*_ACTIONS, *(_ACTIONS_ALONE * 2 if gates.restart_job else ()))
    rule = st.fixed_dictionaries(
        {"action": st.sampled_from(actions)},
        optional={
            "onJobFailureReasons": st.lists(st.sampled_from(_REASONS), min_size=1, max_size=2, unique=True),
            "onJobFailureMessagePatterns": st.lists(st.sampled_from(["limit", "^exit", "("]), max_size=1),
            "targetReplicatedJobs": st.lists(st.sampled_from(names), max_size=1),
        },
    )
    rules = draw(st.lists(rule, max_size=2))
    if rules:
        policy["rules"] = rules
    return policy


@st.composite
def _replicated_jobs(
    draw: DrawFn, names: tuple[str, ...], position: int, *, in_place: bool, chained: bool
) -> Document:
    parallelism = draw(st.integers(0 if draw(_rarely) else 1, 2))
    job: Document = {"parallelism": parallelism, "completions": parallelism}
    container: Document = {"name": "main", "image": "img", "resources": {"requests": {"cpu": 4}}}
    restart = draw(st.sampled_from(["Never", "Never", "OnFailure"]))
    if in_place:
        job |= {"backoffLimit": _MAX_INT32, "podReplacementPolicy": "Failed"}
    else:
        job["completions"] = draw(st.integers(parallelism, 3)) if parallelism else 0
        job["backoffLimit"] = draw(st.sampled_from([0, 0, 1]))
        if parallelism:
            job |= draw(_job_options(restart))
    job["template"] = {"spec": {"restartPolicy": restart, "containers": [container]}}
    rjob: Document = {"name": names[position], "replicas": draw(st.integers(0 if draw(_rarely) else 1, 2))}
    if chained and position:
        dependency = draw(st.sampled_from(names[:position]))
        rjob["dependsOn"] = [{"name": dependency, "status": draw(st.sampled_from(["Ready", "Complete"]))}]
    return {**rjob, "template": {"spec": job}}


@st.composite
def _job_options(draw: DrawFn, restart: str) -> Document:
    """Draw what makes a Job special: at most one of it."""
    choice = draw(st.integers(0, 9))
    if choice == 0:
        return {"completionMode": "NonIndexed"}
    if choice == 1:
        return {"podReplacementPolicy": "Failed"}
    if choice == 2:
        return {"activeDeadlineSeconds": 30}
    if choice == 3:
        return {"backoffLimitPerIndex": draw(st.integers(0, 1)), "backoffLimit": 10}
    if choice == 4:
        return {"successPolicy": {"rules": [{"succeededIndexes": "0"}]}}
    if choice == 5 and restart == "Never":
        action = draw(st.sampled_from(["FailJob", "Ignore", "Count"]))
        rule = {"action": action, "onExitCodes": {"operator": "In", "values": [1]}}
        return {"podFailurePolicy": {"rules": [rule]}}
    if choice == 6:
        # Long: a Job that vanishes when it is done is made anew, for ever if its siblings wait (C-CRE-10).
        return {"ttlSecondsAfterFinished": 2_000}
    return {}


@st.composite
def scripted(draw: DrawFn, every_gates: SearchStrategy[Gates] | None = None) -> Case:
    """Draw a case whose end depends on its script alone: at most one pod of each attempt fails.

    What races with a failure is left out: success that needs not all Jobs, deadlines, retries of pods.
    """
    gates = draw(all_gates() if every_gates is None else every_gates)
    manifest = draw(jobsets(gates))
    spec = manifest["spec"]
    for key in ("successPolicy", "suspend", "ttlSecondsAfterFinished"):
        spec.pop(key, None)
    for rjob in spec["replicatedJobs"]:
        job = rjob["template"]["spec"]
        for key in ("activeDeadlineSeconds", "backoffLimitPerIndex", "podFailurePolicy", "successPolicy"):
            job.pop(key, None)
        if job["backoffLimit"] != _MAX_INT32:
            job["backoffLimit"] = 0
        job["template"]["spec"]["restartPolicy"] = "Never"
    places = st.builds("js-{}-{}/{}".format, st.sampled_from("aab"), st.integers(0, 1), st.integers(0, 1))
    script = {f"{draw(places)}/{attempt}": 1 for attempt in range(4) if not draw(_rarely)}
    return Case(manifest=manifest, gates=gates, script=script)


class NearMiss(NamedTuple):
    """A manifest with one flaw, and the clause by which the API server refuses it."""

    manifest: Document
    clause: str


def near_misses(gates: Gates = NO_GATES) -> SearchStrategy[NearMiss]:
    """Return manifests with one flaw each."""
    return st.builds(_flawed, jobsets(gates), st.sampled_from(sorted(_FLAWS)))


def _flawed(manifest: Document, clause: str) -> NearMiss:
    spec = manifest["spec"]
    return NearMiss({**manifest, "spec": {**spec, **_FLAWS[clause](spec)}}, clause)


def _first(spec: Document, **changes: object) -> Document:
    first, *others = spec["replicatedJobs"]
    return {"replicatedJobs": [{**first, **changes}, *others]}


def _with_rule(**rule: object) -> Document:
    return {"failurePolicy": {"rules": [{"action": "FailJobSet", **rule}]}}


#: By clause: the parts of a spec that make it wrong, whatever else is in it.
_FLAWS: Mapping[str, Any] = {
    "C-API-04": lambda spec: {"replicatedJobs": [spec["replicatedJobs"][0]] * 2},
    "C-API-21": lambda spec: {"successPolicy": {"operator": "Most"}},
    "C-API-25": lambda spec: {"failurePolicy": {"restartStrategy": "Sometimes"}},
    "C-API-28": lambda spec: _with_rule(action="Ignore"),
    "C-API-37": lambda spec: {"ttlSecondsAfterFinished": -1},
    "C-VAL-05": lambda spec: _first(spec, dependsOn=[{"name": "a", "status": "Ready"}]),
    "C-VAL-06": lambda spec: {"network": {"subdomain": "No_Domain"}},
    "C-VAL-07": lambda spec: {"managedBy": "nobody"},
    "C-VAL-08": lambda spec: _first(spec, groupName="Not-A-Label"),
    "C-VAL-12": lambda spec: {"successPolicy": {"operator": "All", "targetReplicatedJobs": ["z"]}},
    "C-VAL-15": lambda spec: _with_rule(name="-bad"),
    "C-VAL-16": lambda spec: {"failurePolicy": {"rules": [{"name": "x", "action": "FailJobSet"}] * 2}},
    "C-VAL-18": lambda spec: {"coordinator": {"replicatedJob": "z"}},
}


@st.composite
def sights(draw: DrawFn, gates: Gates = NO_GATES) -> Seen:
    """Draw what the JobSet controller may find: a JobSet somewhere in its life, and its Jobs."""
    names = NAMES[: draw(st.integers(1, 3))]
    restarts = draw(st.integers(0, 2))
    rjobs = [make_replicated_job(name, draw(st.integers(0, 2))) for name in names]
    rule = st.builds(
        FailurePolicyRule,
        name=st.just("rule"),
        action=st.sampled_from([*_ACTIONS, *(_ACTIONS_ALONE if gates.restart_job else ())]),
        on_job_failure_reasons=st.lists(st.sampled_from(_REASONS), max_size=1).map(tuple),
        target_replicated_jobs=st.lists(st.sampled_from(names), max_size=1).map(tuple),
    )
    jobset = make_jobset(
        "js",
        replicated_jobs=rjobs,
        max_restarts=draw(st.none() | st.integers(0, 3)),
        rules=draw(st.lists(rule, max_size=1)),
        restart_strategy=draw(st.sampled_from(["Recreate", "BlockingRecreate"])),
        success_policy=SuccessPolicy(operator=draw(st.sampled_from(["All", "Any"]))),
        in_order=draw(st.booleans()),
        suspend=draw(st.sampled_from([None, False, True])),
        ttl_s=draw(st.sampled_from([None, 0, 60])),
    )
    alone = {rjob.name: tuple(draw(st.integers(0, 1)) for _ in range(rjob.replicas)) for rjob in rjobs}
    statuses = tuple(
        ReplicatedJobStatus(
            name=name,
            ready=0,
            succeeded=0,
            failed=0,
            active=0,
            suspended=0,
            job_restarts=alone[name] if gates.restart_job else (),
        )
        for name in reversed(names)
    )
    status = JobSetStatus(
        restarts=restarts,
        restarts_count_towards_max=draw(st.integers(0, restarts)),
        replicated_jobs_status=draw(st.sampled_from([(), statuses])),
    )
    children = tuple(
        job
        for rjob in rjobs
        for index in range(rjob.replicas)
        for job in draw(_children(f"js-{rjob.name}-{index}", restarts, gates))
    )
    return Seen(replace(jobset, status=status), children=children, service_exists=draw(st.booleans()))


@st.composite
def _children(draw: DrawFn, name: str, restarts: int, gates: Gates) -> tuple[Job, ...]:
    """Draw the Job of one index, or none: of any attempt, at any point of its life."""
    state = draw(st.sampled_from(["missing", "new", "active", "ready", "failed", "succeeded"]))
    if state == "missing":
        return ()
    at = draw(st.integers(0, 3)) * 1_000_000_000
    job = make_job(
        name,
        failed=state == "failed",
        succeeded=state == "succeeded",
        at=at,
        reason=draw(st.sampled_from(_REASONS)),
        restart_attempt=draw(st.integers(0, restarts)),
        job_restart_attempt=draw(st.integers(0, 1)) if gates.restart_job else None,
        suspend=draw(st.booleans()),
        deleted_at=at if draw(_rarely) else None,
    )
    assert RESTART_ATTEMPT in job.metadata.labels
    if state in ("active", "ready"):
        job = replace(job, status=JobStatus(active=1, ready=int(state == "ready")))
    return (job,)
