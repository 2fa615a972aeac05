"""``jobsim export``, ``compare`` and ``schema``: what leaves jobsim, in forms that others read."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import json
from pathlib import Path

import jsonschema
import pytest

from jobsim.report.export import TABLES
from jobsim.scenario.yaml import read_documents
from jobsim.simulate import open_run
from tests.cli.conftest import ROOT, Jobsim


def test_jsonl_is_the_log(jobsim: Jobsim, saved: Path, tmp_path: Path) -> None:
    log = gzip.decompress((saved / "log.jsonl.gz").read_bytes())
    assert jobsim("export", saved, "--format", "jsonl").stdout_bytes == log
    file = tmp_path / "log.jsonl"
    assert jobsim("export", saved, "--format", "jsonl", "-o", file).stdout == ""
    assert file.read_bytes() == log


def test_perfetto_is_a_trace(jobsim: Jobsim, saved: Path) -> None:
    trace = json.loads(jobsim("export", saved, "--format", "perfetto").stdout)
    phases = {event["ph"] for event in trace["traceEvents"]}
    assert {"X", "M"} <= phases


def test_csv_of_one_table(jobsim: Jobsim, saved: Path) -> None:
    text = jobsim("export", saved, "--format", "csv", "--table", "pods").stdout
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) == 128
    assert sum(row["outcome"] == "Succeeded" for row in rows) == 64
    [lost] = [row for row in rows if row["exit_code"] == "1"]
    assert (lost["job"], lost["finished_ns"], lost["unschedulable_ns"]) == ("train-w-3", "600000000000", "")


def test_csv_of_all_tables(jobsim: Jobsim, saved: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tables"
    result = jobsim("export", saved, "--format", "csv", "-o", folder)
    assert result.stdout.splitlines() == [str(folder / f"{name}.csv") for name in TABLES]
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"{name}.csv" for name in TABLES)
    [row] = csv.DictReader((folder / "goodput.csv").read_text().splitlines())
    run = open_run(saved)
    assert float(row["ettr"]) == run.jobsets()[0]["ettr"]
    kinds = [row["kind"] for row in csv.DictReader((folder / "restarts.csv").read_text().splitlines())]
    assert kinds == ["start", "jobset"]


def test_parquet_needs_duckdb(jobsim: Jobsim, saved: Path, tmp_path: Path) -> None:
    result = jobsim("export", saved, "--format", "parquet", "-o", tmp_path / "tables")
    if importlib.util.find_spec("duckdb") is None:
        assert (result.exit_code, result.stdout) == (2, "")
        assert (
            result.stderr == "error: parquet needs duckdb: pip install 'jobsim[analysis]' (or choose csv)\n"
        )
        return
    assert result.exit_code == 0
    assert (tmp_path / "tables/pods.parquet").read_bytes().startswith(b"PAR1")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--format", "xml"), "Invalid value for '--format'"),
        ((), "Missing option '--format'"),
        (("--format", "jsonl", "--table", "pods"), "--table goes with csv and parquet, not with jsonl"),
        (("--format", "csv", "-o", "-"), "several tables do not go to stdout"),
        (("--format", "jsonl", "-o", "nowhere/at/all"), "nowhere/at/all: cannot be written: No such file"),
    ],
)
def test_wrong_use(jobsim: Jobsim, saved: Path, words: tuple[str, ...], text: str) -> None:
    result = jobsim("export", saved, *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert text in result.stderr


def test_compare(jobsim: Jobsim, saved: Path, tmp_path: Path) -> None:
    same = jobsim("compare", saved, saved)
    assert same.exit_code == 0
    other = tmp_path / "other"
    jobsim("run", ROOT / "scenarios/one-pod-fails.yaml", "--seed", "8", "--out", other)
    result = jobsim("compare", saved, other)
    assert result.exit_code == 1
    assert "The logs part at row 1." in result.stdout
    assert jobsim("compare", saved, tmp_path / "none").exit_code == 2


def test_schema_accepts_our_scenarios(jobsim: Jobsim) -> None:
    schema = json.loads(jobsim("schema").stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    files = sorted((ROOT / "scenarios").glob("*.yaml"))
    assert files
    for file in files:
        # Our own reader: in YAML 1.1 the key `on` is a truth value.
        scenario = dict(read_documents(file)[0].data)
        assert not list(validator.iter_errors(scenario)), file.name
        assert list(validator.iter_errors({**scenario, "sed": 1}))
