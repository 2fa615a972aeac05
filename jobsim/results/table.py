"""Tables: numpy structured arrays that turn into pandas frames where pandas is installed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


class Table(np.ndarray[Any, Any]):
    """A numpy structured array, one record per row; ``t["column"]``, ``t[mask]``, ``np.save`` as ever."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(self.dtype.names or ())

    def to_pandas(self) -> Any:
        """Return the table as a pandas DataFrame.

        Raises
        ------
        ImportError
            When pandas is not installed.
        """
        try:
            import pandas  # type: ignore[import-not-found,import-untyped,unused-ignore]
        except ImportError:
            raise ImportError("to_pandas() needs pandas: pip install pandas") from None
        return pandas.DataFrame({name: np.asarray(self[name]) for name in self.columns})


def table(texts: Sequence[str], numbers: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Table:
    """Return rows as a table.

    Parameters
    ----------
    texts : sequence of str
        Names of the text columns, which come first; each as wide as its longest text.
    numbers : sequence of str
        Names of the int64 columns (a name ending in ``_share`` or equal to ``ettr``: float64).
    rows : sequence of tuple
        As many values each as there are names.
    """
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(len(texts))]
    fields = [(name, f"U{max(width, 1)}") for name, width in zip(texts, widths, strict=True)]
    fields += [(name, "f8" if name == "ettr" or name.endswith("_share") else "i8") for name in numbers]
    return np.array(list(rows), dtype=fields).view(Table)
