"""The restart breakdown: boundaries by observed changes, parts that sum to the whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from jobsim.api.batch import Job
from jobsim.api.jobset import JobSet, ReplicatedJobStatus
from jobsim.results.restarts import PARTS, Restart
from jobsim.units import SECOND
from tests.results.story import rjob
from tests.results.test_ledger import Play, fail_and_restart, two_jobs


@pytest.fixture
def play() -> Play:
    return Play()


def records(play: Play) -> list[Restart]:
    (record,) = play.recorder.jobsets.values()
    record.ledger.total(play.now)
    return record.clock.records


def parts(play: Play, number: int) -> dict[str, float]:
    """Return the parts of a record that are not empty, s; check their sum."""
    record = records(play)[number]
    found = record.parts(play.now)
    assert list(found) == list(PARTS)
    boundaries = record.boundaries(play.now)
    assert sum(found.values()) == boundaries[-1] - boundaries[0]
    return {name: ns / SECOND for name, ns in found.items() if ns}


def test_a_first_start(play: Play) -> None:
    two_jobs(play)
    play.at(20)
    assert parts(play, 0) == {"create": 2, "place": 1, "start": 7}
    (record,) = records(play)
    assert (record.kind, record.outcome, record.pods_created) == ("start", "stepped", 4)


def test_the_walk(play: Play) -> None:
    """Rows 0 to 13 of the design's walk, one instant each."""
    jobset, jobs, pods = two_jobs(play)
    play.at(100).end(pods[1], 137)
    play.at(101).condition(jobs[0], "FailureTarget")
    play.at(101).delete(pods[0])
    play.at(106).remove(pods[0])
    play.at(107).condition(jobs[0], "Failed", reason="BackoffLimitExceeded", message="limit reached")
    play.at(109).restart(jobset, "applying RestartJobSet failure policy action (first failed job: x)")
    for pod in pods[1:]:
        play.at(112).remove(pod)
    play.at(113).remove(jobs[0])
    new = [play.at(114).job(jobset, "workers", 0)]
    play.at(117).remove(jobs[1])
    new.append(play.at(118).job(jobset, "workers", 1))
    again = [pod for job in new for pod in play.at(123).pods(job)]
    for n, pod in enumerate(again):
        play.at(124 + n).bind(pod)
    for n, pod in enumerate(again):
        play.at(130 + n).run(pod)
    play.progress(133, "initialising")
    play.progress(140, "stepping")
    play.at(200)
    assert parts(play, 1) == {
        "detect": 1,
        "drain": 6,
        "decide": 2,
        "teardown": 8,
        "create": 6,
        "place": 4,
        "start": 6,
        "restore": 7,
    }
    record = records(play)[1]
    assert (record.begin, record.end) == (100 * SECOND, 140 * SECOND)
    assert (record.kind, record.number, record.outcome) == ("jobset", 1, "stepped")
    assert (record.job, record.pod, record.exit_code) == (jobs[0].name, pods[1].name, 137)
    assert (record.reason, record.message) == ("BackoffLimitExceeded", "limit reached")
    assert record.rule == "DefaultFailurePolicy"
    assert record.pods_created == 4


def test_the_blame_goes_to_the_job_that_the_condition_names(play: Play) -> None:
    jobset, jobs, pods = two_jobs(play)
    for n in (2, 1):
        play.at(100 - n).end(pods[2 * n - 2], n)
        play.condition(jobs[n - 1], "Failed")
    play.at(101).restart(jobset, "applying X failure policy action (first failed job: train-workers-0)")
    record = records(play)[1]
    assert (record.job, record.exit_code, record.begin) == (jobs[0].name, 1, 99 * SECOND)


def test_a_loss_that_was_made_good_is_not_to_blame(play: Play) -> None:
    jobset, jobs, pods = two_jobs(play)
    play.at(50).end(pods[0], 1)
    again = play.at(55).pod(jobs[0])
    play.bind(again)
    play.run(again)
    play.at(90).end(pods[1], 2)
    play.at(95).end(again, 3)
    play.at(96).condition(jobs[0], "Failed")
    play.restart(jobset)
    record = records(play)[1]
    assert (record.begin, record.pod) == (90 * SECOND, pods[1].name)


def test_a_deadline_begins_at_the_failure_target(play: Play) -> None:
    jobset, jobs, _ = two_jobs(play)
    play.at(90).condition(jobs[0], "FailureTarget", reason="DeadlineExceeded")
    play.at(95).condition(jobs[0], "Failed", reason="DeadlineExceeded")
    play.restart(jobset)
    play.at(96)
    assert parts(play, 1) == {"drain": 5, "restore": 1}
    assert records(play)[1].outcome == "open"


def test_a_restart_during_a_restart(play: Play) -> None:
    jobset, jobs, pods = two_jobs(play)
    fail_and_restart(play, jobset, jobs, pods)
    (new, *_) = play.store.list(Job)
    lost = next(p for p in play.events if p.obj.kind == "Pod" and p.time == 120 * SECOND).obj
    play.at(140).end(lost, 1)
    play.at(141).condition(new, "Failed")
    play.restart(jobset)
    play.at(142).restart(jobset)
    play.at(150)
    assert [r.outcome for r in records(play)] == ["stepped", "stepped", "superseded", "open"]
    third, fourth = records(play)[2:]
    assert (third.begin, third.end, fourth.begin) == (140 * SECOND, 140 * SECOND, 140 * SECOND)


def test_ready_after_the_step_ends_with_the_step(play: Play) -> None:
    jobset = play.jobset("train", rjob("workers"))
    job = play.at(1).job(jobset)
    (pod,) = play.pods(job)
    play.bind(pod)
    play.at(3).run(pod, ready=False)
    play.at(8).ready(pod)
    play.at(9)
    assert parts(play, 0) == {"create": 1, "start": 2}


def test_suspension_ends_a_start_and_resumption_begins_one(play: Play) -> None:
    jobset = play.jobset()
    play.at(4).suspend(jobset, True)
    play.at(10).suspend(jobset, False)
    for i in range(2):
        play.at(11).up(play.job(jobset, "workers", i))
    play.at(20).finish(jobset)
    assert [(r.kind, r.outcome, r.begin, r.end) for r in records(play)] == [
        ("start", "suspended", 0, 4 * SECOND),
        ("resume", "stepped", 10 * SECOND, 11 * SECOND),
    ]


def test_the_restart_of_one_job(play: Play) -> None:
    jobset, jobs, pods = two_jobs(play)
    play.at(50).end(pods[0], 1)
    play.at(51).condition(jobs[0], "Failed")
    counts = ReplicatedJobStatus(
        name="workers", ready=1, succeeded=0, failed=0, active=1, suspended=0, job_restarts=(1, 0)
    )
    play.at(52).update_status(jobset, replicated_jobs_status=(counts,))
    play.at(55).remove(jobs[0])
    play.at(57).up(play.job(jobset, "workers", 0))
    play.at(60)
    assert parts(play, 1) == {"detect": 1, "decide": 1, "teardown": 3, "create": 2}
    assert (records(play)[1].kind, records(play)[1].number) == ("job", 1)


def test_a_jobset_that_fails_while_it_starts(play: Play) -> None:
    jobset: JobSet = play.jobset()
    play.at(30).finish(jobset, "Failed")
    play.at(50)
    assert [(r.outcome, r.end) for r in records(play)] == [("ended", 30 * SECOND)]


@pytest.mark.parametrize("lacks", ["teardown", "create", "place", "start", "restore"])
def test_an_open_record_spends_its_time_in_what_is_not_over(play: Play, lacks: str) -> None:
    jobset, jobs, pods = two_jobs(play)
    play.at(50).end(pods[0], 1)
    play.at(50).condition(jobs[0], "Failed")
    play.at(50).restart(jobset)
    if lacks != "teardown":
        for obj in (*pods, *jobs):
            play.at(51).remove(obj)
        new = [play.at(51).job(jobset, "workers", i) for i in range(2)]
        again = [pod for job in new[: 1 if lacks == "create" else 2] for pod in play.pods(job)]
        for pod in again[:-1] if lacks == "place" else again:
            play.at(52).bind(pod)
            if lacks == "restore" or (lacks == "start" and pod is not again[0]):
                play.at(53).run(pod)
        if lacks == "restore":
            play.progress(53, "initialising")
    play.at(100)
    play.recorder.restarts(play.now)
    found = parts(play, 1)
    assert max(found, key=lambda part: found[part]) == lacks
    assert list(found)[-1] == lacks


def test_tables(play: Play) -> None:
    fail_and_restart(play, *two_jobs(play))
    play.at(150)
    table: Any = play.recorder.restarts(play.now)
    assert table["kind"].tolist() == ["start", "jobset"]
    assert table["total_ns"].tolist() == [10 * SECOND, 30 * SECOND]
    assert (sum(table[f"{part}_ns"] for part in PARTS) == table["total_ns"]).all()
    goodput: Any = play.recorder.goodput(play.now)
    assert goodput.columns[:3] == ("namespace", "name", "elapsed_ns")
    assert goodput["ettr"].tolist() == [20 / 150]
    assert goodput["rework_ns"].dtype == np.int64
    with pytest.raises(ImportError, match="pip install pandas"):
        goodput.to_pandas()
