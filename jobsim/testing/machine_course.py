"""A cluster without time: the pure cores, the real API server, and the usual course of things.

A ``Case`` is where it begins.  After every write the laws of the cluster are asked; ``settle`` lets all
that is left happen, without new faults, and asks the laws about a cluster at rest, and that nothing stays
unfinished for no reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jobsim.api._struct import Json, Struct
from jobsim.api.core import Node
from jobsim.api.jobset import RESTART_ATTEMPT, JobSet
from jobsim.api.pod import Pod
from jobsim.api.watch import WatchEvent
from jobsim.api.writes import Write
from jobsim.apiserver.server import Server
from jobsim.apiserver.store import Store
from jobsim.controllers.admission.pipeline import Admission
from jobsim.controllers.invariants import Checker, Violation, stable
from jobsim.controllers.job.constants import COMPLETION_INDEX
from jobsim.controllers.jobset.gates import Gates
from jobsim.errors import ApiError
from jobsim.rng import NameSource
from jobsim.testing import machine_pods as pods
from jobsim.testing.builders import make_node
from jobsim.testing.faults import Crash, Fault, answer
from jobsim.testing.machine_parts import Component, cores, due, early_deletion
from jobsim.units import SECOND

NAMESPACE = "default"
RACK = "rack"
#: Without a change for so long every retry and back-off has had its turn.
_QUIET_NS = 1_300 * SECOND
#: More rounds than any small cluster takes to come to rest.
_ROUNDS_MAX = 600
#: So often a pod of one place fails, or its containers, before one succeeds.
_FAILURES_MAX = 3


class Case(Struct):
    """Where a world begins.

    Parameters
    ----------
    manifest : mapping
        The JobSet that is submitted first.
    gates : Gates
    racks, nodes_per_rack : int
        Nodes have room for two pods that ask for 4 CPUs each; their rack is the label ``rack``.
    calm : bool
        Whether everybody hears of everything at once; then all laws are asked.
    honest : bool
        Whether no answer to a write that was made gets lost, and nobody is minutes behind.
    script : mapping of str to int
        Exit codes of pods by ``job/index/attempt``; 0 for all others.
    """

    manifest: Json
    gates: Gates = Gates()
    racks: int = 2
    nodes_per_rack: int = 2
    calm: bool = False
    honest: bool = False
    script: Mapping[str, int] = {}


class BrokenError(AssertionError):
    """A law was broken, or a JobSet stays unfinished without a reason.

    Parameters
    ----------
    text : str
    laws : tuple of str
        The names of what was broken.
    history : mapping or None
        How to get there again (``replay.document``), once that is known.
    """

    def __init__(self, text: str, laws: tuple[str, ...] = (), history: Json | None = None) -> None:
        super().__init__(text)
        self.laws = laws
        self.history = history


class Course:
    """A cluster that goes its usual course.

    Parameters
    ----------
    case : Case

    Raises
    ------
    ApiError
        When the API server refuses the manifest.
    """

    def __init__(self, case: Case) -> None:
        self.case = case
        self.now = 0
        self.store = Store()
        self.log: dict[str, list[WatchEvent]] = {}
        names = NameSource(1)
        self.server = Server(self.store, Admission(case.gates, strict=False, suffix=names.suffix), names)
        self._checker = Checker(self.store, case.gates, calm=case.calm, honest=case.calm or case.honest)
        self.store.subscribe(self._watch)
        self.components = [Component(core, self.store, self.log) for core in cores(case.gates)]
        self.refused: list[ApiError] = []
        #: When containers of a pod were last restarted in place.
        self._restarted: dict[str, int] = {}
        self._failures: dict[str, int] = {}
        #: What each so many-th write of the usual course meets, and the writes until then.
        self._gust: tuple[int, Fault] | None = None
        self._calm_writes = 0
        for node in self.nodes():
            self.server.create(node, self.now)
        self.server.submit(case.manifest, self.now)
        self.hear_if_calm()

    def _watch(self, event: WatchEvent) -> None:
        self.log.setdefault(event.obj.kind, []).append(event)
        self._demand(self._checker.check(event))

    def _demand(self, violations: list[Violation]) -> None:
        if violations:
            laws = tuple(violation.law for violation in violations)
            raise BrokenError("\n".join(map(str, violations)), laws)

    # -- looking -------------------------------------------------------------------------------

    @property
    def jobset(self) -> JobSet | None:
        """The JobSet, while it is there."""
        meta = self.case.manifest["metadata"]
        return self.store.get(JobSet, meta.get("namespace", NAMESPACE), meta["name"])

    def pods(self, wanted: Callable[[Pod], bool]) -> list[Pod]:
        """Return the pods of which something is true."""
        return [pod for pod in self.store.list(Pod) if wanted(pod)]

    def nodes(self) -> list[Node]:
        """Return the machines as they begin."""
        return [
            make_node(f"n{rack}{n}", labels={RACK: f"r{rack}"})
            for rack in range(self.case.racks)
            for n in range(self.case.nodes_per_rack)
        ]

    def has_kubelet(self, pod: Pod) -> bool:
        """Tell whether the node that a pod is on is there (True before it has one)."""
        return not pod.spec.node_name or self.store.get(Node, "", pod.spec.node_name) is not None

    def exit_code(self, pod: Pod) -> int:
        """Return how the script has a pod end; each place fails a few times at most."""
        owner = pod.controller()
        index = pod.metadata.annotations.get(COMPLETION_INDEX, "")
        attempt = pod.metadata.labels.get(RESTART_ATTEMPT, "")
        place = f"{owner.name if owner else ''}/{index}/{attempt}"
        code = self.case.script.get(place, 0)
        if code:
            self._failures[place] = self._failures.get(place, 0) + 1
        return code if self._failures.get(place, 0) <= _FAILURES_MAX else 0

    # -- writing -------------------------------------------------------------------------------

    def write(self, part: Component, fault: Fault | None) -> None:
        """A component makes its next write, which meets a fault or none."""
        if fault is None:
            fault = self._weather()
        if fault == "timeout-applied" and self.case.honest:
            fault = "timeout-lost"
        assert part.next_write is not None
        self._demand(early_deletion(part, self.store))
        try:
            result = answer(fault, part.next_write, lambda write: self.server.apply(write, self.now))
        except Crash:
            part.crash(self.now)
        else:
            part.answer(result, self.now)

    def _weather(self) -> Fault | None:
        """Return what the next write of the usual course meets."""
        if self._gust is None:
            return None
        every, fault = self._gust
        self._calm_writes += 1
        return fault if self._calm_writes % every == 0 else None

    def request(self, write: Write) -> None:
        """Send a write of somebody who does not mind to be refused."""
        error = self.server.request(write, self.now).error
        if error is not None:
            self.refused.append(error)

    # -- the usual course ----------------------------------------------------------------------

    def settle(self) -> None:
        """Let everything that is left happen, without new faults; ask the laws about rest.

        Raises
        ------
        BrokenError
            Something goes on for ever, disagrees in the end, or stays unfinished for no reason.
        """
        for ends in (False, True):
            self._come_to_rest(ends)
        self._demand(stable(self.store, self.case.gates))

    def _come_to_rest(self, ends: bool) -> None:
        """Let things happen until nothing does; first with pods that run on, then with pods that end."""
        revision, since, free = self.store.revision, self.now, self._free_restarts()
        for _ in range(_ROUNDS_MAX):
            if self.round(ends=ends):
                if self.store.revision != revision:
                    revision, since = self.store.revision, self.now
            elif self.now - since > _QUIET_NS or not self.wait():
                self._demand(self._checker.settled())
                return
        if self._free_restarts() <= free:
            raise BrokenError("the cluster does not come to rest", ("rest",))

    def _free_restarts(self) -> int:
        """Return the restarts that cost nothing: a JobSet may go on with these for ever (C-FAI-15)."""
        jobset = self.jobset
        if jobset is None:
            return 0
        status = jobset.status
        alone = sum(sum(s.job_restarts) for s in status.replicated_jobs_status)
        counted = sum(sum(s.job_restarts_count_towards_max) for s in status.replicated_jobs_status)
        return status.restarts - status.restarts_count_towards_max + alone - counted

    def round(self, *, ends: bool) -> bool:
        """Let everybody do what is due; return whether anybody had something to do."""
        busy = False
        for part in self.components:
            busy = self._turn(part) or busy
        for pod in self.pods(lambda pod: True):
            busy = self._live(pod, ends) or busy
        return busy

    def _turn(self, part: Component) -> bool:
        while part.next_write is not None:
            self.write(part, None)
        busy = False
        for kind in part.backlog():
            part.hear(kind, len(self.log[kind]), self.now)
            busy = True
        for key in [key for key, at in part.pending.items() if at <= self.now]:
            if key in part.pending:
                busy = True
                part.begin(key, self.now)
                while part.next_write is not None:
                    self.write(part, None)
        return busy

    def _live(self, pod: Pod, ends: bool) -> bool:
        """Let a pod do what comes next; return whether something changed."""
        write: Write | None = None
        if not self.has_kubelet(pod):
            return False
        if pods.waits_for_node(pod):
            write = pods.bind(pod, self.store)
        elif pods.may_start(pod):
            write = pods.start(pod, self.now)
        elif pods.runs(pod) and ends:
            write = self._end(pod)
        elif pods.to_be_stopped(pod):
            write = pods.stop(pod, 0, self.now)
        if write is None:
            return False
        revision = self.store.revision
        self.request(write)
        return self.store.revision != revision

    def _end(self, pod: Pod) -> Write | None:
        """End a pod as the script says; containers restarted in place do not fail again at once."""
        if self._restarted.get(pod.uid) == self.now:
            return None
        code = self.exit_code(pod)
        if code and pod.spec.restart_policy == "OnFailure":
            self._restarted[pod.uid] = self.now
        return pods.end(pod, code, self.now)

    def wait(self) -> bool:
        """Let time pass until something is due; return whether anything is, not too far away."""
        at = due(self.components)
        if at is None or at - self.now > _QUIET_NS:
            return False
        self.now = max(self.now, at)
        return True

    def hear_if_calm(self) -> None:
        """In a calm cluster everybody hears of everything now."""
        if self.case.calm:
            self.hear_all()

    def hear_all(self) -> None:
        """Everybody hears of everything."""
        for part in self.components:
            for kind in part.backlog():
                part.hear(kind, len(self.log[kind]), self.now)
