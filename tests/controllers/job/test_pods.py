"""The tally of pods: who is active, who failed, who goes first; and the pods that a Job makes."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api import codec
from jobsim.api._struct import Time, replace
from jobsim.api.batch import Job, JobStatus, UncountedTerminatedPods
from jobsim.api.meta import Condition, ObjectMeta
from jobsim.api.pod import Container, ContainerStatus, EnvVar, Pod, PodSpec, PodStatus
from jobsim.controllers.job.pod_tally import NO_INDEX, LastFailure
from jobsim.controllers.job.pod_template import indexed_pod, name_prefix, template
from jobsim.controllers.job.pods import completion_index, is_ready, tally
from jobsim.controllers.job.victims import removal_order
from jobsim.units import SECOND
from tests.controllers.job import episodes
from tests.controllers.job.episodes import TRACKING

INDEX = "batch.kubernetes.io/job-completion-index"
FAILURES = "batch.kubernetes.io/job-index-failure-count"


def a_job(document: dict[str, Any]) -> Job:
    """Return a Job of the episodes' builders as an object."""
    job = codec.from_dict({**document, "apiVersion": "batch/v1", "kind": "Job"})
    assert isinstance(job, Job)
    return job


def pod(name: str, phase: str, **given: Any) -> Pod:
    """Return a tracked pod; what is given: index, ready, deleted, finalizers, annotations, restarts."""
    annotations = dict(given.get("annotations", {}))
    if "index" in given:
        annotations[INDEX] = str(given["index"])
    meta = ObjectMeta(
        name=name,
        uid=name,
        creation_timestamp=Time(0),
        annotations=annotations,
        finalizers=given.get("finalizers", (TRACKING,)),
        deletion_timestamp=Time(30 * SECOND) if given.get("deleted") else None,
        deletion_grace_period_seconds=30 if given.get("deleted") else None,
    )
    ready = Condition(type="Ready", status="True" if given.get("ready") else "False")
    restarts = given.get("restarts", 0)
    status = PodStatus(
        phase=phase,  # type: ignore[arg-type]
        conditions=(Condition(type="PodScheduled", status="True"), ready) if "ready" in given else (),
        container_statuses=(ContainerStatus(name="main", restart_count=restarts),),
        init_container_statuses=(ContainerStatus(name="init", restart_count=restarts),),
    )
    return Pod(metadata=meta, status=status)


PODS = (
    pod("a", "Running", index=0, ready=True, restarts=1),
    pod("b", "Pending", index=2, restarts=2),
    pod("c", "Running", index=3, ready=True, deleted=True, restarts=4),
    pod("d", "Succeeded", index=4, deleted=True),
    pod("e", "Failed", index=1, restarts=8),
    pod("f", "Failed", index=5, finalizers=()),
    pod("g", "Succeeded", index=17),
)


class TestTally:
    def test_counts(self) -> None:
        """K-JOB-102, K-JOB-103, K-JOB-46: terminating pods restart too, ended ones do not."""
        found = tally(a_job(episodes.indexed(6, restartPolicy="OnFailure")), PODS)
        assert (found.active, found.ready, found.terminating) == (2, 1, 1)
        assert found.restarts == 2 * (1 + 2 + 4)
        assert (found.active_indexes, found.terminating_indexes) == (((0, 0), (2, 2)), ((3, 3),))
        assert found.succeeded_indexes == ((4, 4),)
        assert [ref.name for ref in found.active_pods()] == ["a", "b"]

    @pytest.mark.parametrize(
        ("policy", "failed_at"),
        [("TerminatingOrFailed", [0, 0]), ("Failed", [0])],
    )
    def test_a_mark_is_a_failure_unless_replacements_wait(self, policy: str, failed_at: list[int]) -> None:
        """K-JOB-44; a pod without the finalizer was counted before (K-JOB-43)."""
        found = tally(a_job(episodes.indexed(6, podReplacementPolicy=policy)), PODS)
        assert found.failed_at == failed_at
        assert found.failed_counting == len(failed_at)
        assert found.succeeded_at == [0]

    def test_what_the_status_lists_is_not_new(self) -> None:
        """K-JOB-100."""
        listed = UncountedTerminatedPods(succeeded=("d",), failed=("e", "gone"))
        job = a_job(episodes.indexed(6, podReplacementPolicy="Failed"))
        job = replace(job, status=JobStatus(uncounted_terminated_pods=listed))
        found = tally(job, PODS)
        assert (found.succeeded_at, found.failed_at) == ([], [])
        assert found.held_uids(("d", "e", "f", "gone")) == {"d", "e"}
        assert found.held_uids(()) == set()

    def test_tracked_pods_by_index(self) -> None:
        """K-JOB-100, K-JOB-101."""
        found = tally(a_job(episodes.indexed(6)), PODS)
        assert [p.name for p in found.tracked(all_pods=False)] == ["e", "c", "d", "g"]
        assert [p.name for p in found.tracked(all_pods=True)] == ["a", "e", "b", "c", "d", "g"]
        verdicts = {p.name: (p.succeeded, p.failed) for p in found.tracked(all_pods=True)}
        assert verdicts["c"] == verdicts["e"] == (False, True)
        assert verdicts["a"] == (False, False)

    def test_a_failed_index_has_failed_often_enough(self) -> None:
        """K-JOB-55: broken annotations count as none."""
        counts = ["3", "2", "x", "-4", "99999999999", "+3"]
        pods = [pod(f"p{i}", "Failed", index=i, annotations={FAILURES: n}) for i, n in enumerate(counts)]
        job = a_job(episodes.indexed(6, backoffLimitPerIndex=3))
        assert tally(job, pods).failed_indexes == ((0, 0), (5, 5))

    def test_the_last_failure_of_an_index(self) -> None:
        """K-JOB-57: more failures first, then the later one; decided and active indexes have none."""
        pods = [
            pod("old", "Failed", index=0, annotations={FAILURES: "1"}),
            pod("new", "Failed", index=0, annotations={FAILURES: "2"}),
            pod("older", "Failed", index=0, annotations={FAILURES: "0"}),
            pod("decided", "Failed", index=1),
            pod("active", "Failed", index=2),
            pod("runs", "Running", index=2),
            pod("counted", "Failed", index=3, finalizers=()),
            pod("beyond", "Failed", index=9),
            pod("won", "Succeeded", index=4),
        ]
        found = tally(a_job(episodes.indexed(6, backoffLimitPerIndex=3)), pods)
        last = found.last_failures(((1, 1),))
        assert {index: failure.uid for index, failure in last.items()} == {0: "new"}


class TestSurplus:
    @pytest.mark.parametrize(
        ("at_least", "names"),
        [
            (0, ["none", "beyond", "twin"]),
            (3, ["none", "beyond", "twin"]),
            (4, ["none", "beyond", "twin", "b"]),
        ],
    )
    def test_misplaced_pods_go_first(self, at_least: int, names: list[str]) -> None:
        """K-JOB-37."""
        pods = [
            pod("a", "Running", index=0, ready=True),
            pod("b", "Running", index=1),
            pod("none", "Running"),
            pod("twin", "Pending", index=0),
            pod("beyond", "Running", index=2, ready=True),
        ]
        found = tally(a_job(episodes.indexed(2)), pods).surplus(at_least)
        assert sorted(ref.name for ref in found) == sorted(names)

    def test_none_is_misplaced(self) -> None:
        pods = [pod("a", "Running", index=0), pod("b", "Running", index=1)]
        assert tally(a_job(episodes.indexed(2)), pods).surplus(0) == []
        assert tally(a_job(episodes.indexed(2)), []).surplus(0) == []

    def test_order(self) -> None:
        """K-JOB-37, from the first to go to the last."""

        def active(name: str, node: str = "n", phase: str = "Running", **given: Any) -> Pod:
            made = pod(name, phase, **given)
            meta = replace(made.metadata, creation_timestamp=given.get("created", Time(5)))
            spec = PodSpec(
                node_name=node, init_containers=(Container(name="init", restart_policy=given.get("init")),)
            )
            since = given.get("since")
            conditions = tuple(replace(c, last_transition_time=since) for c in made.status.conditions)
            return replace(made, metadata=meta, spec=spec, status=replace(made.status, conditions=conditions))

        ordered = [
            active("unassigned", node="", ready=True),
            active("pending", phase="Pending"),
            active("unknown", phase="Unknown"),
            active("restarted", restarts=3),
            active("sidecar-restarted", restarts=2, init="Always"),
            active("less-restarted", restarts=2),
            active("undated", created=None),
            active("young", created=Time(9)),
            active("old", created=Time(2)),
            active("ready-undated", ready=True),
            active("just-ready", ready=True, since=Time(9)),
            active("long-ready", ready=True, since=Time(3)),
        ]
        names = [p.name for p in removal_order(sorted(ordered, key=lambda p: p.name))]
        assert names == [p.name for p in ordered]


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("7", 7),
        ("+7", 7),
        ("-1", NO_INDEX),
        ("", NO_INDEX),
        (" 7", NO_INDEX),
        ("7_0", NO_INDEX),
        ("٧", NO_INDEX),
    ],
)
def test_completion_index(text: str, index: int) -> None:
    assert completion_index({INDEX: text}) == index
    assert completion_index({}) == NO_INDEX


def test_ready() -> None:
    assert is_ready(pod("p", "Running", ready=True))
    assert not is_ready(pod("p", "Running", ready=False))
    assert not is_ready(pod("p", "Running"))


class TestTemplate:
    def test_a_pod_of_a_job(self) -> None:
        """K-JOB-35."""
        made = template(a_job(episodes.job())).base
        assert made.metadata.generate_name == "j-"
        assert made.metadata.finalizers == (TRACKING,)
        owner = made.controller()
        assert owner is not None
        assert (owner.uid, owner.block_owner_deletion) == ("job-uid-1", True)
        assert made.spec.containers[0].env == ()

    def test_a_pod_of_an_index(self) -> None:
        """K-JOB-41: annotation, label, hostname, environment."""
        job = a_job(episodes.indexed(3))
        source = template(job)
        made = indexed_pod(source, 2, None)
        assert made.metadata.generate_name == "j-2-"
        assert made.metadata.labels[INDEX] == made.metadata.annotations[INDEX] == "2"
        assert FAILURES not in made.metadata.annotations
        assert made.spec.hostname == "j-2"
        (env,) = made.spec.containers[0].env
        assert (env.name, env.value_from) == (
            "JOB_COMPLETION_INDEX",
            {"fieldRef": {"fieldPath": f"metadata.labels['{INDEX}']"}},
        )

    def test_what_is_equal_is_shared(self) -> None:
        """100,000 pods of a run are 100,000 times what differs."""
        source = template(a_job(episodes.indexed(3)))
        a, b = indexed_pod(source, 0, None), indexed_pod(source, 1, None)
        assert a.spec.containers is b.spec.containers
        assert a.metadata.owner_references is b.metadata.owner_references
        assert a.metadata.finalizers is b.metadata.finalizers

    def test_the_users_own_words_stay(self) -> None:
        """K-JOB-04, K-JOB-41: a finalizer is not doubled, a variable not overwritten."""
        job = a_job(episodes.indexed(1))
        mine = EnvVar(name="JOB_COMPLETION_INDEX", value="mine")
        spec = PodSpec(containers=(Container(name="a", env=(mine,)),), init_containers=(Container(name="b"),))
        given = replace(job.spec.template, metadata=ObjectMeta(finalizers=(TRACKING, "x")), spec=spec)
        source = template(replace(job, spec=replace(job.spec, template=given)))
        assert source.base.metadata.finalizers == (TRACKING, "x")
        assert source.base.spec.containers[0].env == (mine,)
        assert [env.name for env in source.base.spec.init_containers[0].env] == ["JOB_COMPLETION_INDEX"]

    @pytest.mark.parametrize(
        ("replaced", "counts"),
        [(None, ("0", None)), ((1, 0, True), ("2", None)), ((1, 2, False), ("1", "3"))],
    )
    def test_failures_of_the_index_are_carried_on(
        self, replaced: tuple[int, int, bool] | None, counts: tuple[str, str | None]
    ) -> None:
        """K-JOB-55."""
        last = None
        if replaced is not None:
            failures, ignored, does_count = replaced
            last = LastFailure(
                uid="p", failures=failures, ignored_failures=ignored, counts=does_count, finished=0
            )
        made = indexed_pod(template(a_job(episodes.indexed(1, backoffLimitPerIndex=3))), 0, last)
        ignored_name = "batch.kubernetes.io/job-index-ignored-failure-count"
        annotations = made.metadata.annotations
        assert (annotations[FAILURES], annotations.get(ignored_name)) == counts

    def test_a_long_name_is_cut_before_the_index(self) -> None:
        """K-JOB-35: 58 characters with the index."""
        assert name_prefix("x" * 56, 3) == "x" * 55 + "-3-"
        assert name_prefix("x" * 63, 123) == "x" * 53 + "-123-"
        assert name_prefix("x" * 55, 3) == "x" * 55 + "-3-"
