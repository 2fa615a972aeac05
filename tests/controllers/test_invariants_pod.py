"""Laws of pods: a smallest change that breaks each."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api._struct import Time, replace
from jobsim.api.batch import Job, JobStatus
from jobsim.api.jobset import EXCLUSIVE_TOPOLOGY, JOB_KEY, NODE_SELECTOR_STRATEGY, PRIORITY
from jobsim.api.pod import ContainerStatus, Pod, PodSchedulingGate, PodStatus
from jobsim.controllers.job.constants import TRACKING_FINALIZER
from jobsim.testing import make_condition, make_job, make_node, make_pod
from tests.controllers.laws import Broken, laws_broken

NODE = make_node("n", labels={"rack": "r0"}, allocatable={"cpu": 1, "pods": 1})
BIG = make_node("n", labels={"rack": "r0"})
FAR = make_node("far", labels={"rack": "r1"})


def restarted(times: int) -> Pod:
    statuses = (ContainerStatus(name="main", restart_count=times),)
    return make_pod("p", phase="Running", status=PodStatus(container_statuses=statuses))


def bound(law: str, pod: Pod, *others: Any) -> Broken:
    """Return the binding of a pod to node n."""
    return Broken(law, pod, replace(pod, spec=replace(pod.spec, node_name="n")), others)


def exclusive(name: str, job: str, index: int, *, node: str = "", rack: str = "", **words: Any) -> Pod:
    """Return a pod that is placed exclusively by rack."""
    labels = {JOB_KEY: job, PRIORITY: "0", **words.pop("labels", {})}
    annotations = {EXCLUSIVE_TOPOLOGY: "rack", **words.pop("annotations", {})}
    pod = make_pod(name, job=job, index=index, node=node, labels=labels, annotations=annotations, **words)
    return replace(pod, spec=replace(pod.spec, node_selector={"rack": rack} if rack else {}))


def of(job: Job, *, name: str = "js-w-0-0-x", index: int | None = 0, **words: Any) -> Pod:
    """Return a pod as its Job creates it."""
    pod = make_pod(name, job=job.name, index=index, **words)
    return pod.with_meta(finalizers=(TRACKING_FINALIZER,))


def freed(**words: Any) -> Pod:
    """Return a pod that its Job has let go."""
    return make_pod("js-w-0-0-x", job="js-w-0", index=0, **words)


JOB = make_job("js-w-0", completions=3, parallelism=3)
LOOSE = replace(JOB, spec=replace(JOB.spec, completion_mode="NonIndexed"))
COUNTED = replace(JOB, status=JobStatus(completed_indexes="0", failed_indexes="2"))
SUSPENDED = replace(JOB, spec=replace(JOB.spec, suspend=True))
SAID = replace(SUSPENDED, status=JobStatus(conditions=(make_condition("Suspended"),)))
CPU = {"cpu": "600m"}
LEADER = exclusive("a-0", "a", 0, node="n")

ROWS = (
    Broken("phase-final", make_pod("p", phase="Succeeded"), make_pod("p", phase="Failed")),
    Broken("restarts-only-grow", restarted(2), restarted(1)),
    Broken("node-final", make_pod("p", node="n"), make_pod("p", node="m")),
    bound("bound-freely", make_pod("p", deleted_at=0)),
    bound(
        "bound-freely",
        make_pod("p", spec=replace(make_pod("p").spec, scheduling_gates=(PodSchedulingGate(name="g"),))),
    ),
    bound("bound-where-selected", exclusive("p", "a", 1, rack="r1"), NODE),
    bound("bound-where-room-is", make_pod("p"), NODE, make_pod("q", node="n")),
    bound(
        "bound-where-room-is", make_pod("p", requests=CPU), BIG, make_pod("q", node="n", requests={"cpu": 8})
    ),
    bound("bound-where-room-is", make_pod("p", requests={"nvidia.com/gpu": 1}), NODE),
    bound("domain-exclusive", exclusive("a-0", "a", 0), BIG, exclusive("b-0", "b", 0, node="n")),
    Broken("follower-beside-leader", None, exclusive("a-1", "a", 1), (BIG, LEADER)),
    Broken("follower-beside-leader", None, exclusive("a-1", "a", 1, rack="r1"), (BIG, FAR, LEADER)),
    Broken(
        "follower-beside-leader", None, exclusive("a-1", "a", 1, rack="r0"), (BIG, exclusive("a-0", "a", 0))
    ),
    Broken("pod-tracked", None, make_pod("js-w-0-0-x", job="js-w-0", index=0), (JOB,)),
    Broken("pod-tracked", None, of(JOB, index=None), (JOB,)),
    Broken("pod-tracked", None, of(JOB, name="other-0-x"), (JOB,)),
    Broken("pod-tracked", None, of(LOOSE), (LOOSE,)),
    Broken("announced-when-let-go", of(JOB, phase="Failed"), freed(phase="Failed"), (JOB,)),
    Broken("announced-when-let-go", of(JOB, phase="Succeeded"), freed(phase="Succeeded"), (JOB,)),
    Broken("announced-when-gone", of(JOB, phase="Failed"), None, (JOB,)),
    Broken("index-needed", None, of(COUNTED), (COUNTED,)),
    Broken("index-needed", None, of(COUNTED, index=2), (COUNTED,)),
    Broken("index-free", None, of(JOB, name="js-w-0-0-y"), (JOB,), before=((None, of(JOB)),)),
    Broken("job-unfinished", None, of(JOB), (make_job("js-w-0", failed=True),)),
    Broken("job-not-suspended", None, of(JOB), before=((None, SUSPENDED), (SUSPENDED, SAID))),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.law)
def test_broken(row: Broken) -> None:
    assert row.law in laws_broken(row)


RESUMED = replace(SAID, spec=JOB.spec).with_meta(generation=2)
AGAIN = replace(RESUMED, spec=SUSPENDED.spec).with_meta(generation=3)
CLEARED = replace(SAID, status=replace(SAID.status, start_time=Time(0)))
ENDED = exclusive("b-0", "b", 0, node="n", phase="Succeeded")
BY_NODE = {NODE_SELECTOR_STRATEGY: "yes"}

HEALTHY = (
    Broken("", make_pod("p", phase="Running"), make_pod("p", phase="Failed")),
    Broken("", restarted(1), restarted(2)),
    bound("", make_pod("p"), NODE, make_pod("q", node="n", phase="Failed")),
    bound("", make_pod("p")),
    bound("", exclusive("p", "a", 1, rack="r0")),
    bound("", exclusive("p", "a", 1, rack="r0"), BIG),
    bound("", exclusive("a-0", "a", 0)),
    bound("", exclusive("a-0", "a", 0), BIG, ENDED, FAR, exclusive("c-0", "c", 0, node="far")),
    bound("", exclusive("a-0", "a", 0), BIG, exclusive("b-0", "b", 0, node="n", labels={PRIORITY: "9"})),
    bound("", exclusive("a-0", "a", 0), make_node("n"), exclusive("b-0", "b", 0, node="n")),
    Broken("", None, exclusive("a-1", "a", 1, rack="r0"), (BIG, LEADER)),
    Broken("", None, exclusive("a-1", "a", 1, annotations=BY_NODE)),
    Broken("", None, LEADER),
    Broken("", None, of(JOB), (JOB,)),
    Broken("", None, of(LOOSE, index=None), (LOOSE,)),
    Broken("", None, of(COUNTED, name="js-w-0-1-x", index=1), (COUNTED,)),
    Broken("", None, of(JOB)),
    Broken("", None, make_pod("mine")),
    # The first ended, or goes, or is gone: there is room for another.
    Broken("", None, of(JOB, name="js-w-0-0-y"), (JOB,), before=((None, of(JOB, phase="Failed")),)),
    Broken("", None, of(JOB, name="js-w-0-0-y"), (JOB,), before=((None, of(JOB, deleted_at=0)),)),
    Broken(
        "",
        None,
        of(JOB, name="js-w-0-0-y"),
        (JOB,),
        before=((None, of(JOB)), (of(JOB).with_meta(finalizers=()), None)),
    ),
    # A sync that began before the suspension goes on until its status is refused.
    Broken("", None, of(JOB), before=((None, JOB), (JOB, SUSPENDED.with_meta(generation=2)))),
    Broken("", None, of(JOB), before=((SUSPENDED, SAID), (SAID, RESUMED), (RESUMED, AGAIN))),
    # JobSet clears startTime before it resumes: that is no sync (C-SUS-06).
    Broken("", None, of(JOB), before=((RESUMED, AGAIN), (AGAIN, replace(AGAIN, status=CLEARED.status)))),
)


@pytest.mark.parametrize("row", HEALTHY)
def test_healthy(row: Broken) -> None:
    assert not laws_broken(row)
