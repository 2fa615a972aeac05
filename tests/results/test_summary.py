"""The summary: its keys, its numbers, and that it depends on nothing but the run."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jobsim.api.core import ObjectReference
from jobsim.api.plan import EventRecord
from jobsim.results.recorder import replay
from jobsim.results.summary import exact_seconds, summary
from tests.results.test_ledger import Play, fail_and_restart, two_jobs


@pytest.fixture
def play() -> Play:
    return Play()


def told(play: Play, **more: Any) -> dict[str, Any]:
    return summary(
        play.recorder,
        seed=7,
        ended_at=play.now,
        writes_by={"update-status jobsets": 2, "create pods": 8},
        refused_by={"create pods": 3},
        stop="finished",
        **more,
    )


TOP_KEYS = [
    "seed",
    "digest",
    "simulatedSeconds",
    "stop",
    "stalls",
    "apiWrites",
    "writesBy",
    "apiWritesRefused",
    "refusedBy",
    "pods",
    "jobsets",
    "warnings",
]
JOBSET_KEYS = [
    *("namespace", "name", "terminalState", "restarts", "restartsCountTowardsMax"),
    *("createdAt", "finishedAt", "deleted", "conditions", "ledger"),
]


def test_keys_and_their_order(play: Play) -> None:
    jobset, jobs, pods = two_jobs(play)
    fail_and_restart(play, jobset, jobs, pods)
    play.at(150.25).finish(jobset)
    found = told(play)
    assert list(found) == TOP_KEYS
    assert found["digest"] == play.recorder.log.digest
    assert found["simulatedSeconds"] == 150.25
    assert found["apiWrites"] == 10
    assert list(found["writesBy"].items()) == [("create pods", 8), ("update-status jobsets", 2)]
    assert (found["apiWritesRefused"], found["refusedBy"]) == (3, {"create pods": 3})
    assert found["pods"] == {"created": 8, "succeeded": 0, "failed": 1, "deleted": 4}
    (js,) = found["jobsets"]
    assert list(js)[: len(JOBSET_KEYS)] == JOBSET_KEYS
    assert js["ledger"] == {
        "elapsed_s": 150.25,
        "useful_s": 20.25,
        "queued_s": 0,
        "starting_s": 10,
        "restarting_s": 30,
        "rework_s": 90,
        "checkpoint_s": 0,
        "stalled_s": 0,
        "degraded_s": 0,
    }
    assert js["ettr"] == 20.25 / 150.25
    assert (js["terminalState"], js["restarts"], js["finishedAt"]) == ("Completed", 1, 150.25)
    assert js["conditions"] == [
        {
            "type": "RestartingJobSet",
            "status": "True",
            "reason": "DefaultFailurePolicy",
            "message": "",
            "lastTransitionTime": 104,
        },
        {
            "type": "Completed",
            "status": "True",
            "reason": "AllJobsCompleted",
            "message": "over",
            "lastTransitionTime": 150,
        },
    ]
    first, second = js["restartBreakdown"]
    assert (first["kind"], first["total_s"]) == ("start", 10)
    assert (second["at"], second["total_s"], second["detect_s"]) == (100, 30, 1)
    assert second["exitCode"] == 1
    json.dumps(found)


def test_conditions_stand_in_the_order_of_first_appearance(play: Play) -> None:
    jobset = play.jobset()
    for type_ in ("B", "A", "C", "B"):
        play.condition(jobset, type_)
    (js,) = told(play)["jobsets"]
    assert [c["type"] for c in js["conditions"]] == ["B", "A", "C"]


def test_a_deleted_jobset_stays_with_its_last_status(play: Play) -> None:
    jobset, _, _ = two_jobs(play)
    play.at(40).finish(jobset)
    play.at(50).remove(jobset)
    play.at(60)
    (js,) = told(play)["jobsets"]
    assert (js["terminalState"], js["finishedAt"], js["deleted"]) == ("Completed", 40, True)
    assert js["ledger"]["elapsed_s"] == 40


def test_namesakes_are_two(play: Play) -> None:
    play.remove(play.jobset())
    play.at(5).jobset()
    assert [js["createdAt"] for js in told(play)["jobsets"]] == [0, 5]


def test_a_run_without_time() -> None:
    play = Play()
    play.jobset()
    (js,) = told(play)["jobsets"]
    assert js["ettr"] == 0
    assert js["finishedAt"] is None


def test_a_pod_told_to_stop_has_not_failed(play: Play) -> None:
    _, _, pods = two_jobs(play)
    play.at(20).delete(pods[0])
    play.at(21).end(pods[0], 143)
    play.at(22).end(pods[1], 0)
    play.at(23).remove(pods[0])
    assert told(play)["pods"] == {"created": 4, "succeeded": 1, "failed": 0, "deleted": 1}


def test_warnings_and_notes(play: Play) -> None:
    play.recorder.warning(play.now, "no container runs")
    about = ObjectReference(kind="Pod", namespace="default", name="p")
    play.recorder.event(5, "scheduler", EventRecord(about=about, type="Warning", reason="R", message="m"))
    assert told(play, warnings=["first"])["warnings"] == ["first", "no container runs"]
    assert list(play.recorder.log.rows())[1] == {
        "note": "event",
        "time": 5,
        "component": "scheduler",
        "type": "Warning",
        "reason": "R",
        "message": "m",
        "about": {"kind": "Pod", "namespace": "default", "name": "p"},
    }


def test_a_replay_tells_the_same(play: Play) -> None:
    fail_and_restart(play, *two_jobs(play))
    play.progress(135, "stepping")
    play.recorder.warning(play.now, "w")
    play.at(150)
    before = told(play)
    play.recorder = replay(play.recorder.log.rows())
    after = told(play)
    assert after.pop("digest") != before.pop("digest")
    assert after == before


@pytest.mark.parametrize(
    ("ns", "expected"), [(0, 0), (10**9, 1), (54 * 86400 * 10**9 + 1, 4665600.000000001), (1, 1e-9)]
)
def test_seconds_are_exact(ns: int, expected: float) -> None:
    found = exact_seconds(ns)
    assert found == expected
    assert type(found) is type(expected)
    assert round(found * 10**9) == ns
