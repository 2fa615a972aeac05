"""Clauses of the Job controller that no single sync shows: the catalogue of conditions, and odd moments."""

from __future__ import annotations

from typing import Any

import pytest

from tests.controllers.job.episodes import ended, entries, indexed, job, play, running

FAIL_JOB = {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [3]}}
FAIL_INDEX = {"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [4]}}
ON_DISRUPTION = {
    "action": "FailJob",
    "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
}


def conditions(the_job: dict[str, Any], *script: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return type, reason and message of each condition, in the order in which they became True or False."""
    found: dict[tuple[str, str, str], None] = {}
    for entry in entries(the_job, *script, until=600):
        if entry["do"] == "job-status":
            for c in entry["status"].get("conditions", ()):
                word = c["type"] if c["status"] == "True" else f"not-{c['type']}"
                found[word, c["reason"], c["message"]] = None
    return list(found)


CATALOGUE = [
    pytest.param(
        job(completions=1, backoffLimit=0),
        (ended(3, 0, 1),),
        "Failed",
        "BackoffLimitExceeded",
        "Job has reached the specified backoff limit",
        id="backoff",
    ),
    pytest.param(
        job(completions=1, activeDeadlineSeconds=5),
        ({"at": 9, "podGone": 0},),
        "Failed",
        "DeadlineExceeded",
        "Job was active longer than specified deadline",
        id="deadline",
    ),
    pytest.param(
        job(completions=1, podReplacementPolicy="Failed", podFailurePolicy={"rules": [FAIL_JOB]}),
        (ended(3, 0, 3),),
        "Failed",
        "PodFailurePolicy",
        "Container main for pod ns/j-00000 failed with exit code 3 matching FailJob rule at index 0",
        id="fail-job",
    ),
    pytest.param(
        job(completions=1, podReplacementPolicy="Failed", podFailurePolicy={"rules": [ON_DISRUPTION]}),
        (
            {
                "at": 3,
                "pod": 0,
                "status": {
                    "phase": "Failed",
                    "conditions": [{"type": "DisruptionTarget", "status": "True"}],
                },
            },
        ),
        "Failed",
        "PodFailurePolicy",
        "Pod ns/j-00000 has condition DisruptionTarget matching FailJob rule at index 0",
        id="fail-job-condition",
    ),
    pytest.param(
        indexed(2, backoffLimitPerIndex=0, backoffLimit=2**31 - 1),
        (ended(3, 0, 1), ended(4, 1)),
        "Failed",
        "FailedIndexes",
        "Job has failed indexes",
        id="failed-indexes",
    ),
    pytest.param(
        indexed(3, backoffLimitPerIndex=0, maxFailedIndexes=0, backoffLimit=2**31 - 1),
        (ended(3, 0, 1), {"at": 9, "podGone": 1}, {"at": 9, "podGone": 2}),
        "Failed",
        "MaxFailedIndexesExceeded",
        "Job has exceeded the specified maximal number of failed indexes",
        id="too-many-indexes",
    ),
    pytest.param(
        job(completions=1),
        (ended(3, 0),),
        "Complete",
        "CompletionsReached",
        "Reached expected number of succeeded pods",
        id="success",
    ),
    pytest.param(
        indexed(2, successPolicy={"rules": [{"succeededIndexes": "1"}]}),
        (ended(3, 1), {"at": 9, "podGone": 0}),
        "Complete",
        "SuccessPolicy",
        "Matched rules at index 0",
        id="success-policy",
    ),
]


@pytest.mark.parametrize(("the_job", "script", "type_", "reason", "message"), CATALOGUE)
def test_an_end_has_two_conditions_with_one_reason(
    the_job: dict[str, Any], script: tuple[dict[str, Any], ...], type_: str, reason: str, message: str
) -> None:
    """K-JOB-110: the interim condition, then the final one with its reason and message; and the event."""
    interim = "SuccessCriteriaMet" if type_ == "Complete" else "FailureTarget"
    assert conditions(the_job, *script) == [(interim, reason, message), (type_, reason, message)]
    told = [e for e in entries(the_job, *script, until=600) if e["do"] == "event"]
    event = ("Completed", "Job completed") if type_ == "Complete" else (reason, message)
    assert (told[-1]["reason"], told[-1]["message"]) == event


def test_suspension_has_its_two_reasons() -> None:
    """K-JOB-110."""
    resume = {"at": 3, "job": {"spec": {"suspend": False}}}
    assert conditions(job(suspend=True), resume) == [
        ("Suspended", "JobSuspended", "Job suspended"),
        ("not-Suspended", "JobResumed", "Job resumed"),
    ]


def test_pods_keep_their_real_count_while_the_back_off_holds() -> None:
    """K-JOB-54: as fixed in 1.36.3, so ready never exceeds active and the failure is counted at once."""
    script = (running(0.2, 0), running(0.2, 1), running(0.2, 2), ended(3, 0, 1))
    assert play(indexed(3), *script, until=14)[4:] == [
        "1 status active=3 ready=3",
        "4 status active=2 ready=2 uncounted-failed=pod-0",
        "4 untrack 0",
        "4 status active=2 ready=2 failed=1",
        "13 create 3 index 0",
        "13 status active=3 ready=2 failed=1",
    ]


def test_a_job_that_goes_manages_nothing() -> None:
    """K-JOB-25: neither pods nor the Suspended condition, whatever its spec says meanwhile."""
    script = (
        running(0.2, 0),
        {"at": 3, "jobDelete": "Foreground"},
        {"at": 5, "job": {"spec": {"suspend": True, "parallelism": 5}}},
    )
    lines = play(job(completions=5), *script, until=60)
    assert not [text for text in lines[2:] if "create" in text or "delete" in text or "Suspended" in text]


def test_a_suspended_job_may_still_complete() -> None:
    """K-JOB-83: pods that ended before they could be counted suffice."""
    script = (running(0.2, 0), ended(2.5, 0), {"at": 3, "job": {"spec": {"suspend": True}}})
    lines = play(job(completions=1), *script, until=60)
    assert lines[-1].endswith("Completed: Job completed")
    assert any("Complete" in text and " status" in text for text in lines)


def test_a_policy_looks_at_pods_that_have_failed_and_at_no_restart() -> None:
    """K-JOB-63: a deletion mark and a restarted container are no failure; the end of the pod is."""
    the_job = job(
        completions=1, podReplacementPolicy="Failed", podFailurePolicy={"rules": [FAIL_JOB]}, backoffLimit=9
    )
    restarted = running(2, 0, restarts=3)
    restarted["status"]["containerStatuses"][0]["lastState"] = {"terminated": {"exitCode": 3}}
    lines = play(the_job, running(0.5, 0), restarted, {"at": 5, "podDelete": 0}, ended(20, 0, 3), until=60)
    assert next(text for text in lines if "FailureTarget" in text).startswith("21 ")
    assert not [text for text in lines if "failed=" in text and float(text.split()[0]) < 21]


def test_a_pod_is_counted_once_whatever_the_cache_shows() -> None:
    """K-JOB-15: with a lag the controller's own patch is not seen at once."""
    lines = play(job(completions=2, parallelism=2), ended(3, 0), ended(3.1, 1), watchLagSeconds=0.4, until=60)
    counts = [word for text in lines for word in text.split() if word.startswith("succeeded=")]
    assert counts[-1] == "succeeded=2"
    assert counts == sorted(counts)
    assert len([text for text in lines if "untrack" in text]) == 2
