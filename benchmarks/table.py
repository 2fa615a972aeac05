"""Figures as text."""

from __future__ import annotations

from typing import Any


def table(rows: list[dict[str, Any]]) -> str:
    """Return rows as a table with kubectl's three spaces between columns."""
    header = list(rows[0])
    cells = [
        header,
        *([f"{row[key]:,}" if not isinstance(row[key], str) else row[key] for key in header] for row in rows),
    ]
    widths = [max(len(line[i]) for line in cells) for i in range(len(header))]
    return "\n".join(
        "   ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in cells
    )
