"""Traces of faults: both forms, and every way to be wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jobsim.errors import InputErrors
from jobsim.scenario import Scenario
from jobsim.scenario.build import build
from jobsim.scenario.model import FailureTrace
from jobsim.scenario.traces import TraceError, read_trace
from jobsim.units import DAY, HOUR, SECOND

HEAD = "time,entity,effect,until\n"


def read(tmp_path: Path, text: str, name: str = "t.csv", **spec: Any) -> list[tuple[Any, ...]]:
    path = tmp_path / name
    path.write_text(text)
    rows = read_trace(path, FailureTrace(trace=name, **spec))
    return [(row.at, row.entity, row.effect, row.until, row.factor, row.cause) for row in rows]


def test_our_own_form(tmp_path: Path) -> None:
    head = "time,entity,effect,until,cause,factor\n"
    text = head + "0,h-0,,,,\n1.5,h-r0,lose,2h,power,\n\n90s,h-1,degrade,,nic,0.5\n"
    assert read(tmp_path, text, effect="drain") == [
        (0, "h-0", "drain", None, 1.0, ""),
        (3 * SECOND // 2, "h-r0", "lose", 2 * HOUR, 1.0, "power"),
        (90 * SECOND, "h-1", "degrade", None, 0.5, "nic"),
    ]


def events(*rows: tuple[str, float, str, str]) -> str:
    keys = ("node_id", "event_time", "event_type")
    return json.dumps(
        [{**dict(zip(keys, row, strict=False)), "fault_type": {"Class": row[3]}} for row in rows]
    )


def test_the_public_form_pairs_starts_and_ends(tmp_path: Path) -> None:
    text = events(
        ("x", 1, "fault_start", "GPU"),
        ("y", 1.5, "fault_start", "Fan"),
        ("x", 2, "fault_start", "GPU"),
        ("x", 2.5, "fault_end", "GPU"),
        ("x", 3, "fault_end", "GPU"),
    )
    assert read(tmp_path, text, "t.json") == [
        (DAY, 0, "crash", 5 * DAY // 2, 1.0, "GPU"),
        (3 * DAY // 2, 1, "crash", None, 1.0, "Fan"),
        (2 * DAY, 0, "crash", 3 * DAY, 1.0, "GPU"),
    ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "t.csv:1: nothing is no head line"),
        ("time,node\n", 't.csv:1: "time,node" is no head line'),
        (
            HEAD + "5,h-0,crash,\n4,h-0,crash,\n",
            "t.csv:3: comes before the row above (rows in order of time)",
        ),
        (HEAD + "5,h-0,crash,4\n", "t.csv:2: until is before time"),
        (HEAD + "5,h-0,crash\n", "t.csv:2: has 3 cells (4, as the head line)"),
        (HEAD + "5,h-0,burn,\n", 't.csv:2: effect: "burn" is wrong (one of pod-fails, crash'),
        (HEAD + "soon,h-0,,\n", 't.csv:2: time: "soon" is wrong (a duration'),
        (HEAD + "-5,h-0,,\n", 't.csv:2: time: "-5" is wrong'),
        (HEAD + "nan,h-0,,\n", 't.csv:2: time: "nan" is wrong'),
        (HEAD + "5," + "h" * 200_000 + ",,\n", "t.csv:2: is no CSV: field larger"),
        (HEAD + "5,,,\n", "t.csv:2: time or entity is missing"),
        (HEAD + "5,h-0,degrade,\n", "t.csv:2: factor is missing"),
    ],
)
def test_wrong_rows(text: str, error: str, tmp_path: Path) -> None:
    with pytest.raises(TraceError) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(error)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{", "t.json is no JSON"),
        ("{}", "t.json holds no list"),
        ("[" * 100_000, "t.json is nested too deeply"),
        ("[1]", "t.json: event 1: 1 is no map (a map with node_id, event_time"),
        ('[{"node_id": 1}]', "t.json: event 1: event_time, event_type, fault_type is missing"),
        (events(("x", float("inf"), "fault_start", "GPU")), "t.json: event 1: event_time: infinity is wrong"),
        (events(("x", 1, "fault_begin", "GPU")), 't.json: event 1: event_type: "fault_begin" is wrong'),
        (events(("x", 1, "fault_end", "GPU")), "t.json: event 1: ends a fault that has not begun"),
        (
            events(("x", -1, "fault_start", "GPU")),
            "t.json: event 1: event_time: -1 is wrong (days, from 0 to",
        ),
        (events(("x", 2, "fault_start", "a"), ("y", 1, "fault_start", "a")), "t.json:2: comes before"),
    ],
)
def test_wrong_events(text: str, error: str, tmp_path: Path) -> None:
    with pytest.raises(TraceError) as caught:
        read(tmp_path, text, "t.json")
    assert str(caught.value).startswith(error)


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("t.csv", HEAD + "5,h-7,,\n", 'failures[0].trace: t.csv:2: no node, rack or block "h-7"'),
        (
            "t.json",
            events(*((str(i), 1, "fault_start", "GPU") for i in range(3))),
            "failures[0].trace: t.json: 3 nodes fail in it, the fleet has 2",
        ),
    ],
)
def test_entities_that_the_fleet_has_not(name: str, text: str, error: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    scenario = Scenario(
        fleet=[{"pool": "h", "shape": "cpu-16", "nodes": 2}], failures=[{"trace": name}], folder=tmp_path
    )
    with pytest.raises(InputErrors) as caught:
        build(scenario, strict=False, check_invariants=False)
    assert str(caught.value).startswith(error)


def test_all_that_is_wrong_is_told(tmp_path: Path) -> None:
    text = HEAD + "soon,h-0,burn,\n5,h-0,crash\n9,h-0,,\n8,h-1,,7\n10,h-0,degrade,\n"
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(InputErrors) as caught:
        Scenario(failures=[{"trace": "t.csv"}], folder=tmp_path)
    at = "failures[0].trace: t.csv:"
    assert [str(error).partition(" (")[0] for error in caught.value.errors] == [
        at + '2: time: "soon" is wrong',
        at + '2: effect: "burn" is wrong',
        at + "3: has 3 cells",
        at + "5: comes before the row above",
        at + "5: until is before time",
        at + "6: factor is missing",
    ]


def test_a_file_full_of_mistakes_is_told_in_short(tmp_path: Path) -> None:
    with pytest.raises(TraceError) as caught:
        read(tmp_path, HEAD + "soon,h-0,,\n" * 1000)
    assert len(caught.value.texts) == 21
    assert caught.value.texts[-1] == "and 980 more like these"


def test_each_unknown_entity_is_named_once(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(HEAD + "1,h-7,,\n2,h-0,,\n3,h-7,,\n4,rack9,,\n")
    scenario = Scenario(
        fleet=[{"pool": "h", "shape": "cpu-16", "nodes": 2}],
        failures=[{"trace": "t.csv"}],
        folder=tmp_path,
    )
    with pytest.raises(InputErrors) as caught:
        build(scenario, strict=False, check_invariants=False)
    assert [str(error).partition(" (")[0] for error in caught.value.errors] == [
        'failures[0].trace: t.csv:2: no node, rack or block "h-7"',
        'failures[0].trace: t.csv:5: no node, rack or block "rack9"',
    ]


def test_more_failures_than_anybody_waits_for() -> None:
    scenario = Scenario(
        fleet=[{"pool": "h", "shape": "cpu-16", "nodes": 2}],
        failures=[{"component": "gpu", "per": "node", "mtbf": "1ms"}],
    )
    with pytest.raises(InputErrors, match=r"means about 5e\+09 failures in 30 days \(at most 1e\+07\)"):
        build(scenario, strict=False, check_invariants=False)


def test_maintenance_that_never_comes_is_said() -> None:
    scenario = Scenario(
        fleet=[{"pool": "h", "shape": "cpu-16", "nodes": 2}],
        failures=[{"maintenance": {"every": "24h", "duration": "1h"}}],
        until="2h",
    )
    _, notes = build(scenario, strict=False, check_invariants=False)
    assert notes == ("failures[0].maintenance never happens: the run ends before its first time",)


@pytest.mark.parametrize(
    ("plan", "error"),
    [
        ({"every": "1ms", "duration": "1s"}, r"maintenance: means about 3e\+09 failures in 30 days"),
        (
            {"every": "1h", "duration": "1s", "nodes": 3},
            r"maintenance: nodes: 3 at a time \(at most 2: the pool\)",
        ),
    ],
)
def test_maintenance_that_cannot_be(plan: dict[str, object], error: str) -> None:
    scenario = Scenario(
        fleet=[{"pool": "h", "shape": "cpu-16", "nodes": 2}], failures=[{"maintenance": plan}]
    )
    with pytest.raises(InputErrors, match=error):
        build(scenario, strict=False, check_invariants=False)


@pytest.mark.parametrize(
    ("work", "checkpoint", "until", "where"),
    [
        ({"useful": "1h"}, {"every": "2h"}, None, ["checkpoint"]),
        ({"useful": "9h"}, {"every": "2h"}, "90m", ["checkpoint"]),
        ({"steps": 100}, {"every": {"steps": 101}}, None, ["checkpoint"]),
        ({"steps": 100}, {"every": {"steps": 100}}, None, ["checkpoint"]),
        ({"steps": 100}, {"every": {"steps": 99}}, None, []),
        ({"useful": "1h"}, {"levels": [{"every": "1m"}, {"every": "1h"}]}, None, ["checkpoint.levels[1]"]),
    ],
)
def test_checkpoints_that_are_never_written_are_said(
    work: dict[str, object], checkpoint: dict[str, object], until: str | None, where: list[str]
) -> None:
    scenario = Scenario(
        fleet=[{"pool": "h", "shape": "cpu-16", "nodes": 2}],
        pods=[{"run": "workload"}],
        workloads=[{"match": {"jobset": "a"}, "step": "10s", **work, "checkpoint": checkpoint}],
        until=until,
    )
    _, notes = build(scenario, strict=False, check_invariants=False)
    text = "every is as long as all there is to do: it is never written"
    assert list(notes) == [f"workloads[0].{path}: {text}" for path in where]


@pytest.mark.parametrize(
    ("rules", "knows"),
    [
        ([], False),
        ([{"run": "forever"}], False),
        ([{"match": {"jobset": "b"}, "run": "workload"}], False),
        ([{"match": {"jobset": "a", "replicatedJob": "driver"}, "run": "workload"}], False),
        ([{"match": {"jobset": "a", "replicatedJob": "worker"}, "run": "workload"}], True),
        ([{"match": {"labels": {"x": "y"}}, "run": "workload"}], True),
    ],
)
def test_a_gang_that_knows_nothing_of_its_training_is_said(rules: list[object], knows: bool) -> None:
    scenario = Scenario(
        fleet=[{"pool": "h", "shape": "cpu-16", "nodes": 2}],
        pods=rules,
        workloads=[
            {"match": {"jobset": "a", "replicatedJobs": ["worker"]}, "step": "10s", "useful": "1h"},
        ],
    )
    _, notes = build(scenario, strict=False, check_invariants=False)
    assert [note.startswith("workloads[0]: no pod of jobset a has `run: workload`") for note in notes] == (
        [] if knows else [True]
    )
