"""Topology files of real clusters.

A *table* has one row a host: its name, then the switches above it, one column a tier, with a header
(``ip,DSW,PSW,ASW``; ``host,rack,block``).  Which column is the outermost is known from common words
(core, spine, leaf, ...) or else is the one with the fewest values.  A switch's name belongs to the one
above it: rack ``S1`` of block ``P8`` is not rack ``S1`` of ``P10``.

*Links* have one row a cable: ``child,parent`` and perhaps ``gbps``, the capacity one way in Gb/s.  What
is no parent is a host.  Switches that share what is below them count as one (the leaves of a
rail-optimised unit, the spines of a block).

Nothing else may stand in a file; every error comes with its line.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from jobsim.errors import InputError, InputErrors
from jobsim.hardware.topology import links
from jobsim.hardware.topology.build import LEVELS

#: Words that operators call tiers of switches by, from the rack outwards.
WORDS: tuple[tuple[str, ...], ...] = (
    ("rack", "leaf", "tor", "asw", "subblock", "su"),
    ("block", "spine", "pod", "psw", "agg", "aggregation", "cluster"),
    ("core", "dsw", "superspine", "super-spine", "zone", "datacenter", "dc", "hall", "region"),
)
HOST_WORDS = ("host", "node", "ip", "machine", "server", "hostname", "name")
LINK_COLUMNS = ("child", "parent", "gbps")
#: More rows than any cluster has machines.
MAX_ROWS = 1_000_000
_NAME = re.compile(r"[!-~]{1,253}")


class Wiring(NamedTuple):
    """What a file says.

    Parameters
    ----------
    hosts : tuple of str
        In the order of the file.
    paths : tuple of tuple of str
        The switches above each host, from the rack outwards.
    levels : tuple of str
        Names of those tiers: the file's own, or the usual ones.
    up : mapping of tuple of str to float
        Capacity of a switch's up-links, GB/s one way, by its path outwards, where the file says it.
    """

    hosts: tuple[str, ...]
    paths: tuple[tuple[str, ...], ...]
    levels: tuple[str, ...]
    up: Mapping[tuple[str, ...], float] = {}


class Row(NamedTuple):
    """A row and its line in the file."""

    line: int
    cells: tuple[str, ...]


def read(path: str | Path) -> Wiring:
    """Return what a topology file says.

    Raises
    ------
    InputErrors
        With all that is wrong, each with its line: cells that are missing or too many, hosts that come
        twice, switches above themselves, parts that are not connected.
    """
    file = str(path)
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as err:
        raise _errors(file, (None, f"cannot be read: {err.strerror or err} (a CSV file)")) from None
    except UnicodeDecodeError:
        raise _errors(file, (None, "is not text (a CSV file in UTF-8)")) from None
    try:
        reader = csv.reader(text.splitlines(), strict=True)
        rows = [Row(reader.line_num, tuple(c.strip() for c in cells)) for cells in reader if any(cells)]
    except csv.Error as err:
        raise _errors(file, (None, f"is no CSV file: {err}")) from None
    if len(rows) < 2:
        raise _errors(file, (None, "has no rows (a header such as host,rack,block and a row a host)"))
    if len(rows) > MAX_ROWS:
        raise _errors(file, (None, f"has {len(rows):,} rows (at most {MAX_ROWS:,})"))
    header = tuple(cell.lower() for cell in rows[0].cells)
    is_links = header[:2] == LINK_COLUMNS[:2]
    wrong = [*_header(rows[0], is_links), *_cells(rows, is_links)]
    if wrong:
        raise _errors(file, *wrong)
    return _links(file, rows[1:]) if is_links else _table(file, rows)


def _errors(file: str, *wrong: tuple[int | None, str]) -> InputErrors:
    return InputErrors([InputError(text, file=file, line=line) for line, text in wrong])


def _header(head: Row, is_links: bool) -> Iterator[tuple[int, str]]:
    if is_links:
        if head.cells[2:] and tuple(c.lower() for c in head.cells) != LINK_COLUMNS:
            yield head.line, f"columns {', '.join(head.cells)} (child, parent, and perhaps gbps)"
    elif len(head.cells) < 2:
        yield head.line, "one column (a host and the switches above it, or child,parent)"
    elif len({cell.lower() for cell in head.cells}) < len(head.cells):
        yield head.line, "two columns have one name (a name for each tier)"


def _cells(rows: Sequence[Row], is_links: bool) -> Iterator[tuple[int, str]]:
    columns = rows[0].cells
    for line, cells in rows[1:]:
        if len(cells) != len(columns):
            yield line, f"{len(cells)} cells (the header has {len(columns)} columns)"
            continue
        for column, cell in zip(columns, cells, strict=True):
            if column.lower() == "gbps" and is_links:
                if not _positive(cell):
                    yield line, f'gbps: "{cell[:40]}" is no capacity (a number above 0)'
            elif not cell:
                where = "has no switch above it: it is not connected" if cells[0] else "has no name"
                yield line, f'{column}: "{cells[0][:60]}" {where} (a name)'
            elif not _NAME.fullmatch(cell):
                yield line, f'{column}: "{cell[:60]}" is no name (up to 253 printable characters)'


def _positive(cell: str) -> bool:
    try:
        return 0 < float(cell) < float("inf")
    except ValueError:
        return False


# -- tables ------------------------------------------------------------------------------------


def _table(file: str, rows: Sequence[Row]) -> Wiring:
    columns, body = rows[0].cells, rows[1:]
    hosts = [row.cells[0] for row in body]
    if columns[0].lower() not in HOST_WORDS and len(set(hosts)) < len(hosts):
        raise _errors(
            file, (rows[0].line, f'"{columns[0]}" is not the host (the first column names the host)')
        )
    wrong = [*_twice(body), *_two_tiers(columns, body)]
    if wrong:
        raise _errors(file, *wrong)
    order = _from_the_rack(columns[1:], body)
    return Wiring(
        hosts=tuple(hosts),
        paths=tuple(tuple(row.cells[1 + i] for i in order) for row in body),
        levels=tuple(columns[1 + i] for i in order),
    )


def _twice(body: Sequence[Row]) -> Iterator[tuple[int, str]]:
    seen: dict[str, int] = {}
    for line, cells in body:
        if cells[0] in seen:
            yield line, f'host "{cells[0][:60]}" comes twice (it is in line {seen[cells[0]]} too)'
        seen.setdefault(cells[0], line)


def _two_tiers(columns: Sequence[str], body: Sequence[Row]) -> Iterator[tuple[int, str]]:
    """Yield names that stand in two columns: a switch (or host) above itself."""
    seen: dict[str, tuple[int, str]] = {}
    told = set()
    for line, cells in body:
        for column, cell in zip(columns, cells, strict=True):
            at, other = seen.setdefault(cell, (line, column))
            if other != column and cell not in told:
                told.add(cell)
                yield (
                    line,
                    f'"{cell[:60]}" is a {column}, and a {other} in line {at}: a cycle (one tier a name)',
                )


def _from_the_rack(columns: Sequence[str], body: Sequence[Row]) -> list[int]:
    """Return the order of the columns from the rack outwards."""
    tiers = [next((i for i, words in enumerate(WORDS) if c.lower() in words), -1) for c in columns]
    numbers = list(range(len(columns)))
    if -1 not in tiers and len(set(tiers)) == len(tiers):
        return sorted(numbers, key=lambda i: tiers[i])
    many = [len({row.cells[1 + i] for row in body}) for i in numbers]
    return sorted(numbers, key=lambda i: (-many[i], i))


# -- links -------------------------------------------------------------------------------------


def _links(file: str, body: Sequence[Row]) -> Wiring:
    cables = [
        links.Cable(line, cells[0], cells[1], float(cells[2]) / 8 if cells[2:] else 0.0)
        for line, cells in body
    ]
    tree, wrong = links.tiers(cables)
    if wrong or tree is None:
        raise _errors(file, *wrong)
    depth = len(tree.paths[0])
    return Wiring(
        hosts=tree.hosts,
        paths=tree.paths,
        levels=(*LEVELS[:depth], *(f"tier {i}" for i in range(len(LEVELS), depth))),
        up=tree.up,
    )
