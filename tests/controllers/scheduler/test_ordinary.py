"""Gangs on clusters of many racks: the shorter way of usual pods decides like the general one."""

from __future__ import annotations

import pytest

from benchmarks.bench_scheduler import RACK, cluster, job_pods
from jobsim.api._struct import replace
from jobsim.controllers.scheduler.cycle import cycle
from jobsim.controllers.scheduler.decide import decide, settle
from jobsim.controllers.scheduler.queue import SchedulingQueue


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize(("nodes", "jobs", "pods"), [(90, 1, 60), (250, 4, 45), (250, 3, 420)])
def test_gangs_are_placed_alike_both_ways(nodes: int, jobs: int, pods: int, exclusive: bool) -> None:
    """K-SCH-10, K-SCH-13, K-SCH-16, K-SCH-23: followers of leaders that keep others out; plain ones."""
    snapshot, queue = cluster(nodes), SchedulingQueue()
    full = 0
    for job in range(jobs):
        rack = ""
        for number, pod in enumerate(job_pods(job, pods, exclusive=exclusive)):
            if rack:
                pod = replace(pod, spec=replace(pod.spec, node_selector={RACK: rack}))
            if number % 7 < (2 if pods > 100 else 4):
                brief, detailed = cycle(snapshot, pod), cycle(snapshot, pod, detail=True)
                for field in ("node", "feasible", "next_start", "message"):
                    assert getattr(brief, field) == getattr(detailed, field), (pod.name, field)
            action = decide(snapshot, pod, 0)
            settle(snapshot, queue, pod, action, 0)
            name = action.decision.node
            full += not name
            if exclusive and name and not rack:
                node = snapshot.nodes[snapshot.numbers[name]]
                assert node is not None
                rack = node.metadata.labels[RACK]
    # Of 420 pods that take a device each 400 fit in a rack.
    assert full == (60 if exclusive and pods == 420 else 0)


def test_a_plain_pod_stays_out_of_a_leaders_rack() -> None:
    """K-SCH-23: the anti-affinity of a placed leader counts for pods without any terms."""
    snapshot, queue = cluster(100), SchedulingQueue()
    leader = next(job_pods(0, 1, exclusive=True))
    settle(snapshot, queue, leader, decide(snapshot, leader, 0), 0)
    for stranger in job_pods(1, 30, exclusive=False):
        action = decide(snapshot, stranger, 0)
        settle(snapshot, queue, stranger, action, 0)
        node = snapshot.nodes[snapshot.numbers[action.decision.node]]
        assert node is not None
        assert node.metadata.labels[RACK] == "r1"
        assert action.decision.feasible == 50
