"""``jobsim fuzz`` and ``jobsim replay``."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from jobsim.cli.progress import Count
from jobsim.cli.run import load
from jobsim.errors import ApiError, InputError
from jobsim.results.files import write_file

Search = Callable[[int, int, Callable[[int, int], None]], None]


@click.command()
@click.argument("file", required=False, metavar="[FILE]")
@click.option("--examples", type=click.IntRange(1), default=200, metavar="N", help="How many to draw [200].")
@click.option("--seed", type=click.IntRange(0), default=0, metavar="N", help="Where drawing begins [0].")
@click.option("--out", metavar="FILE", help="Write the counterexample here, not to stdout.")
@click.pass_context
def fuzz(ctx: click.Context, file: str | None, examples: int, seed: int, out: str | None) -> None:
    """Search for what breaks the laws of the cluster; show it in a file.

    Without FILE histories are drawn (all controllers in any order, people, failures, faults of the API,
    stale caches, crashes), and then Scenarios with faults, which must end as they do without.  With a
    Scenario or manifests only faults are drawn: all laws must hold, and every JobSet must come to its end.
    The same seed draws the same things.  Exits 1 when something is found.
    """
    if find_spec("hypothesis") is None:
        raise InputError("needs hypothesis, which is not installed (pip install 'jobsim[fuzz]')")
    from jobsim.fuzz import Found

    try:
        for what, search in _searches(file):
            with Count(what) as progress:
                search(examples, seed, progress)
            click.echo(f"{examples} {what} from seed {seed}: nothing found")
    except Found as found:
        click.echo(f"found: {found.problem}", err=True)
        _show(found.file, out)
        again = found.again.replace("FILE", out or "FILE")
        beside = f" (as a file beside {file})" if file is not None and out is None else ""
        click.echo(f"again: {again}{beside}", err=True)
        ctx.exit(1)


def _searches(file: str | None) -> list[tuple[str, Search]]:
    from jobsim.fuzz import search_faults, search_histories, search_scenarios

    if file is None:
        return [("histories", search_histories), ("scenarios", search_scenarios)]
    document, folder = _document(file)

    def search(examples: int, seed: int, progress: Callable[[int, int], None]) -> None:
        search_faults(document, folder, examples, seed, progress)

    return [("sets of faults", search)]


def _document(file: str) -> tuple[dict[str, Any], str]:
    """Return the sections of a Scenario (of manifests: one that has them), and the folder of its paths."""
    from jobsim.scenario.yaml import is_scenario, read_documents

    load([file], (), None)
    documents = read_documents(Path(file))
    folder = str(Path(file).parent)
    if len(documents) != 1 or not is_scenario(documents[0].data):
        return {"manifests": [Path(file).name]}, folder
    sections = {k: v for k, v in documents[0].data.items() if k not in ("apiVersion", "kind")}
    return sections, folder


def _show(text: str, out: str | None) -> None:
    if out is None:
        click.echo(text, nl=False)
        return
    write_file(Path(out), lambda part: part.write_text(text, encoding="utf-8"))
    click.echo(f"wrote {out}", err=True)


@click.command()
@click.argument("history", metavar="TOKEN|FILE")
@click.pass_context
def replay(ctx: click.Context, history: str) -> None:
    """Run a history that fuzz found again, from its file or its token.

    Exits 1 when it breaks a law, as it did when it was found.
    """
    from jobsim.testing.machine_course import BrokenError
    from jobsim.testing.replay import PREFIX
    from jobsim.testing.replay import replay as again

    given = history if history.startswith(PREFIX) else _history(history)
    try:
        world = again(given)
    except BrokenError as err:
        click.echo(f"error: {err}", err=True)
        ctx.exit(1)
    except ApiError as err:
        raise InputError(f"has a manifest that the API server refuses: {err.message}") from None
    click.echo(f"no law is broken in {len(world.steps)} steps")


def _history(file: str) -> dict[str, Any]:
    from jobsim.scenario.yaml import read_documents

    if not Path(file).is_file():
        raise InputError("is no replay token and no file (what jobsim fuzz has printed)", file=file)
    documents = read_documents(Path(file))
    if len(documents) != 1 or documents[0].data.get("kind") != "Replay":
        raise InputError("is no history (one document of kind Replay)", file=file)
    return dict(documents[0].data)
