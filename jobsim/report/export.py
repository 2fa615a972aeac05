"""A run in open formats: its log as JSON lines, its tables as CSV or (extra ``analysis``) Parquet.

Durations and instants are int64 nanoseconds; an instant that did not come is empty.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jobsim.errors import InputError
from jobsim.results.lives import INSTANTS, NEVER, PodLives
from jobsim.results.log import Log
from jobsim.results.recorder import Recorder
from jobsim.results.table import Table, table

TABLES = ("restarts", "goodput", "pods")
_POD_TEXTS = ("namespace", "name", "jobset", "rjob", "job", "node", "outcome", "reason")
_POD_NUMBERS = ("job_index", "index", "attempt", "exit_code")
_SQL_TYPES = {"U": "VARCHAR", "i": "BIGINT", "f": "DOUBLE"}


def tables(recorder: Recorder, ended_at: int) -> dict[str, Table]:
    """Return the tables of a run by name: ``TABLES``."""
    return {
        "restarts": recorder.restarts(ended_at),
        "goodput": recorder.goodput(ended_at),
        "pods": pods_table(recorder.pods),
    }


def pods_table(pods: PodLives) -> Table:
    """Return all pods of a run, one row each in the order of creation.

    Returns
    -------
    Table
        namespace, name, jobset, rjob, job, node, outcome, reason; job_index, index, attempt, exit_code;
        ``<instant>_ns`` for each of ``lives.INSTANTS``, -1 where it did not come.
    """
    columns = (*_POD_TEXTS, *_POD_NUMBERS, *INSTANTS)
    rows = [tuple(getattr(life, column) for column in columns) for life in pods]
    return table(_POD_TEXTS, (*_POD_NUMBERS, *(f"{instant}_ns" for instant in INSTANTS)), rows)


def jsonl(log: Log) -> Iterator[bytes]:
    """Yield the lines of a log, each with its newline."""
    for line in log.lines():
        yield line + b"\n"


def to_csv(records: Table) -> str:
    """Return a table as CSV with a header."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(records.columns)
    for record in records.tolist():
        writer.writerow("" if value == NEVER else value for value in record)
    return out.getvalue()


def check_parquet() -> None:
    """Raise InputError when Parquet cannot be written here."""
    if find_spec("duckdb") is None:
        raise InputError("parquet needs duckdb: pip install 'jobsim[analysis]' (or choose csv)")


def write_parquet(records: Table, path: Path) -> None:
    """Write a table as a Parquet file."""
    check_parquet()
    kinds = ((name, records.dtype[name].kind) for name in records.columns)
    columns: Mapping[str, str] = {name: _SQL_TYPES[kind] for name, kind in kinds}
    rows = path.with_suffix(".csv.part")
    rows.write_text(to_csv(records), encoding="utf-8")
    duckdb: Any = import_module("duckdb")
    try:
        with duckdb.connect() as connection:
            found = connection.read_csv(str(rows), header=True, dtype=columns)
            found.write_parquet(str(path))
    finally:
        rows.unlink()
