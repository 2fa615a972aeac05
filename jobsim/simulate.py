"""From a Scenario to a Run: the surface that users, notebooks and the command line share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from jobsim.api.kinds import find_kind
from jobsim.api.meta import Object
from jobsim.api.reader import Reader
from jobsim.apiserver.server import Server
from jobsim.apiserver.store import Store
from jobsim.controllers.admission.pipeline import Admission
from jobsim.errors import ApiError, InputError, JobsimError, reason
from jobsim.moment import Moment
from jobsim.report.pictures import PICTURES, Pictures
from jobsim.results import placement
from jobsim.results.explain import explain
from jobsim.results.explain_facts import clock
from jobsim.results.files import write_file, write_folder
from jobsim.results.log import Log
from jobsim.results.recorder import Recorder, replay
from jobsim.results.summary import exact_seconds, summary
from jobsim.rng import NameSource
from jobsim.runtime.cluster import Cluster, Stop
from jobsim.runtime.setup import Submission
from jobsim.scenario import expect
from jobsim.scenario.build import build
from jobsim.scenario.load import Scenario
from jobsim.scenario.manifests import Manifest
from jobsim.scenario.network import placements
from jobsim.scenario.refusal import Refusal
from jobsim.units import parse_duration

if TYPE_CHECKING:
    from jobsim.results.table import Table

LOG = "log.jsonl.gz"
SUMMARY = "summary.json"


class Rejected(JobsimError):
    """The API server refused manifests: the answer to "would it run" is no.

    Parameters
    ----------
    refusals : sequence of Refusal
    """

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        self.refusals = tuple(refusals)
        super().__init__("\n".join(map(str, refusals)))


class RunData(Pictures):
    """What a run left behind, in memory or on disk: its log, its summary, and all that follows."""

    def __init__(self, log: Log, summary: dict[str, Any], recorder: Recorder | None = None) -> None:
        self.log = log
        self.title = "jobsim"
        self.description = ""
        self._summary = summary
        self._recorder = recorder

    @property
    def digest(self) -> str:
        """Hash of the log: the same scenario, seed and version give the same one everywhere."""
        return str(self._summary["digest"])

    @property
    def end(self) -> int:
        """Virtual time at the end, ns."""
        return parse_duration(self._summary["simulatedSeconds"])

    @property
    def recorder(self) -> Recorder:
        """The folded log (made from the rows when the run was read from disk)."""
        if self._recorder is None:
            self._recorder = replay(self.log.rows())
        return self._recorder

    def summary(self) -> dict[str, Any]:
        """Return the summary as plain data, as ``--output json`` prints it."""
        return self._summary

    def jobsets(self) -> list[dict[str, Any]]:
        """Return the summary's row of each JobSet."""
        return list(self._summary["jobsets"])

    def restarts(self) -> Table:
        """Return the restarts and their parts, a numpy structured array underneath."""
        return self.recorder.restarts(self.end)

    def goodput(self) -> Table:
        """Return the ledgers of all JobSets, a numpy structured array underneath."""
        return self.recorder.goodput(self.end)

    def at(self, time: str | float | None = None) -> Moment:
        """Return the cluster at a virtual time (``"10m"`` or seconds); default: the end.

        Raises
        ------
        InputError
            When it is no time, or one that the run did not reach.
        """
        if time is None:
            return Moment(self.log.rows(), self.end)
        try:
            now = parse_duration(time)
        except ValueError:
            raise InputError(f"{time!r} is no time of a run (such as 10m, 1h30m or 90.5)") from None
        if now > self.end and self._summary["stop"] != "finished":
            raise InputError(f"{time!r} is after the end (the run stopped at {clock(self.end)})")
        return Moment(self.log.rows(), now)

    def explain(self, what: str, namespace: str | None = None) -> str:
        """Return why something is as it is: ``"pod/train-w-3-5"``, ``"jobset/train"``."""
        kind, slash, name = what.partition("/")
        if not slash:
            raise InputError(f"{what!r} names no object (allowed: KIND/NAME)")
        told = explain(self.log, kind, name, namespace, ended_at=self.end)
        return told + "".join(f"{line}\n" for line in self._placed(kind, name, namespace))

    def _placed(self, kind: str, name: str, namespace: str | None) -> list[str]:
        """Return what a JobSet's placement costs, in words; nothing for what has none."""
        info = find_kind(kind)
        if info is None or info.kind != "JobSet":
            return []
        meant = [r for r in self.jobsets() if r["name"] == name and namespace in (None, r["namespace"])]
        found = meant[-1].get("placement") if meant else None
        return ["", *placement.lines(found)] if found else []

    def report(self, path: str | Path) -> Path:
        """Write the run on one page: an HTML file that needs nothing else (extra ``plot``).

        Raises
        ------
        InputError
            When the file cannot be written.
        """
        from jobsim.report.page import page

        text = page(self.recorder, self._summary, title=self.title, description=self.description)
        write_file(Path(path), lambda part: part.write_text(text, encoding="utf-8"))
        return Path(path)

    @property
    def summary_bytes(self) -> bytes:
        """The summary as JSON text, as it is saved and printed."""
        return msgspec.json.format(msgspec.json.encode(self._summary), indent=2) + b"\n"


class Run(RunData):
    """A finished run.

    Attributes
    ----------
    scenario : Scenario
    verdicts : tuple of Verdict
        What became of the scenario's expectations.
    notes : tuple of str
        What the user should know: the default fleet, kinds that are not simulated, what was taken as
        existing.
    metrics : dict of str to int
        What the controllers counted.
    reader : Reader
        The cluster as it was left.
    """

    def __init__(
        self, scenario: Scenario, cluster: Cluster, recorder: Recorder, stop: Stop, notes: Sequence[str]
    ) -> None:
        self.scenario = scenario
        self.notes = tuple(notes)
        self.metrics = dict(cluster.metrics)
        self.reader: Reader = cluster.store
        made = summary(
            recorder,
            seed=scenario.seed,
            ended_at=stop.at,
            writes_by=cluster.writes.accepted,
            refused_by=cluster.writes.refused,
            stop=stop.reason,
            stalls=[
                {"what": s.what, "name": s.name, "since": exact_seconds(s.since), "message": s.message}
                for s in stop.stalls
            ],
        )
        where = placements(scenario, cluster.setup.nodes, self.reader)
        for row in made["jobsets"]:
            row["placement"] = None if row["deleted"] else where.get((row["namespace"], row["name"]))
        self.verdicts = tuple(expect.evaluate(scenario.expect, made))
        made["faults"] = {text: cluster.faults[text] for text in sorted(cluster.faults)}
        made["expectations"] = expect.as_rows(self.verdicts)
        super().__init__(recorder.log, made, recorder)
        self.title = (
            scenario.metadata.name or ", ".join(row["name"] for row in made["jobsets"][:3]) or "jobsim"
        )
        self.description = scenario.metadata.description

    @property
    def ok(self) -> bool:
        """Whether everything that the scenario expects came true."""
        return all(verdict.ok for verdict in self.verdicts)

    def save(
        self, folder: str | Path, pictures: Mapping[str, Callable[[Path], object]] | None = None
    ) -> Path:
        """Write summary, log and pictures to a folder, all or nothing.

        Parameters
        ----------
        folder : path
            Made if it is not there; files of an earlier run in it are replaced.
        pictures : mapping of str to callable, optional
            What draws each picture to a path; default: timeline and placement, if matplotlib is installed.

        Raises
        ------
        InputError
            When the folder cannot be written.
        """
        target = Path(folder)
        if pictures is None:
            pictures = self.pictures() if can_draw() else {}
        files: dict[str, Callable[[Path], object]] = {
            **pictures,
            LOG: self.log.write,
            SUMMARY: lambda path: path.write_bytes(self.summary_bytes),
        }
        write_folder(target, files, stale=(SUMMARY, LOG, *PICTURES))
        return target


def can_draw() -> bool:
    """Tell whether pictures can be drawn (extra ``plot``)."""
    return find_spec("matplotlib") is not None


def open_run(folder: str | Path) -> RunData:
    """Return a run that was saved.

    Raises
    ------
    InputError
        When the folder holds no complete run.
    """
    path = Path(folder)
    try:
        made = msgspec.json.decode((path / SUMMARY).read_bytes())
        log = Log.read(path / LOG)
    except FileNotFoundError as err:
        missing = Path(str(err.filename)).name
        raise InputError(
            f"holds no run: {missing} is missing (make one with jobsim run ... --out DIR)", file=str(path)
        ) from None
    except NotADirectoryError:
        raise InputError("is no folder (make a run with jobsim run ... --out DIR)", file=str(path)) from None
    except (OSError, msgspec.DecodeError, ValueError) as err:
        raise InputError(f"holds no readable run: {reason(err)}", file=str(path)) from None
    if not isinstance(made, dict) or made.get("digest") != log.digest:
        raise InputError("holds a summary and a log that do not belong together", file=str(path))
    return RunData(log, made)


def run(
    scenario: Scenario | str | Path,
    *,
    seed: int | None = None,
    until: str | float | None = None,
    strict: bool = False,
    check_invariants: bool | None = None,
    progress: Callable[[int, int], None] | None = None,
    tell: Callable[[str], None] | None = None,
) -> Run:
    """Run a scenario to its end.

    Parameters
    ----------
    scenario : Scenario, or the path of one or of manifests
    seed : int, optional
        Instead of the scenario's.
    until : duration, optional
        Instead of the scenario's.
    strict : bool
        Treat references to things that no manifest brings as a real cluster would.
    check_invariants : bool, optional
        Ask the cluster's laws after every write and at rest; default: if $JOBSIM_CHECK_INVARIANTS is set.
    progress : callable, optional
        ``(virtual ns, timers fired)``, called now and then.
    tell : callable, optional
        Takes each note (``Run.notes``) as soon as it is known.

    Raises
    ------
    InputErrors
        When the scenario is wrong.
    Rejected
        When the API server refuses a manifest of time 0.
    BrokenLawError
        When a law of the cluster is broken.

    Examples
    --------
    >>> import jobsim
    >>> jobsim.run("scenarios/ttl.yaml").jobsets()[0]["terminalState"]
    'Completed'
    """
    lab = Scenario.load(scenario) if isinstance(scenario, str | Path) else scenario
    lab = lab.changed(seed=seed, until=until)
    setup, notes = build(lab, strict=strict, check_invariants=check_invariants)
    tell = _nobody if tell is None else tell
    for note in notes:
        tell(note)
    recorder = Recorder()
    cluster = Cluster(setup, recorder)
    refused = cluster.start()
    if refused:
        raise Rejected([Refusal(_source(lab, submission), error) for submission, error in refused])
    stop = cluster.run(progress)
    assumed = assumed_note(cluster.admission.assumed)
    if assumed:
        tell(assumed)
    return Run(lab, cluster, recorder, stop, [*notes, *filter(None, [assumed])])


def _nobody(_: str) -> None:
    """Hear a note and forget it."""


def assumed_note(assumed: Sequence[str]) -> str:
    """Return one sentence about what manifests refer to and no file contains; "" if there is nothing."""
    if not assumed:
        return ""
    return f"taken as existing, because no file has it: {', '.join(assumed)} (--strict: as a real cluster)"


def _source(scenario: Scenario, submission: Submission) -> Manifest:
    """Return the manifest that a submission was made from."""
    return next(manifest for manifest in scenario.manifests if manifest.data is submission.doc)


class Answer(NamedTuple):
    """What the API server says to one manifest: the object as stored, or a refusal."""

    manifest: Manifest
    obj: Object | None
    refusal: Refusal | None


def validate(scenario: Scenario | str | Path, *, strict: bool = False) -> tuple[list[Answer], list[str]]:
    """Return what the API server would say to each manifest, and what was taken as existing.

    Everything is applied in the order of time, into one empty cluster.

    Parameters
    ----------
    scenario : Scenario, or the path of one or of manifests
    strict : bool
        Treat references to things that no manifest brings as a real cluster would.
    """
    lab = Scenario.load(scenario) if isinstance(scenario, str | Path) else scenario
    names = NameSource(lab.seed)
    admission = Admission(lab.gates, strict=strict, suffix=names.suffix)
    server = Server(Store(), admission, names)
    everything = [*lab.manifests, *(manifest for objects in lab.applied for manifest in objects)]
    answers = []
    for manifest in sorted(everything, key=lambda m: m.at):
        try:
            answers.append(Answer(manifest, server.submit(manifest.data, manifest.at), None))
        except ApiError as err:
            answers.append(Answer(manifest, None, Refusal(manifest, err)))
    return answers, list(admission.assumed)
