"""Comparison of two runs: where the logs part, and what that did to the numbers."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.results.compare import Comparison, compare, describe_row
from jobsim.results.log import Log
from jobsim.results.summary import summary
from tests.results.test_ledger import Play, fail_and_restart, two_jobs


def run(end_s: float = 150, *, fails: bool = True) -> Play:
    play = Play()
    jobset, jobs, pods = two_jobs(play)
    if fails:
        fail_and_restart(play, jobset, jobs, pods)
    play.at(end_s).finish(jobset)
    return play


def compared(a: Play, b: Play) -> Comparison:
    told: list[dict[str, Any]] = [
        summary(p.recorder, seed=1, ended_at=p.now, writes_by={"create pods": 4}, stop="finished")
        for p in (a, b)
    ]
    return compare(a.recorder.log, b.recorder.log, *told, names=("old", "new"))


def test_the_same_run_twice() -> None:
    found = compared(run(), run())
    assert found.same
    lines = found.text().splitlines()
    assert lines[0] == "The logs are the same, row by row."
    assert lines[2].startswith("0 metrics differ, ")


def test_the_first_row_that_differs_is_shown_with_its_context() -> None:
    found = compared(run(150), run(151.5))
    divergence = found.divergence
    assert divergence is not None
    assert (len(divergence.before), len(divergence.a)) == (3, 2)
    assert divergence.fields == ("time", "status.conditions")
    lines = found.text().splitlines()
    assert lines[0] == f"The logs part at row {divergence.number}."
    assert lines[4:6] == ["  old:", "    > " + describe_row(divergence.a[0])]
    assert "2m31.5s #" in lines[9]
    assert "  They differ in: time, status.conditions" in lines


def test_metrics_stand_side_by_side() -> None:
    lines = compared(run(150), run(200, fails=False)).text().splitlines()
    table = {line.split()[0]: line.split()[1:] for line in lines if line.startswith("  ")}
    assert table["old"] == ["new", "change"]
    assert table["jobsets[train].restarts"] == ["1", "0", "-1", "(-100.0%)"]
    assert table["jobsets[train].ledger.useful_s"] == ["20", "190", "+170", "(+850.0%)"]
    assert table["jobsets[train].restartBreakdown[1].total_s"] == ["30", "-"]
    assert "jobsets[train].ledger.starting_s" not in table


def test_a_log_that_ends_early_says_so() -> None:
    a, b = Log(), Log()
    for line in (b'{"note":"x","time":0}', b'{"note":"y","time":1}'):
        a.append(line)
    b.append(b'{"note":"x","time":0}')
    found = compare(a, b, {}, {})
    assert found.divergence is not None
    assert (found.divergence.number, found.divergence.b) == (2, ())
    assert found.text().splitlines()[5:7] == ["  B:", "      (the log ends)"]


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (
            {
                "revision": 3,
                "time": 61_000_000_000,
                "type": "MODIFIED",
                "kind": "Pod",
                "namespace": "d",
                "name": "p",
                "spec": {"nodeName": "n"},
            },
            '1m1s #3 MODIFIED Pod d/p {"spec":{"nodeName":"n"}}',
        ),
        (
            {"revision": 4, "time": 0, "type": "DELETED", "kind": "Node", "namespace": "", "name": "n"},
            "0s #4 DELETED Node n",
        ),
        ({"note": "failure", "time": 0, "entity": "n"}, '0s note failure {"entity":"n"}'),
    ],
)
def test_rows_in_one_line(row: dict[str, Any], text: str) -> None:
    assert describe_row(row) == text
    assert len(describe_row({**row, "more": "x" * 500})) == 150
