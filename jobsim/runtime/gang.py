"""A gang: the pods of a JobSet that train together, as far as the API shows them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from jobsim.api.jobset import JOBSET_NAME, REPLICATED_JOB_NAME, JobSet
from jobsim.api.pod import Pod
from jobsim.runtime.engine import Timer
from jobsim.workload.training import Progress, Stretch, Workload

Key = tuple[str, str]
#: Who is to blame for steps that take longer than they should, when no machine and no part is.
NETWORK = "network"


def wanted_pods(jobset: JobSet, replicated_jobs: tuple[str, ...]) -> int:
    """Return how many pods make a gang whole."""
    total = 0
    for rjob in jobset.spec.replicated_jobs:
        if replicated_jobs and rjob.name not in replicated_jobs:
            continue
        spec = rjob.template.spec
        parallelism = 1 if spec.parallelism is None else spec.parallelism
        completions = parallelism if spec.completions is None else spec.completions
        total += rjob.replicas * min(parallelism, completions)
    return total


def unmet(workloads: Sequence[Workload], met: Mapping[Key, Mapping[str, None]]) -> list[str]:
    """Return a sentence for each workload whose match met nothing, or not all that it names.

    Parameters
    ----------
    met : mapping
        Replicated Jobs of the JobSets that there were.
    """
    told = []
    for number, workload in enumerate(workloads):
        name = f"{workload.namespace}/{workload.jobset}"
        found = met.get((workload.namespace, workload.jobset))
        if found is None:
            told.append(f"workloads[{number}]: there was no jobset {name}")
            continue
        missing = [one for one in workload.replicated_jobs if one not in found]
        if missing:
            names = ", ".join(missing)
            has = ", ".join(found)
            told.append(f"workloads[{number}]: jobset {name} has no replicatedJob {names}; it has {has}")
    return told


def gangless(pods: Iterable[Pod], works: Callable[[Pod], bool], workloads: Sequence[Workload]) -> list[str]:
    """Return a sentence about running pods that are to do a workload's work (``works``) but are of none."""
    gangs = {(workload.namespace, workload.jobset): workload.replicated_jobs for workload in workloads}

    def is_alone(pod: Pod) -> bool:
        labels = pod.metadata.labels
        members = gangs.get((pod.namespace, labels.get(JOBSET_NAME, "")))
        return members is None or bool(members and labels.get(REPLICATED_JOB_NAME) not in members)

    alone = [
        f"{pod.namespace}/{pod.name}"
        for pod in pods
        if pod.status.phase == "Running" and works(pod) and is_alone(pod)
    ]
    if not alone:
        return []
    others = f" and {len(alone) - 1} more" if len(alone) > 1 else ""
    return [f"run: workload of pod {alone[0]}{others}: no workload matches, so it runs until it is stopped"]


class Ledger(Protocol):
    """Who accounts for a gang's time (``results.ledger``)."""

    def progress(
        self,
        time: int,
        namespace: str,
        name: str,
        state: str,
        pace: tuple[int, int] | None = None,
        blame: str = "",
        useful_ns: int | None = None,
    ) -> None:
        """Take note that a gang's state changed; ``pace``: nominal and present step time, if they differ.

        ``blame``: why they do; ``useful_ns``: nominal time of all whole steps, if they ever did.
        """
        ...

    def undone(self, time: int, namespace: str, name: str, ns: int, beyond_ns: int = 0) -> None:
        """Take note that a failure undid step time, some of it beyond nominal."""
        ...


class Member(NamedTuple):
    """A ready pod: the JobSet's attempt that it is of, its node, and restarts of its containers."""

    attempt: str
    node: str
    restarts: int = 0


class Saving(NamedTuple):
    """A write on termination: its level, when it ends, and the pods that it needs until then."""

    level: int
    until: int
    pods: frozenset[str]


class Pace(NamedTuple):
    """Time of a step where a gang is.

    Parameters
    ----------
    machines_ns : int
        What machines take: slow ones stretch it.
    network_ns : int
        What exchanges add.
    cause : str
        What is to blame when that is more than it should be.
    slowest : float
        The slowest machine's factor that ``machines_ns`` has already.
    """

    machines_ns: int
    network_ns: int = 0
    cause: str = NETWORK
    slowest: float = 1.0

    def step_ns(self, slowness: float) -> int:
        """Return the time of a step when the slowest machine takes so many times as long."""
        more = slowness if self.slowest == 1 else max(1.0, slowness / self.slowest)
        machines_ns = self.machines_ns if more == 1 else round(self.machines_ns * more)
        return machines_ns + self.network_ns


class Gang:
    """One workload on one JobSet object.

    Attributes
    ----------
    ready : dict
        Members by UID.
    hanging : dict
        UIDs of ready pods that cannot step, whatever the API says: a fault that is not noticed yet.
    pace : Pace
        Of its steps on its placement (``workload.step_ns`` is the nominal time).
    slowness : float
        How many times as long the slowest node takes.
    """

    def __init__(self, workload: Workload, jobset: JobSet) -> None:
        self.workload = workload
        self.key: Key = jobset.key
        self.ready: dict[str, Member] = {}
        self.hanging: dict[str, None] = {}
        self._by_attempt: dict[str, int] = {}
        self.progress = Progress()
        self.whole = self.able = self.done = self.writing = False
        self.starts = self.writes = self.losses = 0
        self.restored = -1
        self.pace = Pace(workload.step_ns)
        self.slowness, self.blame = 1.0, ""
        #: What the ledger was last told to blame.
        self.blamed = ""
        self.paced = False
        self.stretch: Stretch | None = None
        self.stretch_since = 0
        self.saving: Saving | None = None
        self.timer: Timer | None = None
        self.read(jobset)

    def read(self, jobset: JobSet) -> None:
        """Take in a JobSet as it is now."""
        self.wanted = wanted_pods(jobset, self.workload.replicated_jobs)
        self.attempt = str(jobset.status.restarts)
        self.suspended = bool(jobset.spec.suspend)

    @property
    def step_ns(self) -> int:
        """Time of one step as things are."""
        return self.pace.step_ns(self.slowness)

    @property
    def cause(self) -> str:
        """What is most to blame for steps that take longer than nominal."""
        sound_ns = self.pace.step_ns(1.0)
        by_network = sound_ns - self.workload.step_ns
        return self.blame if self.blame and self.step_ns - sound_ns >= by_network else self.pace.cause

    @property
    def useful_ns(self) -> int | None:
        """Nominal time of all whole steps, if their pace ever was another."""
        return self.progress.steps * self.workload.step_ns if self.paced else None

    def join(self, uid: str, member: Member) -> None:
        """Take in a ready pod."""
        self.ready[uid] = member
        self._by_attempt[member.attempt] = self._by_attempt.get(member.attempt, 0) + 1

    def leave(self, uid: str) -> bool:
        """Take out a pod; tell whether it was in."""
        member = self.ready.pop(uid, None)
        self.hanging.pop(uid, None)
        if member is None:
            return False
        self._by_attempt[member.attempt] -= 1
        if not self._by_attempt[member.attempt]:
            del self._by_attempt[member.attempt]
        return True

    @property
    def is_whole(self) -> bool:
        """Whether all pods of the current attempt are ready."""
        return not self.suspended and self._by_attempt.get(self.attempt, 0) == self.wanted > 0
