"""Ranks: which pods, in which order, on how many accelerators."""

from __future__ import annotations

from typing import Any

from jobsim.api._struct import replace
from jobsim.api.pod import Container, Pod, PodSpec, ResourceRequirements
from jobsim.hardware.gang import in_rank_order, latest, where
from jobsim.hardware.topology import Host, Machine, build
from jobsim.testing import make_jobset

GPU = Machine(accelerators=8, nic=50.0, domain=8, fabric="ib_h100")
NET = build(Host(f"h{i}", (f"r{i // 2}",), GPU) for i in range(6))
JOBSET = make_jobset("train", replicated_jobs={"driver": 1, "workers": 2})


def pod(rjob: str, job: int, index: int, node: str, gpus: int = 8, born: int = 0, **asked: Any) -> Pod:
    labels = {
        "jobset.sigs.k8s.io/replicatedjob-name": rjob,
        "jobset.sigs.k8s.io/job-index": str(job),
        "batch.kubernetes.io/job-completion-index": str(index),
    }
    limits = {**({"nvidia.com/gpu": gpus} if gpus else {}), **asked}
    main = Container(name="main", resources=ResourceRequirements(limits=limits))
    made = Pod(spec=PodSpec(containers=(main,), node_name=node))
    meta = replace(
        made.metadata, name=f"train-{rjob}-{job}-{index}-{born}", labels=labels, creation_timestamp=born
    )
    return replace(made, metadata=meta)


def test_order_is_replicated_job_then_job_then_index_as_numbers() -> None:
    pods = [pod("workers", 1, 0, "h0"), pod("workers", 0, 10, "h1"), pod("workers", 0, 2, "h2")]
    pods.append(pod("driver", 0, 0, "h3"))
    assert [p.spec.node_name for p in in_rank_order(JOBSET, pods)] == ["h3", "h2", "h1", "h0"]


def test_a_driver_without_accelerators_takes_no_part() -> None:
    pods = [pod("driver", 0, 0, "h5", gpus=0), pod("workers", 0, 0, "h0"), pod("workers", 1, 0, "h2")]
    at = where(NET, JOBSET, pods)
    assert at is not None
    assert at.hosts.tolist() == [0, 2]


def test_without_accelerators_every_pod_is_a_rank() -> None:
    at = where(NET, JOBSET, [pod("workers", i, 0, f"h{i}", gpus=0) for i in (1, 0)])
    assert at is not None
    assert (at.hosts.tolist(), at.ranks, at.least) == ([0, 1], 1, 2)


def test_no_pods_or_hosts_of_nobody() -> None:
    assert where(NET, JOBSET, []) is None
    assert where(NET, JOBSET, [pod("workers", 0, 0, "elsewhere")]) is None


def test_the_latest_pod_of_each_rank() -> None:
    old, new = pod("workers", 0, 0, "h0", born=1), pod("workers", 0, 0, "h1", born=2)
    waiting, driver = pod("workers", 0, 1, "", born=3), pod("driver", 0, 0, "h2")
    assert latest([new, old, waiting, driver]) == [new, driver]
    assert latest([old, new, driver], ["workers"]) == [new]
