"""Explanations: the causes and times that they name, from the log alone."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api._struct import replace
from jobsim.api.core import Node, Taint
from jobsim.api.jobset import EXCLUSIVE_TOPOLOGY, DependsOn, JobSet, StartupPolicy
from jobsim.api.meta import ObjectMeta
from jobsim.api.plan import EventRecord, reference
from jobsim.api.pod import PodSchedulingGate
from jobsim.errors import InputError
from jobsim.results.explain import explain
from jobsim.results.explain_facts import clock
from tests.results.story import rjob
from tests.results.test_ledger import Play, two_jobs


@pytest.fixture
def play() -> Play:
    return Play()


def told(play: Play, kind: str, name: str, **more: Any) -> list[str]:
    return explain(play.recorder.log, kind, name, **more).splitlines()


def record(play: Play, obj: Any, reason: str, message: str) -> None:
    event = EventRecord(about=reference(obj), type="Warning", reason=reason, message=message)
    play.recorder.event(play.now, "somebody", event)


def restarted(play: Play) -> tuple[JobSet, list[Any]]:
    """Two Jobs run from 10 s; a pod of the first fails at 100 s; all runs again at 130 s."""
    jobset, jobs, pods = two_jobs(play)
    play.at(100).end(pods[1], 3)
    play.at(101).condition(jobs[0], "FailureTarget")
    play.at(101.5).delete(pods[0])
    play.at(106).remove(pods[0])
    play.at(107).condition(jobs[0], "Failed", reason="BackoffLimitExceeded", message="too often")
    play.at(107.25).restart(jobset, "applying RestartJobSet failure policy action")
    for pod in pods[2:]:
        play.at(108).delete(pod)
    for pod in pods[1:]:
        play.at(112).remove(pod)
    for job in jobs:
        play.at(113).remove(job)
    new = [play.at(114).job(jobset, "workers", i) for i in range(2)]
    for job in new:
        play.at(130).up(job)
    play.at(190)
    return jobset, pods


def test_a_restart_is_told_as_the_walk(play: Play) -> None:
    jobset, pods = restarted(play)
    play.at(200).finish(jobset)
    assert told(play, "js", "train") == [
        "jobset default/train: Completed, 1 restart",
        "  0s: created",
        "",
        "start at 0s: 10s until the gang stepped",
        "  create            2s            2s  the last new pod is created",
        "  place             1s            3s  the last new pod is bound",
        "  start             7s           10s  the last new pod is ready",
        "",
        "restart 1 at 1m40s: 30s until the gang stepped",
        f"  why: pod {pods[1].name} on node node-0 failed with exit code 3",
        "       so Job train-workers-0 failed: BackoffLimitExceeded: too often",
        "       so the JobSet acted by DefaultFailurePolicy: applying RestartJobSet failure policy action",
        "  detect            1s         1m41s  the Job sees it: condition FailureTarget",
        "  drain             6s         1m47s  its last pod is over: condition Failed",
        "  decide         0.25s      1m47.25s  the JobSet counts the restart",
        "  teardown       5.75s         1m53s  the last old Job is gone",
        "  create           17s         2m10s  the last new pod is created",
        "",
        "3m20s: Completed",
        "  AllJobsCompleted: over",
        "",
        "where 3m20s went",
        "  useful            1m10s   35.0%",
        "  starting            10s    5.0%",
        "  restarting          30s   15.0%",
        "  rework            1m30s   45.0%",
        "  restarts created 4 pods again",
    ]


def test_pods_say_who_stopped_them(play: Play) -> None:
    _, pods = restarted(play)
    assert told(play, "pod", pods[0].name)[-2:] == [
        "  1m41.5s: told to stop: Job train-workers-0 was failing and ends all its pods "
        "(restart 1 of the JobSet)",
        "  1m46s: gone",
    ]
    assert "  1m48s: told to stop: restart 1 of the JobSet replaces all Jobs" in told(
        play, "pod", pods[3].name
    )


def test_the_pod_that_failed_leads_to_the_restart(play: Play) -> None:
    _, pods = restarted(play)
    lines = told(play, "pod", pods[1].name)
    assert lines[0] == f"pod default/{pods[1].name}: gone since 1m52s"
    assert lines[1] == "  2s: created as index 1 of Job train-workers-0, JobSet train; after the start"
    assert "  1m40s: failed with exit code 3" in lines
    assert "what its loss led to: restart 1 of the JobSet" in lines


def test_a_name_without_suffix_means_the_last_pod(play: Play) -> None:
    _, pods = restarted(play)
    lines = told(play, "po", "train-workers-0-1")
    assert lines[0].endswith(": Running")
    assert lines[1].endswith("JobSet train; after restart 1 of the JobSet")
    assert lines[2] == f"  in its place before: {pods[1].name}"


def test_an_unschedulable_pod_says_what_the_scheduler_says(play: Play) -> None:
    jobset = play.jobset("train", rjob("workers", pods=3))
    pods = [play.at(1).pod(play.job(jobset))]
    play.at(2).unschedulable(pods[0])
    record(play, pods[0], "FailedScheduling", "0/4 nodes are available: 4 Insufficient gpu.")
    play.at(61)
    lines = told(play, "pod", pods[0].name, ended_at=play.now)
    assert lines[2:] == [
        "  pending for 1m0s: the scheduler finds no place for it",
        "    since 2s: 0/4 nodes are available: 4 Insufficient gpu.",
    ]
    assert (
        f"  waits: no place for {pods[0].name} since 2s: 0/4 nodes are available: 4 Insufficient gpu."
        in told(play, "jobset", "train", ended_at=play.now)
    )
    assert told(play, "job", "train-workers-0")[2].startswith(f"  waits: no place for {pods[0].name}")


def test_the_condition_speaks_where_there_is_no_event(play: Play) -> None:
    pod = play.pod(play.job(play.jobset()))
    assert told(play, "pod", pod.name)[-1].endswith("the scheduler has not looked at it yet")
    play.unschedulable(pod)
    assert told(play, "pod", pod.name)[-1] == "    since 0s: 0/4 nodes are available"


def test_a_gate_holds_a_pod_back(play: Play) -> None:
    job = play.job(play.jobset())
    pod = play.pod(job)
    gated = replace(pod, spec=replace(pod.spec, scheduling_gates=(PodSchedulingGate(name="q.example/a"),)))
    play.store._commit("MODIFIED", gated, pod, play.now)
    assert told(play, "pod", pod.name)[-1] == (
        "  pending for 0s: held back by the scheduling gate q.example/a"
    )


def exclusive(play: Play, job: Any, index: int, **spec: Any) -> Any:
    pod = play.pod(job, index)
    new = replace(pod.with_meta(annotations={EXCLUSIVE_TOPOLOGY: "rack"}), spec=replace(pod.spec, **spec))
    return play.store._commit("MODIFIED", new, pod, play.now)


def test_exclusive_placement_says_who_leads(play: Play) -> None:
    labels = {"rack": "r7", "topology.jobsim/rack": "h-r7"}
    play.create(Node(metadata=ObjectMeta(name="node-0", labels=labels)))
    job = play.job(play.jobset("train", rjob("workers", pods=2)))
    leader = exclusive(play, job, 0)
    play.at(3).bind(leader)
    follower = exclusive(play, job, 1, node_selector={"rack": "r7"})
    play.unschedulable(follower)
    assert told(play, "pod", follower.name)[-2:] == [
        "    its Job needs a rack domain without any other Job's pods",
        "    only nodes with rack=r7 come into question",
    ]
    play.at(4).bind(follower)
    assert told(play, "pod", leader.name)[-2:] == [
        "  3s: bound to node node-0 in h-r7 after 3s",
        "    why here: it leads its Job, which has rack=r7 to itself",
    ]
    assert told(play, "pod", follower.name)[-1] == (
        f"    why here: it follows its leader {leader.name}, which took rack=r7 at 3s"
    )


def test_a_binding_says_its_reason(play: Play) -> None:
    pod = play.pod(play.job(play.jobset()))
    play.bind(pod)
    play.recorder.note(play.now, "binding", namespace="default", pod=pod.name, reason="best score")
    assert told(play, "pod", pod.name)[-1] == "    why here: best score"


def test_disruption_failure_and_a_plain_delete(play: Play) -> None:
    _, _, pods = two_jobs(play)
    play.at(20).condition(pods[0], "DisruptionTarget", "True", "DeletionByTaintManager", "Taint manager")
    play.delete(pods[0])
    play.at(21).delete(pods[1])
    play.at(22).end(pods[2], 137)
    play.recorder.note(play.now, "failure", effect="pod-fails", entity=pods[2].name)
    play.recorder.note(play.now, "failure", effect="crash", entity="node-1")
    assert told(play, "pod", pods[0].name)[-1] == (
        "  20s: told to stop: DeletionByTaintManager: Taint manager"
    )
    assert told(play, "pod", pods[1].name)[-1] == "  21s: told to stop: it was deleted"
    assert told(play, "pod", pods[2].name)[-2:] == [
        "  22s: failed with exit code 137",
        f"    it was made to: failure pod-fails of {pods[2].name}",
    ]


def test_ends_of_the_jobset_explain_ends_of_pods(play: Play) -> None:
    jobset, _, pods = two_jobs(play)
    play.at(30).suspend(jobset, True)
    play.condition(jobset, "Suspended")
    play.delete(pods[0])
    play.at(40).suspend(jobset, False)
    play.condition(jobset, "Suspended", "False")
    play.at(50).finish(jobset)
    play.at(51).delete(pods[1])
    assert told(play, "pod", pods[0].name)[-1].endswith("told to stop: the JobSet was suspended")
    assert told(play, "pod", pods[1].name)[-1].endswith(
        "told to stop: the JobSet came to its end (Completed) and cleans up"
    )


def waiting_jobset(kind: str, play: Play) -> JobSet:
    if kind == "dependsOn":
        after = (DependsOn(name="driver", status="Complete"),)
        return play.jobset("train", rjob("driver"), rjob("workers", replicas=2, depends_on=after))
    if kind == "suspended":
        return play.jobset("train", rjob("driver"), rjob("workers", replicas=2), suspend=True)
    order = StartupPolicy(startup_policy_order="InOrder")
    return play.jobset("train", rjob("driver"), rjob("workers", replicas=2), startup_policy=order)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("dependsOn", "it depends on driver being Complete, of which 0 of 1 Jobs are"),
        ("InOrder", "startup is InOrder and driver comes first, of which 0 of 1 Jobs are ready"),
        ("suspended", "the JobSet is suspended"),
    ],
)
def test_jobs_that_are_not_there_say_what_they_wait_for(play: Play, kind: str, why: str) -> None:
    waiting_jobset(kind, play)
    assert told(play, "job", "train-workers-1") == [
        "job default/train-workers-1: not created yet",
        f"  waits: {why}",
    ]
    said = told(play, "jobset", "train")[2]
    assert said == (
        "  waits: spec.suspend is true; nobody has resumed it"
        if kind == "suspended"
        else f"  waits: workers has 0 of 2 Jobs: {why}"
    )


def test_refusals_are_quoted(play: Play) -> None:
    jobset = play.jobset()
    job = play.job(jobset)
    record(play, jobset, "JobCreationFailed", "no such thing")
    for text in ("first", "exceeded quota"):
        record(play, job, "FailedCreate", text)
    assert told(play, "jobset", "train")[2:4] == [
        "  Jobs are refused: no such thing",
        f"  pods of Job {job.name} are refused (2 times): exceeded quota",
    ]
    assert told(play, "job", job.name)[-1] == "  its pods are refused (2 times): exceeded quota"


def test_the_end_of_a_failed_jobset(play: Play) -> None:
    jobset, jobs, pods = two_jobs(play)
    play.at(30).end(pods[0], 2)
    play.at(31).condition(jobs[0], "Failed", reason="PodFailurePolicy", message="exit code 2")
    play.at(31).finish(jobset, "Failed", "FailedJobs")
    assert told(play, "jobset", "train")[8:12] == [
        "31s: Failed",
        "  FailedJobs: over",
        "  Job train-workers-0 failed at 31s: PodFailurePolicy: exit code 2",
        f"    it lost pod {pods[0].name} on node-0, exit code 2 at 30s",
    ]


def test_nodes(play: Play) -> None:
    node = play.create(Node(metadata=ObjectMeta(name="node-0")))
    _, _, pods = two_jobs(play)
    tainted = replace(node.spec, unschedulable=True, taints=(Taint(key="k", value="v", effect="NoExecute"),))
    play.at(20).store.update(replace(node, spec=tainted), play.now)
    play.condition(node, "Ready", "Unknown", "NodeStatusUnknown", "stopped posting")
    play.recorder.note(play.now, "failure", effect="crash", entity="node-0")
    assert told(play, "node", "node-0") == [
        "node node-0",
        "  is cordoned: no new pod is placed on it",
        "  has the taint k=v:NoExecute",
        "  is not Ready: NodeStatusUnknown stopped posting",
        "  20s: failure (crash)",
        f"  pods that it has now: {', '.join(p.name for p in pods)} (4 in the whole run)",
    ]


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        ("pod", "nobody", 'pods "nobody" not found'),
        ("service", "train", "service/train cannot be explained"),
        ("nonsense", "x", r"allowed kinds: pod, job, jobset, node"),
    ],
)
def test_what_cannot_be_explained_is_an_input_error(play: Play, kind: str, name: str, text: str) -> None:
    two_jobs(play)
    with pytest.raises(InputError, match=text):
        explain(play.recorder, kind, name)


def test_a_namespace_narrows_the_search(play: Play) -> None:
    two_jobs(play)
    with pytest.raises(InputError, match="in namespace other"):
        explain(play.recorder, "jobset", "train", "other")
    assert explain(play.recorder, "jobset", "train", "default")


@pytest.mark.parametrize(
    ("ns", "text"), [(0, "0s"), (90_500_000_000, "1m30.5s"), (3_600_000_000_000, "1h0m0s"), (10**6, "0.001s")]
)
def test_times(ns: int, text: str) -> None:
    assert clock(ns) == text
