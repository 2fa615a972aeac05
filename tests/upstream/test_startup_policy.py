"""Counterparts of upstream's cases about the startup policy (C-STA-*)."""

from __future__ import annotations

from functools import partial

import pytest

from jobsim.api._struct import replace
from jobsim.api.jobset import StartupPolicy
from jobsim.controllers.jobset.startup_policy import all_started
from jobsim.testing import make_job, make_jobset, make_replicated_job
from tests.upstream.kit import Pass, cases, entry, ready_job

FILE = "pkg/controllers/startup_policy_test.go"
order = cases(FILE, "TestInOrderStartupPolicy")
IN_PROGRESS = ("True", "InOrderStartupPolicyInProgress", "in order startup policy is in progress")
COMPLETED = ("True", "InOrderStartupPolicyCompleted", "in order startup policy has completed")


@pytest.mark.parametrize(
    ("policy", "ordered"),
    [
        order("startup policy AnyOrder", StartupPolicy(startup_policy_order="AnyOrder"), False),
        order("startup policy InOrder", StartupPolicy(startup_policy_order="InOrder"), True),
        order("nil startup policy", None, False),
    ],
)
def test_the_order_of_creation(policy: StartupPolicy | None, ordered: bool) -> None:
    """C-STA-02, C-STA-08: in order the second replicated job waits, else it does not."""
    train = make_jobset("train", replicated_jobs={"driver": 1, "worker": 2})
    train = replace(train, spec=replace(train.spec, startup_policy=policy))
    done = Pass(train)
    later = [] if ordered else ["train-worker-0", "train-worker-1"]
    assert done.created == ["train-driver-0", *later]
    assert done.says("StartupPolicyInProgress") == (IN_PROGRESS if ordered else None)


started = cases(FILE, "TestReplicatedJobStarted")


@pytest.mark.parametrize(
    ("replicas", "ready", "succeeded", "failed", "has_started"),
    [
        started("replicas 1; no replicatedJobStatus", 1, 0, 0, 0, False),
        started("replicas 4; replicatedJobStatus all ready", 4, 4, 0, 0, True),
        started("replicas 4; replicatedJobStatus mix of ready, failed and succeeded", 4, 2, 1, 1, True),
        started("replicas 4; replicatedJobStatus all active", 4, 0, 0, 0, False),
    ],
)
def test_when_a_replicated_job_has_started(
    replicas: int, ready: int, succeeded: int, failed: int, has_started: bool
) -> None:
    """C-STA-01..03, C-STA-06: a failed Job counts as well, though the failure policy comes before it."""
    counts = entry("driver", ready=ready, succeeded=succeeded, failed=failed, active=replicas)
    assert all_started(make_replicated_job("driver", replicas), {"driver": counts}) == has_started

    ups = (ready_job, partial(make_job, succeeded=True), partial(make_job, failed=True), make_job)
    numbers = (ready, succeeded, failed, replicas - ready - succeeded - failed)
    kinds = [up for up, number in zip(ups, numbers, strict=True) for _ in range(number)]
    children = [up(f"train-driver-{i}") for i, up in enumerate(kinds)]
    train = make_jobset("train", replicated_jobs={"driver": replicas, "worker": 1}, in_order=True)
    done = Pass(train, *children)
    assert ("train-worker-0" in done.created) == (has_started and not failed)
    assert done.says("StartupPolicyInProgress") == (None if failed else IN_PROGRESS)
    done = Pass(train, *children, ready_job("train-worker-0"))
    assert done.says("StartupPolicyCompleted") == (COMPLETED if has_started and not failed else None)
