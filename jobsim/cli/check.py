"""``jobsim check``: the same scenario and seed in two processes must come to the same bytes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click

import jobsim
from jobsim.cli.options import catalogue_files, jobset_options
from jobsim.cli.run import load

CODE = "from jobsim.cli import main; main()"
#: What differs between the two processes: PYTHONHASHSEED, and the interpreter's arguments.
PROCESSES: tuple[tuple[str, tuple[str, ...]], ...] = (("1", ("-c", CODE)), ("12345", ("-O", "-c", CODE)))


class Outcome(NamedTuple):
    """What one process came to."""

    code: int
    summary: bytes
    errors: str

    @property
    def digest(self) -> str:
        """The run's digest, or how it ended without one."""
        try:
            return str(json.loads(self.summary)["digest"])
        except ValueError:
            return f"none (exit code {self.code})"


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--seeds", "count", type=click.IntRange(1), default=1, metavar="K", help="How many seeds [1].")
@click.option("--until", metavar="TIME", help="Stop at this virtual time.")
@jobset_options
@catalogue_files
@click.pass_context
def check(
    ctx: click.Context,
    files: Sequence[str],
    count: int,
    until: str | None,
    gates: Sequence[str],
    version: str | None,
    strict: bool,
    catalogues: Sequence[str],
) -> None:
    """Run each file in two fresh processes and compare digests and summaries.

    The processes have different hash seeds, and one runs without assertions (python -O).  Seeds: the
    scenario's own and the K-1 that follow it.  Exits 1 when two outcomes differ.
    """
    seeds = {file: load([file], gates, version, catalogues).seed for file in files}
    options = [*(part for gate in gates for part in ("--gate", gate)), *(["--strict"] if strict else [])]
    options += ["--jobset-version", version] if version is not None else []
    options += ["--until", until] if until is not None else []
    options += [part for name in catalogues for part in ("--catalogue", name)]
    same = True
    for file, first in seeds.items():
        for seed in range(first, first + count):
            one, other = _both(["run", file, "--seed", str(seed), "--output", "json", *options])
            if one.code == 2:
                click.echo(one.errors, err=True, nl=False)
                ctx.exit(2)
            alike = one == other
            same &= alike
            click.echo(f"{file} seed {seed}: {verdict(one, other)}")
    ctx.exit(0 if same else 1)


def _both(words: Sequence[str]) -> list[Outcome]:
    """Run a command line in both processes at once."""
    # The package that is running now, wherever it was found, and nothing from the current folder.
    path = os.pathsep.join(
        filter(None, [str(Path(jobsim.__file__).parents[1]), os.environ.get("PYTHONPATH")])
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-P", *flags, *words],
            env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": hash_seed},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for hash_seed, flags in PROCESSES
    ]
    try:
        ended = [(process, *process.communicate()) for process in running]
    finally:
        for process in running:
            process.kill()
    return [Outcome(process.returncode, out, errors.decode()) for process, out, errors in ended]


def verdict(one: Outcome, other: Outcome) -> str:
    """Return what the two outcomes say about determinism."""
    if one == other:
        return f"same, digest {one.digest}"
    if one.digest != other.digest:
        return f"DIFFERS, digests {one.digest} and {other.digest}"
    what = "summaries" if one.summary != other.summary else "messages or exit codes"
    return f"DIFFERS in {what}, digest {one.digest}"
