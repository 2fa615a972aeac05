"""``jobsim export``."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import click

from jobsim.report.export import TABLES, check_parquet, jsonl, tables, to_csv, write_parquet
from jobsim.report.perfetto import trace
from jobsim.results.files import check_writable, write_file
from jobsim.simulate import RunData, open_run

FORMATS = ("jsonl", "perfetto", "csv", "parquet")


@click.command()
@click.argument("folder", metavar="DIR")
@click.option("--format", "form", type=click.Choice(FORMATS), required=True, help="The format.")
@click.option("--table", "name", type=click.Choice(TABLES), help="csv and parquet: one table [all].")
@click.option("-o", "--out", metavar="PATH", help="File or, for all tables, folder; - is stdout.")
def export(folder: str, form: str, name: str | None, out: str | None) -> None:
    """Write a run in an open format.

    \b
    jsonl     the log: every change of every object, every event   [stdout]
    perfetto  a trace for the Perfetto UI or chrome://tracing      [stdout]
    csv       the tables restarts, goodput and pods                [DIR; one table: stdout]
    parquet   the same tables, through duckdb                      [DIR]
    """
    if form in ("jsonl", "perfetto"):
        if name is not None:
            raise click.UsageError(f"--table goes with csv and parquet, not with {form}")
        run = open_run(folder)
        _write(out, jsonl(run.log) if form == "jsonl" else [trace(run.recorder, ended_at=run.end)])
        return
    if form == "parquet":
        check_parquet()
    _tables(open_run(folder), form, name, out, folder)


def _tables(run: RunData, form: str, name: str | None, out: str | None, folder: str) -> None:
    made = tables(run.recorder, run.end)
    if name is not None and (form == "csv" or out is not None):
        if form == "csv":
            _write(out, [to_csv(made[name]).encode()])
        else:
            if out == "-":
                raise click.UsageError("parquet is not written to stdout (-o FILE)")
            write_file(Path(str(out)), partial(write_parquet, made[name]))
        return
    if out == "-":
        raise click.UsageError("several tables do not go to stdout (--table NAME, or -o FOLDER)")
    target = Path(out if out is not None else folder)
    check_writable(target)
    target.mkdir(parents=True, exist_ok=True)
    for each in TABLES if name is None else [name]:
        records, path = made[each], target / f"{each}.{form}"
        if form == "csv":
            _write(str(path), [to_csv(records).encode()])
        else:
            write_file(path, partial(write_parquet, records))
        click.echo(str(path))


def _write(out: str | None, pieces: Iterable[bytes]) -> None:
    if out is None or out == "-":
        stdout = sys.stdout.buffer
        for piece in pieces:
            stdout.write(piece)
        stdout.flush()
        return

    def write(path: Path) -> None:
        with path.open("wb") as file:
            file.writelines(pieces)

    write_file(Path(out), write)
