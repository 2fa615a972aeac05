"""From a Scenario to a Run: the surface that users, notebooks and the command line share."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from jobsim.errors import ApiError, InputError, JobsimError
from jobsim.moment import Moment
from jobsim.results.explain import explain
from jobsim.results.log import Log
from jobsim.results.recorder import Recorder, replay
from jobsim.results.summary import summary
from jobsim.runtime.cluster import Cluster, Stop
from jobsim.runtime.setup import Submission
from jobsim.scenario.build import build
from jobsim.scenario.load import Scenario
from jobsim.units import parse_duration

if TYPE_CHECKING:
    from jobsim.results.table import Table

LOG = "log.jsonl.gz"
SUMMARY = "summary.json"


class Rejected(JobsimError):
    """The API server refused manifests: the answer to "would it run" is no.

    Parameters
    ----------
    refusals : sequence of (Submission, ApiError)
    """

    def __init__(self, refusals: Sequence[tuple[Submission, ApiError]]) -> None:
        self.refusals = tuple(refusals)
        lines = []
        for submission, error in refusals:
            place = submission.file + (f":{submission.line}" if submission.line is not None else "")
            lines.append(f"{place}: {error.message}" if place else error.message)
        super().__init__("\n".join(lines))


class RunData:
    """What a run left behind, in memory or on disk: its log, its summary, and all that follows."""

    def __init__(self, log: Log, summary: dict[str, Any], recorder: Recorder | None = None) -> None:
        self.log = log
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

    def at(self, time: str | float) -> Moment:
        """Return the cluster at a virtual time (``"10m"`` or seconds)."""
        return Moment(self.log.rows(), parse_duration(time))

    def explain(self, what: str, namespace: str | None = None) -> str:
        """Return why something is as it is: ``"pod/train-w-3-5"``, ``"jobset/train"``."""
        kind, slash, name = what.partition("/")
        if not slash:
            raise InputError(f"{what!r} names no object (allowed: KIND/NAME)")
        return explain(self.recorder, kind, name, namespace)

    def timeline(self, **options: Any) -> Any:
        """Return the timeline as a matplotlib Figure (extra ``plot``)."""
        from jobsim.report.timeline import timeline

        return timeline(self.recorder, None, **options)


class Run(RunData):
    """A finished run.

    Attributes
    ----------
    scenario : Scenario
    notes : tuple of str
        What the user should know: the default fleet, kinds that are not simulated, what was taken as
        existing.
    """

    def __init__(
        self, scenario: Scenario, cluster: Cluster, recorder: Recorder, stop: Stop, notes: Sequence[str]
    ) -> None:
        self.scenario = scenario
        self.notes = tuple(notes)
        self.metrics = dict(cluster.metrics)
        made = summary(
            recorder,
            seed=scenario.seed,
            ended_at=stop.at,
            writes_by=cluster.counts,
            stop=stop.reason,
        )
        super().__init__(recorder.log, made, recorder)

    def save(self, folder: str | Path, pictures: Mapping[str, Callable[[Path], None]] | None = None) -> Path:
        """Write summary and log (and pictures) to a folder, all or nothing.

        Raises
        ------
        InputError
            When the folder cannot be written.
        """
        target = Path(folder)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            staging = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        except OSError as err:
            raise InputError(f"cannot be written: {err.strerror}", file=str(target)) from None
        try:
            (staging / SUMMARY).write_bytes(
                msgspec.json.format(msgspec.json.encode(self._summary), indent=2) + b"\n"
            )
            self.log.write(staging / LOG)
            for name, draw in (pictures or {}).items():
                draw(staging / name)
            _replace(staging, target)
        except OSError as err:
            raise InputError(f"cannot be written: {err.strerror}", file=str(target)) from None
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        return target


def _replace(staging: Path, target: Path) -> None:
    """Put the files of a finished folder in place, each in one step."""
    staging.chmod(0o755)
    if not target.exists():
        staging.rename(target)
        return
    for path in sorted(staging.iterdir()):
        os.replace(path, target / path.name)


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
    except (OSError, msgspec.DecodeError, ValueError) as err:
        raise InputError(f"holds no readable run: {err}", file=str(path)) from None
    if not isinstance(made, dict) or made.get("digest") != log.digest:
        raise InputError("holds a summary and a log that do not belong together", file=str(path))
    return RunData(log, made)


def run(
    scenario: Scenario | str | Path,
    *,
    seed: int | None = None,
    until: str | float | None = None,
    strict: bool = False,
    progress: Callable[[int, int], None] | None = None,
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
    progress : callable, optional
        ``(virtual ns, timers fired)``, called now and then.

    Raises
    ------
    InputErrors
        When the scenario is wrong.
    Rejected
        When the API server refuses a manifest of time 0.

    Examples
    --------
    >>> import jobsim
    >>> jobsim.run("scenarios/ttl.yaml").jobsets()[0]["terminalState"]
    'Completed'
    """
    lab = Scenario.load(scenario) if isinstance(scenario, str | Path) else scenario
    lab = lab.changed(seed=seed, until=until)
    setup, notes = build(lab, strict=strict, check_invariants=False)
    recorder = Recorder()
    cluster = Cluster(setup, recorder)
    refused = cluster.start()
    if refused:
        raise Rejected(refused)
    stop = cluster.run(progress)
    assumed = [f"{thing} is taken as existing" for thing in cluster.admission.assumed]
    return Run(lab, cluster, recorder, stop, [*notes, *assumed])
