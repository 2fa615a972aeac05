"""One pass that does everything: the order of its writes, and what an error at each of them leaves undone."""

from __future__ import annotations

import pytest

from jobsim.api._struct import replace
from jobsim.api.jobset import (
    CONTROLLER_NAME,
    EXCLUSIVE_TOPOLOGY,
    NODE_SELECTOR_STRATEGY,
    JobSetStatus,
    ReplicatedJobStatus,
    VolumeClaimPolicy,
)
from jobsim.api.meta import ObjectMeta
from jobsim.api.pod import Container, PodSchedulingGroup, PodSpec, PodTemplateSpec, VolumeMount
from jobsim.api.volume import PersistentVolumeClaim
from jobsim.api.writes import Create
from jobsim.controllers import jobset
from jobsim.controllers.jobset import conditions
from jobsim.controllers.jobset.construct import JobBuilder
from jobsim.errors import ApiError
from jobsim.testing import carry_out, make_condition, make_job, make_jobset, make_replicated_job

GATES = jobset.Gates(elastic_jobset=True, restart_job=True)
CLAIM = VolumeClaimPolicy(templates=(PersistentVolumeClaim(metadata=ObjectMeta(name="data")),))
#: Everything that a pass can write, in its order (C-CCH-07), and its clause.
WRITES = [
    ("delete Job train-w-0", "C-REC-07"),
    ("create Service train", "C-REC-11"),
    ("create PersistentVolumeClaim data-train", "C-REC-12"),
    ("patch Job train-w-1", "C-REC-13"),
    ("create Job train-w-2", "C-REC-14"),
    ("update Job train-w-1", "C-REC-14"),
    ("update-status JobSet train", "C-REC-16"),
]
RESTARTED = JobSetStatus(restarts=1, conditions=(make_condition("Suspended", reason="SuspendedJobs"),))


def busy() -> jobset.Seen:
    """Return what a pass sees in which all is to do: Job 0 is old, 1 suspended and too small, 2 missing."""
    train = make_jobset(
        "train",
        replicated_jobs=(make_replicated_job("w", 3, parallelism=2, completions=2),),
        max_restarts=3,
        volume_claim_policies=[CLAIM],
        status=RESTARTED,
    )
    old = make_job("train-w-0", restart_attempt=0, job_restart_attempt=0)
    small = make_job("train-w-1", restart_attempt=1, job_restart_attempt=0, suspend=True)
    return jobset.Seen(train, [old, small])


def test_the_order_of_writes() -> None:
    """C-CCH-07, C-REC-05: the counts of the status are those of the Jobs as they were listed."""
    done = carry_out(jobset.reconcile(busy(), 0, GATES))
    assert done.calls == [call for call, _ in WRITES]
    status = done.writes[-1].obj.status  # type: ignore[attr-defined]
    assert [(s.name, s.active, s.suspended) for s in status.replicated_jobs_status] == [("w", 0, 1)]
    assert done.reasons == ["ResumeJobs"]


def test_an_update_after_a_patch_starts_from_the_answer() -> None:
    """C-ELA-04 (erratum): whatever was written before the patches."""
    seen = busy()
    patched = seen.children[1].with_meta(resource_version="77")
    done = carry_out(jobset.reconcile(seen, 0, GATES), {4: patched})
    assert done.calls[5] == "update Job train-w-1"
    assert done.writes[5].obj.metadata.resource_version == "77"  # type: ignore[attr-defined]


@pytest.mark.parametrize("nth", range(1, len(WRITES) + 1), ids=[call for call, _ in WRITES])
def test_an_error_ends_the_pass(nth: int) -> None:
    """C-REC-07, C-REC-11, C-REC-12, C-REC-13, C-REC-14, C-REC-17: nothing later is sent or told."""
    done = carry_out(jobset.reconcile(busy(), 0, GATES), {nth: ApiError("InternalError", "no")})
    assert done.calls == [call for call, _ in WRITES[:nth]]
    assert "no" in str(done.finish.error)
    told = {2: ["HeadlessServiceCreationFailed"], 3: ["PVCCreationFailed"], 5: ["JobCreationFailed"]}
    assert done.reasons == told.get(nth, [])


def test_what_the_cache_does_not_show_yet() -> None:
    """C-CCH-04: created Jobs are created again, an error; deleted ones deleted again, which is none."""
    seen = jobset.Seen(make_jobset("train", replicated_jobs={"w": 1}), [], service_exists=True)
    done = carry_out(jobset.reconcile(seen, 0, jobset.Gates()), {1: ApiError("AlreadyExists", "there")})
    assert done.finish.error == 'job "train-w-0" creation failed with error: there'
    done = carry_out(jobset.reconcile(busy(), 0, GATES), {1: ApiError("NotFound", "gone")})
    assert done.finish.error is None


def test_the_counters_are_kept_in_the_status() -> None:
    """C-API-52, C-API-53: counted restarts and the end of a JobSet."""
    failed = [make_job("train-w-0", failed=True)]
    restarted = carry_out(
        jobset.reconcile(jobset.Seen(make_jobset("train", max_restarts=1), failed), 0, jobset.Gates())
    )
    status = restarted.writes[-1].obj.status  # type: ignore[attr-defined]
    assert (status.restarts, status.restarts_count_towards_max, status.terminal_state) == (1, 1, "")
    over = carry_out(jobset.reconcile(jobset.Seen(make_jobset("train"), failed), 0, jobset.Gates()))
    assert over.writes[-1].obj.status.terminal_state == "Failed"  # type: ignore[attr-defined]


def test_metrics_count_before_the_status_is_written() -> None:
    """C-BUG-37, C-MET-01, C-MET-02: a refused status counts, and the next pass counts again."""
    for job, name in (("failed", "jobset_failed_total"), ("succeeded", "jobset_completed_total")):
        child = make_job("train-w-0", failed=job == "failed", succeeded=job == "succeeded")
        seen = jobset.Seen(make_jobset("train"), [child])
        plan = jobset.reconcile(seen, 0, jobset.Gates())
        assert carry_out(plan).counters == [name]
        assert carry_out(plan, {1: ApiError("Conflict", "stale")}).counters == [name]
    restarting = jobset.Seen(make_jobset("train", max_restarts=1), [make_job("train-w-0", failed=True)])
    assert carry_out(jobset.reconcile(restarting, 0, jobset.Gates())).counters == []


SETTINGS = [
    ("C-CND-03", conditions.SUSPENDED_JOBS, "True", "SuspendedJobs", "jobset is suspended"),
    ("C-CND-04", conditions.RESUMED_JOBS, "False", "ResumeJobs", "jobset is resumed"),
    (
        "C-CND-10",
        conditions.IN_ORDER_IN_PROGRESS,
        "True",
        "InOrderStartupPolicyInProgress",
        "in order startup policy is in progress",
    ),
    (
        "C-CND-11",
        conditions.IN_ORDER_COMPLETED,
        "True",
        "InOrderStartupPolicyCompleted",
        "in order startup policy has completed",
    ),
]


@pytest.mark.parametrize(("clause", "setting", "status", "reason", "message"), SETTINGS)
def test_the_table_of_conditions(
    clause: str, setting: conditions.Setting, status: str, reason: str, message: str
) -> None:
    said = (setting.status, setting.reason, setting.message, setting.event_type)
    assert said == (status, reason, message, "Normal"), clause


PREFIX = "jobset.sigs.k8s.io/"
KEYS = {
    *("jobset-name", "jobset-uid", "replicatedjob-name", "replicatedjob-replicas", "global-replicas"),
    *("job-index", "job-global-index", "job-key", "group-name", "group-replicas", "job-group-index"),
    "restart-attempt",
}


def test_keys_of_a_child() -> None:
    """C-KEY-01, C-KEY-02, C-KEY-03, C-GAT-02, C-JOB-06: by name; no environment variable among them."""
    train = make_jobset("train")
    job = JobBuilder(train, train.spec.replicated_jobs[0], None).build(0)
    assert set(job.metadata.labels) == {PREFIX + key for key in KEYS}
    with_gate = JobBuilder(train, train.spec.replicated_jobs[0], (4,)).build(0)
    assert set(with_gate.metadata.labels) - set(job.metadata.labels) == {f"{PREFIX}job-restart-attempt"}
    assert EXCLUSIVE_TOPOLOGY == "alpha.jobset.sigs.k8s.io/exclusive-topology"
    assert NODE_SELECTOR_STRATEGY == "alpha.jobset.sigs.k8s.io/node-selector"
    assert CONTROLLER_NAME == "jobset.sigs.k8s.io/jobset-controller"
    assert [c.env for c in job.spec.template.spec.containers] == [()]


def test_the_order_of_building() -> None:
    """C-JOB-25: own volumes first, then the claims'; labels of ours over the template's; C-WAS-02."""
    mount = Container(name="c", image="i", volume_mounts=(VolumeMount(name="data", mount_path="/d"),))
    gang = PodSchedulingGroup(pod_group_name="g")
    pod = PodTemplateSpec(
        metadata=ObjectMeta(labels={f"{PREFIX}job-index": "mine", "own": "x"}),
        spec=PodSpec(containers=(mount,), subdomain="mine", scheduling_group=gang),
    )
    rjob = make_replicated_job("w", pod=pod)
    train = make_jobset(
        "train",
        replicated_jobs=(rjob,),
        volume_claim_policies=[CLAIM],
        suspend=True,
        annotations={EXCLUSIVE_TOPOLOGY: "rack", NODE_SELECTOR_STRATEGY: "true"},
    )
    job = JobBuilder(train, rjob, None).build(0)
    spec = job.spec.template.spec
    assert job.spec.template.metadata.labels[f"{PREFIX}job-index"] == "0"
    assert job.spec.template.metadata.labels["own"] == "x"
    assert spec.subdomain == "train"
    assert spec.node_selector == {"alpha.jobset.sigs.k8s.io/namespaced-job": "default_train-w-0"}
    assert [v.name for v in spec.volumes] == ["data"]
    assert job.spec.suspend is True
    assert spec.scheduling_group == gang
    assert [owner.name for owner in job.metadata.owner_references] == ["train"]


def test_long_names_make_bad_selectors() -> None:
    """C-NSS-03: nothing validates the value that the node-selector strategy asks for."""
    annotations = {EXCLUSIVE_TOPOLOGY: "rack", NODE_SELECTOR_STRATEGY: "true"}
    train = make_jobset("t" * 50, namespace="n" * 20, annotations=annotations)
    job = JobBuilder(train, train.spec.replicated_jobs[0], None).build(0)
    [value] = job.spec.template.spec.node_selector.values()
    assert len(value) > 63


def test_single_restarts_are_a_gate() -> None:
    """C-GAT-02: the second test of buckets, and the limit over both kinds of restarts (C-FAI-09)."""
    counted = ReplicatedJobStatus(
        name="w",
        ready=0,
        succeeded=0,
        failed=0,
        active=0,
        suspended=0,
        job_restarts=(1,),
        job_restarts_count_towards_max=(1,),
    )
    train = make_jobset("train", max_restarts=1)
    train = replace(train, status=replace(train.status, replicated_jobs_status=(counted,)))
    outdated = [make_job("train-w-0", job_restart_attempt=0)]
    seen = jobset.Seen(train, outdated, service_exists=True)
    assert "delete Job train-w-0" in carry_out(jobset.reconcile(seen, 0, GATES)).calls
    assert "delete Job train-w-0" not in carry_out(jobset.reconcile(seen, 0, jobset.Gates())).calls
    failed = jobset.Seen(train, [make_job("train-w-0", job_restart_attempt=1, failed=True)])
    for gates, reason in ((GATES, "ReachedMaxRestarts"), (jobset.Gates(), "DefaultFailurePolicy")):
        assert carry_out(jobset.reconcile(failed, 0, gates)).reasons[0] == reason


def test_created_jobs_are_complete() -> None:
    done = carry_out(jobset.reconcile(busy(), 0, GATES))
    [job] = [w.obj for w in done.writes if isinstance(w, Create) and w.kind == "Job"]
    assert job.metadata.labels[f"{PREFIX}restart-attempt"] == "1"
