"""The network model against what was measured: the bounds that it must keep (models of collectives, 4.5)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from jobsim.errors import InputError, InputErrors
from jobsim.hardware.calibrate import BANDS, Calibration, Errors, calibrate, errors_of
from jobsim.hardware.calibrate_astra import Vector, covered
from jobsim.hardware.collectives import collective_time

MEASURED = Path(__file__).resolve().parents[2] / "benchmarks/validation/collectives.json"
LARGE, MIDDLE, SMALL = (name for name, _ in BANDS)
#: Two hosts with software of a year before: twice as slow at 256 MiB; a known miss, never fitted.
MISSED = "V2b all-reduce"


@pytest.fixture(scope="module")
def found() -> Calibration:
    return calibrate([MEASURED])


def test_errors_over_all(found: Calibration) -> None:
    """Mean error of large messages at most 7 %, of middle ones 15 %: with the known miss, too."""
    assert found.bands()[LARGE].mape <= 0.07
    assert found.bands()[MIDDLE].mape <= 0.15
    assert found.bands()[LARGE].within15 >= 0.85


def test_errors_of_each_data_set(found: Calibration) -> None:
    by_band = found.datasets(bands=True)
    assert f"{MISSED} {LARGE}" in by_band
    for name, errors in by_band.items():
        if name.startswith(MISSED) or name.endswith(SMALL):
            continue
        bound = 0.15 if name.endswith(MIDDLE) else 0.12 if name == f"V1 all-reduce {LARGE}" else 0.10
        assert errors.mape <= bound, name


def test_fabrics_apart_from_their_scale(found: Calibration) -> None:
    """No single scale carries a fabric: each scale of each data set keeps 20 % for itself."""
    groups: dict[tuple[str, str], list[float]] = {}
    for row in found.rows:
        if not row.dataset.startswith("V2b") and row.band == LARGE:
            scale = next(word for word in row.id.split() if "x" in word and word[0].isdigit())
            groups.setdefault((row.dataset, scale), []).append(row.error)
    assert len(groups) > 20
    for name, errors in groups.items():
        assert errors_of(errors).mape <= 0.20, name


def test_a_placement_measured_better_ranks_better(found: Calibration) -> None:
    """Two runs of one fabric and size on different scales: a difference above 15 % has its sign right."""
    entries = json.loads(MEASURED.read_text())["rows"]
    rows = [
        (row, entry)
        for row, entry in zip(found.rows, entries, strict=True)
        if row.band == LARGE and not row.dataset.startswith("V2b")
    ]
    compared = 0
    for i, (one, a) in enumerate(rows):
        for other, b in rows[i + 1 :]:
            if (one.dataset, one.fabric, a["S"], a["g"]) != (other.dataset, other.fabric, b["S"], b["g"]):
                continue
            if abs(one.measured / other.measured - 1) > 0.15:
                compared += 1
                assert (one.measured > other.measured) == (one.predicted > other.predicted), (one, other)
    assert compared > 30


def test_astra_vectors(shared_path: Callable[..., Path]) -> None:
    """Every run that has a closed form: 99 of 100 within 0.3 %, all within 1.2 %."""
    found = calibrate([shared_path("models", "astra_vectors.json")])
    errors = errors_of([row.error for row in found.rows])
    assert errors.n > 500
    assert errors.p99 <= 0.003
    assert errors.worst <= 0.012
    assert len({row.id for row in found.rows}) == errors.n
    assert all(row.unit == "ns" and not row.band for row in found.rows)


def vector(**changes: object) -> dict[str, object]:
    """Return one run: 16 MiB over a ring of 8 (models of collectives, section 5: 553,883 ns)."""
    return {
        "backend": "congestion_unaware",
        "topology": ["Ring"],
        "npus": [8],
        "bw_GiBps": [50.0],
        "lat_ns": [500.0],
        "collective": "all_reduce",
        "bytes": 2**24,
        "impl": ["ring"],
        "time_ns": 553_883,
        **changes,
    }


def written(folder: Path, **data: object) -> Path:
    file = folder / "measured.json"
    file.write_text(json.dumps(data, indent=1))
    return file


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"npus": [64], "time_ns": 678_259},
        {"topology": ["Switch"], "bw_GiBps": [400.0], "lat_ns": [936.25], "time_ns": 94_585},
        {
            "topology": ["Switch"],
            "bw_GiBps": [400.0],
            "lat_ns": [936.25],
            "time_ns": 79_599,
            "impl": ["halvingDoubling"],
        },
        {
            "topology": ["Ring", "Ring"],
            "npus": [8, 8],
            "bw_GiBps": [50.0] * 2,
            "lat_ns": [500.0] * 2,
            "impl": ["ring", "ring"],
            "time_ns": 629_247,
        },
        {
            "topology": ["Ring"] * 3,
            "npus": [4] * 3,
            "bw_GiBps": [50.0] * 3,
            "lat_ns": [500.0] * 3,
            "impl": ["ring"] * 3,
            "time_ns": 624_251,
        },
    ],
)
def test_astra_examples(tmp_path: Path, changes: dict[str, object]) -> None:
    [row] = calibrate([written(tmp_path, vectors=[vector(**changes)])]).rows
    assert abs(row.error) < 1e-3


@pytest.mark.parametrize(
    "changes",
    [
        {"impl": ["doubleBinaryTree"]},
        {"closed_form_ns": None},
        {"system": {"splits": 16, "active": 4}},
        {"system": {"endpoint_delay": 10}},
        {"npus": [6], "impl": ["halvingDoubling"]},
        {"collective": "broadcast"},
        {"topology": ["Mesh"]},
        {"impl": ["direct"]},
        {"topology": ["Switch"], "impl": ["halvingDoubling"], "collective": "all_to_all"},
        {"topology": ["Switch"], "impl": ["direct"], "backend": "congestion_aware"},
    ],
)
def test_what_has_no_closed_form_is_left_out(tmp_path: Path, changes: dict[str, object]) -> None:
    found = calibrate([written(tmp_path, vectors=[vector(), vector(**changes)])])
    assert (len(found.rows), found.left_out) == (1, 1)


def row(**changes: object) -> dict[str, object]:
    data = {"src": "X", "platform": "p5", "coll": "all_reduce", "nodes": 2, "g": 8, "S": 2**30, "bus": 400}
    return {**data, **changes}


@pytest.mark.parametrize(
    ("platform", "fabric"),
    [
        ("p5", "efa_h100"),
        ("p5en.48xlarge", "efa_h100"),
        ("p4de", "efa_a100"),
        ("p6b200", "efa_b200"),
        ("gb200", "gb200"),
        ("GB200-NVL72", "gb200"),
        ("hpn_h100", "ib_h100"),
        ("coreweave_h100", "ib_h100"),
        ("dgx-b200", "ib_b200"),
        ("dgx_a100", "ib_a100"),
        ("ib_h100", "ib_h100"),
        ("a3-mega", "a3_mega"),
        ("tpu_v5e", "tpu_v5e"),
    ],
)
def test_platforms(tmp_path: Path, platform: str, fabric: str) -> None:
    nodes = {"gb200": 2, "tpu_v5e": 8}.get(fabric, 2)
    [found] = calibrate([written(tmp_path, rows=[row(platform=platform, nodes=nodes)])]).rows
    assert found.fabric == fabric


def test_one_row_by_hand(tmp_path: Path) -> None:
    mine = tmp_path / "mine.json"
    mine.write_text('{"fabrics": [{"name": "fast", "base": "ib_h100", "nic": 100}]}')
    entry = row(id="r1", fabric="ib_h100", bus=300.0, platform="whatever", nodes=4)
    same = row(fabric="fast", nodes=4)
    first, second, third = calibrate([written(tmp_path, rows=[entry, same, same])], [mine]).rows
    seconds = collective_time("all-reduce", 2**30, ranks=32, fabric="ib_h100").seconds
    assert first.predicted == pytest.approx(2 * 31 / 32 * 2**30 / seconds / 1e9)
    assert first.error == pytest.approx(first.predicted / 300 - 1)
    assert (first.id, first.dataset, first.band) == ("r1", "X all-reduce", LARGE)
    assert second.predicted > first.predicted
    assert third.id == f"{second.id} #2"


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    calibrate([written(tmp_path, rows=[row()] * 1200)], progress=lambda *at: told.append(at))
    assert told == [(0, 1200), (500, 1200), (1000, 1200)]


def test_summary_of_errors() -> None:
    assert errors_of([0.1, -0.2, 0.0, 0.3, -0.4]) == Errors(
        n=5,
        bias=pytest.approx(-0.04),
        mape=pytest.approx(0.2),
        median=pytest.approx(0.2),
        p90=pytest.approx(0.36),
        p99=pytest.approx(0.396),
        worst=0.4,
        within15=0.4,
    )
    assert errors_of([0.15]).within15 == 1


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"rows": [row(), row(bus=0)]}, ":12: rows[1]: bus: 0"),
        ({"rows": [row(S=-1)]}, ":3: rows[0]: S: -1"),
        ({"rows": [row(nodes=0)]}, ":3: rows[0]: nodes: 0 (above 0)"),
        ({"rows": [row(nodes=1, g=1)]}, ":3: rows[0]: nodes and g: a rank alone"),
        ({"rows": [row(g=9)]}, ":3: rows[0]: 9 ranks in a domain (at most 8 on efa_h100)"),
        (
            {"rows": [row(coll="allreduce")]},
            ':3: rows[0]: no collective "allreduce" (did you mean all-reduce?',
        ),
        ({"rows": [row(platform="abacus")]}, ':3: rows[0]: no fabric "abacus" (there are ib_h100, '),
        ({"rows": [row(fabric="efa_h10")]}, ':3: rows[0]: no fabric "efa_h10" (did you mean efa_h100?'),
        ({"rows": [{"src": "X"}]}, ":3: rows[0]: Object missing required field `coll`"),
        ({"rows": [row(bus="fast")]}, ":3: rows[0].bus: Expected `float`, got `str`"),
        ({"rows": [7]}, ":3: rows[0]: Expected `object`, got `int`"),
        ({"rows": []}, ": rows: is empty"),
        ({"rows": {}}, ": holds no measurements"),
        ({"lines": []}, ': holds no measurements ({"rows": [...]} or {"vectors": [...]})'),
        (
            {"vectors": [vector(npus=[8, 8])]},
            ":3: vectors[0]: topology, npus, bw_GiBps, lat_ns and impl differ",
        ),
        ({"vectors": [vector(npus=[1])]}, ":3: vectors[0]: npus 1 (2 or more)"),
        ({"vectors": [vector(bw_GiBps=[0])]}, ":3: vectors[0]: bw_GiBps or lat_ns"),
        ({"vectors": [vector(time_ns=0)]}, ":3: vectors[0]: bytes, splits or time_ns (above 0)"),
    ],
)
def test_wrong_files(tmp_path: Path, data: dict[str, object], text: str) -> None:
    file = written(tmp_path, **data)
    with pytest.raises((InputError, InputErrors)) as caught:
        calibrate([file])
    assert str(caught.value).startswith(f"{file}{text}")


def test_all_that_is_wrong_comes_at_once(tmp_path: Path) -> None:
    file = written(tmp_path, rows=[row(bus=-1), row(), row(g=0)])
    with pytest.raises(InputErrors) as caught:
        calibrate([file])
    assert [error.path for error in caught.value.errors] == ["rows[0]", "rows[2]"]


@pytest.mark.parametrize(("text", "says"), [("{", ":1: is not JSON"), ("[" * 200_000, ": is nested")])
def test_no_json(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        calibrate([file])
    assert str(caught.value).startswith(f"{file}{says}")
    with pytest.raises(InputError, match=r"none\.json: cannot be read: no such file"):
        calibrate([tmp_path / "none.json"])
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="is not UTF-8"):
        calibrate([file])


def test_covered_is_about_what_was_run() -> None:
    from jobsim.api.codec import convert

    assert covered(convert(vector(closed_form_ns=1.0), Vector))
