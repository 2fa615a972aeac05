"""Hypothesis as the one who says what happens next: rule-based state machines over a ``World``.

``Storm`` lets caches lag, answers get lost and components crash; ``Calm`` does not, and asks all laws.
Both end by letting the rest happen without new faults: then everything must agree, and no JobSet may stay
unfinished for no reason.  ``same_end`` is the differential property: faults that pass change nothing.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from jobsim.api._struct import replace
from jobsim.api.jobset import JobSet
from jobsim.controllers.jobset import Gates
from jobsim.testing.faults import FAULTS
from jobsim.testing.machine_world import BrokenError, Case, Step, World
from jobsim.testing.replay import told
from jobsim.testing.strategies import all_gates, jobsets

#: A number that chooses among what there is; small, so that it is often the same.
WHICH = st.integers(0, 5)
#: The JobSet and the Job controller twice as often as the others.
WHO = st.sampled_from([0, 0, 1, 1, 2, 3, 4, 5, 6])
EXIT = st.sampled_from([0, 1])
#: Which pods fail when nobody says how they end: up to six of the first three attempts.
SCRIPTS = st.lists(
    st.builds("js-{}-{}/{}/{}".format, st.sampled_from("aabc"), *(st.integers(0, n) for n in (1, 1, 2))),
    max_size=6,
).map(lambda keys: dict.fromkeys(keys, 1))
#: At most so many writes of a pass at a time; 0 is all that are left.
WRITES = st.sampled_from([0, 0, 1, 2])
#: What people do, all of it in one rule: most of what happens is not theirs.
PEOPLE: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("suspend"), st.integers(0, 1)),
    st.tuples(st.just("suspend-job"), WHICH, st.integers(0, 1)),
    st.tuples(st.just("scale"), st.integers(1, 3)),
    st.tuples(st.just("retire"), st.sampled_from([0, 20])),
    st.tuples(st.just("delete"), st.integers(0, 2), WHICH, st.integers(0, 2)),
    st.tuples(st.just("vanish"), WHICH),
    st.tuples(st.just("submit")),
    st.tuples(st.just("replace"), st.integers(0, 2)),
)


#: Nodes go and come.
MACHINES: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("lose"), st.integers(0, 3)), st.tuples(st.just("restore"))
)


class _Machine(RuleBasedStateMachine):
    """What pods and people do, and the usual course of things."""

    calm = False

    def __init__(self) -> None:
        super().__init__()
        self.world: World | None = None

    @initialize(data=st.data(), gates=all_gates())
    def submit_first(self, data: st.DataObject, gates: Gates) -> None:
        manifest, script = data.draw(jobsets(gates)), data.draw(SCRIPTS)
        honest = data.draw(st.booleans())
        case = Case(manifest=manifest, gates=gates, calm=self.calm, honest=honest, script=script)
        try:
            self.world = World(case)
        except BrokenError as err:
            raise told(err, case, [], settle=False) from None
        # The beginning is well known: most histories begin later.
        self.do("flow", data.draw(st.sampled_from([0, 2, 5, 9])))

    def do(self, *step: Any) -> None:
        """Carry out a step; a broken law comes with the way to it."""
        world = self.world
        assert world is not None
        try:
            world.do(step)
        except BrokenError as err:
            raise told(err, world.case, world.steps, settle=False) from None

    @rule(rounds=st.integers(1, 6), ends=st.integers(0, 1))
    def flow(self, rounds: int, ends: int) -> None:
        self.do("flow", rounds, ends)

    @rule(who=WHO, key=WHICH, writes=WRITES)
    def work(self, who: int, key: int, writes: int) -> None:
        self.do("work", who, key, writes)

    @rule(seconds=st.sampled_from([1, 2, 40, 700]))
    def clock(self, seconds: int) -> None:
        self.do("clock", seconds)

    @rule(word=st.sampled_from(["bind", "start", "waver"]), pod=WHICH)
    def live(self, word: str, pod: int) -> None:
        self.do(word, pod)

    @rule(word=st.sampled_from(["end", "stop"]), pod=WHICH, code=EXIT)
    def end(self, word: str, pod: int, code: int) -> None:
        self.do(word, pod, code)

    @rule(step=MACHINES)
    def machines(self, step: Step) -> None:
        self.do(*step)

    @rule(step=PEOPLE)
    def people(self, step: Step) -> None:
        self.do(*step)

    def teardown(self) -> None:
        """Let the rest happen."""
        world = self.world
        if world is None:
            return
        try:
            world.settle()
        except BrokenError as err:
            raise told(err, world.case, world.steps, settle=True) from None


class Calm(_Machine):
    """Everybody hears of everything at once, no answer is lost."""

    calm = True


class Storm(_Machine):
    """Caches lag, kind by kind; answers are lost; components crash between two writes."""

    @rule(who=WHO, kind=st.integers(0, 4), count=st.sampled_from([1, 2, 5, 100]))
    def hear(self, who: int, kind: int, count: int) -> None:
        self.do("hear", who, kind, count)

    @rule(who=WHO, key=WHICH, writes=st.integers(1, 4), fault=st.sampled_from(FAULTS))
    def work_in_vain(self, who: int, key: int, writes: int, fault: str) -> None:
        self.do("work", who, key, writes, fault)

    @rule(rounds=st.integers(1, 4), every=st.integers(1, 4), fault=st.sampled_from(FAULTS))
    def gust(self, rounds: int, every: int, fault: str) -> None:
        self.do("gust", rounds, every, fault)

    @rule(who=WHO, kind=st.integers(0, 4), key=WHICH)
    def turn(self, who: int, kind: int, key: int) -> None:
        self.do("turn", who, kind, key)

    @rule(word=st.sampled_from(["crash", "relist"]), who=WHO)
    def lose(self, word: str, who: int) -> None:
        self.do(word, who)


def disturbances() -> st.SearchStrategy[list[Step]]:
    """Return steps that are faults of components and of the control plane, and the usual course between."""
    flow = st.tuples(st.just("flow"), st.integers(1, 3))
    hear = st.tuples(st.just("hear"), WHO, st.integers(0, 4), st.sampled_from([1, 2, 100]))
    turn = st.tuples(st.just("turn"), WHO, st.integers(0, 4), WHICH)
    work = st.tuples(st.just("work"), WHO, WHICH, WRITES)
    fault = st.tuples(st.just("work"), WHO, WHICH, st.integers(1, 3), st.sampled_from(FAULTS))
    gust = st.tuples(st.just("gust"), st.integers(1, 3), st.integers(1, 4), st.sampled_from(FAULTS))
    crash = st.tuples(st.just("crash"), WHO)
    return st.lists(st.one_of(flow, gust, hear, turn, turn, work, fault, crash), max_size=40).map(list)


def same_end(case: Case, steps: list[Step]) -> None:
    """Demand that a run with passing faults ends as one without.

    Raises
    ------
    BrokenError
        With both ends, and the history of the run with faults.
    """
    plain = World(replace(case, calm=True))
    plain.settle()
    world = World(case)
    try:
        for step in steps:
            world.do(step)
        world.settle()
        wanted, got = _end(plain.jobset), _end(world.jobset)
        if wanted != got:
            raise BrokenError(f"ends with {got}, without faults with {wanted} [C-CCH-03]", ("same-end",))
    except BrokenError as err:
        raise told(err, case, world.steps, settle=True) from None


def _end(jobset: JobSet | None) -> tuple[Any, ...]:
    """Return what must not depend on passing faults."""
    if jobset is None:
        return ()
    status = jobset.status
    alone = tuple(s.job_restarts for s in status.replicated_jobs_status)
    ends = tuple(c.reason for c in status.conditions if c.type in ("Completed", "Failed"))
    return status.terminal_state, status.restarts, status.restarts_count_towards_max, alone, ends
