"""Types of the API as Go declares them, read from a compact table.

A ``Type`` says how Go decodes a JSON value and how a CRD schema checks it; both walkers
(``schema_go``, ``schema_crd``) share it.  The table of the core types is generated
(``schema_generate``); the JobSet's own part is written by hand (``jobset_schema``).  Constraints that only a
CRD has (enum, minimum, maxItems, rules) come as keyword arguments of ``Field``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from typing import Any, Final, Literal, NamedTuple

TypeKind = Literal[
    "struct", "list", "map", "string", "int", "bool", "bytes", "any", "quantity", "int-or-string", "time"
]

#: Types that decode by code of their own, or that have no Go name of interest.
_LEAVES: Mapping[str, TypeKind] = {
    "string": "string",
    "bool": "bool",
    "int": "int",
    "int32": "int",
    "int64": "int",
    "any": "any",
    "bytes": "bytes",
    "Quantity": "quantity",
    "IntOrString": "int-or-string",
    "Time": "time",
}
_GO_NAMES = {"Quantity": "resource.Quantity", "IntOrString": "intstr.IntOrString", "Time": "v1.Time"}
INT_BITS: Mapping[str, int] = {"int": 64, "int32": 32, "int64": 64}


class CelError(ValueError):
    """A CEL rule cannot be evaluated; the message is the server's."""


class Rule(NamedTuple):
    """A CEL rule of a CRD as a predicate over (value, old value): None, or what is wrong."""

    check: Callable[[Any, Any], str | None]
    #: Whether it compares with the old value, so that it is asked only where there is one.
    transition: bool = False


class Type:
    """One type.

    Attributes
    ----------
    kind : TypeKind
        How a value decodes.
    go : str
        The name as Go prints it: ``v1.Container``, ``[]string``.
    item : Type or None
        Of a list's items or a map's values.
    fields : mapping
        Of a struct, by JSON name, in Go's order.
    """

    __slots__ = ("crd_fields", "fields", "go", "item", "kind", "nillable")

    def __init__(self, kind: TypeKind, go: str, item: Type | None = None) -> None:
        self.kind: Final = kind
        self.go: Final = go
        self.item: Final = item
        self.nillable: Final = kind in ("list", "map", "bytes", "any")
        self.fields: Mapping[str, Field] = {}
        #: What a CRD schema knows of the struct; fewer than ``fields`` for embedded metadata.
        self.crd_fields: Mapping[str, Field] = {}


class Field:
    """One field of a struct, with what a CRD schema demands of it."""

    __slots__ = (
        "default",
        "keys",
        "name",
        "omitempty",
        "omitzero",
        "pointer",
        "required",
        "rules",
        "spec",
        "type",
        "unique",
    )

    def __init__(self, name: str, type_: Type, flags: Sequence[str], *, pointer: bool) -> None:
        self.name: Final = name
        self.type: Final = type_
        self.pointer: Final = pointer
        self.omitempty: Final = "o" in flags
        self.omitzero: Final = "z" in flags
        self.required: Final = "r" in flags
        self.unique: Final = "set" in flags
        self.default: Any = None
        self.keys: tuple[str, ...] = ()
        #: Enum, minimum, maxItems, minLength, maxLength, pattern of a CRD schema.
        self.spec: Mapping[str, Any] = {}
        #: CEL rules on the field's value, and on each item of a list.
        self.rules: Mapping[Literal["value", "item"], Rule] = {}
        for flag in flags:
            head, equals, rest = flag.partition("=")
            if head == "map" and equals:
                self.keys = tuple(rest.split(","))
            elif head == "default" and equals:
                self.default = json.loads(rest)


class Types:
    """A registry of types by their name in the table (``core.Container``)."""

    def __init__(self, packages: Mapping[str, str]) -> None:
        self._packages = packages
        self._named: dict[str, str] = {}
        self._structs: dict[str, Type] = {}
        self._made: dict[str, Type] = {}

    def add(self, structs: Mapping[str, Sequence[str]], named: Mapping[str, str]) -> None:
        """Add a table: lines of fields by struct, and the other named types."""
        self._named.update(named)
        for name in structs:
            self._structs[name] = Type("struct", self.go_name(name))
        for name, lines in structs.items():
            fields = (self._field(line) for line in lines)
            self._structs[name].fields = {field.name: field for field in fields}
            self._structs[name].crd_fields = self._structs[name].fields

    def _field(self, line: str) -> Field:
        name, type_, *flags = line.split(" ")
        return Field(name, self.get(type_.lstrip("*")), flags, pointer=type_.startswith("*"))

    def get(self, name: str) -> Type:
        """Return the type of a name: a struct, or whatever the table's type words mean."""
        found = self._structs.get(name) or self._made.get(name)
        if found is None:
            found = self._made[name] = self._make(name)
        return found

    def _make(self, name: str) -> Type:
        if name.startswith("[]"):
            item = self.get(name[2:].lstrip("*"))
            return Type("list", "[]" + item.go, item)
        match = re.match(r"map\[([\w.]+)\](.*)", name)
        if match:
            item = self.get(match[2])
            return Type("map", f"map[{self.go_name(match[1])}]{item.go}", item)
        if name in _LEAVES:
            return Type(_LEAVES[name], _GO_NAMES.get(name, name))
        meant = self.get(self._named[name])
        return Type(meant.kind, self.go_name(name), meant.item)

    def go_name(self, name: str) -> str:
        """Return ``v1.Container`` for ``core.Container``."""
        package, dot, rest = name.partition(".")
        return f"{self._packages.get(package, package)}.{rest}" if dot else name


def load_core() -> Types:
    """Return the registry with the generated table of Kubernetes' own types."""
    packages = {"core": "v1", "batch": "v1", "meta": "v1", "scheduling": "v1", "policy": "v1"}
    types = Types({**packages, "jobset": "v1alpha2"})
    text = resources.files("jobsim.apiserver").joinpath("schema_data/core.json").read_text("utf-8")
    table = json.loads(text)
    types.add(table["structs"], table["named"])
    return types
