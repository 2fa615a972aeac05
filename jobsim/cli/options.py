"""Options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from jobsim.errors import InputError, InputErrors

F = TypeVar("F", bound=Callable[..., Any])


#: What is said to who asks about a run and does not say which.
NO_RUN = "Missing option '--run' (or the variable JOBSIM_RUN): a folder that jobsim run --out has made."


def _needed(ctx: click.Context, _param: click.Parameter, folder: str | None) -> str:
    if folder is None:
        raise click.UsageError(NO_RUN, ctx)
    return folder


def run_folder(command: F) -> F:
    """Add ``--run DIR``."""
    return click.option(
        "--run",
        "folder",
        metavar="DIR",
        callback=_needed,
        envvar="JOBSIM_RUN",
        help="The run: a folder that jobsim run --out has made [$JOBSIM_RUN].",
    )(command)


def namespace(command: F) -> F:
    """Add ``-n NS``."""
    return click.option(
        "-n", "--namespace", default="default", metavar="NS", help="The namespace [default]."
    )(command)


def catalogue_files(command: F) -> F:
    """Add ``--catalogue FILE``."""
    return click.option(
        "--catalogue",
        "catalogues",
        multiple=True,
        metavar="FILE",
        envvar="JOBSIM_CATALOGUE",
        help="Shapes and fabrics of your own, in the catalogue's form; repeatable [$JOBSIM_CATALOGUE].",
    )(command)


def at_time(command: F) -> F:
    """Add ``--at T``."""
    return click.option("--at", metavar="T", help="The virtual time, such as 10m or 90.5 [the end].")(command)


def jobset_options(command: F) -> F:
    """Add what chooses the simulated JobSet controller: ``--gate``, ``--jobset-version``, ``--strict``."""
    strict = click.option(
        "--strict",
        is_flag=True,
        help="What manifests refer to and no file contains is missing, as in a real cluster.",
    )
    version = click.option(
        "--jobset-version",
        "version",
        type=click.Choice(["v0.12.0", "main"]),
        help="The JobSet release [the scenario's, or v0.12.0].",
    )
    gate = click.option(
        "--gate",
        "gates",
        multiple=True,
        metavar="NAME=true",
        help="A feature gate: InPlaceRestart, RestartJob or ElasticJobSet; repeatable.",
    )
    return gate(version(strict(command)))


def read_time(text: str) -> str | float:
    """Return a duration of the command line: a plain number is seconds, as in a Scenario."""
    if re.fullmatch(r"[0-9]+", text):
        return int(text)
    return float(text) if re.fullmatch(r"[0-9]*\.[0-9]+|[0-9]+\.", text) else text


def read_gates(texts: Sequence[str]) -> dict[str, bool]:
    """Return feature gates from ``NAME=true`` (several with commas, as upstream's ``--feature-gates``).

    Raises
    ------
    InputErrors
        With all that is wrong.
    """
    from jobsim.scenario.table import GATES

    gates: dict[str, bool] = {}
    errors = []
    for text in (part.strip() for each in texts for part in each.split(",")):
        name, _, word = text.partition("=")
        if name not in GATES:
            errors.append(InputError(f'no gate "{name}" ({", ".join(GATES)})', path="--gate"))
        elif word.lower() not in ("true", "false"):
            errors.append(InputError(f'"{text}" is neither on nor off ({name}=true or false)', path="--gate"))
        else:
            gates[name] = word.lower() == "true"
    if errors:
        raise InputErrors(errors)
    return gates
