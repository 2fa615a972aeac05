"""A Namespace that is deleted takes with it what is in it: pods first, then the rest."""

from __future__ import annotations

from typing import Any

from jobsim.api.batch import Job
from jobsim.api.core import Namespace, Service
from jobsim.api.jobset import JobSet
from jobsim.api.meta import condition
from jobsim.moment import Moment
from tests.runtime.lab import Lab, jobset

FOREVER = [{"match": {}, "run": "forever", "start": 0, "stop": "2s"}]
TEAM = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}}
DELETE = {"at": "30s", "delete": "namespace/team"}


def in_team(doc: dict[str, Any]) -> dict[str, Any]:
    return {**doc, "metadata": {**doc["metadata"], "namespace": "team"}}


def service(**meta: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "s", "namespace": "team", **meta},
        "spec": {"clusterIP": "None", "selector": {"a": "b"}},
    }


def left(lab: Lab, kind: type) -> list[str]:
    return [obj.name for obj in lab.store.list(kind, "team")]


def test_everything_in_it_goes() -> None:
    lab = Lab(TEAM, in_team(jobset(jobs=2)), jobset("other"), service(), pods=FOREVER, actions=[DELETE])
    assert [left(lab, kind) for kind in (JobSet, Job, Service)] == [[], [], []]
    assert lab.store.get(Namespace, "", "team") is None
    assert [pod.namespace for pod in lab.pods()] == ["default", "default"]
    assert lab.stop.stalls == ()
    gone = [(r["time"] / 1e9, r["kind"]) for r in lab.rows if r.get("type") == "DELETED"]
    # 5 s until the controller looks; the pods stop within 2 s; half their grace period and one second
    # later it looks again, and nothing else went before them.
    assert [time for time, kind in gone if kind == "Pod"] == [37.0] * 4
    assert {time for time, kind in gone if kind in ("JobSet", "Service", "Namespace")} == {40.0}


def test_what_it_says_meanwhile() -> None:
    lab = Lab(TEAM, in_team(jobset(pods=2)), pods=FOREVER, actions=[DELETE], until="36s")
    namespace = lab.store.get(Namespace, "", "team")
    assert namespace is not None
    assert (namespace.status.phase, namespace.spec.finalizers) == ("Terminating", ("kubernetes",))
    remaining = condition(namespace.status.conditions, "NamespaceContentRemaining")
    assert remaining is not None
    assert (remaining.status, remaining.reason) == ("True", "SomeResourcesRemain")
    assert remaining.message == "Some resources are remaining: pods. has 2 resource instances"
    held = condition(namespace.status.conditions, "NamespaceFinalizersRemaining")
    assert held is not None
    assert held.message == (
        "Some content in the namespace has finalizers remaining: "
        "batch.kubernetes.io/job-tracking in 2 resource instances"
    )
    fine = [c for c in namespace.status.conditions if c.status == "False"]
    assert [c.reason for c in fine] == ["ResourcesDiscovered", "ParsedGroupVersions", "ContentDeleted"]


def test_nothing_new_comes_into_it() -> None:
    """K-JOB-14: what the Job controller is refused there is no error and no event."""
    lab = Lab(
        TEAM,
        in_team(jobset(pods=2, failurePolicy={"maxRestarts": 3})),
        service(finalizers=["example.com/hold"]),
        pods=FOREVER,
        actions=[DELETE],
    )
    assert lab.events("FailedCreate") == []
    assert left(lab, Service) == ["s"]
    namespace = lab.store.get(Namespace, "", "team")
    assert namespace is not None
    held = condition(namespace.status.conditions, "NamespaceFinalizersRemaining")
    assert held is not None
    assert "example.com/hold in 1 resource instances" in held.message
    # It asks again and again; nothing else will happen, and the run says so.
    assert lab.stop.reason == "stalled"
    found = [(stall.what, stall.name) for stall in lab.stop.stalls]
    assert found == [("namespace", "team"), ("deletion", "service team/s")]


def test_a_new_object_is_refused_in_the_servers_words() -> None:
    late = {"at": "32s", "object": in_team(jobset("late"))}
    lab = Lab(TEAM, service(finalizers=["example.com/hold"]), late, actions=[DELETE], until="1m")
    assert lab.warnings == [
        'jobsets.jobset.x-k8s.io "late" is forbidden: unable to create new content in namespace team '
        "because it is being terminated"
    ]


def test_the_finalizer_that_held_it_comes_off() -> None:
    free = {
        "at": "60s",
        "patch": "service/s",
        "namespace": "team",
        "merge": {"metadata": {"finalizers": None}},
    }
    lab = Lab(TEAM, service(finalizers=["example.com/hold"]), actions=[DELETE, free])
    assert lab.store.get(Namespace, "", "team") is None
    assert lab.stop.reason == "finished"


def test_a_namespace_that_was_taken_as_existing() -> None:
    lab = Lab(in_team(jobset()), pods=FOREVER, actions=[DELETE])
    assert lab.warnings == []
    assert lab.pods() == []
    assert lab.store.get(Namespace, "", "team") is None


def test_some_may_not_be_deleted() -> None:
    lab = Lab(
        jobset(),
        actions=[
            {"at": 1, "delete": "namespace/default"},
            {"at": 1, "delete": "ns/kube-system"},
            {"at": 1, "delete": "ns/nowhere"},
        ],
    )
    assert lab.js().status.terminal_state == "Completed"
    assert [w.partition(": ")[2] for w in lab.warnings] == [
        'namespaces "default" is forbidden: this namespace may not be deleted',
        'namespaces "kube-system" is forbidden: this namespace may not be deleted',
        'namespaces "nowhere" not found',
    ]


def test_get_namespaces() -> None:
    lab = Lab(TEAM, in_team(jobset()), pods=FOREVER, actions=[DELETE], until="1h")
    before = Moment(lab.recorder.log.rows(), 10 * 10**9)
    assert str(before.get("namespaces")).splitlines() == [
        "NAME              STATUS   AGE",
        "default           Active   10s",
        "kube-node-lease   Active   10s",
        "kube-public       Active   10s",
        "kube-system       Active   10s",
        "team              Active   10s",
    ]
    during = Moment(lab.recorder.log.rows(), 33 * 10**9)
    assert [row.split() for row in str(during.get("ns", "team")).splitlines()[1:]] == [
        ["team", "Terminating", "33s"]
    ]
    after = Moment(lab.recorder.log.rows(), 3600 * 10**9)
    assert "team" not in str(after.get("ns"))
