"""``jobsim explain``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from jobsim.cli.options import run_folder
from jobsim.errors import InputError
from jobsim.simulate import open_run


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="KIND/NAME")
@run_folder
@click.option("-n", "--namespace", metavar="NS", help="The namespace [any].")
def explain(words: Sequence[str], folder: str, namespace: str | None) -> None:
    """Say why an object is as it is: why pending, why here, why restarted, what it cost.

    KIND is pod, job, jobset or node.  A pod's name may lack its random suffix.
    """
    if len(words) > 2 or (len(words) == 2 and "/" in words[0]):
        raise InputError(f"{' '.join(words)!r} names more than one object (allowed: KIND/NAME)")
    click.echo(open_run(folder).explain("/".join(words), namespace).rstrip("\n"))
