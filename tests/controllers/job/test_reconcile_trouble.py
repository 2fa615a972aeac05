"""The Job controller's sync, clause by clause, as episodes: what is sent, when, in which order."""

from __future__ import annotations

from typing import Any

import pytest

from tests.controllers.job.episodes import ended, entries, indexed, job, play, running

LIMIT = "BackoffLimitExceeded: Job has reached the specified backoff limit"
END = "Completed: Job completed"


class TestScale:
    def test_down(self) -> None:
        """K-JOB-37: the pod that does most stays."""
        fewer = {"at": 3, "job": {"spec": {"parallelism": 1}}}
        assert play(job(parallelism=3), running(0.2, 1), fewer, until=9)[5:] == [
            "3 untrack 0",
            "3 untrack 2",
            "3 delete 0",
            "3 delete 2",
            "3 status active=1 ready=1 terminating=2",
            "4 status active=1 ready=1",
        ]

    def test_indexes_beyond_the_new_end_are_forgotten(self) -> None:
        """K-JOB-85."""
        fewer = {"at": 5, "job": {"spec": {"parallelism": 2, "completions": 2}}}
        lines = play(indexed(3), ended(2, 2), fewer, ended(7, 0), ended(7, 1))
        assert lines[4:7] == ["3 status active=2 succeeded=1 done=2", "3 untrack 2", "5 status active=2"]
        assert lines[-2] == "8 status succeeded=2 done=0,1 SuccessCriteriaMet Complete"

    def test_five_hundred_at_a_time(self) -> None:
        """K-JOB-31, K-JOB-34."""
        lines = play(job(parallelism=600), until=3)
        assert sum(text.startswith("0 create") for text in lines) == 500
        assert sum(text.startswith("1 create") for text in lines) == 100

    def test_finished_pods_in_portions(self) -> None:
        """K-JOB-100."""
        script = [ended(2, pod) for pod in range(501)]
        lines = play(indexed(501), *script, until=9)
        assert sum(text.startswith("3 untrack") for text in lines) == 500
        assert [text for text in lines if not text.startswith(("0", "3 untrack"))] == [
            "1 create 500 index 500",
            "1 status active=501",
            "3 status succeeded=501 done=0-500 SuccessCriteriaMet",
            "4 untrack 500",
            "4 status succeeded=501 done=0-500 SuccessCriteriaMet Complete",
            f"4 {END}",
        ]

    def test_doubled_indexes_go(self) -> None:
        """K-JOB-37: of each index the best stays, strangers go first."""
        double = {"metadata": {"name": "j-0-x", **_owned(index="0")}, "spec": {"containers": []}}
        lost = {"metadata": {"name": "j-7-x", **_owned(index="7")}, "spec": {"containers": []}}
        script = (running(0.2, 0), {"at": 2, "podCreate": double}, {"at": 2, "podCreate": lost})
        lines = play(indexed(1), *script, until=9)
        assert [text for text in lines if "delete" in text] == ["3 delete 1", "3 delete 2"]


class TestOwnership:
    def test_an_orphan_is_adopted_and_a_stranger_released(self) -> None:
        """K-JOB-20.7."""
        labels = {"batch.kubernetes.io/controller-uid": "job-uid-1"}
        orphan = {"metadata": {"name": "o", "labels": labels}, "spec": {"containers": []}}
        strip = {"metadata": {"labels": {"batch.kubernetes.io/controller-uid": None}}}
        script = ({"at": 2, "podCreate": orphan}, {"at": 5.5, "pod": 0, **strip})
        assert play(job(parallelism=2), *script, until=8)[3:] == [
            "3 adopt 2",
            "3 untrack 2",
            "3 delete 2",
            "3 status active=2 terminating=1",
            "4 status active=2",
            "6.5 release 0",
            "6.5 create 3",
        ]

    def test_a_refused_adoption_is_tried_again(self) -> None:
        """K-JOB-11: errors after 1 s, then 2 s."""
        labels = {"batch.kubernetes.io/controller-uid": "job-uid-1"}
        orphan = {"metadata": {"name": "o", "labels": labels}, "spec": {"containers": []}}
        faults = [{"do": "patch-pod", "nth": [1, 2], "error": "InternalError"}]
        lines = play(job(suspend=True), {"at": 2, "podCreate": orphan}, until=8, faults=faults)
        assert lines[2:5] == [
            "3 adopt 0 -> InternalError",
            "4 adopt 0 -> InternalError",
            "6 adopt 0",
        ]

    def test_a_job_that_goes_lets_go_of_its_pods(self) -> None:
        """K-JOB-123: nothing is created, adopted or counted any more."""
        script = ({"at": 3, "jobDelete": "Foreground"}, ended(3.5, 0))
        assert play(indexed(2), running(0.2, 0), *script, until=9)[3:] == [
            "1 status active=2 ready=1",
            "3 untrack 0",
            "3 untrack 1",
            "4 status active=1",
        ]

    def test_a_job_that_goes_adopts_nothing(self) -> None:
        """K-JOB-123."""
        labels = {"batch.kubernetes.io/controller-uid": "job-uid-1"}
        orphan = {"metadata": {"name": "o", "labels": labels}, "spec": {"containers": []}}
        script = ({"at": 3, "jobDelete": "Foreground"}, {"at": 4, "podCreate": orphan})
        assert play(job(), *script, until=9)[2:] == ["3 untrack 0"]

    def test_an_orphan_that_goes_is_not_adopted(self) -> None:
        """K-JOB-20.7."""
        meta = {"name": "o", "labels": {"batch.kubernetes.io/controller-uid": "job-uid-1"}}
        orphan = {"metadata": {**meta, "finalizers": ["x"]}, "spec": {"containers": []}}
        script = ({"at": 2, "podCreate": orphan}, {"at": 2.5, "podDelete": 1})
        assert not any("adopt" in text for text in play(job(), *script, until=9))

    def test_the_orphan_queue_frees_the_pods_of_a_job_that_is_gone(self) -> None:
        """K-JOB-13, K-JOB-123."""
        lines = play(indexed(2), {"at": 3, "jobDelete": "Background"}, until=9)
        assert lines[3:] == ["3 untrack 0", "3 untrack 1"]

    def test_another_controllers_job_is_left_alone(self) -> None:
        """K-JOB-90."""
        assert play(job(managedBy="example.com/mine"), until=9) == []

    def test_an_unknown_mode_is_told(self) -> None:
        """K-JOB-20.5."""
        assert play(job(completionMode="Odd"), until=9) == [
            "0 UnknownCompletionMode: Skipped Job sync because completion mode is unknown"
        ]


class TestErrors:
    def test_refused_creations_back_off_and_stop_the_batches(self) -> None:
        """K-JOB-33, K-JOB-11: the status is written before the error is returned."""
        faults = [{"do": "create-pod", "nth": [2, 4], "error": "Forbidden", "message": "no"}]
        assert play(job(parallelism=4, completions=4), until=9, faults=faults) == [
            "0 create 0",
            "0 create - -> Forbidden",
            "0 create 1",
            "0 FailedCreate: Error creating: no",
            "0 status active=2",
            "1 create - -> Forbidden",
            "1 FailedCreate: Error creating: no",
            "3 create 2",
            "3 create 3",
            "3 status active=4",
        ]

    def test_a_terminating_namespace_swallows_creations(self) -> None:
        """K-JOB-14 (erratum): no event, no error, and nothing is managed for five minutes."""
        script = (
            {"at": 10, "job": {"spec": {"suspend": True}}},
            {"at": 301, "job": {"spec": {"parallelism": 1}}},
        )
        faults = [{"do": "create-pod", "nth": [2], "error": "NamespaceTerminating"}]
        assert play(job(parallelism=2, completions=2), *script, until=400, faults=faults) == [
            "0 create 0",
            "0 create - -> NamespaceTerminating",
            "0 status active=2",
            "1 status active=1",
            "301 untrack 0",
            "301 delete 0",
            "301 Suspended: Job suspended",
            "301 status terminating=1 Suspended unstarted",
            "302 status Suspended unstarted",
        ]

    def test_a_refused_status_is_written_again(self) -> None:
        faults = [{"do": "job-status", "nth": [1], "error": "Conflict"}]
        assert play(job(completions=1), until=9, faults=faults) == [
            "0 create 0",
            "0 status active=1 -> Conflict",
            "1 status active=1",
        ]

    @pytest.mark.parametrize("nth", [3, 2])
    def test_no_end_is_told_before_it_is_written(self, nth: int) -> None:
        """K-JOB-100: either flush may fail; nothing is counted twice."""
        faults = [{"do": "job-status", "nth": [nth], "error": "InternalError"}]
        lines = play(job(completions=1), ended(2, 0), until=9, faults=faults)
        assert lines[-2:] == ["4 status succeeded=1 SuccessCriteriaMet Complete", f"4 {END}"]
        assert sum("Completed" in text for text in lines) == 1

    def test_a_finalizer_that_stays_is_counted_later(self) -> None:
        """K-JOB-100: partial progress is written."""
        faults = [{"do": "patch-pod", "pod": 0, "times": 1, "error": "InternalError"}]
        script = (ended(2, 0), ended(2, 1))
        assert play(job(completions=2, parallelism=2), *script, faults=faults)[3:] == [
            "3 status uncounted-succeeded=pod-0,pod-1 SuccessCriteriaMet",
            "3 untrack 0 -> InternalError",
            "3 untrack 1",
            "3 status succeeded=1 uncounted-succeeded=pod-0 SuccessCriteriaMet",
            "4 untrack 0",
            "4 status succeeded=2 SuccessCriteriaMet Complete",
            f"4 {END}",
        ]

    def test_partial_progress_may_be_refused_too(self) -> None:
        faults = [
            {"do": "patch-pod", "pod": 0, "times": 1, "error": "InternalError"},
            {"do": "job-status", "nth": [3], "error": "InternalError"},
        ]
        script = (ended(2, 0), ended(2, 1))
        lines = play(job(completions=2, parallelism=2), *script, faults=faults)
        assert lines[-2:] == ["4 status succeeded=2 SuccessCriteriaMet Complete", f"4 {END}"]

    def test_an_indexed_success_whose_finalizer_stays_is_not_counted_again(self) -> None:
        """K-JOB-43."""
        faults = [{"do": "patch-pod", "pod": 0, "times": 1, "error": "InternalError"}]
        assert play(indexed(2), ended(2, 0), until=5, faults=faults)[3:] == [
            "3 status active=1 succeeded=1 done=0",
            "3 untrack 0 -> InternalError",
            "4 untrack 0",
        ]

    def test_a_pod_that_cannot_be_deleted_puts_off_the_end(self) -> None:
        """K-JOB-23, K-JOB-24."""
        faults = [{"do": "delete-pod", "times": 1, "error": "InternalError", "message": "no"}]
        script = (running(0.2, 1), ended(2, 0, 1))
        assert play(indexed(2, backoffLimit=0), *script, until=5, faults=faults)[4:] == [
            "3 delete 1 -> InternalError",
            "3 FailedDelete: Error deleting: no",
            "3 status active=1 uncounted-failed=pod-0",
            "3 untrack 0",
            "3 status active=1 failed=1",
            "4 delete 1",
            "4 status terminating=1 failed=1 uncounted-failed=pod-1 FailureTarget",
            "4 untrack 1",
            "4 status terminating=1 failed=2 FailureTarget",
        ]

    @pytest.mark.parametrize(
        ("fault", "expected"),
        [
            pytest.param(
                {"do": "patch-pod", "pod": 0, "error": "NotFound"},
                ["2 untrack 0 -> NotFound", "2 untrack 1", "2 delete 1"],
                id="gone-before-the-patch",
            ),
            pytest.param(
                {"do": "patch-pod", "pod": 0, "error": "Conflict"},
                ["2 untrack 0 -> Conflict", "2 untrack 1", "2 delete 1"],
                id="patch-refused",
            ),
            pytest.param(
                {"do": "delete-pod", "pod": 0, "error": "NotFound"},
                ["2 untrack 0", "2 untrack 1", "2 delete 0 -> NotFound", "2 delete 1"],
                id="gone-before-the-delete",
            ),
        ],
    )
    def test_suspending_tolerates_pods_that_are_gone(
        self, fault: dict[str, Any], expected: list[str]
    ) -> None:
        """K-JOB-37: each pod's finalizer first, then its delete."""
        suspend = {"at": 2, "job": {"spec": {"suspend": True}}}
        resume = {"at": 2.5, "job": {"spec": {"parallelism": 3, "completions": 3, "suspend": False}}}
        lines = play(indexed(2), suspend, resume, until=2.9, faults=[{**fault, "times": 1}])
        assert [text for text in lines if "untrack" in text or "delete" in text] == expected
        (status,) = [text for text in lines if text.startswith("2 status")]
        assert ("active=1" in status) == (fault["error"] == "Conflict")
        # What was not taken away is not waited for either (K-JOB-14).
        assert "2.5 create 2 index 1" in lines

    def test_what_is_listed_as_failed_stays_failed(self) -> None:
        """K-JOB-100: a pod listed at its deletion mark is counted once, though it ends well after."""
        faults = [{"do": "patch-pod", "times": 1, "error": "InternalError"}]
        script = (running(0.2, 0), {"at": 2, "podDelete": 0}, ended(3.5, 0, 0))
        assert play(job(completions=2), *script, until=5, faults=faults)[3:] == [
            "3 status terminating=1 uncounted-failed=pod-0",
            "3 untrack 0 -> InternalError",
            "4 create 1",
            "4 status active=1 uncounted-failed=pod-0",
            "4 untrack 0",
            "4 status active=1 failed=1",
        ]

    def test_the_earlier_of_two_wishes_counts(self) -> None:
        """K-JOB-12: the end of a back-off before a deadline, and after."""
        the_job = job(completions=1, activeDeadlineSeconds=30)
        assert "13 create 1" in play(the_job, ended(3, 0, 1), until=20)
        the_job = job(completions=1, activeDeadlineSeconds=8)
        assert "8 status failed=1 FailureTarget" in play(the_job, ended(3, 0, 1), until=20)

    def test_a_deadline_is_not_lost_among_errors(self) -> None:
        """K-JOB-11: queued in each sync that looks at it, whatever becomes of the sync."""
        faults = [{"do": "create-pod", "error": "Forbidden"}]
        lines = play(job(completions=1, activeDeadlineSeconds=20), until=60, faults=faults)
        assert "20 status FailureTarget" in lines


class TestTime:
    def test_a_lagging_cache_puts_a_sync_off(self) -> None:
        """K-JOB-16 (erratum): own writes not seen, so the window's work moves by the error's delay."""
        more = {"at": 2.4, "job": {"spec": {"parallelism": 3}}}
        script = (running(1, 0), more, ended(2.45, 1))
        lines = play(job(parallelism=2), *script, watchLagSeconds=0.3, until=3.95)
        # The status of 1.6 is heard at 1.9 and opens a window until 2.9; then the writes of 2.7 are unseen.
        assert lines[4:] == [
            "2.7 create 2",
            "2.7 status active=3 ready=1",
            "3.9 status active=2 ready=1 uncounted-succeeded=pod-1",
            "3.9 untrack 1",
            "3.9 status active=2 ready=1 succeeded=1",
        ]

    def test_a_restart_forgets_the_back_off(self) -> None:
        """K-JOB-53."""
        script = (ended(2, 0, 1), {"at": 5, "controllerRestart": True})
        lines = play(job(completions=1), *script, until=9)
        assert lines[-2:] == ["5 create 1", "5 status active=1 failed=1"]

    def test_a_restart_with_a_lag_begins_with_full_caches(self) -> None:
        script = (ended(2, 0, 1), {"at": 5, "controllerRestart": True})
        lines = play(job(completions=1), *script, watchLagSeconds=0.3, until=9)
        assert "5 create 1" in lines

    def test_a_new_job_of_the_name_starts_without_back_off(self) -> None:
        """K-JOB-53 (erratum)."""
        script = (
            ended(2, 0, 1),
            {"at": 5, "jobDelete": "Background"},
            {"at": 5, "jobCreate": True},
        )
        timeline = entries(job(completions=1), *script, until=9)
        (made,) = [entry for entry in timeline if entry["do"] == "create-pod" and entry["t"] == 5]
        assert made["object"]["metadata"]["ownerReferences"][0]["uid"] == "job-uid-2"

    def test_a_new_job_of_the_name_may_be_another(self) -> None:
        script = (
            {"at": 5, "jobDelete": "Background"},
            {"at": 5, "jobCreate": job(parallelism=2, metadata={"uid": "another"})},
        )
        timeline = entries(job(), *script, until=9)
        made = [entry for entry in timeline if entry["do"] == "create-pod" and entry["t"] == 5]
        assert len(made) == 2


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
