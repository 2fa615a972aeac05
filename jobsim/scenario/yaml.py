"""Reading documents as kubectl reads them, with the line of every field.

Rules of the file:

- A stream is cut at ``---`` lines first and each piece parsed alone (apimachinery
  ``YAMLOrJSONDecoder``); a piece that starts with ``{`` is JSON; null pieces are skipped.
- Scalars follow ``scalars.py``; a repeated key: the last one wins, and is noted.
- A Scenario is ours: its keys stay as written (``on`` is a key, not true)
  and NaN is left to the check of the Scenario, which knows the path.
- Hostile input costs bounded time: at most ``MAX_DEPTH`` levels, at most ``MAX_EXPANDED`` nodes
  once aliases are followed, ``MAX_BYTES`` a file.  Aliases share one value, never a copy.
- Errors are kubectl's texts, with the file and the line of the file in front.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jobsim.errors import InputError, InputErrors, reason
from jobsim.scenario.compose import MAX_DEPTH, Builder, Duplicate, Refused, Where
from jobsim.scenario.scalars import whole

MAX_BYTES = 256 * 2**20


def is_scenario(data: Mapping[str, Any]) -> bool:
    """Tell whether a document is a Scenario (or wants to be), not a Kubernetes object."""
    version = data.get("apiVersion")
    return data.get("kind") == "Scenario" or (isinstance(version, str) and version.startswith("jobsim/"))


class Lines:
    """The line of every field of one document, found when first asked for."""

    def __init__(self, text: str, line: int, *, ours: bool = False) -> None:
        self._text = text
        self._first = line
        self._ours = ours
        self._map: dict[Where, int] | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Lines) and (self._text, self._first) == (other._text, other._first)

    def __hash__(self) -> int:
        return self._first

    def of(self, path: Where) -> int:
        """Return the line of a field, or of the nearest one above it that the document has."""
        if self._map is None:
            lines: dict[Where, int] = {}
            try:
                Builder(self._text, self._first, ours=self._ours, lines=lines).build()
            except Refused:
                lines.setdefault((), self._first)
            self._map = lines
        while path and path not in self._map:
            path = path[:-1]
        return self._map.get(path, self._first)


class Document(NamedTuple):
    """One document of a file."""

    data: dict[str, Any]
    line: int
    lines: Lines
    file: str = ""
    duplicates: tuple[Duplicate, ...] = ()
    is_json: bool = False


def read_documents(path: Path, file: str | None = None) -> list[Document]:
    """Return the documents of a file.

    Raises
    ------
    InputErrors
        When the file cannot be read or holds no object, or as ``load_documents``.
    """
    shown = str(path) if file is None else file
    try:
        if path.is_dir():
            raise InputErrors([InputError("is a directory (a file is needed)", file=shown)])
        if path.stat().st_size > MAX_BYTES:
            raise InputErrors([InputError(f"is too big (at most {MAX_BYTES >> 20} MiB)", file=shown)])
        raw = path.read_bytes()
    except (OSError, ValueError) as err:
        raise InputErrors([InputError(f"cannot be read: {reason(err)}", file=shown)]) from None
    documents = load_documents(raw, shown)
    if not documents:
        raise InputErrors([InputError("no objects in it (at least one YAML or JSON document)", file=shown)])
    return documents


def load_documents(text: str | bytes, file: str) -> list[Document]:
    """Return the documents of a text, as kubectl would see them.

    Parameters
    ----------
    text : str or bytes
        YAML or JSON, any number of documents.
    file : str
        The name that errors show.

    Raises
    ------
    InputErrors
        One error for each document that cannot be read.

    Examples
    --------
    >>> [document.data for document in load_documents("a: y\\n---\\nb: 0644", "f")]
    [{'a': True}, {'b': 420}]
    """
    documents: list[Document] = []
    errors: list[InputError] = []
    for line, piece in _pieces(_decode(text, file), file):
        try:
            documents += _parse(piece, line, file)
        except Refused as err:
            errors.append(InputError(err.text, file=file, line=err.line))
    if errors:
        raise InputErrors(errors)
    return documents


def _decode(text: str | bytes, file: str) -> str:
    if isinstance(text, str):
        return text.removeprefix("\ufeff")
    try:
        return text.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as err:
        line = text.count(b"\n", 0, err.start) + 1
        what = f"is not UTF-8: byte 0x{text[err.start]:02x} (UTF-8 text is needed)"
        raise InputErrors([InputError(what, file=file, line=line)]) from None


def _pieces(text: str, file: str) -> Iterator[tuple[int, str]]:
    """Cut a stream at its separator lines; each piece comes with the number of its first line."""
    if "---" not in text:
        yield 1, text
        return
    start, lines = 1, text.split("\n")
    piece: list[str] = []
    for number, line in enumerate(lines, 1):
        if line.startswith("---"):
            rest = line[3:].strip()
            if rest and not rest.startswith("#"):
                error = InputError(f"invalid Yaml document separator: {rest}", file=file, line=number)
                raise InputErrors([error])
            yield start, "\n".join(piece) + "\n"
            start, piece = number + 1, []
        else:
            piece.append(line)
    yield start, "\n".join(piece)


def _parse(text: str, line: int, file: str) -> Iterator[Document]:
    if not text.lstrip().startswith("{"):
        yield from _parse_yaml(text, line, file)
        return
    try:
        values = list(_json_values(text, line))
    except json.JSONDecodeError as err:
        where = line + text.count("\n", 0, err.pos)
        raise Refused(f"json: {err.msg.lower()} at column {err.colno}", where) from None
    for start, end, value, twice in values:
        yield _json_document(value, text[start:end], line + text.count("\n", 0, start), file, twice)


def _parse_yaml(text: str, line: int, file: str) -> Iterator[Document]:
    builder = Builder(text, line)
    data = builder.build()
    if isinstance(data, dict) and is_scenario(data):
        builder = Builder(text, line, ours=True)
        data = builder.build()
    elif builder.deferred is not None:
        raise builder.deferred
    if data is None:
        return
    lines = Lines(text, line, ours=builder.ours)
    first = builder.first_line
    if not isinstance(data, dict):
        raise Refused("invalid object to validate (a document is a map with apiVersion and kind)", first)
    yield Document(data, first, lines, file, tuple(builder.duplicates))


def _json_values(text: str, line: int) -> Iterator[tuple[int, int, dict[str, Any], bool]]:
    """Yield start, end and value of each JSON value of a text, and whether a key is in it twice."""
    twice = False

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal twice
        made = dict(items)
        twice = twice or len(made) < len(items)
        return made

    def number(digits: str) -> int | float:
        exact = len(digits) <= 20 and digits.lstrip("-").isdigit()
        value = whole(int(digits)) if exact else whole(float(digits))
        if math.isinf(value):
            shown = digits if len(digits) < 40 else digits[:40] + "..."
            raise Refused(f"json: cannot unmarshal number {shown} into Go value of type float64", line)
        return value

    def constant(word: str) -> float:
        raise Refused(f"json: invalid character '{word[0]}' looking for beginning of value", line)

    decoder = json.JSONDecoder(
        object_pairs_hook=pairs, parse_int=number, parse_float=number, parse_constant=constant
    )
    blank = re.compile(r"\s*")
    pos = blank.match(text).end()  # type: ignore[union-attr]
    while pos < len(text):
        twice = False
        try:
            value, end = decoder.raw_decode(text, pos)
        except RecursionError:
            raise Refused(f"nested too deep (at most {MAX_DEPTH} levels)", line) from None
        if not isinstance(value, dict):
            raise Refused("invalid object to validate (a document is a map with apiVersion and kind)", line)
        if _deeper(value, MAX_DEPTH):
            raise Refused(f"nested too deep (at most {MAX_DEPTH} levels)", line)
        yield pos, end, value, twice
        pos = blank.match(text, end).end()  # type: ignore[union-attr]


def _deeper(value: object, levels: int) -> bool:
    """Tell whether a value has more levels than allowed, one level at a time."""
    level = [value]
    for _ in range(levels):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return False
    return True


def _json_document(data: dict[str, Any], text: str, line: int, file: str, twice: bool) -> Document:
    duplicates: tuple[Duplicate, ...] = ()
    if twice:
        builder = Builder(text, line)
        builder.build()
        duplicates = tuple(builder.duplicates)
    return Document(data, line, Lines(text, line), file, duplicates, is_json=True)
