"""Results as text for a terminal, in kubectl's columns: what a restart was made of, where time went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jobsim.results.layout import table
from jobsim.results.ledger import ACCOUNTS
from jobsim.results.restarts import PARTS
from jobsim.results.table import Table
from jobsim.units import parse_duration, short_duration


def restarts(records: Table) -> str:
    """Return the breakdown of starts and restarts: one line each, one column for each part.

    Parameters
    ----------
    records : Table
        As from ``results.restarts.restarts_table``.
    """
    header, *rows = restart_cells(records)
    return table([str(cell) for cell in header], rows)


def restart_cells(records: Table) -> list[list[object]]:
    """Return the header and the cells of the breakdown of starts and restarts."""
    header = ["JOBSET", "KIND", "AT", "CAUSE", *(part.upper() for part in PARTS), "TOTAL", "OUTCOME"]
    rows: list[list[object]] = [
        [
            record["name"],
            f"{record['kind']} {record['number']}" if record["number"] else record["kind"],
            short_duration(int(record["begin_ns"])),
            _cause(record["pod"] or record["job"], record["reason"], int(record["exit_code"])),
            *(_part(int(record[f"{part}_ns"])) for part in PARTS),
            short_duration(int(record["total_ns"])),
            record["outcome"],
        ]
        for record in records
    ]
    return [[*header], *rows]


def goodput(ledgers: Table) -> str:
    """Return where each JobSet's time went: accounts as shares of elapsed, in percent.

    Parameters
    ----------
    ledgers : Table
        As from ``results.goodput.goodput_table``.
    """
    header, *rows = goodput_cells(ledgers)
    return table([str(cell) for cell in header], rows)


def goodput_cells(ledgers: Table) -> list[list[object]]:
    """Return the header and the cells of the table of where time went."""
    rows: list[list[object]] = [["JOBSET", "ELAPSED", *(account.upper() for account in ACCOUNTS), "ETTR"]]
    for ledger in ledgers:
        elapsed = int(ledger["elapsed_ns"])
        shares = [_share(int(ledger[f"{account}_ns"]), elapsed) for account in ACCOUNTS]
        rows.append([ledger["name"], short_duration(elapsed), *shares, f"{float(ledger['ettr']):.4f}"])
    return rows


def causes(jobsets: Sequence[Mapping[str, Any]]) -> str:
    """Return what each cause of interruptions took from each JobSet (rows of the summary), or nothing."""
    header, *rows = cause_cells(jobsets)
    return table([str(cell) for cell in header], rows) if rows else ""


def cause_cells(jobsets: Sequence[Mapping[str, Any]]) -> list[list[object]]:
    """Return the header and the cells of the table of causes, those of each JobSet by what they took."""
    rows: list[list[object]] = [["JOBSET", "CAUSE", "LOST", "OF THE TIME", "ACCELERATOR HOURS", "DEGRADED"]]
    for row in jobsets:
        found = row["reliability"]
        elapsed = parse_duration(row["ledger"]["elapsed_s"])
        slow = found["degradedByCause_s"]
        for cause in dict.fromkeys((*found["lostByCause_s"], *slow)):
            lost = parse_duration(found["lostByCause_s"].get(cause, 0))
            hours = found["lostAcceleratorHours"].get(cause, 0)
            slower = parse_duration(slow.get(cause, 0))
            shown = f"{hours:,.1f}" if hours else "-"
            rows.append([row["name"], cause, _part(lost), _share(lost, elapsed), shown, _part(slower)])
    return rows


def any_table(records: Table, columns: Sequence[str] = ()) -> str:
    """Return any table of results with its own column names; times in ns are shown as durations.

    Parameters
    ----------
    records : Table
    columns : sequence of str
        Which columns, in which order; all of them if empty.
    """
    chosen = tuple(columns) or records.columns
    header = [name.removesuffix("_ns").upper().replace("_", " ") for name in chosen]
    rows = [
        [short_duration(int(record[name])) if name.endswith("_ns") else record[name] for name in chosen]
        for record in records
    ]
    return table(header, rows)


def _part(ns: int) -> str:
    return short_duration(ns) if ns else "-"


def _cause(who: str, reason: str, exit_code: int) -> str:
    words = [who, f"exit {exit_code}" if exit_code else reason]
    return " ".join(word for word in words if word) or "-"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}%" if part and whole else "-"
