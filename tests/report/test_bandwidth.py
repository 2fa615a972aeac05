"""The picture of bus bandwidths: every measured point is there, and so is the model's curve."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobsim.errors import InputError
from jobsim.hardware.calibrate import Calibration, calibrate
from jobsim.report.bandwidth import bandwidth_picture

MEASURED = Path(__file__).resolve().parents[2] / "benchmarks/validation/collectives.json"


@pytest.fixture(scope="module")
def found() -> Calibration:
    return calibrate([MEASURED])


def test_every_point_of_a_data_set_is_drawn(found: Calibration) -> None:
    picture = bandwidth_picture(found)
    panels = {
        axes.get_title(loc="left").rpartition(" (")[0]: axes for axes in picture.axes if axes.get_visible()
    }
    assert "V8 all-gather" not in panels  # One size is no curve.
    for name, axes in panels.items():
        rows = [row for row in found.rows if row.dataset == name]
        points = [line for line in axes.lines if line.get_marker() == "o"]
        drawn = sorted((x, y) for line in points for x, y in zip(*line.get_data(), strict=True))
        assert drawn == sorted((row.nbytes, row.measured) for row in rows)
        curves = [line for line in axes.lines if line.get_marker() != "o"]
        assert len(curves) == len(points)
        for curve, line in zip(curves, points, strict=True):
            assert curve.get_color() == line.get_color()
            assert (
                curve.get_xdata()[0] < min(line.get_xdata()) <= max(line.get_xdata()) < curve.get_xdata()[-1]
            )


def test_the_same_measurements_give_the_same_bytes(found: Calibration, tmp_path: Path) -> None:
    few = Calibration(tuple(row for row in found.rows if row.dataset == "V3 all-reduce"), 0)
    picture = bandwidth_picture(few, tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes() == picture.png()


def test_the_curve_is_what_the_table_says(found: Calibration) -> None:
    axes = bandwidth_picture(found).axes[0]
    row = next(row for row in found.rows if row.dataset == "V1 all-reduce")
    curve = axes.lines[0].get_xydata()
    nearest = min(curve, key=lambda point: abs(point[0] - row.nbytes))
    assert nearest[1] == pytest.approx(row.predicted, rel=0.03)


def test_nothing_to_draw(tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    row = {"platform": "p5", "coll": "all_reduce", "nodes": 2, "g": 8, "S": 2**30, "bus": 400}
    file.write_text(json.dumps({"rows": [row]}))
    with pytest.raises(InputError, match="no measurements to draw"):
        bandwidth_picture(calibrate([file]))
