"""Goodput: where the time of each JobSet went, as a table."""

from __future__ import annotations

from collections.abc import Iterable

from jobsim.results.ledger import ACCOUNTS, Ledger
from jobsim.results.table import Table, table


def ettr(useful: int, elapsed: int) -> float:
    """Return effective training time ratio: useful / elapsed, 0 for a JobSet without time."""
    return useful / elapsed if elapsed else 0.0


def goodput_table(jobsets: Iterable[tuple[str, str, Ledger]], now: int) -> Table:
    """Return the ledgers of all JobSets as a table, one row each.

    Returns
    -------
    Table
        namespace, name; elapsed_ns and ``<account>_ns`` (int64, they sum to elapsed), ettr.
    """
    rows = []
    for namespace, name, ledger in jobsets:
        accounts, elapsed = ledger.total(now), ledger.elapsed(now)
        rows.append((namespace, name, elapsed, *accounts.values(), ettr(accounts["useful"], elapsed)))
    return table(("namespace", "name"), ("elapsed_ns", *(f"{a}_ns" for a in ACCOUNTS), "ettr"), rows)
