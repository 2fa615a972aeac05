"""A cluster in the hands of somebody who says what happens next.

A step is plain data (a word and numbers), so a history is a list that can be cut, printed and run again
(``testing.replay``).  Numbers choose among what there is, modulo how much there is: every step means
something in every state, and a shorter history stays a history.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from jobsim.api._struct import Json
from jobsim.api.batch import Job
from jobsim.api.core import Node
from jobsim.api.jobset import JobSet
from jobsim.api.meta import Object
from jobsim.api.pod import Pod
from jobsim.api.writes import Create, Delete, Patch, Propagation, Write
from jobsim.errors import ApiError
from jobsim.testing import machine_pods as pods
from jobsim.testing.faults import Fault
from jobsim.testing.machine_course import BrokenError, Case, Course
from jobsim.units import SECOND

__all__ = ["STEPS", "BrokenError", "Case", "Step", "World"]

Step = Sequence[Any]
T = TypeVar("T")
_PROPAGATIONS: tuple[Propagation, ...] = ("Foreground", "Background", "Orphan")
#: Nobody is longer behind in an honest world, s.
_NEWS_S = 2
#: More writes than any pass of a small cluster makes.
_WRITES_MAX = 1_000


class World(Course):
    """A cluster and the steps that were taken in it.

    Parameters
    ----------
    case : Case

    Raises
    ------
    ApiError
        When the API server refuses the manifest.
    """

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.steps: list[Step] = []

    # -- steps ---------------------------------------------------------------------------------

    def do(self, step: Step) -> None:
        """Carry out one step (``STEPS``).

        Raises
        ------
        BrokenError
            With the laws that a write of the step broke.
        """
        self.steps.append(step)
        word, *numbers = step
        STEPS[word](self, *numbers)
        self.hear_if_calm()

    def hear(self, component: int, kind: int, count: int) -> None:
        """A component that is behind hears of the next changes of a kind."""
        behind = [part for part in self.components if part.backlog()]
        if behind:
            part = _chosen(behind, component)
            part.hear(_chosen(part.backlog(), kind), count, self.now)

    def work(self, component: int, key: int, writes: int, fault: Fault | None = None) -> None:
        """A busy component goes on with its pass, or begins one, and makes some writes (0: all it can).

        The last of them meets the fault.
        """
        busy = [part for part in self.components if part.pending or part.key is not None]
        if not busy:
            return
        part = _chosen(busy, component)
        if part.key is None:
            part.begin(_chosen(sorted(part.pending), key), self.now)
        for left in range(writes or _WRITES_MAX, 0, -1):
            if part.next_write is None:
                break
            self.write(part, fault if left == 1 else None)
            self.hear_if_calm()

    def turn(self, component: int, kind: int, key: int) -> None:
        """A component that is behind hears of all changes of one kind, and makes a whole pass."""
        behind = [part for part in self.components if part.backlog()]
        if not behind:
            return
        part = _chosen(behind, component)
        heard = _chosen(part.backlog(), kind)
        part.hear(heard, len(self.log[heard]), self.now)
        if part.key is None and part.pending:
            part.begin(_chosen(sorted(part.pending), key), self.now)
        while part.next_write is not None:
            self.write(part, None)

    def crash(self, component: int) -> None:
        """A component stops, between two writes if it is at work, and starts again."""
        self.components[component % len(self.components)].crash(self.now)

    def relist(self, component: int) -> None:
        """A component loses its watch and reads the lists again."""
        self.components[component % len(self.components)].relist(self.now)

    def clock(self, seconds: int) -> None:
        """Time passes; where nobody is minutes behind, news is heard."""
        if self.case.honest and seconds > _NEWS_S:
            self.hear_all()
        self.now += seconds * SECOND

    def flow(self, rounds: int, ends: int = 0) -> None:
        """Things take their usual course for a while; pods end as the script says, or do not."""
        for _ in range(rounds):
            if not self.round(ends=bool(ends)):
                self.wait()

    def gust(self, rounds: int, every: int, fault: Fault) -> None:
        """Things take their usual course, but each so many-th write meets a fault."""
        self._gust = (max(every, 1), fault)
        try:
            self.flow(rounds, ends=1)
        finally:
            self._gust = None

    # what pods do

    def bind(self, pod: int) -> None:
        """The scheduler looks at a pod."""
        waiting = self.pods(pods.waits_for_node)
        if waiting:
            write = pods.bind(_chosen(waiting, pod), self.store)
            if write is not None:
                self.request(write)

    def start(self, pod: int) -> None:
        """A bound pod begins to run."""
        self._each(pods.may_start, pod, lambda p: pods.start(p, self.now))

    def end(self, pod: int, code: int) -> None:
        """A running pod's containers exit."""
        self._each(pods.runs, pod, lambda p: pods.end(p, code, self.now))

    def waver(self, pod: int) -> None:
        """A running pod becomes unready, or ready again."""
        self._each(pods.runs, pod, lambda p: pods.waver(p, self.now))

    def stop(self, pod: int, code: int) -> None:
        """A kubelet goes on with a deletion."""
        self._each(pods.to_be_stopped, pod, lambda p: pods.stop(p, code, self.now))

    def vanish(self, pod: int) -> None:
        """A pod is removed by force."""
        self._each(lambda p: True, pod, pods.vanish)

    def _each(self, wanted: Callable[[Pod], bool], number: int, write: Callable[[Pod], Write]) -> None:
        found = self.pods(lambda pod: wanted(pod) and self.has_kubelet(pod))
        if found:
            self.request(write(_chosen(found, number)))

    # what machines do

    def lose(self, node: int) -> None:
        """A machine goes, and its Node object with it."""
        nodes = self.store.list(Node)
        if len(nodes) > 1:
            name = _chosen(nodes, node).name
            self.request(Delete(kind="Node", namespace="", name=name))

    def restore(self) -> None:
        """All machines that went are there again, with nothing on them."""
        for node in self.nodes():
            if self.store.get(Node, "", node.name) is None:
                self.request(Create(obj=node))

    # what people do

    def suspend(self, yes: int) -> None:
        """The user suspends or resumes the JobSet."""
        self._patch(self.jobset, {"spec": {"suspend": bool(yes)}})

    def suspend_job(self, job: int, yes: int) -> None:
        """The user suspends or resumes one Job (C-SUS-12)."""
        jobs = self.store.list(Job)
        if jobs:
            self._patch(_chosen(jobs, job), {"spec": {"suspend": bool(yes)}})

    def scale(self, pods_per_job: int) -> None:
        """The user changes the size of every replicated job (C-ELA-01)."""
        jobset = self.jobset
        if jobset is not None:
            size = {"parallelism": pods_per_job, "completions": pods_per_job}
            rjobs = [
                {**rjob, "template": {**rjob["template"], "spec": {**rjob["template"]["spec"], **size}}}
                for rjob in self.case.manifest["spec"]["replicatedJobs"]
            ]
            self._patch(jobset, {"spec": {"replicatedJobs": rjobs}})

    def retire(self, seconds: int) -> None:
        """The user sets how long the finished JobSet stays."""
        self._patch(self.jobset, {"spec": {"ttlSecondsAfterFinished": seconds}})

    def delete(self, kind: int, number: int, propagation: int) -> None:
        """The user deletes the JobSet, a Job or a pod."""
        found: Sequence[Object] = self.store.list((JobSet, Job, Pod)[kind % 3])
        if found:
            obj = _chosen(found, number)
            policy = _chosen(_PROPAGATIONS, propagation)
            self.request(Delete(kind=obj.kind, namespace=obj.namespace, name=obj.name, propagation=policy))

    def submit(self) -> None:
        """The user applies the manifest, also after a JobSet of that name was deleted."""
        try:
            self.server.submit(self.case.manifest, self.now)
        except ApiError as err:
            self.refused.append(err)

    def replace(self, propagation: int) -> None:
        """The user deletes the JobSet and applies it again (kubectl replace --force)."""
        self.delete(0, 0, propagation)
        self.submit()

    def _patch(self, obj: Object | None, patch: Json) -> None:
        if obj is not None:
            self.request(Patch(kind=obj.kind, namespace=obj.namespace, name=obj.name, patch=patch))


def _chosen(things: Sequence[T], number: int) -> T:
    return things[number % len(things)]


#: What a step may be: its word, and who carries it out.
STEPS: Mapping[str, Callable[..., None]] = {
    "hear": World.hear,
    "work": World.work,
    "turn": World.turn,
    "crash": World.crash,
    "relist": World.relist,
    "clock": World.clock,
    "flow": World.flow,
    "gust": World.gust,
    "bind": World.bind,
    "start": World.start,
    "end": World.end,
    "waver": World.waver,
    "stop": World.stop,
    "vanish": World.vanish,
    "lose": World.lose,
    "restore": World.restore,
    "suspend": World.suspend,
    "suspend-job": World.suspend_job,
    "scale": World.scale,
    "retire": World.retire,
    "delete": World.delete,
    "submit": World.submit,
    "replace": World.replace,
}
