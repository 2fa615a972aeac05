"""``jobsim compare``."""

from __future__ import annotations

import click

from jobsim.results.compare import compare as compared
from jobsim.simulate import open_run


@click.command()
@click.argument("a", metavar="DIR")
@click.argument("b", metavar="DIR")
@click.pass_context
def compare(ctx: click.Context, a: str, b: str) -> None:
    """Say what differs between two runs: where their logs part, and their metrics side by side.

    Exits 1 when they differ.
    """
    one, other = open_run(a), open_run(b)
    outcome = compared(one.log, other.log, one.summary(), other.summary(), (a, b))
    click.echo(outcome.text(), nl=False)
    ctx.exit(0 if outcome.same else 1)
