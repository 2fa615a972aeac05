"""``jobsim calibrate``: the tables and the JSON form."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import ROOT, Jobsim

MEASURED = ROOT / "benchmarks/validation/collectives.json"


def test_tables(jobsim: Jobsim) -> None:
    result = jobsim("calibrate", MEASURED)
    assert result.exit_code == 0
    rows, sets, bands = result.stdout.split("\n\n")
    assert rows.split("\n")[0].split() == [
        *("ROW", "FABRIC", "ALGORITHM", "MEASURED", "PREDICTED", "UNIT", "ERROR")
    ]
    assert len(rows.split("\n")) == 1 + len(json.loads(MEASURED.read_text())["rows"])
    assert sets.startswith("DATA SET ")
    assert any(line.startswith("V7 all-gather >=256 MiB ") for line in sets.split("\n"))
    assert bands.startswith("ALL MEASUREMENTS ")
    assert jobsim("calibrate", MEASURED, "--summary").stdout == f"{sets}\n\n{bands}"


def test_json(jobsim: Jobsim) -> None:
    data = json.loads(jobsim("calibrate", MEASURED, "--output", "json").stdout)
    [row] = [row for row in data["rows"] if row["id"] == "V1 p5 all-reduce 2x8 1073741824"]
    assert row["measured"] == 435.14
    assert row["error"] == row["predicted"] / row["measured"] - 1
    assert set(data["datasets"][row["dataset"]]) >= {"n", "mape", "median", "p90", "worst", "within15"}
    assert sum(one["n"] for one in data["datasets"].values()) == len(data["rows"])
    assert "rows" not in json.loads(jobsim("calibrate", MEASURED, "--summary", "--output", "json").stdout)


def test_wrong_input(jobsim: Jobsim, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text('{"rows": [{"coll": "all_reduce", "nodes": 2, "g": 8, "S": 1, "bus": 0}]}')
    result = jobsim("calibrate", file)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"error: {file}:1: rows[0]: bus: 0.0 (above 0)\n"
    assert jobsim("calibrate").exit_code == 2
    assert "no such file" in jobsim("calibrate", tmp_path / "none.json").stderr


def test_a_guessed_fabric_is_said(jobsim: Jobsim, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    row = {"coll": "all_reduce", "nodes": 8, "g": 8, "S": 2**30, "bus": 366}
    file.write_text(json.dumps({"rows": [{**row, "platform": p} for p in ("cw-h100", "p5", "cw-h100")]}))
    assert jobsim("calibrate", file).stderr == (
        'note: platform "cw-h100" is taken as ib_h100 ("fabric" in a row says otherwise)\n'
    )


def test_what_is_left_out_is_said(jobsim: Jobsim, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    run = {
        "backend": "congestion_unaware",
        "topology": ["Ring"],
        "npus": [8],
        "bw_GiBps": [50.0],
        "lat_ns": [500.0],
        "collective": "all_reduce",
        "bytes": 2**24,
        "impl": ["ring"],
        "time_ns": 553883,
    }
    file.write_text(json.dumps({"vectors": [run, {**run, "impl": ["doubleBinaryTree"]}]}))
    result = jobsim("calibrate", file)
    assert "note: 1 runs have no closed form" in result.stderr
    assert "astra congestion_unaware" in result.stdout


def test_picture(jobsim: Jobsim, tmp_path: Path) -> None:
    rows = [row for row in json.loads(MEASURED.read_text())["rows"] if row["src"] == "V3"]
    (tmp_path / "few.json").write_text(json.dumps({"rows": rows}))
    file = tmp_path / "bandwidth.png"
    result = jobsim("calibrate", tmp_path / "few.json", "--summary", "--picture", file)
    assert result.exit_code == 0
    assert file.read_bytes().startswith(b"\x89PNG")
    assert f"wrote {file}" in result.stderr
    wrong = jobsim("calibrate", MEASURED, "--picture", tmp_path / "x.gif")
    assert wrong.exit_code == 2
    assert "no kind of picture (.png, .svg, .pdf)" in wrong.stderr
    nowhere = jobsim("calibrate", tmp_path / "few.json", "--picture", tmp_path / "none" / "x.png")
    assert nowhere.exit_code == 2
    assert "cannot be written: no such file" in nowhere.stderr


def test_progress_line() -> None:
    from jobsim.cli.progress import Count

    shown = Count("entries")
    shown(3_000, 12_000)
    assert shown.line() == f"[{'#' * 6}{'-' * 18}] 3,000 of 12,000 entries"
    assert Count("entries").line() == f"[{'#' * 24}] 0 of 0 entries"
