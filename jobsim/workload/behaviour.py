"""How a pod behaves: rules of the Scenario, matched against pods, first match wins key by key.

What no rule says has a default: ``start`` 1 s, ``run`` what plain commands of the manifest say
(``workload.commands``) and else 60 s, ``exit`` what they say and else 0, ``stop`` 0.5 s, nothing else
takes time.

Several containers
------------------
- Each app container has a *program*.  A rule's ``run`` holds for all of them (they end together, from
  one draw); without one each follows its own command.  An opaque command beside a plain one runs as
  long as the longest plain one, so a helper never outlives what the manifest says.
- A rule's ``exit`` is the first container's; the others keep their command's exit code, else 0.
- Init containers follow their command and take no time when it is opaque.  Sidecars (init containers
  with restartPolicy Always) run until they are stopped and have no program.
- An in-place restart agent (``workload.agent``) runs until it exits by itself; the program of one that runs
  its worker itself is the worker's.
"""

from __future__ import annotations

from typing import Literal

from jobsim.api._struct import Struct
from jobsim.api.jobset import JOB_INDEX, JOBSET_NAME, REPLICATED_JOB_NAME, RESTART_ATTEMPT
from jobsim.api.meta import Labels
from jobsim.api.pod import Container, Pod, PodSpec
from jobsim.laws import ZERO, Fixed, Law
from jobsim.units import MILLISECOND, SECOND
from jobsim.workload.agent import Agent, read_agent
from jobsim.workload.commands import Program, read_command

COMPLETION_INDEX = "batch.kubernetes.io/job-completion-index"

#: ``forever``: until it is stopped; ``workload``: until the gang's training ends it.
Run = Law | Literal["forever", "workload"]
#: Inclusive ranges of numbers; empty means any.
Ranges = tuple[tuple[int, int], ...]


class ExitShare(Struct):
    """One way for a container to end, and how often it is taken."""

    code: int
    share: float = 1.0
    reason: str = ""


class PodMatch(Struct):
    """Which pods a rule speaks of; what is not given matches every pod."""

    jobset: str | None = None
    replicated_job: str | None = None
    job_index: Ranges = ()
    index: Ranges = ()
    attempt: Ranges = ()
    labels: Labels = {}


class PodRule(Struct):
    match: PodMatch = PodMatch()
    pull: Law | None = None
    start: Law | None = None
    ready: Law | None = None
    run: Run | None = None
    exit: tuple[ExitShare, ...] | None = None
    stop: Law | None = None


class ContainerProgram(Struct):
    """What one container does: how long it runs, and how it may end."""

    run: Run
    exit: tuple[ExitShare, ...] = (ExitShare(code=0),)
    agent: Agent | None = None


class PodBehaviour(Struct):
    """All that the kubelet needs to know of a pod, nothing left open.

    Parameters
    ----------
    programs, init_programs : tuple of ContainerProgram
        One for each container of the spec, in its order (a sidecar's is never looked at).
    shared_run : bool
        The containers' ``run`` comes from a rule: one draw for all.
    agent : int or None
        Where the in-place restart agent is: its place among the containers, ``~i`` for the i-th init
        container.
    """

    pull: Law
    start: Law
    ready: Law
    stop: Law
    programs: tuple[ContainerProgram, ...]
    init_programs: tuple[ContainerProgram, ...] = ()
    shared_run: bool = True
    agent: int | None = None

    @property
    def run(self) -> Run:
        """How long the first container runs."""
        return self.programs[0].run


DEFAULT_START = Fixed(value=SECOND)
DEFAULT_RUN = Fixed(value=60 * SECOND)
DEFAULT_STOP = Fixed(value=500 * MILLISECOND)
SUCCESS = (ExitShare(code=0),)

#: A span longer than this is compared as numbers instead of being spelt out.
_SPELT_OUT_MAX = 4096
_Commands = tuple[tuple[tuple[str, ...], tuple[str, ...], Agent | None], ...]


def parse_ranges(value: int | str) -> Ranges:
    """Return ``3``, ``"0-3"`` or ``"0-3,7"`` as ranges.

    Raises
    ------
    ValueError
        When it is neither; the text says what is allowed.

    Examples
    --------
    >>> parse_ranges("0-3,7")
    ((0, 3), (7, 7))
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return ((value, value),)
    ranges = []
    for part in value.split(",") if isinstance(value, str) else [""]:
        low, dash, high = part.strip().partition("-")
        bounds = (low.strip(), high.strip() if dash else low.strip())
        if not all(b.isascii() and b.isdigit() and len(b) < 19 for b in bounds) or int(bounds[0]) > int(
            bounds[1]
        ):
            raise ValueError(f'{value!r} is no number or range (allowed: 3, "0-3", "0-3,7")')
        ranges.append((int(bounds[0]), int(bounds[1])))
    return tuple(ranges)


class PodRules:
    """A list of rules, compiled once: ``resolve`` answers in microseconds.

    Answers are kept by (rules that match, commands), so the pods of a Job share one object.  What
    is kept never changes an answer.
    """

    def __init__(self, rules: tuple[PodRule, ...] = ()) -> None:
        self.rules = rules
        self._tests = tuple(_compile(rule.match) for rule in rules)
        self._kept: dict[tuple[int, _Commands], PodBehaviour] = {}
        #: Bits of the rules that matched a pod so far.
        self._used = 0
        #: The last spec and its commands: pods of a Job share their containers.
        self._last: tuple[PodSpec, _Commands] = (PodSpec(), ())

    def resolve(self, pod: Pod) -> PodBehaviour:
        """Return how a pod behaves."""
        labels = pod.metadata.labels
        matched = 0
        for bit, tests in enumerate(self._tests):
            for label, absent, allowed in tests:
                if labels.get(label, absent) not in allowed:
                    break
            else:
                matched |= 1 << bit
        self._used |= matched
        spec = pod.spec
        last, commands = self._last
        if last.containers is not spec.containers or last.init_containers is not spec.init_containers:
            commands = _commands(spec)
            self._last = (spec, commands)
        key = (matched, commands)
        kept = self._kept.get(key)
        if kept is None or len(kept.programs) != len(spec.containers):
            rules = [rule for bit, rule in enumerate(self.rules) if matched >> bit & 1]
            kept = self._kept[key] = _behaviour(rules, spec)
        return kept

    def unused(self) -> list[int]:
        """Return the places of rules that no pod met.

        None if there were no pods; and later attempts may have had no chance.
        """
        return [
            number
            for number, rule in enumerate(self.rules)
            if self._kept and not self._used >> number & 1 and not rule.match.attempt
        ]


def _commands(spec: PodSpec) -> _Commands:
    commands: _Commands = tuple([(c.command, c.args, _agent(c)) for c in spec.containers])
    return commands + tuple([(c.command, c.args, _agent(c, init=True)) for c in spec.init_containers])


def resolve(rules: tuple[PodRule, ...], pod: Pod) -> PodBehaviour:
    """Return how one pod behaves (``PodRules`` for many)."""
    return PodRules(rules).resolve(pod)


class _Numbers:
    """The decimal numbers within ranges, as a container of label values."""

    def __init__(self, ranges: Ranges) -> None:
        self._ranges = ranges

    def __contains__(self, text: str) -> bool:
        if not text.isascii() or not text.isdigit():
            return False
        return any(low <= int(text) <= high for low, high in self._ranges)


_Test = tuple[str, str, frozenset[str] | _Numbers]


def _compile(match: PodMatch) -> tuple[_Test, ...]:
    """Return a match as (label, its value when absent, allowed values), all of which must hold."""
    tests: list[_Test] = []
    if match.jobset is not None:
        tests.append((JOBSET_NAME, "", frozenset((match.jobset,))))
    if match.replicated_job is not None:
        tests.append((REPLICATED_JOB_NAME, "", frozenset((match.replicated_job,))))
    for label, absent, ranges in (
        (JOB_INDEX, "", match.job_index),
        (COMPLETION_INDEX, "", match.index),
        # A pod of no JobSet is in its first and only attempt.
        (RESTART_ATTEMPT, "0", match.attempt),
    ):
        if ranges:
            tests.append((label, absent, _allowed(ranges)))
    # NUL is in no label value, so an absent label matches nothing, not even "".
    tests.extend((label, "\0", frozenset((value,))) for label, value in match.labels.items())
    return tuple(tests)


def _allowed(ranges: Ranges) -> frozenset[str] | _Numbers:
    if sum(high - low + 1 for low, high in ranges) > _SPELT_OUT_MAX:
        return _Numbers(ranges)
    return frozenset(str(n) for low, high in ranges for n in range(low, high + 1))


def _behaviour(rules: list[PodRule], spec: PodSpec) -> PodBehaviour:
    pull = next((r.pull for r in rules if r.pull is not None), ZERO)
    start = next((r.start for r in rules if r.start is not None), DEFAULT_START)
    ready = next((r.ready for r in rules if r.ready is not None), ZERO)
    stop = next((r.stop for r in rules if r.stop is not None), DEFAULT_STOP)
    run = next((r.run for r in rules if r.run is not None), None)
    exits = next((r.exit for r in rules if r.exit is not None), None)
    agents = [_agent(c) for c in spec.containers]
    read = [_read(c, agent) for c, agent in zip(spec.containers, agents, strict=True)]
    opaque_run = _longest(read)
    programs = []
    for number, program in enumerate(read):
        agent = agents[number]
        own_run = run if run is not None else _run_of(program, opaque_run)
        own_exit: tuple[ExitShare, ...]
        own_exit = SUCCESS if program is None else (ExitShare(code=program.exit_code),)
        if exits is not None and number == 0:
            own_exit = exits
        if agent is not None and agent.mode == "sidecar":
            own_run = "forever"
        broken = agent is not None and agent.broken
        programs.append(_BROKEN if broken else ContainerProgram(run=own_run, exit=own_exit, agent=agent))
    init_programs = tuple(_init_program(c) for c in spec.init_containers)
    return PodBehaviour(
        pull=pull,
        start=start,
        ready=ready,
        stop=stop,
        programs=tuple(programs),
        init_programs=init_programs,
        shared_run=run is not None,
        agent=_agent_number(programs, init_programs),
    )


#: An agent that is set up wrongly (C-AGT-01).
_BROKEN = ContainerProgram(run=ZERO, exit=(ExitShare(code=1),))


def _agent(container: Container, *, init: bool = False) -> Agent | None:
    """Return the agent that a container is; one whose command is plain is what the command says."""
    agent = read_agent(container, init=init)
    if agent is not None and read_command(container.command, container.args) is not None:
        return None
    return agent


def _read(container: Container, agent: Agent | None) -> Program | None:
    if agent is None:
        return read_command(container.command, container.args)
    return None if agent.worker is None else read_command(("sh", "-c", agent.worker), ())


def _agent_number(
    programs: list[ContainerProgram], init_programs: tuple[ContainerProgram, ...]
) -> int | None:
    for i, program in enumerate(init_programs):
        if program.agent is not None:
            return ~i
    return next((i for i, program in enumerate(programs) if program.agent is not None), None)


def _run_of(program: Program | None, opaque: Run) -> Run:
    if program is None:
        return opaque
    return "forever" if program.run is None else Fixed(value=program.run)


def _longest(read: list[Program | None]) -> Run:
    """How long an opaque container runs: as the longest plain one beside it, else the default."""
    plain = [p for p in read if p is not None]
    if not plain:
        return DEFAULT_RUN
    if any(p.run is None for p in plain):
        return "forever"
    return Fixed(value=max(p.run for p in plain if p.run is not None))


def _init_program(container: Container) -> ContainerProgram:
    agent = _agent(container, init=True)
    if agent is not None:
        return _BROKEN if agent.broken else ContainerProgram(run="forever", agent=agent)
    program = read_command(container.command, container.args)
    if program is None:
        return ContainerProgram(run=ZERO)
    return ContainerProgram(run=_run_of(program, ZERO), exit=(ExitShare(code=program.exit_code),))
