"""Result tables as a terminal shows them."""

from __future__ import annotations

import pytest

from jobsim.report.tables import any_table, goodput, restarts
from jobsim.results.ledger import ACCOUNTS
from jobsim.results.restarts import PARTS
from jobsim.results.table import table
from jobsim.units import DAY, HOUR, MILLISECOND, SECOND, short_duration


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0s"),
        (7, "7ns"),
        (1_500, "1.5us"),
        (999_400_000, "999ms"),
        (999_600_000, "1000ms"),
        (100 * MILLISECOND, "100ms"),
        (10 * SECOND, "10s"),
        (SECOND, "1s"),
        (1_020 * MILLISECOND, "1.02s"),
        (45_640 * MILLISECOND, "45.6s"),
        (119_900 * MILLISECOND, "120s"),
        (120 * SECOND, "2m"),
        (630 * SECOND, "10m"),
        (5 * HOUR, "5h"),
        (54 * DAY, "54d"),
    ],
)
def test_short_duration(ns: int, text: str) -> None:
    assert short_duration(ns) == text


def test_restarts() -> None:
    texts = ("namespace", "name", "kind", "outcome", "job", "pod", "node", "reason", "rule")
    numbers = ("number", "exit_code", "begin_ns", "total_ns", *(f"{part}_ns" for part in PARTS))
    parts = [0, 2 * SECOND, 50 * MILLISECOND, 3 * SECOND, SECOND, 0, 4 * SECOND, 60 * SECOND]
    rows = [
        ("default", "train", "start", "stepped", "", "", "", "", "", 0, 0, 0, 9 * SECOND, *[0] * 8),
        (
            *(
                "default",
                "train",
                "jobset",
                "open",
                "train-w-3",
                "train-w-3-5-x",
                "n",
                "BackoffLimitExceeded",
                "",
            ),
            *(1, 137, 600 * SECOND, sum(parts), *parts),
        ),
        ("default", "b", "job", "stepped", "b-w-0", "", "", "DeadlineExceeded", "", 2, 0, 5, 6, *[0] * 8),
    ]
    assert restarts(table(texts, numbers, rows)) == (
        "JOBSET   KIND       AT    CAUSE                    DETECT   DRAIN   DECIDE   TEARDOWN   CREATE"
        "   PLACE   START   RESTORE   TOTAL   OUTCOME\n"
        "train    start      0s    -                        -        -       -        -          -     "
        "   -       -       -         9s      stepped\n"
        "train    jobset 1   10m   train-w-3-5-x exit 137   -        2s      50ms     3s         1s    "
        "   -       4s      60s       70s     open\n"
        "b        job 2      5ns   b-w-0 DeadlineExceeded   -        -       -        -          -     "
        "   -       -       -         6ns     stepped\n"
    )


def test_goodput() -> None:
    numbers = ("elapsed_ns", *(f"{account}_ns" for account in ACCOUNTS), "ettr")
    spent = dict.fromkeys(ACCOUNTS, 0) | {"useful": 750, "restarting": 250}
    text = goodput(
        table(
            ("namespace", "name"),
            numbers,
            [("d", "a", 1000, *spent.values(), 0.75), ("d", "b", 0, *[0] * 8, 0.0)],
        )
    )
    assert [line.split() for line in text.splitlines()] == [
        ["JOBSET", "ELAPSED", *(account.upper() for account in ACCOUNTS), "ETTR"],
        ["a", "1us", "75.0%", "-", "-", "25.0%", "-", "-", "-", "-", "0.7500"],
        ["b", "0s", *["-"] * 8, "0.0000"],
    ]


def test_any_table() -> None:
    records = table(("name",), ("wait_ns", "restarts"), [("a", SECOND, 2)])
    assert any_table(records) == "NAME   WAIT   RESTARTS\na      1s     2\n"
    assert any_table(records, ["restarts", "name"]) == "RESTARTS   NAME\n2          a\n"
