"""``jobsim run``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from jobsim.cli import screen
from jobsim.cli.options import catalogue_files, jobset_options, read_gates, read_time
from jobsim.cli.progress import Progress
from jobsim.errors import InputError, InputErrors
from jobsim.report.pictures import PICTURES
from jobsim.results.files import check_writable
from jobsim.runtime.guard import BrokenLawError
from jobsim.scenario.load import Scenario, load_files
from jobsim.simulate import LOG, SUMMARY, Rejected, Run, can_draw
from jobsim.simulate import run as simulate


def load(
    files: Sequence[str],
    gates: Sequence[str],
    version: str | None,
    catalogues: Sequence[str] = (),
    **changes: object,
) -> Scenario:
    """Return the scenario that the files and options of a command line make.

    Raises
    ------
    InputErrors
        With what is wrong in options and files alike.
    """
    errors: list[InputError] = []
    scenario = None
    switched: dict[str, bool] = {}
    try:
        switched = read_gates(gates)
    except InputErrors as err:
        errors += err.errors
    try:
        scenario = load_files(files, catalogues)
        scenario = scenario.changed(gates=switched, version=version, **changes)  # type: ignore[arg-type]
    except InputErrors as err:
        # What is wrong after the files were read came from options, whose names the scenario does not know.
        errors += [_of_option(error, changes) if scenario is not None else error for error in err.errors]
    if errors or scenario is None:
        raise InputErrors(errors)
    return scenario


def _of_option(error: InputError, changes: Mapping[str, object]) -> InputError:
    return InputError(error.text, path=f"--{error.path}" if error.path in changes else error.path)


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--seed", type=int, help="Instead of the scenario's seed [0].")
@click.option("--until", metavar="TIME", help="Stop at this virtual time, such as 2h or 54d.")
@jobset_options
@catalogue_files
@click.option(
    "--check-invariants",
    is_flag=True,
    envvar="JOBSIM_CHECK_INVARIANTS",
    help="Ask the laws of the cluster after every write [$JOBSIM_CHECK_INVARIANTS].",
)
@click.option("--out", metavar="DIR", help="Write summary, log and pictures to this folder.")
@click.option("--output", type=click.Choice(["table", "json"]), default="table", help="What stdout gets.")
@click.pass_context
def run(
    ctx: click.Context,
    files: Sequence[str],
    seed: int | None,
    until: str | None,
    gates: Sequence[str],
    version: str | None,
    strict: bool,
    catalogues: Sequence[str],
    check_invariants: bool,
    out: str | None,
    output: str,
) -> None:
    """Run a scenario or manifests; say what happened and where the time went.

    A FILE is a Scenario, or plain Kubernetes manifests (several documents, Lists and JSON too).  Without
    nodes there is a default fleet that is big enough.  Exits 1 when the API server refuses a manifest, when
    something that the scenario expects does not come true, or when a law of the cluster is broken.
    """
    if out is not None:
        check_writable(Path(out))
    stop = None if until is None else read_time(until)
    scenario = load(files, gates, version, catalogues, seed=seed, until=stop)
    try:
        with Progress(scenario.until) as progress:
            finished = simulate(
                scenario, strict=strict, check_invariants=check_invariants, progress=progress, tell=tell
            )
    except Rejected as err:
        click.echo(str(err), err=True)
        ctx.exit(1)
    except BrokenLawError as err:
        click.echo(f"error: {err}", err=True)
        ctx.exit(1)
    for line in screen.stalls(finished.summary()):
        click.echo(line, err=True)
    if out is not None:
        _save(finished, out)
    if output == "json":
        click.echo(finished.summary_bytes, nl=False)
        for verdict in finished.verdicts:
            if not verdict.ok:
                tell(f"expectation failed: {verdict.text}")
    else:
        click.echo(screen.of_run(finished), nl=False)
    ctx.exit(0 if finished.ok else 1)


def tell(note: str) -> None:
    """Say something that the user should know, on stderr."""
    click.echo(f"note: {note}", err=True)


def _save(finished: Run, out: str) -> None:
    folder = finished.save(out)
    written = [name for name in (SUMMARY, LOG, *PICTURES) if (folder / name).exists()]
    click.echo(f"wrote {', '.join(str(Path(out) / name) for name in written)}", err=True)
    if not can_draw():
        tell(f"no {PICTURES[0]}: matplotlib is not installed (pip install 'jobsim[plot]')")
