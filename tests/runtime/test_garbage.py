"""What becomes of what an object owned, from its deletion to the last dependent (K-JOB-120, K-JOB-126)."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api.batch import Job
from jobsim.api.core import Service
from jobsim.api.jobset import JobSet
from jobsim.api.meta import Object
from tests.runtime.lab import FAST, Lab, jobset

FOREVER = [{"match": {}, "run": "forever", "start": 0, "stop": "7s"}]


def gone(lab: Lab, kind: str) -> list[float]:
    return [r["time"] / 1e9 for r in lab.rows if r.get("kind") == kind and r.get("type") == "DELETED"]


def plain_job(name: str = "solo", **spec: Any) -> dict[str, Any]:
    container = {"name": "main", "image": "img"}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"template": template, **spec},
    }


def service(name: str, *owners: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "ownerReferences": list(owners)},
        "spec": {"clusterIP": "None", "selector": {"a": "b"}},
    }


def owner(kind: str, name: str, uid: str = "no-such-uid", **more: Any) -> dict[str, Any]:
    group = {"Job": "batch/v1", "JobSet": "jobset.x-k8s.io/v1alpha2"}.get(kind, "v1")
    return {"apiVersion": group, "kind": kind, "name": name, "uid": uid, **more}


def uid_of(lab: Lab, kind: type[Object], name: str) -> str:
    found = lab.store.get(kind, "default", name)
    assert found is not None
    return found.metadata.uid


class TestAJobSetIsDeleted:
    def delete(self, propagation: str) -> Lab:
        action = {"at": "30s", "delete": "jobset/train", "propagation": propagation}
        return Lab(jobset(jobs=2, pods=2), pods=FOREVER, actions=[action], until="10m")

    def test_in_the_foreground(self) -> None:
        """K-JOB-122: pods first, then their Jobs, then the JobSet."""
        lab = self.delete("Foreground")
        assert (gone(lab, "Pod"), gone(lab, "Job"), gone(lab, "JobSet")) == ([37.0] * 4, [37.0] * 2, [37.0])
        order = [r["kind"] for r in lab.rows if r.get("type") == "DELETED" and r["kind"] != "Service"]
        assert order.index("Job") > order.index("Pod")
        assert order[-1] == "JobSet"

    def test_in_the_background(self) -> None:
        """K-JOB-121: the JobSet at once, its Jobs with it, the pods when they have stopped."""
        lab = self.delete("Background")
        assert (gone(lab, "JobSet"), gone(lab, "Job"), gone(lab, "Pod")) == ([30.0], [30.0] * 2, [37.0] * 4)

    def test_leaving_orphans(self) -> None:
        """K-JOB-120: the Jobs stay, and run on without an owner."""
        lab = self.delete("Orphan")
        assert (gone(lab, "JobSet"), gone(lab, "Job"), gone(lab, "Pod")) == ([30.0], [], [])
        jobs = lab.store.list(Job)
        assert [job.metadata.owner_references for job in jobs] == [(), ()]
        assert [job.status.active for job in jobs] == [2, 2]


def test_a_name_is_free_only_when_the_last_dependent_has_gone() -> None:
    """K-JOB-122: the same JobSet applied again while the old one waits is the old one still."""
    actions = [
        {"at": "30s", "delete": "jobset/train", "propagation": "Foreground"},
        {"at": "33s", "patch": "jobset/train", "merge": {"metadata": {"labels": {"a": "b"}}}},
        {"at": "38s", "patch": "jobset/train", "merge": {"metadata": {"labels": {"a": "b"}}}},
    ]
    lab = Lab(jobset(), pods=FOREVER, actions=actions, until="1m")
    assert lab.warnings == ['patch jobset/train: jobsets.jobset.x-k8s.io "train" not found']


class TestOwnersThatAreNone:
    @pytest.mark.parametrize("there", [False, True], ids=["absent", "another uid"])
    def test_a_dangling_owner(self, there: bool) -> None:
        """K-JOB-121: an owner of another UID is no owner; the object is collected."""
        lab = Lab(*([jobset()] if there else []), service("s", owner("JobSet", "train")), until="10s")
        assert lab.store.get(Service, "default", "s") is None

    def test_one_solid_owner_is_enough(self) -> None:
        """K-JOB-121: the reference that leads nowhere is dropped, the object stays."""
        uid = uid_of(Lab(jobset(), pods=FOREVER, until="1s"), JobSet, "train")
        refs = (owner("JobSet", "train", uid), owner("Job", "nobody"))
        lab = Lab(jobset(), service("s", *refs), pods=FOREVER, until="10s")
        found = lab.store.get(Service, "default", "s")
        assert found is not None
        assert [ref.name for ref in found.metadata.owner_references] == ["train"]


class TestCyclicOwners:
    """Two objects that own each other, or one that owns itself."""

    def circle(self, propagation: str, *, blocks: bool) -> Lab:
        pair = (service("a"), service("b"))
        first = Lab(*pair, until="1s")
        uids = {name: uid_of(first, Service, name) for name in ("a", "b")}
        patches = [
            {
                "at": "5s",
                "patch": f"service/{name}",
                "merge": {
                    "metadata": {
                        "ownerReferences": [owner("Service", other, uids[other], blockOwnerDeletion=blocks)]
                    }
                },
            }
            for name, other in (("a", "b"), ("b", "a"))
        ]
        delete = {"at": "10s", "delete": "service/a", "propagation": propagation}
        return Lab(*pair, actions=[*patches, delete])

    def test_nobody_is_collected_while_both_are_there(self) -> None:
        lab = self.circle("Orphan", blocks=False)
        assert [s.name for s in lab.store.list(Service)] == ["b"]

    @pytest.mark.parametrize("propagation", ["Background", "Foreground"])
    @pytest.mark.parametrize("blocks", [False, True])
    def test_a_circle_goes_whole_and_the_run_ends(self, propagation: str, blocks: bool) -> None:
        """K-JOB-122: what waits for itself stops blocking."""
        lab = self.circle(propagation, blocks=blocks)
        assert list(lab.store.list(Service)) == []
        assert lab.stop.reason == "finished"

    def test_an_object_that_owns_itself(self) -> None:
        """K-JOB-122: it waits for itself for ever, as upstream, and the run says so."""
        uid = uid_of(Lab(service("a"), until="1s"), Service, "a")
        own = {"metadata": {"ownerReferences": [owner("Service", "a", uid, blockOwnerDeletion=True)]}}
        lab = Lab(
            service("a"),
            actions=[
                {"at": "5s", "patch": "service/a", "merge": own},
                {"at": "10s", "delete": "service/a", "propagation": "Foreground"},
            ],
        )
        (stall,) = lab.stop.stalls
        assert (lab.stop.reason, stall.what, stall.name) == ("stalled", "deletion", "service default/a")
        assert stall.message == "held by finalizers: foregroundDeletion"


class TestTtlOfJobs:
    def test_after_the_end(self) -> None:
        """K-JOB-71: the time of the final condition, and the foreground."""
        lab = Lab(
            plain_job(ttlSecondsAfterFinished=30),
            pods=[{"match": {}, "start": 0, "run": "10s"}],
            control=FAST,
        )
        # The pod ends at 10, its Job a window later; both go 30 s after that.
        assert (gone(lab, "Job"), gone(lab, "Pod")) == ([41.0], [41.0])
        assert [r["kind"] for r in lab.rows if r.get("type") == "DELETED"] == ["Pod", "Job"]

    def test_at_once(self) -> None:
        lab = Lab(plain_job(ttlSecondsAfterFinished=0), pods=[{"match": {}, "start": 0, "run": "10s"}])
        assert gone(lab, "Job") == [11.0]

    def test_a_longer_ttl_saves_a_job(self) -> None:
        longer = {"at": "20s", "patch": "job/solo", "merge": {"spec": {"ttlSecondsAfterFinished": 100}}}
        lab = Lab(
            plain_job(ttlSecondsAfterFinished=30),
            pods=[{"match": {}, "start": 0, "run": "10s"}],
            actions=[longer],
        )
        assert gone(lab, "Job") == [111.0]

    def test_its_pods_may_take_their_time(self) -> None:
        """K-JOB-111, K-JOB-123: a failed Job ends when its pods have; then nothing holds it."""
        lab = Lab(
            plain_job(ttlSecondsAfterFinished=5, parallelism=2, backoffLimit=0),
            pods=FOREVER,
            failures=[{"at": "10s", "pod": "solo"}],
        )
        # Failed at 10, killed at 11, stopped at 18, counted at 19; five seconds more.
        assert gone(lab, "Job") == [24.0]


def test_a_pod_that_never_ran_goes_at_once() -> None:
    """K-JOB-126, K-JOB-124: unbound, so no kubelet is asked."""
    lab = Lab(
        jobset(container={"resources": {"limits": {"nvidia.com/gpu": 99}}}),
        actions=[{"at": "30s", "delete": "jobset/train", "propagation": "Foreground"}],
    )
    assert (gone(lab, "Pod"), gone(lab, "JobSet")) == ([30.0] * 2, [30.0])
