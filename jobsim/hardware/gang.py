"""The ranks of a JobSet: which of its pods compute together, in which order, on how many accelerators.

Rank order is the order of ReplicatedJobs in the spec, of Jobs in each, of completion indexes in each Job:
what torchrun, MPI host lists and JAX processes are given.  Pods without accelerators (drivers, parameter
servers) take no part when others have some.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from jobsim.api.devices import of_pod
from jobsim.api.jobset import JOB_INDEX, REPLICATED_JOB_NAME, JobSet
from jobsim.api.pod import Pod
from jobsim.hardware.topology import Topology
from jobsim.hardware.topology.placement import Footprint, footprint

COMPLETION_INDEX = "batch.kubernetes.io/job-completion-index"


def where(topology: Topology, jobset: JobSet, pods: Iterable[Pod]) -> Footprint | None:
    """Return where a gang of bound pods is; None when there is none, or on hosts not of the network."""
    return footprint(topology, ranks(jobset, pods))


def ranks(jobset: JobSet, pods: Iterable[Pod]) -> list[tuple[str, int]]:
    """Return node and accelerators of each bound pod that takes part, in the order of ranks."""
    ordered = in_rank_order(jobset, pods)
    counts = [of_pod(pod.spec) for pod in ordered]
    anyone = not any(counts)
    return [(p.spec.node_name, n) for p, n in zip(ordered, counts, strict=True) if n or anyone]


def in_rank_order(jobset: JobSet, pods: Iterable[Pod]) -> list[Pod]:
    """Return pods in the order of their ranks."""
    place = {rjob.name: i for i, rjob in enumerate(jobset.spec.replicated_jobs)}

    def rank(pod: Pod) -> tuple[int, int, int, str]:
        labels = pod.metadata.labels
        index = labels.get(COMPLETION_INDEX) or pod.metadata.annotations.get(COMPLETION_INDEX, "")
        rjob = place.get(labels.get(REPLICATED_JOB_NAME, ""), len(place))
        return rjob, _number(labels.get(JOB_INDEX, "")), _number(index), pod.name

    return sorted(pods, key=rank)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else -1


def latest(pods: Iterable[Pod], replicated_jobs: Sequence[str] = ()) -> list[Pod]:
    """Return the bound pods of a JobSet: of each rank the one that was made last.

    Parameters
    ----------
    pods : iterable of Pod
        Of one JobSet.
    replicated_jobs : sequence of str
        Only these; empty: all.
    """
    found: dict[tuple[str, ...], Pod] = {}
    for pod in pods:
        labels = pod.metadata.labels
        rjob = labels.get(REPLICATED_JOB_NAME, "")
        unwanted = replicated_jobs and rjob not in replicated_jobs
        if unwanted or not pod.spec.node_name:
            continue
        index = labels.get(COMPLETION_INDEX) or pod.metadata.annotations.get(COMPLETION_INDEX, "")
        key = (rjob, labels.get(JOB_INDEX, ""), index or pod.name)
        before = found.get(key)
        if before is None or _born(before) <= _born(pod):
            found[key] = pod
    return list(found.values())


def _born(pod: Pod) -> int:
    return pod.metadata.creation_timestamp or 0
