"""Text in columns, as kubectl sets it: cells end at tabs, a column is as wide as its widest cell.

kubectl prints through Go's text/tabwriter, whose columns are runs of neighbouring lines: a line
without a cell in some column ends that column, and the next one is measured anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

#: ``get`` (a cell is at least 6 wide, 3 spaces apart) and ``describe`` (2 spaces apart).
GET, DESCRIBE = (6, 3), (0, 2)


def align(text: str, style: tuple[int, int]) -> str:
    """Return text with its tabs replaced by the spaces that make columns.

    Parameters
    ----------
    text : str
        Lines of cells; each cell but the last of a line ends with a tab.
    style : (int, int)
        Least width of a column and spaces between columns: ``GET`` or ``DESCRIBE``.

    Source: Go text/tabwriter Writer.format, without flags.
    """
    least, padding = style
    lines = [line.split("\t") for line in text.split("\n")]
    widths: list[list[int]] = [[0] * (len(line) - 1) for line in lines]
    for column in range(max(len(line) for line in lines) - 1):
        start = 0
        while start < len(lines):
            end = start
            while end < len(lines) and column < len(widths[end]):
                end += 1
            width = max([least, *(len(line[column]) + padding for line in lines[start:end])])
            for row in widths[start:end]:
                row[column] = width
            start = end + 1
    return "\n".join(
        "".join(cell.ljust(width) for cell, width in zip(line, row, strict=False)) + line[-1]
        for line, row in zip(lines, widths, strict=True)
    )


def one_line(cell: object) -> str:
    """Return a table cell's text: cut at the first line break, safe to show on a terminal."""
    text = str(cell)
    cut = min((at for at in map(text.find, "\f\n\r") if at >= 0), default=-1)
    shown = text if cut < 0 else text[:cut] + "..."
    return shown.replace("\x1b", "^[").replace("\t", " ")


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as ``kubectl get`` prints it, each line ended by a newline."""
    lines = [header, *rows]
    return align("".join("\t".join(map(one_line, line)) + "\n" for line in lines), GET)
