"""The ledger: which account each second goes to, and that all of them sum to the elapsed time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsim.api._struct import replace
from jobsim.api.batch import Job
from jobsim.api.jobset import DependsOn, JobSet
from jobsim.api.pod import Pod
from jobsim.results.ledger import ACCOUNTS, STATES
from jobsim.results.log import decode
from jobsim.results.recorder import Recorder, replay
from jobsim.units import SECOND, seconds
from tests.results.story import Story, rjob


class Play(Story):
    """A story that is recorded."""

    def __init__(self) -> None:
        self.recorder = Recorder()
        super().__init__(self.recorder.watch)

    def accounts(self) -> dict[str, float]:
        """Return the accounts that are not empty, s."""
        (record,) = self.recorder.jobsets.values()
        total = record.ledger.total(self.now)
        assert sum(total.values()) == record.ledger.elapsed(self.now)
        return {name: ns / SECOND for name, ns in total.items() if ns}

    def progress(self, time_s: float, state: str, pace: tuple[int, int] | None = None) -> None:
        self.recorder.progress(self.at(time_s).now, "default", "train", state, pace)


@pytest.fixture
def play() -> Play:
    return Play()


def two_jobs(play: Play) -> tuple[JobSet, list[Job], list[Pod]]:
    """Create at 0 s, run from 10 s: two Jobs of two pods."""
    jobset = play.jobset()
    jobs = [play.at(1).job(jobset, "workers", i) for i in range(2)]
    pods = [pod for job in jobs for pod in play.at(2).pods(job)]
    for pod in pods:
        play.at(3).bind(pod)
    for pod in pods[:-1]:
        play.at(5).run(pod)
    play.at(10).run(pods[-1])
    return jobset, jobs, pods


def fail_and_restart(play: Play, jobset: JobSet, jobs: list[Job], pods: list[Pod]) -> None:
    """A pod fails at 100 s; the next attempt's Jobs run at 130 s."""
    play.at(100).end(pods[0], 1)
    play.at(101).condition(jobs[0], "FailureTarget")
    play.at(101).delete(pods[1])
    play.at(103).remove(pods[1])
    play.at(103).condition(jobs[0], "Failed")
    play.at(104).restart(jobset)
    for pod in (pods[0], *pods[2:]):
        play.at(110).remove(pod)
    for job in jobs:
        play.at(112).remove(job)
    new = [play.at(113).job(jobset, "workers", i) for i in range(2)]
    play.at(120).up(new[0])
    play.at(130).up(new[1])


def test_a_start_and_nothing_else(play: Play) -> None:
    jobset, _, _ = two_jobs(play)
    play.at(70).finish(jobset)
    play.at(99)
    assert play.accounts() == {"starting": 10, "useful": 60}


def test_a_restart_undoes_the_attempt(play: Play) -> None:
    fail_and_restart(play, *two_jobs(play))
    play.at(150)
    assert play.accounts() == {"starting": 10, "rework": 90, "restarting": 30, "useful": 20}


def test_a_pod_replaced_by_its_job_costs_time_but_no_work(play: Play) -> None:
    _, jobs, pods = two_jobs(play)
    play.at(50).end(pods[1], 1)
    again = play.at(60).pod(jobs[0], 1)
    play.at(60).bind(again)
    play.at(62).run(again)
    play.at(100)
    assert play.accounts() == {"starting": 10, "useful": 78, "restarting": 12}


def test_a_pod_told_to_stop_is_lost_at_once(play: Play) -> None:
    _, _, pods = two_jobs(play)
    play.at(50).delete(pods[1])
    play.at(80)
    assert play.accounts() == {"starting": 10, "useful": 40, "restarting": 30}


def test_waiting_for_capacity_is_cut_out_of_start_and_restart(play: Play) -> None:
    jobset = play.jobset("train", rjob("workers", pods=1))
    job = play.at(1).job(jobset)
    pod = play.pod(job)
    play.at(2).unschedulable(pod)
    play.at(7).bind(pod)
    play.at(9).run(pod)
    play.at(20).delete(pod)
    play.remove(pod)
    pod = play.at(21).pod(job)
    play.at(22).unschedulable(pod)
    play.at(30).delete(pod)
    play.at(33)
    assert play.accounts() == {"starting": 4, "queued": 13, "useful": 11, "restarting": 5}


def test_suspension_is_queued_and_resumption_is_a_restart(play: Play) -> None:
    jobset, _, pods = two_jobs(play)
    play.at(50).suspend(jobset, True)
    for pod in pods:
        play.at(51).delete(pod)
        play.remove(pod)
    play.at(80).suspend(jobset, False)
    jobs = sorted((o for o in play.store.list(Job)), key=lambda j: j.name)
    for job in jobs:
        play.at(85).up(job)
    play.at(90)
    assert play.accounts() == {"starting": 10, "useful": 45, "queued": 30, "restarting": 5}


def test_a_jobset_created_suspended_is_queued_first(play: Play) -> None:
    jobset = play.jobset(suspend=True)
    play.at(30).suspend(jobset, False)
    play.at(31)
    assert play.accounts() == {"queued": 30, "starting": 1}


def test_finished_pods_count_as_run(play: Play) -> None:
    jobset, jobs, pods = two_jobs(play)
    for n, pod in enumerate(pods):
        play.at(40 + n).end(pod)
    play.at(50).condition(jobs[0], "Complete")
    for pod in pods[:2]:
        play.remove(pod)
    play.at(51).condition(jobs[1], "Complete")
    play.at(52).finish(jobset)
    assert play.accounts() == {"starting": 10, "useful": 42}


def test_waiting_for_complete_is_a_phase_waiting_for_ready_is_not(play: Play) -> None:
    jobset = play.jobset(
        "train",
        rjob("prepare"),
        rjob("driver", depends_on=(DependsOn(name="prepare", status="Complete"),)),
        rjob("workers", depends_on=(DependsOn(name="driver", status="Ready"),)),
    )
    prepare = play.at(1).job(jobset, "prepare")
    (pod,) = play.at(2).up(prepare)
    play.at(20).end(pod)
    play.at(21).condition(prepare, "Complete")
    play.at(24).up(play.job(jobset, "driver"))
    play.at(29).up(play.job(jobset, "workers"))
    play.at(40)
    assert play.accounts() == {"starting": 2 + 8, "useful": 19 + 11}


def test_a_driver_that_waits_for_its_workers_is_starting(play: Play) -> None:
    jobset = play.jobset(
        "train", rjob("driver"), rjob("workers", depends_on=(DependsOn(name="driver", status="Ready"),))
    )
    play.at(3).up(play.job(jobset, "driver"))
    play.at(8).up(play.job(jobset, "workers"))
    play.at(10)
    assert play.accounts() == {"starting": 8, "useful": 2}


def test_a_job_on_its_own_restart_undoes_nothing(play: Play) -> None:
    jobset, jobs, pods = two_jobs(play)
    play.at(50).end(pods[0], 1)
    play.condition(jobs[0], "Failed")
    for obj in (*pods[:2], jobs[0]):
        play.at(51).remove(obj)
    play.at(60).up(play.job(jobset, "workers", 0))
    play.at(70)
    assert play.accounts() == {"starting": 10, "useful": 50, "restarting": 10}


def test_unready_after_ready_is_a_stall(play: Play) -> None:
    _, _, pods = two_jobs(play)
    play.at(20).ready(pods[2], "False")
    play.at(25).ready(pods[2])
    play.at(30)
    assert play.accounts() == {"starting": 10, "useful": 15, "stalled": 5}


def test_an_elastic_job_needs_the_pods_it_asks_for_now(play: Play) -> None:
    _, jobs, _ = two_jobs(play)
    grown = replace(play.get(jobs[0]), spec=replace(jobs[0].spec, parallelism=3, completions=3))
    play.at(20).store.update(grown, play.now)
    pod = play.pod(jobs[0], 2)
    play.at(22).bind(pod)
    play.at(23).run(pod)
    play.at(30)
    assert play.accounts() == {"starting": 10, "useful": 17, "restarting": 3}


def test_failed_indexes_are_not_waited_for(play: Play) -> None:
    _, jobs, pods = two_jobs(play)
    play.at(20).end(pods[1], 1)
    play.update_status(jobs[0], failed_indexes="1")
    play.at(30)
    assert play.accounts() == {"starting": 10, "useful": 20}


def test_the_workload_knows_better_than_the_pods(play: Play) -> None:
    two_jobs(play)
    play.progress(10, "initialising")
    play.progress(15, "loading")
    play.progress(20, "stepping")
    play.progress(50, "checkpointing")
    play.progress(52, "stepping", pace=(3, 4))
    play.progress(60, "stalled")
    play.progress(70, "waiting")
    play.recorder.undone(play.now, "default", "train", seconds(5), seconds(1))
    play.progress(75, "initialising")
    play.progress(80, "stepping")
    play.progress(90, "done")
    play.at(91)
    assert play.accounts() == {
        "starting": 20,
        "useful": 30 + 6 - 4 + 10,
        "checkpoint": 2,
        "degraded": 2 - 1,
        "stalled": 10 + 1,
        "restarting": 10,
        "rework": 5,
    }


def test_a_restart_of_a_workload_undoes_what_the_workload_says(play: Play) -> None:
    jobset, jobs, pods = two_jobs(play)
    play.progress(10, "stepping")
    play.progress(100, "waiting")
    fail_and_restart(play, jobset, jobs, pods)
    play.progress(130, "stepping")
    play.recorder.undone(play.now, "default", "train", seconds(40))
    play.at(140)
    assert play.accounts() == {"starting": 10, "useful": 60, "rework": 40, "restarting": 30}


def test_time_ends_with_deletion(play: Play) -> None:
    jobset, _, _ = two_jobs(play)
    play.at(30).remove(jobset)
    play.at(50)
    assert play.accounts() == {"starting": 10, "useful": 20}


ACTIONS = st.sampled_from(
    [
        "job",
        "pod",
        "bind",
        "run",
        "unschedulable",
        "unready",
        "succeed",
        "fail",
        "delete",
        "remove",
        "complete",
        "job-failed",
        "remove-job",
        "restart",
        "suspend",
        "resume",
        *STATES,
        "undone",
        "finish",
    ]
)
STEPS = st.lists(st.tuples(ACTIONS, st.integers(0, 20), st.integers(0, 5 * SECOND)), min_size=10, max_size=80)


def act(play: Play, jobset: JobSet, action: str, n: int) -> None:
    """Do something to the n-th object that it can be done to, if there is one."""
    jobs = [job for job in play.store.list(Job) if job.metadata.deletion_timestamp is None]
    pods: list[Any] = list(play.store.list(Pod))
    job = jobs[n % len(jobs)] if jobs else None
    pod = pods[n % len(pods)] if pods else None
    if action in STATES:
        play.recorder.progress(play.now, "default", "train", action, (20, 20 + n))
    elif action == "undone":
        play.recorder.undone(play.now, "default", "train", n * SECOND, n * SECOND // 3)
    elif action == "restart":
        play.restart(jobset)
    elif action in ("suspend", "resume"):
        play.suspend(jobset, action == "suspend")
    elif action == "finish":
        play.finish(jobset)
    elif action == "job":
        name = f"train-workers-{n % 2}"
        if play.store.get(Job, "default", name) is None:
            play.job(jobset, "workers", n % 2)
    elif job is not None and action == "pod":
        play.pod(job, n % 2)
    elif job is not None and action in ("complete", "job-failed"):
        play.condition(job, "Complete" if action == "complete" else "Failed")
    elif job is not None and action == "remove-job":
        play.remove(job)
    elif pod is not None:
        act_on_pod(play, pod, action)


def act_on_pod(play: Play, pod: Pod, action: str) -> None:
    """Do something to a pod."""
    if action == "bind" and not pod.spec.node_name and not pod.terminating:
        play.bind(pod)
    elif action == "run" and pod.spec.node_name and not pod.terminal:
        play.run(pod)
    elif action == "unready":
        play.ready(pod, "False")
    elif action == "unschedulable" and not pod.spec.node_name:
        play.unschedulable(pod)
    elif action in ("succeed", "fail") and not pod.terminal:
        play.end(pod, int(action == "fail"))
    elif action == "delete":
        play.delete(pod)
    elif action == "remove":
        play.remove(pod)


@given(STEPS)
def test_accounts_sum_to_the_elapsed_time_whatever_happens(steps: list[tuple[str, int, int]]) -> None:
    play = Play()
    jobset = play.jobset()
    for action, n, wait in steps:
        play.now += wait
        act(play, jobset, action, n)
        play.accounts()
    (record,) = play.recorder.jobsets.values()
    total = record.ledger.total(play.now)
    assert list(total) == list(ACCOUNTS)
    assert min(total.values()) >= 0
    for restart in record.clock.records:
        boundaries = restart.boundaries(play.now)
        assert boundaries == sorted(boundaries)
        assert sum(restart.parts(play.now).values()) == boundaries[-1] - restart.begin

    again = replay(map(decode, play.recorder.log.lines()))
    (copy,) = again.jobsets.values()
    assert copy.ledger.total(play.now) == total
    assert [vars(r) for r in copy.clock.records] == [vars(r) for r in record.clock.records]
    assert_counts(play, record.gang)


def assert_counts(play: Play, gang: Any) -> None:
    """The running counts of the gang are what counting anew gives."""
    current = [track for track in gang.jobs.values() if gang.is_current(track)]
    living = [life for life in play.recorder.pods.living.values() if life.track in current]
    assert gang.waiting == sum(life.is_waiting for life in living)
    assert gang.unready == sum(life.is_unready for life in living)
    if gang.finished < 0:
        whole = sum(track.is_whole() for track in current)
        assert gang.rjobs["workers"].whole == whole
        assert gang.whole == (whole >= 2)
