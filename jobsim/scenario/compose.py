"""One YAML document from the parser's events to plain values, without recursion.

The parser is libyaml (PyYAML's C part), whose words are go-yaml's words; what go-yaml adds on top
is here: anchors, ``<<``, the last of repeated keys wins, keys become text.  Source: go-yaml v2
``decode.go``; sigs.k8s.io/yaml ``yaml.go``.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import yaml
from yaml.cyaml import CParser  # type: ignore[attr-defined]

from jobsim.scenario.scalars import ScalarError, go_syntax, key_text, resolve, whole

MAX_DEPTH = 200
MAX_EXPANDED = 200_000

#: The path of a field: map keys and list positions.
Where = tuple[str | int, ...]

_CONVERT = "error converting YAML to JSON: "
_UNSET = object()
_MERGE = object()
_OPEN = object()


class Duplicate(NamedTuple):
    """A key that occurs twice in one map, and the line of the later one."""

    path: Where
    line: int


class Refused(Exception):
    """A text that cannot be read: what is wrong and on which line."""

    def __init__(self, text: str, line: int) -> None:
        super().__init__(text)
        self.text, self.line = text, line


class _Frame:
    """A list or map that is being read."""

    __slots__ = ("anchor", "key", "key_line", "merged", "size", "value")

    def __init__(self, value: dict[str, Any] | list[Any], anchor: str | None) -> None:
        self.value = value
        self.anchor = anchor
        self.key: Any = _UNSET
        self.key_line = 0
        self.merged: set[str] = set()
        self.size = 1


class Builder:
    """Reads the first document of a text.

    Parameters
    ----------
    text : str
        YAML.
    line : int
        The line of the file that the text starts on.
    ours : bool
        Whether it is a Scenario: keys stay as written, and NaN and infinities are kept.
    lines : dict, optional
        Filled with the line of every path.
    """

    def __init__(
        self, text: str, line: int, *, ours: bool = False, lines: dict[Where, int] | None = None
    ) -> None:
        self.text = text
        self.offset = line
        self.first_line = line
        self.ours = ours
        self.lines = lines
        self.duplicates: list[Duplicate] = []
        #: The first error that only a manifest has: a number that JSON cannot say.
        self.deferred: Refused | None = None
        #: The first wrong value; go-yaml looks at values only when the whole text has parsed.
        self._wrong: Refused | None = None
        self._frames: list[_Frame] = []
        self._anchors: dict[str, tuple[Any, int]] = {}

    def build(self) -> Any:
        """Return the document's value, or None where there is none."""
        try:
            parser = CParser(self.text)
            while (event := parser.get_event()) is not None:
                if isinstance(event, yaml.DocumentEndEvent):
                    break
                if isinstance(event, yaml.NodeEvent | yaml.CollectionEndEvent):
                    if not self._frames:
                        self.first_line = self._line(event)
                    done, value = self._take(event)
                    if done:
                        parser.get_event()  # what follows must still be YAML, as for kubectl
                        if self._wrong is not None:
                            raise self._wrong
                        return value
        except yaml.YAMLError as err:
            raise self._syntax_error(err) from None
        except UnicodeError:
            raise Refused(_CONVERT + "yaml: invalid Unicode character", self.offset) from None
        return None

    def _take(self, event: Any) -> tuple[bool, Any]:
        """Take in one event; return whether the document is complete, and its value."""
        if isinstance(event, yaml.ScalarEvent):
            value, size, anchor = self._scalar(event), 1, event.anchor
        elif isinstance(event, yaml.CollectionStartEvent):
            self._open(event)
            return False, None
        elif isinstance(event, yaml.AliasEvent):
            value, size = self._alias(event)
            anchor = None
        else:
            frame = self._frames.pop()
            value, size, anchor = frame.value, frame.size, frame.anchor
        if anchor is not None:
            self._anchors[anchor] = (value, size)
        if not self._frames:
            return True, value
        self._add(value, size, event)
        return False, None

    def _scalar(self, event: Any) -> Any:
        plain, quoted = event.implicit
        if event.tag is None and plain and event.value == "<<" and self._wants_key():
            return _MERGE
        tag = event.tag if event.tag is not None else None if plain and not quoted else "!"
        if self.ours and self._wants_key():
            return event.value
        try:
            value = resolve(tag, event.value)
        except ScalarError as err:
            self._note_wrong(str(err), self._line(event))
            return None
        if isinstance(value, float) and not math.isfinite(value) and not self._wants_key():
            word = "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
            text = f"{_CONVERT}json: unsupported value: {word}"
            self.deferred = self.deferred or Refused(text, self._line(event))
        if isinstance(value, int | float) and not isinstance(value, bool) and not self._wants_key():
            return whole(value)
        return value

    def _wants_key(self) -> bool:
        return (
            bool(self._frames) and isinstance(self._frames[-1].value, dict) and self._frames[-1].key is _UNSET
        )

    def _open(self, event: Any) -> None:
        if len(self._frames) >= MAX_DEPTH:
            raise Refused(f"nested too deep (at most {MAX_DEPTH} levels)", self._line(event))
        value: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        if event.anchor is not None:
            self._anchors[event.anchor] = (_OPEN, 0)
        if self.lines is not None:
            self.lines.setdefault(self._path(), self._line(event))
        self._frames.append(_Frame(value, event.anchor))

    def _alias(self, event: Any) -> tuple[Any, int]:
        value, size = self._anchors.get(event.anchor, (_UNSET, 0))
        if value is _UNSET:
            raise Refused(f"{_CONVERT}yaml: unknown anchor '{event.anchor}' referenced", self._line(event))
        if value is _OPEN:
            text = f"yaml: anchor '{event.anchor}' value contains itself"
            self._note_wrong(text, self._line(event))
            return None, 1
        if sum(frame.size for frame in self._frames) + size > MAX_EXPANDED:
            text = f"yaml: document contains excessive aliasing (at most {MAX_EXPANDED} nodes)"
            raise Refused(_CONVERT + text, self._line(event))
        return value, size

    def _add(self, value: Any, size: int, event: Any) -> None:
        """Put a finished value into the innermost open list or map."""
        frame = self._frames[-1]
        frame.size += size
        if isinstance(frame.value, list):
            if self.lines is not None:
                self.lines.setdefault(self._path(), self._line(event))
            frame.value.append(value)
        elif frame.key is _UNSET:
            self._set_key(frame, value, self._line(event))
        else:
            self._set_value(frame, value, event)
            frame.key = _UNSET

    def _set_key(self, frame: _Frame, value: Any, line: int) -> None:
        frame.key, frame.key_line = value, line
        if value is _MERGE:
            return
        if isinstance(value, dict | list):
            self._note_wrong(f"yaml: invalid map key: {go_syntax(value)}", line)
            frame.key = ""
            return
        if key_text(value) is not None:
            frame.key = key_text(value)
        if self.lines is not None and frame.key is not None:
            self.lines[self._path()] = line

    def _set_value(self, frame: _Frame, value: Any, event: Any) -> None:
        assert isinstance(frame.value, dict)
        if frame.key is _MERGE:
            self._merge(frame, value, self._line(event))
            return
        if frame.key is None:
            shown = "<nil>" if value is None else go_syntax(value)
            text = f"unsupported map key of type: %!s(<nil>), key: <nil>, value: {shown}"
            self._note_wrong(text, frame.key_line)
            return
        if frame.key in frame.value and frame.key not in frame.merged:
            self.duplicates.append(Duplicate(self._path(), frame.key_line))
        frame.merged.discard(frame.key)
        frame.value[frame.key] = value

    def _merge(self, frame: _Frame, value: Any, line: int) -> None:
        """Bring in the maps of ``<<``; go-yaml v2 lets them win over keys that stand before it."""
        assert isinstance(frame.value, dict)
        sources = value if isinstance(value, list) else [value]
        for source in reversed(sources):
            if not isinstance(source, dict):
                self._note_wrong("yaml: map merge requires map or sequence of maps as the value", line)
                return
            frame.value.update(source)
            frame.merged.update(source)

    def _note_wrong(self, text: str, line: int) -> None:
        """Keep the first wrong value; null stands in for it while the rest is read."""
        self._wrong = self._wrong or Refused(_CONVERT + text, line)

    def _path(self) -> Where:
        """Return the path of the value that is read now."""
        return tuple(
            len(frame.value) if isinstance(frame.value, list) else str(frame.key)
            for frame in self._frames
            if isinstance(frame.value, list) or frame.key is not _UNSET
        )

    def _line(self, event: Any) -> int:
        return int(event.start_mark.line) + self.offset

    def _syntax_error(self, err: yaml.YAMLError) -> Refused:
        """Return a parser's error in go-yaml's words; go-yaml's own line counts from the document."""
        problem = getattr(err, "problem", None) or getattr(err, "reason", None) or "cannot be read"
        where = ""
        line = self.offset
        position = getattr(err, "position", None)
        mark = getattr(err, "problem_mark", None) or getattr(err, "context_mark", None)
        if mark is not None:
            line += min(mark.line, self.text.count("\n"))
            shown = mark.line + isinstance(err, yaml.scanner.ScannerError)
            where = f"line {shown}: " if mark.line else ""
        elif isinstance(position, int):
            line += self.text.encode("utf-8", "replace").count(b"\n", 0, position)
        return Refused(f"{_CONVERT}yaml: {where}{problem}", line)
