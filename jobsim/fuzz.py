"""Fuzz: a search for what breaks the laws of the cluster, or keeps a JobSet from its end.

Two kinds of search, which meet in what they ask.  *Histories* have no time: anything may happen next
(``testing.machine``).  *Scenarios* are runs of the simulation with faults (``testing.scenarios``); with a
Scenario of the user's only the faults are drawn.  What is found is made smaller by leaving out, and comes
as a file that shows it again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from jobsim.results.recorder import Recorder
from jobsim.runtime.cluster import Cluster
from jobsim.runtime.guard import BrokenLawError
from jobsim.scenario.build import build
from jobsim.scenario.load import Scenario
from jobsim.scenario.write_yaml import to_yaml
from jobsim.testing.machine_course import BrokenError
from jobsim.testing.replay import text, token
from jobsim.testing.shrink import pruned, shrink

Document = dict[str, Any]
#: So many smaller Scenarios are tried: each is a run.
_TRIES_MAX = 150


class Found(Exception):
    """A counterexample.

    Parameters
    ----------
    problem : str
        What is wrong, in one line or more.
    file : str
        The text of a file that shows it.
    again : str
        The command that shows it again; ``FILE`` is the file.
    """

    def __init__(self, problem: str, file: str, again: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.file = file
        self.again = again


class End(NamedTuple):
    """How a run ended: why, and what became of each JobSet."""

    stop: str
    jobsets: tuple[tuple[str, str, int], ...]


def end_of(scenario: Scenario) -> End:
    """Run a Scenario with all laws asked, and return its end.

    Raises
    ------
    BrokenLawError
        A law is broken.
    """
    setup, _ = build(scenario, strict=False, check_invariants=True)
    recorder = Recorder()
    cluster = Cluster(setup, recorder)
    cluster.start()
    stop = cluster.run()
    jobsets = [record.jobset for record in recorder.jobsets.values()]
    ends = tuple((j.name, j.status.terminal_state, j.status.restarts) for j in jobsets)
    return End(stop.reason, ends)


def problem_of(document: Mapping[str, Any], folder: str = ".", *, same_end: bool = True) -> str:
    """Return what is wrong with a Scenario and its faults; "" if nothing is.

    Parameters
    ----------
    document : mapping
        The sections of a Scenario.
    folder : str
        What relative paths are relative to.
    same_end : bool
        Whether all JobSets must end as they do without the faults; else it is enough that they end.
    """
    try:
        plain = end_of(Scenario(folder=folder, **{**document, "faults": []}))
        end = end_of(Scenario(folder=folder, **document))
    except BrokenLawError as err:
        return str(err).partition("\n")[0]
    if same_end and end != plain:
        return f"ends as {_told(end)}; without faults as {_told(plain)}"
    unfinished = [name for name, state, _ in end.jobsets if not state]
    finished = [name for name, state, _ in plain.jobsets if state]
    stuck = [name for name in unfinished if name in finished]
    return f"JobSet {stuck[0]} comes to no end, as it does without faults" if stuck else ""


def _told(end: End) -> str:
    ends = [f"{name} {state or 'unfinished'} after {n} restarts" for name, state, n in end.jobsets]
    return f"{end.stop}, {', '.join(ends) or 'no JobSet'}"


def smaller(document: Document, is_wrong: Callable[[Document], bool]) -> Document:
    """Return a Scenario with less in it that is still wrong."""
    sections = ("faults", "failures", "actions", "pods", "control")
    return pruned(document, sections, is_wrong, _TRIES_MAX)


def as_file(document: Mapping[str, Any], problem: str) -> str:
    """Return the text of a Scenario file that shows a problem."""
    head = {"apiVersion": "jobsim/v1alpha1", "kind": "Scenario"}
    body = {key: value for key, value in document.items() if value or key == "seed"}
    lines = [f"# {line}\n" for line in problem.splitlines()]
    return "".join(lines) + to_yaml({**head, **body})


def search_scenarios(examples: int, seed: int, progress: Callable[[int, int], None]) -> None:
    """Draw Scenarios with faults and run them.

    Raises
    ------
    Found
    """
    from jobsim.testing.scenarios import scenarios
    from jobsim.testing.search import search

    def is_wrong(document: Document) -> bool:
        return bool(problem_of(document))

    found = search(scenarios(), is_wrong, examples, seed, progress)
    if found is not None:
        _raise(smaller(found, is_wrong), ".", same_end=True)


def search_faults(
    document: Document, folder: str, examples: int, seed: int, progress: Callable[[int, int], None]
) -> None:
    """Draw faults for a Scenario of the user's and run it with each.

    Raises
    ------
    Found
    """
    from jobsim.testing.scenarios import faults
    from jobsim.testing.search import search

    own = list(document.get("faults", ()))

    def with_faults(drawn: Sequence[Document]) -> Document:
        return {**document, "faults": [*own, *drawn]}

    def is_wrong(drawn: list[Document]) -> bool:
        return bool(problem_of(with_faults(drawn), folder, same_end=False))

    found = search(faults(6), is_wrong, examples, seed, progress)
    if found is not None:
        few = pruned({"faults": found}, ("faults",), lambda made: is_wrong(made["faults"]), _TRIES_MAX)
        _raise(with_faults(few["faults"]), folder, same_end=False)


def _raise(document: Document, folder: str, *, same_end: bool) -> None:
    problem = problem_of(document, folder, same_end=same_end)
    raise Found(problem, as_file(document, problem), "jobsim run --check-invariants FILE")


def search_histories(examples: int, seed: int, progress: Callable[[int, int], None]) -> None:
    """Draw histories over the cores.

    Raises
    ------
    Found
    """
    from jobsim.testing.search import search_machine

    history = search_machine(examples, seed, progress)
    if history is None:
        return
    small = shrink(history)
    problem = _problem_of_history(small)
    comment = "".join(f"# {line}\n" for line in problem.splitlines())
    raise Found(problem, comment + text(small), f"jobsim replay FILE, or jobsim replay {token(small)}")


def _problem_of_history(history: Mapping[str, Any]) -> str:
    from jobsim.testing.replay import replay

    try:
        replay(history)
    except BrokenError as err:
        return str(err)
    raise AssertionError("what was found cannot be shown again")
