"""The walker: one small language of types that reads values, reports all errors, and is its own schema.

A type has three faces, so that a key is described once: ``read`` turns raw data into a value of the
model or reports what is wrong, ``schema`` is its JSON Schema, ``allowed`` is what an error says in
brackets.  The table of all keys, written in this language, is ``table.py``.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

Where = tuple[str | int, ...]
Schema = dict[str, Any]


class Finding(NamedTuple):
    """One error: the path it is at and its text."""

    path: Where
    text: str


class Bad:
    """What ``read`` returns for a value that it has reported."""


BAD: Final = Bad()


class At(NamedTuple):
    """A place in the data, and where its errors go; ``known``: what names there may stand for."""

    findings: list[Finding]
    path: Where = ()
    known: Any = None

    def child(self, key: str | int) -> At:
        """Return the place one step further down."""
        return At(self.findings, (*self.path, key), self.known)

    def error(self, text: str) -> Bad:
        """Report an error here."""
        self.findings.append(Finding(self.path, text))
        return BAD


class Type(Protocol):
    """What a value may be."""

    allowed: str

    def read(self, raw: Any, at: At) -> Any:
        """Return the value, or report and return BAD."""
        ...

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        ...


def path_text(path: Where) -> str:
    """Return a path as text: ``fleet[0].taints[1].key``.

    Examples
    --------
    >>> path_text(("fleet", 0, "labels", "a.b/c"))
    'fleet[0].labels[a.b/c]'
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part.replace("_", "a").isalnum():
            text += f".{part}" if text else part
        else:
            text += f"[{part}]"
    return text


def shown(raw: Any) -> str:
    """Return a value as an error names it."""
    if raw is None:
        return "null"
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, Mapping):
        return "a map"
    if isinstance(raw, list | tuple):
        return "a list"
    if isinstance(raw, str):
        return f'"{raw}"' if len(raw) <= 60 else f'"{raw[:57]}..."'
    if isinstance(raw, float) and not math.isfinite(raw):
        return "NaN" if math.isnan(raw) else "infinity" if raw > 0 else "-infinity"
    return str(raw) if not isinstance(raw, int) or abs(raw) < 10**40 else "a huge number"


def nearest(word: str, words: Sequence[str]) -> str:
    """Return the word that was probably meant, or nothing."""
    lowered = {w.lower(): w for w in words}
    close = difflib.get_close_matches(word.lower()[:100], lowered, n=1, cutoff=0.7)
    return lowered[close[0]] if close else ""


class Leaf:
    """A scalar; ``parse`` raises ValueError with what is wrong (empty: it is simply no such thing)."""

    def __init__(self, allowed: str, parse: Callable[[Any], Any], schema: Schema) -> None:
        self.allowed = allowed
        self.parse = parse
        self._schema = schema

    def read(self, raw: Any, at: At) -> Any:
        """Return the parsed scalar."""
        try:
            return self.parse(raw)
        except (ValueError, TypeError, OverflowError) as err:
            what = str(err) or f"{shown(raw)} is wrong"
            return at.error(f"{what} ({self.allowed})")

    def schema(self) -> Schema:
        """Return the schema given."""
        return self._schema


class ListOf:
    """A list whose items are all of one type."""

    def __init__(self, item: Type, *, least: int = 0, most: int | None = None) -> None:
        self.item, self.least, self.most = item, least, most
        self.allowed = f"a list, each item {item.allowed}"

    def read(self, raw: Any, at: At) -> Any:
        """Return a tuple."""
        if not isinstance(raw, list | tuple):
            return at.error(f"{shown(raw)} is no list ({self.allowed})")
        if len(raw) < self.least:
            return at.error(f"has {len(raw)} items (at least {self.least})")
        if self.most is not None and len(raw) > self.most:
            return at.error(f"has {len(raw)} items (at most {self.most})")
        values = [self.item.read(value, at.child(i)) for i, value in enumerate(raw)]
        return BAD if any(value is BAD for value in values) else tuple(values)

    def schema(self) -> Schema:
        """Return an array schema."""
        made: Schema = {"type": "array", "items": self.item.schema()}
        if self.least:
            made["minItems"] = self.least
        if self.most is not None:
            made["maxItems"] = self.most
        return made


class MapOf:
    """A map with free keys, each checked, and values of one type."""

    def __init__(self, key: Type, value: Type, *, least: int = 0) -> None:
        self.key, self.value, self.least = key, value, least
        self.allowed = f"a map from {key.allowed} to {value.allowed}"

    def read(self, raw: Any, at: At) -> Any:
        """Return a dict."""
        if not isinstance(raw, Mapping):
            return at.error(f"{shown(raw)} is no map ({self.allowed})")
        if len(raw) < self.least:
            return at.error(f"has {len(raw)} entries (at least {self.least})")
        made: dict[Any, Any] = {}
        for raw_key, raw_value in raw.items():
            here = at.child(raw_key if isinstance(raw_key, str | int) else str(raw_key))
            key, value = self.key.read(raw_key, here), self.value.read(raw_value, here)
            made[key] = value
        return BAD if any(k is BAD or v is BAD for k, v in made.items()) else made

    def schema(self) -> Schema:
        """Return an object schema with a rule for all keys."""
        made: Schema = {"type": "object", "additionalProperties": self.value.schema()}
        names = self.key.schema()
        if set(names) - {"type", "description"}:
            made["propertyNames"] = names
        if self.least:
            made["minProperties"] = self.least
        return made


class Key(NamedTuple):
    """One key of a record: its type, its field in the model (default: the key in snake_case), its note."""

    type: Type
    note: str = ""
    field: str = ""
    required: bool = False


def snake(key: str) -> str:
    """Return a camelCase key in snake_case.

    Examples
    --------
    >>> snake("nodesPerRack")
    'nodes_per_rack'
    """
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in key)


class Record:
    """A map with known keys, which becomes a value of the model.

    Parameters
    ----------
    make : callable
        Takes the fields by name; may raise ValueError with an error of the whole record.
    keys : mapping of str to Key
    one_of : sequence of sequences of str
        Groups of keys of which exactly one must be given.
    """

    def __init__(
        self,
        make: Callable[..., Any],
        keys: Mapping[str, Key],
        *,
        one_of: Sequence[Sequence[str]] = (),
        allowed: str = "",
    ) -> None:
        self.make, self.keys, self.one_of = make, keys, one_of
        self.allowed = allowed or f"a map with {', '.join(keys)}"

    def read(self, raw: Any, at: At) -> Any:
        """Return what ``make`` makes of the fields."""
        before = len(at.findings)
        fields = self.read_fields(raw, at)
        if len(at.findings) > before:
            return BAD
        try:
            return self.make(**fields)
        except ValueError as err:
            return at.error(str(err))

    def read_fields(self, raw: Any, at: At) -> dict[str, Any]:
        """Return the fields that are given, BAD those that were reported."""
        if not isinstance(raw, Mapping):
            at.error(f"{shown(raw)} is no map ({self.allowed})")
            return {}
        fields: dict[str, Any] = {}
        for name, value in raw.items():
            key = self.keys.get(name) if isinstance(name, str) else None
            if key is None:
                at.child(str(name)).error(self._unknown(str(name)))
            elif value is not None or isinstance(key.type, Anything):
                fields[key.field or snake(name)] = key.type.read(value, at.child(name))
        given = {name for name, value in raw.items() if value is not None}
        for name, key in self.keys.items():
            if key.required and name not in given:
                at.error(f"{name} is missing ({key.type.allowed})")
        for group in self.one_of:
            present = [name for name in group if name in given]
            if len(present) != 1:
                what = f"both {' and '.join(present)} are given" if present else "something is missing"
                at.error(f"{what} (exactly one of {', '.join(group)})")
        return fields

    def _unknown(self, name: str) -> str:
        hint = nearest(name, list(self.keys))
        meant = f"did you mean {hint}? " if hint else ""
        return f"unknown key ({meant}allowed: {', '.join(self.keys)})"

    def schema(self) -> Schema:
        """Return an object schema that knows no other keys."""
        properties: Schema = {}
        for name, key in self.keys.items():
            made = key.type.schema()
            properties[name] = {**made, "description": key.note} if key.note else made
        schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
        required = [name for name, key in self.keys.items() if key.required]
        if required:
            schema["required"] = required
        groups = [{"oneOf": [{"required": [name]} for name in group]} for group in self.one_of]
        if groups:
            schema["allOf"] = groups
        return schema


class Forms:
    """A map of one of several kinds, told apart by the first key that only its kind has."""

    def __init__(self, forms: Mapping[str, Record], allowed: str = "") -> None:
        self.forms = forms
        self.allowed = allowed or f"a map with one of {', '.join(forms)}"

    def read(self, raw: Any, at: At) -> Any:
        """Read as the record whose key is there."""
        if not isinstance(raw, Mapping):
            return at.error(f"{shown(raw)} is no map ({self.allowed})")
        present = [name for name in self.forms if name in raw]
        if len(present) == 1:
            return self.forms[present[0]].read(raw, at)
        if present:
            return at.error(f"has both {' and '.join(present)} (exactly one of {', '.join(self.forms)})")
        hints = [hint for name in raw if (hint := nearest(str(name), list(self.forms)))]
        meant = f"did you mean {hints[0]}? " if hints else ""
        keys = ", ".join(map(str, raw)) or "nothing"
        return at.error(f"has {keys} ({meant}exactly one of {', '.join(self.forms)} is needed)")

    def schema(self) -> Schema:
        """Return a choice of object schemas."""
        choices = []
        for name, record in self.forms.items():
            made = record.schema()
            made["required"] = sorted({*made.get("required", ()), name})
            choices.append(made)
        return {"oneOf": choices}


class Either:
    """A type by the shape of the data: one for maps, one for all else."""

    def __init__(self, *, allowed: str, scalar: Type | None = None, map: Type | None = None) -> None:
        self.allowed, self.scalar, self.map = allowed, scalar, map

    def read(self, raw: Any, at: At) -> Any:
        """Read as the type for this shape."""
        chosen = self.map if isinstance(raw, Mapping) else self.scalar
        if chosen is None:
            return at.error(f"{shown(raw)} is wrong ({self.allowed})")
        return chosen.read(raw, at)

    def schema(self) -> Schema:
        """Return any of the schemas."""
        choices = [t.schema() for t in (self.scalar, self.map) if t is not None]
        return {"anyOf": choices}


class Named:
    """A type with a name: it may occur inside itself, and its schema is written once."""

    def __init__(self, name: str, allowed: str, make: Callable[[], Type]) -> None:
        self.name, self.allowed, self.make = name, allowed, make

    def read(self, raw: Any, at: At) -> Any:
        """Read as the type that the name stands for."""
        return self.make().read(raw, at)

    def schema(self) -> Schema:
        """Return a reference."""
        return {"$ref": f"#/$defs/{self.name}"}


class Anything:
    """Any JSON value."""

    allowed = "any JSON value"

    def read(self, raw: Any, at: At) -> Any:
        """Return the data as it is."""
        before = len(at.findings)
        todo = [(raw, at)]
        while todo:
            value, here = todo.pop()
            if isinstance(value, Mapping):
                for key, child in value.items():
                    if not isinstance(key, str):
                        here.error(f"the key {shown(key)} is no text (keys are text)")
                    todo.append((child, here.child(str(key))))
            elif isinstance(value, list | tuple):
                todo.extend((child, here.child(i)) for i, child in enumerate(value))
            elif isinstance(value, float) and not math.isfinite(value):
                here.error(f"{shown(value)} is no JSON number (a finite number)")
            elif value is not None and not isinstance(value, str | int | float):
                here.error(f"{type(value).__name__} is no JSON value (text, numbers, lists, maps)")
        return raw if len(at.findings) == before else BAD

    def schema(self) -> Schema:
        """Return the schema that everything meets."""
        return {}


class Object(Anything):
    """Any JSON map."""

    def __init__(self, allowed: str = "a map") -> None:
        self.allowed = allowed

    def read(self, raw: Any, at: At) -> Any:
        """Return the map as it is."""
        if not isinstance(raw, Mapping):
            return at.error(f"{shown(raw)} is no map ({self.allowed})")
        return super().read(raw, at)

    def schema(self) -> Schema:
        """Return an open object schema."""
        return {"type": "object"}
