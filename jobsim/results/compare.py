"""Compare two runs: the first row in which their logs part, and their metrics side by side."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from jobsim.api import codec
from jobsim.results.explain_facts import clock
from jobsim.results.log import Log, Row, decode

#: Rows shown before the first difference, and of each side from there on.
BEFORE, AFTER = 3, 3
_ROW_CHARS = 150

Scalar = str | int | float | bool | None


class Divergence(NamedTuple):
    """Where two logs part.

    ``number`` counts rows from 1; ``before`` are the last common rows; ``a`` and ``b`` what follows in each
    (empty: that log ends here); ``fields`` the paths at which the first rows differ.
    """

    number: int
    before: tuple[Row, ...]
    a: tuple[Row, ...]
    b: tuple[Row, ...]
    fields: tuple[str, ...]


class Metric(NamedTuple):
    """One number or word of the two summaries; None where a summary does not have it."""

    name: str
    a: Scalar
    b: Scalar

    @property
    def same(self) -> bool:
        return self.a == self.b


class Comparison(NamedTuple):
    """The outcome: ``divergence`` is None when the logs are the same."""

    divergence: Divergence | None
    metrics: tuple[Metric, ...]
    names: tuple[str, str]

    @property
    def same(self) -> bool:
        """Whether the logs are the same, row by row."""
        return self.divergence is None

    def text(self) -> str:
        """Return the comparison for people to read."""
        return "\n".join([*_divergence_lines(self), *_metric_lines(self)]) + "\n"


def compare(
    a: Log,
    b: Log,
    summary_a: Mapping[str, Any],
    summary_b: Mapping[str, Any],
    names: tuple[str, str] = ("A", "B"),
) -> Comparison:
    """Compare two runs.

    Parameters
    ----------
    a, b : Log
    summary_a, summary_b : mapping
        ``results.summary`` of each.
    names : tuple of str
        What to call them.
    """
    flat_a, flat_b = dict(_flat(summary_a)), dict(_flat(summary_b))
    order = [*flat_a, *(name for name in flat_b if name not in flat_a)]
    metrics = tuple(Metric(name, flat_a.get(name), flat_b.get(name)) for name in order)
    return Comparison(first_divergence(a.lines(), b.lines()), metrics, names)


def first_divergence(a: Iterator[bytes], b: Iterator[bytes]) -> Divergence | None:
    """Return where two sequences of lines part, None if they are the same."""
    before: deque[bytes] = deque(maxlen=BEFORE)
    for number, (left, right) in enumerate(zip_longest(a, b), start=1):
        if left == right:
            before.append(left)
            continue
        rows_a, rows_b = _following(left, a), _following(right, b)
        fields = _differing(rows_a[0], rows_b[0]) if rows_a and rows_b else ()
        return Divergence(number, tuple(map(decode, before)), rows_a, rows_b, tuple(fields))
    return None


def _following(first: bytes | None, rest: Iterator[bytes]) -> tuple[Row, ...]:
    if first is None:
        return ()
    rows = [decode(first)]
    for line in rest:
        if len(rows) == AFTER:
            break
        rows.append(decode(line))
    return tuple(rows)


def _differing(a: Any, b: Any, path: str = "") -> Iterator[str]:
    """Yield the paths at which two rows differ."""
    if isinstance(a, dict) and isinstance(b, dict):
        for key in [*a, *(key for key in b if key not in a)]:
            if a.get(key) != b.get(key):
                yield from _differing(a.get(key), b.get(key), f"{path}.{key}" if path else str(key))
    elif a != b:
        yield path


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Scalar]]:
    """Yield the scalars of a summary with their paths; JobSets go by name, conditions by type."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _flat(part, f"{path}.{key}" if path else str(key))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for i, part in enumerate(value):
            name = str(i)
            if isinstance(part, Mapping):
                name = str(part.get("name") or part.get("type") or i)
            yield from _flat(part, f"{path}[{name}]")
    else:
        yield path, value


def describe_row(row: Row) -> str:
    """Return a row in one line: when, what, and the change as far as it fits."""
    rest = {k: v for k, v in row.items() if k not in ("time", "note", "type", "kind", "namespace", "name")}
    rest.pop("revision", None)
    if "note" in row:
        what = f"note {row['note']}"
        rest |= {k: row[k] for k in ("namespace", "name", "type", "kind") if k in row}
    else:
        where = f"{row['namespace']}/" if row["namespace"] else ""
        what = f"#{row['revision']} {row['type']} {row['kind']} {where}{row['name']}"
    more = codec.encode(rest).decode() if rest else ""
    text = f"{clock(row['time'])} {what} {more}".rstrip()
    return text if len(text) <= _ROW_CHARS else text[: _ROW_CHARS - 3] + "..."


def _divergence_lines(comparison: Comparison) -> list[str]:
    found = comparison.divergence
    if found is None:
        return ["The logs are the same, row by row."]
    lines = [f"The logs part at row {found.number}."]
    lines += [f"      {describe_row(row)}" for row in found.before]
    for name, rows in zip(comparison.names, (found.a, found.b), strict=True):
        lines.append(f"  {name}:")
        lines += [f"    {'>' if i == 0 else ' '} {describe_row(row)}" for i, row in enumerate(rows)]
        if len(rows) < AFTER:
            lines.append("      (the log ends)")
    if found.fields:
        shown = ", ".join(found.fields[:8]) + (", ..." if len(found.fields) > 8 else "")
        lines.append(f"  They differ in: {shown}")
    return lines


def _metric_lines(comparison: Comparison) -> list[str]:
    """Return the metrics that differ in columns; say how many do not."""
    differing = [metric for metric in comparison.metrics if not metric.same]
    equal = len(comparison.metrics) - len(differing)
    lines = ["", f"{len(differing)} metrics differ, {equal} are the same."]
    if not differing:
        return lines
    rows = [("", *comparison.names, "change")]
    rows += [(m.name, _shown(m.a), _shown(m.b), _change(m.a, m.b)) for m in differing]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    for name, a, b, change in rows:
        line = f"  {name:<{widths[0]}}   {a:>{widths[1]}}   {b:>{widths[2]}}   {change}"
        lines.append(line.rstrip())
    return lines


def _shown(value: Scalar) -> str:
    if value is None:
        return "-"
    text = f"{value:.10g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _change(a: Scalar, b: Scalar) -> str:
    """Return the difference of two numbers, with its share where that says something."""
    if isinstance(a, bool | str) or isinstance(b, bool | str) or a is None or b is None:
        return ""
    share = f" ({(b - a) / a:+.1%})" if a else ""
    return f"{b - a:+.6g}{share}"
