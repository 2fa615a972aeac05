"""Strict decoding: fields that nobody knows.

Keys that a text gives twice are gone once it is data; who parsed it hands in their paths (kubectl
turns YAML into JSON with the last one winning, so only JSON texts have them).

Source: sigs.k8s.io/json strict errors; apiextensions-apiserver schema/pruning algorithm.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobsim.apiserver.schema_errors import Path
from jobsim.apiserver.schema_types import Type

#: sigs.k8s.io/json stops to collect there.
ERRORS_MAX = 100


def path_text(path: Path) -> str:
    """Return a path as decoding errors print it.

    Examples
    --------
    >>> path_text(("spec", "containers", 0, "bogus"))
    'spec.containers[0].bogus'
    """
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def unknown_fields(value: Any, type_: Type) -> list[Path]:
    """Return the fields of a document of a core type that the type does not have, in its order."""
    found: list[Path] = []
    _walk(value, type_, (), found)
    return found


def _walk(value: Any, type_: Type, path: Path, found: list[Path]) -> None:
    if isinstance(value, Mapping) and type_.kind == "struct":
        for key, item in value.items():
            field = type_.fields.get(key)
            if field is None:
                found.append((*path, key))
            else:
                _walk(item, field.type, (*path, key), found)
    elif isinstance(value, Mapping) and type_.kind == "map" and type_.item is not None:
        for key, item in value.items():
            _walk(item, type_.item, (*path, key), found)
    elif isinstance(value, list) and type_.kind == "list" and type_.item is not None:
        for i, item in enumerate(value):
            _walk(item, type_.item, (*path, i), found)


def pruned_fields(value: Mapping[str, Any], type_: Type) -> list[Path]:
    """Return the fields of a custom resource that its schema does not have, sorted by path.

    The root's metadata is not looked at.  Objects where the schema has none are unknown field by
    field, as upstream reports them.
    """
    found: list[Path] = []
    for key, item in value.items():
        if key in ("apiVersion", "kind", "metadata"):
            continue
        if key in type_.crd_fields:
            _prune(item, type_.crd_fields[key].type, (key,), found)
        else:
            found.append((key,))
    return sorted(found, key=path_text)


def _prune(value: Any, type_: Type, path: Path, found: list[Path]) -> None:
    if type_.kind == "any":
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            if type_.kind == "map" and type_.item is not None:
                _prune(item, type_.item, (*path, key), found)
            elif key in type_.crd_fields:
                _prune(item, type_.crd_fields[key].type, (*path, key), found)
            else:
                found.append((*path, key))
    elif isinstance(value, list) and type_.kind == "list" and type_.item is not None:
        for i, item in enumerate(value):
            _prune(item, type_.item, (*path, i), found)
    elif isinstance(value, list):
        _prune_stray(value, path, found)


def _prune_stray(value: list[Any], path: Path, found: list[Path]) -> None:
    """Find objects in a list where the schema has none, however deep the lists go."""
    stack: list[tuple[Any, Path]] = [(value, path)]
    while stack:
        item, at = stack.pop()
        if isinstance(item, list):
            stack += [(inner, (*at, i)) for i, inner in enumerate(item)]
        elif isinstance(item, Mapping):
            found += [(*at, key) for key in item]
