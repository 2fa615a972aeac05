"""Counterparts of upstream's cases about the JobSet controller: buckets, status, service, scaling."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api.batch import Job, JobStatus
from jobsim.api.core import Service
from jobsim.api.jobset import JOBSET_NAME, JobSetStatus, Network, ReplicatedJobStatus
from jobsim.api.meta import Condition
from jobsim.api.writes import Patch
from jobsim.controllers.jobset import conditions
from jobsim.controllers.jobset.conditions import Setting
from jobsim.controllers.jobset.draft import Draft
from jobsim.errors import ApiError
from jobsim.testing import make_condition, make_job, make_jobset, make_replicated_job
from jobsim.units import seconds
from tests.upstream.kit import MAIN, Pass, cases, entry, gates, ready_job, upstream

FILE = "pkg/controllers/jobset_controller_test.go"

# -- which Jobs are finished -------------------------------------------------------------------------

is_finished = cases(FILE, "TestIsJobFinished")


@pytest.mark.parametrize(
    ("held", "bucket"),
    [
        is_finished(
            "succeeded", [make_condition("SuccessCriteriaMet"), make_condition("Complete")], "succeeded"
        ),
        is_finished("failed", [make_condition("FailureTarget"), make_condition("Failed")], "failed"),
        is_finished("active", [], None),
        is_finished("suspended", [make_condition("Suspended")], None),
        is_finished("failure target", [make_condition("FailureTarget")], None),
    ],
)
def test_whether_a_job_is_finished(held: list[Condition], bucket: str | None) -> None:
    """C-BKT-05: by Complete and Failed alone."""
    job = make_job("train-w-0", status=JobStatus(active=1, conditions=tuple(held)))
    done = Pass(make_jobset("train", max_restarts=1, replicated_jobs={"w": 1, "x": 1}), job)
    counts = done.counts("w")
    assert (counts.succeeded, counts.failed, counts.active) == (
        int(bucket == "succeeded"),
        int(bucket == "failed"),
        int(bucket is None),
    )
    assert done.status.restarts == int(bucket == "failed")


# -- conditions --------------------------------------------------------------------------------------

update = cases(FILE, "TestUpdateConditions")
SUSPENDED = Setting("Suspended", "True", "SuspendedJobs", "jobset is suspended")
RESUMED = Setting("Suspended", "False", "ResumeJobs", "jobset is resumed")
OVER = make_condition("Completed", at=seconds(5), reason="AllJobsCompleted", message="all done")


def held(setting: Setting, at_s: int = 5) -> Condition:
    return make_condition(
        setting.type, setting.status, at=seconds(at_s), reason=setting.reason, message=setting.message
    )


@pytest.mark.parametrize(
    ("before", "setting", "after"),
    [
        # One that would be False is not there to begin with.
        update("no existing conditions, not adding conditions", (), RESUMED, None),
        update("no existing conditions, add a condition", (), conditions.ALL_COMPLETED, [(1, 100)]),
        update("suspended", (OVER,), SUSPENDED, [(0, 5), (1, 100)]),
        update(
            "resume (update suspended condition type in-place)",
            (held(SUSPENDED), OVER),
            RESUMED,
            [(1, 100), (0, 5)],
        ),
        update("existing conditions, attempt to add duplicate", (OVER, held(SUSPENDED)), SUSPENDED, None),
        update(
            "existing conditions, update reason/message but keep status same",
            (held(SUSPENDED), OVER),
            SUSPENDED._replace(reason="Preempted", message="quota is gone"),
            [(1, 5), (0, 5)],
        ),
    ],
)
def test_a_condition_is_set(
    before: tuple[Condition, ...], setting: Setting, after: list[tuple[int, int]] | None
) -> None:
    """C-CND-12, C-CND-14: ``after`` tells per place whether it is the new one, and since when it holds."""
    train = make_jobset("train", status=JobSetStatus(restarts=0, conditions=before))
    draft = Draft(train, seconds(100.7), MAIN)
    conditions.set_condition(draft, setting)
    assert draft.dirty == (after is not None)
    assert [e.reason for e in draft.events] == ([] if after is None else [setting.reason])
    if after is None:
        assert tuple(draft.conditions) == before
        return
    expected = [
        held(setting, at_s) if is_new else before[place] for place, (is_new, at_s) in enumerate(after)
    ]
    assert draft.conditions == expected


# -- replicatedJobsStatus ----------------------------------------------------------------------------


def wide(name: str, ready: int = 0, active: int = 0, succeeded: int = 0, **more: Any) -> Job:
    """Return a Job of 4 pods, of which so many are ready, active, succeeded."""
    status = JobStatus(ready=ready, active=active, succeeded=succeeded)
    return make_job(name, parallelism=4, completions=4, status=status, **more)


count = cases(FILE, "TestCalculateReplicatedJobStatuses")


@pytest.mark.parametrize(
    ("children", "actors", "learners"),
    [
        count(
            "partial jobs are ready, no succeeded jobs",
            [wide("train-actor-0", ready=4, active=4), wide("train-actor-1", ready=3, active=4)],
            entry("actor", ready=1, active=2),
            entry("learner"),
        ),
        count("no jobs created", [], entry("actor"), entry("learner")),
        count(
            "partial jobs created",
            [wide("train-learner-0", ready=4, active=4)],
            entry("actor"),
            entry("learner", ready=1, active=1),
        ),
        count(
            "no ready jobs, only succeeded jobs",
            [make_job(f"train-{n}", succeeded=True) for n in ("actor-0", "actor-1", "learner-0")],
            entry("actor", succeeded=2),
            entry("learner", succeeded=1),
        ),
        count(
            "no ready jobs, only failed jobs",
            [make_job(f"train-{n}", failed=True) for n in ("actor-0", "actor-1", "learner-0")],
            entry("actor", failed=2),
            entry("learner", failed=1),
        ),
        count(
            "active jobs",
            [wide("train-actor-0", active=1), wide("train-actor-1", active=2, ready=2, succeeded=2)],
            entry("actor", active=2, ready=1),
            entry("learner"),
        ),
        count(
            "suspended jobs",
            [
                wide("train-actor-0", suspend=True),
                wide("train-actor-1"),
                wide("train-learner-0", suspend=True),
            ],
            entry("actor", suspended=1),
            entry("learner", suspended=1),
        ),
    ],
)
def test_the_jobs_are_counted(
    children: list[Job], actors: ReplicatedJobStatus, learners: ReplicatedJobStatus
) -> None:
    """C-STS-01..06: an entry for each replicated job, names descending; the counts overlap."""
    train = make_jobset("train", replicated_jobs={"actor": 2, "learner": 1}, max_restarts=9)
    old = make_job("train-actor-1", restart_attempt=-1, succeeded=True)
    assert Pass(train, old, *children).status.replicated_jobs_status == (learners, actors)


# -- the headless service ----------------------------------------------------------------------------

service = cases(FILE, "TestCreateHeadlessSvcIfNecessary")


@pytest.mark.parametrize(
    ("network", "there", "made"),
    [
        service(
            "headless service exists and should not be created",
            Network(enable_dns_hostnames=True),
            True,
            None,
        ),
        service(
            "jobset created before webhook defaulting should not create headless service", None, False, None
        ),
        service(
            "service does not exist and should be created, subdomain not set",
            Network(enable_dns_hostnames=True),
            False,
            ("train", True),
        ),
        service(
            "service does not exist and should be created, subdomain set",
            Network(enable_dns_hostnames=True, subdomain="ring"),
            False,
            ("ring", True),
        ),
        service(
            "service does not exist and should be created, publishNotReadyAddresses is false",
            Network(enable_dns_hostnames=True, publish_not_ready_addresses=False),
            False,
            ("train", False),
        ),
        service(
            "service does not exist and should be created, publishNotReadyAddresses is true",
            Network(enable_dns_hostnames=True, publish_not_ready_addresses=True),
            False,
            ("train", True),
        ),
    ],
)
def test_the_service(network: Network | None, there: bool, made: tuple[str, bool] | None) -> None:
    """C-SVC-01..03; C-DIF-02 for a JobSet without a network."""
    done = Pass(make_jobset("train", network=network), service=there)
    found = [(s.name, s.spec.publish_not_ready_addresses) for s in done.made(Service)]
    assert found == ([] if made is None else [made])
    assert done.created == ["train-w-0"]
    for made_service in done.made(Service):
        assert made_service.spec.cluster_ip == "None"
        assert made_service.spec.selector == {JOBSET_NAME: "train"}
        assert [owner.name for owner in made_service.metadata.owner_references] == ["train"]


@upstream(FILE, "TestCreateHeadlessSvcIfNecessary", "headless service creation fails with unexpected error")
def test_the_service_cannot_be_created() -> None:
    """C-SVC-04."""
    answer = ApiError("Forbidden", "services are forbidden: no quota")
    done = Pass(make_jobset("train"), service=False, answers={1: answer})
    assert done.error == "services are forbidden: no quota"
    assert [(e.type, e.reason, e.message) for e in done.done.events] == [
        ("Warning", "HeadlessServiceCreationFailed", "services are forbidden: no quota")
    ]
    assert done.done.calls == ["create Service train"]


# -- elastic scaling ---------------------------------------------------------------------------------

scaling = cases(FILE, "TestSyncJobScaling")
ELASTIC = gates(elastic_jobset=True)


@pytest.mark.parametrize(
    ("size", "on", "patch"),
    [
        scaling("jobs in sync, no patch needed", (2, 2), True, None),
        scaling("jobs out of sync, patch needed", (5, 5), True, {"parallelism": 5, "completions": 5}),
        scaling(
            "parallelism is changed, completions kept the same (invalid scaling, no patch)",
            (5, 2),
            True,
            None,
        ),
        scaling(
            "parallelism kept the same, completions is changed (invalid scaling, no patch)",
            (2, 5),
            True,
            None,
        ),
        scaling("jobs out of sync, but feature gate disabled (no patch)", (5, 5), False, None),
    ],
)
def test_the_jobs_take_on_the_templates_size(
    size: tuple[int, int], on: bool, patch: dict[str, int] | None
) -> None:
    """C-ELA-01..03: active Jobs of a replicated job in the spec, no others."""
    rjob = make_replicated_job("w", 3, parallelism=size[0], completions=size[1])
    children = [
        make_job("train-w-0", parallelism=2, completions=2),
        make_job("train-w-1", parallelism=2, completions=2, succeeded=True),
        make_job("train-w-2", parallelism=2, completions=2, suspend=True),
        ready_job("train-old-0"),
    ]
    done = Pass(make_jobset("train", replicated_jobs=[rjob]), *children, gates=ELASTIC if on else MAIN)
    patches = {w.name: w.patch for w in done.done.writes if isinstance(w, Patch)}
    patched = () if patch is None else ("train-w-0", "train-w-2")
    assert patches == {name: {"spec": patch} for name in patched}
