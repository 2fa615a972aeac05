"""``jobsim validate``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from jobsim.cli.options import catalogue_files, jobset_options
from jobsim.cli.run import load, tell
from jobsim.results.printers import full_name
from jobsim.simulate import assumed_note
from jobsim.simulate import validate as validated


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@jobset_options
@catalogue_files
@click.pass_context
def validate(
    ctx: click.Context,
    files: Sequence[str],
    gates: Sequence[str],
    version: str | None,
    strict: bool,
    catalogues: Sequence[str],
) -> None:
    """Say what the API server, the JobSet schema and the webhooks would say, without running anything.

    The words are those that kubectl create prints, with file and line in front.  A Scenario is checked
    too, and its manifests are applied in the order of their times.  Exits 1 when something is rejected.
    """
    scenario = load(files, gates, version, catalogues)
    for note in scenario.notes:
        tell(note)
    answers, assumed = validated(scenario, strict=strict)
    for answer in answers:
        if answer.obj is not None:
            click.echo(f"{full_name(answer.obj)} accepted")
        else:
            click.echo(str(answer.refusal), err=True)
    if note := assumed_note(assumed):
        tell(note)
    if not answers:
        click.echo("the scenario is good; it has no manifests")
    ctx.exit(1 if any(answer.refusal is not None for answer in answers) else 0)
