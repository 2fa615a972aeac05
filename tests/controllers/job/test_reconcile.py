"""The Job controller's sync, clause by clause, as episodes: what is sent, when, in which order."""

from __future__ import annotations

from typing import Any

import pytest

from tests.controllers.job.episodes import ended, entries, indexed, job, line, play, running

LIMIT = "BackoffLimitExceeded: Job has reached the specified backoff limit"
END = "Completed: Job completed"


class TestSuccess:
    def test_a_single_pod(self) -> None:
        """K-JOB-66, K-JOB-100: UID and interim condition, finalizer, count and final condition."""
        assert play(job(completions=1), running(0.2, 0), ended(5.5, 0)) == [
            "0 create 0",
            "0 status active=1",
            "1 status active=1 ready=1",
            "6.5 status uncounted-succeeded=pod-0 SuccessCriteriaMet",
            "6.5 untrack 0",
            "6.5 status succeeded=1 SuccessCriteriaMet Complete",
            f"6.5 {END}",
        ]

    def test_each_pod_has_an_event(self) -> None:
        """K-JOB-36."""
        suspend = {"at": 2, "job": {"spec": {"suspend": True}}}
        lines = [line(e) for e in entries(job(), suspend, until=3) if e["do"] == "event"]
        assert lines == [
            "0 SuccessfulCreate: Created pod: j-00000",
            "2 SuccessfulDelete: Deleted pod: j-00000",
            "2 Suspended: Job suspended",
        ]

    def test_without_completions_one_success_stops_replacements(self) -> None:
        """K-JOB-22, K-JOB-30."""
        assert play(job(parallelism=2), ended(5.5, 0), ended(9, 1))[2:] == [
            "0 status active=2",
            "6.5 status active=1 uncounted-succeeded=pod-0",
            "6.5 untrack 0",
            "6.5 status active=1 succeeded=1",
            "10 status succeeded=1 uncounted-succeeded=pod-1 SuccessCriteriaMet",
            "10 untrack 1",
            "10 status succeeded=2 SuccessCriteriaMet Complete",
            f"10 {END}",
        ]

    def test_an_indexed_success_is_one_write(self) -> None:
        """K-JOB-66, K-JOB-42."""
        script = (running(0.2, 0), ended(2, 1), ended(4, 0), ended(5, 2))
        assert play(indexed(3), *script)[4:] == [
            "1 status active=3 ready=1",
            "3 status active=2 ready=1 succeeded=1 done=1",
            "3 untrack 1",
            "5 status active=1 succeeded=2 done=0,1",
            "5 untrack 0",
            "6 status succeeded=3 done=0-2 SuccessCriteriaMet",
            "6 untrack 2",
            "6 status succeeded=3 done=0-2 SuccessCriteriaMet Complete",
            f"6 {END}",
        ]

    def test_no_completions_at_all(self) -> None:
        """K-JOB-22: completions 0."""
        assert play(indexed(0, suspend=True)) == [
            "0 status SuccessCriteriaMet unstarted",
            "0 status SuccessCriteriaMet Complete unstarted",
            f"0 {END}",
        ]

    def test_more_successes_than_asked_for_are_told(self) -> None:
        """K-JOB-36: TooManySucceededPods."""
        stray = {"metadata": {"name": "s", **_owned()}, "spec": {"containers": []}}
        lines = play(job(completions=1), {"at": 0.1, "podCreate": stray}, ended(0.2, 0), ended(0.3, 1))
        assert lines[-3:] == [
            "1 status succeeded=2 SuccessCriteriaMet Complete",
            "1 TooManySucceededPods: Too many succeeded pods running after completion count reached",
            f"1 {END}",
        ]

    def test_success_policy_ends_the_rest_uncounted(self) -> None:
        """K-JOB-65, K-JOB-47: killed after success counts neither way."""
        the_job = indexed(3, successPolicy={"rules": [{"succeededIndexes": "0"}]})
        script = (running(0.1, 1), ended(2, 0), ended(8, 1), ended(8, 2))
        assert play(the_job, *script)[4:] == [
            "1 status active=3 ready=1",
            "3 delete 1",
            "3 delete 2",
            "3 status terminating=2 succeeded=1 done=0 SuccessCriteriaMet",
            "3 untrack 0",
            "3 untrack 1",
            "3 untrack 2",
            "4 status terminating=1 succeeded=1 done=0 SuccessCriteriaMet",
            "9 status succeeded=1 done=0 SuccessCriteriaMet",
            "9 status succeeded=1 done=0 SuccessCriteriaMet Complete",
            f"9 {END}",
        ]


class TestFailure:
    def test_killed_siblings_count_and_the_end_waits_for_them(self) -> None:
        """K-JOB-45, K-JOB-47, K-JOB-111."""
        script = (running(0.2, 0), running(0.2, 1), ended(3, 0, 1), ended(8, 1, 143))
        assert play(indexed(2, backoffLimit=0), *script)[3:] == [
            "1 status active=2 ready=2",
            "4 delete 1",
            "4 status terminating=1 uncounted-failed=pod-0,pod-1 FailureTarget",
            "4 untrack 0",
            "4 untrack 1",
            "4 status terminating=1 failed=2 FailureTarget",
            "9 status failed=2 FailureTarget",
            "9 status failed=2 FailureTarget Failed",
            f"9 {LIMIT}",
        ]

    def test_replacements_wait_ten_seconds_then_twenty(self) -> None:
        """K-JOB-51: from the finish time, on whole seconds."""
        assert play(job(completions=1), ended(3, 0, 1), ended(20, 1, 1), until=60) == [
            "0 create 0",
            "0 status active=1",
            "4 status uncounted-failed=pod-0",
            "4 untrack 0",
            "4 status failed=1",
            "13 create 1",
            "13 status active=1 failed=1",
            "21 status failed=1 uncounted-failed=pod-1",
            "21 untrack 1",
            "21 status failed=2",
            "40 create 2",
            "40 status active=1 failed=2",
        ]

    @pytest.mark.parametrize(
        ("limit", "restarts", "fails"),
        [(2, (1, 1), True), (3, (1, 1), False), (0, (0, 0), False), (0, (1, 0), True)],
    )
    def test_on_failure_sums_the_restarts_of_the_job(
        self, limit: int, restarts: tuple[int, int], fails: bool
    ) -> None:
        """K-JOB-46."""
        the_job = indexed(2, restartPolicy="OnFailure", backoffLimit=limit)
        script = [running(0.5, pod, restarts=count) for pod, count in enumerate(restarts)]
        lines = play(the_job, *script, until=5)
        assert any("FailureTarget" in text for text in lines) == fails

    def test_the_deadline_counts_from_the_whole_second(self) -> None:
        """K-JOB-70 (erratum)."""
        the_job = job(completions=1, activeDeadlineSeconds=5)
        assert play(the_job, running(1, 0), ended(9, 0, 143), createAt=0.65)[3:] == [
            "5 delete 0",
            "5 status terminating=1 uncounted-failed=pod-0 FailureTarget",
            "5 untrack 0",
            "5 status terminating=1 failed=1 FailureTarget",
            "10 status failed=1 FailureTarget",
            "10 status failed=1 FailureTarget Failed",
            "10 DeadlineExceeded: Job was active longer than specified deadline",
        ]

    def test_a_new_deadline_is_looked_at_when_it_is_over(self) -> None:
        """K-JOB-11: the deadline timer when the field changes."""
        shorten = {"at": 3.5, "job": {"spec": {"activeDeadlineSeconds": 7}}}
        lines = play(job(activeDeadlineSeconds=100), running(0.2, 0), shorten, until=8)
        assert lines[3] == "7 delete 0"

    def test_failure_beats_success(self) -> None:
        """K-JOB-21."""
        lines = play(indexed(2, backoffLimit=0), ended(2, 0), ended(2.5, 1, 1))
        assert lines[-1] == f"3 {LIMIT}"


class TestPerIndex:
    def test_an_index_is_retried_then_lost_and_the_job_fails_at_the_end(self) -> None:
        """K-JOB-55..58: the failed pod is kept until its replacement is there."""
        the_job = indexed(
            2, parallelism=1, backoffLimit=2147483647, backoffLimitPerIndex=1, maxFailedIndexes=1
        )
        assert play(the_job, ended(2, 0, 1), ended(15, 1, 1), ended(20, 2), until=60) == [
            "0 create 0 index 0",
            "0 status active=1 lost=",
            "3 status lost=",
            "12 create 1 index 0",
            "12 status active=1 lost=",
            "13 status active=1 uncounted-failed=pod-0 lost=",
            "13 untrack 0",
            "13 status active=1 failed=1 lost=",
            "16 create 2 index 1",
            "16 status active=1 failed=1 uncounted-failed=pod-1 lost=0",
            "16 untrack 1",
            "16 status active=1 failed=2 lost=0",
            "21 status succeeded=1 failed=2 done=1 lost=0 FailureTarget",
            "21 untrack 2",
            "21 status succeeded=1 failed=2 done=1 lost=0 FailureTarget Failed",
            "21 FailedIndexes: Job has failed indexes",
        ]

    def test_one_index_too_many(self) -> None:
        """K-JOB-58."""
        the_job = indexed(3, backoffLimit=2147483647, backoffLimitPerIndex=0, maxFailedIndexes=0)
        lines = play(the_job, ended(2, 1, 1), until=60)
        words = "MaxFailedIndexesExceeded: Job has exceeded the specified maximal number of failed indexes"
        assert lines[-1] == f"4 {words}"
        assert "3 status terminating=2 uncounted-failed=pod-0,pod-1,pod-2 lost=1 FailureTarget" in lines

    def test_an_index_that_waits_blocks_those_behind_it(self) -> None:
        """K-JOB-56 (erratum): candidates are cut before they are filtered."""
        the_job = indexed(3, parallelism=1, backoffLimit=2147483647, backoffLimitPerIndex=5)
        lines = play(the_job, ended(2, 0, 1), until=14)
        assert [text for text in lines if "create" in text] == ["0 create 0 index 0", "12 create 1 index 0"]

    def test_the_pod_carries_the_failures_of_its_index(self) -> None:
        """K-JOB-55: counted and ignored apart."""
        policy = {"rules": [_rule("Ignore", exit_code=9)]}
        the_job = indexed(
            1,
            backoffLimitPerIndex=5,
            backoffLimit=2147483647,
            podFailurePolicy=policy,
            podReplacementPolicy="Failed",
        )
        script = (ended(1, 0, 9), ended(20, 1, 1), ended(50, 2, 1))
        made = [e for e in entries(the_job, *script, until=200) if e["do"] == "create-pod"]
        prefix = "batch.kubernetes.io/job-index-"
        assert [[e["annotations"].get(prefix + n) for n in NAMES] for e in made] == [
            ["0", None],
            ["0", "1"],
            ["1", "1"],
            ["2", "1"],
        ]


NAMES = ("failure-count", "ignored-failure-count")


class TestPodFailurePolicy:
    def test_fail_job(self) -> None:
        """K-JOB-61, K-JOB-62."""
        the_job = indexed(
            2, podReplacementPolicy="Failed", podFailurePolicy={"rules": [_rule("FailJob", exit_code=3)]}
        )
        assert play(the_job, ended(2, 1, 3))[3:] == [
            "3 delete 0",
            "3 status terminating=1 uncounted-failed=pod-0,pod-1 FailureTarget",
            "3 untrack 0",
            "3 untrack 1",
            "3 status terminating=1 failed=2 FailureTarget",
            "4 status failed=2 FailureTarget",
            "4 status failed=2 FailureTarget Failed",
            "4 PodFailurePolicy: Container main for pod ns/j-1-00001 failed with exit code 3 "
            "matching FailJob rule at index 0",
        ]

    def test_ignored_failures_are_not_counted_but_wait(self) -> None:
        """K-JOB-50, K-JOB-61."""
        rule = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
        the_job = indexed(
            1, backoffLimit=0, podReplacementPolicy="Failed", podFailurePolicy={"rules": [rule]}
        )
        disrupted = {
            "phase": "Failed",
            "conditions": [{"type": "DisruptionTarget", "status": "True"}],
        }
        assert play(the_job, {"at": 2, "pod": 0, "status": disrupted}, until=15)[2:] == [
            "3 status",
            "3 untrack 0",
            "10 create 1 index 0",
            "10 status active=1",
        ]

    def test_fail_index(self) -> None:
        """K-JOB-61."""
        the_job = indexed(
            2,
            backoffLimit=2147483647,
            backoffLimitPerIndex=5,
            podReplacementPolicy="Failed",
            podFailurePolicy={"rules": [_rule("FailIndex", exit_code=3)]},
        )
        lines = play(the_job, ended(2, 0, 3), until=30)
        assert "3 status active=1 failed=1 lost=0" in lines
        assert not any("create 2" in text for text in lines)


class TestReplacement:
    def test_failed_waits_for_the_end_of_the_pod(self) -> None:
        """K-JOB-75."""
        the_job = indexed(1, podReplacementPolicy="Failed")
        script = (running(0.2, 0), {"at": 2, "podDelete": 0}, ended(8, 0, 143))
        assert play(the_job, *script, until=20)[3:] == [
            "3 status terminating=1",
            "9 status uncounted-failed=pod-0",
            "9 untrack 0",
            "9 status failed=1",
            "18 create 1 index 0",
            "18 status active=1 failed=1",
        ]

    def test_failed_waits_without_indexes_too(self) -> None:
        """K-JOB-32: terminating pods count towards the desired number."""
        the_job = job(parallelism=2, completions=9, podReplacementPolicy="Failed")
        lines = play(the_job, running(0.2, 0), {"at": 2, "podDelete": 0}, ended(8, 0), until=20)
        assert [text for text in lines if "create" in text] == ["0 create 0", "0 create 1", "9 create 2"]

    def test_terminating_or_failed_counts_the_mark(self) -> None:
        """K-JOB-44, K-JOB-52: back-off from the moment of the delete."""
        script = (running(0.2, 0), {"at": 2, "podDelete": 0}, ended(8, 0))
        assert play(indexed(1), *script, until=20)[3:] == [
            "3 status terminating=1 uncounted-failed=pod-0",
            "3 untrack 0",
            "3 status terminating=1 failed=1",
            "9 status failed=1",
            "12 create 1 index 0",
            "12 status active=1 failed=1",
        ]

    def test_a_pod_that_vanishes_without_an_end_blocks_for_ever(self) -> None:
        """K-JOB-76: the finalizer stays."""
        the_job = indexed(1, podReplacementPolicy="Failed")
        script = (running(0.2, 0), {"at": 2, "podDelete": 0}, {"at": 5, "podGone": 0})
        assert play(the_job, *script, until=500)[3:] == ["3 status terminating=1"]


class TestSuspend:
    def test_suspend_and_resume(self) -> None:
        """K-JOB-80, K-JOB-82: pods go uncounted, the start time goes and comes."""
        script = (
            running(0.5, 0),
            {"at": 3, "job": {"spec": {"suspend": True}}},
            {"at": 9, "podGone": 0},
            {"at": 20.5, "job": {"spec": {"suspend": False}}},
        )
        assert play(indexed(2), *script, until=25)[4:] == [
            "3 untrack 1",
            "3 untrack 0",
            "3 delete 1",
            "3 delete 0",
            "3 Suspended: Job suspended",
            "3 status terminating=2 Suspended unstarted",
            "4 status terminating=1 Suspended unstarted",
            "10 status Suspended unstarted",
            "20.5 create 2 index 0",
            "20.5 create 3 index 1",
            "20.5 Resumed: Job resumed",
            "20.5 status active=2 not-Suspended",
        ]

    def test_created_suspended(self) -> None:
        assert play(indexed(2, suspend=True), until=9) == [
            "0 Suspended: Job suspended",
            "0 status Suspended unstarted",
        ]


def _owned(index: str = "") -> dict[str, Any]:
    """Return metadata that makes a pod one of the Job's."""
    owner = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": "j",
        "uid": "job-uid-1",
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "labels": {"batch.kubernetes.io/controller-uid": "job-uid-1"},
        "annotations": {"batch.kubernetes.io/job-completion-index": index},
        "finalizers": ["batch.kubernetes.io/job-tracking"],
        "ownerReferences": [owner],
    }


def _rule(action: str, *, exit_code: int) -> dict[str, Any]:
    return {"action": action, "onExitCodes": {"operator": "In", "values": [exit_code]}}
